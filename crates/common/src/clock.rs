//! The only clock of the workspace (clippy refuses the others), so that tests decide what it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::instant::UtcMicros;

/// Tells the time. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Clock(Source);

#[derive(Debug, Clone, Default)]
enum Source {
    #[default]
    Machine,
    /// Stands still until it is set.
    Manual(Arc<AtomicI64>),
    /// Runs as the machine's clock does, so many microseconds ahead of it.
    Ahead(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock.
    pub const fn system() -> Self {
        Self(Source::Machine)
    }

    /// A clock that stands still until it is set; clones show the same time.
    pub fn manual(now: UtcMicros) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(now.get()))))
    }

    /// A clock that runs, and is wrong: so many seconds ahead of the machine's (negative: behind). Clones show the same time.
    pub fn ahead(seconds: i64) -> Self {
        Self(Source::Ahead(Arc::new(AtomicI64::new(
            seconds.saturating_mul(1_000_000),
        ))))
    }

    /// Sets a manual clock, or lets one that is wrong jump; the machine's clock stays as it is.
    pub fn set(&self, now: UtcMicros) {
        match &self.0 {
            Source::Machine => {}
            Source::Manual(manual) => manual.store(now.get(), Ordering::SeqCst),
            Source::Ahead(ahead) => ahead.store(now.get() - machine().get(), Ordering::SeqCst),
        }
    }

    /// The instant that it is now.
    pub fn now(&self) -> UtcMicros {
        match &self.0 {
            Source::Machine => machine(),
            Source::Manual(manual) => {
                UtcMicros::new(manual.load(Ordering::SeqCst)).unwrap_or_default()
            }
            Source::Ahead(ahead) => machine().plus_micros(ahead.load(Ordering::SeqCst)),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that asks the machine"
)]
fn machine() -> UtcMicros {
    jiff::Timestamp::now().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_clock_runs_and_jumps() {
        let (right, wrong) = (Clock::system(), Clock::ahead(3600));
        let ahead = wrong.now().seconds_since(right.now());
        assert!((ahead - 3600.0).abs() < 1.0, "{ahead}");
        let before = wrong.now();
        while wrong.now() == before {}
        wrong.set(right.now().plus_seconds(-60));
        let behind = wrong.clone().now().seconds_since(right.now());
        assert!((behind + 60.0).abs() < 1.0, "{behind}");
    }
}
