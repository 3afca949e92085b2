//! `cargo xtask bench mine`: what `homeiq mine` costs on homes of several sizes, reading and parsing included, and on a night after
//! them; and what frequent sets and frequent sequences cost and tell on the same changes.

mod peers;

use std::fs::File;
use std::io::{BufWriter, Read as _, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::Args;
use home_simulator::planted::{self, PlantedChange, PlantedHome, Wanted};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use self::peers::Peers;
use super::usage::Process;
use crate::{table, workspace};

/// Days of the home that is repeated until there are events enough.
const DAYS: i64 = 180;
/// Changes of the night that is added.
const NIGHT: usize = 20_000;
/// Times that the night is mined.
const RUNS: usize = 5;
const DAY_MICROS: i64 = 86_400_000_000;

#[derive(Args)]
pub(crate) struct Options {
    /// Changes of the homes, each in turn
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "10000,100000,1000000,10000000"
    )]
    events: Vec<usize>,
    /// Rooms of the home beyond the usual ones: with 20 it has about 350 entities, with 200 ten times as much happens on a day
    #[arg(long, default_value_t = 20)]
    more_rooms: usize,
    /// Changes of the home to which a night is added
    #[arg(long, default_value_t = 1_000_000)]
    before: usize,
    /// Changes of the home that two usual miners look at, too: frequent sets and frequent sequences; 0 leaves them out
    #[arg(long, default_value_t = 100_000)]
    peers: usize,
    /// Folder with programs to measure instead of a release build
    #[arg(long, value_name = "DIR")]
    programs: Option<PathBuf>,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let programs = match &options.programs {
        Some(folder) => folder.clone(),
        None => workspace::build(&["homeiq"], true)?,
    };
    let folder = tempfile::tempdir()?;
    let home = planted::make(Wanted {
        seed: 1,
        days: DAYS,
        hardness: 0.3,
        habits: true,
        more_rooms: options.more_rooms,
    });
    let registry = folder.path().join("registry.json");
    std::fs::write(&registry, home.registry.to_string())?;
    let mut rows = Vec::new();
    for &count in &options.events {
        let file = folder.path().join("events.jsonl");
        write(&home, 0, count, &file)?;
        let used = mine(&programs, &registry, &file, None)?;
        rows.push(row(&format!("{count} changes"), count, &used));
    }
    let memory = folder.path().join("memory");
    let (past, night) = (
        folder.path().join("past.jsonl"),
        folder.path().join("night.jsonl"),
    );
    write(&home, 0, options.before, &past)?;
    write(&home, options.before, NIGHT, &night)?;
    let used = mine(&programs, &registry, &past, Some(&memory))?;
    rows.push(row(
        &format!("{} changes, remembered", options.before),
        options.before,
        &used,
    ));
    let used = nights(&programs, &registry, &night, &memory)?;
    let name = format!("a night of {NIGHT} more, median of {RUNS}");
    rows.push(row(&name, NIGHT, &used));
    if options.peers > 0 {
        let peers = Peers::install(folder.path())?;
        let file = folder.path().join("peers.jsonl");
        write(&home, 0, options.peers, &file)?;
        let used = mine(&programs, &registry, &file, None)?;
        rows.push(row(
            &format!("{} changes", options.peers),
            options.peers,
            &used,
        ));
        for (peer, name) in [("fpgrowth", "FP-growth"), ("prefixspan", "PrefixSpan")] {
            let used = peers.look(peer, &file)?;
            let name = format!("  {name}, the same changes");
            rows.push(row(&name, options.peers, &used));
        }
    }
    table::print(
        &[
            "home",
            "CPU s",
            "elapsed s",
            "µs a change",
            "peak MiB",
            "patterns",
        ],
        &rows,
    );
    Ok(())
}

