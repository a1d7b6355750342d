//! [`ProviderBuilder`]: the settings of a handle, the same for both colours.

use super::{core::Core, error::ProviderError, handle::Provider, spent::Spent};
use crate::{
    event::{Clock, Observer, SystemClock, Watched},
    flight::SingleFlights,
    io::Io,
    issuer::{Common, Issuer, KeySource},
};
use oidc_proto::{
    Secret, UrlPolicy,
    flow::{Client, ClientBuilder, DiscoveryOptions},
    metadata::Profile,
    renew::{MetadataRenewal, RenewalPolicy},
    token::AccessTokenVerifier,
};
use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

/// How many service tokens are kept at most, each for scopes and resources of its own.
pub const MAX_SERVICE_TOKENS: usize = 1024;

/// For how many seconds somebody waits for a refresh, and for a login, that somebody else carries out. A login
/// is up to four exchanges.
const REFRESH_PATIENCE: Duration = Duration::from_secs(30);
const LOGIN_PATIENCE: Duration = Duration::from_secs(120);

type Shape<T> = Box<dyn Fn(T) -> T + Send + Sync>;

/// The settings of a [`Provider`]. What is not set is safe; most programs need a client and no more.
#[must_use = "a builder does nothing until it is built"]
pub struct ProviderBuilder<W> {
    issuer: String,
    io: W,
    client_id: String,
    secret: Option<Secret>,
    redirect_uri: Option<String>,
    audience: Option<String>,
    client: Option<Shape<ClientBuilder>>,
    verifier: Option<Shape<AccessTokenVerifier>>,
    discovery: Option<DiscoveryOptions>,
    urls: UrlPolicy,
    keys: RenewalPolicy,
    metadata: RenewalPolicy,
    tokens: RenewalPolicy,
    clock: Arc<dyn Clock>,
    observer: Observer,
}

