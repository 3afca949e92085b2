//! What Home Assistant's automations have to do with habits, and what became of ours.

use std::collections::BTreeSet;

use common::instant::UtcMicros;
use database::failure::StoreFailure;
use database::{Row, Statement};
use pattern_mining::pattern::Pattern;

use super::Store;
use super::patterns::metadata;
use crate::home_assistant::{Effect, Relations, rating};

/// An automation that was created for a habit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredAutomation {
    /// Row of the habit.
    pub(crate) number: i64,
    /// Its id in Home Assistant.
    pub(crate) automation_id: String,
    /// Its entity; none while Home Assistant has not loaded it.
    pub(crate) entity_id: Option<String>,
    /// When it was created.
    pub(crate) created_at: UtcMicros,
    /// When it was written last.
    pub(crate) updated_at: UtcMicros,
    /// What happened at or before this instant is counted.
    pub(crate) looked_until: UtcMicros,
    /// The counts up to then.
    pub(crate) effect: Effect,
}

const AUTOMATION: &str = "SELECT pattern_id, automation_id, entity_id, created_at, updated_at, looked_until, fired, undone, last_fired \
     FROM pattern_automations";
const UNTOLD_IN_HOME: &str = "SELECT pattern_metadata FROM patterns WHERE home_told_at IS NULL AND NOT deprecated \
     AND covered_by IS NULL AND COALESCE(feedback, '') <> 'dismiss' AND COALESCE(later_until, 0) <= $1 \
     ORDER BY confidence DESC, id LIMIT $2";
const CREATED: &str = "INSERT INTO pattern_automations (pattern_id, automation_id, entity_id, created_at, updated_at, looked_until) \
     VALUES ($1, $2, $3, $4, $4, $4) ON CONFLICT (pattern_id) DO UPDATE SET automation_id = excluded.automation_id, \
     entity_id = COALESCE(excluded.entity_id, pattern_automations.entity_id), updated_at = excluded.updated_at";
const COUNTED: &str = "UPDATE pattern_automations SET looked_until = $2, fired = $3, undone = $4, last_fired = $5 WHERE pattern_id = $1";

