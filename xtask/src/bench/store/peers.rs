//! What data-api is compared with: the `sqlite3` command, Home Assistant's recorder tables, PostgreSQL's COPY.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use super::rows::{ENTITIES, Rows, attribute_sets, entity_id};
use crate::process;

/// Home Assistant's tables and indexes of states, as its recorder makes them (schema 48 of 2025.4), without columns that are
/// always null.
pub(crate) const RECORDER: &str = "CREATE TABLE states_meta (metadata_id INTEGER PRIMARY KEY, entity_id VARCHAR(255));
CREATE UNIQUE INDEX ix_states_meta_entity_id ON states_meta (entity_id);
CREATE TABLE state_attributes (attributes_id INTEGER PRIMARY KEY, hash BIGINT, shared_attrs TEXT);
CREATE INDEX ix_state_attributes_hash ON state_attributes (hash);
CREATE TABLE states (state_id INTEGER PRIMARY KEY, entity_id CHAR(0), state VARCHAR(255), attributes CHAR(0), event_id SMALLINT,
 last_changed CHAR(0), last_changed_ts FLOAT, last_reported_ts FLOAT, last_updated CHAR(0), last_updated_ts FLOAT,
 old_state_id INTEGER, attributes_id INTEGER, context_id CHAR(0), context_user_id CHAR(0), context_parent_id CHAR(0),
 origin_idx SMALLINT, context_id_bin BLOB, context_user_id_bin BLOB, context_parent_id_bin BLOB, metadata_id INTEGER);
CREATE INDEX ix_states_old_state_id ON states (old_state_id);
CREATE INDEX ix_states_attributes_id ON states (attributes_id);
CREATE INDEX ix_states_last_updated_ts ON states (last_updated_ts);
CREATE INDEX ix_states_context_id_bin ON states (context_id_bin);
CREATE INDEX ix_states_metadata_id_last_updated_ts ON states (metadata_id, last_updated_ts);
";
/// As the recorder sets them.
pub(crate) const RECORDER_PRAGMAS: &str =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-16384;";

/// What a peer did with the rows.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) name: &'static str,
    pub(crate) took: Duration,
    pub(crate) bytes: u64,
}

/// Rows as CSV, written once.
pub(crate) fn csv(rows: Rows, count: u64, folder: &Path) -> anyhow::Result<PathBuf> {
    let path = folder.join("rows.csv");
    let mut file = BufWriter::new(File::create(&path)?);
    let mut line = String::new();
    for n in 0..count {
        line.clear();
        rows.row(n).csv(&mut line);
        file.write_all(line.as_bytes())?;
    }
    file.flush()?;
    Ok(path)
}

/// The `sqlite3` command's own bulk insert: `.import` into a table whose key is that of a state change.
pub(crate) fn sqlite3(csv: &Path, folder: &Path) -> anyhow::Result<Loaded> {
    let database = folder.join("plain.db");
    let script = format!(
        "PRAGMA journal_mode=WAL;
CREATE TABLE events (entity_id TEXT, state TEXT, attributes TEXT, last_changed INTEGER, last_updated INTEGER, context_id TEXT,
 context_parent_id TEXT, PRIMARY KEY (entity_id, last_updated)) WITHOUT ROWID;
.mode csv
.import {} events
PRAGMA wal_checkpoint(TRUNCATE);
",
        csv.display()
    );
    let took = run_sqlite3(&database, &script)?;
    Ok(Loaded {
        name: "sqlite3 .import, one table",
        took,
        bytes: std::fs::metadata(database)?.len(),
    })
}

/// The recorder's tables filled with the same changes, in one transaction a thousand rows, as fast as the `sqlite3` command can.
pub(crate) fn recorder(rows: Rows, count: u64, folder: &Path) -> anyhow::Result<(Loaded, PathBuf)> {
    let database = folder.join("home-assistant_v2.db");
    let file = folder.join("recorder.sql");
    let mut script = BufWriter::new(File::create(&file)?);
    writeln!(script, "{RECORDER_PRAGMAS}\n{RECORDER}BEGIN;")?;
    for entity in 0..ENTITIES {
        let id = entity_id(entity);
        writeln!(
            script,
            "INSERT INTO states_meta VALUES ({}, '{id}');",
            entity + 1
        )?;
    }
    for (number, text) in attribute_sets() {
        writeln!(
            script,
            "INSERT INTO state_attributes VALUES ({number}, {}, '{text}');",
            number * 7919 % 4_294_967_291
        )?;
    }
    let mut last = vec![None; ENTITIES as usize];
    for n in 0..count {
        if n % 1000 == 0 {
            writeln!(script, "COMMIT; BEGIN;")?;
        }
        let row = rows.row(n);
        let old = last[row.entity as usize].replace(n + 1);
        let old = old.map_or("NULL".to_owned(), |id: u64| id.to_string());
        let parent = row
            .parent_hex()
            .map_or("NULL".to_owned(), |hex| format!("x'{hex}'"));
        writeln!(
            script,
            "INSERT INTO states (state_id, state, last_updated_ts, last_reported_ts, old_state_id, attributes_id, origin_idx, \
             context_id_bin, context_parent_id_bin, metadata_id) VALUES ({}, '{}', {:.6}, {:.6}, {old}, {}, 0, x'{}', {parent}, {});",
            n + 1,
            row.state,
            row.at_us as f64 / 1e6,
            row.at_us as f64 / 1e6,
            row.attributes_number(),
            row.context_hex(),
            row.entity + 1
        )?;
    }
    writeln!(script, "COMMIT;\nPRAGMA wal_checkpoint(TRUNCATE);")?;
    script.into_inner()?.sync_all()?;
    let took = run_sqlite3(&database, &format!(".read {}\n", file.display()))?;
    std::fs::remove_file(&file)?;
    let loaded = Loaded {
        name: "recorder schema, sqlite3",
        took,
        bytes: std::fs::metadata(&database)?.len(),
    };
    Ok((loaded, database))
}

