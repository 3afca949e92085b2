//! `homeiq mine`: the habits in a file of state changes.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser};
use common::lifecycle::Failure;
use common::whole_file::{self, Readers};
use jiff::tz::TimeZone;
use pattern_mining::sun::Place;
use pattern_mining::{Registry, Settings, Timeline, mine};

mod bars;
mod events;

/// Bytes of a file that are read or written at once.
const BUFFER: usize = 64 * 1024;

/// The word of the command line.
pub(crate) const NAME: &str = "mine";

/// Finds the habits in a file of state changes
///
/// The file has one JSON object a line, in time order: `{"t": ISO 8601, "entity_id", "state", "area"?, "context"?}`; other keys are ignored.
/// What data-api exports (`GET /api/v1/events/export`) is taken as it is. It may be compressed (.gz, .zst) or `-` for standard input. Nothing leaves this machine.
#[derive(Parser)]
#[command(name = NAME, disable_help_subcommand = true)]
struct Cli {
    /// The file of state changes
    events: PathBuf,
    /// The home's time zone, such as Europe/Berlin [default: that of the registry]
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
    /// What is known of the entities: `{"entities": [{"entity_id", "device_id"?, "area"?, "device_class"?, "members"?}]}`
    #[arg(long, value_name = "FILE")]
    registry: Option<PathBuf>,
    /// Write the patterns as JSON to this file (`-` for standard output)
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Keep what later runs need in this file, and start from it when it is there: then EVENTS has the new changes only
    #[arg(long, value_name = "FILE")]
    memory: Option<PathBuf>,
    /// Do not look at where people are
    #[arg(long)]
    no_people: bool,
    /// Tell nothing of this entity, area or domain; may be said several times
    #[arg(long, value_name = "WORD")]
    silence: Vec<String>,
}

/// The command as `homeiq --help` lists it.
pub(crate) fn command() -> clap::Command {
    Cli::command()
}

/// Mines the file; what it returns is printed.
pub(crate) fn run(arguments: &ArgMatches) -> Result<String, Failure> {
    let cli = Cli::from_arg_matches(arguments)?;
    let registry = match &cli.registry {
        Some(path) => read_registry(path)?,
        None => Registry::default(),
    };
    let mut timeline = begin(&cli, &registry)?;
    for known in &registry.entities {
        timeline.register(known);
    }
    let read = events::read(&cli.events, &mut timeline)?;
    let settings = Settings {
        people: !cli.no_people,
        silenced: cli.silence.clone(),
        ..Settings::default()
    };
    let (outcome, kept) = std::thread::scope(|scope| {
        let keep = |path| write(path, |file| timeline.write(file));
        let keeping = cli.memory.as_deref();
        let keeping = keeping.map(|path| scope.spawn(move || keep(path)));
        let outcome = mine(&timeline, &settings);
        let kept = keeping.map_or(Ok(()), |keeping| {
            keeping
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        (outcome, kept)
    });
    kept?;
    match &cli.json {
        Some(path) if path.as_os_str() == "-" => {
            Ok(serde_json::to_string_pretty(&outcome.patterns)?)
        }
        Some(path) => {
            let mut text = serde_json::to_vec_pretty(&outcome.patterns)?;
            text.push(b'\n');
            write(path, |file| file.write_all(&text))?;
            Ok(bars::summary(&outcome, &read))
        }
        None => Ok(bars::list(&outcome, &read)),
    }
}

/// The timeline to add to: the remembered one, or a new one in the home's zone.
fn begin(cli: &Cli, registry: &Registry) -> Result<Timeline, Failure> {
    if let Some(path) = cli.memory.as_deref().filter(|path| path.exists()) {
        let file = File::open(path).map_err(|error| told(path, &error))?;
        let length = file.metadata().map_err(|error| told(path, &error))?.len();
        return Timeline::read(BufReader::with_capacity(BUFFER, file), length)
            .map_err(|error| told(path, &error));
    }
    let Some(name) = cli.timezone.as_ref().or(registry.time_zone.as_ref()) else {
        return Err(
            "the home's time zone is not known: say --timezone, such as --timezone Europe/Berlin"
                .into(),
        );
    };
    let zone = TimeZone::get(name)
        .map_err(|_| format!("'{name}' is not a time zone: want a name such as Europe/Berlin"))?;
    let mut timeline = Timeline::new(zone);
    if let (Some(latitude), Some(longitude)) = (registry.latitude, registry.longitude) {
        timeline.set_place(Place {
            latitude,
            longitude,
        });
    }
    Ok(timeline)
}

fn read_registry(path: &Path) -> Result<Registry, Failure> {
    let bytes = std::fs::read(path).map_err(|error| told(path, &error))?;
    serde_json::from_slice(&bytes).map_err(|error| told(path, &error))
}

fn write(
    path: &Path,
    content: impl FnOnce(&mut BufWriter<&mut File>) -> std::io::Result<()>,
) -> Result<(), Failure> {
    let written = whole_file::replace(path, Readers::Usual, |file| {
        let mut file = BufWriter::with_capacity(BUFFER, file);
        content(&mut file)?;
        file.flush()
    });
    written.map_err(|error| told(path, &error))
}

fn told(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    format!("{}: {error}", path.display()).into()
}
