//! Habits are kept: at their time, after what sets them off, one step after the other.

use super::{Act, By, Change, MINUTE, SECOND, Simulation};
use crate::households::calendar::DAY;
use crate::households::habit::{Asked, Done, OddKind, Oddity, Rule, Timing};
use crate::households::people::Moment;

/// How often a person who is ill leaves a habit out.
const TOO_ILL: f64 = 0.4;
/// How often a conditional habit is followed although its condition does not hold.
const ANYHOW: f64 = 0.03;
/// Minutes between two occasions of a sequence or a scene.
const NOT_AGAIN_FOR: f64 = 60.0;
/// Minutes before a routine at which things are put on that it will put out.
const READY_BEFORE: (f64, f64) = (40.0, 230.0);
/// Minutes after which somebody sees to what a routine left on, after the time that it had.
const SEEN_TO: (f64, f64) = (20.0, 180.0);
/// Minutes after getting up, and before going to bed, at which routines begin.
const AFTER_WAKING: (f64, f64) = (3.0, 12.0);
const BEFORE_BED: (f64, f64) = (6.0, 18.0);
/// When somebody is up at night, in minutes of the day, for how many seconds something is used then, and after how many again.
const AT_NIGHT: (f64, f64) = (120.0, 200.0);
const NIGHT_USE: (f64, f64) = (60.0, 400.0);
const NIGHT_AGAIN: (f64, f64) = (420.0, 900.0);
/// Uses in such a night, at least and at most.
const NIGHT_USES: (usize, usize) = (3, 5);
/// When something is left open or gets stuck, in minutes of the day, and for how many seconds.
const BY_DAY: (f64, f64) = (540.0, 1_200.0);
const LEFT_FOR: (f64, f64) = (13.0 * 3_600.0, 26.0 * 3_600.0);

