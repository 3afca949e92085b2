//! What is true of a record: the habits with how often they were kept, what follows from them, and what only looks like one.

mod decoys;
mod implied;
mod regular;

use std::collections::{BTreeMap, BTreeSet};

use common::instant::UtcMicros;
use serde_json::{Value, json};

use super::calendar::{Calendar, DAY};
use super::habit::{Asked, Done, Habit, Life, OddKind, Oddity, Rule, Timed, Timing};
use super::house::House;
use super::people::People;
use super::record::Bridge;
use super::simulation::Event;
use crate::planted::Truth;

/// A habit that was kept less often than this is too rare to be fair: times, and part of the occasions.
const LEAST_DAYS: usize = 10;
const LEAST_TIMES: usize = 10;
const LEAST_USES: usize = 15;
const LEAST_PART: f64 = 0.55;
/// A duration is the same within this part, and clear if this part of the uses has it.
const SAME_DURATION: f64 = 0.15;
const LEAST_USUAL: f64 = 0.5;
/// Occasions without the condition that it takes to tell a conditional habit from a plain one.
const LEAST_OTHERWISE: usize = 8;
/// Part of the things of a routine that make it one.
const MOST_OF: f64 = 0.6;
/// Minutes of the day between which somebody who is up is out of the ordinary.
const NIGHT: (f64, f64) = (90.0, 290.0);

/// A home that was lived in.
pub(super) struct Lived<'a> {
    pub(super) house: &'a House,
    pub(super) people: &'a People,
    pub(super) calendar: &'a Calendar,
    pub(super) habits: &'a [Habit],
    pub(super) timed: &'a [Timed],
    pub(super) events: &'a [Event],
    pub(super) bridge: Option<Bridge>,
}

/// Tells it.
pub(super) fn of(lived: &Lived) -> Truth {
    let mut truth = Truth::default();
    let seen: BTreeSet<usize> = lived
        .events
        .iter()
        .filter(|event| event.kept)
        .map(|event| event.thing)
        .collect();
    for habit in lived.habits {
        if habit.things.iter().all(|thing| seen.contains(thing)) {
            truth.patterns.extend(lived.habit(habit));
        }
    }
    let mut implied = implied::of(lived);
    regular::times(lived, &mut implied);
    truth.patterns.extend(regular::durations(lived));
    truth.implied = implied.told(lived.house, &seen);
    truth.decoys = decoys::of(lived, &seen);
    truth
}

fn part(of: usize, all: usize) -> f64 {
    of as f64 / all.max(1) as f64
}

fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

