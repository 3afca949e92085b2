//! The client of either protocol, behind one face. What differs between them is in `v5` and `v311`.

use std::time::Duration;

use crate::notify::{v5, v311};

/// Messages that may be on their way without an acknowledgement.
pub(super) const WINDOW: usize = 16;
/// Room in the request queue: more than can ever be in it, so that handing over never waits.
pub(super) const REQUESTS: usize = WINDOW + 16;
/// Packet ids in turn: more than can be on their way, so that none meets itself.
pub(super) const PACKET_IDS: u16 = 64;
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// How long the broker keeps commands for us while we are away (MQTT 5).
pub(super) const SESSION_EXPIRY_SECONDS: u32 = 3600;
/// Larger than any payload of ours.
pub(super) const MAX_PACKET_BYTES: u32 = 1024 * 1024;

/// A version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// MQTT 5.
    V5,
    /// MQTT 3.1.1.
    V311,
}

impl Version {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::V5 => "5",
            Self::V311 => "3.1.1",
        }
    }
}

/// How to reach a broker, and as whom.
#[derive(Debug, Clone)]
pub(super) struct Dial {
    /// Host, or the path of a socket.
    pub(super) place: String,
    /// Port; of no meaning for a socket.
    pub(super) port: u16,
    /// Whether the place is a socket.
    pub(super) is_socket: bool,
    pub(super) client_id: String,
    pub(super) login: Option<(String, String)>,
    /// Topic and payload of what the broker says, retained, when we disappear.
    pub(super) will: (String, &'static str),
}

/// A message on its way to the broker, QoS 1.
#[derive(Debug, Clone)]
pub(super) struct Letter {
    pub(super) topic: String,
    pub(super) payload: Vec<u8>,
    pub(super) retain: bool,
    /// Seconds after which the broker need not pass it on any more (MQTT 5).
    pub(super) expires_in: Option<u32>,
}

/// What is heard of a connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// The broker has let us in.
    Connected,
    /// The oldest letter that was handed over is on its way under this number.
    Sent(u16),
    /// The letter of this number has arrived.
    Arrived(u16),
    /// The broker does not take the letter of this number, and why.
    Returned(u16, &'static str),
    /// Somebody says something.
    Message {
        topic: String,
        payload: Vec<u8>,
        retained: bool,
    },
    /// The broker lets us listen.
    Listening,
    /// The broker does not let us listen to something.
    Deaf,
    /// Our goodbye is on its way.
    Left,
    /// Nothing that matters.
    Nothing,
}

/// How a connection ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// We were told to stop, and said so.
    SaidGoodbye,
    /// The broker does not let us in.
    Refused(String),
    /// The broker does not speak this version of the protocol; true when it said so itself.
    OtherVersion(bool),
    /// Anything else.
    Lost(String),
}

/// One side of a connection: what to say.
#[derive(Debug)]
pub(super) enum Client {
    V5(rumqttc::v5::AsyncClient),
    V311(rumqttc::AsyncClient),
}

/// The other side: what happens. Boxed, because they are large.
pub(super) enum Events {
    V5(Box<rumqttc::v5::EventLoop>),
    V311(Box<rumqttc::EventLoop>),
}

/// A client that connects as soon as its events are polled.
pub(super) fn dial(dial: &Dial, version: Version) -> (Client, Events) {
    match version {
        Version::V5 => {
            let (client, events) = rumqttc::v5::AsyncClient::new(v5::options(dial), REQUESTS);
            (Client::V5(client), Events::V5(Box::new(events)))
        }
        Version::V311 => {
            let (client, events) = rumqttc::AsyncClient::new(v311::options(dial), REQUESTS);
            (Client::V311(client), Events::V311(Box::new(events)))
        }
    }
}

impl Client {
    /// Hands a letter over; false when there is no room, which the window prevents.
    pub(super) fn publish(&self, letter: Letter) -> bool {
        match self {
            Self::V5(client) => v5::publish(client, letter),
            Self::V311(client) => v311::publish(client, letter),
        }
    }

    /// Asks to hear what others say on these topics.
    pub(super) fn listen(&self, filters: Vec<String>) -> bool {
        match self {
            Self::V5(client) => v5::listen(client, filters),
            Self::V311(client) => v311::listen(client, filters),
        }
    }

    /// Says goodbye after everything that was handed over.
    pub(super) fn disconnect(&self) {
        match self {
            Self::V5(client) => drop(client.try_disconnect()),
            Self::V311(client) => drop(client.try_disconnect()),
        }
    }
}

impl Events {
    /// The next thing that happens. After an `Err` there is nothing more.
    pub(super) async fn next(&mut self, connected: bool) -> Result<Heard, End> {
        match self {
            Self::V5(events) => match events.poll().await {
                Ok(event) => Ok(v5::heard(event)),
                Err(error) => Err(v5::end_of(&error, connected)),
            },
            Self::V311(events) => match events.poll().await {
                Ok(event) => Ok(v311::heard(event)),
                Err(error) => Err(v311::end_of(&error)),
            },
        }
    }
}

/// What a refused password is told as.
pub(super) fn refused(why: &str) -> End {
    End::Refused(format!(
        "it refuses the name or the password ({why}): set MQTT_USERNAME and MQTT_PASSWORD"
    ))
}
