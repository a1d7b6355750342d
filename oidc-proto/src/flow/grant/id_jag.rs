//! The identity assertion grant (draft-ietf-oauth-identity-assertion-authz-grant): the identity provider of an
//! enterprise vouches for its user at the authorization server of another service. No browser is needed.
//!
//! ```text
//! Repeating ──granted──▶ Done(IdJag)
//! ```
//! This is the request to the identity provider. The ID-JAG then goes to the authorization server of the resource, as an
//! assertion. Each of the two requests is sent once.

use super::{
    assertion::{AssertionGrant, AssertionGrantRequest},
    extension::broken,
    token_exchange::{ExchangedToken, TokenExchange, TokenExchangeRequest, TokenTypeIdentifier},
};
use crate::{
    base::{
        moment::{Moment, Timestamp},
        secret::Secret,
    },
    flow::{
        client::{Attempt, Client},
        contract::{Call, ConfigError, Error, ResponseRule, Step, Then},
    },
};

/// The flow from an identity assertion to an ID-JAG, at the identity provider. [`Client::id_jag`] starts it.
///
/// ```
/// use oidc_proto::flow::{IdJagRequest, TokenTypeIdentifier};
/// use oidc_testkit::{JWT_BEARER_GRANT, Party, TOKEN_EXCHANGE_GRANT, drive};
///
/// // The identity provider, and the authorization server of the service that the user's tool needs.
/// let mut idp = Party::new();
/// let mut service = Party::builder().issuer("https://as.chat.example").build();
/// let user = idp.login()?;
/// idp.provider.allow_grant("app", TOKEN_EXCHANGE_GRANT);
/// service.provider.allow_grant("app", JWT_BEARER_GRANT);
/// service.provider.trust_id_jags("https://op.example", idp.provider.key_set());
///
/// // At the identity provider: the user's ID token for an ID-JAG.
/// let wanted = IdJagRequest::new(user.id_token.token, TokenTypeIdentifier::ID_TOKEN, "https://as.chat.example")
///     .resource("https://api.chat.example/")
///     .scopes(["chat.read"]);
/// let id_jag = drive(idp.client.id_jag(&wanted, idp.clock.moment())?, &mut idp.provider, &mut idp.clock)?;
///
/// // At the service: the ID-JAG for an access token.
/// let call = service.client.redeem_id_jag(id_jag, service.clock.moment())?;
/// let tokens = drive(call, &mut service.provider, &mut service.clock)?;
/// assert!(tokens.is_bearer());
/// # Ok::<(), oidc_proto::Error>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct IdJagGrant;

/// The request for an ID-JAG (section 4.3 of the draft).
///
/// ```
/// use oidc_proto::flow::{IdJagRequest, TokenTypeIdentifier};
///
/// // The resource's metadata (RFC 9728) name its authorization server: its issuer is the audience.
/// let wanted = IdJagRequest::new("the ID token", TokenTypeIdentifier::ID_TOKEN, "https://as.chat.example")
///     .resource("https://api.chat.example/");
/// assert!(!format!("{wanted:?}").contains("the ID token"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdJagRequest {
    exchange: TokenExchangeRequest,
    audience: String,
}

impl IdJagRequest {
    /// Returns a request with an identity assertion, such as the ID token of the user's login, for the authorization
    /// server with this issuer.
    #[must_use]
    pub fn new(
        subject_token: impl Into<Secret>,
        subject_token_type: TokenTypeIdentifier,
        audience: impl Into<String>,
    ) -> Self {
        let audience = audience.into();
        let exchange = TokenExchangeRequest::new(subject_token, subject_token_type)
            .requesting(TokenTypeIdentifier::ID_JAG)
            .audience(&audience);
        Self { exchange, audience }
    }

    /// Adds the resource that the access token is for.
    #[must_use]
    pub fn resource(self, resource: impl Into<String>) -> Self {
        Self { exchange: self.exchange.resource(resource), ..self }
    }

