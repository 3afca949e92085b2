//! An automation of every kind of habit, with names that are meant to break it, before Home Assistant itself.

use std::process::Command;

use anyhow::{Context as _, ensure};
use home_assistant_automation::{Automation, automate};
use pattern_mining::pattern::Pattern;
use serde_json::{Value, json};

use super::socket::Socket;
use crate::e2e::home_assistant::HomeAssistant;
use crate::process;

/// What a name may be.
const HOSTILE: &str = "Lamp \"{{ states('sensor.x') }}\" '{% set x = 1 %}' {# c #}\n!secret pass: - & * \u{202e}\u{0}\u{2028}\u{85} on \u{1f600}";
/// Reads YAML as Home Assistant does, with the tags of blueprints.
const READ: &str = r#"
import json, sys, yaml
class Loader(yaml.SafeLoader): pass
Loader.add_constructor("!input", lambda loader, node: {"input": node.value})
print(json.dumps(yaml.load(open(sys.argv[1], encoding="utf-8"), Loader)))
"#;

fn patterns() -> Vec<(&'static str, Value)> {
    let pair = |condition: Value| {
        json!({"type": "conditional", "entities": ["binary_sensor.movement_backyard", "light.bed_light"], "states": ["on", "on"],
            "delay_s": 12.0, "condition": condition})
    };
    vec![
        (
            "time",
            json!({"time_of_day_minutes": 405, "days": "weekday"}),
        ),
        ("one day", json!({"time_of_day_minutes": 0, "days": [2]})),
        (
            "sunset",
            json!({"sun": {"event": "sunset", "minutes": -30}}),
        ),
        (
            "sunrise",
            json!({"sun": {"event": "sunrise", "minutes": 75}, "entities": ["cover.living_room_window"], "states": ["open"]}),
        ),
        (
            "pair",
            json!({"type": "pair", "entities": ["person.nobody", "lock.front_door"], "states": ["not_home", "locked"], "delay_s": 300.0}),
        ),
        ("dark", pair(json!({"kind": "dark"}))),
        ("daylight", pair(json!({"kind": "light"}))),
        ("weekend", pair(json!({"kind": "weekend"}))),
        (
            "presence",
            pair(json!({"kind": "state", "entity": "person.nobody", "state": "home"})),
        ),
        (
            "hostile state",
            pair(
                json!({"kind": "state", "entity": "input_select.x", "state": "!secret 'a' \"b\": {c} on"}),
            ),
        ),
        (
            "numeric",
            pair(json!({"kind": "numeric", "entity": "sensor.outside_temperature", "above": 21.5})),
        ),
        (
            "tiny number",
            pair(
                json!({"kind": "numeric", "entity": "sensor.outside_temperature", "below": 0.000_000_1}),
            ),
        ),
        (
            "sequence",
            json!({"type": "sequence", "gaps_s": [20.0, 90.0, 30.0], "states": ["on", "on", "cool", "playing"],
                "entities": ["binary_sensor.basement_floor_wet", "binary_sensor.movement_backyard", "climate.hvac", "media_player.walkman"]}),
        ),
        (
            "steps around a time",
            json!({"type": "sequence", "gaps_s": [40.0], "entities": ["switch.ac", "light.bed_light"], "states": ["on", "on"],
                "time_of_day_minutes": 10, "days": "weekend"}),
        ),
        (
            "steps around sunset",
            json!({"type": "sequence", "gaps_s": [40.0], "entities": ["switch.ac", "light.bed_light"], "states": ["on", "on"],
                "time_of_day_minutes": 1200, "sun": {"event": "sunset", "minutes": -20}}),
        ),
        (
            "routine",
            json!({"type": "routine", "entities": ["light.bed_light", "switch.ac", "vacuum.first_floor", "fan.living_room_fan"],
                "states": ["off", "off", "docked", "off"], "time_of_day_minutes": 1380}),
        ),
        (
            "scene",
            json!({"type": "routine", "scene": true, "entities": ["light.bed_light", "input_boolean.vacation"], "states": ["off", "on"]}),
        ),
        (
            "duration",
            json!({"type": "duration", "minutes": 12.5, "entities": ["light.bed_light"], "states": ["on"]}),
        ),
        (
            "option",
            json!({"time_of_day_minutes": 60, "entities": ["select.speed"], "states": ["!secret 'a' \"b\": {c} on"]}),
        ),
    ]
}

