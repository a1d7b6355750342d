//! [`BackchannelAuthenticationRequest`]: whom the provider shall ask, for what, and how the client gets the answer (CIBA
//! section 7.1).

use crate::{
    base::{moment::whole_seconds, secret::Secret, visible::all_visible},
    flow::{
        client::{Form, Signer},
        contract::ConfigError,
    },
    jose::Sign,
    message::target::is_resource,
    metadata::ProviderMetadata,
    token::{IdToken, is_sub},
};
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

/// The parameters that the library sets itself.
const RESERVED: [&str; 24] = [
    "scope",
    "client_notification_token",
    "acr_values",
    "login_hint_token",
    "id_token_hint",
    "login_hint",
    "binding_message",
    "user_code",
    "requested_expiry",
    "resource",
    "authorization_details",
    "request",
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    // The claims of a signed request (section 7.1.1). The section demands no `typ`, so a provider may take the JWT for one
    // of another kind: with a `sub`, it would look like an assertion of the client (RFC 7523 section 3).
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "auth_req_id",
];

/// How a client gets its tokens (CIBA section 5). It is registered with the provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum DeliveryMode {
    /// The client asks again and again.
    #[default]
    Poll,
    /// The provider tells the client's notification endpoint that the user has decided, and the client asks then. A
    /// notification may be lost, so the client also asks now and then.
    Ping,
    /// The provider sends the tokens to the client's notification endpoint.
    Push,
}

impl DeliveryMode {
    /// Returns the name of the mode in metadata.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Poll => "poll",
            Self::Ping => "ping",
            Self::Push => "push",
        }
    }

    pub(super) const fn notifies(self) -> bool {
        !matches!(self, Self::Poll)
    }
}

/// The request that a provider authenticate a user on a device of theirs (CIBA section 7.1). It has exactly one hint at
/// the user.
///
/// ```
/// use oidc_proto::flow::{BackchannelAuthenticationRequest, DeliveryMode};
/// use std::time::Duration;
///
/// let request = BackchannelAuthenticationRequest::login_hint("+49 30 123456")
///     .scopes(["payments"]) // `openid` is always asked for
///     .binding_message("W4SCT") // shown on both devices, so that the user can compare
///     .requested_expiry(Duration::from_secs(120))
///     .delivery_mode(DeliveryMode::Ping);
/// # let _ = request;
/// ```
#[derive(Clone)]
pub struct BackchannelAuthenticationRequest {
    hint: (&'static str, Secret),
    scopes: Vec<String>,
    pub(super) mode: DeliveryMode,
    acr_values: Vec<String>,
    pub(super) essential_acr: Vec<String>,
    binding_message: Option<Secret>,
    user_code: Option<Secret>,
    requested_expiry: Option<Duration>,
    resources: Vec<String>,
    pub(super) sub: Option<String>,
    extra: Vec<(String, Secret)>,
    pub(super) signer: Option<Signer>,
}

impl BackchannelAuthenticationRequest {
    fn new(name: &'static str, hint: Secret) -> Self {
        Self {
            hint: (name, hint),
            scopes: Vec::new(),
            mode: DeliveryMode::default(),
            acr_values: Vec::new(),
            essential_acr: Vec::new(),
            binding_message: None,
            user_code: None,
            requested_expiry: None,
            resources: Vec::new(),
            sub: None,
            extra: Vec::new(),
            signer: None,
        }
    }

    /// Asks for the user with this email address, telephone number, or whatever the provider knows users by. Compare the
    /// `sub` of the ID token with that of the user whom you mean, if you know it, or [demand](Self::subject) it.
    #[must_use]
    pub fn login_hint(hint: impl Into<Secret>) -> Self {
        Self::new("login_hint", hint.into())
    }

    /// Asks for the user whom this token names. Its form is a matter between you and the provider.
    #[must_use]
    pub fn login_hint_token(token: impl Into<Secret>) -> Self {
        Self::new("login_hint_token", token.into())
    }

    /// Asks for the user of this ID token, which the provider has issued to this client. [`subject`](Self::subject) demands that
    /// it is the same user who logs in.
    #[must_use]
    pub fn id_token_hint(token: impl Into<Secret>) -> Self {
        Self::new("id_token_hint", token.into())
    }

    /// Demands that this user logs in, and nobody else: the ID token must have this `sub`.
    #[must_use]
    pub fn subject(mut self, sub: impl Into<String>) -> Self {
        self.sub = Some(sub.into());
        self
    }

    /// Asks for these scopes, besides `openid`.
    #[must_use]
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes.extend(scopes.into_iter().map(Into::into));
        self
    }

    /// Sets how the client gets its tokens: as it is registered with the provider.
    #[must_use]
    pub const fn delivery_mode(mut self, mode: DeliveryMode) -> Self {
        self.mode = mode;
        self
    }

    /// Asks for one of these authentication context classes, the better one first. The provider may choose another.
    #[must_use]
    pub fn acr_values<S: Into<String>>(mut self, classes: impl IntoIterator<Item = S>) -> Self {
        self.acr_values.extend(classes.into_iter().map(Into::into));
        self
    }

    /// Asks for one of these authentication context classes, and demands it: the ID token must name one of them.
    #[must_use]
    pub fn essential_acr<S: Into<String>>(mut self, classes: impl IntoIterator<Item = S>) -> Self {
        self.essential_acr.extend(classes.into_iter().map(Into::into));
        self
    }

