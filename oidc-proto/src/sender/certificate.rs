//! [`CertificateThumbprint`]: the hash by which a token is bound to a client certificate (RFC 8705 section 3.1).

use crate::{backend::sha256, base::base64url};

/// The SHA-256 thumbprint of a client certificate (RFC 8705 section 3.1).
///
/// The server that terminates TLS must verify that the client holds the private key of the certificate. If a proxy does
/// this and passes the thumbprint in a header, it must remove that header from the client's request.
///
/// ```
/// use oidc_proto::sender::CertificateThumbprint;
///
/// # let der = b"the certificate in DER";
/// // From the TLS library, which has the certificate:
/// let of_connection = CertificateThumbprint::of_der(der);
/// // Or from a proxy that has computed it:
/// let of_proxy = CertificateThumbprint::parse(of_connection.as_str());
/// assert_eq!(of_proxy, Some(of_connection));
/// assert_eq!(CertificateThumbprint::parse("not a thumbprint"), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateThumbprint(String);

impl CertificateThumbprint {
    /// Computes the thumbprint of a certificate in DER.
    #[must_use]
    pub fn of_der(der: &[u8]) -> Self {
        Self(base64url::encode(&sha256(der)))
    }

    /// Reads a thumbprint that a proxy has computed: 32 bytes in base64url. `None` for any other text.
    #[must_use]
    pub fn parse(x5t_s256: &str) -> Option<Self> {
        (base64url::decode(x5t_s256)?.len() == 32).then(|| Self(x5t_s256.to_owned()))
    }

    /// Returns the thumbprint in the form of `x5t#S256`: base64url without padding.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thumbprint_is_the_hash_of_the_der_or_32_bytes_in_base64url() {
        let of_nothing = CertificateThumbprint::of_der(b"");
        assert_eq!(of_nothing.as_str(), "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU");
        assert_eq!(CertificateThumbprint::parse(of_nothing.as_str()), Some(of_nothing));
        for bad in ["", "AA", "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=", "é"] {
            assert_eq!(CertificateThumbprint::parse(bad), None, "{bad}");
        }
    }
}
