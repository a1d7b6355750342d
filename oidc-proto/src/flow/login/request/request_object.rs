//! [`RequestObject`]: an authorization request that the client has signed (RFC 9101), with a key that is here or
//! elsewhere.
//!
//! ```text
//! key at hand     PreparedRequest ─sign─▶ RequestObject ─▶ by value, by reference, or pushed
//! key elsewhere   PreparedRequest ─▶ RequestObjectToSign ─signature─▶ RequestObject
//! ```

use super::prepared::PreparedRequest;
use crate::{
    base::{secret::Secret, visible::without_query},
    flow::contract::{ConfigError, Error},
    jose::{Algorithm, ToSign},
};
use std::fmt;
use url::Url;

/// The longest URL of a request object, in bytes (RFC 9101 section 5.2).
const MAX_REQUEST_URI: usize = 512;

impl<P> PreparedRequest<P> {
    /// Returns the URL to send the user to, with the parameters in it, and the state to keep until they return. If the
    /// provider or the client demands signed requests, the URL has a request object.
    ///
    /// # Errors
    /// [`ConfigError::PushedRequestsOnly`] if requests must be pushed; [`ConfigError::SignedRequestsOnly`] if they must be
    /// signed, and the client has no key; [`ConfigError::NoEndpoint`] if the metadata has no usable
    /// `authorization_endpoint`; [`Error::Sign`] if the key does not sign.
    pub fn url(self) -> Result<(Url, P), Error> {
        if self.client.requires_pushed_requests() {
            return Err(ConfigError::PushedRequestsOnly.into());
        }
        match self.signed_if_required()? {
            Ok(signed) => signed.by_value(),
            Err(Self { client, pairs, pending, .. }) => Ok((client.authorization_url(pairs)?, pending)),
        }
    }

    /// Signs the request with the client's key
    /// ([`request_object_signer`](crate::flow::ClientBuilder::request_object_signer)). The request object is valid for 300
    /// seconds.
    ///
    /// # Errors
    /// [`ConfigError::NoRequestObjectKey`] or [`ConfigError::NoRequestObjectAlgorithm`] if the client cannot sign it;
    /// [`ConfigError::Reserved`] if an extra parameter has the name of a claim about the request object; [`Error::Sign`] if
    /// the key does not sign.
    pub fn sign(self) -> Result<RequestObject<P>, Error> {
        let claims = self.claims()?;
        let jwt = self.client.sign_request_object(&claims)?;
        Ok(RequestObject { prepared: self, jwt })
    }

    /// Returns the request object for a key that is elsewhere to sign. It is valid for 300 seconds.
    ///
    /// # Errors
    /// [`ConfigError::NoRequestObjectAlgorithm`] if the provider does not list the algorithm, or if another is registered;
    /// [`ConfigError::Reserved`] if an extra parameter has the name of a claim about the request object.
    pub fn to_sign(self, algorithm: Algorithm, kid: Option<&str>) -> Result<RequestObjectToSign<P>, Error> {
        let to_sign = self.client.request_object_to_sign(&self.claims()?, algorithm, kid)?;
        Ok(RequestObjectToSign { prepared: self, to_sign })
    }

    /// Signs the request, if the provider or the client demands it.
    pub(super) fn signed_if_required(self) -> Result<Result<RequestObject<P>, Self>, Error> {
        if !self.client.requires_signed_requests() {
            return Ok(Err(self));
        }
        let signed = self.sign();
        if signed.as_ref().err() == Some(&ConfigError::NoRequestObjectKey.into()) {
            return Err(ConfigError::SignedRequestsOnly.into());
        }
        signed.map(Ok)
    }
}

/// A request object without its signature, for a key in an HSM or a key management service.
///
/// [`PreparedRequest`] has an example.
#[must_use = "a text to sign has no effect without its signature"]
pub struct RequestObjectToSign<P> {
    prepared: PreparedRequest<P>,
    to_sign: ToSign<String>,
}

impl<P> RequestObjectToSign<P> {
    /// Returns the bytes to sign. All of them are ASCII.
    #[must_use]
    pub const fn signing_input(&self) -> &[u8] {
        self.to_sign.signing_input()
    }

    /// Returns the algorithm to sign with.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.to_sign.algorithm()
    }

    /// Adds the signature. An ECDSA signature is the concatenation of its two numbers, not DER (RFC 7518 section 3.4).
    pub fn with_signature(self, signature: &[u8]) -> RequestObject<P> {
        let Self { prepared, to_sign } = self;
        RequestObject { prepared, jwt: to_sign.with_signature(signature).into() }
    }
}

