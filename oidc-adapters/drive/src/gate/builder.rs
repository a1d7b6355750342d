//! [`GateBuilder`]: the settings of a gate.

use super::{
    decide::{Gate, Inner},
    introspect::{ClientMaker, INTROSPECTION, Introspector},
};
use crate::{
    event::{Clock, Observer, SystemClock},
    io::Io,
    issuer::{Common, FailureHook, Issuer, KeySource},
    sentence::debug_is_sentence,
};
use oidc_proto::{
    Error, UrlPolicy,
    flow::{Client, ConfigError},
    metadata::{Profile, ProviderMetadata},
    renew::{MetadataRenewal, RenewalError, RenewalPolicy},
    resource::ResourceServer,
    sender::{DEFAULT_REPLAY_ENTRIES, ReplayWindow},
    token::SignatureCache,
};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
};

/// How many opaque tokens are remembered unless set otherwise.
const DEFAULT_INTROSPECTED: usize = 1024;

/// Why settings make no gate.
///
/// [`GateBuilder::build`] returns it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum GateError {
    /// Keys were set for an issuer that the resource server does not trust.
    NotTrusted(String),
    /// The keys of this issuer come from metadata that is asked for by another issuer rule than the resource server
    /// trusts it by, or by one alone. Say it in
    /// [`TrustedIssuer::access_tokens`](oidc_proto::resource::TrustedIssuer::access_tokens): that is enough.
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
            Self::NotTrusted(issuer) => write!(
                f,
                "the gate has keys (`keys_of`) for `{issuer}`, which the resource server does not trust (`trust`)"
            ),
            Self::IssuerRule(issuer) => {
                write!(
                    f,
                    "the gate would ask for the metadata of `{issuer}` by an issuer rule that the resource server does \
                     not trust it by: call `issuer_rule` in `TrustedIssuer::access_tokens`"
                )
            }
            Self::Template(issuer) => {
                write!(
                    f,
                    "the gate cannot ask for metadata at `{issuer}`, which is a template: trust it by the name of the \
                     document that its tenants share, or call `keys_of`"
                )
            }
            Self::Issuer(issuer, error) => {
                write!(f, "the gate cannot ask for metadata at `{issuer}`: {error}")
            }
            Self::NoClient => f.write_str(
                "the gate introspects opaque tokens as a client, and has none: call `introspection`",
            ),
            Self::NoIntrospector => f.write_str(
                "the gate has a client for introspection, and no issuer introspects opaque tokens: call \
                     `TrustedIssuer::introspects_opaque_tokens`",
            ),
        }
    }
}

debug_is_sentence!(GateError);

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
    keys: RenewalPolicy,
    metadata: RenewalPolicy,
    client: Option<ClientMaker>,
    introspected: (usize, RenewalPolicy),
    replay_entries: usize,
    cache_bytes: usize,
    failures: Option<FailureHook>,
    observer: Observer,
}

impl Gate {
    /// Begins the settings of a gate. Nothing is fetched before a request needs it.
    pub fn builder(server: ResourceServer, io: Io) -> GateBuilder {
        GateBuilder::new(server, io)
    }
}

impl GateBuilder {
    fn new(server: ResourceServer, io: Io) -> Self {
        Self {
            server,
            io,
            clock: Arc::new(SystemClock),
            sources: BTreeMap::new(),
            profile: Profile::TokenIssuer,
            urls: UrlPolicy::default(),
            keys: RenewalPolicy::KEYS,
            metadata: RenewalPolicy::METADATA,
            client: None,
            introspected: (DEFAULT_INTROSPECTED, INTROSPECTION),
            replay_entries: DEFAULT_REPLAY_ENTRIES,
            cache_bytes: 0,
            failures: None,
            observer: Observer::none(),
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
    pub const fn key_policy(mut self, policy: RenewalPolicy) -> Self {
        self.keys = policy;
        self
    }

    /// Sets by which policy metadata is renewed.
    pub const fn metadata_policy(mut self, policy: RenewalPolicy) -> Self {
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
    pub const fn remember_introspected(mut self, tokens: usize, policy: RenewalPolicy) -> Self {
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

    /// Tells this function of every fetch that failed, with the issuer: why an API answers 503. An event names the
    /// error by its code alone; this is the error itself, in which a provider's own words can stand. If the function
    /// panics, that goes no further than to the panic hook.
    pub fn observe_failures(
        mut self,
        observer: impl Fn(&str, &RenewalError) + Send + Sync + 'static,
    ) -> Self {
        self.failures = Some(Arc::new(observer));
        self
    }

    /// Tells this observer of every verdict, of the gate's own requests, and of renewals: of `keys`,
    /// `metadata` and `introspection`. Nothing of a token is in an event. An access that is accepted and then
    /// lacks what its route needs makes a second verdict, the refusal. If the HTTP client below tells an
    /// observer of its requests, let that be another, or each request is told twice.
    pub fn with_observer(mut self, observer: Observer) -> Self {
        self.observer = observer;
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
            observer: self.observer.clone(),
        };
        let io = self.io.by(&self.clock, &self.observer);
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
                Some(Introspector::new(client, self.introspected, clock, issuer, &self.observer))
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
            cache: (self.cache_bytes > 0).then(|| Mutex::new(SignatureCache::new(self.cache_bytes))),
            observer: self.observer,
        })))
    }
}

impl fmt::Debug for GateBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GateBuilder").field("server", &self.server).finish_non_exhaustive()
    }
}
