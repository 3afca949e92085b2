//! The services under test, from Home Assistant's events to an MQTT message.

use std::collections::BTreeSet;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::changes::Change;
use super::home_assistant::HomeAssistant;
use crate::http::{self, Peer};
use crate::server::Server;
use crate::{patience, process};

/// The programs that make up the chain.
pub(crate) const PROGRAMS: [&str; 3] = ["data-api", "websocket-ingestion", "ai-pattern-service"];

const UP_WITHIN: Duration = Duration::from_secs(30);
const TOLD_WITHIN: Duration = Duration::from_secs(120);
const TOPIC: &str = "homeiq/ai-automation/analysis/pattern/complete";
const SUBSCRIBER: &str = "e2e-subscriber";
pub(crate) const PAGE: usize = 10_000;

/// Running services, stopped when this is dropped: those that send first.
#[derive(Debug)]
pub(crate) struct Chain {
    servers: Vec<Server>,
    ingestion: Peer,
    data_api: Peer,
    patterns: Peer,
    broker_port: u16,
    logs: std::path::PathBuf,
}

impl Chain {
    /// Starts a broker and the services, each with its data below `folder`.
    pub(crate) fn start(
        programs: &Path,
        folder: &Path,
        home: &HomeAssistant,
    ) -> anyhow::Result<Self> {
        let broker_port = http::free_port()?;
        let mut servers = vec![start_broker(broker_port, folder)?];
        let secrets = folder.join("secrets");
        let [data_port, ingestion_port, patterns_port] =
            [http::free_port()?, http::free_port()?, http::free_port()?];
        let data_url = format!("http://127.0.0.1:{data_port}");
        let mut start = |name: &str, settings: &[(&str, &str)]| -> anyhow::Result<()> {
            let home_folder = folder.join(name);
            std::fs::create_dir_all(&home_folder)?;
            let mut command = Command::new(programs.join(name));
            command
                .current_dir(home_folder)
                .env_clear()
                .env("SECRETS_DIR", &secrets);
            command.envs(settings.iter().copied());
            servers.push(Server::start(name, &mut command, folder)?);
            Ok(())
        };
        start("data-api", &[("DATA_API_PORT", &data_port.to_string())])?;
        start(
            "ai-pattern-service",
            &[
                ("PATTERN_SERVICE_PORT", &patterns_port.to_string()),
                ("DATA_API_URL", &data_url),
                ("MQTT_BROKER", &format!("mqtt://127.0.0.1:{broker_port}")),
            ],
        )?;
        start(
            "websocket-ingestion",
            &[
                ("WEBSOCKET_INGESTION_PORT", &ingestion_port.to_string()),
                ("DATA_API_URL", &data_url),
                ("HA_HTTP_URL", home.url()?),
                ("HA_TOKEN", home.token()?),
            ],
        )?;
        let key_file = secrets.join("data_api_key");
        let key = patience::until("the key that data-api makes", UP_WITHIN, || {
            servers.iter_mut().try_for_each(Server::check)?;
            Ok(std::fs::read_to_string(&key_file)
                .ok()
                .filter(|key| !key.trim().is_empty()))
        })?;
        let chain = Self {
            servers,
            ingestion: Peer::open(ingestion_port),
            data_api: Peer::with_key(data_port, key.trim()),
            patterns: Peer::open(patterns_port),
            broker_port,
            logs: folder.to_owned(),
        };
        for peer in [&chain.data_api, &chain.ingestion, &chain.patterns] {
            patience::until(&format!("/ready of {peer:?}"), UP_WITHIN, || {
                Ok(peer
                    .get("/ready")
                    .ok()
                    .filter(|answer| answer.status == 200))
            })?;
        }
        Ok(chain)
    }

