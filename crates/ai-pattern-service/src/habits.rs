//! Between what the miner tells and what the tables keep: so far times of the day.

use common::entity::EntityId;
use common::pattern::{DayClass, Pattern, PatternKind};
use pattern_mining::Known;
use pattern_mining::pattern::{DaySet, Kind, Pattern as Found, Status};

/// A kept habit, as the miner recognises it.
pub(crate) fn known(habit: &Pattern) -> Known {
    Known {
        id: habit.id.clone(),
        kind: Kind::TimeOfDay,
        entities: habit.entities.iter().map(ToString::to_string).collect(),
        states: habit.states.clone(),
        days: Some(match habit.days {
            DayClass::All => DaySet::ALL,
            DayClass::Weekday => DaySet::WEEKDAY,
            DayClass::Weekend => DaySet::WEEKEND,
        }),
        minute: Some(i64::from(habit.time_of_day_minutes)),
        t: None,
        status: Status::Active,
    }
}

/// What the tables keep of a pattern; none for kinds and days that they have no columns for, and for what has ended.
pub(crate) fn kept(found: &Found) -> Option<Pattern> {
    if found.kind != Kind::TimeOfDay || found.status == Status::Stopped {
        return None;
    }
    let days = match found.days? {
        DaySet::ALL => DayClass::All,
        DaySet::WEEKDAY => DayClass::Weekday,
        DaySet::WEEKEND => DayClass::Weekend,
        _ => return None,
    };
    let entities: Result<Vec<EntityId>, _> = found.entities.iter().map(|id| id.parse()).collect();
    Some(Pattern {
        id: found.id.clone(),
        kind: PatternKind::TimeOfDay,
        entities: entities.ok()?,
        states: found.states.clone(),
        days,
        time_of_day_minutes: found.time_of_day_minutes?,
        spread_minutes: found.spread_minutes?,
        window_minutes: found.window_minutes?,
        days_seen: found.occurrences,
        opportunities: found.opportunities,
        expected_by_chance: found.expected_by_chance,
        q_value: found.q_value,
        confidence: found.confidence,
        first_seen: found.first_seen,
        last_seen: found.last_seen,
        sentence: found.sentence.clone(),
    })
}
