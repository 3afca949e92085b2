//! The broker, Home Assistant with the MQTT integration, and the services.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::e2e::chain::start_broker;
use crate::e2e::home_assistant::{Bench, HomeAssistant};
use crate::http::{self, Peer};
use crate::patience;
use crate::server::Server;

const UP_WITHIN: Duration = Duration::from_secs(30);
const ANALYSED_WITHIN: Duration = Duration::from_secs(60);

/// Everything that runs; stopped when this is dropped.
pub(super) struct Stack {
    programs: PathBuf,
    folder: PathBuf,
    broker_port: u16,
    ports: [u16; 3],
    // In the order in which they are stopped.
    service: Option<Server>,
    _ingestion: Server,
    _data_api: Server,
    pub(super) home: HomeAssistant,
    broker: Option<Server>,
    /// data-api.
    pub(super) data_api: Peer,
    /// ai-pattern-service.
    pub(super) patterns: Peer,
}

impl Stack {
    /// Everything but ai-pattern-service.
    pub(super) fn start(
        bench: &Bench,
        version: &str,
        programs: &Path,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let broker_port = http::free_port()?;
        let broker = start_broker(broker_port, folder)?;
        let address = format!("127.0.0.1:{broker_port}");
        let home = HomeAssistant::start_with_mqtt(bench, version, folder, address)?;
        let ports = [http::free_port()?, http::free_port()?, http::free_port()?];
        let starter = Starter { programs, folder };
        let mut data_api = starter.start("data-api", &[("DATA_API_PORT", ports[0].to_string())])?;
        let key_file = folder.join("secrets/data_api_key");
        let key = patience::until("the key that data-api makes", UP_WITHIN, || {
            data_api.check()?;
            let key = std::fs::read_to_string(&key_file).ok();
            Ok(key.filter(|key| !key.trim().is_empty()))
        })?;
        let ingestion = starter.start(
            "websocket-ingestion",
            &[
                ("WEBSOCKET_INGESTION_PORT", ports[1].to_string()),
                ("DATA_API_URL", format!("http://127.0.0.1:{}", ports[0])),
                ("HA_HTTP_URL", home.url()?.to_owned()),
                ("HA_TOKEN", home.token()?.to_owned()),
            ],
        )?;
        Ok(Self {
            programs: programs.to_owned(),
            folder: folder.to_owned(),
            broker_port,
            ports,
            service: None,
            _ingestion: ingestion,
            _data_api: data_api,
            home,
            broker: Some(broker),
            data_api: Peer::with_key(ports[0], key.trim()),
            patterns: Peer::open(ports[2]),
        })
    }

    /// Starts ai-pattern-service, with the tables that it had.
    pub(super) fn start_service(&mut self) -> anyhow::Result<()> {
        let [data_api, ingestion, own] = self.ports;
        let starter = Starter {
            programs: &self.programs,
            folder: &self.folder,
        };
        let broker = format!("mqtt://127.0.0.1:{}", self.broker_port);
        let settings = [
            ("PATTERN_SERVICE_PORT", own.to_string()),
            ("DATA_API_URL", format!("http://127.0.0.1:{data_api}")),
            (
                "WEBSOCKET_INGESTION_URL",
                format!("http://127.0.0.1:{ingestion}"),
            ),
            ("MQTT_BROKER", broker),
            ("MQTT_EXPECTED_NOW", "true".to_owned()),
            ("ANALYSIS_ON_START", "false".to_owned()),
            ("TZ", "UTC".to_owned()),
        ];
        self.service = Some(starter.start("ai-pattern-service", &settings)?);
        patience::until("ai-pattern-service", UP_WITHIN, || {
            let ready = self.patterns.get("/ready").ok();
            Ok(ready.filter(|answer| answer.status == 200))
        })?;
        Ok(())
    }

    /// Stops it in order.
    pub(super) fn stop_service(&mut self) -> anyhow::Result<()> {
        self.service.take().map_or(Ok(()), Server::stop)
    }

    /// Kills the broker.
    pub(super) fn kill_broker(&mut self) -> anyhow::Result<()> {
        self.broker.take().map_or(Ok(()), Server::kill)
    }

    /// Starts a broker that knows nothing of what another one kept.
    pub(super) fn start_fresh_broker(&mut self) -> anyhow::Result<()> {
        self.broker = Some(start_broker(self.broker_port, &self.folder)?);
        Ok(())
    }

    /// Lets a lamp go on at this minute (UTC) of each of the last 30 days, and of today where that is past: a habit that is missed
    /// today is news of its own.
    pub(super) fn live(&self, lamp: &str, minute: i64) -> anyhow::Result<()> {
        let now = common::clock::Clock::system().now().get() / 1_000_000;
        let midnight = now - now % 86_400;
        let mut rows = Vec::new();
        for day in 0..=30 {
            let on = midnight - day * 86_400 + (minute + (day * 37 + minute) % 9 - 4) * 60;
            let off = on + 600 + (day * 7_919 + minute * 31) % 397 * 60;
            for (second, state) in [(on, "on"), (off, "off")] {
                if second >= now {
                    continue;
                }
                rows.push(json!({"entity_id": lamp, "state": state,
                    "last_updated": second * 1_000_000, "attributes": {}}));
            }
        }
        let sent = rows.len() as u64;
        let body = Value::Array(rows).to_string();
        let answer = self.data_api.post("/internal/events/bulk_upsert", &body)?;
        let stored = answer.json()?["stored"].as_u64();
        ensure!(
            stored == Some(sent),
            "data-api stored {stored:?} of {sent} changes"
        );
        Ok(())
    }

    /// Waits until an analysis is over that was set off after this one.
    pub(super) fn analysed_after(&mut self, before: &Value) -> anyhow::Result<Value> {
        patience::until("the end of the analysis", ANALYSED_WITHIN, || {
            let last = self.last_run()?;
            Ok((last != *before).then_some(last))
        })
    }

    /// The last analysis.
    pub(super) fn last_run(&self) -> anyhow::Result<Value> {
        let mut status = self.patterns.get("/api/analysis/status")?.json()?;
        Ok(status["analysis"]["last_run"].take())
    }

    /// The id of a habit of this entity.
    pub(super) fn habit(&self, entity: &str) -> anyhow::Result<String> {
        let list = self.patterns.get("/api/v1/patterns/list")?.json()?;
        let habits = list["data"]["patterns"].as_array().context("no list")?;
        let found = habits.iter().find(|habit| habit["device_id"] == entity);
        let id = found.and_then(|habit| habit["pattern_key"].as_str());
        Ok(id
            .with_context(|| format!("no habit of {entity}"))?
            .to_owned())
    }
}

/// Starts services, each with its data in a folder of its own.
struct Starter<'a> {
    programs: &'a Path,
    folder: &'a Path,
}

impl Starter<'_> {
    fn start(&self, name: &str, settings: &[(&str, String)]) -> anyhow::Result<Server> {
        let own = self.folder.join(name);
        std::fs::create_dir_all(&own)?;
        let mut command = Command::new(self.programs.join(name));
        command
            .current_dir(own)
            .env_clear()
            .env("SECRETS_DIR", self.folder.join("secrets"))
            .envs(settings.iter().map(|(name, value)| (*name, value)));
        Server::start(name, &mut command, self.folder)
    }
}
