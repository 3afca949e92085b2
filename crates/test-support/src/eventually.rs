//! Waiting for something to become true, with a deadline and a name.

use std::time::Duration;

use anyhow::bail;
use tokio::time::{Instant, sleep};

/// Between two looks: short enough to be unnoticed, long enough to leave the CPU to what is awaited.
const PAUSE: Duration = Duration::from_millis(20);

/// Calls `probe` until it answers `Some`, and returns what it answered.
///
/// ```
/// # async fn example() -> anyhow::Result<()> {
/// use std::time::Duration;
/// use test_support::eventually;
///
/// let mut looks = 0;
/// let seen = eventually("the third look", Duration::from_secs(5), async || {
///     looks += 1;
///     (looks == 3).then_some(looks)
/// })
/// .await?;
/// assert_eq!(seen, 3);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// When the deadline passes first; the error names `what` was awaited and for how long.
pub async fn eventually<T>(
    what: &str,
    deadline: Duration,
    mut probe: impl AsyncFnMut() -> Option<T>,
) -> anyhow::Result<T> {
    let started = Instant::now();
    loop {
        if let Some(seen) = probe().await {
            return Ok(seen);
        }
        if started.elapsed() >= deadline {
            bail!("waited {deadline:?} for {what}, in vain");
        }
        sleep(PAUSE).await;
    }
}
