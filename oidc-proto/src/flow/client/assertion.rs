//! Client assertions (RFC 7521 section 4.2, RFC 7523 section 3, OpenID Connect Core 1.0 section 9): tokens that a
//! client signs to authenticate, with a key that is here or elsewhere.
//!
//! ```text
//! key at hand     Client ─▶ a flow
//! key elsewhere   Client ─▶ ToSign ─signature─▶ Assertion ─▶ Attempt ─▶ one flow of one attempt
//! ```
//! Neither `Assertion` nor `Attempt` can be cloned: an assertion is sent once.

use super::client::Client;
use crate::{
    base::{
        json::Extra,
        moment::{Entropy, Moment, Timestamp},
        secret::Secret,
    },
    jose::{Algorithm, FromSigned, Sign, SignError, ToSign},
    sender::Proof,
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

/// A client with the assertion, the proof, or both, for one attempt.
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
}

impl Prepared {
    pub(in crate::flow) const fn is_none(&self) -> bool {
        self.assertion.is_none() && self.proof.is_none()
    }
}

impl From<&Client> for Attempt {
    fn from(client: &Client) -> Self {
        Self { client: client.clone(), prepared: Prepared::default() }
    }
}

impl Client {
    /// Returns the assertion of this client, for a key that is elsewhere to sign. It is valid for 60 seconds.
    pub fn assertion_to_sign(
        &self,
        algorithm: Algorithm,
        kid: Option<&str>,
        moment: Moment,
    ) -> ToSign<Assertion> {
        let (now, mut entropy) = moment.split();
        self.unsigned_assertion(algorithm, kid, now, &mut entropy)
    }

    /// Returns one attempt that authenticates with this assertion.
    pub fn attempt(&self, assertion: Assertion) -> Attempt {
        Attempt { client: self.clone(), prepared: Prepared { assertion: Some(assertion), proof: None } }
    }

    pub(in crate::flow) fn signed_assertion(
        &self,
        key: &dyn Sign,
        now: Timestamp,
        entropy: &mut Entropy,
    ) -> Result<Assertion, SignError> {
        self.unsigned_assertion(key.algorithm(), key.key_id(), now, entropy).sign(key)
    }

    fn unsigned_assertion(
        &self,
        algorithm: Algorithm,
        kid: Option<&str>,
        now: Timestamp,
        entropy: &mut Entropy,
    ) -> ToSign<Assertion> {
        let claims = json!({
            "iss": self.client_id(),
            "sub": self.client_id(),
            "aud": self.metadata().issuer,
            "jti": entropy.token(),
            "iat": now.0,
            "exp": now.plus(LIFETIME).0,
        });
        ToSign::new(Extra::new(), claims.to_string().as_bytes(), algorithm, kid)
    }
}
