//! Puts websocket-ingestion together.

use std::net::SocketAddr;
use std::sync::Arc;

use common::clock::Clock;
use common::env::Env;
use common::health::Health;
use common::http::server;
use common::instant::UtcMicros;
use common::lifecycle::{Failure, Tasks};
use common::program::Service;
use common::retry::RetryPolicy;
use data_api_client::{CallFailed, DataApi};
use tokio::net::TcpListener;
use tokio::sync::SetOnce;

use crate::backfill::Past;
use crate::buffer::Buffer;
use crate::config::{Config, InfluxDb};
use crate::delivery::{Delivery, Limits};
use crate::discovery::Discovery;
use crate::enrich::Enrichment;
use crate::filter::Filter;
use crate::gaps::Gaps;
use crate::home_assistant::supervisor;
use crate::home_time::HomeTime;
use crate::http;
use crate::live::Live;
use crate::sink::{DataApiSink, InfluxSink, InfluxWay, Loss, Sink};
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
    pub(crate) home_time: Arc<HomeTime>,
    pub(crate) discovery: Arc<Discovery>,
    pub(crate) enrichment: Arc<Enrichment>,
    pub(crate) filter: Arc<Filter>,
    pub(crate) buffer: Arc<Buffer>,
    pub(crate) data_api: DataApi,
    pub(crate) sink: DataApiSink,
    /// How far the time before the first start has been read.
    pub(crate) past: Arc<Past>,
    /// The way to InfluxDB; none where that is off.
    pub(crate) influxdb: Option<Arc<InfluxWay>>,
    /// Set when data-api has said what is stored already. Before that nothing is sent to it: what is newest there would no longer
    /// say when the last run ended.
    pub(crate) looked_back: Arc<SetOnce<()>>,
    pub(crate) live: Arc<Live>,
}