impl Simulation<'_> {
    pub(super) fn habits(&mut self) {
        for habit in 0..self.habits.len() {
            match self.habits[habit].rule.clone() {
                Rule::AtTime(timing)
                | Rule::Sequence {
                    timing: Some(timing),
                    ..
                } => self.on_days(habit, timing, None),
                Rule::Routine { timing, anchor, .. } => self.on_days(habit, timing, anchor),
                Rule::Sequence { person, a_day, .. } | Rule::Scene { person, a_day, .. } => {
                    self.at_any_hour(habit, person, a_day);
                }
                Rule::Oddity(oddity) => self.plan_oddity(habit, oddity),
                Rule::Reaction { .. } | Rule::Duration { .. } => {}
            }
        }
    }

    /// Plans a habit with a time of its own for each day.
    fn on_days(&mut self, habit: usize, timing: Timing, anchor: Option<Moment>) {
        let people = self.people;
        for day in self.days() {
            let is_of = timing.days.has(self.calendar.weekday(day))
                && self.habits[habit].life.has(day)
                && people.is_ordinary(day);
            if !is_of {
                continue;
            }
            self.habits[habit].eligible_days += 1;
            let person = &people.all[timing.person];
            let is_too_ill = person.is_ill(day) && self.chance.happens(TOO_ILL);
            if is_too_ill || !self.chance.happens(self.habits[habit].probability) {
                continue;
            }
            let minute = match anchor {
                Some(Moment::Wake) => {
                    person.day(day).wake + self.chance.between(AFTER_WAKING.0, AFTER_WAKING.1)
                }
                Some(_) => person.day(day).bed - self.chance.between(BEFORE_BED.0, BEFORE_BED.1),
                None => day as f64 * DAY + self.minute_of(timing, day),
            };
            if person.is_up(minute) {
                let at = self.at(minute);
                self.begin(at, habit, day);
            }
        }
    }

    fn minute_of(&mut self, timing: Timing, day: i64) -> f64 {
        let centre = match timing.after_sunset {
            Some(after) => self.calendar.daylight(day).1 + after,
            None => timing.minute + timing.drift * day as f64 / self.calendar.days as f64,
        };
        self.chance.gauss(centre, timing.sigma)
    }

    fn at_any_hour(&mut self, habit: usize, person: usize, a_day: f64) {
        let rhythm = self.rhythm_of(person);
        let times = a_day * self.days_at_home();
        let mut last = -DAY;
        for (occasion, minute) in self.moments(&rhythm, times).into_iter().enumerate() {
            let day = (minute / DAY) as i64;
            if minute - last > NOT_AGAIN_FOR && self.habits[habit].life.has(day) {
                last = minute;
                let at = self.at(minute);
                self.begin(at, habit, occasion as i64);
            }
        }
    }

    /// The habit begins; `occasion` is the day, or the number of the occasion of one without a time.
    fn begin(&mut self, at: i64, habit: usize, occasion: i64) {
        let (within, takes_part) = match self.habits[habit].rule {
            Rule::AtTime(_) => return self.plan(at, Act::OnTime(habit)),
            Rule::Routine {
                within_minutes,
                takes_part,
                ..
            } => (within_minutes * 60.0, takes_part),
            Rule::Scene {
                within_s,
                takes_part,
                ..
            } => (within_s, takes_part),
            _ => return self.plan(at, Act::Step(habit, Vec::new())),
        };
        for place in 0..self.habits[habit].things.len() {
            let thing = self.habits[habit].things[place];
            if self.habits[habit].states[place] == self.house.things[thing].off {
                let before = self.chance.between(READY_BEFORE.0, READY_BEFORE.1) * MINUTE;
                self.plan(at - before as i64, Act::Ready(thing));
            }
            if self.chance.happens(takes_part) {
                let act = Act::Member(habit, place, occasion);
                self.plan_within(at, (0.0, within), act);
            }
        }
    }

    /// Somebody puts a thing on that stays so until the routine.
    pub(super) fn ready(&mut self, at: i64, thing: usize) {
        let one = &self.house.things[thing];
        if self.put(at, thing, one.on).is_none() {
            // What was to put it back is for an older use.
            self.states[thing].since = at;
        }
        // If the routine leaves it out, somebody sees to it later.
        let late = (READY_BEFORE.1 + self.chance.between(SEEN_TO.0, SEEN_TO.1)) * MINUTE;
        let back = Change::by(By::Person, thing, one.off);
        self.plan(at + late as i64, Act::PutBack(back, at));
    }

    pub(super) fn on_time(&mut self, at: i64, habit: usize) {
        let (thing, state) = (self.habits[habit].things[0], self.habits[habit].states[0]);
        if let Some(event) = self.use_thing(at, thing, state) {
            self.done(at, habit, vec![event], true);
        }
    }

    fn done(&mut self, at: i64, habit: usize, events: Vec<usize>, holds: bool) {
        let day = self.calendar.day(at);
        self.habits[habit].done.push(Done { events, day, holds });
    }

    pub(super) fn member(&mut self, at: i64, habit: usize, place: usize, day: i64) {
        let thing = self.habits[habit].things[place];
        let state = self.habits[habit].states[place];
        if let Some(event) = self.use_thing(at, thing, state) {
            self.habits[habit].done.push(Done {
                events: vec![event],
                day,
                holds: true,
            });
        }
    }

    pub(super) fn step(&mut self, at: i64, habit: usize, mut events: Vec<usize>) {
        let Rule::Sequence {
            gaps_s, goes_on, ..
        } = &self.habits[habit].rule
        else {
            return;
        };
        let place = events.len();
        let (gap, goes_on) = (gaps_s.get(place).copied(), *goes_on);
        let thing = self.habits[habit].things[place];
        let state = self.habits[habit].states[place];
        let Some(event) = self.use_thing(at, thing, state) else {
            return;
        };
        events.push(event);
        match gap {
            None => self.done(at, habit, events, true),
            Some(gap) if self.chance.happens(goes_on) => {
                let late = gap * self.chance.factor(0.3 + 0.4 * self.hardness) * SECOND;
                self.plan(at + late as i64, Act::Step(habit, events));
            }
            Some(_) => {}
        }
    }

    /// Something that sets a habit off has happened.
    pub(super) fn maybe_react(&mut self, at: i64, habit: usize, cause: usize) {
        let Rule::Reaction { condition, .. } = self.habits[habit].rule else {
            return;
        };
        let holds = condition.is_none_or(|condition| self.holds(condition, at));
        if self.asks(at, habit, cause, holds) {
            let late = self.delay(habit) * SECOND;
            self.plan(at + late as i64, Act::React(habit, cause, holds));
        }
    }

    /// Writes down that a habit could be followed; whether it will be.
    pub(super) fn asks(&mut self, at: i64, habit: usize, event: usize, holds: bool) -> bool {
        if !self.habits[habit].life.has(self.calendar.day(at)) {
            return false;
        }
        self.habits[habit].asked.push(Asked { event, holds });
        let probability = if holds {
            self.habits[habit].probability
        } else {
            ANYHOW
        };
        self.chance.happens(probability)
    }

    /// A delay of a reaction, in seconds.
    pub(super) fn delay(&mut self, habit: usize) -> f64 {
        match self.habits[habit].rule {
            Rule::Reaction {
                delay_s, spread, ..
            } => delay_s * self.chance.factor(spread),
            _ => 0.0,
        }
    }

    pub(super) fn react(&mut self, at: i64, habit: usize, cause: usize, holds: bool) {
        let (thing, state) = (self.habits[habit].things[1], self.habits[habit].states[1]);
        if let Some(event) = self.use_thing(at, thing, state) {
            self.done(at, habit, vec![cause, event], holds);
        }
    }

    pub(super) fn plan_end_of_use(&mut self, at: i64, habit: usize, start: usize) {
        if let Rule::Duration { minutes, spread } = self.habits[habit].rule {
            let long = minutes * self.chance.gauss(1.0, spread).max(0.5) * MINUTE;
            self.plan(at + long as i64, Act::EndOfUse(habit, start));
        }
    }

    pub(super) fn end_of_use(&mut self, at: i64, habit: usize, start: usize) {
        let thing = self.habits[habit].things[0];
        if self.states[thing].since != self.events[start].at {
            return;
        }
        let off = self.house.things[thing].off;
        if let Some(end) = self.put(at, thing, off) {
            self.done(at, habit, vec![start, end], true);
        }
    }

    fn plan_oddity(&mut self, habit: usize, oddity: Oddity) {
        let (minutes, long) = match oddity.kind {
            OddKind::Silent => return,
            OddKind::NightActivity => (AT_NIGHT, NIGHT_USE),
            OddKind::LeftOpen | OddKind::StuckOn => (BY_DAY, LEFT_FOR),
        };
        let minute = self.chance.between(minutes.0, minutes.1);
        let mut at = self.moment(oddity.day, minute);
        let times = if oddity.kind == OddKind::NightActivity {
            NIGHT_USES.0 + self.chance.pick(NIGHT_USES.1 - NIGHT_USES.0 + 1)
        } else {
            1
        };
        for _ in 0..times {
            let long = self.chance.between(long.0, long.1) * SECOND;
            self.plan(at, Act::Odd(habit, long as i64));
            at += (self.chance.between(NIGHT_AGAIN.0, NIGHT_AGAIN.1) * SECOND) as i64;
        }
    }

    pub(super) fn odd(&mut self, at: i64, habit: usize, long: i64) {
        let thing = self.habits[habit].things[0];
        let (on, off) = (self.house.things[thing].on, self.house.things[thing].off);
        if self.states[thing].now == on {
            self.set(at, Change::by(By::Oddity, thing, off));
            self.plan_within(at, (1_500.0, 1_501.0), Act::Odd(habit, long));
            return;
        }
        let Some(event) = self.set(at, Change::by(By::Oddity, thing, on)) else {
            return;
        };
        self.states[thing].stuck_until = at + long - 1;
        self.plan(at + long, Act::Set(Change::by(By::Oddity, thing, off)));
        if let Rule::Oddity(oddity) = &mut self.habits[habit].rule {
            oddity.at = oddity.at.or(Some(at));
        }
        self.done(at, habit, vec![event], true);
    }
}
