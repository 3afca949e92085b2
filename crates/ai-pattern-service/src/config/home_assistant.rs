//! Where Home Assistant is, for checking and making automations.

use common::env::{Env, Secret};
use home_assistant_client::Peer;
use home_assistant_client::address::WebSocketUrl;
use url::Url;

/// The ways into Home Assistant; each may be missing.
#[derive(Debug, Clone)]
pub struct HomeAssistantSettings {
    /// For reading and checking.
    pub reader: Option<Peer>,
    /// For making automations.
    pub admin: Option<Peer>,
    /// Whether new habits become a notification there.
    pub notify: bool,
    /// The page that a notification leads to.
    pub public_url: Option<Url>,
}

impl HomeAssistantSettings {
    /// Reads the settings; mistakes stay in `env`.
    pub(super) fn read(env: &mut Env) -> Self {
        let http: Option<WebSocketUrl> = env.optional(
            &["HA_HTTP_URL", "HOME_ASSISTANT_URL"],
            "Address of Home Assistant, such as `http://homeassistant.local:8123`: to check automations, and to see which there are. Unset: neither.",
        );
        let websocket: Option<WebSocketUrl> = env.optional(
            &["HA_WS_URL", "HA_URL"],
            "Address of its WebSocket API when it is another one; `/api/websocket` is added where missing.",
        );
        let token = env.secret(
            &["HA_TOKEN", "HOME_ASSISTANT_TOKEN"],
            "Long-lived access token of Home Assistant, for reading and checking.",
        );
        let admin = env.secret(
            &["HA_ADMIN_TOKEN"],
            "Long-lived access token of an administrator: lets this service create, change and remove its own automations, and read the others. Unset: it does not.",
        );
        let verify = env.switch(
            &["SSL_VERIFY"],
            true,
            "`false`: accept any certificate of Home Assistant, also a self-signed one.",
        );
        let notify = env.switch(
            &["HA_NOTIFY"],
            false,
            "`true`: new habits become a notification in Home Assistant.",
        );
        let public_url = env.optional(
            &["PATTERN_PUBLIC_URL"],
            "Address of the page about habits as a browser reaches it; notifications lead there.",
        );
        let address = websocket.or(http).map(|url| url.0);
        let peer = |token: Option<Secret>, token_setting| {
            Some(Peer {
                websocket: address.clone()?,
                token: Some(token?),
                token_setting,
                verify,
            })
        };
        let admin = peer(admin, "HA_ADMIN_TOKEN");
        Self {
            reader: peer(token, "HA_TOKEN").or_else(|| admin.clone()),
            admin,
            notify,
            public_url,
        }
    }
}
