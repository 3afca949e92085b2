use serde_json::{Value, json};

use super::*;

fn at(second: i64) -> UtcMicros {
    UtcMicros::default().plus_seconds(second)
}

fn raw(attributes: &Value) -> Box<RawValue> {
    serde_json::value::to_raw_value(attributes).unwrap()
}

fn change(entity_id: &str, state: Option<&str>, second: i64) -> NewEvent {
    NewEvent {
        entity_id: entity_id.parse().unwrap(),
        state: state.map(str::to_owned),
        attributes: Some(raw(
            &json!({"friendly_name": format!("Name of {entity_id}")}),
        )),
        last_changed: None,
        last_updated: at(second),
        context: None,
        origin: Origin::Live,
        startup: None,
        device_id: None,
        area_id: None,
    }
}

fn state(entity_id: &str, state: &str, attributes: &Value, second: i64) -> (EntityId, Seen) {
    let entity_id: EntityId = entity_id.parse().unwrap();
    let kind = Kind::of(entity_id.domain()).unwrap();
    let seen = Seen::read(kind, state.to_owned(), Some(&raw(attributes)), at(second));
    (entity_id, seen)
}

/// A house with its task at hand.
#[derive(Default)]
struct Scene {
    house: House,
    rooms: Rooms,
    enrichment: Enrichment,
}

impl Scene {
    /// What the house's task does when it wakes; returns what `/api/status/house` would answer.
    fn look(&mut self) -> Value {
        if self.house.take_in(&mut self.rooms) || self.house.view().is_some() {
            self.house.show(&self.enrichment, &mut self.rooms);
        }
        let view = self.house.view();
        view.map_or(Value::Null, |view| {
            serde_json::from_str(&view.whole(None, true, at(0))).unwrap()
        })
    }

    /// The states are read, and these changes come meanwhile.
    fn connect(&mut self, states: Snapshot, meanwhile: &[NewEvent]) -> Value {
        self.house.inbox().is_reading = true;
        for change in meanwhile {
            self.house.note(change);
        }
        self.look();
        self.house.take_states(Ok(states));
        self.look()
    }
}

#[test]
fn every_section_is_as_the_contract_says() {
    let mut scene = Scene::default();
    let seen = scene.connect(
        vec![
            state(
                "climate.x",
                "heat",
                &json!({"current_temperature": 20.5, "temperature": 21}),
                1,
            ),
            state(
                "climate.y",
                "off",
                &json!({"friendly_name": "Y", "temperature": null, "temperature_unit": "°F"}),
                1,
            ),
            state("person.ann", "home", &json!({"friendly_name": "Ann"}), 1),
            state("light.a", "on", &json!({}), 1),
            state("light.b", "unavailable", &json!({}), 1),
            state(
                "binary_sensor.front",
                "on",
                &json!({"friendly_name": "Front", "device_class": "door"}),
                1,
            ),
            state(
                "binary_sensor.hall",
                "off",
                &json!({"device_class": "motion"}),
                1,
            ),
            state(
                "binary_sensor.lock",
                "off",
                &json!({"device_class": "lock"}),
                1,
            ),
            state(
                "binary_sensor.leak",
                "on",
                &json!({"device_class": "moisture"}),
                1,
            ),
            state("binary_sensor.plain", "unavailable", &json!({}), 1),
            state("switch.a", "on", &json!({}), 1),
            state("switch.b", "off", &json!({}), 1),
            state("automation.b", "on", &json!({}), 1),
        ],
        &[],
    );
    let sensor = |id: &str, name: &str, state: &str, class: Value| json!([{"name": name, "state": state, "device_class": class, "entity_id": id}]);
    let want = json!({
        "climate": [
            {"entity_id": "climate.x", "friendly_name": "", "current_temperature": 20.5, "target_temperature": 21, "hvac_mode": "heat", "unit": "C"},
            {"entity_id": "climate.y", "friendly_name": "Y", "current_temperature": null, "target_temperature": null, "hvac_mode": "off", "unit": "F"},
        ],
        "presence": [{"name": "Ann", "state": "home", "entity_id": "person.ann"}],
        "lights_by_area": [{"area": "unknown", "on_count": 1, "off_count": 1}],
        "sensors": {
            "door": sensor("binary_sensor.front", "Front", "open", json!("door")),
            "motion": sensor("binary_sensor.hall", "binary_sensor.hall", "clear", json!("motion")),
            "lock": sensor("binary_sensor.lock", "binary_sensor.lock", "locked", json!("lock")),
            "moisture": sensor("binary_sensor.leak", "binary_sensor.leak", "on", json!("moisture")),
            "unknown": sensor("binary_sensor.plain", "binary_sensor.plain", "unavailable", json!(null)),
        },
        "switches_on": ["switch.a"],
        "active_automations": ["automation.b"],
        "connected": true,
        "timestamp": at(0),
    });
    assert_eq!(seen, want);
}

#[test]
fn nothing_is_told_before_the_states_were_read() {
    let mut scene = Scene::default();
    scene.house.note(&change("light.a", Some("on"), 1));
    assert_eq!(scene.look(), Value::Null);
}

