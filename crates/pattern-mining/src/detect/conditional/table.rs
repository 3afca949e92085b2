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
    /// Every trigger, in time order, …
    triggers: Vec<Moment>,
    /// … and its bit.
    places: Vec<u32>,
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
        let (triggers, places) = triggers.into_iter().unzip();
        Self {
            rows,
            triggers,
            places,
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
        for (&moment, &bit) in self.triggers.iter().zip(&self.places) {
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
        for (place, step) in steps.iter().enumerate() {
            let state = usize::from(step.state);
            let until = steps.get(place + 1).map_or(i64::MAX, |step| step.at);
            let since = step.at + HELD;
            if state >= known.min(states) || until <= since {
                continue;
            }
            next += ahead(&self.triggers[next..], since);
            let end = next + ahead(&self.triggers[next..], until);
            for &bit in &self.places[next..end] {
                set(&mut held[state], bit as usize);
            }
            next = end;
        }
        held
    }

    /// The last measurement before each trigger, by the trigger's bit.
    pub(super) fn values(&self, samples: &[(i64, f32)]) -> Vec<Option<f32>> {
        let mut values = vec![None; self.words * 64];
        let mut next = 0;
        for (&Moment { at, .. }, &bit) in self.triggers.iter().zip(&self.places) {
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

    /// The measurements at the triggers of a pair, from the lowest on, each with whether the trigger was followed.
    pub(super) fn measured(&self, place: usize, values: &[Option<f32>]) -> Vec<(f32, bool)> {
        let link = self.rows[place].link;
        let values = &values[self.lived(place)];
        let turns = values.iter().zip(link.lived());
        let mut measured: Vec<(f32, bool)> = turns
            .filter_map(|(value, turn)| Some(((*value)?, link.is_hit(turn))))
            .collect();
        measured.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
        measured
    }

    /// The table of two by two of a pair of which it is known how it goes while something holds.
    pub(super) fn table(&self, place: usize, inside: (u32, u32)) -> Table {
        self.rows[place].table(inside)
    }
}

impl Row<'_> {
    /// What is not inside is outside.
    fn table(&self, inside: (u32, u32)) -> Table {
        let all = (self.link.hits, self.link.lived().len() as u32);
        (inside, (all.0 - inside.0, all.1 - inside.1))
    }
}

/// How many triggers come before an instant; the answer is looked for near the front.
fn ahead(triggers: &[Moment], at: i64) -> usize {
    let mut reach = 1;
    while triggers
        .get(reach - 1)
        .is_some_and(|trigger| trigger.at < at)
    {
        reach *= 2;
    }
    let known = reach / 2;
    let near = &triggers[known..triggers.len().min(reach)];
    known + near.partition_point(|trigger| trigger.at < at)
}

fn set(bits: &mut [u64], place: usize) {
    bits[place / 64] |= 1 << (place % 64);
}
