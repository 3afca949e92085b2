//! The address of a broker, parsed once, in every form that people write.

mod percent;

use std::fmt;
use std::net::Ipv6Addr;
use std::path::PathBuf;
use std::str::FromStr;

use common::env::{Env, Secret};
use secrecy::SecretString;

use percent::percent_decoded;

/// Port of MQTT over TCP.
const PLAIN_PORT: u16 = 1883;
/// Port of MQTT over TLS.
const TLS_PORT: u16 = 8883;

/// How to speak to a broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// TCP.
    Mqtt,
    /// TLS.
    Mqtts,
}

impl Scheme {
    /// Whether the client speaks to the broker itself, without our bridge.
    pub const fn is_plain(self) -> bool {
        matches!(self, Self::Mqtt)
    }
}

/// A broker.
#[derive(Debug, Clone)]
pub struct Broker {
    /// How to speak to it.
    pub scheme: Scheme,
    /// Name or address; an IPv6 address without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Name to log in with.
    pub user: Option<String>,
    /// Password to log in with.
    pub password: Option<Secret>,
    /// Certificates to trust in place of the system's.
    pub ca_file: Option<PathBuf>,
    /// Our own certificate and its key, for a broker that asks for one.
    pub client_certificate: Option<(PathBuf, PathBuf)>,
}

/// Why a value is not the address of a broker.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}; want host, host:port or mqtt://user:password@host:port")]
pub struct InvalidBroker(String);

impl Broker {
    /// Reads the settings of the broker; none when no broker is set.
    pub fn read(env: &mut Env) -> Option<Self> {
        let text: Option<String> = env.optional(
            &["MQTT_BROKER"],
            "Broker to tell habits to: `host`, `host:port`, `mqtt://user:password@host:port`, `mqtts://…`. Unset: nobody is told.",
        );
        let address = text.and_then(|text| match text.parse::<Address>() {
            Ok(address) => Some(address),
            Err(error) => {
                env.mistake(format!("MQTT_BROKER={}: {error}", without_login(&text)));
                None
            }
        });
        let port: Option<Port> = env.optional(
            &["MQTT_PORT"],
            "Port of the broker when `MQTT_BROKER` names none. Default 1883, with TLS 8883.",
        );
        let user: Option<String> = env.optional(
            &["MQTT_USERNAME"],
            "Name to log in to the broker with; wins over the one in `MQTT_BROKER`.",
        );
        let password = env.secret(&["MQTT_PASSWORD"], "Password to log in to the broker with.");
        let ca_file = env.optional(&["MQTT_CA_FILE"], "PEM file of the certificates that a `mqtts://` broker must be signed by, in place of the system's.");
        let certificate: Option<PathBuf> = env.optional(
            &["MQTT_CERT_FILE"],
            "PEM file of the certificate to show to a `mqtts://` broker that asks for one.",
        );
        let key: Option<PathBuf> = env.optional(
            &["MQTT_KEY_FILE"],
            "PEM file of the key of `MQTT_CERT_FILE`.",
        );
        let client_certificate = match (certificate, key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => {
                env.mistake("MQTT_CERT_FILE and MQTT_KEY_FILE: one is set without the other");
                None
            }
        };
        let address = address?;
        let default_port = if address.scheme == Scheme::Mqtts {
            TLS_PORT
        } else {
            PLAIN_PORT
        };
        Some(Self {
            scheme: address.scheme,
            host: address.host,
            port: address
                .port
                .or(port.map(|port| port.0))
                .unwrap_or(default_port),
            user: user.or(address.user),
            password: password.or(address.password.map(Secret::Value)),
            ca_file,
            client_certificate,
        })
    }

    /// Host as it stands before a colon and a port.
    pub fn host_in_address(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        }
    }
}

/// Without the password.
impl fmt::Display for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Mqtt => "mqtt",
            Scheme::Mqtts => "mqtts",
        };
        write!(f, "{scheme}://{}:{}", self.host_in_address(), self.port)
    }
}

/// What one value says.
#[derive(Debug, Clone)]
struct Address {
    scheme: Scheme,
    host: String,
    port: Option<u16>,
    user: Option<String>,
    password: Option<SecretString>,
}

