//! [`Client`]: the registration of a client, and the metadata of its provider. It has no type parameters, is cheap
//! to clone, and can be stored anywhere.

use super::{
    choice::AssertionKey,
    request_object::Requests,
    settings::{AssertionAudience, AssertionType, Attested, UserInfoMethod},
    signing::SignedIntrospection,
};
use crate::{
    base::{endpoint_url::EndpointUrl, secret::Secret, visible::without_query},
    flow::contract::{ConfigError, Endpoint, Terms},
    jose::{Algorithm, KeySet, KeySetReader},
    message::Quirks,
    metadata::{ClientAuthentication, ProviderMetadata},
    sender::{DpopNonces, Prover},
    token::{AuthorizationResponseVerifier, IdTokenVerifier, UserInfoVerifier},
};
use std::{fmt, sync::Arc};

/// A client of a provider: the start of every flow. Cheap to clone.
///
/// ```
/// use oidc_proto::{Moment, Timestamp, UrlPolicy, flow::Client, message::AuthorizationRequest, metadata::*};
///
/// let document = br#"{"issuer": "https://op.example", "jwks_uri": "https://op.example/jwks",
///     "authorization_endpoint": "https://op.example/auth", "token_endpoint": "https://op.example/token",
///     "response_types_supported": ["code"], "subject_types_supported": ["public"],
///     "id_token_signing_alg_values_supported": ["RS256"]}"#; // `Discovery` fetches it
/// let (profile, policy) = (Profile::OpenIdProvider, UrlPolicy::default());
/// let metadata = ProviderMetadata::parse(document, "https://op.example", profile, &policy)?;
/// let client = Client::builder(metadata, "my-client")
///     .secret("my secret")
///     .redirect_uri("https://app.example/callback")
///     .build()?;
///
/// let moment = Moment::new(Timestamp(1_800_000_000), [7; 32]); // the time, and 32 random bytes
/// let (url, pending) = client.authorize(&AuthorizationRequest::new(["email"]), moment)?;
/// assert!(url.as_str().starts_with("https://op.example/auth?"));
/// assert_eq!(pending.issuer(), "https://op.example");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
    /// The newest nonce for a DPoP proof of each server, as far as it is known.
    dpop_nonces: DpopNonces,
    /// The longest token that the client introspects or revokes, in bytes.
    max_introspected: usize,
    /// The key of one session, in place of that of the client.
    session: Option<Arc<Prover>>,
    pub(super) attested: Attested,
}

pub(crate) struct Inner {
    pub(crate) metadata: Arc<ProviderMetadata>,
    pub(crate) client_id: String,
    pub(in crate::flow) secret: Option<Secret>,
    pub(in crate::flow) authentication: ClientAuthentication,
    /// The key that signs assertions, if the client has it here.
    pub(super) assertion_key: Option<AssertionKey>,
    /// The registered algorithm of assertions.
    pub(super) assertion_algorithm: Option<Algorithm>,
    pub(super) assertion_audience: AssertionAudience,
    pub(super) assertion_type: AssertionType,
    /// The key that tokens are bound to.
    pub(super) prover: Option<Prover>,
    /// Whether tokens are bound to the client's certificate.
    pub(super) certificate_bound: bool,
    pub(super) redirect_uri: Option<String>,
    pub(crate) quirks: Quirks,
    pub(crate) verifier: IdTokenVerifier,
    /// The verifier of signed authorization responses (JARM).
    pub(crate) response_verifier: AuthorizationResponseVerifier,
    /// The secret as a key, if authorization responses are signed with it.
    pub(crate) response_secret_key: Option<Arc<KeySet>>,
    /// The verifier of signed UserInfo.
    pub(crate) userinfo_verifier: UserInfoVerifier,
    /// The secret as a key, if UserInfo is signed with it.
    pub(crate) userinfo_secret_key: Option<Arc<KeySet>>,
    /// Whether the registration has UserInfo signed.
    pub(crate) userinfo_is_signed: bool,
    /// The verifier of introspection responses, if they must be signed.
    pub(crate) introspection: Option<SignedIntrospection>,
    /// The secret as a key, if ID tokens are signed with it.
    pub(crate) secret_key: Option<Arc<KeySet>>,
    /// How the client sends its authorization requests.
    pub(super) requests: Requests,
    /// The key of this instance of the client, to which its attestation is bound.
    pub(super) attestation_key: Option<Prover>,
    pub(crate) fetch_userinfo: bool,
    pub(crate) userinfo_method: UserInfoMethod,
    pub(super) max_document: usize,
    pub(super) key_set_reader: KeySetReader,
}

