//! What a handle holds, whatever its colour: nothing here waits.

use super::{
    error::ProviderError,
    spent::{One, Spent},
};
use crate::{
    event::Clock,
    flight::{NotAvailableError, SingleFlights},
    issuer::{Issuer, TokenHash, give_back, hash, take_scratch},
};
use oidc_proto::{
    Error, Timestamp,
    flow::{
        Authenticated, CallbackError, Client, ClientBuilder, ClientCredentialsRequest, ConfigError,
        PendingAuthorization, PreviousLogin, Refreshed,
    },
    jose::KeySet,
    message::{AuthorizationResponse, TokenResponse},
    metadata::ProviderMetadata,
    renew::{Epoch, Published, Renewed},
    token::{AccessTokenVerifier, VerificationError, VerifiedAccessToken},
};
use std::{
    fmt, ptr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How a login has ended.
pub(crate) type Login = Result<Authenticated, ProviderError>;

/// Makes the client from metadata.
pub(super) type ClientMaker = Box<dyn Fn(Arc<ProviderMetadata>) -> ClientBuilder + Send + Sync>;

pub(crate) struct Core {
    pub(crate) issuer: Arc<Issuer>,
    pub(crate) tokens: SingleFlights<ClientCredentialsRequest, TokenResponse>,
    pub(crate) refreshes: Spent<Refreshed>,
    pub(crate) logins: Spent<Login>,
    pub(crate) clock: Arc<dyn Clock>,
    /// For how many seconds a token waits for keys.
    pub(crate) patience: Duration,
    pub(super) maker: ClientMaker,
    pub(super) made: Mutex<Option<Client>>,
    pub(super) verifier: Option<AccessTokenVerifier>,
}

impl Core {
    /// The client by this metadata; made anew only when that has changed. Whoever makes it is the program:
    /// no lock is held meanwhile.
    pub(crate) fn client(&self, metadata: Arc<ProviderMetadata>) -> Result<Client, ConfigError> {
        self.sweep(self.clock.now());
        let made = self.made().clone();
        if let Some(client) = made.filter(|client| ptr::eq(client.metadata(), &*metadata)) {
            return Ok(client);
        }
        let client = (self.maker)(metadata).build()?;
        let old = self.made().replace(client.clone());
        drop(old);
        Ok(client)
    }

    /// Forgets what came of what is spent, more than a minute ago.
    pub(crate) fn sweep(&self, now: Timestamp) {
        self.refreshes.sweep(now);
        self.logins.sweep(now);
    }

    /// The one login that this code leads to, if it is the login that was begun so. Otherwise the code is sent
    /// nowhere: it has been, and would be no good a second time.
    pub(crate) fn login(
        &self,
        pending: &PendingAuthorization,
        response: &AuthorizationResponse,
    ) -> Result<One<Login>, ProviderError> {
        // Of a signed response the whole is what is good once: its code stands inside.
        let spent = response.code.as_ref().or(response.response.as_ref());
        let code = spent.ok_or(CallbackError::MissingCode).map_err(Error::from)?;
        // Of state, nonce, verifier and all else: who has it all has it from the browser that began.
        let all = serde_json::to_string(pending).map_err(|_| ConfigError::SavedState)?;
        self.logins.one_of(code, hash(&all.into())).ok_or(ProviderError::CodeSpent)
    }

    /// A login that began at this time, when these keys were held, has come to its end.
    pub(crate) fn ended(&self, login: Login, began: Timestamp, known: Epoch) -> Renewed<Login> {
        if let Ok(authenticated) = &login {
            self.issuer.learn(&authenticated.learned, known);
        }
        self.logins.kept(login, began)
    }

    /// A refresh that began at this time, when these keys were held, has come to its end. A token that is not
    /// spent may be used again at once.
    pub(crate) fn refreshed(
        &self,
        spent: &TokenHash,
        refreshed: Refreshed,
        began: Timestamp,
        known: Epoch,
    ) -> Renewed<Refreshed> {
        self.issuer.learn(&refreshed.learned, known);
        // A provider that does not rotate may send the same one again.
        if refreshed.tokens.refresh_token.as_ref().is_none_or(|next| hash(next) == *spent) {
            self.refreshes.remove(spent);
        }
        self.refreshes.kept(refreshed, began)
    }

    /// Holds what a refresh brought to the login of who asks: it may have been somebody else who sent the
    /// token.
    pub(crate) fn hold_to(refreshed: &Refreshed, previous: Option<&PreviousLogin>) -> Result<(), Error> {
        match (previous, &refreshed.id_token) {
            (Some(previous), Some(id_token)) => Ok(previous.check(id_token)?),
            (Some(_) | None, _) => Ok(()),
        }
    }

    /// Verifies with the keys at hand. `Ok(Err(..))`: only newer keys can tell. With those at hand, if there
    /// are any, the token is refused so: that need not be found again.
    pub(crate) fn verify_now<T, R: FnOnce(&VerifiedAccessToken<'_>) -> T>(
        &self,
        token: &str,
        read: R,
    ) -> Result<Result<T, (Option<Refused>, R)>, ProviderError> {
        let now = self.clock.now();
        self.sweep(now);
        let Some(Published { value: keys, epoch, .. }) = self.issuer.keys_at_hand(now) else {
            // A token that would be refused by any keys is none to wait for; without an audience, too.
            return self
                .judge(token, &KeySet::default(), read)
                .map(|verdict| verdict.map_err(|(_, read)| (None, read)));
        };
        let verdict = self.judge(token, &keys, read)?;
        Ok(verdict.map_err(|(rejected, read)| (Some(Refused { rejected, epoch }), read)))
    }

    /// Verifies with these keys. `Ok(Err(..))`: newer ones might lead to another verdict.
    pub(crate) fn judge<T, R: FnOnce(&VerifiedAccessToken<'_>) -> T>(
        &self,
        token: &str,
        keys: &KeySet,
        read: R,
    ) -> Result<Result<T, (VerificationError, R)>, ProviderError> {
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
    pub(crate) fn is_to_blame(&self, unavailable: &NotAvailableError) -> bool {
        unavailable.because.is_some() || !self.issuer.is_up_to_date(self.clock.now())
    }

    /// Why there is nothing of this now.
    pub(crate) fn unavailable(&self, why: NotAvailableError, what: &'static str) -> ProviderError {
        ProviderError::of_unavailable(
            self.issuer.says(why, what),
            what,
            self.issuer.name(),
            self.issuer.lost(),
        )
    }

    fn made(&self) -> MutexGuard<'_, Option<Client>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// With the keys of this epoch, a token is refused.
pub(crate) struct Refused {
    pub(crate) rejected: VerificationError,
    pub(crate) epoch: Epoch,
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("issuer", &self.issuer.name()).finish_non_exhaustive()
    }
}
