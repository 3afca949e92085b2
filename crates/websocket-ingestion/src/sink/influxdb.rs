//! Delivery to InfluxDB, besides data-api: of its own memory and its own disk, so that neither waits for the other.

mod line_protocol;
mod memory;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use common::api::events::NewEvent;
use common::cause::innermost;
use common::health::Health;
use common::instant::UtcMicros;
use common::retry::RetryPolicy;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use url::Url;

use super::{Loss, Sink};
use crate::buffer::Buffer;
use crate::config::InfluxPeer;
use crate::lines::{Line, Lines, LinesBuilder};
use memory::Memory;

/// Name of the part in `/health`.
const PART: &str = "influxdb";
/// Time to reach it.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// Time for a whole request.
const WRITE_DEADLINE: Duration = Duration::from_secs(30);
/// The longest wait that it may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// How much of an answer goes into a message, in characters.
const SHOWN_CHARS: usize = 200;

/// Where events wait for InfluxDB, and what became of them.
#[derive(Debug)]
pub(crate) struct InfluxWay {
    sink: InfluxSink,
    buffer: Arc<Buffer>,
}

impl InfluxWay {
    /// With at most so many bytes of events in memory.
    pub(crate) fn new(sink: InfluxSink, capacity: usize) -> Self {
        Self {
            sink,
            buffer: Arc::new(Buffer::new(capacity)),
        }
    }

    pub(crate) fn buffer(&self) -> Arc<Buffer> {
        Arc::clone(&self.buffer)
    }

    /// Takes events, at once.
    pub(crate) fn push(&self, lines: &[Line]) {
        let dropped = self.buffer.push(lines.iter().cloned()).len() as u64;
        self.sink.dropped(Loss::BufferFull.as_str(), dropped);
    }

    /// What `/health` says of it.
    pub(crate) fn told(&self) -> Value {
        let (tally, peer) = (self.sink.tally(), &self.sink.0.peer);
        json!({
            "url": peer.url, "bucket": peer.bucket,
            "written": tally.written, "dropped": tally.dropped,
            "spool": {"records": tally.spool_records, "bytes": tally.spool_bytes},
        })
    }
}

/// Writes batches to InfluxDB. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct InfluxSink(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    http: reqwest::Client,
    peer: InfluxPeer,
    health: Health,
    memory: Mutex<Memory>,
    tally: Mutex<Tally>,
}

#[derive(Debug, Default)]
struct Tally {
    written: u64,
    dropped: BTreeMap<&'static str, u64>,
    spool_records: u64,
    spool_bytes: u64,
}

/// Why points were not taken.
enum NotTaken {
    /// They may be later; what is the matter, and how long it asks to wait.
    Later(String, Option<Duration>),
    /// Not all of them at once, or not with one among them: its words.
    Never(StatusCode, String),
}

impl Sink for InfluxSink {
    const PART: &'static str = "influxdb_spool";
    const AFTER_LOSS: &'static str = "InfluxDB will not have them";

    async fn deliver(&self, batch: &Lines) {
        let mut delay = RetryPolicy::SIBLING.start();
        let mut parts = vec![self.points(batch)];
        while let Some(part) = parts.pop() {
            if part.is_empty() {
                continue;
            }
            match self.write(&part).await {
                Ok(()) => {
                    self.taken(part.len() as u64);
                    delay.reset();
                }
                Err(NotTaken::Later(reason, wait)) => {
                    self.away(&reason);
                    parts.push(part);
                    let usual = delay.next_wait();
                    tokio::time::sleep(wait.unwrap_or(usual).max(usual)).await;
                }
                // One among them, or their number: what is good is found by halves.
                Err(NotTaken::Never(..)) if part.len() > 1 => {
                    let (first, second) = part.halves();
                    parts.push(second);
                    parts.push(first);
                }
                Err(NotTaken::Never(status, reason)) => {
                    // Whoever refuses whatever is asked, such as a gateway in between, says nothing about this point.
                    if self.refuses_everything(status).await {
                        self.away(&reason);
                        parts.push(part);
                        tokio::time::sleep(delay.next_wait()).await;
                        continue;
                    }
                    self.dropped("refused", 1);
                    let point = shown(&String::from_utf8_lossy(&part.body()));
                    tracing::error!(reason, point, "InfluxDB refuses a point; it is dropped");
                }
            }
        }
    }

    fn lost(&self, why: Loss, events: u64, _: Option<(UtcMicros, UtcMicros)>) {
        self.dropped(why.as_str(), events);
    }

    fn spooled(&self, records: u64, bytes: u64) {
        let mut tally = self.tally();
        (tally.spool_records, tally.spool_bytes) = (records, bytes);
        metrics::gauge!("homeiq_influxdb_spool_records").set(records as f64);
        metrics::gauge!("homeiq_influxdb_spool_bytes").set(bytes as f64);
    }
}

