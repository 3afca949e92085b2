//! The WHERE of a question about events.

use sqlx::{QueryBuilder, Sqlite};

use crate::store::EventFilter;

/// Adds the conditions of `filter` over `events e`, after a WHERE.
pub(super) fn push(sql: &mut QueryBuilder<Sqlite>, filter: &EventFilter) {
    sql.push("true");
    if let Some(entity_id) = &filter.entity_id {
        // An id that nobody has any more is of the entity that had it last.
        sql.push(" AND e.entity = coalesce((SELECT id FROM event_entities WHERE entity_id = ")
            .push_bind(entity_id.clone())
            .push("), (SELECT entity FROM renames WHERE old_entity_id = ")
            .push_bind(entity_id.clone())
            .push(" ORDER BY until_us DESC LIMIT 1))");
    }
    let mut placement = |column: &'static str, value: &Option<String>| {
        if let Some(value) = value {
            sql.push(" AND e.entity IN (SELECT id FROM event_entities WHERE ")
                .push(column)
                .push(" = ");
            sql.push_bind(value.clone()).push(")");
        }
    };
    placement("device_id", &filter.device_id);
    placement("area_id", &filter.area_id);
    placement("category", &filter.event_category);
    let mut registry = |operator: &'static str, value: &Option<String>| {
        if let Some(value) = value {
            sql.push(" AND e.entity ").push(operator);
            sql.push(" (SELECT n.id FROM event_entities n JOIN entities r ON r.entity_id = n.entity_id WHERE r.entity_category = ");
            sql.push_bind(value.clone()).push(")");
        }
    };
    registry("IN", &filter.entity_category);
    registry("NOT IN", &filter.exclude_category);
    if let Some(start) = filter.start {
        sql.push(" AND e.last_updated_us >= ")
            .push_bind(start.get());
    }
    if let Some(end) = filter.end {
        sql.push(" AND e.last_updated_us <= ").push_bind(end.get());
    }
    if let Some(cursor) = filter.cursor {
        sql.push(" AND (e.last_updated_us, e.entity) < (")
            .push_bind(cursor.last_updated_us)
            .push(", ");
        sql.push_bind(cursor.entity).push(")");
    }
}
