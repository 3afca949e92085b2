//! Puts data-api together.

use std::net::SocketAddr;
use std::time::Duration;

use clap::ArgMatches;
use common::clock::Clock;
use common::env::Env;
use common::health::Health;
use common::http::server;
use common::lifecycle::{Failure, Tasks};
use common::program::Service;
use common::secret_file;
use tokio::net::TcpListener;

use crate::alerts::watch::{Peer, Watch};
use crate::backup::{Backups, schedule};
use crate::config::{AlertConfig, Config};
use crate::http::Api;
use crate::integrity::{self, Integrity};
use crate::keys::Keys;
use crate::live::Commits;
use crate::retention::Retention;
use crate::store::EventWriter;

/// data-api as a program.
#[derive(Debug)]
pub struct DataApi;

/// A running data-api.
#[derive(Debug)]
pub struct App {
    /// Where it serves.
    pub address: SocketAddr,
}

impl App {
    /// Opens the store, takes the port and serves.
    pub async fn start(config: Config, tasks: &Tasks, clock: Clock) -> Result<Self, Failure> {
        let listener = config.listen.bind().await?;
        Self::start_on(listener, config, tasks, clock).await
    }

    /// The same on a port that was taken before.
    pub async fn start_on(
        listener: TcpListener,
        config: Config,
        tasks: &Tasks,
        clock: Clock,
    ) -> Result<Self, Failure> {
        let address = listener.local_addr()?;
        let key = secret_file::find_or_make(&config.key)?;
        let health = Health::new();
        let integrity = Integrity::default();
        let (store, file) = integrity::open(&config.database, &health, &integrity, &clock).await?;
        let events = store.stored_events().await?;
        tracing::info!(
            database = %config.database,
            events,
            "data-api serves on http://{address}"
        );
        let (writer, writing) = EventWriter::new(store.clone(), Commits::new(clock.clone()));
        // It ends when the last request has: it serves them.
        tasks.serve("event-writer", async move {
            writing.run().await;
            Ok(())
        });
        let backups = Backups::new(&config.database, &config.backup, clock.clone());
        keep_backups(&backups, &config, tasks, clock.clone());
        let keys = Keys::read(&key, store.clone(), clock.clone()).await?;
        tasks.spawn("api-keys", keys.clone().tend(tasks.stopping()));
        let retention = Retention::new(store.clone(), clock.clone());
        tasks.spawn("storage-rules", retention.clone().tend(tasks.stopping()));
        let api = Api::new(
            store.clone(),
            writer,
            keys,
            &config,
            health.clone(),
            clock.clone(),
            retention,
            backups,
            integrity.clone(),
            tasks.clone(),
        );
        if let Some(file) = file {
            tasks.spawn(
                "database-check",
                integrity.check(file, health, clock.clone(), tasks.stopping()),
            );
        }
        let watch = Watch::new(
            store.clone(),
            api.measured(),
            clock,
            &config.alerts,
            &config.database,
            peer(&config.alerts)?,
        );
        tasks.spawn("alerts", watch.run(tasks.stopping()));
        let router = api.router(config.cors);
        let closing = tasks.closing();
        tasks.serve("data-api-http", async move {
            let served = server::serve_until(closing, listener, router).await;
            store.close().await;
            served
        });
        Ok(Self { address })
    }
}

/// Makes backups as the schedule says, and gives up what is being made when the process stops.
fn keep_backups(backups: &Backups, config: &Config, tasks: &Tasks, clock: Clock) {
    let (stopping, stopped) = (tasks.stopping(), backups.clone());
    tasks.spawn("backup-stop", async move {
        stopping.cancelled().await;
        stopped.stop();
        Ok(())
    });
    if let Some(schedule) = &config.backup.schedule {
        let zone = config.backup.zone.clone();
        let stopping = tasks.stopping();
        let (schedule, backups) = (schedule.clone(), backups.clone());
        tasks.spawn(
            "backup-schedule",
            schedule::keep(schedule, zone, backups, clock, stopping),
        );
    }
}

/// Time for websocket-ingestion to say how it is.
const PEER_DEADLINE: Duration = Duration::from_secs(3);

/// How websocket-ingestion is asked, if it is.
fn peer(config: &AlertConfig) -> Result<Option<Peer>, Failure> {
    let Some(address) = &config.ingestion else {
        return Ok(None);
    };
    common::tls::install();
    let http = reqwest::Client::builder().timeout(PEER_DEADLINE).build()?;
    let url = format!("{}/health", address.0.as_str().trim_end_matches('/'));
    Ok(Some(Peer { http, url }))
}

impl Service for DataApi {
    type Config = Config;
    const NAME: &'static str = "data-api";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const ABOUT: &'static str = "Stores and serves every event and the registry of a home";

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

    fn commands() -> Vec<clap::Command> {
        crate::commands()
    }

    async fn command(name: &str, arguments: ArgMatches, config: Config) -> Result<String, Failure> {
        crate::run_command(name, &arguments, &config).await
    }
}
