//! What was fired against what is served: nothing lost, nothing twice, nothing changed, each entity in its order.

use std::collections::HashMap;

use common::api::events::{Event, Origin};
use home_simulator::Emitted;
use serde_json::Value;

/// A change that must be served, or may be.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Expected {
    pub(super) entity_id: String,
    pub(super) at: i64,
    /// None: removed.
    pub(super) state: Option<String>,
    pub(super) last_changed: i64,
    pub(super) attributes: Value,
    /// What history has of the attributes.
    pub(super) recorded_attributes: Value,
    /// Id, parent and user.
    pub(super) context: [Option<String>; 3],
    pub(super) duty: Duty,
}

/// Whether it has to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Duty {
    /// History has it, or it was heard in peace.
    Must,
    /// Home Assistant was killed before it had written it, while the way to us was broken: nobody has it.
    May,
}

impl Expected {
    pub(super) fn new(emitted: &Emitted, duty: Duty) -> Self {
        let context = &emitted.context;
        Self {
            entity_id: emitted.entity_id.to_string(),
            at: emitted.last_updated_us,
            state: (!emitted.removed).then(|| emitted.state.to_string()),
            last_changed: emitted.last_changed_us,
            attributes: Value::Object((*emitted.attributes).clone()),
            recorded_attributes: Value::Object(emitted.recorded_attributes()),
            context: [Some(context.id()), context.parent_id(), context.user_id()],
            duty,
        }
    }

    fn id(&self) -> String {
        format!("{}@{}", self.entity_id, self.at)
    }
}

/// The comparison, page by page, newest first.
#[derive(Debug)]
pub(super) struct Comparison<'a> {
    expected: &'a [Expected],
    index: HashMap<(&'a str, i64), usize>,
    found: Vec<bool>,
    last: Option<i64>,
    /// By entity: the instant of its last event, and the state that the one before it must have had.
    entities: HashMap<String, (i64, Option<String>)>,
    proof: Proof,
}

/// What came of it. The lists name events as `<entity_id>@<microseconds>`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Proof {
    pub(super) missing: Vec<(String, i64)>,
    pub(super) twice: Vec<String>,
    pub(super) unknown: Vec<String>,
    pub(super) disordered: Vec<String>,
    pub(super) different: Vec<String>,
    pub(super) live: u64,
    pub(super) backfilled: u64,
    /// Changes that nobody could have.
    pub(super) excused: u64,
}

impl<'a> Comparison<'a> {
    pub(super) fn new(expected: &'a [Expected]) -> Self {
        let key = |(at, change): (usize, &'a Expected)| ((&*change.entity_id, change.at), at);
        Self {
            expected,
            index: expected.iter().enumerate().map(key).collect(),
            found: vec![false; expected.len()],
            last: None,
            entities: HashMap::new(),
            proof: Proof::default(),
        }
    }

    /// The next event of a page.
    pub(super) fn take(&mut self, event: &Event) {
        let at = event.timestamp.get();
        let is_older = self.last.is_none_or(|last| at <= last);
        self.last = Some(at);
        if !is_older {
            self.proof.disordered.push(event.id.clone());
        }
        let before = self
            .entities
            .insert(event.entity_id.clone(), (at, event.previous_state.clone()));
        if let Some((later, told)) = before {
            if later == at {
                self.proof.twice.push(event.id.clone());
                return;
            }
            if later < at {
                self.proof.disordered.push(event.id.clone());
            }
            if told != event.state {
                let what = format!("{}@{later}: previous_state is {told:?}", event.entity_id);
                self.proof.different.push(what);
            }
        }
        let Some(&number) = self.index.get(&(&*event.entity_id, at)) else {
            self.proof.unknown.push(event.id.clone());
            return;
        };
        self.found[number] = true;
        match event.origin {
            Origin::Live => self.proof.live += 1,
            Origin::Backfill | Origin::Import => self.proof.backfilled += 1,
        }
        if let Some(difference) = difference(&self.expected[number], event) {
            self.proof
                .different
                .push(format!("{}: {difference}", event.id));
        }
    }

    /// The result, after the last page.
    pub(super) fn finish(mut self) -> Proof {
        for (change, found) in self.expected.iter().zip(&self.found) {
            match (found, change.duty) {
                (true, _) => {}
                (false, Duty::May) => self.proof.excused += 1,
                (false, Duty::Must) => {
                    let what = format!("{} {:?}", change.id(), change.state);
                    self.proof.missing.push((what, change.at));
                }
            }
        }
        self.proof
    }
}

/// What is not as it was fired. From history there is no context, or the one that the logbook knows, and not every attribute.
fn difference(expected: &Expected, event: &Event) -> Option<String> {
    if event.state != expected.state {
        return Some(format!(
            "state {:?}, fired {:?}",
            event.state, expected.state
        ));
    }
    let last_changed = event
        .new_state
        .as_ref()
        .map_or(event.timestamp, |new| new.last_changed);
    if last_changed.get() != expected.last_changed {
        return Some(format!(
            "last_changed {}, fired {}",
            last_changed.get(),
            expected.last_changed
        ));
    }
    let live = event.origin == Origin::Live;
    let attributes: Value = serde_json::from_str(event.attributes.get()).unwrap_or_default();
    let wanted = if live {
        &expected.attributes
    } else {
        &expected.recorded_attributes
    };
    if attributes != *wanted {
        return Some(format!("attributes {attributes}, fired {wanted}"));
    }
    let context = [
        &event.context_id,
        &event.context_parent_id,
        &event.context_user_id,
    ];
    let agrees = |(told, fired): (&Option<String>, &Option<String>)| {
        told == fired || (!live && told.is_none())
    };
    let agree = context.into_iter().zip(&expected.context).all(agrees);
    (!agree).then(|| format!("context {context:?}, fired {:?}", expected.context))
}

impl Proof {
    /// Whether what was found cannot become right by waiting.
    pub(super) fn is_final(&self) -> bool {
        !(self.twice.is_empty()
            && self.unknown.is_empty()
            && self.disordered.is_empty()
            && self.different.is_empty())
    }

    /// Whether all is as it must be.
    pub(super) fn holds(&self) -> bool {
        !self.is_final() && self.missing.is_empty()
    }
}

#[cfg(test)]
mod tests;