impl InfluxSink {
    pub(crate) fn new(peer: InfluxPeer, health: Health) -> Result<Self, reqwest::Error> {
        common::tls::install();
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_DEADLINE)
            .timeout(WRITE_DEADLINE)
            // A write that is sent elsewhere would arrive there as a question.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("HomeIQ/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self(Arc::new(Inner {
            http,
            peer,
            health,
            memory: Mutex::default(),
            tally: Mutex::default(),
        })))
    }

    /// The points of a batch, made once however often they are sent.
    fn points(&self, batch: &Lines) -> Lines {
        let body = batch.body();
        let mut memory = self.0.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let mut points = LinesBuilder::default();
        let mut unreadable = 0;
        // JSON has no end of a line within.
        for json in body.split(|byte| *byte == b'\n') {
            if json.is_empty() {
                continue;
            }
            match serde_json::from_slice::<NewEvent>(json) {
                Ok(event) => {
                    let before = memory.note(&event);
                    let point = line_protocol::point(&event, before.as_ref());
                    points.push(point.as_bytes(), event.last_updated);
                }
                Err(error) => {
                    unreadable += 1;
                    tracing::error!(%error, "an event cannot be read and is no point in InfluxDB");
                }
            }
        }
        drop(memory);
        self.dropped("invalid", unreadable);
        points.finish()
    }

    async fn write(&self, points: &Lines) -> Result<(), NotTaken> {
        let peer = &self.0.peer;
        let later = |reason| NotTaken::Later(reason, None);
        let token = peer
            .token
            .current()
            .map_err(|error| later(format!("no token for InfluxDB: {error}")))?
            .ok_or_else(|| {
                later("no token for InfluxDB: the file of INFLUXDB_TOKEN_FILE is empty".to_owned())
            })?;
        let mut token = HeaderValue::from_str(&format!("Token {}", token.expose_secret()))
            .map_err(|_| {
                later(
                    "INFLUXDB_TOKEN cannot be a token: it has characters that none has".to_owned(),
                )
            })?;
        token.set_sensitive(true);
        let answer = self
            .0
            .http
            .post(address(&peer.url, &["api", "v2", "write"]))
            .query(&[
                ("org", peer.org.as_str()),
                ("bucket", peer.bucket.as_str()),
                ("precision", "us"),
            ])
            .header(AUTHORIZATION, token)
            .header(CONTENT_TYPE, "text/plain; charset=utf-8")
            .body(points.body())
            .send()
            .await
            .map_err(|error| later(self.unreachable(error)))?;
        if answer.status() == StatusCode::NO_CONTENT {
            return Ok(());
        }
        Err(self.not_taken(answer).await)
    }

    async fn not_taken(&self, answer: Response) -> NotTaken {
        let (status, wait) = (answer.status(), asked_wait(&answer));
        let words = shown(&beginning(answer).await);
        let peer = &self.0.peer;
        let (org, bucket) = (&peer.org, &peer.bucket);
        let reason = match status {
            StatusCode::BAD_REQUEST
            | StatusCode::UNPROCESSABLE_ENTITY
            | StatusCode::PAYLOAD_TOO_LARGE => {
                let reason = format!("InfluxDB answered {status}: {words}");
                return NotTaken::Never(status, reason);
            }
            StatusCode::UNAUTHORIZED => format!(
                "InfluxDB refuses the token (401): set INFLUXDB_TOKEN to one that may write to the bucket '{bucket}'"
            ),
            StatusCode::FORBIDDEN => format!(
                "InfluxDB does not let the token write (403): give it the right to write to the bucket '{bucket}' of '{org}'"
            ),
            StatusCode::NOT_FOUND => format!(
                "InfluxDB has no bucket '{bucket}' in '{org}' (404): make it, or set INFLUXDB_BUCKET and INFLUXDB_ORG, or correct INFLUXDB_URL"
            ),
            other => format!("InfluxDB answered {other}: {words}"),
        };
        NotTaken::Later(reason, wait)
    }

    /// Whether it answers a mere greeting in the same way.
    async fn refuses_everything(&self, status: StatusCode) -> bool {
        let ping = self.0.http.get(address(&self.0.peer.url, &["ping"]));
        // Gone in this moment: it has to be asked again.
        ping.send()
            .await
            .map_or(true, |answer| answer.status() == status)
    }

    fn unreachable(&self, error: reqwest::Error) -> String {
        let error = error.without_url();
        let reason = innermost(&error);
        format!("InfluxDB does not answer at {}: {reason}", self.0.peer.url)
    }

    fn taken(&self, points: u64) {
        self.tally().written += points;
        metrics::counter!("homeiq_influxdb_points_total").increment(points);
        if self.0.health.restore(PART) {
            tracing::info!(url = %self.0.peer.url, "InfluxDB takes points");
        }
    }

    fn away(&self, reason: &str) {
        if self
            .0
            .health
            .degrade(PART, format!("{reason}; points wait"))
        {
            tracing::warn!("{reason}; points wait");
        }
    }

    fn dropped(&self, reason: &'static str, events: u64) {
        if events > 0 {
            *self.tally().dropped.entry(reason).or_default() += events;
            metrics::counter!("homeiq_influxdb_dropped_total", "reason" => reason)
                .increment(events);
        }
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.0.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A path below an address, which may have one of its own.
fn address(base: &Url, path: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    url
}

/// How long it asks to wait, in the form of seconds; no longer than a minute.
fn asked_wait(answer: &Response) -> Option<Duration> {
    let seconds = answer.headers().get(RETRY_AFTER)?.to_str().ok()?;
    let seconds = Duration::from_secs(seconds.trim().parse().ok()?);
    Some(seconds.min(LONGEST_WAIT))
}

/// The beginning of an answer, however long it is.
async fn beginning(mut answer: Response) -> String {
    let mut text = Vec::new();
    while text.len() < SHOWN_CHARS
        && let Ok(Some(piece)) = answer.chunk().await
    {
        text.extend_from_slice(&piece);
    }
    String::from_utf8_lossy(&text).into_owned()
}

fn shown(text: &str) -> String {
    text.chars().take(SHOWN_CHARS).collect()
}
