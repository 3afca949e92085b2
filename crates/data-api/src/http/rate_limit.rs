//! Token bucket per address, for callers without a valid key.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Addresses that are remembered; when there are more, those with a full bucket are forgotten.
const MAX_ADDRESSES: usize = 10_000;

/// Counts requests per address.
#[derive(Debug)]
pub(super) struct RateLimit {
    per_minute: u32,
    burst: u32,
    buckets: Mutex<HashMap<IpAddr, Bucket>>,
    asked: AtomicU64,
    refused: AtomicU64,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

/// What `/health` tells of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) asked: u64,
    pub(super) refused: u64,
    pub(super) addresses: usize,
    pub(super) per_minute: u32,
    pub(super) burst: u32,
}

impl RateLimit {
    pub(super) fn new(per_minute: u32, burst: u32) -> Self {
        Self {
            per_minute,
            burst,
            buckets: Mutex::default(),
            asked: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }

    /// Whether this address may ask now; if not, after how many seconds it may.
    pub(super) fn admit(&self, address: IpAddr, now: Instant) -> Result<(), u64> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let per_second = f64::from(self.per_minute.max(1)) / 60.0;
        let burst = f64::from(self.burst.max(1));
        let filled = |bucket: &Bucket| {
            (bucket.tokens + now.saturating_duration_since(bucket.at).as_secs_f64() * per_second)
                .min(burst)
        };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MAX_ADDRESSES {
            buckets.retain(|_, bucket| filled(bucket) < burst);
            if buckets.len() >= MAX_ADDRESSES {
                buckets.clear();
            }
        }
        let bucket = buckets.entry(address).or_insert(Bucket {
            tokens: burst,
            at: now,
        });
        bucket.tokens = filled(bucket);
        bucket.at = now;
        if bucket.tokens >= 1.0 {
            bucket.tokens -= 1.0;
            return Ok(());
        }
        self.refused.fetch_add(1, Ordering::Relaxed);
        Err(((1.0 - bucket.tokens) / per_second).ceil() as u64)
    }

    pub(super) fn seen(&self) -> Seen {
        Seen {
            asked: self.asked.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            addresses: self
                .buckets
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .len(),
            per_minute: self.per_minute,
            burst: self.burst,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_burst_passes_then_the_rate_holds_for_each_address() {
        let limit = RateLimit::new(60, 3);
        let (one, two) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let start = Instant::now();
        for _ in 0..3 {
            assert_eq!(limit.admit(one, start), Ok(()));
        }
        assert_eq!(limit.admit(one, start), Err(1));
        assert_eq!(limit.admit(two, start), Ok(()));
        assert_eq!(limit.admit(one, start + Duration::from_secs(1)), Ok(()));
        assert_eq!(limit.seen().refused, 1);
    }
}
