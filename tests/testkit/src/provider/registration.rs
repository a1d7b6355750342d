//! [`Registration`] of a client (RFC 7591 section 2), and the [`User`] who logs in.

use super::ClientAuthentication;
use crate::keys::secret_length;
use oidc_proto::jose::Algorithm;
use serde_json::{Map, Value};
use std::fmt;

/// A client as the provider knows it. By default it may use the code and refresh grants, and its ID tokens
/// are signed with RS256.
///
/// ```
/// use oidc_testkit::{Algorithm, Registration, TestProvider, Timestamp};
///
/// let mut provider = TestProvider::new("https://op.example");
/// provider.register(
///     Registration::basic("app", "secret")
///         .redirect_uri("https://app.example/callback")
///         .id_token_alg(Algorithm::ES256)
///         .grant_type("client_credentials"),
/// );
///
/// let request = http::Request::post("https://op.example/token")
///     .header("accept", "application/json")
///     .header("authorization", "Basic YXBwOnNlY3JldA==") // app:secret
///     .header("content-type", "application/x-www-form-urlencoded")
///     .body(b"grant_type=client_credentials".to_vec())?;
/// assert_eq!(provider.handle(&request, Timestamp(1_800_000_000)).status(), 200);
/// provider.assert_clean();
/// # Ok::<(), http::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Registration {
    pub(crate) client_id: String,
    pub(crate) authentication: ClientAuthentication,
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) grant_types: Vec<String>,
    pub(crate) id_token_alg: Algorithm,
    /// Whether the tokens of the client are bound to its certificate.
    pub(crate) certificate_bound: bool,
    pub(crate) request_object_key: Option<Value>,
}

impl Registration {
    /// A client that authenticates with this method.
    #[must_use]
    pub fn new(client_id: impl Into<String>, authentication: ClientAuthentication) -> Self {
        Self {
            client_id: client_id.into(),
            authentication,
            redirect_uris: Vec::new(),
            grant_types: ["authorization_code", "refresh_token"].map(str::to_owned).to_vec(),
            id_token_alg: Algorithm::RS256,
            certificate_bound: false,
            request_object_key: None,
        }
    }

    /// A public client, which does not authenticate.
    #[must_use]
    pub fn public(client_id: impl Into<String>) -> Self {
        Self::new(client_id, ClientAuthentication::None)
    }

    /// A client that authenticates with `client_secret_basic`.
    #[must_use]
    pub fn basic(client_id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self::new(client_id, ClientAuthentication::ClientSecretBasic(secret.into()))
    }

    /// A client that authenticates with `client_secret_post`.
    #[must_use]
    pub fn post(client_id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self::new(client_id, ClientAuthentication::ClientSecretPost(secret.into()))
    }

    /// A client that authenticates with `client_secret_jwt`.
    #[must_use]
    pub fn secret_jwt(client_id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self::new(client_id, ClientAuthentication::ClientSecretJwt(secret.into()))
    }

    /// A client that authenticates with `private_key_jwt`, by the key with this public JWK.
    #[must_use]
    pub fn private_key_jwt(client_id: impl Into<String>, jwk: Value) -> Self {
        Self::new(client_id, ClientAuthentication::PrivateKeyJwt(jwk))
    }

    /// Adds a redirect URI. Requests must repeat it exactly.
    #[must_use]
    pub fn redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.redirect_uris.push(uri.into());
        self
    }

    /// Sets the algorithm that signs the client's ID tokens. RS256 by default.
    #[must_use]
    pub const fn id_token_alg(mut self, algorithm: Algorithm) -> Self {
        self.id_token_alg = algorithm;
        self
    }

    /// Sets the public JWK that verifies the client's request objects. By default it is that of its assertions; a client
    /// with a secret may sign with it.
    #[must_use]
    pub fn request_object_key(mut self, jwk: Value) -> Self {
        self.request_object_key = Some(jwk);
        self
    }

    /// Binds the tokens of the client to the certificate of its connection (RFC 8705 section 3).
    #[must_use]
    pub const fn certificate_bound(mut self) -> Self {
        self.certificate_bound = true;
        self
    }

    /// Replaces the grants that the client may use.
    #[must_use]
    pub fn grant_types<const N: usize>(mut self, grants: [&str; N]) -> Self {
        self.grant_types = grants.map(str::to_owned).to_vec();
        self
    }

    /// Adds a grant to those that the client may use.
    #[must_use]
    pub fn grant_type(mut self, grant: impl Into<String>) -> Self {
        self.grant_types.push(grant.into());
        self
    }

    pub(crate) fn may(&self, grant: &str) -> bool {
        self.grant_types.iter().any(|known| known == grant)
    }

    /// Checks that the secret can sign the ID tokens.
    ///
    /// # Panics
    /// If the secret is missing or too short for the algorithm of the ID tokens.
    pub(crate) fn check(&self) {
        let have = self.authentication.secret().map_or(0, str::len);
        let need = secret_length(self.id_token_alg);
        assert!(
            have >= need,
            "client {}: {} needs a client secret of {need} bytes or more, this one has {have}",
            self.client_id,
            self.id_token_alg.name()
        );
    }
}

/// The user who logs in: a subject and claims about it. The default user is `alice`.
///
/// ```
/// use oidc_testkit::{Party, User};
///
/// let mut party = Party::new();
/// party.provider.user(User::new("bob").claim("email", "bob@example.com"));
/// let login = party.login()?;
/// assert_eq!(login.id_token.sub, "bob");
/// # Ok::<(), oidc_proto::Error>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct User {
    /// The `sub` of every token.
    pub sub: String,
    /// The claims at the UserInfo endpoint, as far as the scope allows (OpenID Connect Core 1.0 section
    /// 5.4). Claims outside the standard scopes are always returned.
    pub claims: Map<String, Value>,
}

impl User {
    /// A user without claims.
    #[must_use]
    pub fn new(sub: impl Into<String>) -> Self {
        Self { sub: sub.into(), claims: Map::new() }
    }

    /// Adds a claim, or replaces it.
    #[must_use]
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.claims.insert(name.into(), value.into());
        self
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.claims.keys().collect();
        f.debug_struct("User").field("sub", &self.sub).field("claims", &names).finish()
    }
}

impl Default for User {
    /// The user `alice`, with a name and a verified email address.
    fn default() -> Self {
        Self::new("alice")
            .claim("name", "Alice Example")
            .claim("email", "alice@example.com")
            .claim("email_verified", true)
    }
}
