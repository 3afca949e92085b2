//! Where people go: through rooms, into closets, out of the house and back.

use super::life::Rhythm;
use super::{Act, By, Change, SECOND, Simulation};
use crate::households::calendar::DAY;
use crate::households::habit::{Cause, Done, Rule};
use crate::households::people::SLOT;

/// Minutes between two steps that a sensor could see, of a restless and of a quiet household.
const STEPS: (f64, f64) = (9.0, 25.0);
/// How often somebody goes to another room with a step.
const OTHER_ROOM: f64 = 0.35;
/// Nights in which somebody gets up, and when, in minutes of the day.
const UP_AT_NIGHT: f64 = 0.25;
const NIGHT: (f64, f64) = (60.0, 290.0);
/// Visits to a closet a day.
const CLOSET_VISITS: (f64, f64) = (2.0, 3.5);
/// How often the lamp of a closet is used without a habit.
const LAMP_ANYHOW: f64 = 0.12;
/// Seconds in a closet.
const STAY: (f64, f64) = (60.0, 700.0);
/// Seconds after which a phone is known to have come or gone: on the way in it is seen from the street.
const HOME_KNOWN: (f64, f64) = (-60.0, 50.0);
const GONE_KNOWN: (f64, f64) = (60.0, 420.0);
/// Minutes after which visitors leave.
const VISIT: (f64, f64) = (50.0, 200.0);
/// Further uses of the front door a day: the post, the rubbish, the garden.
const ERRANDS: (f64, f64) = (0.5, 1.6);

