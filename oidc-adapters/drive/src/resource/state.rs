//! [`Kept`]: what a handle knows of a resource, and finds again after a restart.

use oidc_proto::{
    Secret, Timestamp,
    flow::{DiscoveredAuthorization, ScopeStepUp},
    message::{RegisteredClient, TokenResponse},
    renew::{Freshness, Renewed},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{sync::Arc, time::Duration};

/// The version of the saved form.
const VERSION: u32 = 1;

/// A token without a lifetime counts as fresh for so long: until the resource refuses it.
const NO_END: Duration = Duration::from_secs(10 * 365 * 86_400);

/// How long before its end a token is refreshed. At most a quarter of its life.
const MARGIN: Duration = Duration::from_secs(60);

/// The access of one user, or of the program itself, to a resource.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Kept {
    v: u32,
    /// The authorization server that has issued the tokens. They and the client ID go to no other.
    pub(super) issuer: String,
    /// The URL of its metadata.
    pub(super) server_at: String,
    /// The identifier of the resource, to the letter.
    pub(super) resource: String,
    pub(super) client_id: String,
    /// The registration of that client, if it was registered dynamically.
    pub(super) registered: Option<RegisteredClient>,
    pub(super) tokens: Option<Tokens>,
    pub(super) scopes: ScopeStepUp,
}

/// The tokens. All times are absolute, so they hold after a restart.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Tokens {
    #[serde(with = "exposed")]
    pub(super) access_token: Secret,
    bound: bool,
    #[serde(default, with = "exposed_if_any")]
    pub(super) refresh_token: Option<Secret>,
    pub(super) issued_at: Timestamp,
    pub(super) expires_at: Option<Timestamp>,
}

/// An access token in use. What callers share is `None` after a refresh that has shown that the login is over.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) token: Secret,
    /// Whether each request proves the key of the client.
    pub(super) bound: bool,
}

impl Kept {
    /// What is kept of a first authorization.
    pub(super) fn new(
        found: &DiscoveredAuthorization,
        (client_id, registered): (String, Option<RegisteredClient>),
        scopes: ScopeStepUp,
    ) -> Self {
        Self {
            v: VERSION,
            issuer: found.server.issuer.clone(),
            server_at: found.server_at.as_str().to_owned(),
            resource: found.resource.resource.clone(),
            client_id,
            registered,
            tokens: None,
            scopes,
        }
    }

    /// Whether the tokens are of this server, for this resource.
    pub(super) fn is_of(&self, found: &DiscoveredAuthorization) -> bool {
        let DiscoveredAuthorization { resource, server, .. } = found;
        self.issuer == server.issuer && self.resource == resource.resource
    }

    /// What is left if this authorization fails: what was there before, with the new count. A user who refuses another server,
    /// or one that is down, does not end the access at the old one.
    pub(super) fn left_of(&self, before: Option<Self>) -> Self {
        let Some(mut left) = before else { return self.clone() };
        if left.issuer == self.issuer && left.resource == self.resource {
            left.scopes.clone_from(&self.scopes);
        } else {
            left.scopes.counted_as(&self.scopes);
        }
        left
    }

    /// Whether this version of the library has saved it.
    pub(super) const fn is_known(&self) -> bool {
        self.v == VERSION
    }

    /// The access token, unless it has expired.
    pub(super) fn usable(&self, now: Timestamp) -> Option<Renewed<Option<Token>>> {
        self.tokens.as_ref().and_then(|tokens| tokens.usable(now))
    }

    pub(super) fn has_token(&self, token: &Secret) -> bool {
        self.tokens.as_ref().is_some_and(|tokens| tokens.access_token.equals(token.expose()))
    }

    pub(super) fn refresh_token(&self) -> Option<&Secret> {
        self.tokens.as_ref().and_then(|tokens| tokens.refresh_token.as_ref())
    }
}

impl Tokens {
    /// The tokens of a response. Without a new refresh token, the old one stays (RFC 6749 section 6).
    pub(super) fn of(response: &TokenResponse, before: Option<&Secret>, now: Timestamp) -> Self {
        Self {
            access_token: response.access_token.clone(),
            bound: !response.is_bearer(),
            refresh_token: response.refresh_token.clone().or_else(|| before.cloned()),
            issued_at: now,
            expires_at: response.expires_at,
        }
    }

    pub(super) fn token(&self) -> Token {
        Token { token: self.access_token.clone(), bound: self.bound }
    }

    fn usable(&self, now: Timestamp) -> Option<Renewed<Option<Token>>> {
        let token = Arc::new(Some(self.token()));
        let Some(end) = self.expires_at else {
            return Some(Renewed::new(token, Freshness::lasting(NO_END)));
        };
        // A token that can be refreshed is refreshed a little early. The margin depends on its life: a token that lives for
        // a minute must not be refreshed before every request.
        let margin = match self.refresh_token {
            Some(_) => MARGIN.min(self.issued_at.until(end) / 4),
            None => Duration::ZERO,
        };
        let left = now.until(end).saturating_sub(margin);
        (left > Duration::ZERO).then(|| Renewed::new(token, Freshness::lasting(left)))
    }
}

mod exposed {
    use super::{Deserialize, Deserializer, Secret, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(secret: &Secret, out: S) -> Result<S::Ok, S::Error> {
        secret.expose().serialize(out)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
        String::deserialize(from).map(Secret::new)
    }
}

mod exposed_if_any {
    use super::{Deserialize, Deserializer, Secret, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(secret: &Option<Secret>, out: S) -> Result<S::Ok, S::Error> {
        secret.as_ref().map(Secret::expose).serialize(out)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Secret>, D::Error> {
        Option::<String>::deserialize(from).map(|text| text.map(Secret::new))
    }
}
