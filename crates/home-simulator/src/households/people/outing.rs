//! What people go out for besides work, and the tables of who is at home that follow.

use super::{Job, People, Person, SLOT, SLOTS, is_engaged};
use crate::home::chance::Chance;
use crate::households::calendar::{Calendar, DAY};

/// The hours in which outings begin, in minutes of the day.
const HOURS: (f64, f64) = (560.0, 1_230.0);
/// Usual and longest outing, in minutes.
const USUAL: f64 = 75.0;
const LONGEST: f64 = 300.0;
/// Minutes at home before and after an outing.
const SPARE: f64 = 12.0;
/// Tries to fit an outing into a day.
const TRIES: usize = 6;
/// Absences with fewer minutes between them are one.
const ONE_ABSENCE: f64 = 5.0;

impl People {
    /// Sends people out at times when no habit of theirs wants them at home, and fills the tables of presence.
    pub(in crate::households) fn go_out(&mut self, calendar: &Calendar, chance: &mut Chance) {
        let slots = (calendar.days * SLOTS) as usize;
        self.awake = vec![0; slots];
        for number in 0..self.all.len() {
            for day in 0..calendar.days {
                if !self.vacation.contains(&day) {
                    outings(&mut self.all[number], day, calendar.weekday(day), chance);
                }
            }
            let person = &mut self.all[number];
            person.away = merged(person);
            person.awake = awake(person, slots);
            for (slot, &is_up) in person.awake.iter().enumerate() {
                self.awake[slot] += u8::from(is_up);
            }
        }
    }
}

fn outings(person: &mut Person, day: i64, weekday: i8, chance: &mut Chance) {
    let is_free = weekday >= 5 || matches!(person.job, Job::Retired | Job::Student);
    let count = if is_free {
        *chance.one_of(&[0, 0, 1, 1, 2])
    } else {
        *chance.one_of(&[0, 0, 0, 1])
    };
    let start = day as f64 * DAY;
    for _ in 0..count {
        for _ in 0..TRIES {
            let from = chance.between(HOURS.0, HOURS.1);
            let until = from + (USUAL * chance.factor(0.7)).min(LONGEST);
            let fits = person.is_home(start + from, SPARE)
                && person.is_home(start + until, SPARE)
                && !is_engaged(&person.engagements, weekday, from, until);
            if fits {
                person.days[(day + 1) as usize]
                    .away
                    .push((start + from, start + until));
                break;
            }
        }
    }
}

fn merged(person: &Person) -> Vec<(f64, f64)> {
    let mut away: Vec<(f64, f64)> = person
        .days
        .iter()
        .flat_map(|day| day.away.iter().copied())
        .collect();
    away.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut merged: Vec<(f64, f64)> = Vec::new();
    for (from, until) in away {
        match merged.last_mut() {
            Some(last) if from <= last.1 + ONE_ABSENCE => last.1 = last.1.max(until),
            _ => merged.push((from, until)),
        }
    }
    merged
}

fn awake(person: &Person, slots: usize) -> Vec<bool> {
    let mut awake = vec![false; slots];
    let slot = |minute: f64| ((minute / SLOT).max(0.0) as usize).min(slots);
    for day in &person.days {
        awake[slot(day.wake)..slot(day.bed).max(slot(day.wake))].fill(true);
    }
    for &(from, until) in &person.away {
        awake[slot(from)..(slot(until) + 1).min(slots).max(slot(from))].fill(false);
    }
    awake
}
