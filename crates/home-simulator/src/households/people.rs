//! The people of a household: their jobs, when they are up, and when they are out.

mod job;
mod outing;

use std::ops::Range;

use super::calendar::{Calendar, DAY, Days, apart};
use super::house::{House, Role};
use super::words;
use crate::home::chance::Chance;
pub(super) use job::Job;

/// Minutes of one slot of the tables of presence.
pub(super) const SLOT: f64 = 5.0;
/// Slots of a day.
pub(super) const SLOTS: i64 = 288;

/// What a person does at a regular time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    Wake,
    Leave,
    Return,
    Bed,
}

/// A regular moment of a person's day.
#[derive(Debug, Clone, Copy)]
pub(super) struct Anchor {
    pub(super) moment: Moment,
    pub(super) minute: f64,
    /// Standard deviation, in minutes.
    pub(super) sigma: f64,
    pub(super) days: Days,
}

/// One day of a person, in minutes since the first midnight.
#[derive(Debug, Clone)]
pub(super) struct PersonDay {
    pub(super) wake: f64,
    pub(super) bed: f64,
    /// From when to when the person is out.
    pub(super) away: Vec<(f64, f64)>,
}

/// Times of the day at which a habit wants the person to be at home.
#[derive(Debug, Clone)]
pub(super) struct Engagement {
    pub(super) minutes: Vec<f64>,
    pub(super) days: Days,
}

/// One person.
#[derive(Debug)]
pub(super) struct Person {
    job: Job,
    /// Entities that tell where the person is.
    pub(super) presence: Vec<usize>,
    pub(super) anchors: Vec<Anchor>,
    pub(super) engagements: Vec<Engagement>,
    /// Days; the first is the one before the record.
    days: Vec<PersonDay>,
    /// Days in bed.
    ill: Range<i64>,
    /// When the person is out, in order, without overlaps.
    pub(super) away: Vec<(f64, f64)>,
    /// Whether the person is up and at home, for each slot of the record.
    pub(super) awake: Vec<bool>,
}

impl Person {
    pub(super) fn day(&self, day: i64) -> &PersonDay {
        &self.days[(day + 1) as usize]
    }

    pub(super) fn is_ill(&self, day: i64) -> bool {
        self.ill.contains(&day)
    }

    /// Whether the person is up and at home, by the table.
    pub(super) fn is_up(&self, minute: f64) -> bool {
        let slot = (minute / SLOT).floor();
        slot >= 0.0 && self.awake.get(slot as usize) == Some(&true)
    }

    /// Whether the person is up and at home, with so many minutes to spare on both sides.
    pub(super) fn is_home(&self, minute: f64, spare: f64) -> bool {
        let day = (minute / DAY).floor() as i64;
        let around = |from: i64, until: i64| {
            let from = (from + 1).clamp(0, self.days.len() as i64) as usize;
            let until = (until + 2).clamp(0, self.days.len() as i64) as usize;
            &self.days[from..until]
        };
        // One who goes to bed after midnight is up on the day before.
        let up = around(day - 1, day)
            .iter()
            .any(|day| day.wake + spare <= minute && minute <= day.bed - spare / 2.0);
        let out = around(day - 1, day + 1)
            .iter()
            .flat_map(|day| &day.away)
            .any(|&(from, until)| (from - spare..=until + spare).contains(&minute));
        up && !out
    }
}

/// Everybody, and the days that are not as others.
#[derive(Debug)]
pub(super) struct People {
    pub(super) all: Vec<Person>,
    /// Days of the vacation, its first and last included.
    pub(super) vacation: Range<i64>,
    /// Days of which nothing was recorded.
    pub(super) missing: Vec<i64>,
    /// When visitors come, in minutes since the first midnight.
    pub(super) visits: Vec<f64>,
    /// How many are up and at home, for each slot of the record.
    pub(super) awake: Vec<u8>,
}

