//! What is going to happen on one day, before it is known what of it changes anything.

use common::instant::UtcMicros;

use super::Home;
use super::calendar::Day;
use super::look::Extra;

/// What is done to a thing.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Act {
    /// It takes a state.
    Set(String, Vec<Extra>),
    /// It cannot be reached, and shows this state (`unavailable` or `unknown`) instead of its own.
    Lost(&'static str),
    /// It can be reached again.
    Back,
}

/// By whose hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// The device itself: a wall switch, a measurement.
    Device,
    /// A person, through an app.
    App(u64),
    /// The automation that was triggered at this instant.
    Automation(UtcMicros),
}

/// One thing that is going to happen.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Planned {
    pub(super) at: i64,
    pub(super) thing: usize,
    pub(super) act: Act,
    pub(super) cause: Cause,
}

/// The plan of a day, being written.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    pub(super) home: &'a Home,
    pub(super) day: &'a Day,
    pub(super) planned: Vec<Planned>,
}

impl Plan<'_> {
    /// A thing takes a state, by its own or by a hand at the device.
    pub(super) fn set(&mut self, minute: f64, entity_id: &str, state: impl Into<String>) {
        self.set_by(minute, entity_id, state, Vec::new(), Cause::Device);
    }

    /// A thing takes a state.
    pub(super) fn set_by(
        &mut self,
        minute: f64,
        entity_id: &str,
        state: impl Into<String>,
        extra: Vec<Extra>,
        cause: Cause,
    ) {
        let (at, thing) = (self.day.at(minute), self.home.thing(entity_id));
        self.planned.push(Planned {
            at,
            thing,
            act: Act::Set(state.into(), extra),
            cause,
        });
    }

    /// Seconds, as the minutes that a plan counts in.
    pub(super) fn seconds(seconds: f64) -> f64 {
        seconds / 60.0
    }
}
