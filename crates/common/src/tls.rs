//! One TLS provider and one set of trusted roots for the whole process (docs/adr/0004).

use std::error::Error;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};

/// Makes ring the provider of every TLS connection. Runs first in every `main`; a second call does nothing.
pub fn install() {
    // An error means that a provider is there already, which is what we want.
    drop(rustls::crypto::ring::default_provider().install_default());
}

/// A client configuration that trusts the system's roots. Certificates that cannot be read are left out.
pub fn client_config() -> Arc<ClientConfig> {
    install();
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (_, ignored) = roots.add_parsable_certificates(found.certs);
    if ignored > 0 {
        tracing::debug!(
            ignored,
            "system certificates that cannot be used were left out"
        );
    }
    Arc::new(
        ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth(),
    )
}

/// A client configuration that takes any certificate, and so cannot tell the peer from somebody in between. Only for a peer that
/// its user has named so (`SSL_VERIFY=false`); the caller logs a warning.
pub fn unverified_client_config() -> Arc<ClientConfig> {
    install();
    let schemes = rustls::crypto::ring::default_provider()
        .signature_verification_algorithms
        .supported_schemes();
    Arc::new(
        ClientConfig::builder()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate(schemes)))
            .with_no_client_auth(),
    )
}

/// Takes every certificate. A signature that belongs to it would prove nothing, so it is not looked at either: certificates
/// of old forms pass, too.
#[derive(Debug)]
struct AnyCertificate(Vec<SignatureScheme>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.clone()
    }
}

/// Why TLS with a peer did not come about, where a person can do something about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsTrouble {
    /// The peer's certificate is not accepted; why, such as `it has expired`.
    Certificate(String),
    /// The peer does not speak TLS.
    NotTls,
}

/// What is the matter with TLS, if that is what `error` is about.
pub fn trouble(error: &(dyn Error + 'static)) -> Option<TlsTrouble> {
    let mut next = Some(error);
    while let Some(error) = next {
        // What an I/O error wraps is not among its sources.
        let wrapped = error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref)
            .and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match wrapped.or_else(|| error.downcast_ref::<rustls::Error>()) {
            Some(rustls::Error::InvalidCertificate(problem)) => {
                return Some(TlsTrouble::Certificate(in_words(problem)));
            }
            Some(rustls::Error::InvalidMessage(_)) => return Some(TlsTrouble::NotTls),
            Some(_) | None => next = error.source(),
        }
    }
    None
}

fn in_words(problem: &CertificateError) -> String {
    match problem {
        CertificateError::UnknownIssuer => {
            "it is signed by nobody whom this machine trusts, or by itself".to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "it has expired, or this machine's clock is wrong".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet, or this machine's clock is wrong".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!("it is made out to another name ({problem})")
        }
        other => other.to_string(),
    }
}