impl People {
    /// People with their days; what they go out for besides comes with [`People::go_out`].
    pub(super) fn new(
        house: &mut House,
        calendar: &Calendar,
        hardness: f64,
        chance: &mut Chance,
    ) -> Self {
        let count = *chance.one_of(&[1, 1, 2, 2, 2, 3, 3, 4]);
        let mut names = words::PEOPLE.to_vec();
        chance.shuffle(&mut names);
        let vacation = vacation(calendar.days, chance);
        let lost = *chance.one_of(&[0, 0, 1, 2]) + (hardness * 6.0) as usize;
        let mut missing: Vec<i64> = (0..lost)
            .map(|_| 3 + chance.pick((calendar.days - 6) as usize) as i64)
            .collect();
        missing.sort_unstable();
        missing.dedup();
        let are_tracked = chance.happens(0.85);
        let mut people = Self {
            all: Vec::new(),
            vacation,
            missing,
            visits: Vec::new(),
            awake: Vec::new(),
        };
        for (number, name) in names.into_iter().take(count).enumerate() {
            let job = Job::of(number, chance);
            let is_tracked = are_tracked && (job != Job::Child || chance.happens(0.4));
            let presence = if is_tracked {
                presence(house, name, chance)
            } else {
                Vec::new()
            };
            let person = job::live(job, calendar, hardness, &people.vacation, chance);
            people.all.push(Person { presence, ..person });
        }
        people.leave_for_vacation(chance);
        for day in 0..calendar.days {
            if chance.happens(0.12) && !people.vacation.contains(&day) {
                people
                    .visits
                    .push(day as f64 * DAY + chance.between(700.0, 1_200.0));
            }
        }
        people
    }

    /// Whether a habit can be seen on this day.
    pub(super) fn is_ordinary(&self, day: i64) -> bool {
        !self.vacation.contains(&day) && !self.missing.contains(&day)
    }

    fn leave_for_vacation(&mut self, chance: &mut Chance) {
        if self.vacation.is_empty() {
            return;
        }
        let from = self.vacation.start as f64 * DAY + chance.between(500.0, 840.0);
        let until = (self.vacation.end - 1) as f64 * DAY + chance.between(800.0, 1_300.0);
        for person in &mut self.all {
            let late = chance.between(0.0, 4.0);
            for day in self.vacation.clone() {
                person.days[(day + 1) as usize].away = vec![(from + late, until + late)];
            }
        }
    }

    /// Whether a person is up and at home at a minute of these days, for this part of them, with so many minutes to spare on both
    /// sides.
    pub(super) fn is_reliable(
        &self,
        person: usize,
        days: Days,
        calendar: &Calendar,
        minute: impl Fn(i64) -> f64,
        spare: f64,
        part: f64,
    ) -> bool {
        let person = &self.all[person];
        let wanted: Vec<i64> = (0..calendar.days)
            .filter(|&day| !self.vacation.contains(&day) && days.has(calendar.weekday(day)))
            .collect();
        let may_miss = ((1.0 - part) * wanted.len() as f64) as usize;
        let is_there = |day: i64| {
            let moment = day as f64 * DAY + minute(day);
            [-spare, 0.0, spare]
                .iter()
                .all(|off| person.is_home(moment + off, 4.0))
        };
        !wanted.is_empty()
            && wanted
                .iter()
                .filter(|&&day| !is_there(day))
                .nth(may_miss)
                .is_none()
    }
}

/// Three to seven days of some homes.
fn vacation(days: i64, chance: &mut Chance) -> Range<i64> {
    if !chance.happens(0.5) {
        return 0..0;
    }
    let long = 3 + chance.pick(5) as i64;
    let first = 5 + chance.pick((days - long - 8) as usize) as i64;
    first..first + long
}

fn presence(house: &mut House, name: &str, chance: &mut Chance) -> Vec<usize> {
    let person = house.add_named(&format!("person.{name}"), None, Role::Presence, chance);
    let mut presence = vec![person];
    if chance.happens(0.5) {
        let phone = chance.one_of(&["phone", "iphone", "pixel_7"]);
        let id = format!("device_tracker.{name}_{phone}");
        presence.push(house.add_named(&id, None, Role::Presence, chance));
    }
    presence
}

/// Whether a time lies within a habit's time of a person.
fn is_engaged(engagements: &[Engagement], weekday: i8, from: f64, until: f64) -> bool {
    // Minutes around a habit that a person would not miss it for.
    let around = 35.0;
    engagements.iter().any(|engagement| {
        engagement.days.has(weekday)
            && engagement.minutes.iter().any(|&minute| {
                (from - around..=until + around).contains(&minute)
                    || apart(minute, from) <= around
                    || apart(minute, until) <= around
            })
    })
}
