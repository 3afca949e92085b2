//! The category of an entity's events, as the replaced ingestion assigned it.

/// `security`, `climate`, `lighting`, `appliance`, `monitoring` or `general`; the first that fits.
pub fn of(domain: &str, device_class: Option<&str>) -> &'static str {
    match (domain, device_class.unwrap_or_default()) {
        ("alarm_control_panel" | "lock", _) | (_, "door" | "window" | "motion" | "lock") => {
            "security"
        }
        ("climate", _) | (_, "temperature" | "humidity") => "climate",
        ("light", _) | (_, "light") => "lighting",
        ("switch" | "fan" | "vacuum", _) | (_, "power" | "energy") => "appliance",
        ("sensor", _) => "monitoring",
        _ => "general",
    }
}
