//! [`Client`]: what a client knows of itself and of its provider. It has no type parameters, is cheap
//! to clone, and can be stored anywhere.

use super::settings::{ClientAuthentication, DpopKey, Signer, UserInfoMethod};
use crate::{
    base::{endpoint_url::EndpointUrl, secret::Secret, visible::without_query},
    flow::{
        contract::{ConfigError, Endpoint, Terms},
        saved::text,
    },
    jose::{Algorithm, AlgorithmSet, Jwk, KeySet, Sign},
    message::Quirks,
    metadata::{IssuerRule, ProviderMetadata},
    sender::{DpopNonces, Prover},
    token::{AuthorizationResponseVerifier, IdTokenVerifier},
};
use std::{fmt, sync::Arc, time::Duration};
use url::Url;

/// A client of a provider: the start of every flow.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
    /// The newest nonces that servers want in the next DPoP proof, as far as they are known.
    dpop_nonces: DpopNonces,
}

pub(crate) struct Inner {
    pub(crate) metadata: Arc<ProviderMetadata>,
    pub(crate) client_id: String,
    pub(in crate::flow) secret: Option<Secret>,
    pub(in crate::flow) authentication: ClientAuthentication,
    /// The key that signs assertions, if it is at hand.
    pub(in crate::flow) signer: Option<Signer>,
    /// The key that tokens are bound to.
    pub(in crate::flow) prover: Option<Prover>,
    /// Whether tokens are bound to the client's certificate.
    certificate_bound: bool,
    redirect_uri: Option<String>,
    pub(crate) quirks: Quirks,
    pub(crate) verifier: IdTokenVerifier,
    /// For signed authorization responses (JARM).
    pub(crate) response_verifier: AuthorizationResponseVerifier,
    /// The secret as a key, where authorization responses are signed with it.
    pub(crate) response_secret_key: Option<Arc<KeySet>>,
    /// The secret as a key, where ID tokens are signed with it.
    pub(crate) secret_key: Option<Arc<KeySet>>,
    pub(crate) fetch_userinfo: bool,
    pub(crate) userinfo_method: UserInfoMethod,
}

impl Client {
    /// A client with this `client_id` at the provider that `metadata` describes.
    pub fn builder(
        metadata: impl Into<Arc<ProviderMetadata>>,
        client_id: impl Into<String>,
    ) -> ClientBuilder {
        ClientBuilder {
            metadata: metadata.into(),
            client_id: client_id.into(),
            secret: None,
            authentication: None,
            signer: None,
            dpop_key: None,
            certificate_bound: false,
            redirect_uri: None,
            quirks: Quirks::default(),
            issuer_rule: None,
            algorithm: None,
            response_algorithm: None,
            trusted_audiences: Vec::new(),
            leeway: crate::token::DEFAULT_LEEWAY,
            fetch_userinfo: false,
            userinfo_method: UserInfoMethod::default(),
        }
    }

    /// The provider's metadata.
    #[must_use]
    pub fn metadata(&self) -> &ProviderMetadata {
        &self.inner.metadata
    }