impl Provider {
    /// Begins the settings of a handle: this issuer, over this stack. Nothing is fetched before it is
    /// needed: a program starts while its provider is down.
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
            secret: None,
            redirect_uri: None,
            audience: None,
            client: None,
            verifier: None,
            discovery: None,
            urls: UrlPolicy::default(),
            keys: RenewalPolicy::KEYS,
            metadata: RenewalPolicy::METADATA,
            tokens: RenewalPolicy::TOKENS,
            clock: Arc::new(SystemClock),
            observer: Observer::none(),
        }
    }

    /// Sets as which client this program is registered. Needed for all but verifying access tokens.
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.client_id = client_id.into();
        self
    }

    /// Sets the client secret. Without one, the client is public.
    pub fn secret(mut self, secret: impl Into<Secret>) -> Self {
        self.secret = Some(secret.into());
        self
    }

    /// Sets where users come back to, to the letter as it is registered. Needed for logins.
    pub fn redirect_uri(mut self, redirect_uri: impl Into<String>) -> Self {
        self.redirect_uri = Some(redirect_uri.into());
        self
    }

    /// Sets for whom access tokens must be meant: this program's name as a resource, in place of one named
    /// before. Needed for [`verify`](Provider::verify). For a second one, see [`AccessTokenVerifier::or_audience`].
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// Sets everything else that a client can be told: quirks, the authentication method, UserInfo. Called
    /// again, it goes on from what was set before.
    pub fn client(mut self, shape: impl Fn(ClientBuilder) -> ClientBuilder + Send + Sync + 'static) -> Self {
        self.client = Some(match self.client {
            Some(before) => Box::new(move |client| shape(before(client))),
            None => Box::new(shape),
        });
        self
    }

    /// Sets everything else that is demanded of access tokens. Called again, it goes on from what was set
    /// before.
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

    /// Sets how the metadata is asked for, and by which
    /// [issuer rule](DiscoveryOptions::issuer_rule), which then holds for ID tokens and access tokens too.
    /// Otherwise the metadata is that of an OpenID Provider if users log in, that of an authorization server in
    /// either form if there is a client, and else `issuer` and `jwks_uri` suffice.
    pub fn discovery(mut self, options: DiscoveryOptions) -> Self {
        self.discovery = Some(options);
        self
    }

    /// Sets which URLs may be asked; the default is https, and no addresses of this machine. Has no say
    /// if [`discovery`](Self::discovery) is set, which has a policy of its own.
    pub const fn url_policy(mut self, urls: UrlPolicy) -> Self {
        self.urls = urls;
        self
    }

    /// Sets by which policy keys are renewed.
    pub const fn key_policy(mut self, policy: RenewalPolicy) -> Self {
        self.keys = policy;
        self
    }

    /// Sets by which policy metadata is renewed.
    pub const fn metadata_policy(mut self, policy: RenewalPolicy) -> Self {
        self.metadata = policy;
        self
    }

    /// Sets by which policy service tokens are renewed.
    pub const fn token_policy(mut self, policy: RenewalPolicy) -> Self {
        self.tokens = policy;
        self
    }

    /// Takes time and entropy from another clock than the system's.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Tells this observer what happens: requests, waits, ends of flows, renewals.
    pub fn with_observer(mut self, observer: Observer) -> Self {
        self.observer = observer;
        self
    }

    /// The handle, over the stack that this makes of what it was given.
    pub(crate) fn build_over(self, io: impl FnOnce(W) -> Io) -> Result<Provider, ProviderError> {
        let (core, wires, observer) = self.core()?;
        let io = io(wires).by(&core.clock, &observer);
        Ok(Provider::new(core, io))
    }

    fn core(self) -> Result<(Core, W, Observer), ProviderError> {
        let Self { client_id, secret, redirect_uri, urls, clock, observer, .. } = self;
        let (issuer, has_client, logs_in) = (self.issuer, !client_id.is_empty(), redirect_uri.is_some());
        let options = self.discovery.unwrap_or_else(|| match (logs_in, has_client) {
            (true, _) => DiscoveryOptions::of_profile(Profile::OpenIdProvider, &urls),
            (false, true) => {
                DiscoveryOptions::new(&urls).profile(Profile::AuthorizationServer).or_other_form()
            }
            (false, false) => DiscoveryOptions::of_profile(Profile::TokenIssuer, &urls),
        });
        // An issuer that cannot be asked shows now, not at the first login.
        drop(MetadataRenewal::with(&issuer, options.clone())?);
        // By whom tokens may be issued is said once.
        let rule = options.rule().cloned();
        let verifier = self.audience.map(|audience| match &rule {
            Some(rule) => AccessTokenVerifier::new(&issuer, audience).issuer_rule(rule.clone()),
            None => AccessTokenVerifier::new(&issuer, audience),
        });
        let verifier = match &self.verifier {
            Some(shape) => verifier.map(shape),
            None => verifier,
        };
        let common = Common {
            keys: self.keys,
            metadata: self.metadata,
            clock: Arc::clone(&clock),
            failures: None,
            observer: observer.clone(),
        };
        let source = KeySource::Metadata(Box::new(options.clone()));
        let (shape, name) = (self.client, Arc::<str>::from(&*issuer));
        let watched = Watched::new("refresh", Arc::clone(&name), &observer);
        let core = Core {
            issuer: Arc::new(Issuer::new(issuer, source, options, &common)),
            tokens: SingleFlights::with_clock(self.tokens, MAX_SERVICE_TOKENS, Arc::clone(&clock))
                .with_observer("token", move |_| Arc::clone(&name), &observer),
            refreshes: Spent::new(REFRESH_PATIENCE, Arc::clone(&clock), watched),
            // Of logins tells whoever runs them.
            logins: Spent::new(LOGIN_PATIENCE, Arc::clone(&clock), Watched::default()),
            clock,
            patience: self.keys.patience,
            maker: Box::new(move |metadata| {
                let mut builder = Client::builder(metadata, &client_id);
                if let Some(rule) = &rule {
                    builder = builder.issuer_rule(rule.clone());
                }
                if let Some(secret) = &secret {
                    builder = builder.secret(secret.clone());
                }
                if let Some(redirect_uri) = &redirect_uri {
                    builder = builder.redirect_uri(redirect_uri);
                }
                match &shape {
                    Some(shape) => shape(builder),
                    None => builder,
                }
            }),
            made: Mutex::new(None),
            verifier,
        };
        Ok((core, self.io, observer))
    }
}

impl ProviderBuilder<Io> {
    /// Makes the handle. Nothing is fetched.
    ///
    /// # Errors
    /// The issuer is not a URL that an issuer may have, or that the policy allows. What the metadata has
    /// a say in shows when it is there.
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
