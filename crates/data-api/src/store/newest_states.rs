//! The newest stored state of the entities in the registry, and what of it belongs into the registry.

use std::collections::HashMap;

use common::instant::UtcMicros;
use database::{Engine, Row, Statement};
use serde::Deserialize;
use serde_json::Value;

use super::{Store, StoreFailure, attributes, row};

/// The newest stored state of an entity that Home Assistant has.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NewestState {
    /// Id of the entity in `event_entities`, for [`Store::scan`].
    pub entity: i64,
    /// The entity.
    pub entity_id: String,
    /// Its domain.
    pub domain: String,
    /// Its device.
    pub device_id: Option<String>,
    /// Its state; none when it was removed.
    pub state: Option<String>,
    /// When it was written.
    pub last_updated: UtcMicros,
    /// What the attributes say of it, else the registry.
    pub device_class: Option<String>,
    /// What the attributes say of it, else the registry.
    pub unit_of_measurement: Option<String>,
}

/// Attributes that belong to the entity rather than to the state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
struct Description {
    #[serde(default)]
    device_class: Option<Value>,
    #[serde(default)]
    unit_of_measurement: Option<Value>,
    #[serde(default)]
    supported_features: Option<Value>,
    #[serde(default)]
    icon: Option<Value>,
}

impl Description {
    /// What attributes say; nothing where they are none.
    fn read(row: &Row, sets: &HashMap<i64, String>) -> Result<Self, StoreFailure> {
        Ok(attributes::of_row(row, sets)?
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default())
    }
}

fn text(value: Option<&Value>) -> Option<String> {
    value.and_then(Value::as_str).map(str::to_owned)
}

impl Store {
    /// The newest rows, of the entities of one device or of all, by id.
    async fn newest(&self, device_id: Option<&str>) -> Result<Vec<Row>, StoreFailure> {
        let state = match &self.database.engine {
            Engine::Sqlite(_) => {
                "CASE typeof(e.state) WHEN 'integer' THEN (SELECT s.state FROM event_states s WHERE s.id = e.state) ELSE e.state END"
            }
            Engine::Postgres(_) => "e.state",
        };
        let statement = Statement::new("SELECT n.id AS id, r.entity_id AS entity_id, r.domain AS domain, r.device_id AS device_id, \
             r.device_class AS device_class, r.unit_of_measurement AS unit_of_measurement, \
             r.supported_features AS supported_features, r.icon AS icon, e.last_updated_us AS last_updated_us, ")
            .push(state)
            .push(" AS state, e.attributes AS attributes FROM entities r JOIN event_entities n ON n.entity_id = r.entity_id \
                 CROSS JOIN events e WHERE r.removed_us IS NULL \
                 AND e.entity = n.id AND e.last_updated_us = (SELECT MAX(q.last_updated_us) FROM events q WHERE q.entity = n.id)")
            .bind_some(" AND r.device_id = ", device_id)
            .push(" ORDER BY r.entity_id");
        self.database.fetch_all(statement).await
    }

    /// The newest states of the entities of one device or of all, by id. Entities without a stored state are left out.
    pub async fn newest_states(
        &self,
        device_id: Option<&str>,
    ) -> Result<Vec<NewestState>, StoreFailure> {
        let rows = self.newest(device_id).await?;
        let sets = attributes::of_rows(&self.database, &rows).await?;
        rows.iter()
            .map(|row| {
                let described = Description::read(row, &sets)?;
                let known: Option<String> = row.get("device_class")?;
                let unit: Option<String> = row.get("unit_of_measurement")?;
                Ok(NewestState {
                    entity: row.get("id")?,
                    entity_id: row.get("entity_id")?,
                    domain: row.get("domain")?,
                    device_id: row.get("device_id")?,
                    state: row.get("state")?,
                    last_updated: row::instant_or_default(row, "last_updated_us")?,
                    device_class: text(described.device_class.as_ref()).or(known),
                    unit_of_measurement: text(described.unit_of_measurement.as_ref()).or(unit),
                })
            })
            .collect()
    }

    /// Takes device class, unit, features and icon of entities over from their newest stored states, which know them better than Home
    /// Assistant's list of entities. Returns how many entities were changed, and of how many no state is stored. Of those asked for by
    /// `only`, or of all; at most `limit` are changed.
    pub async fn enrich_entities(
        &self,
        only: &[String],
        limit: usize,
    ) -> Result<(usize, usize), StoreFailure> {
        let rows = self.newest(None).await?;
        let sets = attributes::of_rows(&self.database, &rows).await?;
        let mut newest: HashMap<String, &Row> = HashMap::new();
        for row in &rows {
            newest.insert(row.get("entity_id")?, row);
        }
        let wanted: Vec<String> = if only.is_empty() {
            self.database
                .fetch_all(
                    "SELECT entity_id FROM entities WHERE removed_us IS NULL ORDER BY entity_id",
                )
                .await?
                .iter()
                .map(|row| row.get(0))
                .collect::<Result<_, _>>()?
        } else {
            only.to_vec()
        };
        let without = wanted.iter().filter(|id| !newest.contains_key(*id)).count();
        let mut updates = Vec::new();
        for row in wanted.iter().filter_map(|id| newest.get(id)) {
            if updates.len() < limit
                && let Some(update) = update(row, &sets)?
            {
                updates.push(update);
            }
        }
        let enriched = updates.len();
        if enriched > 0 {
            let mut transaction = self.database.write().await?;
            for update in updates {
                transaction.execute(update).await?;
            }
            transaction.commit().await?;
        }
        Ok((enriched, without))
    }
}

/// What brings an entity's row up to date with its newest state; nothing where it is.
fn update(row: &Row, sets: &HashMap<i64, String>) -> Result<Option<Statement>, StoreFailure> {
    let described = Description::read(row, sets)?;
    let known: [Option<String>; 3] = [
        row.get("device_class")?,
        row.get("unit_of_measurement")?,
        row.get("icon")?,
    ];
    let features: Option<i64> = row.get("supported_features")?;
    let told = [
        text(described.device_class.as_ref()),
        text(described.unit_of_measurement.as_ref()),
        text(described.icon.as_ref()),
    ];
    let told_features = described
        .supported_features
        .as_ref()
        .and_then(Value::as_i64);
    let is_new = |told: &Option<String>, known: &Option<String>| told.is_some() && told != known;
    let news = told
        .iter()
        .zip(&known)
        .any(|(told, known)| is_new(told, known));
    if !news && (told_features.is_none() || told_features == features) {
        return Ok(None);
    }
    let [class, unit, icon] = told;
    let [known_class, known_unit, known_icon] = known;
    let entity_id: String = row.get("entity_id")?;
    Ok(Some(Statement::with(
        "UPDATE entities SET device_class = $1, unit_of_measurement = $2, icon = $3, supported_features = $4 WHERE entity_id = $5",
        [
            class.or(known_class).into(),
            unit.or(known_unit).into(),
            icon.or(known_icon).into(),
            told_features.or(features).into(),
            entity_id.into(),
        ],
    )))
}
