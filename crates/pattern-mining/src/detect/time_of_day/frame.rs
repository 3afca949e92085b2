//! What a time of the day is measured from: the clock, the sun, or a clock that is a little faster or slower every week.

use jiff::Timestamp;

use crate::evidence::Evidence;
use crate::pattern::SunEvent;

use super::apart;

/// Weekly drifts that are tried, in minutes.
const DRIFTS: [i64; 6] = [-14, -8, -4, 4, 8, 14];
/// Fewest days in which a drift or the sun can be told from a standstill.
const MIN_DAYS: usize = 28;
/// Widest half width of a window that moves by the week, in minutes.
const MAX_DRIFTING: i64 = 30;
/// The sun explains what happens within this many minutes of its rise or set.
const NEAR_THE_SUN: i64 = 120;

/// A measure of the time of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame {
    /// The wall clock.
    Clock,
    /// Minutes after the sun's moment.
    Sun(SunEvent),
    /// The wall clock, moving by so many minutes a week.
    Drift(i64),
}

/// A measure, as minutes by which each day's clock is ahead of the last day's.
#[derive(Debug, Clone)]
pub(super) struct Shifts {
    /// The measure.
    pub(super) frame: Frame,
    /// For each day, in minutes.
    pub(super) by_day: Vec<i64>,
    /// Local minute of the sun's moment on the last day; none for the clock.
    pub(super) anchor: Option<i64>,
}

impl Shifts {
    /// Whether this measure can explain a window: the sun explains what is near to it, and a wide window that moves by the week finds its
    /// way through any cloud of changes.
    pub(super) fn explain(&self, centre: i64, half_width: i64) -> bool {
        match self.frame {
            Frame::Clock => true,
            Frame::Sun(_) => self
                .anchor
                .is_none_or(|sun| apart(centre, sun) <= NEAR_THE_SUN),
            Frame::Drift(_) => half_width <= MAX_DRIFTING,
        }
    }
}

/// The measures of a run.
#[derive(Debug)]
pub struct Frames(Vec<Shifts>);

impl Frame {
    /// Minutes by which its clock is ahead, on the day at a position, of that of the last day; none where the sun has no such moment.
    pub fn ahead(self, evidence: &Evidence, index: usize) -> Option<i64> {
        match self {
            Self::Clock => Some(0),
            Self::Drift(weekly) => Some(drifted(weekly, index, evidence.days.len())),
            Self::Sun(event) => {
                let last = evidence.days.len().checked_sub(1)?;
                Some(sun_minute(evidence, event, index)? - sun_minute(evidence, event, last)?)
            }
        }
    }
}

fn drifted(weekly: i64, index: usize, days: usize) -> i64 {
    (weekly * (index as i64 + 1 - days as i64)).div_euclid(7)
}

/// The local minute of the sun's moment on the day at a position.
fn sun_minute(evidence: &Evidence, event: SunEvent, index: usize) -> Option<i64> {
    let day = evidence.days.day_at(index);
    let utc = evidence.place.minute_utc(day, event)?;
    let micros = (day * 1440) * 60_000_000 + (utc * 60e6) as i64;
    Timestamp::from_microsecond(micros).ok()?;
    Some(evidence.clock.local_minute(micros) - day * 1440)
}

impl Frames {
    /// The clock first, then the others, where there are days enough for them.
    pub fn new(evidence: &Evidence) -> Self {
        let days = evidence.days.len();
        let mut frames = vec![Shifts {
            frame: Frame::Clock,
            by_day: vec![0; days],
            anchor: None,
        }];
        if days >= MIN_DAYS {
            frames.extend(
                [SunEvent::Sunrise, SunEvent::Sunset]
                    .into_iter()
                    .filter_map(|event| sun(evidence, event)),
            );
            let drift = |weekly: i64| Shifts {
                frame: Frame::Drift(weekly),
                by_day: (0..days).map(|day| drifted(weekly, day, days)).collect(),
                anchor: None,
            };
            frames.extend(DRIFTS.into_iter().map(drift));
        }
        Self(frames)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Shifts> {
        self.0.iter()
    }
}

/// The sun's moment of each day; none where it is missing on some, as in the far north.
fn sun(evidence: &Evidence, event: SunEvent) -> Option<Shifts> {
    let minutes: Option<Vec<i64>> = (0..evidence.days.len())
        .map(|index| sun_minute(evidence, event, index))
        .collect();
    let minutes = minutes?;
    let anchor = *minutes.last()?;
    Some(Shifts {
        frame: Frame::Sun(event),
        by_day: minutes.into_iter().map(|minute| minute - anchor).collect(),
        anchor: Some(anchor),
    })
}
