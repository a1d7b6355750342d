//! [`Access`]: what an accepted request may do, on whose behalf (RFC 9068 section 2.2, RFC 7662
//! section 2.2).

use super::{
    challenge::{Challenges, DenialReason, Denied, Details},
    record::{VerdictOutcome, VerdictRecord},
};
use crate::{
    base::{json::Extra, moment::Timestamp},
    message::scopes,
    token::{Confirmation, CustomClaimsError},
};
use http::{HeaderMap, HeaderValue, header};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::{fmt, sync::Arc};

/// An accepted access token, and that its sender may use it. There is no other way to one than a
/// verdict.
#[derive(Clone)]
#[non_exhaustive]
pub struct Access {
    /// The issuer.
    pub issuer: String,
    /// The user, or the client itself, at this issuer.
    pub subject: Option<String>,
    /// The client.
    pub client_id: Option<String>,
    /// What the client may do.
    pub scopes: Vec<String>,
    /// Whom the token is meant for.
    pub audience: Vec<String>,
    /// When it expires.
    pub expires: Option<Timestamp>,
    /// The thumbprint of the DPoP key that it is bound to and that the sender has proven to hold.
    pub key: Option<String>,
    /// The thumbprint of the certificate that it is bound to and that the sender has shown.
    pub certificate: Option<String>,
    /// When the user was authenticated.
    pub auth_time: Option<Timestamp>,
    /// The class of that authentication.
    pub acr: Option<String>,
    /// Every claim of the token or member of the introspection response, those above among them.
    pub claims: Extra,
    pub(super) about: Arc<Challenges>,
    pub(super) record: VerdictRecord,
    pub(super) leeway: i64,
    pub(super) next_nonce: Option<String>,
    pub(super) in_query: bool,
}

impl Access {
    /// Whether it has this scope.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.iter().any(|known| known == scope)
    }

    /// Whether it has one of these scopes; never, if there are none.
    #[must_use]
    pub fn has_any_scope<S: AsRef<str>>(&self, scopes: &[S]) -> bool {
        scopes.iter().any(|scope| self.has_scope(scope.as_ref()))
    }

    /// Whether it has all of these scopes; always, if there are none.
    #[must_use]
    pub fn has_all_scopes<S: AsRef<str>>(&self, scopes: &[S]) -> bool {
        scopes.iter().all(|scope| self.has_scope(scope.as_ref()))
    }

    /// The claim at a path, a JSON Pointer (RFC 6901) such as `/realm_access/roles`.
    #[must_use]
    pub fn claim_at(&self, path: &str) -> Option<&Value> {
        let path = path.strip_prefix('/')?;
        let (first, rest) = path.split_at_checked(path.find('/').unwrap_or(path.len()))?;
        self.claims.get(&first.replace("~1", "/").replace("~0", "~"))?.pointer(rest)
    }

    /// Whether the claim at a path is this string, or an array with this string in it: with Keycloak,
    /// `has_role("/realm_access/roles", "admin")`; with Entra, `has_role("/roles", "admin")`.
    #[must_use]
    pub fn has_role(&self, path: &str, role: &str) -> bool {
        match self.claim_at(path) {
            Some(Value::String(one)) => one == role,
            Some(Value::Array(many)) => many.iter().any(|one| one.as_str() == Some(role)),
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => false,
        }
    }

    /// The claim at a path in a type of your choice.
    ///
    /// # Errors
    /// It is absent, or of another type.
    pub fn claim<T: DeserializeOwned>(&self, path: &str) -> Result<T, CustomClaimsError> {
        let value = self.claim_at(path).ok_or(CustomClaimsError)?;
        T::deserialize(value).map_err(|_| CustomClaimsError)
    }

    /// All claims in a type of your choice.
    ///
    /// # Errors
    /// They are not of that type.
    pub fn custom<T: DeserializeOwned>(&self) -> Result<T, CustomClaimsError> {
        T::deserialize(Value::Object(self.claims.clone())).map_err(|_| CustomClaimsError)
    }

    /// Whether the user was authenticated no longer ago than so many seconds, give or take the leeway
    /// of the issuer.
    #[must_use]
    pub fn was_authenticated_within(&self, seconds: u32, now: Timestamp) -> bool {
        let earliest = now.plus(-i64::from(seconds)).plus(-self.leeway);
        self.auth_time.is_some_and(|time| time >= earliest)
    }

    /// What to log.
    #[must_use]
    pub const fn record(&self) -> &VerdictRecord {
        &self.record
    }

    /// Headers for the response to an accepted request: the next DPoP nonce (RFC 9449 section 8.2),
    /// and that no shared cache may keep it if the token was in the query (RFC 6750 section 2.3).
    #[must_use]
    pub fn response_headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Some(Ok(nonce)) = self.next_nonce.as_deref().map(HeaderValue::from_str) {
            headers.insert("dpop-nonce", nonce);
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        } else if self.in_query {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private"));
        }
        headers
    }

    /// A refusal of this request, after all.
    pub(super) fn denied(&self, reason: DenialReason) -> Denied {
        Denied::new(reason, &self.about, self.record.clone())
    }

    pub(super) fn unavailable(&self, retry_after: u32) -> Denied {
        let details = Details { retry_after: Some(retry_after), ..Details::default() };
        self.denied(DenialReason::Unavailable).detailed(details)
    }

    /// Notes what it is bound to, all of which the sender has shown.
    pub(super) fn bound_to(&mut self, bound: Option<&Confirmation<'_>>) {
        self.key = bound.and_then(|bound| bound.jkt.as_deref()).map(str::to_owned);
        self.certificate = bound.and_then(|bound| bound.x5t_s256.as_deref()).map(str::to_owned);
    }

    pub(super) const fn accepted(record: &mut VerdictRecord) {
        record.outcome = VerdictOutcome::Accepted;
        record.clause = "accepted";
    }
}

/// The scopes: those of the claim that the settings name, else of `scope` or `scp`.
pub(super) fn scopes(claims: &Extra, named: Option<&str>) -> Vec<String> {
    match named {
        Some(claim) => claims.get(claim).into_iter().flat_map(scopes::of_value).map(str::to_owned).collect(),
        None => scopes::of_members(claims).map(str::to_owned).collect(),
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("record", &self.record).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "tests/access_tests.rs"]
mod tests;