impl Client {
    pub(super) fn new(inner: Inner, max_introspected: usize) -> Self {
        let (dpop_nonces, attested) = (DpopNonces::new(), Attested::default());
        Self { inner: Arc::new(inner), dpop_nonces, max_introspected, session: None, attested }
    }

    /// Returns the provider's metadata.
    #[must_use]
    pub fn metadata(&self) -> &ProviderMetadata {
        &self.inner.metadata
    }

    /// Returns the client's identifier.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.inner.client_id
    }

    /// Returns the method with which the client authenticates.
    #[must_use]
    pub fn authentication(&self) -> ClientAuthentication {
        self.inner.authentication
    }

    /// Returns this client with the nonces for its next DPoP proofs. A client learns no nonce by itself: a driver lets
    /// the nonces [learn](DpopNonces::learn) from each response.
    #[must_use]
    pub fn with_dpop_nonces(&self, nonces: DpopNonces) -> Self {
        Self { dpop_nonces: nonces, ..self.clone() }
    }

    /// Returns this client, which introspects and revokes tokens of up to this length, in bytes. A limit of its own that
    /// is longer stays. An API that takes longer tokens from its requests than
    /// [`MAX_INTROSPECTED`](crate::flow::MAX_INTROSPECTED) asks about them, too; a gate calls this itself.
    #[must_use]
    pub fn with_max_introspected(&self, bytes: usize) -> Self {
        Self { max_introspected: self.max_introspected.max(bytes), ..self.clone() }
    }

    pub(in crate::flow) const fn max_introspected(&self) -> usize {
        self.max_introspected
    }

    /// Returns this client with a nonce for its next DPoP proof at the server of an endpoint, such as the nonce in an
    /// [`OAuthError`](crate::flow::OAuthError). If the metadata has no such endpoint, nothing changes.
    #[must_use]
    pub fn with_dpop_nonce(&self, endpoint: Endpoint, nonce: &str) -> Self {
        let mut nonces = self.dpop_nonces.clone();
        if let Ok(url) = self.endpoint(endpoint) {
            nonces.put(&url.uri(), nonce);
        }
        self.with_dpop_nonces(nonces)
    }

    pub(in crate::flow) fn prover(&self) -> Option<&Prover> {
        self.session.as_deref().or(self.inner.prover.as_ref())
    }

    pub(super) fn with_prover(&self, prover: Arc<Prover>) -> Self {
        Self { session: Some(prover), ..self.clone() }
    }

    pub(super) fn with_attested(&self, attested: Attested) -> Self {
        Self { attested, ..self.clone() }
    }

    pub(in crate::flow) fn dpop_nonce(&self, url: &EndpointUrl) -> Option<&str> {
        self.dpop_nonces.newest(&url.uri())
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.inner
    }

    pub(crate) fn redirect_uri(&self) -> Result<&str, ConfigError> {
        self.inner.redirect_uri.as_deref().ok_or(ConfigError::NoRedirectUri)
    }

    /// Whether requests to the provider present the client's certificate, to authenticate or because tokens are
    /// bound to it (RFC 8705).
    pub(in crate::flow) fn presents_certificate(&self) -> bool {
        let Inner { authentication, certificate_bound, .. } = self.inner();
        let authenticates = matches!(
            authentication,
            ClientAuthentication::TlsClientAuth | ClientAuthentication::SelfSignedTlsClientAuth
        );
        authenticates || *certificate_bound
    }

    /// Returns the terms of a request to an endpoint of the provider.
    pub(in crate::flow) fn terms(&self, endpoint: Endpoint) -> Terms {
        let client_certificate = self.presents_certificate();
        Terms { client_certificate, max_body: self.max_document(), ..Terms::new(endpoint) }
    }

    pub(crate) fn endpoint(&self, endpoint: Endpoint) -> Result<&EndpointUrl, ConfigError> {
        endpoint
            .of(self.metadata(), self.presents_certificate())
            .ok_or(ConfigError::NoEndpoint(endpoint.name()))
    }

    /// The largest body that a flow of this client reads, in bytes.
    pub(in crate::flow) fn max_document(&self) -> usize {
        self.inner.max_document
    }

    /// How the flows of this client read key sets.
    pub(in crate::flow) fn key_set_reader(&self) -> &KeySetReader {
        &self.inner.key_set_reader
    }

    /// Returns the deviations of the provider that the client tolerates.
    #[must_use]
    pub fn quirks(&self) -> Quirks {
        self.inner.quirks
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("issuer", &self.metadata().issuer)
            .field("client_id", &self.inner.client_id)
            .field("authentication", &self.inner.authentication)
            .field("redirect_uri", &self.inner.redirect_uri.as_deref().map(without_query))
            .finish_non_exhaustive()
    }
}
