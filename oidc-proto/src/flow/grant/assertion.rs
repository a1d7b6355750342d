//! Assertions as grants (RFC 7521 section 4.1): a JWT (RFC 7523 section 2.1) or a SAML 2.0 assertion (RFC 7522 section
//! 2.1) of a party that the provider trusts, for tokens.
//!
//! ```text
//! Repeating ──granted──▶ Done(TokenResponse)
//!           ──429, 503, lost──▶ Wait ──▶ Repeating    only if the client signs a new assertion for each attempt
//! ```
//! An assertion that is given is sent once: its request can be neither cloned nor repeated.

use super::extension::{ExtensionGrant, GrantRequest};
use crate::{
    base::{
        base64url,
        json::Extra,
        moment::{Entropy, Moment, Timestamp},
        secret::Secret,
    },
    flow::{
        client::{Assertion, Attempt, Client},
        contract::{Call, ConfigError, Error, Step, Then},
        exchange::Mint,
    },
    jose::{Algorithm, FromSigned, Sign, SignError, ToSign},
    message::{AuthorizationDetail, TokenResponse},
};
use serde_json::Value;
use std::{fmt, sync::Arc, time::Duration};

const JWT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const SAML: &str = "urn:ietf:params:oauth:grant-type:saml2-bearer";

/// How long an assertion is valid, unless [`JwtAssertion::lifetime`] says otherwise.
const LIFETIME: Duration = Duration::from_secs(60);

/// The claims that the library sets itself.
const CLAIMS: [&str; 7] = ["iss", "sub", "aud", "exp", "iat", "nbf", "jti"];

/// The flow from an assertion to tokens. [`Client::assertion_grant`] starts it.
///
/// ```
/// use oidc_proto::flow::{AssertionGrantRequest, JwtAssertion};
/// use oidc_testkit::{Algorithm, JWT_BEARER_GRANT, KeyRing, Party, drive};
///
/// let mut party = Party::new(); // a provider without a network, a client of it, and a clock
/// party.provider.allow_grant("app", JWT_BEARER_GRANT);
/// let ring = KeyRing::new();
/// let (key, _) = ring.signer(Algorithm::ES256, 1, None);
/// party.provider.trust_assertions("https://ours.example", ring.document());
///
/// // This program vouches for its user, at a provider that trusts it.
/// let assertion = JwtAssertion::new("https://ours.example", "alice");
/// let wanted = AssertionGrantRequest::signed(assertion, key.into()).scopes(["profile"]);
/// let call = party.client.assertion_grant(wanted, party.clock.moment())?;
/// let tokens = drive(call, &mut party.provider, &mut party.clock)?;
/// assert!(tokens.is_bearer());
/// # Ok::<(), oidc_proto::Error>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct AssertionGrant;

/// The claims of a JWT that vouches for a subject (RFC 7523 section 3). The library sets `iat` and `exp`, and a new `jti`
/// for each assertion.
///
/// ```
/// use oidc_proto::flow::JwtAssertion;
/// use std::time::Duration;
///
/// // The service account of a program at Google: the audience is the token endpoint, and the scopes are a claim.
/// let assertion = JwtAssertion::new("robot@example.iam.gserviceaccount.com", "robot@example.iam.gserviceaccount.com")
///     .audience("https://oauth2.googleapis.com/token")
///     .claim("scope", "https://www.googleapis.com/auth/devstorage.read_only")
///     .lifetime(Duration::from_secs(3600));
/// # let _ = assertion;
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct JwtAssertion {
    issuer: String,
    subject: String,
    audience: Option<String>,
    lifetime: Duration,
    header_type: Option<String>,
    claims: Extra,
}

