//! `cargo xtask automation-test`: habits become automations of a real Home Assistant, which checks them, keeps them and runs them.

mod household;
mod kinds;
mod socket;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::Args;
use serde_json::{Value, json};

use self::household::Household;
use self::socket::Socket;
use crate::e2e::bench_options::BenchOptions;
use crate::e2e::home_assistant::{Bench, HomeAssistant};
use crate::http::Peer;
use crate::{patience, table, workspace};

const HEADINGS: [&str; 6] = [
    "Home Assistant",
    "kinds checked",
    "blueprints",
    "created and run",
    "acted, taken back",
    "seconds",
];
/// Automations that are not in the file of Home Assistant's own configuration, as in every home.
const CONFIGURATION: &str = "\nautomation of_the_editor: !include automations.yaml\n";
const SOON: Duration = Duration::from_secs(45);
/// The pair that is planted: a helper is turned on, and the lamp some seconds later.
const TRIGGER: &str = "input_boolean.guest_mode";
const LAMP: &str = "light.kitchen_lights";
/// What is turned on every evening.
const EVENING: &str = "switch.decorative_lights";

#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    home_assistants: BenchOptions,
    /// Programs without optimisation, which are built sooner
    #[arg(long)]
    debug: bool,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let bench = options.home_assistants.bench()?;
    let programs = workspace::build(&household::PROGRAMS, !options.debug)?;
    let mut rows = Vec::new();
    for version in &options.home_assistants.versions {
        let folder = tempfile::Builder::new()
            .prefix("homeiq-automation-")
            .tempdir()?;
        match try_one(&bench, &programs, version, folder.path()) {
            Ok(row) => rows.push(row),
            Err(error) => {
                let kept = folder.keep();
                return Err(error.context(format!("{version}; the logs are in {}", kept.display())));
            }
        }
    }
    table::print(&HEADINGS, &rows);
    Ok(())
}

fn try_one(
    bench: &Bench,
    programs: &Path,
    version: &str,
    folder: &Path,
) -> anyhow::Result<Vec<String>> {
    let begun = Instant::now();
    let home = HomeAssistant::start_with(bench, version, folder, CONFIGURATION)?;
    let mut socket = Socket::open(&home)?;
    let checked = kinds::check_all(&home, &mut socket)?;
    let blueprints = kinds::save_blueprints(&home, &mut socket)?;

    let house = Household::start(programs, folder, &home)?;
    house.live()?;
    house.analyse()?;
    house.check_all_forms()?;
    check_notification(&mut socket)?;
    let pair = house.habit(&[TRIGGER, LAMP])?;
    let evening = house.habit(&[EVENING])?;
    let peer = home.peer()?;
    let entity = create(&house, &pair)?;
    add_foreign(&peer, &evening)?;
    follow(&house, &peer, &pair)?;
    house.analyse()?;
    check_relations(&house, &entity)?;
    remove(&house, &peer, &pair)?;
    house.stop()?;
    Ok(vec![
        version.to_owned(),
        checked.to_string(),
        blueprints.to_string(),
        "yes".to_owned(),
        "2, 1".to_owned(),
        begun.elapsed().as_secs().to_string(),
    ])
}

fn key(habit: &Value) -> anyhow::Result<&str> {
    habit["pattern_key"].as_str().context("a habit has a key")
}

/// Creates the automation of a habit, twice; its entity.
fn create(house: &Household, habit: &Value) -> anyhow::Result<String> {
    let path = format!("/api/v1/patterns/{}/create", key(habit)?);
    let first = house.patterns.post(&path, "")?;
    ensure!(first.status == 201, "creating: {first:?}");
    let again = house.patterns.post(&path, "")?;
    ensure!(again.status == 200, "creating again: {again:?}");
    let data = again.json()?["data"].clone();
    let entity = data["entity_id"]
        .as_str()
        .with_context(|| format!("it is not loaded: {data}"))?;
    let shown = house.habit(&[TRIGGER, LAMP])?;
    ensure!(
        shown["covered_by"] == json!([entity]),
        "not covered by its own: {shown}"
    );
    Ok(entity.to_owned())
}

