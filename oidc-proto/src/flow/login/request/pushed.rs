//! Pushed authorization requests (RFC 9126): the client sends the request itself, authenticated, and the user brings only
//! a reference to it.
//!
//! ```text
//! Posting ──reference──▶ Done(Pushed)
//!         ──use_dpop_nonce──▶ Posting          once, with a DPoP key at hand
//! ```
//! The request is sent once. A push spends nothing but an assertion and a proof, and a reference that nobody uses expires.
//! But a user waits at the browser, so the flow says at once that the provider is busy; and a provider may refuse a request
//! object that it has seen. The program pushes again when the user tries again.

use super::{prepared::PreparedRequest, request_object::RequestObject};
use crate::{
    base::{
        moment::{Moment, Timestamp},
        secret::Secret,
        visible::without_query,
    },
    flow::{
        client::{Attempt, Client, Form},
        contract::{Call, ConfigError, Endpoint, Error, ResponseRule, Step, Then},
        exchange::{Answer, Ask, Body, Post, is_open},
        login::pending::PendingAuthorization,
        saved::text,
    },
    message::{AuthorizationRequest, request::PushedAuthorizationResponse},
    metadata::ClientAuthentication,
};
use std::{fmt, marker::PhantomData};
use url::Url;

/// The flow from an authorization request to the URL of a pushed one. `P` is the state to keep until the user returns.
/// [`Client::push_authorize`] and [`PreparedRequest::push`] start it.
///
/// ```
/// use oidc_proto::{Moment, Timestamp, UrlPolicy, flow::*, message::AuthorizationRequest, metadata::*};
///
/// let document = br#"{"issuer": "https://op.example", "jwks_uri": "https://op.example/jwks",
///     "authorization_endpoint": "https://op.example/auth", "token_endpoint": "https://op.example/token",
///     "pushed_authorization_request_endpoint": "https://op.example/par", "response_types_supported": ["code"],
///     "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["RS256"],
///     "require_pushed_authorization_requests": true}"#;
/// let (profile, policy) = (Profile::OpenIdProvider, UrlPolicy::default());
/// let metadata = ProviderMetadata::parse(document, "https://op.example", profile, &policy)?;
/// let client = Client::builder(metadata, "my-client")
///     .secret("my secret")
///     .redirect_uri("https://app.example/callback")
///     .build()?;
///
/// let moment = || Moment::new(Timestamp(1_800_000_000), [7; 32]); // the time, and 32 random bytes
/// let call = client.push_authorize(&AuthorizationRequest::new(["email"]), moment())?;
/// let (request, _terms, pending) = call.into_parts();
/// assert_eq!(request.uri(), "https://op.example/par");
///
/// let reference = r#"{"request_uri": "urn:ietf:params:oauth:request_uri:6esc_11ACC5bwc014ltc14eY22c", "expires_in": 60}"#;
/// let response = http::Response::builder().status(201).header("content-type", "application/json").body(reference)?;
/// let Step::Done(pushed) = pending.receive(response, moment())? else { panic!("one response is enough") };
/// // Send the user to `url`, and keep `pending` in their session until they come back.
/// assert!(pushed.url.as_str().starts_with("https://op.example/auth?client_id=my-client&request_uri=urn%3A"));
/// assert_eq!(pushed.pending.issuer(), "https://op.example");
/// assert_eq!(pushed.expires_at, Timestamp(1_800_000_060));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct PushedAuthorization<P = PendingAuthorization>(PhantomData<P>);

/// A pushed authorization request.
#[derive(Clone)]
#[non_exhaustive]
pub struct Pushed<P = PendingAuthorization> {
    /// The URL to send the user to. It names the client and the reference to the request, and works once.
    pub url: Url,
    /// The state to keep until the user returns.
    pub pending: P,
    /// The time at which the URL expires. Push the request again for a user who goes later.
    pub expires_at: Timestamp,
}

impl Client {
    /// Sends the request of a login to the provider (RFC 9126), and returns the URL to send the user to. Each request has a
    /// new `state`, a new `nonce` and a new PKCE challenge, as [`authorize`](Self::authorize) makes them. The request is
    /// signed, too, if the provider or the client demands it. A client with a DPoP key proves the request, so that the code
    /// is bound to the key (RFC 9449 section 10.1).
    ///
    /// # Errors
    /// As [`authorize`](Self::authorize); [`ConfigError::NoEndpoint`] if the metadata has no usable
    /// `pushed_authorization_request_endpoint`.
    pub fn push_authorize(
        &self,
        request: &AuthorizationRequest,
        moment: Moment,
    ) -> Result<Call<PushedAuthorization>, Error> {
        let (first, second) = moment.halve();
        self.prepare_authorization(request, first)?.push(second)
    }
}

impl<P> PreparedRequest<P> {
    /// Sends the request to the provider (RFC 9126). It is signed first, if the provider or the client demands it.
    ///
    /// # Errors
    /// [`ConfigError::NoEndpoint`] if the metadata has no usable `pushed_authorization_request_endpoint` or
    /// `authorization_endpoint`; [`ConfigError::SignedRequestsOnly`] if requests must be signed, and the client has no key;
    /// [`Error::Sign`] if a key does not sign.
    pub fn push(self, moment: Moment) -> Result<Call<PushedAuthorization<P>>, Error> {
        let attempt = Attempt::from(&self.client);
        self.push_with(attempt, moment)
    }

