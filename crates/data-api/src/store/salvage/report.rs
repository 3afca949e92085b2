//! What was carried over, and what was not.

use std::collections::BTreeMap;
use std::fmt;

use common::api::gaps::Gap;
use common::instant::UtcMicros;
use serde::{Deserialize, Serialize};

/// The outcome, as it stands in the `.json` beside the damaged file and in `/health`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Report {
    /// When.
    pub salvaged: UtcMicros,
    /// Where the damaged file is now.
    pub set_aside: String,
    /// Rows carried over, by table.
    pub rows: BTreeMap<String, u64>,
    /// Tables of which something is lost.
    pub incomplete: Vec<String>,
    /// Events that are lost; null where nobody can know.
    pub events_lost: Option<u64>,
    /// Events whose attributes are lost.
    pub events_without_attributes: u64,
    /// Events of which it is lost who caused them.
    pub events_without_user: u64,
    /// Contexts, and parents of contexts, that events had and that are lost.
    #[serde(default)]
    pub contexts_lost: u64,
    /// The times that ingestion asks Home Assistant's history for.
    pub gaps: Vec<Gap>,
    /// Entities of which events are lost; at most 1,000.
    pub lost_by_entity: Vec<LostEntity>,
}

/// What is lost of one entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LostEntity {
    /// The entity.
    pub entity_id: String,
    /// Not before.
    pub start: UtcMicros,
    /// Not after.
    pub end: UtcMicros,
    /// How many; null where nobody can know.
    pub events: Option<u64>,
}

impl Report {
    /// Events carried over.
    pub(crate) fn events(&self) -> u64 {
        self.rows.get("events").copied().unwrap_or_default()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} events were carried over, ", self.events())?;
        match self.events_lost {
            Some(lost) => write!(f, "{lost} are lost")?,
            None => write!(f, "how many are lost is not known")?,
        }
        write!(
            f,
            "; {} spans of time are asked of Home Assistant's history; the damaged file is {aside}, the whole report {aside}.json",
            self.gaps.len(),
            aside = self.set_aside
        )
    }
}
