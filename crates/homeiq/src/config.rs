//! Settings of the whole: those of every service, with defaults that fit together.

use std::path::{Path, PathBuf};

use common::env::Env;
use common::settings::{DataApiPeer, HttpUrl};

use crate::narrate::Addresses;

/// Names that say which Home Assistant to join.
const HOME_ASSISTANT: [&str; 5] = [
    "HA_HTTP_URL",
    "HOME_ASSISTANT_URL",
    "HA_WS_URL",
    "HA_URL",
    "NABU_CASA_URL",
];
/// The demo's home is here: a place with a name, daylight saving time and no connection to the machine's own clock setting.
const DEMO_ZONE: &str = "Europe/Amsterdam";

/// Everything that is told from outside.
#[derive(Debug)]
pub struct Config {
    /// Where databases and secrets are.
    pub data_dir: PathBuf,
    /// The store.
    pub data_api: data_api::Config,
    /// The ear.
    pub ingestion: websocket_ingestion::Config,
    /// The miner.
    pub patterns: ai_pattern_service::Config,
    /// The simulated home, when no Home Assistant was named.
    pub demo: Option<home_simulator::Config>,
    /// Where `homeiq import` puts a past.
    pub import: Destination,
    /// What `homeiq models` works with.
    pub models: model_prep::Settings,
}

/// Where a past goes: always to the real home, also when no Home Assistant is named yet.
#[derive(Debug)]
pub struct Destination {
    /// Folder of the positions of imports.
    pub folder: PathBuf,
    /// Whether `DATA_API_URL` says where data-api is.
    pub is_named: bool,
    /// The data-api that runs already.
    pub peer: DataApiPeer,
    /// Port on which one may run on this machine.
    pub port: u16,
    /// The one that is started when none runs.
    pub data_api: data_api::Config,
}

impl Destination {
    /// Reads from settings to which no defaults of the demo were added. What is wrong with them is told by the others, who read the
    /// same.
    fn read(mut env: Env, base: &Path) -> Self {
        if !env.is_set(&["DATABASE_URL"]) {
            let file = base.join("homeiq.db");
            env.set_default(
                "DATA_API_DATABASE_URL",
                format!("sqlite://{}", file.display()),
            );
        }
        env.set_default("SECRETS_DIR", base.join("secrets").display().to_string());
        let is_named = env.is_set(&["DATA_API_URL"]);
        let data_api = data_api::Config::read(&mut env);
        let port = data_api.listen.port;
        env.set_default("DATA_API_URL", format!("http://127.0.0.1:{port}"));
        Self {
            folder: base.join("import"),
            is_named,
            peer: DataApiPeer::read(&mut env),
            port,
            data_api,
        }
    }
}

impl Config {
    /// Reads the settings; mistakes stay in `env`.
    pub fn read(env: &mut Env) -> Self {
        let base: PathBuf = env.value(
            &["HOMEIQ_DATA_DIR"],
            "./data",
            "Folder of databases and secrets; the demo uses `demo` below it.",
        );
        let import = Destination::read(env.clone(), &base);
        // Models are the same for the demo and for the real home.
        env.set_default("HF_HOME", base.join("models").display().to_string());
        let is_demo = !env.is_set(&HOME_ASSISTANT);
        let data_dir = if is_demo { base.join("demo") } else { base };
        let file = |name: &str| format!("sqlite://{}", data_dir.join(name).display());
        env.set_default(
            "SECRETS_DIR",
            data_dir.join("secrets").display().to_string(),
        );
        if is_demo || !env.is_set(&["DATABASE_URL"]) {
            env.set_default("DATA_API_DATABASE_URL", file("homeiq.db"));
        }
        env.set_default("SPOOL_DIR", data_dir.join("spool").display().to_string());
        // Two services with tables cannot share one file.
        env.set_default("PATTERN_DATABASE_URL", file("ai-pattern-service.db"));
        if is_demo {
            // Whatever the services listen on, the simulated home is for this process only.
            env.set_default("SIMULATOR_HOST", "127.0.0.1");
            env.set_default("SIMULATOR_PORT", "0");
            env.set_default("TZ", DEMO_ZONE);
        }
        Self {
            data_api: data_api::Config::read(env),
            ingestion: websocket_ingestion::Config::read(env),
            patterns: ai_pattern_service::Config::read(env),
            demo: is_demo.then(|| home_simulator::Config::read(env)),
            models: model_prep::Settings::read(env),
            data_dir,
            import,
        }
    }

    /// Tells every service where its siblings are.
    pub(crate) fn introduced(mut self, addresses: &Addresses) -> Self {
        self.ingestion.data_api.url = addresses.data_api.clone();
        self.patterns.data_api.url = addresses.data_api.clone();
        // Who is asked how it is, for the alert `service_unhealthy`. The one of this process, whatever was set for another.
        self.data_api.alerts.ingestion = Some(HttpUrl(addresses.websocket_ingestion.clone()));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_keeps_its_data_apart_and_a_named_home_has_no_simulator() {
        let demo = Config::read(&mut Env::default());
        assert!(demo.demo.is_some());
        assert_eq!(demo.data_api.database.to_string(), "./data/demo/homeiq.db");
        let import = demo.import;
        assert_eq!(import.data_api.database.to_string(), "./data/homeiq.db");
        assert_eq!(import.folder, Path::new("./data/import"));
        assert_eq!(
            (import.is_named, import.peer.url.as_str()),
            (false, "http://127.0.0.1:8006/")
        );
        let mut env = Env::from_pairs([("HA_HTTP_URL", "http://ha:8123"), ("HA_TOKEN", "t")]);
        let real = Config::read(&mut env);
        env.finish().unwrap();
        assert!(real.demo.is_none());
        assert_eq!(real.data_api.database.to_string(), "./data/homeiq.db");
        assert_ne!(real.patterns.database.to_string(), "./data/homeiq.db");
    }

    #[test]
    fn every_service_knows_the_address_of_the_siblings_that_it_asks() {
        let at = |port: u16| url::Url::parse(&format!("http://127.0.0.1:{port}")).unwrap();
        let config = Config::read(&mut Env::default());
        assert_eq!(config.data_api.alerts.ingestion, None);
        let addresses = Addresses {
            data_api: at(1),
            websocket_ingestion: at(2),
            ai_pattern_service: at(3),
            home_assistant: None,
            key: config.data_api.key.clone(),
        };
        let config = config.introduced(&addresses);
        assert_eq!(config.ingestion.data_api.url, at(1));
        assert_eq!(config.patterns.data_api.url, at(1));
        assert_eq!(config.data_api.alerts.ingestion, Some(HttpUrl(at(2))));
    }

    #[test]
    fn a_database_url_moves_the_store_and_not_the_miners_tables_into_the_same_file() {
        let mut env = Env::from_pairs([
            ("HA_HTTP_URL", "http://ha"),
            ("DATABASE_URL", "sqlite:///tmp/x.db"),
        ]);
        let config = Config::read(&mut env);
        assert_eq!(config.data_api.database.to_string(), "/tmp/x.db");
        assert_eq!(
            config.patterns.database.to_string(),
            "./data/ai-pattern-service.db"
        );
    }
}
