//! The word to end a run before it is done.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Tells a run on another thread to end. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// The run is to end as soon as it looks up, which it does many times a second.
    pub fn say(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the run is to end.
    pub fn is_said(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
