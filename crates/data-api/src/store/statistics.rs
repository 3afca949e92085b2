//! Long-term statistics: one row an hour and entity.

use std::collections::HashMap;

use common::api::statistics::{NewStatistic, Statistic, StatisticNumbers};
use common::category;
use common::entity::domain_of;
use common::instant::UtcMicros;
use database::{Row, Statement, Transaction, Value};

use super::{Appended, Store, StoreFailure};

/// Rows of one statement: seven places each.
const ROWS_OF_A_STATEMENT: usize = 400;
const IDS_OF_A_STATEMENT: usize = 500;

impl Store {
    /// Deletes the hours of an entity that begin from `start` to `end`, inclusive, in microseconds; how many there were.
    pub(crate) async fn delete_statistics(
        &self,
        entity: i64,
        start: i64,
        end: i64,
    ) -> Result<u64, StoreFailure> {
        let mut transaction = self.database.write().await?;
        let deleted = transaction
            .execute(Statement::with(
                "DELETE FROM statistics WHERE entity = $1 AND start_us BETWEEN $2 AND $3",
                [entity.into(), start.into(), end.into()],
            ))
            .await?;
        transaction.commit().await?;
        Ok(deleted)
    }

    /// Writes rows, in one transaction. A row that is there takes the numbers that come; one that has them already is a duplicate, and
    /// so is the earlier of two rows of the same hour.
    pub async fn upsert_statistics(&self, rows: &[NewStatistic]) -> Result<Appended, StoreFailure> {
        let mut of_lines: HashMap<&str, i64> = HashMap::new();
        let mut transaction = self.database.write().await?;
        let mut names: Vec<&str> = rows.iter().map(|row| row.entity_id.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        lines(&mut transaction, &names, &mut of_lines).await?;
        let mut units: HashMap<i64, &str> = HashMap::new();
        let mut last: HashMap<(i64, i64), &StatisticNumbers> = HashMap::with_capacity(rows.len());
        for row in rows {
            let Some(&line) = of_lines.get(row.entity_id.as_str()) else {
                continue;
            };
            last.insert((line, row.start.get()), &row.numbers);
            if let Some(unit) = &row.unit {
                units.insert(line, unit);
            }
        }
        let mut sorted: Vec<_> = last.into_iter().collect();
        sorted.sort_unstable_by_key(|(key, _)| *key);
        let mut stored = 0;
        for part in sorted.chunks(ROWS_OF_A_STATEMENT) {
            stored += transaction.execute(insert(part)).await?;
        }
        for (line, unit) in units {
            transaction
                .execute(Statement::with(
                    "INSERT INTO statistics_units (entity, unit) VALUES ($1, $2) \
                     ON CONFLICT (entity) DO UPDATE SET unit = excluded.unit",
                    [line.into(), unit.into()],
                ))
                .await?;
        }
        transaction.commit().await?;
        let stored = usize::try_from(stored).unwrap_or(usize::MAX);
        Ok(Appended {
            stored,
            duplicates: rows.len().saturating_sub(stored),
        })
    }

    /// Hours of an entity that begin from `start` on and before `end`, earliest first, and their unit.
    pub async fn statistics(
        &self,
        entity_id: &str,
        start: Option<UtcMicros>,
        end: Option<UtcMicros>,
        limit: u32,
    ) -> Result<(Vec<Statistic>, Option<String>), StoreFailure> {
        let of_entity = " WHERE entity = (SELECT id FROM event_entities WHERE entity_id = ";
        let statement =
            Statement::new("SELECT start_us, mean, min, max, state, sum FROM statistics")
                .push(of_entity)
                .bind(entity_id)
                .push(")")
                .bind_some(" AND start_us >= ", start.map(UtcMicros::get))
                .bind_some(" AND start_us < ", end.map(UtcMicros::get))
                .push(" ORDER BY start_us LIMIT ")
                .bind(limit);
        let rows = self.database.fetch_all(statement).await?;
        let unit = Statement::new("SELECT unit FROM statistics_units")
            .push(of_entity)
            .bind(entity_id)
            .push(")");
        let unit = self.database.fetch_optional(unit).await?;
        let unit = unit.map(|row| row.get(0)).transpose()?;
        let rows = rows.iter().map(statistic).collect::<Result<_, _>>()?;
        Ok((rows, unit))
    }
}

/// Ids of the lines with these names, which are made where there are none. What Home Assistant says under a name that an entity had
/// before is about that entity, unless another one has the name now.
async fn lines<'a>(
    transaction: &mut Transaction,
    names: &[&'a str],
    of_lines: &mut HashMap<&'a str, i64>,
) -> Result<(), StoreFailure> {
    for part in names.chunks(IDS_OF_A_STATEMENT) {
        let known = Statement::new("SELECT entity_id, id FROM event_entities WHERE entity_id IN (")
            .list(part.iter().copied())
            .push(")");
        let former =
            Statement::new("SELECT old_entity_id, entity FROM renames WHERE old_entity_id IN (")
                .list(part.iter().copied())
                .push(") ORDER BY until_us");
        let mut found: HashMap<String, i64> = HashMap::new();
        for statement in [former, known] {
            for row in transaction.fetch_all(statement).await? {
                found.insert(row.get(0)?, row.get(1)?);
            }
        }
        for name in part {
            let line = match found.get(*name) {
                Some(line) => *line,
                None => make(transaction, name).await?,
            };
            of_lines.insert(name, line);
        }
    }
    Ok(())
}

async fn make(transaction: &mut Transaction, name: &str) -> Result<i64, StoreFailure> {
    let domain = domain_of(name);
    transaction
        .fetch_one(Statement::with(
            "INSERT INTO event_entities (entity_id, domain, category) VALUES ($1, $2, $3) RETURNING id",
            [
                name.into(),
                domain.into(),
                category::of(domain, None).into(),
            ],
        ))
        .await?
        .get(0)
}

fn insert(part: &[((i64, i64), &StatisticNumbers)]) -> Statement {
    let mut statement = Statement::new(
        "INSERT INTO statistics (entity, start_us, mean, min, max, state, sum) VALUES (",
    );
    for (position, ((line, start), numbers)) in part.iter().enumerate() {
        if position > 0 {
            statement = statement.push("), (");
        }
        let values: [Value; 7] = [
            (*line).into(),
            (*start).into(),
            numbers.mean.into(),
            numbers.min.into(),
            numbers.max.into(),
            numbers.state.into(),
            numbers.sum.into(),
        ];
        statement = statement.list(values);
    }
    statement.push(
        ") ON CONFLICT (entity, start_us) DO UPDATE SET mean = excluded.mean, min = excluded.min, max = excluded.max, \
         state = excluded.state, sum = excluded.sum \
         WHERE statistics.mean IS DISTINCT FROM excluded.mean OR statistics.min IS DISTINCT FROM excluded.min \
         OR statistics.max IS DISTINCT FROM excluded.max OR statistics.state IS DISTINCT FROM excluded.state \
         OR statistics.sum IS DISTINCT FROM excluded.sum",
    )
}

fn statistic(row: &Row) -> Result<Statistic, StoreFailure> {
    Ok(Statistic {
        start: UtcMicros::new(row.get(0)?).unwrap_or_default(),
        numbers: StatisticNumbers {
            mean: row.get(1)?,
            min: row.get(2)?,
            max: row.get(3)?,
            state: row.get(4)?,
            sum: row.get(5)?,
        },
    })
}
