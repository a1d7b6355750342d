//! [`Access`]: the rights of an accepted request and the user it acts for (RFC 9068 section 2.2, RFC 7662 section 2.2).

use super::{
    challenge::{Challenges, DenialReason, Denied, Details},
    record::{VerdictOutcome, VerdictRecord},
    rights::Rights,
};
use crate::{
    base::{json::Extra, moment::Timestamp},
    message::{Actor, AuthorizationDetails},
    token::CustomClaimsError,
};
use http::{HeaderMap, HeaderValue, header};
use serde::Deserialize;
use serde_json::Value;
use std::{fmt, sync::Arc, time::Duration};

/// An accepted access token whose sender may use it. Only a [`Verdict`](super::Verdict) leads to one.
///
/// ```
/// use oidc_proto::{
///     Timestamp,
///     message::IntrospectionResponse,
///     resource::{RequestView, ResourceServer, TrustedIssuer, Verdict},
///     token::Scratch,
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let api = ResourceServer::builder("https://api.example")
///     .trust(TrustedIssuer::new("https://op.example").introspects_opaque_tokens())
///     .build()?;
/// let request = http::Request::get("/orders").header("authorization", "Bearer mF_9.B5f-4.1JqM").body(())?;
/// let (head, ()) = request.into_parts();
/// let inspected = api.inspect(&RequestView::of(&head), &mut Scratch::new())?;
///
/// // The response of the introspection endpoint:
/// let said = IntrospectionResponse::from_members(serde_json::from_str(
///     r#"{"active":true,"aud":"https://api.example","sub":"alice","scope":"orders.read","roles":["admin"]}"#,
/// )?)?;
/// let Verdict::Accepted(access) = api.judge_introspected(&inspected, &said, Timestamp(1_800_000_000)) else {
///     return Err("the token is refused".into());
/// };
/// assert_eq!(access.subject(), Some("alice"));
/// assert!(access.has_scope("orders.read") && access.has_role("/roles", "admin"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Access {
    pub(super) rights: Rights,
    pub(super) about: Arc<Challenges>,
    pub(super) record: VerdictRecord,
    pub(super) leeway: i64,
    pub(super) next_nonce: Option<String>,
    pub(super) in_query: bool,
}

