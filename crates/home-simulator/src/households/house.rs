//! The house: its rooms, its things, and what of them belongs together.

mod machines;
mod rooms;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::automation::{self, Automation};
use super::words::Naming;
use crate::home::chance::Chance;

/// Fewest and most things that people, sensors and machines have together, about.
const THINGS: (f64, f64) = (32.0, 220.0);
/// From so many things on a house has modes, indicators and more than one closet.
pub(super) const LARGE: f64 = 60.0;

/// What a thing is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// People switch it.
    Used,
    /// A door, a window or a cupboard that people open.
    Contact,
    /// Sees people move.
    Motion,
    /// A person, or a phone that tells where that person is.
    Presence,
    /// The door that people leave by.
    FrontDoor,
    /// The lock of that door.
    Lock,
    /// The lamp or the door of a closet, which only those touch who go in.
    Closet,
    /// Works by itself.
    SelfRunning,
    /// Started by people, ends by itself.
    Machine,
    /// Measures.
    Reading,
    /// Shows what its members do.
    Group,
    /// Shows what the other thing of the same device does.
    Indicator,
    /// Measures what a plug takes.
    Power,
    /// The line of an automation or a script.
    Automation,
    /// The sun or the weather.
    Sky,
}

/// One entity.
#[derive(Debug)]
pub(super) struct Thing {
    /// Its entity id.
    pub(super) id: String,
    /// Key of its room.
    pub(super) room: Option<&'static str>,
    /// Its area in the registry.
    area: Option<String>,
    device: Option<String>,
    class: Option<&'static str>,
    pub(super) role: Role,
    /// State at work.
    pub(super) on: &'static str,
    /// State at rest.
    pub(super) off: &'static str,
    /// Unplanned uses a day.
    pub(super) a_day: f64,
    /// Usual time at work, in minutes; of a motion sensor, how long it holds.
    pub(super) minutes: f64,
    /// Used in the evening more than by day.
    pub(super) evening: bool,
    /// Number of the bridge over which it is reached.
    pub(super) hub: usize,
    pub(super) members: Vec<usize>,
    /// Things that show what this one does.
    pub(super) shadows: Vec<usize>,
    /// What it takes at work, in watts, if a sensor measures it.
    pub(super) watts: f64,
    /// Has a part in a habit or an automation.
    pub(super) taken: bool,
    /// The habit that ends its uses after the same time.
    pub(super) ended_by: Option<usize>,
    /// It says nothing from this instant on, in microseconds.
    pub(super) silent_from: Option<i64>,
}

impl Thing {
    pub(super) fn domain(&self) -> &str {
        self.id.split('.').next().unwrap_or_default()
    }

    pub(super) fn is_of(&self, domains: &[&str]) -> bool {
        domains.contains(&self.domain())
    }
}

/// States at work and at rest.
fn states(domain: &str) -> (&'static str, &'static str) {
    match domain {
        "media_player" => ("playing", "idle"),
        "cover" => ("closed", "open"),
        "climate" => ("heat", "off"),
        "lock" => ("locked", "unlocked"),
        "alarm_control_panel" => ("armed_night", "disarmed"),
        "person" | "device_tracker" => ("home", "not_home"),
        _ => ("on", "off"),
    }
}

/// A room into which people go now and then, and put the light on by hand.
#[derive(Debug)]
pub(super) struct Closet {
    pub(super) motion: usize,
    pub(super) lamp: usize,
    pub(super) door: Option<usize>,
}

/// What a sensor measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measured {
    Temperature,
    Humidity,
    Brightness,
}

/// A sensor that tells its value now and then.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) thing: usize,
    pub(super) of: Measured,
    /// Minutes between two values.
    pub(super) every: f64,
    /// Asked on a beat.
    pub(super) polled: bool,
}

/// A thing that works by itself.
#[derive(Debug)]
pub(super) struct Cycle {
    pub(super) thing: usize,
    /// Minutes at work.
    pub(super) works: f64,
    /// Minutes at rest.
    pub(super) rests: f64,
}

/// Everything there is in a home.
#[derive(Debug)]
pub(super) struct House {
    pub(super) things: Vec<Thing>,
    /// Keys of the rooms that people live in.
    pub(super) rooms: Vec<&'static str>,
    pub(super) closets: Vec<Closet>,
    pub(super) front: usize,
    pub(super) lock: Option<usize>,
    pub(super) outside: usize,
    pub(super) sun: Option<usize>,
    pub(super) weather: Option<usize>,
    /// Motion sensors by the key of their room.
    pub(super) motions: BTreeMap<&'static str, usize>,
    pub(super) readings: Vec<Reading>,
    pub(super) cycles: Vec<Cycle>,
    pub(super) automations: Vec<Automation>,
    /// About how many things were wanted.
    pub(super) size: f64,
    /// Groups change in the context of the member that changed.
    pub(super) groups_share_context: bool,
    pub(super) naming: Naming,
    ids: BTreeSet<String>,
    /// Probability that an entity has no device class, and no area.
    unknown: (f64, f64),
    has_devices: bool,
}

