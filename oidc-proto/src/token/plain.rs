//! Decides whether a JWT without a declared `typ` can be an access token.
//!
//! RFC 9068 section 5 explains the danger: an issuer signs ID tokens, logout tokens and authorization responses with
//! the same keys. Parties that see such a token must not be able to use it at an API.

use super::{Claims, VerificationError};
use crate::base::json::{JsonError, Parts, text, utf8};
use std::borrow::Cow;

/// The claims that distinguish kinds of token, besides the registered ones.
#[derive(Default)]
struct Signs<'a> {
    /// The value of `appid` (Entra, AD FS) or `cid` (Okta): names of the client that no ID token uses.
    client: Option<Cow<'a, str>>,
    /// Whether there is `azpacr` (Entra): how the client authenticated.
    authenticated: bool,
    /// The last member that was found of another signed response: a parameter of an authorization response (JARM section
    /// 4.3), or `token_introspection` (RFC 9701 section 5).
    response: Option<&'static str>,
    /// The values of `token_use` (Cognito) and `typ` (Keycloak).
    kinds: [Option<Cow<'a, str>>; 2],
}

/// Checks that a token without a declared `typ` has a mark that only access tokens have. A `nonce` is allowed if the
/// settings say so, or if the token says that it is an access token. `nbf` is a mark if the settings say so. Returns the
/// client that `appid` or `cid` names.
#[inline(never)]
pub(super) fn check<'a>(
    claims: &Claims<'a>,
    payload: &'a [u8],
    nonce_allowed: bool,
    nbf_is_mark: bool,
) -> Result<Option<Cow<'a, str>>, VerificationError> {
    if [&claims.at_hash, &claims.c_hash, &claims.s_hash].iter().any(|c| c.is_some()) {
        return Err(VerificationError::IdTokenAsAccessToken);
    }
    let signs = Signs::read(payload)?;
    if claims.events {
        return Err(VerificationError::Value("events"));
    }
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
    if claims.nonce.is_some() && !nonce_allowed && !signs.say_access() {
        return Err(VerificationError::IdTokenAsAccessToken);
    }
    // The audience of an ID token is its client, so a token whose party is not in `aud` is not an ID token. And an ID
    // token always has `iat` (OpenID Connect Core 1.0 section 2).
    // An empty `azp` names no party.
    let party = claims.azp.as_deref().filter(|azp| !azp.is_empty());
    let other_party = party.is_some_and(|azp| claims.aud.is_some_and(|aud| !aud.contains(azp)));
    let granted = claims.scope.is_some() || claims.scope_is_list || claims.scp.is_some();
    let client = signs.client.is_some() || signs.authenticated;
    // An ID token of some providers names its client in `client_id`, too, and then that client is in its `aud`.
    let ours = claims.client_id.as_deref().is_some_and(|id| !claims.aud.is_some_and(|aud| aud.contains(id)));
    let named = ours || (claims.client_id.is_some() && claims.jti.is_some());
    // What Spring Authorization Server writes into ID tokens.
    let [azp, sid, nonce] = [&claims.azp, &claims.sid, &claims.nonce].map(Option::is_some);
    // One of another type is set aside, and still says that this may be an ID token.
    let odd = claims.odd.sid || claims.odd.auth_time;
    let of_login = azp || sid || nonce || claims.auth_time.is_some() || odd;
    let dated = nbf_is_mark && claims.nbf.is_some() && !of_login;
    let for_api = named || client || other_party || granted || dated || claims.iat.is_none();
    let nobody = claims.sub.is_none() && claims.client_id.is_none() && party.is_none() && !client;
    match (nobody, for_api) {
        (true, _) => Err(VerificationError::Missing("sub")),
        (false, true) => Ok(signs.client),
        (false, false) => Err(VerificationError::IdTokenAsAccessToken),
    }
}

/// Checks that a token says by `token_use` that it is an access token.
#[inline(never)]
pub(super) fn check_token_use(payload: &[u8]) -> Result<(), VerificationError> {
    match Signs::read(payload)?.kinds[0].as_deref() {
        Some("access") => Ok(()),
        Some("id") => Err(VerificationError::IdTokenAsAccessToken),
        Some(_) => Err(VerificationError::Value("token_use")),
        None => Err(VerificationError::Missing("token_use")),
    }
}

impl<'a> Signs<'a> {
    /// Whether the token says that it is an access token. A second sign that says otherwise is refused elsewhere.
    fn say_access(&self) -> bool {
        let [token_use, typ] = &self.kinds;
        token_use.as_deref() == Some("access")
            || typ
                .as_deref()
                .is_some_and(|typ| ["Bearer", "DPoP"].iter().any(|k| typ.eq_ignore_ascii_case(k)))
    }

    /// Reads the signs in a second pass: the claims have been read once before.
    fn read(payload: &'a [u8]) -> Result<Self, VerificationError> {
        let mut signs = Self::default();
        let unreadable = VerificationError::Claims(JsonError::NotJson);
        let mut parts =
            Parts::of(utf8(payload).map_err(VerificationError::Claims)?, '{').ok_or(unreadable)?;
        while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
            let name = text(name);
            let Some(name) = NAMES.iter().copied().find(|known| name.as_deref() == Some(known)) else {
                continue;
            };
            if !matches!(name, "cid" | "appid" | "azpacr" | "token_use" | "typ") {
                signs.response = Some(name);
                continue;
            }
            let wrong = JsonError::WrongType { member: name, expected: "a string" };
            let value = match value {
                "null" => None,
                value => Some(text(value).ok_or(VerificationError::Claims(wrong))?),
            };
            match name {
                "token_use" => signs.kinds[0] = value,
                "typ" => signs.kinds[1] = value,
                "azpacr" => signs.authenticated = value.is_some_and(|said| !said.is_empty()),
                _ => signs.client = value.filter(|client| !client.is_empty()).or(signs.client.take()),
            }
        }
        Ok(signs)
    }
}

/// The names of the claims that are signs.
const NAMES: [&str; 11] = [
    "cid",
    "appid",
    "azpacr",
    "token_use",
    "typ",
    "code",
    "state",
    "access_token",
    "id_token",
    "error",
    "token_introspection",
];
