//! `cargo xtask import-test`: the recorder of a real Home Assistant, imported by the real program, compared row for row.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Args;
use serde_json::Value;

use crate::e2e::bench_options::BenchOptions;
use crate::e2e::home_assistant::{Bench, Drive, HomeAssistant, Way};
use crate::http::{self, Peer};
use crate::server::Server;
use crate::{patience, process, table, workspace};

/// Everything that the recorder says of a change, read as CPython and Home Assistant's own code do it.
const READ: &str = r#"
import datetime, json, sqlite3, sys
from ulid_transform import bytes_to_ulid_or_none as ulid
def at(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).isoformat(timespec="microseconds")
rows = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True, timeout=30).execute(
    "SELECT m.entity_id, s.state, a.shared_attrs, s.last_updated_ts, s.last_changed_ts, s.context_id_bin, s.context_parent_id_bin, "
    "s.context_user_id_bin FROM states s JOIN states_meta m USING (metadata_id) LEFT JOIN state_attributes a USING (attributes_id)")
for entity_id, state, attributes, updated, changed, context, parent, user in rows:
    attributes = json.loads(attributes or "{}")
    state = state if state or attributes else None
    print(json.dumps({"entity_id": entity_id, "timestamp": at(updated), "state": state, "attributes": attributes,
        "last_changed": None if state is None else at(changed if changed is not None else updated),
        "context_id": ulid(context), "context_parent_id": ulid(parent), "context_user_id": user.hex() if user else None}))
"#;
const UP_WITHIN: Duration = Duration::from_secs(30);
const PAGE: usize = 10_000;
/// Differences that are shown.
const SHOWN: usize = 5;

#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    home_assistants: BenchOptions,
    /// State changes to fire
    #[arg(long, default_value_t = 4_000)]
    events: u32,
    /// Programs without optimisation, which are built sooner
    #[arg(long)]
    debug: bool,
}

/// The fields that are compared, by entity and instant.
type Rows = BTreeMap<(String, String), Value>;

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let bench = options.home_assistants.bench()?;
    let programs = workspace::build(&["homeiq", "data-api"], !options.debug)?;
    let mut lines = Vec::new();
    for version in &options.home_assistants.versions {
        let folder = tempfile::Builder::new()
            .prefix("homeiq-import-")
            .tempdir()?;
        let line = try_one(&bench, &programs, version, folder.path(), options.events);
        lines.push(line.with_context(|| version.clone())?);
    }
    table::print(
        &[
            "Home Assistant",
            "rows",
            "of these removals",
            "imported twice",
        ],
        &lines,
    );
    Ok(())
}

fn try_one(
    bench: &Bench,
    programs: &Path,
    version: &str,
    folder: &Path,
    events: u32,
) -> anyhow::Result<Vec<String>> {
    let home = HomeAssistant::start(bench, version, folder)?;
    for drive in [
        Drive::new(Way::WebSocket, events / 2, "e2e_ws"),
        Drive::new(Way::Burst, events - events / 2, "e2e_burst"),
        Drive::new(Way::Scenario, 0, "e2e_removal"),
    ] {
        home.drive(&drive)?;
    }
    // Once while it writes: the file must be readable, and what comes later is left to the next run.
    let data = folder.join("data");
    import(programs, &data, &home.database())?;
    home.stop()?;
    import(programs, &data, &home.database())?;
    let again = import(programs, &data, &home.database())?;
    let recorded = recorded(&home)?;
    let stored = stored(programs, folder, &data)?;
    let missing: Vec<_> = recorded
        .keys()
        .filter(|key| !stored.contains_key(*key))
        .take(SHOWN)
        .collect();
    ensure!(
        missing.is_empty(),
        "rows of the recorder that are not stored: {missing:?}"
    );
    let differ = |(key, row): &(&(String, String), &Value)| stored.get(*key) != Some(*row);
    let different: Vec<_> = recorded.iter().filter(differ).take(SHOWN).collect();
    if let Some((key, row)) = different.first() {
        anyhow::bail!(
            "{key:?} is {row} in the recorder and {:?} here",
            stored.get(*key)
        );
    }
    ensure!(
        stored.len() == recorded.len(),
        "{} rows are stored, the recorder has {}",
        stored.len(),
        recorded.len()
    );
    ensure!(
        recorded.len() > events as usize,
        "the recorder has only {} rows",
        recorded.len()
    );
    let removals = recorded
        .values()
        .filter(|row| row["state"].is_null())
        .count();
    ensure!(removals > 0, "no entity was removed");
    ensure!(
        again.contains("stored                     0"),
        "a repeated import stored something:\n{again}"
    );
    Ok(vec![
        version.to_owned(),
        recorded.len().to_string(),
        removals.to_string(),
        "0".to_owned(),
    ])
}

/// Runs `homeiq import recorder`; its report.
fn import(programs: &Path, data: &Path, database: &Path) -> anyhow::Result<String> {
    let mut command = Command::new(programs.join("homeiq"));
    // Nobody listens on port 1: it starts a data-api of its own.
    command
        .env_clear()
        .env("HOMEIQ_DATA_DIR", data)
        .env("DATA_API_PORT", "1");
    process::output(command.args(["import", "recorder"]).arg(database))
}

fn recorded(home: &HomeAssistant) -> anyhow::Result<Rows> {
    let text = process::output(
        Command::new(home.python())
            .args(["-c", READ])
            .arg(home.database()),
    )?;
    let rows = text
        .lines()
        .map(|line| Ok(keyed(serde_json::from_str(line)?)));
    rows.collect::<anyhow::Result<Rows>>()
}

/// What data-api serves of the database that the import has left.
fn stored(programs: &Path, folder: &Path, data: &Path) -> anyhow::Result<Rows> {
    let port = http::free_port()?;
    let secrets = data.join("secrets");
    let mut command = Command::new(programs.join("data-api"));
    command
        .env_clear()
        .env("DATA_API_PORT", port.to_string())
        .env(
            "DATABASE_URL",
            format!("sqlite://{}", data.join("homeiq.db").display()),
        )
        .env("SECRETS_DIR", &secrets);
    let server = Server::start("data-api", &mut command, folder)?;
    let key = std::fs::read_to_string(secrets.join("data_api_key"))?;
    let peer = Peer::with_key(port, key.trim());
    patience::until("data-api", UP_WITHIN, || {
        Ok(peer
            .get("/ready")
            .ok()
            .filter(|answer| answer.status == 200))
    })?;
    let (mut rows, mut cursor) = (Rows::new(), String::new());
    loop {
        let answer = peer.get(&format!("/api/v1/events?limit={PAGE}&cursor={cursor}"))?;
        let next = answer.header("x-next-cursor").map(str::to_owned);
        let page = answer.json()?;
        let events = page.as_array().context("no list of events")?;
        rows.extend(events.iter().map(|event| keyed(of_event(event))));
        match next {
            Some(next) => cursor = next,
            None => break,
        }
    }
    server.stop()?;
    Ok(rows)
}

/// The compared fields of an event.
fn of_event(event: &Value) -> Value {
    let mut row = serde_json::Map::new();
    for name in [
        "entity_id",
        "timestamp",
        "state",
        "attributes",
        "context_id",
        "context_parent_id",
        "context_user_id",
    ] {
        row.insert(name.to_owned(), event[name].clone());
    }
    row.insert(
        "last_changed".to_owned(),
        event["new_state"]["last_changed"].clone(),
    );
    Value::Object(row)
}

fn keyed(row: Value) -> ((String, String), Value) {
    let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
    ((text("entity_id"), text("timestamp")), row)
}
