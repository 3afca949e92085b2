//! What the program does on the command line beside serving. One module per command.

mod backup;

use clap::ArgMatches;
use common::lifecycle::Failure;

use crate::config::Config;

/// The commands.
pub fn commands() -> Vec<clap::Command> {
    vec![backup::command()]
}

/// Does the work of one; what it returns is for the person who called it.
///
/// # Errors
/// What went wrong, what was kept, and what to do.
pub async fn command(name: &str, arguments: ArgMatches, config: Config) -> Result<String, Failure> {
    match name {
        backup::NAME => backup::run(&arguments, &config).await,
        _ => Err(format!("there is no command {name}").into()),
    }
}
