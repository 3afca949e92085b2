//! data-api and websocket-ingestion as users run them, listening to a home.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;

use super::usage::Process;
use crate::http::{self, Peer};
use crate::patience;
use crate::server::Server;

/// The programs that are measured.
pub(crate) const PROGRAMS: [&str; 2] = ["data-api", "websocket-ingestion"];
const UP_WITHIN: Duration = Duration::from_secs(30);

/// Both services; stopped when this is dropped, the one that sends first.
#[derive(Debug)]
pub(crate) struct Services {
    websocket_ingestion: Server,
    data_api: Server,
    ingestion_peer: Peer,
    pub(crate) data_api_peer: Peer,
}

impl Services {
    /// Starts both with their data below `folder`; ingestion listens to the Home Assistant at `home`.
    pub(crate) fn start(
        programs: &Path,
        folder: &Path,
        home: &str,
        token: &str,
    ) -> anyhow::Result<Self> {
        let (data_port, ingestion_port) = (http::free_port()?, http::free_port()?);
        let secrets = folder.join("secrets");
        let start = |name: &str, settings: &[(&str, &str)]| {
            let data = folder.join(name);
            std::fs::create_dir_all(&data)?;
            let mut command = Command::new(programs.join(name));
            command
                .current_dir(data)
                .env_clear()
                .env("SECRETS_DIR", &secrets)
                .envs(settings.iter().copied());
            Server::start(name, &mut command, folder)
        };
        let data_api = start("data-api", &[("DATA_API_PORT", &data_port.to_string())])?;
        let key_file = secrets.join("data_api_key");
        let key = patience::until("the key that data-api makes", UP_WITHIN, || {
            Ok(std::fs::read_to_string(&key_file)
                .ok()
                .filter(|key| !key.trim().is_empty()))
        })?;
        let websocket_ingestion = start(
            "websocket-ingestion",
            &[
                ("WEBSOCKET_INGESTION_PORT", &ingestion_port.to_string()),
                ("DATA_API_URL", &format!("http://127.0.0.1:{data_port}")),
                ("HA_HTTP_URL", home),
                ("HA_TOKEN", token),
            ],
        )?;
        Ok(Self {
            websocket_ingestion,
            data_api,
            ingestion_peer: Peer::open(ingestion_port),
            data_api_peer: Peer::with_key(data_port, key.trim()),
        })
    }

    /// The processes, with their names, in the order of an event.
    pub(crate) fn processes(&self) -> [(&'static str, Process); 2] {
        [
            (
                "websocket-ingestion",
                Process::new(self.websocket_ingestion.id()),
            ),
            ("data-api", Process::new(self.data_api.id())),
        ]
    }

    /// An error when one of them has ended.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        self.data_api.check()?;
        self.websocket_ingestion.check()
    }

    /// `/health` of websocket-ingestion.
    pub(crate) fn health(&self) -> anyhow::Result<Value> {
        self.ingestion_peer.get("/health")?.json()
    }

    /// Waits until ingestion is subscribed.
    pub(crate) fn wait_until_listening(&mut self) -> anyhow::Result<()> {
        patience::until("the subscription", UP_WITHIN, || {
            self.check()?;
            // It may not serve yet.
            let health = self.health().unwrap_or_default();
            Ok((health["subscription"]["is_subscribed"] == true).then_some(()))
        })
    }

    /// Where the events are, for a message.
    pub(crate) fn told(&self) -> String {
        let health = self.health().unwrap_or_default();
        let of = |name: &str| format!("{name} {}", health[name]);
        let committed = self.committed().unwrap_or_default();
        let parts = ["delivery", "spool", "subscription", "gaps", "degraded"].map(of);
        format!("committed {committed}; {}", parts.join("; "))
    }

    /// CPU seconds that each has used.
    pub(crate) fn cpu_seconds(&self) -> anyhow::Result<Vec<f64>> {
        self.processes()
            .iter()
            .map(|(_, process)| process.cpu_seconds())
            .collect()
    }

    /// Rows that data-api says it has committed since it started: cheap enough to ask while it works.
    pub(crate) fn committed(&self) -> anyhow::Result<u64> {
        let text = self.data_api_peer.get("/metrics")?.text()?;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("homeiq_events_stored_total "));
        Ok(line.and_then(|count| count.parse().ok()).unwrap_or(0))
    }

    /// Rows in the store, counted.
    pub(crate) fn stored(&self) -> anyhow::Result<u64> {
        let stats = self
            .data_api_peer
            .get("/api/v1/events/stats?period=1h")?
            .json()?;
        stats["stored_events"]
            .as_u64()
            .context("the statistics have no stored_events")
    }

    /// Stops both in order.
    pub(crate) fn stop(self) -> anyhow::Result<()> {
        self.websocket_ingestion.stop()?;
        self.data_api.stop()
    }
}