    /// The client's identifier.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.inner.client_id
    }

    /// How the client authenticates.
    #[must_use]
    pub fn authentication(&self) -> ClientAuthentication {
        self.inner.authentication
    }

    /// This client, with the nonces that servers want in its next DPoP proofs. The client learns none by itself: a
    /// driver lets the nonces [learn](DpopNonces::learn) from each response.
    #[must_use]
    pub fn with_dpop_nonces(&self, nonces: DpopNonces) -> Self {
        Self { inner: self.inner.clone(), dpop_nonces: nonces }
    }

    /// This client, with the nonce that the server of an endpoint wants in the next DPoP proof: those of an
    /// [`OAuthError`](crate::flow::OAuthError), say. Without such an endpoint nothing is learned.
    #[must_use]
    pub fn with_dpop_nonce(&self, endpoint: Endpoint, nonce: &str) -> Self {
        let mut nonces = self.dpop_nonces.clone();
        if let Ok(url) = self.endpoint(endpoint) {
            nonces.put(&url.uri(), nonce);
        }
        self.with_dpop_nonces(nonces)
    }

    pub(in crate::flow) fn prover(&self) -> Option<&Prover> {
        self.inner.prover.as_ref()
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

    /// Whether requests to the provider present the client's certificate: to authenticate, or because tokens are
    /// bound to it (RFC 8705).
    pub(in crate::flow) fn presents_certificate(&self) -> bool {
        let Inner { authentication, certificate_bound, .. } = self.inner();
        let authenticates = matches!(
            authentication,
            ClientAuthentication::TlsClientAuth | ClientAuthentication::SelfSignedTlsClientAuth
        );
        authenticates || *certificate_bound
    }

    /// The terms of a request to the provider.
    pub(in crate::flow) fn terms(&self, endpoint: Endpoint) -> Terms {
        let client_certificate = self.presents_certificate();
        Terms { client_certificate, ..Terms::new(endpoint) }
    }

    pub(crate) fn endpoint(&self, endpoint: Endpoint) -> Result<&EndpointUrl, ConfigError> {
        endpoint
            .of(self.metadata(), self.presents_certificate())
            .ok_or(ConfigError::NoEndpoint(endpoint.name()))
    }

    pub(crate) fn quirks(&self) -> Quirks {
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

/// Sets a [`Client`] up; [`build`](Self::build) checks the whole of it.
#[derive(Clone)]
#[must_use = "a builder does nothing until it is built"]
pub struct ClientBuilder {
    metadata: Arc<ProviderMetadata>,
    client_id: String,
    secret: Option<Secret>,
    authentication: Option<ClientAuthentication>,
    signer: Option<Signer>,
    dpop_key: Option<DpopKey>,
    certificate_bound: bool,
    redirect_uri: Option<String>,
    quirks: Quirks,
    issuer_rule: Option<IssuerRule>,
    algorithm: Option<Algorithm>,
    response_algorithm: Option<Algorithm>,
    trusted_audiences: Vec<String>,
    leeway: Duration,
    fetch_userinfo: bool,
    userinfo_method: UserInfoMethod,
}

/// Neither the secret nor the values of a query.
impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("issuer", &self.metadata.issuer)
            .field("client_id", &self.client_id)
            .field("secret", &self.secret)
            .field("authentication", &self.authentication)
            .field("redirect_uri", &self.redirect_uri.as_deref().map(without_query))
            .finish_non_exhaustive()
    }
}

impl ClientBuilder {
    /// The provider's metadata.
    #[must_use]
    pub fn metadata(&self) -> &ProviderMetadata {
        &self.metadata
    }

    /// Sets the client secret. Without one, the client is public.
    pub fn secret(mut self, secret: impl Into<Secret>) -> Self {
        self.secret = Some(secret.into());
        self
    }

    /// Sets the key that signs the client's assertions: it authenticates with `private_key_jwt`. A key that is
    /// elsewhere needs none here: set [`authentication`](Self::authentication), and use [`Client::attempt`].
    pub fn signer(mut self, key: Arc<dyn Sign>) -> Self {
        self.signer = Some(Signer(key));
        self
    }

    /// Sets the key that access and refresh tokens are bound to (RFC 9449). The client then proves its token
    /// and UserInfo requests with it, and takes no token that is not bound.
    pub fn dpop_key(mut self, key: Arc<dyn Sign>) -> Self {
        self.dpop_key = Some(DpopKey::AtHand(Signer(key)));
        self
    }

    /// Sets the public half of the key that access and refresh tokens are bound to, if the private one is elsewhere:
    /// each attempt then needs a proof ([`Client::proof_to_sign`], [`Attempt::with_proof`](crate::flow::Attempt::with_proof)).
    pub fn dpop_public_key(mut self, jwk: Jwk, algorithm: Algorithm) -> Self {
        self.dpop_key = Some(DpopKey::Elsewhere(Box::new(jwk), algorithm));
        self
    }

    /// The provider binds access and refresh tokens to the client's certificate (RFC 8705 section 3), as it is
    /// registered: the certificate is presented with each request to the provider, at the endpoints that are for it
    /// (`mtls_endpoint_aliases`), also if the client authenticates in another way.
    pub const fn tls_client_certificate_bound_access_tokens(mut self) -> Self {
        self.certificate_bound = true;
        self
    }

    /// Sets the registered authentication method. Otherwise it follows from what the client has:
    /// `private_key_jwt` with a [`signer`](Self::signer), none without a secret, else by the metadata
    /// `client_secret_basic` or `client_secret_post`.
    pub const fn authentication(mut self, authentication: ClientAuthentication) -> Self {
        self.authentication = Some(authentication);
        self
    }

