//! [`PreparedRequest`]: an authorization request that is complete, and not sent yet.

use crate::{
    base::{json::Extra, moment::Timestamp},
    flow::{client::Client, contract::ConfigError},
    message::request::request_object,
};
use serde_json::Value;
use std::fmt;

/// How long a request object is valid, in seconds.
const LIFETIME: i64 = 300;

/// An authorization request that is complete, and not sent yet. `P` is the state to keep until the user returns.
///
/// [`Client::prepare_authorization`], [`Client::prepare_access`] and [`Client::prepare_front_login`] make it. It goes to
/// the provider in one of these ways:
///
/// | way | method |
/// |---|---|
/// | the URL to which the user goes; signed, if the client or the provider demands it | [`url`](Self::url) |
/// | pushed ahead (RFC 9126); signed, if the client or the provider demands it | [`push`](Self::push) |
/// | signed with a key of the client (RFC 9101) | [`sign`](Self::sign), then a method of [`RequestObject`](crate::flow::RequestObject) |
/// | signed with a key that is elsewhere | [`to_sign`](Self::to_sign), then the same |
///
/// ```
/// use oidc_proto::{Moment, Timestamp, UrlPolicy, flow::*, jose::Algorithm, message::AccessRequest, metadata::*};
///
/// let document = br#"{"issuer": "https://op.example", "authorization_endpoint": "https://op.example/auth",
///     "token_endpoint": "https://op.example/token", "response_types_supported": ["code"],
///     "request_object_signing_alg_values_supported": ["ES256"]}"#;
/// let (profile, policy) = (Profile::AuthorizationServer, UrlPolicy::default());
/// let metadata = ProviderMetadata::parse(document, "https://op.example", profile, &policy)?;
/// let client = Client::builder(metadata, "my-client").redirect_uri("https://app.example/callback").build()?;
///
/// let moment = Moment::new(Timestamp(1_800_000_000), [7; 32]); // the time, and 32 random bytes
/// let request = client.prepare_access(&AccessRequest::new(["orders.read"]), moment)?;
/// let to_sign = request.to_sign(Algorithm::ES256, Some("2026-01"))?;
/// assert!(to_sign.signing_input().starts_with(b"eyJ"));
///
/// // Here, the key management service signs `signing_input`. ES256 gives 64 bytes.
/// let signature = [0; 64];
/// let (url, pending) = to_sign.with_signature(&signature).by_value()?;
/// assert!(url.as_str().starts_with("https://op.example/auth?client_id=my-client&request=eyJ"));
/// # drop(pending);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a prepared request does nothing until it is sent"]
pub struct PreparedRequest<P> {
    pub(super) client: Client,
    pub(super) pairs: Vec<(String, String)>,
    pub(super) pending: P,
    now: Timestamp,
    /// The identifier of a request object.
    jti: String,
}

impl<P> PreparedRequest<P> {
    pub(in crate::flow) fn new(
        client: &Client,
        pairs: Vec<(String, String)>,
        pending: P,
        (now, jti): (Timestamp, String),
    ) -> Self {
        Self { client: client.clone(), pairs, pending, now, jti }
    }

    /// Returns the claims of the request object: the parameters, and the claims about the object itself (RFC 9101 section
    /// 4). It has no `sub`, so nobody can use it as a client assertion (section 10.8).
    pub(super) fn claims(&self) -> Result<Extra, ConfigError> {
        let mut claims = request_object(&self.pairs)?;
        let mut put = |name: &str, value: Value| drop(claims.insert(name.to_owned(), value));
        put("iss", self.client.client_id().into());
        put("aud", self.client.metadata().issuer.as_str().into());
        put("jti", self.jti.as_str().into());
        put("iat", self.now.0.into());
        put("nbf", self.now.0.into());
        put("exp", self.now.plus(LIFETIME).0.into());
        Ok(claims)
    }

    /// Returns the parameters that stand beside a request object. RFC 9101 section 5 wants the `client_id`. A request with
    /// the scope `openid` repeats that scope and the response type, so that it is a valid request of OAuth 2.0 (OpenID
    /// Connect Core 1.0 section 6.1); a server that follows RFC 9101 ignores them.
    pub(super) fn beside(&self) -> Vec<(String, String)> {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut beside = vec![pair("client_id", self.client.client_id())];
        if self.parameter("scope").is_some_and(|scope| scope.split(' ').any(|scope| scope == "openid")) {
            let response_type = self.parameter("response_type");
            beside.extend(response_type.map(|response_type| pair("response_type", response_type)));
            beside.push(pair("scope", "openid"));
        }
        beside
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Shows no parameter: some of them are secrets.
impl<P> fmt::Debug for PreparedRequest<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreparedRequest").field("client", &self.client).finish_non_exhaustive()
    }
}
