//! Attestation-based client authentication (draft-ietf-oauth-attestation-based-client-auth-10): each request has the
//! attestation and a new proof that this instance of the client has the key in it.
//!
//! ```text
//! key at hand     Client ─▶ a flow
//! key elsewhere   Client ─▶ ToSign ─signature─▶ AttestationPop ─▶ Attempt::with_attestation_pop ─▶ one flow of one attempt
//! ```

use crate::{
    base::{
        endpoint_url::EndpointUrl,
        moment::{Entropy, Moment, Timestamp},
        secret::Secret,
    },
    flow::{
        client::{
            assertion::{Attempt, Prepared},
            builder::ClientBuilder,
            client::Client,
            dpop::ClientKey,
            settings::{Attested, Signer},
        },
        contract::{ConfigError, Endpoint, Error},
    },
    jose::{Algorithm, Jwk, Sign, ToSign},
    metadata::ClientAuthentication,
    sender::{
        ATTESTATION, ATTESTATION_POP, AttestationChallenges, AttestationError, AttestationPop,
        ClientAttestation, pop_to_sign,
    },
};
use http::{HeaderName, HeaderValue};
use std::sync::Arc;

/// The headers that authenticate a request.
type Headers = [(HeaderName, HeaderValue); 2];

impl ClientBuilder {
    /// Sets the key of this instance of the client, to which its [`attestation`](Self::attestation) is bound, so that the
    /// client authenticates with `attest_jwt_client_auth`
    /// (draft-ietf-oauth-attestation-based-client-auth-10 section 7.5). It signs a new proof of possession for each request.
    pub fn attestation_key(mut self, key: Arc<dyn Sign>) -> Self {
        self.attesting.key = Some(ClientKey::AtHand(Signer(key)));
        self
    }

    /// Sets the public half of the key of this instance of the client, if the private half is elsewhere. Each attempt then
    /// needs a proof of possession ([`Client::attestation_pop_to_sign`],
    /// [`Attempt::with_attestation_pop`](crate::flow::Attempt::with_attestation_pop)).
    pub fn attestation_public_key(mut self, jwk: Jwk, algorithm: Algorithm) -> Self {
        self.attesting.key = Some(ClientKey::Elsewhere(Box::new(jwk), algorithm));
        self
    }

    /// Sets the attestation of this instance of the client. Without it, call [`Client::with_attestation`] before the first
    /// request.
    pub fn attestation(mut self, attestation: ClientAttestation) -> Self {
        self.attesting.attestation = Some(attestation);
        self
    }
}

impl Client {
    /// Returns this client with another attestation, such as a newer one for the same key. The flows that have begun keep
    /// theirs.
    ///
    /// ```
    /// use oidc_proto::{flow::{Client, ConfigError}, sender::ClientAttestation};
    ///
    /// /// Takes what the attester has sent, before the old attestation expires.
    /// fn renewed(client: &Client, from_the_attester: &str) -> Result<Client, ConfigError> {
    ///     client.with_attestation(&ClientAttestation::parse(from_the_attester)?)
    /// }
    /// ```
    ///
    /// # Errors
    /// [`ConfigError::Attestation`] if it is for another client or another key, if the provider does not list its
    /// algorithm, or if the client authenticates in another way.
    pub fn with_attestation(&self, attestation: &ClientAttestation) -> Result<Self, ConfigError> {
        let key = self.inner().attestation_key.as_ref().filter(|_| self.attests());
        let key = key.ok_or(AttestationError::Unwanted)?;
        if attestation.client_id() != self.client_id() {
            return Err(AttestationError::Subject.into());
        }
        if attestation.thumbprint() != key.thumbprint() {
            return Err(AttestationError::OtherKey.into());
        }
        let listed = self.metadata().client_attestation_signing_alg_values_supported.as_deref();
        let listed = listed.filter(|listed| !listed.is_empty());
        if listed.is_some_and(|listed| !listed.iter().any(|name| name == attestation.algorithm())) {
            let offered = self.metadata().client_attestation_algorithms();
            return Err(AttestationError::Algorithm { offered }.into());
        }
        let attestation = Some(Arc::new(attestation.clone()));
        Ok(self.with_attested(Attested { attestation, ..self.attested.clone() }))
    }

    /// Returns this client with the challenges for its next proofs of possession. A client learns no challenge by itself: a
    /// driver lets the challenges [learn](AttestationChallenges::learn) from each response.
    #[must_use]
    pub fn with_attestation_challenges(&self, challenges: AttestationChallenges) -> Self {
        self.with_attested(Attested { challenges, ..self.attested.clone() })
    }

