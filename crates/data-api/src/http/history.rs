//! What entities were like over a span of time, for charts.

use axum::Json;
use axum::extract::State;
use common::api::gaps::{GapClosure, MAX_GAPS};
use common::api::history::{History, HistorySeries, MAX_HISTORY_ENTITIES, MAX_HISTORY_POINTS};
use common::http::problem::Problem;
use common::instant::UtcMicros;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;
use utoipa::IntoParams;

use super::instant::QueryInstant;
use super::query_list::{QueryList, parts};
use super::{Api, store_problem};
use crate::history::{Row, Series};
use crate::store::{GapFilter, StoreFailure, Words};

/// Points, bands or spans when `points` is not said.
const DEFAULT_POINTS: u32 = 500;
/// The range when `start` is not said.
const DEFAULT_SECONDS: i64 = 24 * 60 * 60;
/// Rows that are read at first: the time that they span says how many there are in the whole range, about.
const FIRST_ROWS: u32 = 1_000;
/// Rows that are read at once.
const ROWS_OF_A_PART: u32 = 2_500;
/// Most rows that one request may read.
const MAX_ROWS: u64 = 10_000_000;
/// Parts of a long range that are read at the same time; two of eight connections are left to others, on either database.
const PARTS_AT_ONCE: usize = 6;
/// Most parts of a range.
const MOST_PARTS: i64 = 256;

/// Which history.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct HistoryParams {
    /// 1 to 50 entities: repeat the parameter, or put commas between them.
    #[param(value_type = Vec<String>, explode = true)]
    entity_id: Option<String>,
    /// From this instant on (ISO 8601). Default: 24 h before `end`.
    #[serde(alias = "start_time")]
    #[param(value_type = Option<String>, format = DateTime)]
    start: Option<QueryInstant>,
    /// Up to this instant (ISO 8601), which is not in it. Default, and at the latest: now.
    #[serde(alias = "end_time")]
    #[param(value_type = Option<String>, format = DateTime)]
    end: Option<QueryInstant>,
    /// Most points, bands or spans of an entity, 1 to 5,000. Default 500.
    #[param(minimum = 1, maximum = 5_000)]
    points: Option<u32>,
}

#[derive(Debug, Clone, Copy)]
struct Asked {
    start: UtcMicros,
    end: UtcMicros,
    points: u32,
}

/// The history of entities in a form that charts draw.
///
/// Numbers are every stored row where they are at most `points`, else bands: smallest, largest, mean over time and last number of each of
/// `points` buckets of equal width. Words are spans; more than `points` of them are one for each bucket, the one that held longest. What
/// held at the start is carried in. `unavailable`, `unknown` and removals end a number. Before the first stored row stand Home
/// Assistant's long-term statistics, where they were imported. `gaps` are spans from which events may be missing.
#[utoipa::path(get, path = "/api/v1/history", tag = "events", params(HistoryParams), security(("key" = [])),
    responses((status = 200, body = History, description = "The history"),
        (status = 422, description = "A parameter is out of bounds, or the range has more than 10,000,000 rows")))]
pub(super) async fn show(
    State(api): State<Api>,
    QueryList(params): QueryList<HistoryParams>,
) -> Result<Json<History>, Problem> {
    let entity_ids = parts(params.entity_id.as_deref());
    if !(1..=MAX_HISTORY_ENTITIES).contains(&entity_ids.len()) {
        return Err(Problem::query(
            "entity_id",
            format!("want 1 to {MAX_HISTORY_ENTITIES} entities"),
        ));
    }
    let asked = params.range(api.clock.now())?;
    let (mut words, mut rows_left) = (Words::default(), MAX_ROWS);
    let mut series = Vec::with_capacity(entity_ids.len());
    for entity_id in entity_ids {
        let one = api
            .series(entity_id, asked, &mut words, &mut rows_left)
            .await
            .map_err(store_problem)?;
        series.push(one.ok_or_else(|| {
            Problem::query(
                "start",
                format!("the range has more than {MAX_ROWS} rows: ask for fewer entities or for a shorter range"),
            )
        })?);
    }
    let missing = GapFilter {
        start: Some(asked.start),
        end: Some(asked.end),
        open_only: false,
        limit: MAX_GAPS as u32,
    };
    let mut gaps = api.store.gaps(missing).await.map_err(store_problem)?;
    gaps.retain(|gap| gap.closed_by != Some(GapClosure::Backfill));
    gaps.reverse();
    Ok(Json(History {
        start: asked.start,
        end: asked.end,
        series,
        gaps,
    }))
}

