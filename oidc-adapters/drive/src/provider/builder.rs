//! [`ProviderBuilder`]: the settings of a handle, async or blocking.

use super::{
    core::{Core, REFRESH, Sources, TOKEN, TokenPool},
    error::ProviderError,
    handle::Provider,
    refresh::spent::Spent,
};
use crate::{
    event::{Clock, Observer, SystemClock, Watched},
    flight::SingleFlights,
    io::Io,
    issuer::{Common, Issuer, KeySource},
    source::Source,
    store::SharedRefreshes,
};
use oidc_proto::{
    EndpointUrl, Secret, UrlPolicy,
    backend::Backend,
    flow::{Client, ClientBuilder, ClientIdentity, DiscoveryOptions},
    jose::KeySetReader,
    metadata::{ClientAuthentication, Profile, ProviderMetadata},
    renew::{MetadataRenewal, RenewalPolicy},
    resource::TrustedIssuer,
    token::AccessTokenVerifier,
};
use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

/// The most service tokens that a handle keeps, one for each set of scopes and resources. The token that was used
/// longest ago makes room.
pub const MAX_SERVICE_TOKENS: usize = 1024;

/// How long a caller waits for a refresh, and for a login, that another caller carries out. A login has up to four
/// exchanges.
const REFRESH_PATIENCE: Duration = Duration::from_secs(30);
const LOGIN_PATIENCE: Duration = Duration::from_secs(120);

type Shape<T> = Box<dyn Fn(T) -> T + Send + Sync>;

/// The settings of a [`Provider`] or of a [`blocking::Provider`](crate::blocking::Provider). The defaults are safe;
/// most programs set their client and nothing else.
///
/// ```
/// use oidc_drive::{blocking::{Io, Provider}, http, oidc_proto::{flow::{Request, Terms}, renew::RenewalPolicy}};
/// use std::time::Duration;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let io = || Io::new(|_: Request, _: Terms| Err::<http::Response<Vec<u8>>, _>("no network"));
///
/// // An API in which withdrawn keys are out of use after ten minutes, even during an outage.
/// let mut keys = RenewalPolicy::KEYS;
/// (keys.max_ttl, keys.stale_if_error) = (Duration::from_secs(300), Duration::from_secs(300));
/// let provider = Provider::builder("https://op.example", io())
///     .audience("https://api.example")
///     .access_tokens(|tokens| tokens.leeway(Duration::from_secs(5)))
///     .key_policy(keys)
///     .build()?; // sends nothing, so a program starts while its provider is down
/// assert_eq!(provider.issuer(), "https://op.example");
///
/// // A wrong issuer is found at once.
/// assert!(Provider::builder("http://op.example", io()).build().is_err());
/// # Ok(())
/// # }
/// ```
#[must_use = "a builder does nothing until it is built"]
pub struct ProviderBuilder<W> {
    issuer: String,
    io: W,
    client_id: String,
    /// The client that was chosen for the issuer, in place of `client_id` and `secret`.
    identity: Option<ClientIdentity>,
    secret: Option<Secret>,
    sources: Sources,
    redirect_uri: Option<String>,
    audience: Option<String>,
    client: Option<Shape<ClientBuilder>>,
    trusted: Option<TrustedIssuer>,
    verifier: Option<Shape<AccessTokenVerifier>>,
    discovery: Option<DiscoveryOptions>,
    urls: Option<UrlPolicy>,
    known: Option<ProviderMetadata>,
    place: Option<EndpointUrl>,
    limit: Option<usize>,
    of_any_type: bool,
    reader: KeySetReader,
    keys: RenewalPolicy,
    metadata: RenewalPolicy,
    tokens: RenewalPolicy,
    shared: Option<SharedRefreshes>,
    clock: Arc<dyn Clock>,
    observer: Observer,
}

impl Provider {
    /// Begins the settings of a handle for this issuer, over this HTTP client. Nothing is fetched before it is
    /// needed, so a program starts while its provider is down.
    pub fn builder(issuer: impl Into<String>, io: Io) -> ProviderBuilder<Io> {
        ProviderBuilder::new(issuer.into(), io)
    }
}

impl<W> ProviderBuilder<W> {
    pub(crate) fn new(issuer: String, io: W) -> Self {
        Self {
            issuer,
            io,
            client_id: String::new(),
            identity: None,
            secret: None,
            sources: Sources::default(),
            redirect_uri: None,
            audience: None,
            client: None,
            trusted: None,
            verifier: None,
            discovery: None,
            urls: None,
            known: None,
            place: None,
            limit: None,
            of_any_type: false,
            reader: KeySetReader::new(),
            keys: RenewalPolicy::KEYS,
            metadata: RenewalPolicy::METADATA,
            tokens: RenewalPolicy::TOKENS,
            shared: None,
            clock: Arc::new(SystemClock),
            observer: Observer::none(),
        }
    }

