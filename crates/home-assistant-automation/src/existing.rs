//! What an automation that is there already has to do with a habit.

use common::entity::domain_of;
use serde_json::Value;

/// Two times of the day, or two distances from the sun, as far apart as this are one, in minutes.
const TOLERANCE: i64 = 30;
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const EVERY_DAY: u8 = 0b111_1111;
/// Services that undo each other.
const OPPOSITES: [(&str, &str); 8] = [
    ("turn_on", "turn_off"),
    ("open_cover", "close_cover"),
    ("open_valve", "close_valve"),
    ("lock", "unlock"),
    ("start", "return_to_base"),
    ("start_mowing", "dock"),
    ("media_play", "media_pause"),
    ("media_play", "media_stop"),
];

/// What an automation has to do with a habit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// Nothing that can be seen.
    None,
    /// It does what the habit does, at the same time or after the same thing.
    Covers,
    /// It does the opposite then.
    Contradicts,
}

#[derive(Debug, PartialEq)]
enum Trigger {
    Time(i64),
    Sun(String, i64),
    State(String, String),
}

#[derive(Debug, PartialEq)]
struct Effect {
    entity: String,
    service: String,
    option: Option<String>,
}

/// What sets an automation off, what it does, and on which days: as far as it can be seen. Both the words of 2024.10 and the older ones are
/// understood; conditions other than days of the week, areas, devices and labels are not looked at.
#[derive(Debug, Default)]
pub struct Behaviour {
    triggers: Vec<Trigger>,
    effects: Vec<Effect>,
    days: u8,
}

/// What an automation has to do with the automation of a habit.
pub fn relation(habit: &Behaviour, other: &Behaviour) -> Relation {
    let begins_alike = |trigger: &Trigger| other.triggers.iter().any(|known| alike(trigger, known));
    if !habit.triggers.iter().any(begins_alike) || habit.days & other.days == 0 {
        return Relation::None;
    }
    let does = |effect: &Effect| other.effects.contains(effect);
    let undoes = |effect: &Effect| other.effects.iter().any(|known| undo(effect, known));
    if habit.effects.iter().any(undoes) && !habit.effects.iter().all(does) {
        Relation::Contradicts
    } else if habit.effects.iter().all(does) && habit.days & !other.days == 0 {
        Relation::Covers
    } else {
        Relation::None
    }
}

fn alike(one: &Trigger, other: &Trigger) -> bool {
    match (one, other) {
        (Trigger::Time(one), Trigger::Time(other)) => {
            let apart = (one - other).abs();
            apart.min(1440 - apart) <= TOLERANCE
        }
        (Trigger::Sun(event, one), Trigger::Sun(same, other)) => {
            event == same && (one - other).abs() <= TOLERANCE
        }
        (Trigger::State(..), Trigger::State(..)) => one == other,
        _ => false,
    }
}

fn undo(one: &Effect, other: &Effect) -> bool {
    let (a, b) = (one.service.as_str(), other.service.as_str());
    one.entity == other.entity && (OPPOSITES.contains(&(a, b)) || OPPOSITES.contains(&(b, a)))
}

impl Behaviour {
    /// That of a configuration.
    pub fn of(config: &Value) -> Self {
        let mut rule = Self {
            days: EVERY_DAY,
            ..Self::default()
        };
        for trigger in either(config, "triggers", "trigger") {
            read_trigger(trigger, &mut rule.triggers);
        }
        for condition in either(config, "conditions", "condition") {
            let days = list(&condition["weekday"]);
            if condition["condition"] == "time" && !days.is_empty() {
                let named = |day: &&&Value| DAYS.iter().position(|name| day.as_str() == Some(name));
                let set = days
                    .iter()
                    .filter_map(|day| named(&day))
                    .fold(0, |set, day| set | 1 << day);
                rule.days &= set;
            }
        }
        for step in either(config, "actions", "action") {
            read_step(step, &mut rule.effects, 0);
        }
        rule
    }
}

