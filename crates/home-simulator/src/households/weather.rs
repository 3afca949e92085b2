//! How warm it is outside.

use super::calendar::Calendar;
use crate::home::chance::Chance;

/// Values of a day.
const A_DAY: usize = 48;
/// The warmest hour is six hours after this one's place in the day, in values.
const RISES_FROM: f64 = 18.0;
/// Degrees from the mean to the warmest hour of a day.
const SWING: f64 = 4.0;

/// The temperature outside, for each half hour of the record.
#[derive(Debug)]
pub(super) struct Weather {
    degrees: Vec<f64>,
}

impl Weather {
    pub(super) fn new(calendar: &Calendar, chance: &mut Chance) -> Self {
        let mean = chance.between(0.0, 20.0);
        let mut front = 0.0;
        let degrees = (0..(calendar.days as usize + 2) * A_DAY)
            .map(|step| {
                front = 0.99 * front + chance.gauss(0.0, 0.45);
                let hour = (step % A_DAY) as f64 - RISES_FROM;
                let turn = std::f64::consts::TAU * hour / A_DAY as f64;
                mean + 1.3 * front + SWING * turn.sin()
            })
            .collect();
        Self { degrees }
    }

    /// The temperature so many half hours after the first midnight, in degrees Celsius.
    pub(super) fn after(&self, half_hours: usize) -> f64 {
        self.degrees[half_hours.min(self.degrees.len() - 1)]
    }

    /// The temperature below which it is for this part of the time, to a tenth.
    pub(super) fn value_at(&self, part: f64) -> f64 {
        let mut sorted = self.degrees.clone();
        sorted.sort_by(f64::total_cmp);
        (sorted[(part * (sorted.len() - 1) as f64) as usize] * 10.0).round() / 10.0
    }
}
