//! Where Home Assistant is: its own address, and the one to use when that cannot be reached.

use common::env::{Env, Secret};
use home_assistant_client::address::{self, SecureWebSocketUrl, WebSocketUrl};
use url::Url;

/// Which Home Assistant to listen to.
#[derive(Debug, Clone)]
pub enum Home {
    /// `ENABLE_HOME_ASSISTANT` is not true: HTTP only.
    Off,
    /// It was not said, and no demo is known.
    Unnamed,
    /// This one.
    At {
        /// The ways to it, the best first; at least one.
        ways: Vec<Way>,
        /// The simulated home, since no other was named.
        is_demo: bool,
    },
}

/// One way to Home Assistant. All ways lead to the same one.
#[derive(Debug, Clone)]
pub struct Way {
    /// Its place among the ways.
    pub role: Role,
    /// The WebSocket API.
    pub websocket: Url,
    /// The access token.
    pub token: Option<Secret>,
    /// The setting that is to have the token.
    pub token_setting: &'static str,
    /// Whether the certificate must be one that this machine trusts.
    pub verify: bool,
    /// The setting that decides it.
    pub verify_setting: &'static str,
}

/// Place of a way among the ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Home Assistant's own address.
    Primary,
    /// Used while the primary cannot be reached.
    Fallback,
}

impl Role {
    /// The word for it in `/health`, metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Fallback => "fallback",
        }
    }
}

impl Way {
    /// The address as it may be shown: without name and password.
    pub fn shown(&self) -> String {
        address::shown(&self.websocket)
    }
}

impl Home {
    /// The simulated home.
    pub fn demo(websocket: Url, token: Option<Secret>) -> Self {
        let way = Way {
            role: Role::Primary,
            websocket,
            token,
            token_setting: "DEMO_HA_TOKEN",
            verify: true,
            verify_setting: "SSL_VERIFY",
        };
        Self::At {
            ways: vec![way],
            is_demo: true,
        }
    }

    /// Reads the settings; mistakes stay in `env`.
    pub(super) fn read(env: &mut Env) -> Self {
        let enabled = env.switch(
            &["ENABLE_HOME_ASSISTANT"],
            true,
            "`false`: serve HTTP only, connect to nothing.",
        );
        let primary = primary(env);
        let fallback = fallback(env);
        let demo = demo(env);
        let ways: Vec<Way> = primary.into_iter().chain(fallback).collect();
        match (enabled, ways.is_empty(), demo) {
            (false, _, _) => Self::Off,
            (true, false, _) => Self::At {
                ways,
                is_demo: false,
            },
            (true, true, Some((websocket, token))) => Self::demo(websocket, token),
            (true, true, None) => Self::Unnamed,
        }
    }
}

fn primary(env: &mut Env) -> Option<Way> {
    let http: Option<WebSocketUrl> = env.optional(
        &["HA_HTTP_URL", "HOME_ASSISTANT_URL"],
        "Address of Home Assistant, such as `http://homeassistant.local:8123`.",
    );
    let websocket: Option<WebSocketUrl> = env.optional(
        &["HA_WS_URL", "HA_URL"],
        "Address of its WebSocket API when it is another one; `/api/websocket` is added where missing.",
    );
    let token = env.secret(
        &["HA_TOKEN", "HOME_ASSISTANT_TOKEN"],
        "Long-lived access token of Home Assistant (Profile > Security).",
    );
    let verify = env.switch(
        &["SSL_VERIFY"],
        true,
        "`false`: accept any certificate of Home Assistant, also a self-signed one. Better: add its authority to the file of `SSL_CERT_FILE`.",
    );
    let address = websocket.or(http)?;
    Some(Way {
        role: Role::Primary,
        websocket: address.0,
        token,
        token_setting: "HA_TOKEN",
        verify,
        verify_setting: "SSL_VERIFY",
    })
}

fn fallback(env: &mut Env) -> Option<Way> {
    let address: Option<SecureWebSocketUrl> = env.optional(
        &["NABU_CASA_URL"],
        "Another address of the same Home Assistant, such as its remote one at Nabu Casa; used while the first cannot be reached. Without a scheme: `wss`.",
    );
    let token = env.secret(
        &["NABU_CASA_TOKEN"],
        "Token for that address; long-lived tokens of Home Assistant work at both.",
    );
    let verify = env.switch(
        &["NABU_CASA_SSL_VERIFY"],
        true,
        "`false`: accept any certificate at that address.",
    );
    Some(Way {
        role: Role::Fallback,
        websocket: address?.0,
        token,
        token_setting: "NABU_CASA_TOKEN",
        verify,
        verify_setting: "NABU_CASA_SSL_VERIFY",
    })
}

fn demo(env: &mut Env) -> Option<(Url, Option<Secret>)> {
    let address: Option<WebSocketUrl> = env.optional(
        &["DEMO_HA_HTTP_URL"],
        "A simulated home to join when no Home Assistant is named and `DEMO_HA_TOKEN_FILE` exists (set by the demo).",
    );
    let token = env.secret(&["DEMO_HA_TOKEN"], "Token of the simulated home.");
    Some((address?.0, token))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ways(settings: &[(&str, &str)]) -> Vec<Way> {
        let mut env = Env::from_pairs(settings.iter().copied());
        let home = Home::read(&mut env);
        env.finish().unwrap();
        match home {
            Home::At { ways, .. } => ways,
            Home::Off | Home::Unnamed => Vec::new(),
        }
    }

    #[test]
    fn an_empty_value_counts_as_unset() {
        let found = ways(&[
            ("HA_HTTP_URL", ""),
            ("HOME_ASSISTANT_URL", "http://b:8123"),
            ("HA_TOKEN", "t"),
            ("NABU_CASA_URL", ""),
        ]);
        let [way] = found.as_slice() else {
            panic!("one way, not {found:?}")
        };
        assert_eq!(way.websocket.as_str(), "ws://b:8123/api/websocket");
        assert!(way.token.is_some() && way.verify);
        let named =
            |settings: &[(&str, &str)]| Home::read(&mut Env::from_pairs(settings.iter().copied()));
        assert!(matches!(named(&[]), Home::Unnamed));
        let off = [("HA_HTTP_URL", "http://b"), ("ENABLE_HOME_ASSISTANT", "no")];
        assert!(matches!(named(&off), Home::Off));
    }

    #[test]
    fn the_fallback_comes_second_and_speaks_tls_unless_told_otherwise() {
        let found = ways(&[
            ("HA_HTTP_URL", "ha:8123"),
            ("NABU_CASA_URL", "abc.ui.nabu.casa"),
            ("NABU_CASA_SSL_VERIFY", "on"),
            ("SSL_VERIFY", "0"),
        ]);
        let seen: Vec<_> = found
            .iter()
            .map(|way| (way.role, way.websocket.as_str(), way.verify))
            .collect();
        let (own, remote) = (
            "ws://ha:8123/api/websocket",
            "wss://abc.ui.nabu.casa/api/websocket",
        );
        assert_eq!(
            seen,
            [(Role::Primary, own, false), (Role::Fallback, remote, true)]
        );
        let alone = ways(&[("NABU_CASA_URL", "http://ha")]);
        assert_eq!(alone.len(), 1);
        assert_eq!(alone[0].websocket.as_str(), "ws://ha/api/websocket");
    }

    #[test]
    fn what_is_shown_of_an_address_has_no_secrets() {
        let [way] = &ways(&[("HA_HTTP_URL", "https://ann:secret@ha:8123/?key=hidden")])[..] else {
            panic!("one way")
        };
        assert_eq!(way.shown(), "wss://ha:8123/api/websocket");
    }
}