    /// Adds scopes of the resource.
    #[must_use]
    pub fn scopes<S: Into<String>>(self, scopes: impl IntoIterator<Item = S>) -> Self {
        Self { exchange: self.exchange.scopes(scopes), ..self }
    }

    /// Adds a further parameter. A parameter that the library sets itself is refused.
    #[must_use]
    pub fn parameter(self, name: impl Into<String>, value: impl Into<Secret>) -> Self {
        Self { exchange: self.exchange.parameter(name, value), ..self }
    }
}

/// An ID-JAG (Identity Assertion JWT Authorization Grant): the identity provider's word for a user, for one authorization
/// server. It cannot be cloned: it is sent once.
///
/// ```
/// use oidc_proto::{Timestamp, flow::IdJag};
///
/// /// Whether there is time to redeem it.
/// fn is_fresh(id_jag: &IdJag, now: Timestamp) -> bool {
///     id_jag.expires_at.is_none_or(|end| now < end)
/// }
/// # let _ = is_fresh;
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct IdJag {
    /// The assertion itself.
    pub assertion: Secret,
    /// The issuer of the authorization server that it is for.
    pub audience: String,
    /// The scopes, if the identity provider names them. If absent, they are the scopes that were asked for.
    pub scope: Option<String>,
    /// When it expires, if the identity provider says so.
    pub expires_at: Option<Timestamp>,
}

impl Client {
    /// Exchanges an identity assertion for an ID-JAG. This client is the one at the identity provider.
    ///
    /// # Errors
    /// As [`exchange`](Self::exchange).
    pub fn id_jag(&self, wanted: &IdJagRequest, moment: Moment) -> Result<Call<IdJagGrant>, Error> {
        Attempt::from(self).id_jag(wanted, moment)
    }

    /// Asks for tokens with an ID-JAG. This client is the one at the authorization server of the resource.
    ///
    /// # Errors
    /// [`ConfigError::Parameter`] if the ID-JAG is for another authorization server; otherwise as
    /// [`assertion_grant`](Self::assertion_grant).
    pub fn redeem_id_jag(&self, id_jag: IdJag, moment: Moment) -> Result<Call<AssertionGrant>, Error> {
        Attempt::from(self).redeem_id_jag(id_jag, moment)
    }
}

impl Attempt {
    /// Exchanges an identity assertion for an ID-JAG.
    ///
    /// # Errors
    /// As [`Client::id_jag`].
    pub fn id_jag(self, wanted: &IdJagRequest, moment: Moment) -> Result<Call<IdJagGrant>, Error> {
        Ok(self.exchange(&wanted.exchange, moment)?.carrying(wanted.audience.clone()))
    }

    /// Asks for tokens with an ID-JAG.
    ///
    /// # Errors
    /// As [`Client::redeem_id_jag`].
    pub fn redeem_id_jag(self, id_jag: IdJag, moment: Moment) -> Result<Call<AssertionGrant>, Error> {
        let IdJag { assertion, audience, .. } = id_jag;
        // Another server could use it at the right one.
        if audience != self.client.metadata().issuer {
            return Err(ConfigError::Parameter("audience").into());
        }
        self.assertion_grant(AssertionGrantRequest::jwt(assertion), moment)
    }
}

impl Then for IdJagGrant {
    type First = TokenExchange;
    /// The issuer of the authorization server that the ID-JAG is for.
    type Carried = String;
    type Output = IdJag;

    fn then(exchanged: ExchangedToken, audience: String, _: Moment) -> Result<Step<Self>, Error> {
        // The exchange has compared the kind of the token. A refresh token beside it is not to be used.
        let ExchangedToken { tokens, .. } = exchanged;
        if tokens.is_access_token() {
            return Err(broken(ResponseRule::Value("token_type")));
        }
        let (scope, expires_at) = (tokens.scope, tokens.expires_at);
        Ok(Step::Done(IdJag { assertion: tokens.access_token, audience, scope, expires_at }))
    }
}
