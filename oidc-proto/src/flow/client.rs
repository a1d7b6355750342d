//! [`Client`]: what a client knows of itself and of its provider. It has no type parameters, is cheap
//! to clone, and can be stored anywhere.

use super::{ConfigError, Endpoint, UserInfoMethod, saved};
use crate::{
    base::{endpoint_url::EndpointUrl, form, secret::Secret, visible::without_query},
    jose::{Algorithm, AlgorithmSet, KeySet},
    message::TokenTolerance,
    metadata::{IssuerRule, ProviderMetadata},
    token::IdTokenVerifier,
};
use http::HeaderValue;
use std::{borrow::Cow, fmt, sync::Arc};
use url::Url;

/// How a client proves to the provider who it is (RFC 6749 section 2.3, OpenID Connect Core 1.0
/// section 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Authentication {
    /// Not at all: a public client.
    None,
    /// The secret in the `Authorization` header.
    ClientSecretBasic,
    /// The secret in the body.
    ClientSecretPost,
}

impl Authentication {
    /// The name of the method in metadata and registrations.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
        }
    }
}

/// What a provider does otherwise than the specifications say. All off, unless you say so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Quirks {
    /// `expires_in` of token responses may be a string of digits.
    pub expires_in_as_string: bool,
    /// `scope` of token responses may be an array of strings.
    pub scope_as_array: bool,
    /// `token_type` of token responses may be absent.
    pub no_token_type: bool,
    /// HTTP Basic credentials are not form-encoded before they are joined, against RFC 6749 section
    /// 2.3.1.
    pub basic_not_form_encoded: bool,
}

