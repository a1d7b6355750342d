//! The retrieval of a challenge for the next proof of possession of a client attestation
//! (draft-ietf-oauth-attestation-based-client-auth-10 section 6.1), and what a server has named for the next proofs.
//!
//! ```text
//! Getting ──challenge──▶ Done(String)
//! ```

use super::document::{Document, Get};
use crate::{
    base::{endpoint_url::EndpointUrl, json::Members, moment::Moment},
    flow::{
        client::Client,
        contract::{Call, ConfigError, Endpoint, Error, OAuthError, ResponseRule, Step, Then},
    },
    sender::{attestation_challenge, challenge_text, dpop_nonce},
};
use http::HeaderMap;

/// The member of the response that has the challenge.
const CHALLENGE: &str = "attestation_challenge";

/// The flow from the challenge endpoint to a challenge, for a client whose key is elsewhere. A client with its key in memory
/// needs none of this: its flows ask for a challenge themselves.
///
/// ```
/// use oidc_proto::{Error, flow::{Call, ChallengeRetrieval, Client, Endpoint, Step}};
/// # fn send(_: Call<ChallengeRetrieval>) -> Result<String, Error> { Ok("a challenge".to_owned()) }
///
/// /// Returns the client with a challenge for its next request to the token endpoint.
/// fn challenged(client: &Client) -> Result<Client, Error> {
///     let challenge = send(client.attestation_challenge_retrieval()?)?; // your HTTP client, and `Pending::receive`
///     Ok(client.with_attestation_challenge(Endpoint::Token, &challenge))
/// }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct ChallengeRetrieval;

impl Client {
    /// Asks the provider for a challenge.
    ///
    /// # Errors
    /// [`ConfigError::NoEndpoint`] if the metadata has no usable `challenge_endpoint`.
    pub fn attestation_challenge_retrieval(&self) -> Result<Call<ChallengeRetrieval>, Error> {
        let endpoint = Endpoint::Challenge;
        let url = self.metadata().challenge_endpoint.as_ref();
        let url = url.ok_or(ConfigError::NoEndpoint(endpoint.name()))?;
        Ok(get(url).max_body(self.max_document()).carrying(()))
    }
}

impl Then for ChallengeRetrieval {
    type First = Get;
    type Carried = ();
    type Output = String;

    fn then(document: Document, (): (), _: Moment) -> Result<Step<Self>, Error> {
        read(&document).map(Step::Done)
    }
}

/// Returns the request for a challenge. Nothing in it identifies the client.
pub(super) fn get(url: &EndpointUrl) -> Call<Get> {
    Get::posted(Endpoint::Challenge, url, "application/json")
}

/// Reads the challenge of a response.
pub(super) fn read(document: &Document) -> Result<String, Error> {
    let broken = |rule| document.broken(rule);
    let json = document.json(&["application/json"])?;
    let mut members = Members::parse(json).map_err(|error| broken(ResponseRule::Json(error)))?;
    let challenge = members.string(CHALLENGE).map_err(|error| broken(ResponseRule::Json(error)))?;
    let challenge = challenge.ok_or_else(|| broken(ResponseRule::Missing(CHALLENGE)))?;
    match challenge_text(&challenge) {
        Some(challenge) => Ok(challenge.to_owned()),
        None => Err(broken(ResponseRule::Value(CHALLENGE))),
    }
}

/// What a server has named for the next proofs of a client.
#[derive(Clone, Default)]
pub(super) struct Named {
    /// The nonce of the next DPoP proof.
    pub(super) nonce: Option<String>,
    /// The challenge of the next proof of possession of an attestation.
    pub(super) challenge: Option<String>,
}

impl Named {
    /// Returns what a response names, and otherwise what was named before.
    pub(super) fn or_by(&self, headers: &HeaderMap) -> Self {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Self {
            nonce: owned(dpop_nonce(headers)).or_else(|| self.nonce.clone()),
            challenge: owned(attestation_challenge(headers)).or_else(|| self.challenge.clone()),
        }
    }
}

/// For which reasons a request may be sent once more: the server has not looked at it, and says so.
#[derive(Clone, Copy)]
pub(super) struct Again {
    nonce: bool,
    challenge: bool,
}

impl Again {
    pub(super) const fn new(again: bool) -> Self {
        Self { nonce: again, challenge: again }
    }

    /// Returns what is left after a refusal that asks for the same request once more; `None` for every other refusal, and for
    /// a second one for the same reason.
    pub(super) fn after(self, refused: &OAuthError, client: &Client) -> Option<Self> {
        if self.nonce && refused.wants_nonce() && client.prover().is_some() {
            return Some(Self { nonce: false, ..self });
        }
        (self.challenge && refused.wants_challenge() && client.attests())
            .then_some(Self { challenge: false, ..self })
    }
}