fn read_trigger(trigger: &Value, found: &mut Vec<Trigger>) {
    let kind = trigger["trigger"].as_str().or(trigger["platform"].as_str());
    let texts = |value: &Value| -> Vec<String> {
        list(value)
            .iter()
            .filter_map(|text| text.as_str().map(str::to_owned))
            .collect()
    };
    match kind.unwrap_or_default() {
        "time" => {
            let at = texts(&trigger["at"]);
            found.extend(at.iter().filter_map(|at| Some(Trigger::Time(minutes(at)?))));
        }
        "sun" => {
            let event = trigger["event"].as_str().unwrap_or_default().to_owned();
            let offset = trigger["offset"].as_str().and_then(minutes);
            let offset = offset.or(trigger["offset"].as_i64().map(|seconds| seconds / 60));
            found.push(Trigger::Sun(event, offset.unwrap_or(0)));
        }
        "state" => {
            for entity in texts(&trigger["entity_id"]) {
                let states = texts(&trigger["to"]).into_iter();
                // "Held for so long" is another moment than "reached".
                let held = seconds(&trigger["for"]);
                found.extend(states.map(|state| {
                    let moment =
                        held.map_or_else(String::new, |held| format!(" for {}", held / 600));
                    Trigger::State(entity.clone(), state + &moment)
                }));
            }
        }
        _ => {}
    }
}

fn read_step(step: &Value, found: &mut Vec<Effect>, depth: u8) {
    const DEEPEST: u8 = 16;
    if depth > DEEPEST {
        return;
    }
    let service = step["action"].as_str().or(step["service"].as_str());
    if let Some(service) = service {
        let option = ["option", "hvac_mode", "operation_mode"];
        let option = option.iter().find_map(|key| step["data"][key].as_str());
        let name = service.split_once('.').map_or(service, |(_, name)| name);
        let places = [
            &step["target"]["entity_id"],
            &step["data"]["entity_id"],
            &step["entity_id"],
        ];
        for text in places
            .iter()
            .flat_map(|place| list(place))
            .filter_map(Value::as_str)
        {
            found.extend(
                text.split(',')
                    .map(str::trim)
                    .filter(|id| domain_of(id) != *id)
                    .map(|id| Effect {
                        entity: id.to_owned(),
                        service: name.to_owned(),
                        option: option.map(str::to_owned),
                    }),
            );
        }
        return;
    }
    match step {
        Value::Array(steps) => steps
            .iter()
            .for_each(|step| read_step(step, found, depth + 1)),
        Value::Object(fields) => {
            let inner = [
                "sequence", "then", "else", "default", "choose", "parallel", "repeat",
            ];
            let inner = fields
                .iter()
                .filter(|(key, _)| inner.contains(&key.as_str()));
            inner.for_each(|(_, step)| read_step(step, found, depth + 1));
        }
        _ => {}
    }
}

fn either<'a>(config: &'a Value, new: &str, old: &str) -> Vec<&'a Value> {
    let found = list(&config[new]);
    if found.is_empty() {
        list(&config[old])
    } else {
        found
    }
}

/// A list, or the one thing that stands for a list.
fn list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(list) => list.iter().collect(),
        one => vec![one],
    }
}

/// `HH:MM` or `HH:MM:SS`, with a sign or without.
fn minutes(text: &str) -> Option<i64> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut parts = rest.split(':').map(str::parse::<i64>);
    let (hours, minutes) = (parts.next()?.ok()?, parts.next()?.ok()?);
    Some(sign * (hours.checked_mul(60)?.checked_add(minutes)?))
}

/// A time that a state is held.
fn seconds(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => minutes(text).map(|minutes| minutes * 60),
        Value::Object(parts) => {
            let part = |name: &str| parts.get(name).and_then(Value::as_i64).unwrap_or(0);
            Some(part("hours") * 3600 + part("minutes") * 60 + part("seconds"))
        }
        _ => None,
    }
}
