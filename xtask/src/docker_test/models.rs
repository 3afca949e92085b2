//! The profile `ai`: models are prepared from a clean volume, once; and without it nobody speaks of them.

use std::time::Duration;

use anyhow::{Context as _, ensure};

use super::compose::{Compose, MIRROR, MODEL_PREP};
use super::mirror::Mirror;
use super::stack::Stack;
use crate::{patience, process};

/// A question that is answered by what it means.
const QUESTION: &str = "/api/v1/search?limit=20&q=where%20we%20cook";
const WITHIN: Duration = Duration::from_secs(120);
const MAX_IMAGE_BYTES: u64 = 15_000_000;

/// Without the profile there is no container for models, and no line about them.
pub(crate) fn nobody_speaks_of_them(stack: &Stack<'_>) -> anyhow::Result<()> {
    ensure!(
        stack.container(MODEL_PREP).is_err(),
        "{MODEL_PREP} was started without its profile"
    );
    let logs = stack.logs()?.to_lowercase();
    let about = |line: &&str| line.contains("model");
    let lines: Vec<&str> = logs.lines().filter(about).collect();
    ensure!(
        lines.is_empty(),
        "logged without the profile ai:\n{}",
        lines.join("\n")
    );
    Ok(())
}

/// With it, a volume without models and a mirror: model-prep ends well before ai-pattern-service starts, and the search uses the model.
/// The next start needs no mirror. Where there is no source, everything else starts all the same.
pub(crate) fn are_prepared_once_and_used(
    compose: &Compose,
    stack: &Stack<'_>,
) -> anyhow::Result<()> {
    let mirror = Mirror::start(test_support::minilm::folder()?)?;
    compose.take_models_from(&format!("http://{MIRROR}:{}", mirror.port()));
    up(compose)?;
    ended_well(stack, "91.6 MB fetched")?;
    ensure!(
        mirror
            .served()
            .iter()
            .any(|file| file == "model.safetensors"),
        "the weights came from elsewhere: {:?}",
        mirror.served()
    );
    let ended = stack.instant(MODEL_PREP, "FinishedAt")?;
    let started = stack.instant("ai-pattern-service", "StartedAt")?;
    ensure!(
        ended <= started,
        "{MODEL_PREP} ended at {ended}, ai-pattern-service started at {started}"
    );
    let bytes = stack.image_bytes_of(MODEL_PREP)?;
    ensure!(
        bytes < MAX_IMAGE_BYTES,
        "the image of {MODEL_PREP} has {bytes} bytes"
    );
    eprintln!("{MODEL_PREP}: {:.1} MB", bytes as f64 / 1e6);
    the_search_uses_it(stack)?;

    // Port 1 of this machine: nobody is there.
    compose.take_models_from(&format!("http://{MIRROR}:1"));
    up(compose)?;
    ended_well(stack, "nothing had to be fetched")?;
    process::output(compose.command().arg("down").arg("--timeout").arg("15"))?;
    process::output(std::process::Command::new("docker").args([
        "volume",
        "rm",
        &compose.volume("models"),
    ]))?;
    up(compose).context("a source that is not there keeps the rest from starting")?;
    let container = stack.container(MODEL_PREP)?;
    ensure!(
        container.state == "exited" && container.exit_code == 1,
        "{MODEL_PREP} without a source: {} {}",
        container.state,
        container.exit_code
    );
    let container = stack.container("ai-pattern-service")?;
    ensure!(
        container.state == "running",
        "ai-pattern-service is {} when no model could be prepared",
        container.state
    );
    Ok(())
}

fn up(compose: &Compose) -> anyhow::Result<()> {
    process::output(compose.command().args(["up", "--detach", "--no-build"]))?;
    Ok(())
}

fn ended_well(stack: &Stack<'_>, words: &str) -> anyhow::Result<()> {
    patience::until("the end of model-prep", WITHIN, || {
        let container = stack.container(MODEL_PREP)?;
        Ok((container.state == "exited").then_some(()))
    })?;
    let container = stack.container(MODEL_PREP)?;
    let logs = stack.logs_of(MODEL_PREP)?;
    ensure!(
        container.exit_code == 0 && logs.contains(words),
        "{MODEL_PREP} ended with {} and without the words «{words}»:\n{logs}",
        container.exit_code
    );
    Ok(())
}

/// Something is found by what it means; the model is read, and documents become vectors, at the first question.
fn the_search_uses_it(stack: &Stack<'_>) -> anyhow::Result<()> {
    let patterns = stack.peer("ai-pattern-service", 8020)?;
    patience::until("an answer of the search by meaning", WITHIN, || {
        let Ok(answer) = patterns.get(QUESTION) else {
            return Ok(None);
        };
        let results = answer.json().unwrap_or_default();
        let results = results["data"]["results"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let is_meant = |result: &serde_json::Value| result["found_by"]["meaning"].is_object();
        Ok(results.iter().any(is_meant).then_some(()))
    })
}
