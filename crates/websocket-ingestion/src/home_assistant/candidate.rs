//! One way to Home Assistant as the supervisor sees it: whether it may be tried now, and what came of it the last time.

use std::time::{Duration, Instant};

use common::env::Secret;
use common::retry::Delay;
use secrecy::{ExposeSecret, SecretString};
use tokio_tungstenite::Connector;

use super::session::End;
use crate::config::{Role, Timing, Way};

/// Tokens of Home Assistant have 100 characters and more. There is no upper limit: they grow with the names in them.
const SHORTEST_TOKEN: usize = 32;

/// A way, with its history.
pub(crate) struct Candidate {
    pub(crate) way: Way,
    pub(crate) shown: String,
    pub(crate) connector: Connector,
    /// What is the matter with it; none before the first attempt.
    pub(crate) trouble: Option<String>,
    delay: Delay,
    due: Instant,
    refused: Option<Refused>,
    /// Since when it has not been there for long.
    out_since: Instant,
}

/// A token that was refused, and until when it is not shown again.
struct Refused {
    token: SecretString,
    until: Instant,
    reason: String,
}

impl Candidate {
    /// Says so in the log where certificates are not verified.
    pub(crate) fn new(way: Way, timing: &Timing) -> Self {
        let connector = match (way.websocket.scheme(), way.verify) {
            ("wss", true) => Connector::Rustls(common::tls::client_config()),
            ("wss", false) => {
                tracing::warn!(
                    "{}=false: any certificate of {} is accepted, so whoever is in between can read the token",
                    way.verify_setting,
                    way.shown()
                );
                Connector::Rustls(common::tls::unverified_client_config())
            }
            (_, _) => Connector::Plain,
        };
        Self {
            shown: way.shown(),
            way,
            connector,
            trouble: None,
            delay: timing.reconnect.start(),
            due: Instant::now(),
            refused: None,
            out_since: Instant::now(),
        }
    }

    pub(crate) fn role(&self) -> Role {
        self.way.role
    }

    /// How long until it may be tried again.
    pub(crate) fn wait(&self) -> Duration {
        self.due.saturating_duration_since(Instant::now())
    }

    /// Whether it has been away for so long that another way is to be tried.
    pub(crate) fn is_out(&self, timing: &Timing) -> bool {
        self.out_since.elapsed() >= timing.fallback_after
    }

    /// The token to show, as soon as there is one that can be right.
    ///
    /// # Errors
    /// There is none to show now; what to do about it.
    pub(crate) fn token(&self) -> Result<SecretString, String> {
        let setting = self.way.token_setting;
        let token = match self.way.token.as_ref().map(Secret::current) {
            Some(Ok(Some(found))) => found,
            Some(Ok(None)) => {
                return Err(format!(
                    "no token yet: the file named by {setting}_FILE is not there or empty"
                ));
            }
            Some(Err(error)) => return Err(format!("no token: {error}")),
            None => {
                return Err(format!(
                    "no token: set {setting} or {setting}_FILE to a long-lived access token"
                ));
            }
        };
        if let Some(problem) = flaw(token.expose_secret()) {
            return Err(format!(
                "the token of {setting} cannot be one, so it is not sent: {problem}. Copy a long-lived access token (Profile > Security) as it is"
            ));
        }
        match &self.refused {
            Some(refused)
                if refused.until > Instant::now()
                    && refused.token.expose_secret() == token.expose_secret() =>
            {
                Err(refused.reason.clone())
            }
            Some(_) | None => Ok(token),
        }
    }

    /// An attempt, or the connection that came of it, is over.
    pub(crate) fn ended(
        &mut self,
        end: &End,
        token: &SecretString,
        begun: Instant,
        timing: &Timing,
    ) {
        let now = Instant::now();
        if now.duration_since(begun) >= timing.healthy_after {
            self.delay.reset();
            self.out_since = now;
        }
        let reason = match end {
            End::Refused(reason) => {
                let reason = format!(
                    "it refuses the token ({reason}): make a new one and set {}",
                    self.way.token_setting
                );
                // Home Assistant logs each as a failed login and may ban the address.
                self.refused = Some(Refused {
                    token: token.clone(),
                    until: now + timing.after_refusal,
                    reason: reason.clone(),
                });
                reason
            }
            End::NotConnected(reason) => {
                self.due = now + self.delay.next_wait();
                format!("it cannot be reached at {}: {reason}", self.shown)
            }
            End::Lost(_, reason) => {
                self.due = now + self.delay.next_wait();
                format!("the connection to {} was lost: {reason}", self.shown)
            }
            End::Left => format!("the connection to {} was left for a better one", self.shown),
        };
        self.trouble = Some(reason);
    }
}

