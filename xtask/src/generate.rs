//! `cargo xtask generate`: the files that the programs write about themselves.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use serde_json::Value;

use crate::{process, workspace};

/// Programs with settings, in the order of docs/CONFIGURATION.md.
const PROGRAMS: [&str; 6] = [
    "websocket-ingestion",
    "data-api",
    "ai-pattern-service",
    "model-prep",
    "home-simulator",
    "homeiq",
];
/// Programs whose HTTP interface is a contract.
const INTERFACES: [&str; 3] = ["websocket-ingestion", "data-api", "ai-pattern-service"];

const INTRODUCTION: &str = "\
# Configuration

Written by `cargo xtask generate` from the programs themselves (`<program> config`); do not edit.

Settings are environment variables. Where a row names several, the first that is set wins. An empty value
counts as unset. A secret `X` may be given as `X_FILE`, the path of a file that holds it. All mistakes are
reported at once, at the start, with exit code 64.
";

#[derive(Args)]
pub(crate) struct Options {
    /// Change nothing; fail when a file is not what the programs would write
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let folder = workspace::build(&PROGRAMS, false)?;
    let mut stale = Vec::new();
    for (path, text) in files(&folder)? {
        let full = workspace::root().join(&path);
        if std::fs::read_to_string(&full).is_ok_and(|found| found == text) {
            continue;
        }
        if !options.check {
            let parent = full.parent().expect("every file has a folder");
            std::fs::create_dir_all(parent)?;
            std::fs::write(&full, text).with_context(|| full.display().to_string())?;
        }
        stale.push(path.display().to_string());
    }
    if options.check && !stale.is_empty() {
        bail!(
            "not up to date: {}; run `cargo xtask generate`",
            stale.join(", ")
        );
    }
    for path in stale {
        eprintln!("wrote {path}");
    }
    Ok(())
}

fn files(programs: &Path) -> anyhow::Result<Vec<(PathBuf, String)>> {
    let mut configuration = INTRODUCTION.to_owned();
    for program in PROGRAMS {
        let table = ask(programs, program, "config")?;
        ensure!(table.starts_with('|'), "{program} config printed no table");
        write!(configuration, "\n## {program}\n\n{}\n", table.trim())?;
    }
    let mut files = vec![(PathBuf::from("docs/CONFIGURATION.md"), configuration)];
    for program in INTERFACES {
        let document: Value = serde_json::from_str(&ask(programs, program, "openapi")?)
            .with_context(|| format!("{program} openapi printed no JSON"))?;
        ensure!(
            document["paths"].is_object(),
            "{program} openapi printed no OpenAPI document"
        );
        let path = PathBuf::from(format!("shared/contracts/openapi/{program}.json"));
        files.push((path, format!("{document:#}\n")));
    }
    Ok(files)
}

/// What a program says about itself on a machine without settings.
fn ask(programs: &Path, program: &str, what: &str) -> anyhow::Result<String> {
    process::output(Command::new(programs.join(program)).arg(what).env_clear())
}
