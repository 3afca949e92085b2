//! A program as a child process that is killed, stopped, paused and started again.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::process::{Child, Command};

/// A program stops in order within ten seconds.
const STOP_WITHIN: Duration = Duration::from_secs(12);

/// The program.
#[derive(Debug)]
pub(super) struct Service {
    name: &'static str,
    program: PathBuf,
    settings: Vec<(&'static str, String)>,
    folder: PathBuf,
    child: Option<Child>,
    starts: u32,
}

impl Service {
    pub(super) fn new(
        name: &'static str,
        programs: &Path,
        folder: &Path,
        settings: Vec<(&'static str, String)>,
    ) -> Self {
        Self {
            name,
            program: programs.join(name),
            settings,
            folder: folder.to_owned(),
            child: None,
            starts: 0,
        }
    }

    /// Starts it; its log goes on in the same file.
    pub(super) fn start(&mut self) -> anyhow::Result<()> {
        self.starts += 1;
        let log = self.folder.join(format!("{}.log", self.name));
        let mut file = OpenOptions::new().create(true).append(true).open(&log)?;
        writeln!(file, "--- start {}", self.starts)?;
        let child = Command::new(&self.program)
            .current_dir(&self.folder)
            .env_clear()
            .env("NO_COLOR", "1")
            .envs(self.settings.iter().map(|(name, value)| (*name, value)))
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} does not start", self.program.display()))?;
        self.child = Some(child);
        Ok(())
    }

    /// SIGKILL: no handler, no flush.
    pub(super) async fn kill(&mut self) -> anyhow::Result<()> {
        self.must_run()?;
        if let Some(mut child) = self.child.take() {
            child.kill().await?;
        }
        Ok(())
    }

    /// SIGTERM; an error when it does not stop in order and in time.
    pub(super) async fn stop(&mut self) -> anyhow::Result<()> {
        self.signal("-TERM").await?;
        let Some(mut child) = self.child.take() else {
            return Ok(());
        };
        match tokio::time::timeout(STOP_WITHIN, child.wait()).await {
            Ok(status) if status.as_ref().is_ok_and(ExitStatus::success) => Ok(()),
            Ok(status) => bail!("{} was asked to stop and ended with {}", self.name, status?),
            Err(_) => bail!("{} did not stop within {STOP_WITHIN:?}", self.name),
        }
    }

    /// Lets it stand still.
    pub(super) async fn pause(&mut self) -> anyhow::Result<()> {
        self.signal("-STOP").await
    }

    /// Lets it go on.
    pub(super) async fn go_on(&mut self) -> anyhow::Result<()> {
        self.signal("-CONT").await
    }

    /// An error when it has ended by itself.
    pub(super) fn must_run(&mut self) -> anyhow::Result<()> {
        let Some(child) = &mut self.child else {
            bail!("{} is not started", self.name);
        };
        if let Some(status) = child.try_wait()? {
            bail!("{} ended by itself with {status}", self.name);
        }
        Ok(())
    }

    async fn signal(&mut self, signal: &str) -> anyhow::Result<()> {
        self.must_run()?;
        let pid = self.child.as_ref().and_then(Child::id);
        let pid = pid.with_context(|| format!("{} has no process", self.name))?;
        let sent = Command::new("kill")
            .args([signal, &pid.to_string()])
            .status()
            .await?;
        if !sent.success() {
            bail!("kill {signal} of {} failed", self.name);
        }
        Ok(())
    }
}
