//! What is kept between runs. Everything that knows SQL is below this module.

mod automations;
mod community;
mod facts;
mod feedback;
mod outbox;
mod patterns;
mod runs;
mod search;
mod silences;
mod timelines;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use common::instant::UtcMicros;

use pattern_mining::pattern::Pattern;
use serde::Serialize;
use utoipa::ToSchema;

pub use crate::ledger::{Feedback, Known, News};
pub(crate) use automations::StoredAutomation;
pub use community::{
    CommunityFilter, CommunityOrder, CommunityPattern, NewCommunityPattern, Rating,
};
pub use database::failure::{CannotOpen, StoreFailure};
pub use feedback::{FeedbackCounts, Said};
pub use outbox::{MAX_WAITING, NewMessage, Receipt, WaitingMessage, WaitingState};
pub use search::{DocumentChanges, StoredDocument, Unencoded};
pub use timelines::SavedTimeline;

use database::url::DatabaseUrl;
use database::{Database, Migrations};
use sqlx::migrate::Migrator;
use tokio::sync::Notify;

static SQLITE: LazyLock<Migrator> = LazyLock::new(|| {
    under_own_name(sqlx::migrate!(
        "../../shared/migrations/ai-pattern-service/sqlite"
    ))
});
static POSTGRES: LazyLock<Migrator> = LazyLock::new(|| {
    under_own_name(sqlx::migrate!(
        "../../shared/migrations/ai-pattern-service/postgres"
    ))
});

/// The bookkeeping of our migrations has a name of its own, so that a database may be shared with another service.
fn under_own_name(mut migrations: Migrator) -> Migrator {
    migrations.dangerous_set_table_name("_ai_pattern_service_migrations");
    migrations
}

/// The habits and runs. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    database: Database,
    signals: Arc<Signals>,
}

/// Wakes those who look after what is kept.
#[derive(Debug, Default)]
struct Signals {
    /// Something waits for a broker.
    posted: Notify,
    /// Habits, or what was said of them, are others than before.
    changed: Notify,
    /// How often they have become others.
    habits: AtomicU64,
}

impl Store {
    /// Opens the database, makes a file where there is none, and brings its tables up to date.
    pub async fn open(url: &DatabaseUrl) -> Result<Self, CannotOpen> {
        let migrations = Migrations {
            sqlite: &SQLITE,
            postgres: &POSTGRES,
        };
        Ok(Self {
            database: Database::open(url, migrations).await?,
            signals: Arc::default(),
        })
    }

    /// Whether the store can be written to now.
    pub async fn check(&self) -> Result<(), StoreFailure> {
        self.database.check().await
    }

    /// Resolves when habits, or what was said of them, have changed since the last time.
    pub(crate) async fn changed(&self) {
        self.signals.changed.notified().await;
    }

    /// Another number than before: habits, or what was said of them, are others.
    pub(crate) fn habits_version(&self) -> u64 {
        self.signals.habits.load(Ordering::Acquire)
    }

    /// Says that habits, or what was said of them, are others.
    fn habits_changed(&self) {
        self.signals.habits.fetch_add(1, Ordering::AcqRel);
        self.signals.changed.notify_one();
    }

    /// Ends all work on it.
    pub async fn close(&self) {
        self.database.close().await;
    }
}

/// A habit as it is listed.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredPattern {
    /// Number of the row.
    pub number: i64,
    /// The habit.
    pub pattern: Pattern,
    /// When it was found first.
    pub created_at: UtcMicros,
    /// When a run last looked at it.
    pub updated_at: UtcMicros,
    /// Where its confidence goes.
    pub trend: Trend,
    /// How far, from the oldest of the last few runs to now.
    pub trend_strength: f64,
    /// Runs that found it.
    pub history_count: i64,
    /// Whether it is gone.
    pub gone: bool,
    /// When a broker acknowledged the message about it.
    pub told_at: Option<UtcMicros>,
    /// What people said of it last.
    pub feedback: Option<Feedback>,
    /// Until when it is not to be shown.
    pub later_until: Option<UtcMicros>,
    /// 1 to 5.
    pub rating: Option<i64>,
    /// Automations that do what it does, by entity id.
    pub covered_by: Vec<String>,
    /// Automations that do the opposite at the same moment, by entity id.
    pub contradicted_by: Vec<String>,
    /// The automation that was created of it.
    pub automation: Option<HabitAutomation>,
}

/// The automation that was created of a habit, and what became of it until the last run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HabitAutomation {
    /// Its id in Home Assistant.
    pub automation_id: String,
    /// Its entity; none while Home Assistant has not loaded it.
    pub entity_id: Option<String>,
    /// Times it acted.
    pub fired: u64,
    /// Of those, times when a person took it back within two minutes.
    pub undone: u64,
    /// 1 to 5, from these; none while it acted too seldom.
    pub rating: Option<i64>,
}

/// Where a confidence goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trend {
    /// Up.
    Increasing,
    /// Nowhere in particular.
    Stable,
    /// Down.
    Decreasing,
}

impl Trend {
    /// The word used in JSON and SQL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Increasing => "increasing",
            Self::Stable => "stable",
            Self::Decreasing => "decreasing",
        }
    }

    /// The trend of a change of confidence.
    pub(crate) fn of(change: f64) -> Self {
        const NOTICEABLE: f64 = 0.05;
        if change >= NOTICEABLE {
            Self::Increasing
        } else if change <= -NOTICEABLE {
            Self::Decreasing
        } else {
            Self::Stable
        }
    }

    fn from_word(word: &str) -> Self {
        match word {
            "increasing" => Self::Increasing,
            "decreasing" => Self::Decreasing,
            _ => Self::Stable,
        }
    }
}

/// Which habits to list, surest first.
#[derive(Debug, Clone, Default)]
pub struct PatternFilter {
    /// One kind.
    pub pattern_type: Option<String>,
    /// Entity ids joined by `+`.
    pub device_id: Option<String>,
    /// At least this sure.
    pub min_confidence: Option<f64>,
    /// Also those that are gone, refused, or put off.
    pub include_gone: bool,
    /// The time, for what was put off.
    pub now: UtcMicros,
    /// Those that happened at or after this instant.
    pub seen_since: Option<UtcMicros>,
    /// Rows at most.
    pub limit: u32,
}

/// One analysis, when it is over.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RunRecord {
    /// What set it off.
    pub cause: String,
    /// When it began.
    pub started_at: UtcMicros,
    /// When it was over.
    pub ended_at: UtcMicros,
    /// `completed` or `failed`.
    pub status: String,
    /// Habits that it found.
    pub patterns_found: u32,
    /// Those of them that were not known, or were gone.
    pub patterns_new: u32,
    /// Those that changed.
    pub patterns_changed: u32,
    /// Habits that are gone since this run.
    pub patterns_gone: u32,
    /// What went wrong.
    pub errors: Vec<String>,
    /// What was looked at and what was left out, by reason.
    #[schema(value_type = Object)]
    pub report: serde_json::Value,
}

impl RunRecord {
    /// Habits of it that tie things together: pairs, conditionals and sequences.
    pub fn synergies_found(&self) -> u32 {
        let count = self.report["synergies"].as_u64().unwrap_or_default();
        u32::try_from(count).unwrap_or(u32::MAX)
    }
}
