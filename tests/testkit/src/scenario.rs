//! [`Party`]: a provider, a client of it and a clock; any flow to any state in one line.
//!
//! ```
//! use oidc_testkit::Party;
//!
//! let mut party = Party::new();
//! let user = party.login()?;
//! let later = party.refresh(&user)?;
//! assert!(later.rotated);
//! party.provider.assert_clean();
//! # Ok::<(), oidc_proto::Error>(())
//! ```

use crate::{
    browser::Browser,
    drive::{Clock, NOW, drive},
    entropy::Seed,
    provider::{ClientAuthentication, Registration, TestProvider},
};
use oidc_proto::{
    Error, Secret, UrlPolicy,
    flow::{
        Authenticated, Client, ClientBuilder, ClientCredentialsRequest, Discovery, PendingAuthorization,
        PreviousLogin, Refreshed,
    },
    jose::{Algorithm, KeySet},
    message::{AuthorizationRequest, AuthorizationResponse, TokenResponse, UserInfo},
    metadata::ProviderMetadata,
};
use std::sync::Arc;
use url::Url;

/// The client identifier of a party.
pub const CLIENT_ID: &str = "app";

/// The client secret of a party: odd characters, and long enough for HS512.
pub const SECRET: &str = "a secret: 100% + 64 characters or more, so that HS512 can sign too..";

/// Everyone who takes part in a scenario.
#[derive(Debug)]
pub struct Party {
    /// The provider; misbehaves on command.
    pub provider: TestProvider,
    /// The client, made from the provider's metadata.
    pub client: Client,
    /// Time and entropy.
    pub clock: Clock,
}

/// Sets a [`Party`] up.
pub struct PartyBuilder {
    issuer: String,
    seed: u64,
    authentication: ClientAuthentication,
    algorithm: Option<Algorithm>,
    redirect_uri: String,
    configure: Box<dyn FnOnce(ClientBuilder) -> ClientBuilder>,
}

impl Default for Party {
    fn default() -> Self {
        Self::new()
    }
}

impl Party {
    /// A client with `client_secret_basic` and RS256 ID tokens.
    ///
    /// # Panics
    /// If the library cannot do that.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Anything else.
    #[must_use]
    pub fn builder() -> PartyBuilder {
        PartyBuilder {
            issuer: "https://op.example".to_owned(),
            seed: 1,
            authentication: ClientAuthentication::ClientSecretBasic(SECRET.to_owned()),
            algorithm: None,
            redirect_uri: "https://app.example/callback".to_owned(),
            configure: Box::new(|builder| builder),
        }
    }

    /// Discovers the provider's metadata.
    ///
    /// # Errors
    /// What ends the flow.
    pub fn discover(&mut self) -> Result<ProviderMetadata, Error> {
        let issuer = self.provider.issuer().to_owned();
        let call = Discovery::start(&issuer, &policy(&issuer))?;
        drive(call, &mut self.provider, &mut self.clock)
    }

    /// Fetches the provider's keys.
    ///
    /// # Errors
    /// What ends the flow.
    pub fn keys(&mut self) -> Result<Arc<KeySet>, Error> {
        drive(self.client.jwks()?, &mut self.provider, &mut self.clock)
    }

    /// Begins a login.
    ///
    /// # Errors
    /// The request cannot be made.
    pub fn authorize(
        &mut self,
        request: &AuthorizationRequest,
    ) -> Result<(Url, PendingAuthorization), Error> {
        self.client.authorize(request, self.clock.moment())
    }

    /// Sends the user there and back; the query of the callback.
    ///
    /// # Panics
    /// If the provider does not send the user back.
    #[track_caller]
    pub fn callback_query(&mut self, url: &Url) -> String {
        Browser::new().visit(&mut self.provider, url, self.clock.now()).query().to_owned()
    }

    /// Ends a login with the query of a callback and the keys that are known.
    ///
    /// # Errors
    /// What ends the flow.
    pub fn callback(
        &mut self,
        pending: PendingAuthorization,
        query: &str,
        keys: Option<Arc<KeySet>>,
    ) -> Result<Authenticated, Error> {
        let response = AuthorizationResponse::from_query(query)?;
        let call = pending.callback(&self.client, keys, response, self.clock.moment())?;
        drive(call, &mut self.provider, &mut self.clock)
    }

    /// A whole login, with scopes `openid profile email` and without keys at hand.
    ///
    /// # Errors
    /// What ends the flow.
    pub fn login(&mut self) -> Result<Authenticated, Error> {
        self.login_with(&AuthorizationRequest::new(["profile", "email"]), None)
    }

    /// A whole login.
    ///
    /// # Errors
    /// What ends the flow.
    pub fn login_with(
        &mut self,
        request: &AuthorizationRequest,
        keys: Option<Arc<KeySet>>,
    ) -> Result<Authenticated, Error> {
        let (url, pending) = self.authorize(request)?;
        let query = self.callback_query(&url);
        self.callback(pending, &query, keys)
    }

