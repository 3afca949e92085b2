//! Which Home Assistants are tried, and where they come from: the same for every command that needs real ones.

use std::path::PathBuf;

use anyhow::ensure;
use clap::Args;

use super::USUAL_BENCH;
use super::home_assistant::Bench;
use crate::workspace;

#[derive(Args)]
pub(crate) struct BenchOptions {
    /// Folder with install.sh, start.sh and drive.py
    #[arg(long, env = "HOMEIQ_HA_BENCH", value_name = "DIR")]
    home_assistant_bench: Option<PathBuf>,
    /// Versions of Home Assistant to try, of those that the bench can install
    #[arg(long, value_delimiter = ',', default_value = "2025.4.4,2026.11.0")]
    pub(crate) versions: Vec<String>,
}

impl BenchOptions {
    /// The bench; an error where it is not, or where no version is named.
    pub(crate) fn bench(&self) -> anyhow::Result<Bench> {
        ensure!(!self.versions.is_empty(), "--versions names no version");
        let folder = self
            .home_assistant_bench
            .clone()
            .unwrap_or_else(|| workspace::root().join(USUAL_BENCH));
        Bench::find(&folder)
    }
}
