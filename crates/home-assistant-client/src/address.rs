//! Addresses of Home Assistant, in every form in which people give them.

use std::str::FromStr;

use url::Url;

/// The address of Home Assistant's WebSocket API, from any form in which people give it: http, https, ws, wss or no scheme,
/// with or without `/api/websocket`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSocketUrl(pub Url);

impl FromStr for WebSocketUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        websocket_url(text, "ws").map(Self)
    }
}

/// The same, where no scheme means TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecureWebSocketUrl(pub Url);

impl FromStr for SecureWebSocketUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        websocket_url(text, "wss").map(Self)
    }
}

fn websocket_url(text: &str, without_scheme: &str) -> Result<Url, String> {
    let want = "want an address such as http://homeassistant.local:8123";
    let full = if text.contains("://") {
        text.to_owned()
    } else {
        format!("{without_scheme}://{text}")
    };
    let (scheme, rest) = full.split_once("://").ok_or(want)?;
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "http" | "ws" => "ws",
        "https" | "wss" => "wss",
        other => return Err(format!("'{other}' is not http, https, ws or wss; {want}")),
    };
    let mut url =
        Url::parse(&format!("{scheme}://{rest}")).map_err(|error| format!("{error}; {want}"))?;
    if url.host().is_none() {
        return Err(want.to_owned());
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&match path.as_str() {
        path if path.ends_with("/websocket") => path.to_owned(),
        path if path.ends_with("/api") => format!("{path}/websocket"),
        path => format!("{path}/api/websocket"),
    });
    Ok(url)
}

/// An address as it may be shown: without name, password and query.
pub fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // Both fail only where a URL cannot have them.
    url.set_username("").ok();
    url.set_password(None).ok();
    url.set_query(None);
    url.to_string()
}

/// `ws://home:8123/api/websocket` is `http://home:8123/api`; the Supervisor's `ws://supervisor/core/websocket` is `http://supervisor/core/api`.
pub fn rest_base(websocket: &Url) -> Option<Url> {
    let (scheme, rest) = websocket.as_str().split_once("://")?;
    let scheme = if scheme == "wss" { "https" } else { "http" };
    let mut url = Url::parse(&format!("{scheme}://{rest}")).ok()?;
    let path = url.path().trim_end_matches('/');
    let path = path.strip_suffix("/websocket").unwrap_or(path);
    let path = if path.ends_with("/api") {
        path.to_owned()
    } else {
        format!("{path}/api")
    };
    url.set_path(&path);
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_the_address_leads_to_the_websocket() {
        for (text, want) in [
            ("http://ha:8123", "ws://ha:8123/api/websocket"),
            ("https://x.example/", "wss://x.example/api/websocket"),
            ("ha:8123", "ws://ha:8123/api/websocket"),
            ("ws://ha:8123/api", "ws://ha:8123/api/websocket"),
            ("wss://ha/api/websocket", "wss://ha/api/websocket"),
            (
                "http://supervisor/core/websocket",
                "ws://supervisor/core/websocket",
            ),
            ("HTTP://[::1]:8123", "ws://[::1]:8123/api/websocket"),
        ] {
            let read: WebSocketUrl = text.parse().unwrap();
            assert_eq!(read.0.as_str(), want, "{text}");
        }
        for text in ["ftp://ha", "http://", "http://ha:port"] {
            assert!(text.parse::<WebSocketUrl>().is_err(), "{text}");
        }
        let secure: SecureWebSocketUrl = "abc.example".parse().unwrap();
        assert_eq!(secure.0.as_str(), "wss://abc.example/api/websocket");
    }

    #[test]
    fn the_rest_address_follows_from_that_of_the_websocket() {
        for (websocket, rest) in [
            ("ws://ha:8123/api/websocket", "http://ha:8123/api"),
            ("wss://x.example/api/websocket", "https://x.example/api"),
            (
                "ws://supervisor/core/websocket",
                "http://supervisor/core/api",
            ),
            ("ws://ha/proxy/api/websocket", "http://ha/proxy/api"),
        ] {
            let url = rest_base(&Url::parse(websocket).unwrap()).unwrap();
            assert_eq!(url.as_str(), rest);
        }
    }

    #[test]
    fn what_is_shown_has_no_secrets() {
        let url = Url::parse("wss://me:secret@ha/api/websocket?key=x").unwrap();
        assert_eq!(shown(&url), "wss://ha/api/websocket");
    }
}
