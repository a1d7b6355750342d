//! [`ResourceBuilder`]: the settings of a handle for a resource.

use super::{
    error::AccessError,
    grant::{Browser, Fetch, Grant, Visit, Wanted},
    handle::{Inner, Live, Resource},
    keeper::Keeper,
};
use crate::{
    event::{Clock, Observer, SystemClock, Watched},
    flight::SingleFlight,
    io::Io,
    provider::ProviderError,
    store::{MemoryStore, Store},
};
use oidc_proto::{
    EndpointUrl, Moment, UrlPolicy,
    flow::{
        ClientBuilder, ClientIdentities, ConfigError, DiscoveryRules, ResourceOrigins, ScopeStepUp,
        SealingKeys, ServerChoice, TIMEOUT,
    },
    message::TokenResponse,
    renew::RenewalPolicy,
};
use std::{
    fmt,
    future::Future,
    sync::{Arc, Mutex, atomic::AtomicBool},
    time::Duration,
};

/// How long a request waits for a user in a browser, unless [`ResourceBuilder::patience`] sets another time.
pub const PATIENCE: Duration = Duration::from_secs(600);

/// The largest response body that [`Resource::fetch`] reads, in bytes, unless [`ResourceBuilder::max_body`] sets another
/// limit. [`Resource::send`] reads no body, and has no limit.
pub const MAX_RESOURCE_RESPONSE: usize = 1024 * 1024;

/// The settings of a [`Resource`] or of a [`blocking::Resource`](crate::blocking::Resource). A program sets what it is
/// ([`identities`](Self::identities)) and how it gets tokens, and nothing else.
///
/// ```
/// use oidc_drive::{
///     Io, Resource, http, oidc_proto::{flow::{ClientIdentities, Request, SealingKeys, Terms}, message::ClientMetadata},
///     resource::Visit, store::MemoryStore,
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # async fn send(_: Request, _: Terms) -> Result<http::Response<Vec<u8>>, &'static str> { Err("no network") }
/// # let io = || Io::new(send, |task| drop(tokio::spawn(task)), tokio::time::sleep);
/// // A program that registers itself, and finds its tokens again after a restart.
/// let redirect_uri = "http://127.0.0.1:8400/callback";
/// let me = ClientIdentities::new().registration(ClientMetadata::native([redirect_uri]).client_name("My Agent"));
/// let resource = Resource::builder("https://mcp.example/mcp", io())
///     .identities(me)
///     .redirect_uri(redirect_uri)
///     .browser(|visit: Visit| async move { Err(format!("there is no browser for {}", visit.url())) })
///     .only_scopes(["tools:read", "tools:write"])
///     .store(MemoryStore::new(), SealingKeys::new(1, &[42; 32])) // 32 random bytes
///     .build()?;
/// assert_eq!(resource.url(), "https://mcp.example/mcp");
///
/// // A wrong URL is found at once.
/// assert!(Resource::builder("http://mcp.example", io()).client_credentials().build().is_err());
/// # Ok(())
/// # }
/// ```
#[must_use = "a builder does nothing until it is built"]
pub struct ResourceBuilder<W> {
    url: String,
    io: W,
    identities: ClientIdentities,
    redirect_uri: Option<String>,
    grant: Grant,
    scopes: Option<Vec<String>>,
    offline_access: bool,
    resource_on_refresh: bool,
    step_up: ScopeStepUp,
    rules: DiscoveryRules,
    servers: ServerChoice,
    urls: Option<UrlPolicy>,
    shape: Option<Shape>,
    store: Option<(Arc<dyn Store>, SealingKeys)>,
    account: String,
    patience: Duration,
    max_body: usize,
    timeout: Duration,
    clock: Arc<dyn Clock>,
    observer: Observer,
}

type Shape = Arc<dyn Fn(ClientBuilder) -> ClientBuilder + Send + Sync>;

impl<W> ResourceBuilder<W> {
    pub(crate) fn new(url: String, io: W) -> Self {
        Self {
            url,
            io,
            identities: ClientIdentities::new(),
            redirect_uri: None,
            grant: Grant::None,
            scopes: None,
            offline_access: true,
            resource_on_refresh: true,
            step_up: ScopeStepUp::new(),
            rules: DiscoveryRules::mcp(),
            servers: ServerChoice::First,
            urls: None,
            shape: None,
            store: None,
            account: String::new(),
            patience: PATIENCE,
            max_body: MAX_RESOURCE_RESPONSE,
            timeout: TIMEOUT,
            clock: Arc::new(SystemClock),
            observer: Observer::none(),
        }
    }

