//! Trust in https servers: the certificate authorities, and the TLS client configuration.

use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// The trusted certificate authorities: those of Mozilla's root programme, and those added.
#[derive(Debug, Clone)]
pub struct Authorities(RootCertStore);

impl Default for Authorities {
    fn default() -> Self {
        Self(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect())
    }
}

impl Authorities {
    /// Adds the certificates of a PEM file (RFC 7468), given its content.
    ///
    /// # Errors
    ///
    /// If the file is damaged, contains no certificate, or contains an invalid one. The error does not name the file.
    pub fn add(&mut self, pem: &[u8]) -> Result<(), String> {
        let mut found = false;
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| {
                format!("the file is damaged ({error:?}); replace it with a valid PEM file")
            })?;
            self.0.add(certificate).map_err(|error| {
                format!("a certificate in the file is invalid ({error}); replace it")
            })?;
            found = true;
        }
        match found {
            true => Ok(()),
            false => {
                Err("the file contains no PEM certificate; convert the certificate to PEM".into())
            }
        }
    }

    /// A connector that trusts these authorities. None if the cryptography provider supports no TLS version.
    pub(super) fn connector(&self) -> Option<TlsConnector> {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions();
        let mut config = match config {
            Ok(config) => config
                .with_root_certificates(self.0.clone())
                .with_no_client_auth(),
            Err(error) => {
                tracing::error!(
                    "TLS to other servers cannot be set up: {error}; every https request of the handlers fails"
                );
                return None;
            }
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Some(TlsConnector::from(Arc::new(config)))
    }
}
