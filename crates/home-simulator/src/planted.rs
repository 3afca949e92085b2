//! Homes with planted habits and a record of what was planted: for measuring a miner, not for showing to people.
//!
//! Everything follows from the seed. A home has habits of every kind, with jitter, misses, drifts, beginnings and ends; a life
//! around them that means nothing; and decoys that look like habits and are none. `hardness` from 0 to 1 widens the jitter, makes
//! misses more frequent, and loses some of the contexts by which automations are recognised.

mod cast;
mod decoys;
mod habits;
mod oddity;
mod scene;
mod truth;
mod uses;

use common::instant::UtcMicros;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::home::calendar::Day;
use crate::home::chance::Chance;
use cast::Cast;
pub use truth::Truth;

/// What kind of home to make.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// The number that everything follows from.
    pub seed: u64,
    /// Days that are recorded.
    pub days: i64,
    /// How hard the habits are to find, 0 to 1.
    pub hardness: f64,
    /// Whether there are habits at all; a home without them has everything else.
    pub habits: bool,
    /// Further rooms, for homes of a size.
    pub more_rooms: usize,
}

/// A recorded home.
#[derive(Debug)]
pub struct PlantedHome {
    /// IANA name of its time zone.
    pub zone: String,
    /// State changes in time order.
    pub changes: Vec<PlantedChange>,
    /// What is known of its entities, in the form of `homeiq mine --registry`.
    pub registry: Value,
    /// What was planted.
    pub truth: Truth,
}

/// One state change.
#[derive(Debug, Clone, PartialEq)]
pub struct PlantedChange {
    /// When.
    pub at: UtcMicros,
    /// Which entity.
    pub entity_id: String,
    /// The state after.
    pub state: String,
    /// Its context.
    pub context_id: String,
    /// The context that caused it.
    pub parent_id: Option<String>,
}

impl PlantedChange {
    /// The change as a line of the file form that `homeiq mine` reads.
    pub fn line(&self) -> String {
        json!({
            "t": self.at,
            "entity_id": self.entity_id,
            "state": self.state,
            "context": {"id": self.context_id, "parent_id": self.parent_id, "user_id": null},
        })
        .to_string()
    }
}

/// The home while it is made.
struct World {
    wanted: Wanted,
    days: Vec<Day>,
    /// Days on which nobody is at home.
    away: Vec<usize>,
    /// Days of which nothing was recorded.
    missing: Vec<usize>,
    events: Vec<Event>,
    truth: Truth,
    contexts: u64,
}

/// A change before it is put in order.
#[derive(Debug, Clone)]
struct Event {
    at: i64,
    entity: String,
    state: String,
    context: u64,
    parent: Option<u64>,
}

const SECOND: i64 = 1_000_000;

impl World {
    fn new(wanted: Wanted, chance: &mut Chance, zone: &TimeZone) -> Self {
        // From late winter to autumn: some homes have a change of the clocks inside.
        let months = [(2, 3), (3, 9), (5, 12), (9, 21), (10, 5)];
        let (month, day) = months[chance.pick(months.len())];
        let first = Day::new(Date::constant(2025, month, day), zone);
        let days: Vec<Day> = (0..wanted.days).map(|number| first.plus(number)).collect();
        let vacation = 10 + chance.pick((wanted.days as usize).saturating_sub(30).max(1));
        let missing = vec![
            4 + chance.pick(5),
            days.len().saturating_sub(12 + chance.pick(6)),
        ];
        Self {
            wanted,
            days,
            away: (vacation..vacation + 4).collect(),
            missing,
            events: Vec::new(),
            truth: Truth::default(),
            contexts: 0,
        }
    }

    fn at_home(&self, day: usize) -> bool {
        !self.away.contains(&day)
    }

    /// Somebody or something changes a state.
    fn change(&mut self, at: i64, entity: &str, state: &str) {
        self.contexts += 1;
        self.events.push(Event {
            at,
            entity: entity.to_owned(),
            state: state.to_owned(),
            context: self.contexts,
            parent: None,
        });
    }