/// Writes so many changes of the home, repeated with all instants moved on, from a place on.
fn write(home: &PlantedHome, from: usize, count: usize, path: &Path) -> anyhow::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    let length = home.changes.len();
    ensure!(length > 0, "the home has no changes");
    for number in from..from + count {
        let round = number / length;
        let change = &home.changes[number % length];
        let moved = PlantedChange {
            at: change.at.plus_micros(round as i64 * DAYS * DAY_MICROS),
            context_id: format!("{}{round}", change.context_id),
            ..change.clone()
        };
        writeln!(file, "{}", moved.line())?;
    }
    file.flush()?;
    Ok(())
}

struct Used {
    cpu_seconds: f64,
    elapsed: Duration,
    peak: f64,
    patterns: usize,
}

fn row(name: &str, count: usize, used: &Used) -> Vec<String> {
    vec![
        name.to_owned(),
        format!("{:.2}", used.cpu_seconds),
        format!("{:.2}", used.elapsed.as_secs_f64()),
        format!("{:.2}", used.cpu_seconds * 1e6 / count as f64),
        format!("{:.0}", used.peak),
        used.patterns.to_string(),
    ]
}

/// The same night several times, each from the same memory: the medians, and the highest peak.
fn nights(programs: &Path, registry: &Path, night: &Path, memory: &Path) -> anyhow::Result<Used> {
    let copy = memory.with_extension("night");
    let mut all = Vec::new();
    for _ in 0..RUNS {
        std::fs::copy(memory, &copy)?;
        // What was copied is on the disk before the night begins.
        File::open(&copy)?.sync_all()?;
        all.push(mine(programs, registry, night, Some(&copy))?);
    }
    let median = |of: fn(&Used) -> f64| {
        let mut values: Vec<f64> = all.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[RUNS / 2]
    };
    Ok(Used {
        cpu_seconds: median(|used| used.cpu_seconds),
        elapsed: Duration::from_secs_f64(median(|used| used.elapsed.as_secs_f64())),
        peak: all.iter().map(|used| used.peak).fold(0.0, f64::max),
        patterns: all[0].patterns,
    })
}

fn mine(
    programs: &Path,
    registry: &Path,
    file: &Path,
    memory: Option<&Path>,
) -> anyhow::Result<Used> {
    let out = file.with_extension("json");
    let mut command = Command::new(programs.join("homeiq"));
    command
        .arg("mine")
        .arg(file)
        .arg("--registry")
        .arg(registry)
        .arg("--json")
        .arg(&out);
    if let Some(memory) = memory {
        command.arg("--memory").arg(memory);
    }
    let (mut used, _) = measure(&mut command)?;
    let patterns: Vec<serde_json::Value> = serde_json::from_slice(&std::fs::read(&out)?)?;
    used.patterns = patterns.len();
    Ok(used)
}

/// Runs a command to its end: what it used, and what it printed.
fn measure(command: &mut Command) -> anyhow::Result<(Used, String)> {
    let name = format!("{command:?}");
    let begun = Instant::now();
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| name.clone())?;
    let mut output = child.stdout.take().context("the output is piped")?;
    let printed = std::thread::spawn(move || {
        let mut text = String::new();
        output.read_to_string(&mut text).map(|_| text)
    });
    let process = Process::new(child.id());
    // What it used can be read until it is waited for, so that its end is seen without taking note of it.
    let id = Pid::from_child(&child);
    let ended = std::thread::spawn(move || {
        let how = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(id), how).map(|_| begun.elapsed())
    });
    let mut peak: f64 = 0.0;
    while !ended.is_finished() {
        peak = process
            .memory()
            .map_or(peak, |memory| peak.max(memory.peak));
        // Not so often that it takes the processor from what is measured.
        std::thread::sleep(Duration::from_millis(10));
    }
    let elapsed = ended
        .join()
        .map_err(|_| anyhow::anyhow!("waiting for {name} panicked"))??;
    let used = Used {
        elapsed,
        cpu_seconds: process.cpu_seconds()?,
        peak,
        patterns: 0,
    };
    ensure!(child.wait()?.success(), "{name} failed");
    let printed = printed
        .join()
        .map_err(|_| anyhow::anyhow!("the reader panicked"))??;
    Ok((used, printed))
}
