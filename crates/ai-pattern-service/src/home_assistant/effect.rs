//! What became of an automation: how often it acted, and how often a person took that back.

use std::collections::BTreeSet;

use common::api::events::Event;
use common::instant::UtcMicros;
use data_api_client::events::EventQuery;
use data_api_client::{CallFailed, DataApi};
use serde::{Deserialize, Serialize};

/// What a person does within this time after it acted is about it, in seconds.
const UNDONE_WITHIN: i64 = 120;
/// Fewer times say nothing.
const FEWEST: u32 = 3;
/// Pages of events that are read of one entity at a time.
const MAX_PAGES: usize = 20;

/// How often it acted and how often that was taken back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Effect {
    /// Times it acted.
    pub(crate) fired: u32,
    /// Of those, times when a person took it back within two minutes.
    pub(crate) undone: u32,
    /// When it acted last.
    pub(crate) last_fired: Option<UtcMicros>,
}

/// 1 to 5, as people give stars; none while it acted too seldom.
pub(crate) fn rating(fired: u32, undone: u32) -> Option<i64> {
    let share = f64::from(undone) / f64::from(fired.max(1));
    (fired >= FEWEST).then_some(match share {
        share if share <= 0.05 => 5,
        share if share <= 0.1 => 4,
        share if share <= 0.25 => 3,
        share if share <= 0.5 => 2,
        _ => 1,
    })
}

/// An automation acted.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Firing {
    at: UtcMicros,
    context: Option<String>,
}

/// A thing that it acts on changed.
#[derive(Debug, Clone)]
struct Change {
    at: UtcMicros,
    entity: String,
    state: String,
    by_user: bool,
    context: Option<String>,
    has_parent: bool,
}

impl Effect {
    /// Two spans together, this one earlier.
    pub(crate) fn and(self, later: Self) -> Self {
        Self {
            fired: self.fired + later.fired,
            undone: self.undone + later.undone,
            last_fired: later.last_fired.or(self.last_fired),
        }
    }
}

/// What happened after `since`: what is settled, two minutes before `now` and more, and what is not.
pub(crate) async fn follow(
    data_api: &DataApi,
    automation: &str,
    targets: &[(String, String)],
    since: UtcMicros,
    now: UtcMicros,
) -> Result<(Effect, Effect), CallFailed> {
    let firings = firings(
        &events(data_api, automation, since, now, false).await?,
        since,
    );
    let mut changes = Vec::new();
    if !firings.is_empty() {
        let entities: BTreeSet<&String> = targets.iter().map(|(entity, _)| entity).collect();
        for entity in entities {
            let events = events(data_api, entity, since, now, true).await?;
            changes.extend(events.iter().filter_map(change));
        }
    }
    let horizon = settled_until(now);
    let (settled, open): (Vec<Firing>, Vec<Firing>) =
        firings.into_iter().partition(|firing| firing.at <= horizon);
    let all: BTreeSet<String> = settled
        .iter()
        .chain(&open)
        .filter_map(|firing| firing.context.clone())
        .collect();
    let of = |firings: &[Firing]| count(firings, &changes, targets, &all);
    Ok((of(&settled), of(&open)))
}

/// What acted at or before this instant can no longer be taken back.
pub(crate) fn settled_until(now: UtcMicros) -> UtcMicros {
    now.plus_seconds(-UNDONE_WITHIN)
}

async fn events(
    data_api: &DataApi,
    entity: &str,
    since: UtcMicros,
    now: UtcMicros,
    no_attributes: bool,
) -> Result<Vec<Event>, CallFailed> {
    let mut query = EventQuery {
        start_time: Some(since),
        end_time: Some(now),
        entity_id: Some(entity.to_owned()),
        no_attributes,
        ..EventQuery::default()
    };
    let mut all = Vec::new();
    for _ in 0..MAX_PAGES {
        let page = data_api.events(&query).await?;
        all.extend(page.events);
        match page.next {
            Some(next) => query.cursor = Some(next),
            None => break,
        }
    }
    all.reverse();
    Ok(all)
}

