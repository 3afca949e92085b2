//! What is usual elsewhere, on the same changes: frequent sets and frequent sequences, by packages of Python.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use super::{Used, measure};
use crate::process;

const PEERS: &str = include_str!("peers.py");
/// Packages, with the versions that were tried.
const PACKAGES: [&str; 2] = ["mlxtend==0.23.4", "prefixspan==0.5.2"];

/// An environment with both.
pub(super) struct Peers {
    python: PathBuf,
    script: PathBuf,
}

impl Peers {
    /// Installs them in a folder.
    pub(super) fn install(folder: &Path) -> anyhow::Result<Self> {
        let environment = folder.join("venv");
        let python = process::find("python3").context("needs python3 with venv and pip")?;
        process::run(Command::new(python).args(["-m", "venv"]).arg(&environment))?;
        let pip = environment.join("bin/pip");
        let options = ["install", "--quiet", "--disable-pip-version-check"];
        process::run(Command::new(pip).args(options).args(PACKAGES))?;
        let script = folder.join("peers.py");
        std::fs::write(&script, PEERS)?;
        Ok(Self {
            python: environment.join("bin/python"),
            script,
        })
    }

    /// Lets one of them look at a file: `fpgrowth` or `prefixspan`.
    pub(super) fn look(&self, peer: &str, file: &Path) -> anyhow::Result<Used> {
        let mut command = Command::new(&self.python);
        command.arg(&self.script).arg(peer).arg(file);
        let (mut used, said) = measure(&mut command)?;
        used.patterns = said.trim().parse().with_context(|| said.clone())?;
        Ok(used)
    }
}
