//! Life without a plan: things are used when people are up, more of them by day or in the evening, and put back later.

use super::{Act, By, Change, MINUTE, SECOND, Simulation, State};
use crate::households::calendar::DAY;
use crate::households::house::Role;
use crate::households::people::{SLOT, SLOTS};

/// How much is done in each hour of the day, of what belongs to the evening and of all else.
const EVENING: [f64; 24] = [
    0.3, 0.2, 0.2, 0.2, 0.3, 0.6, 1.0, 1.0, 0.8, 0.7, 0.7, 0.7, 0.8, 0.7, 0.7, 0.8, 1.0, 1.3, 1.5,
    1.6, 1.6, 1.4, 1.1, 0.7,
];
const DAYTIME: [f64; 24] = [
    0.4, 0.3, 0.3, 0.3, 0.5, 0.9, 1.0, 1.1, 1.1, 1.0, 1.0, 1.1, 1.1, 1.0, 1.0, 1.0, 1.0, 1.1, 1.1,
    1.0, 0.9, 0.8, 0.7, 0.5,
];
/// How often one use leads to another in the same room, and within how many seconds on average.
const ONE_MORE: (f64, f64) = (0.1, 700.0);
/// How often the motion sensor sees one who uses a thing, and within how many seconds.
const SEEN: f64 = 0.8;
const SEEN_WITHIN: (f64, f64) = (0.1, 40.0);
/// Hours for which blinds and alarms stay as they were put.
const LASTS_HOURS: (f64, f64) = (2.0, 18.0);
/// Seconds after which somebody thinks of the blinds again: at no regular time after getting up.
const LATER_S: (f64, f64) = (3_600.0, 36_000.0);
/// The longest and the shortest use, as parts of the usual time.
const EXTREMES: (f64, f64) = (0.05, 4.0);

/// How much is done in each slot of the record, summed up.
pub(super) struct Rhythm(Vec<f64>);

impl Rhythm {
    pub(super) fn new(weights: impl Iterator<Item = f64>) -> Self {
        let mut sum = 0.0;
        Self(
            weights
                .map(|weight| {
                    sum += weight;
                    sum
                })
                .collect(),
        )
    }

    fn total(&self) -> f64 {
        self.0.last().copied().unwrap_or_default()
    }
}

