//! The check of an ID token hint: only an ID token of this provider for this client goes out.

use super::error::LogoutError;
use crate::{
    base::{base64url, json::Members, secret::Secret},
    flow::client::Client,
    jose::{Compact, JwsError},
};
use serde_json::Value;
use zeroize::Zeroizing;

/// Checks the form, the issuer and the audience of a hint. The login has verified its signature, and the provider does so
/// again. A hint may have expired (RP-Initiated Logout 1.0 section 4), so no time is checked.
pub(super) fn check(client: &Client, hint: &Secret) -> Result<(), LogoutError> {
    let parts = Compact::split(hint.expose()).map_err(LogoutError::Hint)?;
    let decoded =
        |part| base64url::decode(part).map(Zeroizing::new).ok_or(LogoutError::Hint(JwsError::Base64));
    let payload = decoded(parts.payload)?;
    decoded(parts.header)?;
    decoded(parts.signature)?;
    let mut claims = Members::parse(&payload).map_err(LogoutError::HintClaims)?;
    let issuer = claims.string("iss").map_err(LogoutError::HintClaims)?;
    if !issuer.is_some_and(|issuer| client.inner().verifier.issuer.admits(&issuer)) {
        return Err(LogoutError::OtherHint("iss"));
    }
    let is_ours = |audience: &Value| audience.as_str() == Some(client.client_id());
    let ours = claims.any("aud").is_some_and(|audience| match audience.as_array() {
        Some(several) => several.iter().any(is_ours),
        None => is_ours(&audience),
    });
    if ours { Ok(()) } else { Err(LogoutError::OtherHint("aud")) }
}
