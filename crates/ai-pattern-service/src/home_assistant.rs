//! Home Assistant as the place where habits become automations: checked, compared, created, followed.

mod announce;
mod create;
mod effect;
pub(crate) mod existing;
mod validate;

use home_assistant_client::{HomeAssistant, NoClient};
use url::Url;

use crate::config::HomeAssistantSettings;

pub(crate) use create::CreateFailed;
pub(crate) use effect::{Effect, follow, rating, settled_until};
pub(crate) use existing::Relations;

/// What to set where something needs an address and a token.
pub(crate) const WHAT_TO_SET: &str = "set HA_HTTP_URL and HA_TOKEN";

/// The home's Home Assistant, as far as we are let in. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    reader: Option<HomeAssistant>,
    admin: Option<HomeAssistant>,
    notify: bool,
    public_url: Option<Url>,
}

impl Home {
    /// Nothing is asked yet.
    ///
    /// # Errors
    /// An HTTP client cannot be made.
    pub(crate) fn new(settings: HomeAssistantSettings) -> Result<Self, NoClient> {
        Ok(Self {
            reader: settings.reader.map(HomeAssistant::new).transpose()?,
            admin: settings.admin.map(HomeAssistant::new).transpose()?,
            notify: settings.notify,
            public_url: settings.public_url,
        })
    }
}
