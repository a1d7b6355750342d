//! [`GateBuilder`]: the settings of a gate, and [`Io`]: what it needs of the world outside.

use super::{
    Boxed, Gate, Inner,
    introspect::{INTROSPECTION, Introspector},
    issuer::{Common, Issuer},
};
use crate::{
    Clock, Failed, Observer, SystemClock, Task,
    event::{NO_RESPONSE, Target},
};
use oidc_proto::{
    EndpointUrl, Error, UrlPolicy,
    flow::{Client, ConfigError, DiscoveryOptions, Request, Terms},
    jose::KeySet,
    metadata::{Profile, ProviderMetadata},
    renew::{Failure, MetadataRenewal, Policy},
    resource::{Record, ResourceServer},
    sender::{DEFAULT_REPLAY_ENTRIES, ReplayWindow},
    token::VerifiedCache,
};
use std::{
    collections::BTreeMap,
    fmt,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How many opaque tokens are remembered unless set otherwise.
const DEFAULT_INTROSPECTED: usize = 1024;

pub(super) type Hook = Arc<dyn Fn(&Record) + Send + Sync>;
pub(crate) type FailureHook = Arc<dyn Fn(&str, &Failure) + Send + Sync>;
pub(super) type ClientMaker = Arc<dyn Fn(Arc<ProviderMetadata>) -> Result<Client, ConfigError> + Send + Sync>;
type Answer = Result<http::Response<Vec<u8>>, NoResponse>;
type Send_ = Arc<dyn Fn(Request, Terms) -> Boxed<Answer> + Send + Sync>;

/// There was no response.
pub(crate) struct NoResponse {
    /// Of which endpoint, where, and why, as the transport says.
    pub(crate) text: String,
    /// The same in one word, fit for a label.
    pub(crate) word: &'static str,
}

impl NoResponse {
    pub(crate) fn of<E: fmt::Display>(to: &Target, error: &E, why: impl Fn(&E) -> &'static str) -> Self {
        Self { text: format!("{to}: {error}"), word: why(error) }
    }
}

/// What a gate needs of the world outside: an HTTP stack and a runtime, each as a closure.
pub struct Io {
    send: Send_,
    spawn: Box<dyn Fn(Task) + Send + Sync>,
    sleep: Box<dyn Fn(Duration) -> Task + Send + Sync>,
    /// Whether callers may go away before they have what they ask for.
    cancels: bool,
    clock: Arc<dyn Clock>,
    observer: Observer,
}

/// Where a renewal of this (`keys`, say) asked the last time that it failed, and why there was no response, if
/// that is why. Of one issuer.
#[derive(Debug, Default)]
pub(crate) struct Lost(Mutex<BTreeMap<&'static str, (Option<Target>, String)>>);

/// A flow that came to no good end, and where it has asked last.
pub(crate) struct Fell {
    pub(crate) failed: Failed<NoResponse>,
    pub(crate) asked: Option<Box<Target>>,
}

impl Lost {
    pub(crate) fn keep(&self, what: &'static str, asked: Option<Target>, why: String) {
        let _old = self.all().insert(what, (asked, why));
    }

    pub(crate) fn why(&self, what: &'static str) -> String {
        self.all().get(what).map(|(_, why)| why.clone()).unwrap_or_default()
    }

    pub(crate) fn asked(&self, what: &'static str) -> Option<Target> {
        self.all().get(what)?.0.clone()
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<&'static str, (Option<Target>, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Io {
    /// `send` carries a request out on its [`Terms`], `spawn` runs a task in the background, `sleep`
    /// waits: with tokio, `|task| drop(tokio::spawn(task))` and `tokio::time::sleep`.
    pub fn new<S, B, E, W>(
        send: impl Fn(Request, Terms) -> S + Send + Sync + 'static,
        spawn: impl Fn(Task) + Send + Sync + 'static,
        sleep: impl Fn(Duration) -> W + Send + Sync + 'static,
    ) -> Self
    where
        S: Future<Output = Result<http::Response<B>, E>> + Send + 'static,
        B: Into<Vec<u8>>,
        E: fmt::Display + 'static,
        W: Future<Output = ()> + Send + 'static,
    {
        Self::explained(send, |_| NO_RESPONSE, spawn, sleep)
    }

    /// The same, with a word for each error of the HTTP stack: it stands in
    /// [`Event::Lost`](crate::Event::Lost).
    pub fn explained<S, B, E, W>(
        send: impl Fn(Request, Terms) -> S + Send + Sync + 'static,
        why: fn(&E) -> &'static str,
        spawn: impl Fn(Task) + Send + Sync + 'static,
        sleep: impl Fn(Duration) -> W + Send + Sync + 'static,
    ) -> Self
    where
        S: Future<Output = Result<http::Response<B>, E>> + Send + 'static,
        B: Into<Vec<u8>>,
        E: fmt::Display + 'static,
        W: Future<Output = ()> + Send + 'static,
    {
        Self {
            send: Arc::new(move |request, terms| {
                let to = Target::of(&request, terms);
                let sending = send(request, terms);
                Box::pin(async move {
                    let answer = sending.await.map(|response| response.map(Into::into));
                    answer.map_err(|error| NoResponse::of(&to, &error, why))
                })
            }),
            spawn: Box::new(spawn),
            sleep: Box::new(move |span| Box::pin(sleep(span))),
            cancels: true,
            clock: Arc::new(SystemClock),
            observer: Observer::none(),
        }
    }

    /// For callers that block: they stay until the end, so what must not stop half-way may run on their thread.
    pub(crate) fn blocking(self) -> Self {
        Self { cancels: false, ..self }
    }

    /// Has this function run what is to run in the background.
    pub(crate) fn spawning(self, spawn: impl Fn(Task) + Send + Sync + 'static) -> Self {
        Self { spawn: Box::new(spawn), ..self }
    }

    /// Whether callers may go away before they have what they ask for.
    pub(crate) const fn cancels(&self) -> bool {
        self.cancels
    }

    /// By this clock, and telling this observer.
    pub(crate) fn by(mut self, clock: &Arc<dyn Clock>, observer: &Observer) -> Self {
        (self.clock, self.observer) = (Arc::clone(clock), observer.clone());
        self
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    pub(crate) const fn observer(&self) -> &Observer {
        &self.observer
    }

    pub(crate) fn send(&self, request: Request, terms: Terms) -> Boxed<Answer> {
        if self.observer.is_none() {
            return (self.send)(request, terms);
        }
        let (send, observer) = (Arc::clone(&self.send), self.observer.clone());
        Box::pin(async move {
            let sending = observer.sending(&request, terms);
            sending.ended(send(request, terms).await, |lost| lost.word)
        })
    }

    pub(crate) fn spawn(&self, task: Task) {
        (self.spawn)(task);
    }

    pub(crate) fn sleep(&self, span: Duration) -> Task {
        (self.sleep)(span)
    }
}

impl fmt::Debug for Io {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Io").finish_non_exhaustive()
    }
}

/// Where the keys of an issuer come from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum KeySource {
    /// From the `jwks_uri` in its metadata, which must have what this profile demands.
    Discovery(Profile),
    /// The same, asked for with options: in another form, for example. The rule by which an issuer is
    /// [trusted](oidc_proto::resource::TrustedIssuer::issuer_rule) need not be said again.
    Metadata(Box<DiscoveryOptions>),
    /// From here. Where opaque tokens are introspected, the metadata is fetched all the same.
    JwksUri(EndpointUrl),
    /// These, for good: nothing is fetched.
    Fixed(Arc<KeySet>),
}

impl KeySource {
    /// How to ask for the metadata. Where it is not needed for keys, it is for introspection.
    pub(crate) fn discovery(&self, urls: &UrlPolicy) -> DiscoveryOptions {
        match self {
            Self::Discovery(profile) => DiscoveryOptions::of_profile(*profile, urls),
            Self::Metadata(options) => (**options).clone(),
            Self::JwksUri(_) | Self::Fixed(_) => DiscoveryOptions::of_profile(Profile::TokenIssuer, urls),
        }
    }
}

/// Why settings make no gate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GateError {
    /// Keys were set for an issuer that the resource server does not trust.
    NotTrusted(String),
    /// The keys of this issuer come from metadata that is asked for by another issuer rule than the resource server
    /// trusts it by, or by one alone. Say it in
    /// [`TrustedIssuer::issuer_rule`](oidc_proto::resource::TrustedIssuer::issuer_rule): that is enough.
    IssuerRule(String),
    /// This issuer is a template, which is no place to ask for metadata. Trust it by the name of the document
    /// that its tenants share, or say where its keys come from.
    Template(String),
    /// Metadata cannot be asked for at this issuer: plain http without leave, for example.
    Issuer(String, Error),
    /// An issuer introspects opaque tokens, and nothing says as which client to ask it.
    NoClient,
    /// There is a client for introspection, and no issuer that introspects opaque tokens.
    NoIntrospector,
}

impl fmt::Display for GateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotTrusted(issuer) => write!(f, "`{issuer}` is no issuer that the resource server trusts"),
            Self::IssuerRule(issuer) => {
                write!(f, "`{issuer}`: its metadata is asked for by an issuer rule that it is not trusted by")
            }
            Self::Template(issuer) => {
                write!(f, "`{issuer}` is a template: trust it by the name of the document that tenants share")
            }
            Self::Issuer(issuer, error) => write!(f, "`{issuer}`: {error}"),
            Self::NoClient => f.write_str("opaque tokens are introspected as a client: set `introspection`"),
            Self::NoIntrospector => {
                f.write_str("no issuer is set to introspect opaque tokens: see `introspects_opaque_tokens`")
            }
        }
    }
}

