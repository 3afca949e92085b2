//! Who or what changed a thing: a pure rule over the event and the events around it.
//!
//! What there is to go by, strongest first:
//!
//! 1. A user in the context: somebody acted, over pages, app or voice.
//! 2. A row of an automation or a script with the same context: it ran, and this is what it did. The row comes just before or
//!    just after, and a run that waits changes things minutes later; so the context counts, not the distance.
//! 3. A parent context without such a row: something ran that is not stored. A missing parent proves nothing: an automation set
//!    off by the clock has none.
//! 4. None of these: the thing itself, a wall switch, a sensor, an integration.
//!
//! Rows without any context (read from a history that keeps none) and rows written while Home Assistant was starting say nothing.

use std::collections::BTreeMap;

use common::api::cause::{Cause, CauseKind, ChainLink, ChainRole, Sureness};
use common::api::events::Event;

/// Names of people by Home Assistant's user id.
pub(crate) type People = BTreeMap<String, String>;

/// What was found, before names and chain.
struct Verdict<'a> {
    kind: CauseKind,
    by: Option<&'a Event>,
    sureness: Sureness,
    why: String,
}

/// The cause of `event`. `around` are the stored events near it, near the making of its context and near that of its parent's, in
/// any order; `event` may be among them.
pub(crate) fn of(event: &Event, around: &[Event], people: &People) -> Cause {
    let context = event.context_id.as_deref();
    let mut same: Vec<&Event> = around
        .iter()
        .filter(|other| context.is_some() && other.context_id.as_deref() == context)
        .filter(|other| other.id != event.id)
        .collect();
    same.sort_by(|a, b| (a.timestamp, &a.id).cmp(&(b.timestamp, &b.id)));
    let parent = event
        .context_parent_id
        .as_deref()
        .or_else(|| same.iter().find_map(|e| e.context_parent_id.as_deref()));
    let mut triggers: Vec<&Event> = around
        .iter()
        .filter(|other| parent.is_some() && other.context_id.as_deref() == parent)
        .filter(|other| other.id != event.id)
        .collect();
    triggers.sort_by(|a, b| (a.timestamp, &a.id).cmp(&(b.timestamp, &b.id)));
    let verdict = judge(event, &same, &triggers);
    let chain = chain(event, &same, &triggers);
    let user = (verdict.kind == CauseKind::Person)
        .then(|| verdict.by.unwrap_or(event).context_user_id.clone())
        .flatten();
    let (entity_id, name) = match verdict.kind {
        CauseKind::Person => (
            None,
            user.as_deref().and_then(|user| people.get(user)).cloned(),
        ),
        CauseKind::Automation | CauseKind::Script => (
            verdict.by.map(|by| by.entity_id.clone()),
            verdict.by.and_then(|by| by.friendly_name.clone()),
        ),
        CauseKind::Device => (Some(event.entity_id.clone()), event.friendly_name.clone()),
        CauseKind::Unknown => (None, None),
    };
    Cause {
        event_id: event.id.clone(),
        kind: verdict.kind,
        entity_id,
        user_id: user,
        name,
        sureness: verdict.sureness,
        why: verdict.why,
        chain,
    }
}

