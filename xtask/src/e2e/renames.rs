//! Entities that get other ids while everything runs: each keeps its whole history, in order, under the id of now.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde::Deserialize;

use super::chain::Chain;
use super::changes::six_decimals;
use super::home_assistant::HomeAssistant;
use crate::{patience, process};

/// What renames entities; for the Python of the test bench.
const SCRIPT: &str = include_str!("rename.py");
/// The registry is read some seconds after the last rename.
const KNOWN_WITHIN: Duration = Duration::from_secs(60);

/// What an entity went through under all its ids.
#[derive(Debug, Deserialize)]
struct Line {
    entity_id: String,
    former: BTreeSet<String>,
    changes: Vec<(String, Option<String>)>,
}

/// Renames entities and waits until data-api serves each history whole, under the id of now.
pub(super) fn follow(home: &HomeAssistant, chain: &mut Chain) -> anyhow::Result<Vec<String>> {
    let printed = process::output(Command::new(home.python()).args([
        "-c",
        SCRIPT,
        home.url()?,
        home.token()?,
    ]))?;
    let mut lines: Vec<Line> =
        serde_json::from_str(printed.trim()).with_context(|| printed.clone())?;
    for (instant, _) in lines.iter_mut().flat_map(|line| &mut line.changes) {
        *instant = six_decimals(instant);
    }
    let told = Instant::now();
    let mut changes = 0;
    for line in &lines {
        let compared = patience::until(&line.entity_id, KNOWN_WITHIN, || {
            chain.check()?;
            let served = chain.history_of(&line.entity_id)?;
            let former = chain.former_ids(&line.entity_id)?;
            Ok((tail(&served, line) && former == line.former).then_some(()))
        });
        if let Err(error) = compared {
            let served = chain.history_of(&line.entity_id)?;
            let former = chain.former_ids(&line.entity_id)?;
            return Err(error.context(format!(
                "want {line:?}, served {served:?}, formerly {former:?}"
            )));
        }
        changes += line.changes.len();
    }
    // Ids that nobody has any more lead to the same history.
    for line in &lines {
        let now: BTreeSet<_> = lines.iter().map(|other| &other.entity_id).collect();
        for former in line.former.iter().filter(|former| !now.contains(former)) {
            ensure!(
                tail(&chain.history_of(former)?, line),
                "{former} does not lead to the history of {}",
                line.entity_id
            );
        }
    }
    let number = changes.to_string();
    Ok(vec![
        "e2e_renames".to_owned(),
        number.clone(),
        "-".to_owned(),
        number,
        format!("{:.1}", told.elapsed().as_secs_f64()),
        "0".to_owned(),
        "0".to_owned(),
        "yes".to_owned(),
        "-".to_owned(),
    ])
}

/// Whether what is served ends with what was fired; what was before the script is served, too.
fn tail(served: &[(String, Option<String>)], line: &Line) -> bool {
    served.len() >= line.changes.len()
        && served[served.len() - line.changes.len()..] == line.changes[..]
}