/// A port that can be connected to.
struct Port(u16);

impl FromStr for Port {
    type Err = InvalidBroker;

    fn from_str(text: &str) -> Result<Self, InvalidBroker> {
        match text.parse() {
            Ok(port) if port > 0 => Ok(Self(port)),
            _ => Err(InvalidBroker(format!(
                "'{text}' is not a port from 1 to 65535"
            ))),
        }
    }
}

impl FromStr for Address {
    type Err = InvalidBroker;

    fn from_str(text: &str) -> Result<Self, InvalidBroker> {
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (scheme_of(scheme)?, rest),
            None => (Scheme::Mqtt, text),
        };
        // A path has no meaning for MQTT; only the slash that URLs often end with is let pass.
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#']) {
            return Err(InvalidBroker("a broker has no path".to_owned()));
        }
        let (login, place) = match rest.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, rest),
        };
        let (host, port) = host_and_port(place)?;
        let (user, password) = match login.map(|login| login.split_once(':').unwrap_or((login, "")))
        {
            Some((user, password)) => (percent_decoded(user)?, percent_decoded(password)?),
            None => (None, None),
        };
        Ok(Self {
            scheme,
            host,
            port,
            user,
            password: password.map(SecretString::from),
        })
    }
}

/// The value as it may be shown: there may be a password before the `@`.
fn without_login(text: &str) -> String {
    let (login, place) = text
        .rsplit_once('@')
        .map_or(("", text), |(_, place)| ("…@", place));
    format!("{login}{}", place.chars().take(80).collect::<String>())
}

fn scheme_of(text: &str) -> Result<Scheme, InvalidBroker> {
    match text.to_ascii_lowercase().as_str() {
        "mqtt" | "tcp" => Ok(Scheme::Mqtt),
        "mqtts" | "ssl" | "tls" => Ok(Scheme::Mqtts),
        "ws" | "wss" => Err(InvalidBroker(
            "MQTT over WebSocket is not supported yet".to_owned(),
        )),
        other => Err(InvalidBroker(format!(
            "'{other}://' is not a way to reach a broker"
        ))),
    }
}

fn host_and_port(place: &str) -> Result<(String, Option<u16>), InvalidBroker> {
    if let Some(rest) = place.strip_prefix('[') {
        let (address, after) = rest
            .split_once(']')
            .ok_or_else(|| InvalidBroker("a '[' without its ']'".to_owned()))?;
        let port = match after.strip_prefix(':') {
            Some(port) => Some(port.parse::<Port>()?.0),
            None if after.is_empty() => None,
            None => return Err(InvalidBroker(format!("'{after}' after the address"))),
        };
        return Ok((ipv6(address)?, port));
    }
    match place.matches(':').count() {
        0 => Ok((host_name(place)?, None)),
        1 => {
            let (host, port) = place.split_once(':').unwrap_or((place, ""));
            Ok((host_name(host)?, Some(port.parse::<Port>()?.0)))
        }
        _ => Ok((ipv6(place)?, None)),
    }
}

fn ipv6(text: &str) -> Result<String, InvalidBroker> {
    // A zone such as %eth0 is the system's business.
    let address = text.split_once('%').map_or(text, |(address, _)| address);
    match address.parse::<Ipv6Addr>() {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(InvalidBroker(format!("'{text}' is not an IPv6 address"))),
    }
}