/// An authorization request that the client has signed: a request object (RFC 9101). All parameters are inside. `P` is the
/// state to keep until the user returns.
///
/// ```
/// use oidc_proto::{Moment, Timestamp, UrlPolicy, flow::*, jose::Algorithm, message::*, metadata::*};
///
/// let document = br#"{"issuer": "https://op.example", "jwks_uri": "https://op.example/jwks",
///     "authorization_endpoint": "https://op.example/auth", "token_endpoint": "https://op.example/token",
///     "response_types_supported": ["code"], "subject_types_supported": ["public"],
///     "id_token_signing_alg_values_supported": ["RS256"], "request_parameter_supported": true}"#;
/// let (profile, policy) = (Profile::OpenIdProvider, UrlPolicy::default());
/// let metadata = ProviderMetadata::parse(document, "https://op.example", profile, &policy)?;
/// let client = Client::builder(metadata, "my-client")
///     .secret("a secret that is at least 32 bytes long")
///     .request_object_signing_alg(Algorithm::HS256)
///     .redirect_uri("https://app.example/callback")
///     .build()?;
///
/// let moment = Moment::new(Timestamp(1_800_000_000), [7; 32]); // the time, and 32 random bytes
/// let request = AuthorizationRequest::new(["email"]).login_hint("alice@example.com");
/// let signed = client.prepare_authorization(&request, moment)?.sign()?;
///
/// // The application serves `request_object` at this URL, and the provider fetches it there.
/// let hosted = signed.by_reference("https://app.example/requests/1")?;
/// assert_eq!(hosted.media_type(), "application/oauth-authz-req+jwt");
/// assert!(hosted.request_object.expose().starts_with("eyJ"));
/// assert!(!hosted.url.as_str().contains("alice"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a request object does nothing until it is sent"]
pub struct RequestObject<P> {
    pub(super) prepared: PreparedRequest<P>,
    pub(super) jwt: Secret,
}

/// A request object to serve, and the URL to send the user to. The provider fetches the object while the user is there, so
/// serve it before the user goes.
#[must_use = "the provider cannot fetch a request object that nobody serves"]
#[non_exhaustive]
pub struct ReferencedRequest<P> {
    /// The URL to send the user to.
    pub url: Url,
    /// The state to keep until the user returns.
    pub pending: P,
    /// The body that the application serves, with [`media_type`](Self::media_type). It has the parameters of the request,
    /// so its URL must be one that nobody can guess.
    pub request_object: Secret,
}

impl<P> ReferencedRequest<P> {
    /// Returns the media type of the request object: `application/oauth-authz-req+jwt` (RFC 9101 section 9.4.1).
    #[must_use]
    pub const fn media_type(&self) -> &'static str {
        "application/oauth-authz-req+jwt"
    }
}

impl<P> RequestObject<P> {
    /// Returns the URL to send the user to, with the request object in it (`request`), and the state to keep until they
    /// return.
    ///
    /// # Errors
    /// [`ConfigError::PushedRequestsOnly`] if requests must be pushed; [`ConfigError::NoRequestParameter`] if the metadata
    /// say that `request` is not supported; [`ConfigError::NoEndpoint`] if the metadata has no usable
    /// `authorization_endpoint`.
    pub fn by_value(self) -> Result<(Url, P), Error> {
        let Self { prepared, jwt } = self;
        let supported = prepared.client.metadata().request_parameter_supported;
        let url = prepared.url_with(("request", jwt.expose()), supported)?;
        Ok((url, prepared.pending))
    }

    /// Returns the URL to send the user to, with the URL of the request object in it (`request_uri`), and the request
    /// object, which the application serves there.
    ///
    /// # Errors
    /// [`ConfigError::Parameter`] if `request_uri` is neither `https` nor `http` to this machine, or has more than 512 bytes
    /// (RFC 9101 section 5.2); [`ConfigError::NoRequestParameter`] if the metadata say that `request_uri` is not supported;
    /// otherwise as [`by_value`](Self::by_value).
    pub fn by_reference(self, request_uri: &str) -> Result<ReferencedRequest<P>, Error> {
        if !is_served(request_uri) {
            return Err(ConfigError::Parameter("request_uri").into());
        }
        let Self { prepared, jwt } = self;
        let supported = prepared.client.metadata().request_uri_parameter_supported;
        let url = prepared.url_with(("request_uri", request_uri), supported)?;
        Ok(ReferencedRequest { url, pending: prepared.pending, request_object: jwt })
    }
}

impl<P> PreparedRequest<P> {
    /// Returns the URL with this parameter and those beside it.
    fn url_with(
        &self,
        (name, value): (&'static str, &str),
        supported: Option<bool>,
    ) -> Result<Url, ConfigError> {
        if self.client.requires_pushed_requests() {
            return Err(ConfigError::PushedRequestsOnly);
        }
        // Many metadata do not mention it: then the provider has the word.
        if supported == Some(false) {
            return Err(ConfigError::NoRequestParameter(name));
        }
        let mut pairs = self.beside();
        pairs.push((name.to_owned(), value.to_owned()));
        self.client.authorization_url(pairs)
    }
}

/// Whether a provider can fetch a request object there, and nobody on the way can read it.
fn is_served(uri: &str) -> bool {
    let local = |url: &Url| match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let is_url = |url: Url| match url.scheme() {
        "https" => url.has_host(),
        "http" => local(&url),
        _ => false,
    };
    uri.len() <= MAX_REQUEST_URI
        && uri.bytes().all(|byte| byte.is_ascii_graphic())
        && Url::parse(uri).is_ok_and(is_url)
}

/// Shows neither the parameters nor the signed text.
impl<P> fmt::Debug for RequestObject<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestObject").field("client", &self.prepared.client).finish_non_exhaustive()
    }
}

/// Shows the algorithm, and no parameter.
impl<P> fmt::Debug for RequestObjectToSign<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestObjectToSign").field("algorithm", &self.algorithm()).finish_non_exhaustive()
    }
}

/// Shows neither the request object nor where it is.
impl<P> fmt::Debug for ReferencedRequest<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = without_query(self.url.as_str());
        f.debug_struct("ReferencedRequest").field("url", &url).finish_non_exhaustive()
    }
}
