//! Keeps a connection to Home Assistant, for ever: over its own address, and over the fallback while that cannot be reached.

use std::time::{Duration, Instant};

use common::lifecycle::Failure;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use super::candidate::Candidate;
use super::opening::{self, Opened};
use super::session::{self, End, Reins};
use super::{PART, PRIMARY_PART};
use crate::app::Shared;
use crate::config::{Home, Role};
use crate::status::LinkState;

/// Seconds that are read again from the history when the fallback ended before it had told everything.
const HAND_OVER_SECONDS: i64 = 60;

/// Connects, and connects again, until the process stops.
pub(crate) async fn run(shared: Shared, stop: CancellationToken) -> Result<(), Failure> {
    let ways = match &shared.config.home {
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
        Home::At { ways, .. } => ways.clone(),
    };
    let mut candidates: Vec<Candidate> = ways
        .into_iter()
        .map(|way| Candidate::new(way, &shared.config.timing))
        .collect();
    tokio::select! {
        () = keep_connected(&shared, &mut candidates) => {}
        () = stop.cancelled() => {}
    }
    shared.status.state(LinkState::Disconnected);
    Ok(())
}

/// A connection that is over, or never came about.
struct Over {
    candidate: usize,
    token: SecretString,
    begun: Instant,
    end: End,
}

async fn keep_connected(shared: &Shared, candidates: &mut [Candidate]) {
    let started = shared.clock.now();
    loop {
        let (index, token) = next(shared, candidates).await;
        shared.status.attempt();
        shared.status.state(LinkState::Connecting);
        let begun = Instant::now();
        let told = |state| shared.status.state(state);
        let over = match opening::open(shared, &candidates[index], &token, told).await {
            Err(end) => Over {
                candidate: index,
                token,
                begun,
                end,
            },
            Ok(opened) if index == 0 => Over {
                candidate: index,
                token,
                begun,
                end: session::listen(shared, opened, &Reins::default()).await,
            },
            Ok(opened) => Box::pin(ride_out(shared, candidates, (index, token), opened)).await,
        };
        shared.status.starting(false);
        let complete_until = shared.home_time.complete_until();
        shared.gaps.disconnected(complete_until.unwrap_or(started));
        match &over.end {
            End::Refused(reason) => shared.status.failed("token_refused", reason),
            End::NotConnected(reason) => shared.status.failed("not_connected", reason),
            End::Lost(kind, reason) => shared.status.lost(kind, reason),
            End::Left => {}
        }
        candidates[over.candidate].ended(&over.end, &over.token, over.begun, &shared.config.timing);
        say(shared, &troubles(candidates));
        shared.status.state(LinkState::Reconnecting);
    }
}

/// Waits until a way is to be tried: the first that may be; those behind it only when it has been out for a while, or has no
/// token to show.
async fn next(shared: &Shared, candidates: &mut [Candidate]) -> (usize, SecretString) {
    let timing = &shared.config.timing;
    loop {
        let mut wait = timing.token_poll;
        let mut news = false;
        for (index, candidate) in candidates.iter_mut().enumerate() {
            match candidate.token() {
                Ok(token) if candidate.wait().is_zero() => return (index, token),
                Ok(_) => {
                    wait = wait.min(candidate.wait());
                    if !candidate.is_out(timing) {
                        break;
                    }
                }
                Err(reason) => {
                    news |= candidate.trouble.as_ref() != Some(&reason);
                    candidate.trouble = Some(reason);
                }
            }
        }
        if news {
            say(shared, &troubles(candidates));
        }
        tokio::time::sleep(wait.max(Duration::from_millis(1))).await;
    }
}

/// Listens over a fallback, until that ends or the primary is back; then over the primary.
async fn ride_out(
    shared: &Shared,
    candidates: &mut [Candidate],
    (index, token): (usize, SecretString),
    opened: Opened,
) -> Over {
    let timing = &shared.config.timing;
    let (primary, others) = candidates
        .split_first_mut()
        .expect("a fallback stands behind a primary");
    let (begun, reins) = (Instant::now(), Reins::default());
    let mut current = Box::pin(session::listen(shared, opened, &reins));
    loop {
        let (opened, primary_token) = tokio::select! {
            end = &mut current => return Over { candidate: index, token, begun, end },
            () = reins.subscribed.notified() => {
                tell_of_primary(shared, primary);
                continue;
            }
            opened = find(shared, primary) => opened,
        };
        let (since, primary_reins) = (Instant::now(), Reins::only_running());
        let mut next = Box::pin(session::listen(shared, opened, &primary_reins));
        let over = |end| Over {
            candidate: 0,
            token: primary_token.clone(),
            begun: since,
            end,
        };
        tokio::select! {
            () = primary_reins.subscribed.notified() => {}
            end = &mut current => {
                if let Some(complete_until) = shared.home_time.complete_until() {
                    shared.gaps.disconnected(complete_until);
                }
                others[index - 1].ended(&end, &token, begun, timing);
                return over(next.await);
            }
            end = &mut next => {
                primary.ended(&end, &primary_token, since, timing);
                tell_of_primary(shared, primary);
                continue;
            }
        }
        // Both listen now. What was fired before is still on its way over the fallback; its answer to a ping comes after that.
        reins.leave.notify_one();
        let is_complete = tokio::select! {
            end = &mut current => matches!(end, End::Left),
            end = &mut next => return over(end),
            () = tokio::time::sleep(timing.pong_within * 2) => false,
        };
        if !is_complete {
            let now = shared.home_time.now(shared.clock.now());
            shared
                .gaps
                .missed(now.plus_seconds(-HAND_OVER_SECONDS), now);
        }
        if shared.health.restore(PRIMARY_PART) {
            tracing::info!(url = primary.shown, "back at Home Assistant's own address");
        }
        return over(next.await);
    }
}

/// Tries the primary now and then, and returns the connection as soon as there is one.
async fn find(shared: &Shared, primary: &mut Candidate) -> (Opened, SecretString) {
    let timing = &shared.config.timing;
    loop {
        tokio::time::sleep(timing.primary_probe).await;
        match primary.token() {
            Ok(token) => {
                let begun = Instant::now();
                match opening::open(shared, primary, &token, |_| {}).await {
                    Ok(opened) => return (opened, token),
                    Err(end) => primary.ended(&end, &token, begun, timing),
                }
            }
            Err(reason) => primary.trouble = Some(reason),
        }
        tell_of_primary(shared, primary);
    }
}

/// Says in `/health`, and once in the log, why the fallback is used.
fn tell_of_primary(shared: &Shared, primary: &Candidate) {
    let reason = primary.trouble.as_deref().unwrap_or("it does not answer");
    let told = format!(
        "Home Assistant is heard over its fallback address, since over its own {reason}. It is tried every {} s",
        shared.config.timing.primary_probe.as_secs()
    );
    if shared.health.degrade(PRIMARY_PART, &told) {
        tracing::warn!("{told}");
    }
}

/// What is the matter with each way.
fn troubles(candidates: &[Candidate]) -> String {
    let mut told = Vec::new();
    for candidate in candidates {
        let Some(trouble) = &candidate.trouble else {
            continue;
        };
        told.push(match (candidate.role(), candidates.len()) {
            (Role::Primary, _) | (Role::Fallback, 1) => trouble.clone(),
            (Role::Fallback, _) => format!("the fallback: {trouble}"),
        });
    }
    told.join("; ")
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
