//! Seeded chance: one stream for each actor, so that what one does moves no other.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

#[derive(Debug)]
pub(super) struct Chance(StdRng);

impl Chance {
    pub(super) fn new(seed: u64, actor: u64) -> Self {
        let mixed = seed
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .wrapping_add(actor.wrapping_mul(0xd1b5_4a32_d192_ed03));
        Self(StdRng::seed_from_u64(mixed))
    }

    /// A time between these many seconds.
    pub(super) fn seconds(&mut self, low: f64, high: f64) -> Duration {
        Duration::from_secs_f64(low + (high - low) * self.0.random::<f64>())
    }

    /// A number from `low` up to, but without, `high`.
    pub(super) fn number(&mut self, low: u64, high: u64) -> u64 {
        self.0.random_range(low..high)
    }

    /// True once in so many times.
    pub(super) fn once_in(&mut self, times: u64) -> bool {
        self.number(0, times) == 0
    }

    /// One of them, as often as its weight says.
    pub(super) fn pick<T: Copy>(&mut self, choices: &[(u64, T)]) -> T {
        let all: u64 = choices.iter().map(|(weight, _)| weight).sum();
        let mut at = self.number(0, all);
        for &(weight, choice) in choices {
            if at < weight {
                return choice;
            }
            at -= weight;
        }
        unreachable!("a number below the sum of the weights lies in one of them")
    }
}
