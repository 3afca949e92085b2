//! Reads from Home Assistant's history what was not seen live: gaps, and the time before the first start.
//!
//! It goes on for as long as a connection lasts. A gap is closed only when every question about it was answered and its end was
//! read again after the recorder had written it; until then it stays open, here and at data-api, whatever happens.

mod pace;
mod past;
mod progress;
mod reader;

use std::time::Duration;

use common::api::gaps::{Gap, GapClosure};
use common::instant::UtcMicros;
use common::retry::RetryPolicy;

use crate::app::Shared;
use crate::home_assistant::calls::Calls;
use crate::home_assistant::rest::Rest;

use past::Mark;
pub(crate) use past::Past;
pub(crate) use progress::Progress;
use progress::State;
use reader::{Found, Reader, Trouble};

/// Seconds before a gap that are read again: the recorder commits late, and the last sign of life may be older than the last event.
const OVERLAP_SECONDS: i64 = 60;
/// Seconds after a gap that are read as well: events may be on their way while the subscription is made.
const AFTER_SECONDS: i64 = 2;
/// Seconds before the newest row that are read again to find what was written later: it is written in the order of time.
const SETTLE_OVERLAP_SECONDS: i64 = 5;
/// How often the end of a span is read again before the recorder is given more time.
const ROUNDS: u32 = 50;
/// How much of the time before the first start is read again where a restart has forgotten what was read.
const FORGOTTEN_SECONDS: i64 = 600;
/// Longest time between two looks at the gaps, and the time where some are open but still grow.
const LOOKS: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(1));
/// Between two looks whether data-api takes events.
const AWAY_POLL: Duration = Duration::from_millis(200);
/// Longest wait for the spool to be empty.
const SPOOL_PATIENCE: Duration = Duration::from_secs(600);
/// A gap without any row is given up when it is that long past, where the history does not reach back to it.
const HOPELESS_AFTER_SECONDS: f64 = 86_400.0;
const DAY_SECONDS: i64 = 86_400;
/// How long a gap must not have grown before it is read.
const GAP_QUIET: Duration = Duration::from_secs(1);
/// Days of history between two lines of progress.
const PROGRESS_DAYS: i64 = 10;

/// Reads what is missing, again and again, until the connection is gone.
pub(crate) async fn run(shared: &Shared, calls: &Calls, rest: &Rest) {
    let mut reader = Reader::new(shared, calls, rest);
    let mut delay = retries(shared).start();
    loop {
        wait_for_data_api(shared).await;
        match heal(shared, &mut reader).await {
            Ok(()) => {
                delay.reset();
                let now = shared.clock.now();
                shared.status.backfill(|progress| progress.finish(now));
                let look = if shared.gaps.open().is_empty() {
                    LOOKS.0
                } else {
                    LOOKS.1
                };
                tokio::time::timeout(look, shared.gaps.more()).await.ok();
            }
            // Whoever reads the socket tells why.
            Err(Trouble::Disconnected) => return,
            Err(error) => {
                let (wait, reason) = (delay.next_wait(), error.to_string());
                if shared.status.backfill(|progress| progress.fail(&reason)) {
                    tracing::warn!(retry_in = ?wait,
                        "the history cannot be read: {reason}. What was missed stays a gap, and is asked for again");
                }
                tokio::time::sleep(wait).await;
            }
        }
    }
}

/// The waits between attempts.
fn retries(shared: &Shared) -> RetryPolicy {
    let first = shared.config.timing.backfill_retry;
    RetryPolicy {
        first,
        longest: first * 120,
    }
}

/// Waits until data-api has what was seen live: a row of the history knows less than the event, and the first of the two stays.
async fn wait_for_data_api(shared: &Shared) {
    let is_away = || {
        let degraded = shared.health.degradations();
        degraded.iter().any(|part| part.part == "data_api")
    };
    let begun = std::time::Instant::now();
    while is_away() || (shared.status.facts().spool_records > 0 && begun.elapsed() < SPOOL_PATIENCE)
    {
        tokio::time::sleep(AWAY_POLL).await;
    }
}

