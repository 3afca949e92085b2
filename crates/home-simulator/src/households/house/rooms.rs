//! What the rooms have.

use super::{Closet, House, LARGE, Role};
use crate::home::chance::Chance;

/// Rooms that every home has.
const FIRST_ROOMS: [&str; 5] = ["hall", "kitchen", "living", "bedroom", "bath"];
/// Rooms that larger ones have besides.
const MORE_ROOMS: [&str; 9] = [
    "kids", "office", "dining", "terrace", "guest", "stairs", "toilet", "upstairs", "attic",
];
const CLOSETS: [&str; 4] = ["laundry", "basement", "garage", "pantry"];
/// Things for each room, about.
const THINGS_A_ROOM: f64 = 14.0;

/// One thing that a room may have.
struct Fitting {
    domain: &'static str,
    name: &'static str,
    class: Option<&'static str>,
    /// Unplanned uses a day.
    a_day: f64,
    /// Usual minutes at work.
    minutes: f64,
}

const fn fitting(
    domain: &'static str,
    name: &'static str,
    class: Option<&'static str>,
    a_day: f64,
    minutes: f64,
) -> Fitting {
    Fitting {
        domain,
        name,
        class,
        a_day,
        minutes,
    }
}

/// In the order in which people buy them.
const FITTINGS: [Fitting; 12] = [
    fitting("light", "ceiling", None, 1.1, 45.0),
    fitting("light", "lamp", None, 1.1, 45.0),
    fitting("binary_sensor", "window", Some("window"), 1.4, 25.0),
    fitting("cover", "blind", Some("blind"), 0.25, 600.0),
    fitting("media_player", "speaker", Some("speaker"), 1.1, 50.0),
    fitting("binary_sensor", "cabinet", Some("opening"), 1.4, 1.0),
    fitting("light", "strip", None, 1.1, 45.0),
    fitting("light", "spot", None, 1.1, 45.0),
    fitting("fan", "fan", None, 1.1, 30.0),
    fitting("climate", "thermostat", None, 0.5, 120.0),
    fitting("binary_sensor", "door", Some("door"), 1.4, 3.0),
    fitting("humidifier", "humidifier", None, 1.1, 30.0),
];

const TELEVISION: Fitting = fitting("media_player", "tv", Some("tv"), 1.1, 50.0);

/// What is plugged in, by room.
fn plugged(room: &str) -> &'static [&'static str] {
    match room {
        "kitchen" => &["coffee", "kettle", "toaster", "radio"],
        "bath" => &["heater", "radio", "charger"],
        "office" => &["monitor", "printer", "heater", "charger"],
        "bedroom" => &["blanket", "charger", "purifier", "heater"],
        "living" => &["console", "radio", "purifier", "heater"],
        _ => &["heater", "charger", "iron"],
    }
}

fn plug(name: &'static str) -> Fitting {
    let short = ["coffee", "kettle", "toaster"].contains(&name);
    fitting("switch", name, None, 1.1, if short { 5.0 } else { 30.0 })
}

/// Chooses rooms and things.
pub(super) fn furnish(house: &mut House, chance: &mut Chance) {
    choose_rooms(house, chance);
    entrance(house, chance);
    let mut menu = menu(house, chance);
    menu.sort_by(|one, other| one.0.total_cmp(&other.0));
    let wanted = (house.size * chance.between(0.42, 0.6)).max(13.0) as usize;
    for (_, room, fitting) in menu.into_iter().take(wanted) {
        place(house, room, &fitting, chance);
    }
    modes(house, chance);
    closets(house, chance);
}

fn choose_rooms(house: &mut House, chance: &mut Chance) {
    let count = ((house.size / THINGS_A_ROOM) as usize + 2).max(3);
    let mut more = MORE_ROOMS.to_vec();
    chance.shuffle(&mut more);
    house.rooms = FIRST_ROOMS.into_iter().chain(more).take(count).collect();
}

fn entrance(house: &mut House, chance: &mut Chance) {
    let front = house.naming.word("front");
    house.front = house.add_named(
        &format!("binary_sensor.{front}"),
        Some("hall"),
        Role::FrontDoor,
        chance,
    );
    house.classify(house.front, "door", chance);
    if chance.happens(0.4) {
        let lock = house.naming.word("lock");
        let id = format!("lock.{lock}");
        house.lock = Some(house.add_named(&id, Some("hall"), Role::Lock, chance));
    }
}

/// Everything that could be bought, and how late.
fn menu(house: &House, chance: &mut Chance) -> Vec<(f64, &'static str, Fitting)> {
    let mut menu = Vec::new();
    for &room in &house.rooms {
        let lived_in = if ["kitchen", "living", "bedroom"].contains(&room) {
            3.0
        } else {
            2.0
        };
        let mut late = |place: f64| place + chance.between(0.0, 4.0) - lived_in;
        for (place, fitting) in FITTINGS.into_iter().enumerate() {
            menu.push((late(place as f64), room, fitting));
        }
        if ["living", "bedroom", "kids"].contains(&room) {
            menu.push((late(1.0), room, TELEVISION));
        }
        for (place, name) in plugged(room).iter().enumerate() {
            menu.push((late(1.0 + 2.0 * place as f64), room, plug(name)));
        }
    }
    menu
}

fn place(house: &mut House, room: &'static str, fitting: &Fitting, chance: &mut Chance) {
    let role = if fitting.domain == "binary_sensor" {
        Role::Contact
    } else {
        Role::Used
    };
    let number = house.add(fitting.domain, Some(room), fitting.name, role, chance);
    if let Some(class) = fitting.class {
        house.classify(number, class, chance);
    }
    let thing = &mut house.things[number];
    thing.a_day = (fitting.a_day * chance.factor(0.45)).min(4.0);
    thing.minutes = fitting.minutes * chance.factor(0.45);
    thing.evening = ["light", "media_player"].contains(&fitting.domain);
}

/// Modes, an alarm and a garage door: what is there once, if at all.
fn modes(house: &mut House, chance: &mut Chance) {
    let large = house.size > LARGE;
    for (wanted, domain, name, a_day, minutes) in [
        (
            large && chance.happens(0.6),
            "input_boolean",
            "guests",
            0.35,
            200.0,
        ),
        (
            large && chance.happens(0.6),
            "input_boolean",
            "cinema",
            0.35,
            200.0,
        ),
        (
            chance.happens(0.3),
            "alarm_control_panel",
            "alarm",
            0.05,
            480.0,
        ),
        (large && chance.happens(0.4), "cover", "gate", 0.6, 90.0),
    ] {
        if wanted {
            let number = house.add(domain, None, name, Role::Used, chance);
            house.things[number].a_day = a_day;
            house.things[number].minutes = minutes;
        }
    }
}

fn closets(house: &mut House, chance: &mut Chance) {
    let mut rooms = CLOSETS.to_vec();
    chance.shuffle(&mut rooms);
    let count = if house.size < LARGE {
        1
    } else {
        1 + chance.pick(3)
    };
    for room in rooms.into_iter().take(count) {
        let lamp = house.add("light", Some(room), "ceiling", Role::Closet, chance);
        house.things[lamp].minutes = 8.0;
        let door = chance.happens(0.5).then(|| {
            let door = house.add("binary_sensor", Some(room), "door", Role::Closet, chance);
            house.classify(door, "door", chance);
            door
        });
        let motion = house.add("binary_sensor", Some(room), "motion", Role::Motion, chance);
        house.classify(motion, "motion", chance);
        house.motions.insert(room, motion);
        house.closets.push(Closet { motion, lamp, door });
    }
}
