//! Logs of real homes, in which nobody planted anything, and copies of them in which nothing of a kind can be true:
//!
//! - **company**: every entity is moved by whole days of its own, around the end of the log to its beginning. Daily rhythms stay, and so does
//!   what an entity does by itself, but what two of them do together is chance.
//! - **hours**: every entity is moved by a time of its own on each day, around midnight. Days stay as busy as they were, but no hour is left.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::path::Path;

use anyhow::{Context as _, ensure};
use jiff::Timestamp;
use jiff::civil::DateTime;
use pattern_mining::pattern::{Kind, Pattern};
use serde_json::{Value, json};

use super::homes;

/// Copies of each kind.
const COPIES: u64 = 10;
/// Reports that a copy may have on average, of what it makes impossible.
const FLOOR: f64 = 1.0;
const DAY: i64 = 86_400;
/// A log with so many weeks is moved by whole weeks, so that weekdays stay weekdays.
const WEEKS: i64 = 8;

/// A log, by the clock on the wall: an instant is the second that the clock showed, as if it were that of UTC.
struct Log {
    changes: Vec<(i64, String, Value)>,
    first_day: i64,
    days: i64,
}

#[derive(Clone, Copy)]
enum Copy {
    Company,
    Hours,
}

/// One row for each log of the folder `logs`: its changes and days, what is told of it, and what of its copies on average.
///
/// # Errors
/// A log cannot be read, or a copy of it has more reports than may be.
pub(super) fn of_folder(folder: &Path) -> anyhow::Result<Vec<Vec<String>>> {
    let folder = folder.join("logs");
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let paths = fs::read_dir(&folder)?.filter_map(|entry| Some(entry.ok()?.path()));
    let mut paths: Vec<_> = paths
        .filter(|path| path.to_string_lossy().ends_with(".jsonl.xz"))
        .collect();
    paths.sort();
    let mut rows = Vec::new();
    for path in &paths {
        let log = Log::read(path)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.trim_end_matches(".events.jsonl.xz").to_owned();
        let told = log.mine(|at, _| at)?.len();
        let mut row = vec![
            name.clone(),
            log.changes.len().to_string(),
            log.days.to_string(),
            told.to_string(),
        ];
        for copy in [Copy::Company, Copy::Hours] {
            let mut wrong = 0;
            for seed in 0..COPIES {
                let told = log.mine(|at, entity| log.moved(copy, seed, at, entity))?;
                wrong += told
                    .iter()
                    .filter(|told| log.is_wrong(copy, seed, told))
                    .count();
            }
            let wrong = wrong as f64 / COPIES as f64;
            ensure!(
                wrong <= FLOOR,
                "{name}: {wrong} reports on a copy without {}",
                copy.name()
            );
            row.push(format!("{wrong:.1}"));
        }
        rows.push(row);
    }
    Ok(rows)
}

impl Log {
    fn read(path: &Path) -> anyhow::Result<Self> {
        let bytes = homes::unpacked(path)?;
        let lines = bytes.split(|&byte| byte == b'\n');
        let changes = lines
            .filter(|line| !line.is_empty())
            .map(|line| {
                let change: Value = serde_json::from_slice(line)?;
                let text = |key: &str| change[key].as_str().with_context(|| format!("no {key}"));
                let wall: DateTime = text("t")?.parse()?;
                let at = wall.in_tz("UTC")?.timestamp().as_second();
                let entity = text("entity_id")?.to_owned();
                Ok((at, entity, change))
            })
            .collect::<anyhow::Result<Vec<_>>>()
            .with_context(|| format!("{} is no log of changes", path.display()))?;
        let days = || changes.iter().map(|(at, ..)| at.div_euclid(DAY));
        let first_day = days().min().context("the log has no changes")?;
        let days = days().max().unwrap_or(first_day) - first_day + 1;
        Ok(Self {
            changes,
            first_day,
            days,
        })
    }

    /// What is told when every change lies where `moved` puts it.
    fn mine(&self, moved: impl Fn(i64, &str) -> i64) -> anyhow::Result<Vec<Pattern>> {
        let mut lines = BTreeMap::new();
        for (place, (at, entity, change)) in self.changes.iter().enumerate() {
            let at = moved(*at, entity);
            let mut change = change.clone();
            change["t"] = json!(Timestamp::from_second(at)?.to_string());
            lines.insert((at, place), change.to_string().into_bytes());
        }
        homes::found("UTC", &json!({"entities": []}), lines.into_values())
    }

    fn moved(&self, copy: Copy, seed: u64, at: i64, entity: &str) -> i64 {
        let (day, second) = (at.div_euclid(DAY), at.rem_euclid(DAY));
        match copy {
            Copy::Company => {
                let day = (day - self.first_day + self.days_moved(seed, entity)) % self.days;
                (self.first_day + day) * DAY + second
            }
            Copy::Hours => {
                let by = (random((seed, entity, day)) % DAY as u64) as i64;
                day * DAY + (second + by) % DAY
            }
        }
    }

    /// By how many days an entity is moved.
    fn days_moved(&self, seed: u64, entity: &str) -> i64 {
        let step = if self.days >= WEEKS * 7 { 7 } else { 1 };
        let places = (self.days / step).max(1);
        step * (random((seed, entity)) % places as u64) as i64
    }

    /// Whether what is told of a copy cannot be true. What was moved alike is as much together as before.
    fn is_wrong(&self, copy: Copy, seed: u64, told: &Pattern) -> bool {
        match copy {
            Copy::Company => {
                let moved = |entity: &String| self.days_moved(seed, entity);
                let mut moved: Vec<i64> = told.entities.iter().map(moved).collect();
                moved.sort_unstable();
                moved.dedup();
                moved.len() > 1
            }
            Copy::Hours => told.kind == Kind::TimeOfDay,
        }
    }
}

impl Copy {
    fn name(self) -> &'static str {
        match self {
            Self::Company => "company",
            Self::Hours => "hours",
        }
    }
}

/// A number that looks like any other, the same for the same things.
fn random(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}