fn host_name(text: &str) -> Result<String, InvalidBroker> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if !text.is_empty()
        && text.len() <= 253
        && text.chars().all(fits)
        && !text.starts_with(['-', '.'])
    {
        Ok(text.to_owned())
    } else {
        Err(InvalidBroker(format!("'{text}' is not the name of a host")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    fn read(broker: &str, more: &[(&str, &str)]) -> Broker {
        let pairs = more.iter().copied().chain([("MQTT_BROKER", broker)]);
        let mut env = Env::from_pairs(pairs);
        let read = Broker::read(&mut env);
        env.finish().unwrap();
        read.unwrap()
    }

    fn password(broker: &Broker) -> Option<String> {
        let secret = broker.password.as_ref()?.current().unwrap()?;
        Some(secret.expose_secret().to_owned())
    }

    #[test]
    fn every_form_of_the_address_is_understood() {
        for (text, shown) in [
            ("broker", "mqtt://broker:1883"),
            ("192.168.1.86", "mqtt://192.168.1.86:1883"),
            ("broker:1999", "mqtt://broker:1999"),
            ("homeiq_mosquitto:1883", "mqtt://homeiq_mosquitto:1883"),
            ("[::1]:1999", "mqtt://[::1]:1999"),
            ("[fe80::1]", "mqtt://[fe80::1]:1883"),
            ("::1", "mqtt://[::1]:1883"),
            ("2001:db8::7", "mqtt://[2001:db8::7]:1883"),
            ("mqtt://broker", "mqtt://broker:1883"),
            ("MQTT://broker:1999/", "mqtt://broker:1999"),
            ("tcp://broker:1999", "mqtt://broker:1999"),
            ("mqtts://broker", "mqtts://broker:8883"),
            ("SSL://broker:1999", "mqtts://broker:1999"),
            ("mqtt://[::1]:1999", "mqtt://[::1]:1999"),
            ("mqtt://a:b@broker:1999", "mqtt://broker:1999"),
        ] {
            assert_eq!(read(text, &[]).to_string(), shown, "{text}");
        }
    }

    #[test]
    fn the_port_is_never_said_twice() {
        // The replaced service showed, and once tried, mqtt://192.168.1.86:1883:1883.
        let broker = read("mqtt://192.168.1.86:1883", &[("MQTT_PORT", "1883")]);
        assert_eq!((broker.host.as_str(), broker.port), ("192.168.1.86", 1883));
        assert_eq!(read("broker", &[("MQTT_PORT", "1999")]).port, 1999);
        assert_eq!(read("broker:7", &[("MQTT_PORT", "1999")]).port, 7);
    }

    #[test]
    fn name_and_password_come_from_the_address_or_from_their_own_settings() {
        let from_url = read("mqtt://home%40iq:p%3Ass%20w%C3%B6rd@broker", &[]);
        assert_eq!(from_url.user.as_deref(), Some("home@iq"));
        assert_eq!(password(&from_url).as_deref(), Some("p:ss wörd"));
        let own = read(
            "mqtt://a:b@broker",
            &[("MQTT_USERNAME", "c"), ("MQTT_PASSWORD", "d")],
        );
        assert_eq!(
            (own.user.as_deref(), password(&own).as_deref()),
            (Some("c"), Some("d"))
        );
        assert!(
            !format!("{own} {own:?}").contains("\"d\""),
            "a password was shown"
        );
    }

    #[test]
    fn a_password_is_not_shown_even_when_the_address_is_rubbish() {
        for text in [
            "mqtt://home:hidden@two words",
            "mqtt://home:hid/hidden@broker",
            "home:hid%den@broker",
        ] {
            let mut env = Env::from_pairs([("MQTT_BROKER", text)]);
            Broker::read(&mut env);
            let told = env.finish().unwrap_err().to_string();
            assert!(!told.contains("hid"), "{told}");
        }
    }

    #[test]
    fn an_empty_value_turns_mqtt_off() {
        let mut env = Env::from_pairs([("MQTT_BROKER", ""), ("MQTT_PORT", "1883")]);
        assert!(Broker::read(&mut env).is_none());
        assert!(env.finish().is_ok());
    }

    #[test]
    fn rubbish_is_refused_in_one_clear_line() {
        for text in [
            "http://broker",
            "ws://broker",
            "wss://broker:8884",
            "mqtt://",
            "mqtt://:1883",
            "broker:",
            "broker:port",
            "broker:0",
            "broker:99999",
            "two words",
            "[::1",
            "[::1]x",
            "[broker]:1883",
            "1:2:3",
            "mqtt://broker/topic",
            "a%zz:b@broker",
            "-x",
        ] {
            let mut env = Env::from_pairs([("MQTT_BROKER", text)]);
            Broker::read(&mut env);
            let told = env.finish().unwrap_err().to_string();
            assert_eq!(told.lines().count(), 2, "{told}");
            assert!(
                told.contains("MQTT_BROKER=") && told.contains("want host"),
                "{text}: {told}"
            );
        }
    }
}
