//! The service that brings an entity to a state. What is not in this map is not done.

use common::entity::domain_of;

use crate::reason::NotAutomatable;

/// A call of a service on one entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Call<'a> {
    /// Domain of the service; mostly that of the entity.
    pub(crate) domain: &'a str,
    /// The service.
    pub(crate) service: &'static str,
    /// A field of its data and the value.
    pub(crate) data: Option<(&'static str, &'a str)>,
}

/// Domains whose entities are told what to do.
const CONTROLLABLE: [&str; 24] = [
    "alarm_control_panel",
    "button",
    "climate",
    "cover",
    "fan",
    "group",
    "humidifier",
    "input_boolean",
    "input_button",
    "input_select",
    "lawn_mower",
    "light",
    "lock",
    "media_player",
    "remote",
    "scene",
    "script",
    "select",
    "siren",
    "switch",
    "timer",
    "vacuum",
    "valve",
    "water_heater",
];
/// Words in the id of a cover behind which there is a way into the house.
const ENTRANCES: [&str; 5] = ["door", "entrance", "garage", "gate", "tor"];

/// The service that brings `entity` to `state`.
pub(crate) fn call<'a>(entity: &'a str, state: &'a str) -> Result<Call<'a>, NotAutomatable> {
    let domain = domain_of(entity);
    if let Some(danger) = danger(entity, domain, state) {
        return Err(NotAutomatable::Dangerous {
            entity: entity.to_owned(),
            state: state.to_owned(),
            danger,
        });
    }
    if !CONTROLLABLE.contains(&domain) {
        return Err(NotAutomatable::OnlyReports {
            entity: entity.to_owned(),
            state: state.to_owned(),
        });
    }
    let plain = |service| {
        Ok(Call {
            domain,
            service,
            data: None,
        })
    };
    match (domain, state) {
        ("group", "on") => Ok(Call {
            domain: "homeassistant",
            service: "turn_on",
            data: None,
        }),
        ("group", "off") => Ok(Call {
            domain: "homeassistant",
            service: "turn_off",
            data: None,
        }),
        (
            "light" | "switch" | "input_boolean" | "fan" | "siren" | "humidifier" | "remote"
            | "media_player" | "script",
            "on",
        )
        | ("scene", _) => plain("turn_on"),
        (
            "light" | "switch" | "input_boolean" | "fan" | "siren" | "humidifier" | "remote"
            | "media_player" | "script" | "water_heater",
            "off",
        ) => plain("turn_off"),
        ("button" | "input_button", _) => plain("press"),
        ("cover", "open" | "opening") => plain("open_cover"),
        ("cover", "closed" | "closing") => plain("close_cover"),
        ("valve", "closed" | "closing") => plain("close_valve"),
        ("lock", "locked" | "locking") => plain("lock"),
        ("climate", "off" | "heat" | "cool" | "heat_cool" | "auto" | "dry" | "fan_only") => {
            Ok(Call {
                domain,
                service: "set_hvac_mode",
                data: Some(("hvac_mode", state)),
            })
        }
        (
            "water_heater",
            "eco" | "electric" | "performance" | "high_demand" | "heat_pump" | "gas",
        ) => Ok(Call {
            domain,
            service: "set_operation_mode",
            data: Some(("operation_mode", state)),
        }),
        ("media_player", "playing") => plain("media_play"),
        ("media_player", "paused") => plain("media_pause"),
        ("media_player", "idle") => plain("media_stop"),
        ("vacuum", "cleaning") | ("timer", "active") => plain("start"),
        ("vacuum", "docked" | "returning") => plain("return_to_base"),
        ("vacuum" | "lawn_mower" | "timer", "paused") => plain("pause"),
        ("vacuum", "idle") => plain("stop"),
        ("lawn_mower", "mowing") => plain("start_mowing"),
        ("lawn_mower", "docked" | "returning") => plain("dock"),
        ("timer", "idle") => plain("cancel"),
        ("input_select" | "select", option) if option != "unavailable" && option != "unknown" => {
            Ok(Call {
                domain,
                service: "select_option",
                data: Some(("option", option)),
            })
        }
        _ => Err(NotAutomatable::NoService {
            entity: entity.to_owned(),
            state: state.to_owned(),
        }),
    }
}

/// The state that ends another one.
pub(crate) fn opposite(entity: &str, state: &str) -> Result<&'static str, NotAutomatable> {
    Ok(match (domain_of(entity), state) {
        ("cover" | "valve", "open" | "opening") => "closed",
        ("cover" | "valve", "closed" | "closing") => "open",
        ("lock", "unlocked" | "open") => "locked",
        ("lock", "locked") => "unlocked",
        ("media_player", "playing") => "paused",
        ("vacuum" | "lawn_mower", "cleaning" | "mowing") => "docked",
        ("timer", "active") => "idle",
        ("climate", mode) if mode != "off" => "off",
        (
            "light" | "switch" | "input_boolean" | "fan" | "siren" | "humidifier" | "remote"
            | "media_player" | "script" | "group" | "water_heater",
            "on",
        ) => "off",
        (
            "light" | "switch" | "input_boolean" | "fan" | "siren" | "humidifier" | "remote"
            | "media_player" | "script" | "group",
            "off",
        ) => "on",
        _ => {
            return Err(NotAutomatable::NoOpposite {
                entity: entity.to_owned(),
                state: state.to_owned(),
            });
        }
    })
}

fn danger(entity: &str, domain: &str, state: &str) -> Option<&'static str> {
    let is_entrance = || {
        entity
            .split(['.', '_'])
            .any(|word| ENTRANCES.contains(&word))
    };
    match (domain, state) {
        ("lock", "unlocked" | "unlocking" | "open" | "opening") => {
            Some("a door would be unlocked while nobody looks")
        }
        ("alarm_control_panel", _) => Some("an alarm is armed and disarmed by people"),
        ("cover", "open" | "opening") if is_entrance() => {
            Some("a way into the house would be opened while nobody looks")
        }
        ("valve", "open" | "opening") => Some("water or gas would flow while nobody looks"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_domain_has_its_own_services() {
        let of =
            |entity, state| call(entity, state).map(|call| (call.domain, call.service, call.data));
        assert_eq!(of("light.a", "on"), Ok(("light", "turn_on", None)));
        assert_eq!(
            of("cover.blind", "closed"),
            Ok(("cover", "close_cover", None))
        );
        assert_eq!(
            of("climate.a", "heat"),
            Ok(("climate", "set_hvac_mode", Some(("hvac_mode", "heat"))))
        );
        assert_eq!(
            of("group.all", "off"),
            Ok(("homeassistant", "turn_off", None))
        );
        assert!(matches!(
            of("binary_sensor.door", "on"),
            Err(NotAutomatable::OnlyReports { .. })
        ));
        assert!(matches!(
            of("light.a", "purple"),
            Err(NotAutomatable::NoService { .. })
        ));
    }

    #[test]
    fn nothing_opens_the_house() {
        for (entity, state) in [
            ("lock.front", "unlocked"),
            ("cover.garage_door", "open"),
            ("valve.main", "open"),
            ("alarm_control_panel.home", "disarmed"),
        ] {
            assert!(
                matches!(call(entity, state), Err(NotAutomatable::Dangerous { .. })),
                "{entity}"
            );
        }
        assert!(
            call("lock.front", "locked").is_ok() && call("cover.bedroom_blind", "open").is_ok()
        );
    }
}
