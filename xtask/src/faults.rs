//! `cargo xtask faults`: a seeded nemesis against the real programs, and the proof that nothing is lost.
//!
//! The nemesis is a program of the crate `end-to-end`; this builds it and what it torments, and runs it.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::process::Command;

use clap::Args;

use crate::{process, workspace};

/// What the nemesis needs: package and program.
const PROGRAMS: [(&str, &str); 3] = [
    ("data-api", "data-api"),
    ("websocket-ingestion", "websocket-ingestion"),
    ("end-to-end", "faults"),
];

#[derive(Args)]
pub(crate) struct Options {
    /// How long things break, for each seed; healing and proving come on top
    #[arg(long, default_value_t = 3.0)]
    minutes: f64,
    /// Decides what happens, and when; may be given several times; none: a new one
    #[arg(long)]
    seed: Vec<u64>,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let programs = workspace::build_from(&PROGRAMS, true)?;
    let mut seeds = options.seed.clone();
    if seeds.is_empty() {
        seeds.push(RandomState::new().build_hasher().finish() % 1_000_000);
    }
    for seed in seeds {
        let folder = tempfile::Builder::new()
            .prefix("homeiq-faults-")
            .tempdir()?;
        eprintln!("\nfaults: seed {seed}, {} minutes", options.minutes);
        let mut command = Command::new(programs.join("faults"));
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
