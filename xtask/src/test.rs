//! `cargo xtask test`: every test, with the real servers that they need.

use std::process::Command;

use anyhow::bail;
use clap::Args;

use crate::{process, workspace};

/// Names of Debian's packages with the servers of the tests.
const PACKAGES: [&str; 3] = ["mosquitto", "mosquitto-clients", "postgresql"];

#[derive(Args)]
pub(crate) struct Options {
    /// What nextest (or `cargo test`, where it is not installed) gets besides
    #[arg(last = true)]
    arguments: Vec<String>,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    prepare()?;
    let nextest = process::attempt(workspace::cargo().args(["nextest", "--version"]))?;
    let mut tests = workspace::cargo();
    if nextest.status.success() {
        tests
            .args(["nextest", "run", "--workspace", "--locked"])
            .args(&options.arguments);
    } else {
        tests.args([
            "test",
            "--workspace",
            "--locked",
            "--lib",
            "--bins",
            "--tests",
            "--examples",
        ]);
        tests.args(&options.arguments);
    }
    process::run(&mut tests)?;
    process::run(workspace::cargo().args(["test", "--doc", "--workspace", "--locked"]))
}

/// Finds the servers, and installs them where that can be done without asking.
fn prepare() -> anyhow::Result<()> {
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    let line = format!(
        "apt-get install --yes --no-install-recommends {}",
        PACKAGES.join(" ")
    );
    if process::find("apt-get").is_none() || !is_root() {
        bail!(
            "the tests need {}, which is not installed.\nOn Debian or Ubuntu run:\n  sudo {line}",
            missing.join(" and ")
        );
    }
    process::run(Command::new("apt-get").args(["update", "--quiet=2"]))?;
    process::run(Command::new("sh").args(["-c", &format!("DEBIAN_FRONTEND=noninteractive {line}")]))
}

fn missing() -> Vec<&'static str> {
    let mut missing = Vec::new();
    if process::find("mosquitto").is_none() || process::find("mosquitto_passwd").is_none() {
        missing.push("mosquitto");
    }
    if process::find("mosquitto_sub").is_none() {
        missing.push("mosquitto_sub");
    }
    let servers = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    if !servers
        .into_iter()
        .any(|version| version.path().join("bin/initdb").exists())
    {
        missing.push("a PostgreSQL server");
    }
    missing
}

fn is_root() -> bool {
    process::output(Command::new("id").arg("-u")).is_ok_and(|user| user.trim() == "0")
}
