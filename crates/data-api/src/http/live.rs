//! State changes as they are committed, as server-sent events.

use std::collections::{HashSet, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event as Sent, KeepAlive, Sse};
use common::api::events::{Event, MAX_PAGE_ROWS};
use common::api::live::{LiveEvent, Reset, ResetReason};
use common::http::problem::Problem;
use common::instant::UtcMicros;
use futures_util::Stream;
use futures_util::stream;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio_util::sync::CancellationToken;
use utoipa::IntoParams;

use super::query_list::{QueryList, parts};
use super::{Api, store_problem};
use crate::live::{Commits, Committed, LiveCursor};
use crate::store::{EventFilter, Store, StoreFailure};

/// Clients at the same time.
pub(super) const MAX_CLIENTS: usize = 64;
/// Entities that may be named.
const MAX_ENTITIES: usize = 500;
/// Changes that a client takes from the ring at once.
const AT_ONCE: usize = 200;
/// A line without meaning after this much silence, so that everybody on the way knows that the connection is alive.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Which changes, and from where on.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct LiveParams {
    /// Go on after this place: the header `x-live-cursor` of a page, the `id` of an event of this stream, or the `id` of a stored event.
    /// The header `Last-Event-ID` wins. Without: from now on.
    cursor: Option<String>,
    /// Changes of these entities, at most 500: repeat the parameter, or put commas between them.
    #[param(value_type = Option<Vec<String>>, explode = true)]
    entity_id: Option<String>,
    /// Changes of entities of these domains.
    #[param(value_type = Option<Vec<String>>, explode = true)]
    domain: Option<String>,
    /// Changes of entities that are in this area when the stream begins, or whose sender says so.
    area_id: Option<String>,
}

/// What passes.
struct Filter {
    entities: HashSet<String>,
    domains: HashSet<String>,
    area: Option<(String, HashSet<String>)>,
}

impl Filter {
    fn passes(&self, entity_id: &str, area_id: Option<&str>) -> bool {
        let domain = common::entity::domain_of(entity_id);
        (self.entities.is_empty() || self.entities.contains(entity_id))
            && (self.domains.is_empty() || self.domains.contains(domain))
            && self.area.as_ref().is_none_or(|(area, entities)| {
                area_id == Some(area) || entities.contains(entity_id)
            })
    }
}

/// State changes as they are committed (server-sent events), also those that come late.
///
/// Events: `state_changed`; `reset` when changes were missed that the stream cannot bring, with the instant from which to page again. Its
/// `id` is a cursor. A page and a stream lose nothing between them: read the page, then open the stream with the header `x-live-cursor`
/// of the page. An event may come twice, never not at all; its `id` tells.
#[utoipa::path(get, path = "/api/v1/events/live", tag = "events", params(LiveParams), security(("key" = [])),
    responses((status = 200, description = "The stream", content((LiveEvent = "text/event-stream"))),
        (status = 422, description = "The cursor cannot be read"), (status = 503, description = "As many clients as may listen are listening")))]