/// Every kind, with a hostile name.
fn automations() -> anyhow::Result<Vec<(&'static str, Automation)>> {
    let made = patterns().into_iter().enumerate().map(|(number, (name, fields))| {
        let mut all = json!({
            "id": format!("{number:016x}"), "type": "time_of_day", "entities": ["light.kitchen_lights"], "states": ["on"],
            "status": "active", "confidence": 0.8, "q_value": 0.004, "occurrences": 38, "opportunities": 41, "days_seen": 38,
            "expected_by_chance": 1.0, "first_seen": 1, "last_seen": 2, "sentence": HOSTILE,
            "evidence": {"occurrences": [], "misses": []}
        });
        let fields = fields.as_object().context("fields")?;
        all.as_object_mut().context("fields")?.extend(fields.clone());
        let pattern: Pattern = serde_json::from_value(all).context(name)?;
        Ok((name, automate(&pattern).context(name)?))
    });
    made.collect()
}

/// Home Assistant finds each valid, keeps it as it was sent, loads it, and its YAML is the same automation. How many.
pub(super) fn check_all(home: &HomeAssistant, socket: &mut Socket) -> anyhow::Result<usize> {
    let all = automations()?;
    let peer = home.peer()?;
    for (name, automation) in &all {
        let mut command = automation.to_validate();
        command["type"] = json!("validate_config");
        let answer = socket.ask(command)?;
        for part in ["triggers", "conditions", "actions"] {
            ensure!(answer[part]["valid"] == true, "{name}: {part}: {answer}");
        }
        let read = read(home, &automation.yaml())?;
        ensure!(
            same(&read, &automation.json()),
            "{name}: the YAML says\n{read}\nand not\n{}",
            automation.json()
        );
        let path = format!("/api/config/automation/config/{}", automation.id());
        peer.post(&path, &automation.json().to_string())?
            .json()
            .context(*name)?;
        let kept = peer.get(&path)?.json()?;
        ensure!(
            kept["alias"] == automation.alias() && kept["actions"] == automation.json()["actions"],
            "{name}: kept as {kept}"
        );
    }
    let states = peer.get("/api/states")?.json()?;
    for (name, automation) in &all {
        let mut states = states.as_array().into_iter().flatten();
        let loaded = states.find(|state| state["attributes"]["id"] == automation.id());
        let loaded = loaded.with_context(|| format!("{name} is not loaded"))?;
        ensure!(
            loaded["attributes"]["friendly_name"] == automation.alias(),
            "{name}: {loaded}"
        );
        ensure!(loaded["state"] == "on", "{name}: {loaded}");
        let path = format!("/api/config/automation/config/{}", automation.id());
        peer.delete(&path)?.json().context(*name)?;
    }
    Ok(all.len())
}

/// Home Assistant takes each as a blueprint, and an automation made of it is the automation. How many.
pub(super) fn save_blueprints(home: &HomeAssistant, socket: &mut Socket) -> anyhow::Result<usize> {
    let all = automations()?;
    for (number, (name, automation)) in all.iter().enumerate() {
        let path = format!("homeiq/{number}.yaml");
        let yaml = automation.blueprint();
        read(home, &yaml).context(*name)?;
        socket
            .ask(json!({"type": "blueprint/save", "domain": "automation", "path": path, "yaml": yaml}))
            .context(*name)?;
        let filled = socket.ask(json!({"type": "blueprint/substitute", "domain": "automation", "path": path, "input": {}}))?;
        let filled = &filled["substituted_config"];
        for part in ["triggers", "conditions", "actions"] {
            ensure!(
                same(&filled[part], &automation.json()[part]),
                "{name}: filled as {filled}"
            );
        }
    }
    Ok(all.len())
}

fn read(home: &HomeAssistant, yaml: &str) -> anyhow::Result<Value> {
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), yaml)?;
    let mut python = Command::new(home.python());
    Ok(serde_json::from_str(&process::output(
        python.args(["-c", READ]).arg(file.path()),
    )?)?)
}

/// Equal, where 1 and 1.0 are.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(key, value)| other.get(key).is_some_and(|other| same(value, other)))
        }
        (one, other) => one == other,
    }
}