/// Somebody's own automations: one does what the evening's habit does, in words of older versions; one does the opposite of the pair.
fn add_foreign(peer: &Peer, evening: &Value) -> anyhow::Result<()> {
    let minute = evening["metadata"]["time_of_day_minutes"]
        .as_u64()
        .context("a time")?;
    let at = format!("{:02}:{:02}:00", minute / 60, minute % 60);
    for (id, config) in [
        (
            "mine_evening",
            json!({"alias": "My evening", "trigger": [{"platform": "time", "at": at}],
                "action": [{"service": "switch.turn_on", "target": {"entity_id": EVENING}}]}),
        ),
        (
            "mine_opposite",
            json!({"alias": "My opposite", "triggers": [{"trigger": "state", "entity_id": [TRIGGER], "to": "on"}],
                "conditions": [{"condition": "numeric_state", "entity_id": "input_number.target_humidity", "above": 79}],
                "actions": [{"action": "light.turn_off", "target": {"entity_id": LAMP}}]}),
        ),
    ] {
        let path = format!("/api/config/automation/config/{id}");
        peer.post(&path, &config.to_string())?.json().context(id)?;
    }
    Ok(())
}

/// Lets the trigger happen twice; after the first time a person takes it back.
fn follow(house: &Household, peer: &Peer, habit: &Value) -> anyhow::Result<()> {
    let path = format!("/api/v1/patterns/{}/automation/effect", key(habit)?);
    for (turn, wanted) in [(1, (1, 1)), (2, (2, 1))] {
        call(peer, "light/turn_off", LAMP)?;
        call(peer, "input_boolean/turn_off", TRIGGER)?;
        call(peer, "input_boolean/turn_on", TRIGGER)?;
        patience::until("the automation to turn on the lamp", SOON, || {
            Ok((state(peer, LAMP)? == "on").then_some(()))
        })?;
        if turn == 1 {
            call(peer, "light/turn_off", LAMP)?;
        }
        let counted = |effect: &Value| (effect["fired"].as_u64(), effect["undone"].as_u64());
        let mut last = Value::Null;
        patience::until("the effect to be counted", SOON, || {
            last = house.patterns.get(&path)?.json()?["data"].clone();
            Ok((counted(&last) == (Some(wanted.0), Some(wanted.1))).then_some(()))
        })
        .with_context(|| format!("turn {turn}: {last}"))?;
        if turn == 1 {
            // What follows is no longer about the first time.
            call(peer, "light/turn_off", LAMP)?;
        }
    }
    Ok(())
}

fn check_relations(house: &Household, entity: &str) -> anyhow::Result<()> {
    let shown = house.habit(&[EVENING])?;
    ensure!(
        shown["covered_by"] == json!(["automation.my_evening"]),
        "the evening is not covered: {shown}"
    );
    let shown = house.habit(&[TRIGGER, LAMP])?;
    ensure!(
        shown["covered_by"] == json!([entity]),
        "the pair is covered by others: {shown}"
    );
    ensure!(
        shown["contradicted_by"] == json!(["automation.my_opposite"]),
        "nothing contradicts the pair: {shown}"
    );
    ensure!(
        shown["automation"]["entity_id"] == entity,
        "the habit does not show its automation: {shown}"
    );
    Ok(())
}

/// The notification about new habits, with names that are only names.
fn check_notification(socket: &mut Socket) -> anyhow::Result<()> {
    let all = socket.ask(json!({"type": "persistent_notification/get"}))?;
    let mut list = all.as_array().into_iter().flatten();
    let found = list.find(|note| note["notification_id"] == "homeiq_new_habits");
    let message = found.with_context(|| format!("no notification: {all}"))?["message"].to_string();
    ensure!(
        message.contains("http://homeiq.example:8020/"),
        "no link: {message}"
    );
    ensure!(
        !message.contains("{{"),
        "a name is not written as one: {message}"
    );
    Ok(())
}

fn remove(house: &Household, peer: &Peer, habit: &Value) -> anyhow::Result<()> {
    let key = key(habit)?;
    let path = format!("/api/v1/patterns/{key}/create");
    house.patterns.delete(&path)?.json()?;
    let left = peer
        .get(&format!("/api/config/automation/config/homeiq_{key}"))?
        .status;
    ensure!(left == 404, "it is still there: {left}");
    let again = house.patterns.delete(&path)?.status;
    ensure!(again == 404, "removing what is gone: {again}");
    Ok(())
}

fn call(peer: &Peer, service: &str, entity: &str) -> anyhow::Result<()> {
    let body = json!({"entity_id": entity}).to_string();
    peer.post(&format!("/api/services/{service}"), &body)?
        .text()?;
    Ok(())
}

fn state(peer: &Peer, entity: &str) -> anyhow::Result<String> {
    let state = peer.get(&format!("/api/states/{entity}"))?.json()?;
    Ok(state["state"].as_str().unwrap_or_default().to_owned())
}
