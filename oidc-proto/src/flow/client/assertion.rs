//! Client assertions (RFC 7521 section 4.2, RFC 7523 section 3, OpenID Connect Core 1.0 section 9): what a
//! client signs to say who it is, made with a key at hand or with one that is elsewhere.
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

/// How long, in seconds, an assertion is good for.
const LIFETIME: i64 = 60;

/// The assertion of one attempt. It is moved into the attempt, so nobody can send it twice.
#[derive(Debug)]
#[must_use = "an assertion does nothing until an attempt takes it"]
pub struct Assertion(pub(in crate::flow) Secret);

impl Assertion {
    /// An assertion that somebody else has made, such as the platform that a workload runs on.
    pub fn foreign(jwt: impl Into<Secret>) -> Self {
        Self(jwt.into())
    }
}

impl FromSigned for Assertion {
    fn from_signed(token: Secret) -> Self {
        Self(token)
    }
}

/// A client, and what it authenticates or proves one attempt with: an assertion, a proof, or both.
///
/// Its flows send the request once: an attempt that is to be made again needs another assertion, and another
/// proof. So a flow that would wait for a busy provider ends instead, and a flow whose provider demands
/// another DPoP nonce ends with that nonce in [`OAuthError::dpop_nonce`](crate::flow::OAuthError::dpop_nonce).
#[derive(Debug)]
#[must_use = "an attempt does nothing until a flow begins with it"]
pub struct Attempt {
    pub(in crate::flow) client: Client,
    pub(in crate::flow) prepared: Prepared,
}

/// What was made before the request that it goes with: good for one, and then gone.
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
    /// The assertion of this client, to be signed by a key that is elsewhere.
    pub fn assertion_to_sign(
        &self,
        algorithm: Algorithm,
        kid: Option<&str>,
        moment: Moment,
    ) -> ToSign<Assertion> {
        let (now, mut entropy) = moment.split();
        self.unsigned_assertion(algorithm, kid, now, &mut entropy)
    }

    /// One attempt that authenticates with this assertion.
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
