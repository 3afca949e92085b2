//! The server itself: takes connections up to a bound, and lets none of them wait for ever for a request.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::lifecycle::{Failure, Tasks};

/// Connections at the same time; one more waits until another has ended.
const MAX_CONNECTIONS: usize = 1024;
/// From the end of a request (or the beginning of the connection) to the last byte of the next one's head. A client that sends a byte
/// now and then, and one that keeps a connection for nothing, are cut off after it.
const HEAD_WITHIN: Duration = Duration::from_secs(30);
/// Lines in the head of a request; more get 431. Its address may have 65,534 bytes; more get 414.
const MAX_HEADERS: usize = 100;
/// A system without free file handles is asked again after this time.
const ACCEPT_AGAIN: Duration = Duration::from_millis(200);

/// Bounds of a server.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    connections: usize,
    head_within: Duration,
}

/// Serves in a task of its own until the process closes its servers; requests under way are finished.
pub fn serve(tasks: &Tasks, name: &'static str, listener: TcpListener, router: Router) {
    tasks.serve(name, serve_until(tasks.closing(), listener, router));
}

/// Serves until `closing` is cancelled; requests under way are finished.
///
/// # Errors
/// None today: a listener that fails is asked again.
pub async fn serve_until(
    closing: CancellationToken,
    listener: TcpListener,
    router: Router,
) -> Result<(), Failure> {
    let bounds = Bounds {
        connections: MAX_CONNECTIONS,
        head_within: HEAD_WITHIN,
    };
    serve_within(bounds, closing, listener, router).await;
    Ok(())
}

async fn serve_within(
    bounds: Bounds,
    closing: CancellationToken,
    listener: TcpListener,
    router: Router,
) {
    let free = Arc::new(Semaphore::new(bounds.connections));
    let tracker = TaskTracker::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(bounds.head_within)
        .max_headers(MAX_HEADERS);
    loop {
        let next = async {
            let permit = Arc::clone(&free).acquire_owned().await;
            (permit, accept(&listener).await)
        };
        let (permit, (stream, peer)) = tokio::select! {
            biased;
            () = closing.cancelled() => break,
            next = next => next,
        };
        let router = router.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            router.clone().oneshot(request.map(Body::new))
        });
        let connection = http
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let closing = closing.clone();
        drop(tracker.spawn(async move {
            let mut connection = pin!(connection);
            let served = tokio::select! {
                served = connection.as_mut() => served,
                () = closing.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = served {
                tracing::trace!(%error, %peer, "a connection ended early");
            }
            drop(permit);
        }));
    }
    drop(listener);
    tracker.close();
    tracker.wait().await;
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Answers are written whole; waiting for more would only delay them.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::trace!(%error, %peer, "answers may be delayed");
                }
                return (stream, peer);
            }
            // Who called is gone already.
            Err(error) if is_of_the_caller(&error) => {}
            Err(error) => {
                tracing::error!(%error, "cannot take a connection; trying again");
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

fn is_of_the_caller(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    struct Served {
        address: SocketAddr,
        closing: CancellationToken,
        tracker: TaskTracker,
    }

    async fn served(connections: usize, head_within: Duration) -> Served {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let slow = get(async || {
            tokio::time::sleep(Duration::from_millis(300)).await;
            "slow"
        });
        let router = Router::new()
            .route(
                "/",
                get(async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.ip().to_string()),
            )
            .route("/slow", slow);
        let (closing, tracker) = (CancellationToken::new(), TaskTracker::new());
        let bounds = Bounds {
            connections,
            head_within,
        };
        drop(tracker.spawn(serve_within(bounds, closing.clone(), listener, router)));
        tracker.close();
        Served {
            address,
            closing,
            tracker,
        }
    }

    /// Sends bytes and reads until the other side closes.
    async fn exchange(address: SocketAddr, sent: &[u8]) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(sent).await.unwrap();
        let mut answer = Vec::new();
        // A reset after the answer is a way of closing, too.
        drop(stream.read_to_end(&mut answer).await);
        String::from_utf8(answer).unwrap()
    }

    const ONE: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

    #[tokio::test]
    async fn a_head_that_never_ends_is_cut_off_and_others_are_served_meanwhile() {
        let served = served(8, Duration::from_millis(300)).await;
        let begun = Instant::now();
        let (cut, answer) = tokio::join!(
            exchange(served.address, b"GET / HTTP/1.1\r\nhost: x\r\nx-slow: "),
            exchange(served.address, ONE)
        );
        assert!(!cut.contains("200 OK"), "{cut}");
        assert!(begun.elapsed() >= Duration::from_millis(290));
        assert!(begun.elapsed() < Duration::from_secs(10));
        assert!(
            answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("127.0.0.1"),
            "{answer}"
        );
    }

    #[tokio::test]
    async fn one_connection_too_many_waits_until_another_has_ended() {
        let served = served(1, Duration::from_millis(300)).await;
        let idle = TcpStream::connect(served.address).await.unwrap();
        let begun = Instant::now();
        let answer = exchange(served.address, ONE).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        assert!(begun.elapsed() >= Duration::from_millis(250));
        drop(idle);
    }

    #[tokio::test]
    async fn heads_that_are_too_large_are_refused_with_the_status_for_it() {
        let served = served(8, Duration::from_secs(30)).await;
        let long = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(70_000));
        let answer = exchange(served.address, long.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 414"), "{answer}");
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(101));
        let answer = exchange(served.address, many.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    }

    #[tokio::test]
    async fn closing_finishes_what_is_under_way_and_takes_nothing_new() {
        let served = served(8, Duration::from_secs(30)).await;
        let idle = TcpStream::connect(served.address).await.unwrap();
        let close_soon = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            served.closing.cancel();
        };
        let slow = b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n";
        let (answer, ()) = tokio::join!(exchange(served.address, slow), close_soon);
        assert!(answer.ends_with("slow"), "{answer}");
        tokio::time::timeout(Duration::from_secs(5), served.tracker.wait())
            .await
            .unwrap();
        assert!(TcpStream::connect(served.address).await.is_err());
        drop(idle);
    }
}