/// Does everything there is to do once.
async fn heal(shared: &Shared, reader: &mut Reader<'_>) -> Result<(), Trouble> {
    // What happened before the subscription, which was made just now, is to be read; a second is for the clocks.
    let mark = shared.past.begin(home_now(shared).plus_seconds(1));
    let floor = floor(shared, mark);
    shared.gaps.adopt_others(&shared.data_api).await;
    let open = shared.gaps.open_and_quiet(GAP_QUIET);
    let is_done = mark.settled && mark.is_done(floor);
    shared.status.backfill(|progress| progress.done |= is_done);
    if open.is_empty() && is_done {
        return Ok(());
    }
    // What happened after a gap is stored after that.
    shared.settle_gaps().await;
    reader.look_around().await?;
    let gaps = fill(shared, reader, open).await;
    if matches!(gaps, Err(Trouble::Disconnected)) {
        return gaps;
    }
    import(shared, reader, mark, floor).await?;
    gaps
}

/// What time it is in Home Assistant.
fn home_now(shared: &Shared) -> UtcMicros {
    shared.home_time.now(shared.clock.now())
}

/// The earliest instant that is wanted. Counted from the first start: a later one must not reach further back.
fn floor(shared: &Shared, mark: Mark) -> Option<UtcMicros> {
    let days = i64::from(shared.config.backfill_days?);
    Some(mark.since.plus_seconds(-days * DAY_SECONDS))
}

/// Gaps that touch, read in one go.
#[derive(Debug)]
struct Stretch {
    start: UtcMicros,
    end: UtcMicros,
    gaps: Vec<Gap>,
    found: Found,
}

fn stretches(mut gaps: Vec<Gap>) -> Vec<Stretch> {
    gaps.sort_by_key(|gap| gap.start);
    let mut all: Vec<Stretch> = Vec::new();
    for gap in gaps {
        match all.last_mut() {
            Some(last) if gap.start <= last.end.plus_seconds(OVERLAP_SECONDS) => {
                last.end = last.end.max(gap.end);
                last.gaps.push(gap);
            }
            _ => all.push(Stretch {
                start: gap.start,
                end: gap.end,
                gaps: vec![gap],
                found: Found::default(),
            }),
        }
    }
    all
}

/// Reads gaps and closes them. One that cannot be read does not keep the others open.
async fn fill(shared: &Shared, reader: &mut Reader<'_>, gaps: Vec<Gap>) -> Result<(), Trouble> {
    let (mut read, mut failed) = (Vec::new(), None);
    for mut stretch in stretches(gaps) {
        let now = shared.clock.now();
        shared.status.backfill(|progress| {
            progress.begin(State::FillingGap, now);
            progress.gap = stretch.gaps.first().cloned();
        });
        match reach(shared, reader, &mut stretch).await {
            Ok(true) => read.push(stretch),
            Ok(false) => give_up(shared, &stretch, "the history begins later"),
            Err(Trouble::Disconnected) => return Err(Trouble::Disconnected),
            Err(Trouble::Absent) if reader.has_no_recorder().await? => {
                give_up(shared, &stretch, "Home Assistant has no recorder");
            }
            Err(error) => failed = Some(error),
        }
    }
    if !read.is_empty() {
        settle(shared, reader, &mut read).await?;
    }
    for stretch in read {
        let rows = stretch.found.new;
        tracing::info!(start = %stretch.start, end = %stretch.end, rows, "read the history of a gap");
        shared.gaps.close(&stretch.gaps, GapClosure::Backfill, rows);
    }
    failed.map_or(Ok(()), Err)
}

/// Reads a stretch. False where the history has nothing of it because it begins later.
async fn reach(
    shared: &Shared,
    reader: &mut Reader<'_>,
    stretch: &mut Stretch,
) -> Result<bool, Trouble> {
    let (start, end) = (
        stretch.start.plus_seconds(-OVERLAP_SECONDS),
        stretch.end.plus_seconds(AFTER_SECONDS),
    );
    stretch.found = reader.span(start, end).await?;
    if stretch.found.rows > 0 || reader.reaches(stretch.start).await? {
        return Ok(true);
    }
    // A clock that differs, or a recorder that has not written a row yet: only what is long past is past help.
    if home_now(shared).seconds_since(stretch.end) < HOPELESS_AFTER_SECONDS {
        return Err(Trouble::Failed(
            "Home Assistant's history has nothing from before the gap, nor from within it"
                .to_owned(),
        ));
    }
    Ok(false)
}

