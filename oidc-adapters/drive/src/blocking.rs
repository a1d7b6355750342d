//! [`Provider`] for blocking stacks: the same handle as [`crate::Provider`], for threads.
//!
//! Nobody waits for a renewal that comes ahead of time: it runs on a thread of its own.

use crate::{
    Clock, Failed, Flight, Job, Observer, ProviderBuilder, ProviderError, SystemClock, Unavailable, drive,
    event::{NO_RESPONSE, Target},
    gate::{
        builder::{Fell, NoResponse},
        issuer::failure,
    },
    observed::observed,
    provider::{Core, Refused, reason, stopped, told},
};
use oidc_proto::{
    Error, Secret,
    flow::{
        Authenticated, Client, ClientCredentials, Flow, PendingAuthorization, PreviousLogin, Refreshed,
        Request, Step, Terms, TokenTypeHint,
    },
    jose::KeySet,
    message::{AuthorizationRequest, AuthorizationResponse, Introspection, TokenResponse, UserInfo},
    metadata::ProviderMetadata,
    renew::{Epoch, Failure, Need, Published, Renewed, TokenRenewal},
    token::Verified,
};
use std::{fmt, sync::Arc, thread, time::Duration};
use url::Url;

type Answer = Result<http::Response<Vec<u8>>, NoResponse>;

/// What a handle needs of the world outside: an HTTP stack, as a closure, and threads.
pub struct Io {
    send: Box<dyn Fn(Request, Terms) -> Answer + Send + Sync>,
    spawn: Box<dyn Fn(Job) + Send + Sync>,
    sleep: Box<dyn Fn(Duration) + Send + Sync>,
    clock: Arc<dyn Clock>,
    observer: Observer,
}

impl Io {
    /// `send` carries a request out on its [`Terms`]. Keys, and whatever is renewed ahead of time, are
    /// fetched on threads of the standard library: one for each value that is due, which are the keys, the
    /// metadata, and each service token in use.
    pub fn new<B: Into<Vec<u8>>, E: fmt::Display + 'static>(
        send: impl Fn(Request, Terms) -> Result<http::Response<B>, E> + Send + Sync + 'static,
    ) -> Self {
        Self::explained(send, |_| NO_RESPONSE)
    }

    /// The same, with a word for each error of the HTTP stack: it stands in
    /// [`Event::Lost`](crate::Event::Lost).
    pub fn explained<B: Into<Vec<u8>>, E: fmt::Display + 'static>(
        send: impl Fn(Request, Terms) -> Result<http::Response<B>, E> + Send + Sync + 'static,
        why: fn(&E) -> &'static str,
    ) -> Self {
        Self {
            send: Box::new(move |request, terms| {
                let to = Target::of(&request, terms);
                match send(request, terms) {
                    Ok(response) => Ok(response.map(Into::into)),
                    Err(error) => Err(NoResponse::of(&to, &error, why)),
                }
            }),
            spawn: Box::new(|job| {
                // Without a thread the job is dropped: its lease is given back, and somebody else leads.
                drop(thread::Builder::new().name("oidc-renewal".into()).spawn(job));
            }),
            sleep: Box::new(thread::sleep),
            clock: Arc::new(SystemClock),
            observer: Observer::none(),
        }
    }

    /// Has a pool of one's own run what is to run in the background.
    #[must_use]
    pub fn spawning(mut self, spawn: impl Fn(Job) + Send + Sync + 'static) -> Self {
        self.spawn = Box::new(spawn);
        self
    }

    /// Has waits done by this function: for a clock that is moved by hand.
    #[must_use]
    pub fn sleeping(mut self, sleep: impl Fn(Duration) + Send + Sync + 'static) -> Self {
        self.sleep = Box::new(sleep);
        self
    }

    /// By this clock, and telling this observer.
    pub(crate) fn by(mut self, clock: &Arc<dyn Clock>, observer: &Observer) -> Self {
        (self.clock, self.observer) = (Arc::clone(clock), observer.clone());
        self
    }

    pub(crate) fn spawn(&self, job: Job) {
        (self.spawn)(job);
    }

    /// Runs a renewal to its end, of which its flight tells.
    pub(crate) fn run<F: Flow>(&self, step: impl Into<Step<F>>) -> Result<F::Output, Fell> {
        let mut asked = None;
        let send = |request, terms| {
            asked = Some(Target::of(&request, terms));
            self.send(request, terms)
        };
        let ran = drive(step.into(), &*self.clock, send, |span, _| (self.sleep)(span));
        ran.map_err(|failed| Fell { failed, asked: asked.map(Box::new) })
    }

    /// Runs a flow to its end, and tells of it.
    fn run_told<F: Flow>(&self, step: impl Into<Step<F>>) -> Result<F::Output, Failed<NoResponse>> {
        observed(step, &*self.clock, |request, terms| self.send(request, terms), &self.sleep, &self.observer)
    }

    fn send(&self, request: Request, terms: Terms) -> Answer {
        let sending = self.observer.sending(&request, terms);
        sending.ended((self.send)(request, terms), |lost| lost.word)
    }
}

