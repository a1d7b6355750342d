//! [`Jwk`]: one key as JSON (RFC 7517 section 4, RFC 7518 section 6, RFC 8037 section 2, RFC 9964 section 2).

use crate::base::{
    json::{Extra, JsonError, Members},
    secret::Secret,
};
use serde_json::{Map, Value};

/// The private members of asymmetric keys (RFC 7518 sections 6.2.2, 6.3.2, RFC 9964 section 2).
pub(super) const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "priv"];

/// A JSON Web Key as JSON. Its values are not checked; a [`KeySet`] does that.
///
/// The private members of an asymmetric key are dropped on parsing. The secret of an `oct` key is kept as a
/// [`Secret`].
///
/// ```
/// use oidc_proto::jose::Jwk;
///
/// // The key of RFC 8037 appendix A.1. `d` is its private half.
/// let jwk = Jwk::parse(br#"{"kty": "OKP", "crv": "Ed25519",
///     "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
///     "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#)?;
/// assert_eq!(jwk.crv.as_deref(), Some("Ed25519"));
/// assert_eq!(jwk.to_json().get("d"), None);
/// assert_eq!(jwk.thumbprint().as_deref(), Some("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"));
/// # Ok::<(), oidc_proto::base::JsonError>(())
/// ```
///
/// [`KeySet`]: super::KeySet
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jwk {
    /// The key type: `RSA`, `EC`, `OKP`, `AKP`, `oct`, or a type that this library does not support.
    pub kty: String,
    /// `kid`: the name of the key.
    pub kid: Option<String>,
    /// `use`: `sig` or `enc`.
    pub public_key_use: Option<String>,
    /// The operations that the key is for, such as `verify`.
    pub key_ops: Option<Vec<String>>,
    /// The only algorithm that the key is for.
    pub alg: Option<String>,
    /// The curve of an `EC` or `OKP` key.
    pub crv: Option<String>,
    /// The x coordinate of an `EC` key, or the public key of an `OKP` key, in base64url.
    pub x: Option<String>,
    /// The y coordinate of an `EC` key, in base64url.
    pub y: Option<String>,
    /// The modulus of an `RSA` key, in base64url.
    pub n: Option<String>,
    /// The public exponent of an `RSA` key, in base64url.
    pub e: Option<String>,
    /// `pub`: the public key of an `AKP` key, in base64url.
    pub public: Option<String>,
    /// The secret of an `oct` key, in base64url.
    pub k: Option<Secret>,
    /// `x5t#S256`: the SHA-256 thumbprint of the certificate of the key.
    pub x5t_s256: Option<String>,
    /// The members that no field knows, without private members.
    pub extra: Extra,
}

impl Jwk {
    /// Parses a key.
    ///
    /// # Errors
    /// The text is not acceptable JSON, has no `kty`, or a member has the wrong type.
    pub fn parse(json: &[u8]) -> Result<Self, JsonError> {
        Self::read(Members::parse(json)?)
    }

    /// Reads a key from the members of a parsed JSON object.
    ///
    /// # Errors
    /// There is no `kty`, or a member has the wrong type.
    pub fn from_members(members: Extra) -> Result<Self, JsonError> {
        Self::read(Members::new(members))
    }

    fn read(mut members: Members) -> Result<Self, JsonError> {
        let missing = JsonError::WrongType { member: "kty", expected: "a string" };
        let mut key = Self {
            kty: members.string("kty")?.ok_or(missing)?,
            kid: members.string("kid")?,
            public_key_use: members.string("use")?,
            key_ops: members.strings("key_ops")?,
            alg: members.string("alg")?,
            crv: members.string("crv")?,
            x: members.string("x")?,
            y: members.string("y")?,
            n: members.string("n")?,
            e: members.string("e")?,
            public: members.string("pub")?,
            k: members.string("k")?.map(Secret::new),
            x5t_s256: members.string("x5t#S256")?,
            extra: Extra::new(),
        };
        key.extra = members.rest();
        key.extra.retain(|name, _| !PRIVATE.contains(&name.as_str()));
        Ok(key)
    }

    /// Whether the members of a key tell a private half, or a secret.
    pub(crate) fn tells_private(members: &Extra) -> bool {
        let tells = |name: &&str| members.get(*name).is_some_and(|value| !value.is_null());
        PRIVATE.iter().any(tells) || tells(&"k")
    }

