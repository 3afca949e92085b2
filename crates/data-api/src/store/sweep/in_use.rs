//! What events have, noted while a sweep runs.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bits of one word.
const WORD: i64 = 64;
/// Words that lie together.
const WORDS: i64 = 1_024;

/// Numbers, one bit for each. Far ones take no room for those between.
#[derive(Debug, Default)]
pub(super) struct Bits(HashMap<i64, Box<[u64]>>);

impl Bits {
    fn place(number: i64) -> (i64, usize, u64) {
        let word = number.div_euclid(WORD);
        let within = usize::try_from(word.rem_euclid(WORDS)).unwrap_or_default();
        (word.div_euclid(WORDS), within, 1 << number.rem_euclid(WORD))
    }

    pub(super) fn set(&mut self, number: i64) {
        let (block, word, bit) = Self::place(number);
        let block = self
            .0
            .entry(block)
            .or_insert_with(|| vec![0; WORDS as usize].into());
        block[word] |= bit;
    }

    pub(super) fn has(&self, number: i64) -> bool {
        let (block, word, bit) = Self::place(number);
        self.0
            .get(&block)
            .is_some_and(|block| block[word] & bit != 0)
    }
}

/// Ids that something has, by table.
#[derive(Debug, Default)]
pub(super) struct InUse {
    pub(super) patches: Bits,
    pub(super) sets: Bits,
    pub(super) contexts: Bits,
}

/// The sweep that runs in this program, if one does. Cheap to clone.
#[derive(Debug, Clone)]
pub(in crate::store) struct Sweeping {
    /// By which other programs on the same tables know this one. Never 0.
    pub(in crate::store) program: i64,
    used: Arc<Mutex<Option<InUse>>>,
}

/// A sweep that runs, until this is dropped.
#[derive(Debug)]
pub(super) struct Active(Sweeping);

impl Default for Sweeping {
    fn default() -> Self {
        // A chance of its own for every one that is made.
        let chance = RandomState::new().build_hasher().finish() >> 1 | 1;
        Self {
            program: i64::try_from(chance).unwrap_or(1),
            used: Arc::default(),
        }
    }
}

impl Sweeping {
    fn used(&self) -> MutexGuard<'_, Option<InUse>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to note; none when a sweep runs.
    pub(super) fn begin(&self) -> Option<Active> {
        let mut used = self.used();
        if used.is_some() {
            return None;
        }
        *used = Some(InUse::default());
        Some(Active(self.clone()))
    }

    /// Gives what was noted to `with`, where a sweep runs.
    pub(super) fn note<T>(&self, with: impl FnOnce(&mut InUse) -> T) -> Option<T> {
        self.used().as_mut().map(with)
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        *self.0.used() = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bit_is_one_number() {
        let mut bits = Bits::default();
        let numbers = [0, 1, 63, 64, 65_535, 65_536, 1 << 40, i64::MAX];
        for number in numbers {
            assert!(!bits.has(number), "{number}");
            bits.set(number);
            assert!(bits.has(number), "{number}");
        }
        assert!(!bits.has(2) && !bits.has(65_537) && !bits.has(i64::MAX - 1));
        assert_eq!(bits.0.len(), 4);
    }

    #[test]
    fn one_sweep_runs_at_a_time_and_the_next_begins_with_nothing() {
        let sweeping = Sweeping::default();
        assert!(sweeping.program > 0);
        assert_ne!(sweeping.program, Sweeping::default().program);
        assert!(sweeping.note(|_| ()).is_none());
        let active = sweeping.begin();
        assert!(active.is_some() && sweeping.begin().is_none());
        assert!(sweeping.note(|used| used.sets.set(3)).is_some());
        drop(active);
        let _active = sweeping.begin().unwrap();
        assert_eq!(sweeping.note(|used| used.sets.has(3)), Some(false));
    }
}
