//! Gives people habits: which things, at which times, so that they can be kept and told apart.

mod alone;
mod together;

use super::automation::Start;
use super::calendar::{Calendar, Days, apart};
use super::habit::{Habit, Life, Rule, Timed, Timing};
use super::house::{House, Role};
use super::people::{Engagement, Moment, People};
use super::weather::Weather;
use crate::home::chance::Chance;

/// Fewest and most habits of a home, and how many more there are for each thing.
const HABITS: (f64, f64) = (8.0, 35.0);
const HABITS_A_THING: f64 = 0.13;
/// The hours in which habits lie, in minutes of the day.
const HOURS: (f64, f64) = (300.0, 1_410.0);
/// Minutes between a habit and other regular moments, and what is tried where that finds nothing. Nearer than that, two habits would
/// be one.
const FAR: [f64; 3] = [45.0, 12.0, 0.0];
/// Tries for each of these distances.
const TRIES: usize = 120;
/// Part of the days on which the person must be at home at the time of a habit.
const RELIABLE: f64 = 0.93;

/// A kind that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    TimeOfDay,
    Pair,
    Conditional,
    Sequence,
    Routine,
    Scene,
    Duration,
    Anomaly,
}

/// The first of these are in every home that has the things for them.
const FIRST: [Wanted; 9] = [
    Wanted::TimeOfDay,
    Wanted::Pair,
    Wanted::TimeOfDay,
    Wanted::Sequence,
    Wanted::Routine,
    Wanted::Conditional,
    Wanted::Duration,
    Wanted::Scene,
    Wanted::Anomaly,
];
/// How many of each are drawn from for the rest.
const REST: [(Wanted, usize); 8] = [
    (Wanted::TimeOfDay, 14),
    (Wanted::Pair, 8),
    (Wanted::Conditional, 5),
    (Wanted::Sequence, 4),
    (Wanted::Routine, 3),
    (Wanted::Scene, 1),
    (Wanted::Duration, 4),
    (Wanted::Anomaly, 4),
];

/// Habits, and all that happens at known times.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) habits: Vec<Habit>,
    pub(super) timed: Vec<Timed>,
}

/// The home while habits are chosen.
struct Planner<'a> {
    house: &'a mut House,
    people: &'a mut People,
    calendar: &'a Calendar,
    weather: &'a Weather,
    chance: &'a mut Chance,
    hardness: f64,
    /// Things without a part that people use, and that they open.
    used: Vec<usize>,
    contacts: Vec<usize>,
    plan: Plan,
}

/// Plants habits.
pub(super) fn plan(
    house: &mut House,
    people: &mut People,
    calendar: &Calendar,
    weather: &Weather,
    hardness: f64,
    chance: &mut Chance,
) -> Plan {
    let mut free = |role: Role| -> Vec<usize> {
        let mut free: Vec<usize> = (0..house.things.len())
            .filter(|&thing| house.things[thing].role == role && !house.things[thing].taken)
            .collect();
        chance.shuffle(&mut free);
        free
    };
    let (used, contacts) = (free(Role::Used), free(Role::Contact));
    let timed = known_times(house, people);
    let mut planner = Planner {
        house,
        people,
        calendar,
        weather,
        chance,
        hardness,
        used,
        contacts,
        plan: Plan {
            habits: Vec::new(),
            timed,
        },
    };
    planner.all();
    planner.plan
}

/// What is regular before there are habits: people's comings and goings, and schedules.
fn known_times(house: &House, people: &People) -> Vec<Timed> {
    let mut timed = Vec::new();
    for (number, person) in people.all.iter().enumerate() {
        for anchor in &person.anchors {
            if matches!(anchor.moment, Moment::Leave | Moment::Return) {
                let mut things = house.entrance();
                things.extend(&person.presence);
                timed.push(Timed {
                    because: format!("person {number} {:?}", anchor.moment).to_lowercase(),
                    things,
                    minutes: vec![anchor.minute],
                    sigma: anchor.sigma,
                    days: anchor.days,
                    by_automation: false,
                });
            }
        }
    }
    for automation in &house.automations {
        if let Start::Minute(minute) = automation.start {
            timed.push(Timed {
                because: "schedule".to_owned(),
                things: vec![automation.effect],
                minutes: vec![minute],
                sigma: 1.0,
                days: Days::All,
                by_automation: true,
            });
        }
    }
    timed
}

/// A person, days and a minute of the day.
type When = (usize, Days, f64);

/// What is done by the clock, always at the same time.
fn timing((person, days, minute): When, sigma: f64) -> Timing {
    Timing {
        person,
        days,
        minute,
        sigma,
        drift: 0.0,
        after_sunset: None,
    }
}

