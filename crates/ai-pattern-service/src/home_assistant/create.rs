//! Makes the automation of a habit in Home Assistant, and removes it.

use std::time::Duration;

use home_assistant_automation::Automation;
use home_assistant_client::{AskFailed, HomeAssistant};
use serde_json::Value;

use super::Home;

/// Home Assistant has loaded an automation within this time, or says so later.
const LOADED_WITHIN: Duration = Duration::from_secs(4);
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Created {
    /// It was not there before.
    pub(crate) is_new: bool,
    /// Its entity; none when Home Assistant has not loaded it yet.
    pub(crate) entity_id: Option<String>,
}

/// Why there is no automation.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CreateFailed {
    /// Nobody gave us the right to.
    #[error(
        "this service may not create automations: make a long-lived access token as an administrator of Home Assistant (Profile > Security), set HA_ADMIN_TOKEN or HA_ADMIN_TOKEN_FILE to it, and HA_HTTP_URL to Home Assistant's address"
    )]
    NotAllowed,
    /// Home Assistant was asked, and did not do it.
    #[error(transparent)]
    Asked(#[from] AskFailed),
    /// It has kept something else.
    #[error("Home Assistant keeps something else than was sent, in: {0}")]
    Differs(String),
}

impl Home {
    fn administrator(&self) -> Result<&HomeAssistant, CreateFailed> {
        self.admin.as_ref().ok_or(CreateFailed::NotAllowed)
    }

    /// Creates it or brings it up to date, reads it back, and finds its entity. Doing it again changes nothing.
    pub(crate) async fn create(&self, automation: &Automation) -> Result<Created, CreateFailed> {
        let admin = self.administrator()?;
        let path = ["config", "automation", "config", automation.id()];
        let before = match admin.get(&path).await {
            Ok(config) => Some(config),
            Err(AskFailed::Answered { code, .. }) if code == "404" => None,
            Err(failed) => return Err(failed.into()),
        };
        let wanted = automation.json();
        admin.post(&path, &wanted).await?;
        let kept = admin.get(&path).await?;
        let differing = differing(&wanted, &kept);
        if !differing.is_empty() {
            return Err(CreateFailed::Differs(differing.join(", ")));
        }
        Ok(Created {
            is_new: before.is_none(),
            entity_id: loaded(admin, automation.id()).await?,
        })
    }

    /// Removes it; false where it was not there.
    pub(crate) async fn remove(&self, automation_id: &str) -> Result<bool, CreateFailed> {
        let admin = self.administrator()?;
        let path = ["config", "automation", "config", automation_id];
        if let Err(AskFailed::Answered { code, .. }) = admin.get(&path).await
            && code == "404"
        {
            return Ok(false);
        }
        admin.delete(&path).await?;
        Ok(true)
    }
}

/// Waits until an automation has an entity.
async fn loaded(admin: &HomeAssistant, id: &str) -> Result<Option<String>, AskFailed> {
    let looking = async {
        loop {
            if let Some(entity) = Home::entity_of(admin, id).await? {
                return Ok(entity);
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    };
    match tokio::time::timeout(LOADED_WITHIN, looking).await {
        Ok(found) => found.map(Some),
        Err(_) => Ok(None),
    }
}

/// Keys whose values are not as they were sent; what Home Assistant adds does not matter.
fn differing(wanted: &Value, kept: &Value) -> Vec<String> {
    let fields = wanted.as_object().into_iter().flatten();
    fields
        .filter(|(key, value)| kept.get(key) != Some(value))
        .map(|(key, _)| key.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_kept_must_be_what_was_sent() {
        let wanted = json!({"alias": "a", "actions": [1]});
        assert!(differing(&wanted, &json!({"id": "x", "alias": "a", "actions": [1]})).is_empty());
        assert_eq!(
            differing(&wanted, &json!({"alias": "a", "actions": [2]})),
            ["actions"]
        );
        assert_eq!(differing(&wanted, &json!(null)), ["actions", "alias"]);
    }
}
