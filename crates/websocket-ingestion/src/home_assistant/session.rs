//! One connection to Home Assistant, from the handshake to its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::instant::UtcMicros;
use futures_util::{Stream, StreamExt};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Notify;
use tokio::task::JoinError;
use tokio_tungstenite::tungstenite::{self, Message as Frame};
use tokio_util::task::AbortOnDropHandle;

use super::calls::{CallFailed, Calls};
use super::clock;
use super::frame::{Event, Kind, Unreadable, messages};
use super::opening::Opened;
use super::registry_watch::{self, RegistryWatch};
use super::rest::Rest;
use crate::app::Shared;
use crate::config::Role;
use crate::lines::{Line, Lines};
use crate::sink::{Loss, Sink};
use crate::{backfill, house, normalize};

/// How long the history waits for data-api to know who has which id now.
const IDS_WITHIN: Duration = Duration::from_secs(60);

/// How a connection ended.
#[derive(Debug)]
pub(crate) enum End {
    /// It never came about.
    NotConnected(String),
    /// The token is not accepted.
    Refused(String),
    /// It broke, or Home Assistant closed it: the reason that is counted, and what to tell.
    Lost(&'static str, String),
    /// We left it, after everything that was fired before had been read.
    Left,
}

/// How the supervisor and a connection speak.
#[derive(Debug, Default)]
pub(crate) struct Reins {
    /// Events come from now on.
    pub(crate) subscribed: Notify,
    /// Read what was fired so far, and end.
    pub(crate) leave: Notify,
    /// Not before Home Assistant has started.
    only_running: bool,
}

impl Reins {
    /// Those of a connection that ends at once if Home Assistant has not finished starting.
    pub(crate) fn only_running() -> Self {
        Self {
            only_running: true,
            ..Self::default()
        }
    }
}

/// Listens, and returns when the connection is over.
pub(crate) async fn listen(shared: &Shared, opened: Opened, reins: &Reins) -> End {
    let (writer, reader) = opened.socket.split();
    let calls = Arc::new(Calls::new(writer, shared.config.timing.command));
    let rest = opened.rest;
    let line = Arc::new(Connection {
        starting: AtomicBool::new(true),
        registry: RegistryWatch::default(),
        version: opened.version,
        role: opened.role,
        shown: opened.shown,
    });
    // In a task of its own: whatever else is done with an answer, and however large that is, the socket is read meanwhile.
    #[expect(
        clippy::disallowed_methods,
        reason = "owned by this connection, which waits for it and ends it"
    )]
    let mut reading = AbortOnDropHandle::new(tokio::spawn({
        let (shared, calls, line) = (shared.clone(), Arc::clone(&calls), Arc::clone(&line));
        async move { read(reader, &shared, &calls, &line).await }
    }));
    let end = tokio::select! {
        end = &mut reading => read_to_the_end(end),
        end = conduct(shared, &calls, &rest, &line, reins) => end,
    };
    calls.close().await;
    end
}

/// How reading ended; a panic goes on here.
fn read_to_the_end(end: Result<End, JoinError>) -> End {
    end.unwrap_or_else(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(error) => End::Lost("lost", error.to_string()),
    })
}

/// What the parts of a connection tell each other.
struct Connection {
    /// Home Assistant has not finished starting: changes are no habits of people.
    starting: AtomicBool,
    /// What is heard of the registries.
    registry: RegistryWatch,
    version: String,
    role: Role,
    shown: String,
}

impl Connection {
    fn set_starting(&self, shared: &Shared, starting: bool) {
        self.starting.store(starting, Ordering::Relaxed);
        shared.status.starting(starting);
    }
}

