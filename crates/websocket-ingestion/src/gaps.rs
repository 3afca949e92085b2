//! Spans of time from which events may be missing, and why: kept here, reported to data-api, closed by reading the history.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use common::api::gaps::{Gap, GapClosure, GapReason};
use common::instant::UtcMicros;
use common::lifecycle::Failure;
use common::retry::RetryPolicy;
use data_api_client::{CallFailed, DataApi};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::home_time::Outage;
use crate::sink::{DataApiSink, Loss};

/// Gaps that are remembered one by one; older ones are only counted.
const REMEMBERED: usize = 100;
/// Between two reports.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// An event that was stored is this much newer than Home Assistant's clock: that clock has been set back.
const SET_BACK_SECONDS: i64 = 5;
/// Then the place of that event says little, and so much is read around it.
const DAY_SECONDS: i64 = 86_400;
/// Time for the last report when the process stops.
const LAST_REPORT: Duration = Duration::from_secs(2);

/// All gaps that this process knows.
#[derive(Debug, Default)]
pub(crate) struct Gaps(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    count: u64,
    total_seconds: f64,
    open_since: Option<(UtcMicros, GapReason)>,
    /// When this process first heard Home Assistant.
    listened_since: Option<UtcMicros>,
    recent: VecDeque<Known>,
}

#[derive(Debug, Clone)]
struct Known {
    gap: Gap,
    /// data-api has it as it is.
    reported: bool,
}

/// What `/health` tells of them.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Told {
    count: u64,
    total_seconds: f64,
    /// Since when there has been no connection.
    open_since: Option<UtcMicros>,
    recent: Vec<Gap>,
}

impl Gaps {
    /// Takes over gaps of earlier runs that are still open.
    pub(crate) fn adopt(&self, open: Vec<Gap>) {
        let mut inner = self.lock();
        for gap in open.into_iter().rev() {
            inner.remember(gap, true);
        }
    }

    /// There is no connection; everything that was fired before `complete_until` was read.
    pub(crate) fn disconnected(&self, complete_until: UtcMicros) {
        let mut inner = self.lock();
        if inner.open_since.is_none() {
            inner.open_since = Some((complete_until, GapReason::Disconnected));
        }
    }

    /// Events come again, after this outage.
    pub(crate) fn reconnected(&self, outage: Outage) {
        let mut inner = self.lock();
        match inner.open_since.take() {
            Some((newest, GapReason::NotRunning)) => inner.add_not_running(newest, outage.end),
            // Nothing was heard before: when the attempts began is known in our own time only, which may differ.
            Some((_, reason)) if inner.listened_since.is_none() => {
                inner.add(outage.start, outage.end, reason);
            }
            Some((since, reason)) => inner.add(outage.start.min(since), outage.end, reason),
            None => {}
        }
        inner.listened_since.get_or_insert(outage.end);
    }

    /// An outage was another one than it seemed, as the clock of Home Assistant shows.
    pub(crate) fn revised(&self, outage: Outage) {
        self.lock()
            .add(outage.start, outage.end, GapReason::Disconnected);
    }

    /// Events of this span may have got lost on the way.
    pub(crate) fn missed(&self, start: UtcMicros, end: UtcMicros) {
        self.lock().add(start, end, GapReason::Disconnected);
    }

    /// Between the newest event that was stored before this start and the first connection nobody listened.
    pub(crate) fn not_running(&self, newest: UtcMicros) {
        let mut inner = self.lock();
        match inner.listened_since {
            Some(since) => inner.add_not_running(newest, since),
            // Not connected yet: one gap from the last run to the first connection.
            None => inner.open_since = Some((newest, GapReason::NotRunning)),
        }
    }

    /// Something that came in this span cannot be read. Neighbours make one gap.
    pub(crate) fn unreadable(&self, start: UtcMicros, end: UtcMicros) {
        let mut inner = self.lock();
        if !inner.extend(start, end, GapReason::Unreadable) {
            inner.add(start, end, GapReason::Unreadable);
        }
    }

