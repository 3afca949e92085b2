//! The fault harness: a simulated home with a ledger of all it fired, the real websocket-ingestion and data-api as processes, and
//! a seeded nemesis that kills, restarts, pauses, cuts and slows down each of them and the ways between them, all at the same
//! time. Then there is peace, and what data-api serves is held against the ledger.
//!
//! Two runs with one seed do the same to the same part at the same time; what the programs make of it has its own timing.

mod chance;
mod diary;
mod life;
mod nemesis;
mod outages;
mod proof;
mod report;
mod service;
mod settle;
mod world;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use common::clock::Clock;

use diary::Diary;
use nemesis::Nemesis;
use report::Sums;
use settle::{Part, prove};
use world::World;

/// A long run is proven in parts, so that its memory is bounded and a fault is found soon.
const PART: Duration = Duration::from_secs(180);

/// What to do.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Folder with the programs data-api and websocket-ingestion
    #[arg(long, value_name = "DIR")]
    pub programs: PathBuf,
    /// Folder for logs and data, empty and not temporary
    #[arg(long, value_name = "DIR")]
    pub folder: PathBuf,
    /// Decides what happens, and when
    #[arg(long)]
    pub seed: u64,
    /// How long things break; healing and proving come on top
    #[arg(long, default_value_t = 3.0)]
    pub minutes: f64,
}

/// Breaks things, lets them heal, proves. Returns the table to print.
///
/// # Errors
/// Something is lost, twice, wrong or out of order, or a program ended by itself. The message has the table, too.
pub async fn run(options: &Options) -> anyhow::Result<String> {
    ensure!(
        options.minutes > 0.0 && options.minutes <= 24.0 * 60.0,
        "--minutes: more than 0, at most a day"
    );
    let begun = Instant::now();
    let world = World::start(&options.programs, &options.folder, options.seed).await?;
    let diary = Diary::new(Clock::system());
    let mut nemesis = Nemesis::new(options.seed);
    let mut sums = Sums {
        history: world.past,
        ..Sums::default()
    };
    let mut part = Part::first(&diary);
    let mut left = Duration::from_secs_f64(options.minutes * 60.0);
    let mut outcome = Ok(());
    while outcome.is_ok() && !left.is_zero() {
        let span = left.min(PART);
        left -= span;
        outcome = nemesis.rage(&world, &diary, span).await;
        if outcome.is_ok() {
            outcome = prove(&world, &diary, &mut part, &mut sums, &options.folder).await;
        }
    }
    let table = report::table(options.seed, &diary.counts(), &sums, begun.elapsed());
    report::write_down(&options.folder, &diary.windows(), &diary)?;
    outcome.with_context(|| table.clone())?;
    Ok(table)
}
