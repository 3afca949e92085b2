//! Homes whose habits come from the people who live there, for measuring a miner: a second maker of homes beside
//! [`planted`](crate::planted), which shares nothing with it but the form of what it makes.
//!
//! People have jobs; they get up, leave, come home and go to bed, go out, fall ill, have visitors and vacations. While they are up
//! they walk about and use things, so that everything that happens in a home has to do with everything else. Some of it they do by
//! rule: those are the habits. Automations, machines, groups, restarts and missing days are in the way. What is regular without
//! being a habit, because the people are, is in [`Truth::implied`].
//!
//! `hardness` from 0 to 1 makes habits less punctual and less often kept, lets their things be used otherwise, loses more days and
//! more connections, and makes more automations run without a trace.

mod automation;
mod calendar;
mod habit;
mod house;
mod people;
mod planner;
mod record;
mod simulation;
mod truth;
mod weather;
mod words;

use self::calendar::Calendar;
use self::house::House;
use self::people::People;
use self::truth::Lived;
use self::weather::Weather;
use crate::home::chance::Chance;
use crate::planted::PlantedHome;
#[cfg(doc)]
use crate::planted::Truth;

/// The shortest record, in days: habits that begin or end in the middle need both halves.
const LEAST_DAYS: i64 = 30;
/// The name of this maker for seeded chance.
const MAKER: u64 = 1_403;

/// Makes the home of this seed; of `days` days, but at least thirty.
pub fn make(seed: u64, hardness: f64, days: i64) -> PlantedHome {
    let days = days.max(LEAST_DAYS);
    // A stream for each part: a change in one does not move the others.
    let chance = |part: u64| Chance::new(&[seed, MAKER, part]);
    let calendar = Calendar::new(days, &mut chance(0));
    let weather = Weather::new(&calendar, &mut chance(1));
    let mut house = House::new(hardness, &mut chance(2));
    let mut people = People::new(&mut house, &calendar, hardness, &mut chance(3));
    let planner = &mut chance(4);
    let mut plan = planner::plan(
        &mut house,
        &mut people,
        &calendar,
        &weather,
        hardness,
        planner,
    );
    people.go_out(&calendar, &mut chance(5));
    let mut events = simulation::run(
        &house,
        &people,
        &calendar,
        &weather,
        &mut plan.habits,
        hardness,
        &mut chance(6),
    );
    let recorder = &mut chance(7);
    let (mut said, bridge) =
        record::lose(&mut events, &house, &people, &calendar, hardness, recorder);
    let changes = record::log(&mut events, &mut said, &house);
    let truth = truth::of(&Lived {
        house: &house,
        people: &people,
        calendar: &calendar,
        habits: &plan.habits,
        timed: &plan.timed,
        events: &events,
        bridge,
    });
    PlantedHome {
        zone: calendar.zone_name.to_owned(),
        registry: house.registry(calendar.zone_name),
        changes,
        truth,
    }
}

#[cfg(test)]
mod tests;
