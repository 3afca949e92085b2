//! A burst of a real Home Assistant at its own full speed.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::ensure;

use super::services::Services;
use crate::e2e::chain::{PAGE, pages};
use crate::e2e::home_assistant::{Bench, Drive, HomeAssistant, Way};
use crate::{patience, table};

const STORED_WITHIN: Duration = Duration::from_secs(300);
const HEADINGS: [&str; 8] = [
    "Home Assistant",
    "fired",
    "events/s fired",
    "all served after",
    "missing, twice, cut off",
    "ingestion CPU s/M",
    "data-api CPU s/M",
    "ingestion MiB peak",
];

/// One burst for each version: none may be missing, and the connection must last.
pub(super) fn run(
    bench: &Bench,
    versions: &[String],
    programs: &Path,
    events: u32,
) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for version in versions {
        rows.push(burst(bench, version, programs, events)?);
    }
    table::print(&HEADINGS, &rows);
    Ok(())
}

fn burst(
    bench: &Bench,
    version: &str,
    programs: &Path,
    events: u32,
) -> anyhow::Result<Vec<String>> {
    let folder = tempfile::Builder::new().prefix("homeiq-bench-").tempdir()?;
    let home = HomeAssistant::start(bench, version, folder.path())?;
    let mut services = Services::start(programs, folder.path(), home.url()?, home.token()?)?;
    services.wait_until_listening()?;
    let cpu_before = services.cpu_seconds()?;
    let drive = Drive::new(Way::Burst, events, "e2e_bench");
    let fired = home.drive(&drive)?;
    let driven = Instant::now();
    let peer = services.data_api_peer.clone();
    let compared = patience::until("every event of the burst", STORED_WITHIN, || {
        services.check()?;
        let served = pages(&peer, PAGE, |oldest| {
            oldest.timestamp.as_str() < fired.first()
        })?;
        let compared = fired.compare(&served);
        Ok(compared.missing.is_empty().then_some(compared))
    })?;
    let after = driven.elapsed();
    compared.verdict(&fired)?;
    let health = services.health()?;
    ensure!(
        health["connection"]["successful_connections"] == 1,
        "the connection was cut: {}",
        health["connection"]
    );
    let cpu = services.cpu_seconds()?;
    let per_million =
        |n: usize| format!("{:.1}", (cpu[n] - cpu_before[n]) * 1e6 / fired.len() as f64);
    let peak = services.processes()[0].1.memory()?.peak;
    let row = vec![
        version.to_owned(),
        fired.len().to_string(),
        format!("{:.0}", fired.rate()),
        format!("{:.1} s", after.as_secs_f64()),
        "0, 0, 0".to_owned(),
        per_million(0),
        per_million(1),
        format!("{peak:.1}"),
    ];
    services.stop()?;
    Ok(row)
}
