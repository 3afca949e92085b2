//! The settings of the program.

use std::str::FromStr;

use common::env::{Env, Secret};
use common::settings::{Listen, ZoneName};
use jiff::tz::TimeZone;

/// Most days of past life; a year and a bit is some 900,000 state changes in memory.
const MAX_DAYS: u32 = 400;

/// Everything that can be set.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it serves.
    pub listen: Listen,
    /// The access token; none = one is made.
    pub token: Option<Secret>,
    /// Decides every chance in the home.
    pub seed: u64,
    /// Days of life before the start.
    pub days: u32,
    /// Extra readings of the chatty sensors.
    pub live_events_per_second: f64,
    /// The home's time zone.
    pub zone: TimeZone,
}

impl Config {
    /// Reads the settings; mistakes stay in `env`.
    pub fn read(env: &mut Env) -> Self {
        Self {
            listen: Listen::read(env, "SIMULATOR_HOST", &["SIMULATOR_PORT"], 8123),
            token: env.secret(
                &["SIMULATOR_TOKEN"],
                "Access token that clients must show. A `SIMULATOR_TOKEN_FILE` that does not exist is written with a new \
                 token; without either, a token is made for the run and logged.",
            ),
            seed: env.value(&["SIMULATOR_SEED"], "7", "Decides every chance in the simulated home."),
            days: env
                .value::<Days>(&["SIMULATOR_DAYS"], "30", "Days of past life at the start, 1 to 400.")
                .0,
            live_events_per_second: env
                .value::<Rate>(
                    &["SIMULATOR_LIVE_EVENTS_PER_SECOND"],
                    "1",
                    "Extra readings of the chatty sensors, so that there is something to watch; 0 to 1000.",
                )
                .0,
            zone: env.value::<ZoneName>(&["TZ"], "Europe/Amsterdam", "Time zone of the home.").0,
        }
    }
}

struct Days(u32);

impl FromStr for Days {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let days = text
            .parse()
            .ok()
            .filter(|days| (1..=MAX_DAYS).contains(days));
        days.map(Self).ok_or("want a number of days from 1 to 400")
    }
}

struct Rate(f64);

impl FromStr for Rate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rate = text
            .parse()
            .ok()
            .filter(|rate| (0.0..=1000.0).contains(rate));
        rate.map(Self)
            .ok_or("want a number from 0 to 1000, such as 1 or 0.5")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_have_defaults_and_limits() {
        let config = Config::read(&mut Env::default());
        assert_eq!(
            (config.listen.port, config.days, config.seed),
            (8123, 30, 7)
        );
        assert!(config.token.is_none(), "no default secret");

        let mut env = Env::from_pairs([
            ("SIMULATOR_DAYS", "0"),
            ("SIMULATOR_LIVE_EVENTS_PER_SECOND", "-1"),
            ("TZ", "Mars/Olympus"),
        ]);
        Config::read(&mut env);
        let told = env.finish().unwrap_err().to_string();
        assert!(told.starts_with("3 things are wrong"), "{told}");
    }
}
