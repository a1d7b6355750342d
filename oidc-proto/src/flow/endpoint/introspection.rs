//! Token introspection (RFC 7662 section 2): the authorization server tells whether a token is active.
//!
//! ```text
//! Asked ──answered──▶ Done(IntrospectionResponse)
//!       ──429, 503, lost──▶ Wait ──▶ Asked             `introspect`; `introspect_once` ends there
//!       ──signed──▶ Keys ──keys──▶ Done(IntrospectionResponse)
//! ```
//! The request uses nothing up, so it may be repeated. A token that is not valid is a result and no error: `active` is
//! `false`. An error is about the request of *this* client: a 401 means that the credentials of this client are wrong
//! (section 2.3). It says nothing about the token, and must never reach the bearer of the token as 401.

use super::introspected::{Introspected, IntrospectionExchange};
use crate::{
    base::{moment::Moment, secret::Secret},
    flow::{
        client::{Attempt, Client, Form},
        contract::{Call, ConfigError, Endpoint, Error, Step, Then},
        exchange::{Ask, MAX_RETRIES},
    },
    jose::KeySet,
    message::IntrospectionResponse,
};
use std::sync::Arc;

/// The kind of a token, as far as the caller knows (RFC 7009 section 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenTypeHint {
    /// An access token.
    AccessToken,
    /// A refresh token.
    RefreshToken,
}

impl TokenTypeHint {
    /// Returns the name of the hint in the request.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AccessToken => "access_token",
            Self::RefreshToken => "refresh_token",
        }
    }
}

/// The flow from a token to its state at the authorization server. [`Client::introspect`] starts it.
///
/// ```
/// use oidc_proto::{Moment, Secret, Timestamp, UrlPolicy, flow::*, metadata::*};
///
/// let document = br#"{"issuer": "https://op.example", "response_types_supported": ["code"],
///     "introspection_endpoint": "https://op.example/introspect"}"#;
/// let (profile, policy) = (Profile::AuthorizationServer, UrlPolicy::default());
/// let metadata = ProviderMetadata::parse(document, "https://op.example", profile, &policy)?;
/// let api = Client::builder(metadata, "my-api").secret("my secret").build()?;
///
/// let moment = || Moment::new(Timestamp(1_800_000_000), [7; 32]); // the time, and 32 random bytes
/// let (token, hint) = (Secret::new("mF_9.B5f-4.1JqM"), Some(TokenTypeHint::AccessToken));
/// let (_request, _terms, pending) = api.introspect(&token, hint, moment())?.into_parts();
///
/// let body = r#"{"active": true, "sub": "alice", "scope": "orders.read"}"#;
/// let response = http::Response::builder().header("content-type", "application/json").body(body)?;
/// let Step::Done(token) = pending.receive(response, moment())? else { panic!("the server has answered") };
/// assert!(token.active && token.has_scope("orders.read"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct TokenIntrospection;

impl Client {
    /// Asks the authorization server about a token. It waits and asks again if the server is busy or if the response is
    /// lost. This client is the resource server, under its own registration.
    ///
    /// # Errors
    /// [`ConfigError::NoEndpoint`] if the metadata has no usable `introspection_endpoint`; [`ConfigError::Parameter`]
    /// if the token is empty or has characters that no token has: such a token is not valid, so there is no need to ask;
    /// [`ConfigError::TokenTooLong`] if it is longer than [`MAX_INTROSPECTED`](crate::flow::MAX_INTROSPECTED), or than
    /// the limit that was set.
    pub fn introspect(
        &self,
        token: &Secret,
        hint: Option<TokenTypeHint>,
        moment: Moment,
    ) -> Result<Call<TokenIntrospection>, Error> {
        Ok(self.introspect_with_keys(token, hint, None, moment)?.carrying(()))
    }

