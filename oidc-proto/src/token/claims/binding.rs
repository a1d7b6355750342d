//! [`Confirmation`]: the keys to which a token is bound (RFC 7800 section 3). [`Possession`]: the keys that its sender
//! has shown to hold (RFC 9449 section 6.1, RFC 8705 section 3.1).

use super::member::Text;
use crate::{
    base::{
        json::{Checked, Extra, JsonError, MAX_DEPTH, Members, Name, Names},
        secret::equal,
    },
    token::VerificationError,
};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use std::{borrow::Cow, fmt};

/// The `cnf` claim: the keys to which a token is bound. The sender must hold every one of them.
///
/// Unknown members are ignored, as RFC 7800 section 3.1 demands: Keycloak writes its own `kc-jkt-type` beside `jkt`.
/// But a token is refused if its binding has only unknown members, or a registered method that this library cannot
/// check.
///
/// ```
/// use oidc_proto::token::Confirmation;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // The `cnf` of an introspection response:
/// let cnf = serde_json::from_str(r#"{"jkt":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}"#)?;
/// let bound = Confirmation::from_members(cnf)?;
/// assert_eq!(bound.jkt.as_deref(), Some("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"));
/// assert_eq!(bound.x5t_s256, None);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Confirmation<'a> {
    /// The thumbprint of a DPoP key, from `jkt` (RFC 9449 section 6.1).
    pub jkt: Option<Cow<'a, str>>,
    /// The thumbprint of a certificate, from `x5t#S256` (RFC 8705 section 3.1).
    pub x5t_s256: Option<Cow<'a, str>>,
    /// Whether `cnf` has a registered method that this library cannot check: `jwk`, `jwe`, `jku`, `kid` or `osc`.
    pub other: bool,
}

impl Confirmation<'static> {
    /// Reads a parsed `cnf`, such as that of an introspection response.
    ///
    /// # Errors
    /// `jkt` or `x5t#S256` is not a string.
    pub fn from_members(members: Extra) -> Result<Self, JsonError> {
        let other = members.keys().any(|name| matches!(Member::of(name), Member::Other));
        let mut members = Members::new(members);
        let (jkt, x5t_s256) = (members.string("jkt")?, members.string("x5t#S256")?);
        Ok(Self { jkt: jkt.map(Cow::Owned), x5t_s256: x5t_s256.map(Cow::Owned), other })
    }
}

/// The keys that the sender of a token has shown to hold. The default is none: the token is a bearer token.
///
/// ```
/// use oidc_proto::{
///     Timestamp,
///     jose::KeySet,
///     sender::DpopProof,
///     token::{AccessTokenVerifier, Possession, Scratch, VerificationError},
/// };
///
/// /// Returns the subject of a token that is bound to the key of a checked DPoP proof.
/// fn subject(
///     verifier: &AccessTokenVerifier,
///     (token, proof): (&str, &DpopProof),
///     keys: &KeySet,
///     now: Timestamp,
/// ) -> Result<Option<String>, VerificationError> {
///     let mut scratch = Scratch::new();
///     let shown = Possession::none().key(proof.jkt());
///     let verified = verifier.verify_bound(token, keys, &mut scratch, now, shown)?;
///     Ok(verified.claims().sub.as_deref().map(str::to_owned))
/// }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Possession<'p> {
    jkt: Option<&'p str>,
    x5t_s256: Option<&'p str>,
}

impl<'p> Possession<'p> {
    /// Shows no key: the token is a bearer token.
    #[must_use]
    pub const fn none() -> Self {
        Self { jkt: None, x5t_s256: None }
    }

    /// Shows a DPoP key by its thumbprint: the one of a checked proof
    /// ([`DpopProof::jkt`](crate::sender::DpopProof::jkt)). A token that is not bound to this key is then refused.
    #[must_use]
    pub const fn key(mut self, jkt: &'p str) -> Self {
        self.jkt = Some(jkt);
        self
    }

    /// Shows the certificate with this thumbprint: the client certificate of the TLS connection.
    #[must_use]
    pub const fn certificate(mut self, x5t_s256: &'p str) -> Self {
        self.x5t_s256 = Some(x5t_s256);
        self
    }

