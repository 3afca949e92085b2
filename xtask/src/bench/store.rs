//! `cargo xtask bench store`: what data-api's store costs in bytes and time, beside what else could hold the same rows.

pub(super) mod peers;
mod questions;
pub(super) mod rows;
pub(super) mod service;
mod size;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::ensure;
use clap::Args;

use self::peers::Loaded;
use self::questions::{Question, Times};
use self::rows::Rows;
use self::service::DataApi;
use crate::{table, workspace};

/// Events a second that come in while questions are asked.
const MEANWHILE: u64 = 1000;

#[derive(Args)]
pub(crate) struct Options {
    /// Rows of the stores that questions are asked of, each in turn
    #[arg(long, value_delimiter = ',', default_value = "10000000")]
    events: Vec<u64>,
    /// Rows that are stored by data-api and by each of the others, to compare
    #[arg(long, default_value_t = 1_000_000)]
    ingest: u64,
    /// Times that each of them stores them; the median is what counts
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Parts to run
    #[arg(long, value_delimiter = ',', default_value = "size,ingest,questions")]
    parts: Vec<Part>,
    /// Changes of the real Home Assistant whose size is measured; 0 leaves it out
    #[arg(long, default_value_t = 100_000)]
    home_assistant: u32,
    /// Versions of Home Assistant for that
    #[arg(long, value_delimiter = ',', default_value = "2025.4.4,2026.11.0")]
    home_assistant_versions: Vec<String>,
    /// Most rows of a store beside which the recorder's tables are filled and asked: they take several times as long
    #[arg(long, default_value_t = 10_000_000)]
    recorder: u64,
    /// Folder for databases, about 250 bytes a row; full stores are kept there, and asked again by the next run
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Folder with programs to measure instead of a release build
    #[arg(long, value_name = "DIR")]
    programs: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Bytes for each change of a real Home Assistant and of the simulated home
    Size,
    /// Rows a second
    Ingest,
    /// Times of questions
    Questions,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    ensure!(
        options.runs > 0 && options.ingest >= 10_000 && options.events.iter().all(|&n| n >= 10_000),
        "--runs 1, --ingest 10000 and --events 10000 at least"
    );
    let programs = match &options.programs {
        Some(folder) => folder.clone(),
        None => workspace::build(&["data-api", "websocket-ingestion", "home-simulator"], true)?,
    };
    let temporary = tempfile::Builder::new().prefix("homeiq-bench-").tempdir()?;
    let folder = options.folder.as_deref().unwrap_or(temporary.path());
    std::fs::create_dir_all(folder)?;
    for part in &options.parts {
        match part {
            Part::Size => {
                let versions = &options.home_assistant_versions;
                size::run(&programs, folder, options.home_assistant, versions)?;
            }
            Part::Ingest => ingest(&programs, folder, options)?,
            Part::Questions => {
                for &count in &options.events {
                    questions(&programs, folder, count, count <= options.recorder)?;
                }
            }
        }
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the result of a command")]
fn say(line: &str) {
    println!("{line}");
}

/// data-api over HTTP, and the others, with the same rows.
fn ingest(programs: &Path, folder: &Path, options: &Options) -> anyhow::Result<()> {
    let rows = Rows {
        count: options.ingest,
    };
    say(&format!(
        "\n{} rows of {} entities, each stored from nothing",
        options.ingest,
        rows::ENTITIES
    ));
    let csv = peers::csv(rows, options.ingest, folder)?;
    let mut all: Vec<Vec<Loaded>> = Vec::new();
    let mut peak = 0_f64;
    for run in 0..options.runs {
        let here = folder.join(format!("ingest-{run}"));
        let data_api = DataApi::start(programs, &here.join("data-api"))?;
        let took = data_api.load(rows, 0..options.ingest)?;
        peak = peak.max(data_api.process().memory()?.peak);
        let cpu = data_api.process().cpu_seconds()?;
        let bytes = data_api.stop()?;
        say(&format!(
            "run {run}: data-api used {:.1} CPU s for a million rows",
            cpu * 1e6 / options.ingest as f64
        ));
        let loaded = Loaded {
            name: "data-api, HTTP, committed",
            took,
            bytes,
        };
        let run = vec![
            loaded,
            peers::sqlite3(&csv, &here)?,
            peers::recorder(rows, options.ingest, &here)?.0,
            peers::postgres_copy(&csv, &here)?,
        ];
        all.push(run);
        std::fs::remove_dir_all(&here)?;
    }
    std::fs::remove_file(csv)?;
    let median = |peer: usize| {
        let mut seconds: Vec<f64> = all.iter().map(|run| run[peer].took.as_secs_f64()).collect();
        seconds.sort_by(f64::total_cmp);
        seconds[seconds.len() / 2]
    };
    let printed: Vec<_> = (0..4)
        .map(|peer| {
            vec![
                all[0][peer].name.to_owned(),
                format!("{:.2} s", median(peer)),
                format!("{:.0}", options.ingest as f64 / median(peer)),
                format!("{:.2}", median(peer) / median(0)),
                format!("{:.1}", all[0][peer].bytes as f64 / options.ingest as f64),
            ]
        })
        .collect();
    let headings = [
        "what",
        "median",
        "rows/s",
        "time, of data-api's",
        "bytes/row",
    ];
    table::print(&headings, &printed);
    say(&format!("peak memory of data-api: {peak:.1} MiB"));
    Ok(())
}

/// Times of questions to a full store, cold and warm, while events come in.
fn questions(
    programs: &Path,
    folder: &Path,
    count: u64,
    with_recorder: bool,
) -> anyhow::Result<()> {
    let rows = Rows { count };
    let here = folder.join(format!("questions-{count}"));
    let (data, recorder) = (here.join("data-api"), here.join("home-assistant_v2.db"));
    let complete = here.join("complete");
    if !complete.exists() {
        fill(programs, rows, &here, with_recorder)?;
        std::fs::write(&complete, "")?;
    }
    let recorder = Some(recorder).filter(|file| with_recorder && file.exists());
    let cold = questions::forget_files();
    let data_api = DataApi::start(programs, &data)?;
    say(&format!(
        "start to /ready: {} ms{}",
        data_api.ready_after.as_millis(),
        if cold { ", files not in memory" } else { "" }
    ));
    say(&format!(
        "idle: {:.1} MiB",
        service::idle_memory(&data_api.process())?
    ));
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let meanwhile = scope.spawn(|| trickle(&data_api, rows, &stop));
        let asked = ask_all(&data_api, recorder.as_deref());
        let exported = questions::export(&data_api.peer);
        stop.store(true, Ordering::Relaxed);
        table::print(&HEADINGS, &asked?);
        let stored = meanwhile
            .join()
            .map_err(|_| anyhow::anyhow!("the trickle panicked"))??;
        let (lines, took) = exported?;
        ensure!(lines >= count, "{count} rows are stored, {lines} came out");
        say(&format!(
            "export: {lines} rows in {:.1} s, {:.0} rows/s; {stored} events came in meanwhile",
            took.as_secs_f64(),
            lines as f64 / took.as_secs_f64()
        ));
        anyhow::Ok(())
    })?;
    let memory = data_api.process().memory()?;
    say(&format!("peak memory of all this: {:.1} MiB", memory.peak));
    data_api.stop()?;
    Ok(())
}

