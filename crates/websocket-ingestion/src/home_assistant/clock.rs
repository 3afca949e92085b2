//! Says when Home Assistant's clock and ours are far apart.

use crate::app::Shared;

/// Name of the part in `/health`.
const PART: &str = "clock";
/// Seconds from which it is said: habits are told to the minute.
const APART_SECONDS: f64 = 60.0;

/// Compares the clocks.
pub(crate) fn compare(shared: &Shared) {
    if let Some(outage) = shared.home_time.revised() {
        shared.gaps.revised(outage);
    }
    let Some(ahead) = shared.home_time.ahead_seconds(shared.clock.now()) else {
        return;
    };
    metrics::gauge!("homeiq_ha_clock_offset_seconds").set(ahead);
    if ahead.abs() <= APART_SECONDS {
        if shared.health.restore(PART) {
            tracing::info!("the clocks of Home Assistant and of this machine agree again");
        }
        return;
    }
    let known = shared
        .health
        .degradations()
        .iter()
        .any(|known| known.part == PART);
    let reason = format!(
        "Home Assistant's clock is {:.0} minutes {} this machine's: set the wrong one, by NTP. Events keep the time of Home Assistant",
        (ahead.abs() / 60.0).ceil(),
        if ahead > 0.0 { "ahead of" } else { "behind" },
    );
    // The number changes; one line in the log is enough.
    if shared.health.degrade(PART, reason.as_str()) && !known {
        tracing::warn!("{reason}");
    }
}