    /// Sets what this program is known as, at servers that it does not know yet: clients that were registered by hand, a
    /// client ID metadata document, and the metadata with which it registers itself.
    pub fn identities(mut self, identities: ClientIdentities) -> Self {
        self.identities = identities;
        self
    }

    /// Sets the redirect URI, exactly as it is registered or published. Required for a [browser](Self::browser).
    pub fn redirect_uri(mut self, redirect_uri: impl Into<String>) -> Self {
        self.redirect_uri = Some(redirect_uri.into());
        self
    }

    /// Gets tokens with the grant of a workload or an agent, in place of a user's: an assertion, an ID-JAG, a token
    /// exchange. `fetch` is called for each new token; [`Wanted`] says for what. A refresh token that comes with it is used.
    pub fn grant<S: Future<Output = Result<TokenResponse, ProviderError>> + Send + 'static>(
        self,
        fetch: impl Fn(Wanted) -> S + Send + Sync + 'static,
    ) -> Self {
        let fetch: Fetch = Arc::new(move |wanted| Box::pin(fetch(wanted)));
        Self { grant: Grant::Own(fetch), ..self }
    }

    /// Gets tokens of the program itself (RFC 6749 section 4.4). The identity needs credentials.
    pub fn client_credentials(self) -> Self {
        Self { grant: Grant::ClientCredentials, ..self }
    }

    /// Sets the scopes of the first authorization. By default they are those that the resource names in its challenge, or
    /// else all that its metadata names, or else none.
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = Some(scopes.into_iter().map(Into::into).collect());
        self
    }

    /// Asks for no other scopes than these, whatever the resource demands ([`ScopeStepUp::only`]).
    pub fn only_scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.step_up = self.step_up.only(scopes);
        self
    }

    /// Sets how often a user is asked before the resource accepts a request; the default is
    /// [`MAX_AUTHORIZATIONS`](oidc_proto::flow::MAX_AUTHORIZATIONS).
    pub fn max_authorizations(mut self, most: u8) -> Self {
        self.step_up = self.step_up.max_authorizations(most);
        self
    }

    /// Does not ask for the scope `offline_access`. By default it is asked for where the server has it, because some servers
    /// issue no refresh token without it, and the user is then asked each time that a token expires.
    pub const fn no_offline_access(mut self) -> Self {
        self.offline_access = false;
        self
    }

    /// Refreshes without the parameter `resource`. Entra ID refuses it there.
    pub const fn no_resource_on_refresh(mut self) -> Self {
        self.resource_on_refresh = false;
        self
    }

    /// Sets how the authorization server is found; the default is [`DiscoveryRules::mcp`], the newest revision of the Model
    /// Context Protocol.
    pub const fn rules(mut self, rules: DiscoveryRules) -> Self {
        self.rules = rules;
        self
    }

    /// Sets which authorization server is taken, if the resource lists several; the default is the first.
    pub fn servers(mut self, choice: ServerChoice) -> Self {
        self.servers = choice;
        self
    }

    /// Sets which URLs may be requested; the default is https, and no address literal of this machine or of a private
    /// network. Without it, a resource on this machine, such as `http://localhost:8080`, needs no policy: it gets its own
    /// ([`for_issuer`](UrlPolicy::for_issuer)). Set a policy if others than you choose the URL of the resource.
    pub fn url_policy(mut self, urls: UrlPolicy) -> Self {
        self.urls = Some(urls);
        self
    }

    /// Sets all other options of the client, such as a DPoP key and quirks. A second call adds to the first.
    pub fn client(mut self, shape: impl Fn(ClientBuilder) -> ClientBuilder + Send + Sync + 'static) -> Self {
        self.shape = Some(match self.shape {
            Some(before) => Arc::new(move |client| shape(before(client))),
            None => Arc::new(shape),
        });
        self
    }

    /// Keeps registrations and tokens in this store, sealed with these keys, so that the program finds them after a restart
    /// and shares them with its other processes. By default they stay in the memory of the handle.
    ///
    /// A blocking handle needs a store that is ready at once.
    pub fn store(mut self, store: impl Store + 'static, keys: SealingKeys) -> Self {
        self.store = Some((Arc::new(store), keys));
        self
    }

    /// Sets whose tokens they are, if one store has those of several users. Each user needs a handle.
    pub fn account(mut self, account: impl Into<String>) -> Self {
        self.account = account.into();
        self
    }

    /// Sets how long a request waits for a user in a browser, its own or that of another request; the default is
    /// [`PATIENCE`]. After that, the next request may send the user anew.
    pub const fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Sets the largest response body that [`Resource::fetch`] reads, in bytes; the default is [`MAX_RESOURCE_RESPONSE`].
    pub const fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// Sets the longest time of one exchange of [`Resource::fetch`]; the default is [`TIMEOUT`].
    pub const fn timeout(mut self, time: Duration) -> Self {
        self.timeout = time;
        self
    }

    /// Sets the source of time and entropy; the default is [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets the observer of requests, waits and ends of flows; the default is none.
    pub fn with_observer(mut self, observer: Observer) -> Self {
        self.observer = observer;
        self
    }

    /// Sends the user with this function.
    pub(crate) fn with_browser(self, browser: Browser) -> Self {
        Self { grant: Grant::User(browser), ..self }
    }

    pub(crate) fn build_over(self, io: impl FnOnce(W) -> Io) -> Result<Resource, AccessError> {
        let Self { url, clock, observer, patience, .. } = self;
        if self.grant.has_user() && self.redirect_uri.is_none() {
            return Err(ConfigError::NoRedirectUri.into());
        }
        let urls = self.urls.unwrap_or_else(|| UrlPolicy::default().for_issuer(&url));
        let parsed = EndpointUrl::parse(&url, &urls).map_err(ConfigError::Resource)?;
        let origins = ResourceOrigins::new(&parsed.as_url().origin().ascii_serialization(), &urls)?;
        let is_shared = self.store.is_some();
        let (store, keys) = match self.store {
            Some(kept) => kept,
            None => {
                let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
                (store, SealingKeys::new(1, &key(clock.moment())))
            }
        };
        let io = Arc::new(io(self.io).by(&clock, &observer));
        let flight = SingleFlight::with_clock(policy(patience), Arc::clone(&clock));
        Ok(Resource(Arc::new(Inner {
            keeper: Keeper::new(store, keys, &url, &self.account),
            url,
            origins,
            urls,
            rules: self.rules,
            servers: self.servers,
            identities: self.identities,
            redirect_uri: self.redirect_uri,
            grant: self.grant,
            scopes: self.scopes,
            offline_access: self.offline_access,
            resource_on_refresh: self.resource_on_refresh,
            step_up: self.step_up,
            shape: self.shape.unwrap_or_else(|| Arc::new(|client| client)),
            is_shared,
            max_body: self.max_body,
            timeout: self.timeout,
            io,
            flight: Arc::new(flight.watched(Watched::default())),
            clock,
            live: Mutex::new(Live::default()),
            refreshed: AtomicBool::new(false),
        })))
    }
}

