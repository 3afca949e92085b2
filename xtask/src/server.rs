//! Programs that run until they are stopped.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::{patience, process};

/// A service has ten seconds to stop in order; then it is killed.
const STOP_WITHIN: Duration = Duration::from_secs(12);

/// A child process with its log; it is stopped when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts a program that writes its log to `<logs>/<name>.log`.
    pub(crate) fn start(name: &str, command: &mut Command, logs: &Path) -> anyhow::Result<Self> {
        let log = logs.join(format!("{name}.log"));
        let file = File::create(&log).with_context(|| log.display().to_string())?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("{name} does not start"))?;
        Ok(Self {
            name: name.to_owned(),
            child,
            log,
        })
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// An error with the end of its log when the program has ended.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        let Some(status) = self.child.try_wait()? else {
            return Ok(());
        };
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let end = lines[lines.len().saturating_sub(15)..].join("\n");
        bail!("{} ended ({status}); the end of its log:\n{end}", self.name)
    }

    /// Waits until the program ends by itself.
    pub(crate) fn wait_for_end(&mut self, deadline: Duration) -> anyhow::Result<bool> {
        let what = format!("the end of {}", self.name);
        patience::until(&what, deadline, || self.ended())
    }

    /// `None` while the program runs, then whether it ended well.
    pub(crate) fn ended(&mut self) -> anyhow::Result<Option<bool>> {
        Ok(self.child.try_wait()?.map(|status| status.success()))
    }

    /// What it has printed so far.
    pub(crate) fn log(&self) -> anyhow::Result<String> {
        std::fs::read_to_string(&self.log).with_context(|| self.log.display().to_string())
    }
}

impl Server {
    /// Asks the program to stop; an error when it does not do so in order and in time.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        self.terminate()?;
        if !self.wait_for_end(STOP_WITHIN)? {
            bail!(
                "{} did not stop in order; its log:\n{}",
                self.name,
                self.log()?
            );
        }
        Ok(())
    }

    /// Ends the program with SIGKILL; an error when it had ended by itself.
    pub(crate) fn kill(mut self) -> anyhow::Result<()> {
        self.check()?;
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    fn terminate(&self) -> anyhow::Result<()> {
        let pid = self.child.id().to_string();
        process::output(Command::new("kill").args(["-TERM", &pid]))?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        if self.terminate().is_ok() && self.wait_for_end(STOP_WITHIN).is_ok() {
            return;
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
