//! Settings of websocket-ingestion.

mod home;
mod influxdb;

use std::path::PathBuf;
use std::time::Duration;

use common::env::{Env, Seconds};
use common::retry::RetryPolicy;
use common::settings::{CorsOrigins, DataApiPeer, Listen};

use crate::filter::{Filter, FilterSource};

pub use home::{Home, Role, Way};
pub use influxdb::{InfluxDb, InfluxPeer};

/// Everything that websocket-ingestion is told from outside.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to serve.
    pub listen: Listen,
    /// The home to listen to; none when it was not named or is turned off.
    pub home: Home,
    /// Where events and registries go.
    pub data_api: DataApiPeer,
    /// Most events in one batch.
    pub batch_size: usize,
    /// Longest time that an event waits for its batch to fill.
    pub batch_timeout: Duration,
    /// Most bytes of events that wait in memory on their way to data-api or to the spool.
    pub buffer_bytes: usize,
    /// Folder of the events that data-api has not taken yet.
    pub spool_dir: PathBuf,
    /// Most bytes of it.
    pub spool_max_bytes: u64,
    /// Longest time that an event is in memory only.
    pub spool_sync_interval: Duration,
    /// Where events go besides.
    pub influxdb: InfluxDb,
    /// Days of history to read at the first start; none: all there are.
    pub backfill_days: Option<u32>,
    /// Rules on which events are kept.
    pub filter: FilterSource,
    /// Web pages that may call.
    pub cors: CorsOrigins,
    /// Most messages that a client of `/ws` may send in the window.
    pub client_messages: usize,
    /// That window.
    pub client_messages_window: Duration,
    /// Most clients of `/ws` and `/ws/status` together.
    pub max_clients: usize,
    /// The commit that this was built from, and when.
    pub build: Build,
    /// How long to wait for what.
    pub timing: Timing,
}

/// What an image may say of its making.
#[derive(Debug, Clone, Default)]
pub struct Build {
    /// The commit.
    pub git_sha: Option<String>,
    /// The time.
    pub time: Option<String>,
}

/// Waits; tests make them short.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// Between attempts to connect.
    pub reconnect: RetryPolicy,
    /// A connection that lasted this long makes the next wait a short one again.
    pub healthy_after: Duration,
    /// After a refused token. Home Assistant logs each as a failed login and may ban the address.
    pub after_refusal: Duration,
    /// Between looks at a token file that is not there yet.
    pub token_poll: Duration,
    /// After the primary address has been away for so long, the fallback is tried.
    pub fallback_after: Duration,
    /// While the fallback is used, between attempts to return to the primary.
    pub primary_probe: Duration,
    /// For connecting, and for each message of the handshake.
    pub handshake: Duration,
    /// For the answer to a command.
    pub command: Duration,
    /// Between pings.
    pub ping_every: Duration,
    /// For the answer to a ping.
    pub pong_within: Duration,
    /// From a change of the registry until it is read again.
    pub registry_debounce: Duration,
    /// Between questions whether Home Assistant has finished starting.
    pub startup_poll: Duration,
    /// An answer of data-api that takes longer is told as trouble.
    pub slow_answer: Duration,
    /// After which Home Assistant's recorder has written what happened before; it commits every 5 s.
    pub recorder_lag: Duration,
    /// Between pings to a client of ours; after three without a sign of life it is let go of.
    pub client_ping_every: Duration,
    /// For a client of ours to take what it is sent.
    pub client_patience: Duration,
    /// Between the messages that keep `/ws/status` awake.
    pub status_ping_every: Duration,
    /// Between the first two attempts to read the history while Home Assistant is connected; later ones are up to 120 times as far apart.
    pub backfill_retry: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            reconnect: RetryPolicy::PEER,
            healthy_after: Duration::from_secs(60),
            after_refusal: Duration::from_secs(300),
            token_poll: Duration::from_secs(1),
            fallback_after: Duration::from_secs(20),
            primary_probe: Duration::from_secs(60),
            handshake: Duration::from_secs(10),
            command: Duration::from_secs(60),
            ping_every: Duration::from_secs(30),
            pong_within: Duration::from_secs(10),
            registry_debounce: Duration::from_millis(1500),
            startup_poll: Duration::from_secs(2),
            slow_answer: Duration::from_secs(5),
            recorder_lag: Duration::from_secs(12),
            client_ping_every: Duration::from_secs(20),
            client_patience: Duration::from_secs(5),
            status_ping_every: Duration::from_secs(15),
            backfill_retry: Duration::from_secs(5),
        }
    }
}

