//! Puts the program together.

use common::clock::Clock;
use common::env::Env;
use common::lifecycle::{Failure, Tasks};
use common::program::Service;
use common::secret_file;
use secrecy::ExposeSecret;

use crate::config::Config;
use crate::server::{Simulator, SimulatorConfig};

/// home-simulator as a program.
#[derive(Debug)]
pub struct HomeSimulator;

impl Service for HomeSimulator {
    type Config = Config;
    const NAME: &'static str = "home-simulator";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const ABOUT: &'static str =
        "A Home Assistant stand-in with a lived-in home, for the demo and for tests";

    fn config(env: &mut Env) -> Config {
        Config::read(env)
    }

    fn port(config: &Config) -> u16 {
        config.listen.port
    }

    fn openapi() -> Option<String> {
        None
    }

    async fn start(config: Config, tasks: Tasks) -> Result<(), Failure> {
        let listener = config.listen.bind().await?;
        let token = if let Some(given) = &config.token {
            secret_file::find_or_make(given)?
        } else {
            let token = secret_file::random()?;
            // Nobody could connect without it, and it is worth nothing once this process has ended.
            tracing::info!("the access token of this run is {}", token.expose_secret());
            token
        };
        let simulator = SimulatorConfig {
            seed: config.seed,
            zone: config.zone,
            past_days: config.days,
            live_events_per_second: config.live_events_per_second,
            clock: Clock::system(),
            ..SimulatorConfig::new(token)
        };
        let simulator = Simulator::start(simulator, listener).await?;
        tracing::info!(
            days = config.days,
            state_changes = simulator.recorded(),
            "a simulated Home Assistant serves on {}",
            simulator.url()
        );
        let stopping = tasks.stopping();
        tasks.spawn("home-simulator", async move {
            stopping.cancelled().await;
            drop(simulator.stop().await);
            Ok(())
        });
        Ok(())
    }
}
