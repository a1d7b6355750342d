//! [`ResourceRequest`]: an access token for a request of the application to an API (RFC 6750 sections 2.1 and 3, RFC
//! 9449 sections 7 and 9).
//!
//! ```text
//! Pending ──use_dpop_nonce──▶ Pending             once, with the nonce
//!         ──invalid_token, 401──▶ Renewal         once
//!         ──▶ Done(ResourceOutcome)               any other response
//! Renewal ──newer token──▶ Pending
//!         ──▶ Done(ResourceOutcome)               no newer token
//! ```
//!
//! This machine sees heads and no bodies, so it is no [`Flow`](crate::flow::Flow): the application has streams, its own
//! HTTP client and its own limits.

use super::{
    resource_origins::{ResourceOrigins, ResourceRequestError, has_no_credentials},
    resource_outcome::{Asks, NotSentAgain, ResourceChallenge, ResourceOutcome, read},
};
use crate::{
    base::{
        endpoint_url::EndpointUrl,
        header::credentials,
        moment::{Entropy, Moment, Timestamp},
        secret::Secret,
    },
    flow::{
        client::Client,
        contract::{ConfigError, Endpoint, Error, Terms},
    },
    jose::ToSign,
    sender::{DPOP, Proof, Proven, dpop_nonce},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use std::fmt;

/// A request of the application to an API, before it gets its access token.
///
/// The machine decides what a request may carry, and what its response means. The application sends each request with
/// its own HTTP client, which must follow no redirect: a redirect would carry the token along. A handle of `oidc-drive`
/// does all of this (`Provider::api`).
///
/// A request is sent once, and at most once more for each of these reasons: the API demands a DPoP nonce, or it refuses
/// the token and there is a newer one. In both cases the API has not carried out the request (RFC 6750 section 3.1, RFC
/// 9449 section 9).
///
/// ```
/// use http::{HeaderMap, StatusCode, request::Parts};
/// use oidc_proto::{Moment, Secret, UrlPolicy, flow::*};
///
/// /// Sends a request, and returns the status of the last response and what it says about the token.
/// fn call(
///     head: &Parts,
///     client: &Client, // with a DPoP key or without one
///     token: impl Fn(Option<&Secret>) -> Secret, // a newer one than that which was refused
///     send: impl Fn(&Parts, HeaderMap) -> (StatusCode, HeaderMap),
///     moment: impl Fn() -> Moment,
/// ) -> Result<(StatusCode, ResourceOutcome), Box<dyn std::error::Error>> {
///     let origins = ResourceOrigins::new("https://api.example", &UrlPolicy::default())?;
///     let mut request = ResourceRequest::new(&origins, &head.method, &head.uri, &head.headers)?;
///     let mut access_token = token(None);
///     loop {
///         let (authorization, pending) = request.authorize(client, &access_token, moment())?;
///         let mut headers = head.headers.clone();
///         headers.extend(authorization);
///         let (status, headers) = send(head, headers);
///         request = match pending.receive(status, &headers) {
///             ResourceStep::Again(request) => request,
///             ResourceStep::Renew(renewal) => {
///                 access_token = token(Some(&access_token));
///                 match renewal.retry(&access_token) {
///                     Ok(request) => request,
///                     Err(outcome) => return Ok((status, outcome)),
///                 }
///             }
///             ResourceStep::Done(outcome) => return Ok((status, outcome)),
///         };
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let party = oidc_testkit::Party::new();
/// # let (client, clock) = (party.client, std::cell::RefCell::new(party.clock));
/// // This API has revoked the first token:
/// let send = |_: &Parts, headers: HeaderMap| {
///     let known = headers["authorization"] == "Bearer second";
///     (if known { StatusCode::OK } else { StatusCode::UNAUTHORIZED }, HeaderMap::new())
/// };
/// let token = |refused: Option<&Secret>| Secret::new(if refused.is_some() { "second" } else { "first" });
/// let (head, ()) = http::Request::get("https://api.example/orders").body(())?.into_parts();
/// let (status, outcome) = call(&head, &client, token, send, || clock.borrow_mut().moment())?;
/// assert_eq!((status, outcome), (StatusCode::OK, ResourceOutcome::Answered));
/// # Ok(())
/// # }
/// ```
#[must_use = "a request does nothing until it is authorized and sent"]
pub struct ResourceRequest {
    method: Method,
    /// Without its query.
    target: EndpointUrl,
    /// Whether the body can be sent again.
    repeatable: bool,
    /// Whether the request may be sent again with a nonce.
    nonce_left: bool,
    /// Whether the request may be sent again with a newer token.
    renewal_left: bool,
    /// The newest nonce that this request was told.
    nonce: Option<String>,
}

/// A request that was sent with an access token, and has no response yet. [`ResourceRequest`] has an example.
///
/// Without a response, drop it: nobody knows whether the API has carried out the request, so the application alone
/// decides whether to begin again.
#[must_use = "the response says whether the request must be sent again"]
pub struct PendingResource {
    request: ResourceRequest,
    token: Secret,
    /// Whether the request had a proof.
    proven: bool,
}

/// What to do after a response of an API. [`ResourceRequest`] has an example.
#[derive(Debug)]
#[must_use = "the request may have to be sent again"]
#[allow(clippy::exhaustive_enums, reason = "a driver handles these three, and there will be no fourth")]
pub enum ResourceStep {
    /// Give the response to the application, with what it says about the token.
    Done(ResourceOutcome),
    /// Send the request again, with the same token: the API demands a nonce, which is in here.
    Again(ResourceRequest),
    /// Get a newer token, and send the request again.
    Renew(ResourceRenewal),
}

/// A request whose access token was refused, and which may be sent again with a newer one. [`ResourceRequest`] has an
/// example.
#[derive(Debug)]
#[must_use = "a request that is not sent again has an outcome"]
pub struct ResourceRenewal {
    request: ResourceRequest,
    refused: Secret,
    challenge: Box<ResourceChallenge>,
}

impl ResourceRequest {
    /// Begins with the head of a request. Its body can be sent again, if need be.
    ///
    /// # Errors
    /// The request must not have the token: [`ResourceRequestError`] says why.
    pub fn new(
        origins: &ResourceOrigins,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<Self, ResourceRequestError> {
        let target = origins.target(uri)?;
        has_no_credentials(uri, headers)?;
        let method = method.clone();
        Ok(Self { method, target, repeatable: true, nonce_left: true, renewal_left: true, nonce: None })
    }

    /// Sends the request once, because its body is a stream. If the API would take it with another token or nonce, the
    /// outcome says so ([`NotSentAgain::Body`]).
    pub fn once(self) -> Self {
        Self { repeatable: false, ..self }
    }

    /// Returns the headers with a bearer token (RFC 6750 section 2.1), and the state to keep. Add the headers to those
    /// of the request.
    ///
    /// # Errors
    /// [`ConfigError::Characters`] if the access token has characters that no header may have.
    pub fn with_bearer(self, token: &Secret) -> Result<(HeaderMap, PendingResource), Error> {
        self.with("Bearer", token, None)
    }

    /// Returns the headers with a token of this client, and the state to keep. Add the headers to those of the request.
    /// If the client has a DPoP key, the token comes with a new proof (RFC 9449 section 7.1).
    ///
    /// # Errors
    /// As [`with_bearer`](Self::with_bearer); [`Error::Sign`] if the DPoP key fails to sign; [`ConfigError::NoProof`] if
    /// it is elsewhere: then use [`proof_to_sign`](Self::proof_to_sign).
    pub fn authorize(
        self,
        client: &Client,
        token: &Secret,
        moment: Moment,
    ) -> Result<(HeaderMap, PendingResource), Error> {
        let (now, mut entropy) = moment.split();
        let proof = self.prove(client, token, now, &mut entropy)?;
        self.with(if proof.is_some() { "DPoP" } else { "Bearer" }, token, proof)
    }

    /// Returns the proof of this request, for a key that is elsewhere to sign.
    ///
    /// # Errors
    /// [`ConfigError::NoProof`] if the client has no DPoP key.
    pub fn proof_to_sign(
        &self,
        client: &Client,
        token: &Secret,
        moment: Moment,
    ) -> Result<ToSign<Proof>, Error> {
        let prover = client.prover().ok_or(ConfigError::NoProof)?;
        let (now, mut entropy) = moment.split();
        let nonce = self.nonce.as_deref().or_else(|| client.dpop_nonce(&self.target));
        let proven = Proven { method: &self.method, url: &self.target, nonce, access_token: Some(token) };
        Ok(prover.to_sign(&proven, now, &mut entropy))
    }

    /// Returns the headers with a token and a proof that was signed elsewhere, and the state to keep.
    ///
    /// # Errors
    /// As [`with_bearer`](Self::with_bearer).
    pub fn with_proof(self, token: &Secret, proof: &Proof) -> Result<(HeaderMap, PendingResource), Error> {
        let proof = proof.header()?;
        self.with("DPoP", token, Some(proof))
    }

    /// Returns the usual terms of a request to an API, for a driver that reads whole bodies. The client's certificate
    /// comes with the request if its tokens may be bound to it (RFC 8705 section 3).
    #[must_use]
    pub fn terms(client: &Client) -> Terms {
        client.terms(Endpoint::Other("resource"))
    }

    fn prove(
        &self,
        client: &Client,
        token: &Secret,
        now: Timestamp,
        entropy: &mut Entropy,
    ) -> Result<Option<HeaderValue>, Error> {
        client.prove(None, (&self.method, &self.target), self.nonce.as_deref(), Some(token), now, entropy)
    }

    fn with(
        self,
        scheme: &'static str,
        token: &Secret,
        proof: Option<HeaderValue>,
    ) -> Result<(HeaderMap, PendingResource), Error> {
        let value = credentials(scheme, token).ok_or(ConfigError::Characters("access_token"))?;
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, value);
        let proven = proof.is_some();
        headers.extend(proof.map(|mut proof| {
            proof.set_sensitive(true);
            (DPOP, proof)
        }));
        Ok((headers, PendingResource { request: self, token: token.clone(), proven }))
    }
}

impl PendingResource {
    /// Goes on with the head of the response. Its body stays with the application.
    pub fn receive(self, status: StatusCode, headers: &HeaderMap) -> ResourceStep {
        let Self { mut request, token, proven } = self;
        let scheme = if proven { "dpop" } else { "bearer" };
        let (asks, challenge) = read(status, headers, scheme, &token);
        let mut challenge = Box::new(challenge);
        let nonce = dpop_nonce(headers);
        let mut not = |why| {
            challenge.not_sent_again = Some(why);
        };
        match asks {
            Asks::Nothing => ResourceStep::Done(ResourceOutcome::Answered),
            Asks::Scope => ResourceStep::Done(ResourceOutcome::InsufficientScope(challenge)),
            Asks::Authentication => {
                ResourceStep::Done(ResourceOutcome::InsufficientAuthentication(challenge))
            }
            Asks::Otherwise => ResourceStep::Done(ResourceOutcome::Refused(challenge)),
            Asks::Nonce => {
                match nonce.filter(|_| proven) {
                    None => not(NotSentAgain::NoNonce),
                    Some(_) if !request.repeatable => not(NotSentAgain::Body),
                    Some(_) if !request.nonce_left => not(NotSentAgain::Repeated),
                    Some(nonce) => {
                        (request.nonce, request.nonce_left) = (Some(nonce.to_owned()), false);
                        return ResourceStep::Again(request);
                    }
                }
                ResourceStep::Done(ResourceOutcome::NonceDemanded(challenge))
            }
            Asks::NewerToken => {
                if !request.repeatable {
                    not(NotSentAgain::Body);
                } else if !request.renewal_left {
                    not(NotSentAgain::Repeated);
                } else {
                    request.renewal_left = false;
                    request.nonce = nonce.map(str::to_owned);
                    return ResourceStep::Renew(ResourceRenewal { request, refused: token, challenge });
                }
                ResourceStep::Done(ResourceOutcome::InvalidToken(challenge))
            }
        }
    }
}

impl ResourceRenewal {
    /// Returns the request, to be sent again with this newer token.
    ///
    /// # Errors
    /// It is the token that was refused. The request then ends as it does without a newer one.
    pub fn retry(self, token: &Secret) -> Result<ResourceRequest, ResourceOutcome> {
        if self.refused.equals(token.expose()) { Err(self.give_up()) } else { Ok(self.request) }
    }

    /// Ends the request without a newer token.
    #[must_use]
    pub fn give_up(mut self) -> ResourceOutcome {
        self.challenge.not_sent_again = Some(NotSentAgain::NoNewerToken);
        ResourceOutcome::InvalidToken(self.challenge)
    }

    /// Returns what the API said about the token.
    #[must_use]
    pub const fn challenge(&self) -> &ResourceChallenge {
        &self.challenge
    }
}

/// Shows where the request goes, without its query.
impl fmt::Debug for ResourceRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, target, repeatable, .. } = self;
        let mut shown = f.debug_struct("ResourceRequest");
        shown.field("method", method).field("target", target).field("repeatable", repeatable);
        shown.finish_non_exhaustive()
    }
}

impl fmt::Debug for PendingResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PendingResource").field(&self.request).finish()
    }
}
