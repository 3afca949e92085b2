//! Configuration entries: the integrations that were set up in Home Assistant.

use std::collections::BTreeMap;

use common::api::integrations::Integration;
use common::instant::UtcMicros;
use database::{Row, Statement, Value};

use super::areas::title_case;
use super::complete::{Part, Upserted};
use super::registry_row::RegistryRow;
use super::reported::{Object, first_text, set_text};
use super::{Store, StoreFailure, row};

/// A row of the table.
#[derive(Debug, Clone, Default)]
struct ConfigEntryRow {
    entry_id: String,
    domain: String,
    title: Option<String>,
    state: Option<String>,
    source: Option<String>,
    reason: Option<String>,
    disabled_by: Option<String>,
}

impl RegistryRow for ConfigEntryRow {
    const PART: Part = Part::ConfigEntries;

    fn id_of(sent: &Object) -> Option<String> {
        first_text(sent, &["entry_id"])
    }

    fn read(row: &Row) -> Result<Self, StoreFailure> {
        Ok(Self {
            entry_id: row.get("entry_id")?,
            domain: row.get("domain")?,
            title: row.get("title")?,
            state: row.get("state")?,
            source: row.get("source")?,
            reason: row.get("reason")?,
            disabled_by: row.get("disabled_by")?,
        })
    }

    fn new(entry_id: String, _now: UtcMicros) -> Self {
        Self {
            entry_id,
            ..Self::default()
        }
    }

    fn merge(&mut self, sent: &Object, _complete: bool) {
        if let Some(domain) = first_text(sent, &["domain"]) {
            self.domain = domain;
        }
        for (column, key) in [
            (&mut self.title, "title"),
            (&mut self.state, "state"),
            (&mut self.source, "source"),
            (&mut self.reason, "reason"),
            (&mut self.disabled_by, "disabled_by"),
        ] {
            set_text(column, sent, key);
        }
    }

    fn is_whole(&self) -> bool {
        !self.domain.is_empty()
    }

    fn columns(self) -> Vec<(&'static str, Value)> {
        vec![
            ("entry_id", self.entry_id.into()),
            ("domain", self.domain.into()),
            ("title", self.title.into()),
            ("state", self.state.into()),
            ("source", self.source.into()),
            ("reason", self.reason.into()),
            ("disabled_by", self.disabled_by.into()),
        ]
    }
}

impl Store {
    /// Writes configuration entries, in one transaction; objects without id, and new ones without domain, are left out. What a complete
    /// list does not name is marked as removed.
    pub async fn upsert_config_entries(
        &self,
        sent: &[Object],
        complete: bool,
        now: UtcMicros,
    ) -> Result<Upserted, StoreFailure> {
        self.upsert::<ConfigEntryRow>(sent, complete, now).await
    }

    /// Configuration entries by domain and title. None: Home Assistant never told any.
    pub async fn config_entries(
        &self,
        include_removed: bool,
        limit: u32,
    ) -> Result<Option<Vec<Integration>>, StoreFailure> {
        let rows = self
            .database
            .fetch_all(Statement::with(
                "SELECT * FROM config_entries WHERE removed_us IS NULL OR $1 ORDER BY domain, title, entry_id LIMIT $2",
                [include_removed.into(), limit.into()],
            ))
            .await?;
        if rows.is_empty() {
            let any = self
                .database
                .fetch_optional("SELECT entry_id FROM config_entries LIMIT 1")
                .await?;
            return Ok(any.map(|_| Vec::new()));
        }
        rows.iter()
            .map(integration)
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// Integrations as far as devices and entities name them, by domain.
    pub async fn integrations_in_the_registry(&self) -> Result<Vec<Integration>, StoreFailure> {
        let rows = self
            .database
            .fetch_all(
                "SELECT platform AS domain, config_entry_id, MAX(last_seen_us) AS last_seen_us FROM entities \
                 WHERE removed_us IS NULL AND platform IS NOT NULL GROUP BY platform, config_entry_id \
                 UNION ALL SELECT integration, config_entry_id, MAX(last_seen_us) FROM devices \
                 WHERE removed_us IS NULL AND integration IS NOT NULL AND config_entry_id IS NOT NULL \
                 GROUP BY integration, config_entry_id",
            )
            .await?;
        let mut found: BTreeMap<(String, String), UtcMicros> = BTreeMap::new();
        for row in &rows {
            let entry_id: Option<String> = row.get("config_entry_id")?;
            let seen = row::instant_or_default(row, "last_seen_us")?;
            let last = found
                .entry((row.get("domain")?, entry_id.unwrap_or_default()))
                .or_insert(seen);
            *last = seen.max(*last);
        }
        Ok(found
            .into_iter()
            .map(|((domain, entry_id), timestamp)| Integration {
                entry_id,
                title: title_case(&domain),
                domain,
                state: "unknown".to_owned(),
                version: None,
                source: None,
                reason: None,
                disabled_by: None,
                timestamp,
                removed_at: None,
            })
            .collect())
    }
}

fn integration(row: &Row) -> Result<Integration, StoreFailure> {
    let table = ConfigEntryRow::read(row)?;
    Ok(Integration {
        entry_id: table.entry_id,
        title: table
            .title
            .filter(|title| !title.is_empty())
            .unwrap_or_else(|| table.domain.clone()),
        domain: table.domain,
        state: table.state.unwrap_or_else(|| "unknown".to_owned()),
        version: None,
        source: table.source,
        reason: table.reason,
        disabled_by: table.disabled_by,
        timestamp: row::instant_or_default(row, "last_seen_us")?,
        removed_at: row::instant(row, "removed_us")?,
    })
}
