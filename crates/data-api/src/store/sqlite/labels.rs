//! Labels that people gave to entities, devices and areas.

use common::api::places::Label;
use common::instant::UtcMicros;
use sqlx::{Connection, FromRow, Row, query, query_as};

use super::areas::title_case;
use super::complete::{Part, Upserted};
use super::{Store, row};
use crate::store::StoreFailure;
use crate::store::reported::{Object, first_text, set_text};

/// A row of the table.
#[derive(Debug, Clone, Default, FromRow)]
struct LabelRow {
    label_id: String,
    name: Option<String>,
    color: Option<String>,
    icon: Option<String>,
    description: Option<String>,
}

impl LabelRow {
    /// Takes over what was sent; what was not sent stays.
    fn merge(&mut self, sent: &Object) {
        for (column, key) in [
            (&mut self.name, "name"),
            (&mut self.color, "color"),
            (&mut self.icon, "icon"),
            (&mut self.description, "description"),
        ] {
            set_text(column, sent, key);
        }
    }
}

impl Store {
    /// Writes labels, in one transaction; objects without id are left out. What a complete list does not name is marked as removed.
    pub async fn upsert_labels(
        &self,
        sent: &[Object],
        complete: bool,
        now: UtcMicros,
    ) -> Result<Upserted, StoreFailure> {
        let mut writer = self.sqlite().writer.acquire().await?;
        let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
        let mut named = Vec::with_capacity(sent.len());
        for object in sent {
            let Some(label_id) = first_text(object, &["label_id"]) else {
                continue;
            };
            let known: Option<LabelRow> = query_as("SELECT * FROM labels WHERE label_id = $1")
                .bind(&label_id)
                .fetch_optional(&mut *transaction)
                .await?;
            named.push(label_id.clone());
            let mut label = known.unwrap_or_else(|| LabelRow {
                label_id,
                ..LabelRow::default()
            });
            label.merge(object);
            query(
                "INSERT OR REPLACE INTO labels (label_id, name, color, icon, description, last_seen_us) VALUES ($1, $2, $3, $4, $5, $6)",
            )
            .bind(label.label_id)
            .bind(label.name)
            .bind(label.color)
            .bind(label.icon)
            .bind(label.description)
            .bind(now.get())
            .execute(&mut *transaction)
            .await?;
        }
        let upserted = self
            .upserted(&mut transaction, Part::Labels, &named, complete, now)
            .await?;
        transaction.commit().await?;
        Ok(upserted)
    }

    /// All labels that are reported or that something has, by id.
    pub async fn labels(&self, include_removed: bool) -> Result<Vec<Label>, StoreFailure> {
        let rows = query(
            "WITH used AS (SELECT l.value AS label_id, 'e' AS by FROM entities e, json_each(e.labels) l WHERE e.removed_us IS NULL \
             UNION ALL SELECT l.value, 'd' FROM devices d, json_each(d.labels) l WHERE d.removed_us IS NULL \
             UNION ALL SELECT l.value, 'a' FROM areas a, json_each(a.labels) l WHERE a.removed_us IS NULL), \
             named AS (SELECT label_id FROM labels WHERE removed_us IS NULL OR $1 UNION SELECT label_id FROM used) \
             SELECT n.label_id, l.name, l.color, l.icon, l.description, l.last_seen_us, l.removed_us, \
             COUNT(u.by) FILTER (WHERE u.by = 'e') AS entity_count, COUNT(u.by) FILTER (WHERE u.by = 'd') AS device_count, \
             COUNT(u.by) FILTER (WHERE u.by = 'a') AS area_count \
             FROM named n LEFT JOIN labels l ON l.label_id = n.label_id LEFT JOIN used u ON u.label_id = n.label_id \
             GROUP BY n.label_id ORDER BY n.label_id",
        )
        .bind(include_removed)
        .fetch_all(&self.sqlite().readers)
        .await?;
        rows.iter()
            .map(|row| {
                let label_id: String = row.try_get("label_id")?;
                let name: Option<String> = row.try_get("name")?;
                let count = |column| row.try_get::<i64, _>(column).map(i64::unsigned_abs);
                Ok(Label {
                    label: label_id.clone(),
                    prefix: label_id
                        .split_once(':')
                        .map(|(prefix, _)| prefix.to_owned()),
                    name: name.unwrap_or_else(|| title_case(&label_id)),
                    label_id,
                    color: row.try_get("color")?,
                    icon: row.try_get("icon")?,
                    description: row.try_get("description")?,
                    entity_count: count("entity_count")?,
                    device_count: count("device_count")?,
                    area_count: count("area_count")?,
                    timestamp: row::instant(row, "last_seen_us")?,
                    removed_at: row::instant(row, "removed_us")?,
                })
            })
            .collect()
    }
}
