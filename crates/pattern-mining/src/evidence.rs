//! What is left when the noise is gone, laid out for the detectors.

use std::sync::Arc;

use common::entity::domain_of;

use crate::calendar::{Days, LocalClock, MINUTES_PER_DAY};
use crate::detect::screen::Counted;
use crate::mine::Settings;
use crate::noise;
use crate::report::{LeftOut, Reason};
use crate::stop::Stop;
use crate::sun::Place;
use crate::threads::both;
use crate::timeline::{Record, Timeline};
use changes::Changes;
pub use facts::Facts;
use moments::{Found, Moments};
use order::Order;
pub use steps::{Step, Steps};

mod away;
mod changes;
mod cycle;
mod echo;
mod facts;
mod moments;
mod order;
mod steps;
mod timer;

/// An entity with more changes a day than this, on average, has no single moments that people would call a habit.
pub const MAX_CHANGES_PER_DAY: usize = 96;

/// One instant in both times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Minutes of the wall clock since 1970-01-01T00:00.
    pub minute: i64,
    /// Microseconds of UTC since 1970.
    pub at: i64,
}

impl Moment {
    /// The local day, in days since 1970.
    pub const fn day(self) -> i64 {
        self.minute.div_euclid(MINUTES_PER_DAY)
    }

    /// The minute of the local day.
    pub const fn of_day(self) -> i64 {
        self.minute.rem_euclid(MINUTES_PER_DAY)
    }
}

/// When one entity reached one state, in time order.
#[derive(Debug, Clone)]
pub struct Series {
    /// Position of its entity.
    pub entity: usize,
    /// The state.
    pub state: String,
    /// The state is one in which the thing is at work: on, open, playing; not off, closed, idle.
    pub active: bool,
    /// It may set something off.
    pub trigger: bool,
    /// It may be what people do.
    pub effect: bool,
    /// When it was reached.
    pub moments: Vec<Moment>,
}

/// What the detectors look at.
#[derive(Debug)]
pub struct Evidence {
    /// The entities.
    pub facts: Vec<Facts>,
    /// One series per entity and state.
    pub series: Vec<Series>,
    /// Everything in the series, in time order: instant and position of the series; at one instant in order of the series.
    pub actions: Vec<(i64, u32)>,
    /// The days that they lie in.
    pub days: Days,
    /// The home's wall clock.
    pub clock: LocalClock,
    /// Where the home is.
    pub place: Place,
    /// First and last instant, in microseconds.
    pub span: (i64, i64),
    /// Changes taken in.
    pub seen: u64,
    /// Changes that are evidence.
    pub kept: u64,
    /// The others, by reason.
    pub left_out: LeftOut,
    /// What the last run counted.
    pub counted: Option<Arc<Counted>>,
    /// Tells the detectors to end.
    pub stop: Stop,
}

impl Evidence {
    /// Lays out what a timeline knows.
    pub fn new(timeline: &Timeline, settings: &Settings, stop: &Stop) -> Self {
        let tail = timeline.tail();
        let from = timeline.horizon();
        let before = |records: &[Record]| records.partition_point(|record| record.at < from);
        let old = (before(&timeline.records), before(&tail));
        let records = || timeline.records[old.0..].iter().chain(&tail[old.1..]);
        let covered = timeline.covered.unwrap_or((0, 0));
        let span = (covered.0.max(from), covered.1);
        let clock = LocalClock::new(timeline.time_zone.clone(), span.0, span.1 + 1_000_000);
        let mut left_out = timeline.left_out.clone();
        left_out.add(Reason::Older, (old.0 + old.1) as u64);
        let mut facts = facts::facts(timeline, settings);
        let samples = timeline.samples.iter().filter(|sample| sample.at >= from);
        let changes = Changes::new(&facts);
        // What was done in order, and what each thing did: two ways to lay out the same records.
        let in_order = || {
            let mut order = Order::new(&changes, records());
            let echoes = echo::silence(&facts, &mut order);
            (order, echoes)
        };
        let by_entity = || {
            let done = facts::give(facts.len(), records(), samples);
            let moments = Moments::new(&changes, &done, &clock);
            (done, moments)
        };
        let ((mut order, echoes), (done, mut moments)) = both(in_order, by_entity);
        for (facts, (steps, samples)) in facts.iter_mut().zip(done) {
            (facts.steps, facts.samples) = (steps, samples);
        }
        left_out.add(Reason::Echo, echoes.len() as u64);
        moments.forget(echoes.into_iter().filter_map(|(entity, at)| {
            let state = facts[entity].steps.silence(at)?;
            Some((entity, state, at))
        }));
        let Found { timed, by_day } = moments.take_timed(&facts, days_in(span, &clock));
        for (&change, taken) in &timed {
            left_out.add(Reason::Timer, taken.len() as u64);
            let entity = changes.entity_of(change);
            for &at in taken {
                facts[entity].steps.silence(at);
            }
        }
        order.forget(&timed);
        order.count_left_out(&mut left_out);
        let mut moments = moments.of_change;
        let of_entity = |entity: usize| changes.of(entity);
        let known = timeline.covered.map(|_| span);
        let length = days_of(known, by_day.iter(), &clock).lived_in();
        let count = |moments: &[Vec<Moment>]| moments.iter().map(Vec::len).sum::<usize>();
        for (entity, facts) in facts.iter_mut().enumerate() {
            let moments = &moments[of_entity(entity)];
            let reason = facts.left_out;
            facts.left_out = reason.or_else(|| unfit(facts, moments, count(moments), length));
        }
        let acts = |facts: &Facts| facts.left_out.is_none() && facts.is_acted_upon();
        let people = facts.iter().zip(&by_day);
        let people = people.filter_map(|(facts, by_day)| acts(facts).then_some(by_day));
        let mut days = days_of(known, people, &clock);
        away::leave_out(&facts, &mut days);
        let mut kept = 0;
        let mut series = Vec::new();
        let mut series_of = vec![None; moments.len()];
        for (entity, facts) in facts.iter().enumerate() {
            let moments = &mut moments[of_entity(entity)];
            let count = count(moments) as u64;
            if let Some(reason) = facts.left_out {
                left_out.add(reason, count);
                if is_watched(reason) {
                    series.push(Series::watched(entity));
                }
                continue;
            }
            kept += count;
            for (change, (state, moments)) in
                of_entity(entity).zip(facts.states.iter().zip(moments))
            {
                if !moments.is_empty() {
                    series_of[change] = Some(series.len() as u32);
                    series.push(Series::new(entity, facts, state, std::mem::take(moments)));
                }
            }
        }
        let actions = order.of_series(&series_of);
        Self {
            facts,
            series,
            actions,
            days,
            clock,
            place: timeline.place,
            span,
            seen: timeline.seen,
            kept,
            left_out,
            counted: timeline.counted.clone(),
            stop: stop.clone(),
        }
    }

