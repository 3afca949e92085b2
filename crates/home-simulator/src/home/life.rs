//! The home's life as a stream of state changes: plans of days, carried out in the order of time.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use common::instant::UtcMicros;

use super::calendar::Day;
use super::chance::Chance;
use super::look::{self, Extra};
use super::plan::{Act, Cause, Plan, Planned};
use super::things::THINGS;
use super::{Attributes, Context, Home, StateChange, incidents, people, sensors};

/// Where a thing stands.
#[derive(Debug)]
struct Standing {
    entity_id: Arc<str>,
    /// What it would show if it could be reached.
    state: Arc<str>,
    extra: Vec<Extra>,
    /// What it shows instead while it cannot be reached.
    lost: Option<&'static str>,
    shown: StateChange,
}

/// Every state change from an instant on, in the order of time and without an end. It is made day by day, as it is asked for.
#[derive(Debug)]
pub struct Life {
    home: Home,
    start: UtcMicros,
    /// The first day that is not planned yet.
    next_day: Day,
    /// What is planned, in the order of time.
    planned: VecDeque<Planned>,
    standings: Vec<Standing>,
    /// Plain attribute sets by thing and state, shared by all their rows.
    plain: HashMap<(usize, Arc<str>), Arc<Attributes>>,
    opening: VecDeque<StateChange>,
    last: UtcMicros,
}

impl Life {
    pub(super) fn new(home: Home, start: UtcMicros) -> Self {
        // One day ahead, so that at the start things stand as a day leaves them.
        let next_day = Day::holding(start, &home.zone).plus(-1);
        let begin = UtcMicros::new(next_day.at(0.0)).unwrap_or(start);
        let standings = THINGS
            .iter()
            .enumerate()
            .map(|(number, thing)| {
                let (entity_id, state): (Arc<str>, Arc<str>) =
                    (thing.entity_id.into(), thing.first.into());
                let attributes = Arc::new(look::attributes(thing, thing.first, &[]));
                let shown = StateChange {
                    entity_id: Arc::clone(&entity_id),
                    state: Arc::clone(&state),
                    attributes,
                    last_changed: begin,
                    last_updated: begin,
                    removed: false,
                    context: Context::new(begin, number as u64, None),
                };
                Standing {
                    entity_id,
                    state,
                    extra: Vec::new(),
                    lost: None,
                    shown,
                }
            })
            .collect();
        let mut life = Self {
            home,
            start,
            next_day,
            planned: VecDeque::new(),
            standings,
            plain: HashMap::new(),
            opening: VecDeque::new(),
            last: begin,
        };
        life.catch_up();
        life
    }

    /// Carries out what lies before the start, and opens with how everything then stands.
    fn catch_up(&mut self) {
        while self.peek_planned() < self.start.get() {
            if let Some(planned) = self.planned.pop_front() {
                drop(self.carry_out(planned));
            }
        }
        for (number, standing) in self.standings.iter_mut().enumerate() {
            let at = self.start.plus_micros(number as i64);
            standing.shown.last_changed = at;
            standing.shown.last_updated = at;
            self.opening.push_back(standing.shown.clone());
            self.last = at;
        }
    }

    /// Instant of the next planned thing. Plans days until it is certain that nothing unplanned comes before.
    fn peek_planned(&mut self) -> i64 {
        loop {
            let unplanned_from = self.next_day.at(0.0);
            match self.planned.front() {
                Some(first) if first.at < unplanned_from => return first.at,
                _ => self.plan_day(),
            }
        }
    }

    fn plan_day(&mut self) {
        let day = self.next_day.clone();
        let mut plan = Plan {
            home: &self.home,
            day: &day,
            planned: Vec::new(),
        };
        let mut chance = Chance::new(&[self.home.seed, day.number() as u64, 1]);
        people::plan(&mut plan, &mut chance);
        sensors::plan(&mut plan);
        sensors::meter(&mut plan);
        incidents::plan(&mut plan);
        // A plan never reaches back into a day whose life has been told.
        let begin = day.at(0.0);
        let mut planned = plan.planned;
        for planned in &mut planned {
            planned.at = planned.at.max(begin);
        }
        planned.extend(self.planned.drain(..));
        planned.sort_by_key(|planned| planned.at);
        self.planned = planned.into();
        self.next_day = day.plus(1);
    }

    /// What others see of a planned thing; nothing, where it changes nothing.
    fn carry_out(&mut self, planned: Planned) -> Option<StateChange> {
        let Planned {
            at,
            thing,
            act,
            cause,
        } = planned;
        let standing = &mut self.standings[thing];
        match act {
            Act::Set(state, extra) => {
                standing.state = state.into();
                standing.extra = extra;
            }
            Act::Lost(shown) => standing.lost = Some(shown),
            Act::Back => standing.lost = None,
        }
        let state = standing
            .lost
            .map_or_else(|| Arc::clone(&standing.state), Arc::from);
        let attributes = if standing.extra.is_empty() || standing.lost.is_some() {
            let plain = self.plain.entry((thing, Arc::clone(&state)));
            // Measured values hardly repeat: only the sets of named states are worth remembering.
            if state.starts_with(|first: char| first.is_ascii_alphabetic()) {
                let make = || Arc::new(look::attributes(&THINGS[thing], &state, &[]));
                Arc::clone(plain.or_insert_with(make))
            } else {
                Arc::clone(&standing.shown.attributes)
            }
        } else {
            Arc::new(look::attributes(&THINGS[thing], &state, &standing.extra))
        };
        if standing.shown.state == state && standing.shown.attributes == attributes {
            return None;
        }
        let now = UtcMicros::new(at)
            .unwrap_or(self.last)
            .max(self.last.plus_micros(1));
        self.last = now;
        let changed = standing.shown.state != state;
        standing.shown = StateChange {
            entity_id: Arc::clone(&standing.entity_id),
            state,
            attributes,
            last_changed: if changed {
                now
            } else {
                standing.shown.last_changed
            },
            last_updated: now,
            removed: false,
            context: context(&self.home, thing, now, cause),
        };
        Some(standing.shown.clone())
    }
}

fn context(home: &Home, thing: usize, now: UtcMicros, cause: Cause) -> Context {
    match cause {
        Cause::Device => Context::new(now, thing as u64, None),
        Cause::App(person) => Context::new(now, thing as u64, Some(home.user(person))),
        Cause::Automation(at) => Context::new(at, 0, None),
    }
}

impl Iterator for Life {
    type Item = StateChange;

    fn next(&mut self) -> Option<StateChange> {
        if let Some(first) = self.opening.pop_front() {
            return Some(first);
        }
        loop {
            self.peek_planned();
            let planned = self.planned.pop_front()?;
            if let Some(change) = self.carry_out(planned) {
                return Some(change);
            }
        }
    }
}
