//! Models prepared once, by a program that ends.

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser};
use common::env::Env;
use common::program::{BAD_CONFIG, config_table};
use common::telemetry::Telemetry;
use common::tls;
use model_prep::{Command, Ended, Settings, Teller};

const NAME: &str = "model-prep";

#[derive(Parser)]
#[command(
    name = NAME,
    version,
    about = "Prepares the models that HomeIQ's services use: fetches them once, checks them, keeps them",
    after_help = "Settings come from the environment: see `config`. Exit codes: 0 all is there, 1 a model is not, 64 settings or words \
        that cannot be used.",
    disable_help_subcommand = true
)]
struct Cli {
    /// Say whether the models are here, by names and sizes: exit 0 or 1, one line
    #[arg(long)]
    healthcheck: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

fn main() -> ExitCode {
    tls::install();
    let settings_table = clap::Command::new("config")
        .about("Print every setting with its default, as a Markdown table");
    let parsed = Cli::command().subcommand(settings_table).try_get_matches();
    let matches = match parsed {
        Ok(matches) => matches,
        Err(error) => {
            drop(error.print());
            return if error.use_stderr() {
                ExitCode::from(BAD_CONFIG)
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    let mut env = Env::process();
    let telemetry = Telemetry::read(&mut env, NAME, env!("CARGO_PKG_VERSION"));
    let settings = Settings::read(&mut env);
    if matches.subcommand_name() == Some("config") {
        print(&config_table(env.asked()));
        return ExitCode::SUCCESS;
    }
    if let Err(mistakes) = env.finish() {
        complain(&format!("{NAME}: {mistakes}"));
        return ExitCode::from(BAD_CONFIG);
    }
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    if cli.healthcheck {
        return healthcheck(&settings);
    }
    let command = cli
        .command
        .unwrap_or(Command::Prepare { models: Vec::new() });
    let is_preparing = matches!(command, Command::Prepare { .. });
    let teller = Teller::here();
    let installed = (teller == Teller::Log && is_preparing).then(|| telemetry.install());
    let ended = work(command, settings, teller);
    let code = match ended {
        Ok(ended) => {
            tell(&ended, installed.is_some());
            if ended.is_fine() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(reason) => {
            if installed.is_some() {
                tracing::error!("{reason}");
            } else {
                complain(&reason);
            }
            ExitCode::FAILURE
        }
    };
    drop(installed);
    code
}

/// Works until it is done, or until the process is told to end.
fn work(command: Command, settings: Settings, teller: Teller) -> Result<Ended, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| format!("the program cannot start: {error}"))?;
    let ended = runtime.block_on(async {
        tokio::select! {
            ended = model_prep::run(command, settings, teller) => Ok(ended),
            () = told_to_end() => Err("told to end; what has come is kept, the next start goes on from there".to_owned()),
        }
    });
    runtime.shutdown_background();
    ended
}

/// SIGTERM or Ctrl-C. In a container the program is the first process, which no signal ends by itself.
async fn told_to_end() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn healthcheck(settings: &Settings) -> ExitCode {
    let models = settings.chosen().unwrap_or_default();
    let wrong = models
        .iter()
        .find_map(|model| settings.cache.check(model).err());
    match wrong {
        None => {
            print("healthy: every model is here");
            ExitCode::SUCCESS
        }
        Some(wrong) => {
            complain(&format!("unhealthy: {wrong}"));
            ExitCode::FAILURE
        }
    }
}

fn tell(ended: &Ended, to_log: bool) {
    if !to_log {
        print(&ended.text());
        return;
    }
    for (line, is_fine) in &ended.lines {
        if *is_fine {
            tracing::info!("{line}");
        } else {
            tracing::error!("{line}");
        }
    }
}

#[expect(clippy::print_stdout, reason = "the answer of a command")]
fn print(text: &str) {
    println!("{text}");
}

#[expect(
    clippy::print_stderr,
    reason = "a message to the person who started the program"
)]
fn complain(text: &str) {
    eprintln!("{text}");
}