impl Access {
    /// Returns the issuer of the token.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.rights.text(&self.rights.issuer)
    }

    /// Returns the user, or the client if it acts for itself. It is unique only at this issuer.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.rights.optional(self.rights.subject.as_ref())
    }

    /// Returns the client to which the token was issued.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.rights.optional(self.rights.client_id.as_ref())
    }

    /// Returns the party that acts for the subject, such as an agent (RFC 8693 section 4.1). `None` if the subject itself, or
    /// its client, uses the token. A token whose `act` cannot be read is refused, so `None` never hides an actor.
    ///
    /// The actors within it acted earlier: no decision may depend on them. To demand an actor or none, see
    /// [`Requirement::acted_for_by`](super::Requirement::acted_for_by) and
    /// [`Requirement::without_actor`](super::Requirement::without_actor).
    #[must_use]
    pub fn actor(&self) -> Option<&Actor> {
        self.rights.actor.as_deref()
    }

    /// Returns the party that may become the actor of the subject (RFC 8693 section 4.4). `None` if the token names none, or
    /// not in a form that can be read: then nobody may. The first call parses all claims.
    #[must_use]
    pub fn may_act(&self) -> Option<Actor> {
        Actor::of_may_act(self.claims().get("may_act"))
    }

    /// Returns the scopes of the token.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.rights.list(&self.rights.scopes).filter(|scope| !scope.is_empty())
    }

    /// Returns the audiences of the token.
    pub fn audience(&self) -> impl Iterator<Item = &str> {
        self.rights.list(&self.rights.audience)
    }

    /// Returns the time at which the token expires.
    #[must_use]
    pub const fn expires(&self) -> Option<Timestamp> {
        self.rights.expires
    }

    /// Returns the thumbprint of the DPoP key, if the token is bound to one. The sender has proven that it holds the
    /// key.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.rights.optional(self.rights.key.as_ref())
    }

    /// Returns the thumbprint of the certificate, if the token is bound to one. The sender has shown the certificate.
    #[must_use]
    pub fn certificate(&self) -> Option<&str> {
        self.rights.optional(self.rights.certificate.as_ref())
    }

    /// Returns the time at which the user was authenticated.
    #[must_use]
    pub const fn auth_time(&self) -> Option<Timestamp> {
        self.rights.auth_time
    }

    /// Returns the class of the authentication.
    #[must_use]
    pub fn acr(&self) -> Option<&str> {
        self.rights.optional(self.rights.acr.as_ref())
    }

    /// Returns all claims of the token, or all members of the introspection response, as a map. The first call parses
    /// the claims. [`claim`](Self::claim), [`custom`](Self::custom) and [`has_role`](Self::has_role) do not need that.
    #[must_use]
    pub fn claims(&self) -> &Extra {
        self.rights.claims.members()
    }

    /// Whether the token has this scope.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes().any(|known| known == scope)
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

    /// Returns the claim at a path: a JSON Pointer (RFC 6901) such as `/realm_access/roles`. The first call parses all
    /// claims, as [`claims`](Self::claims) does.
    #[must_use]
    pub fn claim_at(&self, path: &str) -> Option<&Value> {
        self.rights.claims.at(path)
    }

    /// Whether the claim at a path is this string, or an array that contains it. With Keycloak, use
    /// `has_role("/realm_access/roles", "admin")`. With Entra, use `has_role("/roles", "admin")`.
    #[must_use]
    pub fn has_role(&self, path: &str, role: &str) -> bool {
        self.rights.claims.has(path, role)
    }

    /// Returns the rights of the token besides its scopes: the claim, or the member, `authorization_details` (RFC 9396
    /// section 9). There are none if the token names none. The first call parses all claims, as
    /// [`claims`](Self::claims) does.
    ///
    /// # Errors
    /// [`CustomClaimsError`] if they are no list of entries with a type each. A route that needs one must refuse such a
    /// token, as [`Requirement::authorization_detail`](super::Requirement::authorization_detail) does.
    pub fn authorization_details(&self) -> Result<AuthorizationDetails, CustomClaimsError> {
        match self.claim_at("/authorization_details") {
            None | Some(Value::Null) => Ok(AuthorizationDetails::default()),
            Some(value) => AuthorizationDetails::from_value(value).map_err(|_| CustomClaimsError),
        }
    }

    /// Reads the claim at a path in a type of your choice. The type may borrow from the token, as `&str` does; a text
    /// with escapes, or one of an introspection response, is not always borrowed, so prefer `String` or `Cow`.
    ///
    /// # Errors
    /// [`CustomClaimsError`] if the claim is absent or of another type.
    pub fn claim<'c, T: Deserialize<'c>>(&'c self, path: &str) -> Result<T, CustomClaimsError> {
        self.rights.claims.read_at(path)
    }

    /// Reads all claims in a type of your choice.
    ///
    /// # Errors
    /// [`CustomClaimsError`] if the claims are not of that type.
    pub fn custom<'c, T: Deserialize<'c>>(&'c self) -> Result<T, CustomClaimsError> {
        self.rights.claims.read()
    }

    /// Whether the user was authenticated within this time before now, plus the leeway of the issuer. `false` if the
    /// token has no `auth_time`.
    #[must_use]
    pub fn was_authenticated_within(&self, max_age: Duration, now: Timestamp) -> bool {
        self.auth_time().is_some_and(|time| time.after(max_age).plus(self.leeway) >= now)
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

    pub(super) const fn accepted(record: &mut VerdictRecord) {
        record.outcome = VerdictOutcome::Accepted;
        record.clause = "accepted";
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
