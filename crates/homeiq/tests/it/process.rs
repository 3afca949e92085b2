//! The binary as a child process.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

/// The binary with these settings and no others.
pub(crate) fn homeiq(folder: &Path, settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_homeiq"));
    command.env_clear().current_dir(folder).stdin(Stdio::null());
    for port in [
        "DATA_API_PORT",
        "WEBSOCKET_INGESTION_PORT",
        "PATTERN_SERVICE_PORT",
    ] {
        command.env(port, "0");
    }
    // However full the disk is that the tests run on.
    command.env("ALERT_DISK_FREE_PERCENT", "0");
    command.envs(settings.iter().copied());
    command
}

/// Runs it to its end.
pub(crate) fn end_of(folder: &Path, settings: &[(&str, &str)]) -> (Option<i32>, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = homeiq(folder, settings).output().unwrap();
    (
        status.code(),
        format!(
            "{}{}",
            String::from_utf8_lossy(&stdout),
            String::from_utf8_lossy(&stderr)
        ),
    )
}

/// A running binary; killed when dropped.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
    pub(crate) said: Vec<String>,
}

impl Running {
    pub(crate) fn start(folder: &Path, settings: &[(&str, &str)]) -> Self {
        let mut child = homeiq(folder, settings)
            .env("LOG_FORMAT", "text")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (sender, lines) = mpsc::channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            output
                .lines()
                .map_while(Result::ok)
                .all(|line| sender.send(line).is_ok())
        });
        Self {
            child,
            lines,
            said: Vec::new(),
        }
    }

    /// Waits for a line that contains `wanted`, and returns it.
    pub(crate) fn until(&mut self, wanted: &str, patience: Duration) -> String {
        let begun = Instant::now();
        while let Some(left) = patience.checked_sub(begun.elapsed()) {
            let Ok(line) = self.lines.recv_timeout(left) else {
                break;
            };
            self.said.push(line.clone());
            if line.contains(wanted) {
                return line;
            }
        }
        panic!(
            "waited {patience:?} for a line with '{wanted}', in vain:\n{}",
            self.said.join("\n")
        );
    }

    /// Stops it as an operator does. Returns its exit code and how long it took.
    pub(crate) fn terminate(&mut self) -> (Option<i32>, Duration) {
        let begun = Instant::now();
        assert!(
            Command::new("kill")
                .args(["-TERM", &self.child.id().to_string()])
                .status()
                .unwrap()
                .success()
        );
        let code = self.child.wait().unwrap().code();
        (code, begun.elapsed())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
