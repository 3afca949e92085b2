//! The things in a planted home.

use serde_json::{Value, json};

use crate::home::chance::Chance;

/// A thing that can be at work.
#[derive(Debug, Clone)]
pub(super) struct Thing {
    pub(super) id: String,
    pub(super) room: String,
    pub(super) class: Option<&'static str>,
    pub(super) device: String,
    pub(super) on: &'static str,
    pub(super) off: &'static str,
    /// Usual time at work, in seconds.
    pub(super) usual: f64,
    pub(super) members: Vec<String>,
}

/// Rooms in the order in which homes get them.
const ROOMS: [&str; 12] = [
    "kitchen",
    "parlour",
    "bedroom",
    "bath",
    "corridor",
    "study",
    "nursery",
    "cellar",
    "attic",
    "pantry",
    "workshop",
    "conservatory",
];
/// One thing that a room has.
type Fitting = (
    &'static str,
    &'static str,
    Option<&'static str>,
    &'static str,
    &'static str,
    f64,
);
/// What a room has: domain, name, device class, states at work and at rest, usual seconds at work.
const FITTINGS: [Fitting; 12] = [
    ("light", "main", None, "on", "off", 2_700.0),
    ("light", "side", None, "on", "off", 1_800.0),
    ("binary_sensor", "door", Some("door"), "on", "off", 30.0),
    (
        "binary_sensor",
        "window",
        Some("window"),
        "on",
        "off",
        600.0,
    ),
    (
        "binary_sensor",
        "drawer",
        Some("opening"),
        "on",
        "off",
        20.0,
    ),
    ("switch", "plug", None, "on", "off", 1_200.0),
    ("media_player", "radio", None, "playing", "idle", 2_400.0),
    ("climate", "radiator", None, "heat", "off", 5_400.0),
    ("fan", "fan", None, "on", "off", 1_500.0),
    (
        "cover",
        "shutter",
        Some("shutter"),
        "open",
        "closed",
        14_000.0,
    ),
    ("light", "shelf", None, "on", "off", 2_000.0),
    ("switch", "outlet", None, "on", "off", 1_500.0),
];

/// Everything, and what of it is still free for a part.
#[derive(Debug)]
pub(super) struct Cast {
    /// All things, also those with a part.
    pub(super) things: Vec<Thing>,
    free: Vec<usize>,
    /// Rooms there are.
    pub(super) rooms: Vec<String>,
    /// Further rows of the registry.
    pub(super) others: Vec<Value>,
}

impl Cast {
    pub(super) fn new(chance: &mut Chance, more_rooms: usize) -> Self {
        let count = 8 + chance.pick(4) + more_rooms;
        let room = |number: usize| {
            let name = ROOMS[number % ROOMS.len()];
            if number < ROOMS.len() {
                name.to_owned()
            } else {
                format!("{name}_{}", number / ROOMS.len() + 1)
            }
        };
        let rooms: Vec<String> = (0..count).map(room).collect();
        let mut things = Vec::new();
        for room in &rooms {
            for (domain, name, class, on, off, usual) in FITTINGS {
                if chance.happens(0.85) {
                    things.push(Thing {
                        id: format!("{domain}.{room}_{name}"),
                        room: room.clone(),
                        class,
                        device: format!("device_{room}_{name}"),
                        on,
                        off,
                        usual,
                        members: Vec::new(),
                    });
                }
            }
        }
        let free = (0..things.len()).collect();
        Self {
            things,
            free,
            rooms,
            others: Vec::new(),
        }
    }

    /// A free thing of one of these domains, for a part of its own.
    pub(super) fn take(&mut self, chance: &mut Chance, domains: &[&str]) -> Option<Thing> {
        let fits: Vec<usize> = (0..self.free.len())
            .filter(|&place| {
                let id = &self.things[self.free[place]].id;
                domains
                    .iter()
                    .any(|domain| id.starts_with(&format!("{domain}.")))
            })
            .collect();
        if fits.is_empty() {
            return None;
        }
        let place = fits[chance.pick(fits.len())];
        Some(self.things[self.free.swap_remove(place)].clone())
    }

    /// The things without a part.
    pub(super) fn extras(&self) -> Vec<Thing> {
        self.free
            .iter()
            .map(|&thing| self.things[thing].clone())
            .collect()
    }

    pub(super) fn registry(&self, zone: &str) -> Value {
        let row = |thing: &Thing| {
            json!({
                "entity_id": thing.id,
                "area": thing.room,
                "device_id": thing.device,
                "device_class": thing.class,
                "members": if thing.members.is_empty() { Value::Null } else { json!(thing.members) },
            })
        };
        let rows: Vec<Value> = self
            .things
            .iter()
            .map(row)
            .chain(self.others.iter().cloned())
            .collect();
        json!({"time_zone": zone, "entities": rows})
    }
}
