//! The exact test of one pair: does B follow A more often than B's own life at that hour and on that day explains?
//!
//! For every A the chance that B comes within the delay anyway is taken from B's rate at the same time of the other days of the same
//! kind, and from B's rate just before and after on the same day, whichever is higher: the first keeps the daily rhythm, the second
//! bursts. The sum of those unequal chances is compared with the count by a binomial tail at their mean, which Hoeffding (1956) shows
//! to be no smaller than the true one above the mean. The choice of the delay is paid for.

use crate::calendar::MINUTES_PER_DAY;
use crate::evidence::{Evidence, Moment};
use crate::life::{self, Life};
use crate::pattern::DaySet;
use crate::score::{binomial_tail, quartiles};

use super::screen::LONGEST;

/// Delays that are tried, in seconds.
const DELAYS: [i64; 7] = [10, 20, 45, 90, 180, 360, LONGEST];
/// Half width of the time of other days that is compared, in seconds.
const OTHER_DAYS: i64 = 300;
/// Half width of the neighbourhood of the same day, in seconds.
const SAME_DAY: i64 = 2_700;
/// Quarter points closer than this part of the median are a timer, not a person.
const TIMER_PART: f64 = 0.01;
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
    /// Every trigger on a day that counts.
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

    /// The turns of the part in which it lived.
    pub fn lived(&self) -> &[Turn] {
        &self.turns[self.life.part.clone()]
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
        high - low < (TIMER_PART * middle).max(TIMER_SECONDS)
    }

    /// The one comes before the other clearly more often than after.
    pub fn is_ordered(&self) -> bool {
        let both = self.hits + self.reversed;
        self.hits >= 2 * self.reversed && binomial_tail(both, self.hits, 0.5) < 0.01
    }
}

/// The effect's moments, folded on the day, for weekdays and weekends.
pub struct Rhythm {
    /// Seconds of the day, in order.
    folded: [Vec<i32>; 2],
    /// For each minute of the day, how many of them come before it.
    before: [Vec<u32>; 2],
    days: [f64; 2],
}

impl Rhythm {
    /// The rhythm of a series.
    pub fn new(evidence: &Evidence, series: usize) -> Self {
        let mut folded = [Vec::new(), Vec::new()];
        for moment in &evidence.series[series].moments {
            folded[kind_of(moment.day())].push(second_of_day(*moment));
        }
        let count = |class: DaySet| {
            let days = &evidence.days;
            (0..days.len())
                .filter(|&day| days.counts(day, class))
                .count() as f64
        };
        for seconds in &mut folded {
            seconds.sort_unstable();
        }
        let before = folded.each_ref().map(|seconds| {
            let mut next = 0;
            (0..=MINUTES_PER_DAY as i32)
                .map(|minute| {
                    while seconds
                        .get(next)
                        .is_some_and(|&second| second < minute * 60)
                    {
                        next += 1;
                    }
                    next as u32
                })
                .collect()
        });
        Self {
            folded,
            before,
            days: [count(DaySet::WEEKDAY), count(DaySet::WEEKEND)],
        }
    }

    /// How many of the effect's moments on days of a kind come before a second of the day.
    fn before(&self, kind: usize, second: i32) -> usize {
        let before = &self.before[kind];
        let start = before[(second / 60) as usize] as usize;
        let end = before
            .get((second / 60) as usize + 1)
            .map_or(start, |&end| end as usize);
        start + self.folded[kind][start..end].partition_point(|&other| other < second)
    }

    /// Times a second at this time of other days of the same kind; `today` is how many of them are of the same day.
    fn rate(&self, moment: Moment, today: usize) -> f64 {
        let kind = kind_of(moment.day());
        // The middle of the delays that are tried lies a little after the trigger.
        let middle = second_of_day(moment) + 60;
        let (from, until) = (middle - OTHER_DAYS as i32, middle + OTHER_DAYS as i32);
        let between = |from: i32, until: i32| {
            self.before(kind, until.min(86_400)) - self.before(kind, from.max(0))
        };
        let mut count = between(from, until);
        if from < 0 {
            count += between(from + 86_400, 86_400);
        }
        if until > 86_400 {
            count += between(0, until - 86_400);
        }
        let others = (self.days[kind] - 1.0).max(1.0);
        count.saturating_sub(today) as f64 / others / (2 * OTHER_DAYS) as f64
    }
}

fn kind_of(day: i64) -> usize {
    usize::from(DaySet::WEEKEND.contains(day))
}

fn second_of_day(moment: Moment) -> i32 {
    (moment.of_day() * 60 + (moment.at / SECOND).rem_euclid(60)) as i32
}

/// Tests one pair. None where nothing speaks for it.
pub fn test(evidence: &Evidence, from: usize, to: usize, rhythm: &Rhythm) -> Option<Link> {
    let turns = turns(evidence, from, to, rhythm);
    let all = Life {
        part: 0..turns.len(),
        began: false,
        ended: false,
    };
    let mut link = best_delay(from, to, turns, all, 1.0)?;
    let row: Vec<bool> = link.turns.iter().map(|turn| link.is_hit(turn)).collect();
    let life = life::of_row(&row);
    if life.began || life.ended {
        let charge = row.len() as f64;
        link = best_delay(from, to, link.turns, life, charge)?;
    }
    let effect = &evidence.series[to].moments;
    link.reversed = link
        .lived()
        .iter()
        .filter(|turn| came_before(effect, turn, link.within))
        .count() as u32;
    Some(link)
}

