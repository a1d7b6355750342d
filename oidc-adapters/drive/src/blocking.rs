//! [`Provider`] for blocking stacks: the same handle as [`crate::Provider`], for threads.
//!
//! Nobody waits for a renewal that comes ahead of time: it runs on a thread of its own.

use crate::{
    drive::{Job, after, block_on},
    event::NO_RESPONSE,
    io,
    provider::{self, ProviderBuilder, ProviderError},
};
use oidc_proto::{
    Secret,
    flow::{
        Authenticated, Client, ClientCredentialsRequest, Flow, PendingAuthorization, PreviousLogin,
        Refreshed, Request, Step, Terms, TokenTypeHint,
    },
    jose::KeySet,
    message::{AuthorizationRequest, AuthorizationResponse, IntrospectionResponse, TokenResponse, UserInfo},
    metadata::ProviderMetadata,
    renew::{Epoch, Published},
    token::VerifiedAccessToken,
};
use std::{fmt, sync::Arc, thread};
use url::Url;

/// What a handle needs of the world outside: an HTTP stack, as a closure, and threads.
pub struct Io(io::Io);

impl Io {
    /// `send` carries a request out on its [`Terms`]. Keys, and whatever is renewed ahead of time, are
    /// fetched on threads of the standard library: one for each value that is due, which are the keys, the
    /// metadata, and each service token in use.
    pub fn new<B: Into<Vec<u8>>, E: fmt::Display + 'static>(
        send: impl Fn(Request, Terms) -> Result<http::Response<B>, E> + Send + Sync + 'static,
    ) -> Self {
        Self::with_error_labels(send, |_| NO_RESPONSE)
    }

    /// As [`new`](Self::new), with a label for each error of the HTTP stack: one word, which
    /// [`Event::Lost`](crate::Event::Lost) carries. It is a constructor, as the type of the error is known
    /// to `send` alone.
    pub fn with_error_labels<B: Into<Vec<u8>>, E: fmt::Display + 'static>(
        send: impl Fn(Request, Terms) -> Result<http::Response<B>, E> + Send + Sync + 'static,
        label: fn(&E) -> &'static str,
    ) -> Self {
        let send = Arc::new(send);
        let send = move |request, terms| {
            let send = Arc::clone(&send);
            async move { send(request, terms) }
        };
        let io = io::Io::with_error_labels(send, label, drop, after).blocking();
        Self(io).with_spawn(|job| {
            // Without a thread the job is dropped: its lease is given back, and somebody else leads.
            drop(thread::Builder::new().name("oidc-renewal".into()).spawn(job));
        })
    }

    /// Has a pool of one's own run what is to run in the background.
    #[must_use]
    pub fn with_spawn(self, spawn: impl Fn(Job) + Send + Sync + 'static) -> Self {
        Self(self.0.with_spawn(move |task| spawn(Box::new(move || block_on(task)))))
    }
}

impl fmt::Debug for Io {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A provider, and this program as its client. Cheap to clone; clones share what they hold.
#[derive(Clone)]
pub struct Provider(provider::Provider);

impl Provider {
    /// Begins the settings of a handle: this issuer, over this stack. Nothing is fetched before it is
    /// needed: a program starts while its provider is down.
    pub fn builder(issuer: impl Into<String>, io: Io) -> ProviderBuilder<Io> {
        ProviderBuilder::new(issuer.into(), io)
    }

    /// The issuer.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.0.issuer()
    }

    /// Where to send the user, and what to keep until they return.
    ///
    /// # Errors
    /// The metadata cannot be had; or as [`Client::authorize`].
    pub fn authorize(
        &self,
        request: &AuthorizationRequest,
    ) -> Result<(Url, PendingAuthorization), ProviderError> {
        block_on(self.0.authorize(request))
    }

    /// Ends the login that `pending` began: the code is exchanged, and the ID token verified.
    ///
    /// A code is good once, so it is sent once, whatever comes of it: of two callbacks of one login that come at
    /// once (a double click, a page that is loaded again), both get the same user, or the same failure; and so
    /// does one that comes within a minute. Only with the same `pending`: nobody else gets
    /// anything. Other handles, and other nodes, know nothing of it.
    ///
    /// # Errors
    /// As [`PendingAuthorization::callback`], and whatever the flow meets on its way. After
    /// [`NoResponse`](ProviderError::NoResponse) the login must be begun again: nobody knows whether the code is
    /// spent. [`CodeSpent`](ProviderError::CodeSpent) if it was sent for another login.
    pub fn callback(
        &self,
        pending: PendingAuthorization,
        response: AuthorizationResponse,
    ) -> Result<Authenticated, ProviderError> {
        block_on(self.0.callback(pending, response))
    }

