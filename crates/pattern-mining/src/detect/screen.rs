//! Which pairs of series are worth an exact test: one pass over everything that happened.
//!
//! A list of what happened in the last ten minutes goes along; each change credits every recent trigger once. The cost is the
//! number of changes times the number of different things that happen within ten minutes, whatever the length of the past.

use crate::evidence::Evidence;

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
/// Most series that take part, the busiest; bounds the table of counters to 8 bytes for each pair of them.
const MAX_SERIES: usize = 2_000;
/// Changes after which the pass looks up whether it is to end.
const STOP_EVERY: usize = 4_096;
/// Changes older than the longest delay that may be kept.
const FORGET_EVERY: usize = 4_096;
/// Standard deviations above chance from which on a pair is tested exactly.
const DEVIATIONS: f64 = 3.0;

/// How often one followed the other. An entity has at most a hundred changes a day and a run looks 400 days back, so they have room.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    short: u16,
    long: u16,
}

/// What the pass saw.
#[derive(Debug, Default)]
pub struct Screened {
    /// Pairs of series worth an exact test: trigger, effect.
    pub pairs: Vec<(usize, usize)>,
    /// Pairs that could have been: the number of hypotheses.
    pub possible: usize,
    /// Pairs for which anything was counted.
    pub counted: usize,
}

/// Counts and compares with chance.
pub fn screen(evidence: &Evidence) -> Screened {
    let players = players(evidence);
    let width = players.len();
    let counts = count(evidence, &players);
    let profiles: Vec<Profile> = players
        .iter()
        .map(|&series| Profile::new(evidence, series))
        .collect();
    let mut screened = Screened::default();
    for (from, &trigger) in players.iter().enumerate() {
        for (to, &effect) in players.iter().enumerate() {
            if !may_pair(evidence, trigger, effect) {
                continue;
            }
            screened.possible += 1;
            let count = counts[to * width + from];
            screened.counted += usize::from(count.long > 0);
            let least = (MIN_SHARE * profiles[from].times).max(MIN_TIMES as f64);
            let stands_out = |seen: u16, by_chance: fn(&Profile) -> &[f64; 24]| {
                let seen = f64::from(seen);
                let are_few = seen < FEW * profiles[from].times;
                let (least, deviations) = if are_few {
                    (least.max(2.0 * MIN_TIMES as f64), 2.0 * DEVIATIONS)
                } else {
                    (least, DEVIATIONS)
                };
                seen >= least && {
                    let chance = profiles[from].expected(by_chance(&profiles[to]));
                    seen > chance + deviations * chance.sqrt() + 1.0
                }
            };
            if stands_out(count.short, |profile| &profile.short)
                || stands_out(count.long, |profile| &profile.long)
            {
                screened.pairs.push((trigger, effect));
            }
        }
    }
    screened
}

/// Whether two series can be a habit of their own.
fn may_pair(evidence: &Evidence, trigger: usize, effect: usize) -> bool {
    let (one, other) = (&evidence.series[trigger], &evidence.series[effect]);
    // That something comes to rest after somebody has walked by is the end of a machine's timer.
    let is_timeout = evidence.facts[one.entity].ambient && !other.active;
    one.trigger && other.effect && !is_timeout && !evidence.related(one.entity, other.entity)
}

/// The series that take part, in order of their position.
fn players(evidence: &Evidence) -> Vec<usize> {
    let times = |index: &usize| evidence.series[*index].moments.len();
    let mut players: Vec<usize> = (0..evidence.series.len())
        .filter(|index| times(index) >= MIN_TIMES)
        .collect();
    if players.len() > MAX_SERIES {
        players.sort_by_key(|index| std::cmp::Reverse(times(index)));
        players.truncate(MAX_SERIES);
        players.sort_unstable();
    }
    players
}

/// For each effect, how often it followed each trigger.
fn count(evidence: &Evidence, players: &[usize]) -> Vec<Count> {
    let width = players.len();
    let mut player_of = vec![None; evidence.series.len()];
    for (player, &series) in players.iter().enumerate() {
        player_of[series] = Some(player);
    }
    let mut seen = vec![i64::MIN; width];
    let mut latest = vec![i64::MIN; width];
    let mut counts = vec![Count::default(); width * width];
    let mut recent: Vec<Recent> = Vec::new();
    let mut oldest = 0;
    for (place, &(at, series)) in evidence.actions.iter().enumerate() {
        if place % STOP_EVERY == 0 && evidence.stop.is_said() {
            break;
        }
        let series = series as usize;
        let Some(player) = player_of[series] else {
            continue;
        };
        while recent
            .get(oldest)
            .is_some_and(|first| at - first.at > LONGEST * 1_000_000)
        {
            oldest += 1;
        }
        if oldest >= FORGET_EVERY {
            recent.drain(..std::mem::take(&mut oldest));
        }
        let series = &evidence.series[series];
        if series.effect {
            let counts = &mut counts[player * width..][..width];
            // What happened before the effect's last time was credited then.
            let before = std::mem::replace(&mut seen[player], at);
            for trigger in recent[oldest..].iter().rev() {
                if trigger.at < before {
                    break;
                }
                // Only the latest of each trigger is credited.
                if trigger.at == at || trigger.at != latest[trigger.player as usize] {
                    continue;
                }
                let count = &mut counts[trigger.player as usize];
                count.long += 1;
                count.short += u16::from(at - trigger.at <= SHORT * 1_000_000);
            }
        }
        if series.trigger {
            latest[player] = at;
            let player = player as u32;
            recent.push(Recent { at, player });
        }
    }
    counts
}

/// Something that happened in the last ten minutes.
struct Recent {
    at: i64,
    player: u32,
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
