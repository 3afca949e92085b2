//! Settings of data-api.

use std::path::PathBuf;
use std::time::Duration;

use common::env::{Env, Seconds, Secret};
use common::schedule::Schedule;
use common::settings::{self, CorsOrigins, HttpUrl, Listen, ZoneName};
use database::url::DatabaseUrl;
use jiff::tz::TimeZone;

use crate::http::trusted_proxies::TrustedProxies;

/// Everything that data-api is told from outside.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to serve.
    pub listen: Listen,
    /// Where the tables are.
    pub database: DatabaseUrl,
    /// The key that callers must have.
    pub key: Secret,
    /// Whether callers without a key are let in.
    pub allow_anonymous: bool,
    /// Requests a minute for callers without a key.
    pub rate_per_minute: u32,
    /// Requests at once for callers without a key.
    pub rate_burst: u32,
    /// Copies of the store.
    pub backup: BackupConfig,
    /// How long a request may read.
    pub read_within: Seconds,
    /// Requests that read at the same time.
    pub reads_at_once: usize,
    /// Proxies whose word about a client's address is believed.
    pub trusted_proxies: TrustedProxies,
    /// Web pages that may call.
    pub cors: CorsOrigins,
    /// When to raise an alert.
    pub alerts: AlertConfig,
    /// What sensors do not tell of energy.
    pub energy: EnergyConfig,
}

/// What sensors do not tell of energy.
#[derive(Debug, Clone)]
pub struct EnergyConfig {
    /// The sensor of the power of the whole home; none: all sensors of power added up.
    pub power_entity: Option<String>,
    /// What a kilowatt-hour costs, in any currency; none: no cost is told.
    pub price_per_kwh: Option<f64>,
}

impl EnergyConfig {
    fn read(env: &mut Env) -> Self {
        Self {
            power_entity: env.optional(
                &["ENERGY_POWER_ENTITY"],
                "The sensor that measures the power of the whole home. Unset: all sensors of power are added up.",
            ),
            price_per_kwh: env.optional(
                &["ENERGY_PRICE_PER_KWH"],
                "Price of a kilowatt-hour, for costs in `/api/v1/energy`. Unset: no costs.",
            ),
        }
    }
}

/// When to raise an alert.
#[derive(Debug, Clone)]
pub struct AlertConfig {
    /// Time between two looks.
    pub check_interval: Duration,
    /// Minutes without a new event.
    pub stalled_minutes: u32,
    /// Percent of free space on the disk of the database.
    pub disk_free_percent: f64,
    /// Days until that disk is full.
    pub disk_full_days: f64,
    /// Where to ask websocket-ingestion how it is; none: it is not asked.
    pub ingestion: Option<HttpUrl>,
}

impl AlertConfig {
    fn read(env: &mut Env) -> Self {
        Self {
            check_interval: env
                .value::<Seconds>(
                    &["ALERT_CHECK_INTERVAL"],
                    "15",
                    "Time between two looks at what may need an alert, in seconds; at least 0.05.",
                )
                .0
                .max(Duration::from_millis(50)),
            stalled_minutes: env.value(
                &["ALERT_INGEST_STALLED_MINUTES"],
                "15",
                "Minutes without a new event after which there is an alert.",
            ),
            disk_free_percent: env.value(
                &["ALERT_DISK_FREE_PERCENT"],
                "10",
                "Percent of the disk of a SQLite file that must be free; with less there is an alert.",
            ),
            disk_full_days: env.value(
                &["ALERT_DISK_FULL_DAYS"],
                "14",
                "There is an alert when the SQLite file will fill its disk in fewer days, at its growth of the last week.",
            ),
            ingestion: env.optional(
                &["WEBSOCKET_INGESTION_URL"],
                "Address of websocket-ingestion, to raise an alert when it is not well. Unset: it is not asked.",
            ),
        }
    }
}

impl Config {
    /// Reads the settings; mistakes stay in `env`.
    pub fn read(env: &mut Env) -> Self {
        Self {
            listen: Listen::read(env, "DATA_API_HOST", &["DATA_API_PORT"], 8006),
            database: env.value(
                &["DATA_API_DATABASE_URL", "DATABASE_URL"],
                "sqlite://./data/homeiq.db",
                "The database: `sqlite://PATH`, or `postgres://USER:PASSWORD@HOST/DATABASE` (`postgresql://…` too). `sqlite+aiosqlite:///PATH` and `postgresql+asyncpg://…` are understood.",
            ),
            key: settings::data_api_key(env),
            allow_anonymous: env.switch(
                &["DATA_API_ALLOW_ANONYMOUS"],
                false,
                "`true` lets callers in that send no key, to read. A wrong key is refused all the same.",
            ),
            rate_per_minute: env.value(
                &["DATA_API_RATE_LIMIT_PER_MIN"],
                "100",
                "Requests a minute from one address without a valid key; more get 429.",
            ),
            rate_burst: env.value(
                &["DATA_API_RATE_LIMIT_BURST"],
                "20",
                "Requests at once from one address without a valid key.",
            ),
            backup: BackupConfig::read(env),
            read_within: env.value(
                &["DB_QUERY_TIMEOUT"],
                "10",
                "Seconds that a request may read before it is ended with 503. Streams are bounded by their own means.",
            ),
            reads_at_once: env.value(
                &["DATA_API_MAX_READS"],
                "16",
                "Requests that read at the same time, 1 to 1,000. Eight times as many wait; one more gets 503.",
            ),
            trusted_proxies: env
                .optional(
                    &["DATA_API_TRUSTED_PROXIES"],
                    "Comma list of addresses and networks (`10.0.0.5,172.16.0.0/12`) of proxies whose `X-Forwarded-For` says which address is counted. Without it that header is not read.",
                )
                .unwrap_or_default(),
            cors: CorsOrigins::read(env),
            alerts: AlertConfig::read(env),
            energy: EnergyConfig::read(env),
        }
    }
}

/// Where copies of the store go, how many are kept, and when they are made.
#[derive(Debug, Clone)]
pub struct BackupConfig {
    /// Their folder; none: `backups` beside the database.
    pub folder: Option<PathBuf>,
    /// How many are kept.
    pub keep: u32,
    /// When one is made by itself.
    pub schedule: Option<Schedule>,
    /// On which wall clock the schedule is.
    pub zone: TimeZone,
}

impl BackupConfig {
    fn read(env: &mut Env) -> Self {
        let keep = env.value(
            &["BACKUP_KEEP"],
            "7",
            "Copies that are kept, 1 to 1000; when a new one is whole, the oldest beyond it are deleted.",
        );
        if !(1..=1000).contains(&keep) {
            env.mistake(format!("BACKUP_KEEP={keep}: want 1 to 1000"));
        }
        Self {
            folder: env.optional(
                &["BACKUP_DIR"],
                "Folder of the copies that `POST /api/v1/backup` and `backup` make of a SQLite database; unset: `backups` beside it.",
            ),
            keep,
            schedule: env.optional(
                &["BACKUP_SCHEDULE"],
                "When a copy is made by itself, five fields of cron such as `30 3 * * *`; unset: never.",
            ),
            zone: env
                .value::<ZoneName>(&["TZ"], "UTC", "Time zone of `BACKUP_SCHEDULE`.")
                .0,
        }
    }
}
