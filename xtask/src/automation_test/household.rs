//! The services beside a Home Assistant, and a past in which people had habits with its entities.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::{EVENING, LAMP, TRIGGER};
use crate::bench::flood;
use crate::e2e::home_assistant::HomeAssistant;
use crate::http::{self, Peer};
use crate::patience;
use crate::server::Server;

pub(super) const PROGRAMS: [&str; 3] = ["data-api", "websocket-ingestion", "ai-pattern-service"];
const UP_WITHIN: Duration = Duration::from_secs(45);
const ANALYSED_WITHIN: Duration = Duration::from_secs(120);
/// Days of the past.
const DAYS: i64 = 28;
const DAY: i64 = 86_400;

/// Running services.
pub(super) struct Household {
    servers: Vec<Server>,
    data_api: Peer,
    pub(super) patterns: Peer,
}

impl Household {
    pub(super) fn start(
        programs: &Path,
        folder: &Path,
        home: &HomeAssistant,
    ) -> anyhow::Result<Self> {
        let secrets = folder.join("secrets");
        let [data_port, ingestion_port, patterns_port] =
            [http::free_port()?, http::free_port()?, http::free_port()?];
        let data_url = format!("http://127.0.0.1:{data_port}");
        let mut servers = Vec::new();
        let mut start = |name: &str, settings: &[(&str, &str)]| -> anyhow::Result<()> {
            let own = folder.join(name);
            std::fs::create_dir_all(&own)?;
            let mut command = Command::new(programs.join(name));
            command
                .current_dir(own)
                .env_clear()
                .env("SECRETS_DIR", &secrets);
            command
                .env("DATA_API_URL", &data_url)
                .env("HA_HTTP_URL", home.url()?);
            command
                .env("HA_TOKEN", home.token()?)
                .envs(settings.iter().copied());
            servers.push(Server::start(name, &mut command, folder)?);
            Ok(())
        };
        start("data-api", &[("DATA_API_PORT", &data_port.to_string())])?;
        start(
            "ai-pattern-service",
            &[
                ("PATTERN_SERVICE_PORT", &patterns_port.to_string()),
                ("ANALYSIS_ON_START", "false"),
                ("TZ", "Europe/Amsterdam"),
                ("HA_ADMIN_TOKEN", home.token()?),
                ("HA_NOTIFY", "true"),
                ("PATTERN_PUBLIC_URL", "http://homeiq.example:8020/"),
            ],
        )?;
        start(
            "websocket-ingestion",
            &[("WEBSOCKET_INGESTION_PORT", &ingestion_port.to_string())],
        )?;
        let key_file = secrets.join("data_api_key");
        let key = patience::until("the key that data-api makes", UP_WITHIN, || {
            servers.iter_mut().try_for_each(Server::check)?;
            Ok(std::fs::read_to_string(&key_file)
                .ok()
                .filter(|key| !key.trim().is_empty()))
        })?;
        let house = Self {
            servers,
            data_api: Peer::with_key(data_port, key.trim()),
            patterns: Peer::open(patterns_port),
        };
        for peer in [&house.data_api, &house.patterns] {
            patience::until(&format!("/ready of {peer:?}"), UP_WITHIN, || {
                Ok(peer
                    .get("/ready")
                    .ok()
                    .filter(|answer| answer.status == 200))
            })?;
        }
        let ingestion = Peer::open(ingestion_port);
        patience::until("ingestion to be subscribed", UP_WITHIN, || {
            let health = ingestion
                .get("/health")
                .ok()
                .and_then(|answer| answer.json().ok());
            Ok(health
                .filter(|health| health["subscription"]["is_subscribed"] == true)
                .map(drop))
        })?;
        Ok(house)
    }