#[test]
fn changes_that_came_while_the_states_were_read_count_where_they_are_newer() {
    let mut scene = Scene::default();
    let none = json!({});
    let seen = scene.connect(
        vec![
            state("switch.older_change", "on", &none, 5),
            state("switch.newer_change", "off", &none, 5),
            state("switch.removed", "on", &none, 5),
            state("switch.back_again", "on", &none, 5),
        ],
        &[
            change("switch.older_change", Some("off"), 4),
            change("switch.newer_change", Some("on"), 6),
            change("switch.removed", None, 6),
            change("switch.back_again", None, 4),
            change("switch.new", Some("on"), 6),
        ],
    );
    let want = json!([
        "switch.back_again",
        "switch.new",
        "switch.newer_change",
        "switch.older_change"
    ]);
    assert_eq!(seen["switches_on"], want);
}

#[test]
fn later_changes_count_in_the_order_in_which_they_come_whatever_the_clock_says() {
    let mut scene = Scene::default();
    scene.connect(vec![state("switch.a", "off", &json!({}), 5000)], &[]);
    scene.house.note(&change("switch.a", Some("off"), 5001));
    scene.house.note(&change("switch.a", Some("on"), 1400));
    assert_eq!(scene.look()["switches_on"], json!(["switch.a"]));
}

#[test]
fn what_is_removed_or_gone_at_the_next_connection_is_shown_no_more() {
    let mut scene = Scene::default();
    let none = json!({});
    scene.connect(
        vec![
            state("switch.a", "on", &none, 1),
            state("switch.b", "on", &none, 1),
        ],
        &[],
    );
    scene.house.note(&change("switch.a", None, 2));
    assert_eq!(scene.look()["switches_on"], json!(["switch.b"]));
    let seen = scene.connect(vec![state("switch.c", "on", &none, 1)], &[]);
    assert_eq!(seen["switches_on"], json!(["switch.c"]));
}

#[test]
fn a_delta_is_the_whole_section_and_only_of_what_changed() {
    let mut scene = Scene::default();
    let person =
        |name: &str, state: &str| self::state(&format!("person.{name}"), state, &json!({}), 1);
    scene.connect(vec![person("ann", "home"), person("bob", "home")], &[]);
    let before = scene.house.view().unwrap();
    scene.house.note(&change("person.bob", Some("not_home"), 2));
    // More of the same is no change that anybody sees.
    scene.house.note(&change("sensor.power", Some("7"), 2));
    scene.look();
    let deltas = scene.house.view().unwrap().deltas_since(&before);
    assert_eq!(deltas.len(), 1);
    let delta: Value = serde_json::from_str(&deltas[0]).unwrap();
    let data = json!([
        {"name": "person.ann", "state": "home", "entity_id": "person.ann"},
        {"name": "Name of person.bob", "state": "not_home", "entity_id": "person.bob"},
    ]);
    assert_eq!(
        delta,
        json!({"type": "delta", "section": "presence", "data": data})
    );
}

#[test]
fn a_light_moves_with_its_area_when_the_registries_are_read_again() {
    let mut scene = Scene::default();
    scene.connect(vec![state("light.a", "on", &json!({}), 1)], &[]);
    for area in ["hall", "attic"] {
        scene.enrichment.say(&[("light.a", area)], None);
        scene.rooms.touch(Kind::Light);
        let want = json!([{"area": area, "on_count": 1, "off_count": 0}]);
        assert_eq!(scene.look()["lights_by_area"], want);
    }
}

#[test]
fn the_unit_of_temperatures_is_that_of_the_home() {
    let mut scene = Scene::default();
    scene.enrichment.say(&[], Some("°F"));
    let seen = scene.connect(vec![state("climate.a", "heat", &json!({}), 1)], &[]);
    assert_eq!(seen["climate"][0]["unit"], "F");
}

#[test]
fn what_is_kept_has_a_bound_and_so_has_what_waits() {
    let mut scene = Scene::default();
    let many = (0..MAX_ENTITIES + 10).map(|n| state(&format!("switch.n{n}"), "on", &json!({}), 1));
    let seen = scene.connect(many.collect(), &[]);
    assert_eq!(seen["switches_on"].as_array().unwrap().len(), MAX_ENTITIES);
    for n in 0..MAX_ENTITIES + 10 {
        scene
            .house
            .note(&change(&format!("switch.m{n}"), Some("on"), 1));
    }
    assert_eq!(scene.house.inbox().changes.len(), MAX_ENTITIES);
    let seen = scene.look();
    assert_eq!(seen["switches_on"].as_array().unwrap().len(), MAX_ENTITIES);
}

#[test]
fn attributes_of_odd_types_spoil_only_themselves() {
    let mut scene = Scene::default();
    let odd = json!({"friendly_name": 7, "current_temperature": "warm", "temperature": [1], "device_class": {}});
    let seen = scene.connect(
        vec![
            state("climate.a", "heat", &odd, 1),
            state("binary_sensor.b", "on", &odd, 1),
        ],
        &[],
    );
    assert_eq!(seen["climate"][0]["current_temperature"], Value::Null);
    assert_eq!(seen["sensors"]["unknown"][0]["name"], "binary_sensor.b");
}
