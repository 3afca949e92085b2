//! Which pairs of series are worth an exact test: one pass over everything that happened.
//!
//! A list of what happened in the last ten minutes goes along; each change credits every recent trigger once. The cost is the
//! number of changes times the number of different things that happen within ten minutes, whatever the length of the past.

use crate::evidence::{Evidence, Series};

pub use counted::Counted;
pub(crate) use follow::Count;
use follow::happens;

mod counted;
mod follow;

/// Longest delay of a pair, in seconds.
pub const LONGEST: i64 = 600;
/// The shorter of the two delays that are screened, in seconds.
const SHORT: i64 = 60;
/// Fewest times that something must have happened to take part in a pair.
pub const MIN_TIMES: usize = 5;
/// Smallest share of the triggers that must be followed for a pair to be tested; a condition that holds rarely can make a habit of so few …
const MIN_SHARE: f64 = 0.04;
/// … which must stand out clearly when they are less than this.
const FEW: f64 = 0.1;
/// Standard deviations above chance from which on a pair is tested exactly.
const DEVIATIONS: f64 = 3.0;

/// What the pass saw.
#[derive(Debug, Default)]
pub struct Screened {
    /// Pairs of series worth an exact test: trigger, effect.
    pub pairs: Vec<(usize, usize)>,
    /// Pairs that could have been: the number of hypotheses.
    pub possible: usize,
    /// Pairs of which the one followed the other at all.
    pub followed: usize,
    /// The counts, for a later run to go on from; none where there are too many series.
    pub counted: Option<Counted>,
}

/// Counts and compares with chance.
pub fn screen(evidence: &Evidence) -> Screened {
    let follows = follow::count(evidence);
    let times = |series: usize| happens(evidence, series);
    // Each with its place among those that were counted.
    let players: Vec<(usize, usize)> = follows
        .series
        .iter()
        .copied()
        .enumerate()
        .filter(|&(_, series)| times(series) >= MIN_TIMES)
        .collect();
    let profiles: Vec<Profile> = players
        .iter()
        .map(|&(_, series)| Profile::new(evidence, series))
        .collect();
    let mut screened = Screened::default();
    for (to, &(place, effect)) in players.iter().enumerate() {
        if !evidence.series[effect].effect {
            continue;
        }
        let counts = follows.of(place);
        for (from, &(place, trigger)) in players.iter().enumerate() {
            if !may_pair(evidence, trigger, effect) {
                continue;
            }
            let Count { short, long } = counts[place];
            screened.possible += 1;
            screened.followed += usize::from(long > 0);
            let least = (MIN_SHARE * profiles[from].times).max(MIN_TIMES as f64);
            let stands_out = |seen: u16, by_chance: &[f64; 24]| {
                let seen = f64::from(seen);
                let are_few = seen < FEW * profiles[from].times;
                let (least, deviations) = if are_few {
                    (least.max(2.0 * MIN_TIMES as f64), 2.0 * DEVIATIONS)
                } else {
                    (least, DEVIATIONS)
                };
                seen >= least && {
                    let chance = profiles[from].expected(by_chance);
                    seen > chance + deviations * chance.sqrt() + 1.0
                }
            };
            if stands_out(short, &profiles[to].short) || stands_out(long, &profiles[to].long) {
                screened.pairs.push((trigger, effect));
            }
        }
    }
    screened.counted = follows.counted(evidence);
    screened
}

/// Whether two series can be a habit of their own.
fn may_pair(evidence: &Evidence, trigger: usize, effect: usize) -> bool {
    let (one, other) = (&evidence.series[trigger], &evidence.series[effect]);
    // That something comes to rest after somebody has walked by is the end of a machine's timer.
    let is_timeout = evidence.facts[one.entity].ambient && !other.active;
    one.trigger
        && other.effect
        && !is_timeout
        && !evidence.related(one.entity, other.entity)
        && !is_coming_home(evidence, one, other)
}

/// Whoever comes home unlocks the door, opens it and locks it again: how else.
fn is_coming_home(evidence: &Evidence, one: &Series, other: &Series) -> bool {
    let (first, then) = (
        &evidence.facts[one.entity],
        &evidence.facts[other.entity].id,
    );
    let unlocks = first.id.starts_with("lock.");
    (first.person || unlocks) && then.starts_with("binary_sensor.")
        || first.person && then.starts_with("lock.")
}

/// When a series happens, hour by hour.
struct Profile {
    times: f64,
    by_hour: [f64; 24],
    /// Chance that it happens within the short delay, by hour.
    short: [f64; 24],
    /// Chance that it happens within the long delay, by hour.
    long: [f64; 24],
}

impl Profile {
    fn new(evidence: &Evidence, series: usize) -> Self {
        let mut by_hour = [0.0; 24];
        let moments = &evidence.series[series].moments;
        for moment in moments {
            by_hour[(moment.of_day() / 60) as usize] += 1.0;
        }
        let days = evidence.days.lived_in().max(1) as f64;
        let chance = |delay: i64| {
            by_hour.map(|times: f64| 1.0 - (-times / days * delay as f64 / 3600.0).exp())
        };
        Self {
            times: moments.len() as f64,
            short: chance(SHORT),
            long: chance(LONGEST),
            by_hour,
        }
    }

    fn expected(&self, chance: &[f64; 24]) -> f64 {
        self.by_hour.iter().zip(chance).map(|(a, b)| a * b).sum()
    }
}
