//! Home Assistant's logbook: who or what caused the rows of its history, which themselves have no context.
//!
//! The logbook tells the id of a context only in the entry of a run (an automation that was triggered, a script that was started).
//! A change that the run made names the automation instead, and a change that a person asked for names the person. So the id of a
//! run goes to the changes that name it and to the rows of the automation itself; a person's changes get the person and no id.
//!
//! What it cannot tell: parents of contexts; causes of measurements, of attributes that changed alone and of first states, which
//! it leaves out; changes of a run that began more than [`LOOK_BACK_SECONDS`] earlier; and which of several runs of one
//! automation at a time made a change: then it is the one that began last.

use std::borrow::Cow;
use std::collections::HashMap;

use common::api::events::{Context, NewEvent};
use common::instant::UtcMicros;
use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::{Value, json};

/// How long before a span the logbook is read, for runs that began there and go on.
pub(crate) const LOOK_BACK_SECONDS: i64 = 3_600;
/// How long after a span it is read, for the end of a start that it lies in.
pub(crate) const LOOK_AHEAD_SECONDS: i64 = 300;
/// A start without a stop before it (power, `kill -9`) began at most so long before the logbook tells of it.
const LONGEST_START_MICROS: i64 = 120_000_000;
/// A start is told of when the integrations are there; the last of their states come some milliseconds later.
const AFTER_START_MICROS: i64 = 1_000_000;
/// Domains whose entities run, and whose rows tell which contexts are those of runs.
const RUNNERS: [&str; 2] = ["automation", "script"];

/// An entry of `logbook/get_events`, as far as it is needed.
#[derive(Debug, Deserialize)]
struct Entry<'a> {
    when: f64,
    #[serde(borrow, default)]
    entity_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    domain: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    message: Option<Cow<'a, str>>,
    /// Only in the entry of a run.
    #[serde(borrow, default)]
    context_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    context_user_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    context_event_type: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    context_domain: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    context_service: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    context_entity_id: Option<Cow<'a, str>>,
}

/// The command that asks for everything between two instants.
pub(crate) fn command(start: UtcMicros, end: UtcMicros) -> Value {
    // With `entity_ids` the entries of the runs would be missing, and with them all ids.
    json!({"type": "logbook/get_events", "start_time": start, "end_time": end})
}

/// What the logbook explains. A flood has entries by the hundred thousand, so every name is kept once.
#[derive(Debug, Default)]
pub(crate) struct Logbook {
    /// Entities that it has entries of, by number.
    entities: HashMap<String, u32>,
    /// Id of the run and person, by number.
    contexts: HashMap<(Option<String>, Option<String>), u32>,
    contexts_by_number: Vec<Context>,
    /// By entity and instant: the context.
    causes: HashMap<(u32, UtcMicros), u32>,
    /// Runs of each automation and script: when they began, and their context. In the order of time.
    runs: HashMap<String, Vec<(UtcMicros, String)>>,
    /// Scripts that somebody called: service and person of the call, and the context.
    called: HashMap<(Option<String>, Option<String>), String>,
    /// When Home Assistant stopped, if it has not started since.
    stopped: Option<UtcMicros>,
    /// When Home Assistant was starting.
    starts: Vec<(UtcMicros, UtcMicros)>,
}

impl Logbook {
    /// Adds an answer. Answers come in the order of time, and so do the entries in them.
    pub(crate) fn add(&mut self, answer: &str) -> Result<(), serde_json::Error> {
        serde_json::Deserializer::from_str(answer).deserialize_seq(Entries(self))
    }

    fn note(&mut self, entry: &Entry<'_>) {
        let Ok(at) = UtcMicros::from_history_seconds(entry.when) else {
            return;
        };
        let entity = entry.entity_id.as_deref().map(|id| self.number_of(id));
        match (entry.domain.as_deref(), entry.message.as_deref()) {
            (Some("homeassistant"), Some("stopped")) => self.stopped = Some(at),
            (Some("homeassistant"), Some("started")) => {
                let from = self.stopped.take();
                let from = from.unwrap_or_else(|| at.plus_micros(-LONGEST_START_MICROS));
                self.starts.push((from, at.plus_micros(AFTER_START_MICROS)));
            }
            (Some(domain), _) if RUNNERS.contains(&domain) => self.note_run(entry, domain, at),
            _ => {
                if let (Some(entity), Some(context)) = (entity, self.cause(entry, at)) {
                    self.causes.insert((entity, at), context);
                }
            }
        }
    }

