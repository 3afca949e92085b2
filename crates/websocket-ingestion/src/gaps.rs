//! Spans of time from which events may be missing, and why: kept here, reported to data-api, closed by reading the history.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use common::api::gaps::{Gap, GapClosure, GapReason};
use common::instant::UtcMicros;
use common::lifecycle::Failure;
use common::retry::RetryPolicy;
use data_api_client::{CallFailed, DataApi};
use serde::Serialize;
use tokio::sync::Notify;
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
/// What is lost within so many seconds of one another, for one reason, makes one gap.
const NEIGHBOURS_SECONDS: i64 = 60;
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
    /// data-api was away: it may have found damage in its file since, and written gaps of its own.
    may_be_others: bool,
    more: Arc<Notify>,
}

#[derive(Debug, Clone)]
struct Known {
    gap: Gap,
    /// data-api has it as it is.
    reported: bool,
    /// When it last grew.
    touched: Instant,
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
            let is_known =
                |known: &Known| (known.gap.start, known.gap.reason) == (gap.start, gap.reason);
            if !inner.recent.iter().any(is_known) {
                inner.remember(gap, true);
            }
        }
    }

    /// data-api was away, and is there again.
    pub(crate) fn expect_others(&self) {
        let mut inner = self.lock();
        inner.may_be_others = true;
        inner.more.notify_one();
    }

    /// Takes over gaps that data-api has found by itself, where that may be.
    pub(crate) async fn adopt_others(&self, data_api: &DataApi) {
        if !std::mem::take(&mut self.lock().may_be_others) {
            return;
        }
        match data_api.open_gaps().await {
            Ok(open) => self.adopt(open.gaps),
            Err(error) => {
                tracing::debug!(%error, "data-api does not say which gaps are open; it is asked again");
                self.lock().may_be_others = true;
            }
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

    /// The events of this span were let go. Neighbours make one gap.
    pub(crate) fn lost(&self, why: Loss, start: UtcMicros, end: UtcMicros) {
        let mut inner = self.lock();
        let reason = match why {
            Loss::BufferFull | Loss::Stopped => GapReason::BufferFull,
            Loss::SpoolFull => GapReason::SpoolFull,
            Loss::SpoolDamaged => GapReason::SpoolDamaged,
        };
        if reason == GapReason::SpoolDamaged || !inner.extend(start, end, reason) {
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

    /// Those of them that have not grown for so long.
    pub(crate) fn open_and_quiet(&self, quiet: Duration) -> Vec<Gap> {
        self.lock()
            .recent
            .iter()
            .filter(|known| known.gap.closed_by.is_none() && known.touched.elapsed() >= quiet)
            .map(|known| known.gap.clone())
            .collect()
    }

    /// Waits until there may be more to read.
    pub(crate) async fn more(&self) {
        let more = Arc::clone(&self.lock().more);
        more.notified().await;
    }

    /// These gaps were read, or never can be. `rows` is what they brought together; it is told of the first of them.
    /// One that has grown meanwhile stays open.
    pub(crate) fn close(&self, gaps: &[Gap], closed_by: GapClosure, rows: usize) {
        let mut inner = self.lock();
        let mut rows = rows as u64;
        for gap in gaps {
            if let Some(known) = inner.recent.iter_mut().find(|known| known.gap == *gap) {
                known.gap.closed_by = Some(closed_by);
                known.gap.rows = Some(std::mem::take(&mut rows));
                known.reported = false;
            }
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
    /// Makes the last gap of this reason longer, if it is open and near.
    fn extend(&mut self, start: UtcMicros, end: UtcMicros, reason: GapReason) -> bool {
        let near = |known: &&mut Known| {
            let gap = &known.gap;
            gap.reason == reason
                && gap.closed_by.is_none()
                && start >= gap.start
                && start <= gap.end.plus_seconds(NEIGHBOURS_SECONDS)
        };
        let Some(last) = self.recent.iter_mut().rev().find(near) else {
            return false;
        };
        last.touched = Instant::now();
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

    /// Forgets the oldest gap that is settled. Where every one is still to be read or told, the two oldest become one, with the time
    /// between them: what is read twice is not stored twice, and what is forgotten would be missing for ever.
    fn make_room(&mut self) {
        let settled = |known: &Known| known.reported && known.gap.closed_by.is_some();
        if let Some(oldest) = self.recent.iter().position(settled) {
            self.recent.remove(oldest);
            return;
        }
        let Some(oldest) = self.recent.pop_front() else {
            return;
        };
        if let Some(next) = self.recent.front_mut() {
            next.gap.start = next.gap.start.min(oldest.gap.start);
            next.gap.end = next.gap.end.max(oldest.gap.end);
            next.gap.closed_by = None;
            next.gap.rows = None;
            next.reported = false;
            next.touched = Instant::now();
        }
    }

    fn remember(&mut self, gap: Gap, reported: bool) {
        if self.recent.len() == REMEMBERED {
            self.make_room();
        }
        self.recent.push_back(Known {
            gap,
            reported,
            touched: Instant::now(),
        });
        self.more.notify_one();
    }
}

#[cfg(test)]
mod tests;
