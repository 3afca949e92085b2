//! What people say of habits.

use common::instant::UtcMicros;
use database::Statement;
use database::failure::StoreFailure;

use super::{Feedback, Store};

/// One word of somebody about a habit.
#[derive(Debug, Clone, Default)]
pub struct Said {
    /// What is to become of it.
    pub feedback: Option<Feedback>,
    /// Until when, for [`Feedback::Later`].
    pub later_until: Option<UtcMicros>,
    /// 1 to 5.
    pub rating: Option<i64>,
    /// In words.
    pub comment: Option<String>,
}

/// Words of one kind of habits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedbackCounts {
    /// The kind.
    pub pattern_type: String,
    /// All words that said what is to become of a habit.
    pub total: u64,
    /// `accept`
    pub accepted: u64,
    /// `dismiss`
    pub dismissed: u64,
    /// `later`
    pub later: u64,
}

impl Store {
    /// Writes down what was said of a habit, and lets it hold from now on.
    pub async fn say(&self, number: i64, said: &Said, now: UtcMicros) -> Result<(), StoreFailure> {
        let mut transaction = self.database.write().await?;
        let word = said.feedback.map(Feedback::as_str);
        transaction
            .execute(Statement::with(
                "INSERT INTO pattern_feedback (pattern_id, action, rating, comment, created_at) VALUES ($1, $2, $3, $4, $5)",
                [
                    number.into(),
                    word.into(),
                    said.rating.into(),
                    said.comment.clone().into(),
                    now.get().into(),
                ],
            ))
            .await?;
        if said.feedback.is_some() {
            transaction
                .execute(Statement::with(
                    "UPDATE patterns SET feedback = $2, later_until = $3 WHERE id = $1",
                    [
                        number.into(),
                        word.into(),
                        said.later_until.map(UtcMicros::get).into(),
                    ],
                ))
                .await?;
        }
        if said.rating.is_some() {
            transaction
                .execute(Statement::with(
                    "UPDATE patterns SET rating = $2 WHERE id = $1",
                    [number.into(), said.rating.into()],
                ))
                .await?;
        }
        transaction.commit().await?;
        self.habits_changed();
        Ok(())
    }

    /// How habits of each kind were received.
    pub async fn feedback_counts(&self) -> Result<Vec<FeedbackCounts>, StoreFailure> {
        let rows = self
            .database
            .fetch_all(
                "SELECT p.pattern_type, COUNT(*), COUNT(CASE WHEN f.action = 'accept' THEN 1 END), \
                 COUNT(CASE WHEN f.action = 'dismiss' THEN 1 END), COUNT(CASE WHEN f.action = 'later' THEN 1 END) \
                 FROM pattern_feedback f JOIN patterns p ON p.id = f.pattern_id WHERE f.action IS NOT NULL \
                 GROUP BY p.pattern_type ORDER BY p.pattern_type",
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(FeedbackCounts {
                    pattern_type: row.get(0)?,
                    total: row.count(1)?,
                    accepted: row.count(2)?,
                    dismissed: row.count(3)?,
                    later: row.count(4)?,
                })
            })
            .collect()
    }
}
