//! `cargo xtask eval`: how good the miner is, on homes whose habits are known.
//!
//! Homes are made from seeds by `home_simulator::planted`, at several hardness levels, with habits and without; others, whose habits
//! come from people and their days, by `home_simulator::households`; homes of a folder
//! (`home-*/events.jsonl.xz`, `registry.json`, `truth.json`) are mined too, and real logs in it (`logs/*.jsonl.xz`) with copies in which
//! nothing can be true. Even seeds may be looked at while the miner is changed;
//! the floors below are checked on odd ones.

mod hints;
mod homes;
mod logs;
mod score;

use std::path::PathBuf;
use std::sync::Mutex;

use anyhow::{Context as _, ensure};
use clap::Args;
use home_simulator::households;
use home_simulator::planted::{self, Wanted};

use self::hints::Hints;
use self::homes::Mined;
use self::score::{KINDS, Tally};
use crate::{table, workspace};

/// Days of a made home.
const DAYS: i64 = 60;
/// Homes are mined on this many threads.
const THREADS: usize = 2;
/// Hardness up to which the floors hold.
const FLOOR_HARDNESS: f64 = 0.5;

#[derive(Args)]
pub(crate) struct Options {
    /// First seed
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// Seeds for each hardness
    #[arg(long, default_value_t = 20)]
    seeds: u64,
    /// Distance from one seed to the next: 2 keeps to odd or even ones
    #[arg(long, default_value_t = 2)]
    step: u64,
    /// Hardness levels
    #[arg(long, value_delimiter = ',', default_value = "0,0.25,0.5")]
    hardness: Vec<f64>,
    /// Homes without any habit
    #[arg(long, default_value_t = 20)]
    nulls: u64,
    /// Homes whose habits come from people and their days, at hardness 0, 0.25 and 0.5 in turn
    #[arg(long, default_value_t = ENOUGH_HOUSEHOLDS)]
    households: u64,
    /// Folder with homes that others made, and logs of real ones [default: ../shared/eval beside the checkout, where it is]
    #[arg(long)]
    homes: Option<PathBuf>,
    #[command(flatten)]
    hints: hints::Options,
    /// Print every report that is not an exact hit, and every habit that was missed
    #[arg(long)]
    verbose: bool,
}

/// What must be reached; below it the command fails.
struct Floor {
    precision: f64,
    strict: f64,
    top_ten: f64,
    recall: f64,
    recall_of_each: f64,
    /// Reports on a home without habits, on average.
    on_nothing: f64,
}

const FLOOR: Floor = Floor {
    precision: 0.97,
    strict: 0.9,
    top_ten: 0.99,
    recall: 0.9,
    recall_of_each: 0.75,
    on_nothing: 0.1,
};

/// The same for so many households and more: much of what people do there is regular without being a habit.
const FLOOR_OF_HOUSEHOLDS: Floor = Floor {
    precision: 0.95,
    strict: 0.8,
    top_ten: 0.95,
    recall: 0.85,
    recall_of_each: 0.5,
    on_nothing: 0.0,
};
/// Fewer say too little.
const ENOUGH_HOUSEHOLDS: u64 = 12;

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let hints = Hints::new(&options.hints)?;
    let mut all = Tally::default();
    let mut rows = Vec::new();
    for &hardness in &options.hardness {
        let tally = level(options, &hints, hardness)?;
        rows.extend(tally.rows(&format!("hardness {hardness}")));
        if hardness <= FLOOR_HARDNESS {
            all.add(&tally);
        }
    }
    let households = of_households(options, &hints)?;
    if options.households > 0 {
        rows.extend(households.rows("households"));
    }
    let beside = workspace::root().join("../shared/eval");
    let beside = beside.is_dir().then_some(beside);
    let folder = options.homes.clone().or(beside);
    if let Some(folder) = &folder {
        for (name, mined) in homes::of_folder(folder)? {
            let mut tally = Tally::default();
            tally.judge(
                &mined.truth,
                &mined.patterns,
                options.verbose.then_some(name.as_str()),
            );
            rows.extend(tally.rows(&name));
        }
    }
    table::print(
        &[
            "homes",
            "kind",
            "planted",
            "found",
            "reports",
            "precision",
            "strict",
            "recall",
            "F1",
            "top 10",
        ],
        &rows,
    );
    if let Some(folder) = &folder {
        let header = [
            "real log",
            "changes",
            "days",
            "told",
            "without company",
            "without hours",
        ];
        table::print(&header, &logs::of_folder(folder)?);
    }
    let mut nulls = Tally::default();
    let mined = on_threads(options.first, options.nulls, options.step, |seed| {
        made(&hints, seed, 0.3, false)
    })?;
    for mined in &mined {
        nulls.judge(
            &mined.truth,
            &mined.patterns,
            options.verbose.then_some("nothing planted"),
        );
    }
    let on_nothing = nulls.reports() as f64 / options.nulls.max(1) as f64;
    say(&format!(
        "reports on {} homes without habits: {}",
        options.nulls,
        nulls.reports()
    ));
    say(&format!(
        "false reports by what they fell for: {}",
        all.causes()
    ));
    if options.households >= ENOUGH_HOUSEHOLDS {
        check(&households, &FLOOR_OF_HOUSEHOLDS).context("households")?;
    }
    check(&all, &FLOOR)?;
    ensure!(
        on_nothing <= FLOOR.on_nothing,
        "{on_nothing:.2} reports on a home without habits are more than {}",
        FLOOR.on_nothing
    );
    Ok(())
}

