//! A Home Assistant behind TLS, with a certificate that nobody vouches for.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::chain::{Ingestion, Store, TOKEN, still_home};

fn certificate(folder: &Path) -> ServerConfig {
    let line = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=homeassistant -keyout key.pem -out cert.pem";
    let output = Command::new("openssl")
        .current_dir(folder)
        .args(line.split(' '))
        .output();
    let output = output.expect(
        "openssl is not installed, and this test needs it; run: apt-get install --yes openssl",
    );
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let certificate = CertificateDer::from_pem_file(folder.join("cert.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join("key.pem")).unwrap();
    ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap()
}

/// Takes TLS off and passes the rest on, as a reverse proxy does; ends when it is dropped.
struct Terminator {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Terminator {
    async fn before(target: SocketAddr) -> Self {
        common::tls::install();
        let folder = tempfile::tempdir().unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(certificate(folder.path())));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        #[expect(clippy::disallowed_methods, reason = "owned and aborted by this value")]
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // A client that does not trust us ends the handshake.
                if let Ok(mut client) = acceptor.accept(client).await {
                    let mut home = TcpStream::connect(target).await.unwrap();
                    // One connection at a time is enough here; how it ends does not matter.
                    tokio::io::copy_bidirectional(&mut client, &mut home)
                        .await
                        .ok();
                }
            }
        });
        Self { address, task }
    }
}

impl Drop for Terminator {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn says(settings: &[(&str, &str)], words: &[&str]) {
    let store = Store::new().await;
    let ingestion = Ingestion::with(store.port, settings).await;
    let health = ingestion
        .until("the reason", |health| {
            let told = health["degraded"].to_string();
            words.iter().all(|word| told.contains(word))
        })
        .await;
    assert_eq!(health["connection"]["successful_connections"], 0);
}

#[tokio::test]
async fn a_self_signed_certificate_is_refused_with_what_to_do() {
    let home = still_home().await;
    let tls = Terminator::before(home.address()).await;
    let url = format!("https://{}", tls.address);
    for more in [
        ("SSL_VERIFY", ""),
        ("SSL_VERIFY", "Yes"),
        ("NABU_CASA_SSL_VERIFY", "false"),
    ] {
        says(
            &[("HA_HTTP_URL", &url), ("HA_TOKEN", TOKEN), more],
            &["certificate", "SSL_CERT_FILE", "SSL_VERIFY=false"],
        )
        .await;
    }
    let fallback = [("NABU_CASA_URL", url.as_str()), ("NABU_CASA_TOKEN", TOKEN)];
    says(&fallback, &["certificate", "NABU_CASA_SSL_VERIFY=false"]).await;
    assert_eq!(home.connections(), 0);
}

#[tokio::test]
async fn any_certificate_is_accepted_where_that_is_asked_for() {
    let (home, store) = (still_home().await, Store::new().await);
    let tls = Terminator::before(home.address()).await;
    let url = format!("https://localhost:{}", tls.address.port());
    let settings = [
        ("HA_HTTP_URL", url.as_str()),
        ("HA_TOKEN", TOKEN),
        ("SSL_VERIFY", "off"),
        ("BACKFILL_INITIAL_DAYS", "0"),
    ];
    let ingestion = Ingestion::with(store.port, &settings).await;
    ingestion.subscribed().await;
    home.burst(200).await;
    ingestion.has_exactly(&home).await;
}

#[tokio::test]
async fn an_address_without_tls_is_told_apart() {
    let home = still_home().await;
    let url = format!("https://{}", home.address());
    let settings = [("HA_HTTP_URL", url.as_str()), ("HA_TOKEN", TOKEN)];
    says(&settings, &["does not speak TLS", "http://"]).await;
}
