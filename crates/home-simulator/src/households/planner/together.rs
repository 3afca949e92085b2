//! Habits of several things: reactions, sequences, routines, scenes.

use super::{Planner, When, timing};
use crate::households::calendar::Days;
use crate::households::habit::{Cause, Condition, Life, Rule};
use crate::households::house::{House, Role};
use crate::households::people::Moment;

/// Usual delays of a reaction, in seconds.
const DELAYS_S: [f64; 8] = [8.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0];
/// Usual delays of the hand that looks for the switch in a closet, in seconds.
const CLOSET_DELAYS_S: [f64; 3] = [4.0, 8.0, 15.0];
/// Usual gaps of a sequence, in seconds.
const GAPS_S: [f64; 5] = [15.0, 30.0, 45.0, 60.0, 120.0];
/// Part of the reactions that follow somebody's coming home.
const ARRIVALS: f64 = 0.2;
/// What reactions use is at rest again soon, in minutes, so that it can be used the next time.
const SOON: f64 = 22.0;
/// Minutes of a day that are evening: lights and televisions go off in routines.
const EVENING: f64 = 1_230.0;
/// From so many free things on, habits with many things are possible.
const PLENTY: usize = 16;

/// What is switched for a while, rather than set for the day.
fn is_switched(house: &House, thing: usize) -> bool {
    !house.things[thing].is_of(&["input_boolean", "cover", "alarm_control_panel"])
}

