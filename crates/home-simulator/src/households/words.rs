//! What things are called, in several languages and styles.

use crate::home::chance::Chance;

/// A key, and the word in English, German, French and Dutch.
type Word = (&'static str, [&'static str; 4]);

const LANGUAGES: usize = 4;

const WORDS: [Word; 63] = [
    ("hall", ["hallway", "flur", "entree", "gang"]),
    ("kitchen", ["kitchen", "kuche", "cuisine", "keuken"]),
    (
        "living",
        ["living_room", "wohnzimmer", "salon", "woonkamer"],
    ),
    (
        "bedroom",
        ["master_bedroom", "schlafzimmer", "chambre", "slaapkamer"],
    ),
    ("bath", ["bathroom", "bad", "salle_de_bain", "badkamer"]),
    (
        "kids",
        ["nursery", "kinderzimmer", "chambre_enfant", "kinderkamer"],
    ),
    ("office", ["study", "arbeitszimmer", "bureau", "kantoor"]),
    (
        "dining",
        ["dining_room", "esszimmer", "salle_a_manger", "eetkamer"],
    ),
    ("terrace", ["patio", "terrasse", "terrasse", "tuin"]),
    (
        "guest",
        ["guest_room", "gastezimmer", "chambre_amis", "logeerkamer"],
    ),
    ("stairs", ["stairs", "treppe", "escalier", "trap"]),
    ("toilet", ["toilet", "wc", "toilettes", "wc"]),
    (
        "upstairs",
        ["second_bedroom", "zimmer_oben", "chambre_2", "slaapkamer_2"],
    ),
    ("attic", ["loft", "dachboden", "grenier", "zolder"]),
    ("laundry", ["laundry", "waschkuche", "buanderie", "washok"]),
    ("basement", ["basement", "keller", "cave", "kelder"]),
    ("garage", ["garage", "garage", "garage", "schuur"]),
    ("pantry", ["pantry", "speisekammer", "cellier", "berging"]),
    (
        "ceiling",
        ["main_light", "deckenlampe", "plafonnier", "plafondlamp"],
    ),
    ("lamp", ["lamp", "stehlampe", "lampe", "lamp"]),
    ("strip", ["led_strip", "led_band", "ruban_led", "ledstrip"]),
    (
        "spot",
        ["reading_light", "leselampe", "liseuse", "leeslamp"],
    ),
    ("door", ["door", "tur", "porte", "deur"]),
    ("window", ["window", "fenster", "fenetre", "raam"]),
    ("cabinet", ["cupboard", "schrank", "placard", "kast"]),
    (
        "speaker",
        ["speaker", "lautsprecher", "enceinte", "speaker"],
    ),
    ("tv", ["tv", "fernseher", "tele", "tv"]),
    ("blind", ["blinds", "rollladen", "volet", "rolgordijn"]),
    ("fan", ["fan", "ventilator", "ventilateur", "ventilator"]),
    (
        "thermostat",
        ["thermostat", "thermostat", "thermostat", "thermostaat"],
    ),
    ("motion", ["motion", "bewegung", "mouvement", "beweging"]),
    (
        "kettle",
        ["kettle", "wasserkocher", "bouilloire", "waterkoker"],
    ),
    (
        "coffee",
        ["coffee_machine", "kaffeemaschine", "cafetiere", "koffie"],
    ),
    ("toaster", ["toaster", "toaster", "grille_pain", "tosti"]),
    ("heater", ["heater", "heizlufter", "radiateur", "kachel"]),
    ("radio", ["radio", "radio", "radio", "radio"]),
    ("charger", ["charger", "ladegerat", "chargeur", "lader"]),
    ("iron", ["iron", "bugeleisen", "fer", "strijkijzer"]),
    ("console", ["game_console", "konsole", "console", "ps5"]),
    ("printer", ["printer", "drucker", "imprimante", "printer"]),
    (
        "humidifier",
        [
            "humidifier",
            "luftbefeuchter",
            "humidificateur",
            "bevochtiger",
        ],
    ),
    (
        "purifier",
        [
            "air_purifier",
            "luftreiniger",
            "purificateur",
            "luchtfilter",
        ],
    ),
    ("monitor", ["monitor", "monitor", "ecran", "scherm"]),
    (
        "blanket",
        ["electric_blanket", "heizdecke", "couverture", "deken"],
    ),
    (
        "front",
        ["front_door", "haustur", "porte_entree", "voordeur"],
    ),
    (
        "lock",
        ["front_door_lock", "turschloss", "serrure", "slot_voordeur"],
    ),
    ("all", ["lights", "licht", "lumieres", "verlichting"]),
    (
        "humidity",
        ["humidity", "luftfeuchtigkeit", "humidite", "vochtigheid"],
    ),
    (
        "temperature",
        ["temperature", "temperatur", "temperature", "temperatuur"],
    ),
    (
        "brightness",
        ["illuminance", "helligkeit", "luminosite", "licht"],
    ),
    ("fridge", ["fridge", "kuhlschrank", "frigo", "koelkast"]),
    (
        "freezer",
        ["freezer", "gefriertruhe", "congelateur", "vriezer"],
    ),
    ("pump", ["heat_pump", "warmepumpe", "pac", "warmtepomp"]),
    ("boiler", ["water_heater", "boiler", "ballon", "boiler"]),
    (
        "washer",
        [
            "washing_machine",
            "waschmaschine",
            "lave_linge",
            "wasmachine",
        ],
    ),
    (
        "dishwasher",
        ["dishwasher", "spulmaschine", "lave_vaisselle", "vaatwasser"],
    ),
    (
        "gate",
        ["garage_door", "garagentor", "porte_garage", "garagedeur"],
    ),
    ("alarm", ["alarm", "alarmanlage", "alarme", "alarm"]),
    (
        "outside",
        [
            "outside_temperature",
            "aussentemperatur",
            "temperature_exterieure",
            "buiten",
        ],
    ),
    (
        "guests",
        ["guest_mode", "gastmodus", "mode_invite", "gasten"],
    ),
    ("cinema", ["movie_mode", "kino", "mode_cinema", "film"]),
    ("power", ["power", "leistung", "puissance", "vermogen"]),
    ("indicator", ["indicator", "anzeige", "voyant", "lampje"]),
];