impl Timing {
    fn read(env: &mut Env) -> Self {
        let usual = Self::default();
        let longest: Seconds = env.value(
            &["WEBSOCKET_MAX_RETRY_DELAY"],
            "60",
            "Longest wait between two attempts to reach Home Assistant, in seconds; it is tried for ever.",
        );
        Self {
            reconnect: RetryPolicy {
                longest: longest.0.max(usual.reconnect.first),
                ..usual.reconnect
            },
            ..usual
        }
    }
}

impl Config {
    /// Reads the settings; mistakes stay in `env`.
    pub fn read(env: &mut Env) -> Self {
        Self {
            listen: Listen::read(env, "WEBSOCKET_INGESTION_HOST", &["WEBSOCKET_INGESTION_PORT"], 8001),
            home: Home::read(env),
            data_api: DataApiPeer::read(env),
            batch_size: env.value(&["BATCH_SIZE"], "4000", "Most events in one batch to data-api."),
            batch_timeout: env
                .value::<Seconds>(&["BATCH_TIMEOUT"], "0.25", "Longest time that an event waits for its batch to fill, in seconds.")
                .0,
            buffer_bytes: env.value(
                &["INGEST_BUFFER_BYTES"],
                "16777216",
                "Most bytes of events that wait in memory for data-api or the disk; beyond it the oldest become a gap.",
            ),
            spool_dir: env.value(
                &["SPOOL_DIR"],
                "./data/spool",
                "Folder of the events that data-api has not taken yet; they survive a restart.",
            ),
            spool_max_bytes: env.value(
                &["SPOOL_MAX_BYTES"],
                "1073741824",
                "Most bytes of the spool; beyond it the oldest events become a gap.",
            ),
            spool_sync_interval: env
                .value::<Seconds>(
                    &["SPOOL_SYNC_INTERVAL"],
                    "0.25",
                    "Longest time that an event is in memory only, in seconds: by then data-api has it, or the disk.",
                )
                .0,
            influxdb: InfluxDb::read(env),
            backfill_days: env.optional(
                &["BACKFILL_INITIAL_DAYS"],
                "Days of Home Assistant's history to read at the first start; unset: all that it has; 0: none.",
            ),
            filter: filter(env),
            cors: CorsOrigins::read(env),
            client_messages: env.value(
                &["WEBSOCKET_RATE_LIMIT_MESSAGES"],
                "60",
                "Most messages that a client of `/ws` may send in `WEBSOCKET_RATE_LIMIT_WINDOW`.",
            ),
            client_messages_window: env
                .value::<Seconds>(&["WEBSOCKET_RATE_LIMIT_WINDOW"], "60", "That window, in seconds.")
                .0,
            max_clients: env.value(
                &["WEBSOCKET_MAX_CLIENTS"],
                "100",
                "Most clients of `/ws` and `/ws/status` together; one more is told so and let go of.",
            ),
            build: Build {
                git_sha: env.optional(&["GIT_SHA"], "The commit that this was built from, for `/health`."),
                time: env.optional(&["BUILD_TIME"], "When it was built, for `/health`."),
            },
            timing: Timing::read(env),
        }
    }
}

fn filter(env: &mut Env) -> FilterSource {
    let text: Option<String> = env.optional(
        &["ENTITY_FILTER_CONFIG"],
        "Rules on which events are kept, as JSON; wins over the file. See `shared/config/entity_filter.example.json`.",
    );
    let file: PathBuf = env.value(
        &["ENTITY_FILTER_CONFIG_FILE"],
        "config/entity_filter.json",
        "File of the rules; one that is not there means that everything is kept.",
    );
    let source = text.map_or(FilterSource::File(file), FilterSource::Text);
    if let Err(error) = Filter::new(source.clone()) {
        env.mistake(format!("the entity filter cannot be used: {error}"));
    }
    source
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_wait_is_a_setting_and_never_shorter_than_the_first() {
        for (given, want) in [("", 60.0), ("300", 300.0), ("0", 1.0)] {
            let mut env = Env::from_pairs([("WEBSOCKET_MAX_RETRY_DELAY", given)]);
            let reconnect = Config::read(&mut env).timing.reconnect;
            assert_eq!(reconnect.longest, Duration::from_secs_f64(want), "{given}");
            assert_eq!(reconnect.first, Duration::from_secs(1));
        }
    }
}
