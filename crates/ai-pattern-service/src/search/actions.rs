//! Services of Home Assistant that are worth being found, and how they are said. Services that only somebody who writes automations
//! calls (`reload`, `toggle`, parameters of light shows) are left out.

/// The words before the entity's name; none for a service that is not listed.
pub(crate) fn phrase(service: &str) -> Option<&'static str> {
    let (domain, name) = service.split_once('.')?;
    Some(match (domain, name) {
        ("scene", "turn_on") => "Activate",
        ("script", "turn_on") | ("automation", "trigger") => "Run",
        ("automation", "turn_on") => "Switch on",
        ("automation", "turn_off") => "Switch off",
        ("script" | "scene" | "automation", _) => return None,
        (_, "turn_on") => "Turn on",
        (_, "turn_off") => "Turn off",
        (_, "open_cover" | "open_valve" | "open") => "Open",
        (_, "close_cover" | "close_valve") => "Close",
        (_, "stop_cover" | "stop_valve" | "media_stop" | "stop" | "cancel") => "Stop",
        (_, "set_cover_position") => "Set the position of",
        ("lock", "lock") => "Lock",
        ("lock", "unlock") => "Unlock",
        (_, "media_play") => "Play",
        (_, "media_pause" | "pause") => "Pause",
        (_, "media_next_track") => "Next track on",
        (_, "volume_set") => "Set the volume of",
        (_, "volume_mute") => "Mute",
        (_, "set_temperature") => "Set the temperature of",
        (_, "set_hvac_mode" | "set_operation_mode" | "set_preset_mode") => "Set the mode of",
        (_, "set_humidity") => "Set the humidity of",
        (_, "set_percentage") => "Set the speed of",
        (_, "press") => "Press",
        (_, "start" | "start_mowing") => "Start",
        (_, "return_to_base" | "dock") => "Send home",
        (_, "select_option") => "Choose an option of",
        (_, "set_value") => "Set",
        ("alarm_control_panel", "alarm_arm_away" | "alarm_arm_home" | "alarm_arm_night") => "Arm",
        ("alarm_control_panel", "alarm_disarm") => "Disarm",
        _ => return None,
    })
}