    fn number_of(&mut self, entity_id: &str) -> u32 {
        if let Some(number) = self.entities.get(entity_id) {
            return *number;
        }
        let number = self.entities.len() as u32;
        self.entities.insert(entity_id.to_owned(), number);
        number
    }

    fn note_run(&mut self, entry: &Entry<'_>, domain: &str, at: UtcMicros) {
        let (Some(entity_id), Some(context)) = (&entry.entity_id, &entry.context_id) else {
            return;
        };
        if domain == "script" && entry.context_event_type.as_deref() == Some("call_service") {
            self.called.insert(call_of(entry), context.to_string());
        }
        let runs = self.runs.entry(entity_id.to_string()).or_default();
        if runs.last().is_none_or(|(_, last)| last != context) {
            runs.push((at, context.to_string()));
        }
    }

    /// Number of the context of a change, as far as its entry tells one.
    fn cause(&mut self, entry: &Entry<'_>, at: UtcMicros) -> Option<u32> {
        let kind = entry.context_event_type.as_deref();
        let user_id = entry.context_user_id.as_deref().map(str::to_owned);
        let (id, user_id) = match (kind, entry.context_domain.as_deref()) {
            (Some("automation_triggered" | "script_started"), _) => {
                // Since 2026 the person is told who caused what triggered the automation; the context itself has none.
                (self.run(entry.context_entity_id.as_deref()?, at), None)
            }
            (Some("call_service"), Some("script")) => {
                (self.called.get(&call_of(entry)).cloned(), user_id)
            }
            _ => (None, user_id),
        };
        if id.is_none() && user_id.is_none() {
            return None;
        }
        let key = (id, user_id);
        if let Some(number) = self.contexts.get(&key) {
            return Some(*number);
        }
        let number = self.contexts.len() as u32;
        self.contexts_by_number.push(Context {
            id: key.0.clone(),
            parent_id: None,
            user_id: key.1.clone(),
        });
        self.contexts.insert(key, number);
        Some(number)
    }

    /// Context of the run that an automation had begun last.
    fn run(&self, entity_id: &str, at: UtcMicros) -> Option<String> {
        let runs = self.runs.get(entity_id)?;
        let begun = runs.partition_point(|(begin, _)| *begin <= at);
        Some(runs[begun.checked_sub(1)?].1.clone())
    }

    /// Entities that it has entries of: some may have been removed since.
    pub(crate) fn entity_ids(&self) -> impl Iterator<Item = &str> {
        self.entities.keys().map(String::as_str)
    }

    /// Adds to a row of the history what is known of its cause.
    pub(crate) fn explain(&self, row: &mut NewEvent) {
        let at = row.last_updated;
        if self
            .starts
            .iter()
            .any(|(from, until)| (*from..=*until).contains(&at))
        {
            row.startup = Some(true);
        }
        let entity_id = row.entity_id.as_str();
        let cause = self
            .entities
            .get(entity_id)
            .and_then(|entity| self.causes.get(&(*entity, at)))
            .and_then(|number| self.contexts_by_number.get(*number as usize));
        if let Some(cause) = cause {
            row.context = Some(cause.clone());
        } else if RUNNERS.contains(&row.entity_id.domain())
            && row.last_changed.is_some_and(|changed| changed != at)
        {
            // The row of the automation itself: what moved is when it was triggered, or how many runs there are.
            row.context = self.run(entity_id, at).map(|id| Context {
                id: Some(id),
                ..Context::default()
            });
        }
    }
}

/// Service and person of the call that an entry tells of.
fn call_of(entry: &Entry<'_>) -> (Option<String>, Option<String>) {
    let text = |text: &Option<Cow<'_, str>>| text.as_deref().map(str::to_owned);
    (text(&entry.context_service), text(&entry.context_user_id))
}

/// Takes entries as they are read, so that never all of them are in memory.
struct Entries<'a>(&'a mut Logbook);

impl<'de> Visitor<'de> for Entries<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list of entries")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(entry) = list.next_element::<Entry<'de>>()? {
            self.0.note(&entry);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
