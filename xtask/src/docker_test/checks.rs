//! What the running stack must do.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::stack::Stack;
use crate::patience;

const TOPIC: &str = "homeiq/ai-automation/analysis/pattern/complete";
const SOON: Duration = Duration::from_secs(60);
/// An analysis of the simulated past.
const TOLD_WITHIN: Duration = Duration::from_secs(120);
/// Three checks in a row, ten seconds apart, each of which takes its whole time.
const UNHEALTHY_WITHIN: Duration = Duration::from_secs(90);

/// Home Assistant's own form of its list of services.
const SERVICES: &str = r#"[
    {"domain": "light", "services": {
        "turn_on": {"name": "Turn on", "fields": {"brightness": {"required": false}}, "target": {}},
        "turn_off": {"name": "Turn off", "fields": {}}}},
    {"domain": "homeassistant", "services": {"restart": {"fields": {}}}}
]"#;
const SERVICES_COUNT: usize = 3;

pub(crate) fn services_are_stored_twice_alike(stack: &Stack<'_>) -> anyhow::Result<()> {
    let data_api = stack.data_api()?;
    for _ in 0..2 {
        let answer = data_api
            .post("/internal/services/bulk_upsert", SERVICES)?
            .json()?;
        ensure!(
            answer["upserted"] == SERVICES_COUNT,
            "bulk_upsert answered {answer}"
        );
    }
    Ok(())
}

/// Without any setting the simulated home is found, its life is stored, and its habits are found.
pub(crate) fn the_demo_lives(stack: &Stack<'_>) -> anyhow::Result<()> {
    let data_api = stack.data_api()?;
    patience::until("a change of the simulated home", SOON, || {
        let page = data_api
            .get("/api/v1/events?limit=1&no_attributes=true")?
            .json()?;
        let any = page.as_array().is_some_and(|page| !page.is_empty());
        Ok(any.then_some(()))
    })?;
    let patterns = stack.peer("ai-pattern-service", 8020)?;
    patience::until("a habit of the simulated home", TOLD_WITHIN, || {
        let list = patterns.get("/api/v1/patterns/list")?.json()?;
        let count = list["data"]["count"]
            .as_u64()
            .context("a list without a count")?;
        Ok((count > 0).then_some(()))
    })
}

/// A subscriber of the bundled broker reads what an analysis found.
pub(crate) fn a_message_is_published(stack: &Stack<'_>) -> anyhow::Result<()> {
    let words = [
        "mosquitto_sub",
        "-h",
        "127.0.0.1",
        "-t",
        TOPIC,
        "-C",
        "1",
        "-W",
        "120",
    ];
    let mut subscriber = stack.exec_in_background("mosquitto", &words)?;
    let patterns = stack.peer("ai-pattern-service", 8020)?;
    // Nothing tells when the subscriber is there: ask again until it has read a message.
    patience::until("a message on MQTT", TOLD_WITHIN, || {
        let answer = patterns.post("/api/analysis/trigger", "")?;
        ensure!(
            answer.status < 500,
            "the trigger answered {}",
            answer.status
        );
        let ended = patience::until("one message", Duration::from_secs(3), || subscriber.ended());
        Ok(ended.ok().filter(|&fine| fine).map(|_| ()))
    })?;
    let text = subscriber.log()?;
    let message: Value = serde_json::from_str(text.trim()).with_context(|| text.clone())?;
    ensure!(
        message["status"] == "completed",
        "the analysis told: {message}"
    );
    Ok(())
}

/// The probe of each image says yes while its server answers, and no when it hangs.
pub(crate) fn a_hanging_server_is_unhealthy(
    stack: &Stack<'_>,
    services: &[String],
) -> anyhow::Result<()> {
    let probe = |service: &str| {
        let program = format!("/usr/local/bin/{service}");
        stack.exec(service, &[&program, "--healthcheck"])
    };
    for service in services {
        let said = probe(service)?;
        ensure!(
            said.status.success(),
            "{service} --healthcheck says no: {said:?}"
        );
    }
    stack.signal(services, "SIGSTOP")?;
    let negative = services.iter().try_for_each(|service| {
        let said = probe(service)?;
        ensure!(
            said.status.code() == Some(1),
            "{service} hangs, --healthcheck says {said:?}"
        );
        Ok(())
    });
    let unhealthy = negative.and_then(|()| {
        patience::until(
            "hanging containers to be unhealthy",
            UNHEALTHY_WITHIN,
            || {
                let list = stack.list()?;
                let sick = list
                    .iter()
                    .filter(|container| container.health == "unhealthy")
                    .count();
                Ok((sick == services.len()).then_some(()))
            },
        )
    });
    // A stopped program would not obey the order to end either.
    stack.signal(services, "SIGCONT")?;
    unhealthy
}

/// No collector is configured: nobody may have anything to say about it.
pub(crate) fn no_line_is_about_telemetry(stack: &Stack<'_>) -> anyhow::Result<()> {
    let logs = stack.logs()?;
    ensure!(!logs.is_empty(), "no container has logged anything");
    let about = |line: &&str| {
        let line = line.to_lowercase();
        ["opentelemetry", "otel", "otlp"]
            .iter()
            .any(|word| line.contains(word))
    };
    let lines: Vec<&str> = logs.lines().filter(about).collect();
    ensure!(
        lines.is_empty(),
        "logged without a collector:\n{}",
        lines.join("\n")
    );
    Ok(())
}

/// SIGTERM ends each of our programs with exit code 0.
pub(crate) fn all_stop_in_order(stack: &Stack<'_>, services: &[String]) -> anyhow::Result<()> {
    stack.stop()?;
    for service in services {
        let container = stack.container(service)?;
        let (state, code) = (&container.state, container.exit_code);
        ensure!(
            state == "exited" && code == 0,
            "{service} is {state} with exit code {code}"
        );
    }
    Ok(())
}