    /// A use: the thing is at work from here for so many seconds.
    fn used(&mut self, at: i64, thing: &cast::Thing, seconds: f64) {
        self.change(at, &thing.id, thing.on);
        self.change(at + (seconds * 1e6) as i64, &thing.id, thing.off);
    }
}

/// Makes a home.
pub fn make(wanted: Wanted) -> PlantedHome {
    let mut chance = Chance::new(&[wanted.seed, 77]);
    let name = ["Europe/Amsterdam", "Europe/Brussels"][chance.pick(2)];
    let zone = TimeZone::get(name).unwrap_or(TimeZone::UTC);
    let mut world = World::new(wanted, &mut chance, &zone);
    let mut cast = Cast::new(&mut chance, wanted.more_rooms);
    if wanted.habits {
        habits::plant(&mut world, &mut cast, &mut chance);
    }
    decoys::plant(&mut world, &mut cast, &mut chance);
    decoys::idle_life(&mut world, &cast, &mut chance);
    let changes = recorded(&mut world, &mut chance);
    PlantedHome {
        zone: name.to_owned(),
        registry: cast.registry(name),
        truth: world.truth,
        changes,
    }
}

/// What the recorder kept: in order, without repeated states, without the missing days, with restarts and lost connections.
fn recorded(world: &mut World, chance: &mut Chance) -> Vec<PlantedChange> {
    decoys::outages(world, chance);
    world.events.sort_by_key(|event| event.at);
    let (Some(first), Some(last)) = (world.days.first(), world.days.last()) else {
        return Vec::new();
    };
    let (from, until) = (first.at(0.0), last.plus(1).at(0.0));
    let gaps: Vec<(i64, i64)> = world
        .missing
        .iter()
        .filter_map(|&day| world.days.get(day))
        .map(|day| (day.at(0.0), day.plus(1).at(0.0)))
        .collect();
    let kept = |at: i64| {
        (from..until).contains(&at) && !gaps.iter().any(|&(start, end)| (start..end).contains(&at))
    };
    let mut last_state: std::collections::HashMap<&str, &str> = std::collections::HashMap::new();
    let mut changes = Vec::with_capacity(world.events.len());
    let name = |context: u64| format!("01{context:024}");
    for event in &world.events {
        let automation = event.entity.starts_with("automation.");
        if last_state.insert(&event.entity, &event.state) == Some(event.state.as_str())
            && !automation
        {
            continue;
        }
        if kept(event.at) {
            changes.push(PlantedChange {
                at: UtcMicros::default().plus_micros(event.at),
                entity_id: event.entity.clone(),
                state: event.state.clone(),
                context_id: name(event.context),
                parent_id: event.parent.map(name),
            });
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(seed: u64) -> Wanted {
        Wanted {
            seed,
            days: 60,
            hardness: 0.2,
            habits: true,
            more_rooms: 0,
        }
    }

    #[test]
    fn a_seed_always_makes_the_same_home_and_another_seed_another() {
        let home = make(wanted(1));
        assert_eq!(home.changes, make(wanted(1)).changes);
        assert_ne!(home.changes, make(wanted(2)).changes);
        assert!(home.changes.is_sorted_by_key(|change| change.at));
    }

    #[test]
    fn every_kind_is_planted_and_happened_often_enough() {
        let home = make(wanted(3));
        for kind in [
            "time_of_day",
            "pair",
            "conditional",
            "sequence",
            "routine",
            "duration",
            "anomaly",
        ] {
            assert!(
                home.truth
                    .patterns
                    .iter()
                    .any(|pattern| pattern["type"] == kind),
                "no {kind}"
            );
        }
        let scene = |pattern: &Value| pattern["scene"] == true;
        assert!(home.truth.patterns.iter().any(scene), "no scene");
        assert!(!home.truth.decoys.is_empty());
        let line = home.changes[0].line();
        assert!(
            line.starts_with('{') && line.contains("entity_id"),
            "{line}"
        );
    }

    #[test]
    fn a_home_without_habits_has_a_life_all_the_same() {
        let home = make(Wanted {
            habits: false,
            ..wanted(4)
        });
        assert!(home.truth.patterns.is_empty());
        assert!(home.changes.len() > 10_000, "{}", home.changes.len());
    }
}
