//! How a device is, as far as stored states tell.
//!
//! - Battery: below 20 % is a warning, below 10 % an error.
//! - All of its entities `unavailable` is an error.
//! - Silence: a device that measures something and has told nothing for 24 h is a warning, for 48 h an error. A lamp that nobody switched
//!   is not silent. Silence is measured up to the newest stored event of the home, so that a stop of `HomeIQ` is nobody's fault.

use common::api::device_reports::{DeviceHealth, DeviceIssue};
use common::instant::UtcMicros;

use crate::store::NewestState;

const LOW_BATTERY: f64 = 20.0;
const EMPTY_BATTERY: f64 = 10.0;
const SILENT_SECONDS: f64 = 24.0 * 3_600.0;
const LOST_SECONDS: f64 = 48.0 * 3_600.0;

/// A number that a state is; `unknown` and the like are none.
fn number(state: &NewestState) -> Option<f64> {
    let number: f64 = state.state.as_deref()?.parse().ok()?;
    number.is_finite().then_some(number)
}

fn is_battery(state: &NewestState, domain: &str) -> bool {
    state.domain == domain && state.device_class.as_deref() == Some("battery")
}

/// The level of the emptiest battery, in percent.
fn battery_level(states: &[NewestState]) -> Option<f64> {
    states
        .iter()
        .filter(|state| is_battery(state, "sensor"))
        .filter_map(number)
        .min_by(f64::total_cmp)
}

fn issue(issue_type: &str, is_error: bool, message: String) -> DeviceIssue {
    DeviceIssue {
        issue_type: issue_type.to_owned(),
        severity: if is_error { "error" } else { "warning" }.to_owned(),
        message,
    }
}

/// The health of a device with these newest states. `newest`: the newest stored event of the home.
pub(crate) fn of(
    device_id: &str,
    device_name: &str,
    states: &[NewestState],
    newest: Option<UtcMicros>,
    now: UtcMicros,
) -> DeviceHealth {
    let mut issues = Vec::new();
    let mut advice = Vec::new();
    let battery_level = battery_level(states);
    if let Some(level) = battery_level
        && level < LOW_BATTERY
    {
        let told = format!("the battery is at {level} %");
        issues.push(issue("low_battery", level < EMPTY_BATTERY, told));
    } else if states
        .iter()
        .any(|state| is_battery(state, "binary_sensor") && state.state.as_deref() == Some("on"))
    {
        issues.push(issue("low_battery", false, "the battery is low".to_owned()));
    }
    if !issues.is_empty() {
        advice.push("Replace or charge the battery".to_owned());
    }
    let last_seen = states.iter().map(|state| state.last_updated).max();
    let is_away = |state: &NewestState| state.state.as_deref() == Some("unavailable");
    if !states.is_empty() && states.iter().all(is_away) {
        issues.push(issue(
            "unavailable",
            true,
            "all of its entities are unavailable".to_owned(),
        ));
        advice.push("Check that it has power and is in reach".to_owned());
    } else if let (Some(seen), Some(newest)) = (last_seen, newest)
        && states
            .iter()
            .any(|state| state.domain == "sensor" && number(state).is_some())
    {
        let silent = newest.seconds_since(seen);
        if silent > SILENT_SECONDS {
            let told = format!("nothing was heard of it for {:.0} hours", silent / 3_600.0);
            issues.push(issue("silent", silent > LOST_SECONDS, told));
            advice.push("Check that it has power and is in reach".to_owned());
        }
    }
    let overall_status = if states.is_empty() {
        "unknown"
    } else if issues.iter().any(|issue| issue.severity == "error") {
        "error"
    } else if issues.is_empty() {
        "healthy"
    } else {
        "warning"
    };
    DeviceHealth {
        device_id: device_id.to_owned(),
        device_name: device_name.to_owned(),
        timestamp: now,
        overall_status: overall_status.to_owned(),
        battery_level,
        last_seen,
        issues,
        maintenance_recommendations: advice,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours_ago: i64) -> UtcMicros {
        let noon: UtcMicros = "2026-11-23T12:00:00Z".parse().unwrap();
        noon.plus_seconds(-hours_ago * 3_600)
    }

    fn state(domain: &str, class: &str, state: &str, hours_ago: i64) -> NewestState {
        NewestState {
            domain: domain.to_owned(),
            device_class: Some(class.to_owned()),
            state: Some(state.to_owned()),
            last_updated: at(hours_ago),
            ..NewestState::default()
        }
    }

    #[test]
    fn a_device_is_as_its_states_tell() {
        let battery = |level, hours| state("sensor", "battery", level, hours);
        for (states, want) in [
            (vec![], "unknown"),
            (vec![battery("85", 1)], "healthy"),
            (vec![battery("20", 1)], "healthy"),
            (vec![battery("19.5", 1)], "warning low_battery"),
            (vec![battery("85", 1), battery("9", 1)], "error low_battery"),
            (
                vec![state("binary_sensor", "battery", "on", 1)],
                "warning low_battery",
            ),
            (vec![state("binary_sensor", "door", "on", 1)], "healthy"),
            (vec![battery("unknown", 1)], "healthy"),
            (vec![battery("85", 25)], "warning silent"),
            (vec![battery("85", 49)], "error silent"),
            (
                vec![battery("85", 49), state("light", "", "on", 2)],
                "healthy",
            ),
            // Nobody switched the lamp for a week.
            (vec![state("light", "", "off", 168)], "healthy"),
            (
                vec![state("light", "", "unavailable", 1)],
                "error unavailable",
            ),
            (
                vec![state("light", "", "unavailable", 1), battery("50", 1)],
                "healthy",
            ),
        ] {
            let health = of("d", "D", &states, Some(at(0)), at(0));
            let mut told = vec![health.overall_status.clone()];
            told.extend(health.issues.iter().map(|issue| issue.issue_type.clone()));
            assert_eq!(told.join(" "), want, "{states:?}");
            assert_eq!(
                health.issues.len(),
                health.maintenance_recommendations.len(),
                "{states:?}"
            );
        }
    }

    #[test]
    fn a_stop_of_the_whole_home_makes_no_device_silent() {
        let states = [state("sensor", "temperature", "21", 100)];
        let health = of("d", "D", &states, Some(at(99)), at(0));
        assert_eq!(health.overall_status, "healthy");
        assert_eq!(health.last_seen, Some(at(100)));
    }
}
