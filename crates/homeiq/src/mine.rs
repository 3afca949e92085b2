//! `homeiq mine`: the habits in a file of state changes.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser};
use common::lifecycle::Failure;
use common::whole_file::{self, Readers};
use jiff::tz::TimeZone;
use pattern_mining::sun::Place;
use pattern_mining::threads::both;
use pattern_mining::timeline::{Past, Settled, Unreadable};
use pattern_mining::{Outcome, Registry, Settings, Timeline, mine};

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
    /// Write the patterns as JSON to this file in place of the sentences (`-` for standard output)
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
    refuse_to_overwrite(&cli)?;
    let registry = match &cli.registry {
        Some(path) => read_registry(path)?,
        None => Registry::default(),
    };
    let (mut timeline, past) = begin(&cli, &registry)?;
    for known in &registry.entities {
        timeline.register(known);
    }
    // What is remembered is read while the new changes are.
    let (read, past) = both(
        || events::read(&cli.events, &mut timeline),
        || past.map(Remembered::read).transpose(),
    );
    let past = past?;
    let read = read?;
    if let Some(past) = past {
        timeline.remember(past);
    }
    let settings = Settings {
        people: !cli.no_people,
        silenced: cli.silence.clone(),
        ..Settings::default()
    };
    let notes = notes(&cli, &registry, &timeline);
    let outcome = match cli.memory.as_deref() {
        Some(path) => mine_and_remember(&timeline, &settings, path)?,
        None => mine(&timeline, &settings),
    };
    match &cli.json {
        Some(path) if path.as_os_str() == "-" => {
            Ok(serde_json::to_string_pretty(&outcome.patterns)?)
        }
        Some(path) => {
            let mut text = serde_json::to_vec_pretty(&outcome.patterns)?;
            text.push(b'\n');
            write(path, |file| file.write_all(&text))?;
            Ok(bars::summary(&outcome, &read, &notes))
        }
        None => Ok(bars::list(&outcome, &read, &notes)),
    }
}

/// Mines, and meanwhile writes what the next run needs.
fn mine_and_remember(
    timeline: &Timeline,
    settings: &Settings,
    memory: &Path,
) -> Result<Outcome, Failure> {
    write(memory, |file| {
        let keep = || {
            timeline.write(file)?;
            file.flush()?;
            // What is on the disk by the end of the run need not be waited for then; all of it is made sure of when it is whole.
            file.get_ref().sync_data().ok();
            Ok(())
        };
        let (mined, kept): (_, std::io::Result<()>) = both(|| mine(timeline, settings), keep);
        kept?;
        if let Some(counted) = &mined.counted {
            counted.write(file)?;
        }
        Ok(mined)
    })
}

/// Two files of the command must not be one: the one that is written last would be all that is left.
fn refuse_to_overwrite(cli: &Cli) -> Result<(), Failure> {
    let same = |one: &Path, other: &Path| {
        // One that is not there yet lies in a folder that is.
        let whole = |path: &Path| {
            path.canonicalize().or_else(|_| {
                let folder = path
                    .parent()
                    .filter(|folder| !folder.as_os_str().is_empty());
                let folder = folder.unwrap_or(Path::new(".")).canonicalize()?;
                Ok::<_, std::io::Error>(folder.join(path.file_name().unwrap_or_default()))
            })
        };
        one.as_os_str() != "-"
            && matches!((whole(one), whole(other)), (Ok(one), Ok(other)) if one == other)
    };
    let read = [Some(&cli.events), cli.registry.as_ref()];
    for written in [&cli.json, &cli.memory].into_iter().flatten() {
        let is_file = std::fs::metadata(written).map_or(true, |known| known.is_file());
        if is_file && read.iter().flatten().any(|read| same(read, written)) {
            return Err(format!(
                "{} is read, and would be overwritten: name another file to write to",
                written.display()
            )
            .into());
        }
    }
    match (&cli.json, &cli.memory) {
        (Some(json), Some(memory)) if same(json, memory) => Err(format!(
            "{}: the patterns and the memory cannot be in one file",
            json.display()
        )
        .into()),
        _ => Ok(()),
    }
}

/// What was said that had no effect.
fn notes(cli: &Cli, registry: &Registry, timeline: &Timeline) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(path) = cli
        .registry
        .as_ref()
        .filter(|_| registry.entities.is_empty())
    {
        notes.push(format!(
            "{} has no \"entities\", so that nothing is known of areas, devices and groups.",
            path.display()
        ));
    }
    let unknown = cli.silence.iter().filter(|word| !timeline.names(word));
    notes.extend(
        unknown.map(|word| format!("--silence {word}: no entity, area or domain is called that.")),
    );
    notes
}

/// The past of a timeline that is remembered, still to be read.
struct Remembered<'a> {
    past: Past<'static>,
    path: &'a Path,
}

impl Remembered<'_> {
    fn read(self) -> Result<Settled, Failure> {
        let past = self.past.read();
        past.map_err(|error| unreadable(self.path, &error))
    }
}

fn unreadable(memory: &Path, error: &Unreadable) -> Failure {
    let to_do = "delete it and give the whole past as EVENTS, from which a new one is made";
    told(memory, &format!("{error}; {to_do}"))
}

/// The timeline to add to: the remembered one with its past, or a new one in the home's zone.
fn begin<'a>(
    cli: &'a Cli,
    registry: &Registry,
) -> Result<(Timeline, Option<Remembered<'a>>), Failure> {
    if let Some(path) = cli.memory.as_deref().filter(|path| path.exists()) {
        let file = File::open(path).map_err(|error| told(path, &error))?;
        let length = file.metadata().map_err(|error| told(path, &error))?.len();
        let opened = Timeline::open(BufReader::with_capacity(BUFFER, file), length);
        let (timeline, past) = opened.map_err(|error| unreadable(path, &error))?;
        return Ok((timeline, Some(Remembered { past, path })));
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
    Ok((timeline, None))
}

fn read_registry(path: &Path) -> Result<Registry, Failure> {
    let bytes = std::fs::read(path).map_err(|error| told(path, &error))?;
    serde_json::from_slice(&bytes).map_err(|error| told(path, &error))
}

fn write<T>(
    path: &Path,
    content: impl FnOnce(&mut BufWriter<&mut File>) -> std::io::Result<T>,
) -> Result<T, Failure> {
    let written = whole_file::replace(path, Readers::Usual, |file| {
        let mut file = BufWriter::with_capacity(BUFFER, file);
        let made = content(&mut file)?;
        file.flush()?;
        Ok(made)
    });
    written.map_err(|error| told(path, &error))
}

fn told(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    format!("{}: {error}", path.display()).into()
}
