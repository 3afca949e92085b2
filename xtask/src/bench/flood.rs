//! A Home Assistant that has one thing to say, and says it as fast as it is read.

mod templates;

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, ensure};
use common::instant::UtcMicros;
use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

use templates::Templates;

pub(crate) use templates::ENTITIES;

/// Messages in a coalesced frame.
pub(crate) const COALESCED: u64 = 100;
/// Bytes that are given to the socket at once.
const CHUNK_BYTES: usize = 256 * 1024;
/// Between two events of a flood without a rate, as their instants say.
const STEP_MICROS: i64 = 10;
const CONNECTED_WITHIN: Duration = Duration::from_secs(60);

/// How events are put into frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// One message a frame.
    Single,
    /// [`COALESCED`] messages a frame.
    Coalesced,
}

/// How many events, and how fast.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) events: u64,
    pub(crate) framing: Framing,
    /// Events a second; none: as fast as they are read.
    pub(crate) rate: Option<u32>,
}

/// A server that waits to flood its first subscriber.
#[derive(Debug)]
pub(crate) struct Flood {
    port: u16,
    go: mpsc::SyncSender<Plan>,
    done: mpsc::Receiver<anyhow::Result<Sent>>,
    subscribed: Arc<AtomicBool>,
}

/// What was sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    /// Until the last byte was in the socket.
    pub(crate) took: Duration,
    pub(crate) bytes: u64,
}

impl Flood {
    /// Listens on a free port of loopback.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let port = listener.local_addr()?.port();
        let (go, plans) = mpsc::sync_channel::<Plan>(1);
        let (tell, done) = mpsc::sync_channel(1);
        let subscribed = Arc::new(AtomicBool::new(false));
        let is_subscribed = Arc::clone(&subscribed);
        thread::spawn(move || {
            if let Err(error) = serve(&listener, &plans, &is_subscribed, &tell) {
                // Nobody listens any more when the benchmark has failed elsewhere.
                tell.send(Err(error)).ok();
            }
        });
        Ok(Self {
            port,
            go,
            done,
            subscribed,
        })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Sends the events, once somebody has subscribed.
    pub(crate) fn begin(&self, plan: Plan) -> anyhow::Result<()> {
        crate::patience::until("the subscription", CONNECTED_WITHIN, || {
            Ok(self.subscribed.load(Ordering::SeqCst).then_some(()))
        })?;
        self.go.send(plan).context("the flood is over")
    }

    /// What was sent, when all of it has been.
    pub(crate) fn sent(&self, within: Duration) -> anyhow::Result<Sent> {
        self.done
            .recv_timeout(within)
            .context("the flood does not end: is it read at all?")?
    }
}

type Socket = WebSocket<TcpStream>;

type Tell = mpsc::SyncSender<anyhow::Result<Sent>>;

fn serve(
    listener: &TcpListener,
    plans: &mpsc::Receiver<Plan>,
    subscribed: &AtomicBool,
    tell: &Tell,
) -> anyhow::Result<()> {
    let (stream, _) = listener.accept()?;
    stream.set_nodelay(true)?;
    let mut socket = tungstenite::accept(stream).map_err(|error| anyhow::anyhow!("{error}"))?;
    let hello =
        |kind: &str| Message::text(json!({"type": kind, "ha_version": "2026.11.0"}).to_string());
    socket.send(hello("auth_required"))?;
    socket.read()?;
    socket.send(hello("auth_ok"))?;
    let writer = Mutex::new(socket.get_ref().try_clone()?);
    let subscription = AtomicU64::new(0);
    thread::scope(|scope| {
        let (writer, subscription) = (&writer, &subscription);
        // Answers until the client goes, which may be long after the flood.
        scope.spawn(move || answer(socket, writer, subscription, subscribed));
        let plan = plans.recv().context("no plan came")?;
        let sent = send(plan, subscription.load(Ordering::SeqCst), writer);
        tell.send(sent)
            .context("nobody waits for the end of the flood")
    })
}

