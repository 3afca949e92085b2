//! What others ask for over MQTT. Each command is counted with what became of it; one that cannot be understood is logged once.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use common::clock::Clock;
use common::lifecycle::Failure;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::topics::Topic;
use crate::ledger::{Feedback, LATER_DAYS};
use crate::run::{Analyst, Cause};
use crate::store::{Said as Word, Store, StoreFailure};

/// Commands that may wait.
pub(crate) const WAITING_COMMANDS: usize = 64;
/// Longest payload of a command, in bytes.
const MAX_PAYLOAD: usize = 4096;
/// What Home Assistant's button sends.
const PRESS: &str = "PRESS";
/// Home Assistant is given so many milliseconds after its birth before everything is told again; and up to so many more, so that not
/// all services speak at once.
const AFTER_BIRTH_MILLIS: (u64, u64) = (500, 9_500);

/// Something that was heard.
#[derive(Debug)]
pub(crate) struct Said {
    /// Where.
    pub(crate) topic: String,
    /// What.
    pub(crate) payload: Vec<u8>,
    /// Whether the broker had kept it.
    pub(crate) retained: bool,
}

/// Acts on what is heard.
#[derive(Debug)]
pub(crate) struct Commands {
    /// Who looks for habits.
    pub(crate) analyst: Analyst,
    /// The tables.
    pub(crate) store: Store,
    /// The time.
    pub(crate) clock: Clock,
    /// Home Assistant's prefix of discovery.
    pub(crate) prefix: String,
    /// Where commands come from.
    pub(crate) heard: mpsc::Receiver<Said>,
}

/// What became of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Done,
    /// It was kept by the broker: nobody says it now.
    Retained,
    /// It cannot be understood.
    BadPayload(&'static str),
    UnknownTopic,
    UnknownHabit,
    AlreadyRunning,
    /// The tables cannot be used.
    Failed,
}

impl Outcome {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Retained => "retained",
            Self::BadPayload(_) => "bad_payload",
            Self::UnknownTopic => "unknown_topic",
            Self::UnknownHabit => "unknown_habit",
            Self::AlreadyRunning => "already_running",
            Self::Failed => "failed",
        }
    }
}