    /// Asks as [`introspect`](Self::introspect) does. A [signed](crate::flow::ClientBuilder::signed_introspection) response
    /// is verified with `keys`. With `None`, or if no key among them verifies it, the flow fetches the keys, and returns
    /// them for your cache.
    ///
    /// # Errors
    /// As [`introspect`](Self::introspect).
    pub fn introspect_with_keys(
        &self,
        token: &Secret,
        hint: Option<TokenTypeHint>,
        keys: Option<Arc<KeySet>>,
        moment: Moment,
    ) -> Result<Call<IntrospectionExchange>, Error> {
        Attempt::from(self).ask_about(token, hint, keys, MAX_RETRIES, moment)
    }

    /// Asks once, and does not wait if the server is busy. Use it if your program decides itself when to ask again,
    /// such as a server that must answer a request.
    ///
    /// # Errors
    /// As [`introspect`](Self::introspect).
    pub fn introspect_once(
        &self,
        token: &Secret,
        hint: Option<TokenTypeHint>,
        moment: Moment,
    ) -> Result<Call<TokenIntrospection>, Error> {
        Ok(self.introspect_once_with_keys(token, hint, None, moment)?.carrying(()))
    }

    /// Asks as [`introspect_once`](Self::introspect_once) does, with keys for a signed response: see
    /// [`introspect_with_keys`](Self::introspect_with_keys).
    ///
    /// # Errors
    /// As [`introspect`](Self::introspect).
    pub fn introspect_once_with_keys(
        &self,
        token: &Secret,
        hint: Option<TokenTypeHint>,
        keys: Option<Arc<KeySet>>,
        moment: Moment,
    ) -> Result<Call<IntrospectionExchange>, Error> {
        Attempt::from(self).ask_about(token, hint, keys, 0, moment)
    }
}

impl Attempt {
    /// Asks the authorization server once about a token.
    ///
    /// # Errors
    /// As [`Client::introspect`].
    pub fn introspect(
        self,
        token: &Secret,
        hint: Option<TokenTypeHint>,
        moment: Moment,
    ) -> Result<Call<TokenIntrospection>, Error> {
        Ok(self.ask_about(token, hint, None, 0, moment)?.carrying(()))
    }

    /// Asks the authorization server once about a token. See [`Client::introspect_with_keys`] for `keys`.
    ///
    /// # Errors
    /// As [`Client::introspect`].
    pub fn introspect_with_keys(
        self,
        token: &Secret,
        hint: Option<TokenTypeHint>,
        keys: Option<Arc<KeySet>>,
        moment: Moment,
    ) -> Result<Call<IntrospectionExchange>, Error> {
        self.ask_about(token, hint, keys, 0, moment)
    }

    fn ask_about(
        self,
        token: &Secret,
        hint: Option<TokenTypeHint>,
        keys: Option<Arc<KeySet>>,
        budget: u8,
        moment: Moment,
    ) -> Result<Call<IntrospectionExchange>, Error> {
        let form = form(&self.client, token, hint)?;
        let ask = Ask::new(self, Endpoint::Introspection, form);
        IntrospectionExchange::start(ask, keys, budget, moment)
    }
}

/// Returns the parameters of a request about a token.
pub(super) fn form(
    client: &Client,
    token: &Secret,
    hint: Option<TokenTypeHint>,
) -> Result<Form, ConfigError> {
    let text = token.expose();
    let visible = text.bytes().all(|byte| (0x20..=0x7e).contains(&byte));
    if text.is_empty() || !visible {
        return Err(ConfigError::Parameter("token"));
    }
    if text.len() > client.max_introspected() {
        return Err(ConfigError::TokenTooLong { limit: client.max_introspected() });
    }
    let mut form: Form = vec![("token".into(), token.clone())];
    form.extend(hint.map(|hint| ("token_type_hint".into(), Secret::new(hint.name()))));
    Ok(form)
}

impl Then for TokenIntrospection {
    type First = IntrospectionExchange;
    type Carried = ();
    type Output = IntrospectionResponse;

    fn then(said: Introspected, (): (), _: Moment) -> Result<Step<Self>, Error> {
        Ok(Step::Done(said.response))
    }
}
