//! From the end of an analysis to its message at a subscriber.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Args;
use common::clock::Clock;
use common::instant::UtcMicros;
use serde_json::{Value, json};

use crate::e2e::chain::start_broker;
use crate::http::{self, Peer};
use crate::server::Server;
use crate::{patience, process, table, workspace};

const PROGRAMS: [&str; 2] = ["data-api", "ai-pattern-service"];
const UP_WITHIN: Duration = Duration::from_secs(30);
const OVER_WITHIN: Duration = Duration::from_secs(60);
const TOPIC: &str = "homeiq/ai-automation/analysis/pattern/complete";
/// What is promised: 99 of 100 messages are there within this, in milliseconds.
const PROMISE_MS: f64 = 1000.0;

#[derive(Args)]
pub(crate) struct Options {
    /// Analyses to measure, 10 to 1000
    #[arg(long, default_value_t = 100)]
    runs: usize,
    /// Lamps with a habit each
    #[arg(long, default_value_t = 20)]
    lamps: u32,
    /// Measure the programs of the profile dev, which are built faster
    #[arg(long)]
    debug: bool,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    ensure!((10..=1000).contains(&options.runs), "--runs: 10 to 1000");
    let programs = workspace::build(&PROGRAMS, !options.debug)?;
    let folder = tempfile::Builder::new()
        .prefix("homeiq-bench-notify-")
        .tempdir()?;
    let mut latencies = measure(options, &programs, folder.path())?;
    latencies.sort_by(f64::total_cmp);
    let at = |percent: usize| latencies[(latencies.len() - 1) * percent / 100];
    let (half, most, all) = (at(50), at(99), at(100));
    let row = [half, most, all].map(|ms| format!("{ms:.1}"));
    table::print(&["p50 ms", "p99 ms", "most ms"], &[row.to_vec()]);
    ensure!(
        most <= PROMISE_MS,
        "p99 is {most:.1} ms, more than {PROMISE_MS} ms"
    );
    Ok(())
}

/// Milliseconds from the end of each analysis to its message.
fn measure(options: &Options, programs: &Path, folder: &Path) -> anyhow::Result<Vec<f64>> {
    let [broker_port, data_port, own_port] =
        [http::free_port()?, http::free_port()?, http::free_port()?];
    let _broker = start_broker(broker_port, folder)?;
    let start = |name: &str, settings: &[(&str, String)]| {
        let own = folder.join(name);
        std::fs::create_dir_all(&own)?;
        let mut command = Command::new(programs.join(name));
        command
            .current_dir(own)
            .env_clear()
            .env("SECRETS_DIR", folder.join("secrets"))
            .envs(settings.iter().map(|(name, value)| (*name, value)));
        Server::start(name, &mut command, folder)
    };
    let mut data_api = start("data-api", &[("DATA_API_PORT", data_port.to_string())])?;
    let key = patience::until("the key that data-api makes", UP_WITHIN, || {
        data_api.check()?;
        let key = std::fs::read_to_string(folder.join("secrets/data_api_key")).ok();
        Ok(key.filter(|key| !key.trim().is_empty()))
    })?;
    live(&Peer::with_key(data_port, key.trim()), options.lamps)?;
    let _service = start(
        "ai-pattern-service",
        &[
            ("PATTERN_SERVICE_PORT", own_port.to_string()),
            ("DATA_API_URL", format!("http://127.0.0.1:{data_port}")),
            ("MQTT_BROKER", format!("127.0.0.1:{broker_port}")),
            ("ANALYSIS_ON_START", "false".to_owned()),
            ("TZ", "UTC".to_owned()),
        ],
    )?;
    let service = Peer::open(own_port);
    patience::until("the link to the broker", UP_WITHIN, || {
        let health = service
            .get("/health")
            .ok()
            .and_then(|answer| answer.json().ok());
        Ok(health.filter(|health| health["mqtt"] == "connected"))
    })?;
    let program = process::find("mosquitto_sub")
        .context("mosquitto_sub is not installed; run: apt-get install mosquitto-clients")?;
    let mut listen = Command::new(program);
    // %U: when it came, seconds since 1970 with their fraction.
    listen.args(["-h", "127.0.0.1", "-p", &broker_port.to_string()]);
    listen.args(["-q", "1", "-t", TOPIC, "-F", "%U %p"]);
    let subscriber = Server::start("mosquitto_sub", &mut listen, folder)?;
    let mut arrived = Vec::new();
    for run in 1..=options.runs {
        patience::until("the analysis to begin", OVER_WITHIN, || {
            let answer = service.post("/api/analysis/trigger", "")?;
            Ok((answer.status == 200).then_some(()))
        })?;
        arrived = patience::until("its message", OVER_WITHIN, || {
            let log = subscriber.log()?;
            Ok((log.lines().count() >= run).then(|| log.lines().map(str::to_owned).collect()))
        })?;
    }
    arrived.iter().map(|line| latency(line)).collect()
}

fn latency(line: &str) -> anyhow::Result<f64> {
    let (at, payload) = line.split_once(' ').context("no time of arrival")?;
    let at: f64 = at.parse().with_context(|| line.to_owned())?;
    let payload: Value = serde_json::from_str(payload)?;
    let over: UtcMicros = payload["timestamp"]
        .as_str()
        .context("no timestamp")?
        .parse()?;
    Ok((at * 1e6 - over.get() as f64) / 1000.0)
}

/// Lets each lamp go on at a minute of its own on each of the last 30 days.
fn live(data_api: &Peer, lamps: u32) -> anyhow::Result<()> {
    let now = Clock::system().now().get() / 1_000_000;
    let midnight = now - now % 86_400;
    let mut rows = Vec::new();
    for (lamp, day) in (0..i64::from(lamps)).flat_map(|lamp| (1..=30).map(move |day| (lamp, day))) {
        let minute = 300 + lamp * 47 % 1_000 + (day * 37 + lamp) % 9 - 4;
        let on = midnight - day * 86_400 + minute * 60;
        let off = on + 600 + (day * 7_919 + lamp * 31) % 397 * 60;
        for (second, state) in [(on, "on"), (off, "off")] {
            rows.push(
                json!({"entity_id": format!("light.bench_{lamp}"), "state": state,
                "last_updated": second * 1_000_000, "attributes": {}}),
            );
        }
    }
    for part in rows.chunks(500) {
        let body = json!(part).to_string();
        data_api
            .post("/internal/events/bulk_upsert", &body)?
            .text()?;
    }
    Ok(())
}
