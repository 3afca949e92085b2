//! Reading state changes.

use std::collections::BTreeMap;

use common::api::events::{Event, StateObject};
use common::instant::UtcMicros;
use serde_json::value::RawValue;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row};

use super::{Store, filter, ingest, row};
use crate::store::{Cursor, EventFilter, StoreFailure, context_key};

/// One page of events.
#[derive(Debug)]
pub struct Page {
    /// The events, newest first.
    pub events: Vec<Event>,
    /// Where the next page begins; none when there is no more.
    pub next: Option<Cursor>,
}

/// Counts of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeriodCounts {
    /// Events.
    pub events: u64,
    /// Entities that they are of.
    pub entities: u64,
}

const SELECT: &str = "SELECT e.entity, e.last_updated_us, e.last_changed_us, e.context_id, e.context_parent_id, e.flags, \
     n.entity_id, n.domain, n.device_id, n.area_id, s.state, u.user_id, a.attributes, \
     a.attributes ->> '$.friendly_name' AS friendly_name, a.attributes ->> '$.device_class' AS device_class, \
     p.last_updated_us AS old_updated_us, p.last_changed_us AS old_changed_us, ps.state AS old_state, pa.attributes AS old_attributes \
     FROM events e JOIN event_entities n ON n.id = e.entity \
     LEFT JOIN event_states s ON s.id = e.state \
     LEFT JOIN event_attributes a ON a.id = e.attributes \
     LEFT JOIN event_users u ON u.id = e.context_user \
     LEFT JOIN events p ON p.entity = e.entity AND p.last_updated_us = \
     (SELECT MAX(q.last_updated_us) FROM events q WHERE q.entity = e.entity AND q.last_updated_us < e.last_updated_us) \
     LEFT JOIN event_states ps ON ps.id = p.state \
     LEFT JOIN event_attributes pa ON pa.id = p.attributes WHERE ";

impl Store {
    /// Ids of the entities that have events.
    pub async fn entities_with_events(&self) -> Result<Vec<String>, StoreFailure> {
        let rows = sqlx::query("SELECT entity_id FROM event_entities ORDER BY entity_id")
            .fetch_all(&self.sqlite().readers)
            .await?;
        Ok(rows
            .iter()
            .map(|row| row.try_get(0))
            .collect::<Result<_, _>>()?)
    }

    /// One page of the events that pass `asked`.
    pub async fn events(&self, asked: &EventFilter) -> Result<Page, StoreFailure> {
        let mut sql = QueryBuilder::new(SELECT);
        filter::push(&mut sql, asked);
        sql.push(" ORDER BY e.last_updated_us DESC, e.entity DESC LIMIT ")
            .push_bind(i64::from(asked.limit) + 1);
        sql.push(" OFFSET ").push_bind(i64::from(asked.offset));
        let mut rows = sql.build().fetch_all(&self.sqlite().readers).await?;
        let more = rows.len() > asked.limit as usize;
        rows.truncate(asked.limit as usize);
        let next = match rows.last() {
            Some(last) if more => Some(Cursor {
                last_updated_us: last.try_get("last_updated_us")?,
                entity: last.try_get("entity")?,
            }),
            _ => None,
        };
        let events = rows
            .iter()
            .map(|row| event(row, asked.no_attributes))
            .collect::<Result<_, _>>()?;
        Ok(Page { events, next })
    }

    /// The event of this entity at this instant.
    pub async fn event(
        &self,
        entity_id: &str,
        at: UtcMicros,
    ) -> Result<Option<Event>, StoreFailure> {
        let asked = EventFilter {
            entity_id: Some(entity_id.to_owned()),
            start: Some(at),
            end: Some(at),
            limit: 1,
            ..EventFilter::default()
        };
        Ok(self.events(&asked).await?.events.pop())
    }

    /// Counts of the events from `start` on.
    pub async fn counts_since(&self, start: UtcMicros) -> Result<PeriodCounts, StoreFailure> {
        let row = sqlx::query(
            "SELECT COUNT(*), COUNT(DISTINCT entity) FROM events WHERE last_updated_us >= $1",
        )
        .bind(start.get())
        .fetch_one(&self.sqlite().readers)
        .await?;
        Ok(PeriodCounts {
            events: row.try_get::<i64, _>(0)?.unsigned_abs(),
            entities: row.try_get::<i64, _>(1)?.unsigned_abs(),
        })
    }
}

fn event(row: &SqliteRow, no_attributes: bool) -> Result<Event, sqlx::Error> {
    let entity_id: String = row.try_get("entity_id")?;
    let domain: String = row.try_get("domain")?;
    let timestamp = row::instant_or_default(row, "last_updated_us")?;
    let last_changed = row::instant(row, "last_changed_us")?.unwrap_or(timestamp);
    let flags: i64 = row.try_get("flags")?;
    let state: Option<String> = row.try_get("state")?;
    let device_class: Option<String> = row.try_get("device_class")?;
    let context = |column| {
        row.try_get::<Option<Vec<u8>>, _>(column)
            .map(|bytes| bytes.as_deref().map(context_key::decode))
    };
    let attributes = raw(if no_attributes {
        None
    } else {
        row.try_get("attributes")?
    });
    let old_updated = row::instant(row, "old_updated_us")?;
    let previous_state: Option<String> = row.try_get("old_state")?;
    let old_state = match (old_updated, &previous_state) {
        (Some(last_updated), Some(state)) => Some(StateObject {
            entity_id: entity_id.clone(),
            state: state.clone(),
            attributes: raw(if no_attributes {
                None
            } else {
                row.try_get("old_attributes")?
            }),
            last_changed: row::instant(row, "old_changed_us")?.unwrap_or(last_updated),
            last_updated,
        }),
        _ => None,
    };
    Ok(Event {
        id: format!("{entity_id}@{}", timestamp.get()),
        timestamp,
        event_type: "state_changed".to_owned(),
        duration_in_state: old_state
            .as_ref()
            .map(|old| last_changed.seconds_since(old.last_changed).max(0.0)),
        old_state,
        new_state: state.clone().map(|state| StateObject {
            entity_id: entity_id.clone(),
            state,
            attributes: attributes.clone(),
            last_changed,
            last_updated: timestamp,
        }),
        attributes,
        tags: BTreeMap::from([
            ("domain".to_owned(), domain.clone()),
            (
                "device_class".to_owned(),
                device_class.unwrap_or_else(|| "unknown".to_owned()),
            ),
        ]),
        state,
        previous_state,
        device_id: row.try_get("device_id")?,
        area_id: row.try_get("area_id")?,
        domain,
        context_id: context("context_id")?,
        context_parent_id: context("context_parent_id")?,
        context_user_id: row.try_get("user_id")?,
        friendly_name: row.try_get("friendly_name")?,
        origin: ingest::origin(flags),
        startup: flags & ingest::STARTUP != 0,
        entity_id,
    })
}

/// Stored JSON as it is; `{}` where there is none.
fn raw(attributes: Option<String>) -> Box<RawValue> {
    attributes
        .and_then(|text| RawValue::from_string(text).ok())
        .or_else(|| RawValue::from_string("{}".to_owned()).ok())
        .expect("{} is JSON")
}
