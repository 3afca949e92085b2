//! A small home to plant habits in, the same for every run of a test.

use std::collections::HashSet;

use common::instant::UtcMicros;
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use pattern_mining::pattern::Pattern;
use pattern_mining::{Change, Known, Outcome, Settings, Timeline, mine};

/// Numbers by chance, from a seed (xorshift64*).
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        let mut chance = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        // A state of few bits gives small numbers at first.
        for _ in 0..32 {
            chance.below(2);
        }
        chance
    }

    /// From 0 to below `below`.
    pub(crate) fn below(&mut self, below: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as i64) % below
    }

    /// From `-most` to `most`.
    pub(crate) fn around(&mut self, most: i64) -> i64 {
        self.below(2 * most + 1) - most
    }

    pub(crate) fn percent(&mut self, percent: i64) -> bool {
        self.below(100) < percent
    }
}

/// Everything that happened, in any order.
pub(crate) struct Home {
    pub(crate) zone: TimeZone,
    pub(crate) first: Date,
    pub(crate) days: i64,
    pub(crate) changes: Vec<(i64, &'static str, &'static str)>,
    /// Those of them that an automation caused.
    automated: HashSet<(i64, &'static str)>,
    /// Where people are may be looked at.
    pub(crate) people: bool,
    /// Device classes of entities.
    pub(crate) classes: Vec<(&'static str, &'static str)>,
}

impl Home {
    /// A home in Berlin; 2026-06-01 is a Monday.
    pub(crate) fn new(days: i64) -> Self {
        Self::from(date(2026, 6, 1), days)
    }

    pub(crate) fn from(first: Date, days: i64) -> Self {
        let zone = TimeZone::get("Europe/Berlin").expect("a date, time or name that exists");
        let mut home = Self {
            zone,
            first,
            days,
            changes: Vec::new(),
            automated: HashSet::new(),
            people: false,
            classes: Vec::new(),
        };
        // The home has data from the first minute to the last, from something that has no habits.
        home.at(0, 0, "sensor.clock", "begins");
        home.at(days - 1, 1439 * 60, "sensor.clock", "ends");
        home
    }

    /// Something happens on a day at a second of the wall clock (also before 0 or past 86400: the day before or after).
    pub(crate) fn at(&mut self, day: i64, second: i64, entity: &'static str, state: &'static str) {
        let day = day + second.div_euclid(86_400);
        let second = second.rem_euclid(86_400);
        let date = self
            .first
            .checked_add(day.days())
            .expect("a date, time or name that exists");
        let time = date.at(
            (second / 3600) as i8,
            (second / 60 % 60) as i8,
            (second % 60) as i8,
            0,
        );
        let at = self
            .zone
            .to_ambiguous_zoned(time)
            .compatible()
            .expect("a date, time or name that exists");
        self.changes
            .push((at.timestamp().as_microsecond(), entity, state));
    }

    /// The same, caused by an automation.
    pub(crate) fn automation(
        &mut self,
        day: i64,
        second: i64,
        entity: &'static str,
        state: &'static str,
    ) {
        self.at(day, second, entity, state);
        let last = self.changes.last().map(|&(at, ..)| (at, entity));
        self.automated.extend(last);
    }

    /// A lamp goes on at a second of the day, and off again after a while of its own.
    pub(crate) fn lamp(
        &mut self,
        day: i64,
        second: i64,
        entity: &'static str,
        chance: &mut Chance,
    ) {
        self.at(day, second, entity, "on");
        self.at(day, second + 60 + chance.below(40 * 60), entity, "off");
    }

    /// 0 is Monday.
    pub(crate) fn weekday(&self, day: i64) -> i64 {
        i64::from(
            self.first
                .checked_add(day.days())
                .expect("a date, time or name that exists")
                .weekday()
                .to_monday_zero_offset(),
        )
    }

    pub(crate) fn mine(self) -> Outcome {
        self.mine_knowing(&[])
    }

    pub(crate) fn mine_knowing(mut self, known: &[Pattern]) -> Outcome {
        self.changes.sort_unstable();
        let mut timeline = Timeline::new(self.zone);
        for (id, class) in self.classes {
            let entity = timeline.entity_named(id);
            timeline.describe(entity, None, Some(class));
        }
        let automated = self.automated;
        for (micros, id, state) in self.changes {
            let entity = timeline.entity(&id.parse().expect("a date, time or name that exists"));
            let at: UtcMicros = Timestamp::from_microsecond(micros)
                .expect("a date, time or name that exists")
                .into();
            let previous = Some(if state == "on" { "off" } else { "on" });
            timeline.push(&Change {
                entity,
                at,
                state: Some(state),
                previous,
                startup: false,
                context_id: None,
                context_parent_id: automated.contains(&(micros, id)).then_some("automation"),
            });
        }
        let settings = Settings {
            people: self.people,
            known: known.iter().map(Known::from).collect(),
            ..Settings::default()
        };
        mine(&timeline, &settings)
    }
}

/// The habits as short texts, for messages.
pub(crate) fn told(outcome: &Outcome) -> Vec<&str> {
    outcome
        .patterns
        .iter()
        .map(|pattern| pattern.sentence.as_str())
        .collect()
}

/// Distance of a habit from a minute of the day, on the circle.
pub(crate) fn minutes_off(pattern: &Pattern, minute: i64) -> i64 {
    let off = (pattern.time_of_day_minutes.map_or(-720, i64::from) - minute).rem_euclid(1440);
    off.min(1440 - off)
}
