//! Mines a file of state changes: `mine_jsonl EVENTS.jsonl TIME_ZONE [REGISTRY.json]` prints the habits as JSON, and the run's report on standard error.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::ExitCode;

use common::entity::EntityId;
use common::instant::UtcMicros;
use pattern_mining::{Change, Timeline, mine};
use serde::Deserialize;

#[derive(Deserialize)]
struct Line {
    t: UtcMicros,
    entity_id: EntityId,
    state: Option<String>,
    context: Option<common::api::events::Context>,
}

#[derive(Deserialize, Default)]
struct Registry {
    entities: Vec<Registered>,
}

#[derive(Deserialize)]
struct Registered {
    entity_id: String,
    device_class: Option<String>,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, events, zone, rest @ ..] = &arguments[..] else {
        return Err("want: mine_jsonl EVENTS.jsonl TIME_ZONE [REGISTRY.json]".into());
    };
    let registry: Registry = match rest.first() {
        Some(path) => serde_json::from_reader(BufReader::new(File::open(path)?))?,
        None => Registry::default(),
    };
    let classes: HashMap<&str, &str> = registry
        .entities
        .iter()
        .filter_map(|entity| Some((&*entity.entity_id, entity.device_class.as_deref()?)))
        .collect();
    let mut timeline = Timeline::new(jiff::tz::TimeZone::get(zone)?);
    for line in BufReader::new(File::open(events)?).lines() {
        let line: Line = serde_json::from_str(&line?)?;
        let entity = timeline.entity(&line.entity_id);
        timeline.describe(entity, None, classes.get(line.entity_id.as_str()).copied());
        let context = line.context.unwrap_or_default();
        timeline.push(&Change {
            entity,
            at: line.t,
            state: line.state.as_deref(),
            previous: None,
            startup: false,
            context_id: context.id.as_deref(),
            context_parent_id: context.parent_id.as_deref(),
        });
    }
    let outcome = mine(timeline, &[]);
    serde_json::to_writer_pretty(std::io::stdout().lock(), &outcome.patterns)?;
    eprintln!("{}", serde_json::to_string_pretty(&outcome.report)?);
    Ok(())
}
