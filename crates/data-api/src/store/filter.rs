//! Which entities a question about events is about.

use database::Statement;

use super::EventFilter;

/// Adds the conditions that name entities, over a column that holds an id of `event_entities`: `column` is ` AND x.entity`.
pub(super) fn entities(
    mut statement: Statement,
    column: &'static str,
    asked: &EventFilter,
) -> Statement {
    if let Some(entity_id) = &asked.entity_id {
        // An id that nobody has any more is of the entity that had it last.
        statement = statement
            .push(column)
            .push(" = coalesce((SELECT id FROM event_entities WHERE entity_id = ")
            .bind(entity_id)
            .push("), (SELECT entity FROM renames WHERE old_entity_id = ")
            .bind(entity_id)
            .push(" ORDER BY until_us DESC LIMIT 1))");
    }
    if !names_more_than_an_entity(asked) {
        return statement;
    }
    statement
        .push(column)
        .push(
            " IN (SELECT n.id FROM event_entities n LEFT JOIN entities r ON r.entity_id = n.entity_id WHERE true",
        )
        .bind_some(" AND n.device_id = ", asked.device_id.as_ref())
        .bind_some(" AND n.area_id = ", asked.area_id.as_ref())
        .bind_some(" AND n.category = ", asked.event_category.as_ref())
        .bind_some(" AND r.entity_category = ", asked.entity_category.as_ref())
        .bind_some(
            " AND r.entity_category IS DISTINCT FROM ",
            asked.exclude_category.as_ref(),
        )
        .push(")")
}

/// Whether a question is about some entities only.
pub(super) fn names_entities(asked: &EventFilter) -> bool {
    asked.entity_id.is_some() || names_more_than_an_entity(asked)
}

/// Whether a question is for the newest events of all, without a limit in time.
pub(super) fn is_newest_of_all(asked: &EventFilter) -> bool {
    let limits = [
        asked.start.is_some(),
        asked.end.is_some(),
        asked.cursor.is_some(),
    ];
    !names_entities(asked) && !limits.contains(&true) && asked.offset == 0
}

fn names_more_than_an_entity(asked: &EventFilter) -> bool {
    [
        &asked.device_id,
        &asked.area_id,
        &asked.event_category,
        &asked.entity_category,
        &asked.exclude_category,
    ]
    .into_iter()
    .any(Option::is_some)
}
