//! [`Requirement`]: the demands of a route on a valid access token (RFC 6750 section 3.1, RFC 9470 section 3).

use super::{
    access::Access,
    challenge::{DenialReason, Denied, Details},
};
use crate::{
    base::moment::{Timestamp, seconds_up_to},
    message::AuthorizationDetail,
    token::VerificationError,
};
use std::{fmt, sync::Arc, time::Duration};

type Predicate = Arc<dyn Fn(&Access) -> bool + Send + Sync>;

/// The demands of a route on a valid access token. The default demands nothing. Make one for each route.
///
/// Every method adds a demand and removes none. If a method is called twice, both demands hold. An empty list cannot be
/// satisfied: a list that is empty by mistake in a configuration closes the route and does not open it.
///
/// ```
/// use oidc_proto::{
///     Timestamp,
///     resource::{Access, Denied, Requirement},
/// };
/// use std::time::Duration;
///
/// /// To refund an order: a scope, a role, and a login within the last hour (RFC 9470).
/// fn to_refund() -> Requirement {
///     Requirement::new()
///         .scope("orders.write")
///         .role("/realm_access/roles", "support")
///         .max_age(Duration::from_secs(3600))
/// }
///
/// /// A handler. If it refuses, the status is 403 or 401, and the challenge says what is missing.
/// fn refund(access: &Access, needs: &Requirement, now: Timestamp) -> Result<&'static str, Denied> {
///     access.require(needs, now)?;
///     Ok("refunded")
/// }
/// ```
#[derive(Clone, Default)]
pub struct Requirement {
    all_scopes: Vec<String>,
    /// At least one scope of each list.
    any_scope: Vec<Vec<String>>,
    audiences: Vec<String>,
    roles: Vec<(String, String)>,
    /// One actor of each list, by issuer and subject.
    actors: Vec<Vec<(String, String)>>,
    without_actor: bool,
    predicates: Vec<Predicate>,
    /// A class that is in every list.
    acr_values: Vec<Vec<String>>,
    max_age: Option<u32>,
}

