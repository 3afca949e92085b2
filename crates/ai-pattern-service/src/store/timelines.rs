//! What was read of the past, for the next run.

use common::instant::UtcMicros;
use database::Statement;
use database::failure::StoreFailure;
use pattern_mining::Counted;

use super::Store;

/// A timeline as bytes, and what it covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedTimeline {
    /// From here, included.
    pub from: UtcMicros,
    /// To here, included.
    pub until: UtcMicros,
    /// Events that data-api had of that span when it was read.
    pub events: u64,
    /// What `pattern_mining::Timeline::save` wrote, and behind it what the run counted.
    pub saved: Vec<u8>,
}

impl SavedTimeline {
    /// With what the run counted, if anything. It may have seen more than the timeline ends with: the next run reads that again, and sees
    /// that it is the same.
    #[must_use]
    pub fn counted(mut self, counted: Option<&Counted>) -> Self {
        let length = self.saved.len();
        let written = counted.map_or(Ok(()), |counted| counted.write(&mut self.saved));
        if let Err(error) = written {
            tracing::warn!(%error, "the next run counts everything again");
            self.saved.truncate(length);
        }
        self
    }
}

impl Store {
    /// What the run before left.
    pub async fn timeline(&self) -> Result<Option<SavedTimeline>, StoreFailure> {
        let row = self
            .database
            .fetch_optional("SELECT from_us, until_us, events, saved FROM timelines WHERE id = 1")
            .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(SavedTimeline {
            from: UtcMicros::new(row.get(0)?).unwrap_or_default(),
            until: UtcMicros::new(row.get(1)?).unwrap_or_default(),
            events: row.count(2)?,
            saved: row.get(3)?,
        }))
    }

    /// Leaves it for the next run.
    pub async fn keep_timeline(&self, timeline: &SavedTimeline) -> Result<(), StoreFailure> {
        let mut transaction = self.database.write().await?;
        transaction
            .execute(Statement::with(
                "INSERT INTO timelines (id, from_us, until_us, events, saved) VALUES (1, $1, $2, $3, $4) \
                 ON CONFLICT (id) DO UPDATE SET from_us = excluded.from_us, until_us = excluded.until_us, \
                 events = excluded.events, saved = excluded.saved",
                [
                    timeline.from.get().into(),
                    timeline.until.get().into(),
                    i64::try_from(timeline.events).unwrap_or(i64::MAX).into(),
                    timeline.saved.clone().into(),
                ],
            ))
            .await?;
        transaction.commit().await?;
        Ok(())
    }
}