/// Chooses the delay at which the pair is least likely by chance.
fn best_delay(from: usize, to: usize, turns: Vec<Turn>, life: Life, charge: f64) -> Option<Link> {
    let lived = &turns[life.part.clone()];
    let trials = lived.len() as u32;
    let mut best: Option<(f64, i64, u32, f64)> = None;
    let mut before = 0;
    let expected = expected(lived);
    for (within, expected) in DELAYS.into_iter().zip(expected) {
        let hits = lived
            .iter()
            .filter(|turn| turn.delay.is_some_and(|delay| delay <= within as f64))
            .count() as u32;
        // Where waiting longer brings no hit, chance only gets better.
        if hits < 4 || std::mem::replace(&mut before, hits) == hits {
            continue;
        }
        if f64::from(hits) <= expected + 1.0 {
            continue;
        }
        let p_value = binomial_tail(trials, hits, expected / f64::from(trials));
        if best.is_none_or(|(least, ..)| p_value < least) {
            best = Some((p_value, within, hits, expected));
        }
    }
    let (p_value, within, hits, expected) = best?;
    let followed = lived
        .iter()
        .filter(|turn| turn.delay.is_some_and(|delay| delay <= within as f64));
    let mut delays: Vec<f64> = followed.clone().filter_map(|turn| turn.delay).collect();
    let mut days: Vec<i64> = followed.map(|turn| turn.at.day()).collect();
    days.dedup();
    Some(Link {
        from,
        to,
        within: within as f64,
        p_value: (p_value * DELAYS.len() as f64 * charge).min(1.0),
        life,
        hits,
        opportunities: trials,
        expected,
        reversed: 0,
        days: days.len() as u32,
        delay: quartiles(&mut delays),
        turns,
    })
}

/// For each of the delays, how many of the triggers chance would have followed.
fn expected(turns: &[Turn]) -> [f64; DELAYS.len()] {
    let mut expected = [0.0; DELAYS.len()];
    for turn in turns.iter().filter(|turn| turn.rate > 0.0) {
        // Nothing within five seconds; the delays are multiples of that.
        let none = (-turn.rate * 5.0).exp();
        for (sum, within) in expected.iter_mut().zip(DELAYS) {
            *sum += 1.0 - none.powi((within / 5) as i32);
        }
    }
    expected
}

/// Every trigger on a day that counts, with what came of it.
fn turns(evidence: &Evidence, from: usize, to: usize, rhythm: &Rhythm) -> Vec<Turn> {
    let triggers = &evidence.series[from].moments;
    let effects = &evidence.series[to].moments;
    let last = evidence.span.1;
    let mut next = 0;
    let mut low = 0;
    let mut high = 0;
    let mut turns: Vec<Turn> = Vec::with_capacity(triggers.len());
    for (number, &trigger) in triggers.iter().enumerate() {
        if !evidence.days.lived_at(trigger.minute) || trigger.at + LONGEST * SECOND > last {
            continue;
        }
        while effects
            .get(next)
            .is_some_and(|effect| effect.at <= trigger.at)
        {
            next += 1;
        }
        // The effect belongs to the latest trigger before it.
        let until = triggers.get(number + 1).map_or(i64::MAX, |later| later.at);
        let delay = effects
            .get(next)
            .filter(|effect| effect.at <= until && effect.at - trigger.at <= LONGEST * SECOND)
            .map(|effect| (effect.at - trigger.at) as f64 / 1e6);
        while effects
            .get(low)
            .is_some_and(|effect| effect.at < trigger.at - SAME_DAY * SECOND)
        {
            low += 1;
        }
        while effects
            .get(high)
            .is_some_and(|effect| effect.at <= trigger.at + SAME_DAY * SECOND)
        {
            high += 1;
        }
        let near = &effects[low..high];
        let after = trigger.at + LONGEST * SECOND;
        let apart = near
            .iter()
            .filter(|effect| effect.at <= trigger.at || effect.at > after)
            .count();
        let local = apart as f64 / (2 * SAME_DAY - LONGEST) as f64;
        let today = near
            .iter()
            .filter(|effect| {
                let off = effect.at - trigger.at - 60 * SECOND;
                off.abs() <= OTHER_DAYS * SECOND
            })
            .count();
        turns.push(Turn {
            at: trigger,
            delay,
            rate: local.max(rhythm.rate(trigger, today)),
        });
    }
    turns
}

fn came_before(effects: &[Moment], turn: &Turn, within: f64) -> bool {
    let place = effects.partition_point(|effect| effect.at < turn.at.at);
    effects[..place]
        .last()
        .is_some_and(|effect| (turn.at.at - effect.at) as f64 / 1e6 <= within)
}