/// Stores rows in data-api, and in the recorder's tables where they are wanted.
fn fill(programs: &Path, rows: Rows, here: &Path, with_recorder: bool) -> anyhow::Result<()> {
    let count = rows.count;
    let data_api = DataApi::start(programs, &here.join("data-api"))?;
    let took = data_api.load(rows, 0..count)?;
    let peak = data_api.process().memory()?.peak;
    let bytes = data_api.stop()?;
    say(&format!(
        "\n{count} rows over a year: stored at {:.0} rows/s, {:.1} bytes a row, peak memory {peak:.1} MiB",
        count as f64 / took.as_secs_f64(),
        bytes as f64 / count as f64
    ));
    if !with_recorder {
        return Ok(());
    }
    let (loaded, _) = peers::recorder(rows, count, here)?;
    say(&format!(
        "the recorder's tables with the same rows: {:.1} bytes a row",
        loaded.bytes as f64 / count as f64
    ));
    Ok(())
}

const HEADINGS: [&str; 7] = [
    "question",
    "cold p50",
    "cold p99",
    "warm p50",
    "warm p99",
    "recorder cold p99",
    "recorder warm p50, p99 (ms)",
];

fn ask_all(data_api: &DataApi, recorder: Option<&Path>) -> anyhow::Result<Vec<Vec<String>>> {
    let newest = questions::newest(&data_api.peer)?;
    let shown = |times: &Times, percent| format!("{:.1}", times.percentile(percent));
    let mut printed = Vec::new();
    for question in Question::ALL {
        questions::forget_files();
        let cold = questions::ask(&data_api.peer, question, newest)?;
        let warm = questions::ask(&data_api.peer, question, newest)?;
        questions::forget_files();
        let recorder_answers = || match recorder {
            Some(file) => questions::ask_recorder(file, question),
            None => Ok(None),
        };
        let of_recorder = recorder_answers()?;
        let of_recorder_warm = recorder_answers()?;
        let none = || "–".to_owned();
        printed.push(vec![
            question.name().to_owned(),
            shown(&cold, 50),
            shown(&cold, 99),
            shown(&warm, 50),
            shown(&warm, 99),
            of_recorder
                .as_ref()
                .map_or_else(none, |times| shown(times, 99)),
            of_recorder_warm.as_ref().map_or_else(none, |times| {
                format!("{}, {}", shown(times, 50), shown(times, 99))
            }),
        ]);
    }
    Ok(printed)
}

/// Stores events at an even rate until told to stop; how many.
fn trickle(data_api: &DataApi, rows: Rows, stop: &AtomicBool) -> anyhow::Result<u64> {
    let begun = Instant::now();
    // A store that was asked before has some of these rows already.
    let newest = questions::newest(&data_api.peer)?;
    let mut first = rows.count;
    while rows.row(first).at_us <= newest {
        first += 1;
    }
    let mut sent = 0;
    while !stop.load(Ordering::Relaxed) {
        let due = begun.elapsed().as_millis() as u64 * MEANWHILE / 1000;
        if due > sent {
            let lines = rows.ndjson(first + sent..first + due);
            data_api.post(&lines, due - sent)?;
            sent = due;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(sent)
}
