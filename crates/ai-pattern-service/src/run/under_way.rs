//! The state "running".

use std::sync::PoisonError;

use super::Analyst;

/// Ends the state "running" whatever happens.
pub(super) struct UnderWay(pub(super) Analyst);

impl Drop for UnderWay {
    fn drop(&mut self) {
        *self
            .0
            .0
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = None;
    }
}
