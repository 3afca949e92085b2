//! The triggers of all pairs that are looked at for conditions, side by side: each trigger once, however many pairs begin with it.
//!
//! What could be a condition is laid over all of them in one walk through time and kept as one bit for each trigger, so that a table of
//! two by two is a few counts of bits.

use std::collections::HashMap;
use std::ops::Range;

use crate::detect::link::Link;
use crate::evidence::{Moment, Step};

use super::HELD;

/// Triggers followed and triggers, while it holds and while it does not.
pub(super) type Table = ((u32, u32), (u32, u32));

/// One bit for each trigger.
type Bits = Vec<u64>;

/// A pair among the others.
struct Row<'a> {
    link: &'a Link,
    /// Its triggers' words.
    words: Range<usize>,
    /// Its triggers within its life.
    lived: Bits,
    /// Those that were followed.
    hit: Bits,
}

/// The triggers of the pairs.
pub(super) struct TriggerTable<'a> {
    rows: Vec<Row<'a>>,
    /// Every trigger and its bit, in time order.
    triggers: Vec<(Moment, u32)>,
    words: usize,
}

impl<'a> TriggerTable<'a> {
    /// Lays out the triggers of these pairs. Pairs with the same first series have the same triggers.
    pub(super) fn new(links: &[&'a Link]) -> Self {
        let mut first_words: HashMap<usize, usize> = HashMap::new();
        let mut triggers = Vec::new();
        let mut words = 0;
        let mut rows = Vec::with_capacity(links.len());
        for &link in links {
            let width = link.turns.len().div_ceil(64);
            let first = *first_words.entry(link.from).or_insert_with(|| {
                let bits = (words as u32 * 64)..;
                triggers.extend(link.turns.iter().map(|turn| turn.at).zip(bits));
                words += width;
                words - width
            });
            let mut lived = vec![0; width];
            let mut hit = vec![0; width];
            for place in link.life.part.clone() {
                set(&mut lived, place);
                if link.is_hit(&link.turns[place]) {
                    set(&mut hit, place);
                }
            }
            rows.push(Row {
                link,
                words: first..first + width,
                lived,
                hit,
            });
        }
        triggers.sort_unstable_by_key(|&(moment, bit)| (moment.at, bit));
        Self {
            rows,
            triggers,
            words,
        }
    }

    /// The triggers of a pair within its life, among those of all pairs.
    pub(super) fn lived(&self, place: usize) -> Range<usize> {
        let row = &self.rows[place];
        let first = row.words.start * 64;
        first + row.link.life.part.start..first + row.link.life.part.end
    }

    /// The triggers at which something holds.
    pub(super) fn bits(&self, holds: impl Fn(Moment) -> bool) -> Bits {
        let mut bits = vec![0; self.words];
        for &(moment, bit) in &self.triggers {
            if holds(moment) {
                set(&mut bits, bit as usize);
            }
        }
        bits
    }

    /// For each of the first states of an entity, of which it has `known`, the triggers at which it had been held long enough.
    pub(super) fn held(&self, steps: &[Step], known: usize, states: usize) -> Vec<Bits> {
        let mut held = vec![vec![0; self.words]; states];
        let mut next = 0;
        for &(Moment { at, .. }, bit) in &self.triggers {
            while steps.get(next).is_some_and(|step| step.at <= at) {
                next += 1;
            }
            let Some(step) = steps[..next].last() else {
                continue;
            };
            let state = usize::from(step.state);
            if state < known.min(states) && at - step.at >= HELD {
                set(&mut held[state], bit as usize);
            }
        }
        held
    }

    /// The last measurement before each trigger, by the trigger's bit.
    pub(super) fn values(&self, samples: &[(i64, f32)]) -> Vec<Option<f32>> {
        let mut values = vec![None; self.words * 64];
        let mut next = 0;
        for &(Moment { at, .. }, bit) in &self.triggers {
            while samples.get(next).is_some_and(|sample| sample.0 <= at) {
                next += 1;
            }
            values[bit as usize] = samples[..next].last().map(|sample| sample.1);
        }
        values
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

    /// The same, of a measurement at the triggers within the pair's life.
    pub(super) fn count_values(
        &self,
        place: usize,
        values: &[Option<f32>],
        holds: impl Fn(Option<f32>) -> bool,
    ) -> Table {
        let row = &self.rows[place];
        let mut inside = (0, 0);
        for (&value, turn) in values.iter().zip(row.link.lived()) {
            if holds(value) {
                inside.0 += u32::from(row.link.is_hit(turn));
                inside.1 += 1;
            }
        }
        row.table(inside)
    }
}

impl Row<'_> {
    /// What is not inside is outside.
    fn table(&self, inside: (u32, u32)) -> Table {
        let all = (self.link.hits, self.link.lived().len() as u32);
        (inside, (all.0 - inside.0, all.1 - inside.1))
    }
}

fn set(bits: &mut [u64], place: usize) {
    bits[place / 64] |= 1 << (place % 64);
}
