//! A real PostgreSQL as a child process: a cluster of its own in a temporary folder.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use crate::free_port;

const INSTALL: &str = "apt-get install --yes --no-install-recommends postgresql";
/// Debian keeps each version's server here, and not in PATH.
const VERSIONS: &str = "/usr/lib/postgresql";
/// The server refuses to run as root; Debian's package makes this user.
const SERVER_USER: &str = "postgres";
const START_WITHIN: Duration = Duration::from_secs(30);
/// What `initdb` is told. Who changes this changes [`CLUSTER`], too.
const INITDB: [&str; 6] = [
    "--username=homeiq",
    "--auth=trust",
    "--encoding=UTF8",
    "--no-locale",
    "--no-sync",
    "--wal-segsize=1",
];
/// Name of the folder beside the test programs with a cluster that was made once and is copied for each server: making one takes a second.
const CLUSTER: &str = "postgres-cluster-1";
/// How long a drop may block; after that it is SIGKILL.
const DROP_WITHIN: Duration = Duration::from_secs(3);
const PORT_TRIES: usize = 5;

/// A PostgreSQL of its own for one test; it is killed when this is dropped.
///
/// It does not survive a crash of the machine (`fsync=off`), which makes it several times faster.
#[derive(Debug)]
pub struct Postgres {
    port: u16,
    bin: PathBuf,
    folder: TempDir,
    child: Option<Child>,
}

impl Postgres {
    /// Makes a cluster and starts a server for it on a free port of loopback.
    ///
    /// # Errors
    /// When PostgreSQL is not installed (with the line that installs it) or does not come up (with
    /// its log).
    pub async fn start() -> anyhow::Result<Self> {
        let bin = newest_server(Path::new(VERSIONS))?;
        let folder = tempfile::tempdir().context("no temporary folder for PostgreSQL")?;
        if is_root().await? {
            // initdb makes its folder inside this one, as another user.
            run(Command::new("chown").arg(SERVER_USER).arg(folder.path())).await?;
        }
        let mut postgres = Self {
            port: 0,
            bin,
            folder,
            child: None,
        };
        postgres.make_cluster().await?;
        let mut tries_left = PORT_TRIES;
        loop {
            postgres.port = free_port()?;
            tries_left -= 1;
            match postgres.start_again().await {
                Ok(()) => return Ok(postgres),
                Err(error) if tries_left == 0 => return Err(error),
                Err(_) => {}
            }
        }
    }

    /// Where to connect, with every right, to the empty database `postgres`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://homeiq@127.0.0.1:{}/postgres", self.port)
    }

    /// The port it listens on; the same after a restart.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Makes an empty database beside the first one and returns its address.
    ///
    /// # Errors
    /// When the server is away or has a database of this name.
    pub async fn create_database(&self, name: &str) -> anyhow::Result<String> {
        let mut create = self.command("createdb").await?;
        let port = self.port.to_string();
        run(create.args(["-h", "127.0.0.1", "-p", &port, "-U", "homeiq", name])).await?;
        Ok(format!("postgres://homeiq@127.0.0.1:{}/{name}", self.port))
    }

    /// Makes an ordinary role, which has no rights but its own, and an empty database of the same name that it owns. Returns the
    /// address of the database for that role. Texts there are in the order of American English, as on many servers of people, and not
    /// in that of their bytes.
    ///
    /// # Errors
    /// When the server is away, is older than PostgreSQL 15, or has such a role or database.
    pub async fn create_owned_database(&self, name: &str) -> anyhow::Result<String> {
        let mut psql = self.command("psql").await?;
        psql.args(["--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1"])
            .arg(format!("--command=CREATE ROLE {name} LOGIN"))
            .arg(format!(
                "--command=CREATE DATABASE {name} OWNER {name} TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'"
            ))
            .arg(self.url());
        run(&mut psql).await?;
        Ok(format!("postgres://{name}@127.0.0.1:{}/{name}", self.port))
    }

    /// Kills the server as a power cut would; what was committed is there after a restart.
    ///
    /// # Errors
    /// When the process cannot be awaited.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        let Some(mut child) = self.child.take() else {
            return Ok(());
        };
        child.kill().await.context("PostgreSQL could not be killed")
    }

    /// Starts a stopped server again on the same port, with the same data.
    ///
    /// # Errors
    /// See [`Postgres::start`].
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        self.stop().await?;
        let log_file = self.folder.path().join("postgres.log");
        let log = std::fs::File::create(&log_file)?;
        let mut server = self.command("postgres").await?;
        server
            .arg("-D")
            .arg(self.data())
            .arg("-k")
            .arg(self.folder.path());
        server.args([
            "-p",
            &self.port.to_string(),
            "-c",
            "listen_addresses=127.0.0.1",
        ]);
        server.args(["-c", "fsync=off", "-c", "full_page_writes=off"]);
        let mut child = server
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()?;
        let started = Instant::now();
        let read_log = || std::fs::read_to_string(&log_file).unwrap_or_default();
        while !read_log().contains("ready to accept connections") {
            if let Some(status) = child.try_wait()? {
                bail!(
                    "PostgreSQL ended early ({status}); its log:\n{}",
                    read_log()
                );
            }
            if started.elapsed() > START_WITHIN {
                bail!(
                    "PostgreSQL did not come up in time; its log:\n{}",
                    read_log()
                );
            }
            sleep(Duration::from_millis(10)).await;
        }
        self.child = Some(child);
        Ok(())
    }

    /// A copy of the cluster that is beside the test programs, or a new one, which is put there.
    async fn make_cluster(&self) -> anyhow::Result<()> {
        let version = self.bin.parent().and_then(Path::file_name);
        let version = version.unwrap_or_default().to_string_lossy();
        let program = std::env::current_exe().context("this program has no path")?;
        let beside = program.parent().context("this program has no folder")?;
        let kept = beside.join(format!("{CLUSTER}-{version}"));
        if kept.exists() {
            return copy(&kept, &self.data()).await;
        }
        let mut initdb = self.command("initdb").await?;
        run(initdb.args(INITDB).arg("--pgdata").arg(self.data())).await?;
        // Several programs may do this at the same time: whoever is first puts a whole one there.
        let own = tempfile::tempdir_in(beside).context("no folder beside this program")?;
        copy(&self.data(), &own.path().join("data")).await?;
        std::fs::rename(own.path().join("data"), &kept).ok();
        Ok(())
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// One of the server's programs, as a user under whom it agrees to run.
    async fn command(&self, program: &str) -> anyhow::Result<Command> {
        let path = self.bin.join(program);
        let mut command = if is_root().await? {
            // setpriv becomes the program: its pid is the one to kill.
            let mut command = Command::new("setpriv");
            command.args([
                "--reuid",
                SERVER_USER,
                "--regid",
                SERVER_USER,
                "--init-groups",
            ]);
            command.arg(path);
            command
        } else {
            Command::new(path)
        };
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        Ok(command)
    }
}

