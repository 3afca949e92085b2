//! Settings of data-api.

use common::env::{Env, Secret};
use common::settings::{self, CorsOrigins, Listen};
use database::url::DatabaseUrl;

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
    /// Proxies whose word about a client's address is believed.
    pub trusted_proxies: TrustedProxies,
    /// Web pages that may call.
    pub cors: CorsOrigins,
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
            trusted_proxies: env
                .optional(
                    &["DATA_API_TRUSTED_PROXIES"],
                    "Comma list of addresses and networks (`10.0.0.5,172.16.0.0/12`) of proxies whose `X-Forwarded-For` says which address is counted. Without it that header is not read.",
                )
                .unwrap_or_default(),
            cors: CorsOrigins::read(env),
        }
    }
}
