//! `backup [DEST]`: a copy of the database file, also while the service runs.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, value_parser};
use common::clock::Clock;
use common::lifecycle::Failure;

use crate::backup::Backups;
use crate::config::Config;

pub(super) const NAME: &str = "backup";

pub(super) fn command() -> clap::Command {
    clap::Command::new(NAME)
        .about("Copy the database file into the folder of backups, or to DEST; the service may go on meanwhile")
        .arg(
            Arg::new("DEST")
                .help("A file that is not there yet, or a folder")
                .value_parser(value_parser!(PathBuf)),
        )
}

pub(super) async fn run(arguments: &ArgMatches, config: &Config) -> Result<String, Failure> {
    let mut settings = config.backup.clone();
    let mut target = arguments.get_one::<PathBuf>("DEST").cloned();
    if let Some(folder) = target.take_if(|target| target.is_dir()) {
        settings.folder = Some(folder);
        // Nobody said that what is there may be deleted.
        settings.keep = u32::MAX;
    }
    if let Some(target) = &target {
        if target.exists() {
            return Err(format!("{} is there already: name another file", target.display()).into());
        }
        let folder = std::path::absolute(target)?;
        settings.folder = folder.parent().map(PathBuf::from);
        settings.keep = u32::MAX;
    }
    if let database::url::DatabaseUrl::Sqlite(path) = &config.database
        && !path.is_file()
    {
        return Err(format!(
            "there is no database at {}: set DATABASE_URL, or HOMEIQ_DATA_DIR",
            path.display()
        )
        .into());
    }
    let backups = Backups::new(&config.database, &settings, Clock::system());
    let job = backups.prepare(target)?;
    let place = job.target().display().to_string();
    let made = backups.make(job).await?;
    Ok(format!(
        "{place}: {} events, {} bytes, checked; SHA-256 {}",
        made.events, made.size_bytes, made.sha256
    ))
}
