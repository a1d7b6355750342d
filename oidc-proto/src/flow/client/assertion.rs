//! Client assertions (RFC 7521 section 4.2, RFC 7523 section 3, OpenID Connect Core 1.0 section 9): tokens that a
//! client signs to authenticate, with a key that is here or elsewhere.
//!
//! ```text
//! key at hand     Client ─▶ a flow
//! key elsewhere   Client ─▶ ToSign ─signature─▶ Assertion ─▶ Attempt ─▶ one flow of one attempt
//! ```
//! Neither `Assertion` nor `Attempt` can be cloned: an assertion is sent once.

use super::{choice::algorithm_elsewhere, client::Client, settings::AssertionAudience};
use crate::{
    base::{
        endpoint_url::EndpointUrl,
        json::Extra,
        moment::{Entropy, Moment, Timestamp},
        secret::Secret,
    },
    flow::contract::{Endpoint, Error},
    jose::{Algorithm, FromSigned, ToSign},
    sender::{AttestationPop, Proof},
};
use serde_json::json;

/// How long an assertion is valid, in seconds.
const LIFETIME: i64 = 60;

/// The assertion of one attempt. It moves into the attempt, so nobody can send it twice.
#[derive(Debug)]
#[must_use = "an assertion does nothing until an attempt takes it"]
pub struct Assertion(pub(in crate::flow) Secret);

impl Assertion {
    /// Takes an assertion from elsewhere, such as the platform that a workload runs on.
    pub fn foreign(jwt: impl Into<Secret>) -> Self {
        Self(jwt.into())
    }
}

impl FromSigned for Assertion {
    fn from_signed(token: Secret) -> Self {
        Self(token)
    }
}

/// A client with what was signed elsewhere for one attempt: an assertion, a proof, or both.
///
/// Its flows send the request once, because a second attempt needs another assertion and another proof. So a flow
/// that would wait for a busy provider ends instead. A flow whose provider demands another DPoP nonce ends with that
/// nonce in [`OAuthError::dpop_nonce`](crate::flow::OAuthError::dpop_nonce).
///
/// ```
/// use oidc_proto::{Moment, Timestamp, UrlPolicy, flow::*, metadata::*};
///
/// let document = br#"{"issuer": "https://op.example", "token_endpoint": "https://op.example/token",
///     "response_types_supported": ["code"]}"#;
/// let (profile, policy) = (Profile::AuthorizationServer, UrlPolicy::default());
/// let metadata = ProviderMetadata::parse(document, "https://op.example", profile, &policy)?;
/// let method = ClientAuthentication::PrivateKeyJwt;
/// let client = Client::builder(metadata, "my-workload").authentication(method).build()?;
///
/// let assertion = Assertion::foreign("eyJ…"); // the platform of the workload gives it to the program
/// let moment = Moment::new(Timestamp(1_800_000_000), [7; 32]);
/// let wanted = ClientCredentialsRequest::new(["orders.read"]);
/// let call = client.attempt(assertion).client_credentials(&wanted, moment)?;
/// assert!(String::from_utf8_lossy(call.request().body()).contains("client_assertion=eyJ"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "an attempt does nothing until a flow begins with it"]
pub struct Attempt {
    pub(in crate::flow) client: Client,
    pub(in crate::flow) prepared: Prepared,
}

/// The assertion and the proof that were signed before the request. They are used for one request.
#[derive(Debug, Default)]
pub(in crate::flow) struct Prepared {
    pub(in crate::flow) assertion: Option<Assertion>,
    pub(in crate::flow) proof: Option<Proof>,
    pub(in crate::flow) pop: Option<AttestationPop>,
    /// Whether the program makes the next attempt itself.
    pub(in crate::flow) single: bool,
}

impl Prepared {
    /// Whether the flow may repeat the request itself.
    pub(in crate::flow) const fn is_none(&self) -> bool {
        self.assertion.is_none() && self.proof.is_none() && self.pop.is_none() && !self.single
    }
}

impl Attempt {
    /// Leaves every repetition to the program: the flow sends its request once, even if the client could authenticate it
    /// again. For a program that reads its credentials anew for each attempt.
    pub const fn single(mut self) -> Self {
        self.prepared.single = true;
        self
    }
}

impl From<&Client> for Attempt {
    fn from(client: &Client) -> Self {
        Self { client: client.clone(), prepared: Prepared::default() }
    }
}

impl Client {
    /// Returns the assertion of a request to an endpoint, for a key that is elsewhere to sign. It is valid for 60
    /// seconds.
    ///
    /// # Errors
    /// [`ConfigError::NoAssertionAlgorithm`](crate::flow::ConfigError::NoAssertionAlgorithm) if the provider does not list
    /// the algorithm, or if it does not go with the authentication method;
    /// [`ConfigError::UnwantedAssertion`](crate::flow::ConfigError::UnwantedAssertion) if the client authenticates without
    /// assertions; [`ConfigError::NoEndpoint`](crate::flow::ConfigError::NoEndpoint) if the assertion must name the
    /// endpoint, and the metadata has no such endpoint.
    pub fn assertion_to_sign(
        &self,
        endpoint: Endpoint,
        algorithm: Algorithm,
        kid: Option<&str>,
        moment: Moment,
    ) -> Result<ToSign<Assertion>, Error> {
        let registered = self.inner().assertion_algorithm;
        let algorithm = algorithm_elsewhere(self.authentication(), algorithm, registered, self.metadata())?;
        let url = match self.inner().assertion_audience {
            AssertionAudience::RequestedEndpoint => Some(self.endpoint(endpoint)?),
            AssertionAudience::Issuer | AssertionAudience::TokenEndpoint => None,
        };
        let (now, mut entropy) = moment.split();
        Ok(self.unsigned_assertion(&Unsigned { algorithm, kid, url }, now, &mut entropy))
    }

    /// Returns one attempt that authenticates with this assertion.
    pub fn attempt(&self, assertion: Assertion) -> Attempt {
        Attempt {
            client: self.clone(),
            prepared: Prepared { assertion: Some(assertion), ..Prepared::default() },
        }
    }

    pub(super) fn unsigned_assertion(
        &self,
        Unsigned { algorithm, kid, url }: &Unsigned<'_>,
        now: Timestamp,
        entropy: &mut Entropy,
    ) -> ToSign<Assertion> {
        let url = match self.inner().assertion_audience {
            AssertionAudience::Issuer => None,
            AssertionAudience::TokenEndpoint => self.metadata().token_endpoint.as_ref(),
            AssertionAudience::RequestedEndpoint => *url,
        };
        let claims = json!({
            "iss": self.client_id(),
            "sub": self.client_id(),
            "aud": url.map_or(self.metadata().issuer.as_str(), EndpointUrl::as_str),
            "jti": entropy.token(),
            "iat": now.0,
            "exp": now.plus(LIFETIME).0,
        });
        let mut header = Extra::new();
        header.extend(self.inner().assertion_type.name().map(|typ| ("typ".to_owned(), typ.into())));
        ToSign::new(header, claims.to_string().as_bytes(), *algorithm, *kid)
    }
}

/// The parts of an assertion that are not the same for each request of a client.
pub(super) struct Unsigned<'u> {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<&'u str>,
    /// The URL of the endpoint that gets the request.
    pub(super) url: Option<&'u EndpointUrl>,
}
