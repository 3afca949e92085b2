//! What each kind becomes.

use home_assistant_automation::NotAutomatable;
use serde_json::json;

use crate::{check_forms, made, pattern, refused};

#[test]
fn a_time_of_the_day_is_written_as_people_would() {
    let automation = made(json!({"time_of_day_minutes": 405, "days": "weekday"}));
    check_forms(&automation);
    assert_eq!(
        automation.yaml(),
        r#"# In automations.yaml also: id: "homeiq_00ab12cd34ef5678"
alias: "Kitchen light turns on around 06:45 on weekdays"
description: "HomeIQ pattern 00ab12cd34ef5678: Kitchen light turns on around 06:45 on weekdays (38 of 41 days). Seen 2026-09-24 to 2026-11-20, 38 of 41 times, q=4.00e-3."
triggers:
  - trigger: "time"
    at: "06:45:00"
conditions:
  - condition: "time"
    weekday: ["mon", "tue", "wed", "thu", "fri"]
actions:
  - action: "light.turn_on"
    target:
      entity_id: "light.kitchen"
mode: "single"
max_exceeded: "silent"
"#
    );
    assert_eq!(
        automation.blueprint(),
        r#"blueprint:
  name: "Kitchen light turns on around 06:45 on weekdays"
  description: "HomeIQ pattern 00ab12cd34ef5678: Kitchen light turns on around 06:45 on weekdays (38 of 41 days). Seen 2026-09-24 to 2026-11-20, 38 of 41 times, q=4.00e-3."
  domain: "automation"
  author: "HomeIQ"
  homeassistant:
    min_version: "2024.10.0"
  input:
    time:
      name: "Time of the day"
      selector:
        time: {}
      default: "06:45:00"
    entity_1:
      name: "Entity 1 (light)"
      selector:
        entity:
          filter:
            - domain: "light"
      default: "light.kitchen"
triggers:
  - trigger: "time"
    at: !input time
conditions:
  - condition: "time"
    weekday: ["mon", "tue", "wed", "thu", "fri"]
actions:
  - action: "light.turn_on"
    target:
      entity_id: !input entity_1
mode: "single"
max_exceeded: "silent"
"#
    );
}

#[test]
fn the_sun_comes_before_the_clock() {
    let automation =
        made(json!({"time_of_day_minutes": 1200, "sun": {"event": "sunset", "minutes": -30}}));
    check_forms(&automation);
    let trigger = json!({"trigger": "sun", "event": "sunset", "offset": "-00:30:00"});
    assert_eq!(automation.json()["triggers"], json!([trigger]));
    let at_once =
        made(json!({"time_of_day_minutes": 400, "sun": {"event": "sunrise", "minutes": 0}}));
    assert_eq!(
        at_once.json()["triggers"],
        json!([{"trigger": "sun", "event": "sunrise"}])
    );
}

#[test]
fn a_pair_acts_at_once_or_after_its_pause() {
    let of = |delay: f64| {
        made(
            json!({"type": "pair", "entities": ["binary_sensor.door", "cover.blind"], "states": ["on", "closed"], "delay_s": delay}),
        )
    };
    let (soon, later) = (of(8.0), of(600.0));
    check_forms(&soon);
    check_forms(&later);
    let trigger = json!({"trigger": "state", "entity_id": "binary_sensor.door", "not_from": ["unavailable", "unknown"], "to": "on"});
    assert_eq!(soon.json()["triggers"], json!([trigger]));
    let action = json!({"action": "cover.close_cover", "target": {"entity_id": "cover.blind"}});
    assert_eq!(soon.json()["actions"], json!([action]));
    assert_eq!(soon.json()["mode"], "single");
    let pause = json!({"delay": {"hours": 0, "minutes": 10, "seconds": 0}});
    assert_eq!(later.json()["actions"], json!([pause, action]));
    assert_eq!(later.json()["mode"], "restart");
    assert_eq!(
        later.targets(),
        [("cover.blind".to_owned(), "closed".to_owned())]
    );
}

#[test]
fn every_condition_is_written() {
    for (condition, wanted) in [
        (
            json!({"kind": "dark"}),
            json!({"condition": "state", "entity_id": "sun.sun", "state": "below_horizon"}),
        ),
        (
            json!({"kind": "light"}),
            json!({"condition": "state", "entity_id": "sun.sun", "state": "above_horizon"}),
        ),
        (
            json!({"kind": "weekend"}),
            json!({"condition": "time", "weekday": ["sat", "sun"]}),
        ),
        (
            json!({"kind": "state", "entity": "person.kim", "state": "home"}),
            json!({"condition": "state", "entity_id": "person.kim", "state": "home"}),
        ),
        (
            json!({"kind": "numeric", "entity": "sensor.lux", "below": 30.5}),
            json!({"condition": "numeric_state", "entity_id": "sensor.lux", "below": 30.5}),
        ),
    ] {
        let automation = made(
            json!({"type": "conditional", "entities": ["binary_sensor.motion", "light.hall"], "states": ["on", "on"],
            "delay_s": 3.0, "condition": condition}),
        );
        check_forms(&automation);
        assert_eq!(automation.json()["conditions"], json!([wanted]));
    }
}

