//! What Home Assistant says of the home itself (`POST /internal/home`, `GET /api/v1/home`).

use serde::{Deserialize, Serialize};

use crate::instant::UtcMicros;

/// The home. Everything is null until it was reported.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Home {
    /// Its time zone, such as `Europe/Berlin`.
    pub time_zone: Option<String>,
    /// Its name.
    pub location_name: Option<String>,
    /// Version of Home Assistant.
    pub home_assistant_version: Option<String>,
    /// When this was reported.
    pub reported: Option<UtcMicros>,
}
