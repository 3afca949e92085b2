//! What is no evidence whatever its order: kinds of entities and kinds of states.

use crate::evidence::Moment;
use crate::report::Reason;

/// An entity that was seen in more different states than this tells a text, not a state.
pub(crate) const MAX_STATES: usize = 16;
/// A longer state is a text.
const MAX_STATE_CHARS: usize = 40;

/// An entity that changes at least this often a day …
const BUSY_CHANGES_PER_DAY: usize = 8;
/// … with at least this part of it in the dead of night, is run by a thermostat or a timer, not by people. Evenly spread it would be a sixth.
const NIGHT_PART: f64 = 0.11;
/// The dead of night: minutes of the day.
const NIGHT: std::ops::Range<i64> = 60..300;

/// Domains whose entities are not acted upon: clocks, forecasts, pictures, and moments whose state is their own instant.
const NOT_ACTED_UPON: [&str; 20] = [
    "ai_task",
    "assist_satellite",
    "button",
    "calendar",
    "camera",
    "conversation",
    "counter",
    "event",
    "image",
    "input_button",
    "notify",
    "persistent_notification",
    "scene",
    "schedule",
    "stt",
    "sun",
    "tts",
    "update",
    "weather",
    "zone",
];
/// Domains whose rows tell which contexts belong to automations.
const AUTOMATED: [&str; 2] = ["automation", "script"];
/// Where people are is looked at only when they allow it; this release does not.
const PEOPLE: [&str; 2] = ["device_tracker", "person"];
/// Device classes that follow whoever walks by.
const AMBIENT: [&str; 6] = [
    "motion",
    "moving",
    "occupancy",
    "presence",
    "sound",
    "vibration",
];
/// Device classes that tell the health of a device, not what somebody did.
const DIAGNOSTIC: [&str; 8] = [
    "battery",
    "battery_charging",
    "cold",
    "connectivity",
    "heat",
    "problem",
    "tamper",
    "update",
];
/// The device class of what tells that a machine is at work: nobody does that, but people do something when the washing is done.
const MACHINE: &str = "running";

/// States in which a thing rests.
const RESTING: [&str; 13] = [
    "off", "closed", "idle", "standby", "paused", "not_home", "locked", "docked", "disarmed",
    "closing", "stopped", "away", "auto",
];
/// Words in the id of an entity that follows whoever walks by, for homes whose registry does not tell device classes.
/// Ids are made of names, and names are in the language of the home.
const AMBIENT_WORDS: [&str; 21] = [
    "motion",
    "occupancy",
    "presence",
    "pir",
    "bewegung",
    "bewegungsmelder",
    "praesenz",
    "anwesenheit",
    "beweging",
    "aanwezigheid",
    "mouvement",
    "movimiento",
    "presencia",
    "movimento",
    "presenza",
    "presenca",
    "rorelse",
    "bevegelse",
    "bevaegelse",
    "liike",
    "ruch",
];

/// Last words in the id of a binary sensor that tells of a machine at work, for homes whose registry does not tell device classes.
const MACHINE_WORDS: [&str; 4] = ["boiler", "burner", "compressor", "pump"];

/// Why nothing of a domain is looked at.
pub(crate) fn check_domain(domain: &str) -> Option<Reason> {
    if NOT_ACTED_UPON.contains(&domain) {
        Some(Reason::NotActedUpon)
    } else if AUTOMATED.contains(&domain) {
        Some(Reason::AutomationItself)
    } else {
        None
    }
}

/// Whether a domain tells where people are.
pub(crate) fn is_person(domain: &str) -> bool {
    PEOPLE.contains(&domain)
}

/// Whether a device class follows whoever walks by.
pub(crate) fn is_ambient(class: &str) -> bool {
    AMBIENT.contains(&class)
}

/// Whether a device class tells what a machine does by itself.
pub(crate) fn is_machine(class: &str) -> bool {
    class == MACHINE
}

/// Whether the name of a sensor says that it follows whoever walks by.
pub(crate) fn named_ambient(id: &str) -> bool {
    id.starts_with("binary_sensor.")
        && id
            .split(['.', '_'])
            .any(|word| AMBIENT_WORDS.contains(&word))
}

/// Why nothing of an entity with this id is looked at: a burner follows its thermostat, nobody lights it.
pub(crate) fn check_id(id: &str) -> Option<Reason> {
    let last = id.rsplit(['.', '_']).next().unwrap_or_default();
    let is_machine = id.starts_with("binary_sensor.") && MACHINE_WORDS.contains(&last);
    is_machine.then_some(Reason::NotActedUpon)
}

/// Why nothing of a device class is looked at.
pub(crate) fn check_device_class(class: &str) -> Option<Reason> {
    DIAGNOSTIC.contains(&class).then_some(Reason::NotActedUpon)
}

pub(crate) fn is_gone(state: &str) -> bool {
    matches!(state, "unavailable" | "unknown" | "")
}

/// Whether a text is no state that people would name.
pub(crate) fn is_free_text(state: &str) -> bool {
    state.chars().count() > MAX_STATE_CHARS || looks_like_an_instant(state)
}

/// `2026-11-23T…`: timestamp sensors and buttons.
fn looks_like_an_instant(state: &str) -> bool {
    let bytes = state.as_bytes();
    bytes.len() >= 10
        && bytes[..4].iter().all(u8::is_ascii_digit)
        && bytes[4] == b'-'
        && bytes[7] == b'-'
}

/// Whether a state is one in which a thing is at work.
pub(crate) fn is_active(state: &str) -> bool {
    !RESTING.contains(&state)
}

/// Whether an entity is as busy in the dead of night as by day. `moments` are its changes on `days` days, by state.
pub(crate) fn runs_by_itself(moments: &[Vec<Moment>], days: usize) -> bool {
    let is_night = |moment: &&Moment| NIGHT.contains(&moment.of_day());
    let all = moments.iter().map(Vec::len).sum::<usize>();
    let by_night = moments.iter().flatten().filter(is_night).count();
    all >= BUSY_CHANGES_PER_DAY * days.max(1) && by_night as f64 >= NIGHT_PART * all as f64
}
