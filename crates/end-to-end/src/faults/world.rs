//! Everything that takes part: a simulated home in this process, the two programs as child processes, a proxy on each way.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use common::api::gaps::{Gap, GapList};
use common::env::Env;
use common::instant::UtcMicros;
use common::settings::DataApiPeer;
use data_api_client::DataApi;
use home_simulator::{Memory, Simulator, SimulatorConfig};
use serde_json::Value;
use test_support::{Proxy, eventually};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, RwLock};

use super::service::Service;

const TOKEN: &str = "token-of-the-harness-as-long-as-a-real-one";
const KEY: &str = "key-of-the-harness";
/// Days of life before the run: what the first start has to import.
const PAST_DAYS: u32 = 2;
/// Changes that the simulator's ledger holds between two proofs.
const LEDGER: usize = 1_000_000;
const UP_WITHIN: Duration = Duration::from_secs(60);
/// Longest wait for a port that was just given up.
const PORT_WITHIN: Duration = Duration::from_secs(10);

/// Everything.
#[derive(Debug)]
pub(super) struct World {
    /// Nobody while Home Assistant is down.
    pub(super) home: RwLock<Option<Simulator>>,
    home_address: SocketAddr,
    /// Between ingestion and Home Assistant.
    pub(super) home_link: Proxy,
    /// Between ingestion and data-api.
    pub(super) store_link: Proxy,
    pub(super) ingestion: Mutex<Service>,
    pub(super) store: Mutex<Service>,
    /// Straight to data-api.
    pub(super) data_api: DataApi,
    http: reqwest::Client,
    ingestion_url: String,
    /// Changes that history had before the run.
    pub(super) past: u64,
}

impl World {
    /// Starts all of it and waits for the first subscription.
    pub(super) async fn start(programs: &Path, folder: &Path, seed: u64) -> anyhow::Result<Self> {
        let simulated = SimulatorConfig {
            seed,
            past_days: PAST_DAYS,
            recorder_lag: Duration::from_secs(5),
            ledger_capacity: LEDGER,
            ..SimulatorConfig::still(TOKEN)
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let home_address = listener.local_addr()?;
        let home = Simulator::start(simulated, listener)
            .await
            .map_err(anyhow::Error::from_boxed)?;
        let past = home.recorded() as u64;

        let store_port = test_support::free_port()?;
        let store_address = SocketAddr::from((Ipv4Addr::LOCALHOST, store_port));
        let home_link = Proxy::to(home_address).await?;
        let store_link = Proxy::to(store_address).await?;
        let database = folder.join("homeiq.db");
        let mut store = Service::new(
            "data-api",
            programs,
            folder,
            vec![
                ("DATA_API_PORT", store_port.to_string()),
                ("DATABASE_URL", format!("sqlite://{}", database.display())),
                ("DATA_API_KEY", KEY.to_owned()),
            ],
        );
        store.start()?;
        let ingestion_port = test_support::free_port()?;
        let mut ingestion = Service::new(
            "websocket-ingestion",
            programs,
            folder,
            vec![
                ("WEBSOCKET_INGESTION_PORT", ingestion_port.to_string()),
                ("HA_HTTP_URL", home_link.url()),
                ("HA_TOKEN", TOKEN.to_owned()),
                ("DATA_API_URL", store_link.url()),
                ("DATA_API_KEY", KEY.to_owned()),
                ("SPOOL_DIR", folder.join("spool").display().to_string()),
            ],
        );
        ingestion.start()?;
        let store_url = format!("http://{store_address}");
        let mut env =
            Env::from_pairs([("DATA_API_URL", store_url.as_str()), ("DATA_API_KEY", KEY)]);
        let data_api = DataApi::new(DataApiPeer::read(&mut env))?;
        env.finish()?;
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(20))
            .build()?;
        let world = Self {
            home: RwLock::new(Some(home)),
            home_address,
            home_link,
            store_link,
            ingestion: Mutex::new(ingestion),
            store: Mutex::new(store),
            data_api,
            http,
            ingestion_url: format!("http://127.0.0.1:{ingestion_port}"),
            past,
        };
        eventually("the first subscription", UP_WITHIN, async || {
            let health = world.health().await.ok()?;
            (health["subscription"]["is_subscribed"] == true).then_some(())
        })
        .await?;
        // Before that there is no instant from which anything could be missing: the first start reads all there is.
        eventually("the first stored change", UP_WITHIN, async || {
            let stats = world.data_api.event_stats("1h").await.ok()?;
            (stats.stored_events > 0).then_some(())
        })
        .await?;
        Ok(world)
    }

    /// What ingestion says of itself.
    pub(super) async fn health(&self) -> anyhow::Result<Value> {
        let answer = self
            .http
            .get(format!("{}/health", self.ingestion_url))
            .send()
            .await?;
        Ok(answer.json().await?)
    }

    /// Gaps that end at or after an instant.
    pub(super) async fn gaps(&self, since: UtcMicros) -> anyhow::Result<Vec<Gap>> {
        let url = self.data_api.url().join("/api/v1/gaps")?;
        let answer = self
            .http
            .get(url)
            .query(&[
                ("limit", "1000".to_owned()),
                ("start_time", since.to_string()),
            ])
            .bearer_auth(KEY)
            .send()
            .await?
            .error_for_status()?;
        Ok(answer.json::<GapList>().await?.gaps)
    }

    /// Lets Home Assistant come back on its old port.
    pub(super) async fn wake(&self, memory: Memory) -> anyhow::Result<Simulator> {
        let listener = eventually("the port of Home Assistant", PORT_WITHIN, async || {
            TcpListener::bind(self.home_address).await.ok()
        })
        .await?;
        Simulator::resume(memory, listener)
            .map_err(anyhow::Error::from_boxed)
            .context("Home Assistant does not come back")
    }
}