#[test]
fn a_sequence_waits_for_what_only_reports() {
    let automation = made(json!({"type": "sequence", "gaps_s": [20.0, 90.0, 30.0],
        "entities": ["binary_sensor.door", "binary_sensor.motion", "light.hall", "sensor.end"], "states": ["on", "on", "on", "x"]}));
    check_forms(&automation);
    let steps = automation.json()["actions"].clone();
    let kinds: Vec<&str> = ["wait_for_trigger", "delay", "action"].to_vec();
    assert_eq!(steps.as_array().unwrap().len(), 3, "{steps}");
    assert!(
        kinds
            .iter()
            .zip(steps.as_array().unwrap())
            .all(|(kind, step)| step.get(kind).is_some()),
        "{steps}"
    );
    assert_eq!(steps[0]["continue_on_timeout"], false);
    let end = refused(
        json!({"type": "sequence", "entities": ["light.a", "sensor.b"], "states": ["on", "x"]}),
    );
    assert!(matches!(end, NotAutomatable::OnlyReports { .. }));
}

#[test]
fn steps_of_a_time_of_the_day_are_taken_around_it_only() {
    let steps = json!({"type": "sequence", "gaps_s": [40.0], "entities": ["switch.kettle", "light.hall"], "states": ["on", "on"],
        "time_of_day_minutes": 10, "window_minutes": 10, "days": "weekend"});
    let automation = made(steps.clone());
    check_forms(&automation);
    assert_eq!(
        automation.json()["conditions"],
        json!([
            {"condition": "time", "weekday": ["sat", "sun"]},
            {"condition": "time", "after": "23:40:00", "before": "00:40:00"}
        ])
    );
    let mut by_the_sun = steps;
    by_the_sun["sun"] = json!({"event": "sunset", "minutes": -20});
    by_the_sun["window_minutes"] = json!(45);
    let automation = made(by_the_sun);
    check_forms(&automation);
    assert_eq!(
        automation.json()["conditions"][1],
        json!({"condition": "sun", "after": "sunset", "after_offset": "-01:05:00", "before": "sunset", "before_offset": "+00:25:00"})
    );
}

#[test]
fn a_routine_has_its_time_and_a_scene_its_members() {
    let members = json!({"type": "routine", "entities": ["light.a", "switch.b", "light.rarely"], "states": ["off", "off", "off"],
        "member_share": [1.0, 0.9, 0.3], "time_of_day_minutes": 1380});
    let routine = made(members.clone());
    check_forms(&routine);
    assert_eq!(routine.json()["triggers"][0]["at"], "23:00:00");
    assert_eq!(routine.targets().len(), 2);
    let mut scene = members;
    scene["scene"] = json!(true);
    let scene = made(scene);
    check_forms(&scene);
    let triggers = scene.json()["triggers"].clone();
    assert_eq!(triggers.as_array().unwrap().len(), 2, "{triggers}");
    assert_eq!(triggers[1]["entity_id"], "switch.b");
}

#[test]
fn a_duration_ends_what_it_held() {
    let automation = made(json!({"type": "duration", "minutes": 12.5}));
    check_forms(&automation);
    assert_eq!(
        automation.json()["triggers"][0]["for"],
        json!({"hours": 0, "minutes": 12, "seconds": 30})
    );
    assert_eq!(
        automation.targets(),
        [("light.kitchen".to_owned(), "off".to_owned())]
    );
    let locked = json!({"type": "duration", "minutes": 5.0, "entities": ["lock.front"], "states": ["locked"]});
    assert!(matches!(refused(locked), NotAutomatable::Dangerous { .. }));
    let open = json!({"type": "duration", "minutes": 5.0, "entities": ["lock.front"], "states": ["unlocked"]});
    assert_eq!(made(open).json()["actions"][0]["action"], "lock.lock");
}

#[test]
fn what_cannot_be_done_says_why() {
    assert_eq!(refused(json!({"type": "anomaly"})), NotAutomatable::Oddity);
    assert_eq!(refused(json!({})), NotAutomatable::NoTrigger);
    let at = |entity: &str, state: &str| {
        refused(json!({"entities": [entity], "states": [state], "time_of_day_minutes": 1}))
    };
    assert!(matches!(
        at("binary_sensor.door", "on"),
        NotAutomatable::OnlyReports { .. }
    ));
    assert!(matches!(
        at("light.kitchen", "mauve"),
        NotAutomatable::NoService { .. }
    ));
    assert!(matches!(
        at("lock.front", "unlocked"),
        NotAutomatable::Dangerous { .. }
    ));
    assert!(matches!(
        at("light.Küche", "on"),
        NotAutomatable::BadEntityId { .. }
    ));
    assert!(matches!(
        at("input_select.a", "{{ x }}"),
        NotAutomatable::BadState { .. }
    ));
    let reason = serde_json::to_value(at("lock.front", "unlocked")).unwrap();
    assert_eq!(reason["reason"], "dangerous");
    assert_eq!(pattern(json!({})).id, "00ab12cd34ef5678");
}
