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
    let counts = count(evidence, &players);
    let profiles: Vec<Profile> = players
        .iter()
        .map(|&series| Profile::new(evidence, series))
        .collect();
    let mut screened = Screened::default();
    for (to, &effect) in players.iter().enumerate() {
        if !evidence.series[effect].effect {
            continue;
        }
        let followed = counts.row(to);
        for (from, &trigger) in players.iter().enumerate() {
            if !may_pair(evidence, trigger, effect) {
                continue;
            }
            let (short, long) = (followed.0[from], followed.1[from]);
            screened.possible += 1;
            screened.counted += usize::from(long > 0);
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

/// How often one followed the other. An entity has at most a hundred changes a day and a run looks 400 days back, so they have room.
struct Counts {
    /// Within the short delay, for each effect by trigger; behind the last trigger of each effect nobody's.
    short: Vec<u16>,
    /// Within the long delay.
    long: Vec<u16>,
    width: usize,
}

impl Counts {
    fn new(players: usize) -> Self {
        let width = players + 1;
        Self {
            short: vec![0; players * width],
            long: vec![0; players * width],
            width,
        }
    }

    /// Of one effect: within the short delay and within the long one, by trigger.
    fn row(&self, effect: usize) -> (&[u16], &[u16]) {
        let row = effect * self.width..(effect + 1) * self.width;
        (&self.short[row.clone()], &self.long[row])
    }
}

/// For each effect, how often it followed each trigger.
fn count(evidence: &Evidence, players: &[usize]) -> Counts {
    let mut player_of = vec![None; evidence.series.len()];
    for (player, &series) in players.iter().enumerate() {
        player_of[series] = Some(player);
    }
    let mut counts = Counts::new(players.len());
    let mut recent = Recent::new(players.len());
    // From which place on what happened has not been credited to an effect yet.
    let mut credited = vec![0; players.len()];
    for (number, &(at, series)) in evidence.actions.iter().enumerate() {
        if number % STOP_EVERY == 0 && evidence.stop.is_said() {
            break;
        }
        let series = series as usize;
        let Some(player) = player_of[series] else {
            continue;
        };
        let series = &evidence.series[series];
        if series.effect {
            recent.go_on(at);
            // What happened before the effect's last time was credited then, what happens at the same instant does not come before it.
            let from = std::mem::replace(&mut credited[player], recent.now);
            let row = player * counts.width..(player + 1) * counts.width;
            let credit = |counts: &mut [u16], since: usize| {
                for &trigger in recent.between(from.max(since)) {
                    counts[trigger as usize] += 1;
                }
            };
            credit(&mut counts.long[row.clone()], recent.long);
            credit(&mut counts.short[row], recent.short);
        }
        if series.trigger {
            recent.add(player, at);
        }
    }
    counts
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
            let before = times[place - kept..].iter();
            place + before.take_while(|&&time| time < since).count()
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
