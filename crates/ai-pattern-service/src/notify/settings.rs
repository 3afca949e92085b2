//! What is shown in Home Assistant over MQTT, and how.

use std::str::FromStr;

use common::env::Env;
use common::settings::HttpUrl;

use super::topics::is_id;

/// How Home Assistant is told what to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discovery {
    /// One message for the device and all its parts: Home Assistant 2024.11 and later.
    Device,
    /// One message for each part: before that.
    Component,
    /// Not at all.
    Off,
}

impl FromStr for Discovery {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_ascii_lowercase().as_str() {
            "device" => Ok(Self::Device),
            "component" => Ok(Self::Component),
            "off" => Ok(Self::Off),
            _ => Err("want device, component or off"),
        }
    }
}

/// Everything about it.
#[derive(Debug, Clone)]
pub struct HomeSettings {
    /// How Home Assistant is told what to show.
    pub discovery: Discovery,
    /// Its prefix of discovery.
    pub prefix: String,
    /// Whether each accepted habit of the clock gets a sensor that says whether it is due now.
    pub expected_now: bool,
    /// Where to ask websocket-ingestion how it is; none: it is not asked.
    pub ingestion: Option<HttpUrl>,
}

impl HomeSettings {
    /// Reads the settings; mistakes stay in `env`.
    pub fn read(env: &mut Env) -> Self {
        Self {
            discovery: env.value(
                &["MQTT_DISCOVERY"],
                "device",
                "How Home Assistant is told over MQTT what to show: `device` (2024.11 and later), `component` (before), `off`.",
            ),
            prefix: env
                .value::<Prefix>(
                    &["MQTT_DISCOVERY_PREFIX"],
                    "homeassistant",
                    "Prefix of MQTT discovery, as Home Assistant's MQTT integration has it.",
                )
                .0,
            expected_now: env.switch(
                &["MQTT_EXPECTED_NOW"],
                false,
                "Show a sensor in Home Assistant for each accepted habit of the clock that says whether it is due now.",
            ),
            ingestion: env.optional(
                &["WEBSOCKET_INGESTION_URL"],
                "Address of websocket-ingestion, to show in Home Assistant whether its events come in. Unset: that is not shown.",
            ),
        }
    }
}

/// Levels of a topic that mean one thing.
struct Prefix(String);

impl FromStr for Prefix {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = text.len() <= 128 && text.split('/').all(is_id) && !text.starts_with("homeiq");
        fits.then(|| Self(text.to_owned()))
            .ok_or("want letters, digits, '_', '-' and '/', not beginning with homeiq")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_levels_of_a_topic_and_not_our_own() {
        for (text, fits) in [
            ("homeassistant", true),
            ("my/home-1", true),
            ("", false),
            ("a/", false),
            ("a/+", false),
            ("#", false),
            ("homeiq", false),
        ] {
            assert_eq!(text.parse::<Prefix>().is_ok(), fits, "{text}");
        }
    }

    #[test]
    fn rubbish_is_told() {
        let mut env = Env::from_pairs([("MQTT_DISCOVERY", "yes"), ("MQTT_DISCOVERY_PREFIX", "#")]);
        HomeSettings::read(&mut env);
        let told = env.finish().unwrap_err().to_string();
        assert!(told.contains("MQTT_DISCOVERY=") && told.contains("MQTT_DISCOVERY_PREFIX="));
    }
}
