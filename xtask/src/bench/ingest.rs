//! `cargo xtask bench ingest`: how fast events become committed rows, and what that costs.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::Args;

use super::flood::{COALESCED, ENTITIES, Flood, Framing, Plan};
use super::home_assistant;
use super::latency::Latencies;
use super::services::{PROGRAMS, Services};
use crate::{patience, table, workspace};

const STORED_WITHIN: Duration = Duration::from_secs(60);
const IDLE_FOR: Duration = Duration::from_secs(5);
/// A token of the form that Home Assistant makes; the flood takes any.
const TOKEN: &str = "a-token-that-the-flooding-server-does-not-look-at";

#[derive(Args)]
pub(crate) struct Options {
    /// Events of each flood
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// Floods of each kind; the median is what counts
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Events a second while the latency is measured
    #[arg(long, default_value_t = 1000)]
    rate: u32,
    /// Seconds for which the latency is measured; 0 leaves it out
    #[arg(long, default_value_t = 20)]
    latency_seconds: u64,
    /// Instead of the floods: a burst of a real Home Assistant, of so many events
    #[arg(long, value_name = "EVENTS")]
    home_assistant: Option<u32>,
    /// Versions of Home Assistant for that
    #[arg(long, value_delimiter = ',', default_value = "2025.4.4,2026.11.0")]
    versions: Vec<String>,
    /// Folder with programs to measure instead of a release build, such as one with symbols for a profiler
    #[arg(long, value_name = "DIR")]
    programs: Option<PathBuf>,
}

/// What one flood showed.
#[derive(Debug)]
struct Measured {
    framing: Framing,
    events: u64,
    /// Until the last byte was read from the socket.
    read: Duration,
    /// Until the last event was committed.
    stored: Duration,
    megabytes: f64,
    /// CPU seconds for a million events and peak memory in MiB, of each program.
    programs: Vec<(f64, f64)>,
    idle_memory: f64,
    spooled: bool,
    bytes_per_row: f64,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    ensure!(
        options.runs > 0 && options.events >= 1000,
        "--runs 1 and --events 1000 at least"
    );
    let programs = match &options.programs {
        Some(folder) => folder.clone(),
        None => workspace::build(&PROGRAMS, true)?,
    };
    if let Some(events) = options.home_assistant {
        let folder = workspace::root().join(crate::e2e::USUAL_BENCH);
        let bench = crate::e2e::home_assistant::Bench::find(&folder)?;
        return home_assistant::run(&bench, &options.versions, &programs, events);
    }
    println_head(options);
    let mut floods = Vec::new();
    for framing in [Framing::Coalesced, Framing::Single] {
        for _ in 0..options.runs {
            floods.push(flood(&programs, framing, options.events)?);
        }
    }
    table::print(
        &Measured::HEADINGS,
        &floods.iter().map(Measured::row).collect::<Vec<_>>(),
    );
    for framing in [Framing::Coalesced, Framing::Single] {
        let mut rates: Vec<f64> = floods
            .iter()
            .filter(|flood| flood.framing == framing)
            .map(Measured::rate)
            .collect();
        rates.sort_by(f64::total_cmp);
        say(&format!(
            "{framing:?}: median {:.0} events/s into committed rows",
            rates[rates.len() / 2]
        ));
    }
    if options.latency_seconds > 0 {
        latency(&programs, options)?;
    }
    Ok(())
}

fn println_head(options: &Options) {
    say(&format!(
        "{} events of {ENTITIES} entities, flat out over loopback; coalesced: {COALESCED} messages a frame; SQLite, commits on disk",
        options.events
    ));
}

#[expect(clippy::print_stdout, reason = "the result of a command")]
fn say(line: &str) {
    println!("{line}");
}