/// Why a text cannot be an access token. Sending it all the same would count as a failed login.
fn flaw(token: &str) -> Option<String> {
    if token.chars().any(|c| c.is_whitespace() || c.is_control()) {
        Some("it has a space or a line break in it".to_owned())
    } else if token.starts_with(['"', '\'']) || token.ends_with(['"', '\'']) {
        Some("it stands in quotation marks".to_owned())
    } else if !token.is_ascii() {
        Some("it has characters that no token has".to_owned())
    } else if token.len() < SHORTEST_TOKEN {
        Some(format!("it has fewer than {SHORTEST_TOKEN} characters"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::retry::RetryPolicy;

    fn candidate(token: &str, timing: &Timing) -> Candidate {
        let way = Way {
            role: Role::Primary,
            websocket: "ws://ha:8123/api/websocket".parse().unwrap(),
            token: Some(Secret::Value(token.into())),
            token_setting: "HA_TOKEN",
            verify: true,
            verify_setting: "SSL_VERIFY",
        };
        Candidate::new(way, timing)
    }

    #[test]
    fn what_cannot_be_a_token_is_not_shown_and_the_reason_does_not_tell_it() {
        let timing = Timing::default();
        let long = "x".repeat(2000);
        for good in ["eyJhbGciOi.eyJpc3MiOi.-_abcdefghijklmno", long.as_str()] {
            assert!(candidate(good, &timing).token().is_ok(), "{good}");
        }
        for (bad, word) in [
            ("Bearer eyJhbGciOi.eyJpc3MiOi.abcdefghijklmno", "space"),
            ("eyJhbGciOi.eyJpc3MiOi.\nabcdefghijklmnopqrst", "line break"),
            ("eyJhbGciOi.eyJpc3MiOi.\u{7}abcdefghijklmnopqrst", "space"),
            ("\"eyJhbGciOi.eyJpc3MiOi.abcdefghijklmnopqr\"", "quotation"),
            ("eyJhbGciOi…eyJpc3MiOi.abcdefghijklmnopqrst", "characters"),
            ("eyJhbGciOi.eyJpc3MiOi", "fewer than 32"),
        ] {
            let reason = candidate(bad, &timing).token().unwrap_err();
            assert!(
                reason.contains(word) && reason.contains("HA_TOKEN"),
                "{reason}"
            );
            assert!(!reason.contains("eyJ"), "{reason}");
        }
    }

    #[test]
    fn a_refused_token_rests_for_five_minutes_and_another_one_does_not() {
        let timing = Timing::default();
        assert!(timing.after_refusal >= Duration::from_secs(300));
        let token = "a".repeat(40);
        let mut candidate = candidate(&token, &timing);
        let refusal = End::Refused("Invalid access token".to_owned());
        candidate.ended(&refusal, &token.as_str().into(), Instant::now(), &timing);
        let reason = candidate.token().unwrap_err();
        assert!(reason.contains("refuses the token"), "{reason}");
        let until = candidate.refused.as_ref().unwrap().until;
        let rest = until.duration_since(Instant::now());
        assert!(rest > Duration::from_secs(299), "{rest:?}");
        candidate.way.token = Some(Secret::Value("b".repeat(40).into()));
        assert!(candidate.token().is_ok());
    }

    #[test]
    fn waits_grow_until_a_connection_has_lasted_a_minute() {
        let timing = Timing {
            reconnect: RetryPolicy {
                first: Duration::from_secs(1),
                longest: Duration::from_secs(60),
            },
            fallback_after: Duration::ZERO,
            ..Timing::default()
        };
        assert_eq!(timing.healthy_after, Duration::from_secs(60));
        let token = SecretString::from("a".repeat(40));
        let mut candidate = candidate(token.expose_secret(), &timing);
        let lost = End::Lost("lost", "it broke".to_owned());
        let mut waits = Vec::new();
        for _ in 0..40 {
            candidate.ended(&lost, &token, Instant::now(), &timing);
            waits.push(candidate.wait());
        }
        assert!(waits[0] <= Duration::from_secs(1), "{waits:?}");
        assert!(
            waits.iter().any(|wait| *wait > Duration::from_secs(20)),
            "{waits:?}"
        );
        assert!(candidate.is_out(&timing));
        let Some(begun) = Instant::now().checked_sub(Duration::from_secs(61)) else {
            return;
        };
        candidate.ended(&lost, &token, begun, &timing);
        assert!(candidate.wait() <= Duration::from_secs(1));
        assert!(
            !candidate.is_out(&Timing::default()),
            "it was there a moment ago"
        );
    }
}