pub(super) async fn live(
    State(api): State<Api>,
    headers: HeaderMap,
    QueryList(params): QueryList<LiveParams>,
) -> Result<Sse<impl Stream<Item = Result<Sent, Infallible>>>, Problem> {
    let permit = api.live_clients.clone().try_acquire_owned().map_err(|_| {
        Problem::Unavailable(format!(
            "{MAX_CLIENTS} clients are listening: try again later"
        ))
    })?;
    let filter = api.live_filter(&params).await?;
    let said = headers
        .get("last-event-id")
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned)
        .or(params.cursor)
        .filter(|text| !text.is_empty());
    // Heard from before anything is read: what is committed meanwhile comes after it.
    let heard = api.commits.listen();
    let begin = match said {
        None => Begin::now(&api.commits),
        Some(text) => api.begin(&text, &filter).await?,
    };
    let client = Client {
        store: api.store.clone(),
        commits: api.commits.clone(),
        stopping: api.closing.clone(),
        filter,
        heard,
        number: begin.number,
        waiting: begin.first.into(),
        ahead: VecDeque::new(),
        _permit: permit,
    };
    let stream = stream::unfold(client, |mut client| async move {
        client.next().await.map(|sent| (Ok(sent), client))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

/// Where a stream begins, and what it sends first.
struct Begin {
    number: u64,
    first: Vec<Sent>,
}

impl Begin {
    fn now(commits: &Commits) -> Self {
        Self {
            number: commits.cursor().number,
            first: Vec::new(),
        }
    }
}

impl Api {
    async fn live_filter(&self, params: &LiveParams) -> Result<Filter, Problem> {
        let owned = |list: Option<&str>| -> HashSet<String> {
            parts(list).into_iter().map(str::to_owned).collect()
        };
        let entities = owned(params.entity_id.as_deref());
        if entities.len() > MAX_ENTITIES {
            return Err(Problem::query(
                "entity_id",
                format!("want at most {MAX_ENTITIES} entities"),
            ));
        }
        let mut area = None;
        if let Some(area_id) = params.area_id.clone().filter(|id| !id.is_empty()) {
            let asked = EventFilter {
                area_id: Some(area_id.clone()),
                ..EventFilter::default()
            };
            let found = self.store.entities_to_export(&asked, None).await;
            let found = found.map_err(store_problem)?;
            area = Some((area_id, found.into_iter().map(|(_, id)| id).collect()));
        }
        Ok(Filter {
            entities,
            domains: owned(params.domain.as_deref()),
            area,
        })
    }

    /// The place that a client names, with what was committed since then and is no longer in memory.
    async fn begin(&self, text: &str, filter: &Filter) -> Result<Begin, Problem> {
        let stored = text
            .rsplit_once('@')
            .and_then(|(id, at)| Some((id, UtcMicros::new(at.parse().ok()?).ok()?)));
        let Some((entity_id, at)) = stored else {
            let cursor: LiveCursor = text
                .parse()
                .map_err(|reason: &str| Problem::query("cursor", reason))?;
            let kept = self.commits.number(cursor);
            if let Some(number) = kept.filter(|number| self.commits.after(*number, 0).is_some()) {
                return Ok(Begin {
                    number,
                    first: Vec::new(),
                });
            }
            return Ok(self.reset(cursor.at));
        };
        if let Some(number) = self.commits.find(entity_id, at) {
            return Ok(Begin {
                number,
                first: Vec::new(),
            });
        }
        // No longer in memory: what happened since then, by its instant, as far as one page goes.
        let begin = Begin::now(&self.commits);
        let asked = EventFilter {
            start: Some(at),
            limit: MAX_PAGE_ROWS,
            ..EventFilter::default()
        };
        let page = self.store.events(&asked).await.map_err(store_problem)?;
        if page.next.is_some() {
            return Ok(self.reset(at));
        }
        let cursor = self.commits.cursor_at(begin.number);
        let first = page
            .events
            .into_iter()
            .rev()
            .filter(|event| event.id != text)
            .filter(|event| filter.passes(&event.entity_id, event.area_id.as_deref()))
            .map(|event| sent("state_changed", cursor, &of_stored(event)))
            .collect();
        Ok(Begin {
            number: begin.number,
            first,
        })
    }

    fn reset(&self, at: UtcMicros) -> Begin {
        let cursor = self.commits.cursor();
        let reset = Reset {
            reason: ResetReason::CursorTooOld,
            page_from: Some(at),
        };
        Begin {
            number: cursor.number,
            first: vec![sent("reset", cursor, &reset)],
        }
    }
}

/// One stream.
struct Client {
    store: Store,
    commits: Commits,
    stopping: CancellationToken,
    filter: Filter,
    heard: watch::Receiver<u64>,
    /// Everything up to this number is sent.
    number: u64,
    waiting: VecDeque<Sent>,
    /// Changes after `number` that were taken from the ring and not looked at yet.
    ahead: VecDeque<(u64, Arc<Committed>)>,
    _permit: OwnedSemaphorePermit,
}

impl Client {
    /// What to send next; none when the service stops.
    async fn next(&mut self) -> Option<Sent> {
        loop {
            if let Some(sent) = self.waiting.pop_front() {
                return Some(sent);
            }
            // One at a time: what was before it may have to be read, and nobody should wait for that of all the others.
            while let Some((number, committed)) = self.ahead.pop_front() {
                self.number = number;
                let event = &committed.event;
                let area = event.placement.area_id.as_deref();
                if self.filter.passes(event.entity_id.as_str(), area) {
                    let cursor = self.commits.cursor_at(number);
                    let told = self.of_committed(&committed).await?;
                    return Some(sent("state_changed", cursor, &told));
                }
            }
            self.heard.borrow_and_update();
            match self.commits.after(self.number, AT_ONCE) {
                Some(events) if !events.is_empty() => self.ahead = events.into(),
                Some(_) => {
                    tokio::select! {
                        () = self.stopping.cancelled() => return None,
                        heard = self.heard.changed() => heard.ok()?,
                    }
                }
                None => {
                    metrics::counter!("homeiq_live_resets_total", "reason" => "too_slow")
                        .increment(1);
                    let cursor = self.commits.cursor();
                    self.number = cursor.number;
                    let reset = Reset {
                        reason: ResetReason::TooSlow,
                        page_from: None,
                    };
                    return Some(sent("reset", cursor, &reset));
                }
            }
        }
    }

    /// A change with what was before. When that cannot be read the stream ends: who listens goes on at the last cursor.
    async fn of_committed(&self, committed: &Committed) -> Option<LiveEvent> {
        let failed = |failure: &StoreFailure| {
            tracing::warn!(
                error = failure as &dyn std::error::Error,
                "a live stream ends: what was before a change cannot be read"
            );
        };
        let old_state = committed
            .old_state(&self.store)
            .await
            .inspect_err(failed)
            .ok()?;
        let event = &committed.event;
        let entity_id = event.entity_id.as_str();
        Some(LiveEvent {
            id: format!("{entity_id}@{}", event.last_updated.get()),
            timestamp: event.last_updated,
            entity_id: entity_id.to_owned(),
            event_type: "state_changed".to_owned(),
            domain: event.entity_id.domain().to_owned(),
            state: event.state.clone(),
            previous_state: old_state.map(|old| old.state.clone()),
            old_state: old_state.cloned(),
            last_changed: event.last_changed.unwrap_or(event.last_updated),
            attributes: event
                .attributes
                .clone()
                .and_then(|text| RawValue::from_string(text).ok())
                .or_else(|| RawValue::from_string("{}".to_owned()).ok())
                .expect("{} is JSON"),
            device_id: event.placement.device_id.clone(),
            area_id: event.placement.area_id.clone(),
            context_id: event.context.id.clone(),
            context_parent_id: event.context.parent_id.clone(),
            context_user_id: event.context.user_id.clone(),
            origin: event.origin,
            startup: event.startup,
        })
    }
}

fn sent(name: &str, cursor: LiveCursor, data: &impl serde::Serialize) -> Sent {
    let event = Sent::default().event(name).id(cursor.to_string());
    event
        .json_data(data)
        .unwrap_or_else(|_| Sent::default().comment("an event that is no JSON"))
}

fn of_stored(event: Event) -> LiveEvent {
    LiveEvent {
        last_changed: event
            .new_state
            .map_or(event.timestamp, |state| state.last_changed),
        id: event.id,
        timestamp: event.timestamp,
        entity_id: event.entity_id,
        event_type: event.event_type,
        domain: event.domain,
        state: event.state,
        previous_state: event.previous_state,
        old_state: event.old_state,
        attributes: event.attributes,
        device_id: event.device_id,
        area_id: event.area_id,
        context_id: event.context_id,
        context_parent_id: event.context_parent_id,
        context_user_id: event.context_user_id,
        origin: event.origin,
        startup: event.startup,
    }
}
