//! What a detector found, before it is weighed against everything else that was tried.

use crate::detect::time_of_day::Frame;
use crate::pattern::{Condition, DaySet, Kind, Oddity, Status};

/// A pattern in the miner's own words: positions of series, microseconds, minutes.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Its kind.
    pub kind: Kind,
    /// Positions of its series, in order.
    pub series: Vec<usize>,
    /// Probability of it by chance, paid for everything that was tried for it; after the run's cut, its q-value.
    pub p_value: f64,
    /// Times it happened.
    pub hits: u32,
    /// Times it could have.
    pub opportunities: u32,
    /// Times chance would have made of them.
    pub expected: f64,
    /// When it happened, in microseconds, in time order.
    pub occurrences: Vec<i64>,
    /// When it was due and did not.
    pub misses: Vec<i64>,
    /// Where it is in its life.
    pub status: Status,
    /// The days on which it holds.
    pub days: Option<DaySet>,
    /// The part of the day, where it has one.
    pub clock: Option<ClockTime>,
    /// Delay from the first to the second, in seconds: quarter point, median, three-quarter point.
    pub delay: Option<(f64, f64, f64)>,
    /// Longest delay that counts, in seconds.
    pub within: f64,
    /// Median time between steps, in seconds.
    pub gaps: Vec<f64>,
    /// How often each member takes part.
    pub member_share: Vec<f64>,
    /// For what goes together: members that make an occurrence.
    pub quorum: usize,
    /// It goes together within seconds.
    pub scene: bool,
    /// What must hold.
    pub condition: Option<Condition>,
    /// Typical time held, in minutes.
    pub minutes: Option<f64>,
    /// What kind of oddity, and since when, in microseconds.
    pub oddity: Option<(Oddity, i64)>,
    /// When the oddity ended, in microseconds; none where it has no length, and while it lasts.
    pub until: Option<i64>,
    /// How unusual, in words, for oddities.
    pub remark: String,
}

/// A time of the day.
#[derive(Debug, Clone, Copy)]
pub struct ClockTime {
    /// Minute around which it happens now, 0 to 1439.
    pub minute: i64,
    /// Centre of the tested window, in the minutes of its frame.
    pub centre: i64,
    /// Half width of the tested window, in minutes.
    pub half_width: i64,
    /// Standard deviation, in minutes.
    pub spread: f64,
    /// What its time is measured from.
    pub frame: Frame,
}

impl Finding {
    /// An empty finding of a kind.
    pub fn new(kind: Kind, series: Vec<usize>) -> Self {
        Self {
            kind,
            series,
            p_value: 1.0,
            hits: 0,
            opportunities: 0,
            expected: 0.0,
            occurrences: Vec::new(),
            misses: Vec::new(),
            status: Status::Active,
            days: None,
            clock: None,
            delay: None,
            within: 0.0,
            gaps: Vec::new(),
            member_share: Vec::new(),
            quorum: 0,
            scene: false,
            condition: None,
            minutes: None,
            oddity: None,
            until: None,
            remark: String::new(),
        }
    }

    /// Lower end of the 95 % Wilson interval of its share.
    pub fn strength(&self) -> f64 {
        crate::score::wilson_lower(self.opportunities, self.hits)
    }

    /// Share of the opportunities on which it happened.
    pub fn share(&self) -> f64 {
        f64::from(self.hits) / f64::from(self.opportunities.max(1))
    }
}

/// What a detector found and how much it tried.
#[derive(Debug, Default)]
pub struct Found {
    /// What stands out.
    pub findings: Vec<Finding>,
    /// Hypotheses tested.
    pub hypotheses: usize,
}
