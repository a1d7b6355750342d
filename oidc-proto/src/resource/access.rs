//! [`Access`]: the rights of an accepted request and the user it acts for (RFC 9068 section 2.2, RFC 7662 section 2.2).

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
use std::{fmt, sync::Arc, time::Duration};

/// An accepted access token whose sender may use it. Only a [`Verdict`](super::Verdict) leads to one.
///
/// ```
/// use oidc_proto::{
///     Timestamp,
///     message::IntrospectionResponse,
///     resource::{RequestView, ResourceServer, TrustedIssuer, Verdict},
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let api = ResourceServer::builder("https://api.example")
///     .trust(TrustedIssuer::new("https://op.example").introspects_opaque_tokens())
///     .build()?;
/// let request = http::Request::get("/orders").header("authorization", "Bearer mF_9.B5f-4.1JqM").body(())?;
/// let (head, ()) = request.into_parts();
/// let inspected = api.inspect(&RequestView::of(&head))?;
///
/// // The response of the introspection endpoint:
/// let said = IntrospectionResponse::from_members(serde_json::from_str(
///     r#"{"active":true,"aud":"https://api.example","sub":"alice","scope":"orders.read","roles":["admin"]}"#,
/// )?)?;
/// let Verdict::Accepted(access) = api.judge_introspected(&inspected, &said, Timestamp(1_800_000_000)) else {
///     return Err("the token is refused".into());
/// };
/// assert_eq!(access.subject.as_deref(), Some("alice"));
/// assert!(access.has_scope("orders.read") && access.has_role("/roles", "admin"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Access {
    /// The issuer of the token.
    pub issuer: String,
    /// The user, or the client if it acts for itself. It is unique only at this issuer.
    pub subject: Option<String>,
    /// The client to which the token was issued.
    pub client_id: Option<String>,
    /// The scopes of the token.
    pub scopes: Vec<String>,
    /// The audiences of the token.
    pub audience: Vec<String>,
    /// The time at which the token expires.
    pub expires: Option<Timestamp>,
    /// The thumbprint of the DPoP key, if the token is bound to one. The sender has proven that it holds the key.
    pub key: Option<String>,
    /// The thumbprint of the certificate, if the token is bound to one. The sender has shown the certificate.
    pub certificate: Option<String>,
    /// The time at which the user was authenticated.
    pub auth_time: Option<Timestamp>,
    /// The class of the authentication.
    pub acr: Option<String>,
    /// All claims of the token, or all members of the introspection response, including those above.
    pub claims: Extra,
    pub(super) about: Arc<Challenges>,
    pub(super) record: VerdictRecord,
    pub(super) leeway: i64,
    pub(super) next_nonce: Option<String>,
    pub(super) in_query: bool,
}

impl Access {
    /// Whether the token has this scope.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.iter().any(|known| known == scope)
    }

    /// Whether the token has at least one of these scopes. `false` for an empty list.
    #[must_use]
    pub fn has_any_scope<S: AsRef<str>>(&self, scopes: &[S]) -> bool {
        scopes.iter().any(|scope| self.has_scope(scope.as_ref()))
    }

    /// Whether the token has all of these scopes. `true` for an empty list.
    #[must_use]
    pub fn has_all_scopes<S: AsRef<str>>(&self, scopes: &[S]) -> bool {
        scopes.iter().all(|scope| self.has_scope(scope.as_ref()))
    }

    /// Returns the claim at a path: a JSON Pointer (RFC 6901) such as `/realm_access/roles`.
    #[must_use]
    pub fn claim_at(&self, path: &str) -> Option<&Value> {
        let path = path.strip_prefix('/')?;
        let (first, rest) = path.split_at_checked(path.find('/').unwrap_or(path.len()))?;
        self.claims.get(&first.replace("~1", "/").replace("~0", "~"))?.pointer(rest)
    }

    /// Whether the claim at a path is this string, or an array that contains it. With Keycloak, use
    /// `has_role("/realm_access/roles", "admin")`. With Entra, use `has_role("/roles", "admin")`.
    #[must_use]
    pub fn has_role(&self, path: &str, role: &str) -> bool {
        match self.claim_at(path) {
            Some(Value::String(one)) => one == role,
            Some(Value::Array(many)) => many.iter().any(|one| one.as_str() == Some(role)),
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => false,
        }
    }

    /// Reads the claim at a path in a type of your choice.
    ///
    /// # Errors
    /// [`CustomClaimsError`] if the claim is absent or of another type.
    pub fn claim<T: DeserializeOwned>(&self, path: &str) -> Result<T, CustomClaimsError> {
        let value = self.claim_at(path).ok_or(CustomClaimsError)?;
        T::deserialize(value).map_err(|_| CustomClaimsError)
    }

    /// Reads all claims in a type of your choice.
    ///
    /// # Errors
    /// [`CustomClaimsError`] if the claims are not of that type.
    pub fn custom<T: DeserializeOwned>(&self) -> Result<T, CustomClaimsError> {
        T::deserialize(Value::Object(self.claims.clone())).map_err(|_| CustomClaimsError)
    }

    /// Whether the user was authenticated within this time before now, plus the leeway of the issuer. `false` if the
    /// token has no `auth_time`.
    #[must_use]
    pub fn was_authenticated_within(&self, max_age: Duration, now: Timestamp) -> bool {
        self.auth_time.is_some_and(|time| time.after(max_age).plus(self.leeway) >= now)
    }

    /// Returns the record of this verdict, for logs and metrics.
    #[must_use]
    pub const fn record(&self) -> &VerdictRecord {
        &self.record
    }

    /// Returns headers for the response to the accepted request. `DPoP-Nonce` has the next nonce, if the client needs
    /// one (RFC 9449 section 8.2). `Cache-Control` keeps that response out of caches, and a response to a token in the
    /// query out of shared caches (RFC 6750 section 2.3).
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

    /// Refuses this request after all.
    pub(super) fn denied(&self, reason: DenialReason) -> Denied {
        Denied::new(reason, &self.about, self.record.clone())
    }

    /// Refuses this request because it cannot be judged now.
    pub(super) fn unavailable(&self, retry_after: u32) -> Denied {
        let details = Details { retry_after: Some(retry_after), ..Details::default() };
        self.denied(DenialReason::Unavailable).detailed(details)
    }

    /// Sets the keys to which the token is bound. The sender has shown all of them.
    pub(super) fn bound_to(&mut self, bound: Option<&Confirmation<'_>>) {
        self.key = bound.and_then(|bound| bound.jkt.as_deref()).map(str::to_owned);
        self.certificate = bound.and_then(|bound| bound.x5t_s256.as_deref()).map(str::to_owned);
    }

    pub(super) const fn accepted(record: &mut VerdictRecord) {
        record.outcome = VerdictOutcome::Accepted;
        record.clause = "accepted";
    }
}

/// Reads the scopes from the claim that the settings name, or by default from `scope` or `scp`.
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
