//! Puts websocket-ingestion together.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use common::clock::Clock;
use common::env::Env;
use common::health::Health;
use common::http::frame;
use common::instant::UtcMicros;
use common::lifecycle::{Failure, Tasks};
use common::program::Service;
use common::retry::RetryPolicy;
use data_api_client::DataApi;
use tokio::net::TcpListener;

use crate::buffer::Buffer;
use crate::config::Config;
use crate::delivery::{Delivery, Limits};
use crate::discovery::Discovery;
use crate::enrich::Enrichment;
use crate::filter::Filter;
use crate::gaps::Gaps;
use crate::home_assistant::supervisor;
use crate::http;
use crate::live::Live;
use crate::sink::DataApiSink;
use crate::spool::Spool;
use crate::status::Status;

/// websocket-ingestion as a program.
#[derive(Debug)]
pub struct WebsocketIngestion;

/// A running websocket-ingestion.
#[derive(Debug)]
pub struct App {
    /// Where it serves.
    pub address: SocketAddr,
}

/// What the parts share. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) config: Arc<Config>,
    pub(crate) clock: Clock,
    pub(crate) health: Health,
    pub(crate) status: Arc<Status>,
    pub(crate) gaps: Arc<Gaps>,
    pub(crate) discovery: Arc<Discovery>,
    pub(crate) enrichment: Arc<Enrichment>,
    pub(crate) filter: Arc<Filter>,
    pub(crate) buffer: Arc<Buffer>,
    pub(crate) data_api: DataApi,
    pub(crate) sink: DataApiSink,
    pub(crate) import: Arc<Import>,
    pub(crate) live: Arc<Live>,
}

/// Up to which instant the history before the first start is still to be read.
#[derive(Debug, Default)]
pub(crate) struct Import(Mutex<Option<UtcMicros>>);

impl Import {
    pub(crate) fn set(&self, before: UtcMicros) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(before);
    }

    pub(crate) fn take(&self) -> Option<UtcMicros> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl App {
    /// Takes the port, serves, and starts to listen to the home.
    pub async fn start(config: Config, tasks: &Tasks, clock: Clock) -> Result<Self, Failure> {
        let listener = config.listen.bind().await?;
        Self::start_on(listener, config, tasks, clock)
    }

    /// The same on a port that was taken before.
    pub fn start_on(
        listener: TcpListener,
        config: Config,
        tasks: &Tasks,
        clock: Clock,
    ) -> Result<Self, Failure> {
        let address = listener.local_addr()?;
        let health = Health::new();
        let status = Arc::new(Status::default());
        let spool = open_spool(&config, &status)?;
        let data_api = DataApi::new(config.data_api.clone())?;
        let gaps = Arc::<Gaps>::default();
        let sink = DataApiSink::new(
            data_api.clone(),
            Arc::clone(&status),
            health.clone(),
            Arc::clone(&gaps),
        );
        let shared = Shared {
            clock,
            health,
            status,
            gaps,
            discovery: Arc::default(),
            enrichment: Arc::default(),
            filter: Arc::new(Filter::new(config.filter.clone())?),
            buffer: Arc::new(Buffer::new(config.buffer_bytes)),
            data_api,
            sink,
            import: Arc::default(),
            live: Arc::new(Live::new(config.max_clients, tasks.closing())),
            config: Arc::new(config),
        };
        tracing::info!("websocket-ingestion serves on http://{address}");
        frame::serve(
            tasks,
            "websocket-ingestion-http",
            listener,
            http::router(shared.clone()),
        );
        let stop = tasks.stopping();
        let delivery = Delivery {
            sink: shared.sink.clone(),
            buffer: Arc::clone(&shared.buffer),
            spool: Arc::new(Mutex::new(spool)),
            health: shared.health.clone(),
            limits: Limits {
                batch_size: shared.config.batch_size,
                batch_timeout: shared.config.batch_timeout,
                sync_interval: shared.config.spool_sync_interval,
            },
        };
        tasks.spawn("delivery", delivery.run(stop.clone()));
        inform(&shared, tasks);
        let (gaps, client, reporting) = (
            Arc::clone(&shared.gaps),
            shared.data_api.clone(),
            stop.clone(),
        );
        tasks.spawn("gap-reports", async move {
            gaps.report(&client, reporting).await
        });
        tasks.spawn("home-assistant", async move {
            tokio::select! {
                () = look_back(&shared) => {}
                () = stop.cancelled() => return Ok(()),
            }
            supervisor::run(shared, stop).await
        });
        Ok(Self { address })
    }
}

