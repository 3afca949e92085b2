//! The exact test of one pair: does B follow A more often than B's own life at that hour and on that day explains?
//!
//! For every A the chance that B comes within the delay anyway is taken from B's rate at the same time of the other days of the same
//! kind, and from B's rate just before and after on the same day, whichever is higher: the first keeps the daily rhythm, the second
//! bursts. The sum of those unequal chances is compared with the count by a binomial tail at their mean, which Hoeffding (1956) shows
//! to be no smaller than the true one above the mean. The choice of the delay is paid for.

use crate::evidence::{Evidence, Moment};
use crate::life::{self, Life};
use crate::score::{binomial_tail, quartiles};

use super::screen::LONGEST;
pub use rhythm::Rhythm;
pub use visits::Visits;
use visits::{Already, Passed};

mod rhythm;
mod visits;

/// Delays that are tried, in seconds.
const DELAYS: [i64; 7] = [10, 20, 45, 90, 180, 360, LONGEST];
/// Fewest triggers that were followed.
const MIN_HITS: usize = 4;
/// Half width of the time of other days that is compared, in seconds.
const OTHER_DAYS: i64 = 300;
/// Half width of the neighbourhood of the same day, in seconds.
const SAME_DAY: i64 = 2_700;
/// A delay below this probability by chance is certain: which of those is told is no question of chance any more.
const CERTAIN: f64 = 1e-12;
/// Quarter points closer than this part of the median are a timer, not a person.
const TIMER_PART: f64 = 0.01;
/// What mostly follows somebody who walks by within so many seconds is a machine's: a hand has first to come to the switch.
const AT_ONCE: f64 = 3.0;
/// What follows anything else within so many seconds is a machine's as well: it may go by itself at other times, and then is no echo.
const INSTANTLY: f64 = 1.2;
/// Quarter points closer than this many seconds are a timer, not a person.
const TIMER_SECONDS: f64 = 0.25;

const SECOND: i64 = 1_000_000;

/// One trigger and what came of it.
#[derive(Debug, Clone, Copy)]
pub struct Turn {
    /// The trigger.
    pub at: Moment,
    /// Seconds until the effect, where it came within the longest delay.
    pub delay: Option<f64>,
    /// The effect was not so already, so that it could come.
    pub could: bool,
    /// It counts as a chance: it could, or it rests, which nearly everything does nearly always.
    pub open: bool,
    /// Times a second that the effect happens anyway.
    rate: f64,
}

/// A pair that was tested.
#[derive(Debug, Clone)]
pub struct Link {
    /// Position of the trigger's series.
    pub from: usize,
    /// Position of the effect's series.
    pub to: usize,
    /// The first trigger of every visit on a day that counts.
    pub turns: Vec<Turn>,
    /// Longest delay that counts, in seconds.
    pub within: f64,
    /// Probability by chance, paid for the choice of the delay and of the part of its life.
    pub p_value: f64,
    /// The part of its life.
    pub life: Life,
    /// Triggers within that part that were followed.
    pub hits: u32,
    /// Triggers within that part.
    pub opportunities: u32,
    /// The trigger follows whoever walks by.
    pub ambient: bool,
    /// Triggers that chance would have followed.
    pub expected: f64,
    /// Triggers within that part that the effect came before, within the same delay.
    pub reversed: u32,
    /// Distinct days with a hit.
    pub days: u32,
    /// Quarter point, median and three-quarter point of the delay, in seconds.
    pub delay: (f64, f64, f64),
}

impl Link {
    /// Whether a turn was followed in time.
    pub fn is_hit(&self, turn: &Turn) -> bool {
        turn.delay.is_some_and(|delay| delay <= self.within)
    }

    /// The turns of the part in which it lived that are chances.
    pub fn lived(&self) -> impl Iterator<Item = &Turn> {
        open(&self.turns, &self.life)
    }

    /// The triggers of the part in which it lived that were followed, in microseconds.
    pub fn followed(&self) -> Vec<i64> {
        let hits = self.lived().filter(|turn| self.is_hit(turn));
        hits.map(|turn| turn.at.at).collect()
    }

