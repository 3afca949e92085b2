//! Everything that knows how Home Assistant speaks.

pub(crate) mod calls;
mod candidate;
mod clock;
pub(crate) mod frame;
pub(crate) mod history;
pub(crate) mod logbook;
mod opening;
pub(crate) mod recorder;
mod registry_watch;
pub(crate) mod rest;
pub(crate) mod session;
pub(crate) mod supervisor;

/// Name of the part in `/health`.
pub(crate) const PART: &str = "home_assistant";
/// Name of the part that says why the fallback is used.
const PRIMARY_PART: &str = "home_assistant_primary";
