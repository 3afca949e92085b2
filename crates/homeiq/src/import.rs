//! `homeiq import`: the past of a home, from where others kept it into data-api.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use common::clock::Clock;
use common::health;
use common::instant::UtcMicros;
use common::lifecycle::{Failure, Tasks};
use common::settings::DataApiPeer;
use data_api_client::{CallFailed, DataApi};
use history_import::{Filter, Import, Source, StateFile};
use tokio::net::TcpListener;
use url::Url;

use crate::config::Destination;

/// The word of the command line.
pub(crate) const NAME: &str = "import";
/// For a data-api of our own to close its database.
const CLOSED_WITHIN: Duration = Duration::from_secs(60);

/// Brings the past of a home into data-api
///
/// It goes to the data-api that `DATA_API_URL` names (with `DATA_API_KEY`), else to the one that runs on this machine, else into the
/// database of `homeiq`, which is opened for as long as the import takes. The source is only read. Nothing is stored twice: an import
/// may be stopped, repeated, and run while Home Assistant and homeiq run.
#[derive(Parser)]
#[command(name = NAME, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    source: Kind,
}

#[derive(Subcommand)]
enum Kind {
    /// State changes from Home Assistant's own recorder: home-assistant_v2.db, or `postgres://USER:PASSWORD@HOST/DATABASE`
    Recorder(From),
    /// Long-term statistics (one row an hour, kept for ever) from the same database; charts show them where state changes end
    Statistics(From),
    /// State changes that a data-api has exported as NDJSON (plain, .gz or .zst): how a store moves to another database or machine
    Events(From),
    /// State changes that Home Assistant or homeiq wrote to InfluxDB, from a file of line protocol (plain, .gz or .zst)
    Influx(From),
    /// State changes of the integration LTSS: `postgres://USER:PASSWORD@HOST/DATABASE`
    Ltss(From),
}

#[derive(Args)]
struct From {
    /// The file or the address
    place: String,
    #[command(flatten)]
    options: Options,
}

#[derive(Args)]
struct Options {
    /// Count what would be imported, and why what would not be; send nothing
    #[arg(long)]
    dry_run: bool,
    /// Only from this instant on: 2024-01-31 (0:00 UTC) or 2024-01-31T18:00:00+01:00
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    since: Option<UtcMicros>,
    /// Only before this instant
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    until: Option<UtcMicros>,
    /// Only this entity, domain (light) or beginning (sensor.kitchen_*); may be said several times
    #[arg(long, value_name = "ENTITY")]
    entity: Vec<String>,
    /// Where the position is kept, to go on from there the next time [default: a file in import/ of the data folder]
    #[arg(long, value_name = "FILE")]
    state_file: Option<PathBuf>,
    /// Read everything, also what an earlier run has brought
    #[arg(long)]
    from_start: bool,
}

/// A date, or a date and a time with its offset.
fn instant(text: &str) -> Result<UtcMicros, String> {
    text.parse()
        .or_else(|error| format!("{text}T00:00:00Z").parse().map_err(|_| error))
        .map_err(|error: common::instant::InvalidInstant| {
            format!("{error}, or a date such as 2024-01-31")
        })
}

impl Kind {
    fn taken(self) -> (Source, Options) {
        match self {
            Self::Recorder(From { place, options }) => (Source::Recorder(place), options),
            Self::Statistics(From { place, options }) => (Source::Statistics(place), options),
            Self::Events(From { place, options }) => (Source::Events(place), options),
            Self::Influx(From { place, options }) => (Source::Influx(place), options),
            Self::Ltss(From { place, options }) => (Source::Ltss(place), options),
        }
    }
}

/// The command with its options.
pub(crate) fn command() -> clap::Command {
    Cli::command()
}

/// Runs it; the report.
pub(crate) async fn run(
    arguments: &ArgMatches,
    destination: Destination,
) -> Result<String, Failure> {
    let (source, options) = Cli::from_arg_matches(arguments)?.source.taken();
    let mut import = Import {
        source,
        filter: Filter {
            since: options.since,
            until: options.until,
            entities: options.entity,
        },
        destination: String::new(),
        state_file: options
            .state_file
            .map_or_else(|| StateFile::In(destination.folder.clone()), StateFile::At),
        from_start: options.from_start,
        quiet: false,
    };
    if options.dry_run {
        return told(history_import::run(&import, None).await?);
    }
    let store = Store::find(destination).await?;
    import.destination = store.shown.clone();
    say(&format!("The past goes into {}", store.shown));
    let outcome = history_import::run(&import, Some(&store.client)).await;
    store.close().await;
    told(outcome?)
}

fn told(outcome: history_import::Outcome) -> Result<String, Failure> {
    match outcome.failed {
        None => Ok(outcome.report.to_string()),
        Some(failed) => {
            Err(format!("{}\n\nThe import ended early: {failed}", outcome.report).into())
        }
    }
}

/// The data-api that takes the past.
struct Store {
    client: DataApi,
    shown: String,
    /// Those of a data-api of our own.
    tasks: Option<Tasks>,
}

impl Store {
    /// The one that is named, else the one that runs here, else one of our own.
    async fn find(destination: Destination) -> Result<Self, Failure> {
        let port = destination.port;
        let answers = async || {
            let probed = tokio::task::spawn_blocking(move || health::probe(port));
            probed.await.is_ok_and(|answer| answer.is_ok())
        };
        if !destination.is_named && !answers().await {
            return Self::start(destination.data_api).await;
        }
        let shown = destination.peer.url.to_string();
        let client = DataApi::new(destination.peer)?;
        match client.event_stats("1h").await {
            Ok(_) => Ok(Self {
                client,
                shown,
                tasks: None,
            }),
            Err(CallFailed::KeyRefused) if !destination.is_named => Err(format!(
                "a data-api runs at {shown} and refuses the key in {}: it is of another data folder (the demo's, perhaps). \
                 Stop it, or say which one is meant with DATA_API_URL and DATA_API_KEY",
                destination.folder.with_file_name("secrets").display()
            )
            .into()),
            Err(failure) => Err(format!("nothing was imported: {failure}").into()),
        }
    }

    /// One for the time of the import, on a port that nobody knows.
    async fn start(config: data_api::Config) -> Result<Self, Failure> {
        let shown = config.database.to_string();
        let key = config.key.clone();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = Url::parse(&format!("http://{}", listener.local_addr()?))?;
        let (tasks, _ends) = Tasks::new();
        data_api::App::start_on(listener, config, &tasks, Clock::system()).await?;
        Ok(Self {
            client: DataApi::new(DataApiPeer { url, key })?,
            shown,
            tasks: Some(tasks),
        })
    }

    async fn close(self) {
        if let Some(tasks) = self.tasks {
            // What was answered is on disk, however this ends.
            tasks.stop(CLOSED_WITHIN).await;
        }
    }
}

#[expect(
    clippy::print_stderr,
    reason = "for the person at the terminal; standard output has the report"
)]
fn say(text: &str) {
    eprintln!("{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_a_date_or_has_an_offset() {
        let day = instant("2024-01-31").unwrap();
        assert_eq!(day.to_string(), "2024-01-31T00:00:00.000000+00:00");
        assert_eq!(instant("2024-01-31T01:00:00+01:00").unwrap(), day);
        assert!(instant("yesterday").unwrap_err().contains("2024-01-31"));
    }

    #[test]
    fn the_command_line_is_well_formed() {
        command().debug_assert();
    }
}
