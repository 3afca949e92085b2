//! Search in the demo's home, in plain words: labelled questions, first by keywords alone, then with the model, which comes while it runs.

use std::path::Path;
use std::time::Duration;

use models::{Cache, Manifest};
use serde_json::Value;
use test_support::{eventually, minilm};
use url::Url;

use crate::process::Running;

/// An unoptimised build on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// Places in which a right answer counts.
const PLACES: usize = 3;
/// Of the ten, those that keywords alone answer.
const BY_KEYWORDS: usize = 4;

/// A question, and what answers it: the kind of a result and a part of its id or its title. One of them is enough.
type Label = (&'static str, &'static [(&'static str, &'static str)]);

const LABELS: [Label; 10] = [
    (
        "what happens when we go to bed",
        &[
            ("habit", "Bedside right turns on"),
            ("habit", "Bedroom shutter closes"),
        ],
    ),
    (
        "music at breakfast",
        &[("habit", "Kitchen radio starts playing around 06:")],
    ),
    (
        "watching a film in the evening",
        &[("habit", "Television starts playing around 20:")],
    ),
    (
        "lock up the house at night",
        &[
            ("habit", "Front door is locked around 22:"),
            ("action", "lock.lock lock.front_door"),
        ],
    ),
    (
        "electricity consumption of the whole home",
        &[("entity", "sensor.house_energy")],
    ),
    (
        "make it warmer",
        &[("action", "climate.set_temperature climate.")],
    ),
    (
        "washing clothes",
        &[
            ("entity", "switch.washing_machine"),
            ("action", "switch.turn_on switch.washing_machine"),
        ],
    ),
    (
        "close the blinds",
        &[("action", "cover.close_cover cover.living_room_blind")],
    ),
    ("working from home", &[("entity", "switch.office_computer")]),
    (
        "fresh air in the bathroom after a shower",
        &[
            ("entity", "fan.bathroom"),
            ("action", "fan.turn_on fan.bathroom"),
        ],
    ),
];

/// Other languages: a name that is alike is found; the model knows English, and what it finds beyond that is luck.
const FOREIGN: [Label; 2] = [
    (
        "televisión en el salón",
        &[("entity", "media_player.living_room_tv")],
    ),
    (
        "Musik in der Küche",
        &[
            ("entity", "media_player.kitchen_radio"),
            (
                "action",
                "media_player.media_play media_player.kitchen_radio",
            ),
        ],
    ),
];

async fn ask(service: &Url, question: &str) -> Value {
    let mut url = service.join("/api/v1/search").expect("an address");
    url.query_pairs_mut()
        .append_pair("q", question)
        .append_pair("limit", &PLACES.to_string());
    let answer = reqwest::get(url).await.expect("an answer");
    assert_eq!(answer.status(), 200, "{question}");
    let body: Value = answer.json().await.expect("JSON");
    body["data"].clone()
}

/// Whether what answers the question is among the first; what was found, for those who want to know.
async fn holds(service: &Url, (question, right): &Label) -> (bool, String) {
    let found = ask(service, question).await;
    let results = found["results"].as_array().expect("results");
    let text = |hit: &Value, name: &str| hit[name].as_str().expect("a text").to_owned();
    let is_right = |hit: &Value| {
        right.iter().any(|(kind, part)| {
            text(hit, "kind") == *kind
                && (text(hit, "id").starts_with(part) || text(hit, "title").starts_with(part))
        })
    };
    let told: Vec<String> = results
        .iter()
        .map(|hit| {
            format!(
                "{} {} [{}]",
                text(hit, "kind"),
                text(hit, "title"),
                text(hit, "id")
            )
        })
        .collect();
    (
        results.iter().any(is_right),
        format!("{question}: {told:?}"),
    )
}

/// Puts the real model where homeiq looks for it.
fn provide(home: &Path) {
    let manifest = Manifest::shipped();
    let model = manifest.get("all-MiniLM-L6-v2").expect("known");
    let folder = Cache::at(home.join("hub")).folder(model);
    std::fs::create_dir_all(folder.parent().expect("a parent")).expect("a folder");
    let weights = minilm::folder().expect("the real weights");
    std::os::unix::fs::symlink(weights, folder).expect("a link");
}

#[tokio::test]
async fn ten_labelled_questions_are_answered_among_the_first_three() {
    common::tls::install();
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("models");
    let mut running = Running::start(folder.path(), &[("HF_HOME", home.to_str().unwrap())]);
    running.until("Habits found in this home", PATIENCE);
    let list = running.until("/api/v1/patterns/list", PATIENCE);
    let service: Url = list.split_whitespace().next().unwrap().parse().unwrap();
    assert_eq!(ask(&service, "bed").await["semantic"], "off (no model)");
    let mut by_keywords = Vec::new();
    for label in &LABELS {
        by_keywords.push(holds(&service, label).await);
    }
    let held = by_keywords.iter().filter(|(holds, _)| *holds).count();
    assert!(held >= BY_KEYWORDS, "by keywords {held}: {by_keywords:#?}");
    assert!(by_keywords[0].0, "{by_keywords:#?}");
    provide(&home);
    eventually("the model", PATIENCE, async || {
        (ask(&service, "bed").await["semantic"] == "on").then_some(())
    })
    .await
    .unwrap();
    for label in LABELS.iter().chain(&FOREIGN) {
        let (holds, found) = holds(&service, label).await;
        assert!(holds, "{found}");
    }
    println!(
        "by keywords alone {held} of {}: {by_keywords:#?}",
        LABELS.len()
    );
    assert_eq!(running.terminate().0, Some(0));
}
