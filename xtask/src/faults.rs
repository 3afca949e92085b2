//! `cargo xtask faults`: a seeded nemesis against the real programs, and the proof that nothing is lost.
//!
//! The nemesis is a program of the crate `end-to-end`; this builds it and what it torments, and runs it. With `--home-assistant`
//! the same is done, in a fixed order, to the programs around a real Home Assistant, and to that one, too.

mod home_assistant;
mod pair;
mod recorder;

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::path::PathBuf;
use std::process::Command;

use clap::Args;

use crate::e2e::USUAL_BENCH;
use crate::e2e::home_assistant::Bench;
use crate::{process, workspace};

/// What the nemesis torments.
const PROGRAMS: [&str; 2] = ["data-api", "websocket-ingestion"];
/// The nemesis: package and program.
const NEMESIS: (&str, &str) = ("end-to-end", "faults");

#[derive(Args)]
pub(crate) struct Options {
    /// How long things break, for each seed; healing and proving come on top
    #[arg(long, default_value_t = 3.0)]
    minutes: f64,
    /// Decides what happens, and when; may be given several times; none: a new one
    #[arg(long)]
    seed: Vec<u64>,
    /// Real ones in place of the simulator
    #[arg(long)]
    home_assistant: bool,
    /// Folder with install.sh, start.sh and drive.py
    #[arg(long, env = "HOMEIQ_HA_BENCH", value_name = "DIR")]
    home_assistant_bench: Option<PathBuf>,
    /// Versions of Home Assistant to try, of those that the bench can install
    #[arg(long, value_delimiter = ',', default_value = "2025.4.4,2026.11.0")]
    versions: Vec<String>,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if options.home_assistant {
        let folder = options
            .home_assistant_bench
            .clone()
            .unwrap_or_else(|| workspace::root().join(USUAL_BENCH));
        let bench = Bench::find(&folder)?;
        let programs = workspace::build(&PROGRAMS, true)?;
        return home_assistant::run(&bench, &options.versions, &programs);
    }
    let programs = workspace::build(&PROGRAMS, true)?;
    let nemesis = workspace::build_from(&[NEMESIS], false)?.join(NEMESIS.1);
    let mut seeds = options.seed.clone();
    if seeds.is_empty() {
        seeds.push(RandomState::new().build_hasher().finish() % 1_000_000);
    }
    for seed in seeds {
        let folder = tempfile::Builder::new()
            .prefix("homeiq-faults-")
            .tempdir()?;
        eprintln!("\nfaults: seed {seed}, {} minutes", options.minutes);
        let mut command = Command::new(&nemesis);
        command
            .arg("--programs")
            .arg(&programs)
            .arg("--folder")
            .arg(folder.path())
            .args(["--seed", &seed.to_string()])
            .args(["--minutes", &options.minutes.to_string()]);
        if let Err(error) = process::run(&mut command) {
            let kept = folder.keep();
            return Err(error.context(format!(
                "seed {seed}; logs, faults.txt and wrong.txt are in {}",
                kept.display()
            )));
        }
    }
    Ok(())
}
