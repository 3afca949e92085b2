//! The signals by which an operator, or a container engine, ends a program.

/// SIGTERM and Ctrl-C, heard from the moment this is made.
#[derive(Debug)]
pub struct Signals {
    #[cfg(unix)]
    terminate: Option<tokio::signal::unix::Signal>,
    #[cfg(unix)]
    interrupt: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    /// Listens from now on; a signal that cannot be heard is logged.
    pub fn listen() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |name: &str, kind| match signal(kind) {
            Ok(heard) => Some(heard),
            Err(error) => {
                tracing::warn!(%error, "{name} cannot be heard");
                None
            }
        };
        Self {
            terminate: listen("SIGTERM", SignalKind::terminate()),
            interrupt: listen("Ctrl-C", SignalKind::interrupt()),
        }
    }

    /// Resolves at the next one, at once if it has come already.
    pub async fn next(&mut self) {
        let Self {
            terminate,
            interrupt,
        } = self;
        tokio::select! {
            Some(()) = async { terminate.as_mut()?.recv().await } => {}
            Some(()) = async { interrupt.as_mut()?.recv().await } => {}
            else => std::future::pending().await,
        }
    }
}

#[cfg(not(unix))]
impl Signals {
    /// Listens from now on; a signal that cannot be heard is logged.
    pub fn listen() -> Self {
        Self {}
    }

    /// Resolves at the next one.
    pub async fn next(&mut self) {
        drop(tokio::signal::ctrl_c().await);
    }
}
