//! What the people of a home seem to be doing, by a small rule over signs of people. Pure.
//!
//! A sign is a sensor of motion, presence or an opening that goes on, a media player that begins to play, or anything that a user did over Home
//! Assistant. With a sign in the last quarter of an hour the home is `active`; without, it is `away` when everybody whose place is known is
//! somewhere else, and `quiet` otherwise. What people do (cooking, sleeping) cannot be told from that, and is not said.

use common::api::activity::{Activity, ActivityReading};
use common::instant::UtcMicros;

/// Length of what is looked at, in seconds.
pub(crate) const SLOT_SECONDS: i64 = 900;

/// Device classes of binary sensors that go on because of people.
pub(crate) const PRESENCE_CLASSES: [&str; 8] = [
    "motion",
    "occupancy",
    "presence",
    "moving",
    "door",
    "garage_door",
    "opening",
    "window",
];

/// Everything that a reading follows from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Evidence {
    /// Instants of signs in microseconds, in order.
    pub(crate) signs: Vec<i64>,
    /// Where each person was, oldest first: instant, and whether at home; none while not known.
    pub(crate) people: Vec<Vec<(i64, Option<bool>)>>,
    /// Whether anything in the home can give signs.
    pub(crate) has_sensors: bool,
}

impl Evidence {
    /// Whether there is anything to go by.
    pub(crate) fn is_empty(&self) -> bool {
        self.signs.is_empty() && self.people.is_empty() && !self.has_sensors
    }

    /// The activity of the quarter of an hour before `at`.
    pub(crate) fn reading(&self, at: UtcMicros) -> ActivityReading {
        let (start, end) = (at.plus_seconds(-SLOT_SECONDS).get(), at.get());
        let upto = |instant: i64| self.signs.partition_point(|&sign| sign <= instant);
        let signs = (upto(end) - upto(start)) as u64;
        let known: Vec<bool> = self
            .people
            .iter()
            .filter_map(|places| {
                let after = places.partition_point(|&(instant, _)| instant <= end);
                places.get(after.checked_sub(1)?)?.1
            })
            .collect();
        let all_away = !known.is_empty() && !known.contains(&true);
        let (activity, confidence) = match (signs, all_away) {
            (0, true) => (Activity::Away, 0.9),
            (0, false) if self.has_sensors => (Activity::Quiet, 0.7),
            (0, false) => (Activity::Quiet, 0.4),
            // A pet, a guest, or a telephone that was left somewhere.
            (_, true) => (Activity::Active, 0.4),
            (signs, false) => (Activity::Active, (0.6 + 0.05 * signs as f64).min(0.95)),
        };
        ActivityReading {
            activity,
            activity_id: activity.id(),
            confidence,
            timestamp: at,
            signs,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> UtcMicros {
        UtcMicros::default().plus_seconds(60 * minute)
    }

    #[test]
    fn signs_make_it_active_for_a_quarter_of_an_hour() {
        let evidence = Evidence {
            signs: vec![at(0).get(), at(5).get()],
            people: vec![vec![(at(-60).get(), Some(true))]],
            has_sensors: true,
        };
        let told = |minute| {
            let reading = evidence.reading(at(minute));
            (reading.activity, reading.signs)
        };
        assert_eq!(told(-1), (Activity::Quiet, 0));
        assert_eq!(told(0), (Activity::Active, 1));
        assert_eq!(told(10), (Activity::Active, 2));
        assert_eq!(told(19), (Activity::Active, 1));
        assert_eq!(told(20), (Activity::Quiet, 0));
    }

    #[test]
    fn away_needs_everybody_known_to_be_away_and_is_not_guessed() {
        let evidence = |people| Evidence {
            people,
            ..Evidence::default()
        };
        let told = |people| evidence(people).reading(at(60)).activity;
        let (gone, home, unknown) = (
            vec![(0, Some(false))],
            vec![(0, Some(true))],
            vec![(0, None)],
        );
        assert_eq!(told(vec![gone.clone(), gone.clone()]), Activity::Away);
        assert_eq!(told(vec![gone.clone(), unknown.clone()]), Activity::Away);
        assert_eq!(told(vec![gone.clone(), home]), Activity::Quiet);
        assert_eq!(told(vec![unknown]), Activity::Quiet);
        assert_eq!(
            told(vec![vec![(at(61).get(), Some(false))]]),
            Activity::Quiet
        );
        let pet = Evidence {
            signs: vec![at(59).get()],
            ..evidence(vec![gone])
        };
        let reading = pet.reading(at(60));
        assert_eq!(reading.activity, Activity::Active);
        assert!(reading.confidence < 0.5);
        assert!(evidence(Vec::new()).is_empty());
    }
}
