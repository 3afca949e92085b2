//! What is told at the end.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::path::Path;
use std::time::Duration;

use super::diary::{Diary, Fault, Window};
use super::proof::Proof;

/// Ids that are printed; all of them are in the file.
const SHOWN: usize = 20;

/// The sums of a run.
#[derive(Debug, Default)]
pub(super) struct Sums {
    pub(super) emitted: u64,
    pub(super) removed: u64,
    pub(super) live: u64,
    pub(super) backfilled: u64,
    pub(super) unrecorded: u64,
    pub(super) excused: u64,
    pub(super) history: u64,
    pub(super) gaps: BTreeMap<&'static str, u64>,
    pub(super) healing: Duration,
    pub(super) proofs: u64,
}

/// The table of a run.
pub(super) fn table(
    seed: u64,
    counts: &BTreeMap<Fault, u64>,
    sums: &Sums,
    took: Duration,
) -> String {
    let mut rows: Vec<(String, String)> = vec![("seed".to_owned(), seed.to_string())];
    let mut row = |name: &str, value: String| rows.push((name.to_owned(), value));
    for (fault, count) in counts {
        row(fault.name(), count.to_string());
    }
    row("faults together", counts.values().sum::<u64>().to_string());
    row("history before the start", sums.history.to_string());
    row("changes fired", sums.emitted.to_string());
    row("  of them removals", sums.removed.to_string());
    row("stored live", sums.live.to_string());
    row("stored from history", sums.backfilled.to_string());
    row(
        "lost by Home Assistant's own kill -9",
        sums.unrecorded.to_string(),
    );
    row("  of them that nobody could have", sums.excused.to_string());
    for (reason, count) in &sums.gaps {
        row(&format!("gaps: {reason}"), count.to_string());
    }
    row("proofs", sums.proofs.to_string());
    row(
        "longest healing",
        format!("{:.0} s", sums.healing.as_secs_f64()),
    );
    row("time", format!("{:.0} s", took.as_secs_f64()));
    let width = rows.iter().map(|(name, _)| name.chars().count()).max();
    let width = width.unwrap_or_default();
    rows.iter().fold(String::new(), |mut text, (name, value)| {
        writeln!(text, "{name:<width$}  {value}").expect("a String takes any text");
        text
    })
}

/// Everything that is wrong, for the file; and its beginning, for the screen.
pub(super) fn failures(
    proof: &Proof,
    others: &[String],
    windows: &[Window],
    diary: &Diary,
) -> (String, String) {
    let mut lines = Vec::new();
    for (id, at) in &proof.missing {
        let at = common::instant::UtcMicros::new(*at).unwrap_or_default();
        let near: Vec<String> = windows
            .iter()
            .filter(|window| window.meets(at.plus_seconds(-3), at.plus_seconds(3)))
            .map(|window| window.fault.name().to_owned())
            .collect();
        let second = diary.seconds(at);
        lines.push(format!(
            "missing: {id} at {second:.3} s ({})",
            near.join("; ")
        ));
    }
    for (kind, list) in [
        ("twice", &proof.twice),
        ("never fired", &proof.unknown),
        ("out of order", &proof.disordered),
        ("not as fired", &proof.different),
    ] {
        lines.extend(list.iter().map(|what| format!("{kind}: {what}")));
    }
    lines.extend(others.iter().cloned());
    let mut shown = lines.iter().take(SHOWN).cloned().collect::<Vec<_>>();
    if lines.len() > SHOWN {
        shown.push(format!("and {} more", lines.len() - SHOWN));
    }
    (lines.join("\n") + "\n", shown.join("\n"))
}

/// Adds faults, one by one, to the file `faults.txt`: when each was set about, from when it was there, and until when.
pub(super) fn write_down(folder: &Path, windows: &[Window], diary: &Diary) -> std::io::Result<()> {
    let mut windows = windows.to_vec();
    windows.sort_by_key(|window| window.from);
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(folder.join("faults.txt"))?;
    for window in windows {
        let second = |at| diary.seconds(at);
        let (from, to) = (second(window.from), second(window.to));
        let (begun, name) = (second(window.begun), window.fault.name());
        std::io::Write::write_all(
            &mut file,
            format!("{begun:9.3} / {from:9.3} to {to:9.3}  {name}\n").as_bytes(),
        )?;
    }
    Ok(())
}
