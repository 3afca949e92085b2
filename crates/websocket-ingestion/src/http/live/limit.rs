//! How many messages a client may send in which time.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

/// Counts the messages of the last while; those that were refused do not count.
#[derive(Debug)]
pub(super) struct RateLimit {
    most: usize,
    window: Duration,
    taken: VecDeque<Instant>,
}

impl RateLimit {
    pub(super) fn new(most: usize, window: Duration) -> Self {
        Self {
            most,
            window,
            taken: VecDeque::new(),
        }
    }

    /// Whether one more may come now.
    pub(super) fn allows(&mut self) -> bool {
        let now = Instant::now();
        while self
            .taken
            .front()
            .is_some_and(|taken| now.duration_since(*taken) >= self.window)
        {
            self.taken.pop_front();
        }
        let is_allowed = self.taken.len() < self.most;
        if is_allowed {
            self.taken.push_back(now);
        }
        is_allowed
    }
}

impl fmt::Display for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.window.as_secs_f64();
        write!(f, "{} messages per {seconds} seconds", self.most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn so_many_in_the_window_and_then_again_when_it_has_moved_on() {
        let mut limit = RateLimit::new(2, Duration::from_secs(60));
        assert!(limit.allows());
        tokio::time::advance(Duration::from_secs(30)).await;
        assert!(limit.allows() && !limit.allows());
        tokio::time::advance(Duration::from_secs(30)).await;
        assert!(limit.allows(), "the first is a minute old");
        assert!(!limit.allows());
        assert_eq!(limit.to_string(), "2 messages per 60 seconds");
    }
}
