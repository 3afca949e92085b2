//! One habit, one pattern: folds what the scan found more than once.

use common::pattern::DayClass;

use crate::detect::time_of_day::{Candidate, apart};
use crate::score::fisher_greater;
use crate::timeline::Series;

/// Windows of different day classes this near to each other, in minutes, are about the same habit.
const SAME_HABIT: i64 = 30;
/// One class is clearly better when the other has less than this part of its share …
const CONTRAST: f64 = 0.5;
/// … and chance would make such a difference more rarely than this.
const CONTRAST_P: f64 = 0.05;
/// Going back to the state before within this many minutes belongs to the habit, and is no second one.
const THERE_AND_BACK: i64 = 90;
/// The beginning is told rather than the way back when its bound is at least this part of the other's.
const BEGINNING: f64 = 0.8;
/// Entities whose changes lie this near to each other, in microseconds, go together: a group and its members.
const TOGETHER_MICROS: i64 = 2_000_000;
/// Part of the hits that must go together.
const TOGETHER: f64 = 0.8;

/// Folds day classes, returns and mirrors. Keeps the order of strength.
pub fn fold(candidates: Vec<Candidate>, series: &[Series]) -> Vec<Candidate> {
    let mut kept = day_classes(candidates);
    kept.sort_by(|a, b| {
        strength(b)
            .total_cmp(&strength(a))
            .then(a.p_value.total_cmp(&b.p_value))
            .then(a.series.cmp(&b.series))
    });
    let mut told: Vec<Candidate> = Vec::new();
    for candidate in kept {
        if told
            .iter()
            .any(|other| goes_with(other, &candidate, series))
        {
            continue;
        }
        match told
            .iter_mut()
            .find(|other| is_return(other, &candidate, series))
        {
            None => told.push(candidate),
            Some(other) if begins(&candidate, other) => *other = candidate,
            Some(_) => {}
        }
    }
    told
}

fn strength(candidate: &Candidate) -> f64 {
    crate::score::wilson_lower(candidate.opportunities, candidate.hits)
}

/// An all-days habit wins over its halves, unless one class is clearly better.
fn day_classes(candidates: Vec<Candidate>) -> Vec<Candidate> {
    let (all, halves): (Vec<_>, Vec<_>) = candidates
        .into_iter()
        .partition(|candidate| candidate.class == DayClass::All);
    let same = |a: &Candidate, b: &Candidate| {
        a.series == b.series && apart(a.minute, b.minute) <= SAME_HABIT
    };
    let mut kept: Vec<Candidate> = Vec::new();
    for every in &all {
        // Around midnight the half knows best which day a change belongs to, so it is asked too. Where the half failed a
        // threshold of its own, the habit of all days, which passed, is told.
        let clearly_half = |half: &Candidate| {
            let better = Some(half.class);
            same(every, half) && (better_class(every) == better || better_class(half) == better)
        };
        if !halves.iter().any(clearly_half) {
            kept.push(every.clone());
        }
    }
    for half in halves {
        if !kept
            .iter()
            .any(|every| every.class == DayClass::All && same(every, &half))
        {
            kept.push(half);
        }
    }
    kept
}

/// The class to which a habit of all days really belongs, if to one.
fn better_class(candidate: &Candidate) -> Option<DayClass> {
    let share = |(hits, days): (u32, u32)| f64::from(hits) / f64::from(days.max(1));
    let (weekdays, weekends) = (candidate.weekdays, candidate.weekends);
    let clearly = |better: (u32, u32), other: (u32, u32)| {
        share(other) < CONTRAST * share(better) && fisher_greater(better, other) < CONTRAST_P
    };
    if clearly(weekdays, weekends) {
        Some(DayClass::Weekday)
    } else if clearly(weekends, weekdays) {
        Some(DayClass::Weekend)
    } else {
        None
    }
}

/// Whether `weaker` is only the way back of `stronger`, or the way there.
fn is_return(stronger: &Candidate, weaker: &Candidate, series: &[Series]) -> bool {
    stronger.series != weaker.series
        && series[stronger.series].entity == series[weaker.series].entity
        && apart(stronger.minute, weaker.minute) <= THERE_AND_BACK
}

/// Whether `weaker` is what begins, and nearly as regular as the way back that looked stronger.
fn begins(weaker: &Candidate, stronger: &Candidate) -> bool {
    let lead = (stronger.minute - weaker.minute).rem_euclid(1440);
    lead <= THERE_AND_BACK && strength(weaker) >= BEGINNING * strength(stronger)
}

/// Whether two entities change at the same instants.
fn goes_with(stronger: &Candidate, weaker: &Candidate, series: &[Series]) -> bool {
    if series[stronger.series].entity == series[weaker.series].entity
        || apart(stronger.minute, weaker.minute) > SAME_HABIT
    {
        return false;
    }
    let theirs = &stronger.moments;
    let together = weaker.moments.iter().filter(|moment| {
        let next = theirs.partition_point(|other| other.at < moment.at - TOGETHER_MICROS);
        theirs
            .get(next)
            .is_some_and(|other| other.at <= moment.at + TOGETHER_MICROS)
    });
    together.count() as f64 >= TOGETHER * weaker.moments.len() as f64
}
