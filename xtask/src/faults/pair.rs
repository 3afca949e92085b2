//! websocket-ingestion and data-api, to be killed and started again.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::e2e::chain::{PAGE, pages};
use crate::e2e::changes::Change;
use crate::e2e::home_assistant::HomeAssistant;
use crate::http::{self, Peer};
use crate::patience;
use crate::server::Server;

const KEY: &str = "key-of-the-harness";
/// Ingestion waits up to 90 seconds between two attempts, and reads the end of a gap again when the recorder has caught up.
const HEALED_WITHIN: Duration = Duration::from_secs(240);

/// Both programs, with their data below one folder.
#[derive(Debug)]
pub(crate) struct Pair {
    programs: PathBuf,
    folder: PathBuf,
    ports: (u16, u16),
    home: (String, String),
    data_api: Option<Server>,
    ingestion: Option<Server>,
    starts: u32,
}

impl Pair {
    pub(crate) fn start(
        programs: &Path,
        folder: &Path,
        home: &HomeAssistant,
    ) -> anyhow::Result<Self> {
        let mut pair = Self {
            programs: programs.to_owned(),
            folder: folder.to_owned(),
            ports: (http::free_port()?, http::free_port()?),
            home: (home.url()?.to_owned(), home.token()?.to_owned()),
            data_api: None,
            ingestion: None,
            starts: 0,
        };
        pair.start_data_api()?;
        pair.start_ingestion()?;
        Ok(pair)
    }

    fn start_data_api(&mut self) -> anyhow::Result<()> {
        let port = self.ports.0.to_string();
        let server = self.run("data-api", &[("DATA_API_PORT", &port)])?;
        self.data_api = Some(server);
        Ok(())
    }

    fn start_ingestion(&mut self) -> anyhow::Result<()> {
        let (url, port) = (
            format!("http://127.0.0.1:{}", self.ports.0),
            self.ports.1.to_string(),
        );
        let (home, token) = self.home.clone();
        let settings = [
            ("WEBSOCKET_INGESTION_PORT", port.as_str()),
            ("DATA_API_URL", &url),
            ("HA_HTTP_URL", &home),
            ("HA_TOKEN", &token),
        ];
        let server = self.run("websocket-ingestion", &settings)?;
        self.ingestion = Some(server);
        Ok(())
    }

    fn run(&mut self, name: &str, settings: &[(&str, &str)]) -> anyhow::Result<Server> {
        self.starts += 1;
        let home = self.folder.join(name);
        std::fs::create_dir_all(&home)?;
        let mut command = Command::new(self.programs.join(name));
        command
            .current_dir(home)
            .env_clear()
            .env("DATA_API_KEY", KEY);
        command.envs(settings.iter().copied());
        Server::start(
            &format!("{name}-{}", self.starts),
            &mut command,
            &self.folder,
        )
    }

    /// SIGKILL to websocket-ingestion, and so long without it.
    pub(crate) fn kill_ingestion(&mut self, away: Duration) -> anyhow::Result<()> {
        self.ingestion
            .take()
            .context("ingestion does not run")?
            .kill()?;
        std::thread::sleep(away);
        self.start_ingestion()
    }

    /// SIGKILL to data-api, and so long without it.
    pub(crate) fn kill_data_api(&mut self, away: Duration) -> anyhow::Result<()> {
        self.data_api
            .take()
            .context("data-api does not run")?
            .kill()?;
        std::thread::sleep(away);
        self.start_data_api()
    }

    /// An error when one of the two has ended by itself.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        let both = [&mut self.data_api, &mut self.ingestion];
        both.into_iter().flatten().try_for_each(Server::check)
    }

    /// Waits until everything is connected, delivered and healed. Returns the gaps that were recorded.
    pub(crate) fn settle(&mut self) -> anyhow::Result<Vec<Value>> {
        let mut unrest = String::new();
        let settled = patience::until("the gaps to be healed", HEALED_WITHIN, || {
            self.check()?;
            match self.unrest() {
                Ok(Ok(gaps)) => return Ok(Some(gaps)),
                Ok(Err(reason)) => unrest = reason,
                Err(error) => unrest = format!("{error:#}"),
            }
            Ok(None)
        });
        settled.with_context(|| unrest.clone())
    }

    /// The recorded gaps, or why it is too early to look at them.
    fn unrest(&self) -> anyhow::Result<Result<Vec<Value>, String>> {
        let health = Peer::open(self.ports.1).get("/health")?.json()?;
        if health["subscription"]["is_subscribed"] != true {
            return Ok(Err(format!("not subscribed: {}", health["connection"])));
        }
        if health["spool"]["records"] != 0 || health["delivery"]["waiting"] != 0 {
            return Ok(Err(format!("events wait: {}", health["delivery"])));
        }
        if health["backfill"]["done"] != true {
            return Ok(Err(format!(
                "the history is being read: {}",
                health["backfill"]
            )));
        }
        let gaps = self.peer().get("/api/v1/gaps?limit=1000")?.json()?;
        let gaps = gaps["gaps"].as_array().context("no list of gaps")?.clone();
        let open: Vec<&Value> = gaps
            .iter()
            .filter(|gap| gap["closed_by"].is_null())
            .collect();
        Ok(if open.is_empty() {
            Ok(gaps)
        } else {
            Err(format!("open: {open:?}"))
        })
    }

    fn peer(&self) -> Peer {
        Peer::with_key(self.ports.0, KEY)
    }

    /// Everything that is served, newest first, down to this instant.
    pub(crate) fn changes_since(&self, instant: &str) -> anyhow::Result<Vec<Change>> {
        pages(&self.peer(), PAGE, |oldest| {
            oldest.timestamp.as_str() < instant
        })
    }

    /// Stops both in order.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        for server in [self.ingestion.take(), self.data_api.take()] {
            server.context("a program does not run")?.stop()?;
        }
        ensure!(
            self.starts > 2,
            "nothing was started again, so nothing was proven"
        );
        Ok(())
    }
}
