//! The miner, on a thread of its own, and no longer than somebody waits for it.

use pattern_mining::pattern::Pattern;
use pattern_mining::{Counted, Report, Settings, Stop, Timeline, mine_until};
use serde_json::{Value, json};
use tokio::task::{JoinError, spawn_blocking};

use crate::config::Least;

/// Says stop when it is dropped: a future that is no longer awaited cannot end its thread in any other way.
struct SaidWhenDropped(Stop);

impl Drop for SaidWhenDropped {
    fn drop(&mut self) {
        self.0.say();
    }
}

/// What a run found.
pub(super) struct Mined {
    /// The patterns that are allowed.
    pub(super) patterns: Vec<Pattern>,
    report: Report,
    /// What the next run goes on from.
    pub(super) counted: Option<Counted>,
}

impl Mined {
    /// What was looked at, and how much of that the run before had read or counted already.
    pub(super) fn report(&self, incremental: bool) -> Value {
        let mut report = json!(self.report);
        report["incremental"] = json!(incremental);
        report["taken_over"] = json!(self.counted.as_ref().map_or(0, Counted::taken_over));
        report
    }
}

/// Finds the patterns that are allowed; none where the run was told to stop.
pub(super) async fn look(
    timeline: Timeline,
    settings: Settings,
    least: Least,
    stop: Stop,
) -> Result<Option<Mined>, JoinError> {
    let _guard = SaidWhenDropped(stop.clone());
    let span = tracing::Span::current();
    let mined = spawn_blocking(move || span.in_scope(|| mine_until(&timeline, &settings, &stop)));
    Ok(mined.await?.map(|mut outcome| {
        outcome.patterns.retain(|pattern| least.allows(pattern));
        // What was missed today is an oddity as the others are, here where it is told every day.
        outcome.patterns.extend(outcome.missed);
        Mined {
            patterns: outcome.patterns,
            report: outcome.report,
            counted: outcome.counted,
        }
    }))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::tz::TimeZone;

    use super::*;

    #[tokio::test]
    async fn a_run_that_is_awaited_has_an_outcome_and_one_that_is_not_is_told_to_stop() {
        let timeline = Timeline::new(TimeZone::UTC);
        let stop = Stop::default();
        let awaited = look(
            timeline.clone(),
            Settings::default(),
            Least::default(),
            stop,
        )
        .await;
        assert!(awaited.expect("a run").is_some());
        let stop = Stop::default();
        let run = look(
            timeline,
            Settings::default(),
            Least::default(),
            stop.clone(),
        );
        // Begun, and given up.
        drop(tokio::time::timeout(Duration::ZERO, run).await);
        assert!(stop.is_said());
    }
}
