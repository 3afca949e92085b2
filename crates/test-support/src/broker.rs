//! A real mosquitto as a child process on loopback.

use std::fmt::Write as _;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use crate::free_port;

/// What to do when a program is missing; tests fail with this line, they do not skip.
const INSTALL: &str = "apt-get install --yes --no-install-recommends mosquitto mosquitto-clients";
/// Debian keeps servers where a plain user's PATH does not look.
const SERVER_FOLDER: &str = "/usr/sbin";
const HOST: &str = "127.0.0.1";
const START_WITHIN: Duration = Duration::from_secs(10);
const STOP_WITHIN: Duration = Duration::from_secs(10);
/// How often a port that somebody else took meanwhile is replaced by another free one.
const PORT_TRIES: usize = 5;

/// How a [`Broker`] is started; [`Broker::options`] makes one.
#[derive(Debug, Clone, Default)]
pub struct BrokerOptions {
    port: Option<u16>,
    user: Option<(String, String)>,
    lines: Vec<String>,
}

impl BrokerOptions {
    /// Listens on this port in place of a free one.
    #[must_use]
    pub fn on_port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Refuses everyone but this user.
    #[must_use]
    pub fn with_user(mut self, name: &str, password: &str) -> Self {
        self.user = Some((name.to_owned(), password.to_owned()));
        self
    }

    /// Adds a line to mosquitto.conf, after the listener (`cafile …`, `max_packet_size …`).
    #[must_use]
    pub fn with_line(mut self, line: &str) -> Self {
        self.lines.push(line.to_owned());
        self
    }

    /// Starts the broker and returns when it accepts connections.
    ///
    /// # Errors
    /// When mosquitto is not installed (with the line that installs it), the port is taken, or it
    /// does not come up in time (with its log).
    pub async fn start(self) -> anyhow::Result<Broker> {
        let folder = tempfile::tempdir().context("no temporary folder for mosquitto")?;
        if let Some((name, password)) = &self.user {
            write_passwords(&folder.path().join("passwords"), name, password).await?;
        }
        let fixed = self.port;
        let mut broker = Broker {
            port: 0,
            options: self,
            folder,
            child: None,
        };
        let mut tries_left = if fixed.is_some() { 1 } else { PORT_TRIES };
        loop {
            broker.port = match fixed {
                Some(port) => port,
                None => free_port()?,
            };
            tries_left -= 1;
            match broker.start_again().await {
                Ok(()) => return Ok(broker),
                Err(error) if tries_left == 0 => return Err(error),
                Err(_) => {}
            }
        }
    }
}

/// A mosquitto of its own for one test; it is killed when this is dropped.
#[derive(Debug)]
pub struct Broker {
    port: u16,
    options: BrokerOptions,
    folder: TempDir,
    child: Option<Child>,
}

impl Broker {
    /// Starts a broker on a free port that lets everyone in.
    ///
    /// # Errors
    /// See [`BrokerOptions::start`].
    pub async fn start() -> anyhow::Result<Self> {
        Self::options().start().await
    }

    /// Starts a broker on this port that lets everyone in.
    ///
    /// # Errors
    /// See [`BrokerOptions::start`].
    pub async fn start_on(port: u16) -> anyhow::Result<Self> {
        Self::options().on_port(port).start().await
    }

    /// Starts a broker on a free port that lets only this user in.
    ///
    /// # Errors
    /// See [`BrokerOptions::start`].
    pub async fn with_user(name: &str, password: &str) -> anyhow::Result<Self> {
        Self::options().with_user(name, password).start().await
    }

    /// A broker with settings of its own.
    #[must_use]
    pub fn options() -> BrokerOptions {
        BrokerOptions::default()
    }

    /// Where it listens: always loopback.
    #[must_use]
    pub fn host(&self) -> &'static str {
        HOST
    }

    /// The port it listens on; the same after a restart.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `host:port`, as a setting takes it.
    #[must_use]
    pub fn address(&self) -> String {
        format!("{HOST}:{}", self.port)
    }

    /// What the broker logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// Stops the broker (SIGTERM, then SIGKILL); connected clients are cut off.
    ///
    /// # Errors
    /// When the process cannot be awaited.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        let Some(mut child) = self.child.take() else {
            return Ok(());
        };
        if let Some(pid) = child.id() {
            Command::new("kill")
                .arg(pid.to_string())
                .status()
                .await
                .context("kill")?;
        }
        if timeout(STOP_WITHIN, child.wait()).await.is_err() {
            child
                .kill()
                .await
                .context("mosquitto did not stop and could not be killed")?;
        }
        Ok(())
    }

    /// Ends the broker with SIGKILL; connected clients are cut off.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill().await.context("mosquitto cannot be killed")?;
        }
        Ok(())
    }

    /// Starts a stopped broker again on the same port, with the same users.
    ///
    /// # Errors
    /// See [`BrokerOptions::start`].
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        self.stop().await?;
        let config = self.folder.path().join("mosquitto.conf");
        std::fs::write(&config, self.config()).context("mosquitto.conf")?;
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log_file())?;
        let logged_before = self.log().len();
        let mut child = program("mosquitto", |command| {
            command
                .arg("-c")
                .arg(&config)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(log.try_clone()?)
                .kill_on_drop(true)
                .spawn()
        })?;
        let started = Instant::now();
        // Asking the port would not do: whoever took it meanwhile would answer.
        while !self.log()[logged_before..].contains(" running") {
            if let Some(status) = child.try_wait()? {
                bail!(self.failed(&ended(status)));
            }
            if started.elapsed() > START_WITHIN {
                bail!(self.failed("did not come up in time"));
            }
            sleep(Duration::from_millis(5)).await;
        }
        self.child = Some(child);
        Ok(())
    }

    fn config(&self) -> String {
        let mut text = format!(
            "per_listener_settings false\nlistener {} {HOST}\npersistence false\n",
            self.port
        );
        // Started by root it would become the user `mosquitto`, who may not read this folder.
        text.push_str("user root\nlog_dest stderr\nlog_type all\nmax_queued_messages 100000\n");
        if self.options.user.is_some() {
            let passwords = self.folder.path().join("passwords");
            let line = "allow_anonymous false\npassword_file";
            writeln!(text, "{line} {}", passwords.display()).expect("a String takes any text");
        } else {
            text.push_str("allow_anonymous true\n");
        }
        for line in &self.options.lines {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("mosquitto.log")
    }

    fn failed(&self, how: &str) -> String {
        format!(
            "mosquitto on port {} {how}; its log:\n{}",
            self.port,
            self.log()
        )
    }
}

async fn write_passwords(file: &Path, name: &str, password: &str) -> anyhow::Result<()> {
    let mut made = program("mosquitto_passwd", |command| {
        command
            .args(["-b", "-c"])
            .arg(file)
            .args([name, password])
            .stdin(Stdio::null())
            .spawn()
    })?;
    let status = made.wait().await?;
    if !status.success() {
        bail!("mosquitto_passwd {}", ended(status));
    }
    Ok(())
}

/// Runs `start` on the program from PATH, or else on the one in [`SERVER_FOLDER`].
fn program(
    name: &str,
    start: impl Fn(&mut Command) -> std::io::Result<Child>,
) -> anyhow::Result<Child> {
    let places = [PathBuf::from(name), Path::new(SERVER_FOLDER).join(name)];
    for place in &places {
        match start(&mut Command::new(place)) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            other => return other.with_context(|| format!("{} does not start", place.display())),
        }
    }
    bail!("{name} is not installed, and this test needs it; run: {INSTALL}")
}

fn ended(status: ExitStatus) -> String {
    format!("ended early ({status})")
}
