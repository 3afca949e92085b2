//! What a process has used, as Linux tells it in `/proc`.

use std::path::PathBuf;

use anyhow::Context as _;

/// Clock ticks in a second: `USER_HZ`, 100 on every Linux of today.
const TICKS: f64 = 100.0;

/// A process that is looked at.
#[derive(Debug, Clone)]
pub(crate) struct Process(PathBuf);

/// What it holds in memory, in MiB.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    pub(crate) now: f64,
    pub(crate) peak: f64,
}

impl Process {
    pub(crate) fn new(pid: u32) -> Self {
        Self(PathBuf::from(format!("/proc/{pid}")))
    }

    /// Seconds of CPU, its own and the kernel's on its behalf.
    pub(crate) fn cpu_seconds(&self) -> anyhow::Result<f64> {
        let stat = self.read("stat")?;
        // The name, in parentheses, may hold spaces; utime and stime are the 12th and 13th field after it.
        let (_, fields) = stat
            .rsplit_once(')')
            .context("/proc/PID/stat has no name")?;
        let ticks = fields.split_whitespace().skip(11).take(2);
        let ticks: f64 = ticks.filter_map(|field| field.parse::<f64>().ok()).sum();
        Ok(ticks / TICKS)
    }

    /// Resident memory.
    pub(crate) fn memory(&self) -> anyhow::Result<Memory> {
        let status = self.read("status")?;
        let of = |name: &str| -> anyhow::Result<f64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
            Ok(kib.with_context(|| format!("/proc/PID/status has no {name}"))? / 1024.0)
        };
        Ok(Memory {
            now: of("VmRSS:")?,
            peak: of("VmHWM:")?,
        })
    }

    fn read(&self, file: &str) -> anyhow::Result<String> {
        let path = self.0.join(file);
        std::fs::read_to_string(&path).with_context(|| path.display().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_memory_and_cpu() {
        let me = Process::new(std::process::id());
        let memory = me.memory().unwrap();
        assert!(memory.now > 0.1 && memory.peak >= memory.now, "{memory:?}");
        let before = me.cpu_seconds().unwrap();
        let begun = std::time::Instant::now();
        while me.cpu_seconds().unwrap() <= before {
            assert!(begun.elapsed().as_secs() < 10, "busy, yet no CPU is used");
        }
    }
}
