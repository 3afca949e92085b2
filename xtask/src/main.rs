//! The project's own commands, the same on every machine: `cargo xtask --help` lists them.

mod api_test;
mod automation_test;
mod bench;
mod docker_test;
mod e2e;
mod eval;
mod faults;
mod generate;
mod ha_mqtt;
mod http;
mod import_test;
mod patience;
mod process;
mod server;
mod table;
mod test;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    about = "The project's own commands",
    disable_help_subcommand = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run every test of the workspace, with the servers that they need
    Test(test::Options),
    /// Ask the running data-api all that its OpenAPI document allows, with schemathesis
    ApiTest(api_test::Options),
    /// Turn habits into automations of a real Home Assistant, and let it check, keep and run them
    AutomationTest(automation_test::Options),
    /// Measure speed, latency and memory of the release programs
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Follow real changes of a real Home Assistant through all services
    E2e(e2e::Options),
    /// Mine homes whose habits are known, and say how much of it is true and how much was found
    Eval(eval::Options),
    /// Look at HomeIQ inside a real Home Assistant, over a real broker, and restart them all
    HaMqttTest(ha_mqtt::Options),
    /// Import the recorder of a real Home Assistant, and compare row for row
    ImportTest(import_test::Options),
    /// Kill, cut, pause and slow down everything, and prove that nothing is lost
    Faults(faults::Options),
    /// Build every image, start the stack and try it
    DockerTest(docker_test::Options),
    /// Write docs/CONFIGURATION.md and shared/contracts/openapi anew
    Generate(generate::Options),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Test(options) => test::run(&options),
        Command::ApiTest(options) => api_test::run(&options),
        Command::AutomationTest(options) => automation_test::run(&options),
        Command::Bench(bench) => bench::run(&bench),
        Command::E2e(options) => e2e::run(&options),
        Command::Eval(options) => eval::run(&options),
        Command::HaMqttTest(options) => ha_mqtt::run(&options),
        Command::ImportTest(options) => import_test::run(&options),
        Command::Faults(options) => faults::run(&options),
        Command::DockerTest(options) => docker_test::run(&options),
        Command::Generate(options) => generate::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
