//! What is asked of a full store, and how long the answers take.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use super::peers;
use super::rows::{ENTITIES, Rows, entity_id};
use crate::http::Peer;

const DAY_US: i64 = 86_400_000_000;
const YEAR_US: i64 = 365 * DAY_US;

/// A question, asked many times for different entities and times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    Newest,
    Day,
    Year,
    Stats,
    Categories,
}

impl Question {
    pub(crate) const ALL: [Self; 5] = [
        Self::Newest,
        Self::Day,
        Self::Year,
        Self::Stats,
        Self::Categories,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Newest => "newest 100 of all",
            Self::Day => "one entity, 24 h, raw",
            Self::Year => "one entity, a year, 500 bands",
            Self::Stats => "statistics of 24 h",
            Self::Categories => "categories of 24 h",
        }
    }

    /// How often it is asked for a percentile.
    fn times(self) -> usize {
        match self {
            Self::Year => 100,
            _ => 200,
        }
    }

    /// The path for the `n`th time.
    fn path(self, n: usize, newest_us: i64) -> String {
        // Busy and quiet entities in turn, without any order.
        let entity = entity_id((n as u64 * 37 + 1) % ENTITIES);
        let at = |micros: i64| {
            let text = common::instant::UtcMicros::new(micros).unwrap_or_default();
            text.to_string().replace('+', "%2B")
        };
        match self {
            Self::Newest => "/api/v1/events?limit=100".to_owned(),
            Self::Day => {
                let start = newest_us - DAY_US * (2 + (n as i64 * 13) % 360);
                format!(
                    "/api/v1/events?entity_id={entity}&start_time={}&end_time={}&limit=10000",
                    at(start),
                    at(start + DAY_US)
                )
            }
            Self::Year => format!(
                "/api/v1/history?entity_id={entity}&start={}&end={}&points=500",
                at(newest_us - YEAR_US),
                at(newest_us)
            ),
            Self::Stats => "/api/v1/events/stats?period=24h".to_owned(),
            Self::Categories => "/api/v1/events/categories?hours=24".to_owned(),
        }
    }

    /// The same of the recorder's tables.
    fn of_recorder(self, n: usize, newest_us: i64) -> Option<String> {
        let metadata = (n as u64 * 37 + 1) % ENTITIES + 1;
        let columns = "m.entity_id, s.state, s.last_updated_ts, s.last_changed_ts, a.shared_attrs, s.context_id_bin \
             FROM states s JOIN states_meta m ON m.metadata_id = s.metadata_id \
             LEFT JOIN state_attributes a ON a.attributes_id = s.attributes_id";
        match self {
            Self::Newest => Some(format!(
                "SELECT {columns} ORDER BY s.last_updated_ts DESC LIMIT 100;"
            )),
            Self::Day => {
                let start = newest_us - DAY_US * (2 + (n as i64 * 13) % 360);
                Some(format!(
                    "SELECT {columns} WHERE s.metadata_id = {metadata} AND s.last_updated_ts BETWEEN {} AND {} ORDER BY s.last_updated_ts;",
                    start as f64 / 1e6,
                    (start + DAY_US) as f64 / 1e6
                ))
            }
            Self::Year => Some(format!(
                "SELECT CAST((last_updated_ts - {start}) / {width} AS INTEGER) AS band, MIN(CAST(state AS REAL)), \
                 MAX(CAST(state AS REAL)), AVG(CAST(state AS REAL)), COUNT(*) FROM states WHERE metadata_id = {metadata} \
                 AND last_updated_ts >= {start} GROUP BY band;",
                start = (newest_us - YEAR_US) as f64 / 1e6,
                width = YEAR_US as f64 / 1e6 / 500.0
            )),
            Self::Stats | Self::Categories => None,
        }
    }
}

/// Times of one question, in milliseconds, sorted.
#[derive(Debug)]
pub(crate) struct Times(Vec<f64>);

impl Times {
    fn new(mut times: Vec<f64>) -> Self {
        times.sort_by(f64::total_cmp);
        Self(times)
    }

    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let rank = (self.0.len() * percent).div_ceil(100).max(1) - 1;
        self.0.get(rank).copied().unwrap_or(f64::NAN)
    }
}

/// The instant up to which the store has rows.
pub(crate) fn newest(peer: &Peer) -> anyhow::Result<i64> {
    let page = peer.get("/api/v1/events?limit=1")?.json()?;
    let id = page[0]["id"].as_str().context("the store is empty")?;
    let (_, micros) = id.rsplit_once('@').context("an id without its instant")?;
    Ok(micros.parse()?)
}

/// Asks data-api, over HTTP; each answer is read to its end.
pub(crate) fn ask(peer: &Peer, question: Question, newest_us: i64) -> anyhow::Result<Times> {
    let mut times = Vec::new();
    for n in 0..question.times() {
        let path = question.path(n, newest_us);
        let begun = Instant::now();
        let answer = peer.get(&path)?;
        times.push(begun.elapsed().as_secs_f64() * 1000.0);
        ensure!(answer.status == 200, "{path}: status {}", answer.status);
    }
    Ok(Times::new(times))
}

/// Asks the recorder's tables, in one session of the `sqlite3` command, by its own clock.
pub(crate) fn ask_recorder(database: &Path, question: Question) -> anyhow::Result<Option<Times>> {
    let newest_us = Rows::end().get();
    let mut script = String::from(".timer on\n");
    for n in 0..question.times() {
        let Some(text) = question.of_recorder(n, newest_us) else {
            return Ok(None);
        };
        script.push_str(&text);
        script.push('\n');
    }
    let output = peers::sqlite3_output(database, &script)?;
    let times = output
        .lines()
        .filter_map(|line| line.strip_prefix("Run Time: real "))
        .filter_map(|rest| rest.split_whitespace().next()?.parse::<f64>().ok())
        .map(|seconds| seconds * 1000.0)
        .collect::<Vec<_>>();
    ensure!(!times.is_empty(), "the sqlite3 command printed no times");
    Ok(Some(Times::new(times)))
}

/// Lets the operating system forget what it has read of files: needs root.
pub(crate) fn forget_files() -> bool {
    std::process::Command::new("sync").status().is_ok()
        && std::fs::write("/proc/sys/vm/drop_caches", "3").is_ok()
}

/// The whole export: rows and how long it took.
pub(crate) fn export(peer: &Peer) -> anyhow::Result<(u64, Duration)> {
    let begun = Instant::now();
    let rows = peer.count_lines("/api/v1/events/export?format=ndjson")?;
    Ok((rows, begun.elapsed()))
}
