//! MQTT 3.1.1, for brokers that do not speak 5.

use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, Event, LastWill, MqttOptions, Outgoing,
    Packet, QoS, SubscribeFilter, SubscribeReasonCode, Transport,
};

use super::client::{Dial, End, Heard, KEEP_ALIVE, Letter, MAX_PACKET_BYTES, PACKET_IDS, refused};

pub(super) fn options(dial: &Dial) -> MqttOptions {
    let mut options = MqttOptions::new(&dial.client_id, &dial.place, dial.port);
    if dial.is_socket {
        options.set_transport(Transport::unix());
    }
    options.set_keep_alive(KEEP_ALIVE);
    // Without MQTT 5 a session that is kept would be kept for ever.
    options.set_clean_session(true);
    options.set_inflight(PACKET_IDS);
    options.set_max_packet_size(MAX_PACKET_BYTES as usize, MAX_PACKET_BYTES as usize);
    let (topic, payload) = &dial.will;
    options.set_last_will(LastWill::new(topic, *payload, QoS::AtLeastOnce, true));
    if let Some((user, password)) = &dial.login {
        options.set_credentials(user, password);
    }
    options
}

pub(super) fn publish(client: &AsyncClient, letter: Letter) -> bool {
    let qos = QoS::AtLeastOnce;
    client
        .try_publish(letter.topic, qos, letter.retain, letter.payload)
        .is_ok()
}

pub(super) fn listen(client: &AsyncClient, filters: Vec<String>) -> bool {
    let filters = filters
        .into_iter()
        .map(|filter| SubscribeFilter::new(filter, QoS::AtLeastOnce));
    client.try_subscribe_many(filters).is_ok()
}

pub(super) fn heard(event: Event) -> Heard {
    match event {
        Event::Incoming(Packet::ConnAck(_)) => Heard::Connected,
        Event::Outgoing(Outgoing::Publish(number)) => Heard::Sent(number),
        Event::Outgoing(Outgoing::Disconnect) => Heard::Left,
        Event::Incoming(Packet::PubAck(ack)) => Heard::Arrived(ack.pkid),
        Event::Incoming(Packet::Publish(publish)) => Heard::Message {
            topic: publish.topic,
            payload: publish.payload.to_vec(),
            retained: publish.retain,
        },
        Event::Incoming(Packet::SubAck(ack)) => {
            if ack.return_codes.contains(&SubscribeReasonCode::Failure) {
                Heard::Deaf
            } else {
                Heard::Listening
            }
        }
        Event::Incoming(_) | Event::Outgoing(_) => Heard::Nothing,
    }
}

pub(super) fn end_of(error: &ConnectionError) -> End {
    match error {
        ConnectionError::ConnectionRefused(ConnectReturnCode::BadUserNamePassword) => {
            refused("bad user name or password")
        }
        ConnectionError::ConnectionRefused(ConnectReturnCode::NotAuthorized) => {
            refused("not authorised")
        }
        ConnectionError::ConnectionRefused(code) => End::Lost(format!(
            "it refuses the connection: {}",
            match code {
                ConnectReturnCode::RefusedProtocolVersion =>
                    "it speaks neither MQTT 5 nor MQTT 3.1.1",
                ConnectReturnCode::BadClientId => "it does not like the client id",
                ConnectReturnCode::ServiceUnavailable => "it is not available",
                _ => "no reason given",
            }
        )),
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