    /// Claims from the UserInfo endpoint about the user of a login.
    ///
    /// # Errors
    /// What ends the flow.
    pub fn userinfo(&mut self, user: &Authenticated) -> Result<UserInfo, Error> {
        let call =
            self.client.userinfo(&user.tokens.access_token, &user.id_token.sub, self.clock.moment())?;
        drive(call, &mut self.provider, &mut self.clock)
    }

    /// Spends the refresh token of a login.
    ///
    /// # Errors
    /// What ends the flow.
    ///
    /// # Panics
    /// If the login brought no refresh token.
    #[track_caller]
    pub fn refresh(&mut self, user: &Authenticated) -> Result<Refreshed, Error> {
        let token = user.tokens.refresh_token.as_ref().expect("the login brought a refresh token");
        self.refresh_with(token, Some((&user.id_token).into()), None)
    }

    /// Spends a refresh token.
    ///
    /// # Errors
    /// What ends the flow.
    pub fn refresh_with(
        &mut self,
        token: &Secret,
        previous: Option<PreviousLogin>,
        keys: Option<Arc<KeySet>>,
    ) -> Result<Refreshed, Error> {
        let call = self.client.refresh(token, previous, keys, self.clock.moment())?;
        drive(call, &mut self.provider, &mut self.clock)
    }

    /// A token for the client itself.
    ///
    /// # Errors
    /// What ends the flow.
    pub fn client_credentials(&mut self, wanted: &ClientCredentialsRequest) -> Result<TokenResponse, Error> {
        drive(
            self.client.client_credentials(wanted, self.clock.moment())?,
            &mut self.provider,
            &mut self.clock,
        )
    }
}

impl PartyBuilder {
    /// Sets the issuer; `http` to this machine is allowed.
    #[must_use]
    pub fn issuer(mut self, issuer: &str) -> Self {
        issuer.clone_into(&mut self.issuer);
        self
    }

    /// Sets the seed of all entropy of the client.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets how the client authenticates, at the provider as well as here.
    #[must_use]
    pub fn authentication(mut self, authentication: ClientAuthentication) -> Self {
        self.authentication = authentication;
        self
    }

    /// Sets the algorithm of ID tokens: registered at the provider, pinned here.
    #[must_use]
    pub fn id_token_alg(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = Some(algorithm);
        self
    }

    /// Sets the redirect URI.
    #[must_use]
    pub fn redirect_uri(mut self, uri: &str) -> Self {
        uri.clone_into(&mut self.redirect_uri);
        self
    }

    /// Sets whatever else a [`ClientBuilder`] can.
    #[must_use]
    pub fn client(mut self, configure: impl FnOnce(ClientBuilder) -> ClientBuilder + 'static) -> Self {
        self.configure = Box::new(configure);
        self
    }

    /// Registers the client, discovers the provider, and makes a client of its metadata.
    ///
    /// # Panics
    /// If the parts do not go together.
    #[must_use]
    pub fn build(self) -> Party {
        let Self { issuer, seed, authentication, algorithm, redirect_uri, configure } = self;
        let mut provider = TestProvider::new(issuer.as_str());
        let secret = authentication.secret().map(str::to_owned);
        let method = match &authentication {
            ClientAuthentication::None => oidc_proto::flow::ClientAuthentication::None,
            ClientAuthentication::ClientSecretBasic(_) => {
                oidc_proto::flow::ClientAuthentication::ClientSecretBasic
            }
            ClientAuthentication::ClientSecretPost(_) => {
                oidc_proto::flow::ClientAuthentication::ClientSecretPost
            }
        };
        let mut registration = Registration::new(CLIENT_ID, authentication)
            .redirect_uri(&redirect_uri)
            .grant_type("client_credentials");
        if let Some(algorithm) = algorithm {
            registration = registration.id_token_alg(algorithm);
        }
        provider.register(registration);
        let mut clock = Clock::new(NOW, Seed::new(seed));
        let call = Discovery::start(&issuer, &policy(&issuer)).expect("the issuer is a URL");
        let metadata = drive(call, &mut provider, &mut clock).expect("the metadata is good");
        let mut client =
            Client::builder(metadata, CLIENT_ID).authentication(method).redirect_uri(redirect_uri);
        if let Some(secret) = secret {
            client = client.secret(secret);
        }
        if let Some(algorithm) = algorithm {
            client = client.id_token_signed_response_alg(algorithm);
        }
        let client = configure(client).build().expect("the client goes together");
        Party { provider, client, clock }
    }
}

fn policy(issuer: &str) -> UrlPolicy {
    let policy = UrlPolicy::default();
    if issuer.starts_with("http:") { policy.with_loopback() } else { policy }
}