/// Reads frames as they come. Waits for nothing but the socket: Home Assistant drops clients that do not keep up.
async fn read<S>(mut reader: S, shared: &Shared, calls: &Calls, line: &Connection) -> End
where
    S: Stream<Item = Result<Frame, tungstenite::Error>> + Unpin,
{
    let mut unreadable = 0_u64;
    while let Some(frame) = reader.next().await {
        let text = match frame {
            Ok(Frame::Text(text)) => text,
            Ok(Frame::Ping(_) | Frame::Pong(_) | Frame::Binary(_) | Frame::Frame(_)) => continue,
            Ok(Frame::Close(reason)) => {
                let reason = reason.map_or_else(String::new, |close| {
                    format!(" ({}: {})", close.code, close.reason)
                });
                // It says no more when it stops, when the token was revoked, and when we did not keep up.
                let told = format!("Home Assistant closed the connection{reason}");
                return End::Lost("closed", told);
            }
            Err(error) => return End::Lost("lost", error.to_string()),
        };
        let now = shared.clock.now();
        shared.status.alive(now);
        let mut changes = Changes::default();
        let mut answers = Vec::new();
        for message in messages(text.as_str()) {
            match message {
                Ok(message) if message.kind == Kind::Event => {
                    if let Some(event) = message.event {
                        take(event, shared, line, now, &mut changes);
                    }
                }
                Ok(message) => answers.push(message),
                Err(Unreadable::Event(error)) => {
                    shared.status.dropped("invalid", 1);
                    tracing::debug!(%error, "an event cannot be stored");
                }
                Err(Unreadable::Message(error)) => {
                    unreadable += 1;
                    shared.status.dropped("unreadable", 1);
                    let until = shared.home_time.now(now);
                    let since = shared.home_time.complete_until().unwrap_or(until);
                    shared.gaps.unreadable(since, until.plus_seconds(1));
                    if unreadable == 1 {
                        tracing::warn!(%error, "a message of Home Assistant cannot be read and was left out; what it may have told is read from the history; more are counted only");
                    }
                }
            }
        }
        changes.hand_on(shared, now);
        shared.home_time.frame_read();
        // Last: whoever waits for an answer may take it that everything told before it is in the buffer.
        for answer in &answers {
            calls.answer(answer);
        }
    }
    End::Lost("lost", "the connection ended".to_owned())
}

/// The end of a connection on which a command failed.
fn failed(what: &str, error: &CallFailed) -> End {
    let reason = match error {
        CallFailed::Timeout(_) => "no_answer",
        CallFailed::Disconnected => "lost",
        CallFailed::Refused(_) | CallFailed::Unreadable(_) => "refused",
    };
    End::Lost(reason, format!("{what}: {error}"))
}

/// The state changes of one frame.
#[derive(Debug, Default)]
struct Changes {
    received: u64,
    filtered: u64,
    lines: Vec<Line>,
}

impl Changes {
    fn hand_on(self, shared: &Shared, now: UtcMicros) {
        shared.status.received("state_changed", self.received, now);
        shared.status.dropped("filtered", self.filtered);
        if let Some(influxdb) = &shared.influxdb {
            influxdb.push(&self.lines);
        }
        let dropped: Lines = shared.buffer.push(self.lines).iter().collect();
        if !dropped.is_empty() {
            let (events, span) = (dropped.len() as u64, dropped.span());
            shared.sink.lost(Loss::BufferFull, events, span);
        }
    }
}

fn take(
    event: Event<'_>,
    shared: &Shared,
    line: &Connection,
    now: UtcMicros,
    changes: &mut Changes,
) {
    if event.event_type != "state_changed" {
        shared.status.received(&event.event_type, 1, now);
        if registry_watch::EVENTS.contains(&event.event_type.as_ref()) {
            line.registry.heard(&event);
        }
        return;
    }
    changes.received += 1;
    let written = normalize::state_change(event, line.starting.load(Ordering::Relaxed))
        .map_err(|error| error.to_string())
        .and_then(|mut change| {
            shared.home_time.heard(change.last_updated);
            shared.enrichment.place(&mut change);
            if !shared.filter.keeps(&change) {
                changes.filtered += 1;
                return Ok(None);
            }
            let line = Line::of(&change).map_err(|error| error.to_string())?;
            shared.live.publish(&change, &line);
            Ok(Some(line))
        });
    match written {
        Ok(line) => changes.lines.extend(line),
        Err(error) => {
            shared.status.dropped("invalid", 1);
            tracing::debug!(error, "a state change cannot be stored");
        }
    }
}

#[derive(Deserialize)]
struct HomeConfig {
    #[serde(default)]
    state: Option<String>,
}

