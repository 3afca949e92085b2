//! Who is connected to `/ws` and `/ws/status`: how many there may be, and how they are let go of.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::lifecycle::Failure;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Time that clients have to hear goodbye when the process stops.
const GOODBYE: Duration = Duration::from_secs(2);

/// Why a client was let go of by us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LeaveReason {
    /// It did not take what it was sent.
    Slow,
    /// It did not answer pings.
    Silent,
    /// There are as many as there may be.
    TooMany,
    /// It sent a message that is too large to be read at all.
    TooLarge,
}

impl LeaveReason {
    /// Label of the counter.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Slow => "slow",
            Self::Silent => "silent",
            Self::TooMany => "too_many",
            Self::TooLarge => "too_large",
        }
    }

    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::Slow, Self::Silent, Self::TooMany, Self::TooLarge];
}

/// The connected clients.
#[derive(Debug)]
pub(crate) struct Clients {
    most: usize,
    seated: Arc<AtomicUsize>,
    conversations: TaskTracker,
    closing: CancellationToken,
}

/// The place of one client; free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Seat(Arc<AtomicUsize>);

impl Clients {
    pub(crate) fn new(most: usize, closing: CancellationToken) -> Self {
        Self {
            most,
            seated: Arc::default(),
            conversations: TaskTracker::new(),
            closing,
        }
    }

    /// A place, if there is one.
    pub(crate) fn admit(&self) -> Option<Seat> {
        let most = self.most;
        let more = |seated| (seated < most).then_some(seated + 1);
        let seated = self
            .seated
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        seated.ok()?;
        metrics::gauge!("homeiq_live_clients").increment(1.0);
        Some(Seat(Arc::clone(&self.seated)))
    }

    /// How many there may be.
    pub(crate) fn most(&self) -> usize {
        self.most
    }

    /// Counts a client that we let go of.
    pub(crate) fn let_go(&self, reason: LeaveReason) {
        metrics::counter!("homeiq_live_clients_dropped_total", "reason" => reason.as_str())
            .increment(1);
        tracing::debug!(
            reason = reason.as_str(),
            clients = self.seated.load(Ordering::Relaxed),
            "a client was let go of"
        );
    }

    /// Knows of a conversation, so that the process waits for its end.
    pub(crate) fn track<F: Future>(&self, conversation: F) -> impl Future<Output = F::Output> {
        self.conversations.track_future(conversation)
    }

    /// Cancelled when everybody has to go.
    pub(crate) fn closing(&self) -> CancellationToken {
        self.closing.clone()
    }

    /// Waits until the process closes, and then for the clients to have heard of it.
    pub(crate) async fn until_gone(&self) -> Result<(), Failure> {
        self.closing.cancelled().await;
        self.conversations.close();
        tokio::time::timeout(GOODBYE, self.conversations.wait())
            .await
            .ok();
        Ok(())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
        metrics::gauge!("homeiq_live_clients").decrement(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_when_its_client_has_gone() {
        let clients = Clients::new(2, CancellationToken::new());
        let (first, _second) = (clients.admit().unwrap(), clients.admit().unwrap());
        assert!(clients.admit().is_none());
        drop(first);
        assert!(clients.admit().is_some());
    }
}
