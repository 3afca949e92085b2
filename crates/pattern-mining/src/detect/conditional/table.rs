//! The triggers of all pairs that are looked at for conditions, side by side: each trigger once, however many pairs begin with it.
//!
//! What could be a condition is laid over all of them in one walk through time and kept as one bit for each trigger, so that a table of
//! two by two is a few counts of bits.

use std::collections::HashMap;
use std::ops::Range;

use crate::detect::link::Link;
use crate::evidence::{Moment, Step, Steps};

use super::HELD;

/// Triggers followed and triggers, while it holds and while it does not.
pub(super) type Table = ((u32, u32), (u32, u32));

/// One bit for each trigger.
type Bits = Vec<u64>;

/// Microseconds of an hour.
const HOUR: i64 = 3_600_000_000;

/// A pair among the others.
struct Row {
    /// Which of the first series it has.
    first: usize,
    /// Its triggers' words.
    words: Range<usize>,
    /// Its triggers within its life.
    lived: Bits,
    /// Those that were followed.
    hit: Bits,
    /// How many were followed, and how many there are.
    all: (u32, u32),
}

/// The triggers of the pairs.
pub(super) struct TriggerTable {
    rows: Vec<Row>,
    /// The instant of every trigger, in time order, …
    at: Vec<i64>,
    /// … the minute of the wall clock …
    minutes: Vec<i64>,
    /// … and its bit.
    places: Vec<u32>,
    /// How many triggers come before each hour since the first one, and behind the last hour all.
    before_hour: Vec<usize>,
    /// The words of each of the first series.
    firsts: Vec<Range<usize>>,
    words: usize,
}

/// What was measured at the triggers: values and bits, those of each first series from the lowest value on.
pub(super) struct Measured {
    values: Vec<(f32, u32)>,
    /// Where those of each first series are.
    of_first: Vec<Range<usize>>,
}

impl TriggerTable {
    /// Lays out the triggers of these pairs. Pairs with the same first series have the same triggers.
    pub(super) fn new(links: &[&Link]) -> Self {
        let mut first_of: HashMap<usize, usize> = HashMap::new();
        let mut firsts: Vec<Range<usize>> = Vec::new();
        let mut triggers = Vec::new();
        let mut words = 0;
        let mut rows = Vec::with_capacity(links.len());
        for &link in links {
            let width = link.turns.len().div_ceil(64);
            let first = *first_of.entry(link.from).or_insert_with(|| {
                let bits = (words as u32 * 64)..;
                triggers.extend(link.turns.iter().map(|turn| turn.at).zip(bits));
                firsts.push(words..words + width);
                words += width;
                firsts.len() - 1
            });
            let mut lived = vec![0; width];
            let mut hit = vec![0; width];
            // That something is on whenever it goes off is no condition.
            let could = |place: &usize| link.turns[*place].could;
            let mut all = (0, 0);
            for place in link.life.part.clone().filter(could) {
                set(&mut lived, place);
                all.1 += 1;
                if link.is_hit(&link.turns[place]) {
                    set(&mut hit, place);
                    all.0 += 1;
                }
            }
            rows.push(Row {
                first,
                words: firsts[first].clone(),
                lived,
                hit,
                all,
            });
        }
        triggers.sort_unstable_by_key(|&(moment, bit)| (moment.at, bit));
        let at: Vec<i64> = triggers.iter().map(|(moment, _)| moment.at).collect();
        Self {
            before_hour: before_hours(&at),
            rows,
            minutes: triggers.iter().map(|(moment, _)| moment.minute).collect(),
            places: triggers.into_iter().map(|(_, bit)| bit).collect(),
            at,
            firsts,
            words,
        }
    }

    /// The triggers at which something holds, which is asked in time order.
    pub(super) fn bits(&self, mut holds: impl FnMut(Moment) -> bool) -> Bits {
        let mut bits = vec![0; self.words];
        let moments = self.at.iter().zip(&self.minutes);
        for ((&at, &minute), &bit) in moments.zip(&self.places) {
            if holds(Moment { minute, at }) {
                set(&mut bits, bit as usize);
            }
        }
        bits
    }

    /// For each of the first `states` of an entity, the triggers at which it had been held long enough.
    ///
    /// Most things are in one state for most of the time, so what is written down of that one is where it was not held.
    pub(super) fn held(&self, steps: &Steps, states: usize) -> Vec<Bits> {
        let usual = usual(steps, states);
        let mut held = vec![vec![0; self.words]; states];
        let mut otherwise = vec![0; self.words];
        let mut next = 0;
        for (step, until) in with_ends(steps) {
            let since = until.min(step.at + HELD);
            next = self.walk(next, since, |bit| set(&mut otherwise, bit));
            match held.get_mut(usize::from(step.state)) {
                Some(_) if step.state == usual => next = next.max(self.before(until)),
                Some(held) => {
                    next = self.walk(next, until, |bit| {
                        set(held, bit);
                        set(&mut otherwise, bit);
                    });
                }
                None => next = self.walk(next, until, |bit| set(&mut otherwise, bit)),
            }
        }
        self.walk(next, i64::MAX, |bit| set(&mut otherwise, bit));
        if let Some(held) = held.get_mut(usize::from(usual)) {
            *held = otherwise.iter().map(|otherwise| !otherwise).collect();
        }
        held
    }