impl Planner<'_> {
    fn all(&mut self) {
        let wanted = (6.0 + self.house.size * HABITS_A_THING).clamp(HABITS.0, HABITS.1) as usize;
        let mut rest: Vec<Wanted> = REST
            .iter()
            .flat_map(|&(kind, count)| std::iter::repeat_n(kind, count))
            .collect();
        self.chance.shuffle(&mut rest);
        self.closets();
        for kind in FIRST.into_iter().chain(rest) {
            if self.plan.habits.len() >= wanted {
                return;
            }
            match kind {
                Wanted::TimeOfDay => self.time_of_day(),
                Wanted::Pair => self.reaction(false),
                Wanted::Conditional => self.reaction(true),
                Wanted::Sequence => self.sequence(),
                Wanted::Routine => self.routine(),
                Wanted::Scene => self.scene(),
                Wanted::Duration => self.duration(),
                Wanted::Anomaly => self.oddity(),
            };
        }
    }

    /// Adds a habit.
    fn add(&mut self, rule: Rule, things: Vec<usize>, states: Vec<&'static str>, life: Life) {
        for &thing in &things {
            self.house.things[thing].taken = true;
        }
        let habit = Habit {
            id: String::new(),
            rule,
            things,
            states,
            probability: self.probability(),
            life,
            done: Vec::new(),
            asked: Vec::new(),
            eligible_days: 0,
        };
        let kind = habit.kind();
        let alike = self.plan.habits.iter().filter(|h| h.kind() == kind).count();
        self.plan.habits.push(Habit {
            id: format!("{kind}_{alike}"),
            ..habit
        });
    }

    /// How often a habit is followed.
    fn probability(&mut self) -> f64 {
        (0.95 - 0.5 * self.hardness + self.chance.gauss(0.0, 0.03)).clamp(0.6, 0.98)
    }

    /// How often a part of a habit is not left out.
    fn steadiness(&mut self) -> f64 {
        0.96 - 0.3 * self.hardness + self.chance.between(-0.03, 0.02)
    }

    /// Some habits begin and some end in the middle.
    fn life(&mut self) -> Life {
        let days = self.calendar.days;
        let drawn = self.chance.between(0.0, 1.0);
        if drawn < 0.09 {
            Life::From(days / 3 + self.chance.pick((days / 6) as usize) as i64)
        } else if drawn < 0.17 {
            Life::Until(days / 2 + self.chance.pick((days / 8) as usize) as i64)
        } else {
            Life::Whole
        }
    }

    /// Standard deviation of a time, in minutes.
    fn sigma(&mut self) -> f64 {
        self.chance.between(3.0, 9.0) * (1.0 + 2.2 * self.hardness)
    }

    /// Takes a thing for a habit; with this probability one that is opened.
    fn take(&mut self, opened: f64, fits: impl Fn(&House, usize) -> bool) -> Option<usize> {
        let from = if !self.contacts.is_empty() && self.chance.happens(opened) {
            &mut self.contacts
        } else {
            &mut self.used
        };
        let place = from.iter().position(|&thing| fits(self.house, thing))?;
        Some(from.remove(place))
    }

    /// Takes several, or none.
    fn take_all(
        &mut self,
        count: usize,
        opened: f64,
        fits: impl Fn(&House, usize) -> bool,
    ) -> Option<Vec<usize>> {
        let mut taken = Vec::new();
        for _ in 0..count {
            if let Some(thing) = self.take(opened, &fits) {
                taken.push(thing);
                continue;
            }
            for thing in taken {
                self.give_back(thing);
            }
            return None;
        }
        Some(taken)
    }

    fn give_back(&mut self, thing: usize) {
        if self.house.things[thing].role == Role::Contact {
            self.contacts.push(thing);
        } else {
            self.used.push(thing);
        }
    }

    /// A thing with a habit is used otherwise, too: more so where habits are to be hard to find.
    fn otherwise(&mut self, thing: usize, part: f64) {
        let rate = self.chance.between(0.15, 0.7);
        let thing = &mut self.house.things[thing];
        thing.a_day = thing.a_day.min(rate) * (1.0 + 3.5 * self.hardness) * part;
    }

    /// A time at which a person nearly always is up and at home, far from other regular times if possible.
    fn when(&mut self, choice: &[Days], sigma: f64) -> Option<When> {
        for far in FAR {
            for _ in 0..TRIES {
                let person = self.chance.pick(self.people.all.len());
                let days = *self.chance.one_of(choice);
                let minute = self.chance.between(HOURS.0, HOURS.1);
                let spare = 1.5 * sigma;
                if self.is_apart(days, minute, far + sigma)
                    && self.people.is_reliable(
                        person,
                        days,
                        self.calendar,
                        |_| minute,
                        spare,
                        RELIABLE,
                    )
                {
                    return Some((person, days, minute));
                }
            }
        }
        None
    }

    /// Whether nothing else regular is so near, in minutes.
    fn is_apart(&self, days: Days, minute: f64, enough: f64) -> bool {
        self.plan.timed.iter().all(|timed| {
            let enough = enough + 1.5 * timed.sigma;
            !timed.days.meets(days) || timed.minutes.iter().all(|&m| apart(m, minute) > enough)
        })
    }

    /// Writes down that the newest habit happens at these minutes.
    fn at_times(&mut self, timing: Timing, minutes: Vec<f64>, sigma: f64) {
        let Some(habit) = self.plan.habits.last() else {
            return;
        };
        self.plan.timed.push(Timed {
            because: habit.id.clone(),
            things: habit.things.clone(),
            minutes: minutes.clone(),
            sigma,
            days: timing.days,
            by_automation: false,
        });
        self.people.all[timing.person].engagements.push(Engagement {
            minutes,
            days: timing.days,
        });
    }
}
