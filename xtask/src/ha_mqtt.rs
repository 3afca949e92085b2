//! `cargo xtask ha-mqtt-test`: HomeIQ inside a real Home Assistant, over a real broker.
//!
//! What is shown has the right values, commands from Home Assistant are carried out, and everything comes back after a restart of
//! Home Assistant, of the broker (which has forgotten all that it kept) and of the service.

mod shown;
mod stack;

use clap::Args;

use crate::e2e::bench_options::BenchOptions;
use crate::e2e::chain::PROGRAMS;
use crate::{table, workspace};

#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    home_assistants: BenchOptions,
    /// Try the programs of the profile dev, which are built faster
    #[arg(long)]
    debug: bool,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let bench = options.home_assistants.bench()?;
    let programs = workspace::build(&PROGRAMS, !options.debug)?;
    for version in &options.home_assistants.versions {
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
