//! `cargo xtask e2e`: real changes of a real Home Assistant, followed through all services.
//!
//! The test bench that installs, starts and drives Home Assistant is a folder of scripts beside this
//! checkout, or wherever `--home-assistant-bench` says.

pub(crate) mod bench_options;
pub(crate) mod chain;
pub(crate) mod changes;
pub(crate) mod home_assistant;
mod renames;

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::Args;

use self::bench_options::BenchOptions;
use self::chain::Chain;
use self::changes::Comparison;
use self::home_assistant::{Drive, HomeAssistant, Way};
use crate::{patience, table, workspace};

/// Where the bench lies when nobody says: beside the checkout.
pub(crate) const USUAL_BENCH: &str = "../shared/bench/homeassistant";
/// Between the last change and its row, at the most.
const ARRIVED_WITHIN: Duration = Duration::from_secs(90);
/// Until the services are connected to a Home Assistant that is there.
const CONNECTED_WITHIN: Duration = Duration::from_secs(120);
const EVENTS_AFTER_RESTART: u32 = 1000;

#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    home_assistants: BenchOptions,
    /// State changes to fire before the restart, by all three ways together
    #[arg(long, default_value_t = 10_000)]
    events: u32,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    ensure!(options.events >= 10, "--events: at least 10");
    let bench = options.home_assistants.bench()?;
    let programs = workspace::build(&chain::PROGRAMS, true)?;
    for version in &options.home_assistants.versions {
        let folder = tempfile::Builder::new().prefix("homeiq-e2e-").tempdir()?;
        let mut rows = Vec::new();
        let result = HomeAssistant::start(&bench, version, folder.path()).and_then(|home| {
            let chain = Chain::start(&programs, folder.path(), &home)?;
            follow(home, chain, options.events, &mut rows)
        });
        eprintln!("\nHome Assistant {version}");
        table::print(&Comparison::HEADINGS, &rows);
        if let Err(error) = result {
            let kept = folder.keep();
            return Err(error.context(format!("{version}; the logs are in {}", kept.display())));
        }
    }
    Ok(())
}

/// Everything that is tried with one version.
fn follow(
    mut home: HomeAssistant,
    mut chain: Chain,
    events: u32,
    rows: &mut Vec<Vec<String>>,
) -> anyhow::Result<()> {
    chain.wait_until_connected(CONNECTED_WITHIN)?;
    chain.check_registry()?;
    chain.check_services_twice(&home.services()?)?;
    let (rest, ws) = (events * 4 / 10, events * 2 / 10);
    for drive in [
        Drive::new(Way::Rest, rest, "e2e_rest"),
        Drive::new(Way::WebSocket, ws, "e2e_ws"),
        Drive::new(Way::Burst, events - rest - ws, "e2e_burst"),
        Drive::new(Way::Scenario, 0, "e2e_removal"),
    ] {
        compare(&home, &mut chain, &drive, rows).with_context(|| drive.label().to_owned())?;
    }
    rows.push(renames::follow(&home, &mut chain).context("renames")?);
    chain.check_message()?;
    interrupt(&mut home, &mut chain)?;
    let drive = Drive::new(Way::Rest, EVENTS_AFTER_RESTART, "e2e_after");
    compare(&home, &mut chain, &drive, rows).context("after the restart")?;
    chain.check_none_twice()?;
    chain.stop()
}

/// Drives Home Assistant and compares what it fired with what data-api serves.
fn compare(
    home: &HomeAssistant,
    chain: &mut Chain,
    drive: &Drive,
    rows: &mut Vec<Vec<String>>,
) -> anyhow::Result<()> {
    let fired = home.drive(drive)?;
    let driven = Instant::now();
    let compared = patience::until("all changes", ARRIVED_WITHIN, || {
        chain.check()?;
        let compared = fired.compare(&chain.changes_since(fired.first())?);
        let settled = compared.missing.is_empty() || driven.elapsed() > ARRIVED_WITHIN / 2;
        Ok(settled.then_some(compared))
    })?;
    rows.push(compared.row(drive.label(), &fired, driven.elapsed()));
    compared.verdict(&fired)
}

/// Restarts Home Assistant while it is being driven; what is missed meanwhile must be counted.
fn interrupt(home: &mut HomeAssistant, chain: &mut Chain) -> anyhow::Result<()> {
    let gaps_before = chain.gaps()?;
    let drive = Drive::new(Way::Rest, 20_000, "e2e_break").at_rate(200);
    let driving = home.drive_in_background(&drive)?;
    patience::until(
        "the first changes of the interrupted drive",
        CONNECTED_WITHIN,
        || {
            let newest = chain.newest(1000)?;
            Ok(newest
                .iter()
                .any(|change| change.entity_id.contains("e2e_break"))
                .then_some(()))
        },
    )?;
    home.restart()?;
    drop(driving);
    patience::until("the gap to be counted", CONNECTED_WITHIN, || {
        chain.check()?;
        Ok((chain.gaps()? > gaps_before).then_some(()))
    })?;
    chain.wait_until_connected(CONNECTED_WITHIN)?;
    let seconds = chain.gap_seconds()?;
    ensure!(
        seconds > 0.0,
        "a gap was counted, but homeiq_gap_seconds_total says {seconds}"
    );
    Ok(())
}
