//! [`Party`]: a provider, a client and a clock, which bring any flow to any state in one line.
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

/// The client secret of a party. It has characters that need encoding, and is long enough for HS512.
pub const SECRET: &str = "a secret: 100% + 64 characters or more, so that HS512 can sign too..";

/// A provider, a client of the library and a clock.
///
/// ```
/// use oidc_testkit::{Party, hostile};
///
/// let mut party = Party::new();
/// party.provider.alter_id_token(hostile::set_claim("aud", "another app"));
/// let error = party.login().expect_err("the ID token is for another client");
/// assert_eq!(error.code(), "token_audience");
/// ```
#[derive(Debug)]
pub struct Party {
    /// The provider. It misbehaves on command.
    pub provider: TestProvider,
    /// The client, made from the provider's metadata.
    pub client: Client,
    /// The time and the entropy.
    pub clock: Clock,
}

/// Builds a [`Party`].
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
    /// A party whose client uses `client_secret_basic` and RS256 ID tokens.
    ///
    /// # Panics
    /// If the client cannot be built.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A builder for any other party.
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
    /// The error that ended the flow.
    pub fn discover(&mut self) -> Result<ProviderMetadata, Error> {
        let issuer = self.provider.issuer().to_owned();
        let call = Discovery::start(&issuer, &policy(&issuer))?;
        drive(call, &mut self.provider, &mut self.clock)
    }

    /// Fetches the provider's keys.
    ///
    /// # Errors
    /// The error that ended the flow.
    pub fn keys(&mut self) -> Result<Arc<KeySet>, Error> {
        drive(self.client.jwks()?, &mut self.provider, &mut self.clock)
    }

    /// Begins a login. Returns the URL for the user, and the pending authorization.
    ///
    /// # Errors
    /// If the request cannot be made.
    pub fn authorize(
        &mut self,
        request: &AuthorizationRequest,
    ) -> Result<(Url, PendingAuthorization), Error> {
        self.client.authorize(request, self.clock.moment())
    }

    /// Sends the user to the provider and back. Returns the query of the callback.
    ///
    /// # Panics
    /// If the provider does not send the user back.
    #[track_caller]
    pub fn callback_query(&mut self, url: &Url) -> String {
        Browser::new().visit(&mut self.provider, url, self.clock.now()).query().to_owned()
    }

    /// Completes a login with the query of a callback. `keys` are the keys that the client knows already.
    ///
    /// # Errors
    /// The error that ended the flow.
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

    /// Logs the user in, with the scopes `openid profile email`. The client fetches the keys.
    ///
    /// # Errors
    /// The error that ended the flow.
    pub fn login(&mut self) -> Result<Authenticated, Error> {
        self.login_with(&AuthorizationRequest::new(["profile", "email"]), None)
    }

    /// Logs the user in with this request. `keys` are the keys that the client knows already.
    ///
    /// # Errors
    /// The error that ended the flow.
    pub fn login_with(
        &mut self,
        request: &AuthorizationRequest,
        keys: Option<Arc<KeySet>>,
    ) -> Result<Authenticated, Error> {
        let (url, pending) = self.authorize(request)?;
        let query = self.callback_query(&url);
        self.callback(pending, &query, keys)
    }

    /// Fetches claims about the user of a login from the UserInfo endpoint.
    ///
    /// # Errors
    /// The error that ended the flow.
    pub fn userinfo(&mut self, user: &Authenticated) -> Result<UserInfo, Error> {
        let call =
            self.client.userinfo(&user.tokens.access_token, &user.id_token.sub, self.clock.moment())?;
        drive(call, &mut self.provider, &mut self.clock)
    }

    /// Refreshes with the refresh token of a login.
    ///
    /// # Errors
    /// The error that ended the flow.
    ///
    /// # Panics
    /// If the login returned no refresh token.
    #[track_caller]
    pub fn refresh(&mut self, user: &Authenticated) -> Result<Refreshed, Error> {
        let token = user.tokens.refresh_token.as_ref().expect("the login brought a refresh token");
        self.refresh_with(token, Some((&user.id_token).into()), None)
    }

    /// Refreshes with this refresh token.
    ///
    /// # Errors
    /// The error that ended the flow.
    pub fn refresh_with(
        &mut self,
        token: &Secret,
        previous: Option<PreviousLogin>,
        keys: Option<Arc<KeySet>>,
    ) -> Result<Refreshed, Error> {
        let call = self.client.refresh(token, previous, keys, self.clock.moment())?;
        drive(call, &mut self.provider, &mut self.clock)
    }

    /// Gets a token for the client itself.
    ///
    /// # Errors
    /// The error that ended the flow.
    pub fn client_credentials(&mut self, wanted: &ClientCredentialsRequest) -> Result<TokenResponse, Error> {
        drive(
            self.client.client_credentials(wanted, self.clock.moment())?,
            &mut self.provider,
            &mut self.clock,
        )
    }
}

impl PartyBuilder {
    /// Sets the issuer. `https://op.example` by default; `http` is allowed for loopback addresses.
    #[must_use]
    pub fn issuer(mut self, issuer: &str) -> Self {
        issuer.clone_into(&mut self.issuer);
        self
    }

    /// Sets the seed of the client's entropy. 1 by default.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets the client's authentication method, both at the provider and at the client.
    #[must_use]
    pub fn authentication(mut self, authentication: ClientAuthentication) -> Self {
        self.authentication = authentication;
        self
    }

    /// Sets the algorithm of ID tokens, both at the provider and at the client.
    #[must_use]
    pub fn id_token_alg(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = Some(algorithm);
        self
    }

    /// Sets the redirect URI. `https://app.example/callback` by default.
    #[must_use]
    pub fn redirect_uri(mut self, uri: &str) -> Self {
        uri.clone_into(&mut self.redirect_uri);
        self
    }

    /// Changes any other setting of the [`ClientBuilder`].
    #[must_use]
    pub fn client(mut self, configure: impl FnOnce(ClientBuilder) -> ClientBuilder + 'static) -> Self {
        self.configure = Box::new(configure);
        self
    }

    /// Registers the client, discovers the provider, and builds the client from its metadata.
    ///
    /// # Panics
    /// If the settings contradict each other.
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
            ClientAuthentication::ClientSecretJwt(_) => {
                oidc_proto::flow::ClientAuthentication::ClientSecretJwt
            }
            ClientAuthentication::PrivateKeyJwt(_) | ClientAuthentication::Federated(_) => {
                oidc_proto::flow::ClientAuthentication::PrivateKeyJwt
            }
            ClientAuthentication::TlsClientAuth(_) => oidc_proto::flow::ClientAuthentication::TlsClientAuth,
            ClientAuthentication::SelfSignedTlsClientAuth(_) => {
                oidc_proto::flow::ClientAuthentication::SelfSignedTlsClientAuth
            }
            ClientAuthentication::Attested(_) => oidc_proto::flow::ClientAuthentication::AttestJwtClientAuth,
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
