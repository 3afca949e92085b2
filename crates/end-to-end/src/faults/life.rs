//! What happens in the home: readings at changing rates, bursts, changes of attributes only, states that go and come back.

use std::time::Duration;

use common::instant::UtcMicros;
use home_simulator::Simulator;
use home_simulator::home::Attributes;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::chance::Chance;
use super::world::World;

/// Made-up entities, of which some are away at times.
const MADE_UP: u64 = 40;
/// Lights of the home: they have attributes that history leaves out.
const LIGHTS: [&str; 4] = [
    "light.kitchen_ceiling",
    "light.toilet",
    "light.living_room_floor_lamp",
    "light.made_up",
];
/// Between two handfuls of changes.
const TICK: Duration = Duration::from_millis(10);
/// States that have led programs astray.
const ODD_STATES: [&str; 6] = [
    "unavailable",
    "unknown",
    "",
    "Zoë's \"quoted\" \\ 🏠 state",
    "None",
    "  12,5 ",
];

/// Lives until then.
pub(super) async fn live(world: &World, chance: &mut Chance, until: Instant) -> anyhow::Result<()> {
    let mut number = 0;
    while Instant::now() < until {
        let rate = chance.pick(&[(2, 0), (3, 5), (4, 60), (3, 250), (1, 800)]);
        let spell = Instant::now() + chance.seconds(1.0, 6.0);
        if chance.once_in(5) {
            let count = chance.number(200, 3000) as usize;
            if let Some(home) = &*world.home.read().await {
                home.burst(count).await;
            }
        }
        let mut due = 0.0;
        while Instant::now() < spell.min(until) {
            due += f64::from(rate) * TICK.as_secs_f64();
            if let Some(home) = &*world.home.read().await {
                while due >= 1.0 {
                    due -= 1.0;
                    number += 1;
                    change(home, chance, number);
                }
            } else {
                // Nobody counts what happens while Home Assistant is away.
                due = 0.0;
            }
            sleep(TICK).await;
        }
    }
    Ok(())
}

/// One change of any kind.
pub(super) fn change(home: &Simulator, chance: &mut Chance, number: u64) -> Option<UtcMicros> {
    let entity_id = format!("sensor.faults_{:02}", chance.number(0, MADE_UP));
    let by_user = chance.once_in(4);
    match chance.number(0, 100) {
        0..=2 => {
            home.remove_state(&entity_id);
            None
        }
        3..=4 => {
            let odd = ODD_STATES[chance.number(0, ODD_STATES.len() as u64) as usize];
            home.set(&entity_id, odd, Attributes::new(), by_user)
        }
        5..=14 => {
            let light = LIGHTS[chance.number(0, LIGHTS.len() as u64) as usize];
            let state = if chance.once_in(3) { "off" } else { "on" };
            let attributes = json!({"friendly_name": "A lamp", "brightness": number % 256,
                "color_mode": "brightness", "supported_features": 40, "effect": format!("{number}")});
            home.set(light, state, object(attributes), by_user)
        }
        // The state stays: only the attributes change.
        15..=34 => {
            let attributes = json!({"unit_of_measurement": "lx", "n": number, "nested": {"list": [1, 2.5, null, "ü"]}});
            home.set(&entity_id, "attributes", object(attributes), by_user)
        }
        _ => {
            let attributes = json!({"unit_of_measurement": "W", "friendly_name": "Made up"});
            home.set(&entity_id, &number.to_string(), object(attributes), by_user)
        }
    }
}

fn object(value: serde_json::Value) -> Attributes {
    match value {
        serde_json::Value::Object(attributes) => attributes,
        _ => Attributes::new(),
    }
}
