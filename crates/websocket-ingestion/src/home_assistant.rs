//! Everything that knows how Home Assistant speaks.

pub(crate) mod calls;
pub(crate) mod frame;
pub(crate) mod handshake;
pub(crate) mod history;
mod registry_watch;
pub(crate) mod session;
pub(crate) mod supervisor;

/// Name of the part in `/health`.
pub(crate) const PART: &str = "home_assistant";
