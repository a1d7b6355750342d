//! Whether a JWT that does not say what it is can be an access token (RFC 9068 section 5 tells why it matters):
//! an issuer signs ID tokens, logout tokens and authorization responses with the same keys, and those for a
//! client pass through hands that its API should not trust.

use super::{Claims, VerificationError, claims::Text};
use crate::base::json::JsonError;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use std::{borrow::Cow, fmt};

/// What tells one kind of token from another, besides the registered claims.
#[derive(Default)]
struct Signs<'a> {
    /// `cid` (Okta), `appid` and `azpacr` (Entra): the client, as no ID token names it.
    client: bool,
    /// A parameter of an authorization response (JARM section 4.3).
    response: Option<&'static str>,
    /// `token_use` (Cognito) and `typ` (Keycloak).
    kinds: [Option<Cow<'a, str>>; 2],
}

/// Holds a token without `typ` against what an access token has and no other does.
#[inline(never)]
pub(super) fn check(claims: &Claims<'_>, payload: &[u8]) -> Result<(), VerificationError> {
    if [&claims.nonce, &claims.at_hash, &claims.c_hash, &claims.s_hash].iter().any(|c| c.is_some()) {
        return Err(VerificationError::IdTokenAsAccessToken);
    }
    if claims.events {
        return Err(VerificationError::Value("events"));
    }
    let signs = Signs::read(payload)?;
    if let Some(parameter) = signs.response {
        return Err(VerificationError::Value(parameter));
    }
    for kind in signs.kinds.iter().flatten() {
        if kind.eq_ignore_ascii_case("id") {
            return Err(VerificationError::IdTokenAsAccessToken);
        }
        if ["refresh", "refresh_token", "offline", "logout"].iter().any(|k| kind.eq_ignore_ascii_case(k)) {
            return Err(VerificationError::Type);
        }
    }
    // An ID token is made for its client: whoever names another party than the audience is none. And it says
    // when it was issued (OpenID Connect Core 1.0 section 2).
    let other_party =
        claims.azp.as_deref().is_some_and(|azp| claims.aud.is_some_and(|aud| !aud.contains(azp)));
    let granted = claims.scope.is_some() || claims.scope_is_list || claims.scp.is_some();
    let for_api =
        claims.client_id.is_some() || signs.client || other_party || granted || claims.iat.is_none();
    let nobody = claims.sub.is_none() && claims.client_id.is_none() && claims.azp.is_none() && !signs.client;
    match (nobody, for_api) {
        (true, _) => Err(VerificationError::Missing("sub")),
        (false, true) => Ok(()),
        (false, false) => Err(VerificationError::IdTokenAsAccessToken),
    }
}

impl<'a> Signs<'a> {
    /// A second pass over claims that have been read before.
    fn read(payload: &'a [u8]) -> Result<Self, VerificationError> {
        let mut signs = Self::default();
        let mut wrong = None;
        let mut from = serde_json::Deserializer::from_slice(payload);
        match from.deserialize_map(Reader(&mut signs, &mut wrong)) {
            Ok(()) => Ok(signs),
            Err(_) => {
                Err(VerificationError::Claims(wrong.map_or(JsonError::NotJson, |member| {
                    JsonError::WrongType { member, expected: "a string" }
                })))
            }
        }
    }
}

struct Reader<'a, 'r>(&'r mut Signs<'a>, &'r mut Option<&'static str>);

/// The names that tell.
const NAMES: [&str; 10] =
    ["cid", "appid", "azpacr", "token_use", "typ", "code", "state", "access_token", "id_token", "error"];

impl<'a> Visitor<'a> for Reader<'a, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a set of claims")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut members: A) -> Result<(), A::Error> {
        let Self(signs, wrong) = self;
        while let Some(Text(name)) = members.next_key()? {
            let name = NAMES.iter().find(|known| name.as_deref() == Some(**known));
            match name.copied() {
                Some(name @ ("cid" | "appid" | "azpacr" | "token_use" | "typ")) => {
                    *wrong = Some(name);
                    let Text(value) = members.next_value()?;
                    *wrong = None;
                    match name {
                        "token_use" => signs.kinds[0] = value,
                        "typ" => signs.kinds[1] = value,
                        _ => signs.client |= value.is_some_and(|client| !client.is_empty()),
                    }
                }
                Some(name) => {
                    signs.response = Some(name);
                    members.next_value::<IgnoredAny>()?;
                }
                None => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}