impl Shared {
    /// Waits until data-api knows every gap. What happened after a gap is stored after that: else a sudden end could hide the gap,
    /// because the next start looks from the newest stored event on.
    pub(crate) async fn settle_gaps(&self) {
        self.gaps.settled(&self.sink).await;
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
        // Before the first thing is counted.
        common::http::metrics::install("websocket-ingestion", env!("CARGO_PKG_VERSION"));
        let health = Health::new();
        let status = Arc::new(Status::default());
        let gaps = Arc::new(Gaps::default());
        let spool = open_spool(&config, &status, &gaps, clock.now())?;
        let data_api = DataApi::new(config.data_api.clone())?;
        let looked_back = Arc::<SetOnce<()>>::default();
        let sink = DataApiSink::new(
            data_api.clone(),
            Arc::clone(&status),
            health.clone(),
            Arc::clone(&gaps),
            Arc::clone(&looked_back),
            config.timing.slow_answer,
        );
        let (influxdb, influxdb_delivery) = to_influxdb(&config, &health)?.unzip();
        let shared = Shared {
            clock,
            health,
            status,
            gaps,
            home_time: Arc::default(),
            discovery: Arc::default(),
            enrichment: Arc::default(),
            filter: Arc::new(Filter::new(config.filter.clone())?),
            buffer: Arc::new(Buffer::new(config.buffer_bytes)),
            data_api,
            sink,
            past: Arc::new(Past::new(&config.spool_dir)),
            influxdb,
            looked_back,
            live: Arc::new(Live::new(config.max_clients, tasks.closing())),
            config: Arc::new(config),
        };
        tracing::info!("websocket-ingestion serves on http://{address}");
        server::serve(
            tasks,
            "websocket-ingestion-http",
            listener,
            http::router(shared.clone()),
        );
        let stop = tasks.stopping();
        let delivery = Delivery::new(
            shared.sink.clone(),
            Arc::clone(&shared.buffer),
            spool,
            shared.health.clone(),
            limits(&shared.config),
        );
        tasks.spawn("delivery", delivery.run(stop.clone()));
        if let Some(delivery) = influxdb_delivery {
            tasks.spawn("influxdb", delivery.run(stop.clone()));
        }
        inform(&shared, tasks);
        let (gaps, client, reporting) = (
            Arc::clone(&shared.gaps),
            shared.data_api.clone(),
            stop.clone(),
        );
        tasks.spawn("gap-reports", async move {
            gaps.report(&client, reporting).await
        });
        let (looking, stopping) = (shared.clone(), stop.clone());
        tasks.spawn("look-back", async move {
            tokio::select! {
                () = look_back(&looking) => stopping.cancelled().await,
                () = stopping.cancelled() => {}
            }
            Ok(())
        });
        // A data-api that is away or hangs does not keep us from listening.
        tasks.spawn("home-assistant", supervisor::run(shared, stop));
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

fn limits(config: &Config) -> Limits {
    Limits {
        batch_size: config.batch_size,
        batch_timeout: config.batch_timeout,
        sync_interval: config.spool_sync_interval,
    }
}

/// Where events wait for InfluxDB, and what takes them there.
type ToInfluxDb = (Arc<InfluxWay>, Delivery<InfluxSink>);

/// The way to InfluxDB, if there is one.
fn to_influxdb(config: &Config, health: &Health) -> Result<Option<ToInfluxDb>, Failure> {
    let peer = match &config.influxdb {
        InfluxDb::On(peer) => peer,
        InfluxDb::Off(None) => return Ok(None),
        InfluxDb::Off(Some(why)) => {
            tracing::info!("nothing is written to InfluxDB: {why}");
            return Ok(None);
        }
    };
    let folder = config.spool_dir.join("influxdb");
    let (spool, opened) = Spool::open(&folder, config.spool_max_bytes)
        .map_err(|error| format!("cannot use the spool for InfluxDB in {}: {error}. Set SPOOL_DIR to a folder that this user may write", folder.display()))?;
    tracing::info!(url = %peer.url, bucket = peer.bucket, waiting = opened.records, "events are written to InfluxDB, too");
    if opened.damaged > 0 {
        tracing::error!(files = opened.damaged, folder = %folder.display(),
            "the spool for InfluxDB was damaged: what stood before the damage is kept, the damaged files are set aside as *.damaged");
    }
    let sink = InfluxSink::new(peer.clone(), health.clone())?;
    sink.spooled(spool.records(), spool.bytes());
    let way = Arc::new(InfluxWay::new(sink.clone(), config.buffer_bytes / 2));
    let delivery = Delivery::new(sink, way.buffer(), spool, health.clone(), limits(config));
    Ok(Some((way, delivery)))
}

fn open_spool(
    config: &Config,
    status: &Status,
    gaps: &Gaps,
    now: UtcMicros,
) -> Result<Spool, Failure> {
    let folder = &config.spool_dir;
    let (spool, opened) = Spool::open(folder, config.spool_max_bytes)
        .map_err(|error| format!("cannot use the spool in {}: {error}. Set SPOOL_DIR to a folder that this user may write", folder.display()))?;
    if opened.records > 0 {
        tracing::info!(
            events = opened.records,
            "events of the last run wait in the spool"
        );
    }
    if let (Some(start), end) = opened.around_damage {
        gaps.lost(Loss::SpoolDamaged, start, end.unwrap_or(now));
    }
    if opened.damaged > 0 {
        status.set_aside(opened.damaged);
        tracing::error!(files = opened.damaged, folder = %folder.display(),
            "the spool was damaged: what stood before the damage is kept, the damaged files are set aside as *.damaged");
    }
    status.spooled(spool.records(), spool.bytes());
    Ok(spool)
}

/// Finds out what is stored already, so that what is missing can be read from Home Assistant's history; waits for data-api as
/// long as it takes.
async fn look_back(shared: &Shared) {
    let mut delay = RetryPolicy::SIBLING.start();
    let (stats, open) = loop {
        // Both or none: with the newest event alone, gaps of earlier runs would be forgotten.
        let asking = async {
            let stats = shared.data_api.event_stats("1h").await?;
            Ok::<_, CallFailed>((stats, shared.data_api.open_gaps().await?))
        };
        match shared.sink.watched(asking).await.0 {
            Ok(known) => break known,
            // Refused for good: then at least what happens from now on is kept.
            Err(error) if !error.may_pass_later() => {
                tracing::error!(%error, "data-api does not say what is stored: what happened before this start is not looked for");
                drop(shared.looked_back.set(()));
                return;
            }
            Err(error) => {
                shared.sink.away(&error);
                tokio::time::sleep(delay.next_wait()).await;
            }
        }
    };
    shared.sink.reached();
    if stats.oldest.is_some() {
        shared.past.resume();
    }
    shared.gaps.adopt(open.gaps);
    if let Some(newest) = stats.newest {
        shared.gaps.not_running(newest);
    }
    // Set once, here: an error cannot be.
    drop(shared.looked_back.set(()));
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
