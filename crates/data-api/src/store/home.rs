//! What Home Assistant says of the home itself.

use common::api::home::Home;
use common::instant::UtcMicros;
use database::Statement;

use super::reported::{Object, text};
use super::{Store, StoreFailure, row};

impl Store {
    /// Keeps what was reported (`get_config`); it replaces what was known.
    pub async fn report_home(&self, sent: &Object, now: UtcMicros) -> Result<(), StoreFailure> {
        let mut transaction = self.database.write().await?;
        transaction
            .execute(Statement::with(
                "INSERT INTO home (id, time_zone, location_name, home_assistant_version, reported_us) \
                 VALUES (1, $1, $2, $3, $4) ON CONFLICT (id) DO UPDATE SET time_zone = excluded.time_zone, \
                 location_name = excluded.location_name, home_assistant_version = excluded.home_assistant_version, \
                 reported_us = excluded.reported_us",
                [
                    text(sent, "time_zone").flatten().into(),
                    text(sent, "location_name").flatten().into(),
                    text(sent, "version").flatten().into(),
                    now.get().into(),
                ],
            ))
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The home as it was reported last.
    pub async fn home(&self) -> Result<Home, StoreFailure> {
        let found = self
            .database
            .fetch_optional(
                "SELECT time_zone, location_name, home_assistant_version, reported_us FROM home",
            )
            .await?;
        let Some(row) = found else {
            return Ok(Home::default());
        };
        Ok(Home {
            time_zone: row.get("time_zone")?,
            location_name: row.get("location_name")?,
            home_assistant_version: row.get("home_assistant_version")?,
            reported: row::instant(&row, "reported_us")?,
        })
    }
}