impl House {
    /// A furnished house.
    pub(super) fn new(hardness: f64, chance: &mut Chance) -> Self {
        let (least, most): (f64, f64) = THINGS;
        let mut house = Self {
            things: Vec::new(),
            rooms: Vec::new(),
            closets: Vec::new(),
            front: 0,
            lock: None,
            outside: 0,
            sun: None,
            weather: None,
            motions: BTreeMap::new(),
            readings: Vec::new(),
            cycles: Vec::new(),
            automations: Vec::new(),
            size: chance.between(least.ln(), most.ln()).exp(),
            groups_share_context: chance.happens(0.85),
            naming: Naming::new(chance),
            ids: BTreeSet::new(),
            unknown: (
                *chance.one_of(&[0.0, 0.0, 0.3]),
                *chance.one_of(&[0.0, 0.0, 0.3, 1.0]),
            ),
            has_devices: chance.happens(0.75),
        };
        rooms::furnish(&mut house, chance);
        machines::install(&mut house, chance);
        automation::install(&mut house, hardness, chance);
        house
    }

    /// Adds a thing that is called by its room.
    pub(super) fn add(
        &mut self,
        domain: &'static str,
        room: Option<&'static str>,
        name: &'static str,
        role: Role,
        chance: &mut Chance,
    ) -> usize {
        let name = self.naming.thing(room, name, chance);
        self.add_named(&format!("{domain}.{name}"), room, role, chance)
    }

    /// Adds a thing of this entity id, or of one with a number behind it.
    pub(super) fn add_named(
        &mut self,
        id: &str,
        room: Option<&'static str>,
        role: Role,
        chance: &mut Chance,
    ) -> usize {
        let mut free = id.to_owned();
        let mut number = 2;
        while !self.ids.insert(free.clone()) {
            free = format!("{id}_{number}");
            number += 1;
        }
        let (on, off) = states(free.split('.').next().unwrap_or_default());
        let has_area = !chance.happens(self.unknown.1);
        self.things.push(Thing {
            area: room
                .filter(|_| has_area)
                .map(|room| self.naming.word(room).to_owned()),
            device: Some(format!("device_{}", self.things.len())),
            class: None,
            id: free,
            room,
            role,
            on,
            off,
            a_day: 0.0,
            minutes: 20.0,
            evening: false,
            hub: chance.pick(HUBS),
            members: Vec::new(),
            shadows: Vec::new(),
            watts: 0.0,
            taken: false,
            ended_by: None,
            silent_from: None,
        });
        self.things.len() - 1
    }

    /// Says of what class a thing is, if the household's integration knows.
    fn classify(&mut self, thing: usize, class: &'static str, chance: &mut Chance) {
        if !chance.happens(self.unknown.0) {
            self.things[thing].class = Some(class);
        }
    }

    /// Puts a thing on the device of another.
    fn on_device_of(&mut self, of: usize, thing: usize) {
        let device = self.things[of].device.clone();
        self.things[thing].device = device;
    }

    /// Lets a thing show what another does, on the same device.
    fn shadow(&mut self, of: usize, shadow: usize) {
        self.on_device_of(of, shadow);
        self.things[of].shadows.push(shadow);
    }

    /// A thing, and everything that shows what it does.
    pub(super) fn with_shadows(&self, thing: usize) -> Vec<usize> {
        let shadows = self.things[thing].shadows.iter().copied();
        std::iter::once(thing).chain(shadows).collect()
    }

    /// The motion sensor of the room that a thing is in.
    pub(super) fn motion_at(&self, thing: usize) -> Option<usize> {
        self.motions.get(self.things[thing].room?).copied()
    }

    /// What tells that somebody comes or goes, apart from that person.
    pub(super) fn entrance(&self) -> Vec<usize> {
        let hall = self.motions.get("hall").copied();
        std::iter::once(self.front)
            .chain(self.lock)
            .chain(hall)
            .collect()
    }

    /// What is known of the entities, in the form of `homeiq mine --registry`.
    pub(super) fn registry(&self, zone: &str) -> Value {
        let row = |thing: &Thing| {
            let members: Vec<&str> = thing.members.iter().map(|&m| &*self.things[m].id).collect();
            let has_device = self.has_devices
                && !matches!(
                    thing.role,
                    Role::Group | Role::Automation | Role::Presence | Role::Sky
                )
                && !thing.is_of(&["input_boolean"]);
            json!({
                "entity_id": thing.id,
                "area": thing.area,
                "device_id": thing.device.as_ref().filter(|_| has_device),
                "device_class": thing.class,
                "members": if thing.role == Role::Group { json!(members) } else { Value::Null },
            })
        };
        let rows: Vec<Value> = self.things.iter().map(row).collect();
        json!({"time_zone": zone, "entities": rows})
    }
}

/// Bridges of a home.
pub(super) const HUBS: usize = 4;