impl Store {
    /// Keeps which automations do what habits do, and which do the opposite.
    pub(crate) async fn keep_relations(&self, relations: &Relations) -> Result<(), StoreFailure> {
        let mut transaction = self.database.write().await?;
        for (id, related) in &relations.0 {
            let list =
                |ids: &Vec<String>| (!ids.is_empty()).then(|| serde_json::json!(ids).to_string());
            let values = [
                id.into(),
                list(&related.covered_by).into(),
                list(&related.contradicted_by).into(),
            ];
            transaction
                .execute(Statement::with(
                    "UPDATE patterns SET covered_by = $2, contradicted_by = $3 WHERE pattern_key = $1",
                    values,
                ))
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Habits that an automation does already, by id.
    pub(crate) async fn covered(&self) -> Result<BTreeSet<String>, StoreFailure> {
        let rows = self
            .database
            .fetch_all("SELECT pattern_key FROM patterns WHERE covered_by IS NOT NULL")
            .await?;
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Habits of which Home Assistant was not told, surest first.
    pub(crate) async fn untold_in_home(
        &self,
        now: UtcMicros,
        limit: u32,
    ) -> Result<Vec<Pattern>, StoreFailure> {
        let statement = Statement::with(UNTOLD_IN_HOME, [now.get().into(), limit.into()]);
        let rows = self.database.fetch_all(statement).await?;
        rows.iter().map(metadata).collect()
    }

    /// Remembers that Home Assistant was told of these.
    pub(crate) async fn mark_told_in_home(
        &self,
        habits: &[Pattern],
        now: UtcMicros,
    ) -> Result<(), StoreFailure> {
        let mut transaction = self.database.write().await?;
        for habit in habits {
            let values = [(&habit.id).into(), now.get().into()];
            let statement = Statement::with(
                "UPDATE patterns SET home_told_at = $2 WHERE pattern_key = $1",
                values,
            );
            transaction.execute(statement).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// The automation that was created for a habit.
    pub(crate) async fn automation(
        &self,
        number: i64,
    ) -> Result<Option<StoredAutomation>, StoreFailure> {
        let statement = Statement::new(AUTOMATION)
            .push(" WHERE pattern_id = ")
            .bind(number);
        let row = self.database.fetch_optional(statement).await?;
        row.as_ref().map(stored).transpose()
    }

    /// Every automation that was created, with its habit.
    pub(crate) async fn automations(&self) -> Result<Vec<StoredAutomation>, StoreFailure> {
        let statement = Statement::new(AUTOMATION).push(" ORDER BY pattern_id");
        let rows = self.database.fetch_all(statement).await?;
        rows.iter().map(stored).collect()
    }

    /// Remembers that an automation was created for a habit; the habit is covered by it.
    pub(crate) async fn keep_automation(
        &self,
        number: i64,
        automation_id: &str,
        entity_id: Option<&str>,
        now: UtcMicros,
    ) -> Result<(), StoreFailure> {
        let mut transaction = self.database.write().await?;
        let entity = entity_id.map(str::to_owned);
        let values = [
            number.into(),
            automation_id.into(),
            entity.clone().into(),
            now.get().into(),
        ];
        transaction
            .execute(Statement::with(CREATED, values))
            .await?;
        if let Some(entity) = entity {
            let covered = serde_json::json!([entity]).to_string();
            let values = [number.into(), covered.into()];
            let statement = Statement::with(
                "UPDATE patterns SET covered_by = COALESCE(covered_by, $2) WHERE id = $1",
                values,
            );
            transaction.execute(statement).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Forgets an automation that was removed, and what became of it.
    pub(crate) async fn forget_automation(&self, number: i64) -> Result<bool, StoreFailure> {
        let mut transaction = self.database.write().await?;
        let forget = Statement::with(
            "DELETE FROM pattern_automations WHERE pattern_id = $1",
            [number.into()],
        );
        let forgotten = transaction.execute(forget).await?;
        // The next run says which others there are.
        let clear = "UPDATE patterns SET covered_by = NULL, effect_rating = NULL WHERE id = $1";
        transaction
            .execute(Statement::with(clear, [number.into()]))
            .await?;
        transaction.commit().await?;
        Ok(forgotten > 0)
    }

    /// Keeps what became of an automation, and lets it move its habit in the lists.
    pub(crate) async fn keep_effect(
        &self,
        number: i64,
        effect: Effect,
        until: UtcMicros,
    ) -> Result<(), StoreFailure> {
        let mut transaction = self.database.write().await?;
        let values = [
            number.into(),
            until.get().into(),
            effect.fired.into(),
            effect.undone.into(),
            effect.last_fired.map(UtcMicros::get).into(),
        ];
        transaction
            .execute(Statement::with(COUNTED, values))
            .await?;
        let values = [number.into(), rating(effect.fired, effect.undone).into()];
        let statement = Statement::with(
            "UPDATE patterns SET effect_rating = $2 WHERE id = $1",
            values,
        );
        transaction.execute(statement).await?;
        transaction.commit().await?;
        Ok(())
    }
}

fn stored(row: &Row) -> Result<StoredAutomation, StoreFailure> {
    let instant = |micros: i64| UtcMicros::new(micros).unwrap_or_default();
    let times = |name: &str| -> Result<u32, StoreFailure> {
        Ok(u32::try_from(row.count(name)?).unwrap_or(u32::MAX))
    };
    Ok(StoredAutomation {
        number: row.get("pattern_id")?,
        automation_id: row.get("automation_id")?,
        entity_id: row.get("entity_id")?,
        created_at: instant(row.get("created_at")?),
        updated_at: instant(row.get("updated_at")?),
        looked_until: instant(row.get("looked_until")?),
        effect: Effect {
            fired: times("fired")?,
            undone: times("undone")?,
            last_fired: row.get::<Option<i64>>("last_fired")?.map(instant),
        },
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::home_assistant::existing::Related;
    use crate::ledger::tests::habit;
    use crate::store::{News, RunRecord};

    #[tokio::test]
    async fn what_an_automation_does_already_is_no_news_until_none_does_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("patterns.db");
        let url = format!("sqlite://{}", file.display()).parse().unwrap();
        let store = Store::open(&url).await.unwrap();
        let (morning, evening) = (habit("a", 420, 0.8), habit("b", 1_200, 0.7));
        let now = UtcMicros::new(1_000_000_000).unwrap();
        let run = RunRecord {
            cause: "schedule".to_owned(),
            started_at: now,
            ended_at: now,
            status: "completed".to_owned(),
            patterns_found: 2,
            patterns_new: 2,
            patterns_changed: 0,
            patterns_gone: 0,
            errors: Vec::new(),
            report: json!({}),
        };
        let lines = [(&morning, News::New), (&evening, News::New)];
        store.keep_run(&lines, &run, &[]).await.unwrap();
        let untold = async || {
            let ids = |patterns: Vec<Pattern>| -> Vec<String> {
                patterns.into_iter().map(|pattern| pattern.id).collect()
            };
            let of_broker = ids(store.untold(10).await.unwrap());
            let of_home = ids(store.untold_in_home(now, 10).await.unwrap());
            assert_eq!(of_broker, of_home);
            of_broker
        };
        assert_eq!(untold().await, ["a", "b"]);
        for (covered_by, news) in [
            (vec!["automation.wake".to_owned()], vec!["b"]),
            (Vec::new(), vec!["a", "b"]),
        ] {
            let related = Related {
                covered_by,
                ..Related::default()
            };
            let mut relations = Relations::default();
            relations.0.insert("a".to_owned(), related);
            store.keep_relations(&relations).await.unwrap();
            let covered = store.covered().await.unwrap();
            assert_eq!(covered, relations.covered());
            assert_eq!(untold().await, news);
        }
        store.close().await;
    }
}
