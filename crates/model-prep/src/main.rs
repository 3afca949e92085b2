//! Models prepared once, by a program that ends.

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser};
use common::env::Env;
use common::program::{BAD_CONFIG, config_table};
use common::signals::Signals;
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

/// What the command line and the settings ask for.
struct Asked {
    cli: Cli,
    settings: Settings,
    telemetry: Telemetry,
}

fn main() -> ExitCode {
    tls::install();
    let asked = match asked() {
        Ok(asked) => asked,
        Err(code) => return code,
    };
    if asked.cli.healthcheck {
        return healthcheck(&asked.settings);
    }
    let command = asked.cli.command;
    let command = command.unwrap_or(Command::Prepare { models: Vec::new() });
    let teller = Teller::here();
    let to_log = teller == Teller::Log && matches!(command, Command::Prepare { .. });
    let installed = to_log.then(|| asked.telemetry.install());
    let code = match work(command, asked.settings, teller) {
        Ok(ended) => {
            tell(&ended, to_log);
            if ended.is_fine() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(reason) => {
            if to_log {
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

/// Reads words and settings; where they ask for no work, or cannot be used, that is said, and the exit code is returned.
fn asked() -> Result<Asked, ExitCode> {
    let settings_table = clap::Command::new("config")
        .about("Print every setting with its default, as a Markdown table");
    let parsed = Cli::command().subcommand(settings_table).try_get_matches();
    let matches = parsed.map_err(|error| {
        drop(error.print());
        if error.use_stderr() {
            ExitCode::from(BAD_CONFIG)
        } else {
            ExitCode::SUCCESS
        }
    })?;
    let mut env = Env::process();
    let telemetry = Telemetry::read(&mut env, NAME, env!("CARGO_PKG_VERSION"));
    let settings = Settings::read(&mut env);
    if matches.subcommand_name() == Some("config") {
        print(&config_table(env.asked()));
        return Err(ExitCode::SUCCESS);
    }
    env.finish().map_err(|mistakes| {
        complain(&format!("{NAME}: {mistakes}"));
        ExitCode::from(BAD_CONFIG)
    })?;
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    Ok(Asked {
        cli,
        settings,
        telemetry,
    })
}

/// Works until it is done, or until the process is told to end.
fn work(command: Command, settings: Settings, teller: Teller) -> Result<Ended, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| format!("the program cannot start: {error}"))?;
    let ended = runtime.block_on(async {
        // In a container the program is the first process, which no signal ends by itself.
        let mut signals = Signals::listen();
        tokio::select! {
            ended = model_prep::run(command, settings, teller) => Ok(ended),
            () = signals.next() => Err("told to end; what has come is kept, the next start goes on from there".to_owned()),
        }
    });
    runtime.shutdown_background();
    ended
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