impl Simulation<'_> {
    /// Everybody walks about while up.
    pub(super) fn walks(&mut self) {
        let pace = self.chance.between(STEPS.0, STEPS.1);
        for person in 0..self.people.all.len() {
            self.walk(person, pace);
            for day in self.days() {
                if self.chance.happens(UP_AT_NIGHT) && !self.people.vacation.contains(&day) {
                    self.night_walk(day);
                }
            }
        }
    }

    fn walk(&mut self, person: usize, pace: f64) {
        let people = self.people;
        let awake = &people.all[person].awake;
        let rooms = &self.house.rooms;
        let liked: Vec<f64> = rooms
            .iter()
            .map(|_| self.chance.between(0.3, 1.5))
            .collect();
        let mut room = *self.chance.one_of(rooms);
        let mut minute = 0.0;
        while let Some(&is_up) = awake.get((minute / SLOT) as usize) {
            if !is_up {
                minute = ((minute / SLOT).floor() + 1.0) * SLOT + self.chance.between(0.0, 1.0);
                continue;
            }
            if self.chance.happens(OTHER_ROOM) {
                room = rooms[self.weighted(&liked)];
            }
            if let Some(&motion) = self.house.motions.get(room) {
                let at = self.at(minute);
                self.plan(at, Act::Pass(motion));
            }
            let hurry = if self.chance.happens(0.3) { 0.5 } else { 1.0 };
            minute += self.chance.wait(pace) * hurry;
        }
    }

    fn weighted(&mut self, weights: &[f64]) -> usize {
        let mut left = self.chance.between(0.0, weights.iter().sum());
        for (place, weight) in weights.iter().enumerate() {
            left -= weight;
            if left < 0.0 {
                return place;
            }
        }
        weights.len() - 1
    }

    fn night_walk(&mut self, day: i64) {
        let minute = self.chance.between(NIGHT.0, NIGHT.1);
        let at = self.moment(day, minute);
        if let Some(&bath) = self.house.motions.get("bath") {
            self.plan(at, Act::Pass(bath));
        }
        if let Some(&hall) = self.house.motions.get("hall") {
            self.plan_within(at, (100.0, 400.0), Act::Pass(hall));
        }
    }

    /// A motion sensor sees somebody, and holds for a while.
    pub(super) fn pass(&mut self, at: i64, motion: usize) {
        let change = Change::by(By::Device, motion, "on");
        if self.set(at, change).is_some() {
            let hold = self.house.things[motion].minutes * 60.0;
            let end = Change::by(By::Device, motion, "off");
            self.plan_within(at, (0.8 * hold, 1.9 * hold), Act::Set(end));
        }
    }

    /// Closets are visited when anybody is up.
    pub(super) fn closets(&mut self) {
        let rhythm = self.rhythm(&[1.0; 24]);
        for closet in 0..self.house.closets.len() {
            let visits = self.chance.between(CLOSET_VISITS.0, CLOSET_VISITS.1);
            let times = visits * self.days_at_home();
            // Nobody goes back within half an hour.
            let mut last = -DAY;
            for minute in self.moments(&rhythm, times) {
                if minute - last > 30.0 {
                    last = minute;
                    let at = self.at(minute);
                    self.plan(at, Act::EnterCloset(closet));
                }
            }
        }
    }

    pub(super) fn enter_closet(&mut self, at: i64, closet: usize) {
        let stay = self.chance.between(STAY.0, STAY.1);
        if let Some(door) = self.house.closets[closet].door {
            self.put(at, door, "on");
            let shuts = if self.chance.happens(0.7) {
                (3.0, 9.0)
            } else {
                (stay, stay + 1.0)
            };
            let change = Change::by(By::Person, door, "off");
            self.plan_within(at, shuts, Act::Set(change));
        }
        self.plan_within(at, (0.5, 3.0), Act::SeenInCloset(closet, stay));
    }

    pub(super) fn seen_in_closet(&mut self, at: i64, closet: usize, stay: f64) {
        let motion = self.house.closets[closet].motion;
        let Some(seen) = self.set(at, Change::by(By::Device, motion, "on")) else {
            return;
        };
        let hold = self.house.things[motion].minutes * 60.0;
        let end = Change::by(By::Device, motion, "off");
        self.plan(at + ((stay + hold) * SECOND) as i64, Act::Set(end));
        let habit = self.habit_of_closet(closet);
        let lamp = |habit| Act::ClosetLamp {
            closet,
            habit,
            seen,
            stay,
        };
        if let Some((habit, delay)) = habit {
            if self.asks(at, habit, seen, true) {
                self.plan(at + (delay * SECOND) as i64, lamp(Some(habit)));
            }
        } else if self.chance.happens(LAMP_ANYHOW) {
            self.plan_within(at, (5.0, stay), lamp(None));
        }
    }

    /// The habit of a closet, and a delay of it in seconds.
    fn habit_of_closet(&mut self, closet: usize) -> Option<(usize, f64)> {
        let is_of = |rule: &Rule| matches!(rule, Rule::Reaction { cause, .. } if *cause == Cause::Closet(closet));
        let habit = self.habits.iter().position(|habit| is_of(&habit.rule))?;
        Some((habit, self.delay(habit)))
    }

    pub(super) fn closet_lamp(
        &mut self,
        at: i64,
        closet: usize,
        habit: Option<usize>,
        seen: usize,
        stay: f64,
    ) {
        let lamp = self.house.closets[closet].lamp;
        let Some(lit) = self.put(at, lamp, "on") else {
            return;
        };
        if let Some(habit) = habit {
            let day = self.calendar.day(at);
            self.habits[habit].done.push(Done {
                events: vec![seen, lit],
                day,
                holds: true,
            });
        }
        // Now and then it is forgotten for up to an hour.
        let forgotten = if self.chance.happens(0.25) {
            self.chance.between(0.0, 3_000.0)
        } else {
            0.0
        };
        let long = stay * self.chance.between(0.7, 1.6) + forgotten;
        let back = Act::PutBack(Change::by(By::Person, lamp, "off"), at);
        self.plan(at + (long * SECOND) as i64, back);
    }

    /// Somebody goes through the front door.
    pub(super) fn door(&mut self, at: i64, is_locked: bool) {
        let mut opens = at;
        if let Some(lock) = self.house.lock {
            if is_locked {
                self.put(at, lock, "unlocked");
                opens += (self.chance.between(4.0, 20.0) * SECOND) as i64;
            }
            if self.chance.happens(0.6) {
                let change = Change::by(By::Person, lock, "locked");
                self.plan_within(opens, (31.0, 70.0), Act::Set(change));
            }
        }
        let front = self.house.front;
        self.plan(opens, Act::Set(Change::by(By::Person, front, "on")));
        let shuts = if self.chance.happens(0.9) {
            (4.0, 30.0)
        } else {
            (40.0, 300.0)
        };
        let shut = Change::by(By::Person, front, "off");
        self.plan_within(opens, shuts, Act::Set(shut));
    }

    pub(super) fn comings_and_goings(&mut self) {
        let end = self.calendar.days as f64 * DAY;
        let people = self.people;
        for (number, person) in people.all.iter().enumerate() {
            for &(leaves, returns) in &person.away {
                for (minute, is_home) in [(leaves, false), (returns, true)] {
                    if (0.0..end).contains(&minute) {
                        self.crosses(number, minute, is_home);
                    }
                }
            }
        }
        for &minute in &people.visits {
            let at = self.at(minute);
            self.plan(at, Act::Door { is_locked: false });
            let stays = (VISIT.0 * 60.0, VISIT.1 * 60.0);
            self.plan_within(at, stays, Act::Door { is_locked: false });
        }
        let rhythm = self.rhythm(&[1.0; 24]);
        let times = self.chance.between(ERRANDS.0, ERRANDS.1) * self.days_at_home();
        for minute in self.moments(&rhythm, times) {
            let at = self.at(minute);
            self.plan(at, Act::Door { is_locked: false });
        }
    }

    /// A person leaves or comes home.
    fn crosses(&mut self, person: usize, minute: f64, is_home: bool) {
        let at = self.at(minute);
        let is_locked = is_home || self.chance.happens(0.5);
        self.plan(at, Act::Door { is_locked });
        let known = if is_home { HOME_KNOWN } else { GONE_KNOWN };
        let mut late = self.chance.between(known.0, known.1);
        for &presence in &self.people.all[person].presence {
            let one = &self.house.things[presence];
            let state = if is_home { one.on } else { one.off };
            let change = Change::by(By::Person, presence, state);
            self.plan(at + (late * SECOND) as i64, Act::Set(change));
            late += self.chance.between(0.1, 90.0);
        }
        if let Some(&hall) = self.house.motions.get("hall").filter(|_| is_home) {
            self.plan_within(at, (5.0, 20.0), Act::Pass(hall));
        }
    }

    /// When a person is up, as a rhythm.
    pub(super) fn rhythm_of(&self, person: usize) -> Rhythm {
        let awake = self.people.all[person].awake.iter();
        Rhythm::new(awake.map(|&is_up| f64::from(u8::from(is_up))))
    }
}
