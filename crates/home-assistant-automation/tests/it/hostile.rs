//! Names, states and ids that are meant to break or to inject.

use home_assistant_automation::automate;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{check_forms, pattern};

/// What begins a template.
const MARKS: [&str; 3] = ["{{", "{%", "{#"];

/// Text with more of what is dangerous than chance would bring.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<String>(),
        Just("{{ states('sensor.x') }}".to_owned()),
        Just("{% if true %}{# #}".to_owned()),
        Just("\"\n'\\: - # ".to_owned()),
        Just("!secret password".to_owned()),
        Just("\u{202e}\u{0}\u{85}\u{2028}\u{feff}\u{1f600}".to_owned()),
        Just("on".to_owned()),
        Just("06:45:00".to_owned()),
        Just("!input entity_1\n- &a *a".to_owned()),
    ];
    proptest::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(list) => list.iter().for_each(|value| texts(value, found)),
        Value::Object(map) => map.values().for_each(|value| texts(value, found)),
        _ => {}
    }
}

proptest! {
    #[test]
    fn whatever_the_home_is_called_the_forms_agree_and_nothing_is_a_template(
        sentence in hostile(), id in hostile(), entity in hostile(), state in prop_oneof![3 => Just("on".to_owned()), 1 => hostile()], number in any::<f64>(),
        kind in prop_oneof![Just("time_of_day"), Just("pair"), Just("conditional"), Just("sequence"), Just("routine"), Just("duration")],
        real in any::<bool>(),
    ) {
        let entity = if real { "input_select.mode".to_owned() } else { format!("light.{entity}") };
        let number = if number.is_finite() { number } else { 1.0 };
        let habit = pattern(json!({"id": id, "type": kind, "sentence": sentence, "entities": ["input_boolean.a", entity, "light.b"],
            "states": [state.clone(), state.clone(), "on"], "time_of_day_minutes": 65_535, "minutes": number, "gaps_s": [number, -1.0],
            "delay_s": number, "sun": {"event": "sunset", "minutes": i32::MIN},
            "condition": {"kind": "numeric", "entity": "sensor.x", "above": number}}));
        if let Ok(automation) = automate(&habit) {
            check_forms(&automation);
            for form in [automation.yaml(), automation.blueprint()] {
                for mark in MARKS {
                    prop_assert!(!form.contains(mark), "{form}");
                }
                prop_assert!(form.chars().all(|c| c == '\n' || !c.is_control()), "{form}");
                prop_assert!(!form.contains("\n!"), "{form}");
            }
            let mut all = Vec::new();
            texts(&automation.json(), &mut all);
            let is_template = |text: &String| MARKS.iter().any(|mark| text.contains(mark));
            prop_assert!(!all.iter().any(is_template), "{all:?}");
            prop_assert!(automation.id().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'));
        }
    }

    #[test]
    fn a_state_is_kept_letter_by_letter_or_refused(state in hostile()) {
        let habit = pattern(json!({"entities": ["input_select.mode"], "states": [state.clone()], "time_of_day_minutes": 60}));
        if let Ok(automation) = automate(&habit) {
            prop_assert_eq!(&automation.json()["actions"][0]["data"]["option"], &json!(state));
        }
    }
}
