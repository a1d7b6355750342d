//! [`ClientBuilder`]: the settings of a client, checked together.

use super::{
    choice::Means,
    client::{Client, Inner},
    dpop::ClientKey,
    request_object::RequestSettings,
    settings::{AssertionAudience, AssertionType, Signer, UserInfoMethod},
    signing::Signing,
};
use crate::{
    backend::Backend,
    base::{secret::Secret, visible::without_query},
    flow::{
        contract::{ConfigError, Endpoint, MAX_DOCUMENT, MAX_INTROSPECTED},
        saved::text,
    },
    jose::{Algorithm, AlgorithmSet, Jwk, KeySet, KeySetReader, Sign},
    message::Quirks,
    metadata::{ClientAuthentication, IssuerRule, ProviderMetadata},
    token::{AuthorizationResponseVerifier, IdTokenVerifier, MAX_TOKEN, UserInfoVerifier},
};
use std::{fmt, sync::Arc, time::Duration};
use url::Url;

/// The settings of a [`Client`]. [`build`](Self::build) checks all of them together.
///
/// ```
/// use oidc_proto::{UrlPolicy, flow::{Client, ClientAuthentication, ConfigError}, metadata::*};
///
/// let document = br#"{"issuer": "https://op.example", "response_types_supported": ["code"],
///     "token_endpoint_auth_methods_supported": ["client_secret_post"]}"#;
/// let (profile, policy) = (Profile::AuthorizationServer, UrlPolicy::default());
/// let metadata = ProviderMetadata::parse(document, "https://op.example", profile, &policy)?;
/// let builder = Client::builder(metadata, "my-client").secret("my secret");
/// // The authentication method follows from the metadata.
/// assert_eq!(builder.clone().build()?.authentication(), ClientAuthentication::ClientSecretPost);
///
/// let error = builder.redirect_uri("http://app.example/callback").build().unwrap_err();
/// assert_eq!(error, ConfigError::RedirectUri("is plain http and not on this machine"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use = "a builder does nothing until it is built"]
pub struct ClientBuilder {
    metadata: Arc<ProviderMetadata>,
    client_id: String,
    secret: Option<Secret>,
    authentication: Option<ClientAuthentication>,
    signers: Vec<Signer>,
    assertion_algorithm: Option<Algorithm>,
    assertion_audience: AssertionAudience,
    assertion_type: AssertionType,
    certificate: bool,
    dpop_key: Option<ClientKey>,
    certificate_bound: bool,
    redirect_uri: Option<String>,
    pub(super) requests: RequestSettings,
    quirks: Quirks,
    issuer_rule: Option<IssuerRule>,
    algorithm: Option<Algorithm>,
    response_algorithm: Option<Algorithm>,
    userinfo_algorithm: Option<Algorithm>,
    pub(super) introspection: Signing,
    trusted_audiences: Vec<String>,
    trusted_authorized_parties: Vec<String>,
    leeway: Duration,
    fetch_userinfo: bool,
    userinfo_method: UserInfoMethod,
    max_document: usize,
    key_set_reader: KeySetReader,
    max_token: Option<usize>,
}

/// Shows neither the secret nor the values of a query.
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

impl Client {
    /// Starts a client with this `client_id` at the provider that `metadata` describes.
    pub fn builder(
        metadata: impl Into<Arc<ProviderMetadata>>,
        client_id: impl Into<String>,
    ) -> ClientBuilder {
        ClientBuilder {
            metadata: metadata.into(),
            client_id: client_id.into(),
            secret: None,
            authentication: None,
            signers: Vec::new(),
            assertion_algorithm: None,
            assertion_audience: AssertionAudience::default(),
            assertion_type: AssertionType::default(),
            certificate: false,
            dpop_key: None,
            certificate_bound: false,
            redirect_uri: None,
            requests: RequestSettings::default(),
            quirks: Quirks::default(),
            issuer_rule: None,
            algorithm: None,
            response_algorithm: None,
            userinfo_algorithm: None,
            introspection: Signing::default(),
            trusted_audiences: Vec::new(),
            trusted_authorized_parties: Vec::new(),
            leeway: crate::token::DEFAULT_LEEWAY,
            fetch_userinfo: false,
            userinfo_method: UserInfoMethod::default(),
            max_document: MAX_DOCUMENT,
            key_set_reader: KeySetReader::new(),
            max_token: None,
        }
    }
}

impl ClientBuilder {
    /// Returns the provider's metadata.
    #[must_use]
    pub fn metadata(&self) -> &ProviderMetadata {
        &self.metadata
    }

    /// Sets the client secret. Without one, the client is public.
    pub fn secret(mut self, secret: impl Into<Secret>) -> Self {
        self.secret = Some(secret.into());
        self
    }