/// Starts what serves the clients of `/ws` and `/ws/status`.
fn inform(shared: &Shared, tasks: &Tasks) {
    let (house, feed, pulse, clients) = (
        shared.clone(),
        Arc::clone(&shared.live),
        shared.clone(),
        Arc::clone(&shared.live),
    );
    let (stop, stop_feed, stop_pulse) = (tasks.stopping(), tasks.stopping(), tasks.stopping());
    tasks.spawn("house-status", async move {
        house.live.house.run(&house, stop).await
    });
    tasks.spawn(
        "live-events",
        async move { feed.events.run(stop_feed).await },
    );
    tasks.spawn("pulse", async move {
        pulse.live.pulse.run(&pulse, stop_pulse).await
    });
    tasks.serve(
        "live-clients",
        async move { clients.clients.until_gone().await },
    );
}

fn open_spool(config: &Config, status: &Status) -> Result<Spool, Failure> {
    let folder = &config.spool_dir;
    let (spool, opened) = Spool::open(folder, config.spool_max_bytes)
        .map_err(|error| format!("cannot use the spool in {}: {error}. Set SPOOL_DIR to a folder that this user may write", folder.display()))?;
    if opened.records > 0 {
        tracing::info!(
            events = opened.records,
            "events of the last run wait in the spool"
        );
    }
    if opened.damaged > 0 {
        status.dropped("spool_damaged", opened.damaged);
        tracing::error!(files = opened.damaged, folder = %folder.display(),
            "the spool was damaged: what stood before the damage is kept, the damaged files are set aside as *.damaged");
    }
    status.spooled(spool.records(), spool.bytes());
    Ok(spool)
}

/// Finds out what is stored already, so that what is missing can be read from Home Assistant's history. A data-api that is
/// away for longer than a moment must not keep us from listening: then everything is read, which stores nothing twice.
async fn look_back(shared: &Shared) {
    let now = shared.clock.now();
    let mut delay = RetryPolicy::SIBLING.start();
    for _ in 0..4 {
        match shared.data_api.event_stats("1h").await {
            Ok(stats) => {
                shared.sink.reached();
                shared.import.set(stats.oldest.unwrap_or(now));
                match shared.data_api.open_gaps().await {
                    Ok(open) => shared.gaps.adopt(open.gaps),
                    Err(error) => tracing::warn!(%error, "gaps of earlier runs are not looked for"),
                }
                if let Some(newest) = stats.newest {
                    shared.gaps.not_running(newest, now);
                }
                return;
            }
            Err(error) => {
                shared.sink.away(&error);
                tokio::time::sleep(delay.next_wait()).await;
            }
        }
    }
    shared.import.set(now);
}

impl Service for WebsocketIngestion {
    type Config = Config;
    const NAME: &'static str = "websocket-ingestion";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const ABOUT: &'static str = "Listens to Home Assistant and hands every event to data-api";

    fn config(env: &mut Env) -> Config {
        Config::read(env)
    }

    fn port(config: &Config) -> u16 {
        config.listen.port
    }

    fn openapi() -> Option<String> {
        Some(crate::openapi_document())
    }

    async fn start(config: Config, tasks: Tasks) -> Result<(), Failure> {
        App::start(config, &tasks, Clock::system()).await?;
        Ok(())
    }
}
