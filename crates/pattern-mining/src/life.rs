//! Where a habit is in its life.

use crate::pattern::Status;
use crate::score::ln_likelihood;

/// A habit is new for this many days.
pub const NEW_DAYS: usize = 28;
/// Opportunities without it before its first time, from which on it is believed not to have been there before.
pub const ABSENT: usize = 7;
/// Twice the logarithm of the likelihood ratio from which on a change is believed: a chi-square of one degree of freedom at
/// p = 0.0001, with room for the choice of the moment (Csörgő and Horváth, *Limit Theorems in Change-Point Analysis*, 1997).
const CHANGE: f64 = 15.1;
/// Share after a stop, as a part of the share before, below which it has ended.
const ENDED: f64 = 0.25;
/// Fewest opportunities of a part of a life.
const MIN_PART: usize = 6;

/// A habit is over when it was missed so often in a row that chance would do it this rarely …
pub const SILENCE: f64 = 1e-3;
/// … and on at least this many days.
pub const MIN_SILENT_DAYS: usize = 5;
/// A habit pauses when chance would miss it so often in a row this rarely …
pub const PAUSE: f64 = 0.05;
/// … and on at least this many days.
pub const MIN_PAUSED_DAYS: usize = 3;

/// Whether a habit began lately: it was absent long enough before its first day, which was not long ago.
pub fn young(absent_before: usize, first_day: usize, days: usize) -> Option<Status> {
    (absent_before >= ABSENT && days - first_day <= NEW_DAYS).then_some(Status::New)
}

/// Where a habit is by its silence alone: the trigger itself may have ended, and then nothing is missed. `happened` are the local
/// days on which it did, in order; `lived` are the days on which anything could have, in order.
pub fn by_silence(happened: &[i64], lived: &[i64]) -> Option<Status> {
    let (first, last) = (*happened.first()?, *happened.last()?);
    let mut distinct = happened.to_vec();
    distinct.dedup();
    let alive = lived
        .iter()
        .filter(|day| (first..=last).contains(day))
        .count();
    let silent = lived.iter().filter(|&&day| day > last).count();
    let quiet = 1.0 - distinct.len().min(alive) as f64 / (alive + 1) as f64;
    let by_chance = quiet.powi(silent as i32);
    if silent >= MIN_SILENT_DAYS && by_chance < SILENCE {
        Some(Status::Stopped)
    } else if silent >= MIN_PAUSED_DAYS && by_chance < PAUSE {
        Some(Status::Paused)
    } else {
        None
    }
}

/// Whether a habit came back lately: between two of its days it was silent for so long that chance would not do it, wherever the silence
/// lies. `happened` and `lived` are those of [`by_silence`].
pub fn came_back(happened: &[i64], lived: &[i64]) -> Option<Status> {
    let mut distinct = happened.to_vec();
    distinct.dedup();
    let (&first, &last) = (distinct.first()?, lived.last()?);
    let before = |day: i64| lived.partition_point(|&other| other < day);
    let (silent, back) = distinct
        .windows(2)
        .map(|pair| (before(pair[1]).saturating_sub(before(pair[0] + 1)), pair[1]))
        .max()?;
    let alive = (lived.len() - before(first)).saturating_sub(silent);
    let quiet = 1.0 - distinct.len().min(alive) as f64 / (alive + 1) as f64;
    let by_chance = quiet.powi(silent as i32) * distinct.len() as f64;
    let is_back = silent >= ABSENT && by_chance < SILENCE && last - back <= NEW_DAYS as i64;
    is_back.then_some(Status::Revived)
}

/// The part of a row of opportunities in which a habit lived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life {
    /// Opportunities from the first to behind the last of it.
    pub part: std::ops::Range<usize>,
    /// It did not live before.
    pub began: bool,
    /// It does not live after.
    pub ended: bool,
}

/// Finds the part of a row of hits and misses in which a habit lived: all of it, unless a beginning or an end is clear.
pub fn of_row(row: &[bool]) -> Life {
    let mut part = 0..row.len();
    let mut life = Life {
        part: part.clone(),
        began: false,
        ended: false,
    };
    // An end first, then a beginning in what is left; either may be there without the other.
    if let Some(end) = change(row, |before, after| after <= ENDED * before) {
        part.end = end;
        life.ended = true;
    }
    if let Some(start) = change(&row[part.clone()], |before, after| before <= ENDED * after) {
        part.start = start;
        life.began = true;
    }
    life.part = part;
    life
}

/// The most likely place at which the share of hits changes, where it does clearly and as wanted.
fn change(row: &[bool], wanted: impl Fn(f64, f64) -> bool) -> Option<usize> {
    if row.len() < 2 * MIN_PART {
        return None;
    }
    let all = row.iter().filter(|&&hit| hit).count();
    let whole = ln_likelihood(all, row.len());
    let mut before = row[..MIN_PART].iter().filter(|&&hit| hit).count();
    let mut best: Option<(f64, usize)> = None;
    for place in MIN_PART..=row.len() - MIN_PART {
        let (first, rest) = ((before, place), (all - before, row.len() - place));
        before += usize::from(row[place]);
        let share = |(hits, trials): (usize, usize)| hits as f64 / trials as f64;
        if !wanted(share(first), share(rest)) {
            continue;
        }
        let ratio = 2.0 * (ln_likelihood(first.0, first.1) + ln_likelihood(rest.0, rest.1) - whole);
        if ratio > CHANGE && best.is_none_or(|(top, _)| ratio > top) {
            best = Some((ratio, place));
        }
    }
    best.map(|(_, place)| place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(parts: &[(usize, usize)]) -> Vec<bool> {
        // So many opportunities, of which every so-manieth is missed; 0 is none at all.
        let part = |&(count, miss): &(usize, usize)| {
            (1..=count).map(move |place| miss != 0 && place % miss != 0)
        };
        parts.iter().flat_map(part).collect()
    }

    #[test]
    fn a_clear_end_and_a_clear_beginning_are_seen() {
        let life = of_row(&row(&[(30, 5), (30, 0)]));
        assert!(
            life.ended && !life.began && (28..=31).contains(&life.part.end),
            "{life:?}"
        );
        let life = of_row(&row(&[(30, 0), (30, 5)]));
        assert!(
            !life.ended && life.began && life.part.start == 30,
            "{life:?}"
        );
    }

    #[test]
    fn a_habit_that_was_silent_for_weeks_and_happens_again_came_back() {
        let lived: Vec<i64> = (0..90).collect();
        let days = |until: i64, from: i64| -> Vec<i64> {
            let happens = |day: &i64| *day < until || *day >= from;
            lived.iter().copied().filter(happens).collect()
        };
        assert_eq!(came_back(&days(50, 75), &lived), Some(Status::Revived));
        // Back for longer than four weeks, silent for a few days only, or not back: nothing to say.
        assert_eq!(came_back(&days(20, 45), &lived), None);
        assert_eq!(came_back(&days(70, 74), &lived), None);
        assert_eq!(came_back(&days(50, 90), &lived), None);
        // One day of three, and then twelve days without: that is chance.
        let seldom: Vec<i64> = (0..90)
            .filter(|day| day % 3 == 0 && !(60..72).contains(day))
            .collect();
        assert_eq!(came_back(&seldom, &lived), None);
    }

    #[test]
    fn a_steady_habit_with_misses_has_neither() {
        let steady = of_row(&row(&[(60, 3)]));
        assert_eq!(steady.part, 0..60);
        assert!(!steady.began && !steady.ended);
    }
}