/// Runs a script of the `sqlite3` command.
fn run_sqlite3(database: &Path, script: &str) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    sqlite3_output(database, script)?;
    Ok(begun.elapsed())
}

/// What the `sqlite3` command prints for a script.
pub(crate) fn sqlite3_output(database: &Path, script: &str) -> anyhow::Result<String> {
    let mut child = Command::new("sqlite3")
        .arg("-bail")
        .arg(database)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("sqlite3 is needed: apt-get install sqlite3")?;
    let mut input = child.stdin.take().context("sqlite3 takes no input")?;
    input.write_all(script.as_bytes())?;
    drop(input);
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "sqlite3 failed");
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// COPY into a PostgreSQL made for it.
pub(crate) fn postgres_copy(csv: &Path, folder: &Path) -> anyhow::Result<Loaded> {
    let server = Postgres::start(folder)?;
    server.psql(
        "CREATE TABLE events (entity_id TEXT, state TEXT, attributes TEXT, last_changed BIGINT, last_updated BIGINT, \
         context_id TEXT, context_parent_id TEXT, PRIMARY KEY (entity_id, last_updated))",
    )?;
    let begun = Instant::now();
    server.psql(&format!("\\copy events FROM '{}' CSV", csv.display()))?;
    let took = begun.elapsed();
    let bytes = server.psql("SELECT pg_total_relation_size('events')")?;
    Ok(Loaded {
        name: "PostgreSQL COPY, one table",
        took,
        bytes: bytes.trim().parse()?,
    })
}

/// A PostgreSQL with a cluster of its own, over a socket in its folder.
struct Postgres {
    bin: PathBuf,
    data: PathBuf,
    sockets: PathBuf,
}

impl Postgres {
    fn start(folder: &Path) -> anyhow::Result<Self> {
        let versions = std::fs::read_dir("/usr/lib/postgresql")
            .context("PostgreSQL is needed: apt-get install postgresql")?;
        let bin = versions
            .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
            .max()
            .context("no PostgreSQL below /usr/lib/postgresql")?;
        let home = folder.join("postgres");
        std::fs::create_dir_all(&home)?;
        process::output(Command::new("chown").arg("postgres").arg(&home))?;
        // The server refuses to run as root, and its user must be able to reach the folder.
        process::output(Command::new("chmod").arg("o+x").arg(folder))?;
        let server = Self {
            bin,
            data: home.join("data"),
            sockets: home,
        };
        let mut initdb = server.as_postgres("initdb");
        process::output(
            initdb
                .args(["--auth=trust", "--no-locale", "--encoding=UTF8", "-D"])
                .arg(&server.data),
        )?;
        let options = format!("-k {} -c listen_addresses=''", server.sockets.display());
        let log = server.sockets.join("log");
        let mut start = server.as_postgres("pg_ctl");
        start
            .arg("-D")
            .arg(&server.data)
            .arg("-w")
            .arg("-l")
            .arg(log);
        process::output(start.args(["-o", &options, "start"]))?;
        Ok(server)
    }

    fn as_postgres(&self, program: &str) -> Command {
        let mut command = Command::new("runuser");
        command
            .args(["-u", "postgres", "--"])
            .arg(self.bin.join(program));
        command.current_dir("/");
        command
    }

    fn psql(&self, statement: &str) -> anyhow::Result<String> {
        let mut psql = Command::new(self.bin.join("psql"));
        psql.arg("-h").arg(&self.sockets);
        process::output(psql.args([
            "-U",
            "postgres",
            "-v",
            "ON_ERROR_STOP=1",
            "-Atqc",
            statement,
        ]))
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let mut stop = self.as_postgres("pg_ctl");
        process::output(
            stop.arg("-D")
                .arg(&self.data)
                .args(["-m", "immediate", "stop"]),
        )
        .ok();
    }
}
