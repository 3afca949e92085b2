//! What the service knows of itself.

use std::hash::{BuildHasher, RandomState};

use database::Statement;
use database::failure::StoreFailure;

use super::Store;

const INSTALL_ID: &str = "install_id";
const NOTIFICATIONS: &str = "notifications";

impl Store {
    /// The id of this installation: made once, then always the same. Sixteen hex digits.
    pub async fn install_id(&self) -> Result<String, StoreFailure> {
        let proposed = format!("{:016x}", RandomState::new().hash_one(std::process::id()));
        let mut transaction = self.database.write().await?;
        transaction
            .execute(Statement::with(
                "INSERT INTO pattern_service_facts (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                [INSTALL_ID.into(), proposed.into()],
            ))
            .await?;
        transaction.commit().await?;
        Ok(self.fact(INSTALL_ID).await?.unwrap_or_default())
    }

    /// Whether events are told: what the switch in Home Assistant says. At first they are.
    pub async fn notifications(&self) -> Result<bool, StoreFailure> {
        Ok(self.fact(NOTIFICATIONS).await?.as_deref() != Some("OFF"))
    }

    /// Turns the telling of events on or off.
    pub async fn set_notifications(&self, on: bool) -> Result<(), StoreFailure> {
        self.set_fact(NOTIFICATIONS, if on { "ON" } else { "OFF" })
            .await?;
        self.signals.changed.notify_one();
        Ok(())
    }

    pub(super) async fn set_fact(&self, name: &str, value: &str) -> Result<(), StoreFailure> {
        let mut transaction = self.database.write().await?;
        transaction
            .execute(Statement::with(
                "INSERT INTO pattern_service_facts (name, value) VALUES ($1, $2) \
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                [name.into(), value.into()],
            ))
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    pub(super) async fn fact(&self, name: &str) -> Result<Option<String>, StoreFailure> {
        let statement = Statement::with(
            "SELECT value FROM pattern_service_facts WHERE name = $1",
            [name.into()],
        );
        let row = self.database.fetch_optional(statement).await?;
        row.map(|row| row.get(0)).transpose()
    }
}
