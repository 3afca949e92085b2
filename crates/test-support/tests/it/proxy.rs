use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use test_support::{Fault, Proxy, Way, eventually};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};

const SOON: Duration = Duration::from_secs(10);
/// Long enough to be noticed if a byte did pass.
const MOMENT: Duration = Duration::from_millis(150);

/// A server that sends back what it gets; and one that says `hello` and closes.
async fn echo() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    #[expect(clippy::disallowed_methods, reason = "ends with the test's runtime")]
    tokio::spawn(async move {
        let mut clients = tokio::task::JoinSet::new();
        while let Ok((mut client, _)) = listener.accept().await {
            clients.spawn(async move {
                let (mut from, mut to) = client.split();
                tokio::io::copy(&mut from, &mut to).await.ok();
            });
        }
    });
    Ok(address)
}

async fn through(fault: Fault) -> anyhow::Result<(Proxy, TcpStream)> {
    let proxy = Proxy::to(echo().await?).await?;
    proxy.set(fault);
    let client = TcpStream::connect(proxy.address()).await?;
    Ok((proxy, client))
}

async fn read(client: &mut TcpStream, count: usize) -> anyhow::Result<Vec<u8>> {
    let mut bytes = vec![0; count];
    timeout(SOON, client.read_exact(&mut bytes)).await??;
    Ok(bytes)
}

async fn hears_nothing(client: &mut TcpStream) -> bool {
    timeout(MOMENT, client.read_u8()).await.is_err()
}

async fn is_reset(client: &mut TcpStream) -> bool {
    let read = timeout(SOON, client.read_u8()).await;
    matches!(read, Ok(Err(error)) if error.kind() == ErrorKind::ConnectionReset)
}

#[tokio::test]
async fn bytes_and_ends_pass_both_ways() -> anyhow::Result<()> {
    let (proxy, mut client) = through(Fault::Pass).await?;
    let sent: Vec<u8> = (0..100_000_u32).map(|n| n as u8).collect();
    let (mut from, mut to) = client.split();
    let write = async {
        to.write_all(&sent).await?;
        to.shutdown().await
    };
    let mut got = Vec::new();
    let (written, read) = tokio::join!(write, timeout(SOON, from.read_to_end(&mut got)));
    written?;
    read??;
    assert!(got == sent);
    assert_eq!(proxy.accepted(), 1);
    eventually("the end", SOON, async || (proxy.open() == 0).then_some(())).await
}

#[tokio::test]
async fn what_is_held_passes_later_and_neither_side_sees_an_end() -> anyhow::Result<()> {
    let (proxy, mut client) = through(Fault::Pass).await?;
    client.write_all(b"a").await?;
    assert_eq!(read(&mut client, 1).await?, b"a");
    for way in [Way::ToTarget, Way::ToClient, Way::Both] {
        proxy.set(Fault::Hold(way));
        client.write_all(b"b").await?;
        assert!(hears_nothing(&mut client).await, "{way:?}");
        let mut late = TcpStream::connect(proxy.address()).await?;
        late.write_all(b"c").await?;
        assert!(hears_nothing(&mut late).await, "{way:?}");
        proxy.set(Fault::Pass);
        assert_eq!(read(&mut client, 1).await?, b"b");
        assert_eq!(read(&mut late, 1).await?, b"c");
    }
    Ok(())
}

#[tokio::test]
async fn answers_are_late_by_the_delay() -> anyhow::Result<()> {
    let (_proxy, mut client) = through(Fault::Delay(Duration::from_millis(300))).await?;
    let begun = Instant::now();
    client.write_all(b"a").await?;
    assert_eq!(read(&mut client, 1).await?, b"a");
    assert!(begun.elapsed() >= Duration::from_millis(300));
    Ok(())
}

