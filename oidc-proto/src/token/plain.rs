//! Decides whether a JWT without a declared `typ` can be an access token.
//!
//! RFC 9068 section 5 explains the danger: an issuer signs ID tokens, logout tokens and authorization responses with
//! the same keys. Parties that see such a token must not be able to use it at an API.

use super::{Claims, VerificationError, claims::Text};
use crate::base::json::JsonError;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use std::{borrow::Cow, fmt};

/// The claims that distinguish kinds of token, besides the registered ones.
#[derive(Default)]
struct Signs<'a> {
    /// Whether there is `cid` (Okta), `appid` or `azpacr` (Entra): names of the client that no ID token uses.
    client: bool,
    /// The last parameter of an authorization response that was found (JARM section 4.3).
    response: Option<&'static str>,
    /// The values of `token_use` (Cognito) and `typ` (Keycloak).
    kinds: [Option<Cow<'a, str>>; 2],
}

/// Checks that a token without a declared `typ` has a mark that only access tokens have.
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
    // The audience of an ID token is its client, so a token whose party is not in `aud` is not an ID token. And an ID
    // token always has `iat` (OpenID Connect Core 1.0 section 2).
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
    /// Reads the signs in a second pass: the claims have been read once before.
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

/// The names of the claims that are signs.
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