    /// An error when one of the services has ended.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        self.servers.iter_mut().try_for_each(Server::check)
    }

    /// Stops the services in order; their exit codes must be 0.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        self.check()?;
        while let Some(server) = self.servers.pop() {
            server.stop()?;
        }
        Ok(())
    }

    /// Waits until ingestion is subscribed to the events of Home Assistant.
    pub(crate) fn wait_until_connected(&mut self, deadline: Duration) -> anyhow::Result<()> {
        patience::until("ingestion to be subscribed", deadline, || {
            self.check()?;
            let health = self.health()?;
            let connected = health["connection"]["is_running"] == true
                && health["subscription"]["is_subscribed"] == true;
            Ok(connected.then_some(()))
        })
    }

    /// How often something was missed, as ingestion counts it.
    pub(crate) fn gaps(&self) -> anyhow::Result<u64> {
        self.health()?["gaps"]["count"]
            .as_u64()
            .context("/health has no gaps.count")
    }

    /// How long all gaps together are, as ingestion's metrics say.
    pub(crate) fn gap_seconds(&self) -> anyhow::Result<f64> {
        let text = self.ingestion.get("/metrics")?.text()?;
        let lines = text
            .lines()
            .filter(|line| line.starts_with("homeiq_gap_seconds_total"));
        let values = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        Ok(values.sum())
    }

    /// The changes that are served, newest first, down to this instant.
    pub(crate) fn changes_since(&self, instant: &str) -> anyhow::Result<Vec<Change>> {
        self.pages(PAGE, |oldest| oldest.timestamp.as_str() < instant)
    }

    /// The newest changes that are served.
    pub(crate) fn newest(&self, limit: usize) -> anyhow::Result<Vec<Change>> {
        self.pages(limit, |_| true)
    }

    /// What an entity went through, oldest first: instants and states.
    pub(crate) fn history_of(
        &self,
        entity_id: &str,
    ) -> anyhow::Result<Vec<(String, Option<String>)>> {
        let path = format!("/api/v1/events?no_attributes=true&limit={PAGE}&entity_id={entity_id}");
        let page: Vec<Change> = serde_json::from_str(&self.data_api.get(&path)?.text()?)?;
        Ok(page
            .into_iter()
            .rev()
            .map(|change| (change.timestamp, change.state))
            .collect())
    }

    /// Ids that an entity had before.
    pub(crate) fn former_ids(&self, entity_id: &str) -> anyhow::Result<BTreeSet<String>> {
        let path = format!("/api/entities/{entity_id}");
        let answer = self.data_api.get(&path)?.json()?;
        let former = answer["former_entity_ids"].as_array();
        Ok(former
            .into_iter()
            .flatten()
            .filter_map(|id| id.as_str().map(str::to_owned))
            .collect())
    }

    /// Nothing that is stored may be served twice, whatever happened.
    pub(crate) fn check_none_twice(&self) -> anyhow::Result<()> {
        let all = self.pages(PAGE, |_| false)?;
        let distinct: BTreeSet<_> = all.iter().map(|c| (&c.entity_id, &c.timestamp)).collect();
        let twice = all.len() - distinct.len();
        ensure!(
            twice == 0,
            "{twice} of {} changes are served twice",
            all.len()
        );
        Ok(())
    }

    /// Devices and entities of the home must have arrived as well.
    pub(crate) fn check_registry(&self) -> anyhow::Result<()> {
        for path in ["/api/devices", "/api/entities"] {
            patience::until(&format!("rows in {path}"), UP_WITHIN, || {
                let answer = self.data_api.get(path)?.json()?;
                Ok(answer["count"].as_u64().filter(|&count| count > 0))
            })?;
        }
        Ok(())
    }

    /// Sends the home's own list of services twice: the same count, the same table.
    pub(crate) fn check_services_twice(&self, services: &str) -> anyhow::Result<()> {
        let list: Vec<Value> = serde_json::from_str(services)?;
        let count: usize = list
            .iter()
            .filter_map(|d| Some(d["services"].as_object()?.len()))
            .sum();
        let mut tables = Vec::new();
        for _ in 0..2 {
            let answer = self
                .data_api
                .post("/internal/services/bulk_upsert", services)?
                .json()?;
            ensure!(
                answer["upserted"] == count,
                "{count} services were sent, answer: {answer}"
            );
            tables.push(self.service_table()?);
        }
        ensure!(
            tables[0].len() == count,
            "{count} services sent, {} listed",
            tables[0].len()
        );
        ensure!(tables[0] == tables[1], "the second time made another table");
        Ok(())
    }

    /// Runs an analysis and sees its message arrive at a subscriber of the broker.
    pub(crate) fn check_message(&self) -> anyhow::Result<()> {
        let port = self.broker_port.to_string();
        let mut command = Command::new(process::find("mosquitto_sub").context("mosquitto_sub")?);
        command.args([
            "-h",
            "127.0.0.1",
            "-p",
            &port,
            "-i",
            SUBSCRIBER,
            "-t",
            TOPIC,
            "-C",
            "1",
        ]);
        let mut subscriber = Server::start("mosquitto_sub", &mut command, &self.logs)?;
        let broker = &self.servers[0];
        patience::until("the subscription", UP_WITHIN, || {
            let confirmed = broker
                .log()?
                .contains(&format!("Sending SUBACK to {SUBSCRIBER}"));
            Ok(confirmed.then_some(()))
        })?;
        self.patterns.post("/api/analysis/trigger", "")?.text()?;
        let fine = subscriber.wait_for_end(TOLD_WITHIN)?;
        let text = subscriber.log()?;
        ensure!(fine, "mosquitto_sub failed: {text}");
        let message: Value = serde_json::from_str(text.trim()).with_context(|| text.clone())?;
        let told = (&message["service"], &message["status"]);
        ensure!(
            told == (&"ai-pattern-service".into(), &"completed".into()),
            "told: {message}"
        );
        Ok(())
    }

    /// What data-api lists, without the instant of the last report.
    fn service_table(&self) -> anyhow::Result<Vec<Value>> {
        let mut answer = self.data_api.get("/api/services")?.json()?;
        let services = answer["services"]
            .as_array_mut()
            .context("no list of services")?;
        for service in services.iter_mut() {
            service
                .as_object_mut()
                .context("a service is an object")?
                .remove("last_updated");
        }
        Ok(std::mem::take(services))
    }

    fn health(&self) -> anyhow::Result<Value> {
        self.ingestion.get("/health")?.json()
    }

    fn pages(&self, limit: usize, enough: impl Fn(&Change) -> bool) -> anyhow::Result<Vec<Change>> {
        pages(&self.data_api, limit, enough)
    }
}

