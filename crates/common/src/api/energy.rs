//! Power and energy, from the sensors of the home that measure them (`/api/v1/energy/…`). Power in watts, energy in kilowatt-hours.

use serde::{Deserialize, Serialize};

use crate::instant::UtcMicros;

/// A change of power that came with a state change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EnergyCorrelation {
    /// When the entity changed.
    pub timestamp: UtcMicros,
    /// The entity.
    pub entity_id: String,
    /// Its domain.
    pub domain: String,
    /// Its state after.
    pub state: String,
    /// Its state before.
    pub previous_state: String,
    /// Power just before the change, in watts.
    pub power_before_w: f64,
    /// Power two minutes after it, in watts.
    pub power_after_w: f64,
    /// The difference, in watts.
    pub power_delta_w: f64,
    /// The difference in percent of the power before; 0 where that was 0.
    pub power_delta_pct: f64,
    /// The sensor that measured it: one of the same device, or null for the whole home.
    pub power_entity_id: Option<String>,
}

/// Power and energy now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PowerReading {
    /// When the newest of the sensors was read.
    pub timestamp: UtcMicros,
    /// Power of the home, in watts.
    pub total_power_w: f64,
    /// Energy of the last 24 hours, in kWh: power over time.
    pub daily_kwh: f64,
    /// Sensors that are in it.
    pub sensors: usize,
    /// `entity` for the one that `ENERGY_POWER_ENTITY` names, `sum` for all of them added up.
    pub method: String,
}

/// Power of one circuit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CircuitPower {
    /// When it was read.
    pub timestamp: UtcMicros,
    /// Name of the circuit.
    pub circuit_name: String,
    /// Power, in watts.
    pub power_w: f64,
    /// Of all circuits, in percent.
    pub percentage: f64,
    /// The sensor.
    pub entity_id: String,
}

/// What a thing uses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeviceEnergyImpact {
    /// The entity.
    pub entity_id: String,
    /// Its domain.
    pub domain: String,
    /// Mean power while it is on, or mean power of a sensor; in watts.
    pub average_power_on_w: f64,
    /// Mean power while it is off, in watts; 0 where that is not known.
    pub average_power_off_w: f64,
    /// Its state changes in the period.
    pub total_state_changes: u64,
    /// Energy a day, in kWh: power over time.
    pub estimated_daily_kwh: f64,
    /// Cost of 30 such days at `ENERGY_PRICE_PER_KWH`; null when no price is set.
    pub estimated_monthly_cost: Option<f64>,
    /// The sensor that measured it.
    pub power_entity_id: Option<String>,
}

/// Power over a period.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EnergyStatistics {
    /// Power now, in watts.
    pub current_power_w: f64,
    /// Energy of the last 24 hours, in kWh.
    pub daily_kwh: f64,
    /// Highest power in the period, in watts.
    pub peak_power_w: f64,
    /// When that was; null without any reading.
    pub peak_time: Option<UtcMicros>,
    /// Mean power over time in the period, in watts.
    pub average_power_w: f64,
    /// State changes in the period that came with a change of power of 50 W or more.
    pub total_correlations: u64,
}