    /// Four weeks: twice a day the helper and then the lamp; every evening the switch. Its name is hostile.
    pub(super) fn live(&self) -> anyhow::Result<()> {
        let now = flood::now().get() / 1_000_000;
        let midnight = now - now % DAY;
        let mut lines = String::new();
        let mut add = |entity: &str, second: i64, state: &str| {
            let row = json!({"entity_id": entity, "state": state, "last_updated": second * 1_000_000,
                "attributes": {"friendly_name": format!("The {{{{ 7 * 7 }}}} '{entity}'")}});
            lines.push_str(&row.to_string());
            lines.push('\n');
        };
        for visit in 0..2 * DAYS {
            let opened = midnight - (1 + visit / 2) * DAY
                + (7 + 8 * (visit % 2)) * 3_600
                + visit * 7_919 % 18_000;
            add(TRIGGER, opened, "on");
            add(LAMP, opened + 8 + visit % 5, "on");
            add(TRIGGER, opened + 90 + visit * 31 % 240, "off");
            add(LAMP, opened + 400 + visit * 1_237 % 5_000, "off");
        }
        for day in 1..=DAYS {
            let on = midnight - day * DAY + 62_100 + (day * 37 % 9 - 4) * 60;
            add(EVENING, on, "on");
            add(EVENING, on + 1_200 + day * 7_919 % 397 * 20, "off");
        }
        let answer = self
            .data_api
            .post_lines("/internal/events/bulk_upsert", &lines)?
            .json()?;
        ensure!(
            answer["rejected"].as_array().is_none_or(Vec::is_empty),
            "{answer}"
        );
        Ok(())
    }

    pub(super) fn analyse(&self) -> anyhow::Result<()> {
        let status = || self.patterns.get("/api/analysis/status")?.json();
        let before = status()?["scheduler"]["last_run"].clone();
        self.patterns.post("/api/analysis/trigger", "")?.text()?;
        let run = patience::until("the end of the analysis", ANALYSED_WITHIN, || {
            let status = status()?;
            let is_over =
                status["analysis"]["state"] == "idle" && status["scheduler"]["last_run"] != before;
            Ok(is_over.then(|| status["analysis"]["last_run"].clone()))
        })?;
        ensure!(run["status"] == "completed", "the analysis failed: {run}");
        let health = self.patterns.get("/health")?.json()?;
        ensure!(
            !health["degraded"].to_string().contains("home_assistant"),
            "{health}"
        );
        Ok(())
    }

    fn habits(&self) -> anyhow::Result<Vec<Value>> {
        let list = self
            .patterns
            .get("/api/v1/patterns/list?limit=1000")?
            .json()?;
        Ok(list["data"]["patterns"]
            .as_array()
            .context("a list")?
            .clone())
    }

    /// The habit of these entities.
    pub(super) fn habit(&self, entities: &[&str]) -> anyhow::Result<Value> {
        let all = self.habits()?;
        let found = all
            .iter()
            .find(|habit| habit["device_id"] == entities.join("+"));
        let shown = || {
            all.iter()
                .map(|habit| habit["sentence"].to_string())
                .collect::<Vec<_>>()
                .join("\n")
        };
        Ok(found
            .with_context(|| format!("no habit of {entities:?} among\n{}", shown()))?
            .clone())
    }

    /// Every habit is an automation that Home Assistant finds valid, or says why it is none.
    pub(super) fn check_all_forms(&self) -> anyhow::Result<()> {
        for habit in self.habits()? {
            let path = format!("/api/v1/patterns/{}/automation", super::key(&habit)?);
            let answer = self.patterns.get(&path)?;
            if answer.status == 422 {
                continue;
            }
            let data = answer.json()?["data"].clone();
            ensure!(data["validated"] == true, "not valid: {data}");
            let yaml = self.patterns.get(&format!("{path}?format=yaml"))?;
            ensure!(yaml.header("x-validated") == Some("true"), "{yaml:?}");
            ensure!(data["yaml"] == yaml.text()?, "the YAML differs");
        }
        Ok(())
    }

    pub(super) fn stop(mut self) -> anyhow::Result<()> {
        self.servers.iter_mut().try_for_each(Server::check)?;
        while let Some(server) = self.servers.pop() {
            server.stop()?;
        }
        Ok(())
    }
}
