//! [`GateBuilder`]: the settings of a gate.

use super::{
    decide::{Gate, Inner},
    introspect::{ClientMaker, INTROSPECTION, Introspector, Limits},
};
use crate::{
    event::{Clock, Observer, SystemClock},
    io::Io,
    issuer::{Common, FailureHook, Issuer, KeySource},
    sentence::debug_is_sentence,
};
use oidc_proto::{
    EndpointUrl, Error, Remedy, UrlPolicy,
    backend::Backend,
    flow::{Client, ConfigError},
    jose::KeySetReader,
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

/// The default number of opaque tokens that are remembered.
const DEFAULT_INTROSPECTED: usize = 1024;

/// Why the settings of a gate are wrong.
///
/// [`GateBuilder::build`] returns it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum GateError {
    /// Keys or the place of a document were set for an issuer that the resource server does not trust.
    NotTrusted(String),
    /// The issuer rule for the metadata of this issuer differs from the rule by which the resource server trusts the
    /// issuer, or only the metadata has a rule. Set the rule in
    /// [`TrustedIssuer::access_tokens`](oidc_proto::resource::TrustedIssuer::access_tokens): it then applies to both.
    IssuerRule(String),
    /// This issuer is a template, which is not a URL with metadata. Trust it by the name of the document that its
    /// tenants share, or set where its keys come from.
    Template(String),
    /// Metadata cannot be fetched from this issuer, because its URL is plain http for example.
    Issuer(String, Error),
    /// An issuer introspects opaque tokens, but no client for introspection is set.
    NoClient,
    /// A client for introspection is set, but no issuer introspects opaque tokens.
    NoIntrospector,
}

impl fmt::Display for GateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotTrusted(issuer) => write!(
                f,
                "the gate has keys or a document (`keys_of`, `document_at`) for `{issuer}`, which the resource server does not trust (`trust`)"
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

impl GateError {
    /// Returns a short, stable name of the error, for logs and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotTrusted(_) => "gate_not_trusted",
            Self::IssuerRule(_) => "gate_issuer_rule",
            Self::Template(_) => "gate_template",
            Self::Issuer(_, _) => "gate_issuer",
            Self::NoClient => "gate_no_client",
            Self::NoIntrospector => "gate_no_introspector",
        }
    }

    /// Returns [`FixConfiguration`](Remedy::FixConfiguration).
    #[must_use]
    pub const fn remedy(&self) -> Remedy {
        Remedy::FixConfiguration
    }
}

impl std::error::Error for GateError {}

/// The settings of a [`Gate`].
///
/// ```
/// use oidc_drive::{Gate, Io, gate::{GateError, KeySource}, http, oidc_proto::{
///     EndpointUrl, UrlPolicy, resource::{ResourceServer, TrustedIssuer},
/// }};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = ResourceServer::builder("https://api.example")
///     .trust(TrustedIssuer::new("https://op.example"))
///     .trust(TrustedIssuer::new("https://partner.example"))
///     .build()?;
/// let send = |_, _| async { Err::<http::Response<Vec<u8>>, _>("no network") };
/// let io = || Io::new(send, |task| drop(tokio::spawn(task)), tokio::time::sleep);
///
/// // The partner has no metadata, only keys. Nothing is fetched yet.
/// let keys = EndpointUrl::parse("https://partner.example/keys", &UrlPolicy::default())?;
/// let gate = Gate::builder(server.clone(), io())
///     .keys_of("https://partner.example", KeySource::JwksUri(keys.clone()))
///     .verified_cache(1 << 20)
///     .build()?;
/// assert_eq!(gate.server().resource(), "https://api.example");
///
/// let wrong = Gate::builder(server, io()).keys_of("https://other.example", KeySource::JwksUri(keys)).build();
/// assert_eq!(wrong.unwrap_err(), GateError::NotTrusted("https://other.example".into()));
/// # Ok(())
/// # }
/// ```
#[must_use = "a builder does nothing until it is built"]
pub struct GateBuilder {
    server: ResourceServer,
    io: Io,
    clock: Arc<dyn Clock>,
    sources: BTreeMap<String, KeySource>,
    places: BTreeMap<String, EndpointUrl>,
    limit: Option<usize>,
    of_any_type: bool,
    reader: KeySetReader,
    profile: Profile,
    urls: Option<UrlPolicy>,
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
    /// Begins the settings of a gate for this resource server, over this HTTP client and runtime. Nothing is fetched
    /// before a request needs it.
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
            places: BTreeMap::new(),
            limit: None,
            of_any_type: false,
            reader: KeySetReader::new(),
            profile: Profile::TokenIssuer,
            urls: None,
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

