//! Puts all services into one process.

use std::net::{Ipv4Addr, SocketAddr};

use clap::ArgMatches;
use common::clock::Clock;
use common::env::{Env, Secret};
use common::lifecycle::{Failure, Tasks};
use common::program::Service;
use common::secret_file;
use home_simulator::{Simulator, SimulatorConfig};
use model_prep::Teller;
use tokio::net::TcpListener;
use url::Url;
use websocket_ingestion::Home;

use crate::config::Config;
use crate::import;
use crate::mine;
use crate::narrate::{self, Addresses};
use crate::search;

/// All of HomeIQ as a program.
#[derive(Debug)]
pub struct Homeiq;

/// A running HomeIQ.
#[derive(Debug)]
pub struct App {
    /// Where its services serve.
    pub addresses: Addresses,
}

impl App {
    /// Takes all ports, then starts every service.
    pub async fn start(config: Config, tasks: &Tasks, clock: Clock) -> Result<Self, Failure> {
        // All ports first: a port in use is told before anything is written.
        let store = config.data_api.listen.bind().await?;
        let ear = config.ingestion.listen.bind().await?;
        let miner = config.patterns.listen.bind().await?;
        let addresses = Addresses {
            data_api: on_loopback(store.local_addr()?)?,
            websocket_ingestion: on_loopback(ear.local_addr()?)?,
            ai_pattern_service: on_loopback(miner.local_addr()?)?,
            home_assistant: None,
            key: config.data_api.key.clone(),
        };
        let Config {
            data_dir,
            data_api,
            mut ingestion,
            patterns,
            demo,
            import: _,
            models: _,
        } = config.introduced(&addresses);
        data_api::App::start_on(store, data_api, tasks, clock.clone()).await?;
        let home_assistant = match demo {
            Some(demo) => Some(simulate(demo, &mut ingestion, tasks).await?),
            None => None,
        };
        websocket_ingestion::App::start_on(ear, ingestion, tasks, clock.clone())?;
        ai_pattern_service::App::start_on(miner, patterns, tasks, clock).await?;
        tracing::info!(data = %data_dir.display(), "HomeIQ runs");
        let addresses = Addresses {
            home_assistant,
            ..addresses
        };
        tasks.spawn(
            "narrator",
            narrate::first_habits(addresses.clone(), tasks.stopping()),
        );
        Ok(Self { addresses })
    }
}

/// Starts the simulated home and makes ingestion listen to it. Returns its address.
async fn simulate(
    demo: home_simulator::Config,
    ingestion: &mut websocket_ingestion::Config,
    tasks: &Tasks,
) -> Result<Url, Failure> {
    let listener: TcpListener = demo.listen.bind().await?;
    let token = match &demo.token {
        Some(secret) => secret_file::find_or_make(secret)?,
        None => secret_file::random()?,
    };
    let simulator = SimulatorConfig {
        seed: demo.seed,
        zone: demo.zone,
        past_days: demo.days,
        live_events_per_second: demo.live_events_per_second,
        ..SimulatorConfig::new(token.clone())
    };
    let simulator = Simulator::start(simulator, listener).await?;
    let url = Url::parse(&simulator.url())?;
    let mut websocket = url.join("/api/websocket")?;
    websocket
        .set_scheme("ws")
        .map_err(|()| "the simulator's address cannot be used")?;
    ingestion.home = Home::demo(websocket, Some(Secret::Value(token)));
    tracing::info!(
        "no Home Assistant is named (HA_HTTP_URL): a simulated home with {} changes of the past takes its place",
        simulator.recorded()
    );
    let stopping = tasks.stopping();
    tasks.spawn("home-simulator", async move {
        stopping.cancelled().await;
        drop(simulator.stop().await);
        Ok(())
    });
    Ok(url)
}

/// The address at which this process reaches itself.
fn on_loopback(address: SocketAddr) -> Result<Url, url::ParseError> {
    let reachable = if address.ip().is_unspecified() {
        SocketAddr::from((Ipv4Addr::LOCALHOST, address.port()))
    } else {
        address
    };
    Url::parse(&format!("http://{reachable}"))
}

impl Service for Homeiq {
    type Config = Config;
    const NAME: &'static str = "homeiq";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const ABOUT: &'static str = "Keeps every event of a Home Assistant home and finds the habits in them, all in one process.\n\
        Without HA_HTTP_URL and HA_TOKEN it shows a simulated home.";

    fn config(env: &mut Env) -> Config {
        Config::read(env)
    }

    fn port(config: &Config) -> u16 {
        config.data_api.listen.port
    }

    fn openapi() -> Option<String> {
        None
    }

    async fn start(config: Config, tasks: Tasks) -> Result<(), Failure> {
        Box::pin(App::start(config, &tasks, Clock::system())).await?;
        Ok(())
    }

    fn commands() -> Vec<clap::Command> {
        let mut commands = data_api::commands();
        commands.extend([
            import::command(),
            mine::command(),
            model_prep::command(),
            search::command(),
        ]);
        commands
    }

    async fn command(name: &str, arguments: ArgMatches, config: Config) -> Result<String, Failure> {
        if name == import::NAME {
            return import::run(&arguments, config.import).await;
        }
        if name == search::NAME {
            return search::run(&arguments, config.patterns.listen.port).await;
        }
        if name == model_prep::NAME {
            let command = model_prep::Command::of(&arguments)?;
            let ended = model_prep::run(command, config.models, Teller::Person).await;
            return if ended.is_fine() {
                Ok(ended.text())
            } else {
                Err(ended.text().into())
            };
        }
        if name == mine::NAME {
            return tokio::task::spawn_blocking(move || mine::run(&arguments)).await?;
        }
        data_api::run_command(name, &arguments, &config.data_api).await
    }
}
