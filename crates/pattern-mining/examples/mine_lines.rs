//! Mines state changes from standard input: `mine_lines TIME_ZONE [REGISTRY.json] < EVENTS.jsonl` prints the patterns as JSON, and
//! the run's report on standard error.

use std::fs::File;
use std::io::{BufRead, BufReader, stdin};

use pattern_mining::{Registry, Settings, Timeline, line, mine};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let zone = arguments
        .get(1)
        .ok_or("want: mine_lines TIME_ZONE [REGISTRY.json]")?;
    let mut timeline = Timeline::new(jiff::tz::TimeZone::get(zone)?);
    if let Some(path) = arguments.get(2) {
        let registry: Registry = serde_json::from_reader(BufReader::new(File::open(path)?))?;
        for known in &registry.entities {
            timeline.register(known);
        }
    }
    let mut input = BufReader::with_capacity(1 << 18, stdin().lock());
    let mut bytes = Vec::new();
    while input.read_until(b'\n', &mut bytes)? > 0 {
        line::take(&bytes, &mut timeline)?;
        bytes.clear();
        if timeline.waiting() > 1 << 16 {
            timeline.settle();
        }
    }
    let settings = Settings {
        people: true,
        ..Settings::default()
    };
    let outcome = mine(&timeline, &settings);
    serde_json::to_writer(std::io::stdout().lock(), &outcome.patterns)?;
    eprintln!("{}", serde_json::to_string(&outcome.report)?);
    Ok(())
}