    /// Sets where the keys of one issuer come from; the default is the `jwks_uri` in its metadata.
    pub fn keys_of(mut self, issuer: impl Into<String>, source: KeySource) -> Self {
        self.sources.insert(issuer.into(), source);
        self
    }

    /// Fetches the metadata of one issuer from this URL, and from no other; its issuer must still be that one. See
    /// [`DiscoveryOptions::document_at`](oidc_proto::flow::DiscoveryOptions::document_at). Has no effect if the gate needs
    /// no metadata of that issuer.
    pub fn document_at(mut self, issuer: impl Into<String>, url: EndpointUrl) -> Self {
        self.places.insert(issuer.into(), url);
        self
    }

    /// Sets the largest metadata document, the largest key set and the largest introspection response, in bytes; the
    /// default is [`MAX_DOCUMENT`](oidc_proto::flow::MAX_DOCUMENT), or, for introspection responses, what
    /// [its client](Self::introspection) reads.
    pub const fn max_document(mut self, bytes: usize) -> Self {
        self.limit = Some(bytes);
        self
    }

    /// Accepts metadata and key sets of any media type. See
    /// [`DiscoveryOptions::any_media_type`](oidc_proto::flow::DiscoveryOptions::any_media_type).
    ///
    /// # Danger
    /// It takes a check away: a file that others may put there, such as an upload, passes for the document. See
    /// [`danger`](oidc_proto::danger).
    pub const fn any_media_type(mut self) -> Self {
        self.of_any_type = true;
        self
    }

    /// Sets the maximum number of keys in the key set of an issuer; the default is
    /// [`MAX_KEYS`](oidc_proto::jose::MAX_KEYS).
    pub fn max_keys(mut self, keys: usize) -> Self {
        self.reader = self.reader.max_keys(keys);
        self
    }

    /// Sets the backend that verifies the signatures of tokens; the default is ring. It does not change
    /// [fixed keys](KeySource::Fixed), which the program has read itself.
    pub fn backend(mut self, backend: Arc<dyn Backend>) -> Self {
        self.reader = self.reader.backend(backend);
        self
    }

    /// Sets what the metadata of issuers must contain; the default is [`Profile::TokenIssuer`], which demands
    /// `issuer` and `jwks_uri`.
    pub const fn profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    /// Sets which URLs may be requested; the default is https, and no address literal of this machine or of a private
    /// network. Without this, an issuer on this machine, such as `http://localhost:8080`, needs no policy: it gets its
    /// own ([`for_issuer`](UrlPolicy::for_issuer)). Set a policy if others than you choose the issuers.
    pub fn url_policy(mut self, urls: UrlPolicy) -> Self {
        self.urls = Some(urls);
        self
    }

    /// Sets when keys are renewed; the default is [`RenewalPolicy::KEYS`]. Its patience is also the longest time that
    /// a request waits.
    pub const fn key_policy(mut self, policy: RenewalPolicy) -> Self {
        self.keys = policy;
        self
    }

    /// Sets when metadata is renewed; the default is [`RenewalPolicy::METADATA`].
    pub const fn metadata_policy(mut self, policy: RenewalPolicy) -> Self {
        self.metadata = policy;
        self
    }

    /// Sets the client that introspects opaque tokens (RFC 7662): a registration of this API at the issuer, with
    /// credentials of its own. The function makes it from the issuer's metadata. A client may demand
    /// [signed responses](oidc_proto::flow::ClientBuilder::signed_introspection).
    pub fn introspection(
        mut self,
        client: impl Fn(Arc<ProviderMetadata>) -> Result<Client, ConfigError> + Send + Sync + 'static,
    ) -> Self {
        self.client = Some(Arc::new(client));
        self
    }

