//! Labels that people gave to entities, devices and areas.

use std::collections::BTreeMap;

use common::api::places::Label;
use common::instant::UtcMicros;
use database::{Row, Statement, Value};

use super::areas::title_case;
use super::complete::{Part, Upserted};
use super::registry_row::RegistryRow;
use super::reported::{Object, first_text, set_text};
use super::{Store, StoreFailure, row};

/// A row of the table.
#[derive(Debug, Clone, Default)]
struct LabelRow {
    label_id: String,
    name: Option<String>,
    color: Option<String>,
    icon: Option<String>,
    description: Option<String>,
}

impl RegistryRow for LabelRow {
    const PART: Part = Part::Labels;

    fn id_of(sent: &Object) -> Option<String> {
        first_text(sent, &["label_id"])
    }

    fn read(row: &Row) -> Result<Self, StoreFailure> {
        Ok(Self {
            label_id: row.get("label_id")?,
            name: row.get("name")?,
            color: row.get("color")?,
            icon: row.get("icon")?,
            description: row.get("description")?,
        })
    }

    fn new(label_id: String, _now: UtcMicros) -> Self {
        Self {
            label_id,
            ..Self::default()
        }
    }

    fn merge(&mut self, sent: &Object, _complete: bool) {
        for (column, key) in [
            (&mut self.name, "name"),
            (&mut self.color, "color"),
            (&mut self.icon, "icon"),
            (&mut self.description, "description"),
        ] {
            set_text(column, sent, key);
        }
    }

    fn columns(self) -> Vec<(&'static str, Value)> {
        vec![
            ("label_id", self.label_id.into()),
            ("name", self.name.into()),
            ("color", self.color.into()),
            ("icon", self.icon.into()),
            ("description", self.description.into()),
        ]
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
        self.upsert::<LabelRow>(sent, complete, now).await
    }

    /// All labels that are reported or that something has, by id.
    pub async fn labels(&self, include_removed: bool) -> Result<Vec<Label>, StoreFailure> {
        let named = self
            .database
            .fetch_all(Statement::with(
                "SELECT label_id, name, color, icon, description, last_seen_us, removed_us FROM labels \
                 WHERE removed_us IS NULL OR $1",
                [include_removed.into()],
            ))
            .await?;
        // Most things have the same few lists of labels.
        let used = self
            .database
            .fetch_all(
                "SELECT 'entity' AS kind, labels, COUNT(*) AS things FROM entities WHERE removed_us IS NULL GROUP BY labels \
                 UNION ALL SELECT 'device', labels, COUNT(*) FROM devices WHERE removed_us IS NULL GROUP BY labels \
                 UNION ALL SELECT 'area', labels, COUNT(*) FROM areas WHERE removed_us IS NULL GROUP BY labels",
            )
            .await?;
        let mut labels: BTreeMap<String, Label> = BTreeMap::new();
        for row in &named {
            let label = known(row)?;
            labels.insert(label.label_id.clone(), label);
        }
        for row in &used {
            let (kind, things): (String, u64) = (row.get("kind")?, row.count("things")?);
            for label_id in row::texts(row, "labels")? {
                let label = labels
                    .entry(label_id)
                    .or_insert_with_key(|label_id| unreported(label_id));
                let count = match kind.as_str() {
                    "entity" => &mut label.entity_count,
                    "device" => &mut label.device_count,
                    _ => &mut label.area_count,
                };
                *count += things;
            }
        }
        Ok(labels.into_values().collect())
    }
}

/// A label that somebody has and that no list names.
fn unreported(label_id: &str) -> Label {
    Label {
        label: label_id.to_owned(),
        prefix: label_id
            .split_once(':')
            .map(|(prefix, _)| prefix.to_owned()),
        name: title_case(label_id),
        label_id: label_id.to_owned(),
        color: None,
        icon: None,
        description: None,
        entity_count: 0,
        device_count: 0,
        area_count: 0,
        timestamp: None,
        removed_at: None,
    }
}

/// A label of a list, not counted yet.
fn known(row: &Row) -> Result<Label, StoreFailure> {
    let table = LabelRow::read(row)?;
    let unreported = unreported(&table.label_id);
    Ok(Label {
        name: table.name.unwrap_or_else(|| unreported.name.clone()),
        color: table.color,
        icon: table.icon,
        description: table.description,
        timestamp: row::instant(row, "last_seen_us")?,
        removed_at: row::instant(row, "removed_us")?,
        ..unreported
    })
}
