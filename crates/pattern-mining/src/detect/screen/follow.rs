//! How often one thing followed another: one pass over everything that happened, or over what is new since the last run.
//!
//! The counts of the last run stand where everything that they counted is still there, action for action. That is asked by a hash: what
//! was evidence then may be none now, when a lamp turns out to be an indicator, or is too old. Then everything is counted anew, so that
//! the counts are always those of one pass.

use std::ops::Range;

use crate::advance;
use crate::evidence::Evidence;

use super::counted::{Counted, Prefix};
use super::{LONGEST, MIN_TIMES, SHORT};

/// Most series that take part, the busiest; bounds the table of counts, of 4 bytes for each pair of them.
const MAX_SERIES: usize = 2_000;
/// Changes after which the pass looks up whether it is to end.
const STOP_EVERY: usize = 4_096;
/// Changes older than the longest delay that may be kept.
const FORGET_EVERY: usize = 4_096;

/// What was counted.
pub(super) struct Follows {
    /// The series that take part, in order of their position.
    pub(super) series: Vec<usize>,
    /// For each effect by trigger.
    counts: Vec<Count>,
    /// What the run before had counted of it.
    before: Prefix,
}

impl Follows {
    /// How often the effect at a place followed those at each place.
    pub(super) fn of(&self, effect: usize) -> &[Count] {
        &self.counts[row(self.series.len(), effect)]
    }

    /// The counts for a later run; none where there are too many series.
    pub(super) fn counted(self, evidence: &Evidence) -> Option<Counted> {
        let is_all = self.series.len() == evidence.series.len();
        is_all.then(|| Counted::new(evidence, self.counts, self.before))
    }
}

/// How often one followed another. An entity has at most a hundred changes a day and a run looks 400 days back, so they have room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Count {
    /// Within the short delay.
    pub(crate) short: u16,
    /// Within the long delay.
    pub(crate) long: u16,
}

/// Where the counts of an effect are, by trigger; behind the last of so many triggers are nobody's.
pub(super) fn row(series: usize, effect: usize) -> Range<usize> {
    effect * (series + 1)..(effect + 1) * (series + 1)
}

/// How many times a series happened.
pub(super) fn happens(evidence: &Evidence, series: usize) -> usize {
    evidence.series[series].moments.len()
}

/// Counts, from where the last run ended when that can be.
pub(super) fn count(evidence: &Evidence) -> Follows {
    let series = players(evidence);
    let is_all = series.len() == evidence.series.len();
    let mut place_of = vec![None; evidence.series.len()];
    for (place, &series) in series.iter().enumerate() {
        place_of[series] = Some(place);
    }
    let mut pass = Pass::new(evidence, series.len());
    let counted = evidence.counted.as_deref().filter(|_| is_all);
    let before = counted.and_then(|counted| pass.resume(counted));
    let before = before.unwrap_or_default();
    let new = evidence.actions.iter().enumerate().skip(before.actions);
    for (number, &(at, series)) in new {
        if number % STOP_EVERY == 0 && evidence.stop.is_said() {
            break;
        }
        if let Some(place) = place_of[series as usize] {
            pass.see(at, series as usize, place, true);
        }
    }
    let counts = pass.counts;
    Follows {
        series,
        counts,
        before,
    }
}

/// The series that take part, in order of their position: all, unless there are too many.
fn players(evidence: &Evidence) -> Vec<usize> {
    let all = 0..evidence.series.len();
    if all.len() <= MAX_SERIES {
        return all.collect();
    }
    let mut players: Vec<usize> = all
        .filter(|&series| happens(evidence, series) >= MIN_TIMES)
        .collect();
    if players.len() > MAX_SERIES {
        players.sort_by_key(|&series| std::cmp::Reverse(happens(evidence, series)));
        players.truncate(MAX_SERIES);
        players.sort_unstable();
    }
    players
}

/// One pass through time.
struct Pass<'a> {
    evidence: &'a Evidence,
    /// For each effect by trigger.
    counts: Vec<Count>,
    series: usize,
    recent: Recent,
    /// From which place on what happened has not been credited to an effect yet.
    credited: Vec<usize>,
}

impl<'a> Pass<'a> {
    fn new(evidence: &'a Evidence, players: usize) -> Self {
        Self {
            evidence,
            counts: vec![Count::default(); players * (players + 1)],
            series: players,
            recent: Recent::new(players),
            credited: vec![0; players],
        }
    }

    /// Takes the counts of the last run, where they still stand: what of the actions need not be counted any more.
    fn resume(&mut self, before: &Counted) -> Option<Prefix> {
        let evidence = self.evidence;
        let places = before.places(evidence)?;
        for (effect, &place) in places.iter().enumerate() {
            let counts = &before.counts[row(places.len(), effect)];
            let mine = &mut self.counts[row(self.series, place)];
            for (count, &trigger) in counts.iter().zip(&places) {
                mine[trigger] = *count;
            }
        }
        // What happened just before is recent, and has been credited. All series take part, so that a series is its own place.
        let counted = &evidence.actions[..before.actions as usize];
        let since = counted.last().map_or(0, |last| last.0) - LONGEST * 1_000_000;
        let old = counted.partition_point(|&(at, _)| at < since);
        for &(at, series) in &counted[old..] {
            self.see(at, series as usize, series as usize, false);
        }
        Some(Prefix {
            actions: counted.len(),
            hash: before.hash,
        })
    }

