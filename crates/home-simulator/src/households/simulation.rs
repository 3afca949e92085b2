//! What happens, in the order of time: people act, things answer, and each change of state is written down.

mod background;
mod engine;
mod keeping;
mod life;
mod moving;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap};

use super::automation::Start;
use super::calendar::Calendar;
use super::habit::{Habit, Rule};
use super::house::House;
use super::people::People;
use super::weather::Weather;
use crate::home::chance::Chance;

/// Microseconds of a second and of a minute.
const SECOND: f64 = 1e6;
const MINUTE: f64 = 60.0 * SECOND;

/// One change of state.
#[derive(Debug, Clone)]
pub(super) struct Event {
    /// Microseconds since 1970.
    pub(super) at: i64,
    pub(super) thing: usize,
    pub(super) state: Cow<'static, str>,
    pub(super) context: Context,
    /// Whether the recorder kept it.
    pub(super) kept: bool,
}

/// The context of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Context {
    pub(super) id: u64,
    pub(super) parent: Option<u64>,
}

/// Who changes a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// Somebody of the household: others may react.
    Person,
    /// The thing itself, or what it shows.
    Device,
    Automation,
    /// Something out of the ordinary, which nothing else ends.
    Oddity,
}

/// A change that is to be made, if the state is another by then.
#[derive(Debug, Clone)]
struct Change {
    thing: usize,
    state: Cow<'static, str>,
    by: By,
    context: Option<Context>,
}

/// What is to happen.
#[derive(Debug, Clone)]
enum Act {
    Set(Change),
    /// As `Set`, unless the thing changed after this instant.
    PutBack(Change, i64),
    /// Unplanned use.
    Casual(usize),
    /// Somebody passes a motion sensor.
    Pass(usize),
    /// Somebody goes through the front door, which may have to be unlocked.
    Door {
        is_locked: bool,
    },
    /// Somebody goes into this closet.
    EnterCloset(usize),
    /// And is seen there, for so many seconds.
    SeenInCloset(usize, f64),
    /// And finds the lamp: the number of the habit if it is that, of the event that saw them, and the seconds of the stay.
    ClosetLamp {
        closet: usize,
        habit: Option<usize>,
        seen: usize,
        stay: f64,
    },
    /// An automation runs, because of this event.
    Run(usize, Option<usize>),
    /// The line of a run.
    Line(usize, &'static str, Context),
    /// A habit's effect follows this event; whether its condition held.
    React(usize, usize, bool),
    /// A habit's time has come.
    OnTime(usize),
    /// A step of a sequence, with the events of those before.
    Step(usize, Vec<usize>),
    /// A member of a routine, on this day.
    Member(usize, usize, i64),
    /// Something that a routine will put out is put on.
    Ready(usize),
    /// A use that this event began ends by habit.
    EndOfUse(usize, usize),
    /// Something out of the ordinary, for so many microseconds.
    Odd(usize, i64),
}

/// An act with its time; the earliest is the greatest.
#[derive(Debug)]
struct Planned {
    at: i64,
    number: u64,
    act: Act,
}

impl PartialEq for Planned {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Planned {}

impl PartialOrd for Planned {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Planned {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

/// How a thing is.
#[derive(Debug, Clone)]
struct State {
    now: Cow<'static, str>,
    since: i64,
    /// Until this instant it is stuck.
    stuck_until: i64,
    /// The state to which people put it back.
    rest: &'static str,
}

/// A home in which time passes.
struct Simulation<'a> {
    house: &'a House,
    people: &'a People,
    calendar: &'a Calendar,
    weather: &'a Weather,
    habits: &'a mut [Habit],
    chance: &'a mut Chance,
    hardness: f64,
    queue: BinaryHeap<Planned>,
    planned: u64,
    states: Vec<State>,
    events: Vec<Event>,
    contexts: u64,
    /// Habits that a thing's going into a state sets off.
    reactions: BTreeMap<(usize, &'static str), Vec<usize>>,
    /// Automations that a thing's going to work starts.
    starts: BTreeMap<usize, Vec<usize>>,
}

/// Lets a record's days pass; the events are in the order of time.
pub(super) fn run(
    house: &House,
    people: &People,
    calendar: &Calendar,
    weather: &Weather,
    habits: &mut [Habit],
    hardness: f64,
    chance: &mut Chance,
) -> Vec<Event> {
    let mut simulation = Simulation {
        states: first_states(house, habits),
        reactions: reactions(habits),
        starts: starts(house),
        house,
        people,
        calendar,
        weather,
        habits,
        chance,
        hardness,
        queue: BinaryHeap::new(),
        planned: 0,
        events: Vec::new(),
        contexts: 0,
    };
    simulation.unplanned_uses();
    simulation.walks();
    simulation.closets();
    simulation.comings_and_goings();
    simulation.habits();
    simulation.background();
    simulation.pass_time();
    simulation.events
}

fn first_states(house: &House, habits: &[Habit]) -> Vec<State> {
    let mut states: Vec<State> = house
        .things
        .iter()
        .map(|thing| State {
            now: Cow::Borrowed(match thing.domain() {
                "sensor" | "sun" | "weather" => "",
                "person" | "device_tracker" => thing.on,
                _ => thing.off,
            }),
            since: 0,
            stuck_until: 0,
            rest: thing.off,
        })
        .collect();
    // What is opened at a time of the day is closed otherwise.
    for habit in habits {
        let thing = &house.things[habit.things[0]];
        if matches!(habit.rule, Rule::AtTime(_)) && habit.states[0] == thing.off {
            let state = &mut states[habit.things[0]];
            (state.now, state.rest) = (Cow::Borrowed(thing.on), thing.on);
        }
    }
    states
}

fn reactions(habits: &[Habit]) -> BTreeMap<(usize, &'static str), Vec<usize>> {
    let mut reactions: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (number, habit) in habits.iter().enumerate() {
        if matches!(habit.rule, Rule::Reaction { .. }) {
            let key = (habit.things[0], habit.states[0]);
            reactions.entry(key).or_default().push(number);
        }
    }
    reactions
}

fn starts(house: &House) -> BTreeMap<usize, Vec<usize>> {
    let mut starts: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (number, automation) in house.automations.iter().enumerate() {
        if let Start::Thing(thing) = automation.start {
            starts.entry(thing).or_default().push(number);
        }
    }
    starts
}
