//! Reads the past through data-api into a timeline: all of it, or what is new since the run before.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::api::export::ExportedEvent;
use common::entity::EntityId;
use common::instant::UtcMicros;
use common::retry::RetryPolicy;
use data_api_client::events::EventQuery;
use data_api_client::registry::ENRICHED;
use data_api_client::{CallFailed, DataApi};
use jiff::tz::TimeZone;
use pattern_mining::{Change, Registered, Timeline};
use serde::Deserialize;

use crate::store::SavedTimeline;

/// Attempts for one part; a restart of data-api takes less.
const ATTEMPTS: usize = 6;
/// Thousands of entities that are asked what they are.
const MOST_ENRICHED: usize = 20;
/// How much of the past is read at once. Within it changes come entity after entity and are put in order in memory.
const PART_SECONDS: i64 = 86_400;
/// The newest moments are left to the next run: an event may still be on its way.
const SETTLED_SECONDS: i64 = 120;
/// Days that a timeline may reach further back than a run looks, before it is read anew.
const SPARE_DAYS: i64 = 14;
const DAY_SECONDS: i64 = 86_400;

/// The part of the past that a run looks at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    /// From here.
    pub(crate) from: UtcMicros,
    /// To here.
    pub(crate) until: UtcMicros,
}

/// What was read.
pub(crate) struct Past {
    /// The changes.
    pub(crate) timeline: Timeline,
    /// What the next run can start from.
    pub(crate) saved: Option<SavedTimeline>,
    /// Only what is new was read.
    pub(crate) incremental: bool,
}

/// Whom to ask, and who watches.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    /// Where the events are.
    pub(crate) data_api: &'a DataApi,
    /// The home's wall clock.
    pub(crate) zone: TimeZone,
    /// Counts the events read.
    pub(crate) read: &'a AtomicU64,
}

impl Source<'_> {
    /// Reads everything in the span, starting from what the run before left where that still holds. Begins again where data-api went
    /// away half-way: that takes seconds, and a part that was read twice would count twice.
    pub(crate) async fn past(
        &self,
        span: Span,
        before: Option<&SavedTimeline>,
    ) -> Result<Past, CallFailed> {
        let mut delay = RetryPolicy::SIBLING.start();
        for _ in 1..ATTEMPTS {
            self.read.store(0, Ordering::Relaxed);
            match self.whole(span, before).await {
                Err(failed) if passes_soon(&failed) => {
                    let wait: Duration = delay.next_wait();
                    tracing::debug!(error = %failed, ?wait, "reading the past again");
                    tokio::time::sleep(wait).await;
                }
                answer => return answer,
            }
        }
        self.read.store(0, Ordering::Relaxed);
        self.whole(span, before).await
    }

    async fn whole(&self, span: Span, before: Option<&SavedTimeline>) -> Result<Past, CallFailed> {
        let ids: BTreeSet<String> = self
            .data_api
            .entities_with_events()
            .await?
            .into_iter()
            .collect();
        let mut registry = registry(self.data_api).await?;
        let resumed = self.resume(span, before, &ids).await?;
        let incremental = resumed.is_some();
        let (mut timeline, begin, mut from, events) = if let Some((timeline, saved)) = resumed {
            let next = saved.until.plus_micros(1);
            (timeline, saved.from, next, saved.events)
        } else {
            let first = self.first_instant(span).await?;
            (Timeline::new(self.zone.clone()), first, first, 0)
        };
        let registered: BTreeSet<String> = registry
            .iter()
            .map(|known| known.entity_id.clone())
            .collect();
        // What Home Assistant has no entry of says itself what it is.
        for id in ids.difference(&registered) {
            if timeline.known(id).is_none() {
                registry.push(said_of_itself(self.data_api, id.clone()).await?);
            }
        }
        for known in &registry {
            timeline.register(known);
        }
        let settled = span.until.plus_seconds(-SETTLED_SECONDS).max(from);
        let mut saved = None;
        while from <= span.until {
            let mut end = from
                .plus_seconds(PART_SECONDS)
                .plus_micros(-1)
                .min(span.until);
            if from < settled {
                end = end.min(settled);
            }
            timeline = self.part(timeline, Span { from, until: end }).await?;
            if end == settled {
                // Those that were read, not those that are there now: one that came meanwhile must be missed by the next run.
                let events = events + self.read.load(Ordering::Relaxed);
                saved = leave(&timeline, begin, settled, events);
            }
            from = end.plus_micros(1);
        }
        Ok(Past {
            timeline,
            saved,
            incremental,
        })
    }

    /// What the run before left, unless something of its past has changed since: events came late or were deleted, entities have other
    /// ids, the wall clock is another, or it reaches too far back.
    async fn resume<'a>(
        &self,
        span: Span,
        before: Option<&'a SavedTimeline>,
        ids: &BTreeSet<String>,
    ) -> Result<Option<(Timeline, &'a SavedTimeline)>, CallFailed> {
        let Some(saved) = before.filter(|saved| saved.until < span.until) else {
            return Ok(None);
        };
        let too_old = saved.from < span.from.plus_seconds(-SPARE_DAYS * DAY_SECONDS);
        if too_old || self.count(saved.from, saved.until).await? != saved.events {
            return Ok(None);
        }
        let timeline = match Timeline::restore(&saved.saved) {
            Ok(timeline) => timeline,
            Err(error) => {
                tracing::info!(%error, "what the last run left cannot be used: the past is read anew");
                return Ok(None);
            }
        };
        let is_same = timeline.time_zone() == &self.zone
            && timeline.changed_entities().all(|id| ids.contains(id));
        Ok(is_same.then_some((timeline, saved)))
    }

    /// The beginning of the day of the oldest event that there is: the days before it need no questions.
    async fn first_instant(&self, span: Span) -> Result<UtcMicros, CallFailed> {
        let stats = self.data_api.event_stats("1h").await?;
        Ok(stats.oldest.map_or(span.until, |at| at.max(span.from)))
    }

    async fn count(&self, from: UtcMicros, until: UtcMicros) -> Result<u64, CallFailed> {
        if from >= until {
            return Ok(0);
        }
        self.data_api.count_events(from, until).await
    }

    async fn part(&self, mut timeline: Timeline, span: Span) -> Result<Timeline, CallFailed> {
        let take = |event: &ExportedEvent<'_>| {
            push(&mut timeline, event);
            self.read.fetch_add(1, Ordering::Relaxed);
        };
        self.data_api
            .exported_events(span.from, span.until, take)
            .await?;
        // A day of a busy home takes some milliseconds: too long for a thread that serves.
        let settle = move || {
            timeline.settle();
            timeline
        };
        tokio::task::spawn_blocking(settle)
            .await
            .map_err(|panic| CallFailed::Unreadable(panic.to_string()))
    }
}

