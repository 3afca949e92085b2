//! Keeps a connection to Home Assistant, for ever.

use std::time::{Duration, Instant};

use common::env::Secret;
use common::lifecycle::Failure;
use secrecy::{ExposeSecret, SecretString};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::PART;
use super::session::{self, End};
use crate::app::Shared;
use crate::config::Home;
use crate::status::LinkState;

/// Connects, and connects again, until the process stops.
pub(crate) async fn run(shared: Shared, stop: CancellationToken) -> Result<(), Failure> {
    let (websocket, token) = match &shared.config.home {
        Home::Off => {
            say(&shared, "turned off by ENABLE_HOME_ASSISTANT");
            stop.cancelled().await;
            return Ok(());
        }
        Home::Unnamed => {
            say(
                &shared,
                "no Home Assistant is named: set HA_HTTP_URL and HA_TOKEN",
            );
            stop.cancelled().await;
            return Ok(());
        }
        Home::At {
            websocket, token, ..
        } => (websocket.clone(), token.clone()),
    };
    tokio::select! {
        () = keep_connected(&shared, &websocket, token.as_ref()) => {}
        () = stop.cancelled() => {}
    }
    shared.status.state(LinkState::Disconnected);
    Ok(())
}

async fn keep_connected(shared: &Shared, websocket: &Url, token: Option<&Secret>) {
    let timing = shared.config.timing;
    let mut delay = timing.reconnect.start();
    let started = shared.clock.now();
    loop {
        let token_now = wait_for_token(shared, token).await;
        shared.status.attempt();
        let begun = Instant::now();
        let end = session::run(shared, websocket, &token_now).await;
        if begun.elapsed() >= timing.healthy_after {
            delay.reset();
        }
        let complete_until = shared.status.is_complete_until();
        shared.gaps.disconnected(complete_until.unwrap_or(started));
        match end {
            End::Refused(reason) => {
                shared.status.failed("token_refused", &reason);
                say(
                    shared,
                    &format!("it refuses the token ({reason}): make a new one and set HA_TOKEN"),
                );
                wait_for_another_token(token, &token_now, timing.after_refusal, timing.token_poll)
                    .await;
            }
            End::NotConnected(reason) => {
                shared.status.failed("not_connected", &reason);
                say(
                    shared,
                    &format!("it cannot be reached at {websocket}: {reason}"),
                );
                tokio::time::sleep(delay.next_wait()).await;
            }
            End::Lost(kind, reason) => {
                shared.status.lost(kind, &reason);
                say(
                    shared,
                    &format!("the connection to {websocket} was lost: {reason}"),
                );
                tokio::time::sleep(delay.next_wait()).await;
            }
        }
        shared.status.state(LinkState::Reconnecting);
    }
}

/// The token, as soon as there is one.
async fn wait_for_token(shared: &Shared, token: Option<&Secret>) -> SecretString {
    loop {
        let reason = match token.map(Secret::current) {
            Some(Ok(Some(found))) => return found,
            Some(Ok(None)) => {
                "no token yet: the file named by HA_TOKEN_FILE is not there or empty".to_owned()
            }
            Some(Err(error)) => format!("no token: {error}"),
            None => {
                "no token: set HA_TOKEN or HA_TOKEN_FILE to a long-lived access token".to_owned()
            }
        };
        say(shared, &reason);
        tokio::time::sleep(shared.config.timing.token_poll).await;
    }
}

/// Waits long after a refusal, but not longer than until the token file has another token.
async fn wait_for_another_token(
    token: Option<&Secret>,
    refused: &SecretString,
    patience: Duration,
    poll: Duration,
) {
    let begun = Instant::now();
    while begun.elapsed() < patience {
        tokio::time::sleep(poll.min(patience)).await;
        if let Some(Ok(Some(now))) = token.map(Secret::current)
            && now.expose_secret() != refused.expose_secret()
        {
            return;
        }
    }
}

/// Tells it in `/health`, and once in the log.
fn say(shared: &Shared, reason: &str) {
    // Whoever has named no Home Assistant must hear that first.
    let reason = match &shared.config.home {
        Home::At { is_demo: true, .. } => &format!(
            "no Home Assistant is named: set HA_HTTP_URL and HA_TOKEN. The demo's home: {reason}"
        ),
        Home::Off | Home::Unnamed | Home::At { .. } => reason,
    };
    if shared.health.degrade(PART, reason) {
        tracing::warn!("Home Assistant: {reason}");
    }
}
