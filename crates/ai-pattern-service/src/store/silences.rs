//! Of what nothing is told.

use common::instant::UtcMicros;
use database::Statement;
use database::failure::StoreFailure;

use super::Store;

impl Store {
    /// Entity ids, areas and domains of which nothing is told, by name.
    pub async fn silences(&self) -> Result<Vec<String>, StoreFailure> {
        let rows = self
            .database
            .fetch_all("SELECT name FROM silences ORDER BY name")
            .await?;
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Tells nothing of this any more.
    pub async fn silence(&self, name: &str, now: UtcMicros) -> Result<(), StoreFailure> {
        let mut transaction = self.database.write().await?;
        transaction
            .execute(Statement::with(
                "INSERT INTO silences (name, created_at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                [name.into(), now.get().into()],
            ))
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Tells of it again; false where it was not silenced.
    pub async fn unsilence(&self, name: &str) -> Result<bool, StoreFailure> {
        let mut transaction = self.database.write().await?;
        let gone = transaction
            .execute(Statement::with(
                "DELETE FROM silences WHERE name = $1",
                [name.into()],
            ))
            .await?;
        transaction.commit().await?;
        Ok(gone > 0)
    }
}