impl Commands {
    /// Acts on commands until told to stop.
    pub(crate) async fn keep(mut self, stop: CancellationToken) -> Result<(), Failure> {
        let mut logged = HashSet::new();
        let mut born: Option<tokio::time::Instant> = None;
        loop {
            let birth = async {
                match born {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            let said = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = birth => {
                    born = None;
                    if let Err(failure) = self.store.tell_states_again().await {
                        tracing::error!(error = %failure, "Home Assistant has started, and what it shows cannot be told again");
                    }
                    continue;
                }
                Some(said) = self.heard.recv() => said,
            };
            let topic = Topic::parse(&said.topic, &self.prefix);
            let command = topic.as_ref().map_or("unknown", Topic::kind);
            let outcome = match topic {
                Some(Topic::Birth(_)) => {
                    if said.payload == b"online" {
                        born = Some(tokio::time::Instant::now() + after_birth());
                    }
                    Outcome::Done
                }
                None => Outcome::UnknownTopic,
                Some(_) if said.retained => Outcome::Retained,
                Some(topic) => self.act(topic, &said.payload).await,
            };
            metrics::counter!("homeiq_mqtt_commands_total", "command" => command, "result" => outcome.as_str())
                .increment(1);
            if outcome == Outcome::Done {
                tracing::info!(topic = said.topic, "a command over MQTT");
            } else if logged.insert((command, outcome.as_str())) {
                let why = match outcome {
                    Outcome::BadPayload(why) => why,
                    other => other.as_str(),
                };
                tracing::warn!(
                    topic = said.topic,
                    why,
                    "a command over MQTT is left out; more of the kind are only counted, in homeiq_mqtt_commands_total"
                );
            }
        }
    }

    async fn act(&self, topic: Topic, payload: &[u8]) -> Outcome {
        if payload.len() > MAX_PAYLOAD {
            return Outcome::BadPayload("it is longer than 4,096 bytes");
        }
        let Ok(text) = std::str::from_utf8(payload).map(str::trim) else {
            return Outcome::BadPayload("it is not UTF-8");
        };
        let done = match topic {
            Topic::Analyse => return self.analyse(text),
            Topic::SetNotify => match text.to_ascii_uppercase().as_str() {
                "ON" => self.store.set_notifications(true).await,
                "OFF" => self.store.set_notifications(false).await,
                _ => return Outcome::BadPayload("want ON or OFF"),
            },
            Topic::Feedback(id) => match word(text, &self.clock) {
                Ok(word) => match self.say(&id, &word).await {
                    Ok(true) => Ok(()),
                    Ok(false) => return Outcome::UnknownHabit,
                    Err(failure) => Err(failure),
                },
                Err(why) => return Outcome::BadPayload(why),
            },
            _ => return Outcome::UnknownTopic,
        };
        match done {
            Ok(()) => Outcome::Done,
            Err(failure) => {
                tracing::error!(error = %failure, "a command over MQTT cannot be written down");
                Outcome::Failed
            }
        }
    }

    fn analyse(&self, text: &str) -> Outcome {
        if !text.is_empty() && text != PRESS && serde_json::from_str::<Empty>(text).is_err() {
            return Outcome::BadPayload("want nothing, PRESS or {}");
        }
        match self.analyst.trigger(Cause::Mqtt) {
            Ok(()) => Outcome::Done,
            Err(_) => Outcome::AlreadyRunning,
        }
    }

    /// Says it of this habit; false where there is none.
    async fn say(&self, id: &str, word: &Word) -> Result<bool, StoreFailure> {
        let found = self.store.pattern(id).await?;
        let Some(found) = found.filter(|found| found.pattern.id == id) else {
            return Ok(false);
        };
        self.store.say(found.number, word, self.clock.now()).await?;
        Ok(true)
    }
}

#[derive(Deserialize)]
struct Empty {}

#[derive(Deserialize)]
struct Spoken {
    action: String,
    days: Option<i64>,
}

/// A word, or `{"action": word, "days": days}`.
fn word(text: &str, clock: &Clock) -> Result<Word, &'static str> {
    const WANTED: &str = r#"want accept, dismiss or later, or {"action": "later", "days": 7}"#;
    let spoken = if text.starts_with('{') {
        serde_json::from_str(text).map_err(|_| WANTED)?
    } else {
        Spoken {
            action: text.to_owned(),
            days: None,
        }
    };
    let feedback = Feedback::from_word(&spoken.action).ok_or(WANTED)?;
    let days = spoken.days.unwrap_or(LATER_DAYS.0);
    if !(1..=LATER_DAYS.1).contains(&days) {
        return Err("days: want 1 to 3650");
    }
    let until = || clock.now().plus_seconds(days * 86_400);
    Ok(Word {
        feedback: Some(feedback),
        later_until: (feedback == Feedback::Later).then(until),
        ..Word::default()
    })
}

fn after_birth() -> Duration {
    let (least, more) = AFTER_BIRTH_MILLIS;
    Duration::from_millis(least + RandomState::new().hash_one(least) % more)
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::instant::UtcMicros;

    #[test]
    fn feedback_is_a_word_or_an_object() {
        let clock = Clock::manual(UtcMicros::default());
        let said = |text: &str| word(text, &clock).map(|word| (word.feedback, word.later_until));
        assert_eq!(said("accept"), Ok((Some(Feedback::Accept), None)));
        assert_eq!(
            said(r#"{"action": "dismiss"}"#),
            Ok((Some(Feedback::Dismiss), None))
        );
        let week = UtcMicros::default().plus_seconds(7 * 86_400);
        assert_eq!(
            said(r#"{"action": "later", "days": 7}"#),
            Ok((Some(Feedback::Later), Some(week)))
        );
        for wrong in ["", "yes", "{", "{}", r#"{"action": 1}"#] {
            assert!(said(wrong).unwrap_err().starts_with("want"), "{wrong}");
        }
        assert!(said(r#"{"action": "later", "days": 0}"#).is_err());
    }

    #[test]
    fn nobody_speaks_at_once_after_a_birth_and_nobody_later_than_ten_seconds() {
        let waits: HashSet<Duration> = (0..200).map(|_| after_birth()).collect();
        let bounds = Duration::from_millis(500)..Duration::from_secs(10);
        assert!(waits.iter().all(|wait| bounds.contains(wait)));
        assert!(waits.len() > 50);
    }
}