/// A client of a provider: the start of every flow.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) metadata: Arc<ProviderMetadata>,
    pub(crate) client_id: String,
    secret: Option<Secret>,
    authentication: Authentication,
    redirect_uri: Option<String>,
    pub(crate) quirks: Quirks,
    pub(crate) verifier: IdTokenVerifier,
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
            redirect_uri: None,
            quirks: Quirks::default(),
            issuer_rule: None,
            algorithm: None,
            trusted_audiences: Vec::new(),
            leeway: crate::token::DEFAULT_LEEWAY,
            fetch_userinfo: false,
            userinfo_method: UserInfoMethod::default(),
        }
    }

    /// The provider's metadata.
    #[must_use]
    pub fn metadata(&self) -> &ProviderMetadata {
        &self.0.metadata
    }

    /// The client's identifier.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.0.client_id
    }

    /// How the client authenticates.
    #[must_use]
    pub fn authentication(&self) -> Authentication {
        self.0.authentication
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }

    pub(crate) fn redirect_uri(&self) -> Result<&str, ConfigError> {
        self.0.redirect_uri.as_deref().ok_or(ConfigError::NoRedirectUri)
    }

    pub(crate) fn endpoint(&self, endpoint: Endpoint) -> Result<&EndpointUrl, ConfigError> {
        endpoint.of(self.metadata()).ok_or(ConfigError::NoEndpoint(endpoint.name()))
    }

    pub(crate) fn tolerance(&self) -> TokenTolerance {
        let Quirks { expires_in_as_string, scope_as_array, no_token_type, .. } = self.0.quirks;
        TokenTolerance { expires_in_as_string, scope_as_array, no_token_type }
    }

    /// Authenticates a form, each time anew: by a header, or by parameters added to it.
    pub(crate) fn authenticate(&self, form: &mut Vec<(Cow<'static, str>, Secret)>) -> Option<HeaderValue> {
        let id = || (Cow::Borrowed("client_id"), Secret::new(self.client_id()));
        match (self.0.authentication, &self.0.secret) {
            (Authentication::ClientSecretBasic, Some(secret)) => Some(self.basic(secret)),
            (Authentication::ClientSecretPost, Some(secret)) => {
                form.push(id());
                form.push((Cow::Borrowed("client_secret"), secret.clone()));
                None
            }
            // The builder gives a secret to the two methods above, and to no other.
            (
                Authentication::None | Authentication::ClientSecretBasic | Authentication::ClientSecretPost,
                _,
            ) => {
                form.push(id());
                None
            }
        }
    }

    /// What no error may repeat: the secret, as it is and as it is sent.
    pub(crate) fn secrets(&self) -> Vec<Secret> {
        let Some(secret) = &self.0.secret else { return Vec::new() };
        let basic = self.basic(secret);
        let basic = basic.to_str().unwrap_or_default().trim_start_matches("Basic ");
        vec![basic.into(), form::encode_one(secret.expose()).into(), secret.clone()]
    }

    /// RFC 6749 section 2.3.1: form-encode, join, and then as RFC 7617 says.
    fn basic(&self, secret: &Secret) -> HeaderValue {
        use base64::prelude::{BASE64_STANDARD, Engine};
        let encode = |text: &str| match self.0.quirks.basic_not_form_encoded {
            true => text.to_owned(),
            false => form::encode_one(text),
        };
        let joined = Secret::new(format!("{}:{}", encode(self.client_id()), encode(secret.expose())));
        let encoded = Secret::new(BASE64_STANDARD.encode(joined.expose()));
        // base64 is visible ASCII, so there is always a value.
        crate::base::header::credentials("Basic", &encoded)
            .unwrap_or_else(|| HeaderValue::from_static("Basic"))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("issuer", &self.metadata().issuer)
            .field("client_id", &self.0.client_id)
            .field("authentication", &self.0.authentication)
            .field("redirect_uri", &self.0.redirect_uri.as_deref().map(without_query))
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
    authentication: Option<Authentication>,
    redirect_uri: Option<String>,
    quirks: Quirks,
    issuer_rule: Option<IssuerRule>,
    algorithm: Option<Algorithm>,
    trusted_audiences: Vec<String>,
    leeway: u16,
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

    /// Sets the registered authentication method. Otherwise it follows from the metadata: none
    /// without a secret, else `client_secret_basic`, else `client_secret_post`.
    pub const fn authentication(mut self, authentication: Authentication) -> Self {
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

    /// Accepts ID tokens that are meant for these, too, besides this client and those named before.
    pub fn trusted_audiences<S: Into<String>>(mut self, audiences: impl IntoIterator<Item = S>) -> Self {
        self.trusted_audiences.extend(audiences.into_iter().map(Into::into));
        self
    }

    /// Sets how far, in seconds, the provider's clock may be from ours, either way; the default is
    /// [`DEFAULT_LEEWAY`](crate::token::DEFAULT_LEEWAY).
    pub const fn leeway(mut self, seconds: u16) -> Self {
        self.leeway = seconds;
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
            if !saved::is_text(text) {
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
        let algorithms = match self.algorithm {
            Some(algorithm) => AlgorithmSet::EMPTY.with(algorithm),
            None => self.metadata.id_token_algorithms().intersection(AlgorithmSet::ASYMMETRIC),
        };
        let secret_key = match (self.algorithm, &self.secret) {
            (Some(algorithm), Some(secret)) if algorithm.is_symmetric() => {
                let keys = KeySet::from_secret(secret);
                if !keys.keys().any(|key| key.algorithms().contains(algorithm)) {
                    return Err(ConfigError::SecretTooShort);
                }
                Some(Arc::new(keys))
            }
            (Some(algorithm), None) if algorithm.is_symmetric() => return Err(ConfigError::SecretTooShort),
            (Some(_) | None, _) => None,
        };
        let issuer = &self.metadata.issuer;
        let rule = self.issuer_rule.unwrap_or_else(|| IssuerRule::exact(issuer));
        if rule.as_str() != issuer && !rule.admits(issuer) {
            return Err(ConfigError::IssuerRule);
        }
        let verifier = IdTokenVerifier::new(issuer, &self.client_id)
            .issuer_rule(rule)
            .algorithms(algorithms)
            .trusted_audiences(self.trusted_audiences)
            .leeway(self.leeway);
        Ok(Client(Arc::new(Inner {
            metadata: self.metadata,
            client_id: self.client_id,
            secret: self.secret,
            authentication,
            redirect_uri: self.redirect_uri,
            quirks: self.quirks,
            verifier,
            secret_key,
            fetch_userinfo: self.fetch_userinfo,
            userinfo_method: self.userinfo_method,
        })))
    }

    fn choose_authentication(&self) -> Result<Authentication, ConfigError> {
        let fits = |method: Authentication| (method == Authentication::None) == self.secret.is_none();
        match self.authentication {
            Some(method) if fits(method) => Ok(method),
            Some(method) => Err(ConfigError::Authentication(method.name())),
            // A public client need not find itself in the metadata: many providers forget `none`.
            None if self.secret.is_none() => Ok(Authentication::None),
            None => [Authentication::ClientSecretBasic, Authentication::ClientSecretPost]
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
    if !saved::is_text(uri) {
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