/// Sends events as fast as they are read, until each is a committed row.
fn flood(programs: &std::path::Path, framing: Framing, events: u64) -> anyhow::Result<Measured> {
    let folder = tempfile::Builder::new().prefix("homeiq-bench-").tempdir()?;
    let flood = Flood::listen()?;
    let mut services = Services::start(programs, folder.path(), &flood.url(), TOKEN)?;
    services.wait_until_listening()?;
    std::thread::sleep(IDLE_FOR);
    let idle_memory = services.processes()[0].1.memory()?.now;
    let cpu_before = services.cpu_seconds()?;
    let begun = Instant::now();
    flood.begin(Plan {
        events,
        framing,
        rate: None,
    })?;
    let mut spooled = false;
    let stored = patience::until("every event in a committed row", STORED_WITHIN, || {
        services.check()?;
        let health = services.health()?;
        spooled |= health["spool"]["records"] != 0;
        let dropped = &health["delivery"]["dropped"];
        ensure!(
            *dropped == serde_json::json!({}),
            "events were dropped: {dropped}"
        );
        Ok((services.committed()? >= events).then(|| begun.elapsed()))
    })
    .with_context(|| services.told())?;
    let sent = flood.sent(STORED_WITHIN)?;
    let cpu = services.cpu_seconds()?;
    let in_store = services.stored()?;
    ensure!(
        in_store == events,
        "{events} events were sent, and {in_store} are stored"
    );
    let mut used = Vec::new();
    for ((_, process), (before, after)) in
        services.processes().iter().zip(cpu_before.iter().zip(&cpu))
    {
        used.push((
            (after - before) * 1e6 / events as f64,
            process.memory()?.peak,
        ));
    }
    services.stop()?;
    let bytes =
        std::fs::metadata(folder.path().join("data-api/data/homeiq.db")).map(|file| file.len());
    Ok(Measured {
        framing,
        events,
        read: sent.took,
        stored: stored.max(sent.took),
        megabytes: sent.bytes as f64 / 1e6,
        programs: used,
        idle_memory,
        spooled,
        bytes_per_row: bytes.map_or(f64::NAN, |bytes| bytes as f64 / events as f64),
    })
}

impl Measured {
    const HEADINGS: [&str; 11] = [
        "frames",
        "events",
        "MB",
        "read in",
        "committed in",
        "events/s",
        "ingestion CPU s/M",
        "data-api CPU s/M",
        "ingestion MiB idle/peak",
        "data-api MiB",
        "bytes/row",
    ];

    fn rate(&self) -> f64 {
        self.events as f64 / self.stored.as_secs_f64()
    }

    fn row(&self) -> Vec<String> {
        let [ingestion, data_api] = [self.programs[0], self.programs[1]];
        vec![
            format!("{:?}", self.framing).to_lowercase(),
            self.events.to_string(),
            format!("{:.0}", self.megabytes),
            format!("{:.2} s", self.read.as_secs_f64()),
            format!(
                "{:.2} s{}",
                self.stored.as_secs_f64(),
                if self.spooled { " (spool)" } else { "" }
            ),
            format!("{:.0}", self.rate()),
            format!("{:.1}", ingestion.0),
            format!("{:.1}", data_api.0),
            format!("{:.1}/{:.1}", self.idle_memory, ingestion.1),
            format!("{:.1}", data_api.1),
            format!("{:.1}", self.bytes_per_row),
        ]
    }
}

/// Events at an even rate, and how soon each can be read.
fn latency(programs: &std::path::Path, options: &Options) -> anyhow::Result<()> {
    let folder = tempfile::Builder::new().prefix("homeiq-bench-").tempdir()?;
    let flood = Flood::listen()?;
    let mut services = Services::start(programs, folder.path(), &flood.url(), TOKEN)?;
    services.wait_until_listening()?;
    let events = u64::from(options.rate) * options.latency_seconds;
    flood.begin(Plan {
        events,
        framing: Framing::Single,
        rate: Some(options.rate),
    })?;
    let begun = Instant::now();
    let lasts = Duration::from_secs(options.latency_seconds + 2);
    let latencies = Latencies::watch(&mut services, Duration::from_millis(10), || {
        begun.elapsed() > lasts
    })?;
    ensure!(
        latencies.count() as u64 == events,
        "{} of {events} events were seen",
        latencies.count()
    );
    say(&format!(
        "at {} events/s, event to readable in GET /api/v1/events: p50 {:.0} ms, p99 {:.0} ms, longest {:.0} ms ({} events)",
        options.rate,
        latencies.percentile(50),
        latencies.percentile(99),
        latencies.percentile(100),
        latencies.count()
    ));
    services.stop()
}