    /// The entity of a series.
    pub fn facts_of(&self, series: usize) -> &Facts {
        &self.facts[self.series[series].entity]
    }

    /// Whether two entities are one thing: of one device, or group and member.
    pub fn related(&self, a: usize, b: usize) -> bool {
        let (one, other) = (&self.facts[a], &self.facts[b]);
        a == b
            || (one.device.is_some() && one.device == other.device)
            || one.members.contains(&b)
            || other.members.contains(&a)
    }

    /// The local day and minute of an instant.
    pub fn moment(&self, at: i64) -> Moment {
        Moment {
            minute: self.clock.local_minute(at),
            at,
        }
    }
}

impl Series {
    /// An entity that is no evidence, and of which only its silence is told.
    fn watched(entity: usize) -> Self {
        Self {
            entity,
            state: "any".to_owned(),
            active: false,
            trigger: false,
            effect: false,
            moments: Vec::new(),
        }
    }

    /// The moments at which an entity reached a state.
    fn new(entity: usize, facts: &Facts, state: &str, moments: Vec<Moment>) -> Self {
        let active = noise::is_active(state);
        let sensor = domain_of(&facts.id) == "binary_sensor";
        Self {
            entity,
            active,
            state: state.to_owned(),
            trigger: true,
            // A sensor that falls quiet again is not what somebody did.
            effect: facts.is_acted_upon() && (active || !sensor),
            moments,
        }
    }
}

/// Whether it is worth a word when a thing that is left out for a reason falls silent.
fn is_watched(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::Numeric | Reason::Chatty | Reason::SelfRunning
    )
}

/// The days of the data, and which of them were lived in: what chatters or runs by itself does so in an empty house too.
fn days_of<'a>(
    span: Option<(i64, i64)>,
    changes: impl Iterator<Item = &'a Vec<u32>>,
    clock: &LocalClock,
) -> Days {
    let Some(span) = span else {
        return Days::new(clock, 0, 0, &[]);
    };
    let (first_day, last_day) = days_in(span, clock);
    let mut changes_by_day = vec![0; (last_day - first_day + 1) as usize];
    for changes in changes {
        for (sum, &changes) in changes_by_day.iter_mut().zip(changes) {
            *sum += changes as usize;
        }
    }
    Days::new(clock, span.0, span.1, &changes_by_day)
}

/// The first and the last local day of a span.
fn days_in(span: (i64, i64), clock: &LocalClock) -> (i64, i64) {
    let day = |at: i64| clock.local_minute(at).div_euclid(MINUTES_PER_DAY);
    (day(span.0), day(span.1))
}

/// Why an entity with these moments is no evidence.
fn unfit(facts: &Facts, moments: &[Vec<Moment>], count: usize, days: usize) -> Option<Reason> {
    if count > MAX_CHANGES_PER_DAY * days.max(1) {
        Some(Reason::Chatty)
    } else if noise::runs_by_itself(moments, days) || (!facts.ambient && cycle::runs(facts, days)) {
        Some(Reason::SelfRunning)
    } else {
        None
    }
}
