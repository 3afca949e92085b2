//! `homeiq mine` on what data-api has exported.

use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use crate::process::homeiq;

fn mine(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = homeiq(folder, &[])
        .arg("mine")
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

/// A light that goes on about 07:00 UTC and off at changing times, and a door that a lamp follows: 40 days.
fn home() -> Vec<(i64, &'static str, &'static str)> {
    let start = 1_790_000_000 / 86_400 * 86_400;
    let mut changes = Vec::new();
    for day in 0..40_i64 {
        let midnight = start + day * 86_400;
        let on = midnight + 7 * 3_600 + (day * 37 % 9 - 4) * 60;
        changes.push((on, "light.kitchen", "on"));
        changes.push((on + 600 + day * 7_919 % 397 * 60, "light.kitchen", "off"));
        for visit in 0..2_i64 {
            let opened = midnight + (9 + 6 * visit) * 3_600 + (day * 2 + visit) * 7_919 % 18_000;
            changes.push((opened, "binary_sensor.cellar_door", "on"));
            changes.push((opened + 8 + day % 5, "light.cellar", "on"));
            changes.push((
                opened + 60 + day * 31 % 240,
                "binary_sensor.cellar_door",
                "off",
            ));
            changes.push((opened + 400 + day * 1_237 % 5_000, "light.cellar", "off"));
        }
    }
    changes.sort_unstable();
    changes
}

fn instant(second: i64) -> String {
    common::instant::UtcMicros::new(second * 1_000_000)
        .unwrap()
        .to_string()
}

fn write(path: &Path, lines: impl Iterator<Item = Value>) {
    let lines: Vec<String> = lines.map(|line| line.to_string()).collect();
    let text = lines.join("\n");
    std::fs::write(path, text).unwrap();
}

#[test]
fn a_file_in_time_order_and_an_export_of_the_same_home_have_the_same_habits() {
    let folder = tempfile::tempdir().unwrap();
    let of = |name: &str| folder.path().join(name);
    write(&of("events.jsonl"), home().into_iter().map(|(second, entity_id, state)| {
        json!({"t": instant(second), "entity_id": entity_id, "state": state, "context": {"id": format!("{entity_id}{second}")}})
    }));
    let mut by_entity = home();
    by_entity.sort_by_key(|&(second, entity_id, _)| (entity_id, second));
    write(&of("export.ndjson"), by_entity.into_iter().map(|(second, entity_id, state)| {
        json!({"entity_id": entity_id, "state": state, "last_changed": instant(second), "last_updated": instant(second),
            "context_id": format!("{entity_id}{second}"), "context_parent_id": null, "context_user_id": null,
            "origin": "live", "startup": false})
    }));
    let mined = |file: &str| -> Value {
        let (code, out, said) = mine(folder.path(), &[file, "--timezone", "UTC", "--json", "-"]);
        assert_eq!(code, Some(0), "{said}");
        serde_json::from_str(&out).unwrap()
    };
    let patterns = mined("events.jsonl");
    let kinds: Vec<&str> = patterns
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["type"].as_str().unwrap())
        .collect();
    assert!(
        kinds.contains(&"pair") && kinds.contains(&"time_of_day"),
        "{kinds:?}"
    );
    assert_eq!(mined("export.ndjson"), patterns);

    let (code, out, _) = mine(folder.path(), &["events.jsonl", "--timezone", "UTC"]);
    assert_eq!(code, Some(0));
    assert!(out.contains("Kitchen turns on around 0"), "{out}");
}