    /// Sets how many introspection responses are kept, and by which policy. The number is one of active tokens, and
    /// as many others are kept besides; the default is 1024. The default policy is [`INTROSPECTION`]. Its `max_ttl` is
    /// the longest time for which a revoked token may still be accepted. Its `min_ttl` and `stale_if_error` have no
    /// effect, because no response is used for longer than the issuer allows.
    pub const fn remember_introspected(mut self, tokens: usize, policy: RenewalPolicy) -> Self {
        self.introspected = (tokens, policy);
        self
    }

    /// Sets how many DPoP proofs are remembered, to detect replays (RFC 9449 section 11.1); the default is
    /// [`DEFAULT_REPLAY_ENTRIES`]. When all room is taken, further requests with a proof are answered 503.
    pub const fn replay_entries(mut self, entries: usize) -> Self {
        self.replay_entries = entries;
        self
    }

    /// Sets the bytes of memory for a cache of verified tokens. A token that comes again is not decoded, and its signature
    /// is not checked. The default is 0: no cache. The cache changes no verdict. A token of 1 KB takes about 2.4 KB of it.
    pub const fn verified_cache(mut self, bytes: usize) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// Sets the source of time; the default is [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Calls this function with the issuer and the error of every failed fetch: the reason why an API answers 503. An
    /// event has only the code of the error. This is the error itself, which can contain words of the provider. If
    /// the function panics, the panic reaches the panic hook and nothing else.
    pub fn observe_failures(
        mut self,
        observer: impl Fn(&str, &RenewalError) + Send + Sync + 'static,
    ) -> Self {
        self.failures = Some(Arc::new(observer));
        self
    }

    /// Sets the observer of verdicts, of the gate's own requests, and of renewals (`keys`, `metadata` and
    /// `introspection`). The default is none. No event contains any part of a token. If a request is accepted and then
    /// lacks what its route requires, the refusal is a second verdict. If the HTTP client has an observer for its
    /// requests, use another one here, or it receives each request twice.
    pub fn with_observer(mut self, observer: Observer) -> Self {
        self.observer = observer;
        self
    }

    /// Builds the gate. Nothing is fetched, so an API starts while its provider is down.
    ///
    /// # Errors
    /// [`GateError`] names the setting that is wrong.
    pub fn build(mut self) -> Result<Gate, GateError> {
        let common = Common {
            keys: self.keys,
            metadata: self.metadata,
            reader: self.reader.clone(),
            clock: Arc::clone(&self.clock),
            failures: self.failures.clone(),
            observer: self.observer.clone(),
        };
        let io = self.io.by(&self.clock, &self.observer);
        let mut issuers = Vec::new();
        for name in self.server.issuers() {
            let source = self.sources.remove(name).unwrap_or(KeySource::Discovery(self.profile));
            let urls = self.urls.clone().unwrap_or_else(|| UrlPolicy::default().for_issuer(name));
            let mut discovery = source.discovery(&urls);
            if let Some(url) = self.places.remove(name) {
                discovery = discovery.document_at(url);
            }
            if let Some(bytes) = self.limit {
                discovery = discovery.max_document(bytes);
            }
            if self.of_any_type {
                discovery = discovery.any_media_type();
            }
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
        let unknown = self.sources.into_keys().chain(self.places.into_keys()).next();
        if let Some(name) = unknown {
            return Err(GateError::NotTrusted(name));
        }
        let introspector = match (self.client, self.server.introspecting_issuer()) {
            (None, None) => None,
            (None, Some(_)) => return Err(GateError::NoClient),
            (Some(_), None) => return Err(GateError::NoIntrospector),
            (Some(client), Some(issuer)) => {
                let clock = Arc::clone(&self.clock);
                let limits = Limits { token: self.server.max_token(), response: self.limit };
                Some(Introspector::new(client, self.introspected, clock, limits, issuer, &self.observer))
            }
        };
        let cache = (self.cache_bytes > 0)
            .then(|| Mutex::new(SignatureCache::new(self.cache_bytes, self.clock.moment())));
        Ok(Gate(Arc::new(Inner {
            server: self.server,
            io: Arc::new(io),
            clock: self.clock,
            patience: self.keys.patience,
            issuers,
            introspector,
            replay: Mutex::new(ReplayWindow::with_capacity(self.replay_entries)),
            cache,
            observer: self.observer,
        })))
    }
}

impl fmt::Debug for GateBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GateBuilder").field("server", &self.server).finish_non_exhaustive()
    }
}
