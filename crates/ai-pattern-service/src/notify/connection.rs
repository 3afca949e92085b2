//! One connection to a broker, from the first byte to the last.
//!
//! Several things go on at once and none of them waits for another: events are polled, messages are taken from the tables and handed
//! over, acknowledgements are written down, and the stop is listened for. A message counts as told when its acknowledgement is in the
//! tables; whatever is not is there for the next connection.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use common::clock::Clock;
use common::health::Health;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::client::{Client, Dial, End, Heard, Letter, Version, WINDOW, dial};
use super::commands::Said;
use super::message::{OFFLINE, ONLINE};
use crate::store::{Receipt, Store, WaitingMessage};

/// Messages, and states, that are taken from the tables at once.
const BATCH: u32 = 200;
/// How long the goodbye may take.
const GOODBYE_DEADLINE: Duration = Duration::from_secs(2);
/// How long the wire may take to carry what was written last.
const LAST_BYTES_DEADLINE: Duration = Duration::from_secs(1);
/// Until the tables are tried again after a failure.
const AFTER_FAILURE: Duration = Duration::from_secs(5);
/// The part of the service's health that says which messages a broker does not take.
const REFUSED_PART: &str = "mqtt_topics";

/// What a connection works with.
#[derive(Debug)]
pub(super) struct Place<'a> {
    pub(super) store: &'a Store,
    pub(super) clock: &'a Clock,
    pub(super) health: &'a Health,
    /// What is listened to.
    pub(super) filters: &'a [String],
    /// Who acts on what is heard.
    pub(super) heard: &'a mpsc::Sender<Said>,
    pub(super) stop: &'a CancellationToken,
}

/// What is on its way.
#[derive(Debug)]
enum Parcel {
    Online,
    Offline,
    /// Something from the tables.
    Kept(Receipt),
}

/// What was handed over, and how far it came.
#[derive(Debug, Default)]
struct Track {
    connected: bool,
    leaving: bool,
    /// Taken from the tables, not yet handed over.
    next: VecDeque<(Letter, Receipt)>,
    /// Handed over, in order; no packet id yet.
    queued: VecDeque<(String, Parcel)>,
    /// Sent under this packet id.
    sent: HashMap<u16, (String, Parcel)>,
    /// The number of the last message that was taken.
    taken: i64,
    /// The version of each state that was taken, until it is acknowledged: it is not to be sent again on this connection.
    states: HashMap<String, i64>,
    /// Acknowledged, not yet in the tables.
    receipts: Vec<Receipt>,
}

struct Connection<'a> {
    client: Client,
    place: &'a Place<'a>,
    status: &'a str,
    track: Mutex<Track>,
    /// There is room in the window.
    room: Notify,
    /// Something was acknowledged.
    acknowledged: Notify,
}

