//! The time, handed in as an argument so that tests decide what it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::instant::UtcMicros;

/// Tells the time. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Clock(Option<Arc<AtomicI64>>);

impl Clock {
    /// The machine's clock.
    pub const fn system() -> Self {
        Self(None)
    }

    /// A clock that stands still until it is set; clones show the same time.
    pub fn manual(now: UtcMicros) -> Self {
        Self(Some(Arc::new(AtomicI64::new(now.get()))))
    }

    /// Sets a manual clock; the machine's clock stays as it is.
    pub fn set(&self, now: UtcMicros) {
        if let Some(manual) = &self.0 {
            manual.store(now.get(), Ordering::SeqCst);
        }
    }

    /// The instant that it is now.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the machine"
    )]
    pub fn now(&self) -> UtcMicros {
        match &self.0 {
            Some(manual) => UtcMicros::new(manual.load(Ordering::SeqCst)).unwrap_or_default(),
            None => jiff::Timestamp::now().into(),
        }
    }
}
