//! MQTT 5: what is tried first.

use std::io::ErrorKind;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    ConnectReturnCode, DisconnectReasonCode, Filter, LastWill, Packet, PubAckReason,
    PublishProperties, SubscribeReasonCode,
};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, MqttOptions, StateError};
use rumqttc::{Outgoing, Transport};

use super::client::{
    Dial, End, Heard, KEEP_ALIVE, Letter, MAX_PACKET_BYTES, PACKET_IDS, SESSION_EXPIRY_SECONDS,
    refused,
};

pub(super) fn options(dial: &Dial) -> MqttOptions {
    let mut options = MqttOptions::new(&dial.client_id, &dial.place, dial.port);
    if dial.is_socket {
        options.set_transport(Transport::unix());
    }
    options.set_keep_alive(KEEP_ALIVE);
    // Commands that come while we are away wait for us, for an hour.
    options.set_clean_start(false);
    options.set_session_expiry_interval(Some(SESSION_EXPIRY_SECONDS));
    options.set_outgoing_inflight_upper_limit(PACKET_IDS);
    options.set_max_packet_size(Some(MAX_PACKET_BYTES));
    let (topic, payload) = &dial.will;
    options.set_last_will(LastWill::new(topic, *payload, QoS::AtLeastOnce, true, None));
    if let Some((user, password)) = &dial.login {
        options.set_credentials(user, password);
    }
    options
}

pub(super) fn publish(client: &AsyncClient, letter: Letter) -> bool {
    let properties = PublishProperties {
        // The payload is UTF-8.
        payload_format_indicator: Some(1),
        message_expiry_interval: letter.expires_in,
        ..PublishProperties::default()
    };
    let (qos, retain) = (QoS::AtLeastOnce, letter.retain);
    client
        .try_publish_with_properties(letter.topic, qos, retain, letter.payload, properties)
        .is_ok()
}

pub(super) fn listen(client: &AsyncClient, filters: Vec<String>) -> bool {
    let filters = filters
        .into_iter()
        .map(|filter| Filter::new(filter, QoS::AtLeastOnce));
    client.try_subscribe_many(filters).is_ok()
}

pub(super) fn heard(event: Event) -> Heard {
    match event {
        Event::Incoming(Packet::ConnAck(_)) => Heard::Connected,
        Event::Outgoing(Outgoing::Publish(number)) => Heard::Sent(number),
        Event::Outgoing(Outgoing::Disconnect) => Heard::Left,
        Event::Incoming(Packet::PubAck(ack)) => match ack.reason {
            PubAckReason::Success | PubAckReason::NoMatchingSubscribers => Heard::Arrived(ack.pkid),
            other => Heard::Returned(ack.pkid, why_returned(other)),
        },
        Event::Incoming(Packet::Publish(publish)) => Heard::Message {
            topic: String::from_utf8_lossy(&publish.topic).into_owned(),
            payload: publish.payload.to_vec(),
            retained: publish.retain,
        },
        Event::Incoming(Packet::SubAck(ack)) => {
            let is_heard =
                |code: &SubscribeReasonCode| matches!(code, SubscribeReasonCode::Success(_));
            if ack.return_codes.iter().all(is_heard) {
                Heard::Listening
            } else {
                Heard::Deaf
            }
        }
        Event::Incoming(_) | Event::Outgoing(_) => Heard::Nothing,
    }
}

pub(super) fn end_of(error: &ConnectionError, connected: bool) -> End {
    match error {
        ConnectionError::ConnectionRefused(code)
        | ConnectionError::MqttState(StateError::ConnFail { reason: code }) => end_of_code(*code),
        ConnectionError::MqttState(StateError::ServerDisconnect {
            reason_code,
            reason_string,
        }) => {
            let said = reason_string
                .as_ref()
                .map_or_else(String::new, |text| format!(" ({text})"));
            End::Lost(format!("{}{said}", why_ended(*reason_code)))
        }
        ConnectionError::Timeout(_) => End::Lost("it does not answer in time".to_owned()),
        // A broker of before MQTT 5 answers with a packet of its own version, or not at all.
        ConnectionError::MqttState(
            StateError::Deserialization(_)
            | StateError::ConnectionAborted
            | StateError::WrongPacket,
        )
        | ConnectionError::NotConnAck(_)
            if !connected =>
        {
            End::OtherVersion(false)
        }
        ConnectionError::MqttState(StateError::Io(error)) | ConnectionError::Io(error) => {
            let is_cut = matches!(
                error.kind(),
                ErrorKind::ConnectionAborted
                    | ErrorKind::ConnectionReset
                    | ErrorKind::UnexpectedEof
                    | ErrorKind::InvalidData
                    | ErrorKind::BrokenPipe
            );
            if is_cut && !connected {
                End::OtherVersion(false)
            } else {
                End::Lost(error.to_string())
            }
        }
        other => End::Lost(other.to_string()),
    }
}

fn end_of_code(code: ConnectReturnCode) -> End {
    use ConnectReturnCode as Code;
    let why = match code {
        Code::UnsupportedProtocolVersion | Code::RefusedProtocolVersion => {
            return End::OtherVersion(true);
        }
        Code::BadUserNamePassword => return refused("bad user name or password"),
        Code::NotAuthorized => return refused("not authorised"),
        Code::BadAuthenticationMethod => return refused("bad authentication method"),
        Code::Banned => {
            return End::Refused("it has banned this client: see the broker's settings".to_owned());
        }
        Code::ProtocolError | Code::MalformedPacket => return End::OtherVersion(false),
        Code::BadClientId | Code::ClientIdentifierNotValid => "it does not like the client id",
        Code::ServiceUnavailable | Code::ServerUnavailable => "it is not available",
        Code::ServerBusy => "it is busy",
        Code::TopicNameInvalid => "it does not like the topic of the last will",
        Code::PacketTooLarge => "the packet is too large for it",
        Code::QuotaExceeded => "its quota is exceeded",
        Code::RetainNotSupported => "it does not keep messages (retain), which states need",
        Code::QoSNotSupported => "it does not confirm messages (QoS 1), which events need",
        Code::UseAnotherServer | Code::ServerMoved => "it says to use another broker",
        Code::ConnectionRateExceeded => "there are too many attempts for it",
        _ => "no reason given",
    };
    End::Lost(format!("it refuses the connection: {why}"))
}

const fn why_returned(reason: PubAckReason) -> &'static str {
    match reason {
        PubAckReason::NotAuthorized => "not authorised",
        PubAckReason::TopicNameInvalid => "topic not accepted",
        PubAckReason::QuotaExceeded => "quota exceeded",
        PubAckReason::PayloadFormatInvalid => "payload not accepted",
        PubAckReason::PacketIdentifierInUse => "packet id in use",
        _ => "no reason given",
    }
}

fn why_ended(code: DisconnectReasonCode) -> String {
    use DisconnectReasonCode as Code;
    match code {
        Code::ServerShuttingDown => "the broker is shutting down".to_owned(),
        Code::SessionTakenOver => {
            "another client with the same id has taken over: does this service run twice on one database?".to_owned()
        }
        Code::KeepAliveTimeout => "the broker has not heard of us for too long".to_owned(),
        Code::NotAuthorized => "the broker says: not authorised".to_owned(),
        Code::ServerBusy => "the broker is busy".to_owned(),
        Code::PacketTooLarge => "a packet was too large for the broker".to_owned(),
        Code::QuotaExceeded => "the broker's quota is exceeded".to_owned(),
        Code::AdministrativeAction => "somebody ended the connection at the broker".to_owned(),
        other => format!("the broker ended the connection: {other:?}"),
    }
}