/// The changes that data-api serves, newest first, page by page until it is enough.
pub(crate) fn pages(
    data_api: &Peer,
    limit: usize,
    enough: impl Fn(&Change) -> bool,
) -> anyhow::Result<Vec<Change>> {
    let mut changes: Vec<Change> = Vec::new();
    let mut path = format!("/api/v1/events?no_attributes=true&limit={limit}");
    loop {
        let answer = data_api.get(&path)?;
        let next = answer.header("x-next-cursor").map(percent_encoded);
        let page: Vec<Change> = serde_json::from_str(&answer.text()?)?;
        changes.extend(page);
        let Some(cursor) = next else {
            return Ok(changes);
        };
        if changes.last().is_some_and(&enough) {
            return Ok(changes);
        }
        path = format!("/api/v1/events?no_attributes=true&limit={limit}&cursor={cursor}");
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        while self.servers.pop().is_some() {}
    }
}

/// A mosquitto that lets everyone in and writes nothing to disk.
pub(crate) fn start_broker(port: u16, folder: &Path) -> anyhow::Result<Server> {
    let program = process::find("mosquitto")
        .context("mosquitto is not installed; run: apt-get install mosquitto mosquitto-clients")?;
    let config = folder.join("mosquitto.conf");
    let lines = [
        format!("listener {port} 127.0.0.1"),
        "allow_anonymous true".to_owned(),
        "user root".to_owned(),
        "log_type all".to_owned(),
    ];
    std::fs::write(&config, lines.join("\n") + "\n")?;
    let mut broker = Server::start(
        "mosquitto",
        Command::new(program).arg("-c").arg(&config),
        folder,
    )?;
    patience::until("mosquitto", UP_WITHIN, || {
        broker.check()?;
        Ok(TcpStream::connect(("127.0.0.1", port)).ok())
    })?;
    Ok(broker)
}

fn percent_encoded(text: &str) -> String {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|b| {
            if unreserved(b) {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}
