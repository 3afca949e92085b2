//! What the clients of `/ws` and `/ws/status` are sent as it happens.
//!
//! The reader hands a change over and goes on: with nobody listening that is one look at a number, and with a hundred no more than
//! a reference to the line that was written for data-api. Everything else happens in other tasks, each with a bound.

mod clients;
mod feed;
mod pulse;

use common::api::events::NewEvent;
use tokio_util::sync::CancellationToken;

pub(crate) use clients::{Clients, LeaveReason, Seat};
pub(crate) use feed::{Came, Feed, Subscription, lost, overflow};
pub(crate) use pulse::Pulse;

use crate::house::House;
use crate::lines::Line;

/// The ways from the reader to the clients.
#[derive(Debug)]
pub(crate) struct Live {
    /// Every event that is kept.
    pub(crate) events: Feed,
    /// How the house stands.
    pub(crate) house: House,
    /// Rates, and the state of the service when it changes.
    pub(crate) pulse: Pulse,
    /// Who is connected.
    pub(crate) clients: Clients,
}

impl Live {
    pub(crate) fn new(max_clients: usize, closing: CancellationToken) -> Self {
        Self {
            events: Feed::default(),
            house: House::default(),
            pulse: Pulse::default(),
            clients: Clients::new(max_clients, closing),
        }
    }

    /// Takes note of a change. Called by the task that reads Home Assistant's socket, so it never waits.
    pub(crate) fn publish(&self, change: &NewEvent, line: &Line) {
        self.house.note(change);
        self.events.note(line);
    }
}
