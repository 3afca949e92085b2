//! The sensors of power and energy of a home, with their readings.

use common::http::problem::Problem;
use common::instant::UtcMicros;
use serde::Deserialize;

use super::{Api, home_of, store_problem};
use crate::power::{Steps, kilowatt_hours_of, watts_of};
use crate::store::{EventFilter, NewestRow};

/// Days without a reading after which a sensor is no longer looked at.
const SENSOR_DAYS: i64 = 30;
/// Sensors of any kind that are looked through.
const MAX_LOOKED_AT: u32 = 10_000;
/// Sensors of power and energy that are read.
const MAX_SENSORS: usize = 300;
/// Rows of one read, and of all.
const PAGE_ROWS: u32 = 20_000;
const MAX_ROWS: usize = 1_000_000;

/// A sensor with its readings, in watts or kilowatt-hours.
#[derive(Debug)]
pub(super) struct Sensor {
    pub(super) entity_id: String,
    pub(super) name: String,
    pub(super) device_id: Option<String>,
    /// Counts energy; else it measures power.
    pub(super) is_counter: bool,
    pub(super) readings: u64,
    pub(super) steps: Steps,
}

impl Sensor {
    pub(super) fn is_circuit(&self) -> bool {
        let within = |text: &str| text.to_lowercase().contains("circuit");
        within(&self.entity_id) || within(&self.name)
    }

    /// Energy of a span.
    pub(super) fn kilowatt_hours(&self, start: i64, end: i64) -> f64 {
        if self.is_counter {
            self.steps.increase(start, end)
        } else {
            self.steps.watt_hours(start, end) / 1e3
        }
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Sensors {
    pub(super) power: Vec<Sensor>,
    pub(super) energy: Vec<Sensor>,
    /// The one of the whole home, if it is named and there.
    pub(super) whole: Option<String>,
}

#[derive(Deserialize)]
struct Described {
    unit_of_measurement: Option<String>,
    friendly_name: Option<String>,
}

impl Sensors {
    /// The sensors, with readings from `start` to now and what held at `start`.
    pub(super) async fn read(api: &Api, start: UtcMicros) -> Result<Self, Problem> {
        let now = api.clock.now();
        let rows = api
            .store
            .newest_rows(
                &["sensor"],
                now.plus_seconds(-86_400 * SENSOR_DAYS),
                MAX_LOOKED_AT,
            )
            .await
            .map_err(store_problem)?;
        let (mut sensors, mut left) = (Self::default(), MAX_ROWS);
        for row in rows {
            let described = row
                .attributes
                .as_deref()
                .and_then(|text| serde_json::from_str::<Described>(text).ok());
            let Some(unit) = described
                .as_ref()
                .and_then(|d| d.unit_of_measurement.as_deref())
            else {
                continue;
            };
            let (factor, is_counter) = match (watts_of(unit), kilowatt_hours_of(unit)) {
                (Some(factor), _) => (factor, false),
                (None, Some(factor)) => (factor, true),
                (None, None) => continue,
            };
            if sensors.power.len() + sensors.energy.len() >= MAX_SENSORS {
                tracing::warn!(
                    sensors = MAX_SENSORS,
                    "more sensors of power and energy than are looked at"
                );
                break;
            }
            let readings = readings(api, &row, start, now, factor, &mut left).await?;
            let sensor = Sensor {
                name: described
                    .and_then(|d| d.friendly_name)
                    .unwrap_or_else(|| row.entity_id.clone()),
                entity_id: row.entity_id,
                device_id: row.device_id,
                is_counter,
                readings: readings.len() as u64,
                steps: Steps::new(readings),
            };
            if is_counter {
                sensors.energy.push(sensor);
            } else {
                sensors.power.push(sensor);
            }
        }
        let named = api.energy.power_entity.as_deref();
        sensors.whole = sensors
            .power
            .iter()
            .map(|sensor| &sensor.entity_id)
            .find(|entity_id| Some(entity_id.as_str()) == named)
            .cloned();
        Ok(sensors)
    }

    /// Whether this is the sensor of the whole home.
    pub(super) fn is_whole(&self, sensor: &Sensor) -> bool {
        self.whole.as_deref() == Some(&sensor.entity_id)
    }

    /// The sensors that make up the power of the home: the one that is named, else all.
    pub(super) fn in_home(&self) -> impl Iterator<Item = &Sensor> {
        self.power
            .iter()
            .filter(|sensor| self.whole.is_none() || self.is_whole(sensor))
    }

    /// Power of the home.
    pub(super) fn home(&self) -> Steps {
        home_of(self.in_home())
    }

    /// The sensor of power of a device.
    pub(super) fn of_device(&self, device_id: Option<&str>) -> Option<&Sensor> {
        let device_id = device_id?;
        self.power
            .iter()
            .find(|sensor| sensor.device_id.as_deref() == Some(device_id))
    }
}

/// The readings of one sensor; `left` is how many rows may still be read.
async fn readings(
    api: &Api,
    row: &NewestRow,
    start: UtcMicros,
    end: UtcMicros,
    factor: f64,
    left: &mut usize,
) -> Result<Vec<(i64, Option<f64>)>, Problem> {
    let value = |state: Option<&str>| {
        state
            .and_then(|state| state.parse::<f64>().ok())
            .filter(|value| value.is_finite())
            .map(|value| value * factor)
    };
    let before = EventFilter {
        entity_id: Some(row.entity_id.clone()),
        end: Some(start.plus_micros(-1)),
        limit: 1,
        no_attributes: true,
        ..EventFilter::default()
    };
    let before = api.store.events(&before).await.map_err(store_problem)?;
    let mut readings: Vec<_> = before
        .events
        .iter()
        .map(|event| (event.timestamp.get(), value(event.state.as_deref())))
        .collect();
    let mut from = start;
    while *left > 0 {
        let rows = api.store.scan(row.entity, from, end, PAGE_ROWS).await;
        let rows = rows.map_err(store_problem)?;
        *left = left.saturating_sub(rows.len());
        readings.extend(
            rows.iter()
                .map(|row| (row.at.get(), value(row.state.as_deref()))),
        );
        match rows.last() {
            Some(last) if rows.len() == PAGE_ROWS as usize => from = last.at.plus_micros(1),
            _ => break,
        }
    }
    Ok(readings)
}