impl JwtAssertion {
    /// Returns the claims of this issuer, which vouches for this subject. The audience is the issuer of the provider, and
    /// the assertion is valid for 60 seconds.
    #[must_use]
    pub fn new(issuer: impl Into<String>, subject: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            subject: subject.into(),
            audience: None,
            lifetime: LIFETIME,
            header_type: None,
            claims: Extra::new(),
        }
    }

    /// Sets the audience. Some providers want the URL of their token endpoint.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// Sets the time for which an assertion is valid, in whole seconds. Many providers allow an hour at most.
    #[must_use]
    pub const fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Sets the `typ` of the header, which is absent otherwise.
    #[must_use]
    pub fn header_type(mut self, typ: impl Into<String>) -> Self {
        self.header_type = Some(typ.into());
        self
    }

    /// Adds a claim, or replaces it. A claim that the library sets itself is refused.
    #[must_use]
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.claims.insert(name.into(), value.into());
        self
    }

    fn check(&self) -> Result<(), ConfigError> {
        let of_ours = CLAIMS.into_iter().find(|name| self.claims.contains_key(*name));
        match of_ours {
            Some(name) => Err(ConfigError::Reserved(name)),
            None if self.issuer.is_empty() => Err(ConfigError::Parameter("iss")),
            None if self.subject.is_empty() => Err(ConfigError::Parameter("sub")),
            None if self.lifetime.as_secs() == 0 => Err(ConfigError::Parameter("exp")),
            None => Ok(()),
        }
    }

    fn unsigned<T: FromSigned>(
        &self,
        client: &Client,
        (algorithm, kid): (Algorithm, Option<&str>),
        now: Timestamp,
        entropy: &mut Entropy,
    ) -> ToSign<T> {
        let audience = self.audience.as_deref().unwrap_or(&client.metadata().issuer);
        let mut claims = self.claims.clone();
        for (name, value) in [
            ("iss", Value::from(self.issuer.as_str())),
            ("sub", self.subject.as_str().into()),
            ("aud", audience.into()),
            ("jti", entropy.token().into()),
            ("iat", now.0.into()),
            ("exp", now.after(self.lifetime).0.into()),
        ] {
            claims.insert(name.to_owned(), value);
        }
        let typ = self.header_type.iter().map(|typ| ("typ".to_owned(), typ.as_str().into()));
        ToSign::new(typ.collect(), Value::Object(claims).to_string().as_bytes(), algorithm, kid)
    }
}

/// Shows neither the subject nor the values of the further claims.
impl fmt::Debug for JwtAssertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtAssertion")
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .field("lifetime", &self.lifetime)
            .field("claims", &self.claims.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// The request for tokens with an assertion. It cannot be cloned: an assertion is sent once.
///
/// ```
/// use oidc_proto::flow::AssertionGrantRequest;
///
/// // A JWT that the platform of a workload gives to the program, read anew for each request:
/// let of_the_platform = AssertionGrantRequest::jwt("eyJ…").scopes(["orders.read"]);
/// // A SAML assertion, as XML: it is encoded here.
/// let of_a_login = AssertionGrantRequest::saml("<saml:Assertion …/>");
/// // The token that a user's client sent to this API, at Entra ("on behalf of"):
/// let on_behalf_of = AssertionGrantRequest::jwt("eyJ…").parameter("requested_token_use", "on_behalf_of");
/// # let _ = (of_the_platform, of_a_login, on_behalf_of);
/// ```
#[derive(Debug)]
pub struct AssertionGrantRequest {
    request: GrantRequest,
    signed: Option<Arc<Signed>>,
}

/// An assertion that the client signs for each attempt.
struct Signed {
    assertion: JwtAssertion,
    key: Arc<dyn Sign>,
}

impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.assertion.fmt(f)
    }
}

