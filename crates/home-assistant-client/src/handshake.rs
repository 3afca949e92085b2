//! The way into Home Assistant as a state machine: text in, what to do out. No socket, no clock.

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// What to do after a message.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Send this text and wait for the next message.
    Send(String),
    /// We are in; the version of Home Assistant.
    Accepted(String),
    /// The token is not accepted. Trying again soon can ban our address.
    Refused(String),
    /// Not Home Assistant, or not as documented.
    Unexpected(String),
}

#[derive(Deserialize)]
struct Message {
    #[serde(rename = "type")]
    kind: Kind,
    #[serde(default)]
    ha_version: Option<String>,
    #[serde(default)]
    message: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    AuthRequired,
    AuthOk,
    AuthInvalid,
    #[serde(other)]
    Other,
}

/// What a message of the handshake asks for.
pub fn step(text: &str, token: &SecretString) -> Step {
    let unexpected = || Step::Unexpected(text.chars().take(120).collect());
    let Ok(message) = serde_json::from_str::<Message>(text) else {
        return unexpected();
    };
    match message.kind {
        Kind::AuthRequired => Step::Send(
            serde_json::json!({"type": "auth", "access_token": token.expose_secret()}).to_string(),
        ),
        Kind::AuthOk => Step::Accepted(message.ha_version.unwrap_or_else(|| "unknown".to_owned())),
        Kind::AuthInvalid => Step::Refused(
            message
                .message
                .unwrap_or_else(|| "no reason given".to_owned()),
        ),
        Kind::Other => unexpected(),
    }
}
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_what_real_versions_sent() {
        let token = SecretString::from("secret");
        for version in ["2024.3.3", "2025.4.4", "2026.11.0"] {
            let path = format!(
                "{}/../../shared/fixtures/homeassistant/{version}/auth_handshake.json",
                env!("CARGO_MANIFEST_DIR")
            );
            let recorded = std::fs::read_to_string(path).unwrap();
            assert!(recorded.contains("auth_required") && recorded.contains("auth_invalid"));
            let ok = format!(r#"{{"type":"auth_ok","ha_version":"{version}"}}"#);
            assert_eq!(step(&ok, &token), Step::Accepted(version.to_owned()));
        }
        let Step::Send(auth) = step(
            r#"{"type":"auth_required","ha_version":"2026.11.0"}"#,
            &token,
        ) else {
            panic!()
        };
        assert_eq!(auth, r#"{"access_token":"secret","type":"auth"}"#);
        let refused = step(
            r#"{"type":"auth_invalid","message":"Invalid access token or password"}"#,
            &token,
        );
        assert_eq!(
            refused,
            Step::Refused("Invalid access token or password".to_owned())
        );
        assert!(matches!(step("<html>", &token), Step::Unexpected(_)));
        assert!(matches!(
            step(r#"{"type":"event"}"#, &token),
            Step::Unexpected(_)
        ));
    }
}
