//! Bytes for each stored change: of a real Home Assistant beside its own recorder, and of the simulated home's thirty days.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use super::peers;
use crate::bench::services::Services;
use crate::e2e::home_assistant::{Bench, Drive, HomeAssistant, Way};
use crate::server::Server;
use crate::{http, patience, table};

const QUIET_WITHIN: Duration = Duration::from_secs(300);
/// A token of the form that Home Assistant makes; the simulator takes any.
const TOKEN: &str = "a-token-that-the-simulated-home-does-not-look-at";

/// Prints both, the real one for each of these versions.
pub(super) fn run(
    programs: &Path,
    folder: &Path,
    changes: u32,
    versions: &[String],
) -> anyhow::Result<()> {
    let mut printed = vec![simulated(programs, &folder.join("simulated"))?];
    if changes > 0 {
        for version in versions {
            let folder = folder.join(format!("real-{version}"));
            printed.push(real(programs, &folder, changes, version)?);
        }
    }
    let headings = [
        "home",
        "changes",
        "bytes",
        "bytes/change",
        "recorder bytes/change",
        "of the recorder's",
    ];
    super::say("");
    table::print(&headings, &printed);
    Ok(())
}

/// The simulated home's past, read through its history.
fn simulated(programs: &Path, folder: &Path) -> anyhow::Result<Vec<String>> {
    std::fs::create_dir_all(folder)?;
    let port = http::free_port()?;
    let mut command = Command::new(programs.join("home-simulator"));
    command
        .current_dir(folder)
        .env_clear()
        .env("SIMULATOR_PORT", port.to_string())
        .env("SIMULATOR_TOKEN", TOKEN)
        .env("SIMULATOR_LIVE_EVENTS_PER_SECOND", "0");
    let home = Server::start("home-simulator", &mut command, folder)?;
    let url = format!("http://127.0.0.1:{port}");
    let services = Services::start(programs, folder, &url, TOKEN)?;
    let stored = all_stored(&services)?;
    services.stop()?;
    home.stop()?;
    row("simulated, 30 days", folder, stored, None)
}

/// Changes of a real Home Assistant, as they are fired, and what its recorder takes for them.
fn real(
    programs: &Path,
    folder: &Path,
    changes: u32,
    version: &str,
) -> anyhow::Result<Vec<String>> {
    std::fs::create_dir_all(folder)?;
    let bench = crate::workspace::root().join(crate::e2e::USUAL_BENCH);
    let home = HomeAssistant::start(&Bench::find(&bench)?, version, folder)?;
    let mut services = Services::start(programs, folder, home.url()?, home.token()?)?;
    services.wait_until_listening()?;
    // Half over REST and services, as integrations and people do it, half at once.
    home.drive(&Drive::new(Way::Rest, changes / 8, "e2e_size_rest"))?;
    home.drive(&Drive::new(Way::WebSocket, changes / 8, "e2e_size_ws"))?;
    home.drive(&Drive::new(Way::Burst, changes / 4 * 3, "e2e_size_burst"))?;
    let stored = all_stored(&services)?;
    services.stop()?;
    let database = home.database();
    drop(home);
    let rows = peers::sqlite3_output(
        &database,
        "SELECT COUNT(*) FROM states;\nPRAGMA wal_checkpoint(TRUNCATE);\n",
    )?;
    let rows: u64 = rows.lines().next().unwrap_or_default().trim().parse()?;
    let bytes = peers::sqlite3_output(
        &database,
        "SELECT SUM(pgsize) FROM dbstat WHERE name IN ('states', 'state_attributes', 'states_meta') OR name LIKE 'ix_state%';\n",
    )?;
    let bytes: f64 = bytes.trim().parse()?;
    ensure!(
        rows > u64::from(changes) / 2,
        "the recorder has {rows} rows only"
    );
    row(
        &format!("Home Assistant {version}"),
        folder,
        stored,
        Some(bytes / rows as f64),
    )
}

/// Waits until no more comes than a home at rest fires; how many rows there are.
fn all_stored(services: &Services) -> anyhow::Result<u64> {
    let mut before = 0;
    patience::until("a store that is complete", QUIET_WITHIN, || {
        std::thread::sleep(Duration::from_secs(4));
        let stored = services.stored()?;
        let is_quiet = stored > 0 && stored - before <= stored / 1000;
        before = stored;
        Ok(is_quiet.then_some(stored))
    })
}

/// Bytes of the tables and indexes of events, in pages, as the recorder's are counted.
fn row(
    home: &str,
    folder: &Path,
    stored: u64,
    recorder: Option<f64>,
) -> anyhow::Result<Vec<String>> {
    let database = folder.join("data-api/data/homeiq.db");
    let bytes = peers::sqlite3_output(
        &database,
        "SELECT SUM(pgsize) FROM dbstat WHERE name LIKE 'event%' OR name LIKE 'sqlite_autoindex_event%';\n",
    )?;
    let bytes: f64 = bytes.trim().parse().context("the store has no events")?;
    let each = bytes / stored as f64;
    Ok(vec![
        home.to_owned(),
        stored.to_string(),
        format!("{bytes:.0}"),
        format!("{each:.1}"),
        recorder.map_or_else(|| "–".to_owned(), |recorder| format!("{recorder:.1}")),
        recorder.map_or_else(
            || "–".to_owned(),
            |recorder| format!("{:.2}", each / recorder),
        ),
    ])
}
