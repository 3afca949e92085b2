//! Reads spans of Home Assistant's history: question by question, explained by the logbook, handed to data-api.

mod answer;
mod causes;

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use common::entity::EntityId;
use common::instant::UtcMicros;
use common::retry::Delay;
use serde::Deserialize;
use serde_json::json;

use super::pace::Pace;
use crate::app::Shared;
use crate::home_assistant::calls::{CallFailed, Calls};
use crate::home_assistant::history;
use crate::home_assistant::recorder;
use crate::home_assistant::rest::{Rest, RestFailed};
use answer::Answer;

/// Every question begins so much earlier: rows at its very edges may be left out, as their instants are rounded.
const EDGE_SECONDS: i64 = 1;
/// Questions in a row without an answer in time after which REST is asked.
const LATE: u32 = 3;
/// Shortest span of a question that is still cut in half.
const LEAST_MICROS: i64 = 2_000_000;

/// Why a span could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("the connection is gone")]
    Disconnected,
    /// A smaller question may be answered.
    #[error("{0}")]
    TooMuch(String),
    /// Neither over the WebSocket nor over REST.
    #[error(
        "Home Assistant does not know the history: its integrations `recorder` and `history` are not loaded"
    )]
    Absent,
    #[error("{0}")]
    Failed(String),
}

impl From<CallFailed> for Trouble {
    fn from(error: CallFailed) -> Self {
        match error {
            CallFailed::Disconnected => Self::Disconnected,
            CallFailed::Timeout(_) => Self::TooMuch(error.to_string()),
            CallFailed::Refused(_) | CallFailed::Unreadable(_) => Self::Failed(error.to_string()),
        }
    }
}

/// What reading a span brought.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Found {
    /// Rows that the history has.
    pub(crate) rows: usize,
    /// Those that were new in the store.
    pub(crate) new: usize,
    /// The latest of them.
    pub(crate) newest: Option<UtcMicros>,
}

impl Found {
    pub(crate) fn add(&mut self, other: Self) {
        self.rows += other.rows;
        self.new += other.new;
        self.newest = self.newest.max(other.newest);
    }
}

/// Some entities in some span.
#[derive(Debug, Clone, Copy)]
struct Question {
    entities: (usize, usize),
    start: UtcMicros,
    end: UtcMicros,
}

impl Question {
    /// Two that together ask the same; nothing where it cannot be smaller.
    fn halves(self) -> Option<(Self, Self)> {
        let (first, end) = self.entities;
        if end - first > 1 {
            let middle = first.midpoint(end);
            let part = |entities| Self { entities, ..self };
            return Some((part((first, middle)), part((middle, end))));
        }
        let micros = self.end.get() - self.start.get();
        let middle = self.start.plus_micros(micros / 2);
        let (early, late) = (
            Self {
                end: middle,
                ..self
            },
            Self {
                start: middle,
                ..self
            },
        );
        (micros > LEAST_MICROS).then_some((early, late))
    }
}

/// Reads the history over one connection.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    shared: &'a Shared,
    calls: &'a Calls,
    rest: &'a Rest,
    entities: Vec<String>,
    known: HashSet<String>,
    pub(crate) pace: Pace,
    /// The WebSocket command does not work here.
    by_rest: bool,
    late: u32,
    late_logbook: u32,
    has_logbook: bool,
    breath: Delay,
}

#[derive(Deserialize)]
struct Id {
    entity_id: String,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(shared: &'a Shared, calls: &'a Calls, rest: &'a Rest) -> Self {
        Self {
            shared,
            calls,
            rest,
            entities: Vec::new(),
            known: HashSet::new(),
            pace: Pace::default(),
            by_rest: false,
            late: 0,
            late_logbook: 0,
            has_logbook: true,
            breath: super::retries(shared).start(),
        }
    }

    /// Asks for the ids of all entities: those with a state, those of the registry, which may have had one, and of those that were
    /// removed the ones that have events or statistics. Other removed ones that are in the logbook are found on the way.
    pub(crate) async fn look_around(&mut self) -> Result<(), Trouble> {
        for command in ["get_states", "config/entity_registry/list"] {
            let answer = self.calls.call(json!({"type": command})).await?;
            let list: Vec<Id> =
                serde_json::from_str(answer.get()).map_err(CallFailed::Unreadable)?;
            self.add_entities(list.into_iter().map(|id| id.entity_id));
        }
        self.add_entities(recorder::entities_with_statistics(self.calls).await?);
        match self.shared.data_api.entities_with_events().await {
            Ok(ids) => self.add_entities(ids),
            Err(error) => return Err(Trouble::Failed(error.to_string())),
        }
        Ok(())
    }

    fn add_entities(&mut self, ids: impl IntoIterator<Item = String>) {
        for id in ids {
            // One that is no id makes Home Assistant refuse the whole question.
            if !self.known.contains(&id) && id.parse::<EntityId>().is_ok() {
                self.known.insert(id.clone());
                self.entities.push(id);
            }
        }
    }