impl Planner<'_> {
    /// Who goes into a closet puts on its lamp.
    pub(super) fn closets(&mut self) {
        for number in 0..self.house.closets.len() {
            let closet = &self.house.closets[number];
            let things = vec![closet.motion, closet.lamp];
            let rule = Rule::Reaction {
                cause: Cause::Closet(number),
                delay_s: *self.chance.one_of(&CLOSET_DELAYS_S),
                spread: 0.4,
                condition: None,
            };
            self.add(rule, things, vec!["on", "on"], Life::Whole);
        }
    }

    /// One thing follows another, always or under a condition.
    pub(super) fn reaction(&mut self, has_condition: bool) -> Option<()> {
        let effect = self.take(0.0, is_switched)?;
        let Some((cause, trigger)) = self.cause(has_condition) else {
            self.give_back(effect);
            return None;
        };
        let condition = has_condition.then(|| self.condition());
        self.otherwise(effect, 1.0);
        let one = &mut self.house.things[effect];
        one.minutes = one.minutes.min(SOON);
        let started_by_end = cause == Cause::Use && self.chance.happens(0.15);
        let trigger_state = if started_by_end {
            self.house.things[trigger].off
        } else {
            self.house.things[trigger].on
        };
        let states = vec![trigger_state, self.house.things[effect].on];
        let life = if has_condition {
            Life::Whole
        } else {
            self.life()
        };
        let rule = Rule::Reaction {
            cause,
            delay_s: *self.chance.one_of(&DELAYS_S),
            spread: 0.3 + 0.5 * self.hardness,
            condition,
        };
        self.add(rule, vec![trigger, effect], states, life);
        Some(())
    }

    fn cause(&mut self, has_condition: bool) -> Option<(Cause, usize)> {
        if !has_condition && self.chance.happens(ARRIVALS) {
            let person = self.chance.pick(self.people.all.len());
            let presence = self.people.all[person].presence.first().copied();
            if let Some(presence) = presence.filter(|&thing| !self.house.things[thing].taken) {
                return Some((Cause::Arrival(person), presence));
            }
        }
        let trigger = self.take(0.6, |house, thing| {
            is_switched(house, thing) && !house.things[thing].is_of(&["climate"])
        })?;
        let one = &mut self.house.things[trigger];
        one.minutes = one.minutes.min(25.0);
        one.a_day = self.chance.between(1.6, 3.2);
        if has_condition {
            // As often while the condition holds as while it does not.
            one.a_day = self.chance.between(2.2, 3.5);
            one.evening = false;
        }
        Some((Cause::Use, trigger))
    }

    fn condition(&mut self) -> Condition {
        match self.chance.pick(6) {
            0 => Condition::Days(Days::Weekday),
            1 => Condition::Days(Days::Weekend),
            2 => {
                let part = self.chance.between(0.4, 0.6);
                let value = self.weather.value_at(part);
                if self.chance.happens(0.6) {
                    Condition::Below(self.house.outside, value)
                } else {
                    Condition::Above(self.house.outside, value)
                }
            }
            3 => self.at_work().unwrap_or(Condition::Dark),
            _ => Condition::Dark,
        }
    }

    /// While something is at work that is on for a good part of the day.
    fn at_work(&mut self) -> Option<Condition> {
        let domains = ["input_boolean", "media_player", "climate"];
        let thing = self.take(0.0, |house, thing| house.things[thing].is_of(&domains))?;
        let one = &mut self.house.things[thing];
        one.taken = true;
        one.a_day = one.a_day.max(1.8);
        one.minutes = self.chance.between(120.0, 200.0);
        Some(Condition::AtWork(thing))
    }

    /// Things one after the other, at any hour or at one.
    pub(super) fn sequence(&mut self) -> Option<()> {
        let count = if self.used.len() > PLENTY {
            *self.chance.one_of(&[3, 3, 4, 5])
        } else {
            3
        };
        let things = self.take_all(count, 0.15, |house, thing| {
            is_switched(house, thing) && !house.things[thing].is_of(&["climate"])
        })?;
        let sigma = self.sigma();
        let when = if self.chance.happens(0.5) {
            self.when(&[Days::All, Days::All, Days::Weekday], sigma)
        } else {
            None
        };
        let timing = when.map(|when| timing(when, sigma));
        let person = timing.map_or_else(|| self.chance.pick(self.people.all.len()), |t| t.person);
        for &thing in &things {
            self.otherwise(thing, 0.6);
            let one = &mut self.house.things[thing];
            one.minutes = one.minutes.min(25.0);
        }
        let states = things.iter().map(|&t| self.house.things[t].on).collect();
        let rule = Rule::Sequence {
            gaps_s: (1..count).map(|_| *self.chance.one_of(&GAPS_S)).collect(),
            goes_on: self.steadiness(),
            person,
            a_day: self.chance.between(1.0, 1.8),
            timing,
        };
        let life = self.life();
        self.add(rule, things, states, life);
        if let Some(timing) = timing {
            self.at_times(timing, vec![timing.minute], sigma);
        }
        Some(())
    }

    /// Things together around a time of the day.
    pub(super) fn routine(&mut self) -> Option<()> {
        let sigma = self.chance.between(10.0, 18.0) * (1.0 + self.hardness);
        let (anchor, when) = self.anchored(sigma).map_or_else(
            || {
                let days = [Days::All, Days::Weekday, Days::All];
                (None, self.when(&days, sigma))
            },
            |(moment, when)| (Some(moment), Some(when)),
        );
        let when = when?;
        let count = if self.used.len() > PLENTY + 4 {
            *self.chance.one_of(&[3, 3, 4, 4, 5, 6])
        } else {
            3
        };
        let is_late = when.2 > 1_000.0;
        let mut things = self.take_all(count, 0.0, |house, thing| {
            let one = &house.things[thing];
            one.role == Role::Used
                && (is_switched(house, thing) || is_late && one.is_of(&["cover"]))
        })?;
        things.sort_by(|&one, &other| self.house.things[one].id.cmp(&self.house.things[other].id));
        let mut states = Vec::new();
        for &thing in &things {
            self.otherwise(thing, 1.0);
            let one = &self.house.things[thing];
            let put_out = when.2 > EVENING
                && one.is_of(&["light", "media_player", "switch", "fan"])
                && self.chance.happens(0.6);
            states.push(if put_out { one.off } else { one.on });
        }
        let timing = timing(when, sigma);
        let rule = Rule::Routine {
            timing,
            anchor,
            within_minutes: self.chance.between(4.0, 9.0),
            takes_part: self.steadiness(),
        };
        let life = match self.life() {
            Life::Until(_) => Life::Whole,
            life => life,
        };
        self.add(rule, things, states, life);
        self.at_times(timing, vec![timing.minute], sigma + 4.0);
        Some(())
    }

    /// Somebody's regular getting up or going to bed, if nothing else is at that time.
    fn anchored(&mut self, sigma: f64) -> Option<(Moment, When)> {
        let wanted = [Some(Moment::Wake), Some(Moment::Bed), None, None][self.chance.pick(4)]?;
        let off = if wanted == Moment::Wake { 8.0 } else { -12.0 };
        let people = self.people.all.iter().enumerate();
        people
            .flat_map(|(number, person)| person.anchors.iter().map(move |anchor| (number, anchor)))
            .filter(|(_, anchor)| anchor.moment == wanted)
            .map(|(number, anchor)| (number, anchor.days, anchor.minute + off))
            .find(|&(_, days, minute)| self.is_apart(days, minute, sigma))
            .map(|when| (wanted, when))
    }

    /// Lights together within seconds, at any hour.
    pub(super) fn scene(&mut self) -> Option<()> {
        let count = 3 + self.chance.pick(2);
        let things = self.take_all(count, 0.0, |house, thing| {
            house.things[thing].is_of(&["light"])
        })?;
        for &thing in &things {
            self.otherwise(thing, 0.6);
            let one = &mut self.house.things[thing];
            one.minutes = one.minutes.min(25.0);
        }
        let states = things.iter().map(|&t| self.house.things[t].on).collect();
        let rule = Rule::Scene {
            person: self.chance.pick(self.people.all.len()),
            a_day: self.chance.between(1.2, 2.0),
            within_s: self.chance.between(3.0, 8.0),
            takes_part: self.steadiness(),
        };
        self.add(rule, things, states, Life::Whole);
        Some(())
    }
}
