//! Every device and every entity of the home, once.

/// A device of the device registry.
pub(super) struct Device {
    pub(super) key: &'static str,
    pub(super) name: &'static str,
    pub(super) manufacturer: &'static str,
    pub(super) model: &'static str,
    pub(super) area: &'static str,
    /// The integration that it came by.
    pub(super) platform: &'static str,
}

/// An entity.
pub(super) struct Thing {
    pub(super) entity_id: &'static str,
    pub(super) name: &'static str,
    /// Key of its device; empty for what has none, such as an automation.
    pub(super) device: &'static str,
    /// Device class; empty for none.
    pub(super) class: &'static str,
    /// Unit of measurement; empty for none.
    pub(super) unit: &'static str,
    /// Its state in the night before the life begins.
    pub(super) first: &'static str,
}

impl Thing {
    pub(super) fn domain(&self) -> &'static str {
        self.entity_id
            .split_once('.')
            .map_or(self.entity_id, |(domain, _)| domain)
    }

    pub(super) fn device(&self) -> Option<&'static Device> {
        DEVICES.iter().find(|device| device.key == self.device)
    }

    /// Whether it hangs on the radio hub, which goes away at times.
    pub(super) fn by_hub(&self) -> bool {
        self.device()
            .is_some_and(|device| device.platform == "zha" && device.key != HUB)
    }
}

/// Key of the radio hub.
pub(super) const HUB: &str = "hub";

const fn device(
    key: &'static str,
    name: &'static str,
    manufacturer: &'static str,
    model: &'static str,
    area: &'static str,
    platform: &'static str,
) -> Device {
    Device {
        key,
        name,
        manufacturer,
        model,
        area,
        platform,
    }
}

#[rustfmt::skip] // A table: one row, one line.
pub(super) const DEVICES: &[Device] = &[
    device(HUB, "Radio hub", "Meshwerk", "Coordinator 3", "hallway", "zha"),
    device("kitchen_ceiling", "Kitchen ceiling", "Lumenova", "Panel 60", "kitchen", "zha"),
    device("kitchen_counter", "Kitchen counter", "Lumenova", "Strip 2", "kitchen", "zha"),
    device("coffee", "Coffee maker plug", "Plugmate", "PM-1 Meter", "kitchen", "shelly"),
    device("kitchen_multi", "Kitchen sensor", "Sensora", "Multi 4", "kitchen", "zha"),
    device("fridge", "Fridge plug", "Plugmate", "PM-1 Meter", "kitchen", "shelly"),
    device("radio", "Kitchen radio", "Klangbox", "K2", "kitchen", "cast"),
    device("living_ceiling", "Living room ceiling", "Lumenova", "Bulb E27", "living_room", "zha"),
    device("floor_lamp", "Floor lamp", "Lumenova", "Bulb E27", "living_room", "zha"),
    device("tv", "Television", "Klangbox", "Vision 55", "living_room", "cast"),
    device("tv_plug", "Television plug", "Plugmate", "PM-1 Meter", "living_room", "shelly"),
    device("blind", "Living room blind", "Rollwerk", "Tube 30", "living_room", "shelly"),
    device("living_climate", "Living room valve", "Heizfix", "Valve 2", "living_room", "zha"),
    device("living_multi", "Living room sensor", "Sensora", "Air 2", "living_room", "zha"),
    device("bedside_left", "Bedside left", "Lumenova", "Bulb E14", "bedroom", "zha"),
    device("bedside_right", "Bedside right", "Lumenova", "Bulb E14", "bedroom", "zha"),
    device("bedroom_ceiling", "Bedroom ceiling", "Lumenova", "Bulb E27", "bedroom", "zha"),
    device("bedroom_cover", "Bedroom shutter", "Rollwerk", "Tube 30", "bedroom", "shelly"),
    device("bedroom_climate", "Bedroom valve", "Heizfix", "Valve 2", "bedroom", "zha"),
    device("bedroom_multi", "Bedroom sensor", "Sensora", "Climate 1", "bedroom", "zha"),
    device("bedroom_window", "Bedroom window", "Sensora", "Contact 1", "bedroom", "zha"),
    device("mirror", "Bathroom mirror", "Lumenova", "Panel 20", "bathroom", "zha"),
    device("fan", "Bathroom fan", "Luftikus", "Flow 100", "bathroom", "shelly"),
    device("bathroom_multi", "Bathroom sensor", "Sensora", "Multi 4", "bathroom", "zha"),
    device("hall_light", "Hallway light", "Lumenova", "Bulb E27", "hallway", "zha"),
    device("hall_motion", "Hallway motion", "Sensora", "Motion 2", "hallway", "zha"),
    device("lock", "Front door lock", "Riegelfest", "Bolt 1", "hallway", "zha"),
    device("door", "Front door contact", "Sensora", "Contact 1", "hallway", "zha"),
    device("toilet", "Toilet light", "Lumenova", "Bulb E14", "hallway", "zha"),
    device("desk", "Desk lamp", "Lumenova", "Strip 2", "office", "zha"),
    device("computer", "Computer plug", "Plugmate", "PM-1 Meter", "office", "shelly"),
    device("office_multi", "Office sensor", "Sensora", "Multi 4", "office", "zha"),
    device("washer", "Washing machine plug", "Plugmate", "PM-1 Meter", "laundry", "shelly"),
    device("laundry_light", "Laundry light", "Lumenova", "Bulb E27", "laundry", "zha"),
    device("leak", "Laundry leak sensor", "Sensora", "Leak 1", "laundry", "zha"),
    device("meter", "House meter", "Stromlese", "P1 Reader", "laundry", "dsmr"),
    device("porch", "Porch light", "Lumenova", "Wall 1", "garden", "zha"),
    device("weather", "Garden sensor", "Sensora", "Outdoor 2", "garden", "zha"),
    device("phone_alex", "Phone of Alex", "Tafel", "T5", "", "mobile_app"),
    device("phone_robin", "Phone of Robin", "Tafel", "T4", "", "mobile_app"),
];