    /// Goes on to what happened next: the series at a place; what came before is credited to it, or has been.
    fn see(&mut self, at: i64, series: usize, place: usize, is_new: bool) {
        let series = &self.evidence.series[series];
        let recent = &mut self.recent;
        if series.effect {
            recent.go_on(at);
            // What happened before the effect's last time was credited then, what happens at the same instant does not come before it.
            let from = std::mem::replace(&mut self.credited[place], recent.now);
            if is_new {
                let counts = &mut self.counts[row(self.series, place)];
                for &trigger in recent.between(from.max(recent.long)) {
                    counts[trigger as usize].long += 1;
                }
                for &trigger in recent.between(from.max(recent.short)) {
                    counts[trigger as usize].short += 1;
                }
            }
        }
        if series.trigger {
            recent.add(place, at);
        }
    }
}

/// What happened lately, each thing once, where it happened last. Places count from the beginning of everything.
struct Recent {
    at: Vec<i64>,
    /// Who it was; nobody, behind the last one, where the same happened again.
    player: Vec<u32>,
    /// The place of each one's last time.
    last: Vec<usize>,
    /// The place of the first that is kept.
    kept: usize,
    /// The place of the first within the long delay.
    long: usize,
    /// The place of the first within the short delay.
    short: usize,
    /// The place of the first that is not before this instant.
    now: usize,
}

impl Recent {
    fn new(players: usize) -> Self {
        Self {
            at: Vec::new(),
            player: Vec::new(),
            last: vec![usize::MAX; players],
            kept: 0,
            long: 0,
            short: 0,
            now: 0,
        }
    }

    /// Goes on to an instant.
    fn go_on(&mut self, at: i64) {
        let (kept, times) = (self.kept, &self.at);
        let first = |place: usize, since: i64| {
            kept + advance::past(times, place - kept, |&time| time < since)
        };
        self.long = first(self.long, at - LONGEST * 1_000_000);
        self.short = first(self.short, at - SHORT * 1_000_000);
        self.now = first(self.now, at);
        if self.long - self.kept >= FORGET_EVERY {
            self.at.drain(..self.long - self.kept);
            self.player.drain(..self.long - self.kept);
            self.kept = self.long;
        }
    }

    /// Who did something from a place on and before this instant.
    fn between(&self, from: usize) -> &[u32] {
        &self.player[from.min(self.now) - self.kept..self.now - self.kept]
    }

    /// Only the last time of each one is kept.
    fn add(&mut self, player: usize, at: i64) {
        let place = self.kept + self.at.len();
        let before = std::mem::replace(&mut self.last[player], place);
        if (self.kept..place).contains(&before) {
            self.player[before - self.kept] = self.last.len() as u32;
        }
        self.at.push(at);
        self.player.push(player as u32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    fn after(happened: &[(i64, usize)], at: i64) -> (Vec<u32>, Vec<u32>) {
        let mut recent = Recent::new(3);
        for &(second, player) in happened {
            recent.add(player, second * SECOND);
        }
        recent.go_on(at * SECOND);
        let there = |from: usize| {
            let places = recent.between(from).iter().copied();
            places.filter(|&player| player < 3).collect()
        };
        (there(recent.long), there(recent.short))
    }

    #[test]
    fn each_thing_is_recent_once_and_only_before_the_instant() {
        // The first comes twice and then at the instant itself, as its last time is no longer before it.
        assert_eq!(
            after(&[(0, 0), (10, 1), (20, 0), (100, 2)], 100),
            (vec![1, 0], vec![])
        );
        assert_eq!(
            after(&[(0, 0), (10, 1), (20, 0), (65, 2)], 70),
            (vec![1, 0, 2], vec![1, 0, 2])
        );
        assert_eq!(after(&[(0, 0), (100, 0)], 100), (vec![], vec![]));
        // Ten minutes are long, a minute is short, and both count to the end.
        assert_eq!(after(&[(0, 0), (540, 1)], 600), (vec![0, 1], vec![1]));
        assert_eq!(after(&[(0, 0), (540, 1)], 601), (vec![1], vec![]));
    }

    #[test]
    fn what_is_forgotten_does_not_move_what_is_kept() {
        let mut recent = Recent::new(2);
        for second in 0..3 * FORGET_EVERY as i64 {
            recent.go_on(second * SECOND);
            recent.add((second % 2) as usize, second * SECOND);
        }
        recent.go_on(3 * FORGET_EVERY as i64 * SECOND);
        assert!(recent.kept > 0, "it forgot");
        let there = recent
            .between(recent.long)
            .iter()
            .filter(|&&player| player < 2);
        assert_eq!(there.copied().collect::<Vec<_>>(), [0, 1]);
    }
}
