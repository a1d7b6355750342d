//! [`Core`]: the state of a handle, async or blocking. Nothing here waits.

use super::{
    error::ProviderError,
    spent::{One, Spent},
};
use crate::{
    event::Clock,
    flight::{NotAvailableError, SingleFlights},
    issuer::{Issuer, TokenHash, hash, with_scratch},
    store::SharedRefreshes,
};
use oidc_proto::{
    Error, Timestamp,
    flow::{
        Authenticated, CallbackError, Client, ClientBuilder, ClientCredentialsRequest, ConfigError,
        PendingAuthorization, PreviousLogin, Quirks, Refreshed,
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

/// The outcome of a login.
pub(crate) type Login = Result<Authenticated, ProviderError>;

/// The outcome of a refresh. A failure is an outcome only if it has the new refresh token, or if several nodes share the
/// refresh and the reason is among them.
pub(crate) type Refresh = Result<Arc<Refreshed>, ProviderError>;

/// Makes the client from the metadata.
pub(super) type ClientMaker = Box<dyn Fn(Arc<ProviderMetadata>) -> ClientBuilder + Send + Sync>;

pub(crate) struct Core {
    pub(crate) issuer: Arc<Issuer>,
    pub(crate) tokens: SingleFlights<ClientCredentialsRequest, TokenResponse>,
    pub(crate) refreshes: Spent<Refresh>,
    /// The store in which several nodes share their refreshes.
    pub(crate) shared: Option<SharedRefreshes>,
    pub(crate) logins: Spent<Login>,
    pub(crate) clock: Arc<dyn Clock>,
    /// How long a token waits for keys.
    pub(crate) patience: Duration,
    pub(super) maker: ClientMaker,
    pub(super) made: Mutex<Option<Client>>,
    pub(super) verifier: Option<AccessTokenVerifier>,
}

impl Core {
    /// Returns the client for this metadata, and makes a new one only if the metadata has changed. The settings run
    /// code of the program, so no lock is held meanwhile.
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

    /// Forgets the outcomes of codes and refresh tokens that are more than a minute old.
    pub(crate) fn sweep(&self, now: Timestamp) {
        self.refreshes.sweep(now);
        self.logins.sweep(now);
    }

    /// Returns the one login that belongs to this code, if `pending` is the login that began it. Otherwise the code
    /// is not sent: it was sent before, and is not valid a second time.
    pub(crate) fn login(
        &self,
        pending: &PendingAuthorization,
        response: &AuthorizationResponse,
    ) -> Result<One<Login>, ProviderError> {
        // A signed response has its code inside, so the whole response counts as the code.
        let spent = response.code.as_ref().or(response.response.as_ref());
        let code = spent.ok_or(CallbackError::MissingCode).map_err(Error::from)?;
        // State, nonce, verifier and everything else: a caller that has all of it has it from the same browser.
        let all = serde_json::to_string(pending).map_err(|_| ConfigError::SavedState)?;
        self.logins.one_of(code, hash(&all.into())).ok_or(ProviderError::CodeSpent)
    }

    /// Ends a login that began at this time, when the keys of this epoch were held. Keys that it fetched are kept.
    pub(crate) fn ended(&self, login: Login, began: Timestamp, known: Epoch) -> Renewed<Login> {
        if let Ok(authenticated) = &login {
            self.issuer.learn(&authenticated.learned, known);
        }
        self.logins.kept(login, began)
    }

    /// Ends a refresh that began at this time, when the keys of this epoch were held. If the provider did not replace
    /// the refresh token, it may be sent again at once.
    pub(crate) fn refreshed(
        &self,
        spent: &TokenHash,
        refreshed: Refresh,
        began: Timestamp,
        known: Epoch,
    ) -> Renewed<Refresh> {
        if let Ok(refreshed) = &refreshed {
            self.issuer.learn(&refreshed.learned, known);
            // A provider that does not rotate refresh tokens may send the same one again.
            if refreshed.tokens.refresh_token.as_ref().is_none_or(|next| hash(next) == *spent) {
                self.refreshes.remove(spent);
            }
        }
        self.refreshes.kept(refreshed, began)
    }

    /// Ends a refresh that several nodes share and that says nothing about the token. Whoever waits now gets it.
    pub(crate) fn not_shared(
        &self,
        spent: &TokenHash,
        why: ProviderError,
        began: Timestamp,
    ) -> Renewed<Refresh> {
        self.refreshes.remove(spent);
        self.refreshes.kept(Err(why), began)
    }

    /// Checks the result of a refresh against the login of this caller. Another caller may have sent the token.
    pub(crate) fn hold_to(
        refreshed: &Refreshed,
        previous: Option<&PreviousLogin>,
        quirks: Quirks,
    ) -> Result<(), Error> {
        previous.map_or(Ok(()), |previous| refreshed.check(previous, quirks))
    }

    /// Verifies a token with the keys in memory. `Ok(Err(..))` means that only newer keys can decide; if there were
    /// keys, their refusal is inside, so that nobody computes it again.
    pub(crate) fn verify_now<T, R: FnOnce(&VerifiedAccessToken<'_>) -> T>(
        &self,
        token: &str,
        read: R,
    ) -> Result<Result<T, (Option<Refused>, R)>, ProviderError> {
        let now = self.clock.now();
        self.sweep(now);
        let Some(Published { value: keys, epoch, .. }) = self.issuer.keys_at_hand(now) else {
            // Does not wait for keys if any keys would refuse the token, or if there is no audience.
            return self
                .judge(token, &KeySet::default(), read)
                .map(|verdict| verdict.map_err(|(_, read)| (None, read)));
        };
        let verdict = self.judge(token, &keys, read)?;
        Ok(verdict.map_err(|(rejected, read)| (Some(Refused { rejected, epoch }), read)))
    }

    /// Verifies a token with these keys. `Ok(Err(..))` means that newer keys might lead to another verdict.
    pub(crate) fn judge<T, R: FnOnce(&VerifiedAccessToken<'_>) -> T>(
        &self,
        token: &str,
        keys: &KeySet,
        read: R,
    ) -> Result<Result<T, (VerificationError, R)>, ProviderError> {
        let verifier = self.verifier.as_ref().ok_or(ProviderError::NoAudience)?;
        let now = self.clock.now();
        with_scratch(|scratch| match verifier.verify(token, keys, scratch, now) {
            Ok(verified) => Ok(Ok(read(&verified))),
            Err(rejected) if rejected.wants_newer_keys() && !self.issuer.is_fixed() => {
                Ok(Err((rejected, read)))
            }
            Err(rejected) => Err(rejected.into()),
        })
    }

    /// Whether newer keys are missing because of this program or of the provider, and not because of the token.
    pub(crate) fn is_to_blame(&self, unavailable: &NotAvailableError) -> bool {
        unavailable.because.is_some() || !self.issuer.is_up_to_date(self.clock.now())
    }

    /// The error for `what`, which is not available.
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

/// The refusal of a token, by the keys of this epoch.
pub(crate) struct Refused {
    pub(crate) rejected: VerificationError,
    pub(crate) epoch: Epoch,
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("issuer", &self.issuer.name()).finish_non_exhaustive()
    }
}
