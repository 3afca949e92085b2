//! Reads from Home Assistant's history what was not seen live: the time before the first start, and gaps.

use common::api::gaps::Gap;
use common::instant::UtcMicros;
use serde::Deserialize;
use serde_json::json;

use crate::app::Shared;
use crate::home_assistant::calls::{CallFailed, Calls};
use crate::home_assistant::history;

/// Entities in one question.
const ENTITIES: usize = 100;
/// Span of one question.
const CHUNK_SECONDS: i64 = 86_400;
/// Seconds before a gap that are read again: the recorder commits late, and instants are rounded.
const OVERLAP_SECONDS: i64 = 60;
/// Days without any row after which the history is taken to have begun.
const EMPTY_DAYS: u32 = 3;
/// Days of history between two lines of progress.
const PROGRESS_DAYS: u32 = 10;

#[derive(Deserialize)]
struct StateId {
    entity_id: String,
}

/// Reads what is missing: gaps first, then the time before what is stored; and, when the recorder has caught up, the end of it again.
pub(crate) async fn run(shared: &Shared, calls: &Calls) -> Result<(), CallFailed> {
    let states: Vec<StateId> =
        serde_json::from_str(calls.call(json!({"type": "get_states"})).await?.get())?;
    let entities: Vec<String> = states.into_iter().map(|state| state.entity_id).collect();
    shared.settle_gaps().await;
    // A gap may end in the future: a clock that was set back has stamped events with it.
    let now = shared.home_time.now(shared.clock.now());
    let mut latest = None;
    for gap in shared.gaps.open() {
        let rows = fill(shared, calls, &entities, &gap).await?;
        shared.gaps.filled(&gap, rows);
        latest = latest.max(Some(gap.end));
        tracing::info!(start = %gap.start, end = %gap.end, rows, "read the history of a gap");
    }
    if let Some(before) = shared.import.take() {
        let before = before.min(now.plus_seconds(1));
        latest = latest.max(Some(before));
        import(shared, calls, &entities, before).await?;
    }
    if let Some(end) = latest {
        tokio::time::sleep(shared.config.timing.recorder_lag).await;
        let rows = span(
            shared,
            calls,
            &entities,
            end.min(now).plus_seconds(-OVERLAP_SECONDS),
            end,
        )
        .await?;
        tracing::debug!(rows, "read the end of it again");
    }
    Ok(())
}

async fn fill(
    shared: &Shared,
    calls: &Calls,
    entities: &[String],
    gap: &Gap,
) -> Result<usize, CallFailed> {
    let mut rows = 0;
    let mut start = gap.start.plus_seconds(-OVERLAP_SECONDS);
    while start < gap.end {
        let end = start.plus_seconds(CHUNK_SECONDS).min(gap.end);
        rows += span(shared, calls, entities, start, end).await?;
        start = end;
    }
    Ok(rows)
}

/// Reads day by day into the past, until the history or the days asked for end.
async fn import(
    shared: &Shared,
    calls: &Calls,
    entities: &[String],
    before: UtcMicros,
) -> Result<(), CallFailed> {
    // Counted from now, not from the oldest event: a restart must not reach further back each time.
    let floor = shared.config.backfill_days.map(|days| {
        shared
            .home_time
            .now(shared.clock.now())
            .plus_seconds(-i64::from(days) * CHUNK_SECONDS)
    });
    let (mut end, mut empty, mut rows, mut days) = (before, 0, 0, 0);
    while empty < EMPTY_DAYS && floor.is_none_or(|floor| end > floor) {
        let start = end
            .plus_seconds(-CHUNK_SECONDS)
            .max(floor.unwrap_or_default());
        let stored = match span(shared, calls, entities, start, end).await {
            Ok(stored) => stored,
            Err(error) => {
                // The next connection goes on from here.
                shared.import.set(end);
                return Err(error);
            }
        };
        empty = if stored == 0 { empty + 1 } else { 0 };
        rows += stored;
        days += 1;
        end = start;
        shared.status.imported(rows, end);
        if days % PROGRESS_DAYS == 0 {
            tracing::info!(rows, back_to = %end, "reading the history");
        }
    }
    shared.status.import_done();
    tracing::info!(rows, "the history has been read");
    Ok(())
}

/// Reads one span in chunks of entities, one question at a time. Returns how many rows were new.
async fn span(
    shared: &Shared,
    calls: &Calls,
    entities: &[String],
    start: UtcMicros,
    end: UtcMicros,
) -> Result<usize, CallFailed> {
    let mut new = 0;
    for some in entities.chunks(ENTITIES) {
        let answer = calls.call(history::command(some, start, end)).await?;
        // A large answer takes a while to read; the socket must not wait for it.
        let read = tokio::task::spawn_blocking(move || history::rows(answer.get())).await;
        let (mut rows, unusable) = read.map_err(|_| CallFailed::Disconnected)??;
        shared.status.dropped("history_unusable", unusable as u64);
        for row in &mut rows {
            shared.enrichment.place(row);
        }
        let read = rows.len();
        rows.retain(|row| shared.filter.keeps(row));
        shared
            .status
            .dropped("filtered", (read - rows.len()) as u64);
        for batch in rows.chunks(common::api::events::MAX_ROWS_PER_REQUEST / 10) {
            let stored = shared.sink.store_events(batch).await;
            metrics::counter!("homeiq_backfill_rows_total").increment(stored as u64);
            new += stored;
        }
    }
    Ok(new)
}
