//! The same against a real Home Assistant: the programs and Home Assistant are killed while it is being driven, and then the store
//! is held against what was fired and against Home Assistant's own recorder.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use super::pair::Pair;
use super::recorder::{self, Kill};
use crate::e2e::changes::Fired;
use crate::e2e::home_assistant::{Bench, Drive, HomeAssistant, Way};
use crate::{patience, table};

/// Changes a second.
const RATE: u32 = 150;
/// Until the recorder has written what was fired, and we have read it.
const EQUAL_WITHIN: Duration = Duration::from_secs(90);
const HEADINGS: [&str; 9] = [
    "Home Assistant",
    "kills",
    "driven",
    "digests equal",
    "gaps, all healed",
    "recorder rows",
    "stored rows",
    "only ours (its kill)",
    "seconds",
];

/// Tries each version.
pub(crate) fn run(bench: &Bench, versions: &[String], programs: &Path) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for version in versions {
        let folder = tempfile::Builder::new()
            .prefix("homeiq-faults-")
            .tempdir()?;
        match one(bench, version, programs, folder.path()) {
            Ok(row) => rows.push(row),
            Err(error) => {
                let kept = folder.keep();
                return Err(error.context(format!("{version}; the logs are in {}", kept.display())));
            }
        }
    }
    table::print(&HEADINGS, &rows);
    Ok(())
}

fn one(
    bench: &Bench,
    version: &str,
    programs: &Path,
    folder: &Path,
) -> anyhow::Result<Vec<String>> {
    let begun = Instant::now();
    let mut home = HomeAssistant::start(bench, version, folder)?;
    let mut pair = Pair::start(programs, folder, &home)?;
    pair.settle()?;

    // While Home Assistant lives: everything that it fires.
    let drive = Drive::new(Way::Rest, 15 * RATE, "e2e_kills").at_rate(RATE);
    let driving = home.drive_in_background(&drive)?;
    sleep(Duration::from_secs(3));
    pair.kill_ingestion(Duration::ZERO)?;
    sleep(Duration::from_millis(900));
    pair.kill_ingestion(Duration::from_secs(1))?;
    sleep(Duration::from_secs(2));
    pair.kill_data_api(Duration::from_secs(2))?;
    sleep(Duration::from_secs(1));
    pair.kill_ingestion(Duration::from_millis(300))?;
    let first = home.finish(driving, &drive)?;

    // Its own sudden end, while events come.
    let broken = Drive::new(Way::Rest, 1000 * RATE, "e2e_break").at_rate(RATE);
    let driving = home.drive_in_background(&broken)?;
    sleep(Duration::from_secs(5));
    let kill = Kill::of(&home)?;
    drop(driving);
    home.start_again()?;

    let removal = Drive::new(Way::Scenario, 0, "e2e_guest");
    let third = home.drive(&removal)?;
    let gaps = pair.settle()?;
    let reasons: Vec<&str> = gaps
        .iter()
        .filter_map(|gap| gap["reason"].as_str())
        .collect();
    ensure!(
        reasons.contains(&"not_running") && reasons.contains(&"disconnected"),
        "the kills left these gaps: {reasons:?}"
    );

    let mut driven = 0;
    for fired in [&first, &third] {
        driven += same_digest(fired, &mut pair)?;
    }
    let mut last = None;
    let equal = patience::until(
        "the recorder and the store to be equal",
        EQUAL_WITHIN,
        || {
            pair.check()?;
            let recorded = recorder::rows(&home)?;
            let compared = recorder::compare(&recorded, &pair.changes_since("")?, &kill);
            let is_equal = compared.is_equal();
            last = Some(compared);
            Ok(is_equal.then_some(()))
        },
    );
    let compared = last.context("nothing was compared")?;
    compared.verdict()?;
    equal?;
    pair.stop()?;
    Ok(vec![
        version.to_owned(),
        "3 of ingestion, 1 of data-api, 1 of itself".to_owned(),
        driven.to_string(),
        "yes".to_owned(),
        gaps.len().to_string(),
        compared.recorded.to_string(),
        compared.stored.to_string(),
        compared.saved.to_string(),
        format!("{:.0}", begun.elapsed().as_secs_f64()),
    ])
}

/// What was driven must be served, once, in order, with drive.py's digest. Returns how many changes that are.
fn same_digest(fired: &Fired, pair: &mut Pair) -> anyhow::Result<usize> {
    let mut last = None;
    let equal = patience::until("what was driven", EQUAL_WITHIN, || {
        pair.check()?;
        let compared = fired.compare(&pair.changes_since(fired.first())?);
        let is_complete = compared.missing.is_empty();
        last = Some(compared);
        Ok(is_complete.then_some(()))
    });
    last.context("nothing was compared")?.verdict(fired)?;
    equal?;
    Ok(fired.len())
}
