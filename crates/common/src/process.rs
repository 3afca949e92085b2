//! What this process takes of the machine, as the system tells it. Linux only; elsewhere nothing is known.

/// What the process holds and has used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usage {
    /// Memory that is in RAM, in bytes.
    pub resident_bytes: u64,
    /// Processor time of all threads since the start, in seconds.
    pub cpu_seconds: f64,
}

/// Ticks a second in `/proc/…/stat`. The kernel scales to this number for programs on every architecture that we build for.
const TICKS_PER_SECOND: f64 = 100.0;

/// What this process uses now, where the system tells it.
pub fn usage() -> Option<Usage> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    Some(Usage {
        resident_bytes: resident_bytes(&status)?,
        cpu_seconds: cpu_seconds(&stat)?,
    })
}

/// Threads of this process, where the system tells it.
pub fn threads() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    field(&status, "Threads:")
}

/// Files, sockets and pipes that this process has open, where the system tells it.
pub fn open_files() -> Option<usize> {
    Some(std::fs::read_dir("/proc/self/fd").ok()?.count())
}

/// Memory of the machine in bytes, where the system tells it.
pub fn machine_memory_bytes() -> Option<u64> {
    let memory = std::fs::read_to_string("/proc/meminfo").ok()?;
    Some(field(&memory, "MemTotal:")? * 1024)
}

/// The number after a name.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// From the line `VmRSS:     1234 kB`.
fn resident_bytes(status: &str) -> Option<u64> {
    Some(field(status, "VmRSS:")? * 1024)
}

/// From the 14th and 15th field: time in the program and in the kernel for it.
fn cpu_seconds(stat: &str) -> Option<f64> {
    // The second field is the name of the program in brackets, which may hold blanks and brackets itself.
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut times = after_name.split_whitespace().skip(11);
    let (user, system): (u64, u64) = (times.next()?.parse().ok()?, times.next()?.parse().ok()?);
    Some((user + system) as f64 / TICKS_PER_SECOND)
}

/// The usage under the names that every Prometheus client library has for it; empty where nothing is known.
pub fn prometheus_text() -> String {
    usage().map_or_else(String::new, |usage| {
        format!(
            "# HELP process_resident_memory_bytes Resident memory size in bytes.\n\
             # TYPE process_resident_memory_bytes gauge\n\
             process_resident_memory_bytes {}\n\n\
             # HELP process_cpu_seconds_total Total user and system CPU time spent in seconds.\n\
             # TYPE process_cpu_seconds_total counter\n\
             process_cpu_seconds_total {}\n\n",
            usage.resident_bytes, usage.cpu_seconds
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_the_system_are_read_also_with_an_odd_program_name() {
        let status = "Name:\tx\nVmPeak:\t  9000 kB\nVmRSS:\t  2048 kB\nThreads:\t4\n";
        assert_eq!(resident_bytes(status), Some(2 * 1024 * 1024));
        let stat = "4711 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 4 0 100 1 2";
        assert_eq!(cpu_seconds(stat), Some(3.0));
        assert_eq!(
            (resident_bytes(""), cpu_seconds("4711 (a) S 1")),
            (None, None)
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_memory_and_says_so_under_the_standard_names() {
        let resident = usage().unwrap().resident_bytes;
        assert!(resident > 100_000 && resident < machine_memory_bytes().unwrap());
        assert!(threads().unwrap() >= 1 && open_files().unwrap() >= 1);
        let text = prometheus_text();
        for name in ["process_resident_memory_bytes", "process_cpu_seconds_total"] {
            assert!(text.contains(&format!("\n{name} ")), "{text}");
        }
    }
}
