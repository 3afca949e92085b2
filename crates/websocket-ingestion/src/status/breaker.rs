//! The state of the connection in the words of a circuit breaker, which dashboards show.

use serde::Serialize;

use super::{Facts, LinkState};

/// Failures in a row after which a breaker counts as open, as it was in the replaced service.
const OPENS_AFTER: u64 = 5;

/// How the attempts to connect go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Breaker {
    state: &'static str,
    /// Attempts in a row that failed.
    failure_count: u64,
}

impl Facts {
    /// `open`: attempts fail one after the other, or the token was refused, and the next is waited for; `half_open`: such an
    /// attempt is under way; `closed`: anything else.
    pub(crate) fn breaker(&self) -> Breaker {
        let is_trying = matches!(
            self.state,
            LinkState::Connecting | LinkState::Authenticating
        );
        let fails = self.failures_in_a_row >= OPENS_AFTER || self.token_refused;
        Breaker {
            state: match (fails, is_trying) {
                (true, true) => "half_open",
                (true, false) => "open",
                (false, _) => "closed",
            },
            failure_count: self.failures_in_a_row,
        }
    }

    /// Events that were not stored and should have been.
    pub(crate) fn failed(&self) -> u64 {
        let dropped = self.dropped.iter();
        dropped
            .filter(|(reason, _)| **reason != "filtered")
            .map(|(_, count)| count)
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use common::instant::UtcMicros;

    use super::*;
    use crate::status::Status;

    #[test]
    fn the_breaker_opens_after_five_failures_or_a_refused_token_and_closes_with_a_connection() {
        let (status, breaker) = (Status::default(), |status: &Status| {
            let Breaker {
                state,
                failure_count,
            } = status.facts().breaker();
            (state, failure_count)
        });
        for count in 1..5 {
            status.failed("not_connected", "no route");
            assert_eq!(breaker(&status), ("closed", count));
        }
        status.failed("not_connected", "no route");
        status.state(LinkState::Reconnecting);
        assert_eq!(breaker(&status), ("open", 5));
        status.state(LinkState::Connecting);
        assert_eq!(breaker(&status), ("half_open", 5));
        status.connected("2026.11.0", UtcMicros::default());
        assert_eq!(breaker(&status), ("closed", 0));
        status.failed("token_refused", "invalid");
        status.state(LinkState::Reconnecting);
        assert_eq!(breaker(&status), ("open", 1));
    }

    #[test]
    fn what_the_owner_filters_has_not_failed() {
        let status = Status::default();
        status.dropped("filtered", 3);
        status.dropped("invalid", 2);
        assert_eq!(status.facts().failed(), 2);
    }
}
