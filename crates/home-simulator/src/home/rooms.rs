//! Floors, areas and labels.

/// A floor of the house.
pub(super) struct Floor {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    pub(super) level: i8,
}

/// An area, which is mostly a room.
pub(super) struct Area {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    pub(super) floor: &'static str,
    pub(super) icon: &'static str,
}

pub(super) const FLOORS: &[Floor] = &[
    Floor {
        id: "cellar",
        name: "Cellar",
        level: -1,
    },
    Floor {
        id: "ground_floor",
        name: "Ground floor",
        level: 0,
    },
    Floor {
        id: "first_floor",
        name: "First floor",
        level: 1,
    },
];

const fn area(
    id: &'static str,
    name: &'static str,
    floor: &'static str,
    icon: &'static str,
) -> Area {
    Area {
        id,
        name,
        floor,
        icon,
    }
}

#[rustfmt::skip] // A table: one row, one line.
pub(super) const AREAS: &[Area] = &[
    area("kitchen", "Kitchen", "ground_floor", "mdi:stove"),
    area("living_room", "Living Room", "ground_floor", "mdi:sofa"),
    area("hallway", "Hallway", "ground_floor", "mdi:coat-rack"),
    area("garden", "Garden", "ground_floor", "mdi:flower"),
    area("bedroom", "Bedroom", "first_floor", "mdi:bed"),
    area("bathroom", "Bathroom", "first_floor", "mdi:shower"),
    area("office", "Office", "first_floor", "mdi:desk"),
    area("laundry", "Laundry", "cellar", "mdi:washing-machine"),
];

/// Label id, name, colour.
pub(super) const LABELS: &[(&str, &str, &str)] = &[
    ("comfort", "Comfort", "#1976d2"),
    ("energy", "Energy", "#388e3c"),
];