    /// Share of the triggers that were followed.
    pub fn share(&self) -> f64 {
        f64::from(self.hits) / f64::from(self.opportunities.max(1))
    }

    /// Share of what chance leaves open.
    pub fn above_chance(&self) -> f64 {
        let open = f64::from(self.opportunities) - self.expected;
        (f64::from(self.hits) - self.expected) / open.max(1e-9)
    }

    /// The delay is that of a timer.
    pub fn is_timer(&self) -> bool {
        let (low, middle, high) = self.delay;
        let hand = if self.ambient { AT_ONCE } else { INSTANTLY };
        high - low < (TIMER_PART * middle).max(TIMER_SECONDS) || high < hand
    }

    /// The one comes before the other clearly more often than after.
    pub fn is_ordered(&self) -> bool {
        let both = self.hits + self.reversed;
        self.hits >= 2 * self.reversed && binomial_tail(both, self.hits, 0.5) < 0.01
    }
}

/// Those of the turns of a life that are chances.
fn open<'a>(turns: &'a [Turn], life: &Life) -> impl Iterator<Item = &'a Turn> {
    turns[life.part.clone()].iter().filter(|turn| turn.open)
}

/// Tests pairs one after the other.
pub struct Tester<'a> {
    evidence: &'a Evidence,
    /// Room for the turns of a pair; most pairs are nothing, and what is something gets a copy.
    turns: Vec<Turn>,
}

impl<'a> Tester<'a> {
    /// None tested yet.
    pub fn new(evidence: &'a Evidence) -> Self {
        Self {
            evidence,
            turns: Vec::new(),
        }
    }

    /// Tests one pair: the visits of its trigger and the rhythm of its effect. None where nothing speaks for it.
    pub fn test(&mut self, visits: &Visits<'_>, to: usize, rhythm: &Rhythm) -> Option<Link> {
        lay_out(&mut self.turns, self.evidence, to, visits, rhythm);
        let (from, turns) = (visits.series, &self.turns[..]);
        let all = Life {
            part: 0..turns.len(),
            began: false,
            ended: false,
        };
        let mut link = best_delay(from, to, turns, all, 1.0)?;
        let (chances, row): (Vec<usize>, Vec<bool>) = turns
            .iter()
            .enumerate()
            .filter(|(_, turn)| turn.open)
            .map(|(place, turn)| (place, link.is_hit(turn)))
            .unzip();
        let mut life = life::of_row(&row);
        let place = |chance: usize| chances.get(chance).copied().unwrap_or(turns.len());
        life.part = place(life.part.start)..place(life.part.end);
        if life.began || life.ended {
            let charge = row.len() as f64;
            link = best_delay(from, to, turns, life, charge)?;
        }
        link.ambient = visits.ambient;
        link.turns = turns.to_vec();
        link.reversed = reversed(&link, &self.evidence.series[to].moments);
        Some(link)
    }
}

/// Chooses the delay at which the pair is least likely by chance; the link has no turns yet.
fn best_delay(from: usize, to: usize, turns: &[Turn], life: Life, charge: f64) -> Option<Link> {
    let lived = || open(turns, &life);
    let trials = lived().count() as u32;
    let mut delays: Vec<f64> = lived().filter_map(|turn| turn.delay).collect();
    // Fewer are nothing within any delay.
    if delays.len() < MIN_HITS {
        return None;
    }
    delays.sort_unstable_by(f64::total_cmp);
    let mut tried: Vec<(f64, i64, u32, f64)> = Vec::with_capacity(DELAYS.len());
    let mut before = 0;
    let expected = expected(lived());
    for (within, expected) in DELAYS.into_iter().zip(expected) {
        let hits = delays.partition_point(|&delay| delay <= within as f64) as u32;
        // Where waiting longer brings no hit, chance only gets better.
        if hits < MIN_HITS as u32 || std::mem::replace(&mut before, hits) == hits {
            continue;
        }
        if f64::from(hits) <= expected + 1.0 {
            continue;
        }
        let p_value = binomial_tail(trials, hits, expected / f64::from(trials));
        tried.push((p_value, within, hits, expected));
    }
    // The least likely; of those that are certain, the one that chance explains least of.
    let certain = |one: &&(f64, i64, u32, f64)| one.0 < CERTAIN;
    let unexplained = |one: &(f64, i64, u32, f64)| f64::from(one.2) - one.3;
    let surest = tried.iter().filter(certain).rev();
    let surest = surest.max_by(|a, b| unexplained(a).total_cmp(&unexplained(b)));
    let (p_value, within, hits, expected) = surest
        .or_else(|| tried.iter().min_by(|a, b| a.0.total_cmp(&b.0)))
        .copied()?;
    let is_followed = |turn: &&Turn| turn.delay.is_some_and(|delay| delay <= within as f64);
    let mut days: Vec<i64> = lived()
        .filter(is_followed)
        .map(|turn| turn.at.day())
        .collect();
    days.dedup();
    delays.truncate(hits as usize);
    Some(Link {
        from,
        to,
        within: within as f64,
        p_value: (p_value * DELAYS.len() as f64 * charge).min(1.0),
        life,
        hits,
        opportunities: trials,
        ambient: false,
        expected,
        reversed: 0,
        days: days.len() as u32,
        delay: quartiles(&mut delays),
        turns: Vec::new(),
    })
}

