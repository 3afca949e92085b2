//! `cargo xtask bench import`: a recorder's database into a fresh data-api, beside the `sqlite3` command's own copy of the same rows.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::Args;

use super::store::peers::{self, RECORDER, RECORDER_PRAGMAS};
use super::store::rows::Rows;
use super::store::service::{DataApi, KEY};
use crate::{process, table, workspace};

#[derive(Args)]
pub(crate) struct Options {
    /// State changes in the recorder's database
    #[arg(long, default_value_t = 1_000_000)]
    rows: u64,
    /// Times that it is imported and copied; the median is what counts
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Folder for databases, about 700 bytes a row
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Folder with programs to measure instead of a release build
    #[arg(long, value_name = "DIR")]
    programs: Option<PathBuf>,
}

/// One of those that take the rows, and how long it took each time.
struct Taker {
    name: &'static str,
    took: Vec<Duration>,
    bytes: u64,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    ensure!(
        options.runs > 0 && options.rows >= 10_000,
        "--runs 1 and --rows 10000 at least"
    );
    let programs = match &options.programs {
        Some(folder) => folder.clone(),
        None => workspace::build(&["homeiq", "data-api"], true)?,
    };
    let temporary = tempfile::Builder::new().prefix("homeiq-bench-").tempdir()?;
    let folder = options.folder.as_deref().unwrap_or(temporary.path());
    std::fs::create_dir_all(folder)?;
    let source = folder.join("home-assistant_v2.db");
    if source.exists() {
        std::fs::remove_file(&source)?;
    }
    let rows = Rows {
        count: options.rows,
    };
    let (recorder, source) = peers::recorder(rows, options.rows, folder)?;
    say(&format!(
        "{} state changes in the recorder's tables, {:.1} bytes a row",
        options.rows,
        recorder.bytes as f64 / options.rows as f64
    ));
    let mut takers = [
        "homeiq import recorder, over HTTP into data-api, committed",
        "sqlite3: copied into one table with the key (entity, instant)",
        "sqlite3: the tables copied as they are, with their indexes",
    ]
    .map(|name| Taker {
        name,
        took: Vec::new(),
        bytes: 0,
    });
    for run in 0..options.runs {
        let here = folder.join(format!("import-{run}"));
        let results = [
            imported(&programs, &source, options.rows, &here)?,
            copied(&source, &here.join("plain.db"), &plain(&source))?,
            copied(&source, &here.join("recorder.db"), &recorder_copy(&source))?,
        ];
        for (taker, (took, bytes)) in takers.iter_mut().zip(results) {
            taker.took.push(took);
            taker.bytes = bytes;
        }
        std::fs::remove_dir_all(&here)?;
    }
    std::fs::remove_file(&source)?;
    print(&mut takers, options.rows);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the result of a command")]
fn say(line: &str) {
    println!("{line}");
}

fn print(takers: &mut [Taker], rows: u64) {
    let lines: Vec<_> = takers
        .iter_mut()
        .map(|taker| {
            taker.took.sort();
            let median = taker.took[taker.took.len() / 2].as_secs_f64();
            vec![
                taker.name.to_owned(),
                format!("{median:.2} s"),
                format!("{:.0}", rows as f64 / median),
                format!("{:.1}", taker.bytes as f64 / rows as f64),
            ]
        })
        .collect();
    table::print(&["what", "median", "rows/s", "bytes/row"], &lines);
}

/// Imports into a data-api with nothing in it: from the start of the command to its end, when everything is committed.
fn imported(
    programs: &Path,
    source: &Path,
    rows: u64,
    here: &Path,
) -> anyhow::Result<(Duration, u64)> {
    let data_api = DataApi::start(programs, &here.join("data-api"))?;
    let mut command = Command::new(programs.join("homeiq"));
    command
        .env_clear()
        .env("HOMEIQ_DATA_DIR", here.join("homeiq"))
        .env("DATA_API_URL", data_api.peer.url())
        .env("DATA_API_KEY", KEY)
        .args(["import", "recorder"])
        .arg(source);
    let begun = Instant::now();
    let report = process::output(&mut command)?;
    let took = begun.elapsed();
    let used = data_api.process().cpu_seconds()?;
    let peak = data_api.process().memory()?.peak;
    let stats = data_api
        .peer
        .get("/api/v1/events/stats?period=1h")?
        .json()?;
    ensure!(
        stats["stored_events"] == rows,
        "{rows} rows were imported: {stats}\n{report}"
    );
    say(&format!(
        "imported in {:.2} s; data-api used {used:.1} s of CPU and at most {peak:.1} MiB",
        took.as_secs_f64()
    ));
    Ok((took, data_api.stop()?))
}

/// Runs a script of the `sqlite3` command that copies everything into a new file.
fn copied(source: &Path, target: &Path, script: &str) -> anyhow::Result<(Duration, u64)> {
    ensure!(source.exists(), "{} is gone", source.display());
    let begun = Instant::now();
    peers::sqlite3_output(target, script)?;
    let took = begun.elapsed();
    let bytes = std::fs::metadata(target).with_context(|| target.display().to_string())?;
    Ok((took, bytes.len()))
}

/// What data-api keeps of a row, in full, without a dictionary.
fn plain(source: &Path) -> String {
    format!(
        "PRAGMA journal_mode=WAL;
ATTACH 'file:{}?mode=ro' AS source;
CREATE TABLE events (entity_id TEXT, state TEXT, attributes TEXT, last_changed_ts FLOAT, last_updated_ts FLOAT, context_id_bin BLOB,
 context_parent_id_bin BLOB, PRIMARY KEY (entity_id, last_updated_ts)) WITHOUT ROWID;
INSERT INTO events SELECT m.entity_id, s.state, a.shared_attrs, s.last_changed_ts, s.last_updated_ts, s.context_id_bin,
 s.context_parent_id_bin FROM source.states s JOIN source.states_meta m USING (metadata_id)
 LEFT JOIN source.state_attributes a USING (attributes_id);
PRAGMA wal_checkpoint(TRUNCATE);
",
        source.display()
    )
}

/// The tables as they are.
fn recorder_copy(source: &Path) -> String {
    let tables = ["states_meta", "state_attributes", "states"];
    let copies = tables.map(|name| format!("INSERT INTO {name} SELECT * FROM source.{name};"));
    format!(
        "{RECORDER_PRAGMAS}\n{RECORDER}ATTACH 'file:{}?mode=ro' AS source;\n{}\nPRAGMA wal_checkpoint(TRUNCATE);\n",
        source.display(),
        copies.join("\n")
    )
}
