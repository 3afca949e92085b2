//! One connection to a broker, from the first byte to the last.
//!
//! Three things go on at once and none of them waits for another: the event loop is polled, messages are handed to it, and the
//! stop is listened for. A message counts as said when its PUBACK is here; whatever is not goes back to the outbox at the end.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, Event, MqttOptions, Outgoing, Packet, QoS,
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::notify::message::{Message, OFFLINE, ONLINE};
use crate::notify::outbox::Outbox;
use crate::notify::topics::Topic;

/// Messages that may be on their way without an acknowledgement.
const WINDOW: usize = 16;
/// Room in the request queue: more than can ever be in it, so that handing over never waits.
const REQUESTS: usize = WINDOW + 8;
/// How long the goodbye may take.
const GOODBYE_DEADLINE: Duration = Duration::from_secs(2);

/// How long the wire may take to carry what was written last.
const LAST_BYTES_DEADLINE: Duration = Duration::from_secs(1);

/// How a connection ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// We were told to stop, and said so.
    SaidGoodbye,
    /// The broker does not let us in.
    Refused(String),
    /// Anything else.
    Lost(String),
}

/// What is on its way.
#[derive(Debug)]
enum Parcel {
    Online,
    Offline,
    Message(Message),
}

/// What was handed over, and how far it came.
#[derive(Debug, Default)]
struct Track {
    connected: bool,
    leaving: bool,
    /// Handed over, in order; no packet id yet.
    queued: VecDeque<Parcel>,
    /// Sent under this packet id.
    sent: HashMap<u16, Parcel>,
}

struct Connection<'a> {
    client: AsyncClient,
    outbox: &'a Outbox,
    track: Mutex<Track>,
    /// Something was acknowledged, or the connection has just begun: there is room in the window.
    room: Notify,
}

