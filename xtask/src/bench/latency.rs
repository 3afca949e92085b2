//! From the instant of an event to the moment in which `GET /api/v1/events` shows it.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::Context as _;
use common::instant::UtcMicros;

use super::flood::now;
use super::services::Services;

/// Events asked for at once: many more than come between two questions.
const PAGE: usize = 500;

/// Milliseconds, sorted.
#[derive(Debug)]
pub(crate) struct Latencies(Vec<f64>);

impl Latencies {
    /// Asks for the newest events again and again, and notes when each was seen first, for this long.
    pub(crate) fn watch(
        services: &mut Services,
        pause: Duration,
        mut until: impl FnMut() -> bool,
    ) -> anyhow::Result<Self> {
        let mut seen = HashSet::new();
        let mut latencies = Vec::new();
        let path = format!("/api/v1/events?limit={PAGE}&no_attributes=true");
        while !until() {
            services.check()?;
            let page = services.data_api_peer.get(&path)?.json()?;
            let at = now();
            for event in page.as_array().context("events are no list")? {
                let id = event["id"].as_str().context("an event has no id")?;
                let happened: UtcMicros = event["timestamp"]
                    .as_str()
                    .context("an event has no timestamp")?
                    .parse()?;
                if seen.insert(id.to_owned()) {
                    latencies.push(at.seconds_since(happened) * 1000.0);
                }
            }
            std::thread::sleep(pause);
        }
        latencies.sort_by(f64::total_cmp);
        Ok(Self(latencies))
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// Milliseconds within which this share of the events was there.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let last = self.0.len().saturating_sub(1);
        self.0
            .get(last * percent / 100)
            .copied()
            .unwrap_or(f64::NAN)
    }
}
