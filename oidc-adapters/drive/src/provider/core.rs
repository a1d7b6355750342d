//! [`Core`]: the state of a handle, async or blocking. Nothing here waits.

use super::{
    error::ProviderError,
    refresh::spent::{One, Spent},
};
use crate::{
    event::{Clock, Observer},
    flight::{NotAvailableError, SingleFlight, SingleFlights},
    issuer::{Issuer, TokenHash, hash, with_scratch},
    source::{Source, SourceError},
    store::SharedRefreshes,
};
use oidc_proto::{
    Error, Secret, Timestamp,
    flow::{
        Authenticated, CallbackError, Client, ClientBuilder, ClientCredentialsRequest, ConfigError,
        PendingAuthorization, PreviousLogin, Quirks, Refreshed,
    },
    jose::KeySet,
    message::{AuthorizationResponse, TokenResponse},
    metadata::ProviderMetadata,
    renew::{Epoch, Published, RenewalError, RenewalPolicy, Renewed},
    token::{AccessTokenVerifier, VerificationError, VerifiedAccessToken},
};
use std::{
    collections::BTreeMap,
    fmt, ptr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// The name of service tokens in events and errors.
pub(crate) const TOKEN: &str = "token";

/// The name of refreshes in events and errors.
pub(crate) const REFRESH: &str = "refresh";

/// The outcome of a login.
pub(crate) type Login = Result<Authenticated, ProviderError>;

/// The outcome of a refresh. A failure is an outcome only if it has the new refresh token, or if several nodes share the
/// refresh and the reason is among them.
pub(crate) type Refresh = Result<Arc<Refreshed>, ProviderError>;

/// The service tokens of a client, or of one session of it.
pub(crate) type ClientTokens = SingleFlights<ClientCredentialsRequest, TokenResponse>;

/// Makes an empty pool of service tokens.
pub(super) type TokenPool = Box<dyn Fn() -> ClientTokens + Send + Sync>;

/// Makes the client from the metadata.
pub(super) type ClientMaker =
    Box<dyn Fn(Arc<ProviderMetadata>, Option<&Secret>) -> Result<ClientBuilder, ConfigError> + Send + Sync>;

/// Where the handle reads its credentials anew for each attempt.
#[derive(Default)]
pub(crate) struct Sources {
    pub(crate) assertion: Option<Source>,
    pub(crate) secret: Option<Source>,
}

pub(crate) struct Core {
    pub(crate) issuer: Arc<Issuer>,
    pub(crate) tokens: ClientTokens,
    pub(super) token_pool: TokenPool,
    pub(crate) refreshes: Spent<Refresh>,
    /// The store in which several nodes share their refreshes.
    pub(crate) shared: Option<SharedRefreshes>,
    pub(crate) logins: Spent<Login>,
    pub(crate) clock: Arc<dyn Clock>,
    /// How long a token waits for keys.
    pub(crate) patience: Duration,
    /// When the tokens of workloads are renewed.
    pub(super) token_policy: RenewalPolicy,
    pub(super) maker: ClientMaker,
    /// The latest client, and the secret from a source that it was made with.
    pub(super) made: Mutex<Option<(Client, Option<Secret>)>>,
    pub(crate) sources: Sources,
    /// Why the latest renewal had no credential, if that is why it failed. Service tokens and refreshes are apart.
    pub(crate) source_failed: Mutex<BTreeMap<&'static str, SourceError>>,
    pub(super) verifier: Option<AccessTokenVerifier>,
}

impl Core {
    /// Returns the client for this metadata and this secret from a source, and makes a new one only if one of them has
    /// changed. The settings run code of the program, so no lock is held meanwhile.
    pub(crate) fn client(
        &self,
        metadata: Arc<ProviderMetadata>,
        secret: Option<Secret>,
    ) -> Result<Client, ConfigError> {
        self.sweep(self.clock.now());
        let made = self.made().clone();
        let fits = |(client, known): &(Client, _)| ptr::eq(client.metadata(), &*metadata) && *known == secret;
        if let Some((client, _)) = made.filter(fits) {
            return Ok(client);
        }
        let client = (self.maker)(metadata, secret.as_ref())?.build()?;
        let old = self.made().replace((client.clone(), secret));
        drop(old);
        Ok(client)
    }

    /// Returns a flight for the tokens of a workload.
    pub(super) fn workload_flight(&self, observer: &Observer) -> Arc<SingleFlight<TokenResponse>> {
        let flight = SingleFlight::with_clock(self.token_policy, Arc::clone(&self.clock));
        Arc::new(flight.with_observer(TOKEN, self.issuer.name(), observer))
    }

    /// Returns the client that was made last, however old its metadata is.
    pub(crate) fn latest_client(&self) -> Option<Client> {
        self.made().clone().map(|(client, _)| client)
    }

    /// Returns an empty pool of service tokens, for another key than that of this handle.
    pub(super) fn new_tokens(&self) -> ClientTokens {
        (self.token_pool)()
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
        client: &Client,
    ) -> Result<One<Login>, ProviderError> {
        // A signed response has its code inside, so the whole response counts as the code.
        let spent = response.code.as_ref().or(response.response.as_ref());
        let code = spent.ok_or(CallbackError::MissingCode).map_err(Error::from)?;
        // State, nonce, verifier and everything else: a caller that has all of it has it from the same browser. The tokens
        // are bound to a key, so the key counts, too.
        let saved = Secret::new(serde_json::to_string(pending).map_err(|_| ConfigError::SavedState)?);
        let key = client.dpop_thumbprint().unwrap_or_default();
        // The full capacity from the start: growing would leave copies in memory that are not wiped.
        let mut all = String::with_capacity(saved.expose().len() + key.len());
        all.push_str(saved.expose());
        all.push_str(key);
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

    /// Keeps why the latest renewal of `what` had no credential.
    pub(super) fn source_failed(&self, what: &'static str, failed: Option<SourceError>) {
        let mut kept = self.source_failed.lock().unwrap_or_else(PoisonError::into_inner);
        match failed {
            Some(failed) => drop(kept.insert(what, failed)),
            None => drop(kept.remove(what)),
        }
    }

    /// The error for `what`, which is not available.
    pub(crate) fn unavailable(&self, why: NotAvailableError, what: &'static str) -> ProviderError {
        if why.because == Some(RenewalError::NoResponse) {
            let failed = self.source_failed.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(failed) = failed.get(what) {
                return ProviderError::Source(failed.clone());
            }
        }
        ProviderError::of_unavailable(
            self.issuer.says(why, what),
            what,
            self.issuer.name(),
            self.issuer.lost(),
        )
    }

    fn made(&self) -> MutexGuard<'_, Option<(Client, Option<Secret>)>> {
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