    /// Adds a key that signs the client's assertions, so that the client authenticates with `private_key_jwt`. Of
    /// several keys, the first signs whose algorithm the provider lists
    /// (`token_endpoint_auth_signing_alg_values_supported`). If the key is elsewhere, set
    /// [`authentication`](Self::authentication) instead, and use [`Client::attempt`].
    pub fn signer(mut self, key: Arc<dyn Sign>) -> Self {
        self.signers.push(Signer(key));
        self
    }

    /// Sets the registered algorithm of the client's assertions: no other signs, whatever the provider lists. By
    /// default, `private_key_jwt` takes the algorithm of a [`signer`](Self::signer), and `client_secret_jwt` the first
    /// of HS256, HS384 and HS512 that the provider lists. The secret must be as long as the hash, or longer.
    pub const fn token_endpoint_auth_signing_alg(mut self, algorithm: Algorithm) -> Self {
        self.assertion_algorithm = Some(algorithm);
        self
    }

    /// Sets the audience of the client's assertions. By default, it is the issuer.
    ///
    /// # Danger
    /// It takes a check away: a provider whose metadata names an endpoint of another provider gets assertions that the
    /// other provider accepts. See [`danger`](crate::danger).
    pub const fn assertion_audience(mut self, audience: AssertionAudience) -> Self {
        self.assertion_audience = audience;
        self
    }

    /// Sets the type of the client's assertions, for a provider that wants one. By default, an assertion has none.
    pub const fn assertion_type(mut self, assertion_type: AssertionType) -> Self {
        self.assertion_type = assertion_type;
        self
    }

    /// States that the connections of this program present a certificate. If the client has neither a key nor a secret
    /// that the provider takes, it authenticates with `tls_client_auth` or `self_signed_tls_client_auth`, whichever the
    /// provider lists. The endpoints are then those for certificates (`mtls_endpoint_aliases`), where there are any.
    pub const fn certificate(mut self) -> Self {
        self.certificate = true;
        self
    }

    /// Sets the key that access and refresh tokens are bound to (RFC 9449). The client then proves its token and
    /// UserInfo requests with this key, and refuses a token that is not bound. A key for each session is better for
    /// logins: see [`Client::with_dpop_key`]. Register the client with `dpop_bound_access_tokens` (section 5.2), and the
    /// provider grants nothing without a proof.
    pub fn dpop_key(mut self, key: Arc<dyn Sign>) -> Self {
        self.dpop_key = Some(ClientKey::AtHand(Signer(key)));
        self
    }

    /// Sets the public half of the key that access and refresh tokens are bound to, if the private half is elsewhere.
    /// Each attempt then needs a proof ([`Client::proof_to_sign`],
    /// [`Attempt::with_proof`](crate::flow::Attempt::with_proof)).
    pub fn dpop_public_key(mut self, jwk: Jwk, algorithm: Algorithm) -> Self {
        self.dpop_key = Some(ClientKey::Elsewhere(Box::new(jwk), algorithm));
        self
    }

    /// States that the registration binds access and refresh tokens to the client's certificate (RFC 8705 section 3).
    /// Each request to the provider then presents the certificate, at the endpoints for it (`mtls_endpoint_aliases`),
    /// even if the client authenticates in another way.
    pub const fn tls_client_certificate_bound_access_tokens(mut self) -> Self {
        self.certificate_bound = true;
        self
    }

    /// Sets the registered authentication method. By default, it is the first of these that the provider lists and the
    /// client can use: `private_key_jwt` with a [`signer`](Self::signer); `client_secret_basic`, `client_secret_post` or
    /// `client_secret_jwt` with a [`secret`](Self::secret); `tls_client_auth` or `self_signed_tls_client_auth` with a
    /// [`certificate`](Self::certificate). A client that has none of them is public. The provider is never asked by
    /// trial and error.
    pub const fn authentication(mut self, authentication: ClientAuthentication) -> Self {
        self.authentication = Some(authentication);
        self
    }