fn give_up(shared: &Shared, stretch: &Stretch, why: &str) {
    tracing::error!(start = %stretch.start, end = %stretch.end,
        "what happened in this time stays unknown: {why}. Events of other times are not affected");
    shared
        .gaps
        .close(&stretch.gaps, GapClosure::Unrecoverable, 0);
}

/// Reads the ends of stretches again until the recorder has nothing new and nothing waiting: it writes late, after a flood by minutes.
async fn settle(
    shared: &Shared,
    reader: &mut Reader<'_>,
    stretches: &mut [Stretch],
) -> Result<(), Trouble> {
    let now = shared.clock.now();
    shared
        .status
        .backfill(|progress| progress.begin(State::Settling, now));
    for _ in 0..ROUNDS {
        tokio::time::sleep(shared.config.timing.recorder_lag).await;
        let mut is_quiet = reader.backlog().await?.unwrap_or(0) == 0;
        for stretch in &mut *stretches {
            // It writes in the order of time: what is missing comes after the newest row.
            let newest = stretch.found.newest.unwrap_or(stretch.start);
            // A gap may end in the future: a clock that was set back has stamped events with it.
            let start = newest
                .min(stretch.end)
                .max(stretch.start)
                .min(home_now(shared));
            let found = reader
                .span(
                    start.plus_seconds(-SETTLE_OVERLAP_SECONDS),
                    stretch.end.plus_seconds(AFTER_SECONDS),
                )
                .await?;
            is_quiet &= found.new == 0;
            stretch.found.add(found);
        }
        if is_quiet {
            return Ok(());
        }
    }
    Err(Trouble::Failed(
        "Home Assistant's recorder is still writing what happened then".to_owned(),
    ))
}

/// Reads window by window into the past, until the history or the days asked for end; then the time before the first start again.
async fn import(
    shared: &Shared,
    reader: &mut Reader<'_>,
    mut mark: Mark,
    floor: Option<UtcMicros>,
) -> Result<(), Trouble> {
    let now = shared.clock.now();
    let (mut told, mut rows, mut newest) = (0, 0, None);
    while !mark.is_done(floor) {
        shared
            .status
            .backfill(|progress| progress.begin(State::Importing, now));
        let start = mark
            .back_to
            .plus_seconds(-reader.pace.seconds)
            .max(floor.unwrap_or_default());
        let found = reader.window(start, mark.back_to).await?;
        if mark.back_to == mark.since {
            newest = found.newest;
        }
        mark = mark.moved(start, found.rows);
        shared.past.keep(mark);
        rows += found.new;
        if found.rows > 0 {
            shared
                .status
                .backfill(|progress| progress.back_to = Some(start));
        }
        let days = mark.since.seconds_since(start) as i64 / DAY_SECONDS;
        if days / PROGRESS_DAYS > told {
            told = days / PROGRESS_DAYS;
            tracing::info!(rows, back_to = %start, "reading the history");
        }
    }
    if !mark.settled {
        if shared.config.backfill_days != Some(0) {
            let start = newest.unwrap_or(mark.since.plus_seconds(-FORGOTTEN_SECONDS));
            let mut end = [Stretch {
                start,
                end: mark.since,
                gaps: Vec::new(),
                found: Found::default(),
            }];
            settle(shared, reader, &mut end).await?;
            tracing::info!(rows = rows + end[0].found.new, "the history has been read");
        }
        mark.settled = true;
        shared.past.keep(mark);
    }
    shared.status.backfill(|progress| progress.done = true);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::api::gaps::GapReason;

    #[test]
    fn gaps_that_touch_are_read_in_one_go() {
        let at = |second| UtcMicros::default().plus_seconds(second);
        let gap = |start, end, reason| Gap {
            start: at(start),
            end: at(end),
            reason,
            closed_by: None,
            rows: None,
        };
        let gaps = vec![
            gap(5_000, 5_001, GapReason::SpoolFull),
            gap(100, 900, GapReason::NotRunning),
            gap(950, 960, GapReason::BufferFull),
            gap(200, 300, GapReason::SpoolDamaged),
        ];
        let all = stretches(gaps);
        let spans: Vec<_> = all
            .iter()
            .map(|stretch| (stretch.start, stretch.end, stretch.gaps.len()))
            .collect();
        assert_eq!(spans, [(at(100), at(960), 3), (at(5_000), at(5_001), 1)]);
    }
}