impl std::error::Error for GateError {}

/// The settings of a [`Gate`].
#[must_use]
pub struct GateBuilder {
    server: ResourceServer,
    io: Io,
    clock: Arc<dyn Clock>,
    sources: BTreeMap<String, KeySource>,
    profile: Profile,
    urls: UrlPolicy,
    keys: Policy,
    metadata: Policy,
    client: Option<ClientMaker>,
    introspected: (usize, Policy),
    replay_entries: usize,
    cache_bytes: usize,
    observer: Option<Hook>,
    failures: Option<FailureHook>,
    events: Observer,
}

impl GateBuilder {
    pub(super) fn new(server: ResourceServer, io: Io) -> Self {
        Self {
            server,
            io,
            clock: Arc::new(SystemClock),
            sources: BTreeMap::new(),
            profile: Profile::TokenIssuer,
            urls: UrlPolicy::default(),
            keys: Policy::KEYS,
            metadata: Policy::METADATA,
            client: None,
            introspected: (DEFAULT_INTROSPECTED, INTROSPECTION),
            replay_entries: DEFAULT_REPLAY_ENTRIES,
            cache_bytes: 0,
            observer: None,
            failures: None,
            events: Observer::none(),
        }
    }

    /// Sets where the keys of one issuer come from; the default is its metadata.
    pub fn keys_of(mut self, issuer: impl Into<String>, source: KeySource) -> Self {
        self.sources.insert(issuer.into(), source);
        self
    }

