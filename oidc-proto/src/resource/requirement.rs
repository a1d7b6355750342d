//! [`Requirement`]: what a route needs of an access token, besides its being valid (RFC 6750 section
//! 3.1, RFC 9470 section 3).

use super::{
    access::Access,
    challenge::{Denied, Details, Reason},
};
use crate::{base::moment::Timestamp, token::Rejected};
use std::{fmt, sync::Arc};

type Predicate = Arc<dyn Fn(&Access) -> bool + Send + Sync>;

/// What a route needs. The default needs nothing. Made once.
#[derive(Clone, Default)]
pub struct Requirement {
    all_scopes: Vec<String>,
    any_scope: Vec<String>,
    audience: Option<String>,
    roles: Vec<(String, String)>,
    predicates: Vec<Predicate>,
    acr_values: Vec<String>,
    max_age: Option<u32>,
}

impl Requirement {
    /// Needs nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Needs this scope, and those named before.
    #[must_use]
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.all_scopes.push(scope.into());
        self
    }

    /// Needs one of these scopes; the first is the one that a client is told to ask for.
    #[must_use]
    pub fn any_scope<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.any_scope = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Needs this audience among those of the token.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// Needs this role in the claim at this path: see [`Access::has_role`].
    #[must_use]
    pub fn role(mut self, path: impl Into<String>, role: impl Into<String>) -> Self {
        self.roles.push((path.into(), role.into()));
        self
    }

    /// Needs whatever you like.
    #[must_use]
    pub fn that(mut self, predicate: impl Fn(&Access) -> bool + Send + Sync + 'static) -> Self {
        self.predicates.push(Arc::new(predicate));
        self
    }

    /// Needs an authentication of the user of one of these classes, the preferred one first.
    #[must_use]
    pub fn acr_values<S: Into<String>>(mut self, values: impl IntoIterator<Item = S>) -> Self {
        self.acr_values = values.into_iter().map(Into::into).collect();
        self
    }

    /// Needs an authentication of the user no longer ago than so many seconds.
    #[must_use]
    pub const fn max_age(mut self, seconds: u32) -> Self {
        self.max_age = Some(seconds);
        self
    }

    /// The scopes that a client should ask for, as a challenge has them.
    pub(super) fn scope_text(&self) -> Option<String> {
        let scopes: Vec<&str> =
            self.all_scopes.iter().chain(self.any_scope.first()).map(String::as_str).collect();
        (!scopes.is_empty()).then(|| scopes.join(" "))
    }

    pub(super) fn check(&self, access: &Access, now: Timestamp) -> Result<(), Denied> {
        if self.audience.as_ref().is_some_and(|wanted| !access.audience.contains(wanted)) {
            return Err(access.denied(Reason::Token(Rejected::Audience)));
        }
        let any = self.any_scope.is_empty() || access.has_any_scope(&self.any_scope);
        if !any || !access.has_all_scopes(&self.all_scopes) {
            let details = Details { scope: self.scope_text(), ..Details::default() };
            return Err(access.denied(Reason::Scope).detailed(details));
        }
        let privileged = self.roles.iter().all(|(path, role)| access.has_role(path, role))
            && self.predicates.iter().all(|predicate| predicate(access));
        if !privileged {
            return Err(access.denied(Reason::Privilege));
        }
        let strong = self.acr_values.is_empty()
            || access.acr.as_ref().is_some_and(|acr| self.acr_values.contains(acr));
        let recent = self.max_age.is_none_or(|age| access.was_authenticated_within(age, now));
        if !strong || !recent {
            let acr_values = (!self.acr_values.is_empty()).then(|| self.acr_values.join(" "));
            let details = Details { acr_values, max_age: self.max_age, ..Details::default() };
            return Err(access.denied(Reason::Authentication).detailed(details));
        }
        Ok(())
    }
}

impl fmt::Debug for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requirement")
            .field("all_scopes", &self.all_scopes)
            .field("any_scope", &self.any_scope)
            .field("audience", &self.audience)
            .field("roles", &self.roles)
            .field("predicates", &self.predicates.len())
            .field("acr_values", &self.acr_values)
            .field("max_age", &self.max_age)
            .finish()
    }
}
