//! The command line that every service has: run (the default), `--healthcheck`, `--version`, `--help`, `config`, `openapi`; and the
//! commands that one has of its own, such as `backup`.

use std::future::Future;
use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::env::{Asked, Env};
use crate::lifecycle::{self, Failure, Tasks};
use crate::telemetry::Telemetry;
use crate::{health, tls};

/// Exit code of a start with settings that cannot be used (`EX_USAGE` of sysexits.h).
pub const BAD_CONFIG: u8 = 64;

/// A service as a program.
pub trait Service: 'static {
    /// Its settings.
    type Config: Send + 'static;
    /// Its name: of the binary, in logs, in traces.
    const NAME: &'static str;
    /// Its version.
    const VERSION: &'static str;
    /// One line for `--help`.
    const ABOUT: &'static str;

    /// Reads the settings; mistakes stay in `env`.
    fn config(env: &mut Env) -> Self::Config;
    /// The port that `--healthcheck` asks.
    fn port(config: &Self::Config) -> u16;
    /// The OpenAPI document, for services that have one.
    fn openapi() -> Option<String>;
    /// Starts the work and returns once it runs.
    fn start(
        config: Self::Config,
        tasks: Tasks,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Commands of its own: work that ends, such as `backup`.
    fn commands() -> Vec<clap::Command> {
        Vec::new()
    }

    /// Does the work of one of [`Self::commands`]; what it returns is printed.
    ///
    /// # Errors
    /// What went wrong, what was kept, and what to do: one line.
    fn command(
        name: &str,
        arguments: ArgMatches,
        config: Self::Config,
    ) -> impl Future<Output = Result<String, Failure>> {
        drop((arguments, config));
        std::future::ready(Err(format!("there is no command {name}").into()))
    }
}

#[derive(Parser)]
#[command(disable_help_subcommand = true)]
struct Cli {
    /// Ask the running service on this machine whether it is healthy: exit 0 or 1, one line
    #[arg(long)]
    healthcheck: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Run the service (the default)
    Run,
    /// Print every setting with its default, as a Markdown table
    Config,
    /// Print the `OpenAPI` document
    Openapi,
}

/// Runs a service as the process it is in.
pub fn main<S: Service>() -> ExitCode {
    tls::install();
    let command = Cli::command().name(S::NAME).version(S::VERSION).about(S::ABOUT).after_help(
        "Settings come from the environment: see `config`. Logs go to standard output. SIGTERM stops in order.",
    ).subcommands(S::commands());
    let parsed = command.try_get_matches().and_then(|mut matches| {
        let own = matches
            .subcommand_name()
            .is_some_and(|name| S::commands().iter().any(|own| own.get_name() == name));
        let own = if own {
            matches.remove_subcommand()
        } else {
            None
        };
        Ok((Cli::from_arg_matches(&matches)?, own))
    });
    let (cli, own) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => {
            let code = if error.use_stderr() {
                ExitCode::from(BAD_CONFIG)
            } else {
                ExitCode::SUCCESS
            };
            drop(error.print());
            return code;
        }
    };
    let mut env = Env::process();
    let telemetry = Telemetry::read(&mut env, S::NAME, S::VERSION);
    let config = S::config(&mut env);
    if cli.healthcheck {
        return healthcheck(S::port(&config));
    }
    if let Some((name, arguments)) = own {
        if let Err(mistakes) = env.finish() {
            complain(&format!("{}: {mistakes}", S::NAME));
            return ExitCode::from(BAD_CONFIG);
        }
        return work(S::command(&name, arguments, config));
    }
    match cli.command.unwrap_or(Command::Run) {
        Command::Config => print(&config_table(env.asked())),
        Command::Openapi => print(&S::openapi().unwrap_or_else(|| "{}".to_owned())),
        Command::Run => {
            if let Err(mistakes) = env.finish() {
                complain(&format!("{}: {mistakes}", S::NAME));
                return ExitCode::from(BAD_CONFIG);
            }
            let installed = telemetry.install();
            tracing::info!(version = S::VERSION, "{} starts", S::NAME);
            let code = lifecycle::run(|tasks| S::start(config, tasks));
            tracing::info!("{} has stopped", S::NAME);
            drop(installed);
            return code;
        }
    }
    ExitCode::SUCCESS
}

/// Runs a command of a service to its end.
fn work(command: impl Future<Output = Result<String, Failure>>) -> ExitCode {
    let done = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::from)
        .and_then(|runtime| runtime.block_on(command));
    match done {
        Ok(text) => {
            print(&text);
            ExitCode::SUCCESS
        }
        Err(error) => {
            complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn healthcheck(port: u16) -> ExitCode {
    match health::probe(port) {
        Ok(line) => {
            print(&line);
            ExitCode::SUCCESS
        }
        Err(line) => {
            complain(&line);
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "the answer of a command")]
fn print(text: &str) {
    println!("{text}");
}

#[expect(
    clippy::print_stderr,
    reason = "a message to the person who started the program, before there is a log"
)]
fn complain(text: &str) {
    eprintln!("{text}");
}

/// The settings as a Markdown table.
pub fn config_table(asked: &[Asked]) -> String {
    let rows = asked.iter().map(
        |Asked {
             names,
             default,
             doc,
         }| {
            let names = names
                .iter()
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>()
                .join(", ");
            let default = if default.is_empty() {
                "–".to_owned()
            } else {
                format!("`{default}`")
            };
            format!("| {names} | {default} | {doc} |")
        },
    );
    let heads = [
        "| setting | default | meaning |".to_owned(),
        "| --- | --- | --- |".to_owned(),
    ];
    heads.into_iter().chain(rows).collect::<Vec<_>>().join("\n")
}