/// Each new `last_triggered` after `since` is a time it acted. It is written when it begins and again when it ends.
fn firings(events: &[Event], since: UtcMicros) -> Vec<Firing> {
    #[derive(Deserialize)]
    struct Attributes {
        #[serde(default)]
        last_triggered: Option<UtcMicros>,
    }
    let mut found: Vec<Firing> = Vec::new();
    for event in events {
        let attributes = serde_json::from_str::<Attributes>(event.attributes.get());
        let Some(at) = attributes
            .ok()
            .and_then(|attributes| attributes.last_triggered)
        else {
            continue;
        };
        if at > since && found.last().is_none_or(|last| last.at < at) {
            found.push(Firing {
                at,
                context: event.context_id.clone(),
            });
        }
    }
    found
}

fn change(event: &Event) -> Option<Change> {
    let state = event.state.clone()?;
    let is_change = event.previous_state.as_ref() != Some(&state);
    let is_known = !matches!(state.as_str(), "unavailable" | "unknown") && !event.startup;
    (is_change && is_known).then(|| Change {
        at: event.timestamp,
        entity: event.entity_id.clone(),
        state,
        by_user: event.context_user_id.is_some(),
        context: event.context_id.clone(),
        has_parent: event.context_parent_id.is_some(),
    })
}

/// A person takes it back: something that it acted on goes elsewhere, by a user, or by a hand on a switch; not by an automation.
fn count(
    firings: &[Firing],
    changes: &[Change],
    targets: &[(String, String)],
    contexts: &BTreeSet<String>,
) -> Effect {
    let by_hand = |change: &Change| {
        let by_automation = change
            .context
            .as_ref()
            .is_some_and(|id| contexts.contains(id));
        change.by_user || !(change.has_parent || by_automation)
    };
    let undoes = |change: &Change| {
        let wanted = targets.iter().find(|(entity, _)| *entity == change.entity);
        wanted.is_some_and(|(_, state)| *state != change.state) && by_hand(change)
    };
    let undone = firings.iter().enumerate().filter(|(place, firing)| {
        let next = firings.get(place + 1).map(|next| next.at);
        let end = firing.at.plus_seconds(UNDONE_WITHIN);
        let end = next.map_or(end, |next| next.min(end));
        changes
            .iter()
            .any(|change| change.at > firing.at && change.at <= end && undoes(change))
    });
    Effect {
        fired: firings.len() as u32,
        undone: undone.count() as u32,
        last_fired: firings.last().map(|firing| firing.at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> UtcMicros {
        UtcMicros::default().plus_seconds(second)
    }

    fn changed(second: i64, state: &str, user: bool, context: &str, parent: bool) -> Change {
        Change {
            at: at(second),
            entity: "light.a".to_owned(),
            state: state.to_owned(),
            by_user: user,
            context: Some(context.to_owned()),
            has_parent: parent,
        }
    }

    #[test]
    fn only_what_a_person_takes_back_in_time_is_undone() {
        let firings: Vec<Firing> = [100, 1_000]
            .map(|second| Firing {
                at: at(second),
                context: Some(format!("run {second}")),
            })
            .to_vec();
        let targets = [("light.a".to_owned(), "on".to_owned())];
        let contexts = firings
            .iter()
            .filter_map(|firing| firing.context.clone())
            .collect();
        let undone = |change: Change| count(&firings, &[change], &targets, &contexts).undone;
        assert_eq!(undone(changed(130, "off", true, "app", false)), 1);
        assert_eq!(undone(changed(130, "off", false, "switch", false)), 1);
        assert_eq!(undone(changed(220, "off", true, "app", false)), 1);
        assert_eq!(undone(changed(221, "off", true, "app", false)), 0);
        assert_eq!(undone(changed(99, "off", true, "app", false)), 0);
        assert_eq!(undone(changed(130, "on", true, "app", false)), 0);
        assert_eq!(undone(changed(130, "off", false, "run 100", false)), 0);
        assert_eq!(undone(changed(130, "off", false, "other", true)), 0);
        let twice = [
            changed(130, "off", true, "a", false),
            changed(150, "off", true, "b", false),
        ];
        let effect = count(&firings, &twice, &targets, &contexts);
        assert_eq!(
            (effect.fired, effect.undone, effect.last_fired),
            (2, 1, Some(at(1_000)))
        );
    }

    #[test]
    fn stars_follow_the_share_that_was_taken_back() {
        let stars = [(2, 0), (3, 0), (10, 1), (10, 2), (10, 5), (10, 6)]
            .map(|(fired, undone)| rating(fired, undone));
        assert_eq!(stars, [None, Some(5), Some(4), Some(3), Some(2), Some(1)]);
    }
}
