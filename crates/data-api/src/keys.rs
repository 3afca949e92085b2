//! Which keys let a caller in: the main one, and the named ones of the table `api_keys`.
//!
//! Of a named key only the SHA-256 is kept. A slow hash would protect passwords, which can be guessed; a key is 256 random bits, which
//! cannot, and it is looked at with every request.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use common::api::keys::{ApiKey, MAX_NAME_CHARS, NewKey, Scope};
use common::clock::Clock;
use common::instant::UtcMicros;
use common::lifecycle::Failure;
use common::secret_file::{self, NoSecret};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio_util::sync::CancellationToken;

use crate::store::{Added, Store, StoreFailure};

/// What every key that we make begins with, so that it can be found where it does not belong.
const PREFIX: &str = "hiq_";
/// How often the table is read anew: a key that another program revoked is refused after this time at the latest.
const READ_EVERY: Duration = Duration::from_secs(5);
/// An unknown key may be one that another program has just made; the table is not read more often for it than this.
const READ_FOR_UNKNOWN: Duration = Duration::from_secs(1);
/// How long a caller with an unknown key waits for the table.
const READ_WITHIN: Duration = Duration::from_secs(2);
/// `last_used` is written when it has moved by this much.
const USED_STEP_US: i64 = 60_000_000;
const MAX_RATE: u32 = 1_000_000;

type Hash = [u8; 32];

/// All keys. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Keys(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    main: Hash,
    named: RwLock<HashMap<Hash, Arc<NamedKey>>>,
    /// When the table was read last; held while it is read.
    read: tokio::sync::Mutex<Instant>,
    store: Store,
    clock: Clock,
}

/// A key of the table, in use.
#[derive(Debug)]
pub(crate) struct NamedKey {
    pub(crate) about: ApiKey,
    hash: Hash,
    /// Microseconds; 0: never.
    last_used: AtomicI64,
    /// The same as it is in the table.
    written: AtomicI64,
}

/// Who sent a request.
#[derive(Debug, Clone)]
pub(crate) enum Caller {
    /// Who has the main key: every scope.
    Main,
    /// Who has a named key.
    Named(Arc<NamedKey>),
    /// Nobody knows; let in because that was asked for, to read.
    Anonymous,
}

impl Caller {
    /// Whether this caller may do what needs `scope`.
    pub(crate) fn may(&self, scope: Scope) -> bool {
        match self {
            Self::Main => true,
            Self::Named(key) => key.about.scopes.contains(&scope),
            Self::Anonymous => scope == Scope::Read,
        }
    }

    /// What the log calls this caller.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Main => "(main key)",
            Self::Named(key) => &key.about.name,
            Self::Anonymous => "(anonymous)",
        }
    }
}

impl Keys {
    /// Reads the table.
    pub(crate) async fn read(
        main: &SecretString,
        store: Store,
        clock: Clock,
    ) -> Result<Self, StoreFailure> {
        let keys = Self(Arc::new(Inner {
            main: hash(main.expose_secret()),
            named: RwLock::default(),
            read: tokio::sync::Mutex::new(Instant::now()),
            store,
            clock,
        }));
        keys.read_again().await?;
        Ok(keys)
    }

    /// Whose key this is; none when it is unknown, revoked or expired.
    pub(crate) async fn find(&self, presented: &str) -> Option<Caller> {
        let hash = hash(presented);
        if hash.ct_eq(&self.0.main).into() {
            return Some(Caller::Main);
        }
        let found = if let Some(found) = self.named(&hash) {
            found
        } else {
            self.look_again().await;
            self.named(&hash)?
        };
        let now = self.0.clock.now();
        if found.about.expires_at.is_some_and(|end| end <= now) {
            return None;
        }
        found.last_used.fetch_max(now.get(), Ordering::Relaxed);
        Some(Caller::Named(found))
    }

    /// The map leads to one key; whether it is that one is compared in constant time.
    fn named(&self, hash: &Hash) -> Option<Arc<NamedKey>> {
        let named = self.0.named.read().unwrap_or_else(PoisonError::into_inner);
        let found = named.get(hash)?;
        bool::from(found.hash.ct_eq(hash)).then(|| Arc::clone(found))
    }

