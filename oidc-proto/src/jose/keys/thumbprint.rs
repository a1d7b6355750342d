//! Thumbprints of keys: a name that everyone computes from the key itself (RFC 7638, RFC 8037 section 2, RFC 9278,
//! RFC 9964 section 6).

use super::{super::algorithm::Algorithm, jwk::Jwk, numbers::Numbers};
use crate::{
    backend::{PublicKey, Scheme, sha256},
    base::base64url,
};
use zeroize::Zeroizing;

impl Jwk {
    /// Returns the SHA-256 thumbprint of an `RSA`, `EC`, `OKP`, `AKP` or `oct` key, in base64url (RFC 7638).
    ///
    /// Returns `None` for other types, if a required member is missing, and if a member is not in canonical form: a
    /// key must not have two names.
    ///
    /// Do not publish the thumbprint of an `oct` key: others could test guesses of the secret with it (RFC 7638
    /// section 7).
    #[must_use]
    pub fn thumbprint(&self) -> Option<String> {
        // Member names and base64url need no escapes. RFC 7638 orders the members by name.
        let text = Zeroizing::new(match self.kty.as_str() {
            "RSA" => {
                format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, number(&self.e)?, number(&self.n)?)
            }
            "EC" => {
                let length = coordinate_length(self.crv.as_deref()?)?;
                format!(
                    r#"{{"crv":"{}","kty":"EC","x":"{}","y":"{}"}}"#,
                    self.crv.as_deref()?,
                    octets(&self.x, length)?,
                    octets(&self.y, length)?
                )
            }
            "OKP" => {
                let length = point_length(self.crv.as_deref()?)?;
                format!(
                    r#"{{"crv":"{}","kty":"OKP","x":"{}"}}"#,
                    self.crv.as_deref()?,
                    octets(&self.x, length)?
                )
            }
            "AKP" => {
                let scheme = Algorithm::from_name(self.alg.as_deref()?)?.scheme();
                let key = octets(&self.public, scheme.ml_dsa_key()?)?;
                format!(r#"{{"alg":"{}","kty":"AKP","pub":"{key}"}}"#, self.alg.as_deref()?)
            }
            "oct" => {
                let secret = self.k.as_ref()?.expose();
                Zeroizing::new(base64url::decode(secret)?);
                format!(r#"{{"k":"{secret}","kty":"oct"}}"#)
            }
            _ => return None,
        });
        Some(base64url::encode(&sha256(text.as_bytes())))
    }

    /// Returns the thumbprint as a URI (RFC 9278 section 3), or `None` if there is no thumbprint.
    #[must_use]
    pub fn thumbprint_uri(&self) -> Option<String> {
        Some(format!("urn:ietf:params:oauth:jwk-thumbprint:sha-256:{}", self.thumbprint()?))
    }
}

/// Returns the thumbprint of the numbers of a key.
pub(super) fn of_numbers(numbers: &Numbers) -> String {
    match numbers {
        Numbers::Rsa { n, e } => of_rsa(n, e),
        Numbers::P256(point) => of_point("P-256", point),
        Numbers::P384(point) => of_point("P-384", point),
        Numbers::P521(point) => of_point("P-521", point),
        Numbers::Ed25519(point) => of_ed25519(point),
        Numbers::MlDsa(scheme, key) => of_ml_dsa(*scheme, key),
    }
}

/// Returns the thumbprint of a public key. A secret has none.
pub(super) fn of_public(key: &PublicKey) -> Option<String> {
    Some(match key {
        PublicKey::Rsa(key) => of_rsa(&key.n, &key.e),
        PublicKey::P256([_, point @ ..]) => of_point("P-256", point),
        PublicKey::P384([_, point @ ..]) => of_point("P-384", point),
        PublicKey::P521([_, point @ ..]) => of_point("P-521", point),
        PublicKey::Ed25519(point) => of_ed25519(point),
        PublicKey::MlDsa(scheme, key) => of_ml_dsa(*scheme, key),
        PublicKey::Secret(_) => return None,
    })
}

fn of_rsa(n: &[u8], e: &[u8]) -> String {
    hashed(&[r#"{"e":""#, r#"","kty":"RSA","n":""#, r#""}"#], &[e, n])
}

fn of_point(curve: &str, point: &[u8]) -> String {
    let (x, y) = point.split_at_checked(point.len() / 2).unwrap_or_default();
    hashed(&[r#"{"crv":""#, curve, r#"","kty":"EC","x":""#, r#"","y":""#, r#""}"#], &[&[], &[], x, y])
}

fn of_ed25519(point: &[u8]) -> String {
    hashed(&[r#"{"crv":"Ed25519","kty":"OKP","x":""#, r#""}"#], &[point])
}

fn of_ml_dsa(scheme: Scheme, key: &[u8]) -> String {
    let is_of_scheme = |algorithm: &&Algorithm| algorithm.scheme() == scheme;
    let name = Algorithm::ALL.iter().find(is_of_scheme).map_or("", |algorithm| algorithm.name());
    hashed(&[r#"{"alg":""#, name, r#"","kty":"AKP","pub":""#, r#""}"#], &[&[], &[], key])
}

/// Returns the SHA-256 digest, in base64url, of these texts, with these numbers in base64url between them.
fn hashed(texts: &[&str], numbers: &[&[u8]]) -> String {
    let length =
        texts.iter().map(|text| text.len()).chain(numbers.iter().map(|bytes| bytes.len() * 4 / 3 + 2));
    let mut json = String::with_capacity(length.sum());
    for (index, text) in texts.iter().enumerate() {
        json.push_str(text);
        base64url::encode_into(numbers.get(index).copied().unwrap_or_default(), &mut json);
    }
    base64url::encode(&sha256(json.as_bytes()))
}

/// Returns the text of a member if it is base64url of the right length.
fn octets(member: &Option<String>, length: usize) -> Option<&str> {
    let text = member.as_deref()?;
    let bytes = base64url::decode(text)?;
    (bytes.len() == length).then_some(text)
}

/// Returns the text of a number if it has no leading zero byte (RFC 7518 section 2, Base64urlUInt).
fn number(member: &Option<String>) -> Option<&str> {
    let text = member.as_deref()?;
    base64url::decode(text)?.first().is_some_and(|byte| *byte != 0).then_some(text)
}

fn coordinate_length(curve: &str) -> Option<usize> {
    match curve {
        "P-256" | "secp256k1" => Some(32),
        "P-384" => Some(48),
        "P-521" => Some(66),
        _ => None,
    }
}

fn point_length(curve: &str) -> Option<usize> {
    match curve {
        "Ed25519" | "X25519" => Some(32),
        "Ed448" => Some(57),
        "X448" => Some(56),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thumbprint(json: &str) -> Option<String> {
        Jwk::parse(json.as_bytes()).unwrap().thumbprint()
    }

    #[test]
    fn the_thumbprint_and_the_uri_of_the_example_of_rfc_8037() {
        let key = r#"{"kid":"any","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","crv":"Ed25519",
                      "d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","kty":"OKP"}"#;
        assert_eq!(thumbprint(key).unwrap(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        assert_eq!(
            Jwk::parse(key.as_bytes()).unwrap().thumbprint_uri().unwrap(),
            "urn:ietf:params:oauth:jwk-thumbprint:sha-256:kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
    }

    #[test]
    fn no_key_has_two_names() {
        assert!(thumbprint(r#"{"kty":"RSA","e":"AQAB","n":"gA"}"#).is_some());
        assert!(thumbprint(r#"{"kty":"oct","k":"AA"}"#).is_some());
        for bad in [
            r#"{"kty":"RSA","e":"AAEAAQ","n":"gA"}"#,
            r#"{"kty":"RSA","e":"AQAB","n":"gB"}"#,
            r#"{"kty":"RSA","e":"AQAB","n":""}"#,
            r#"{"kty":"RSA","e":"AQAB"}"#,
            r#"{"kty":"RSA","e":"AQAB","n":"\",\"x\":\""}"#,
            r#"{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}"#,
            r#"{"kty":"EC","crv":"p256","x":"AA","y":"AA"}"#,
            r#"{"kty":"OKP","crv":"Ed25519","x":"AA"}"#,
            r#"{"kty":"OKP","crv":"Ed25519\"","x":"AA"}"#,
            r#"{"kty":"oct","k":"AA=="}"#,
            r#"{"kty":"oct"}"#,
            r#"{"kty":"AKP","pub":"AA"}"#,
            r#"{"kty":"AKP","alg":"ML-DSA-44","pub":"AA"}"#,
            r#"{"kty":"AKP","alg":"ES512","pub":"AA"}"#,
        ] {
            assert_eq!(thumbprint(bad), None, "{bad}");
        }
    }
}
