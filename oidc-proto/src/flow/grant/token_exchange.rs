//! Token exchange (RFC 8693): a token for another one, such as a user's token at this API for a token at the next API.
//!
//! ```text
//! Repeating ──granted──▶ Done(ExchangedToken)
//!           ──429, 503, lost──▶ Wait ──▶ Repeating    only if the request is repeatable
//! ```

use super::extension::{ExtensionGrant, GrantRequest, broken};
use crate::{
    base::{moment::Moment, secret::Secret},
    flow::{
        client::{Attempt, Client},
        contract::{Call, Error, ResponseRule, Step, Then},
    },
    message::{AuthorizationDetail, TokenResponse},
};
use serde_json::Value;
use std::{borrow::Cow, fmt};

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// The parameters that an application sets by methods of [`TokenExchangeRequest`], or not at all.
const RESERVED: [&str; 5] =
    ["subject_token", "subject_token_type", "actor_token", "actor_token_type", "requested_token_type"];

/// The identifier of a kind of token in a token exchange (RFC 8693 section 3).
///
/// ```
/// use oidc_proto::flow::TokenTypeIdentifier;
///
/// let known = TokenTypeIdentifier::ACCESS_TOKEN;
/// assert_eq!(known.as_str(), "urn:ietf:params:oauth:token-type:access_token");
/// let of_a_vendor = TokenTypeIdentifier::new("urn:example:token-type:badge");
/// assert_ne!(known, of_a_vendor);
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TokenTypeIdentifier(Cow<'static, str>);

impl TokenTypeIdentifier {
    /// An access token of the provider.
    pub const ACCESS_TOKEN: Self = Self::of("urn:ietf:params:oauth:token-type:access_token");
    /// A refresh token of the provider.
    pub const REFRESH_TOKEN: Self = Self::of("urn:ietf:params:oauth:token-type:refresh_token");
    /// An ID token (OpenID Connect Core 1.0 section 2).
    pub const ID_TOKEN: Self = Self::of("urn:ietf:params:oauth:token-type:id_token");
    /// A SAML 1.1 assertion, encoded in base64url.
    pub const SAML1: Self = Self::of("urn:ietf:params:oauth:token-type:saml1");
    /// A SAML 2.0 assertion, encoded in base64url.
    pub const SAML2: Self = Self::of("urn:ietf:params:oauth:token-type:saml2");
    /// An ID-JAG: the word of an identity provider for a user, for one authorization server
    /// (draft-ietf-oauth-identity-assertion-authz-grant).
    pub const ID_JAG: Self = Self::of("urn:ietf:params:oauth:token-type:id-jag");
    /// A JWT of any purpose.
    pub const JWT: Self = Self::of("urn:ietf:params:oauth:token-type:jwt");

    const fn of(urn: &'static str) -> Self {
        Self(Cow::Borrowed(urn))
    }

    /// Returns the identifier with this URI.
    #[must_use]
    pub fn new(uri: impl Into<Cow<'static, str>>) -> Self {
        Self(uri.into())
    }

    /// Returns the URI.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TokenTypeIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The flow from one token to another. [`Client::exchange`] starts it.
///
/// The request is sent once, unless it is [`repeatable`](TokenExchangeRequest::repeatable). An exchange does not spend
/// the subject token by itself. But a provider may accept a subject token once, as it does with a JWT that has a `jti`,
/// and each exchange makes one more token. Only the caller knows whether that matters.
///
/// ```
/// use oidc_proto::flow::{TokenExchangeRequest, TokenTypeIdentifier};
/// use oidc_testkit::{Party, TOKEN_EXCHANGE_GRANT, drive};
///
/// let mut party = Party::new(); // a provider without a network, a client of it, and a clock
/// let user = party.login()?;
/// party.provider.allow_grant("app", TOKEN_EXCHANGE_GRANT);
///
/// // This API got the user's token, and asks the next API on behalf of the user.
/// let wanted = TokenExchangeRequest::new(user.tokens.access_token, TokenTypeIdentifier::ACCESS_TOKEN)
///     .requesting(TokenTypeIdentifier::ACCESS_TOKEN)
///     .resource("https://orders.example/")
///     .scopes(["profile"]);
/// let call = party.client.exchange(&wanted, party.clock.moment())?;
/// let exchanged = drive(call, &mut party.provider, &mut party.clock)?;
///
/// assert_eq!(exchanged.issued_token_type, TokenTypeIdentifier::ACCESS_TOKEN);
/// assert!(exchanged.tokens.is_bearer()); // for a request to the next API
/// # Ok::<(), oidc_proto::Error>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct TokenExchange;

/// The request to exchange a token (RFC 8693 section 2.1).
///
/// ```
/// use oidc_proto::flow::{TokenExchangeRequest, TokenTypeIdentifier};
///
/// // A user's token, and the token of the service that acts for the user. Two APIs, named in two ways.
/// let wanted = TokenExchangeRequest::new("the user's token", TokenTypeIdentifier::ACCESS_TOKEN)
///     .actor("the service's token", TokenTypeIdentifier::JWT)
///     .audience("orders")
///     .resource("https://stock.example/")
///     .repeatable();
/// assert!(!format!("{wanted:?}").contains("the user's token"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenExchangeRequest {
    request: GrantRequest,
    requested: Option<TokenTypeIdentifier>,
}

impl TokenExchangeRequest {
    /// Returns a request with this subject token: it says on whose behalf the request is made.
    #[must_use]
    pub fn new(subject_token: impl Into<Secret>, subject_token_type: TokenTypeIdentifier) -> Self {
        let own = vec![
            ("subject_token", subject_token.into()),
            ("subject_token_type", Secret::new(subject_token_type.0)),
        ];
        let request = GrantRequest::known(GRANT_TYPE, &RESERVED, own).accepts_other_token();
        Self { request, requested: None }
    }

    /// Adds the token of the party that acts for the subject. With it, the provider may issue a token that names both
    /// (delegation); without it, the new token is as if the subject itself had asked for it (impersonation).
    #[must_use]
    pub fn actor(mut self, actor_token: impl Into<Secret>, actor_token_type: TokenTypeIdentifier) -> Self {
        self.request.set("actor_token", actor_token);
        self.request.set("actor_token_type", Secret::new(actor_token_type.0));
        self
    }

    /// Names the kind of token that is wanted. A response with a token of another kind is refused.
    #[must_use]
    pub fn requesting(mut self, requested_token_type: TokenTypeIdentifier) -> Self {
        self.request.set("requested_token_type", requested_token_type.as_str());
        self.requested = Some(requested_token_type);
        self
    }

    /// Adds an audience: the name of a service at the provider. A request may have several.
    #[must_use]
    pub fn audience(self, audience: impl Into<String>) -> Self {
        Self { request: self.request.audience(audience), ..self }
    }

    /// Adds a resource: the URL of an API. A request may have several.
    #[must_use]
    pub fn resource(self, resource: impl Into<String>) -> Self {
        Self { request: self.request.resource(resource), ..self }
    }

    /// Adds an entry of `authorization_details` (RFC 9396 section 6): a right of the new token.
    #[must_use]
    pub fn authorization_detail(self, detail: AuthorizationDetail) -> Self {
        Self { request: self.request.authorization_detail(detail), ..self }
    }

    /// Adds scopes for the new token.
    #[must_use]
    pub fn scopes<S: Into<String>>(self, scopes: impl IntoIterator<Item = S>) -> Self {
        Self { request: self.request.scopes(scopes), ..self }
    }

    /// Adds a further parameter. A parameter that the library sets itself is refused.
    #[must_use]
    pub fn parameter(self, name: impl Into<String>, value: impl Into<Secret>) -> Self {
        Self { request: self.request.parameter(name, value), ..self }
    }

    /// Lets the request be sent again, up to [`MAX_RETRIES`](crate::flow::MAX_RETRIES) times, if the provider is busy or
    /// the response is lost. Call it if the provider accepts the subject token more than once, and if one more issued
    /// token does no harm.
    #[must_use]
    pub fn repeatable(self) -> Self {
        Self { request: self.request.repeatable(), ..self }
    }
}

/// The token of a token exchange (RFC 8693 section 2.2.1). Nothing has verified it.
///
/// ```
/// use oidc_proto::flow::{ExchangedToken, TokenTypeIdentifier};
///
/// /// Returns the credentials for an API, if the token is one that an API takes.
/// fn authorization(exchanged: &ExchangedToken) -> Option<String> {
///     let token = exchanged.tokens.access_token.expose();
///     exchanged.tokens.is_bearer().then(|| format!("Bearer {token}"))
/// }
/// # let _ = authorization;
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ExchangedToken {
    /// The response. `access_token` has the issued token, of whatever kind it is. If it is no access token,
    /// [`TokenResponse::is_access_token`] is `false`. An ID token beside it is left out, because nothing has checked it.
    pub tokens: TokenResponse,
    /// The kind of the issued token. It is the kind that was asked for, if one was.
    pub issued_token_type: TokenTypeIdentifier,
}

impl Client {
    /// Exchanges a token for another one.
    ///
    /// # Errors
    /// [`Error::Config`] if the metadata has no usable `token_endpoint`, if a token of the request is empty, or if the
    /// library sets one of the further parameters itself; [`Error::Sign`] if the client has a key that fails to sign.
    pub fn exchange(
        &self,
        wanted: &TokenExchangeRequest,
        moment: Moment,
    ) -> Result<Call<TokenExchange>, Error> {
        Attempt::from(self).exchange(wanted, moment)
    }
}

impl Attempt {
    /// Exchanges a token for another one. With an assertion or a proof that was signed elsewhere, the request is sent
    /// once.
    ///
    /// # Errors
    /// As [`Client::exchange`].
    pub fn exchange(
        self,
        wanted: &TokenExchangeRequest,
        moment: Moment,
    ) -> Result<Call<TokenExchange>, Error> {
        Ok(self.grant(&wanted.request, moment)?.carrying(wanted.requested.clone()))
    }
}

impl Then for TokenExchange {
    type First = ExtensionGrant;
    /// The kind of token that was asked for.
    type Carried = Option<TokenTypeIdentifier>;
    type Output = ExchangedToken;

    fn then(
        mut tokens: TokenResponse,
        requested: Option<TokenTypeIdentifier>,
        _: Moment,
    ) -> Result<Step<Self>, Error> {
        const MEMBER: &str = "issued_token_type";
        let issued = match tokens.extra.remove(MEMBER) {
            None => return Err(broken(ResponseRule::Missing(MEMBER))),
            Some(Value::String(uri)) if !uri.is_empty() => TokenTypeIdentifier::new(uri),
            Some(_) => return Err(broken(ResponseRule::Value(MEMBER))),
        };
        if requested.is_some_and(|requested| requested != issued) {
            return Err(broken(ResponseRule::Value(MEMBER)));
        }
        // The provider would say that an access token is none.
        if issued == TokenTypeIdentifier::ACCESS_TOKEN && !tokens.is_access_token() {
            return Err(broken(ResponseRule::Value("token_type")));
        }
        Ok(Step::Done(ExchangedToken { tokens, issued_token_type: issued }))
    }
}