fn level(options: &Options, hints: &Hints, hardness: f64) -> anyhow::Result<Tally> {
    let mined = on_threads(options.first, options.seeds, options.step, |seed| {
        made(hints, seed, hardness, true)
    })?;
    let mut tally = Tally::default();
    for (number, mined) in mined.iter().enumerate() {
        let name = format!(
            "seed {} hardness {hardness}",
            options.first + number as u64 * options.step
        );
        tally.judge(
            &mined.truth,
            &mined.patterns,
            options.verbose.then_some(name.as_str()),
        );
    }
    Ok(tally)
}

/// Homes of the other maker; they have floors of their own.
fn of_households(options: &Options, hints: &Hints) -> anyhow::Result<Tally> {
    let hardness = |seed: u64| {
        let number = (seed - options.first) / options.step.max(1);
        [0.0, 0.25, 0.5][number as usize % 3]
    };
    let mined = on_threads(options.first, options.households, options.step, |seed| {
        let mut home = households::make(seed, hardness(seed), DAYS);
        home.registry = hints.apply(&home.registry)?;
        Ok(Mined::of_made(&home))
    })?;
    let mut tally = Tally::default();
    for (number, mined) in mined.iter().enumerate() {
        let seed = options.first + number as u64 * options.step;
        let name = format!("household {seed} hardness {}", hardness(seed));
        tally.judge(
            &mined.truth,
            &mined.patterns,
            options.verbose.then_some(name.as_str()),
        );
    }
    Ok(tally)
}

fn made(hints: &Hints, seed: u64, hardness: f64, habits: bool) -> anyhow::Result<Mined> {
    let mut home = planted::make(Wanted {
        seed,
        days: DAYS,
        hardness,
        habits,
        more_rooms: 0,
    });
    home.registry = hints.apply(&home.registry)?;
    Ok(Mined::of_made(&home))
}

/// Does the work for each seed, in order of the seeds.
fn on_threads(
    first: u64,
    count: u64,
    step: u64,
    work: impl Fn(u64) -> anyhow::Result<Mined> + Sync,
) -> anyhow::Result<Vec<Mined>> {
    let next = Mutex::new(0..count);
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let Some(number) = next.lock().ok().and_then(|mut next| next.next()) else {
                        return;
                    };
                    let mined = work(first + number * step);
                    if let Ok(mut done) = done.lock() {
                        done.push((number, mined));
                    }
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_default();
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, mined)| mined).collect()
}

fn check(all: &Tally, floor: &Floor) -> anyhow::Result<()> {
    let total = all.total();
    if total.planted == 0 {
        return Ok(());
    }
    ensure!(
        total.precision() >= floor.precision,
        "precision {:.3} is below {}",
        total.precision(),
        floor.precision
    );
    ensure!(
        total.strict() >= floor.strict,
        "strict precision {:.3} is below {}",
        total.strict(),
        floor.strict
    );
    ensure!(
        all.top_ten() >= floor.top_ten,
        "precision of the first ten {:.3} is below {}",
        all.top_ten(),
        floor.top_ten
    );
    ensure!(
        total.recall() >= floor.recall,
        "recall {:.3} is below {}",
        total.recall(),
        floor.recall
    );
    for kind in KINDS {
        let recall = all.of(kind).recall();
        ensure!(
            recall >= floor.recall_of_each,
            "recall of {kind} {recall:.3} is below {}",
            floor.recall_of_each
        );
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the result of a command")]
fn say(line: &str) {
    println!("{line}");
}
