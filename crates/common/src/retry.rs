//! How long to wait before trying again. The only module that knows the crate `backoff` (docs/adr/0003).

use std::time::Duration;

use backoff::SystemClock;
use backoff::backoff::Backoff;
use backoff::exponential::{ExponentialBackoff, ExponentialBackoffBuilder};

/// A growing delay with full jitter: each wait is anything up to a limit, which doubles from wait to wait, up to a cap. So many
/// clients of one peer that went away do not come back at the same moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Limit of the first wait.
    pub first: Duration,
    /// Limit of every wait.
    pub longest: Duration,
}

/// Jitter around half the limit, by all of that half: from nothing to the limit.
const JITTER: f64 = 1.0;
/// The shortest wait, as a part of the limit of the first one: a refusal that comes at once must not be a busy loop.
const SHORTEST: u32 = 10;

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
                .with_initial_interval(self.first / 2)
                .with_max_interval(self.longest / 2)
                .with_multiplier(2.0)
                .with_randomization_factor(JITTER)
                .with_max_elapsed_time(None)
                .build(),
            shortest: self.first / SHORTEST,
            longest: self.longest,
        }
    }
}

/// The waits between attempts; for ever.
#[derive(Debug)]
pub struct Delay {
    waits: ExponentialBackoff<SystemClock>,
    shortest: Duration,
    longest: Duration,
}

impl Delay {
    /// How long to wait before the next attempt.
    pub fn next_wait(&mut self) -> Duration {
        self.waits
            .next_backoff()
            .unwrap_or(self.longest)
            .clamp(self.shortest, self.longest)
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
        let first: Vec<Duration> = (0..200)
            .map(|_| {
                delay.reset();
                delay.next_wait()
            })
            .collect();
        let (shortest, longest) = (first.iter().min(), first.iter().max());
        assert!(shortest < Some(&Duration::from_millis(20)), "{shortest:?}");
        assert!(shortest >= Some(&Duration::from_millis(10)), "{shortest:?}");
        assert!(longest > Some(&Duration::from_millis(80)), "{longest:?}");
        assert!(longest <= Some(&Duration::from_millis(100)), "{longest:?}");
        let later: Vec<Duration> = (0..200).map(|_| delay.next_wait()).collect();
        assert!(later.iter().all(|wait| *wait <= policy.longest));
        assert!(later.iter().any(|wait| *wait > policy.longest * 3 / 4));
        delay.reset();
        assert!(delay.next_wait() <= policy.first);
    }

    #[test]
    fn a_peer_is_tried_again_within_a_second_and_later_within_a_minute() {
        let mut delay = RetryPolicy::PEER.start();
        let waits: Vec<f64> = (0..300).map(|_| delay.next_wait().as_secs_f64()).collect();
        assert!(
            waits[0] <= 1.0 && waits[1] <= 2.0 && waits[2] <= 4.0,
            "{waits:?}"
        );
        assert!(
            waits.iter().all(|wait| (0.1..=60.0).contains(wait)),
            "{waits:?}"
        );
        // The mean of what is spread evenly up to a minute.
        let mean = waits[10..].iter().sum::<f64>() / 290.0;
        assert!((20.0..40.0).contains(&mean), "{mean}");
    }
}
