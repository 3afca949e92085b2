//! Tells a person at the terminal what was found, once, after the first analysis.

use std::time::Duration;

use common::env::Secret;
use common::lifecycle::Failure;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;
use url::Url;

/// Between looks.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// Habits that are told; the rest is counted.
const TOLD: usize = 20;

/// Where everything is.
#[derive(Debug, Clone)]
pub struct Addresses {
    /// The store.
    pub data_api: Url,
    /// The ear.
    pub websocket_ingestion: Url,
    /// The miner.
    pub ai_pattern_service: Url,
    /// The simulated home.
    pub home_assistant: Option<Url>,
    /// The key of the store.
    pub key: Secret,
}

#[derive(Deserialize)]
struct Status {
    scheduler: Scheduler,
}

#[derive(Deserialize)]
struct Scheduler {
    last_run: Option<String>,
}

#[derive(Deserialize)]
struct Listed {
    data: Patterns,
}

#[derive(Deserialize)]
struct Patterns {
    patterns: Vec<Habit>,
}

#[derive(Deserialize)]
struct Habit {
    sentence: String,
}

/// Waits for the first analysis, prints what it found, then rests until told to stop.
pub(crate) async fn first_habits(
    addresses: Addresses,
    stop: CancellationToken,
) -> Result<(), Failure> {
    tokio::select! {
        told = tell(&addresses) => told?,
        () = stop.cancelled() => return Ok(()),
    }
    stop.cancelled().await;
    Ok(())
}

async fn tell(addresses: &Addresses) -> Result<(), Failure> {
    let http = reqwest::Client::builder()
        .timeout(Duration::from_secs(10))
        .build()?;
    let status = addresses.ai_pattern_service.join("/api/analysis/status")?;
    loop {
        if let Ok(status) = read::<Status>(&http, &status).await
            && status.scheduler.last_run.is_some()
        {
            break;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    let list = addresses
        .ai_pattern_service
        .join("/api/v1/patterns/list?limit=1000")?;
    let habits = read::<Listed>(&http, &list)
        .await
        .map_or_else(|_| Vec::new(), |listed| listed.data.patterns);
    print(&page(addresses, &habits));
    Ok(())
}

async fn read<T: serde::de::DeserializeOwned>(
    http: &reqwest::Client,
    url: &Url,
) -> Result<T, reqwest::Error> {
    http.get(url.clone())
        .send()
        .await?
        .error_for_status()?
        .json()
        .await
}

fn page(addresses: &Addresses, habits: &[Habit]) -> String {
    let mut lines = vec![String::new()];
    if habits.is_empty() {
        lines.push(
            "No habits yet: a few more days are needed. HomeIQ goes on listening.".to_owned(),
        );
    } else {
        lines.push(format!("Habits found in this home: {}", habits.len()));
        lines.extend(
            habits
                .iter()
                .take(TOLD)
                .map(|habit| format!("  • {}", habit.sentence)),
        );
        if habits.len() > TOLD {
            lines.push(format!("  … and {} more", habits.len() - TOLD));
        }
    }
    let key = match &addresses.key {
        Secret::File(path) => format!("the key in {}", path.display()),
        Secret::Value(_) => "the key you set".to_owned(),
    };
    lines.push(String::new());
    lines.push("Open in a browser:".to_owned());
    lines.push(format!(
        "  {}api/v1/patterns/list     the habits with their evidence",
        addresses.ai_pattern_service
    ));
    lines.push(format!(
        "  {}docs                     the API of the habits",
        addresses.ai_pattern_service
    ));
    lines.push(format!(
        "  {}docs                     the API of events and registry ({key})",
        addresses.data_api
    ));
    lines.push(format!(
        "  {}health                   what comes in from Home Assistant",
        addresses.websocket_ingestion
    ));
    if let Some(home) = &addresses.home_assistant {
        lines.push(String::new());
        lines.push(format!("This is a simulated home ({home}). To join yours: HA_HTTP_URL=http://homeassistant.local:8123 HA_TOKEN=… homeiq"));
    }
    lines.push(String::new());
    lines.join("\n")
}

#[expect(clippy::print_stdout, reason = "for the person at the terminal")]
fn print(text: &str) {
    println!("{text}");
}
