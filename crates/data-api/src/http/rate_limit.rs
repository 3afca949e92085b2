//! Token buckets: one per address for callers without a valid key, one per named key that has a rate.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Callers that are remembered; when there are more, those with a full bucket are forgotten.
const MAX_CALLERS: usize = 10_000;

/// Counts requests per caller.
#[derive(Debug)]
pub(super) struct RateLimit {
    per_minute: u32,
    burst: u32,
    buckets: Mutex<HashMap<Who, Bucket>>,
    asked: AtomicU64,
    refused: AtomicU64,
}

/// For whom is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Who {
    /// Who calls from there; of IPv6, from that /64, which is what one customer gets.
    Address(IpAddr),
    /// Who has the named key of this number.
    Key(i64),
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    per_second: f64,
    at: Instant,
}

/// What a caller may still do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quota {
    /// Requests a minute in the long run.
    pub(super) per_minute: u32,
    /// Requests that would pass now.
    pub(super) remaining: u32,
    /// Until nothing counts against this caller any more.
    pub(super) full_in_seconds: u64,
    /// This request does not pass; the next one does after so many seconds.
    pub(super) wait_seconds: Option<u64>,
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

    /// Whether this address may ask now, without a valid key.
    pub(super) fn admit_address(&self, address: IpAddr, now: Instant) -> Quota {
        self.admit(Who::Address(network(address)), self.per_minute, now)
    }

    /// Whether this caller may ask now.
    pub(super) fn admit(&self, who: Who, per_minute: u32, now: Instant) -> Quota {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let per_minute = per_minute.max(1);
        let per_second = f64::from(per_minute) / 60.0;
        let burst = f64::from(self.burst.max(1));
        let filled = |bucket: &Bucket| {
            let passed = now.saturating_duration_since(bucket.at).as_secs_f64();
            (bucket.tokens + passed * bucket.per_second).min(burst)
        };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MAX_CALLERS && !buckets.contains_key(&who) {
            buckets.retain(|_, bucket| filled(bucket) < burst);
            if buckets.len() >= MAX_CALLERS {
                buckets.clear();
            }
        }
        let bucket = buckets.entry(who).or_insert(Bucket {
            tokens: burst,
            per_second,
            at: now,
        });
        bucket.tokens = filled(bucket);
        bucket.per_second = per_second;
        bucket.at = now;
        let passes = bucket.tokens >= 1.0;
        if passes {
            bucket.tokens -= 1.0;
        } else {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        Quota {
            per_minute,
            remaining: bucket.tokens as u32,
            full_in_seconds: ((burst - bucket.tokens) / per_second).ceil() as u64,
            wait_seconds: (!passes).then(|| ((1.0 - bucket.tokens) / per_second).ceil() as u64),
        }
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

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn passes(quota: Quota) -> bool {
        quota.wait_seconds.is_none()
    }

    #[test]
    fn a_burst_passes_then_the_rate_holds_for_each_address() {
        let limit = RateLimit::new(60, 3);
        let (one, two) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let start = Instant::now();
        for left in [2, 1, 0] {
            let quota = limit.admit_address(one, start);
            assert_eq!((passes(quota), quota.remaining), (true, left));
        }
        let refused = limit.admit_address(one, start);
        assert_eq!(
            (refused.wait_seconds, refused.full_in_seconds),
            (Some(1), 3)
        );
        assert!(passes(limit.admit_address(two, start)));
        assert!(passes(
            limit.admit_address(one, start + Duration::from_secs(1))
        ));
        assert_eq!(limit.seen().refused, 1);
    }

    #[test]
    fn addresses_of_one_ipv6_network_are_one_caller_and_a_mapped_address_is_the_ipv4_one() {
        let limit = RateLimit::new(60, 1);
        let start = Instant::now();
        let admit = |address: &str| passes(limit.admit_address(address.parse().unwrap(), start));
        assert!(admit("2001:db8::1"));
        assert!(!admit("2001:db8::2:3"));
        assert!(admit("2001:db8:0:1::1"));
        assert!(admit("192.0.2.1"));
        assert!(!admit("::ffff:192.0.2.1"));
    }

    #[test]
    fn a_key_has_its_own_rate_and_no_address_shares_it() {
        let limit = RateLimit::new(60, 1);
        let start = Instant::now();
        assert!(passes(limit.admit(Who::Key(1), 600, start)));
        assert!(!passes(limit.admit(Who::Key(1), 600, start)));
        assert!(passes(limit.admit(Who::Key(2), 600, start)));
        let soon = start + Duration::from_millis(101);
        assert!(passes(limit.admit(Who::Key(1), 600, soon)));
    }
}