    /// Shows the bits of the triggers from a place on that come before an instant; the place of the first that does not.
    fn walk(&self, from: usize, until: i64, mut see: impl FnMut(usize)) -> usize {
        let triggers = self.at[from..].iter().zip(&self.places[from..]);
        let mut place = from;
        for (_, &bit) in triggers.take_while(|(at, _)| **at < until) {
            see(bit as usize);
            place += 1;
        }
        place
    }

    /// How many triggers come before an instant.
    fn before(&self, at: i64) -> usize {
        let Some(&first) = self.at.first().filter(|first| **first < at) else {
            return 0;
        };
        let hour = (at.saturating_sub(first) / HOUR) as usize;
        let Some([from, until]) = self.before_hour.get(hour..hour + 2) else {
            return self.at.len();
        };
        from + self.at[*from..*until].partition_point(|&trigger| trigger < at)
    }

    /// The last measurement before each trigger.
    pub(super) fn values(&self, samples: &[(i64, f32)]) -> Measured {
        let mut values = vec![None; self.words * 64];
        let mut next = 0;
        for (&at, &bit) in self.at.iter().zip(&self.places) {
            while samples.get(next).is_some_and(|sample| sample.0 <= at) {
                next += 1;
            }
            values[bit as usize] = samples[..next].last().map(|sample| sample.1);
        }
        let mut measured = Measured {
            values: Vec::with_capacity(self.at.len()),
            of_first: Vec::with_capacity(self.firsts.len()),
        };
        for first in &self.firsts {
            let bits = first.start * 64..first.end * 64;
            let begin = measured.values.len();
            let known = values[bits.clone()].iter().zip(bits);
            let known = known.filter_map(|(value, bit)| Some(((*value)?, bit as u32)));
            measured.values.extend(known);
            measured.values[begin..].sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
            measured.of_first.push(begin..measured.values.len());
        }
        measured
    }

    /// The table of two by two of a pair.
    pub(super) fn count(&self, place: usize, bits: &[u64]) -> Table {
        let row = &self.rows[place];
        let mut inside = (0, 0);
        let holds = &bits[row.words.clone()];
        for ((holds, hit), lived) in holds.iter().zip(&row.hit).zip(&row.lived) {
            inside.0 += (holds & hit).count_ones();
            inside.1 += (holds & lived).count_ones();
        }
        row.table(inside)
    }

    /// The measurements at the triggers of a pair within its life, from the lowest on, each with whether the trigger was followed.
    pub(super) fn measured(&self, place: usize, measured: &Measured) -> Vec<(f32, bool)> {
        let row = &self.rows[place];
        let first = row.words.start * 64;
        let values = measured.values[measured.of_first[row.first].clone()].iter();
        values
            .map(|&(value, bit)| (value, bit as usize - first))
            .filter(|&(_, bit)| is_set(&row.lived, bit))
            .map(|(value, bit)| (value, is_set(&row.hit, bit)))
            .collect()
    }

    /// How many triggers of a pair lie within its life at which the effect could come.
    pub(super) fn lived(&self, place: usize) -> usize {
        self.rows[place].all.1 as usize
    }

    /// The table of two by two of a pair of which it is known how it goes while something holds.
    pub(super) fn table(&self, place: usize, inside: (u32, u32)) -> Table {
        self.rows[place].table(inside)
    }
}

impl Row {
    /// What is not inside is outside.
    fn table(&self, inside: (u32, u32)) -> Table {
        let all = self.all;
        (inside, (all.0 - inside.0, all.1 - inside.1))
    }
}

/// The steps, each with the instant of the next.
fn with_ends(steps: &Steps) -> impl Iterator<Item = (Step, i64)> {
    let ends = steps.iter().skip(1).map(|step| step.at);
    steps.iter().zip(ends.chain([i64::MAX]))
}

/// The one of the first states that was held for most of the time until the last step.
fn usual(steps: &Steps, states: usize) -> u16 {
    let mut time = vec![0; states];
    let last = steps.iter().last().map_or(0, |step| step.at);
    for (step, until) in with_ends(steps) {
        if let Some(time) = time.get_mut(usize::from(step.state)) {
            *time += until.min(last) - step.at;
        }
    }
    let states = (0..).zip(time);
    states
        .max_by_key(|&(_, time)| time)
        .map_or(u16::MAX, |(state, _)| state)
}

/// How many triggers come before each hour since the first one, and behind the last hour all.
fn before_hours(triggers: &[i64]) -> Vec<usize> {
    let mut before = Vec::new();
    for (place, trigger) in triggers.iter().enumerate() {
        let hour = (trigger - triggers[0]) / HOUR;
        before.resize(hour as usize + 1, place);
    }
    before.push(triggers.len());
    before
}

fn set(bits: &mut [u64], place: usize) {
    bits[place / 64] |= 1 << (place % 64);
}

fn is_set(bits: &[u64], place: usize) -> bool {
    bits[place / 64] & (1 << (place % 64)) != 0
}