    /// Sets what metadata must have in it; the default is [`Profile::TokenIssuer`], `issuer` and
    /// `jwks_uri`.
    pub const fn profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    /// Sets which URLs may be fetched; the default is https, and no addresses of this machine.
    pub const fn url_policy(mut self, urls: UrlPolicy) -> Self {
        self.urls = urls;
        self
    }

    /// Sets by which policy keys are renewed; its patience is that of requests.
    pub const fn key_policy(mut self, policy: Policy) -> Self {
        self.keys = policy;
        self
    }

    /// Sets by which policy metadata is renewed.
    pub const fn metadata_policy(mut self, policy: Policy) -> Self {
        self.metadata = policy;
        self
    }

    /// Makes the client as which opaque tokens are introspected: a registration of this API, with
    /// credentials of its own. Called with the issuer's metadata.
    pub fn introspection(
        mut self,
        client: impl Fn(Arc<ProviderMetadata>) -> Result<Client, ConfigError> + Send + Sync + 'static,
    ) -> Self {
        self.client = Some(Arc::new(client));
        self
    }

    /// Sets how many opaque tokens are remembered (1024) that are active, and as many that are not; and by
    /// which policy ([`INTROSPECTION`]): its ceiling is how long a token may be accepted after it was revoked.
    /// Its floor and its `stale_if_error` do not count: nothing is used for longer than its issuer has said.
    pub const fn remember_introspected(mut self, tokens: usize, policy: Policy) -> Self {
        self.introspected = (tokens, policy);
        self
    }