    /// Sends the request with an assertion, a proof, or both, that were signed elsewhere.
    ///
    /// # Errors
    /// As [`push`](Self::push); [`ConfigError::SavedState`] if the attempt is of another client;
    /// [`ConfigError::OtherDpopKey`] if its client has another DPoP key than the one that prepared the request.
    pub fn push_with(self, attempt: Attempt, moment: Moment) -> Result<Call<PushedAuthorization<P>>, Error> {
        match self.signed_if_required()? {
            Ok(signed) => signed.push_with(attempt, moment),
            Err(Self { client, pairs, pending, .. }) => {
                let pairs = pairs.into_iter().filter(|(name, _)| name != "client_id");
                let form = pairs.map(|(name, value)| (name.into(), Secret::new(value))).collect();
                push(&client, attempt, (form, Vec::new()), pending, moment)
            }
        }
    }
}

impl<P> RequestObject<P> {
    /// Sends the request object to the provider (RFC 9126 section 3).
    ///
    /// # Errors
    /// As [`PreparedRequest::push`].
    pub fn push(self, moment: Moment) -> Result<Call<PushedAuthorization<P>>, Error> {
        let attempt = Attempt::from(&self.prepared.client);
        self.push_with(attempt, moment)
    }

    /// Sends the request object with an assertion, a proof, or both, that were signed elsewhere.
    ///
    /// # Errors
    /// As [`PreparedRequest::push_with`].
    pub fn push_with(self, attempt: Attempt, moment: Moment) -> Result<Call<PushedAuthorization<P>>, Error> {
        let Self { prepared: PreparedRequest { client, pairs, pending, .. }, jwt } = self;
        // No error may repeat what is inside.
        let inside = pairs
            .into_iter()
            .filter(|(name, _)| !is_open(Endpoint::PushedAuthorizationRequest, name))
            .map(|(_, value)| value.into());
        push(&client, attempt, (vec![("request".into(), jwt)], inside.collect()), pending, moment)
    }
}

/// Sends a form. `inside` are the secrets in its request object.
fn push<P>(
    prepared_by: &Client,
    attempt: Attempt,
    (mut form, inside): (Form, Vec<Secret>),
    pending: P,
    moment: Moment,
) -> Result<Call<PushedAuthorization<P>>, Error> {
    let client = attempt.client.clone();
    let of = |client: &Client| (client.client_id().to_owned(), client.metadata().issuer.clone());
    if of(&client) != of(prepared_by) {
        return Err(ConfigError::SavedState.into());
    }
    // The request names the key of the client that prepared it, and the provider binds the code to it.
    if client.dpop_thumbprint() != prepared_by.dpop_thumbprint() {
        return Err(ConfigError::OtherDpopKey.into());
    }
    // The parameters of client authentication are in the same form.
    for name in ["client_assertion", "client_assertion_type"] {
        if form.iter().any(|(known, _)| known == name) {
            return Err(ConfigError::Reserved(name).into());
        }
    }
    // Every other method sends the identifier itself (RFC 9126 section 2.1).
    if client.authentication() == ClientAuthentication::ClientSecretBasic {
        form.insert(0, ("client_id".into(), client.client_id().into()));
    }
    // Without a place to send the user to, nothing is pushed.
    drop(client.reference_url("")?);
    let ask = Ask::new(attempt, Endpoint::PushedAuthorizationRequest, form).bound(inside);
    Ok(ask.once(moment)?.carrying((client, pending)))
}

impl Client {
    /// Returns the URL with this reference to a request (RFC 9126 section 4).
    fn reference_url(&self, request_uri: &str) -> Result<Url, ConfigError> {
        let pairs = [("client_id", self.client_id()), ("request_uri", request_uri)];
        self.authorization_url(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec())
    }
}

impl Answer for PushedAuthorizationResponse {
    const MEMBER: Option<&'static str> = Some("request_uri");

    fn read(body: Body, client: &Client, _: Timestamp) -> Result<Self, ResponseRule> {
        let read = Self::from_members(body.members()?, client.quirks())?.map_err(ResponseRule::Missing)?;
        if !is_reference(read.request_uri.expose()) {
            return Err(ResponseRule::Value("request_uri"));
        }
        if read.expires_in < 1 {
            return Err(ResponseRule::Value("expires_in"));
        }
        Ok(read)
    }
}

/// Whether this could be a reference to a request: an absolute URI, of any scheme.
fn is_reference(uri: &str) -> bool {
    text::is_text(uri) && uri.bytes().all(|byte| byte.is_ascii_graphic()) && Url::parse(uri).is_ok()
}

impl<P> Then for PushedAuthorization<P> {
    type First = Post<PushedAuthorizationResponse>;
    type Carried = (Client, P);
    type Output = Pushed<P>;

    fn then(
        response: PushedAuthorizationResponse,
        (client, pending): (Client, P),
        moment: Moment,
    ) -> Result<Step<Self>, Error> {
        let url = client.reference_url(response.request_uri.expose())?;
        Ok(Step::Done(Pushed { url, pending, expires_at: moment.now().plus(response.expires_in) }))
    }
}

/// Shows the URL without its query: whoever has the reference can use it.
impl<P: fmt::Debug> fmt::Debug for Pushed<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pushed")
            .field("url", &without_query(self.url.as_str()))
            .field("pending", &self.pending)
            .field("expires_at", &self.expires_at)
            .finish()
    }
}
