//! Newest events first from PostgreSQL: its index by time serves every question.

use database::{Database, Statement};

use crate::store::change::Change;
use crate::store::{EventFilter, StoreFailure, filter};

/// The newest `rows` events that pass, after `asked.offset` of them.
pub(crate) async fn newest(
    database: &Database,
    asked: &EventFilter,
    rows: u32,
) -> Result<Vec<Change>, StoreFailure> {
    let mut statement = Statement::new(
        "SELECT e.entity, e.last_updated_us, e.unchanged_us, CAST(NULL AS BIGINT) AS state_id, e.state AS state_text, \
         e.attributes, e.context, e.context_parent, e.flags, p.last_updated_us AS before_us, \
         p.unchanged_us AS before_unchanged_us, CAST(NULL AS BIGINT) AS before_state_id, p.state AS before_state_text, \
         p.attributes AS before_attributes FROM (SELECT * FROM events e WHERE true",
    );
    statement = filter::entities(statement, " AND e.entity", asked)
        .bind_some(
            " AND e.last_updated_us >= ",
            asked.start.map(common::instant::UtcMicros::get),
        )
        .bind_some(
            " AND e.last_updated_us <= ",
            asked.end.map(common::instant::UtcMicros::get),
        );
    if let Some(cursor) = asked.cursor {
        // The first condition says nothing new: it lets the planner leave partitions out.
        statement = statement
            .push(" AND e.last_updated_us <= ")
            .bind(cursor.last_updated_us)
            .push(" AND (e.last_updated_us, e.entity) < (")
            .list([cursor.last_updated_us, cursor.entity])
            .push(")");
    }
    let statement = statement
        .push(" ORDER BY e.last_updated_us DESC, e.entity DESC LIMIT ")
        .bind(rows)
        .push(" OFFSET ")
        .bind(asked.offset)
        .push(
            ") e LEFT JOIN LATERAL (SELECT q.last_updated_us, q.unchanged_us, q.state, q.attributes FROM events q \
             WHERE q.entity = e.entity AND q.last_updated_us < e.last_updated_us ORDER BY q.last_updated_us DESC LIMIT 1) p \
             ON true ORDER BY e.last_updated_us DESC, e.entity DESC",
        );
    database
        .fetch_all(statement)
        .await?
        .iter()
        .map(Change::read)
        .collect()
}
