//! What Home Assistant says of the home itself.

use common::api::home::Home;
use common::instant::UtcMicros;
use sqlx::{Row, query};

use super::{Store, row};
use crate::store::StoreFailure;
use crate::store::reported::{Object, text};

impl Store {
    /// Keeps what was reported (`get_config`); it replaces what was known.
    pub async fn report_home(&self, sent: &Object, now: UtcMicros) -> Result<(), StoreFailure> {
        query(
            "INSERT OR REPLACE INTO home (id, time_zone, location_name, home_assistant_version, reported_us) \
             VALUES (1, $1, $2, $3, $4)",
        )
        .bind(text(sent, "time_zone").flatten())
        .bind(text(sent, "location_name").flatten())
        .bind(text(sent, "version").flatten())
        .bind(now.get())
        .execute(&self.sqlite().writer)
        .await?;
        Ok(())
    }

    /// The home as it was reported last.
    pub async fn home(&self) -> Result<Home, StoreFailure> {
        let found =
            query("SELECT time_zone, location_name, home_assistant_version, reported_us FROM home")
                .fetch_optional(&self.sqlite().readers)
                .await?;
        let Some(row) = found else {
            return Ok(Home::default());
        };
        Ok(Home {
            time_zone: row.try_get(0)?,
            location_name: row.try_get(1)?,
            home_assistant_version: row.try_get(2)?,
            reported: row::instant(&row, 3)?,
        })
    }
}
