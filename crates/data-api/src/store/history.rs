//! Rows of one entity for its history: when, and what held from then on. Nothing else is read.

use std::collections::HashMap;
use std::sync::Arc;

use common::instant::UtcMicros;
use database::{Engine, Statement};

use super::Store;
use super::StoreFailure;
use crate::history::{HOUR, Held, Row, Statistic};

/// Most ids in one statement.
const IDS_OF_A_STATEMENT: usize = 500;
/// Most hours of long-term statistics in one series: 28 years.
const HOURS_OF_A_SERIES: i64 = 250_000;

/// SQLite hands over a part of the range as one text, row after row: an instant, then `=` with the length in bytes, `:` and the state, or
/// `#` and its id in the dictionary and `;`, or `!` for a removal. A row on its own costs many times what its two columns do.
const SQLITE_PART: &str = "SELECT group_concat(t, '') FROM (SELECT last_updated_us || CASE typeof(state) \
     WHEN 'text' THEN '=' || octet_length(state) || ':' || state WHEN 'integer' THEN '#' || state || ';' ELSE '!' END AS t \
     FROM events WHERE entity = $1 AND last_updated_us BETWEEN $2 AND $3 ORDER BY last_updated_us LIMIT $4)";
const POSTGRES_PART: &str = "SELECT last_updated_us, state FROM events WHERE entity = $1 AND last_updated_us BETWEEN $2 AND $3 \
     ORDER BY last_updated_us LIMIT $4";

/// Texts of states, so that each is read and made once for a whole question.
#[derive(Debug, Default)]
pub(crate) struct Words {
    by_id: HashMap<i64, Held>,
}

/// A state as SQLite's text has it.
#[derive(Debug, PartialEq)]
enum Said<'a> {
    Text(&'a str),
    Id(i64),
    Removed,
}

impl Store {
    /// Rows of an entity from `start` to `end`, inclusive, oldest first, at most `limit`. Go on from the instant after the last.
    pub(crate) async fn history_rows(
        &self,
        entity: i64,
        start: i64,
        end: i64,
        limit: u32,
        words: &mut Words,
    ) -> Result<Vec<Row>, StoreFailure> {
        let asked = [entity.into(), start.into(), end.into(), limit.into()];
        match &self.database.engine {
            Engine::Sqlite(_) => {
                let part = self
                    .database
                    .fetch_one(Statement::with(SQLITE_PART, asked))
                    .await?;
                let text: Option<String> = part.get(0)?;
                self.rows_of(text.as_deref().unwrap_or_default(), words)
                    .await
            }
            Engine::Postgres(_) => {
                let rows = self
                    .database
                    .fetch_all(Statement::with(POSTGRES_PART, asked))
                    .await?;
                rows.iter()
                    .map(|row| {
                        let state: Option<String> = row.get(1)?;
                        Ok(Row {
                            at: row.get(0)?,
                            held: state.map_or(Held::Removed, |state| Held::of(state.into())),
                        })
                    })
                    .collect()
            }
        }
    }

    /// The newest row of an entity at or before an instant.
    pub(crate) async fn held_at(
        &self,
        entity: i64,
        at: i64,
        words: &mut Words,
    ) -> Result<Option<Row>, StoreFailure> {
        let newest = self
            .database
            .fetch_one(Statement::with(
                "SELECT MAX(last_updated_us) FROM events WHERE entity = $1 AND last_updated_us <= $2",
                [entity.into(), at.into()],
            ))
            .await?;
        match newest.get::<Option<i64>>(0)? {
            Some(newest) => {
                let rows = self.history_rows(entity, newest, newest, 1, words).await?;
                Ok(rows.into_iter().next())
            }
            None => Ok(None),
        }
    }

    /// The instant of the oldest row of an entity.
    pub(crate) async fn oldest_row(&self, entity: i64) -> Result<Option<i64>, StoreFailure> {
        self.database
            .fetch_one(Statement::with(
                "SELECT MIN(last_updated_us) FROM events WHERE entity = $1",
                [entity.into()],
            ))
            .await?
            .get(0)
    }