impl HistoryParams {
    fn range(&self, now: UtcMicros) -> Result<Asked, Problem> {
        let points = self.points.unwrap_or(DEFAULT_POINTS);
        if !(1..=MAX_HISTORY_POINTS).contains(&points) {
            return Err(Problem::query(
                "points",
                format!("want 1 to {MAX_HISTORY_POINTS}"),
            ));
        }
        let end = self.end.map_or(now, |at| at.0);
        let start = self
            .start
            .map_or_else(|| end.plus_seconds(-DEFAULT_SECONDS), |at| at.0);
        if start > end {
            return Err(Problem::query("start", "lies after end"));
        }
        // Nothing is known of the future, not even that what holds will hold.
        let end = end.min(now).max(start);
        Ok(Asked { start, end, points })
    }
}

impl Api {
    /// The series of one entity; none when there are more rows than may be read.
    async fn series(
        &self,
        entity_id: &str,
        asked: Asked,
        words: &mut Words,
        rows_left: &mut u64,
    ) -> Result<Option<HistorySeries>, StoreFailure> {
        let (start, end) = (asked.start.get(), asked.end.get());
        let mut series = Series::new(start, end, asked.points);
        let Some(entity) = self.store.entity_row(entity_id).await? else {
            return Ok(Some(series.finish(entity_id.to_owned())));
        };
        let carried = self.store.held_at(entity, start, words).await?;
        if carried.is_none() {
            let oldest = self.store.oldest_row(entity).await?;
            let hours = self.store.hours(entity, asked.start, asked.end).await?;
            series.add_statistics(hours, oldest.unwrap_or(end));
        }
        let first = Part {
            from: start.saturating_add(1),
            to: end - 1,
        };
        let mut rows = self
            .store
            .history_rows(entity, first.from, first.to, FIRST_ROWS, words)
            .await?;
        let rest = first.after(&rows, FIRST_ROWS);
        let mut read = rows.len() as u64;
        rows.splice(0..0, carried);
        series.add_rows(&rows);
        if let Some(rest) = rest {
            read += self
                .add_rest(entity, rest, first.from, &mut series, *rows_left)
                .await?;
        }
        let Some(left) = rows_left.checked_sub(read) else {
            return Ok(None);
        };
        *rows_left = left;
        Ok(Some(series.finish(entity_id.to_owned())))
    }

    /// Adds the rows of a long range, several parts of it read at the same time: they lie in many places of the disk, which answers
    /// several questions as fast as one. How many rows were read; it stops after more than `most`.
    async fn add_rest(
        &self,
        entity: i64,
        rest: Part,
        begun: i64,
        series: &mut Series,
        most: u64,
    ) -> Result<u64, StoreFailure> {
        let read_part = |part: Part| async move {
            let mut words = Words::default();
            let rows = self
                .store
                .history_rows(entity, part.from, part.to, ROWS_OF_A_PART, &mut words)
                .await?;
            Ok::<_, StoreFailure>((part.after(&rows, ROWS_OF_A_PART), rows))
        };
        // About as many rows as are read at once, if the first ones are like the rest; a little less, so that few need a second look.
        let span = rest.from - begun;
        let parts = rest.cut(span * i64::from(ROWS_OF_A_PART / FIRST_ROWS));
        let mut parts = std::pin::pin!(stream::iter(parts).map(read_part).buffered(PARTS_AT_ONCE));
        let mut read = 0;
        while let Some((mut left, mut rows)) = parts.try_next().await? {
            loop {
                read += rows.len() as u64;
                series.add_rows(&rows);
                if read > most {
                    return Ok(read);
                }
                let Some(part) = left else { break };
                (left, rows) = read_part(part).await?;
            }
        }
        Ok(read)
    }
}

/// A part of a range, both ends included, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    from: i64,
    to: i64,
}

impl Part {
    /// What is left of it after these rows were read, where so many were wanted; none when there are no more.
    fn after(self, rows: &[Row], wanted: u32) -> Option<Self> {
        let last = rows.last().filter(|_| rows.len() >= wanted as usize)?;
        (last.at < self.to).then_some(Self {
            from: last.at + 1,
            to: self.to,
        })
    }

    /// It in pieces of this width, or of a greater one where there would be too many.
    fn cut(self, width: i64) -> impl Iterator<Item = Self> {
        let whole = self.to - self.from + 1;
        let width = width.max(whole / MOST_PARTS + 1);
        (0..)
            .map(move |number| self.from + number * width)
            .take_while(move |&from| from <= self.to)
            .map(move |from| Self {
                from,
                to: (from + width - 1).min(self.to),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_the_whole_and_never_too_many() {
        for (from, to, width) in [
            (0, 99, 10),
            (5, 5, 1),
            (-7, 1_000_003, 3),
            (0, i64::from(u32::MAX), 1),
        ] {
            let parts: Vec<Part> = Part { from, to }.cut(width).collect();
            assert!(parts.len() <= MOST_PARTS as usize, "{}", parts.len());
            assert_eq!((parts[0].from, parts[parts.len() - 1].to), (from, to));
            for pair in parts.windows(2) {
                assert_eq!(pair[0].to + 1, pair[1].from);
            }
        }
    }
}