/// Names of people.
pub(super) const PEOPLE: [&str; 20] = [
    "anna", "ben", "carla", "dieter", "eva", "frank", "greta", "hugo", "ines", "jan", "katja",
    "leo", "mia", "noah", "olga", "paul", "rosa", "sam", "tina", "udo",
];
/// How makers of plugs call them.
const MAKERS: [&str; 6] = ["shelly_plug", "tasmota", "hue", "tradfri", "zb", "esp"];

/// How a household writes its names.
#[derive(Debug, Clone, Copy)]
enum Style {
    RoomThing,
    ThingRoom,
    FloorRoomThing,
    /// Some things keep the number of their radio.
    RadioNumbers,
    /// Some things keep the name that their maker gave them.
    MakersNames,
}

/// The language and the style of one household.
#[derive(Debug)]
pub(super) struct Naming {
    language: usize,
    style: Style,
}

impl Naming {
    pub(super) fn new(chance: &mut Chance) -> Self {
        let styles = [
            Style::RoomThing,
            Style::RoomThing,
            Style::ThingRoom,
            Style::FloorRoomThing,
            Style::RadioNumbers,
            Style::MakersNames,
        ];
        Self {
            language: chance.pick(LANGUAGES),
            style: *chance.one_of(&styles),
        }
    }

    /// The word for a key; what has no word is called by its key.
    pub(super) fn word(&self, key: &'static str) -> &'static str {
        WORDS
            .iter()
            .find(|(known, _)| *known == key)
            .map_or(key, |(_, words)| words[self.language])
    }

    /// The part of an entity's id behind the domain.
    pub(super) fn thing(
        &self,
        room: Option<&'static str>,
        thing: &'static str,
        chance: &mut Chance,
    ) -> String {
        let thing = self.word(thing);
        let Some(key) = room else {
            return thing.to_owned();
        };
        let room = self.word(key);
        match self.style {
            Style::ThingRoom => format!("{thing}_{room}"),
            // The floor of a room is always the same.
            Style::FloorRoomThing => {
                format!("{}_{room}_{thing}", ["eg", "og", "ug"][key.len() % 3])
            }
            Style::RadioNumbers if chance.happens(0.5) => {
                format!("0x00158d{:08x}", chance.pick(1 << 32))
            }
            Style::MakersNames if chance.happens(0.4) => {
                format!("{}_{:04x}", chance.one_of(&MAKERS), chance.pick(1 << 16))
            }
            _ => format!("{room}_{thing}"),
        }
    }
}