/// Connects and stays until it ends. `wire` is what carries the bytes, where that is not the client itself; `begun` is
/// called when the broker has let us in.
pub(super) async fn run(
    options: MqttOptions,
    wire: Option<impl Future<Output = String>>,
    outbox: &Outbox,
    begun: impl Fn(),
    stop: &CancellationToken,
) -> End {
    let (client, mut events) = AsyncClient::new(options, REQUESTS);
    let connection = Connection {
        client,
        outbox,
        track: Mutex::default(),
        room: Notify::new(),
    };
    let mut wire = std::pin::pin!(wire);
    let end = {
        let poll = async {
            loop {
                match events.poll().await {
                    Ok(event) => {
                        if let Some(end) = connection.on_event(&event, &begun) {
                            return end;
                        }
                    }
                    // A new connection gets a new event loop: no old packet can come back under a new one's id.
                    Err(error) => return end_of(&error),
                }
            }
        };
        let carried = async {
            match wire.as_mut().as_pin_mut() {
                Some(wire) => wire.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            end = poll => end,
            reason = carried => End::Lost(reason),
            () = connection.pump() => End::Lost("the pump ended".to_owned()),
            () = connection.leave(stop) => End::SaidGoodbye,
        }
    };
    drop(events);
    if let (End::SaidGoodbye, Some(wire)) = (&end, wire.as_pin_mut()) {
        // The last bytes are still on the wire; the broker closes it when it has read them.
        drop(tokio::time::timeout(LAST_BYTES_DEADLINE, wire).await);
    }
    outbox.put_back(connection.into_unacknowledged());
    end
}

impl Connection<'_> {
    /// Hands messages over as long as there is room.
    async fn pump(&self) {
        loop {
            self.hand_over();
            tokio::select! {
                () = self.outbox.posted() => {}
                () = self.room.notified() => {}
            }
        }
    }

    fn hand_over(&self) {
        let mut track = self.lock();
        while track.connected && !track.leaving && track.queued.len() + track.sent.len() < WINDOW {
            let Some(message) = self.outbox.take() else {
                return;
            };
            let (topic, payload) = (message.topic(), message.payload());
            self.publish(&mut track, topic, payload, Parcel::Message(message));
        }
    }

    fn publish(&self, track: &mut Track, topic: Topic, payload: Vec<u8>, parcel: Parcel) {
        let queued = self.client.try_publish(
            topic.as_str(),
            QoS::AtLeastOnce,
            topic.is_retained(),
            payload,
        );
        if let Err(error) = queued {
            // Cannot happen while the window is smaller than the queue; if it does, the parcel goes back at the end.
            tracing::error!(%topic, %error, "a message was not taken over");
        }
        track.queued.push_back(parcel);
    }

    /// Waits for the stop, says goodbye, and gives the broker some time to acknowledge it.
    async fn leave(&self, stop: &CancellationToken) {
        stop.cancelled().await;
        {
            let mut track = self.lock();
            if !track.connected {
                return;
            }
            track.leaving = true;
            self.publish(&mut track, Topic::Status, OFFLINE.into(), Parcel::Offline);
        }
        tokio::time::sleep(GOODBYE_DEADLINE).await;
    }

    fn on_event(&self, event: &Event, begun: &impl Fn()) -> Option<End> {
        let mut track = self.lock();
        match event {
            Event::Incoming(Packet::ConnAck(_)) => {
                track.connected = true;
                self.publish(&mut track, Topic::Status, ONLINE.into(), Parcel::Online);
                begun();
                self.room.notify_one();
            }
            Event::Outgoing(Outgoing::Publish(packet_id)) => {
                if let Some(parcel) = track.queued.pop_front() {
                    track.sent.insert(*packet_id, parcel);
                }
            }
            Event::Incoming(Packet::PubAck(ack)) => {
                match track.sent.remove(&ack.pkid) {
                    Some(Parcel::Message(message)) => {
                        metrics::counter!("homeiq_mqtt_publish_total", "result" => "acknowledged")
                            .increment(1);
                        self.outbox.arrived(&message);
                    }
                    // The goodbye is acknowledged: a disconnect that is only queued would never be sent, so polling goes on.
                    Some(Parcel::Offline) => drop(self.client.try_disconnect()),
                    Some(Parcel::Online) | None => {}
                }
                self.room.notify_one();
            }
            Event::Outgoing(Outgoing::Disconnect) => return Some(End::SaidGoodbye),
            Event::Incoming(Packet::Disconnect) => {
                return Some(End::Lost("the broker ended the connection".to_owned()));
            }
            Event::Incoming(_) | Event::Outgoing(_) => {}
        }
        None
    }

    /// Messages without an acknowledgement, in their order.
    fn into_unacknowledged(self) -> Vec<Message> {
        let track = self
            .track
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        let mut sent: Vec<(u16, Parcel)> = track.sent.into_iter().collect();
        sent.sort_unstable_by_key(|(packet_id, _)| *packet_id);
        let parcels = sent
            .into_iter()
            .map(|(_, parcel)| parcel)
            .chain(track.queued);
        let messages: Vec<Message> = parcels
            .filter_map(|parcel| match parcel {
                Parcel::Message(message) => Some(message),
                Parcel::Online | Parcel::Offline => None,
            })
            .collect();
        metrics::counter!("homeiq_mqtt_publish_total", "result" => "put_back")
            .increment(messages.len() as u64);
        messages
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Track> {
        self.track.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn end_of(error: &ConnectionError) -> End {
    match error {
        ConnectionError::ConnectionRefused(
            ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized,
        ) => End::Refused(
            "it refuses the name or the password: set MQTT_USERNAME and MQTT_PASSWORD".to_owned(),
        ),
        ConnectionError::ConnectionRefused(code) => {
            End::Lost(format!("it refuses the connection: {code:?}"))
        }
        ConnectionError::NetworkTimeout | ConnectionError::FlushTimeout => {
            End::Lost("it does not answer in time".to_owned())
        }
        ConnectionError::NotConnAck(_) => {
            End::Lost("what answers there does not speak MQTT".to_owned())
        }
        ConnectionError::Io(error) => End::Lost(error.to_string()),
        ConnectionError::MqttState(error) => End::Lost(error.to_string()),
        ConnectionError::RequestsDone => End::Lost("the client was closed".to_owned()),
    }
}
