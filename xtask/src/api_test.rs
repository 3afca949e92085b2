//! `cargo xtask api-test`: schemathesis against the running data-api, by the document that it serves.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::{Value, json};

use crate::http::{self, Peer};
use crate::server::Server;
use crate::{patience, process, workspace};

/// One version, so that a run of today and one of next year ask the same.
const SCHEMATHESIS: &str = "schemathesis==4.32.5";
/// No 5xx but 503 where that is documented; statuses, types and bodies as the document says.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";
const KEY: &str = "key-of-this-run";
const START_WITHIN: Duration = Duration::from_secs(30);
/// The first event of the seeded home, in microseconds.
const FIRST_US: i64 = 1_795_428_000_000_000;
const EVENTS: i64 = 600;

#[derive(Args)]
pub(crate) struct Options {
    /// Seconds that it asks
    #[arg(long, default_value_t = 75)]
    seconds: u32,
    /// Seed of what is asked; the same seed asks the same
    #[arg(long)]
    seed: Option<u64>,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let programs = workspace::build(&["data-api"], false)?;
    let tool = schemathesis(&programs)?;
    let folder = tempfile::Builder::new()
        .prefix("homeiq-api-test-")
        .tempdir()?;
    let port = http::free_port()?;
    let mut data_api = start(&programs, folder.path(), port)?;
    seed(&Peer::with_key(port, KEY))?;
    let address = format!("http://127.0.0.1:{port}");
    let mut command = Command::new(tool);
    command
        .current_dir(folder.path())
        .args(["run", &format!("{address}/openapi.json"), "--url", &address])
        .args(["--header", &format!("Authorization: Bearer {KEY}")])
        .args([
            "--checks",
            CHECKS,
            "--warnings",
            "off",
            "--continue-on-failure",
        ])
        .args(["--max-time", &options.seconds.to_string()])
        // A stream without end is answered for as long as it is listened to.
        .args(["--exclude-path", "/api/v1/events/live"])
        .args(["--request-timeout", "20", "--workers", "2"]);
    if let Some(seed) = options.seed {
        command.args(["--seed", &seed.to_string()]);
    }
    let asked = process::run(&mut command);
    data_api.check()?;
    if asked.is_err() {
        let kept = folder.keep();
        bail!(
            "schemathesis found something; the log of data-api is in {}",
            kept.display()
        );
    }
    data_api.stop()
}

/// The tool, in an environment of its own below the target folder.
fn schemathesis(programs: &Path) -> anyhow::Result<PathBuf> {
    let folder = programs.with_file_name("api-test");
    let environment = folder.join("venv");
    let bin = environment.join(if cfg!(windows) { "Scripts" } else { "bin" });
    let installed = folder.join("installed");
    if std::fs::read_to_string(&installed).is_ok_and(|found| found == SCHEMATHESIS) {
        return Ok(bin.join("schemathesis"));
    }
    std::fs::create_dir_all(&folder)?;
    let python = process::find("python3").context("needs python3 with venv and pip")?;
    process::run(Command::new(python).args(["-m", "venv"]).arg(&environment))?;
    process::run(Command::new(bin.join("pip")).args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        SCHEMATHESIS,
    ]))?;
    std::fs::write(&installed, SCHEMATHESIS)?;
    Ok(bin.join("schemathesis"))
}

fn start(programs: &Path, folder: &Path, port: u16) -> anyhow::Result<Server> {
    let mut command = Command::new(programs.join("data-api"));
    command
        .current_dir(folder)
        .env_clear()
        .env("DATA_API_PORT", port.to_string())
        .env("DATA_API_KEY", KEY)
        .env(
            "DATABASE_URL",
            format!("sqlite://{}", folder.join("homeiq.db").display()),
        )
        // Requests without the key are asked, too; they shall see 401, not 429.
        .env("DATA_API_RATE_LIMIT_BURST", "1000000")
        .env("LOG_LEVEL", "info");
    let mut server = Server::start("data-api", &mut command, folder)?;
    let peer = Peer::open(port);
    patience::until("data-api to be ready", START_WITHIN, || {
        server.check()?;
        Ok(peer
            .get("/ready")
            .ok()
            .filter(|answer| answer.status == 200))
    })?;
    Ok(server)
}

/// A small home, so that answers are not empty.
fn seed(peer: &Peer) -> anyhow::Result<()> {
    let entities: Vec<Value> = (0..5)
        .flat_map(|n| {
            [
                json!({"entity_id": format!("light.l{n}"), "device_id": "d1", "platform": "hue", "aliases": ["a"], "labels": ["x"]}),
                json!({"entity_id": format!("sensor.s{n}"), "device_id": "d2", "platform": "mqtt", "unit_of_measurement": "W"}),
            ]
        })
        .collect();
    let events: Vec<Value> = (0..EVENTS)
        .map(|n| {
            let (entity_id, state) = if n % 2 == 0 {
                (format!("light.l{}", n % 5), if n % 4 == 0 { "on".to_owned() } else { "off".to_owned() })
            } else {
                (format!("sensor.s{}", n % 5), format!("{}.5", n % 40))
            };
            json!({"entity_id": entity_id, "state": state, "origin": "live", "attributes": {"n": n},
                "last_updated": FIRST_US + n * 60_000_000, "context": {"id": format!("01K{n:023}")}})
        })
        .collect();
    for (path, body) in [
        (
            "/internal/devices/bulk_upsert",
            json!([{"id": "d1", "name": "Lamp", "area_id": "hall"}, {"id": "d2", "name": "Plug"}]),
        ),
        ("/internal/entities/bulk_upsert", json!(entities)),
        (
            "/internal/areas/bulk_upsert",
            json!([{"area_id": "hall", "name": "Hall"}]),
        ),
        (
            "/internal/services/bulk_upsert",
            json!({"light": {"turn_on": {"fields": {}}}}),
        ),
        ("/internal/events/bulk_upsert", json!(events)),
    ] {
        peer.post(path, &body.to_string())?.json().context(path)?;
    }
    Ok(())
}