    /// Reads the table for a key that is not known, if that was not done a moment ago. A failure leaves the keys as they are.
    async fn look_again(&self) {
        let looked = tokio::time::timeout(READ_WITHIN, async {
            let read = self.0.read.lock().await;
            if read.elapsed() < READ_FOR_UNKNOWN {
                return Ok(());
            }
            drop(read);
            self.read_again().await
        });
        match looked.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the keys stay as they were read before"),
            Err(_) => {
                tracing::warn!("the table of keys cannot be read in time: they stay as they were");
            }
        }
    }

    /// Takes over what the table says now.
    pub(crate) async fn read_again(&self) -> Result<(), StoreFailure> {
        let mut read = self.0.read.lock().await;
        *read = Instant::now();
        let stored = self.0.store.keys().await?;
        let mut named = self.0.named.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::take(&mut *named);
        *named = stored
            .into_iter()
            .filter(|key| key.about.revoked_at.is_none())
            .map(|key| {
                let written = key.about.last_used.map_or(0, UtcMicros::get);
                let used = before
                    .get(&key.hash)
                    .map_or(0, |known| known.last_used.load(Ordering::Relaxed));
                let known = NamedKey {
                    about: key.about,
                    hash: key.hash,
                    last_used: AtomicI64::new(used.max(written)),
                    written: AtomicI64::new(written),
                };
                (key.hash, Arc::new(known))
            })
            .collect();
        Ok(())
    }

    /// Makes a key; the second part is the key itself, which is kept nowhere.
    pub(crate) async fn make(&self, wish: NewKey) -> Result<(ApiKey, SecretString), NotMade> {
        let made = make(&self.0.store, wish, self.0.clock.now()).await?;
        self.read_again().await?;
        Ok(made)
    }

    /// Revokes a key at once; false when there is none of this number in use.
    pub(crate) async fn revoke(&self, id: i64) -> Result<bool, StoreFailure> {
        let revoked = self.0.store.revoke_key(id, self.0.clock.now()).await?;
        self.read_again().await?;
        Ok(revoked)
    }

    /// Every key of the table, with what is known of its use up to now.
    pub(crate) async fn list(&self) -> Result<Vec<ApiKey>, StoreFailure> {
        let stored = self.0.store.keys().await?;
        let named = self.0.named.read().unwrap_or_else(PoisonError::into_inner);
        let with_use = |key: crate::store::StoredKey| {
            let used = named
                .get(&key.hash)
                .map_or(0, |known| known.last_used.load(Ordering::Relaxed));
            let last_used = UtcMicros::new(used).ok().filter(|_| used != 0);
            ApiKey {
                last_used: last_used.max(key.about.last_used),
                ..key.about
            }
        };
        Ok(stored.into_iter().map(with_use).collect())
    }

    /// Follows the table, which other programs change, and writes down which keys were used; until the process stops.
    pub(crate) async fn tend(self, stopping: CancellationToken) -> Result<(), Failure> {
        let mut is_well = true;
        loop {
            let stops = tokio::time::timeout(READ_EVERY, stopping.cancelled())
                .await
                .is_ok();
            let tended = match self.write_use(if stops { 1 } else { USED_STEP_US }).await {
                Ok(()) if stops => Ok(()),
                Ok(()) => self.read_again().await,
                Err(error) => Err(error),
            };
            match tended {
                Ok(()) => is_well = true,
                Err(error) if is_well => {
                    is_well = false;
                    tracing::warn!(%error, "the keys stay as they were read before");
                }
                Err(_) => {}
            }
            if stops {
                return Ok(());
            }
        }
    }

    async fn write_use(&self, step: i64) -> Result<(), StoreFailure> {
        let moved: Vec<_> = self
            .0
            .named
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .filter(|key| {
                key.last_used.load(Ordering::Relaxed) - key.written.load(Ordering::Relaxed) >= step
            })
            .cloned()
            .collect();
        if moved.is_empty() {
            return Ok(());
        }
        let used: Vec<_> = moved
            .iter()
            .map(|key| (key, key.last_used.load(Ordering::Relaxed)))
            .collect();
        let rows: Vec<_> = used
            .iter()
            .filter_map(|(key, at)| Some((key.about.id, UtcMicros::new(*at).ok()?)))
            .collect();
        self.0.store.keys_were_used(&rows).await?;
        for (key, at) in used {
            key.written.store(at, Ordering::Relaxed);
        }
        Ok(())
    }
}

fn hash(key: &str) -> Hash {
    Sha256::digest(key.as_bytes()).into()
}

/// Why no key was made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotMade {
    /// Something is wrong with the wish: with which part, and what.
    #[error("{0}: {1}")]
    Wrong(&'static str, String),
    /// A key in use has this name.
    #[error("a key named '{0}' is in use: revoke it, or take another name")]
    NameTaken(String),
    /// There are as many as there may be.
    #[error(
        "there are {} keys in use: revoke one that is not needed",
        common::api::keys::MAX_KEYS
    )]
    TooMany,
    /// There is no randomness.
    #[error(transparent)]
    NoSecret(#[from] NoSecret),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreFailure),
}

/// Makes a key in a store; the second part is the key itself, which is kept nowhere.
pub(crate) async fn make(
    store: &Store,
    mut wish: NewKey,
    now: UtcMicros,
) -> Result<(ApiKey, SecretString), NotMade> {
    check(&mut wish, now)?;
    let random = secret_file::random()?;
    let key = format!("{PREFIX}{}", random.expose_secret());
    match store.add_key(&wish, &hash(&key), now).await? {
        Added::Key(about) => Ok((about, key.into())),
        Added::NameTaken => Err(NotMade::NameTaken(wish.name)),
        Added::TooMany => Err(NotMade::TooMany),
    }
}

fn check(wish: &mut NewKey, now: UtcMicros) -> Result<(), NotMade> {
    let wrong = |part, what: &str| Err(NotMade::Wrong(part, what.to_owned()));
    wish.name = wish.name.trim().to_owned();
    if wish.name.is_empty()
        || wish.name.chars().count() > MAX_NAME_CHARS
        || wish.name.contains(char::is_control)
    {
        return wrong(
            "name",
            "want 1 to 100 characters, none of them a control character",
        );
    }
    wish.scopes.sort_unstable();
    wish.scopes.dedup();
    if wish.scopes.is_empty() {
        return wrong("scopes", "want at least one of read, ingest, admin");
    }
    if wish.expires_at.is_some_and(|end| end <= now) {
        return wrong("expires_at", "want an instant in the future");
    }
    if wish
        .rate_limit_per_min
        .is_some_and(|rate| !(1..=MAX_RATE).contains(&rate))
    {
        return wrong(
            "rate_limit_per_min",
            "want 1 to 1,000,000 requests a minute",
        );
    }
    Ok(())
}
