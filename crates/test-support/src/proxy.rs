//! A TCP proxy that breaks in chosen ways, between any client and any server.

mod connection;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// Connections at once; more are reset.
const MAX_CONNECTIONS: usize = 256;

/// What is wrong with the way. Applies at once, to connections that are open and to new ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: bytes pass as they come.
    Pass,
    /// No byte passes, and no end of a connection either: the cable is out, both sides believe that they are connected. New
    /// connections are accepted and hear nothing. What waits passes when this is over.
    Hold(Way),
    /// Every piece of an answer comes that much later.
    Delay(Duration),
    /// Bytes a second, each way.
    Throttle(u64),
    /// Each connection ends, in order, after that many more bytes of answers: half a body.
    CutAfter(u64),
    /// Open connections are reset, new ones as soon as they are made.
    Refuse,
    /// Open connections are reset; on new ones, every HTTP request gets this status and an empty JSON object, unheard by the target.
    Answer(u16),
}

/// Which bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the client to the target.
    ToTarget,
    /// From the target to the client.
    ToClient,
    /// All of them.
    Both,
}

/// A proxy on a free port of loopback; it ends, with its connections, when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: JoinHandle<()>,
}

/// What the proxy and its connections have in common.
#[derive(Debug)]
struct Shared {
    target: Mutex<SocketAddr>,
    state: watch::Sender<State>,
    accepted: AtomicUsize,
    open: AtomicUsize,
}

/// What the connections are told.
#[derive(Debug, Clone, Copy)]
struct State {
    fault: Fault,
    /// How often everything was cut.
    cuts: u64,
}

impl Proxy {
    /// A proxy to this address, which nobody has to listen on yet.
    ///
    /// # Errors
    /// When loopback has no free port left.
    pub async fn to(target: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("no free port")?;
        let address = listener.local_addr()?;
        let (state, _) = watch::channel(State {
            fault: Fault::Pass,
            cuts: 0,
        });
        let shared = Arc::new(Shared {
            target: Mutex::new(target),
            state,
            accepted: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
        });
        #[expect(
            clippy::disallowed_methods,
            reason = "owned and aborted by the proxy, and its connections with it"
        )]
        let acceptor = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self {
            address,
            shared,
            acceptor,
        })
    }

    /// Where clients connect to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same as `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sets what is wrong from now on; what was wrong before is over.
    pub fn set(&self, fault: Fault) {
        self.shared.state.send_modify(|state| state.fault = fault);
    }

    /// Resets all open connections, once.
    pub fn cut(&self) {
        self.shared.state.send_modify(|state| state.cuts += 1);
    }

    /// Leads new connections elsewhere.
    pub fn retarget(&self, target: SocketAddr) {
        *self.shared.target() = target;
    }

    /// Connections that were accepted so far.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::Relaxed)
    }

    /// Connections that are open now.
    #[must_use]
    pub fn open(&self) -> usize {
        self.shared.open.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}

impl Shared {
    fn target(&self) -> std::sync::MutexGuard<'_, SocketAddr> {
        self.target.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // Dropped together with this task, which ends them all.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => {
                // Only this connection failed, or there are too many files: the next may do better.
                let Ok((client, _)) = accepted else { continue };
                shared.accepted.fetch_add(1, Ordering::Relaxed);
                if connections.len() < MAX_CONNECTIONS {
                    connections.spawn(connection::serve(client, Arc::clone(&shared)));
                } else {
                    connection::reset(client);
                }
            }
        }
    }
}