impl Simulation<'_> {
    /// Moments at which something is done so many times in the record on average, in minutes since the first midnight.
    pub(super) fn moments(&mut self, rhythm: &Rhythm, times: f64) -> Vec<f64> {
        let mut moments = Vec::new();
        if times <= 0.0 || rhythm.total() <= 0.0 {
            return moments;
        }
        let mean = rhythm.total() / times;
        let mut passed = self.chance.wait(mean);
        while passed < rhythm.total() {
            let slot = rhythm.0.partition_point(|&sum| sum <= passed);
            moments.push(slot as f64 * SLOT + self.chance.between(0.0, SLOT));
            passed += self.chance.wait(mean);
        }
        moments
    }

    /// Days on which people are at home.
    pub(super) fn days_at_home(&self) -> f64 {
        (self.calendar.days - (self.people.vacation.end - self.people.vacation.start)) as f64
    }

    /// How much is done while anybody is up; `by_hour` tells how much in each hour.
    pub(super) fn rhythm(&self, by_hour: &[f64; 24]) -> Rhythm {
        let awake = self.people.awake.iter().enumerate();
        Rhythm::new(awake.map(|(slot, &people)| {
            let hour = (slot as i64 % SLOTS) as f64 * SLOT / 60.0;
            // Two people do more than one, but not twice as much.
            f64::from(people.min(2)).sqrt() * by_hour[hour as usize]
        }))
    }

    pub(super) fn unplanned_uses(&mut self) {
        let (evening, daytime) = (self.rhythm(&EVENING), self.rhythm(&DAYTIME));
        let days = self.days_at_home();
        for thing in 0..self.house.things.len() {
            let one = &self.house.things[thing];
            if !matches!(one.role, Role::Used | Role::Contact | Role::Machine) {
                continue;
            }
            let (rhythm, times) = (
                if one.evening { &evening } else { &daytime },
                one.a_day * days,
            );
            for minute in self.moments(rhythm, times) {
                let at = self.at(minute);
                self.plan(at, Act::Casual(thing));
                if self.chance.happens(ONE_MORE.0)
                    && let Some(other) = self.other_in_room(thing)
                {
                    let late = self.chance.wait(ONE_MORE.1) * SECOND;
                    self.plan(at + late as i64, Act::Casual(other));
                }
            }
        }
    }

    fn other_in_room(&mut self, thing: usize) -> Option<usize> {
        let room = self.house.things[thing].room?;
        let others: Vec<usize> = (0..self.house.things.len())
            .filter(|&other| {
                let one = &self.house.things[other];
                other != thing
                    && one.room == Some(room)
                    && matches!(one.role, Role::Used | Role::Contact)
            })
            .collect();
        (!others.is_empty()).then(|| *self.chance.one_of(&others))
    }

    /// Somebody uses a thing, if anybody is up.
    pub(super) fn casual(&mut self, at: i64, thing: usize) {
        if !self.is_anybody_up(at) {
            return;
        }
        let one = &self.house.things[thing];
        let State { now, rest, .. } = &self.states[thing];
        let state = if one.is_of(&["cover"]) && now != rest {
            rest
        } else {
            self.other(thing)
        };
        self.use_thing(at, thing, state);
    }

    /// The state of a thing that is not its state of rest.
    fn other(&self, thing: usize) -> &'static str {
        let one = &self.house.things[thing];
        if self.states[thing].rest == one.on {
            one.off
        } else {
            one.on
        }
    }

    /// Somebody goes to a thing and puts it into a state; it is put back later.
    pub(super) fn use_thing(
        &mut self,
        at: i64,
        thing: usize,
        state: &'static str,
    ) -> Option<usize> {
        let event = self.put(at, thing, state)?;
        if let Some(motion) = self.house.motion_at(thing)
            && self.chance.happens(SEEN)
        {
            self.plan_within(at, SEEN_WITHIN, Act::Pass(motion));
        }
        let one = &self.house.things[thing];
        let rest = self.states[thing].rest;
        if state == rest {
            return Some(event);
        }
        if let Some(habit) = one.ended_by
            && self.chance.happens(self.habits[habit].probability)
        {
            self.plan_end_of_use(at, habit, event);
            return Some(event);
        }
        let long = if one.is_of(&["cover", "alarm_control_panel"]) {
            self.chance.between(LASTS_HOURS.0, LASTS_HOURS.1) * 60.0
        } else {
            one.minutes * self.chance.factor(0.8).clamp(EXTREMES.0, EXTREMES.1)
        };
        let by = if one.role == Role::Machine {
            By::Device
        } else {
            By::Person
        };
        let act = Act::PutBack(Change::by(by, thing, rest), at);
        self.plan(at + (long * MINUTE) as i64, act);
        Some(event)
    }

    /// A thing is put back, unless it changed after `since`; blinds are not moved while nobody is up.
    pub(super) fn put_back(&mut self, at: i64, change: Change, since: i64) {
        if self.states[change.thing].since != since {
            return;
        }
        let waits = self.house.things[change.thing].is_of(&["cover"]);
        if waits && !self.is_anybody_up(at) {
            self.plan_within(at, LATER_S, Act::PutBack(change, since));
        } else {
            self.set(at, change);
        }
    }

    fn is_anybody_up(&self, at: i64) -> bool {
        let slot = (self.calendar.minute(at) / SLOT).floor();
        let awake = &self.people.awake;
        slot >= 0.0 && awake.get(slot as usize).is_some_and(|&up| up > 0)
    }

    /// The days of the record.
    pub(super) fn days(&self) -> std::ops::Range<i64> {
        0..self.calendar.days
    }

    /// The moment of a minute of a day.
    pub(super) fn moment(&self, day: i64, minute: f64) -> i64 {
        self.at(day as f64 * DAY + minute)
    }
}