impl fmt::Debug for Io {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Io").finish_non_exhaustive()
    }
}

/// A provider, and this program as its client. Cheap to clone; clones share what they hold.
#[derive(Clone)]
pub struct Provider {
    core: Arc<Core>,
    io: Arc<Io>,
}

impl Provider {
    /// Begins the settings of a handle: this issuer, over this stack. Nothing is fetched before it is
    /// needed: a program starts while its provider is down.
    pub fn builder(issuer: impl Into<String>, io: Io) -> ProviderBuilder<Io> {
        ProviderBuilder::new(issuer.into(), io)
    }

    pub(crate) fn new(core: Core, io: Io) -> Self {
        Self { core: Arc::new(core), io: Arc::new(io) }
    }

    /// The issuer.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.core.issuer.name()
    }

    /// Where to send the user, and what to keep until they return.
    ///
    /// # Errors
    /// The metadata cannot be had; or as [`Client::authorize`].
    pub fn authorize(
        &self,
        request: &AuthorizationRequest,
    ) -> Result<(Url, PendingAuthorization), ProviderError> {
        Ok(self.client()?.authorize(request, self.core.clock.moment())?)
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
        let client = self.client()?;
        let keys = self.keys_if_any();
        let (held, came) = (pending.clone(), response.clone());
        // A callback that fits no login is refused, and concerns nobody else.
        let call = pending.callback(&client, keys, response, self.core.clock.moment())?;
        let login = self.core.login(&held, &came)?;
        let renew = || {
            let (began, known) = (self.core.clock.now(), self.core.issuer.epoch());
            let ended = if login.is_first() { self.run(call) } else { Err(stopped(self.issuer())) };
            Ok(self.core.ended(ended, began, known))
        };
        let ended = login.flight.get(Need::Any, renew).map_err(|why| self.unavailable(why, "login"))?;
        ended.value.as_ref().clone()
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
        let client = self.client()?;
        // A login that cannot be meant concerns nobody else who has this token: nothing is sent.
        let ours = previous.iter().try_for_each(|previous| client.check_previous(previous));
        ours.map_err(oidc_proto::Error::from)?;
        let (hash, flight) = self.core.refreshes.flight(refresh_token);
        let renew = || {
            let began = self.core.clock.now();
            let keys = self.keys_if_any();
            let known = self.core.issuer.epoch();
            let refreshed =
                self.io.run(client.refresh(refresh_token, None, keys, self.core.clock.moment())?);
            let refreshed = refreshed.map_err(|fell| self.core.issuer.lost().failure("refresh", fell))?;
            Ok(self.core.refreshed(&hash, refreshed, began, known))
        };
        let refreshed = flight.get(Need::Any, renew).map_err(|why| self.unavailable(why, "refresh"))?.value;
        Core::hold_to(&refreshed, previous.as_ref())?;
        Ok(refreshed)
    }

    /// Asks for the claims of the user with this `sub`, by their access token.
    ///
    /// # Errors
    /// As [`Client::userinfo`], and whatever the flow meets on its way.
    pub fn userinfo(&self, access_token: &Secret, sub: &str) -> Result<UserInfo, ProviderError> {
        self.run(self.client()?.userinfo(access_token, sub, self.core.clock.moment())?)
    }

    /// Asks what the provider says of a token, as this client (RFC 7662). Each call asks.
    ///
    /// # Errors
    /// As [`Client::introspect`], and whatever the flow meets on its way.
    pub fn introspect(
        &self,
        token: &Secret,
        hint: Option<TokenTypeHint>,
    ) -> Result<Introspection, ProviderError> {
        self.run(self.client()?.introspect(token, hint, self.core.clock.moment())?)
    }

    /// A token for this program itself. It is kept, renewed ahead of its end while it is used, and
    /// shared by all who ask for the same scopes and resources.
    ///
    /// # Errors
    /// There is none now, and this is why.
    pub fn client_credentials(
        &self,
        wanted: &ClientCredentials,
    ) -> Result<Published<TokenResponse>, ProviderError> {
        self.token(wanted, Need::Any)
    }

    /// Another token than the one of this epoch, which a resource server has refused. Asked for too
    /// often, there is none: a resource server that refuses every token is not to become a flood.
    ///
    /// # Errors
    /// As [`client_credentials`](Self::client_credentials).
    pub fn client_credentials_newer_than(
        &self,
        wanted: &ClientCredentials,
        refused: Epoch,
    ) -> Result<Published<TokenResponse>, ProviderError> {
        self.token(wanted, Need::NewerThan(refused))
    }

    /// Verifies a bearer access token that is meant for [this program](ProviderBuilder::audience), and
    /// reads what is wanted of it. Waits for nothing unless keys must be fetched first.
    ///
    /// # Errors
    /// [`AccessToken`](ProviderError::AccessToken) if another token would help: answer 401. Otherwise
    /// the fault is not the client's: answer 503. A [`Gate`](crate::Gate), in front of an async stack,
    /// gives such answers itself.
    pub fn verify<T>(&self, token: &str, read: impl FnOnce(&Verified<'_>) -> T) -> Result<T, ProviderError> {
        let started = self.io.observer.start();
        let verified = self.verified(token, read);
        told(&self.io.observer, started, verified.as_ref().map(drop));
        verified
    }

    /// The keys.
    ///
    /// # Errors
    /// There are none now, and this is why.
    pub fn keys(&self) -> Result<Published<KeySet>, ProviderError> {
        self.keys_as(Need::Any).map_err(|why| self.unavailable(why, "keys"))
    }

    /// The metadata.
    ///
    /// # Errors
    /// There is none now, and this is why.
    pub fn metadata(&self) -> Result<Arc<ProviderMetadata>, ProviderError> {
        self.core.issuer.metadata_blocking(&self.io).map_err(|why| self.unavailable(why, "metadata"))
    }

    /// The client by the metadata of now, for what this handle has no method for.
    ///
    /// # Errors
    /// The metadata cannot be had, or the settings do not fit it.
    pub fn client(&self) -> Result<Client, ProviderError> {
        Ok(self.core.client(self.metadata()?)?)
    }

    /// Runs any flow to its end.
    ///
    /// # Errors
    /// Whatever the flow meets on its way.
    pub fn run<F: Flow>(&self, step: impl Into<Step<F>>) -> Result<F::Output, ProviderError> {
        self.io.run_told(step).map_err(|failed| reason(failed, self.issuer()))
    }

    fn verified<T>(&self, token: &str, read: impl FnOnce(&Verified<'_>) -> T) -> Result<T, ProviderError> {
        let (refused, read) = match self.core.verify_now(token, read)? {
            Ok(verified) => return Ok(verified),
            Err(again) => again,
        };
        let since = self.io.clock.now();
        let (Refused { rejected, epoch }, read) = match refused {
            Some(refused) => (refused, read),
            None => {
                let keys = self.keys_as(Need::Any).map_err(|why| self.unavailable(why, "keys"))?;
                match self.core.judge(token, &keys.value, read)? {
                    Ok(verified) => return Ok(verified),
                    Err((rejected, read)) => (Refused { rejected, epoch: keys.epoch }, read),
                }
            }
        };
        // Two waits take no more time than one may.
        let left = since.plus(self.core.patience).0.saturating_sub(self.io.clock.now().0);
        let newer = self.core.issuer.keys_blocking_within(left, Need::NewerThan(epoch), &self.io);
        match newer {
            Ok(newer) => match self.core.judge(token, &newer.value, read)? {
                Ok(verified) => Ok(verified),
                Err((rejected, _)) => Err(rejected.into()),
            },
            Err(why) if self.core.is_to_blame(&why) => Err(self.unavailable(why, "keys")),
            Err(_) => Err(rejected.into()),
        }
    }

    fn keys_as(&self, need: Need) -> Result<Published<KeySet>, Unavailable> {
        self.core.issuer.keys_blocking(need, &self.io)
    }

    /// Without any, a flow fetches them for itself if it needs them.
    fn keys_if_any(&self) -> Option<Arc<KeySet>> {
        self.keys_as(Need::Any).ok().map(|published| published.value)
    }

    fn token(
        &self,
        wanted: &ClientCredentials,
        need: Need,
    ) -> Result<Published<TokenResponse>, ProviderError> {
        self.core.sweep(self.core.clock.now());
        let flight: Arc<Flight<TokenResponse>> = self.core.tokens.flight(wanted);
        let (provider, asked) = (self.clone(), wanted.clone());
        let renew = move || provider.fetch_token(&asked);
        let token = flight.get_served(need, renew, |job| self.io.spawn(job));
        token.map_err(|why| self.unavailable(why, "token"))
    }

    fn fetch_token(&self, wanted: &ClientCredentials) -> Result<Renewed<TokenResponse>, Failure> {
        let client = self.client_for_renewal()?;
        let token = self.io.run(TokenRenewal::start(&client, wanted, self.core.clock.moment())?);
        token.map_err(|fell| self.core.issuer.lost().failure("token", fell))
    }

    fn client_for_renewal(&self) -> Result<Client, Failure> {
        let metadata = self.core.issuer.metadata_for_renewal_blocking(&self.io);
        let metadata = metadata.map_err(|why| failure(why, "token", self.core.issuer.lost()))?.value;
        Ok(self.core.client(metadata).map_err(Error::from)?)
    }

    fn unavailable(&self, why: Unavailable, what: &'static str) -> ProviderError {
        self.core.unavailable(why, what)
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.core.fmt(f)
    }
}
