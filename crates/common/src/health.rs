//! What a service knows about its own state: behind `/live`, `/ready`, `/health` and the `--healthcheck` flag.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

/// The state of a service. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Health(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    started: Instant,
    waiting_for: Mutex<BTreeMap<&'static str, usize>>,
    degraded: Mutex<BTreeMap<&'static str, String>>,
}

/// One thing that must happen before the service is ready; it has happened when this is dropped.
#[derive(Debug)]
pub struct NotReady {
    health: Health,
    what: &'static str,
}

/// One reason why a service does less than it could.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Degradation {
    /// The part that is missing, such as `home_assistant`.
    pub part: &'static str,
    /// What is the matter and what to do.
    pub reason: String,
}

impl Default for Health {
    fn default() -> Self {
        Self::new()
    }
}

impl Health {
    /// A service that has just started, waits for nothing and lacks nothing.
    pub fn new() -> Self {
        Self(Arc::new(Inner {
            started: Instant::now(),
            waiting_for: Mutex::default(),
            degraded: Mutex::default(),
        }))
    }

    /// Makes the service not ready until the returned value is dropped.
    #[must_use]
    pub fn wait_for(&self, what: &'static str) -> NotReady {
        *self
            .0
            .waiting_for
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(what)
            .or_default() += 1;
        NotReady {
            health: self.clone(),
            what,
        }
    }

    /// What the service still waits for; empty when it is ready.
    pub fn waiting_for(&self) -> Vec<&'static str> {
        self.0
            .waiting_for
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .keys()
            .copied()
            .collect()
    }

    /// Says that a part is missing and why. Returns whether that is news, so that it is logged once.
    pub fn degrade(&self, part: &'static str, reason: impl Into<String>) -> bool {
        let reason = reason.into();
        let mut degraded = self
            .0
            .degraded
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        degraded.insert(part, reason.clone()).as_deref() != Some(reason.as_str())
    }

    /// Says that a part is there. Returns whether that is news.
    pub fn restore(&self, part: &'static str) -> bool {
        self.0
            .degraded
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(part)
            .is_some()
    }

    /// Everything that is missing now.
    pub fn degradations(&self) -> Vec<Degradation> {
        let degraded = self
            .0
            .degraded
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        degraded
            .iter()
            .map(|(part, reason)| Degradation {
                part,
                reason: reason.clone(),
            })
            .collect()
    }

    /// Whether nothing is missing.
    pub fn is_whole(&self) -> bool {
        self.0
            .degraded
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_empty()
    }

    /// Seconds since the start.
    pub fn uptime_seconds(&self) -> f64 {
        self.0.started.elapsed().as_secs_f64()
    }
}

impl Drop for NotReady {
    fn drop(&mut self) {
        let mut waiting = self
            .health
            .0
            .waiting_for
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = waiting.get_mut(self.what) {
            *count -= 1;
            if *count == 0 {
                waiting.remove(self.what);
            }
        }
    }
}

/// Time that a probe may take in all.
const PROBE_DEADLINE: Duration = Duration::from_millis(2500);

/// Asks the service on this machine's `port` for `/live`: the binary is its own health probe.
///
/// # Errors
/// One line that says why the service is not healthy.
pub fn probe(port: u16) -> Result<String, String> {
    let begun = Instant::now();
    let left = || {
        PROBE_DEADLINE
            .saturating_sub(begun.elapsed())
            .max(Duration::from_millis(1))
    };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let fail = |what: &str, error: &std::io::Error| {
        format!("unhealthy: {what} http://{address}/live: {error}")
    };
    let mut stream =
        TcpStream::connect_timeout(&address, left()).map_err(|e| fail("cannot connect to", &e))?;
    stream
        .set_write_timeout(Some(left()))
        .map_err(|e| fail("cannot ask", &e))?;
    stream
        .write_all(
            format!("GET /live HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")
                .as_bytes(),
        )
        .map_err(|e| fail("cannot ask", &e))?;
    let mut answer = Vec::new();
    let mut piece = [0_u8; 512];
    // The status line is all that counts; a service that drips bytes is cut off by the deadline.
    while !answer.contains(&b'\n') && answer.len() < 4096 && begun.elapsed() < PROBE_DEADLINE {
        stream
            .set_read_timeout(Some(left()))
            .map_err(|e| fail("cannot read from", &e))?;
        let read = stream
            .read(&mut piece)
            .map_err(|e| fail("no answer from", &e))?;
        if read == 0 {
            break;
        }
        answer.extend_from_slice(&piece[..read]);
    }
    let line = String::from_utf8_lossy(&answer)
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned();
    let status = line.split(' ').nth(1).unwrap_or_default();
    if line.starts_with("HTTP/1.") && status.len() == 3 && status.starts_with('2') {
        Ok(format!(
            "healthy: {status} in {} ms",
            begun.elapsed().as_millis()
        ))
    } else {
        Err(format!(
            "unhealthy: http://{address}/live answered '{line}'"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn ready_when_the_last_wait_is_over() {
        let health = Health::new();
        let (one, two) = (health.wait_for("migrations"), health.wait_for("migrations"));
        drop(one);
        assert_eq!(health.waiting_for(), ["migrations"]);
        drop(two);
        assert!(health.waiting_for().is_empty());
    }

    #[test]
    fn a_reason_is_news_once() {
        let health = Health::new();
        assert!(health.degrade("broker", "refused"));
        assert!(!health.degrade("broker", "refused"));
        assert!(health.degrade("broker", "unknown host"));
        assert!(health.restore("broker") && !health.restore("broker"));
        assert!(health.is_whole());
    }

    #[test]
    fn the_probe_is_negative_when_nothing_listens_and_when_the_server_hangs() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let begun = Instant::now();
        assert!(probe(port).unwrap_err().contains("no answer"));
        assert!(begun.elapsed() < Duration::from_secs(3));
        drop(listener);
        assert!(probe(port).unwrap_err().contains("cannot connect"));
    }
}