/// Connects and stays until it ends. `wire` is what carries the bytes, where that is not the client itself; `begun` is
/// called when the broker has let us in and lets us listen.
pub(super) async fn run(
    to: &Dial,
    version: Version,
    wire: Option<impl Future<Output = Result<(), String>>>,
    place: &Place<'_>,
    begun: impl Fn(),
) -> End {
    let (client, mut events) = dial(to, version);
    let connection = Connection {
        client,
        place,
        status: &to.will.0,
        track: Mutex::default(),
        room: Notify::new(),
        acknowledged: Notify::new(),
    };
    let mut wire = std::pin::pin!(wire);
    let end = {
        let poll = async {
            loop {
                let connected = connection.lock().connected;
                match events.next(connected).await {
                    Ok(Heard::Connected) => {
                        connection.prepare().await;
                        connection.begin();
                    }
                    Ok(Heard::Listening) => begun(),
                    Ok(Heard::Left) => return End::SaidGoodbye,
                    Ok(Heard::Deaf) => {
                        begun();
                        connection.is_deaf();
                    }
                    Ok(heard) => connection.on(heard),
                    // A new connection gets a new event loop: no old packet can come back under a new one's id.
                    Err(end) => return end,
                }
            }
        };
        let carried = async {
            match wire.as_mut().as_pin_mut() {
                Some(wire) => match wire.await {
                    Err(reason) => reason,
                    // The client sees the end of its socket, and knows best what it means.
                    Ok(()) => std::future::pending().await,
                },
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            end = poll => end,
            reason = carried => End::Lost(reason),
            () = connection.pump() => End::Lost("the pump ended".to_owned()),
            () = connection.settle() => End::Lost("the book-keeping ended".to_owned()),
            () = connection.leave() => End::SaidGoodbye,
        }
    };
    drop(events);
    if let (End::SaidGoodbye, Some(wire)) = (&end, wire.as_pin_mut()) {
        // The last bytes are still on the wire; the broker closes it when it has read them.
        drop(tokio::time::timeout(LAST_BYTES_DEADLINE, wire).await);
    }
    connection.write_down().await;
    end
}

impl Connection<'_> {
    /// A broker that was started anew has lost what it kept, and what waited too long is not worth telling.
    async fn prepare(&self) {
        let (store, now) = (self.place.store, self.place.clock.now());
        let prepared = async {
            store.expire(now).await?;
            store.tell_states_again().await
        };
        if let Err(failure) = prepared.await {
            tracing::error!(error = %failure, "the states cannot be told again: a fresh broker may lack some of them");
        }
    }

    /// The broker has let us in: say so, listen, and let everything flow.
    fn begin(&self) {
        let mut track = self.lock();
        track.connected = true;
        self.place.health.restore(REFUSED_PART);
        self.hand_over(&mut track, self.about_us(ONLINE), Parcel::Online);
        self.client.listen(self.place.filters.to_vec());
        drop(track);
        self.room.notify_one();
    }

    fn about_us(&self, payload: &str) -> Letter {
        Letter {
            topic: self.status.to_owned(),
            payload: payload.into(),
            retain: true,
            expires_in: None,
        }
    }

    /// Hands messages over as long as there is room.
    async fn pump(&self) {
        loop {
            let is_open = {
                let mut track = self.lock();
                self.fill(&mut track);
                track.connected && !track.leaving && track.next.is_empty()
            };
            let took = is_open && self.take().await;
            if took {
                continue;
            }
            tokio::select! {
                () = self.place.store.posted() => {}
                () = self.room.notified() => {}
            }
        }
    }

    fn fill(&self, track: &mut Track) {
        while !track.leaving && track.queued.len() + track.sent.len() < WINDOW {
            let Some((letter, receipt)) = track.next.pop_front() else {
                return;
            };
            self.hand_over(track, letter, Parcel::Kept(receipt));
        }
    }

    /// Takes from the tables what was not taken yet; false when there is nothing.
    async fn take(&self) -> bool {
        let (after, known) = {
            let track = self.lock();
            (track.taken, track.states.len() as u32)
        };
        let store = self.place.store;
        let read = async {
            let states = store.waiting_states(BATCH.saturating_add(known)).await?;
            Ok::<_, crate::store::StoreFailure>((states, store.waiting(after, BATCH).await?))
        };
        let (states, messages) = match read.await {
            Ok(read) => read,
            Err(failure) => {
                tracing::error!(error = %failure, "what waits for the broker cannot be read; it is tried again");
                tokio::time::sleep(AFTER_FAILURE).await;
                return true;
            }
        };
        let now = self.place.clock.now();
        let mut track = self.lock();
        // What takes parts back goes before what is shown from now on; what happened comes when everything is in its place.
        let (moments, removals): (Vec<_>, Vec<_>) = messages
            .into_iter()
            .partition(|message| message.expires_at.is_some());
        let letter_of = |message: WaitingMessage| {
            let left = message.expires_at.map(|at| at.seconds_since(now));
            let letter = Letter {
                topic: message.topic,
                payload: message.payload.into(),
                retain: false,
                expires_in: left.map(|seconds| seconds.clamp(1.0, f64::from(u32::MAX)) as u32),
            };
            let (number, pattern_id) = (message.number, message.pattern_id);
            (letter, Receipt::Message { number, pattern_id })
        };
        let last = moments.iter().chain(&removals).map(|m| m.number).max();
        track.taken = last.unwrap_or(track.taken);
        track.next.extend(removals.into_iter().map(letter_of));
        for state in states {
            if track.states.get(&state.topic) == Some(&state.version) {
                continue;
            }
            track.states.insert(state.topic.clone(), state.version);
            let letter = Letter {
                topic: state.topic.clone(),
                payload: state.payload.into(),
                retain: true,
                expires_in: None,
            };
            let (topic, version) = (state.topic, state.version);
            track
                .next
                .push_back((letter, Receipt::State { topic, version }));
        }
        track.next.extend(moments.into_iter().map(letter_of));
        !track.next.is_empty()
    }

    fn hand_over(&self, track: &mut Track, letter: Letter, parcel: Parcel) {
        let topic = letter.topic.clone();
        if !self.client.publish(letter) {
            // Cannot happen while the window is smaller than the queue; if it does, it is sent on the next connection.
            tracing::error!(topic, "a message was not taken over");
            return;
        }
        track.queued.push_back((topic, parcel));
    }

    fn on(&self, heard: Heard) {
        let mut track = self.lock();
        match heard {
            Heard::Sent(number) => {
                if let Some(parcel) = track.queued.pop_front() {
                    track.sent.insert(number, parcel);
                }
            }
            Heard::Arrived(number) => {
                match track.sent.remove(&number) {
                    Some((_, Parcel::Kept(receipt))) => {
                        metrics::counter!("homeiq_mqtt_publish_total", "result" => "acknowledged")
                            .increment(1);
                        track.receipts.push(receipt);
                        self.acknowledged.notify_one();
                    }
                    // The goodbye is acknowledged: a disconnect that is only queued would never be sent, so polling goes on.
                    Some((_, Parcel::Offline)) => self.client.disconnect(),
                    Some((_, Parcel::Online)) | None => {}
                }
                self.room.notify_one();
            }
            Heard::Returned(number, why) => {
                metrics::counter!("homeiq_mqtt_publish_total", "result" => "refused").increment(1);
                if let Some((topic, _)) = track.sent.remove(&number) {
                    let reason = format!(
                        "the broker does not take messages to {topic}: {why}. They wait for the next connection"
                    );
                    if self.place.health.degrade(REFUSED_PART, reason.clone()) {
                        tracing::warn!("{reason}");
                    }
                }
                self.room.notify_one();
            }
            Heard::Message {
                topic,
                payload,
                retained,
            } => {
                let said = Said {
                    topic,
                    payload,
                    retained,
                };
                if self.place.heard.try_send(said).is_err() {
                    metrics::counter!("homeiq_mqtt_commands_total", "command" => "any", "result" => "too_many")
                        .increment(1);
                    tracing::warn!("too many commands at once: one is left out");
                }
            }
            Heard::Connected | Heard::Left | Heard::Listening | Heard::Deaf | Heard::Nothing => {}
        }
    }

    fn is_deaf(&self) {
        let reason = "the broker does not let this service listen to commands".to_owned();
        if self.place.health.degrade(REFUSED_PART, reason.clone()) {
            tracing::warn!("{reason}");
        }
    }

    /// Writes acknowledgements down as they come, several at once where they come fast.
    async fn settle(&self) {
        loop {
            self.acknowledged.notified().await;
            if !self.write_down().await {
                tokio::time::sleep(AFTER_FAILURE).await;
                self.acknowledged.notify_one();
            }
        }
    }

    /// Writes down what was acknowledged; false when that failed, and is to be tried again.
    async fn write_down(&self) -> bool {
        let receipts = self.lock().receipts.clone();
        if receipts.is_empty() {
            return true;
        }
        let now = self.place.clock.now();
        if let Err(failure) = self.place.store.arrived(&receipts, now).await {
            tracing::error!(error = %failure, "messages were told but this cannot be written down: they may be told again");
            return false;
        }
        let mut track = self.lock();
        track.receipts.drain(..receipts.len());
        for receipt in &receipts {
            if let Receipt::State { topic, version } = receipt
                && track.states.get(topic) == Some(version)
            {
                track.states.remove(topic);
            }
        }
        true
    }

    /// Waits for the stop, says goodbye, and gives the broker some time to acknowledge it.
    async fn leave(&self) {
        self.place.stop.cancelled().await;
        {
            let mut track = self.lock();
            if !track.connected {
                return;
            }
            track.leaving = true;
            self.hand_over(&mut track, self.about_us(OFFLINE), Parcel::Offline);
        }
        tokio::time::sleep(GOODBYE_DEADLINE).await;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Track> {
        self.track.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