impl AssertionGrantRequest {
    fn new(grant_type: &'static str, own: Vec<(&'static str, Secret)>) -> Self {
        Self { request: GrantRequest::known(grant_type, &["assertion"], own), signed: None }
    }

    /// Returns a request with a JWT of another party (RFC 7523 section 2.1). It is sent once.
    #[must_use]
    pub fn jwt(assertion: impl Into<Secret>) -> Self {
        Self::new(JWT, vec![("assertion", assertion.into())])
    }

    /// Returns a request with a SAML 2.0 assertion (RFC 7522 section 2.1): one element as XML. It is encoded in
    /// base64url, and sent once.
    #[must_use]
    pub fn saml(assertion: impl Into<Secret>) -> Self {
        let xml: Secret = assertion.into();
        // An empty one stays empty, and is refused.
        Self::new(SAML, vec![("assertion", base64url::encode(xml.expose().as_bytes()).into())])
    }

    /// Returns a request with a JWT that the client signs with this key, anew for each attempt. So the request may be
    /// sent again, up to [`MAX_RETRIES`](crate::flow::MAX_RETRIES) times, if the provider is busy or the response is
    /// lost.
    #[must_use]
    pub fn signed(assertion: JwtAssertion, key: Arc<dyn Sign>) -> Self {
        let Self { request, .. } = Self::new(JWT, Vec::new());
        Self { request: request.repeatable(), signed: Some(Arc::new(Signed { assertion, key })) }
    }

    /// Adds scopes.
    #[must_use]
    pub fn scopes<S: Into<String>>(self, scopes: impl IntoIterator<Item = S>) -> Self {
        Self { request: self.request.scopes(scopes), ..self }
    }

    /// Adds an entry of `authorization_details` (RFC 9396 section 6): a right of the new token.
    #[must_use]
    pub fn authorization_detail(self, detail: AuthorizationDetail) -> Self {
        Self { request: self.request.authorization_detail(detail), ..self }
    }

    /// Adds a resource (RFC 8707): the URL of an API. A request may have several.
    #[must_use]
    pub fn resource(self, resource: impl Into<String>) -> Self {
        Self { request: self.request.resource(resource), ..self }
    }

    /// Adds a further parameter. A parameter that the library sets itself is refused.
    #[must_use]
    pub fn parameter(self, name: impl Into<String>, value: impl Into<Secret>) -> Self {
        Self { request: self.request.parameter(name, value), ..self }
    }
}

/// A JWT that was signed elsewhere becomes the request with it.
impl FromSigned for AssertionGrantRequest {
    fn from_signed(token: Secret) -> Self {
        Self::jwt(token)
    }
}

impl Mint for Signed {
    fn mint(&self, client: &Client, now: Timestamp, entropy: &mut Entropy) -> Result<Secret, SignError> {
        let as_signed_by = (self.key.algorithm(), self.key.key_id());
        let Assertion(jwt) = self.assertion.unsigned(client, as_signed_by, now, entropy).sign(&*self.key)?;
        Ok(jwt)
    }
}

impl Client {
    /// Asks for tokens with an assertion.
    ///
    /// # Errors
    /// [`Error::Config`] if the metadata has no usable `token_endpoint`, if the assertion is empty, or if the library
    /// sets one of the further parameters or claims itself; [`Error::Sign`] if a key fails to sign.
    pub fn assertion_grant(
        &self,
        wanted: AssertionGrantRequest,
        moment: Moment,
    ) -> Result<Call<AssertionGrant>, Error> {
        Attempt::from(self).assertion_grant(wanted, moment)
    }

    /// Returns an assertion for a key that is elsewhere to sign. With its signature, it becomes the request.
    ///
    /// # Errors
    /// [`ConfigError::Reserved`] or [`ConfigError::Parameter`] for a claim that the library sets itself or that must not
    /// be empty.
    pub fn jwt_assertion_to_sign(
        &self,
        assertion: &JwtAssertion,
        algorithm: Algorithm,
        kid: Option<&str>,
        moment: Moment,
    ) -> Result<ToSign<AssertionGrantRequest>, ConfigError> {
        assertion.check()?;
        let (now, mut entropy) = moment.split();
        Ok(assertion.unsigned(self, (algorithm, kid), now, &mut entropy))
    }
}

impl Attempt {
    /// Asks for tokens with an assertion. The client authenticates with an assertion of its own, which is another one:
    /// see [`Client::attempt`]. The request is sent once.
    ///
    /// # Errors
    /// As [`Client::assertion_grant`].
    pub fn assertion_grant(
        self,
        wanted: AssertionGrantRequest,
        moment: Moment,
    ) -> Result<Call<AssertionGrant>, Error> {
        let AssertionGrantRequest { request, signed } = wanted;
        if let Some(signed) = &signed {
            signed.assertion.check()?;
        }
        let mint = signed.map(|signed| signed as Arc<dyn Mint>);
        Ok(self.grant_with(&request, mint, moment)?.carrying(()))
    }
}

impl Then for AssertionGrant {
    type First = ExtensionGrant;
    type Carried = ();
    type Output = TokenResponse;

    fn then(tokens: TokenResponse, (): (), _: Moment) -> Result<Step<Self>, Error> {
        Ok(Step::Done(tokens))
    }
}
