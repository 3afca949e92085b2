//! The fault harness as a program; `cargo xtask faults` builds what it needs and runs it.

use std::process::ExitCode;

use clap::Parser;
use end_to_end::faults::{self, Options};

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    options: Options,
}

#[tokio::main]
#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the result of a command"
)]
async fn main() -> ExitCode {
    common::tls::install();
    match faults::run(&Cli::parse().options).await {
        Ok(table) => {
            println!("{table}nothing lost, nothing twice, everything in its order");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