    /// Checks that the sender has shown every key to which a token is bound.
    pub(crate) fn satisfies(self, bound: Option<&Confirmation<'_>>) -> Result<(), VerificationError> {
        let Some(bound) = bound else {
            return if self.jkt.is_some() { Err(VerificationError::NotBound) } else { Ok(()) };
        };
        if bound.other || (bound.jkt.is_none() && bound.x5t_s256.is_none()) {
            return Err(VerificationError::ConfirmationMethod);
        }
        if self.jkt.is_some() && bound.jkt.is_none() {
            return Err(VerificationError::NotBound);
        }
        for (bound, shown) in [(&bound.jkt, self.jkt), (&bound.x5t_s256, self.x5t_s256)] {
            match (bound.as_deref(), shown) {
                (None, _) => {}
                (Some(_), None) => return Err(VerificationError::SenderConstrained),
                (Some(bound), Some(shown)) if equal(bound.as_bytes(), shown.as_bytes()) => {}
                (Some(_), Some(_)) => return Err(VerificationError::WrongSender),
            }
        }
        Ok(())
    }
}

/// Reads a `cnf` and borrows it from the token. `null` counts as absent.
pub(super) struct Bound<'a, 'n> {
    pub(super) text: &'a [u8],
    pub(super) names: &'n mut Names,
}

impl<'a> DeserializeSeed<'a> for Bound<'a, '_> {
    type Value = Option<Confirmation<'a>>;
    fn deserialize<D: Deserializer<'a>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Bound<'a, '_> {
    type Value = Option<Confirmation<'a>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'a>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let Self { text, names } = self;
        let mut bound = Confirmation::default();
        let from = names.open();
        while let Some(member) = members.next_key_seed(Name { text, names, meaning: Member::of })? {
            match member {
                Member::Jkt => {
                    names.expect("jkt", "a string");
                    bound.jkt = members.next_value::<Text<'a>>()?.0;
                }
                Member::X5tS256 => {
                    names.expect("x5t#S256", "a string");
                    bound.x5t_s256 = members.next_value::<Text<'a>>()?.0;
                }
                Member::Other | Member::Unknown => {
                    bound.other |= matches!(member, Member::Other);
                    members.next_value_seed(Checked { text, names, depth: MAX_DEPTH - 2 })?;
                }
            }
        }
        if names.close(text, from) { Ok(Some(bound)) } else { Err(names.fail(JsonError::DuplicateMember)) }
    }
}

enum Member {
    Jkt,
    X5tS256,
    Other,
    Unknown,
}

impl Member {
    fn of(name: &str) -> Self {
        match name {
            "jkt" => Self::Jkt,
            "x5t#S256" => Self::X5tS256,
            "jwk" | "jwe" | "jku" | "kid" | "osc" => Self::Other,
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Claims, *};

    fn read(cnf: &str) -> Result<Option<Confirmation<'static>>, VerificationError> {
        let payload: &'static str = format!(r#"{{"cnf":{cnf}}}"#).leak();
        Ok(Claims::read(payload.as_bytes(), &mut Names::default())?.cnf)
    }

