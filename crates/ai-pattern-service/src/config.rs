//! Settings of ai-pattern-service.

mod home_assistant;
mod least;

use std::str::FromStr;

use common::env::Env;
use common::settings::{CorsOrigins, DataApiPeer, Listen, ZoneName};
use database::url::DatabaseUrl;
use jiff::tz::TimeZone;
use models::Cache;

use crate::notify::broker::Broker;
use crate::notify::settings::HomeSettings;
use crate::schedule::Schedule;

pub use home_assistant::HomeAssistantSettings;
pub use least::Least;

/// Everything that ai-pattern-service is told from outside.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to serve.
    pub listen: Listen,
    /// Where the events are.
    pub data_api: DataApiPeer,
    /// Where the own tables are.
    pub database: DatabaseUrl,
    /// When to look for habits.
    pub schedule: Schedule,
    /// The home's wall clock; none: as Home Assistant has it.
    pub time_zone: Option<TimeZone>,
    /// Whether to look for habits soon after a start when that was never done.
    pub analysis_on_start: bool,
    /// Days of the past that are looked at.
    pub lookback_days: u16,
    /// Whether to look at where people are.
    pub people: bool,
    /// What a habit must have to be told.
    pub least: Least,
    /// Whom to tell; none when no broker is set.
    pub broker: Option<Broker>,
    /// What is shown in Home Assistant over MQTT.
    pub home: HomeSettings,
    /// Where automations are checked and created.
    pub home_assistant: HomeAssistantSettings,
    /// Where the sentence model of the search may be.
    pub models: Cache,
    /// Web pages that may call.
    pub cors: CorsOrigins,
}

impl Config {
    /// Reads the settings; mistakes stay in `env`.
    pub fn read(env: &mut Env) -> Self {
        let time_zone: Option<ZoneName> = env.optional(
            &["TZ"],
            "Time zone of the home, such as `Europe/Berlin`: habits live on its wall clock. Unset: as Home Assistant has it.",
        );
        Self {
            listen: Listen::read(env, "PATTERN_SERVICE_HOST", &["PATTERN_SERVICE_PORT", "SERVICE_PORT"], 8020),
            data_api: DataApiPeer::read(env),
            database: env.value(
                &["PATTERN_DATABASE_URL", "DATABASE_URL"],
                "sqlite://./data/ai-pattern-service.db",
                "The service's own tables: `sqlite://PATH`, or `postgres://USER:PASSWORD@HOST/DATABASE`. `sqlite+aiosqlite:///PATH` and `postgresql+asyncpg://…` are understood.",
            ),
            schedule: env.value(
                &["ANALYSIS_SCHEDULE"],
                "0 3 * * *",
                "When to look for habits: minute, hour, day of month, month, day of week, on the wall clock of `TZ`.",
            ),
            time_zone: time_zone.map(|zone| zone.0),
            analysis_on_start: env.switch(
                &["ANALYSIS_ON_START"],
                true,
                "Look for habits soon after the first start, as soon as data-api has a few days.",
            ),
            lookback_days: env.value::<Days>(&["ANALYSIS_LOOKBACK_DAYS"], "90", "Days of the past that are looked at, 7 to 3650.").0,
            people: env.switch(
                &["ANALYSIS_PEOPLE"],
                false,
                "Look also at where people are (`person`, `device_tracker`): habits of coming home and leaving.",
            ),
            least: Least::read(env),
            broker: Broker::read(env),
            home: HomeSettings::read(env),
            home_assistant: HomeAssistantSettings::read(env),
            models: Cache::read(env),
            cors: CorsOrigins::read(env),
        }
    }
}

/// A number of days that makes sense to look back.
struct Days(u16);

impl FromStr for Days {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse()
            .ok()
            .filter(|days| (7..=3650).contains(days))
            .map(Self)
            .ok_or("want a number of days from 7 to 3650")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_with_nothing_set() {
        let mut env = Env::default();
        let config = Config::read(&mut env);
        assert!(env.finish().is_ok());
        assert_eq!((config.listen.port, config.lookback_days), (8020, 90));
        assert!(config.broker.is_none() && config.analysis_on_start);
    }

    #[test]
    fn takes_the_names_and_forms_of_the_replaced_service() {
        let mut env = Env::from_pairs([
            ("SERVICE_PORT", "9020"),
            (
                "DATABASE_URL",
                "sqlite+aiosqlite:////app/data/ai_automation.db",
            ),
            ("ANALYSIS_SCHEDULE", "30 2 * * 1-5"),
            ("TZ", ":America/Los_Angeles"),
            ("MQTT_BROKER", "mqtt://192.168.1.86:1883"),
            ("MQTT_USERNAME", "homeiq"),
            ("MQTT_PASSWORD", "secret"),
        ]);
        let config = Config::read(&mut env);
        env.finish().unwrap();
        assert_eq!(config.listen.port, 9020);
        assert_eq!(config.database.to_string(), "/app/data/ai_automation.db");
        assert_eq!(
            config
                .time_zone
                .and_then(|zone| zone.iana_name().map(str::to_owned))
                .as_deref(),
            Some("America/Los_Angeles")
        );
        assert_eq!(
            config.broker.unwrap().to_string(),
            "mqtt://192.168.1.86:1883"
        );
    }

    #[test]
    fn all_rubbish_is_told_in_one_line_each() {
        let mut env = Env::from_pairs([
            ("ANALYSIS_SCHEDULE", "at night"),
            ("TZ", "Berlin"),
            ("ANALYSIS_LOOKBACK_DAYS", "0"),
            ("MQTT_BROKER", "http://broker:80"),
        ]);
        Config::read(&mut env);
        let told = env.finish().unwrap_err().to_string();
        assert_eq!(told.lines().count(), 5, "{told}");
        for name in [
            "ANALYSIS_SCHEDULE=",
            "TZ=",
            "ANALYSIS_LOOKBACK_DAYS=",
            "MQTT_BROKER=",
        ] {
            assert!(told.contains(name), "{told}");
        }
    }
}
