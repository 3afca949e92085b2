//! How data-api says it is.

use reqwest::Method;
use serde_json::Value;

use crate::call::{CallFailed, DataApi};

/// What a person wants to know of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Stored changes; none while the store cannot be used.
    pub stored_events: Option<u64>,
    /// About how many bytes they take on disk; none while the store cannot be used.
    pub database_bytes: Option<u64>,
}

impl DataApi {
    /// Asks `/health`.
    ///
    /// # Errors
    /// No answer, or one that is none of data-api.
    pub async fn standing(&self) -> Result<Standing, CallFailed> {
        let body: Value = self.json(self.request(Method::GET, "/health")?).await?;
        let dependencies = &body["dependencies"];
        let megabytes = ["sqlite", "postgresql"]
            .into_iter()
            .find_map(|engine| dependencies[engine]["database_size_mb"].as_f64());
        Ok(Standing {
            stored_events: body["events"]["stored"].as_u64(),
            database_bytes: megabytes.map(|megabytes| (megabytes * 1e6).round() as u64),
        })
    }
}