    /// Returns the public key as JSON without its name and purpose, for the header of a proof (RFC 9449 section 4.2).
    pub(crate) fn bare(&self) -> Value {
        let members = [("crv", &self.crv), ("x", &self.x), ("y", &self.y), ("n", &self.n), ("e", &self.e)];
        // The algorithm is a part of an `AKP` key, and not its purpose.
        let generic = [("alg", &self.alg), ("pub", &self.public)].into_iter().filter(|_| self.kty == "AKP");
        let known =
            members.into_iter().chain(generic).filter_map(|(name, value)| Some((name, value.as_ref()?)));
        let mut bare = Map::from_iter([("kty".to_owned(), self.kty.clone().into())]);
        bare.extend(known.map(|(name, value)| (name.to_owned(), value.clone().into())));
        Value::Object(bare)
    }

    /// Returns the public members of the key as JSON. `k` and the private members are never among them.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut members: Map<String, Value> = self
            .extra
            .iter()
            .filter(|(name, _)| *name != "k" && !PRIVATE.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        members.insert("kty".to_owned(), self.kty.clone().into());
        for (name, value) in [
            ("kid", &self.kid),
            ("use", &self.public_key_use),
            ("alg", &self.alg),
            ("crv", &self.crv),
            ("x", &self.x),
            ("y", &self.y),
            ("n", &self.n),
            ("e", &self.e),
            ("pub", &self.public),
            ("x5t#S256", &self.x5t_s256),
        ] {
            if let Some(value) = value {
                members.insert(name.to_owned(), value.clone().into());
            }
        }
        if let Some(operations) = &self.key_ops {
            members.insert("key_ops".to_owned(), operations.clone().into());
        }
        Value::Object(members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_key_is_read_and_written_without_its_private_half() {
        let key = Jwk::parse(
            br#"{"kty":"OKP","crv":"Ed25519","x":"AA","d":"c2VjcmV0","use":"sig","key_ops":["verify"],
                 "kid":"one","alg":"EdDSA","x5t#S256":"BB","ext":true,"y":null}"#,
        )
        .unwrap();
        let text = format!("{key:?} {}", key.to_json());
        assert!(!text.contains("c2VjcmV0"), "{text}");
        assert_eq!(key.extra.keys().collect::<Vec<_>>(), ["ext"]);
        assert_eq!(
            key.to_json(),
            json!({"kty": "OKP", "crv": "Ed25519", "x": "AA", "use": "sig", "key_ops": ["verify"],
                   "kid": "one", "alg": "EdDSA", "x5t#S256": "BB", "ext": true})
        );
        assert_eq!(Jwk::from_members(key.to_json().as_object().unwrap().clone()), Ok(key));
    }

    #[test]
    fn a_secret_key_never_shows() {
        let mut key = Jwk::parse(br#"{"kty":"oct","k":"c2VjcmV0","kid":"one"}"#).unwrap();
        assert_eq!(key.k.as_ref().unwrap().expose(), "c2VjcmV0");
        key.extra.insert("k".to_owned(), "c2VjcmV0".into());
        assert_eq!(key.to_json(), json!({"kty": "oct", "kid": "one"}));
        key.extra.clear();
        assert!(!format!("{key:?}").contains("c2VjcmV0"));
    }

    #[test]
    fn members_have_types() {
        let wrong = |member, expected| Err(JsonError::WrongType { member, expected });
        assert_eq!(Jwk::parse(b"{}"), wrong("kty", "a string"));
        assert_eq!(Jwk::parse(br#"{"kty":5}"#), wrong("kty", "a string"));
        assert_eq!(Jwk::parse(br#"{"kty":"EC","x":[]}"#), wrong("x", "a string"));
        assert_eq!(
            Jwk::parse(br#"{"kty":"EC","key_ops":"verify"}"#),
            wrong("key_ops", "an array of strings")
        );
        assert_eq!(Jwk::parse(br#"{"kty":"EC","kty":"EC"}"#), Err(JsonError::DuplicateMember));
        assert_eq!(Jwk::parse(b"[]"), Err(JsonError::NotAnObject));
    }
}
