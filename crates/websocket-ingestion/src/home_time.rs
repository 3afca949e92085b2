//! What time it is in Home Assistant. Events bear its clock, gaps are kept in it and its history is asked in it; our own clock
//! may differ, and either may jump. So its time is reckoned from what it says and from the time that passes here on a clock
//! that never jumps.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use common::instant::UtcMicros;

/// Microseconds in a second.
const SECOND: i64 = 1_000_000;
/// Events tell the time at which they were fired, a little before we read them. The best of so many microseconds, and of as many
/// before those, counts: long enough to see past a slow moment, short enough to notice a clock that was set back.
const SPELL: i64 = 10 * SECOND;
/// A difference from which two sayings about the time are not the same; a header has whole seconds.
const TOLERANCE: i64 = 2 * SECOND;
/// How late an event may be read: Home Assistant cuts us off when more wait for longer.
const LATEST_READ: i64 = 10 * SECOND;
/// No event was heard since the last look.
const NONE: i64 = i64::MIN;

/// Home Assistant's clock, as far as we know it.
#[derive(Debug)]
pub(crate) struct HomeTime {
    started: Instant,
    /// Instant of the newest event, until it is taken in by [`Self::frame_read`].
    newest: AtomicI64,
    reckoning: Mutex<Reckoning>,
}

/// A span in which events may have been missed, in Home Assistant's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outage {
    /// Where it may begin at the earliest, whatever the clocks did meanwhile; the start of this process where nothing was heard
    /// before.
    pub(crate) start: UtcMicros,
    /// Where it ends at the latest.
    pub(crate) end: UtcMicros,
}

impl Default for HomeTime {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            newest: AtomicI64::new(NONE),
            reckoning: Mutex::default(),
        }
    }
}

impl HomeTime {
    /// Microseconds on a clock that never jumps, for the `asked` of other functions.
    pub(crate) fn tick(&self) -> i64 {
        self.started.elapsed().as_micros() as i64
    }

    /// An answer to what was asked at `asked` bore this date. Without one, our own clock has to do until an event comes.
    pub(crate) fn dated(&self, date: Option<UtcMicros>, asked: i64, ours: UtcMicros) {
        let now = self.tick();
        let mut reckoning = self.lock();
        match date {
            Some(date) => {
                // It was written after we asked and before now, and has lost a part of a second.
                let low = date.get() - now;
                reckoning.dated(low, date.get() + SECOND - asked);
            }
            None => reckoning.guessed(ours.get() - now),
        }
    }

    /// An event of this instant was read. Cheap: it is called for every one.
    pub(crate) fn heard(&self, instant: UtcMicros) {
        self.newest.store(instant.get(), Ordering::Relaxed);
    }

    /// A frame was read to its end.
    pub(crate) fn frame_read(&self) {
        let newest = self.newest.swap(NONE, Ordering::Relaxed);
        if newest != NONE {
            let now = self.tick();
            self.lock().heard(newest, now);
        }
    }

    /// Home Assistant answered what was sent at `asked`, behind every event that it had fired before.
    pub(crate) fn answered(&self, asked: i64) {
        self.lock().answered(asked);
    }

    /// From now on events come; Home Assistant was asked for them at `asked`. Returns what lies between the last sign of life and
    /// now.
    pub(crate) fn subscribed(&self, asked: i64) -> Outage {
        let now = self.tick();
        self.lock().subscribed(asked, now)
    }

    /// What [`Self::subscribed`] ought to have said, if events have shown since that it was wrong.
    pub(crate) fn revised(&self) -> Option<Outage> {
        self.lock().revised.take()
    }

    /// Everything that was fired before this has been read; none when nothing was.
    pub(crate) fn complete_until(&self) -> Option<UtcMicros> {
        self.lock().life.map(|life| instant(life.home))
    }

    /// What time it is there; our own where it never said anything.
    pub(crate) fn now(&self, ours: UtcMicros) -> UtcMicros {
        let now = self.tick();
        self.lock()
            .base
            .map_or(ours, |base| instant(base.middle() + now))
    }

    /// Seconds by which its clock is ahead of ours (negative: behind); none when it has not told the time.
    pub(crate) fn ahead_seconds(&self, ours: UtcMicros) -> Option<f64> {
        let now = self.tick();
        let base = self
            .lock()
            .base
            .filter(|base| base.source != Source::Ours)?;
        Some(instant(base.middle() + now).seconds_since(ours))
    }