impl Requirement {
    /// Makes a requirement that demands nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Demands this scope. A second call demands another scope as well.
    #[must_use]
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.all_scopes.push(scope.into());
        self
    }

    /// Demands at least one of these scopes. The challenge tells clients to ask for the first. A second call demands at
    /// least one of another list as well. No token satisfies an empty list.
    #[must_use]
    pub fn any_scope<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.any_scope.push(scopes.into_iter().map(Into::into).collect());
        self
    }

    /// Demands that the token names this audience. A second call demands another audience as well.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Demands this role in the claim at this path: see [`Access::has_role`]. A second call demands another role as
    /// well.
    #[must_use]
    pub fn role(mut self, path: impl Into<String>, role: impl Into<String>) -> Self {
        self.roles.push((path.into(), role.into()));
        self
    }

    /// Demands that one of these parties acts for the subject: each is named by its issuer and its identifier there (RFC 8693
    /// section 4.1). Only the current actor counts, never an earlier one within its `act`. A token that nobody acts with is
    /// refused, too. After a second call, the actor must be in both lists. No actor is in an empty list.
    ///
    /// ```
    /// use oidc_proto::resource::Requirement;
    ///
    /// /// The mail of a user: for this agent, if the user has delegated it.
    /// fn for_the_agent() -> Requirement {
    ///     Requirement::new().scope("mail.read").acted_for_by([("https://op.example", "mail-agent")])
    /// }
    ///
    /// /// The password of a user: for nobody else.
    /// fn for_the_user_alone() -> Requirement {
    ///     Requirement::new().without_actor()
    /// }
    /// ```
    #[must_use]
    pub fn acted_for_by<I: Into<String>, S: Into<String>>(
        mut self,
        actors: impl IntoIterator<Item = (I, S)>,
    ) -> Self {
        let actors = actors.into_iter().map(|(issuer, sub)| (issuer.into(), sub.into()));
        self.actors.push(actors.collect());
        self
    }

    /// Demands that nobody acts for the subject: the token has no `act`. So no agent uses the route in the name of a user, as
    /// far as the issuer says who uses a token. (An issuer that lets an agent impersonate a user says nothing.)
    #[must_use]
    pub const fn without_actor(mut self) -> Self {
        self.without_actor = true;
        self
    }

    /// Demands a right (RFC 9396 section 9): an entry of the token's `authorization_details` that
    /// [covers](AuthorizationDetail::covers) this one. A second call demands another right as well. For a right that depends
    /// on the request, such as an amount, read [`Access::authorization_details`] in the handler.
    #[must_use]
    pub fn authorization_detail(self, needed: AuthorizationDetail) -> Self {
        self.satisfies(move |access| access.authorization_details().is_ok_and(|rights| rights.cover(&needed)))
    }

    /// Demands that the access satisfies a condition of your own. A second call demands another condition as well.
    #[must_use]
    pub fn satisfies(mut self, predicate: impl Fn(&Access) -> bool + Send + Sync + 'static) -> Self {
        self.predicates.push(Arc::new(predicate));
        self
    }

    /// Demands that the class of the user's authentication (`acr`) is one of these, the preferred one first (RFC 9470
    /// section 3). After a second call, the class must be in both lists. No authentication satisfies an empty list.
    #[must_use]
    pub fn acr_values<S: Into<String>>(mut self, values: impl IntoIterator<Item = S>) -> Self {
        self.acr_values.push(values.into_iter().map(Into::into).collect());
        self
    }

    /// Demands that the user was authenticated within this duration (RFC 9470 section 3). After a second call, the
    /// shorter duration holds.
    #[must_use]
    pub const fn max_age(mut self, max_age: Duration) -> Self {
        let seconds = seconds_up_to(max_age, u32::MAX);
        self.max_age = match self.max_age {
            Some(before) if before < seconds => Some(before),
            Some(_) | None => Some(seconds),
        };
        self
    }

    /// Adds all demands of another requirement.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        let Self {
            all_scopes,
            any_scope,
            audiences,
            roles,
            actors,
            without_actor,
            predicates,
            acr_values,
            max_age,
        } = other;
        self.actors.extend(actors);
        self.without_actor |= without_actor;
        self.all_scopes.extend(all_scopes);
        self.any_scope.extend(any_scope);
        self.audiences.extend(audiences);
        self.roles.extend(roles);
        self.predicates.extend(predicates);
        self.acr_values.extend(acr_values);
        max_age.into_iter().fold(self, |all, seconds| all.max_age(Duration::from_secs(seconds.into())))
    }

    /// Returns the scopes that a client should ask for, in the form of a challenge.
    fn scope_text(&self) -> Option<String> {
        let first = self.any_scope.iter().filter_map(|scopes| scopes.first());
        let scopes: Vec<&str> = self.all_scopes.iter().chain(first).map(String::as_str).collect();
        (!scopes.is_empty()).then(|| scopes.join(" "))
    }

    /// Returns the classes that are in every list, in the order of the first. `None` if no class is demanded.
    fn classes(&self) -> Option<Vec<&str>> {
        let (first, others) = self.acr_values.split_first()?;
        let everywhere = |class: &&String| others.iter().all(|list| list.contains(class));
        Some(first.iter().filter(everywhere).map(String::as_str).collect())
    }

    /// Whether the current actor, or its absence, is what is demanded.
    fn admits_actor(&self, access: &Access) -> bool {
        let actor = access.actor();
        let is = |(issuer, sub): &(String, String)| {
            actor.is_some_and(|actor| actor.is((issuer, sub), access.issuer()))
        };
        (actor.is_none() || !self.without_actor) && self.actors.iter().all(|list| list.iter().any(is))
    }

    fn check(&self, access: &Access, now: Timestamp) -> Result<(), Denied> {
        if !self.audiences.iter().all(|wanted| access.audience().any(|one| one == wanted)) {
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
        if !self.admits_actor(access) {
            return Err(access.denied(DenialReason::Actor));
        }
        let classes = self.classes();
        let strong =
            classes.as_ref().is_none_or(|classes| access.acr().is_some_and(|acr| classes.contains(&acr)));
        let recent = self
            .max_age
            .is_none_or(|age| access.was_authenticated_within(Duration::from_secs(age.into()), now));
        if !strong || !recent {
            let acr_values = classes.map(|classes| classes.join(" "));
            let details = Details { acr_values, max_age: self.max_age, ..Details::default() };
            return Err(access.denied(DenialReason::Authentication).detailed(details));
        }
        Ok(())
    }
}

impl Access {
    /// Checks this access against the requirement of a route.
    ///
    /// # Errors
    /// [`Denied`]: 403 if the token lacks a scope or privilege, 401 if it is for another audience or the user must be
    /// authenticated again.
    pub fn require(&self, requirement: &Requirement, now: Timestamp) -> Result<(), Denied> {
        requirement.check(self, now)
    }
}

impl Denied {
    /// Names the scopes of the requirement in the challenge, so that a client without a token knows what to ask for. A
    /// second call adds the scopes of another requirement.
    ///
    /// ```
    /// use oidc_proto::{
    ///     resource::{Requirement, RequestView, ResourceServer, TrustedIssuer},
    ///     token::Scratch,
    /// };
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let api = ResourceServer::builder("https://api.example")
    ///     .trust(TrustedIssuer::new("https://op.example"))
    ///     .build()?;
    /// let (head, ()) = http::Request::get("/orders").body(())?.into_parts();
    /// let Err(denied) = api.inspect(&RequestView::of(&head), &mut Scratch::new()) else { return Err("there is no token".into()) };
    ///
    /// let denied = denied.naming_scope(&Requirement::new().scope("orders.read"));
    /// let challenge = r#"Bearer realm="https://api.example", scope="orders.read""#;
    /// assert_eq!(denied.headers()["www-authenticate"], challenge);
    /// # Ok(())
    /// # }
    /// ```
    pub fn naming_scope(self, requirement: &Requirement) -> Self {
        self.and_scope(requirement.scope_text())
    }
}

impl fmt::Debug for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requirement")
            .field("all_scopes", &self.all_scopes)
            .field("any_scope", &self.any_scope)
            .field("audiences", &self.audiences)
            .field("roles", &self.roles)
            .field("actors", &self.actors)
            .field("without_actor", &self.without_actor)
            .field("predicates", &self.predicates.len())
            .field("acr_values", &self.acr_values)
            .field("max_age", &self.max_age)
            .finish()
    }
}