    /// Sets the redirect URI, to the letter as it is registered.
    pub fn redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.redirect_uri = Some(uri.into());
        self
    }

    /// Sets what the provider does otherwise than the specifications say.
    pub const fn quirks(mut self, quirks: Quirks) -> Self {
        self.quirks = quirks;
        self
    }

    /// Accepts ID tokens of the issuers of this rule: for a provider whose metadata has a template for its
    /// issuer.
    pub fn issuer_rule(mut self, rule: IssuerRule) -> Self {
        self.issuer_rule = Some(rule);
        self
    }

    /// Pins the algorithm of ID tokens to the registered one. Otherwise it may be any asymmetric one
    /// that the metadata names.
    pub const fn id_token_signed_response_alg(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = Some(algorithm);
        self
    }

    /// Pins the algorithm of signed authorization responses (JARM) to the registered one. Otherwise it may be any
    /// asymmetric one that the metadata names; `RS256` if the metadata names none (JARM section 3).
    pub const fn authorization_signed_response_alg(mut self, algorithm: Algorithm) -> Self {
        self.response_algorithm = Some(algorithm);
        self
    }

    /// Accepts ID tokens that are meant for these, too, besides this client and those named before.
    pub fn trusted_audiences<S: Into<String>>(mut self, audiences: impl IntoIterator<Item = S>) -> Self {
        self.trusted_audiences.extend(audiences.into_iter().map(Into::into));
        self
    }

    /// Sets how far, in seconds, the provider's clock may be from ours, either way; the default is
    /// [`DEFAULT_LEEWAY`](crate::token::DEFAULT_LEEWAY).
    pub const fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Fetches UserInfo at the end of each login, and compares its `sub` with the ID token's.
    pub const fn fetch_userinfo(mut self) -> Self {
        self.fetch_userinfo = true;
        self
    }

    /// Sets how UserInfo is asked for, for providers that want it otherwise than recommended.
    pub const fn userinfo_method(mut self, method: UserInfoMethod) -> Self {
        self.userinfo_method = method;
        self
    }

    /// Checks the whole of it.
    ///
    /// # Errors
    /// [`ConfigError`] says what cannot work.
    pub fn build(self) -> Result<Client, ConfigError> {
        check_characters("client_id", &self.client_id)?;
        // What cannot be saved with a login must not begin one.
        for (name, text) in [("client_id", &self.client_id), ("issuer", &self.metadata.issuer)] {
            if !text::is_text(text) {
                return Err(ConfigError::Characters(name));
            }
        }
        if let Some(secret) = &self.secret {
            check_characters("client_secret", secret.expose())?;
        }
        if let Some(uri) = &self.redirect_uri {
            check_redirect_uri(uri)?;
        }
        let authentication = self.choose_authentication()?;
        let named = self.metadata.id_token_algorithms();
        let (algorithms, secret_key) = self.algorithms(self.algorithm, named)?;
        let named = self.metadata.authorization_response_algorithms();
        let (response_algorithms, response_secret_key) = self.algorithms(self.response_algorithm, named)?;
        let issuer = &self.metadata.issuer;
        let rule = self.issuer_rule.unwrap_or_else(|| IssuerRule::exact(issuer));
        if rule.as_str() != issuer && !rule.admits(issuer) {
            return Err(ConfigError::IssuerRule);
        }
        let verifier = IdTokenVerifier::new(issuer, &self.client_id)
            .issuer_rule(rule.clone())
            .algorithms(algorithms)
            .trusted_audiences(self.trusted_audiences)
            .leeway(self.leeway);
        let response_verifier = AuthorizationResponseVerifier::new(issuer, &self.client_id)
            .issuer_rule(rule)
            .algorithms(response_algorithms)
            .leeway(self.leeway);
        let prover = match self.dpop_key {
            Some(DpopKey::AtHand(Signer(key))) => Some(Prover::new(key).ok_or(ConfigError::DpopKey)?),
            // Nobody could sign in the middle of a login, when its code is spent.
            Some(DpopKey::Elsewhere(..)) if self.fetch_userinfo => return Err(ConfigError::NoProof),
            Some(DpopKey::Elsewhere(jwk, algorithm)) => {
                Some(Prover::elsewhere(*jwk, algorithm).ok_or(ConfigError::DpopKey)?)
            }
            None => None,
        };
        let inner = Inner {
            metadata: self.metadata,
            client_id: self.client_id,
            secret: self.secret,
            authentication,
            signer: self.signer,
            prover,
            certificate_bound: self.certificate_bound,
            redirect_uri: self.redirect_uri,
            quirks: self.quirks,
            verifier,
            response_verifier,
            response_secret_key,
            secret_key,
            fetch_userinfo: self.fetch_userinfo,
            userinfo_method: self.userinfo_method,
        };
        Ok(Client { inner: Arc::new(inner), dpop_nonces: DpopNonces::new() })
    }

    /// The algorithms of what the provider signs: the one that is registered, or the asymmetric ones of those
    /// that the metadata names. With a symmetric one comes the secret as its key.
    fn algorithms(
        &self,
        registered: Option<Algorithm>,
        named: AlgorithmSet,
    ) -> Result<(AlgorithmSet, Option<Arc<KeySet>>), ConfigError> {
        let Some(algorithm) = registered else {
            return Ok((named.intersection(AlgorithmSet::ASYMMETRIC), None));
        };
        let only = AlgorithmSet::EMPTY.with(algorithm);
        if !algorithm.is_symmetric() {
            return Ok((only, None));
        }
        let keys = KeySet::from_secret(self.secret.as_ref().ok_or(ConfigError::SecretTooShort)?);
        if !keys.keys().any(|key| key.algorithms().contains(algorithm)) {
            return Err(ConfigError::SecretTooShort);
        }
        Ok((only, Some(Arc::new(keys))))
    }

    fn choose_authentication(&self) -> Result<ClientAuthentication, ConfigError> {
        let fits = |method: ClientAuthentication| match method {
            ClientAuthentication::None
            | ClientAuthentication::TlsClientAuth
            | ClientAuthentication::SelfSignedTlsClientAuth => self.secret.is_none() && self.signer.is_none(),
            ClientAuthentication::ClientSecretBasic | ClientAuthentication::ClientSecretPost => {
                self.secret.is_some()
            }
            // The key may be elsewhere.
            ClientAuthentication::PrivateKeyJwt => true,
        };
        match self.authentication {
            Some(method) if fits(method) => Ok(method),
            Some(method) => Err(ConfigError::Authentication(method.name())),
            None if self.signer.is_some() => Ok(ClientAuthentication::PrivateKeyJwt),
            // A public client need not find itself in the metadata: many providers forget `none`.
            None if self.secret.is_none() => Ok(ClientAuthentication::None),
            None => [ClientAuthentication::ClientSecretBasic, ClientAuthentication::ClientSecretPost]
                .into_iter()
                .find(|method| self.metadata.supports_token_endpoint_auth_method(method.name()))
                .ok_or(ConfigError::NoAuthentication),
        }
    }
}