    /// Sets the redirect URI, exactly as it is registered.
    pub fn redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.redirect_uri = Some(uri.into());
        self
    }

    /// Sets the longest token, in bytes: ID tokens, signed UserInfo, signed authorization responses (the default is
    /// [`MAX_TOKEN`](crate::token::MAX_TOKEN)), and tokens to introspect or revoke (the default is [`MAX_INTROSPECTED`]).
    pub const fn max_token(mut self, bytes: usize) -> Self {
        self.max_token = Some(bytes);
        self
    }

    /// Sets the largest response that a flow of this client reads, in bytes: key sets, tokens, UserInfo, introspection.
    /// The default is [`MAX_DOCUMENT`].
    pub const fn max_document(mut self, bytes: usize) -> Self {
        self.max_document = bytes;
        self
    }

    /// Sets the maximum number of keys in a key set that a flow of this client reads; the default is
    /// [`MAX_KEYS`](crate::jose::MAX_KEYS).
    pub fn max_keys(mut self, keys: usize) -> Self {
        self.key_set_reader = self.key_set_reader.max_keys(keys);
        self
    }

    /// Sets the backend that verifies with the keys that a flow of this client reads; the default is ring. It does not
    /// change keys that the program has read itself.
    pub fn backend(mut self, backend: Arc<dyn Backend>) -> Self {
        self.key_set_reader = self.key_set_reader.backend(backend);
        self
    }

    /// Sets how a flow of this client reads key sets. It replaces [`max_keys`](Self::max_keys) and
    /// [`backend`](Self::backend).
    pub fn key_set_reader(mut self, reader: KeySetReader) -> Self {
        self.key_set_reader = reader;
        self
    }

    /// Sets the deviations of the provider from the specifications that the client tolerates.
    pub const fn quirks(mut self, quirks: Quirks) -> Self {
        self.quirks = quirks;
        self
    }

    /// Accepts ID tokens of the issuers of this rule. Use it for a provider whose metadata has a template for its
    /// issuer, or whose tokens have a [second name](IssuerRule::or_exact) for it.
    pub fn issuer_rule(mut self, rule: IssuerRule) -> Self {
        self.issuer_rule = Some(rule);
        self
    }

    /// Sets the registered signature algorithm of ID tokens: no other is accepted. By default, each asymmetric
    /// algorithm that the metadata names is accepted.
    pub const fn id_token_signed_response_alg(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = Some(algorithm);
        self
    }

    /// Sets the registered signature algorithm of authorization responses (JARM): no other is accepted. By default,
    /// each asymmetric algorithm that the metadata names is accepted, or `RS256` if it names none (JARM section 3).
    pub const fn authorization_signed_response_alg(mut self, algorithm: Algorithm) -> Self {
        self.response_algorithm = Some(algorithm);
        self
    }

    /// Sets the registered signature algorithm of UserInfo: no other is accepted, and neither is UserInfo without a
    /// signature. By default, UserInfo may be signed with each asymmetric algorithm that the metadata names
    /// (`userinfo_signing_alg_values_supported`), and need not be signed.
    pub const fn userinfo_signed_response_alg(mut self, algorithm: Algorithm) -> Self {
        self.userinfo_algorithm = Some(algorithm);
        self
    }

    /// Adds audiences that an ID token may have besides this client.
    ///
    /// # Danger
    /// It takes a check away: each party that you name can use its ID tokens to log in here. See [`danger`](crate::danger).
    pub fn trusted_audiences<S: Into<String>>(mut self, audiences: impl IntoIterator<Item = S>) -> Self {
        self.trusted_audiences.extend(audiences.into_iter().map(Into::into));
        self
    }

    /// Adds authorized parties (`azp`) that an ID token may have instead of this client: other clients, whose ID tokens
    /// name this client in `aud`.
    ///
    /// # Danger
    /// It takes a check away: each party that you name can use its ID tokens to log in here. See [`danger`](crate::danger).
    pub fn trusted_authorized_parties<S: Into<String>>(
        mut self,
        parties: impl IntoIterator<Item = S>,
    ) -> Self {
        self.trusted_authorized_parties.extend(parties.into_iter().map(Into::into));
        self
    }

    /// Sets the largest difference between the provider's clock and ours, either way; the default is
    /// [`DEFAULT_LEEWAY`](crate::token::DEFAULT_LEEWAY).
    pub const fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Fetches UserInfo at the end of each login, and compares its `sub` with that of the ID token. Many providers give the
    /// user's name and address there alone: see [`Authenticated::name`](crate::flow::Authenticated::name).
    pub const fn fetch_userinfo(mut self) -> Self {
        self.fetch_userinfo = true;
        self
    }

    /// Sets the method of UserInfo requests, for a provider that does not support the recommended one.
    pub const fn userinfo_method(mut self, method: UserInfoMethod) -> Self {
        self.userinfo_method = method;
        self
    }

    /// Checks the settings, and makes the client.
    ///
    /// # Errors
    /// [`ConfigError`] names the setting that cannot work.
    pub fn build(self) -> Result<Client, ConfigError> {
        check_characters("client_id", &self.client_id)?;
        // A login is saved with both, so both must fit into a saved state.
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
        let (secret, signers) = (self.secret.as_ref(), &*self.signers);
        let means = Means { secret, signers, certificate: self.certificate };
        let authentication = means.method(self.authentication, &self.metadata)?;
        let assertion_key = means.key(authentication, self.assertion_algorithm, &self.metadata)?;
        let requests = self.requests.choose(&means, &self.metadata)?;
        if self.assertion_audience == AssertionAudience::TokenEndpoint
            && self.metadata.token_endpoint.is_none()
        {
            return Err(ConfigError::NoEndpoint(Endpoint::Token.name()));
        }
        // A code needs PKCE, or both a nonce and a client that authenticates.
        if self.quirks.no_pkce && (self.quirks.no_nonce || authentication == ClientAuthentication::None) {
            return Err(ConfigError::Unbound);
        }
        // Metadata that are silent about PKCE do not say that the provider checks it.
        let public = authentication == ClientAuthentication::None;
        if self.quirks.no_nonce && public && self.metadata.names_s256() != Some(true) {
            return Err(ConfigError::Unbound);
        }
        let named = self.metadata.id_token_algorithms();
        let (algorithms, secret_key) = self.algorithms(self.algorithm, named)?;
        let named = self.metadata.authorization_response_algorithms();
        let (response_algorithms, response_secret_key) = self.algorithms(self.response_algorithm, named)?;
        let named = self.metadata.userinfo_algorithms();
        let (userinfo_algorithms, userinfo_secret_key) = self.algorithms(self.userinfo_algorithm, named)?;
        let signing = self.introspection_algorithms()?;
        let issuer = &self.metadata.issuer;
        let rule = self.issuer_rule.unwrap_or_else(|| IssuerRule::exact(issuer));
        if rule.as_str() != issuer && !rule.admits(issuer) {
            return Err(ConfigError::IssuerRule);
        }
        let max_token = self.max_token.unwrap_or(MAX_TOKEN);
        let verifier = IdTokenVerifier::new(issuer, &self.client_id)
            .issuer_rule(rule.clone())
            .algorithms(algorithms)
            .trusted_audiences(self.trusted_audiences)
            .trusted_authorized_parties(self.trusted_authorized_parties)
            .leeway(self.leeway)
            .max_token(max_token);
        let (id, limits) = (&self.client_id, (self.leeway, max_token));
        let introspection =
            signing.map(|signing| self.introspection.of_client(signing, id, rule.clone(), limits));
        let userinfo_verifier =
            UserInfoVerifier::new(rule.clone(), id.clone(), userinfo_algorithms, self.leeway, max_token);
        let response_verifier = AuthorizationResponseVerifier::new(issuer, &self.client_id)
            .issuer_rule(rule)
            .algorithms(response_algorithms)
            .leeway(self.leeway)
            .max_token(max_token);
        let response_verifier = match self.quirks.doubled_iss_in_authorization_response {
            true => response_verifier.accept_doubled_iss(),
            false => response_verifier,
        };
        // The UserInfo request comes in the middle of a login, where nobody could sign its proof.
        if self.fetch_userinfo && matches!(self.dpop_key, Some(ClientKey::Elsewhere(..))) {
            return Err(ConfigError::NoProof);
        }
        let prover = self.dpop_key.map(|key| key.prover(&self.metadata)).transpose()?;
        let inner = Inner {
            metadata: self.metadata,
            client_id: self.client_id,
            secret: self.secret,
            authentication,
            assertion_key,
            assertion_algorithm: self.assertion_algorithm,
            assertion_audience: self.assertion_audience,
            assertion_type: self.assertion_type,
            prover,
            certificate_bound: self.certificate_bound,
            redirect_uri: self.redirect_uri,
            requests,
            quirks: self.quirks,
            verifier,
            response_verifier,
            response_secret_key,
            userinfo_verifier,
            userinfo_secret_key,
            userinfo_is_signed: self.userinfo_algorithm.is_some(),
            introspection,
            secret_key,
            fetch_userinfo: self.fetch_userinfo,
            userinfo_method: self.userinfo_method,
            max_document: self.max_document,
            key_set_reader: self.key_set_reader,
        };
        Ok(Client::new(inner, self.max_token.unwrap_or(MAX_INTROSPECTED)))
    }

    /// Returns the algorithms that the provider may sign with: the registered one, or the asymmetric ones among those
    /// that the metadata names, ES512 and ML-DSA only with a backend. For a symmetric algorithm it returns the secret as a
    /// key, too.
    pub(super) fn algorithms(
        &self,
        registered: Option<Algorithm>,
        named: AlgorithmSet,
    ) -> Result<(AlgorithmSet, Option<Arc<KeySet>>), ConfigError> {
        let Some(algorithm) = registered else {
            return Ok((named.intersection(self.key_set_reader.algorithms()), None));
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
}

/// Accepts one or more `VSCHAR` (RFC 6749 appendix A.1 and A.2).
fn check_characters(name: &'static str, text: &str) -> Result<(), ConfigError> {
    if text.is_empty() || !text.bytes().all(|byte| (0x20..=0x7e).contains(&byte)) {
        return Err(ConfigError::Characters(name));
    }
    Ok(())
}

/// Accepts `https`, `http` to this machine (RFC 8252 section 7.3), and the scheme of a native application.
pub(in crate::flow) fn check_redirect_uri(uri: &str) -> Result<(), ConfigError> {
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