    /// Sets the client ID under which this program is registered. Required for everything but verifying access
    /// tokens.
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.client_id = client_id.into();
        self
    }

    /// Sets the client that was [chosen](oidc_proto::flow::ClientIdentities::choose) for this issuer, with its credentials.
    pub fn identity(mut self, identity: ClientIdentity) -> Self {
        identity.client_id().clone_into(&mut self.client_id);
        self.identity = Some(identity);
        self
    }

    /// Sets the client secret. Without it, and without a [signer](ClientBuilder::signer) or another
    /// [method](ClientBuilder::authentication) in [`client`](Self::client), the client is public.
    pub fn secret(mut self, secret: impl Into<Secret>) -> Self {
        self.secret = Some(secret.into());
        self
    }

    /// Sets the source of the client's assertions, for a workload that its platform vouches for: the handle authenticates
    /// with `private_key_jwt`, and reads the source anew for each attempt (RFC 7521 section 4.2). The provider must trust
    /// the platform.
    pub fn assertion_source(mut self, source: impl Into<Source>) -> Self {
        self.sources.assertion = Some(source.into());
        self
    }

    /// Sets the source of the client's attestations, which its attester gives: the handle reads it anew for each attempt
    /// (draft-ietf-oauth-attestation-based-client-auth-10). The key of this instance of the client goes to
    /// [`attestation_key`](ClientBuilder::attestation_key) in [`client`](Self::client).
    pub fn attestation_source(mut self, source: impl Into<Source>) -> Self {
        self.sources.attestation = Some(source.into());
        self
    }

    /// Sets the source of the client secret, in place of [`secret`](Self::secret): the handle reads it anew for each attempt,
    /// so a secret is replaced without a restart.
    pub fn secret_source(mut self, source: impl Into<Source>) -> Self {
        self.sources.secret = Some(source.into());
        self
    }

    /// Sets the redirect URI, exactly as it is registered. Required for logins.
    pub fn redirect_uri(mut self, redirect_uri: impl Into<String>) -> Self {
        self.redirect_uri = Some(redirect_uri.into());
        self
    }

    /// Sets the audience that access tokens must carry: the name of this program as a resource. Replaces an earlier
    /// audience; to accept a second one, see [`AccessTokenVerifier::or_audience`]. Required for
    /// [`verify`](Provider::verify).
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// Sets all other options of the client, such as quirks, the authentication method and UserInfo. A second call
    /// adds to the first.
    pub fn client(mut self, shape: impl Fn(ClientBuilder) -> ClientBuilder + Send + Sync + 'static) -> Self {
        self.client = Some(match self.client {
            Some(before) => Box::new(move |client| shape(before(client))),
            None => Box::new(shape),
        });
        self
    }

    /// Takes the requirements for access tokens from these rules, such as a
    /// [preset](TrustedIssuer#presets) for a well-known provider. They must be for the issuer of the handle.
    /// [`audience`](Self::audience) adds to the audiences that they name, and [`access_tokens`](Self::access_tokens)
    /// changes them further. A handle introspects only when it is [told](Provider::introspect) to, so the settings for
    /// that have no effect.
    pub fn trust(mut self, rules: impl Into<TrustedIssuer>) -> Self {
        self.trusted = Some(rules.into());
        self
    }

    /// Sets all other requirements for access tokens. A second call adds to the first.
    pub fn access_tokens(
        mut self,
        shape: impl Fn(AccessTokenVerifier) -> AccessTokenVerifier + Send + Sync + 'static,
    ) -> Self {
        self.verifier = Some(match self.verifier {
            Some(before) => Box::new(move |tokens| shape(before(tokens))),
            None => Box::new(shape),
        });
        self
    }

    /// Sets how the metadata is fetched and checked. Its [issuer rule](DiscoveryOptions::issuer_rule) then applies to
    /// ID tokens and access tokens too.
    ///
    /// The default depends on the other settings. With a redirect URI, the metadata must be that of an OpenID
    /// Provider (OpenID Connect Discovery 1.0). With a client ID alone, it must be that of an authorization server
    /// (RFC 8414), at the URL of either specification. With neither, `issuer` and `jwks_uri` are enough.
    pub fn discovery(mut self, options: DiscoveryOptions) -> Self {
        self.discovery = Some(options);
        self
    }

    /// Uses this metadata, and fetches none: for a provider that publishes none, such as GitHub or the token service of Google
    /// Cloud. Its issuer must be that of the handle.
    pub fn metadata(mut self, metadata: ProviderMetadata) -> Self {
        self.known = Some(metadata);
        self
    }

    /// Fetches the metadata from this URL, and from no other; its issuer must still be that of the handle. See
    /// [`DiscoveryOptions::document_at`].
    pub fn document_at(mut self, url: EndpointUrl) -> Self {
        self.place = Some(url);
        self
    }

    /// Sets the largest metadata document, the largest key set and the largest response of every other endpoint, in
    /// bytes; the default is [`MAX_DOCUMENT`](oidc_proto::flow::MAX_DOCUMENT).
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

    /// Sets the maximum number of keys in the key set of the provider; the default is
    /// [`MAX_KEYS`](oidc_proto::jose::MAX_KEYS).
    pub fn max_keys(mut self, keys: usize) -> Self {
        self.reader = self.reader.max_keys(keys);
        self
    }

    /// Sets the backend that verifies the signatures of tokens; the default is ring. It does not change
    /// keys that the program has read itself.
    pub fn backend(mut self, backend: Arc<dyn Backend>) -> Self {
        self.reader = self.reader.backend(backend);
        self
    }

    /// Sets which URLs may be requested; the default is https, and no address literal of this machine or of a private
    /// network. Has no effect if [`discovery`](Self::discovery) is set: those options have a policy of their own.
    ///
    /// Without this and without [`discovery`](Self::discovery), an issuer on this machine, such as
    /// `http://localhost:8080`, needs no policy: it gets its own ([`for_issuer`](UrlPolicy::for_issuer)). Set a policy if
    /// others than you choose the issuer.
    pub fn url_policy(mut self, urls: UrlPolicy) -> Self {
        self.urls = Some(urls);
        self
    }

    /// Sets when keys are renewed; the default is [`RenewalPolicy::KEYS`]. Its patience is also the time for which a
    /// token waits for keys.
    pub const fn key_policy(mut self, policy: RenewalPolicy) -> Self {
        self.keys = policy;
        self
    }

    /// Sets when metadata is renewed; the default is [`RenewalPolicy::METADATA`].
    pub const fn metadata_policy(mut self, policy: RenewalPolicy) -> Self {
        self.metadata = policy;
        self
    }

    /// Sets when service tokens are renewed; the default is [`RenewalPolicy::TOKENS`].
    pub const fn token_policy(mut self, policy: RenewalPolicy) -> Self {
        self.tokens = policy;
        self
    }

    /// Shares refreshes with the other nodes of this program, through a store; by default a handle shares them with its
    /// own clones alone. A blocking handle needs a store that is ready at once, such as a blocking one.
    pub fn shared_refreshes(mut self, shared: SharedRefreshes) -> Self {
        self.shared = Some(shared);
        self
    }

    /// Sets the source of time and entropy; the default is [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    pub(crate) fn shared_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Sets the observer of requests, waits, ends of flows and renewals; the default is none.
    pub fn with_observer(mut self, observer: Observer) -> Self {
        self.observer = observer;
        self
    }

    /// Builds the handle over the `Io` that this closure makes.
    pub(crate) fn build_over(self, io: impl FnOnce(W) -> Io) -> Result<Provider, ProviderError> {
        let (core, wires, observer) = self.core()?;
        let io = io(wires).by(&core.clock, &observer);
        Ok(Provider::new(core, io))
    }

    fn core(self) -> Result<(Core, W, Observer), ProviderError> {
        let Self { client_id, secret, redirect_uri, urls, clock, observer, .. } = self;
        let (place, limit, reader, sources) = (self.place, self.limit, self.reader, self.sources);
        let asserts = sources.assertion.is_some();
        let identity = self.identity;
        if let Some(other) =
            identity.as_ref().map(ClientIdentity::issuer).filter(|known| **known != *self.issuer)
        {
            return Err(ProviderError::OtherIssuer(other.to_owned()));
        }
        let (issuer, has_client, logs_in) = (self.issuer, !client_id.is_empty(), redirect_uri.is_some());
        let urls = urls.unwrap_or_else(|| UrlPolicy::default().for_issuer(&issuer));
        let mut options = self.discovery.unwrap_or_else(|| match (logs_in, has_client) {
            (true, _) => DiscoveryOptions::of_profile(Profile::OpenIdProvider, &urls),
            (false, true) => {
                DiscoveryOptions::new(&urls).profile(Profile::AuthorizationServer).or_other_form()
            }
            (false, false) => DiscoveryOptions::of_profile(Profile::TokenIssuer, &urls),
        });
        if let Some(url) = place {
            options = options.document_at(url);
        }
        if let Some(bytes) = limit {
            options = options.max_document(bytes);
        }
        if self.of_any_type {
            options = options.any_media_type();
        }
        let limit = options.document_limit();
        // Reports an unusable issuer now instead of at the first login.
        drop(MetadataRenewal::with(&issuer, options.clone())?);
        if let Some(other) = self.known.as_ref().map(|known| &known.issuer).filter(|known| **known != issuer)
        {
            return Err(ProviderError::OtherIssuer(other.clone()));
        }
        // One rule says which issuers tokens may name: that of the metadata.
        let rule = options.rule().cloned();
        if let Some(rules) = self.trusted.as_ref().filter(|rules| rules.issuer() != issuer) {
            return Err(ProviderError::OtherIssuer(rules.issuer().to_owned()));
        }
        let trusted = self.trusted.unwrap_or_else(|| TrustedIssuer::new(&issuer));
        // Neither of two rules wins in silence: it might be the wider one.
        if trusted.rule().is_some_and(|own| rule.as_ref().is_some_and(|rule| rule != own)) {
            return Err(ProviderError::TwoIssuerRules);
        }
        let verifier = self.audience.map(|audience| match &rule {
            Some(rule) => trusted.for_audience(audience).issuer_rule(rule.clone()),
            None => trusted.for_audience(audience),
        });
        let verifier = match &self.verifier {
            Some(shape) => verifier.map(shape),
            None => verifier,
        };
        let common = Common {
            keys: self.keys,
            metadata: self.metadata,
            reader: reader.clone(),
            clock: Arc::clone(&clock),
            failures: None,
            observer: observer.clone(),
        };
        let source = KeySource::Metadata(Box::new(options.clone()));
        let (shape, name) = (self.client, Arc::<str>::from(&*issuer));
        let watched = Watched::new(REFRESH, Arc::clone(&name), &observer);
        let token_pool = token_pool(self.tokens, Arc::clone(&name), &clock, &observer);
        let time = Arc::clone(&clock);
        let core = Core {
            issuer: Arc::new(
                Issuer::new(issuer, source, options, &common).with_metadata(self.known.map(Arc::new)),
            ),
            tokens: token_pool(),
            token_pool,
            refreshes: Spent::new(REFRESH_PATIENCE, Arc::clone(&clock), watched),
            shared: self.shared,
            // The flow of a login reports to the observer itself.
            logins: Spent::new(LOGIN_PATIENCE, Arc::clone(&clock), Watched::default()),
            clock,
            patience: self.keys.patience,
            token_policy: self.tokens,
            maker: Box::new(move |metadata, newest| {
                let builder = match &identity {
                    Some(identity) => identity.client(metadata, time.now())?,
                    None => Client::builder(metadata, &client_id),
                };
                let mut builder = builder.max_document(limit).key_set_reader(reader.clone());
                if let Some(rule) = &rule {
                    builder = builder.issuer_rule(rule.clone());
                }
                if let Some(secret) = newest.or(secret.as_ref()) {
                    builder = builder.secret(secret.clone());
                }
                if asserts {
                    builder = builder.authentication(ClientAuthentication::PrivateKeyJwt);
                }
                if let Some(redirect_uri) = &redirect_uri {
                    builder = builder.redirect_uri(redirect_uri);
                }
                Ok(match &shape {
                    Some(shape) => shape(builder),
                    None => builder,
                })
            }),
            made: Mutex::new(None),
            sources,
            source_failed: Mutex::default(),
            verifier,
        };
        Ok((core, self.io, observer))
    }
}

