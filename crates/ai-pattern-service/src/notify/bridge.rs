//! TLS for a client that is built without it (docs/adr/0004): the client speaks to a private socket, and this carries the bytes on.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::net::{TcpStream, UnixListener};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::notify::broker::Broker;

/// Time to reach the broker and agree on keys. Shorter than the client's own patience, so that our reason is the one that is told.
const CONNECT_DEADLINE: Duration = Duration::from_secs(4);

/// A socket in a folder that only this user may enter, for one connection.
#[derive(Debug)]
pub(super) struct Bridge {
    folder: TempDir,
    listener: UnixListener,
    host: String,
    address: String,
    tls: Arc<ClientConfig>,
}

impl Bridge {
    /// Opens the socket.
    ///
    /// # Errors
    /// No folder can be made, or the certificates of `MQTT_CA_FILE` cannot be read; in words.
    pub(super) fn new(broker: &Broker) -> Result<Self, String> {
        let folder =
            tempfile::tempdir().map_err(|error| format!("no private folder for TLS: {error}"))?;
        let listener = UnixListener::bind(folder.path().join("mqtt"))
            .map_err(|error| format!("no private socket for TLS: {error}"))?;
        let certificate = broker.client_certificate.as_ref();
        let tls = configured(broker.ca_file.as_deref(), certificate)?;
        let address = format!("{}:{}", broker.host_in_address(), broker.port);
        Ok(Self {
            folder,
            listener,
            host: broker.host.clone(),
            address,
            tls,
        })
    }

    /// Where a client that speaks through this bridge connects to.
    pub(super) fn socket(&self) -> String {
        self.folder
            .path()
            .join("mqtt")
            .to_string_lossy()
            .into_owned()
    }

    /// Carries bytes until one side ends.
    ///
    /// # Errors
    /// It cannot be begun, or broke; in words.
    pub(super) async fn carry(self) -> Result<(), String> {
        self.carried().await
    }

    async fn carried(self) -> Result<(), String> {
        let (mut client, _) = self
            .listener
            .accept()
            .await
            .map_err(|error| error.to_string())?;
        let name = ServerName::try_from(self.host.clone()).map_err(|error| error.to_string())?;
        let connect = async {
            let stream = TcpStream::connect(&self.address)
                .await
                .map_err(|error| error.to_string())?;
            let connector = TlsConnector::from(Arc::clone(&self.tls));
            connector
                .connect(name, stream)
                .await
                .map_err(|error| format!("TLS: {error}"))
        };
        let mut broker = timeout(CONNECT_DEADLINE, connect)
            .await
            .map_err(|_| "it does not answer in time".to_owned())??;
        match tokio::io::copy_bidirectional(&mut client, &mut broker).await {
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Trusts the certificates of this file only, or else the system's; shows our own where there is one.
fn configured(
    ca_file: Option<&Path>,
    certificate: Option<&(PathBuf, PathBuf)>,
) -> Result<Arc<ClientConfig>, String> {
    let trusting = match ca_file {
        None => common::tls::client_config(),
        Some(file) => trusting(file)?,
    };
    let Some((certificate, key)) = certificate else {
        return Ok(trusting);
    };
    let chain = certificates("MQTT_CERT_FILE", certificate)?;
    let secret = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| unreadable("MQTT_KEY_FILE", key, &error))?;
    let own = CertifiedKey::from_der(chain, secret, trusting.crypto_provider())
        .map_err(|error| unreadable("MQTT_CERT_FILE", certificate, &error))?;
    let mut showing = ClientConfig::clone(&trusting);
    showing.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(own));
    Ok(Arc::new(showing))
}

/// Trusts the certificates of this file only.
fn trusting(file: &Path) -> Result<Arc<ClientConfig>, String> {
    common::tls::install();
    let mut roots = RootCertStore::empty();
    for certificate in certificates("MQTT_CA_FILE", file)? {
        roots
            .add(certificate)
            .map_err(|error| unreadable("MQTT_CA_FILE", file, &error))?;
    }
    Ok(Arc::new(
        ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth(),
    ))
}

/// The certificates in a file; at least one.
fn certificates(name: &str, file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unreadable(name, file, &error))?;
    if read.is_empty() {
        return Err(unreadable(name, file, &"there is no certificate in it"));
    }
    Ok(read)
}

fn unreadable(name: &str, file: &Path, why: &dyn std::fmt::Display) -> String {
    format!("{name} {}: {why}", file.display())
}