fn judge<'a>(event: &'a Event, same: &[&'a Event], triggers: &[&'a Event]) -> Verdict<'a> {
    let verdict = |kind, by, sureness, why: String| Verdict {
        kind,
        by,
        sureness,
        why,
    };
    let unknown = |why: &str| verdict(CauseKind::Unknown, None, Sureness::None, why.to_owned());
    if event.startup {
        return unknown(
            "it was written while Home Assistant was starting, which is nobody's doing",
        );
    }
    if event.context_user_id.is_some() {
        return verdict(
            CauseKind::Person,
            Some(event),
            Sureness::Certain,
            "the context names a user".to_owned(),
        );
    }
    if event.context_id.is_none() {
        return unknown(
            "it is stored without a context: Home Assistant's history and its logbook did not keep one",
        );
    }
    for (domain, kind) in [
        ("automation", CauseKind::Automation),
        ("script", CauseKind::Script),
    ] {
        if let Some(by) = same.iter().copied().find(|other| other.domain == domain) {
            let why = format!("{} has the same context: it ran and did this", by.entity_id);
            return verdict(kind, Some(by), Sureness::Certain, why);
        }
    }
    if let Some(by) = same
        .iter()
        .copied()
        .find(|other| other.context_user_id.is_some())
    {
        let why = format!("{} has the same context, which names a user", by.entity_id);
        return verdict(CauseKind::Person, Some(by), Sureness::Certain, why);
    }
    let ran = runs(&event.domain);
    if let Some(by) = triggers
        .iter()
        .copied()
        .find(|t| ran.is_some() && t.context_user_id.is_some())
    {
        // Somebody pressed "run", or touched what it listens to.
        let why = format!("it ran after {}, which a user changed", by.entity_id);
        return verdict(CauseKind::Person, Some(by), Sureness::Likely, why);
    }
    if let Some(kind) = ran {
        let why = match triggers.first() {
            Some(by) => format!("it ran by its own rule, after {}", by.entity_id),
            None if event.context_parent_id.is_some() => {
                "it ran by its own rule, after an event that is not stored".to_owned()
            }
            None => "it ran or was changed with no user and no other event before it; a time of day, for example".to_owned(),
        };
        return verdict(kind, Some(event), Sureness::Likely, why);
    }
    if event.context_parent_id.is_some() {
        let by = triggers.iter().copied().find(|t| runs(&t.domain).is_some());
        let kind = by
            .and_then(|by| runs(&by.domain))
            .unwrap_or(CauseKind::Automation);
        let why = match by {
            Some(by) => format!("its context came from that of {}", by.entity_id),
            None => "its context has a parent, as only automations and scripts make them; which one ran is not stored".to_owned(),
        };
        return verdict(kind, by, Sureness::Likely, why);
    }
    verdict(
        CauseKind::Device,
        None,
        Sureness::Likely,
        "no user, no automation and no script has its context: the thing itself, a wall switch or its integration".to_owned(),
    )
}

/// What a change of an entity of this domain is a run of.
fn runs(domain: &str) -> Option<CauseKind> {
    match domain {
        "automation" => Some(CauseKind::Automation),
        "script" => Some(CauseKind::Script),
        _ => None,
    }
}

fn chain(event: &Event, same: &[&Event], triggers: &[&Event]) -> Vec<ChainLink> {
    let role = |other: &Event| match other.domain.as_str() {
        "automation" => Some(ChainRole::Automation),
        "script" => Some(ChainRole::Script),
        "scene" => Some(ChainRole::Scene),
        _ => None,
    };
    // Of what shares the context only runs are links; the rest are other effects of the same cause. The first row of each counts.
    let mut runs: BTreeMap<&str, ChainLink> = BTreeMap::new();
    for other in same {
        if let Some(role) = role(other) {
            runs.entry(&other.entity_id)
                .or_insert_with(|| link(other, role));
        }
    }
    let mut runs: Vec<ChainLink> = runs.into_values().collect();
    runs.sort_by_key(|link| (link.role as u8, link.timestamp));
    let trigger = triggers
        .first()
        .map(|t| link(t, role(t).unwrap_or(ChainRole::Trigger)));
    trigger
        .into_iter()
        .chain(runs)
        .chain([link(event, ChainRole::Event)])
        .collect()
}

fn link(event: &Event, role: ChainRole) -> ChainLink {
    ChainLink {
        role,
        event_id: event.id.clone(),
        entity_id: event.entity_id.clone(),
        name: event.friendly_name.clone(),
        timestamp: event.timestamp,
        state: event.state.clone(),
        previous_state: event.previous_state.clone(),
        context_id: event.context_id.clone(),
        context_parent_id: event.context_parent_id.clone(),
        user_id: event.context_user_id.clone(),
    }
}

#[cfg(test)]
mod tests;
