//! What a device is, as its entities say. Nothing of it is stored: it follows the registry.

use std::collections::HashMap;

use database::Statement;

use super::{Store, StoreFailure};

/// What a device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceKind {
    /// Such as `light`, `thermostat`, `sensor`.
    pub device_type: &'static str,
    /// Such as `lighting`, `climate`, `security`.
    pub device_category: &'static str,
}

/// What an entity tells of its device.
#[derive(Debug, Clone, Default)]
struct Feature {
    domain: String,
    device_class: Option<String>,
    /// `config`, `diagnostic`, or none for what the device is there for.
    entity_category: Option<String>,
}

/// Domains in the order in which they decide: a lock with a battery sensor is a lock, a fan with a light is a fan.
const BY_DOMAIN: [(&str, &str, &str); 20] = [
    ("lock", "lock", "security"),
    ("alarm_control_panel", "alarm", "security"),
    ("camera", "camera", "security"),
    ("siren", "siren", "security"),
    ("vacuum", "vacuum", "appliance"),
    ("lawn_mower", "lawn_mower", "appliance"),
    ("climate", "thermostat", "climate"),
    ("water_heater", "water_heater", "climate"),
    ("humidifier", "humidifier", "climate"),
    ("fan", "fan", "climate"),
    ("cover", "cover", "control"),
    ("valve", "valve", "control"),
    ("media_player", "media_player", "entertainment"),
    ("remote", "remote", "control"),
    ("light", "light", "lighting"),
    ("switch", "switch", "control"),
    ("device_tracker", "tracker", "presence"),
    ("weather", "weather", "environment"),
    ("button", "button", "control"),
    ("event", "button", "control"),
];

/// Device classes of sensors that guard something.
const GUARDS: [&str; 13] = [
    "carbon_monoxide",
    "door",
    "garage_door",
    "gas",
    "lock",
    "moisture",
    "motion",
    "opening",
    "safety",
    "smoke",
    "tamper",
    "vibration",
    "window",
];

fn classify(features: &[Feature]) -> Option<DeviceKind> {
    let main: Vec<&Feature> = features
        .iter()
        .filter(|feature| feature.entity_category.is_none())
        .collect();
    // A device that only tells of itself is what that tells.
    let told = if main.is_empty() {
        features.iter().collect()
    } else {
        main
    };
    let has_class = |classes: &[&str]| {
        let mut all = told.iter();
        all.any(|feature| {
            let class = feature.device_class.as_deref();
            class.is_some_and(|class| classes.contains(&class))
        })
    };
    let sensor = |device_category| DeviceKind {
        device_type: "sensor",
        device_category,
    };
    for (domain, device_type, device_category) in BY_DOMAIN {
        // Buttons and events come with much that is there for something else.
        let is_sensor = || {
            let mut all = told.iter();
            all.any(|feature| matches!(feature.domain.as_str(), "sensor" | "binary_sensor"))
        };
        if told.iter().any(|feature| feature.domain == domain)
            && !(device_type == "button" && is_sensor())
        {
            let device_type = if domain == "switch" && has_class(&["outlet"]) {
                "outlet"
            } else {
                device_type
            };
            return Some(DeviceKind {
                device_type,
                device_category,
            });
        }
    }
    if !told
        .iter()
        .any(|feature| matches!(feature.domain.as_str(), "sensor" | "binary_sensor"))
    {
        return None;
    }
    Some(sensor(if has_class(&GUARDS) {
        "security"
    } else if has_class(&["power", "energy", "current", "voltage"]) {
        "energy"
    } else if has_class(&["temperature", "humidity"]) {
        "climate"
    } else {
        "sensor"
    }))
}

impl Store {
    /// What each device is, or one of them; a device whose entities do not tell is left out.
    pub async fn device_kinds(
        &self,
        device_id: Option<&str>,
    ) -> Result<HashMap<String, DeviceKind>, StoreFailure> {
        let statement = Statement::new(
            "SELECT device_id, domain, device_class, entity_category FROM entities \
             WHERE removed_us IS NULL AND device_id IS NOT NULL",
        )
        .bind_some(" AND device_id = ", device_id);
        let mut features: HashMap<String, Vec<Feature>> = HashMap::new();
        for row in self.database.fetch_all(statement).await? {
            let of_device = features.entry(row.get("device_id")?).or_default();
            of_device.push(Feature {
                domain: row.get("domain")?,
                device_class: row.get("device_class")?,
                entity_category: row.get("entity_category")?,
            });
        }
        Ok(features
            .into_iter()
            .filter_map(|(device_id, features)| Some((device_id, classify(&features)?)))
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_what_its_main_entities_say() {
        for (entities, want) in [
            (&[("light", "", "")][..], Some(("light", "lighting"))),
            (
                &[("fan", "", ""), ("light", "", "")],
                Some(("fan", "climate")),
            ),
            (
                &[("lock", "", ""), ("sensor", "battery", "diagnostic")],
                Some(("lock", "security")),
            ),
            (
                &[("climate", "", ""), ("sensor", "temperature", "")],
                Some(("thermostat", "climate")),
            ),
            (
                &[("switch", "outlet", ""), ("sensor", "power", "")],
                Some(("outlet", "control")),
            ),
            (&[("switch", "", "")], Some(("switch", "control"))),
            (
                &[("sensor", "temperature", ""), ("switch", "", "config")],
                Some(("sensor", "climate")),
            ),
            (
                &[("binary_sensor", "door", "")],
                Some(("sensor", "security")),
            ),
            (&[("sensor", "energy", "")], Some(("sensor", "energy"))),
            (
                &[("sensor", "", ""), ("button", "", "")],
                Some(("sensor", "sensor")),
            ),
            (&[("event", "button", "")], Some(("button", "control"))),
            (
                &[("sensor", "battery", "diagnostic")],
                Some(("sensor", "sensor")),
            ),
            (&[("update", "", "config")], None),
            (&[], None),
        ] {
            let features: Vec<Feature> = entities
                .iter()
                .map(|(domain, class, category)| Feature {
                    domain: (*domain).to_owned(),
                    device_class: (!class.is_empty()).then(|| (*class).to_owned()),
                    entity_category: (!category.is_empty()).then(|| (*category).to_owned()),
                })
                .collect();
            let kind = classify(&features).map(|kind| (kind.device_type, kind.device_category));
            assert_eq!(kind, want, "{entities:?}");
        }
    }
}