    /// Sets how many DPoP proofs are remembered ([`DEFAULT_REPLAY_ENTRIES`]); when all room is taken,
    /// requests with further ones are answered 503.
    pub const fn replay_entries(mut self, entries: usize) -> Self {
        self.replay_entries = entries;
        self
    }

    /// Spares the signatures of tokens that have been verified before, in so many bytes of memory. Off
    /// unless set. Changes no verdict.
    pub const fn verified_cache(mut self, bytes: usize) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// Takes time from another clock than the system's.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Tells this function of every verdict: for logs and metrics. Nothing of a token is in a record. An
    /// access that is accepted and then lacks what its route needs makes a second record, of the
    /// refusal. It runs on the request: put slow work elsewhere.
    pub fn observe(mut self, observer: impl Fn(&Record) + Send + Sync + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// Tells this function of every fetch that failed, with the issuer: why an API answers 503. If it panics,
    /// that goes no further than to the panic hook.
    pub fn observe_failures(mut self, observer: impl Fn(&str, &Failure) + Send + Sync + 'static) -> Self {
        self.failures = Some(Arc::new(observer));
        self
    }

    /// Tells this observer of every verdict, of the gate's own requests, and of renewals: of `keys`,
    /// `metadata` and `introspection`. If the HTTP client below tells an observer of its requests, let
    /// that be another, or each is told of twice.
    pub fn events(mut self, observer: Observer) -> Self {
        self.events = observer;
        self
    }

    /// Makes the gate. Nothing is fetched: an API starts while its provider is down.
    ///
    /// # Errors
    /// [`GateError`] names the setting that is wrong.
    pub fn build(mut self) -> Result<Gate, GateError> {
        let common = Common {
            keys: self.keys,
            metadata: self.metadata,
            clock: Arc::clone(&self.clock),
            failures: self.failures.clone(),
            events: self.events.clone(),
        };
        let io = self.io.by(&self.clock, &self.events);
        let mut issuers = Vec::new();
        for name in self.server.issuers() {
            let source = self.sources.remove(name).unwrap_or(KeySource::Discovery(self.profile));
            let mut discovery = source.discovery(&self.urls);
            match (self.server.issuer_rule(name), discovery.rule()) {
                (trusted, Some(rule)) if trusted != Some(rule) => {
                    return Err(GateError::IssuerRule(name.to_owned()));
                }
                (Some(rule), None) => discovery = discovery.issuer_rule(rule.clone()),
                (Some(_), Some(_)) | (None, _) => {}
            }
            let asks = matches!(source, KeySource::Discovery(_) | KeySource::Metadata(_));
            if asks || self.server.introspecting_issuer() == Some(name) {
                if name.contains(['{', '}']) {
                    return Err(GateError::Template(name.to_owned()));
                }
                let call = MetadataRenewal::with(name, discovery.clone());
                drop(call.map_err(|error| GateError::Issuer(name.to_owned(), error))?);
            }
            issuers.push(Arc::new(Issuer::new(name.to_owned(), source, discovery, &common)));
        }
        if let Some((name, _)) = self.sources.pop_first() {
            return Err(GateError::NotTrusted(name));
        }
        let introspector = match (self.client, self.server.introspecting_issuer()) {
            (None, None) => None,
            (None, Some(_)) => return Err(GateError::NoClient),
            (Some(_), None) => return Err(GateError::NoIntrospector),
            (Some(client), Some(issuer)) => {
                let clock = Arc::clone(&self.clock);
                Some(Introspector::new(client, self.introspected, clock, issuer, &self.events))
            }
        };
        Ok(Gate(Arc::new(Inner {
            server: self.server,
            io: Arc::new(io),
            clock: self.clock,
            patience: self.keys.patience,
            issuers,
            introspector,
            replay: Mutex::new(ReplayWindow::with_capacity(self.replay_entries)),
            cache: (self.cache_bytes > 0).then(|| Mutex::new(VerifiedCache::new(self.cache_bytes))),
            observer: self.observer,
            events: self.events,
        })))
    }
}

impl fmt::Debug for GateBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GateBuilder").field("server", &self.server).finish_non_exhaustive()
    }
}
