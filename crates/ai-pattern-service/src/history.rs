//! Reads the past through data-api, page by page, newest first, into a timeline.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::api::events::{Event, MAX_PAGE_ROWS};
use common::entity::EntityId;
use common::instant::UtcMicros;
use common::retry::RetryPolicy;
use data_api_client::events::{EventPage, EventQuery};
use data_api_client::{CallFailed, DataApi};
use jiff::tz::TimeZone;
use pattern_mining::{Change, EntityKey, Timeline};

/// Attempts for one page; a restart of data-api takes less.
const ATTEMPTS: usize = 6;
/// Most changes that one run looks at, the newest; bounds memory to about 32 bytes for each.
const MAX_CHANGES: u64 = 20_000_000;

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
    /// Older changes exist in the span but were not read.
    pub(crate) cut: bool,
}

/// Reads everything in the span. `read` counts along, for whoever watches.
pub(crate) async fn read(
    data_api: &DataApi,
    span: Span,
    zone: TimeZone,
    read: &AtomicU64,
) -> Result<Past, CallFailed> {
    let mut reader = Reader {
        timeline: Timeline::new(zone),
        keys: HashMap::new(),
    };
    let mut query = EventQuery {
        start_time: Some(span.from),
        end_time: Some(span.until),
        limit: Some(MAX_PAGE_ROWS),
        no_attributes: true,
        ..EventQuery::default()
    };
    loop {
        let page = page(data_api, &query).await?;
        read.fetch_add(page.events.len() as u64, Ordering::Relaxed);
        let events = page.events;
        // Ten thousand rows take a millisecond or two: too long for a thread that serves.
        reader = tokio::task::spawn_blocking(move || reader.take(&events))
            .await
            .map_err(|panic| CallFailed::Unreadable(panic.to_string()))?;
        let cut = reader.timeline.seen() >= MAX_CHANGES;
        match page.next {
            Some(_) if cut => {
                return Ok(Past {
                    timeline: reader.timeline,
                    cut,
                });
            }
            Some(cursor) => query.cursor = Some(cursor),
            None => {
                return Ok(Past {
                    timeline: reader.timeline,
                    cut: false,
                });
            }
        }
    }
}

/// One page, tried again for a while when data-api is away.
async fn page(data_api: &DataApi, query: &EventQuery) -> Result<EventPage, CallFailed> {
    let mut delay = RetryPolicy::SIBLING.start();
    for _ in 1..ATTEMPTS {
        match data_api.events(query).await {
            Err(failed) if passes_soon(&failed) => {
                let wait: Duration = delay.next_wait();
                tracing::debug!(error = %failed, ?wait, "reading the past again");
                tokio::time::sleep(wait).await;
            }
            answer => return answer,
        }
    }
    data_api.events(query).await
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

struct Reader {
    timeline: Timeline,
    /// Keys by entity id; none for a text that is not an entity id.
    keys: HashMap<String, Option<EntityKey>>,
}

impl Reader {
    fn take(mut self, events: &[Event]) -> Self {
        for event in events {
            if let Some(entity) = self.key(event) {
                self.timeline.push(&Change {
                    entity,
                    at: event.timestamp,
                    state: event.state.as_deref(),
                    previous: event.previous_state.as_deref(),
                    startup: event.startup,
                    context_id: event.context_id.as_deref(),
                    context_parent_id: event.context_parent_id.as_deref(),
                });
            }
        }
        self
    }

    fn key(&mut self, event: &Event) -> Option<EntityKey> {
        if let Some(&key) = self.keys.get(&event.entity_id) {
            return key;
        }
        let key = event.entity_id.parse::<EntityId>().ok().map(|id| {
            let key = self.timeline.entity(&id);
            let class = event.tags.get("device_class").map(String::as_str);
            self.timeline
                .describe(key, event.friendly_name.as_deref(), class);
            key
        });
        self.keys.insert(event.entity_id.clone(), key);
        key
    }
}
