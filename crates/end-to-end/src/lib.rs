//! Starts several services in one test: what `homeiq` does, with every part in reach.

use std::time::Duration;

use common::clock::Clock;
use common::env::Env;
use common::lifecycle::Tasks;
use data_api_client::DataApi;
use home_simulator::{Simulator, SimulatorConfig};
use tempfile::TempDir;
use tokio::net::TcpListener;

pub mod faults;

const TOKEN: &str = "token-of-this-test-as-long-as-a-real-one";
const KEY: &str = "key-of-this-test";
const ZONE: &str = "Europe/Amsterdam";

/// A home, and every service around it.
#[derive(Debug)]
pub struct Chain {
    /// The simulated home.
    pub home: Simulator,
    /// The client of data-api.
    pub data_api: DataApi,
    /// Address of ai-pattern-service.
    pub patterns: String,
    /// Address of websocket-ingestion.
    pub ingestion: String,
    /// A client for everything else.
    pub http: reqwest::Client,
    tasks: Tasks,
    _folder: TempDir,
}

impl Chain {
    /// Starts all of it, with `days` of past life and these settings of ai-pattern-service.
    ///
    /// # Errors
    /// A part cannot start.
    pub async fn start(days: u32, patterns: &[(&str, &str)]) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let (tasks, _ends) = Tasks::new();
        let clock = Clock::system();
        let listener = async || TcpListener::bind("127.0.0.1:0").await;
        let zone = jiff::tz::TimeZone::get(ZONE)?;
        let simulated = SimulatorConfig {
            past_days: days,
            zone,
            ..SimulatorConfig::still(TOKEN)
        };
        let home = Simulator::start(simulated, listener().await?)
            .await
            .map_err(anyhow::Error::from_boxed)?;

        let file = |name: &str| format!("sqlite://{}", folder.path().join(name).display());
        let mut env = Env::from_pairs([
            ("DATABASE_URL", file("events.db")),
            ("DATA_API_KEY", KEY.to_owned()),
        ]);
        let config = data_api::Config::read(&mut env);
        env.finish()?;
        let store = data_api::App::start_on(listener().await?, config, &tasks, clock.clone()).await;
        let store_url = format!(
            "http://{}",
            store.map_err(anyhow::Error::from_boxed)?.address
        );

        let mut env = Env::from_pairs([
            ("HA_HTTP_URL", home.url()),
            ("HA_TOKEN", TOKEN.to_owned()),
            (
                "SPOOL_DIR",
                folder.path().join("spool").display().to_string(),
            ),
            ("DATA_API_URL", store_url.clone()),
            ("DATA_API_KEY", KEY.to_owned()),
        ]);
        let config = websocket_ingestion::Config::read(&mut env);
        env.finish()?;
        let data_api = DataApi::new(config.data_api.clone())?;
        let ingestion =
            websocket_ingestion::App::start_on(listener().await?, config, &tasks, clock.clone());
        let ingestion = ingestion.map_err(anyhow::Error::from_boxed)?;

        let own = [
            ("DATABASE_URL", file("patterns.db")),
            ("DATA_API_URL", store_url),
            ("DATA_API_KEY", KEY.to_owned()),
        ];
        let given = patterns
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        let mut env = Env::from_pairs(own.into_iter().chain(given));
        let config = ai_pattern_service::Config::read(&mut env);
        env.finish()?;
        let patterns =
            ai_pattern_service::App::start_on(listener().await?, config, &tasks, clock).await;
        let patterns = patterns.map_err(anyhow::Error::from_boxed)?;
        Ok(Self {
            home,
            data_api,
            patterns: format!("http://{}", patterns.address),
            ingestion: format!("http://{}", ingestion.address),
            http: reqwest::Client::builder()
                .timeout(Duration::from_secs(30))
                .build()?,
            tasks,
            _folder: folder,
        })
    }

    /// Stops all of it in order; false when something was still running at the deadline.
    pub async fn stop(self) -> bool {
        let stopped = self.tasks.stop(Duration::from_secs(20)).await;
        drop(self.home.stop().await);
        stopped
    }
}
