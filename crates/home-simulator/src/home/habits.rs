//! The habits that are planted: the truth by which a miner's findings can be judged.

/// On which days a habit is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DayClass {
    /// Every day.
    Daily,
    /// Monday to Friday.
    Weekday,
    /// Saturday and Sunday.
    Weekend,
}

impl DayClass {
    /// Whether it holds such days.
    pub const fn holds(self, weekend: bool) -> bool {
        match self {
            Self::Daily => true,
            Self::Weekday => !weekend,
            Self::Weekend => weekend,
        }
    }
}

/// A habit that the people of the home have, and keep on most days.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlantedHabit {
    /// Whose state.
    pub entity_id: &'static str,
    /// The state that it takes.
    pub state: &'static str,
    /// Minute of the local day, on average.
    pub minute: u16,
    /// Standard deviation around it.
    pub sd_minutes: f64,
    /// On which days.
    pub days: DayClass,
    /// Share of those days on which it is left out.
    pub misses: f64,
    /// Whether it only follows from another habit, as light out follows light on, and the front door follows who leaves.
    pub follow_up: bool,
}

/// Something that people do when they see something else.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlantedPair {
    /// Entity and state that they see.
    pub trigger: (&'static str, &'static str),
    /// Entity and state that they then bring about.
    pub follower: (&'static str, &'static str),
    /// Shortest and longest time between the two.
    pub delay_seconds: (f64, f64),
    /// Whether only in the dark.
    pub in_the_dark: bool,
    /// Share of the occasions on which they do.
    pub kept: f64,
}

