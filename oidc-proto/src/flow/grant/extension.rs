//! A grant of one's own (RFC 6749 section 4.5): a grant type and its parameters. Authentication, DPoP, repetition and
//! the checks of the response are those of every grant.
//!
//! ```text
//! Repeating ──granted──▶ Done(TokenResponse)
//!           ──429, 503, lost──▶ Wait ──▶ Repeating    only if the request is repeatable
//! ```

use crate::{
    base::{
        moment::{Moment, Timestamp},
        secret::Secret,
    },
    flow::{
        client::{Attempt, Client, Form},
        contract::{Call, ConfigError, Endpoint, Error, ResponseError, ResponseRule, Step, Then},
        exchange::{Aim, Answer, Ask, Body, MAX_RETRIES, Mint, Repeated, bound, tokens},
    },
    message::{AuthorizationDetail, AuthorizationDetails, TokenResponse},
};
use std::{borrow::Cow, fmt, sync::Arc};

/// The flow from a grant of one's own to tokens. [`Client::grant`] starts it, and [`GrantRequest`] has an example.
///
/// To check more than a [`GrantRequest`] can, put a [`Then`] behind this flow.
#[derive(Debug)]
#[non_exhaustive]
pub struct ExtensionGrant;

/// The request for tokens with a grant that this library need not know: a grant type, and its parameters.
///
/// The client authenticates as for every grant, anew for each attempt. With a DPoP key it proves each attempt, and
/// accepts no token that is not bound. A request is sent once, unless it is [`repeatable`](Self::repeatable).
///
/// ```
/// use oidc_proto::flow::GrantRequest;
/// use oidc_testkit::{Party, drive};
///
/// let mut party = Party::new(); // a provider without a network, a client of it, and a clock
/// party.provider.accept_grant("urn:example:grant:badge", &["badge"]);
/// party.provider.allow_grant("app", "urn:example:grant:badge");
///
/// let wanted = GrantRequest::new("urn:example:grant:badge")
///     .parameter("badge", "the number of the badge") // a secret: no error repeats it
///     .scopes(["doors.open"])
///     .requires("expires_in");
/// let call = party.client.grant(&wanted, party.clock.moment())?;
/// let tokens = drive(call, &mut party.provider, &mut party.clock)?;
/// assert!(tokens.is_bearer());
/// # Ok::<(), oidc_proto::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct GrantRequest {
    grant_type: Cow<'static, str>,
    /// The parameters that the library sets for a grant that it knows.
    own: Vec<(&'static str, Secret)>,
    /// The names of such parameters, whether they are set or not.
    reserved: &'static [&'static str],
    scopes: Vec<String>,
    resources: Vec<String>,
    details: AuthorizationDetails,
    audiences: Vec<String>,
    extra: Vec<(String, Secret)>,
    repeatable: bool,
    checks: Checks,
}

/// What the response must have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checks {
    required: Vec<&'static str>,
    other_token: bool,
}

impl GrantRequest {
    /// Returns a request with this grant type, which is an absolute URI (RFC 6749 section 4.5).
    #[must_use]
    pub fn new(grant_type: impl Into<Cow<'static, str>>) -> Self {
        Self {
            grant_type: grant_type.into(),
            own: Vec::new(),
            reserved: &[],
            scopes: Vec::new(),
            resources: Vec::new(),
            details: AuthorizationDetails::default(),
            audiences: Vec::new(),
            extra: Vec::new(),
            repeatable: false,
            checks: Checks::default(),
        }
    }

    /// Adds scopes.
    #[must_use]
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes.extend(scopes.into_iter().map(Into::into));
        self
    }

    /// Adds a resource (RFC 8707): the URL of an API, which is sent to the letter. A request may have several.
    #[must_use]
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.resources.push(resource.into());
        self
    }

    /// Adds an entry of `authorization_details` (RFC 9396 section 6): a right of the new token.
    #[must_use]
    pub fn authorization_detail(mut self, detail: AuthorizationDetail) -> Self {
        self.details.push(detail);
        self
    }

    /// Adds an audience (RFC 8693 section 2.1): the name of a service at the provider. A request may have several.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Adds a parameter. Its value counts as a secret. A parameter that the library sets itself is refused, and so is
    /// the second one of a name.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<Secret>) -> Self {
        self.extra.push((name.into(), value.into()));
        self
    }

    /// Lets the request be sent again, up to [`MAX_RETRIES`](crate::flow::MAX_RETRIES) times, if the provider is busy or
    /// the response is lost. Call it if a second request does no harm although the first may have been processed: if no
    /// parameter is a code, a ticket or another value that works once.
    #[must_use]
    pub const fn repeatable(mut self) -> Self {
        self.repeatable = true;
        self
    }

    /// Refuses a response without this member.
    #[must_use]
    pub fn requires(mut self, member: &'static str) -> Self {
        self.checks.required.push(member);
        self
    }

    /// Accepts a token that is no access token: its `token_type` is `N_A` (RFC 8693 section 2.2.1).
    #[must_use]
    pub(super) const fn accepts_other_token(mut self) -> Self {
        self.checks.other_token = true;
        self
    }

    /// Returns a request of a grant that the library knows. An application may set none of the reserved parameters.
    pub(super) fn known(
        grant_type: &'static str,
        reserved: &'static [&'static str],
        own: Vec<(&'static str, Secret)>,
    ) -> Self {
        Self { own, reserved, ..Self::new(grant_type) }
    }

    pub(super) fn set(&mut self, name: &'static str, value: impl Into<Secret>) {
        self.own.retain(|(known, _)| *known != name);
        self.own.push((name, value.into()));
    }

    fn form(&self) -> Result<Form, ConfigError> {
        const RESERVED: [&str; 8] = [
            "grant_type",
            "scope",
            "resource",
            "audience",
            "client_id",
            "client_secret",
            "client_assertion",
            "client_assertion_type",
        ];
        // The grants of RFC 6749 have names, and a flow with more checks each.
        if url::Url::parse(&self.grant_type).is_err() {
            return Err(ConfigError::Parameter("grant_type"));
        }
        let mut form: Form = vec![("grant_type".into(), Secret::new(&*self.grant_type))];
        for (name, value) in &self.own {
            if value.expose().is_empty() {
                return Err(ConfigError::Parameter(name));
            }
            form.push(((*name).into(), value.clone()));
        }
        if !self.scopes.is_empty() {
            form.push(("scope".into(), Secret::new(self.scopes.join(" "))));
        }
        form.extend(self.audiences.iter().map(|audience| ("audience".into(), Secret::new(audience))));
        for (index, (name, value)) in self.extra.iter().enumerate() {
            let mut reserved = RESERVED.iter().chain(self.reserved);
            if let Some(reserved) = reserved.find(|reserved| **reserved == name) {
                return Err(ConfigError::Reserved(reserved));
            }
            if name == "authorization_details" && !self.details.is_empty() {
                return Err(ConfigError::Reserved("authorization_details"));
            }
            if self.extra.iter().take(index).any(|(known, _)| known == name) {
                return Err(ConfigError::Reserved("extra"));
            }
            form.push((name.clone().into(), value.clone()));
        }
        Ok(form)
    }
}