    fn lock(&self) -> MutexGuard<'_, Reckoning> {
        self.reckoning
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn instant(micros: i64) -> UtcMicros {
    UtcMicros::default().plus_micros(micros)
}

/// The arithmetic. All numbers are microseconds: `at` and `asked` on the clock that never jumps, the others on Home Assistant's.
#[derive(Debug, Default)]
struct Reckoning {
    base: Option<Base>,
    life: Option<Life>,
    /// Until the first event confirms it or not.
    told: Option<Told>,
    revised: Option<Outage>,
}

/// Home Assistant's clock less ours that never jumps: it lies between the two, and stays there until somebody sets that clock.
#[derive(Debug, Clone, Copy)]
struct Base {
    source: Source,
    low: i64,
    high: i64,
    spell: Spell,
}

/// The best that events said, since an instant and in the spell before.
#[derive(Debug, Clone, Copy, Default)]
struct Spell {
    best: i64,
    before: i64,
    since: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// Our own clock, for want of better.
    Ours,
    /// A header, perhaps of somebody in between.
    Header,
    /// Events.
    Events,
}

/// The last sign of life.
#[derive(Debug, Clone, Copy)]
struct Life {
    home: i64,
    at: i64,
    /// The highest base of that time.
    latest: i64,
}

/// What was said about an outage, and from what.
#[derive(Debug, Clone, Copy)]
struct Told {
    outage: Outage,
    life: Option<Life>,
    at: i64,
    source: Source,
}

impl Base {
    fn between(source: Source, low: i64, high: i64) -> Self {
        Self {
            source,
            low,
            high: high.max(low),
            spell: Spell::default(),
        }
    }

    fn of_events(spell: Spell) -> Self {
        let best = spell.best.max(spell.before);
        Self {
            spell,
            ..Self::between(Source::Events, best, best)
        }
    }

    fn middle(&self) -> i64 {
        self.low.midpoint(self.high)
    }

    /// At most this; events are some milliseconds old when they are read.
    fn latest(&self) -> i64 {
        match self.source {
            Source::Events => self.high + SECOND,
            Source::Ours | Source::Header => self.high,
        }
    }
}

impl Reckoning {
    fn guessed(&mut self, base: i64) {
        self.base
            .get_or_insert(Base::between(Source::Ours, base, base));
    }

    fn dated(&mut self, low: i64, high: i64) {
        let agrees = self.base.is_some_and(|base| {
            base.source == Source::Events
                && base.high >= low - TOLERANCE
                && base.low <= high + TOLERANCE
        });
        // Events tell more exactly, unless the clock was set meanwhile.
        if !agrees {
            self.base = Some(Base::between(Source::Header, low, high));
        }
    }

    fn heard(&mut self, home: i64, at: i64) {
        let said = home - at;
        let fresh = |best| Spell {
            best,
            before: best,
            since: at,
        };
        let spell = match self.base {
            Some(base) if base.source == Source::Events && at - base.spell.since >= SPELL => {
                Spell {
                    best: said,
                    before: base.spell.best,
                    since: at,
                }
            }
            Some(base) if base.source == Source::Events => Spell {
                best: base.spell.best.max(said),
                ..base.spell
            },
            // An event that was read late says too little.
            Some(base) if base.source == Source::Header && said >= base.low - LATEST_READ => {
                fresh(said.max(base.low))
            }
            Some(_) | None => fresh(said),
        };
        let base = Base::of_events(spell);
        self.base = Some(base);
        // What was known from events, and was confirmed, is not doubted for long: the clock may be set now as well.
        let doubtful =
            |told: &Told| told.source != Source::Events || at - told.at < 6 * LATEST_READ;
        if let Some(told) = self.told.take().filter(doubtful) {
            // As long as it can be an event that was read late, what was known holds.
            let base = if said >= base.high - LATEST_READ {
                base
            } else {
                Base::of_events(fresh(said))
            };
            self.revised = revision(told, outage(base, told.life, told.at));
        }
        // It was fired then, and not when it was read.
        let fired = (home - base.high).clamp(at - 6 * LATEST_READ, at);
        self.life = Some(Life {
            home,
            at: fired,
            latest: home - fired + SECOND,
        });
    }

    fn answered(&mut self, asked: i64) {
        if let Some(base) = self.base {
            self.life = Some(Life {
                home: base.low + asked,
                at: asked,
                latest: base.latest(),
            });
        }
    }

    fn subscribed(&mut self, asked: i64, at: i64) -> Outage {
        let life = self.life;
        let base = self
            .base
            .unwrap_or_else(|| Base::between(Source::Ours, 0, 0));
        let outage = outage(base, life, at);
        self.told = Some(Told {
            outage,
            life,
            at,
            source: base.source,
        });
        self.answered(asked);
        outage
    }
}

/// From the last sign of life until `at`. A clock that was set in between, forth or back, nobody knows when, has made two spans
/// of it: from the sign of life on the old time, and up to now on the new one. This holds both.
fn outage(base: Base, life: Option<Life>, at: i64) -> Outage {
    let (old, new) = (
        life.map_or(base.latest(), |life| life.latest),
        base.latest(),
    );
    let start = life.map_or(base.low, |life| life.home.min(base.low + life.at));
    Outage {
        start: instant(start),
        end: instant(old.max(new) + at),
    }
}

/// The outage as it is known now, if what was told does not hold it.
fn revision(told: Told, now: Outage) -> Option<Outage> {
    let later = now.end.get() - told.outage.end.get();
    let earlier = told.outage.start.get() - now.start.get();
    let start = if told.life.is_some() {
        now.start
    } else {
        // What was missed before the start of this process was told up to there.
        now.start.min(told.outage.end)
    };
    let is_news = later > TOLERANCE || (earlier > TOLERANCE && told.life.is_some());
    is_news.then_some(Outage {
        start,
        end: now.end,
    })
}

#[cfg(test)]
mod tests;