impl Lived<'_> {
    /// What is to be known of a habit; nothing, if it never happened.
    fn habit(&self, habit: &Habit) -> Option<Value> {
        let done: Vec<&Done> = habit
            .done
            .iter()
            .filter(|done| self.is_kept(done))
            .collect();
        let mut about = match &habit.rule {
            Rule::AtTime(timing) => self.at_time(habit, *timing, &done),
            Rule::Reaction { .. } => self.reaction(habit, &done),
            Rule::Sequence { .. } => sequence(habit, &done),
            Rule::Routine { timing, .. } => self.routine(habit, *timing, &done),
            Rule::Scene { .. } => scene(habit, &done),
            Rule::Duration { minutes, spread } => self.duration(habit, *minutes, *spread),
            Rule::Oddity(oddity) => self.oddity(habit, *oddity, &done)?,
        };
        let ids: Vec<&str> = habit
            .things
            .iter()
            .map(|&t| &*self.house.things[t].id)
            .collect();
        about["id"] = json!(habit.id);
        about["type"] = json!(habit.kind());
        about["entities"] = json!(ids);
        if about["status"].is_null() {
            about["status"] = json!(habit.life.status());
        }
        about["occurrences"] = json!(done.len());
        match habit.life {
            Life::Whole => {}
            Life::From(day) => about["first_day"] = json!(day),
            Life::Until(day) => about["last_day"] = json!(day),
        }
        Some(about)
    }

    /// Whether the log has all of it.
    fn is_kept(&self, done: &Done) -> bool {
        done.events.iter().all(|&event| self.events[event].kept)
    }

    fn at_time(&self, habit: &Habit, timing: Timing, done: &[&Done]) -> Value {
        let realised = part(done.len(), habit.eligible_days);
        let ends_at = match timing.after_sunset {
            Some(after) => self.calendar.daylight(self.calendar.days - 1).1 + after,
            None => timing.minute + timing.drift,
        };
        let drifts = timing.drift.abs() > 0.0;
        json!({
            "state": habit.states[0], "days": timing.days.name(),
            "minute": timing.minute, "minute_at_end": ends_at, "sigma_min": timing.sigma,
            "drift_min": timing.drift, "sun_offset_min": timing.after_sunset,
            "sun": timing.after_sunset.map(|_| "sunset"),
            "status": drifts.then_some("drift"),
            "eligible_days": habit.eligible_days, "realised": rounded(realised),
            "weak": done.len() < LEAST_DAYS || realised < LEAST_PART,
        })
    }

    fn reaction(&self, habit: &Habit, done: &[&Done]) -> Value {
        let Rule::Reaction {
            delay_s, condition, ..
        } = habit.rule
        else {
            return Value::Null;
        };
        let asked = habit
            .asked
            .iter()
            .filter(|asked| self.events[asked.event].kept);
        let (holding, other): (Vec<&Asked>, Vec<&Asked>) = asked.partition(|asked| asked.holds);
        let times = done.iter().filter(|done| done.holds).count();
        let realised = part(times, holding.len());
        let few_others = condition.is_some() && other.len() < LEAST_OTHERWISE;
        let mut about = json!({
            "states": habit.states, "delay_s": delay_s, "days": "all",
            "opportunities": holding.len() + other.len(),
            "realised": rounded(part(done.len(), holding.len() + other.len())),
            "weak": times < LEAST_TIMES || realised < LEAST_PART || few_others,
        });
        if let Some(condition) = condition {
            about["condition"] = condition.told(self.house);
            about["realised_condition"] = json!(rounded(realised));
            about["realised_otherwise"] = json!(rounded(part(done.len() - times, other.len())));
        }
        about
    }

    fn routine(&self, habit: &Habit, timing: Timing, done: &[&Done]) -> Value {
        let days = occasions(habit, done);
        let realised = part(days, habit.eligible_days);
        let mut minutes: Vec<f64> = done
            .iter()
            .map(|done| {
                self.calendar
                    .minute(self.events[done.events[0]].at)
                    .rem_euclid(DAY)
            })
            // After midnight is late, not early.
            .map(|minute| if minute < 240.0 { minute + DAY } else { minute })
            .collect();
        minutes.sort_by(f64::total_cmp);
        let usual = minutes
            .get(minutes.len() / 2)
            .copied()
            .unwrap_or(timing.minute);
        let states: BTreeMap<&str, &str> = habit
            .things
            .iter()
            .map(|&thing| &*self.house.things[thing].id)
            .zip(habit.states.iter().copied())
            .collect();
        json!({
            "states": states, "days": timing.days.name(),
            "minute": rounded(usual.rem_euclid(DAY)), "sigma_min": timing.sigma,
            "days_done": days, "eligible_days": habit.eligible_days,
            "realised": rounded(realised), "weak": days < LEAST_DAYS || realised < LEAST_PART,
        })
    }

    fn duration(&self, habit: &Habit, minutes: f64, spread: f64) -> Value {
        let kept = habit.done.iter().filter(|done| self.is_kept(done));
        let same = kept.filter(|done| {
            let long = self.events[done.events[1]].at - self.events[done.events[0]].at;
            (long as f64 / 60e6 - minutes).abs() <= SAME_DURATION * minutes
        });
        let uses = self.events.iter().filter(|event| {
            event.kept && event.thing == habit.things[0] && event.state == habit.states[0]
        });
        let times = same.count();
        let realised = part(times, uses.count());
        json!({
            "state": habit.states[0], "minutes": minutes, "cv": rounded(spread), "days": "all",
            "realised": rounded(realised), "weak": times < LEAST_USES || realised < LEAST_USUAL,
        })
    }

    fn oddity(&self, habit: &Habit, oddity: Oddity, done: &[&Done]) -> Option<Value> {
        let at = oddity.at?;
        let is_silent = oddity.kind == OddKind::Silent;
        if !is_silent && done.is_empty() {
            return None;
        }
        let kind = match oddity.kind {
            OddKind::LeftOpen => "left_open",
            OddKind::StuckOn => "stuck_on",
            OddKind::NightActivity => "night_activity",
            OddKind::Silent => "silent",
        };
        let thing = habit.things[0];
        let is_ordinary = oddity.kind == OddKind::NightActivity && self.is_used_at_night(thing, at);
        Some(json!({
            "kind": kind, "t": UtcMicros::default().plus_micros(at), "weak": is_ordinary,
        }))
    }

    /// Whether a thing is used at night on other days, too.
    fn is_used_at_night(&self, thing: usize, at: i64) -> bool {
        self.events.iter().any(|event| {
            let minute = self.calendar.minute(event.at).rem_euclid(DAY);
            event.kept
                && event.thing == thing
                && self.calendar.day(event.at) != self.calendar.day(at)
                && (NIGHT.0..NIGHT.1).contains(&minute)
        })
    }
}

fn sequence(habit: &Habit, done: &[&Done]) -> Value {
    let Rule::Sequence {
        gaps_s,
        goes_on,
        timing,
        ..
    } = &habit.rule
    else {
        return Value::Null;
    };
    json!({
        "states": habit.states, "gaps_s": gaps_s, "step_prob": rounded(*goes_on),
        "minute": timing.map(|timing| timing.minute),
        "sigma_min": timing.map(|timing| timing.sigma),
        "days": timing.map_or("all", |timing| timing.days.name()),
        "weak": done.len() < LEAST_TIMES,
    })
}

fn scene(habit: &Habit, done: &[&Done]) -> Value {
    let times = occasions(habit, done);
    json!({
        "scene": true, "states": habit.states, "occasions": times, "weak": times < LEAST_USES,
    })
}

/// On how many days most things of a routine were used.
fn occasions(habit: &Habit, done: &[&Done]) -> usize {
    let mut members: BTreeMap<i64, usize> = BTreeMap::new();
    for one in done {
        *members.entry(one.day).or_default() += 1;
    }
    let most = MOST_OF * habit.things.len() as f64;
    members
        .values()
        .filter(|&&count| count as f64 >= most)
        .count()
}