    /// Sets a short text that both devices show, so that the user knows that they belong together.
    #[must_use]
    pub fn binding_message(mut self, message: impl Into<Secret>) -> Self {
        self.binding_message = Some(message.into());
        self
    }

    /// Sets the code that only the user knows, so that nobody else can begin an authentication of this user. The provider
    /// must support it (`backchannel_user_code_parameter_supported`).
    #[must_use]
    pub fn user_code(mut self, code: impl Into<Secret>) -> Self {
        self.user_code = Some(code.into());
        self
    }

    /// Asks for this lifetime of the request. The provider may choose another.
    #[must_use]
    pub const fn requested_expiry(mut self, expiry: Duration) -> Self {
        self.requested_expiry = Some(expiry);
        self
    }

    /// Adds a resource (RFC 8707): the URL of an API. A request may have several.
    #[must_use]
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.resources.push(resource.into());
        self
    }

    /// Adds a parameter of an extension, such as `request_context`. Its value counts as a secret. A parameter that the
    /// library sets itself is refused, and so is the second one of a name.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<Secret>) -> Self {
        self.extra.push((name.into(), value.into()));
        self
    }

    /// Signs the request with this key of the client (section 7.1.1). The provider must list its algorithm
    /// (`backchannel_authentication_request_signing_alg_values_supported`). A key that is elsewhere signs what
    /// [`Client::backchannel_request_to_sign`](crate::flow::Client::backchannel_request_to_sign) returns.
    #[must_use]
    pub fn signed_by(mut self, key: Arc<dyn Sign>) -> Self {
        self.signer = Some(Signer(key));
        self
    }

    /// Checks that the provider offers what the request needs.
    pub(super) fn check(&self, metadata: &ProviderMetadata) -> Result<(), ConfigError> {
        let modes = metadata.backchannel_token_delivery_modes_supported.as_deref().unwrap_or_default();
        if !modes.iter().any(|mode| mode == self.mode.name()) {
            return Err(ConfigError::NoDeliveryMode(self.mode.name()));
        }
        if self.user_code.is_some() && metadata.backchannel_user_code_parameter_supported != Some(true) {
            return Err(ConfigError::NoUserCode);
        }
        if self.sub.as_deref().is_some_and(|sub| !is_sub(sub)) {
            return Err(ConfigError::Parameter("sub"));
        }
        Ok(())
    }

    /// Returns the parameters of the request, without those that authenticate the client.
    pub(super) fn parameters(&self, notification_token: Option<&Secret>) -> Result<Form, ConfigError> {
        let mut form: Form = vec![("scope".into(), words("scope", &["openid"], &self.scopes)?.into())];
        let mut add = |name: &'static str, value: &Secret| {
            if value.expose().is_empty() || !all_visible(value.expose()) {
                return Err(ConfigError::Parameter(name));
            }
            form.push((name.into(), value.clone()));
            Ok(())
        };
        add(self.hint.0, &self.hint.1)?;
        for (name, value) in [
            ("client_notification_token", notification_token),
            ("binding_message", self.binding_message.as_ref()),
            ("user_code", self.user_code.as_ref()),
        ] {
            value.map_or(Ok(()), |value| add(name, value))?;
        }
        let classes: Vec<String> = self.essential_acr.iter().chain(&self.acr_values).cloned().collect();
        if !classes.is_empty() {
            add("acr_values", &words("acr_values", &[], &classes)?.into())?;
        }
        if let Some(expiry) = self.requested_expiry.map(whole_seconds) {
            if expiry == 0 {
                return Err(ConfigError::Parameter("requested_expiry"));
            }
            add("requested_expiry", &expiry.to_string().into())?;
        }
        for resource in &self.resources {
            if !is_resource(resource) {
                return Err(ConfigError::Parameter("resource"));
            }
            add("resource", &resource.as_str().into())?;
        }
        for (index, (name, value)) in self.extra.iter().enumerate() {
            if let Some(reserved) = RESERVED.into_iter().find(|reserved| reserved == name) {
                return Err(ConfigError::Reserved(reserved));
            }
            if self.extra.iter().take(index).any(|(earlier, _)| earlier == name) {
                return Err(ConfigError::Reserved("extra"));
            }
            form.push((Cow::Owned(name.clone()), value.clone()));
        }
        Ok(form)
    }
}

/// Asks for the user of a verified ID token, and demands that it is this user who logs in.
impl From<&IdToken> for BackchannelAuthenticationRequest {
    fn from(id_token: &IdToken) -> Self {
        Self::id_token_hint(id_token.token.clone()).subject(&id_token.sub)
    }
}

/// Joins words, each once: scopes (RFC 6749 section 3.3), or authentication context classes.
fn words(name: &'static str, first: &[&str], words: &[String]) -> Result<String, ConfigError> {
    let mut joined = first.to_vec();
    for word in words.iter().map(String::as_str) {
        let allowed = |byte: u8| byte.is_ascii_graphic() && !b"\"\\".contains(&byte);
        if word.is_empty() || !word.bytes().all(allowed) {
            return Err(ConfigError::Parameter(name));
        }
        if !joined.contains(&word) {
            joined.push(word);
        }
    }
    Ok(joined.join(" "))
}

/// Shows nothing of the user.
impl fmt::Debug for BackchannelAuthenticationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackchannelAuthenticationRequest")
            .field("hint", &self.hint.0)
            .field("scopes", &self.scopes)
            .field("mode", &self.mode)
            .field("signer", &self.signer)
            .finish_non_exhaustive()
    }
}
