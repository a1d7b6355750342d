//! Clients that present certificates (RFC 8705): whoever carries a request says which certificate its connection showed.

use super::{Registration, TestProvider, token::Refusal};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::Request;
use ring::digest;
use serde_json::{Value, json};

/// The certificate that the connection of a request has shown, in DER: an extension of the request.
///
/// ```
/// use oidc_testkit::PeerCertificate;
///
/// let mut request = http::Request::post("https://op.example/token").body(Vec::<u8>::new())?;
/// request.extensions_mut().insert(PeerCertificate(b"a certificate".to_vec()));
/// # Ok::<(), http::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct PeerCertificate(pub Vec<u8>);

impl PeerCertificate {
    /// Its SHA-256 thumbprint (RFC 8705 section 3.1), computed without the library under test.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, &self.0))
    }
}

/// What the provider knows of certificates.
#[derive(Default)]
pub(super) struct Certificates {
    accepted: bool,
    /// The thumbprint of the certificate of the present request.
    shown: Option<String>,
}

impl TestProvider {
    /// Lists both methods of certificates in the metadata. No method is listed by default.
    pub fn accept_certificates(&mut self, on: bool) {
        self.certificates.accepted = on;
    }

    pub(super) fn certificate_metadata(&self, metadata: &mut Value) {
        if self.certificates.accepted {
            let methods = [json!("tls_client_auth"), json!("self_signed_tls_client_auth")];
            if let Some(listed) = metadata["token_endpoint_auth_methods_supported"].as_array_mut() {
                listed.extend(methods);
            }
            metadata["tls_client_certificate_bound_access_tokens"] = true.into();
        }
    }

    pub(super) fn see_certificate(&mut self, request: &Request<Vec<u8>>) {
        self.certificates.shown =
            request.extensions().get::<PeerCertificate>().map(PeerCertificate::thumbprint);
    }

    /// Whether the connection has shown this certificate.
    pub(super) fn shows(&self, thumbprint: &str) -> bool {
        self.certificates.shown.as_deref() == Some(thumbprint)
    }

    /// Refuses a request without a certificate of a client whose tokens are bound to one.
    pub(super) fn demand_certificate(&mut self, client: &Registration) -> Result<(), Refusal> {
        if client.certificate_bound && self.certificates.shown.is_none() {
            self.audit.note(
                "no certificate, although the tokens of the client are bound to it (RFC 8705 section 3)",
            );
            return Err(Refusal::bad("invalid_request", "the request shows no certificate"));
        }
        Ok(())
    }

    /// The certificate that the tokens of a client are bound to.
    pub(super) fn bound_certificate(&self, client: &Registration) -> Option<Value> {
        let shown = self.certificates.shown.as_deref().filter(|_| client.certificate_bound)?;
        Some(json!({ "x5t#S256": shown }))
    }
}
