//! What was done to the programs, and when: the other half of the proof.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};

use common::clock::Clock;
use common::instant::UtcMicros;

/// Something that went wrong on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    IngestionKilled,
    IngestionRestarted,
    IngestionPaused,
    StoreKilled,
    StoreRestarted,
    StorePaused,
    HomeCut,
    HomeRestarted,
    HomeKilled,
    LinkHeld,
    LinkSlow,
    LinkLate,
    LinkReset,
    LinkRefused,
    StoreLinkHeld,
    StoreLinkSlow,
    StoreLinkLate,
    StoreLinkRefused,
    StoreLinkCut,
    StoreLinkErrors,
}

/// What a fault means for the gaps that must, or may, be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Nothing can be heard as long as it lasts: it has to lie in a recorded gap.
    Deaf,
    /// The connection may break: a gap is no surprise.
    Trouble,
    /// It is between ingestion and data-api: no reason for a gap.
    None,
}

impl Fault {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::IngestionKilled => "websocket-ingestion: kill -9",
            Self::IngestionRestarted => "websocket-ingestion: restart",
            Self::IngestionPaused => "websocket-ingestion: stands still",
            Self::StoreKilled => "data-api: kill -9",
            Self::StoreRestarted => "data-api: restart",
            Self::StorePaused => "data-api: stands still",
            Self::HomeCut => "Home Assistant: connections cut",
            Self::HomeRestarted => "Home Assistant: restart",
            Self::HomeKilled => "Home Assistant: kill -9",
            Self::LinkHeld => "way to Home Assistant: no byte passes",
            Self::LinkSlow => "way to Home Assistant: few bytes a second",
            Self::LinkLate => "way to Home Assistant: late",
            Self::LinkReset => "way to Home Assistant: reset",
            Self::LinkRefused => "way to Home Assistant: refused",
            Self::StoreLinkHeld => "way to data-api: no byte passes",
            Self::StoreLinkSlow => "way to data-api: few bytes a second",
            Self::StoreLinkLate => "way to data-api: late",
            Self::StoreLinkRefused => "way to data-api: refused",
            Self::StoreLinkCut => "way to data-api: half a body",
            Self::StoreLinkErrors => "way to data-api: error answers",
        }
    }

    pub(super) fn meaning(self) -> Meaning {
        match self {
            Self::IngestionKilled
            | Self::IngestionRestarted
            | Self::HomeCut
            | Self::HomeRestarted
            | Self::HomeKilled
            | Self::LinkReset
            | Self::LinkRefused => Meaning::Deaf,
            Self::IngestionPaused | Self::LinkHeld | Self::LinkSlow | Self::LinkLate => {
                Meaning::Trouble
            }
            _ => Meaning::None,
        }
    }

    /// Whether ingestion did not run.
    pub(super) fn is_end_of_ingestion(self) -> bool {
        matches!(self, Self::IngestionKilled | Self::IngestionRestarted)
    }
}

/// A fault and how long it lasted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) fault: Fault,
    /// When it was set about: what came just before it may have been cut short.
    pub(super) begun: UtcMicros,
    /// From when it was there for certain.
    pub(super) from: UtcMicros,
    pub(super) to: UtcMicros,
}

impl Window {
    /// Whether it overlaps this span, from the moment on when it was set about.
    pub(super) fn meets(&self, from: UtcMicros, to: UtcMicros) -> bool {
        self.begun <= to && from <= self.to
    }
}

/// Everything that was done.
#[derive(Debug)]
pub(super) struct Diary {
    pub(super) clock: Clock,
    pub(super) began: UtcMicros,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    windows: Vec<Window>,
    counts: BTreeMap<Fault, u64>,
}

impl Diary {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            began: clock.now(),
            clock,
            inner: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a fault that lasts as long as this takes.
    pub(super) async fn during<T>(&self, fault: Fault, work: impl Future<Output = T>) -> T {
        let now = self.clock.now();
        self.since(now, fault, work).await
    }

    /// The same for one that was set about before, and has come into its own by now: a program takes its time to end.
    pub(super) async fn since<T>(
        &self,
        begun: UtcMicros,
        fault: Fault,
        work: impl Future<Output = T>,
    ) -> T {
        let from = self.clock.now();
        let done = work.await;
        self.note(Window {
            fault,
            begun,
            from,
            to: self.clock.now(),
        });
        done
    }

    fn note(&self, window: Window) {
        let mut inner = self.lock();
        *inner.counts.entry(window.fault).or_default() += 1;
        inner.windows.push(window);
    }

    /// Notes a fault of a moment.
    pub(super) fn at_once(&self, fault: Fault, act: impl FnOnce()) {
        // The moment before it: what comes after may have to do with it.
        let now = self.clock.now();
        act();
        self.note(Window {
            fault,
            begun: now,
            from: now,
            to: now,
        });
    }

    pub(super) fn counts(&self) -> BTreeMap<Fault, u64> {
        self.lock().counts.clone()
    }

    pub(super) fn windows(&self) -> Vec<Window> {
        self.lock().windows.clone()
    }

    /// Hands over the faults that were over before this: a long run is proven part by part.
    pub(super) fn take_before(&self, at: UtcMicros) -> Vec<Window> {
        let mut inner = self.lock();
        let windows = std::mem::take(&mut inner.windows);
        let (over, rest) = windows.into_iter().partition(|window| window.to < at);
        inner.windows = rest;
        over
    }

    /// Seconds since the beginning, for people.
    pub(super) fn seconds(&self, at: UtcMicros) -> f64 {
        at.seconds_since(self.began)
    }
}