/// `VSCHAR` (RFC 6749 appendix A.1 and A.2).
fn check_characters(name: &'static str, text: &str) -> Result<(), ConfigError> {
    if text.is_empty() || !text.bytes().all(|byte| (0x20..=0x7e).contains(&byte)) {
        return Err(ConfigError::Characters(name));
    }
    Ok(())
}

/// `https`, `http` to this machine (RFC 8252 section 7.3), or the scheme of a native application.
fn check_redirect_uri(uri: &str) -> Result<(), ConfigError> {
    let url = Url::parse(uri).map_err(|_| ConfigError::RedirectUri("is not an absolute URL"))?;
    if !text::is_text(uri) {
        return Err(ConfigError::RedirectUri("is too long or has control characters"));
    }
    if url.fragment().is_some() {
        return Err(ConfigError::RedirectUri("has a fragment (RFC 6749 section 3.1.2)"));
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" => {
            let local = match url.host() {
                Some(url::Host::Domain(name)) => name == "localhost",
                Some(url::Host::Ipv4(address)) => address.is_loopback(),
                Some(url::Host::Ipv6(address)) => address.is_loopback(),
                None => false,
            };
            if local {
                Ok(())
            } else {
                Err(ConfigError::RedirectUri("is plain http and not on this machine"))
            }
        }
        "javascript" | "data" | "file" | "blob" | "about" | "ftp" | "ws" | "wss" => {
            Err(ConfigError::RedirectUri("has a scheme that no client can receive"))
        }
        _ => Ok(()),
    }
}
