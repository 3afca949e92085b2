//! Keys besides the main one.

use common::api::keys::{ApiKey, MAX_KEYS, NewKey, Scope};
use common::instant::UtcMicros;
use database::{Row, Statement};

use super::{Store, StoreFailure};

/// Revoked keys that stay in the list, as a record; older ones are forgotten.
const REVOKED_KEPT: i64 = 100;
const COLUMNS: &str = "SELECT id, name, hash, scopes, rate_limit_per_min, created_us, expires_us, last_used_us, revoked_us FROM api_keys ";

/// A key as it is stored.
#[derive(Debug, Clone)]
pub struct StoredKey {
    /// SHA-256 of the key.
    pub hash: [u8; 32],
    /// The rest.
    pub about: ApiKey,
}

/// What became of a wish for a key.
#[derive(Debug, Clone)]
pub enum Added {
    /// It is there.
    Key(ApiKey),
    /// A key in use has this name.
    NameTaken,
    /// [`MAX_KEYS`] are in use.
    TooMany,
}

impl Store {
    /// Every key, those in use first, then oldest first.
    pub async fn keys(&self) -> Result<Vec<StoredKey>, StoreFailure> {
        let rows = self
            .database
            .fetch_all(Statement::new(COLUMNS).push("ORDER BY revoked_us IS NOT NULL, id"))
            .await?;
        rows.iter().map(stored).collect()
    }

    /// Keeps a key by its hash, unless its name is taken or there are too many.
    pub async fn add_key(
        &self,
        key: &NewKey,
        hash: &[u8; 32],
        now: UtcMicros,
    ) -> Result<Added, StoreFailure> {
        let mut transaction = self.database.write().await?;
        let used = transaction
            .fetch_one(Statement::with(
                "SELECT COUNT(*), COUNT(CASE WHEN name = $1 THEN 1 END) FROM api_keys WHERE revoked_us IS NULL",
                [key.name.as_str().into()],
            ))
            .await?;
        if used.count(1)? > 0 {
            return Ok(Added::NameTaken);
        }
        if used.count(0)? >= MAX_KEYS as u64 {
            return Ok(Added::TooMany);
        }
        let scopes: Vec<_> = key.scopes.iter().map(|scope| scope.as_str()).collect();
        let added = transaction
            .fetch_one(Statement::with(
                "INSERT INTO api_keys (name, hash, scopes, rate_limit_per_min, created_us, expires_us) \
                 VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
                [
                    key.name.as_str().into(),
                    hash.as_slice().into(),
                    scopes.join(" ").into(),
                    key.rate_limit_per_min.into(),
                    now.get().into(),
                    key.expires_at.map(UtcMicros::get).into(),
                ],
            ))
            .await?;
        let id = added.get("id")?;
        transaction
            .execute(Statement::with(
                "DELETE FROM api_keys WHERE id IN (SELECT id FROM api_keys WHERE revoked_us IS NOT NULL \
                 ORDER BY revoked_us DESC, id DESC LIMIT 1000 OFFSET $1)",
                [REVOKED_KEPT.into()],
            ))
            .await?;
        transaction.commit().await?;
        Ok(Added::Key(ApiKey {
            id,
            name: key.name.clone(),
            scopes: key.scopes.clone(),
            created_at: now,
            expires_at: key.expires_at,
            last_used: None,
            revoked_at: None,
            rate_limit_per_min: key.rate_limit_per_min,
        }))
    }

    /// Revokes a key for good; false when there is none of this number in use.
    pub async fn revoke_key(&self, id: i64, now: UtcMicros) -> Result<bool, StoreFailure> {
        let mut transaction = self.database.write().await?;
        let revoked = transaction
            .execute(Statement::with(
                "UPDATE api_keys SET revoked_us = $2 WHERE id = $1 AND revoked_us IS NULL",
                [id.into(), now.get().into()],
            ))
            .await?;
        transaction.commit().await?;
        Ok(revoked > 0)
    }

    /// Notes when keys were used last.
    pub async fn keys_were_used(&self, used: &[(i64, UtcMicros)]) -> Result<(), StoreFailure> {
        let mut transaction = self.database.write().await?;
        for (id, at) in used {
            transaction
                .execute(Statement::with(
                    "UPDATE api_keys SET last_used_us = $2 WHERE id = $1",
                    [(*id).into(), at.get().into()],
                ))
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}

fn stored(row: &Row) -> Result<StoredKey, StoreFailure> {
    let instant = |column: &'static str| {
        row.get::<Option<i64>>(column)
            .map(|micros| micros.and_then(|micros| UtcMicros::new(micros).ok()))
    };
    let hash: Vec<u8> = row.get("hash")?;
    let scopes: String = row.get("scopes")?;
    Ok(StoredKey {
        // A hash of another length matches nothing.
        hash: hash.try_into().unwrap_or_default(),
        about: ApiKey {
            id: row.get("id")?,
            name: row.get("name")?,
            // A scope that this version does not know gives no right.
            scopes: scopes
                .split(' ')
                .filter_map(|word| word.parse::<Scope>().ok())
                .collect(),
            created_at: instant("created_us")?.unwrap_or_default(),
            expires_at: instant("expires_us")?,
            last_used: instant("last_used_us")?,
            revoked_at: instant("revoked_us")?,
            rate_limit_per_min: row
                .get::<Option<i64>>("rate_limit_per_min")?
                .map(|rate| u32::try_from(rate).unwrap_or(u32::MAX)),
        },
    })
}