    /// The events of this span were let go. Neighbours in memory make one gap.
    pub(crate) fn lost(&self, why: Loss, start: UtcMicros, end: UtcMicros) {
        let mut inner = self.lock();
        let reason = match why {
            Loss::BufferFull | Loss::Stopped => GapReason::BufferFull,
            Loss::SpoolFull => GapReason::SpoolFull,
            Loss::SpoolDamaged => GapReason::SpoolDamaged,
        };
        if reason != GapReason::BufferFull || !inner.extend(start, end, reason) {
            inner.add(start, end, reason);
        }
    }

    /// Gaps that are not closed.
    pub(crate) fn open(&self) -> Vec<Gap> {
        self.lock()
            .recent
            .iter()
            .filter(|known| known.gap.closed_by.is_none())
            .map(|known| known.gap.clone())
            .collect()
    }

    /// The history of a gap was read, which brought so many rows.
    pub(crate) fn filled(&self, filled: &Gap, rows: usize) {
        if let Some(known) = self
            .lock()
            .recent
            .iter_mut()
            .find(|known| known.gap == *filled)
        {
            known.gap.closed_by = Some(GapClosure::Backfill);
            known.gap.rows = Some(rows as u64);
            known.reported = false;
        }
    }

    pub(crate) fn told(&self) -> Told {
        let inner = self.lock();
        Told {
            count: inner.count,
            total_seconds: inner.total_seconds,
            open_since: inner.open_since.map(|(since, _)| since),
            recent: inner
                .recent
                .iter()
                .rev()
                .map(|known| known.gap.clone())
                .collect(),
        }
    }

    /// Reports to data-api what it does not have yet, until the process stops.
    pub(crate) async fn report(
        &self,
        data_api: &DataApi,
        stop: CancellationToken,
    ) -> Result<(), Failure> {
        loop {
            let report = async {
                tokio::time::sleep(REPORT_EVERY).await;
                self.report_once(data_api).await
            };
            tokio::select! {
                _ = report => {}
                () = stop.cancelled() => break,
            }
        }
        // A gap that is not reported now is found again by the next start, from the newest stored event: nothing newer than a gap is
        // stored before the gap is.
        drop(tokio::time::timeout(LAST_REPORT, self.report_once(data_api)).await);
        Ok(())
    }

    /// Returns as soon as data-api has every gap, so that what happened after a gap is not stored before it is known.
    pub(crate) async fn settled(&self, sink: &DataApiSink) {
        let mut delay = RetryPolicy::SIBLING.start();
        while let (Err(error), _) = sink.watched(self.report_once(sink.client())).await {
            if !error.may_pass_later() {
                return;
            }
            sink.away(&error);
            tokio::time::sleep(delay.next_wait()).await;
        }
    }

