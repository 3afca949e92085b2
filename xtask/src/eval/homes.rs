//! Homes, mined.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use home_simulator::planted::PlantedHome;
use pattern_mining::pattern::Pattern;
use pattern_mining::{Registry, Settings, Timeline, line, mine};
use serde_json::{Value, json};

/// What was found in a home, and what was there.
pub(super) struct Mined {
    pub(super) truth: Value,
    pub(super) patterns: Vec<Pattern>,
}

impl Mined {
    pub(super) fn of_made(home: &PlantedHome) -> Self {
        let lines = home.changes.iter().map(|change| change.line().into_bytes());
        let patterns = found(&home.zone, &home.registry, lines);
        Self {
            truth: json!(home.truth),
            patterns: patterns.unwrap_or_default(),
        }
    }
}

/// What is told of changes, one JSON object a line.
pub(super) fn found(
    zone: &str,
    registry: &Value,
    lines: impl Iterator<Item = Vec<u8>>,
) -> anyhow::Result<Vec<Pattern>> {
    let registry: Registry = serde_json::from_value(registry.clone())?;
    let mut timeline = Timeline::new(jiff::tz::TimeZone::get(zone)?);
    for known in &registry.entities {
        timeline.register(known);
    }
    for bytes in lines {
        line::take(&bytes, &mut timeline).map_err(anyhow::Error::msg)?;
    }
    let settings = Settings {
        people: true,
        ..Settings::default()
    };
    Ok(mine(&timeline, &settings).patterns)
}

/// The homes of a folder, by name.
pub(super) fn of_folder(folder: &Path) -> anyhow::Result<Vec<(String, Mined)>> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .with_context(|| format!("{} cannot be read", folder.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join("truth.json").exists())
        .collect();
    names.sort();
    names
        .iter()
        .map(|path| {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            Ok((name, of_files(path)?))
        })
        .collect()
}

fn of_files(folder: &Path) -> anyhow::Result<Mined> {
    let read = |name: &str| -> anyhow::Result<Value> {
        let path = folder.join(name);
        let bytes =
            fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        Ok(serde_json::from_slice(&bytes)?)
    };
    let registry = read("registry.json")?;
    let zone = registry["time_zone"]
        .as_str()
        .context("the registry names no time zone")?
        .to_owned();
    let events = unpacked(&folder.join("events.jsonl.xz"))?;
    let lines = events
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty());
    let patterns = found(&zone, &registry, lines.map(<[u8]>::to_vec))?;
    Ok(Mined {
        truth: read("truth.json")?,
        patterns,
    })
}

/// What is in an `.xz`.
pub(super) fn unpacked(path: &Path) -> anyhow::Result<Vec<u8>> {
    let unpacked = Command::new("xz")
        .arg("-dc")
        .arg(path)
        .stderr(Stdio::inherit())
        .output()
        .context("xz is needed to read the events")?;
    ensure!(unpacked.status.success(), "{} is no .xz", path.display());
    Ok(unpacked.stdout)
}