/// Says what we want, keeps the connection alive, and fetches what does not come by itself.
async fn conduct(
    shared: &Shared,
    calls: &Calls,
    rest: &Rest,
    line: &Connection,
    reins: &Reins,
) -> End {
    match subscribe(shared, calls, line, reins).await {
        Ok(true) => {}
        Ok(false) => return End::NotConnected("Home Assistant is still starting".to_owned()),
        Err(error) => return failed("cannot subscribe", &error),
    }
    tokio::select! {
        end = ping(shared, calls, reins) => end,
        error = line.registry.keep(shared, calls) => failed("cannot read the registries", &error),
        end = fill(shared, calls, rest, line) => end,
        never = house::read_states(shared, calls) => match never {},
    }
}

/// False where it is to be left to start.
async fn subscribe(
    shared: &Shared,
    calls: &Calls,
    line: &Connection,
    reins: &Reins,
) -> Result<bool, CallFailed> {
    let coalesce = json!({"type": "supported_features", "features": {"coalesce_messages": 1}});
    match calls.call(coalesce).await {
        // Versions that do not know it send one message a frame.
        Ok(_) | Err(CallFailed::Refused(_)) => {}
        Err(error) => return Err(error),
    }
    let running = is_running(calls).await?;
    if reins.only_running && !running {
        return Ok(false);
    }
    line.set_starting(shared, !running);
    let now = shared.clock.now();
    shared.status.connected(&line.version, now);
    let asked = shared.home_time.tick();
    calls
        .call(json!({"type": "subscribe_events", "event_type": "state_changed"}))
        .await?;
    let now = shared.clock.now();
    shared.status.subscribed(now);
    shared.status.over(line.role, &line.shown, now);
    shared.health.restore(super::PART);
    shared.gaps.reconnected(shared.home_time.subscribed(asked));
    clock::compare(shared);
    reins.subscribed.notify_one();
    tracing::info!(
        url = line.shown,
        version = line.version,
        "connected to Home Assistant"
    );
    for event_type in registry_watch::EVENTS {
        if let Err(CallFailed::Refused(error)) = calls
            .call(json!({"type": "subscribe_events", "event_type": event_type}))
            .await
        {
            tracing::warn!(event_type, %error, "changes of the registry are seen at the next connection only");
        }
    }
    Ok(true)
}

async fn is_running(calls: &Calls) -> Result<bool, CallFailed> {
    let config: HomeConfig =
        serde_json::from_str(calls.call(json!({"type": "get_config"})).await?.get())?;
    Ok(config.state.is_none_or(|state| state == "RUNNING"))
}

/// Asks for an answer again and again: a connection that is only half there shows nowhere else.
async fn ping(shared: &Shared, calls: &Calls, reins: &Reins) -> End {
    let timing = shared.config.timing;
    loop {
        let leaving = tokio::select! {
            () = tokio::time::sleep(timing.ping_every) => false,
            () = reins.leave.notified() => true,
        };
        let asked = shared.home_time.tick();
        if let Err(error) = calls
            .call_within(json!({"type": "ping"}), timing.pong_within)
            .await
        {
            return failed("no answer to a ping", &error);
        }
        // The answer waited in line behind every event that was fired before the ping came.
        if leaving {
            return End::Left;
        }
        shared.home_time.answered(asked);
        clock::compare(shared);
    }
}

/// Once Home Assistant runs, reads from its history what was missed.
async fn fill(shared: &Shared, calls: &Calls, rest: &Rest, line: &Connection) -> End {
    let mut was_starting = false;
    while line.starting.load(Ordering::Relaxed) {
        match is_running(calls).await {
            Ok(running) => {
                line.set_starting(shared, !running);
                if running {
                    // Lists are complete only of a Home Assistant that runs.
                    line.registry.read_again();
                }
            }
            Err(error @ CallFailed::Disconnected) => return failed("cannot ask its state", &error),
            Err(error) => {
                tracing::debug!(%error, "Home Assistant does not say whether it has started");
            }
        }
        was_starting |= line.starting.load(Ordering::Relaxed);
        tokio::time::sleep(if line.starting.load(Ordering::Relaxed) {
            shared.config.timing.startup_poll
        } else {
            Duration::ZERO
        })
        .await;
    }
    // What is stored already says what is missing.
    shared.looked_back.wait().await;
    // Home Assistant's history has an entity under the id of now, so data-api must know that first.
    line.registry.known(IDS_WITHIN).await;
    if was_starting {
        // The logbook must have the end of the start, which tells its rows from what people did.
        tokio::time::sleep(shared.config.timing.recorder_lag).await;
    }
    backfill::run(shared, calls, rest).await;
    std::future::pending().await
}