    async fn rows_of(&self, text: &str, words: &mut Words) -> Result<Vec<Row>, StoreFailure> {
        let said = parse(text).ok_or_else(|| {
            StoreFailure::Statement(sqlx::Error::Decode(
                "rows of a history do not have the form that was asked for".into(),
            ))
        })?;
        self.learn(&said, words).await?;
        let mut rows: Vec<Row> = said
            .into_iter()
            .map(|(at, said)| Row {
                at,
                held: match said {
                    Said::Text(text) => Held::of(text.into()),
                    Said::Id(id) => words.by_id.get(&id).cloned().unwrap_or(Held::Removed),
                    Said::Removed => Held::Removed,
                },
            })
            .collect();
        // The order of an aggregate is a habit of the database, not its promise.
        if !rows.is_sorted_by_key(|row| row.at) {
            rows.sort_by_key(|row| row.at);
        }
        Ok(rows)
    }

    async fn learn(&self, said: &[(i64, Said<'_>)], words: &mut Words) -> Result<(), StoreFailure> {
        let mut unknown: Vec<i64> = said
            .iter()
            .filter_map(|(_, said)| match said {
                Said::Id(id) if !words.by_id.contains_key(id) => Some(*id),
                _ => None,
            })
            .collect();
        unknown.sort_unstable();
        unknown.dedup();
        for part in unknown.chunks(IDS_OF_A_STATEMENT) {
            let statement = Statement::new("SELECT id, state FROM event_states WHERE id IN (")
                .list(part.iter().copied());
            for row in self.database.fetch_all(statement.push(")")).await? {
                let state: Arc<str> = row.get::<String>(1)?.into();
                words.by_id.insert(row.get(0)?, Held::of(state));
            }
        }
        Ok(())
    }

    /// Hours of long-term statistics of an entity that overlap `start` to `end`, earliest first.
    pub(crate) async fn hours(
        &self,
        entity: i64,
        start: UtcMicros,
        end: UtcMicros,
    ) -> Result<Vec<Statistic>, StoreFailure> {
        let statement = Statement::with(
            "SELECT start_us, mean, min, max, state FROM statistics WHERE entity = $1 AND start_us > $2 AND start_us < $3 \
             ORDER BY start_us LIMIT $4",
            [
                entity.into(),
                (start.get() - HOUR).into(),
                end.get().into(),
                HOURS_OF_A_SERIES.into(),
            ],
        );
        let rows = self.database.fetch_all(statement).await?;
        let hours = rows.iter().map(hour).collect::<Result<Vec<_>, _>>()?;
        Ok(hours.into_iter().flatten().collect())
    }
}

/// An hour of a measurement, or of a meter, of which only what it showed is kept.
fn hour(row: &database::Row) -> Result<Option<Statistic>, StoreFailure> {
    let (mean, state): (Option<f64>, Option<f64>) = (row.get(1)?, row.get(4)?);
    let Some(mean) = mean.or(state) else {
        return Ok(None);
    };
    Ok(Some(Statistic {
        start: row.get(0)?,
        min: row.get::<Option<f64>>(2)?.unwrap_or(mean),
        max: row.get::<Option<f64>>(3)?.unwrap_or(mean),
        mean,
        last: state.unwrap_or(mean),
    }))
}

/// The rows of [`SQLITE_PART`]; none when it has another form.
fn parse(mut text: &str) -> Option<Vec<(i64, Said<'_>)>> {
    let mut rows = Vec::with_capacity(text.len() / 24);
    while !text.is_empty() {
        let end = text.find(['=', '#', '!'])?;
        let at = text[..end].parse().ok()?;
        let kind = text.as_bytes()[end];
        text = &text[end + 1..];
        let said = match kind {
            b'=' => {
                let (length, rest) = text.split_once(':')?;
                let (state, rest) = rest.split_at_checked(length.parse().ok()?)?;
                text = rest;
                Said::Text(state)
            }
            b'#' => {
                let (id, rest) = text.split_once(';')?;
                text = rest;
                Said::Id(id.parse().ok()?)
            }
            _ => Said::Removed,
        };
        rows.push((at, said));
    }
    Some(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_comes_back_whatever_is_in_it() {
        let want = vec![
            (-5, Said::Text("3=#!;:ä\n")),
            (12, Said::Id(7)),
            (13, Said::Removed),
            (1_795_428_000_000_000, Said::Text("21.5")),
        ];
        assert_eq!(
            parse("-5=9:3=#!;:ä\n12#7;13!1795428000000000=4:21.5"),
            Some(want)
        );
        assert_eq!(parse(""), Some(Vec::new()));
        for broken in ["x", "1", "1=", "1=9:ab", "1#7", "=1:a", "1=1:ä"] {
            assert_eq!(parse(broken), None, "{broken}");
        }
    }
}