/// A timeline that ends here, of so many events, for the next run.
fn leave(
    timeline: &Timeline,
    from: UtcMicros,
    until: UtcMicros,
    events: u64,
) -> Option<SavedTimeline> {
    let saved = timeline.save().inspect_err(|error| {
        tracing::warn!(%error, "the next run reads the whole past again");
    });
    Some(SavedTimeline {
        from,
        until,
        events,
        saved: saved.ok()?,
    })
}

fn push(timeline: &mut Timeline, event: &ExportedEvent<'_>) {
    let known = timeline.known(&event.entity_id);
    let Some(entity) = known.or_else(|| {
        let id: EntityId = event.entity_id.parse().ok()?;
        Some(timeline.entity(&id))
    }) else {
        return;
    };
    timeline.push(&Change {
        entity,
        at: event.last_updated,
        state: event.state.as_deref(),
        previous: None,
        startup: event.startup,
        context_id: event.context_id.as_deref(),
        context_parent_id: event.context_parent_id.as_deref(),
    });
}

/// What data-api knows of the entities: where they are, what they belong to, and who is in a group.
async fn registry(data_api: &DataApi) -> Result<Vec<Registered>, CallFailed> {
    say_what_they_are(data_api).await;
    let mut registry = Vec::new();
    for entity in data_api.entities().await?.entities {
        let is_group = entity.platform == "group" || entity.domain == "group";
        let members = if is_group {
            let group = said_of_itself(data_api, entity.entity_id.clone());
            group.await?.members
        } else {
            None
        };
        registry.push(Registered {
            name: entity.friendly_name.or(entity.name_by_user).or(entity.name),
            entity_id: entity.entity_id,
            device_id: entity.device_id,
            area: entity.area_id,
            platform: Some(entity.platform),
            device_class: entity.device_class,
            members,
        });
    }
    Ok(registry)
}

/// Whether a sensor tells of a door or of motion stands in its states only. data-api looks at them when it gets the list of entities, which at
/// a first start is before there are any. A key that may only read is refused that; then what is known has to do.
async fn say_what_they_are(data_api: &DataApi) {
    for _ in 0..MOST_ENRICHED {
        match data_api.enrich_entities().await {
            Ok(done) if done.enriched >= ENRICHED as usize => {}
            Ok(_) => break,
            Err(error) => {
                tracing::info!(%error, "device classes are known from the list of entities only; a key that may ingest has them read from the states");
                break;
            }
        }
    }
}

/// What the attributes of an entity's newest state say of it: its name, its class, and who is in it where it is a group.
async fn said_of_itself(data_api: &DataApi, entity_id: String) -> Result<Registered, CallFailed> {
    #[derive(Deserialize, Default)]
    struct Members {
        #[serde(default)]
        entity_id: Option<Vec<String>>,
    }
    let newest = EventQuery {
        entity_id: Some(entity_id.clone()),
        limit: Some(1),
        ..EventQuery::default()
    };
    let page = data_api.events(&newest).await?;
    let event = page.events.first();
    let json = event.map_or("{}", |event| event.attributes.get());
    let members = serde_json::from_str::<Members>(json).unwrap_or_default();
    let class = event.and_then(|event| event.tags.get("device_class"));
    Ok(Registered {
        entity_id,
        name: event.and_then(|event| event.friendly_name.clone()),
        area: event.and_then(|event| event.area_id.clone()),
        device_id: event.and_then(|event| event.device_id.clone()),
        device_class: class.filter(|class| *class != "unknown").cloned(),
        members: members.entity_id,
        ..Registered::default()
    })
}

/// Whether waiting some seconds may help: a restart does pass, a wrong key does not.
fn passes_soon(failed: &CallFailed) -> bool {
    match failed {
        CallFailed::Unreachable { .. } | CallFailed::Refused { .. } => failed.may_pass_later(),
        CallFailed::NoKey
        | CallFailed::UnreadableKey(_)
        | CallFailed::KeyRefused
        | CallFailed::Unreadable(_) => false,
    }
}
