//! Where events go.

mod data_api;
mod influxdb;

use std::future::Future;

use common::instant::UtcMicros;

use crate::lines::Lines;

pub(crate) use data_api::DataApiSink;
pub(crate) use influxdb::{InfluxSink, InfluxWay};

/// A place that events are delivered to. Each has its own queue and its own spool, so that none waits for another.
pub(crate) trait Sink: Send + Sync + 'static {
    /// Name of its spool in `/health`.
    const PART: &'static str;
    /// What becomes of events that were let go on the way.
    const AFTER_LOSS: &'static str;

    /// Delivers a batch, trying for as long as it takes.
    fn deliver(&self, batch: &Lines) -> impl Future<Output = ()> + Send;

    /// Events had to be let go on the way; the span of their instants.
    fn lost(&self, why: Loss, events: u64, span: Option<(UtcMicros, UtcMicros)>);

    /// So many events wait on disk, in so many bytes.
    fn spooled(&self, records: u64, bytes: u64);
}

/// Why events were let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// Neither the next place nor the disk took them in time, and memory is bounded.
    BufferFull,
    /// The spool is full: the oldest had to go.
    SpoolFull,
    /// A file of the spool cannot be read any more.
    SpoolDamaged,
    /// The process had to stop, and the disk did not take them.
    Stopped,
}

impl Loss {
    /// Its name in metrics and in `/health`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::BufferFull => "buffer_full",
            Self::SpoolFull => "spool_full",
            Self::SpoolDamaged => "spool_damaged",
            Self::Stopped => "stopped",
        }
    }
}
