//! Puts ai-pattern-service together.

use std::net::SocketAddr;

use common::clock::Clock;
use common::env::Env;
use common::health::Health;
use common::http::server;
use common::lifecycle::{Failure, Tasks};
use common::program::Service;
use data_api_client::DataApi;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::config::Config;
use crate::home_assistant::Home;
use crate::http::Api;
use crate::notify::broker::Broker;
use crate::notify::{Commands, Session, States, WAITING_COMMANDS};
use crate::run::{Analyst, Parts, first_look};
use crate::schedule;
use crate::search::{self, Search};
use crate::store::Store;
use crate::zone::HomeZone;

/// ai-pattern-service as a program.
#[derive(Debug)]
pub struct PatternService;

/// A running ai-pattern-service.
#[derive(Debug)]
pub struct App {
    /// Where it serves.
    pub address: SocketAddr,
}

impl App {
    /// Opens the tables, takes the port, and starts everything else in the background.
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
        let health = Health::new();
        let store = Store::open(&config.database).await?;
        let zone = HomeZone::new(config.time_zone.clone());
        let data_api = DataApi::new(config.data_api)?;
        let analyst = Analyst::new(Parts {
            store: store.clone(),
            data_api: data_api.clone(),
            has_broker: config.broker.is_some(),
            clock: clock.clone(),
            zone: zone.clone(),
            lookback_days: config.lookback_days,
            people: config.people,
            least: config.least,
            home: Home::new(config.home_assistant)?,
            health: health.clone(),
            tasks: tasks.clone(),
        });
        let search = Search::new(search::Parts {
            store: store.clone(),
            data_api: data_api.clone(),
            clock: clock.clone(),
            models: config.models,
            tasks: tasks.clone(),
        });
        if let Some(broker) = config.broker {
            let states = States {
                settings: config.home,
                store: store.clone(),
                clock: clock.clone(),
                zone: zone.clone(),
                data_api,
            };
            notify(tasks, broker, states, &analyst, &health).await?;
        }
        let schedule = config.schedule.clone();
        tasks.spawn(
            "pattern-schedule",
            schedule::keep(
                schedule.clone(),
                zone.clone(),
                clock.clone(),
                analyst.clone(),
                tasks.stopping(),
            ),
        );
        if config.analysis_on_start {
            tasks.spawn(
                "pattern-first-look",
                first_look(analyst.clone(), tasks.stopping()),
            );
        }
        tracing::info!(
            database = %config.database,
            schedule = %schedule,
            time_zone = zone.current().iana_name().unwrap_or("as given"),
            "ai-pattern-service serves on http://{address}"
        );
        let has_broker = analyst.has_broker();
        let api = Api {
            store: store.clone(),
            analyst,
            search,
            schedule,
            zone,
            health,
            has_broker,
            clock,
            least: config.least,
            cors: config.cors,
        };
        let router = api.router();
        let closing = tasks.closing();
        tasks.serve("ai-pattern-service-http", async move {
            let served = server::serve_until(closing, listener, router).await;
            store.close().await;
            served
        });
        Ok(Self { address })
    }
}

/// Starts the link to the broker, and everything that speaks over it.
async fn notify(
    tasks: &Tasks,
    broker: Broker,
    states: States,
    analyst: &Analyst,
    health: &Health,
) -> Result<(), Failure> {
    let (store, clock) = (states.store.clone(), states.clock.clone());
    let prefix = states.settings.prefix.clone();
    let (said, heard) = mpsc::channel(WAITING_COMMANDS);
    let commands = Commands {
        analyst: analyst.clone(),
        store: store.clone(),
        clock: clock.clone(),
        prefix: prefix.clone(),
        heard,
    };
    analyst.post_untold().await;
    let session = Session {
        broker,
        install_id: store.install_id().await?,
        prefix,
        store,
        heard: said,
        clock,
        health: health.clone(),
    };
    tasks.spawn("mqtt-session", session.keep(tasks.stopping()));
    tasks.spawn("mqtt-commands", commands.keep(tasks.stopping()));
    tasks.spawn("mqtt-states", states.keep(tasks.stopping()));
    Ok(())
}

impl Service for PatternService {
    type Config = Config;
    const NAME: &'static str = "ai-pattern-service";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const ABOUT: &'static str = "Looks at the past of a home and tells about its habits";

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
