//! Who may log in where: [`Registration`] of a client (RFC 7591 section 2) and the [`User`].

use super::ClientAuthentication;
use crate::keys::secret_length;
use oidc_proto::jose::Algorithm;
use serde_json::{Map, Value};
use std::fmt;

/// A client as the provider knows it. Starts with the code and refresh grants and RS256 ID tokens.
#[derive(Clone, Debug)]
pub struct Registration {
    pub(crate) client_id: String,
    pub(crate) authentication: ClientAuthentication,
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) grant_types: Vec<String>,
    pub(crate) id_token_alg: Algorithm,
}

impl Registration {
    /// A client that authenticates in this way.
    #[must_use]
    pub fn new(client_id: impl Into<String>, authentication: ClientAuthentication) -> Self {
        Self {
            client_id: client_id.into(),
            authentication,
            redirect_uris: Vec::new(),
            grant_types: ["authorization_code", "refresh_token"].map(str::to_owned).to_vec(),
            id_token_alg: Algorithm::RS256,
        }
    }

    /// A public client.
    #[must_use]
    pub fn public(client_id: impl Into<String>) -> Self {
        Self::new(client_id, ClientAuthentication::None)
    }

    /// A client that uses `client_secret_basic`.
    #[must_use]
    pub fn basic(client_id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self::new(client_id, ClientAuthentication::ClientSecretBasic(secret.into()))
    }

    /// A client that uses `client_secret_post`.
    #[must_use]
    pub fn post(client_id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self::new(client_id, ClientAuthentication::ClientSecretPost(secret.into()))
    }

    /// Adds a redirect URI, which requests must repeat exactly.
    #[must_use]
    pub fn redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.redirect_uris.push(uri.into());
        self
    }

    /// Signs the client's ID tokens with this algorithm.
    #[must_use]
    pub const fn id_token_alg(mut self, algorithm: Algorithm) -> Self {
        self.id_token_alg = algorithm;
        self
    }

    /// Sets the grants the client may use.
    #[must_use]
    pub fn grant_types<const N: usize>(mut self, grants: [&str; N]) -> Self {
        self.grant_types = grants.map(str::to_owned).to_vec();
        self
    }

    /// Adds a grant to those the client may use.
    #[must_use]
    pub fn grant_type(mut self, grant: impl Into<String>) -> Self {
        self.grant_types.push(grant.into());
        self
    }

    pub(crate) fn may(&self, grant: &str) -> bool {
        self.grant_types.iter().any(|known| known == grant)
    }

    /// # Panics
    /// If ID tokens are to be signed with a secret that is missing or too short.
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

/// The user who is logged in: a subject and claims about it.
#[derive(Clone, PartialEq)]
pub struct User {
    /// The `sub` of every token.
    pub sub: String,
    /// What the UserInfo endpoint tells, as far as the scope allows (OpenID Connect Core 1.0
    /// section 5.4). Claims outside of the standard scopes are always told.
    pub claims: Map<String, Value>,
}

impl User {
    /// A user without claims.
    #[must_use]
    pub fn new(sub: impl Into<String>) -> Self {
        Self { sub: sub.into(), claims: Map::new() }
    }

    /// Adds a claim.
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
    /// `alice`, with a name and an address of each kind.
    fn default() -> Self {
        Self::new("alice")
            .claim("name", "Alice Example")
            .claim("email", "alice@example.com")
            .claim("email_verified", true)
    }
}