/// Shows only the names of the parameters: a value may be a token.
impl fmt::Debug for GrantRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let own = self.own.iter().map(|(name, _)| *name);
        let names = own.chain(self.extra.iter().map(|(name, _)| name.as_str()));
        f.debug_struct("GrantRequest")
            .field("grant_type", &self.grant_type)
            .field("scopes", &self.scopes)
            .field("resources", &self.resources)
            .field("authorization_details", &self.details)
            .field("audiences", &self.audiences)
            .field("parameters", &names.collect::<Vec<_>>())
            .field("repeatable", &self.repeatable)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Asks for tokens with a grant of one's own.
    ///
    /// # Errors
    /// [`Error::Config`] if the metadata has no usable `token_endpoint`, if the grant type is no URI, or if the library
    /// sets one of the parameters itself; [`Error::Sign`] if the client has a key that fails to sign.
    pub fn grant(&self, wanted: &GrantRequest, moment: Moment) -> Result<Call<ExtensionGrant>, Error> {
        Attempt::from(self).grant(wanted, moment)
    }
}

impl Attempt {
    /// Asks for tokens with a grant of one's own. With an assertion or a proof that was signed elsewhere, the request is
    /// sent once.
    ///
    /// # Errors
    /// As [`Client::grant`].
    pub fn grant(self, wanted: &GrantRequest, moment: Moment) -> Result<Call<ExtensionGrant>, Error> {
        self.grant_with(wanted, None, moment)
    }

    /// Asks for tokens. `mint` makes the parameter that must be new for each attempt.
    pub(super) fn grant_with(
        self,
        wanted: &GrantRequest,
        mint: Option<Arc<dyn Mint>>,
        moment: Moment,
    ) -> Result<Call<ExtensionGrant>, Error> {
        let aim = Aim::new(&wanted.resources, &wanted.details);
        let ask = Ask::new(self, Endpoint::Token, wanted.form()?).aiming(aim)?.minting(mint);
        let budget = if wanted.repeatable { MAX_RETRIES } else { 0 };
        Ok(ask.repeated(budget, moment)?.carrying(wanted.checks.clone()))
    }
}

/// The response of a grant whose token may be no access token.
pub struct Issued(TokenResponse);

impl Answer for Issued {
    const MEMBER: Option<&'static str> = Some("access_token");

    fn read(body: Body, client: &Client, now: Timestamp) -> Result<Self, ResponseRule> {
        let tokens = tokens(body, client, now)?;
        // What is no access token opens no API, so it need not be bound.
        if tokens.is_access_token() { bound(tokens, client).map(Self) } else { Ok(Self(tokens)) }
    }

    fn tokens(&self) -> Option<&TokenResponse> {
        Some(&self.0)
    }
}

impl Then for ExtensionGrant {
    type First = Repeated<Issued>;
    type Carried = Checks;
    type Output = TokenResponse;

    fn then(Issued(mut tokens): Issued, checks: Checks, _: Moment) -> Result<Step<Self>, Error> {
        let lacking = checks.required.into_iter().find(|member| !tokens.has(member));
        if let Some(member) = lacking {
            return Err(broken(ResponseRule::Missing(member)));
        }
        if !tokens.is_access_token() && !checks.other_token {
            return Err(broken(ResponseRule::Value("token_type")));
        }
        // Nothing has checked it, so nobody may take it for a login.
        tokens.id_token = None;
        Ok(Step::Done(tokens))
    }
}

/// Returns the error of a success that breaks a rule of its grant.
pub(super) fn broken(rule: ResponseRule) -> Error {
    ResponseError::new(Endpoint::Token, http::StatusCode::OK, rule).into()
}