#[tokio::test]
async fn a_throttled_way_carries_no_more_than_its_rate() -> anyhow::Result<()> {
    let (proxy, mut client) = through(Fault::Throttle(40_000)).await?;
    let begun = Instant::now();
    client.write_all(&vec![7; 20_000]).await?;
    assert_eq!(read(&mut client, 20_000).await?, vec![7; 20_000]);
    assert!(
        begun.elapsed() >= Duration::from_millis(450),
        "half a second and a little"
    );
    proxy.set(Fault::Pass);
    client.write_all(&vec![8; 200_000]).await?;
    read(&mut client, 200_000).await?;
    assert!(begun.elapsed() < Duration::from_secs(5), "at once again");
    Ok(())
}

#[tokio::test]
async fn a_connection_ends_after_so_many_bytes_of_answers_from_now_on() -> anyhow::Result<()> {
    let (proxy, mut client) = through(Fault::Pass).await?;
    client.write_all(b"before").await?;
    read(&mut client, 6).await?;
    proxy.set(Fault::CutAfter(4));
    client.write_all(b"half of it").await?;
    let mut got = Vec::new();
    timeout(SOON, client.read_to_end(&mut got)).await??;
    assert_eq!(got, b"half");
    Ok(())
}

#[tokio::test]
async fn refused_means_reset_for_old_and_new_connections() -> anyhow::Result<()> {
    let (proxy, mut client) = through(Fault::Pass).await?;
    client.write_all(b"a").await?;
    read(&mut client, 1).await?;
    proxy.set(Fault::Refuse);
    assert!(is_reset(&mut client).await);
    assert!(is_reset(&mut TcpStream::connect(proxy.address()).await?).await);
    proxy.set(Fault::Pass);
    let mut client = TcpStream::connect(proxy.address()).await?;
    client.write_all(b"b").await?;
    assert_eq!(read(&mut client, 1).await?, b"b");
    Ok(())
}

#[tokio::test]
async fn the_proxy_answers_in_the_targets_place_and_takes_the_whole_request() -> anyhow::Result<()>
{
    let (_proxy, mut client) = through(Fault::Answer(503)).await?;
    let body = vec![b'x'; 3_000_000];
    let head = format!("POST / HTTP/1.1\r\ncontent-length: {}\r\n\r\n", body.len());
    client.write_all(head.as_bytes()).await?;
    client.write_all(&body).await?;
    client.shutdown().await?;
    let mut reply = String::new();
    timeout(SOON, client.read_to_string(&mut reply)).await??;
    assert!(
        reply.starts_with("HTTP/1.1 503 ") && reply.ends_with("\r\n\r\n{}"),
        "{reply}"
    );
    Ok(())
}

#[tokio::test]
async fn a_cut_ends_what_is_open_even_while_it_is_held() -> anyhow::Result<()> {
    let (proxy, mut client) = through(Fault::Pass).await?;
    client.write_all(b"a").await?;
    read(&mut client, 1).await?;
    proxy.set(Fault::Hold(Way::Both));
    let mut waiting = TcpStream::connect(proxy.address()).await?;
    eventually("two", SOON, async || (proxy.open() == 2).then_some(())).await?;
    proxy.cut();
    assert!(is_reset(&mut client).await && is_reset(&mut waiting).await);
    Ok(())
}

#[tokio::test]
async fn a_target_that_is_away_is_a_reset_and_another_target_serves_the_next() -> anyhow::Result<()>
{
    let nobody = SocketAddr::from(([127, 0, 0, 1], test_support::free_port()?));
    let proxy = Proxy::to(nobody).await?;
    assert!(is_reset(&mut TcpStream::connect(proxy.address()).await?).await);
    proxy.retarget(echo().await?);
    let mut client = TcpStream::connect(proxy.address()).await?;
    client.write_all(b"a").await?;
    assert_eq!(read(&mut client, 1).await?, b"a");
    drop(proxy);
    let end = timeout(SOON, client.read_u8()).await?;
    assert!(end.is_err(), "the proxy took its connections with it");
    Ok(())
}