/// Tokens are renewed when they have expired or were refused, and never ahead: a user may have to be asked. How early a token
/// counts as expired is in its freshness.
fn policy(patience: Duration) -> RenewalPolicy {
    let mut policy = RenewalPolicy::TOKENS;
    (policy.refresh_ahead, policy.spread) = (Duration::ZERO, 0);
    (policy.first_retry, policy.urgent_retry, policy.longest_retry) = (SECOND, SECOND, SECOND);
    (policy.cooldown, policy.burst) = (SECOND, u8::MAX);
    (policy.patience, policy.lease) = (patience, patience);
    policy
}

/// Makes a key for what stays in memory.
fn key(moment: Moment) -> [u8; 32] {
    let (first, second) = moment.halve();
    let mut key = [0; 32];
    key[..16].copy_from_slice(&first.into_bits());
    key[16..].copy_from_slice(&second.into_bits());
    key
}

const SECOND: Duration = Duration::from_secs(1);

impl ResourceBuilder<Io> {
    /// Gets the tokens of a user, who agrees in a browser (RFC 6749 section 4.1). `browser` opens the URL of the [`Visit`], and
    /// returns the URL to which the browser is sent back, with its query; or a text that says why the user did not come.
    pub fn browser<S: Future<Output = Result<String, String>> + Send + 'static>(
        self,
        browser: impl Fn(Visit) -> S + Send + Sync + 'static,
    ) -> Self {
        self.with_browser(Arc::new(move |visit| Box::pin(browser(visit))))
    }

    /// Builds the handle. Nothing is sent.
    ///
    /// # Errors
    /// The URL is not one that may be requested, or a redirect URI is missing.
    pub fn build(self) -> Result<Resource, AccessError> {
        self.build_over(|io| io)
    }
}

impl<W> fmt::Debug for ResourceBuilder<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResourceBuilder")
            .field("url", &self.url)
            .field("redirect_uri", &self.redirect_uri)
            .finish_non_exhaustive()
    }
}
