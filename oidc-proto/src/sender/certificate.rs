//! [`CertificateThumbprint`]: the client certificate of a connection, as a token is bound to it
//! (RFC 8705 section 3.1).

use crate::{backend::sha256, base::base64url};

/// The SHA-256 thumbprint of a client certificate.
///
/// Whoever terminates TLS must have verified that the client holds the certificate's private key; a
/// proxy that does so must remove the header in which it tells, if a client sent one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateThumbprint(String);

impl CertificateThumbprint {
    /// The thumbprint of a certificate in DER.
    #[must_use]
    pub fn of_der(der: &[u8]) -> Self {
        Self(base64url::encode(&sha256(der)))
    }

    /// The thumbprint that a proxy has computed: 32 bytes in base64url. `None` of anything else.
    #[must_use]
    pub fn parse(x5t_s256: &str) -> Option<Self> {
        (base64url::decode(x5t_s256)?.len() == 32).then(|| Self(x5t_s256.to_owned()))
    }

    /// The thumbprint as `x5t#S256` has it.
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
