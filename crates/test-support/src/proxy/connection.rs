//! One connection through the proxy.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::{Fault, Shared, State, Way};

/// Most bytes that are carried at once.
const PIECE: usize = 16 * 1024;
/// A throttled way carries so many pieces a second.
const STEPS: u64 = 20;
/// Longest head of a request that is answered in the target's place.
const MAX_HEAD: usize = 64 * 1024;
/// Time for the target to accept, and for a client to take an answer.
const PATIENCE: Duration = Duration::from_secs(10);

type Told = watch::Receiver<State>;

/// How a connection ends before both sides have said all.
enum End {
    /// In order.
    Early,
    /// At once.
    Reset,
}

/// Counts a connection for as long as it is open.
struct Open<'a>(&'a Shared);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Carries a connection to its end.
pub(super) async fn serve(mut client: TcpStream, shared: Arc<Shared>) {
    shared.open.fetch_add(1, Ordering::Relaxed);
    let _open = Open(&shared);
    // Subscribed before the first look at the fault, so that no change is missed.
    let mut told = shared.state.subscribe();
    let begun = told.borrow_and_update().cuts;
    let Some(fault) = settled(&mut told, begun).await else {
        return reset(client);
    };
    match fault {
        Fault::Refuse => return reset(client),
        Fault::Answer(status) => {
            // A client that has gone needs no answer.
            drop(timeout(PATIENCE, answer(&mut client, status)).await);
            return;
        }
        _ => {}
    }
    let target = *shared.target();
    let Ok(Ok(mut server)) = timeout(PATIENCE, TcpStream::connect(target)).await else {
        return reset(client);
    };
    // Small answers must not wait for each other; where that cannot be set they do.
    drop(client.set_nodelay(true).and(server.set_nodelay(true)));
    let end = {
        let (mut from_client, mut to_client) = client.split();
        let (mut from_server, mut to_server) = server.split();
        let both = async {
            tokio::try_join!(
                carry(
                    &mut from_client,
                    &mut to_server,
                    Way::ToTarget,
                    told.clone()
                ),
                carry(
                    &mut from_server,
                    &mut to_client,
                    Way::ToClient,
                    told.clone()
                ),
            )
        };
        // What was held when the connection is cut does not get through.
        tokio::select! {
            biased;
            () = cut(told.clone(), begun) => Some(End::Reset),
            both = both => both.err(),
        }
    };
    match end {
        None => {}
        Some(End::Early) => {
            // Whoever has gone needs no goodbye.
            drop(client.shutdown().await);
            reset(server);
        }
        Some(End::Reset) => {
            reset(client);
            reset(server);
        }
    }
}

/// Ends a connection at once: the other side gets an error, and no more data.
pub(super) fn reset(stream: TcpStream) {
    // Where that cannot be set the connection ends in order, which is an end, too.
    drop(stream.set_zero_linger());
    drop(stream);
}

/// The fault that a new connection meets, when nothing is held any more; nothing when it was cut while it waited.
async fn settled(told: &mut Told, begun: u64) -> Option<Fault> {
    loop {
        let now = *told.borrow_and_update();
        if now.cuts != begun {
            return None;
        }
        if !matches!(now.fault, Fault::Hold(_)) {
            return Some(now.fault);
        }
        told.changed().await.ok()?;
    }
}

/// Resolves when an open connection has to end.
async fn cut(mut told: Told, begun: u64) {
    let ends =
        |now: &State| now.cuts != begun || matches!(now.fault, Fault::Refuse | Fault::Answer(_));
    // An error means that the proxy is gone.
    drop(told.wait_for(ends).await);
}

/// Carries bytes one way until its end, as the fault of the moment wants it.
async fn carry<R, W>(from: &mut R, to: &mut W, way: Way, mut told: Told) -> Result<(), End>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut buffer = vec![0; PIECE];
    let mut last = told.borrow().fault;
    // Bytes since that fault was set.
    let mut passed = 0_u64;
    loop {
        let fault = told.borrow_and_update().fault;
        if fault != last {
            (last, passed) = (fault, 0);
        }
        let most = match fault {
            Fault::Throttle(rate) => (rate / STEPS).clamp(1, PIECE as u64) as usize,
            _ => PIECE,
        };
        let read = tokio::select! {
            biased;
            changed = told.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return Err(End::Reset),
            },
            read = from.read(&mut buffer[..most]), if !fault.holds(way) => read,
        };
        let count = match read {
            Ok(0) => return to.shutdown().await.map_err(|_| End::Reset),
            Ok(count) => count,
            Err(_) => return Err(End::Reset),
        };
        match fault {
            Fault::Delay(time) if way == Way::ToClient => sleep(time).await,
            Fault::Throttle(rate) => {
                sleep(Duration::from_secs_f64(count as f64 / rate.max(1) as f64)).await;
            }
            _ => {}
        }
        // The cable may have been pulled meanwhile.
        let open = told.wait_for(|now| !now.fault.holds(way)).await;
        open.map_err(|_| End::Reset)?;
        let left = match fault {
            Fault::CutAfter(limit) if way == Way::ToClient => limit.saturating_sub(passed),
            _ => u64::MAX,
        };
        let write = usize::try_from(left).map_or(count, |left| count.min(left));
        let written = to.write_all(&buffer[..write]).await;
        written.map_err(|_| End::Reset)?;
        passed += write as u64;
        if write as u64 == left {
            return Err(End::Early);
        }
    }
}

impl Fault {
    fn holds(self, way: Way) -> bool {
        matches!(self, Self::Hold(held) if held == Way::Both || held == way)
    }
}

/// Answers a request in the target's place.
async fn answer(client: &mut TcpStream, status: u16) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if head.len() > MAX_HEAD || client.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let reply = format!(
        "HTTP/1.1 {status} Fault\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}"
    );
    client.write_all(reply.as_bytes()).await?;
    client.shutdown().await?;
    // A body that is still on its way would turn the end of the connection into a reset, and the answer would be lost.
    let mut rest = vec![0; PIECE];
    while client.read(&mut rest).await? > 0 {}
    Ok(())
}
