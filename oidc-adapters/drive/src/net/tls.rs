//! The TLS configurations of the client over hyper.

use super::error::Error;
use rustls::{
    ClientConfig, ConfigBuilder, RootCertStore,
    client::WantsClientCert,
    crypto::ring,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject as _},
    },
};
use std::sync::Arc;

/// The certificate authorities that Mozilla's browsers trust.
pub(crate) fn public_roots() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}

/// Only these certificate authorities: at least one certificate, in PEM.
pub(crate) fn roots(pem: &[u8]) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem)? {
        roots.add(certificate)?;
    }
    Ok(roots)
}

/// A configuration without a client certificate.
pub(crate) fn plain(roots: &Arc<RootCertStore>) -> Arc<ClientConfig> {
    offering(config(roots).with_no_client_auth())
}

/// A configuration with a client certificate: its chain and its key, in PEM.
pub(crate) fn certified(
    roots: &Arc<RootCertStore>,
    chain: &[u8],
    key: &[u8],
) -> Result<Arc<ClientConfig>, Error> {
    let key = PrivateKeyDer::from_pem_slice(key)?;
    Ok(offering(config(roots).with_client_auth_cert(certificates(chain)?, key)?))
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, pem::Error> {
    let certificates = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>()?;
    if certificates.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(certificates) }
}

fn config(roots: &Arc<RootCertStore>) -> ConfigBuilder<ClientConfig, WantsClientCert> {
    // Named here, so that it does not depend on the provider that the program installs for the process.
    let ring = Arc::new(ring::default_provider());
    #[allow(clippy::expect_used, reason = "it serves both versions")]
    let config = ClientConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .expect("ring serves TLS 1.2 and 1.3");
    config.with_root_certificates(Arc::clone(roots))
}

fn offering(mut config: ClientConfig) -> Arc<ClientConfig> {
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::new(config)
}
