//! What a handle holds, whatever its colour: nothing here waits.

use super::ProviderError;
use crate::{
    Clock, Flight, Flights, Unavailable,
    gate::{
        introspect::{TokenHash, hash},
        issuer::Issuer,
        worker::{self, give_back, take_scratch},
    },
};
use oidc_proto::{
    Secret,
    flow::{Client, ClientBuilder, ClientCredentials, ConfigError, Learned, Refreshed},
    jose::KeySet,
    message::TokenResponse,
    metadata::ProviderMetadata,
    renew::{Freshness, Policy, Renewed},
    token::{Rejected, Verified, Verifier},
};
use std::{
    fmt, ptr,
    sync::{Arc, Mutex, PoisonError},
};

/// For refresh tokens: a spent one leads to what came of it for a minute, for who asks again because
/// they were interrupted, or who asks at the same time. The lease is longer than both exchanges may take:
/// nobody spends a token while somebody else may still be at it.
pub(super) const REFRESH: Policy = {
    let mut policy = Policy::KEYS;
    policy.fresh = 60;
    policy.floor = 60;
    policy.ceiling = 60;
    policy.ahead = 0;
    policy.stale_if_error = 0;
    policy.retry = 1;
    policy.urgent_retry = 1;
    policy.longest_retry = 1;
    policy.cooldown = 1;
    policy.lease = 60;
    policy.patience = 30;
    policy
};

/// How many of them are kept at most.
pub(super) const MAX_REFRESHES: usize = 4096;

/// Makes the client from metadata.
pub(super) type ClientMaker = Box<dyn Fn(Arc<ProviderMetadata>) -> ClientBuilder + Send + Sync>;

pub(crate) struct Core {
    pub(crate) issuer: Arc<Issuer>,
    pub(crate) tokens: Flights<ClientCredentials, TokenResponse>,
    pub(crate) refreshes: Flights<TokenHash, Refreshed>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(super) maker: ClientMaker,
    pub(super) made: Mutex<Option<Client>>,
    pub(super) verifier: Option<Verifier>,
    pub(super) id: u64,
}

impl Core {
    /// The client by this metadata; made anew only when that has changed.
    pub(crate) fn client(&self, metadata: Arc<ProviderMetadata>) -> Result<Client, ConfigError> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = made.as_ref().filter(|client| ptr::eq(client.metadata(), &*metadata)) {
            return Ok(client.clone());
        }
        let client = (self.maker)(metadata).build()?;
        *made = Some(client.clone());
        Ok(client)
    }

    /// The one renewal of a refresh token, by a hash of it.
    pub(crate) fn refresh(&self, refresh_token: &Secret) -> (TokenHash, Arc<Flight<Refreshed>>) {
        let hash = hash(refresh_token);
        (hash, self.refreshes.flight(&hash))
    }

    /// A refresh has come to its end. A token that is not spent may be used again at once.
    pub(crate) fn refreshed(&self, hash: &TokenHash, refreshed: Refreshed) -> Renewed<Refreshed> {
        self.learn(&refreshed.learned);
        if !refreshed.rotated {
            self.refreshes.remove(hash);
        }
        Renewed::new(Arc::new(refreshed), Freshness::UNKNOWN)
    }

    /// Keeps what a flow has fetched for itself.
    pub(crate) fn learn(&self, learned: &Learned) {
        if let Some(keys) = &learned.keys {
            self.issuer.learn(Arc::clone(keys));
        }
    }

    /// Verifies with the keys at hand. `Ok(Err(read))`: only newer keys can tell.
    pub(crate) fn verify_now<T, R: FnOnce(&Verified<'_>) -> T>(
        &self,
        token: &str,
        read: R,
    ) -> Result<Result<T, R>, ProviderError> {
        let now = self.clock.now();
        let Some(keys) = worker::with(|worker| worker.keys(self.id, 0, &self.issuer, now)) else {
            // A token that would be refused by any keys is none to wait for; without an audience, too.
            return self
                .judge(token, &KeySet::default(), read)
                .map(|verdict| verdict.map_err(|(_, read)| read));
        };
        Ok(self.judge(token, &keys, read)?.map_err(|(_, read)| read))
    }

    /// Verifies with these keys. `Ok(Err(..))`: newer ones might lead to another verdict.
    pub(crate) fn judge<T, R: FnOnce(&Verified<'_>) -> T>(
        &self,
        token: &str,
        keys: &KeySet,
        read: R,
    ) -> Result<Result<T, (Rejected, R)>, ProviderError> {
        let verifier = self.verifier.as_ref().ok_or(ProviderError::NoAudience)?;
        let (mut scratch, now) = (take_scratch(), self.clock.now());
        let verdict = match verifier.verify(token, keys, &mut scratch, now) {
            Ok(verified) => Ok(Ok(read(&verified))),
            Err(rejected) if rejected.wants_newer_keys() && !self.issuer.is_fixed() => {
                Ok(Err((rejected, read)))
            }
            Err(rejected) => Err(rejected.into()),
        };
        give_back(scratch);
        verdict
    }

    /// Whether it is our side, or the provider's, that there are no newer keys: not that of who sent
    /// the token.
    pub(crate) fn is_to_blame(&self, unavailable: &Unavailable) -> bool {
        unavailable.because.is_some() || !self.issuer.is_up_to_date(self.clock.now())
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("issuer", &self.issuer.name()).finish_non_exhaustive()
    }
}