/// For each of the delays, how many of the triggers chance would have followed.
fn expected<'a>(turns: impl Iterator<Item = &'a Turn>) -> [f64; DELAYS.len()] {
    let mut expected = [0.0; DELAYS.len()];
    for turn in turns.filter(|turn| turn.rate > 0.0) {
        // Nothing within five seconds; the delays are multiples of that.
        let none = (-turn.rate * 5.0).exp();
        for (sum, within) in expected.iter_mut().zip(DELAYS) {
            *sum += 1.0 - none.powi((within / 5) as i32);
        }
    }
    expected
}

/// Lays out every trigger on a day that counts, with what came of it.
fn lay_out(
    turns: &mut Vec<Turn>,
    evidence: &Evidence,
    to: usize,
    visits: &Visits<'_>,
    rhythm: &Rhythm,
) {
    let effects = &evidence.series[to].moments;
    let active = evidence.series[to].active;
    let mut there = Already::new(evidence, to);
    // Both are in time order: what lies around a trigger is found by going on from the one before.
    let [
        mut next,
        mut low,
        mut high,
        mut behind,
        mut today_low,
        mut today_high,
    ] = [Passed::new(effects); 6];
    turns.clear();
    turns.reserve(visits.firsts.len());
    for (number, trigger, time) in visits.that_count() {
        let at = trigger.at;
        let after = at + LONGEST * SECOND;
        let next = next.until(at);
        // The effect belongs to the latest visit before it.
        let until = visits
            .firsts
            .get(number + 1)
            .map_or(i64::MAX, |later| later.at);
        let delay = effects
            .get(next)
            .filter(|effect| effect.at <= until && effect.at <= after)
            .map(|effect| (effect.at - at) as f64 / 1e6);
        let before = next - low.until(at - SAME_DAY * SECOND - 1);
        let apart = before + high.until(at + SAME_DAY * SECOND) - behind.until(after);
        let local = apart as f64 / (2 * SAME_DAY - LONGEST) as f64;
        let middle = at + 60 * SECOND;
        let today = today_high.until(middle + OTHER_DAYS * SECOND)
            - today_low.until(middle - OTHER_DAYS * SECOND - 1);
        let could = visits.ambient || !there.is_so(at, &visits.firsts[..number]);
        // What rests nearly always does: that a lamp goes off within minutes is no wonder when it is on.
        turns.push(Turn {
            at: trigger,
            delay,
            could,
            open: could || !active,
            rate: local.max(rhythm.rate(time, today)),
        });
    }
}

/// How many of the turns of a link's life the effect came before, within the same delay.
fn reversed(link: &Link, effects: &[Moment]) -> u32 {
    let mut passed = Passed::new(effects);
    let mut came_before = |turn: &Turn| {
        let before = passed.until(turn.at.at - 1).checked_sub(1);
        before.is_some_and(|place| (turn.at.at - effects[place].at) as f64 / 1e6 <= link.within)
    };
    link.lived().filter(|turn| came_before(turn)).count() as u32
}
