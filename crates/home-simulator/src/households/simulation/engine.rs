//! The order of time, changes of state, and what answers them by itself.

use std::borrow::Cow;

use super::{Act, By, Change, Context, Event, MINUTE, Planned, SECOND, Simulation};
use crate::households::automation::{End, Start, Trace};
use crate::households::calendar::DAY;
use crate::households::habit::Condition;
use crate::households::house::Role;

impl Simulation<'_> {
    /// Plans an act.
    pub(super) fn plan(&mut self, at: i64, act: Act) {
        self.planned += 1;
        self.queue.push(Planned {
            at,
            number: self.planned,
            act,
        });
    }

    /// Plans an act between so many seconds from an instant.
    pub(super) fn plan_within(&mut self, at: i64, seconds: (f64, f64), act: Act) {
        let late = self.chance.between(seconds.0, seconds.1) * SECOND;
        self.plan(at + late as i64, act);
    }

    /// The instant of a moment.
    pub(super) fn at(&self, minute: f64) -> i64 {
        self.calendar.at(minute)
    }

    /// Does what is planned until the record ends.
    pub(super) fn pass_time(&mut self) {
        let end = self.at(self.calendar.days as f64 * DAY);
        while let Some(Planned { at, act, .. }) = self.queue.pop() {
            if at >= end {
                return;
            }
            self.act(at, act);
        }
    }

    fn act(&mut self, at: i64, act: Act) {
        match act {
            Act::Set(change) => {
                self.set(at, change);
            }
            Act::PutBack(change, since) => self.put_back(at, change, since),
            Act::Casual(thing) => self.casual(at, thing),
            Act::Pass(motion) => self.pass(at, motion),
            Act::Door { is_locked } => self.door(at, is_locked),
            Act::EnterCloset(closet) => self.enter_closet(at, closet),
            Act::SeenInCloset(closet, stay) => self.seen_in_closet(at, closet, stay),
            Act::ClosetLamp {
                closet,
                habit,
                seen,
                stay,
            } => self.closet_lamp(at, closet, habit, seen, stay),
            Act::Run(automation, cause) => self.run(at, automation, cause),
            Act::Line(thing, state, context) => {
                self.write(at, thing, Cow::Borrowed(state), context);
            }
            Act::React(habit, cause, holds) => self.react(at, habit, cause, holds),
            Act::OnTime(habit) => self.on_time(at, habit),
            Act::Step(habit, events) => self.step(at, habit, events),
            Act::Member(habit, place, day) => self.member(at, habit, place, day),
            Act::Ready(thing) => self.ready(at, thing),
            Act::EndOfUse(habit, start) => self.end_of_use(at, habit, start),
            Act::Odd(habit, long) => self.odd(at, habit, long),
        }
    }

    /// A context of its own.
    pub(super) fn context(&mut self) -> Context {
        self.contexts += 1;
        Context {
            id: self.contexts,
            parent: None,
        }
    }

    /// Writes a change down; returns its number.
    pub(super) fn write(
        &mut self,
        at: i64,
        thing: usize,
        state: Cow<'static, str>,
        context: Context,
    ) -> usize {
        let now = &mut self.states[thing];
        now.now.clone_from(&state);
        now.since = at;
        self.events.push(Event {
            at,
            thing,
            state,
            context,
            kept: true,
        });
        self.events.len() - 1
    }

    /// Somebody or something changes a state; nothing is written where it is so already.
    pub(super) fn set(&mut self, at: i64, change: Change) -> Option<usize> {
        let Change {
            thing,
            state,
            by,
            context,
        } = change;
        let is_silent = self.house.things[thing]
            .silent_from
            .is_some_and(|from| at >= from);
        let is_stuck = self.states[thing].stuck_until > at && by != By::Oddity;
        if is_silent || is_stuck || self.states[thing].now == state {
            return None;
        }
        let context = context.unwrap_or_else(|| self.context());
        let event = self.write(at, thing, state, context);
        self.show(at, event);
        self.start_automations(at, event);
        if by == By::Person {
            self.set_off(at, event);
        }
        Some(event)
    }

    /// A person puts a thing into a state.
    pub(super) fn put(&mut self, at: i64, thing: usize, state: &'static str) -> Option<usize> {
        self.set(at, Change::by(By::Person, thing, state))
    }

    /// What shows the thing shows the change.
    fn show(&mut self, at: i64, event: usize) {
        let house = self.house;
        let thing = self.events[event].thing;
        let is_on = self.events[event].state == house.things[thing].on;
        for &shadow in &house.things[thing].shadows {
            let role = house.things[shadow].role;
            let mut change = Change::by(By::Device, shadow, if is_on { "on" } else { "off" });
            let late = match role {
                Role::Power => {
                    let watts = house.things[thing].watts * self.chance.between(0.9, 1.1);
                    change.state = Cow::Owned(format!("{:.1}", if is_on { watts } else { 0.0 }));
                    (0.5, 6.0)
                }
                Role::Group => {
                    let members = &house.things[shadow].members;
                    let any = members
                        .iter()
                        .any(|&member| self.states[member].now == house.things[member].on);
                    change.state = Cow::Borrowed(if any { "on" } else { "off" });
                    change.context = house
                        .groups_share_context
                        .then_some(self.events[event].context);
                    (0.03, 0.4)
                }
                _ => (0.03, 0.4),
            };
            self.plan_within(at, late, Act::Set(change));
        }
    }

    fn start_automations(&mut self, at: i64, event: usize) {
        let thing = self.events[event].thing;
        let goes_to_work = self.events[event].state == self.house.things[thing].on;
        for automation in self.starts.get(&thing).cloned().unwrap_or_default() {
            if goes_to_work {
                self.run(at, automation, Some(event));
            }
        }
    }

    fn run(&mut self, at: i64, number: usize, cause: Option<usize>) {
        let automation = &self.house.automations[number];
        let effect = automation.effect;
        let state = self.house.things[effect].on;
        let needs_dark = matches!(automation.start, Start::Thing(thing)
            if self.house.things[thing].role == Role::Motion);
        if needs_dark && (!self.calendar.is_dark(at) || self.states[effect].now == state) {
            return;
        }
        let keeps_parent = matches!(
            automation.trace,
            Trace::Full | Trace::ParentOnly | Trace::Script
        );
        let mut context = self.context();
        context.parent = cause
            .filter(|_| keeps_parent)
            .map(|cause| self.events[cause].context.id);
        if let Some(line) = automation.line {
            self.plan_within(at, (0.03, 0.04), Act::Line(line, "on", context));
            if automation.trace == Trace::Script {
                self.plan_within(at, (1.5, 1.6), Act::Line(line, "off", context));
            }
        }
        let own = (automation.trace != Trace::Lost).then_some(context);
        let late = self.chance.between(0.1, 0.8) * SECOND;
        let begins = at + late as i64;
        let mut change = Change::by(By::Automation, effect, state);
        change.context = own;
        self.plan(begins, Act::Set(change));
        let long = automation.minutes * self.chance.factor(0.5) * MINUTE;
        let mut end = Change::by(By::Automation, effect, self.house.things[effect].off);
        end.context = own;
        if automation.end == End::Hand {
            end = Change::by(By::Person, effect, self.house.things[effect].off);
        }
        self.plan(begins + long as i64, Act::PutBack(end, begins));
    }

    /// Habits that this change sets off.
    fn set_off(&mut self, at: i64, event: usize) {
        let thing = self.events[event].thing;
        let name = &self.house.things[thing];
        let state = if self.events[event].state == name.on {
            name.on
        } else {
            name.off
        };
        for habit in self
            .reactions
            .get(&(thing, state))
            .cloned()
            .unwrap_or_default()
        {
            self.maybe_react(at, habit, event);
        }
    }

    /// Whether a condition holds.
    pub(super) fn holds(&self, condition: Condition, at: i64) -> bool {
        let shown = |thing: usize| self.states[thing].now.parse::<f64>();
        match condition {
            Condition::Dark => self.calendar.is_dark(at),
            Condition::Days(days) => days.has(self.calendar.weekday(self.calendar.day(at))),
            Condition::AtWork(thing) => self.states[thing].now == self.house.things[thing].on,
            Condition::Below(thing, value) => shown(thing).is_ok_and(|shown| shown < value),
            Condition::Above(thing, value) => shown(thing).is_ok_and(|shown| shown > value),
        }
    }
}

impl Change {
    pub(super) fn by(by: By, thing: usize, state: &'static str) -> Self {
        Self {
            thing,
            state: Cow::Borrowed(state),
            by,
            context: None,
        }
    }
}