    /// Reads a span of any length, in windows, from its beginning to its end.
    pub(crate) async fn span(
        &mut self,
        start: UtcMicros,
        end: UtcMicros,
    ) -> Result<Found, Trouble> {
        let (mut found, mut from) = (Found::default(), start);
        while from < end {
            let until = from.plus_seconds(self.pace.seconds);
            // A question that begins in the future is not answered, though a clock that was set back may have stamped rows with it.
            let now = self.shared.home_time.now(self.shared.clock.now());
            let until = if until < now { until.min(end) } else { end };
            found.add(self.window(from, until).await?);
            from = until;
        }
        Ok(found)
    }

    /// Reads a span of all entities, one question at a time. What is too much at once is asked for in halves.
    pub(crate) async fn window(
        &mut self,
        start: UtcMicros,
        end: UtcMicros,
    ) -> Result<Found, Trouble> {
        let mut found = Found::default();
        let mut logbook = None;
        let mut smaller: VecDeque<Question> = VecDeque::new();
        let mut next = 0;
        while let Some(question) = smaller.pop_front().or_else(|| {
            let entities = (next, self.entities.len().min(next + self.pace.entities));
            next = entities.1;
            (entities.0 < entities.1).then_some(Question {
                entities,
                start,
                end,
            })
        }) {
            let outcome = match self.ask(question).await {
                Ok(answer) if answer.is_empty() => Ok(Found::default()),
                Ok(answer) => {
                    let explained = if let Some(read) = &logbook {
                        Arc::clone(read)
                    } else {
                        let asked = question.entities.1 - question.entities.0;
                        let all = answer.rows() * self.entities.len() / asked.max(1);
                        let read = Arc::new(self.logbook(start, end, all).await?);
                        // Their turn comes at the end of this very window.
                        self.add_entities(read.entity_ids().map(str::to_owned));
                        logbook = Some(Arc::clone(&read));
                        read
                    };
                    self.take_in(answer, &explained).await
                }
                Err(error) => Err(error),
            };
            match outcome {
                Ok(some) => found.add(some),
                Err(Trouble::TooMuch(reason)) => {
                    self.pace.too_much();
                    let Some((first, second)) = question.halves() else {
                        return Err(Trouble::Failed(reason));
                    };
                    tracing::debug!(reason, "a smaller question about the history follows");
                    smaller.push_front(second);
                    smaller.push_front(first);
                    // What was given up is still being worked on over there.
                    tokio::time::sleep(self.breath.next_wait()).await;
                }
                Err(error) => return Err(error),
            }
        }
        self.shared
            .status
            .backfill(|progress| progress.spans_done += 1);
        Ok(found)
    }

    /// One question, over the WebSocket or else over REST.
    async fn ask(&mut self, question: Question) -> Result<Answer, Trouble> {
        let begun = Instant::now();
        let entities = &self.entities[question.entities.0..question.entities.1];
        let (start, end) = (question.start.plus_seconds(-EDGE_SECONDS), question.end);
        let mut refused = None;
        if !self.by_rest {
            let command = history::command(entities, start, end);
            match self.calls.call(command).await {
                Ok(answer) => {
                    self.answered(answer.get().len(), begun);
                    return Ok(Answer::WebSocket(answer));
                }
                Err(CallFailed::Disconnected) => return Err(Trouble::Disconnected),
                Err(error @ CallFailed::Timeout(_)) => {
                    self.late += 1;
                    if self.late < LATE {
                        return Err(error.into());
                    }
                    refused = Some(error);
                }
                Err(error) => refused = Some(error),
            }
        }
        match self.rest.history(entities, start, end).await {
            Ok(text) => {
                if let Some(refused) = refused {
                    tracing::warn!(error = %refused, "the history is read over REST, as the WebSocket command does not give it");
                }
                self.by_rest = true;
                self.answered(text.len(), begun);
                Ok(Answer::Rest(text, start))
            }
            Err(RestFailed::TooMuch(reason)) => Err(Trouble::TooMuch(reason)),
            Err(RestFailed::Absent) if is_unknown(refused.as_ref()) => Err(Trouble::Absent),
            Err(error) => match refused {
                // REST is no better: smaller questions over the WebSocket may still be answered.
                Some(refused @ CallFailed::Timeout(_)) => Err(refused.into()),
                Some(refused) => Err(Trouble::Failed(format!("{refused}; over REST: {error}"))),
                None => Err(Trouble::Failed(error.to_string())),
            },
        }
    }

    fn answered(&mut self, bytes: usize, begun: Instant) {
        self.late = 0;
        self.breath.reset();
        self.pace.answered(bytes, begun.elapsed());
    }

    /// Whether the history reaches back to an instant: some entity has a state there.
    pub(crate) async fn reaches(&self, at: UtcMicros) -> Result<bool, Trouble> {
        Ok(recorder::reaches(self.calls, &self.entities, at).await?)
    }

    /// Changes that the recorder has not written yet; nothing where it does not say.
    pub(crate) async fn backlog(&self) -> Result<Option<u64>, Trouble> {
        Ok(recorder::backlog(self.calls).await?)
    }

    /// Whether Home Assistant runs as it should and has no recorder at all.
    pub(crate) async fn has_no_recorder(&self) -> Result<bool, Trouble> {
        Ok(recorder::is_absent(self.calls).await?)
    }
}

fn is_unknown(refused: Option<&CallFailed>) -> bool {
    matches!(refused, Some(CallFailed::Refused(error)) if error.code == "unknown_command")
}