/// One row of the table below.
pub(super) struct Habit {
    pub(super) entity_id: &'static str,
    pub(super) state: &'static str,
    pub(super) minute: u16,
    /// Own deviation; the day's common one comes on top.
    pub(super) sd: f64,
    pub(super) days: DayClass,
    pub(super) misses: f64,
    /// State, minutes later, deviation.
    pub(super) then: Option<(&'static str, u16, f64)>,
}

/// Deviation that all habits of a morning, or of an evening, share on a day.
pub(super) const COMMON_SD: f64 = 3.0;
/// Share of days that are unlike the others: everyone is out, or everything is late.
pub(super) const ODD_DAYS: f64 = 0.03;

const fn habit(
    entity_id: &'static str,
    state: &'static str,
    minute: u16,
    sd: f64,
    days: DayClass,
    then: Option<(&'static str, u16, f64)>,
) -> Habit {
    Habit {
        entity_id,
        state,
        minute,
        sd,
        days,
        misses: 0.06,
        then,
    }
}

const fn at(hour: u16, minute: u16) -> u16 {
    hour * 60 + minute
}

use DayClass::{Daily, Weekday, Weekend};

#[rustfmt::skip] // A table: one row, one line.
pub(super) const HABITS: &[Habit] = &[
    // Weekday mornings.
    habit("light.bedside_left", "on", at(6, 30), 4.0, Weekday, Some(("off", 25, 5.0))),
    habit("light.kitchen_ceiling", "on", at(6, 45), 5.0, Weekday, Some(("off", 50, 6.0))),
    habit("switch.coffee_maker", "on", at(6, 48), 4.0, Weekday, Some(("off", 32, 5.0))),
    habit("media_player.kitchen_radio", "playing", at(6, 52), 6.0, Weekday, Some(("off", 58, 7.0))),
    habit("light.bathroom_mirror", "on", at(6, 56), 5.0, Weekday, Some(("off", 22, 4.0))),
    habit("fan.bathroom", "on", at(7, 2), 5.0, Weekday, Some(("off", 18, 3.0))),
    habit("cover.bedroom", "open", at(7, 8), 6.0, Weekday, None),
    habit("person.alex", "not_home", at(8, 5), 5.0, Weekday, None),
    habit("switch.office_computer", "on", at(9, 0), 6.0, Weekday, Some(("off", 490, 9.0))),
    habit("person.alex", "home", at(17, 45), 7.0, Weekday, None),
    // Weekend mornings.
    habit("cover.bedroom", "open", at(9, 5), 8.0, Weekend, None),
    habit("light.kitchen_ceiling", "on", at(9, 20), 8.0, Weekend, Some(("off", 75, 8.0))),
    habit("switch.coffee_maker", "on", at(9, 26), 8.0, Weekend, Some(("off", 40, 6.0))),
    habit("media_player.kitchen_radio", "playing", at(9, 32), 9.0, Weekend, Some(("off", 95, 9.0))),
    habit("light.bathroom_mirror", "on", at(9, 52), 8.0, Weekend, Some(("off", 24, 5.0))),
    habit("fan.bathroom", "on", at(9, 58), 8.0, Weekend, Some(("off", 20, 4.0))),
    // Every evening.
    habit("light.kitchen_counter", "on", at(18, 15), 8.0, Daily, Some(("off", 70, 9.0))),
    habit("light.living_room_floor_lamp", "on", at(19, 10), 8.0, Daily, Some(("off", 215, 8.0))),
    habit("cover.living_room_blind", "open", at(8, 20), 6.0, Daily, None),
    habit("cover.living_room_blind", "closed", at(20, 0), 6.0, Daily, None),
    habit("media_player.living_room_tv", "playing", at(20, 15), 7.0, Daily, Some(("off", 120, 9.0))),
    habit("lock.front_door", "locked", at(22, 30), 6.0, Daily, None),
    habit("cover.bedroom", "closed", at(22, 40), 6.0, Daily, None),
    habit("light.bedside_right", "on", at(22, 52), 6.0, Daily, Some(("off", 26, 5.0))),
];

/// People see motion in the dark hallway, and put the light on.
pub(super) const HALLWAY: PlantedPair = PlantedPair {
    trigger: ("binary_sensor.hallway_motion", "on"),
    follower: ("light.hallway", "on"),
    delay_seconds: (5.0, 22.0),
    in_the_dark: true,
    kept: 0.85,
};

/// Whoever starts the computer puts the desk lamp on.
pub(super) const DESK: PlantedPair = PlantedPair {
    trigger: ("switch.office_computer", "on"),
    follower: ("light.office_desk", "on"),
    delay_seconds: (20.0, 90.0),
    in_the_dark: false,
    kept: 0.92,
};

/// What can be seen of Alex's way to work and of the computer beside the habit itself: habit, entity, state, share of its days.
#[rustfmt::skip] // A table: one row, one line.
const WITH: &[(&str, &str, &str, &str, f64)] = &[
    ("person.alex", "not_home", "device_tracker.alex_phone", "not_home", 1.0),
    ("person.alex", "not_home", "lock.front_door", "unlocked", 1.0),
    ("person.alex", "not_home", "binary_sensor.front_door", "on", 1.0),
    ("person.alex", "home", "device_tracker.alex_phone", "home", 1.0),
    ("person.alex", "home", "binary_sensor.front_door", "on", 1.0),
    ("switch.office_computer", "on", DESK.follower.0, DESK.follower.1, DESK.kept),
];

pub(super) fn planted() -> Vec<PlantedHabit> {
    let mut all = Vec::new();
    for habit in HABITS {
        let sd = habit.sd.hypot(COMMON_SD);
        let kept = (1.0 - habit.misses) * (1.0 - ODD_DAYS);
        let chosen = PlantedHabit {
            entity_id: habit.entity_id,
            state: habit.state,
            minute: habit.minute,
            sd_minutes: sd,
            days: habit.days,
            misses: 1.0 - kept,
            follow_up: false,
        };
        all.push(chosen);
        if let Some((state, after, after_sd)) = habit.then {
            all.push(PlantedHabit {
                state,
                minute: habit.minute + after,
                sd_minutes: sd.hypot(after_sd),
                follow_up: true,
                ..chosen
            });
        }
        let seen = WITH
            .iter()
            .filter(|row| (row.0, row.1) == (habit.entity_id, habit.state));
        all.extend(seen.map(|&(_, _, entity_id, state, share)| PlantedHabit {
            entity_id,
            state,
            misses: 1.0 - kept * share,
            follow_up: true,
            ..chosen
        }));
    }
    all
}

pub(super) fn planted_pairs() -> Vec<PlantedPair> {
    vec![HALLWAY, DESK]
}