impl Drop for Postgres {
    /// An immediate shutdown, not SIGKILL: that would leave a shared memory segment behind, of which
    /// a machine has a few thousand.
    fn drop(&mut self) {
        let Some(child) = &mut self.child else { return };
        let Some(pid) = child.id() else { return };
        let asked = std::process::Command::new("kill")
            .args(["-QUIT", &pid.to_string()])
            .status();
        let started = std::time::Instant::now();
        while asked.is_ok() && started.elapsed() < DROP_WITHIN {
            if !matches!(child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// The newest installed version's folder of programs.
fn newest_server(versions: &Path) -> anyhow::Result<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = Vec::new();
    for entry in std::fs::read_dir(versions).into_iter().flatten().flatten() {
        let bin = entry.path().join("bin");
        let version = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        if let (Some(version), true) = (version, bin.join("initdb").exists()) {
            found.push((version, bin));
        }
    }
    let newest = found.into_iter().max().map(|(_, bin)| bin);
    newest.with_context(|| {
        format!(
            "no PostgreSQL server in {}, and this test needs one; run: {INSTALL}",
            versions.display()
        )
    })
}

/// Copies a folder that is not there yet, with owners and modes.
async fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    run(Command::new("cp").arg("-a").arg(from).arg(to)).await?;
    Ok(())
}

async fn is_root() -> anyhow::Result<bool> {
    Ok(run(Command::new("id").arg("-u")).await?.stdout.trim_ascii() == b"0")
}

async fn run(command: &mut Command) -> anyhow::Result<Output> {
    let shown = format!("{:?}", command.as_std());
    let output = command.output().await.with_context(|| shown.clone())?;
    if !output.status.success() {
        bail!(
            "{shown} failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_server_is_an_error_with_the_line_that_installs_it() {
        let empty = tempfile::tempdir().expect("a folder");
        let error = newest_server(empty.path()).expect_err("there is none");
        assert!(error.to_string().contains("apt-get install"), "{error}");
    }

    #[test]
    fn the_newest_of_several_servers_is_taken() {
        let versions = tempfile::tempdir().expect("a folder");
        for version in ["9", "15", "contrib"] {
            let bin = versions.path().join(version).join("bin");
            std::fs::create_dir_all(&bin).expect("a folder");
            std::fs::write(bin.join("initdb"), "").expect("a file");
        }
        let newest = newest_server(versions.path()).expect("there are two");
        assert_eq!(newest, versions.path().join("15/bin"));
    }
}
