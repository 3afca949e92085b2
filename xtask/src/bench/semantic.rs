//! `cargo xtask bench semantic`: seconds and memory of the vectors of short texts on one core, beside sentence-transformers.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use clap::Args;
use serde::Deserialize;

use crate::{table, workspace};

/// What sentence-transformers does with the same texts and the same weights, in the same form as our program.
const REFERENCE: &str = include_str!("semantic/reference.py");

#[derive(Args)]
pub(crate) struct Options {
    /// Short texts to encode
    #[arg(long, default_value_t = 256)]
    texts: usize,
    /// Core that everything runs on
    #[arg(long, default_value_t = 0)]
    core: usize,
    /// Python with torch and sentence-transformers, to compare with
    #[arg(long, value_name = "PROGRAM")]
    python: Option<PathBuf>,
}

/// What a program tells of its rounds.
#[derive(Deserialize)]
struct Told {
    /// Folder of the model.
    model: PathBuf,
    open_seconds: f64,
    /// One for each round.
    seconds: Vec<f64>,
    texts: usize,
    /// Peak resident set, in KiB.
    peak_kib: f64,
    /// What is not as usual, such as the versions of the libraries.
    #[serde(default)]
    about: String,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let program = workspace::build_example("semantic", "encode")?;
    let texts = texts(options.texts);
    let ours = ask(options, &Command::new(program), &texts)?;
    let mut rows = vec![row("semantic", &ours)];
    if let Some(python) = &options.python {
        let mut command = Command::new(python);
        command.args(["-c", REFERENCE]).arg(&ours.model);
        let theirs = ask(options, &command, &texts)?;
        let name = format!("sentence-transformers, {}", theirs.about);
        rows.push(row(&name, &theirs));
    } else {
        rows.push(vec![
            "sentence-transformers: not measured, no --python".to_owned(),
        ]);
    }
    table::print(
        &[
            "one core",
            "texts",
            "model read in s",
            "median s",
            "ms a text",
            "peak MiB",
        ],
        &rows,
    );
    Ok(())
}

/// Names as homes have them.
fn texts(count: usize) -> String {
    let things = ["Lamp", "Motion sensor", "Blind", "Socket"];
    let rooms = ["kitchen", "hall", "bedroom on the first floor"];
    let name = |number: usize| {
        let thing = things[number % things.len()];
        let room = rooms[number % rooms.len()];
        format!("{thing} {number} in the {room}")
    };
    (0..count).map(name).collect::<Vec<_>>().join("\n")
}

/// Runs the command on one core, with the texts as its input.
fn ask(options: &Options, command: &Command, texts: &str) -> anyhow::Result<Told> {
    let mut pinned = Command::new("taskset");
    pinned
        .args(["--cpu-list", &options.core.to_string()])
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = pinned.spawn().with_context(|| format!("{pinned:?}"))?;
    let mut input = child.stdin.take().context("the input is piped")?;
    input.write_all(texts.as_bytes())?;
    drop(input);
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "{command:?} failed");
    let told = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(told.trim()).with_context(|| format!("{command:?} printed {told}"))
}

fn row(name: &str, told: &Told) -> Vec<String> {
    let mut seconds = told.seconds.clone();
    seconds.sort_by(f64::total_cmp);
    let median = seconds[seconds.len() / 2];
    vec![
        name.to_owned(),
        told.texts.to_string(),
        format!("{:.2}", told.open_seconds),
        format!("{median:.2}"),
        format!("{:.2}", median * 1e3 / told.texts as f64),
        format!("{:.0}", told.peak_kib / 1024.0),
    ]
}
