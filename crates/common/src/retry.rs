//! How long to wait before trying again. The only module that knows the crate `backoff` (docs/adr/0003).

use std::time::Duration;

use backoff::SystemClock;
use backoff::backoff::Backoff;
use backoff::exponential::{ExponentialBackoff, ExponentialBackoffBuilder};

/// A growing, jittered delay: each wait is about twice the one before, up to a cap, and never twice the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The first wait, before jitter.
    pub first: Duration,
    /// The longest wait, before jitter.
    pub longest: Duration,
}

/// Jitter of every wait: a factor between 0.5 and 1.5.
const JITTER: f64 = 0.5;

impl RetryPolicy {
    /// For a peer on the network that comes back by itself: 1 s, growing to 60 s.
    pub const PEER: Self = Self {
        first: Duration::from_secs(1),
        longest: Duration::from_secs(60),
    };
    /// For a sibling service: 250 ms, growing to 10 s.
    pub const SIBLING: Self = Self {
        first: Duration::from_millis(250),
        longest: Duration::from_secs(10),
    };

    /// The waits of one series of attempts.
    pub fn start(self) -> Delay {
        Delay {
            waits: ExponentialBackoffBuilder::new()
                .with_initial_interval(self.first)
                .with_max_interval(self.longest)
                .with_multiplier(2.0)
                .with_randomization_factor(JITTER)
                .with_max_elapsed_time(None)
                .build(),
            longest: self.longest,
        }
    }
}

/// The waits between attempts; for ever.
#[derive(Debug)]
pub struct Delay {
    waits: ExponentialBackoff<SystemClock>,
    longest: Duration,
}

impl Delay {
    /// How long to wait before the next attempt.
    pub fn next_wait(&mut self) -> Duration {
        self.waits.next_backoff().unwrap_or(self.longest)
    }

    /// Begins again with the shortest wait, after a success.
    pub fn reset(&mut self) {
        self.waits.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_the_cap_and_start_again_after_a_reset() {
        let policy = RetryPolicy {
            first: Duration::from_millis(100),
            longest: Duration::from_secs(2),
        };
        let mut delay = policy.start();
        let first = delay.next_wait();
        assert!(
            first >= Duration::from_millis(50) && first <= Duration::from_millis(150),
            "{first:?}"
        );
        for _ in 0..50 {
            assert!(delay.next_wait() <= Duration::from_secs(3));
        }
        assert!(delay.next_wait() >= Duration::from_secs(1));
        delay.reset();
        assert!(delay.next_wait() <= Duration::from_millis(150));
    }
}