fn lock(writer: &Mutex<TcpStream>) -> std::sync::MutexGuard<'_, TcpStream> {
    writer.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers commands until the client goes.
fn answer(
    mut socket: Socket,
    writer: &Mutex<TcpStream>,
    subscription: &AtomicU64,
    subscribed: &AtomicBool,
) {
    let templates = Templates::new(0);
    while let Ok(message) = socket.read() {
        let Ok(command) = message
            .to_text()
            .map_err(drop)
            .and_then(|text| serde_json::from_str::<Value>(text).map_err(drop))
        else {
            continue;
        };
        let result = match command["type"].as_str() {
            Some("ping") => {
                reply(writer, &json!({"id": command["id"], "type": "pong"}));
                continue;
            }
            Some("subscribe_events") if command["event_type"] == "state_changed" => {
                subscription.store(command["id"].as_u64().unwrap_or_default(), Ordering::SeqCst);
                Value::Null
            }
            Some("get_config") => {
                json!({"state": "RUNNING", "time_zone": "UTC", "version": "2026.11.0"})
            }
            Some("get_states") => {
                // What follows the snapshot is the flood alone.
                subscribed.store(true, Ordering::SeqCst);
                json!(templates.states())
            }
            Some("get_services" | "history/history_during_period") => json!({}),
            Some("subscribe_events" | "supported_features") => Value::Null,
            _ => json!([]),
        };
        reply(
            writer,
            &json!({"id": command["id"], "type": "result", "success": true, "result": result}),
        );
    }
}

fn reply(writer: &Mutex<TcpStream>, message: &Value) {
    let mut frame = Vec::new();
    frame_of(message.to_string().as_bytes(), &mut frame);
    // A client that is gone needs no answer.
    lock(writer).write_all(&frame).ok();
}

/// Adds a text frame as a server sends it: whole, not masked.
fn frame_of(payload: &[u8], to: &mut Vec<u8>) {
    to.push(0x81);
    match payload.len() {
        short @ 0..126 => to.push(short as u8),
        middle @ 126..65_536 => {
            to.push(126);
            to.extend_from_slice(&(middle as u16).to_be_bytes());
        }
        long => {
            to.push(127);
            to.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    to.extend_from_slice(payload);
}

fn send(plan: Plan, subscription: u64, writer: &Mutex<TcpStream>) -> anyhow::Result<Sent> {
    ensure!(subscription > 0, "nobody subscribed to state_changed");
    let templates = Templates::new(subscription);
    let (begun, first) = (Instant::now(), now());
    let (mut chunk, mut payload) = (Vec::with_capacity(CHUNK_BYTES * 2), Vec::new());
    let mut bytes = 0;
    let in_frame = match plan.framing {
        Framing::Single => 1,
        Framing::Coalesced => COALESCED,
    };
    let mut n = 0;
    while n < plan.events {
        if let Some(rate) = plan.rate {
            let due = begun + Duration::from_secs_f64(n as f64 / f64::from(rate));
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        payload.clear();
        let last = (n + in_frame).min(plan.events);
        for event in n..last {
            let at = match plan.rate {
                Some(_) => now(),
                None => first.plus_micros(event as i64 * STEP_MICROS),
            };
            if plan.framing == Framing::Coalesced {
                payload.push(if event == n { b'[' } else { b',' });
            }
            templates.write(event, at, &mut payload);
        }
        if plan.framing == Framing::Coalesced {
            payload.push(b']');
        }
        n = last;
        frame_of(&payload, &mut chunk);
        if plan.rate.is_some() || chunk.len() >= CHUNK_BYTES || n == plan.events {
            lock(writer).write_all(&chunk)?;
            bytes += chunk.len() as u64;
            chunk.clear();
        }
    }
    Ok(Sent {
        took: begun.elapsed(),
        bytes,
    })
}

/// This instant.
#[expect(
    clippy::disallowed_methods,
    reason = "instants that a home would stamp, not a service of ours"
)]
pub(crate) fn now() -> UtcMicros {
    let micros = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_micros());
    UtcMicros::new(micros as i64).unwrap_or_default()
}