const fn thing(
    entity_id: &'static str,
    name: &'static str,
    device: &'static str,
    class: &'static str,
    unit: &'static str,
    first: &'static str,
) -> Thing {
    Thing {
        entity_id,
        name,
        device,
        class,
        unit,
        first,
    }
}

const fn plain(entity_id: &'static str, name: &'static str, device: &'static str) -> Thing {
    thing(entity_id, name, device, "", "", "off")
}

const fn binary(
    entity_id: &'static str,
    name: &'static str,
    device: &'static str,
    class: &'static str,
) -> Thing {
    thing(entity_id, name, device, class, "", "off")
}

const fn celsius(entity_id: &'static str, name: &'static str, device: &'static str) -> Thing {
    thing(entity_id, name, device, "temperature", "°C", "19.0")
}

const fn moist(entity_id: &'static str, name: &'static str, device: &'static str) -> Thing {
    thing(entity_id, name, device, "humidity", "%", "50.0")
}

const fn watts(entity_id: &'static str, name: &'static str, device: &'static str) -> Thing {
    thing(entity_id, name, device, "power", "W", "0.0")
}

#[rustfmt::skip] // A table: one row, one line.
pub(super) const THINGS: &[Thing] = &[
    plain("light.kitchen_ceiling", "Kitchen ceiling", "kitchen_ceiling"),
    plain("light.kitchen_counter", "Kitchen counter", "kitchen_counter"),
    plain("switch.coffee_maker", "Coffee maker", "coffee"),
    watts("sensor.coffee_maker_power", "Coffee maker power", "coffee"),
    binary("binary_sensor.kitchen_motion", "Kitchen motion", "kitchen_multi", "motion"),
    celsius("sensor.kitchen_temperature", "Kitchen temperature", "kitchen_multi"),
    moist("sensor.kitchen_humidity", "Kitchen humidity", "kitchen_multi"),
    plain("switch.fridge", "Fridge", "fridge"),
    watts("sensor.fridge_power", "Fridge power", "fridge"),
    plain("media_player.kitchen_radio", "Kitchen radio", "radio"),
    plain("light.living_room_ceiling", "Living room ceiling", "living_ceiling"),
    plain("light.living_room_floor_lamp", "Floor lamp", "floor_lamp"),
    thing("media_player.living_room_tv", "Television", "tv", "tv", "", "off"),
    watts("sensor.tv_power", "Television power", "tv_plug"),
    thing("cover.living_room_blind", "Living room blind", "blind", "blind", "", "closed"),
    thing("climate.living_room", "Living room heating", "living_climate", "", "", "heat"),
    celsius("sensor.living_room_temperature", "Living room temperature", "living_multi"),
    moist("sensor.living_room_humidity", "Living room humidity", "living_multi"),
    thing("sensor.living_room_co2", "Living room CO2", "living_multi", "carbon_dioxide", "ppm", "450"),
    binary("binary_sensor.living_room_motion", "Living room motion", "living_multi", "motion"),
    plain("light.bedroom_ceiling", "Bedroom ceiling", "bedroom_ceiling"),
    plain("light.bedside_left", "Bedside left", "bedside_left"),
    plain("light.bedside_right", "Bedside right", "bedside_right"),
    thing("cover.bedroom", "Bedroom shutter", "bedroom_cover", "shutter", "", "closed"),
    thing("climate.bedroom", "Bedroom heating", "bedroom_climate", "", "", "heat"),
    celsius("sensor.bedroom_temperature", "Bedroom temperature", "bedroom_multi"),
    moist("sensor.bedroom_humidity", "Bedroom humidity", "bedroom_multi"),
    binary("binary_sensor.bedroom_window", "Bedroom window", "bedroom_window", "window"),
    plain("light.bathroom_mirror", "Bathroom mirror", "mirror"),
    plain("fan.bathroom", "Bathroom fan", "fan"),
    celsius("sensor.bathroom_temperature", "Bathroom temperature", "bathroom_multi"),
    moist("sensor.bathroom_humidity", "Bathroom humidity", "bathroom_multi"),
    binary("binary_sensor.bathroom_motion", "Bathroom motion", "bathroom_multi", "motion"),
    plain("light.hallway", "Hallway light", "hall_light"),
    binary("binary_sensor.hallway_motion", "Hallway motion", "hall_motion", "motion"),
    thing("lock.front_door", "Front door", "lock", "", "", "locked"),
    binary("binary_sensor.front_door", "Front door contact", "door", "door"),
    thing("sensor.front_door_battery", "Front door battery", "door", "battery", "%", "87"),
    plain("light.toilet", "Toilet light", "toilet"),
    plain("light.office_desk", "Desk lamp", "desk"),
    plain("switch.office_computer", "Office computer", "computer"),
    watts("sensor.office_computer_power", "Office computer power", "computer"),
    celsius("sensor.office_temperature", "Office temperature", "office_multi"),
    binary("binary_sensor.office_motion", "Office motion", "office_multi", "motion"),
    plain("switch.washing_machine", "Washing machine", "washer"),
    watts("sensor.washing_machine_power", "Washing machine power", "washer"),
    plain("light.laundry", "Laundry light", "laundry_light"),
    binary("binary_sensor.laundry_leak", "Laundry leak", "leak", "moisture"),
    watts("sensor.house_power", "House power", "meter"),
    thing("sensor.house_energy", "House energy", "meter", "energy", "kWh", "0.0"),
    plain("light.porch", "Porch light", "porch"),
    celsius("sensor.garden_temperature", "Garden temperature", "weather"),
    moist("sensor.garden_humidity", "Garden humidity", "weather"),
    thing("sensor.garden_illuminance", "Garden illuminance", "weather", "illuminance", "lx", "0"),
    thing("device_tracker.alex_phone", "Phone of Alex", "phone_alex", "", "", "home"),
    thing("device_tracker.robin_phone", "Phone of Robin", "phone_robin", "", "", "home"),
    thing("person.alex", "Alex", "", "", "", "home"),
    thing("person.robin", "Robin", "", "", "", "home"),
    thing("automation.porch_light", "Porch light at dusk", "", "", "", "on"),
    thing("scene.movie_night", "Movie night", "", "", "", "unknown"),
    plain("script.good_night", "Good night", ""),
    plain("input_boolean.guest_mode", "Guest mode", ""),
    thing("sun.sun", "Sun", "", "", "", "below_horizon"),
];
