//! What other automations have to do with a habit.

use home_assistant_automation::{Automation, Behaviour, Relation};
use serde_json::{Value, json};

use crate::made;

fn relation(habit: &Automation, existing: &Value) -> Relation {
    home_assistant_automation::relation(&habit.behaviour(), &Behaviour::of(existing))
}

fn weekdays_at_seven() -> Automation {
    made(json!({"time_of_day_minutes": 420, "days": "weekday"}))
}

fn at(time: &str, service: &str) -> Value {
    json!({"alias": "x", "triggers": [{"trigger": "time", "at": time}], "actions": [{"action": service,
        "target": {"entity_id": ["light.hall", "light.kitchen"]}}]})
}

#[test]
fn an_automation_covers_its_own_habit_and_one_of_older_words() {
    let habit = weekdays_at_seven();
    assert_eq!(relation(&habit, &habit.json()), Relation::Covers);
    let old = json!({"trigger": {"platform": "time", "at": "07:10"},
        "action": {"service": "light.turn_on", "entity_id": "light.hall, light.kitchen"}});
    assert_eq!(relation(&habit, &old), Relation::Covers);
}

#[test]
fn another_time_another_day_or_another_lamp_is_another_thing() {
    let habit = weekdays_at_seven();
    assert_eq!(
        relation(&habit, &at("07:20:00", "light.turn_on")),
        Relation::Covers
    );
    assert_eq!(
        relation(&habit, &at("08:00:00", "light.turn_on")),
        Relation::None
    );
    assert_eq!(
        relation(&habit, &at("07:00:00", "light.toggle")),
        Relation::None
    );
    let mut mondays = at("07:00:00", "light.turn_on");
    mondays["conditions"] = json!([{"condition": "time", "weekday": "mon"}]);
    assert_eq!(relation(&habit, &mondays), Relation::None);
    let hall = json!({"triggers": [{"trigger": "time", "at": "07:00"}], "actions": [{"action": "light.turn_on",
        "target": {"entity_id": "light.hall"}}]});
    assert_eq!(relation(&habit, &hall), Relation::None);
    for strange in [
        json!(null),
        json!([]),
        json!({"triggers": 1, "actions": "x"}),
        json!({"use_blueprint": {"path": "x"}}),
    ] {
        assert_eq!(relation(&habit, &strange), Relation::None);
    }
}

#[test]
fn the_opposite_contradicts_also_within_a_choice() {
    let habit = weekdays_at_seven();
    assert_eq!(
        relation(&habit, &at("06:50:00", "light.turn_off")),
        Relation::Contradicts
    );
    let chosen = json!({"triggers": [{"trigger": "time", "at": "07:00:00"}], "actions": [{"choose": [{"conditions": [],
        "sequence": [{"action": "homeassistant.turn_off", "target": {"entity_id": "light.kitchen"}}]}]}]});
    assert_eq!(relation(&habit, &chosen), Relation::Contradicts);
    let mut weekend = at("07:00:00", "light.turn_off");
    weekend["conditions"] = json!([{"condition": "time", "weekday": ["sat", "sun"]}]);
    assert_eq!(relation(&habit, &weekend), Relation::None);
}

#[test]
fn held_for_a_time_is_not_reached() {
    let habit = made(json!({"type": "duration", "minutes": 30.0}));
    let reached = json!({"triggers": [{"trigger": "state", "entity_id": "light.kitchen", "to": "on"}],
        "actions": [{"action": "light.turn_off", "target": {"entity_id": "light.kitchen"}}]});
    assert_eq!(relation(&habit, &reached), Relation::None);
    let mut held = reached;
    held["triggers"][0]["for"] = json!("00:30:00");
    assert_eq!(relation(&habit, &held), Relation::Covers);
}
