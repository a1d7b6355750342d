//! [`Requirement`]: what a route needs of an access token, besides its being valid (RFC 6750 section
//! 3.1, RFC 9470 section 3).

use super::{
    access::Access,
    challenge::{DenialReason, Denied, Details},
};
use crate::{
    base::moment::{Timestamp, seconds_up_to},
    token::VerificationError,
};
use std::{fmt, sync::Arc, time::Duration};

type Predicate = Arc<dyn Fn(&Access) -> bool + Send + Sync>;

/// What a route needs. The default needs nothing. Made once.
///
/// Every method adds a need, and takes none away: what is called twice holds twice. One of an empty list is
/// needed, and nothing is that: a list that a configuration has left empty closes the route, and does not
/// open it.
#[derive(Clone, Default)]
pub struct Requirement {
    all_scopes: Vec<String>,
    /// One of each list.
    any_scope: Vec<Vec<String>>,
    audiences: Vec<String>,
    roles: Vec<(String, String)>,
    predicates: Vec<Predicate>,
    /// One that is in each list.
    acr_values: Vec<Vec<String>>,
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

    /// Needs one of these scopes, and one of each list named before; the first is the one that a client is
    /// told to ask for. No token has one of an empty list.
    #[must_use]
    pub fn any_scope<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.any_scope.push(scopes.into_iter().map(Into::into).collect());
        self
    }

    /// Needs this audience among those of the token, and those named before.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Needs this role in the claim at this path, and those named before: see [`Access::has_role`].
    #[must_use]
    pub fn role(mut self, path: impl Into<String>, role: impl Into<String>) -> Self {
        self.roles.push((path.into(), role.into()));
        self
    }

    /// Needs whatever you like, and what you liked before.
    #[must_use]
    pub fn satisfies(mut self, predicate: impl Fn(&Access) -> bool + Send + Sync + 'static) -> Self {
        self.predicates.push(Arc::new(predicate));
        self
    }

    /// Needs an authentication of the user of one of these classes, the preferred one first; of a class that
    /// is in every list, if called again. No authentication is of a class of an empty list.
    #[must_use]
    pub fn acr_values<S: Into<String>>(mut self, values: impl IntoIterator<Item = S>) -> Self {
        self.acr_values.push(values.into_iter().map(Into::into).collect());
        self
    }

    /// Needs an authentication of the user no longer ago than so many seconds; the smallest number holds, if
    /// called again.
    #[must_use]
    pub const fn max_age(mut self, max_age: Duration) -> Self {
        let seconds = seconds_up_to(max_age, u32::MAX);
        self.max_age = match self.max_age {
            Some(before) if before < seconds => Some(before),
            Some(_) | None => Some(seconds),
        };
        self
    }

    /// Needs what the other one needs, too.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        let Self { all_scopes, any_scope, audiences, roles, predicates, acr_values, max_age } = other;
        self.all_scopes.extend(all_scopes);
        self.any_scope.extend(any_scope);
        self.audiences.extend(audiences);
        self.roles.extend(roles);
        self.predicates.extend(predicates);
        self.acr_values.extend(acr_values);
        max_age.into_iter().fold(self, |all, seconds| all.max_age(Duration::from_secs(seconds.into())))
    }

    /// The scopes that a client should ask for, as a challenge has them.
    fn scope_text(&self) -> Option<String> {
        let first = self.any_scope.iter().filter_map(|scopes| scopes.first());
        let scopes: Vec<&str> = self.all_scopes.iter().chain(first).map(String::as_str).collect();
        (!scopes.is_empty()).then(|| scopes.join(" "))
    }

    /// The classes that are in every list, in the order of the first; `None` if no class is needed.
    fn classes(&self) -> Option<Vec<&str>> {
        let (first, others) = self.acr_values.split_first()?;
        let everywhere = |class: &&String| others.iter().all(|list| list.contains(class));
        Some(first.iter().filter(everywhere).map(String::as_str).collect())
    }

    fn check(&self, access: &Access, now: Timestamp) -> Result<(), Denied> {
        if !self.audiences.iter().all(|wanted| access.audience.contains(wanted)) {
            return Err(access.denied(DenialReason::Token(VerificationError::Audience)));
        }
        let any = self.any_scope.iter().all(|scopes| access.has_any_scope(scopes));
        if !any || !access.has_all_scopes(&self.all_scopes) {
            let details = Details { scope: self.scope_text(), ..Details::default() };
            return Err(access.denied(DenialReason::Scope).detailed(details));
        }
        let privileged = self.roles.iter().all(|(path, role)| access.has_role(path, role))
            && self.predicates.iter().all(|predicate| predicate(access));
        if !privileged {
            return Err(access.denied(DenialReason::Privilege));
        }
        let classes = self.classes();
        let strong = classes
            .as_ref()
            .is_none_or(|classes| access.acr.as_deref().is_some_and(|acr| classes.contains(&acr)));
        let recent = self.max_age.is_none_or(|age| access.was_authenticated_within(age, now));
        if !strong || !recent {
            let acr_values = classes.map(|classes| classes.join(" "));
            let details = Details { acr_values, max_age: self.max_age, ..Details::default() };
            return Err(access.denied(DenialReason::Authentication).detailed(details));
        }
        Ok(())
    }
}

impl Access {
    /// Holds it against what a route needs.
    ///
    /// # Errors
    /// [`Denied`]: 403 if the token lacks a scope or privilege, 401 if it is for another audience or
    /// the user must be authenticated again.
    pub fn require(&self, requirement: &Requirement, now: Timestamp) -> Result<(), Denied> {
        requirement.check(self, now)
    }
}

impl Denied {
    /// Names the scopes that the route needs in the challenge, so that a client that has not tried yet
    /// knows what to ask for.
    pub fn naming_scope(self, requirement: &Requirement) -> Self {
        self.or_scope(requirement.scope_text())
    }
}

impl fmt::Debug for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requirement")
            .field("all_scopes", &self.all_scopes)
            .field("any_scope", &self.any_scope)
            .field("audiences", &self.audiences)
            .field("roles", &self.roles)
            .field("predicates", &self.predicates.len())
            .field("acr_values", &self.acr_values)
            .field("max_age", &self.max_age)
            .finish()
    }
}
