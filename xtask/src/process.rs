//! Programs that run to their end.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, bail};

/// Runs a program with the terminal's input and output; its failure is an error.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let shown = shown(command);
    let status = command
        .status()
        .with_context(|| format!("{shown} does not start"))?;
    if !status.success() {
        bail!("{shown} failed ({status})");
    }
    Ok(())
}

/// Runs a program and returns what it printed; its failure is an error with what it complained about.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let shown = shown(command);
    let output = attempt(command)?;
    if !output.status.success() {
        bail!("{shown} failed ({}): {}", output.status, complaint(&output));
    }
    String::from_utf8(output.stdout).with_context(|| format!("{shown} printed what is not text"))
}

/// Runs a program whose failure is an answer, too.
pub(crate) fn attempt(command: &mut Command) -> anyhow::Result<Output> {
    let shown = shown(command);
    command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{shown} does not start"))
}

/// The last lines of what a program printed, errors if there are any.
pub(crate) fn complaint(output: &Output) -> String {
    let text = if output.stderr.is_empty() {
        &output.stdout
    } else {
        &output.stderr
    };
    let text = String::from_utf8_lossy(text);
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

/// Finds a program in PATH or in one of the folders where servers live.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let in_path = attempt(Command::new("sh").args(["-c", &format!("command -v {program}")]));
    if let Ok(found) = in_path
        && found.status.success()
    {
        return Some(PathBuf::from(String::from_utf8_lossy(&found.stdout).trim()));
    }
    [
        "/usr/sbin",
        "/usr/local/sbin",
        "/opt/homebrew/sbin",
        "/opt/homebrew/bin",
    ]
    .iter()
    .map(|folder| PathBuf::from(folder).join(program))
    .find(|path| path.exists())
}

fn shown(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(
        command
            .get_args()
            .map(|word| word.to_string_lossy().into_owned()),
    );
    words.join(" ")
}