fn token_pool(
    policy: RenewalPolicy,
    name: Arc<str>,
    clock: &Arc<dyn Clock>,
    observer: &Observer,
) -> TokenPool {
    let (clock, observer) = (Arc::clone(clock), observer.clone());
    Box::new(move || {
        let name = Arc::clone(&name);
        SingleFlights::with_clock(policy, MAX_SERVICE_TOKENS, Arc::clone(&clock)).with_observer(
            TOKEN,
            move |_| Arc::clone(&name),
            &observer,
        )
    })
}

impl ProviderBuilder<Arc<Io>> {
    /// Builds a handle over an HTTP client that others use, too. The clock and the observer of the `Io` stay.
    pub(crate) fn build(self) -> Result<Provider, ProviderError> {
        let (core, io, _) = self.core()?;
        Ok(Provider::over(core, io))
    }
}

impl ProviderBuilder<Io> {
    /// Builds the handle. Nothing is fetched.
    ///
    /// # Errors
    /// The issuer is not a valid issuer URL, or the policy does not allow it. Settings that depend on the metadata
    /// are checked when the metadata is there.
    pub fn build(self) -> Result<Provider, ProviderError> {
        self.build_over(|io| io)
    }
}

impl<W> fmt::Debug for ProviderBuilder<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderBuilder")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .field("redirect_uri", &self.redirect_uri)
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}