    /// Spends a refresh token. What comes back holds the one to use next; see
    /// [`Client::refresh`] for `previous`.
    ///
    /// A refresh token is good once, so it is sent once: who asks at the same time gets the same tokens, or
    /// the same failure; and who asks again within a minute gets the same tokens. What came is held to the
    /// `previous` of each who asks. Other handles, and other nodes, know nothing of it.
    ///
    /// # Errors
    /// As [`Client::refresh`], and whatever the flow meets on its way. After
    /// [`NoResponse`](ProviderError::NoResponse) nobody knows whether the refresh token is spent.
    pub fn refresh(
        &self,
        refresh_token: &Secret,
        previous: Option<PreviousLogin>,
    ) -> Result<Arc<Refreshed>, ProviderError> {
        block_on(self.0.refresh(refresh_token, previous))
    }

    /// Asks for the claims of the user with this `sub`, by their access token.
    ///
    /// # Errors
    /// As [`Client::userinfo`], and whatever the flow meets on its way.
    pub fn userinfo(&self, access_token: &Secret, sub: &str) -> Result<UserInfo, ProviderError> {
        block_on(self.0.userinfo(access_token, sub))
    }

    /// Asks what the provider says of a token, as this client (RFC 7662). Each call asks.
    ///
    /// # Errors
    /// As [`Client::introspect`], and whatever the flow meets on its way.
    pub fn introspect(
        &self,
        token: &Secret,
        hint: Option<TokenTypeHint>,
    ) -> Result<IntrospectionResponse, ProviderError> {
        block_on(self.0.introspect(token, hint))
    }

    /// Revokes a token that this client was given (RFC 7009): at logout, the refresh token. Afterwards the
    /// token is worth nothing, even if the provider has never seen it.
    ///
    /// # Errors
    /// As [`Client::revoke`], and whatever the flow meets on its way: then the token may still be good.
    pub fn revoke(&self, token: &Secret, hint: Option<TokenTypeHint>) -> Result<(), ProviderError> {
        block_on(self.0.revoke(token, hint))
    }

    /// A token for this program itself. It is kept, renewed ahead of its end while it is used, and
    /// shared by all who ask for the same scopes and resources.
    ///
    /// # Errors
    /// There is none now, and this is why.
    pub fn client_credentials(
        &self,
        wanted: &ClientCredentialsRequest,
    ) -> Result<Published<TokenResponse>, ProviderError> {
        self.0.token_at_once(wanted).map_or_else(|| block_on(self.0.client_credentials(wanted)), Ok)
    }

    /// Another token than the one of this epoch, which a resource server has refused. Asked for too
    /// often, there is none: a resource server that refuses every token is not to become a flood.
    ///
    /// # Errors
    /// As [`client_credentials`](Self::client_credentials).
    pub fn client_credentials_newer_than(
        &self,
        wanted: &ClientCredentialsRequest,
        refused: Epoch,
    ) -> Result<Published<TokenResponse>, ProviderError> {
        block_on(self.0.client_credentials_newer_than(wanted, refused))
    }

    /// Verifies a bearer access token that is meant for [this program](ProviderBuilder::audience), and
    /// reads what is wanted of it. Waits for nothing unless keys must be fetched first.
    ///
    /// # Errors
    /// [`AccessToken`](ProviderError::AccessToken) if another token would help: answer 401. Otherwise
    /// the fault is not the client's: answer 503. A [`Gate`](crate::Gate), in front of an async stack,
    /// gives such answers itself.
    pub fn verify<T>(
        &self,
        token: &str,
        read: impl FnOnce(&VerifiedAccessToken<'_>) -> T,
    ) -> Result<T, ProviderError> {
        self.0.verify_blocking(token, read)
    }

    /// The keys.
    ///
    /// # Errors
    /// There are none now, and this is why.
    pub fn keys(&self) -> Result<Published<KeySet>, ProviderError> {
        self.0.keys_at_once().map_or_else(|| block_on(self.0.keys()), Ok)
    }

    /// The metadata.
    ///
    /// # Errors
    /// There is none now, and this is why.
    pub fn metadata(&self) -> Result<Arc<ProviderMetadata>, ProviderError> {
        self.0.metadata_at_once().map_or_else(|| block_on(self.0.metadata()), Ok)
    }

    /// The client by the metadata of now, for what this handle has no method for.
    ///
    /// # Errors
    /// The metadata cannot be had, or the settings do not fit it.
    pub fn client(&self) -> Result<Client, ProviderError> {
        self.0.client_at_once().unwrap_or_else(|| block_on(self.0.client()))
    }

    /// Runs any flow to its end.
    ///
    /// # Errors
    /// Whatever the flow meets on its way.
    pub fn run<F: Flow>(&self, step: impl Into<Step<F>>) -> Result<F::Output, ProviderError> {
        block_on(self.0.run(step))
    }
}

impl ProviderBuilder<Io> {
    /// Makes the handle. Nothing is fetched.
    ///
    /// # Errors
    /// The issuer is not a URL that an issuer may have, or that the policy allows. What the metadata has
    /// a say in shows when it is there.
    pub fn build(self) -> Result<Provider, ProviderError> {
        self.build_over(|io| io.0).map(Provider)
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
