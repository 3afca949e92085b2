//! Which line an event belongs to that may say a name of the past.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError};

use common::api::events::Origin;
use common::entity::EntityId;
use database::Transaction;

use super::{Store, StoreFailure, ValidEvent};

/// Names that entities had before, one for each rename that ever happened.
#[derive(Debug, Default)]
pub(super) struct FormerNames(HashMap<String, Former>);

/// The past of one name.
#[derive(Debug)]
struct Former {
    /// Whether another entity, or the same one again, has events under it now.
    in_use: bool,
    /// Up to which instant it was whose; that one by its name of now. Oldest first.
    spans: Vec<(i64, EntityId)>,
}

impl FormerNames {
    async fn read(transaction: &mut Transaction) -> Result<Self, StoreFailure> {
        let rows = transaction
            .fetch_all(
                "SELECT r.old_entity_id, r.until_us, n.entity_id, \
                 EXISTS (SELECT 1 FROM event_entities c WHERE c.entity_id = r.old_entity_id) \
                 FROM renames r JOIN event_entities n ON n.id = r.entity ORDER BY r.old_entity_id, r.until_us",
            )
            .await?;
        let mut names: HashMap<String, Former> = HashMap::new();
        for row in rows {
            let (until, now): (i64, String) = (row.get(1)?, row.get(2)?);
            let in_use = row.get(3)?;
            let former = names.entry(row.get(0)?).or_insert_with(|| Former {
                in_use,
                spans: Vec::new(),
            });
            former
                .spans
                .extend(now.parse().ok().map(|now: EntityId| (until, now)));
        }
        Ok(Self(names))
    }

    /// The name of now of the line that `event` belongs to; none: the name that it says.
    fn line_of(&self, event: &ValidEvent, taken: &HashSet<&str>) -> Option<&EntityId> {
        let name = event.entity_id.as_str();
        let former = self.0.get(name)?;
        let in_use = former.in_use || taken.contains(name);
        let last = || former.spans.last().map(|(_, now)| now);
        // Home Assistant moves its history to the new name, so what its history says under a name is of whoever has it now.
        if event.origin == Origin::Backfill {
            return if in_use { None } else { last() };
        }
        let at = event.last_updated.get();
        let owner = former.spans.iter().find(|(until, _)| at <= *until);
        match owner {
            Some((_, now)) => Some(now),
            // The farewell of the old name comes after the rename.
            None if event.state.is_none() && !in_use => last(),
            None => None,
        }
    }
}

impl Store {
    /// The batch with every event under the name that its entity has now.
    pub(super) async fn under_names_of_now<'a>(
        &self,
        transaction: &mut Transaction,
        batch: &'a [ValidEvent],
    ) -> Result<Cow<'a, [ValidEvent]>, StoreFailure> {
        let known = self.former_names().clone();
        let names = if let Some(known) = known {
            known
        } else {
            let read = Arc::new(FormerNames::read(transaction).await?);
            *self.former_names() = Some(Arc::clone(&read));
            read
        };
        if names.0.is_empty() {
            return Ok(Cow::Borrowed(batch));
        }
        let mut taken = HashSet::new();
        let mut moved: Vec<(usize, &EntityId)> = Vec::new();
        for (row, event) in batch.iter().enumerate() {
            let name = event.entity_id.as_str();
            if let Some(now) = names.line_of(event, &taken) {
                moved.push((row, now));
            } else if names.0.get(name).is_some_and(|former| !former.in_use) {
                taken.insert(name);
            }
        }
        if !taken.is_empty() {
            // From this batch on the name is in use again, if it is committed: to be read anew.
            self.forget_former_names();
        }
        if moved.is_empty() {
            return Ok(Cow::Borrowed(batch));
        }
        let mut batch = batch.to_vec();
        for (row, now) in moved {
            batch[row].entity_id = now.clone();
        }
        Ok(Cow::Owned(batch))
    }

    /// Makes the next batch read the names anew. To be called with the writer held, before the commit that changes them: whether that
    /// succeeds or its caller goes away, memory then never knows more than the tables.
    pub(super) fn forget_former_names(&self) {
        *self.former_names() = None;
    }

    fn former_names(&self) -> std::sync::MutexGuard<'_, Option<Arc<FormerNames>>> {
        self.former_names
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