    #[test]
    fn a_binding_is_typed_and_borrowed_and_nothing_in_it_is_overlooked() {
        let both = read(r#"{"jkt":"k","x5t#S256":"c"}"#).unwrap().unwrap();
        assert!(matches!(both.jkt, Some(Cow::Borrowed("k"))) && !both.other);
        assert!(matches!(both.x5t_s256, Some(Cow::Borrowed("c"))));
        assert_eq!(read("null"), Ok(None));
        for other in [r#"{"kid":"a"}"#, r#"{"jkt":"k","jwk":{"kty":"EC"}}"#, r#"{"jkt":"k","jku":null}"#] {
            assert!(read(other).unwrap().unwrap().other, "{other}");
        }
        assert!(!read(r#"{"jkt":"k","kc-jkt-type":"DPoP"}"#).unwrap().unwrap().other);
        let wrong =
            |member, expected| Err(VerificationError::Claims(JsonError::WrongType { member, expected }));
        assert_eq!(read("5"), wrong("cnf", "an object"));
        assert_eq!(read("[]"), wrong("cnf", "an object"));
        assert_eq!(read(r#"{"jkt":5}"#), wrong("jkt", "a string"));
        assert_eq!(read(r#"{"x5t#S256":["a"]}"#), wrong("x5t#S256", "a string"));
        let twice = Err(VerificationError::Claims(JsonError::DuplicateMember));
        assert_eq!(read(r#"{"jkt":"a","jkt":"b"}"#), twice);
        assert_eq!(read(r#"{"jkt":"a","\u006akt":"b"}"#), twice);
        assert_eq!(read(r#"{"x":{"a":1,"a":2}}"#), twice);
    }

    #[test]
    fn d21_every_combination_of_bindings_has_a_verdict() {
        let (none, key, certificate) =
            (Possession::none(), Possession::none().key("k"), Possession::none().certificate("c"));
        let both = key.certificate("c");
        for (cnf, shown, verdict) in [
            ("null", none, Ok(())),
            ("null", certificate, Ok(())),
            ("null", key, Err(VerificationError::NotBound)),
            ("null", both, Err(VerificationError::NotBound)),
            ("{}", none, Err(VerificationError::ConfirmationMethod)),
            ("{}", both, Err(VerificationError::ConfirmationMethod)),
            (r#"{"jkt":null}"#, key, Err(VerificationError::ConfirmationMethod)),
            (r#"{"jkt":"k"}"#, none, Err(VerificationError::SenderConstrained)),
            (r#"{"jkt":"k"}"#, certificate, Err(VerificationError::SenderConstrained)),
            (r#"{"jkt":"k"}"#, key, Ok(())),
            (r#"{"jkt":"k"}"#, both, Ok(())),
            (r#"{"jkt":"K"}"#, key, Err(VerificationError::WrongSender)),
            (r#"{"jkt":""}"#, key, Err(VerificationError::WrongSender)),
            (r#"{"x5t#S256":"c"}"#, none, Err(VerificationError::SenderConstrained)),
            (r#"{"x5t#S256":"c"}"#, certificate, Ok(())),
            (r#"{"x5t#S256":"C"}"#, certificate, Err(VerificationError::WrongSender)),
            (r#"{"x5t#S256":"c"}"#, key, Err(VerificationError::NotBound)),
            (r#"{"x5t#S256":"c"}"#, both, Err(VerificationError::NotBound)),
            (r#"{"jkt":"k","x5t#S256":"c"}"#, both, Ok(())),
            (r#"{"jkt":"k","x5t#S256":"c"}"#, key, Err(VerificationError::SenderConstrained)),
            (r#"{"jkt":"k","x5t#S256":"c"}"#, certificate, Err(VerificationError::SenderConstrained)),
            (r#"{"jkt":"k","x5t#S256":"C"}"#, both, Err(VerificationError::WrongSender)),
            (r#"{"jkt":"k","kid":"a"}"#, both, Err(VerificationError::ConfirmationMethod)),
            (r#"{"jkt":"k","kc-jkt-type":"DPoP"}"#, key, Ok(())),
            (r#"{"jkt":"k","kc-jkt-type":"DPoP"}"#, none, Err(VerificationError::SenderConstrained)),
            (r#"{"kc-jkt-type":"DPoP"}"#, none, Err(VerificationError::ConfirmationMethod)),
            (r#"{"kc-jkt-type":"DPoP"}"#, key, Err(VerificationError::ConfirmationMethod)),
            (r#"{"jkt":"k","osc":{}}"#, key, Err(VerificationError::ConfirmationMethod)),
            (r#"{"kid":"a"}"#, none, Err(VerificationError::ConfirmationMethod)),
        ] {
            let bound = read(cnf).unwrap();
            assert_eq!(shown.satisfies(bound.as_ref()), verdict, "{cnf} {shown:?}");
            let Ok(members) = serde_json::from_str::<Extra>(cnf) else { continue };
            let parsed = Confirmation::from_members(members).unwrap();
            assert_eq!(shown.satisfies(Some(&parsed)), verdict, "introspected {cnf} {shown:?}");
        }
    }
}
