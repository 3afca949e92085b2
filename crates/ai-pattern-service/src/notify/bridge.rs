//! TLS for a client that is built without it (docs/adr/0004): the client speaks to a private socket, and this carries the bytes on.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
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
        let tls = match &broker.ca_file {
            None => common::tls::client_config(),
            Some(file) => trusting(file)?,
        };
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

/// Trusts the certificates of this file only.
fn trusting(file: &Path) -> Result<Arc<ClientConfig>, String> {
    common::tls::install();
    let unreadable =
        |error: &dyn std::fmt::Display| format!("MQTT_CA_FILE {}: {error}", file.display());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| unreadable(&error))? {
        let certificate = certificate.map_err(|error| unreadable(&error))?;
        roots.add(certificate).map_err(|error| unreadable(&error))?;
    }
    if roots.is_empty() {
        return Err(unreadable(&"there is no certificate in it"));
    }
    Ok(Arc::new(
        ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth(),
    ))
}
