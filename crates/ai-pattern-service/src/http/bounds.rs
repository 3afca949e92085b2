//! Parameters that several lists have, and what they may be.

use common::http::problem::Problem;
use common::instant::UtcMicros;

const DEFAULT_ROWS: u32 = 100;
/// Most rows of a list.
pub(super) const MAX_ROWS: u32 = 1_000;
const DEFAULT_WINDOW_DAYS: i64 = 30;
const MAX_WINDOW_DAYS: i64 = 365;

/// `limit`
pub(super) fn rows(limit: Option<u32>) -> Result<u32, Problem> {
    let limit = limit.unwrap_or(DEFAULT_ROWS);
    if !(1..=MAX_ROWS).contains(&limit) {
        return Err(Problem::query("limit", format!("want 1 to {MAX_ROWS}")));
    }
    Ok(limit)
}

/// `min_confidence`
pub(super) fn confidence(least: Option<f64>) -> Result<Option<f64>, Problem> {
    if least.is_some_and(|least| !(0.0..=1.0).contains(&least)) {
        return Err(Problem::query("min_confidence", "want 0 to 1"));
    }
    Ok(least)
}

/// `activity_window_days`, as the instant where it begins; none where what is inactive is wanted as well.
pub(super) fn active_since(
    days: Option<i64>,
    include_inactive: bool,
    now: UtcMicros,
) -> Result<Option<UtcMicros>, Problem> {
    let days = days.unwrap_or(DEFAULT_WINDOW_DAYS);
    if !(1..=MAX_WINDOW_DAYS).contains(&days) {
        return Err(Problem::query(
            "activity_window_days",
            format!("want 1 to {MAX_WINDOW_DAYS}"),
        ));
    }
    Ok((!include_inactive).then(|| now.plus_seconds(-days * 86_400)))
}
