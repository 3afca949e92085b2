//! Waiting for something, with a deadline and a name.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::bail;

const PAUSE: Duration = Duration::from_millis(200);

/// Asks until there is an answer; errors of the question itself are final.
pub(crate) fn until<T>(
    what: &str,
    deadline: Duration,
    mut ask: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        if started.elapsed() > deadline {
            bail!("waited {} s for {what}, in vain", deadline.as_secs());
        }
        sleep(PAUSE);
    }
}
