//! Seeded chance: one stream per day and concern, so that a change in one does not move the others.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// One stream of chance.
#[derive(Debug)]
pub(crate) struct Chance(StdRng);

impl Chance {
    /// The stream that these numbers name.
    pub(crate) fn new(parts: &[u64]) -> Self {
        Self(StdRng::seed_from_u64(mix(parts)))
    }

    /// A number in `[low, high)`.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.0.random::<f64>()
    }

    /// True with this probability.
    pub(crate) fn happens(&mut self, probability: f64) -> bool {
        self.0.random::<f64>() < probability
    }

    /// A normal deviate, cut at three standard deviations so that nobody has coffee at night.
    pub(crate) fn gauss(&mut self, mean: f64, sd: f64) -> f64 {
        let (u, v) = (1.0 - self.0.random::<f64>(), self.0.random::<f64>());
        let z = (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos();
        mean + sd * z.clamp(-3.0, 3.0)
    }

    /// An index below `count`.
    pub(crate) fn pick(&mut self, count: usize) -> usize {
        self.0.random_range(0..count)
    }

    /// One of these, which must not be none.
    pub(crate) fn one_of<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.pick(items.len())]
    }

    /// Puts these in any order.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for place in (1..items.len()).rev() {
            items.swap(place, self.pick(place + 1));
        }
    }

    /// A factor around one, spread as people's times are: its logarithm is normal.
    pub(crate) fn factor(&mut self, sd: f64) -> f64 {
        self.gauss(0.0, sd).exp()
    }

    /// The wait for something that happens at any time, once in `mean` on average.
    pub(crate) fn wait(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.0.random::<f64>()).ln()
    }
}

/// One well mixed number out of several.
pub(crate) fn mix(parts: &[u64]) -> u64 {
    parts.iter().fold(0x9e37_79b9_7f4a_7c15, |mixed, part| {
        let mut z = mixed
            ^ part
                .wrapping_mul(0xbf58_476d_1ce4_e5b9)
                .wrapping_add(mixed.rotate_left(23));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}

/// A stable number for a text.
pub(crate) fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
