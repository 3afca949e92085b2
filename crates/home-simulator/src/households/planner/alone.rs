//! Habits of one thing: its time of the day, how long it is used, and what happens to it once.

use super::{HOURS, Planner, RELIABLE, timing};
use crate::households::calendar::Days;
use crate::households::habit::{Life, OddKind, Oddity, Rule, Timing};
use crate::households::house::Role;

/// How often days are all, weekdays, or the weekend.
const DAYS: [Days; 6] = [
    Days::All,
    Days::All,
    Days::All,
    Days::Weekday,
    Days::Weekday,
    Days::Weekend,
];
/// Part of the habits with lights and blinds that go by the sunset.
const BY_SUNSET: f64 = 0.22;
/// Part of the others that drift, and the least and most minutes.
const DRIFTS: f64 = 0.15;
const DRIFT: (f64, f64) = (30.0, 70.0);
/// Before this minute of the day blinds are opened, after it closed.
const BLINDS_CLOSE: f64 = 800.0;
/// Usual times of use that people keep, in minutes.
const LASTS: [f64; 9] = [4.0, 6.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0];
/// The longest usual time of something with a time of the day, in minutes: it must be at rest the next day.
const LONGEST: f64 = 150.0;
/// Days at the end of the record that an oddity must leave, so that it can be noticed.
const TO_NOTICE: i64 = 6;
/// Part of the record after which oddities happen: before, nothing is ordinary yet.
const ORDINARY_FROM: f64 = 0.6;

