//! Which entities have another id than before, as a complete list shows.

use std::collections::HashMap;

use common::entity::domain_of;
use common::instant::UtcMicros;
use database::Transaction;

use crate::store::StoreFailure;
use crate::store::reported::{Object, first_text, instant};

/// When a name stopped to be an entity's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Not known: nobody else is known to have the name.
    Unknown,
    /// About then: at the rename, or with the removal of its state shortly after.
    Renamed(UtcMicros),
    /// Then at the latest: another entity got it.
    Taken(UtcMicros),
}

/// An entity that has another id than before.
#[derive(Debug)]
pub(super) struct Detected {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) end: End,
}

/// Entries that are known under another id: by the registry's own id of them, else by integration and unique id.
pub(super) async fn detect(
    transaction: &mut Transaction,
    sent: &[Object],
) -> Result<Vec<Detected>, StoreFailure> {
    let rows = transaction
        .fetch_all(
            "SELECT entity_id, registry_id, platform, unique_id FROM entities ORDER BY removed_us IS NULL",
        )
        .await?;
    let mut by_id: HashMap<String, String> = HashMap::new();
    let mut by_key: HashMap<(String, String, String), String> = HashMap::new();
    for row in rows {
        let entity_id: String = row.get(0)?;
        let (platform, unique): (Option<String>, Option<String>) = (row.get(2)?, row.get(3)?);
        if let Some(id) = row.get::<Option<String>>(1)? {
            by_id.insert(id, entity_id);
        } else if let (Some(platform), Some(unique)) = (platform, unique) {
            let domain = domain_of(&entity_id).to_owned();
            by_key.insert((domain, platform, unique), entity_id);
        }
    }
    let named: HashMap<String, &Object> = sent
        .iter()
        .filter_map(|entry| Some((first_text(entry, &["entity_id"])?, entry)))
        .collect();
    let mut detected: Vec<Detected> = Vec::new();
    for (to, entry) in &named {
        let known = first_text(entry, &["id"])
            .and_then(|id| by_id.get(&id).cloned())
            .or_else(|| {
                let domain = domain_of(to).to_owned();
                let key = (
                    domain,
                    first_text(entry, &["platform"])?,
                    first_text(entry, &["unique_id"])?,
                );
                by_key
                    .get(&key)
                    .filter(|from| !named.contains_key(*from))
                    .cloned()
            });
        let Some(from) = known.filter(|from| from != to && domain_of(from) == domain_of(to)) else {
            continue;
        };
        let end = match named.get(&from) {
            Some(taker) => instant(taker, "modified_at").map(End::Taken),
            None => instant(entry, "modified_at").map(End::Renamed),
        };
        detected.push(Detected {
            end: end.unwrap_or(End::Unknown),
            from,
            to: to.clone(),
        });
    }
    // Two entries of a broken list may claim the same past; the first in order has it.
    detected.sort_by(|a, b| (&a.from, &a.to).cmp(&(&b.from, &b.to)));
    detected.dedup_by(|a, b| a.from == b.from);
    Ok(detected)
}