    /// Returns this client with a challenge for its next proof of possession at the server of an endpoint, such as the
    /// challenge in an [`OAuthError`](crate::flow::OAuthError), or that of a
    /// [`ChallengeRetrieval`](crate::flow::ChallengeRetrieval). If the metadata has no such endpoint, nothing changes.
    #[must_use]
    pub fn with_attestation_challenge(&self, endpoint: Endpoint, challenge: &str) -> Self {
        let mut challenges = self.attested.challenges.clone();
        if let Ok(url) = self.endpoint(endpoint) {
            challenges.put(&url.uri(), challenge);
        }
        self.with_attestation_challenges(challenges)
    }

    /// Returns the proof of possession of one request to an endpoint, for a key that is elsewhere to sign. If the provider has
    /// a challenge endpoint, give its challenge to [`with_attestation_challenge`](Self::with_attestation_challenge) first.
    ///
    /// # Errors
    /// [`ConfigError::Attestation`] if the client authenticates in another way; [`ConfigError::NoEndpoint`] if the metadata
    /// has no such endpoint.
    pub fn attestation_pop_to_sign(
        &self,
        endpoint: Endpoint,
        moment: Moment,
    ) -> Result<ToSign<AttestationPop>, Error> {
        let key = self.inner().attestation_key.as_ref().filter(|_| self.attests());
        let key = key.ok_or(ConfigError::Attestation(AttestationError::Unwanted))?;
        let (now, mut entropy) = moment.split();
        let challenge = self.attestation_challenge(self.endpoint(endpoint)?);
        Ok(pop_to_sign(key, &self.metadata().issuer, challenge, now, &mut entropy))
    }

    /// Whether an attestation authenticates the client.
    pub(in crate::flow) fn attests(&self) -> bool {
        self.authentication() == ClientAuthentication::AttestJwtClientAuth
    }

    fn attestation_challenge(&self, url: &EndpointUrl) -> Option<&str> {
        self.attested.challenges.newest(&url.uri())
    }

    /// Returns the challenge endpoint, if a request to this URL needs a challenge from it
    /// (draft-ietf-oauth-attestation-based-client-auth-10 section 6.1).
    pub(in crate::flow) fn lacks_challenge(
        &self,
        prepared: &Prepared,
        challenge: Option<&str>,
        url: &EndpointUrl,
    ) -> Option<&EndpointUrl> {
        let has_one = challenge.is_some() || self.attestation_challenge(url).is_some();
        let signs = self.attests() && prepared.pop.is_none();
        self.metadata().challenge_endpoint.as_ref().filter(|_| signs && !has_one)
    }

    /// Returns the headers that authenticate a request with an attestation, and the proof of possession among them, which no
    /// error may repeat. `prepared` is a proof that was signed elsewhere.
    pub(in crate::flow) fn attest(
        &self,
        prepared: Option<AttestationPop>,
        challenge: Option<&str>,
        url: &EndpointUrl,
        now: Timestamp,
        entropy: &mut Entropy,
    ) -> Result<Option<(Headers, Secret)>, Error> {
        let refused = |error| Err(ConfigError::Attestation(error).into());
        let Some(key) = self.inner().attestation_key.as_ref().filter(|_| self.attests()) else {
            return if prepared.is_none() { Ok(None) } else { refused(AttestationError::Unwanted) };
        };
        let Some(attestation) = &self.attested.attestation else {
            return refused(AttestationError::NoAttestation);
        };
        if attestation.is_expired(now) {
            return refused(AttestationError::Expired);
        }
        let pop = match (prepared, key.key()) {
            (Some(pop), _) => pop,
            (None, Some(signer)) => {
                let challenge = challenge.or_else(|| self.attestation_challenge(url));
                pop_to_sign(key, &self.metadata().issuer, challenge, now, entropy).sign(signer)?
            }
            (None, None) => return refused(AttestationError::NoPop),
        };
        let headers = [(ATTESTATION, attestation.header()), (ATTESTATION_POP, pop.header()?)];
        Ok(Some((headers, pop.jwt().clone())))
    }
}

impl Attempt {
    /// Adds a proof of possession that was signed elsewhere to the request of this attempt. The request is sent once: if the
    /// server demands another challenge, the flow ends with that challenge in
    /// [`OAuthError::attestation_challenge`](crate::flow::OAuthError::attestation_challenge). Give it to
    /// [`Client::with_attestation_challenge`] and begin again.
    pub fn with_attestation_pop(mut self, pop: AttestationPop) -> Self {
        self.prepared.pop = Some(pop);
        self
    }
}
