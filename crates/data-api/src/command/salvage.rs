//! `salvage [FILE]`: what can be read of a damaged file, in a new one.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, value_parser};
use common::clock::Clock;
use common::lifecycle::Failure;
use database::url::DatabaseUrl;

use crate::config::Config;
use crate::store::salvage::place;

pub(super) const NAME: &str = "salvage";

pub(super) fn command() -> clap::Command {
    clap::Command::new(NAME)
        .about("Carry what can be read of a damaged database file over into a new one; the damaged one is set aside, not deleted. Stop the service first")
        .arg(
            Arg::new("FILE")
                .help("The damaged file; without it, the one of the settings")
                .value_parser(value_parser!(PathBuf)),
        )
}

pub(super) async fn run(arguments: &ArgMatches, config: &Config) -> Result<String, Failure> {
    let named = arguments.get_one::<PathBuf>("FILE");
    let path = match (named, &config.database) {
        (Some(path), _) | (None, DatabaseUrl::Sqlite(path)) => path.clone(),
        (None, DatabaseUrl::Postgres(_)) => {
            return Err("this is for SQLite files; PostgreSQL has its own backups".into());
        }
    };
    if !path.is_file() {
        return Err(format!("there is no file {}", path.display()).into());
    }
    let report = place::by_hand(&path, Clock::system().now()).await?;
    Ok(report.to_string())
}
