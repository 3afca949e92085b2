//! `cargo xtask ha-mqtt-test`: HomeIQ inside a real Home Assistant, over a real broker.
//!
//! What is shown has the right values, commands from Home Assistant are carried out, and everything comes back after a restart of
//! Home Assistant, of the broker (which has forgotten all that it kept) and of the service.

mod shown;
mod stack;

use std::path::PathBuf;

use anyhow::ensure;
use clap::Args;

use crate::e2e::USUAL_BENCH;
use crate::e2e::chain::PROGRAMS;
use crate::e2e::home_assistant::Bench;
use crate::{table, workspace};

#[derive(Args)]
pub(crate) struct Options {
    /// Folder with install.sh and start.sh
    #[arg(long, env = "HOMEIQ_HA_BENCH", value_name = "DIR")]
    home_assistant_bench: Option<PathBuf>,
    /// Versions of Home Assistant to try, of those that the bench can install
    #[arg(long, value_delimiter = ',', default_value = "2025.4.4,2026.11.0")]
    versions: Vec<String>,
    /// Try the programs of the profile dev, which are built faster
    #[arg(long)]
    debug: bool,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    ensure!(!options.versions.is_empty(), "--versions names no version");
    let folder = options
        .home_assistant_bench
        .clone()
        .unwrap_or_else(|| workspace::root().join(USUAL_BENCH));
    let bench = Bench::find(&folder)?;
    let programs = workspace::build(&PROGRAMS, !options.debug)?;
    for version in &options.versions {
        let folder = tempfile::Builder::new()
            .prefix("homeiq-ha-mqtt-")
            .tempdir()?;
        let mut rows = Vec::new();
        let result = stack::Stack::start(&bench, version, &programs, folder.path())
            .and_then(|stack| shown::follow(stack, &mut rows));
        eprintln!("\nHome Assistant {version}");
        table::print(&shown::HEADINGS, &rows);
        if let Err(error) = result {
            let kept = folder.keep();
            return Err(error.context(format!("{version}; the logs are in {}", kept.display())));
        }
    }
    Ok(())
}