    async fn report_once(&self, data_api: &DataApi) -> Result<(), CallFailed> {
        let unreported: Vec<Gap> = self
            .lock()
            .recent
            .iter()
            .filter(|known| !known.reported)
            .map(|known| known.gap.clone())
            .collect();
        if unreported.is_empty() {
            return Ok(());
        }
        match data_api.report_gaps(&unreported).await {
            Ok(_) => {
                for known in self
                    .lock()
                    .recent
                    .iter_mut()
                    .filter(|known| unreported.contains(&known.gap))
                {
                    known.reported = true;
                }
                Ok(())
            }
            Err(error) => {
                tracing::debug!(%error, gaps = unreported.len(), "gaps cannot be reported yet");
                Err(error)
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Makes the newest gap longer, if it is open and of this reason.
    fn extend(&mut self, start: UtcMicros, end: UtcMicros, reason: GapReason) -> bool {
        let last = self.recent.back_mut();
        let Some(last) = last.filter(|last| {
            last.gap.reason == reason && last.gap.closed_by.is_none() && start >= last.gap.start
        }) else {
            return false;
        };
        if end > last.gap.end {
            let more = end.seconds_since(last.gap.end);
            last.gap.end = end;
            last.reported = false;
            self.total_seconds += more;
            metrics::gauge!("homeiq_gap_seconds_total", "reason" => reason.as_str())
                .increment(more);
        }
        true
    }

    /// From the newest stored event to the first that will be heard.
    fn add_not_running(&mut self, newest: UtcMicros, end: UtcMicros) {
        let (start, end) = if newest > end.plus_seconds(SET_BACK_SECONDS) {
            // How long it went on with the old time, and since when it has had the new one, nobody knows.
            let (earlier, later) = (-DAY_SECONDS, DAY_SECONDS);
            (end.plus_seconds(earlier), newest.plus_seconds(later))
        } else {
            (newest, end)
        };
        self.add(start, end, GapReason::NotRunning);
    }

    fn add(&mut self, start: UtcMicros, end: UtcMicros, reason: GapReason) {
        let end = end.max(start);
        let seconds = end.seconds_since(start);
        self.count += 1;
        self.total_seconds += seconds;
        metrics::gauge!("homeiq_gap_seconds_total", "reason" => reason.as_str()).increment(seconds);
        tracing::warn!(%start, %end, reason = reason.as_str(), "events of this time may be missing");
        self.remember(
            Gap {
                start,
                end,
                reason,
                closed_by: None,
                rows: None,
            },
            false,
        );
    }

    fn remember(&mut self, gap: Gap, reported: bool) {
        if self.recent.len() == REMEMBERED {
            // Rather one that is settled than one that is still to be read or told.
            let settled = |known: &Known| known.reported && known.gap.closed_by.is_some();
            let oldest = self.recent.iter().position(settled).unwrap_or(0);
            self.recent.remove(oldest);
        }
        self.recent.push_back(Known { gap, reported });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> UtcMicros {
        UtcMicros::default().plus_seconds(second)
    }

    fn outage(start: i64, end: i64) -> Outage {
        Outage {
            start: at(start),
            end: at(end),
        }
    }

    #[test]
    fn a_lost_connection_is_one_gap_from_its_last_sign_of_life() {
        let gaps = Gaps::default();
        gaps.reconnected(outage(0, 1));
        assert_eq!(gaps.told().count, 0, "the first connection ends no gap");
        gaps.disconnected(at(10));
        gaps.disconnected(at(12));
        assert_eq!(gaps.told().open_since, Some(at(10)));
        gaps.reconnected(outage(11, 25));
        let told = gaps.told();
        assert_eq!((told.count, told.open_since), (1, None));
        assert!((told.total_seconds - 15.0).abs() < 1e-9);
        gaps.filled(&gaps.open()[0], 7);
        assert!(gaps.open().is_empty());
    }

    #[test]
    fn an_outage_over_which_the_clock_was_set_back_begins_where_the_new_time_does() {
        let gaps = Gaps::default();
        gaps.reconnected(outage(0, 1));
        gaps.disconnected(at(4000));
        gaps.reconnected(outage(400, 4020));
        assert_eq!(gaps.open()[0].start, at(400));
        assert_eq!(gaps.open()[0].end, at(4020));
    }

    #[test]
    fn the_time_before_a_start_is_one_gap_until_the_first_connection() {
        for late in [false, true] {
            let gaps = Gaps::default();
            gaps.disconnected(at(100));
            if !late {
                gaps.not_running(at(10));
            }
            gaps.reconnected(outage(99, 130));
            if late {
                // data-api was away, so that only now it is known what was stored.
                gaps.not_running(at(10));
            }
            let told = gaps.told();
            let first = &told.recent[0];
            assert_eq!(
                (first.start, first.end, first.reason),
                (at(10), at(130), GapReason::NotRunning)
            );
        }
    }

    #[test]
    fn what_was_stored_with_a_time_that_is_yet_to_come_does_not_hide_what_was_missed() {
        let gaps = Gaps::default();
        gaps.not_running(at(1_003_600));
        gaps.reconnected(outage(999_999, 1_000_000));
        let gap = &gaps.open()[0];
        assert!(gap.start <= at(1_000_000 - 86_400), "{gap:?}");
        assert!(gap.end >= at(1_003_600 + 86_400), "{gap:?}");
    }

    #[test]
    fn events_that_the_buffer_let_go_of_make_one_gap() {
        let gaps = Gaps::default();
        for second in 5..9 {
            gaps.lost(Loss::BufferFull, at(second), at(second));
        }
        let told = gaps.told();
        assert_eq!(
            (told.count, told.recent[0].start, told.recent[0].end),
            (1, at(5), at(8))
        );
    }
}
