//! Keys of data-api besides the main one (`/api/v1/keys`).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::instant::UtcMicros;

/// Most keys that can be used at the same time.
pub const MAX_KEYS: usize = 200;
/// Longest name of a key, in characters.
pub const MAX_NAME_CHARS: usize = 100;

/// What a key may be used for. None includes another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Reading events, the registry and everything that follows from them.
    Read,
    /// Sending events, registries and gaps (`/internal/…`).
    Ingest,
    /// Keys, rules, deleting, backup.
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 3] = [Self::Read, Self::Ingest, Self::Admin];

    /// The word used in JSON, SQL and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Ingest => "ingest",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or("want read, ingest or admin")
    }
}

/// A key that is asked for (`POST /api/v1/keys`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// What a person calls it, 1 to 100 characters; no other key in use has this name.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 100))]
    pub name: String,
    /// What it may be used for, at least one.
    #[cfg_attr(feature = "openapi", schema(min_items = 1))]
    pub scopes: Vec<Scope>,
    /// From when on it is refused; null: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<UtcMicros>,
    /// Requests a minute; null: as many as it likes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "openapi",
        schema(value_type = Option<u32>, minimum = 1, maximum = 1_000_000)
    )]
    pub rate_limit_per_min: Option<u32>,
}

/// A key, without the key itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApiKey {
    /// Its number.
    pub id: i64,
    /// What a person calls it.
    pub name: String,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created_at: UtcMicros,
    /// From when on it is refused.
    pub expires_at: Option<UtcMicros>,
    /// When it was used last, to the minute.
    pub last_used: Option<UtcMicros>,
    /// When it was revoked.
    pub revoked_at: Option<UtcMicros>,
    /// Requests a minute.
    pub rate_limit_per_min: Option<u32>,
}

/// A key that was made. `key` is shown this once: only its hash is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MadeKey {
    /// What to send as `Authorization: Bearer …` or `X-API-Key`.
    pub key: String,
    /// The rest.
    #[serde(flatten)]
    pub about: ApiKey,
}

/// `GET /api/v1/keys`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeyList {
    /// The keys, oldest first; with those revoked last, as a record.
    pub keys: Vec<ApiKey>,
    /// How many there are here.
    pub count: usize,
}
