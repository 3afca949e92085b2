//! One TLS provider and one set of trusted roots for the whole process (docs/adr/0004).

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};

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
