//! Alerts as they are kept.

use std::collections::BTreeMap;

use common::api::alerts::{Alert, AlertSeverity, AlertStatus, AlertSummary};
use common::instant::UtcMicros;
use database::{Row, Statement};

use super::{Store, StoreFailure};

/// Alerts that are kept; beyond it the oldest that are over go.
const KEPT: i64 = 10_000;

/// Which alerts to list.
#[derive(Debug, Clone, Copy, Default)]
pub struct AlertFilter {
    /// Of this severity.
    pub severity: Option<AlertSeverity>,
    /// Of this status.
    pub status: Option<AlertStatus>,
    /// Rows to read.
    pub limit: u32,
}

impl Store {
    /// Alerts, newest first.
    pub async fn alerts(&self, asked: AlertFilter) -> Result<Vec<Alert>, StoreFailure> {
        let statement = Statement::new(
            "SELECT id, name, severity, status, message, service, metric, current_value, threshold_value, created_us, \
             acknowledged_us, resolved_us, metadata FROM alerts WHERE true",
        )
        .bind_some(" AND severity = ", asked.severity.map(AlertSeverity::as_str))
        .bind_some(" AND status = ", asked.status.map(AlertStatus::as_str))
        .push(" ORDER BY created_us DESC, id LIMIT ")
        .bind(asked.limit);
        let rows = self.database.fetch_all(statement).await?;
        rows.iter().map(alert).collect()
    }

    /// The alert of this id.
    pub async fn alert(&self, id: &str) -> Result<Option<Alert>, StoreFailure> {
        let row = self
            .database
            .fetch_optional(Statement::with(
                "SELECT id, name, severity, status, message, service, metric, current_value, threshold_value, created_us, \
                 acknowledged_us, resolved_us, metadata FROM alerts WHERE id = $1",
                [id.into()],
            ))
            .await?;
        row.as_ref().map(alert).transpose()
    }

    /// Alerts in numbers.
    pub async fn alert_summary(&self) -> Result<AlertSummary, StoreFailure> {
        let rows = self
            .database
            .fetch_all("SELECT status, severity, COUNT(*) FROM alerts GROUP BY status, severity")
            .await?;
        let (mut active, mut over, mut all) = (BTreeMap::new(), 0, 0);
        for row in &rows {
            let (status, severity): (String, String) = (row.get(0)?, row.get(1)?);
            let count = row.count(2)?;
            all += count;
            match AlertStatus::from_word(&status) {
                Some(AlertStatus::Resolved) => over += count,
                _ => *active.entry(severity).or_insert(0) += count,
            }
        }
        let of = |severity: AlertSeverity| active.get(severity.as_str()).copied().unwrap_or(0);
        Ok(AlertSummary {
            total_active: active.values().sum(),
            critical: of(AlertSeverity::Critical),
            warning: of(AlertSeverity::Warning),
            info: of(AlertSeverity::Info),
            total_alerts: all,
            alert_history_count: over,
        })
    }

    /// Keeps a new alert, and lets the oldest go that are over and too many. One with the same id is there already and stays.
    pub async fn insert_alert(&self, alert: &Alert) -> Result<(), StoreFailure> {
        let metadata = alert
            .metadata
            .as_ref()
            .and_then(|metadata| serde_json::to_string(metadata).ok());
        let mut transaction = self.database.write().await?;
        transaction
            .execute(Statement::with(
                "INSERT INTO alerts (id, name, severity, status, message, service, metric, current_value, threshold_value, \
                 created_us, metadata) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING",
                [
                    alert.id.as_str().into(),
                    alert.name.as_str().into(),
                    alert.severity.as_str().into(),
                    alert.status.as_str().into(),
                    alert.message.as_str().into(),
                    alert.service.as_str().into(),
                    alert.metric.clone().into(),
                    alert.current_value.into(),
                    alert.threshold_value.into(),
                    alert.created_at.get().into(),
                    metadata.into(),
                ],
            ))
            .await?;
        transaction
            .execute(Statement::with(
                "DELETE FROM alerts WHERE status = 'resolved' AND created_us < \
                 (SELECT created_us FROM alerts ORDER BY created_us DESC LIMIT 1 OFFSET $1)",
                [(KEPT - 1).into()],
            ))
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Says what an open alert says now.
    pub async fn update_alert(
        &self,
        id: &str,
        severity: AlertSeverity,
        message: &str,
        value: f64,
    ) -> Result<(), StoreFailure> {
        let mut transaction = self.database.write().await?;
        transaction
            .execute(Statement::with(
                "UPDATE alerts SET severity = $2, message = $3, current_value = $4 WHERE id = $1 AND status <> 'resolved'",
                [id.into(), severity.as_str().into(), message.into(), value.into()],
            ))
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Somebody knows of an alert; false when there is none of this id. One that is over stays so.
    pub async fn acknowledge_alert(&self, id: &str, now: UtcMicros) -> Result<bool, StoreFailure> {
        self.change_alert(
            "UPDATE alerts SET status = CASE WHEN status = 'active' THEN 'acknowledged' ELSE status END, \
             acknowledged_us = coalesce(acknowledged_us, $2) WHERE id = $1",
            id,
            now,
        )
        .await
    }

    /// An alert is over; false when there is none of this id. One that was over before keeps its end.
    pub async fn resolve_alert(&self, id: &str, now: UtcMicros) -> Result<bool, StoreFailure> {
        self.change_alert(
            "UPDATE alerts SET status = 'resolved', resolved_us = coalesce(resolved_us, $2) WHERE id = $1",
            id,
            now,
        )
        .await
    }

    async fn change_alert(
        &self,
        text: &'static str,
        id: &str,
        now: UtcMicros,
    ) -> Result<bool, StoreFailure> {
        let mut transaction = self.database.write().await?;
        let changed = transaction
            .execute(Statement::with(text, [id.into(), now.get().into()]))
            .await?;
        transaction.commit().await?;
        Ok(changed > 0)
    }

    /// Deletes alerts that were over before this instant; how many those were.
    pub async fn delete_alerts(&self, before: UtcMicros) -> Result<u64, StoreFailure> {
        let mut transaction = self.database.write().await?;
        let deleted = transaction
            .execute(Statement::with(
                "DELETE FROM alerts WHERE status = 'resolved' AND resolved_us < $1",
                [before.get().into()],
            ))
            .await?;
        transaction.commit().await?;
        Ok(deleted)
    }
}

fn alert(row: &Row) -> Result<Alert, StoreFailure> {
    let unknown = |word: &str| {
        StoreFailure::from(sqlx::Error::Decode(
            format!("'{word}' is not known by this version").into(),
        ))
    };
    let (severity, status): (String, String) = (row.get("severity")?, row.get("status")?);
    let instant = |micros: Option<i64>| micros.and_then(|micros| UtcMicros::new(micros).ok());
    Ok(Alert {
        id: row.get("id")?,
        name: row.get("name")?,
        severity: AlertSeverity::from_word(&severity).ok_or_else(|| unknown(&severity))?,
        status: AlertStatus::from_word(&status).ok_or_else(|| unknown(&status))?,
        message: row.get("message")?,
        service: row.get("service")?,
        metric: row.get("metric")?,
        current_value: row.get("current_value")?,
        threshold_value: row.get("threshold_value")?,
        created_at: instant(row.get("created_us")?).unwrap_or_default(),
        acknowledged_at: instant(row.get("acknowledged_us")?),
        resolved_at: instant(row.get("resolved_us")?),
        metadata: row
            .get::<Option<String>>("metadata")?
            .and_then(|text| serde_json::from_str(&text).ok()),
    })
}
