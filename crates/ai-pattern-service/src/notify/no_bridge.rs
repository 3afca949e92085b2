//! In place of the bridge on systems without Unix sockets.

use rumqttc::MqttOptions;

use crate::notify::broker::Broker;

#[derive(Debug)]
pub(super) enum Bridge {}

impl Bridge {
    pub(super) fn new(_: &Broker) -> Result<Self, String> {
        Err("mqtts:// is not supported on this system; use mqtt://".to_owned())
    }

    pub(super) fn options(&self, _: &str) -> MqttOptions {
        match *self {}
    }

    pub(super) async fn carry(self) -> String {
        match self {}
    }
}