impl Planner<'_> {
    /// Something at a time of the day.
    pub(super) fn time_of_day(&mut self) -> Option<()> {
        let thing = self.take(0.25, |_, _| true)?;
        let goes_dark = self.house.things[thing].is_of(&["light", "cover"]);
        let sunset = if goes_dark && self.chance.happens(BY_SUNSET) {
            self.after_sunset()
        } else {
            None
        };
        let planned = match sunset {
            Some(timing) => Some(timing),
            None => self.by_the_clock(),
        };
        let Some((timing, life)) = planned else {
            self.give_back(thing);
            return None;
        };
        let one = &mut self.house.things[thing];
        if one.role == Role::Used {
            one.minutes = one.minutes.clamp(8.0, LONGEST);
        }
        let opens =
            one.is_of(&["cover"]) && timing.after_sunset.is_none() && timing.minute < BLINDS_CLOSE;
        let state = if opens { one.off } else { one.on };
        self.otherwise(thing, 1.0);
        if self.house.things[thing].is_of(&["cover"]) {
            self.house.things[thing].a_day = 0.08;
        }
        let sigma = timing.sigma;
        let minutes = self.minutes_of(timing);
        self.add(Rule::AtTime(timing), vec![thing], vec![state], life);
        self.at_times(timing, minutes, sigma);
        Some(())
    }

    /// Where a time lies in the course of the record.
    fn minutes_of(&self, timing: Timing) -> Vec<f64> {
        if let Some(after) = timing.after_sunset {
            return (0..self.calendar.days)
                .step_by(10)
                .map(|day| self.calendar.daylight(day).1 + after)
                .collect();
        }
        [0.0, 0.5, 1.0]
            .iter()
            .map(|part| timing.minute + part * timing.drift)
            .collect()
    }

    fn after_sunset(&mut self) -> Option<(Timing, Life)> {
        let sigma = self.sigma();
        let after = self.chance.between(-15.0, 45.0);
        let sunset = |day| self.calendar.daylight(day).1 + after;
        for person in 0..self.people.all.len() {
            for days in [Days::All, Days::Weekday] {
                let is_there =
                    self.people
                        .is_reliable(person, days, self.calendar, sunset, sigma, 0.9);
                if is_there {
                    let timing = Timing {
                        person,
                        days,
                        minute: sunset(self.calendar.days / 2),
                        sigma,
                        drift: 0.0,
                        after_sunset: Some(after),
                    };
                    return Some((timing, self.life()));
                }
            }
        }
        None
    }

    fn by_the_clock(&mut self) -> Option<(Timing, Life)> {
        let sigma = self.sigma();
        let when = self.when(&DAYS, sigma)?;
        let (person, days, minute) = when;
        let life = self.life();
        let mut timing = timing(when, sigma);
        if life == Life::Whole && days != Days::Weekend && self.chance.happens(DRIFTS) {
            let way = *self.chance.one_of(&[-1.0, 1.0]);
            let drift = way * self.chance.between(DRIFT.0, DRIFT.1);
            let part = drift / self.calendar.days as f64;
            let moving = |day: i64| minute + part * day as f64;
            let fits = (HOURS.0..HOURS.1).contains(&(minute + drift));
            if fits
                && self
                    .people
                    .is_reliable(person, days, self.calendar, moving, sigma, RELIABLE)
            {
                timing.drift = drift;
            }
        }
        Some((timing, life))
    }

    /// Something that is always used for the same time.
    pub(super) fn duration(&mut self) -> Option<()> {
        let domains = ["light", "switch", "fan", "media_player"];
        let thing = self.take(0.0, |house, thing| house.things[thing].is_of(&domains))?;
        let number = self.plan.habits.len();
        self.house.things[thing].a_day = self.chance.between(1.4, 3.2);
        self.house.things[thing].ended_by = Some(number);
        let rule = Rule::Duration {
            minutes: *self.chance.one_of(&LASTS),
            spread: self.chance.between(0.05, 0.08) * (1.0 + self.hardness),
        };
        let state = self.house.things[thing].on;
        self.add(rule, vec![thing], vec![state], Life::Whole);
        Some(())
    }

    /// Something that happens once.
    pub(super) fn oddity(&mut self) -> Option<()> {
        let kinds = [
            OddKind::LeftOpen,
            OddKind::StuckOn,
            OddKind::NightActivity,
            OddKind::Silent,
        ];
        let kind = *self.chance.one_of(&kinds);
        let day = self.ordinary_day(kind)?;
        let (opened, domains, a_day): (f64, &[&str], _) = match kind {
            OddKind::LeftOpen => (1.0, &["binary_sensor"], (1.5, 3.0)),
            OddKind::Silent => (0.7, &["binary_sensor", "light"], (3.5, 5.0)),
            _ => (0.0, &["light", "fan", "switch"], (1.5, 3.0)),
        };
        let thing = self.take(opened, |house, thing| house.things[thing].is_of(domains))?;
        let begins = self
            .calendar
            .at(day as f64 * crate::households::calendar::DAY);
        let one = &mut self.house.things[thing];
        one.a_day = self.chance.between(a_day.0, a_day.1);
        one.minutes = one.minutes.min(30.0);
        let is_silent = kind == OddKind::Silent;
        one.silent_from = is_silent.then_some(begins);
        let at = one.silent_from;
        let state = one.on;
        let rule = Rule::Oddity(Oddity { kind, day, at });
        self.add(rule, vec![thing], vec![state], Life::Whole);
        Some(())
    }

    /// A day late in the record, with ordinary ones around it.
    fn ordinary_day(&mut self, kind: OddKind) -> Option<i64> {
        let days = self.calendar.days;
        let first = (days as f64 * ORDINARY_FROM) as i64;
        let is_plain = |day: i64| {
            let until = if kind == OddKind::Silent {
                days
            } else {
                day + 2
            };
            (day - 1..day + 3).all(|day| self.people.is_ordinary(day))
                && !(day..until).any(|day| self.people.vacation.contains(&day))
        };
        let plain: Vec<i64> = (first..days - TO_NOTICE)
            .filter(|&day| is_plain(day))
            .collect();
        (!plain.is_empty()).then(|| *self.chance.one_of(&plain))
    }
}
