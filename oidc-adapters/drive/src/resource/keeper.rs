//! [`Keeper`]: where registrations and tokens stay between two runs of a program.

use super::state::Kept;
use crate::store::{Store, StoreError, name};
use oidc_proto::{
    Moment, Secret,
    flow::{AppState, Seal, SealError, SealingKeys},
    message::RegisteredClient,
};
use std::{str, sync::Arc, time::Duration};

/// How long tokens and registrations are kept after they were written last. Refresh tokens rarely live longer.
const LIFETIME: Duration = Duration::from_secs(400 * 86_400);

/// A store, and the keys that seal what is in it.
#[derive(Clone)]
pub(super) struct Keeper {
    pub(super) store: Arc<dyn Store>,
    pub(super) keys: SealingKeys,
    /// The names of what is kept: of the resource and the account.
    key: String,
}

impl Keeper {
    pub(super) fn new(store: Arc<dyn Store>, keys: SealingKeys, resource: &str, account: &str) -> Self {
        Self { store, keys, key: name("access", resource, &[account]) }
    }

    /// Returns what is kept of the resource.
    pub(super) async fn load(&self) -> Result<Option<Kept>, StoreError> {
        let kept = self.open::<AppState<Kept>>(&self.key).await?;
        match kept {
            Some(AppState(kept)) if !kept.is_known() => Err(StoreError::Value),
            kept => Ok(kept.map(|AppState(kept)| kept)),
        }
    }

    pub(super) async fn save(&self, kept: &Kept, moment: Moment) -> Result<(), StoreError> {
        self.seal(&self.key, &AppState(kept.clone()), moment).await
    }

    /// Notes that the resource has accepted this token. If another process has changed what is kept meanwhile, nothing is
    /// written: the next accepted request notes it.
    pub(super) async fn accept(&self, token: &Secret, moment: Moment) -> Result<(), StoreError> {
        let Some(before) = self.store.get(&self.key).await?.value else { return Ok(()) };
        let sealed = str::from_utf8(&before).map_err(|_| SealError::NotSealed)?;
        let AppState(mut kept) = self.keys.open_stored::<AppState<Kept>>(sealed, &self.key)?;
        if !kept.is_known() || !kept.has_token(token) {
            return Ok(());
        }
        kept.scopes.accepted();
        let after = self.keys.seal_stored(&AppState(kept), &self.key, moment)?;
        let new = Some((after.as_bytes(), LIFETIME));
        self.store.compare_and_set(&self.key, Some(&before), new).await.map(drop)
    }

    /// Returns the registration at this authorization server, for these settings of the program.
    pub(super) async fn registration(
        &self,
        issuer: &str,
        settings: &str,
    ) -> Result<Option<RegisteredClient>, StoreError> {
        self.open(&registration(issuer, settings)).await
    }

    pub(super) async fn register(
        &self,
        settings: &str,
        client: &RegisteredClient,
        moment: Moment,
    ) -> Result<(), StoreError> {
        self.seal(&registration(&client.issuer, settings), client, moment).await
    }

    /// Forgets a registration, which the authorization server does not know any more.
    pub(super) async fn forget_registration(&self, issuer: &str, settings: &str) -> Result<(), StoreError> {
        self.store.take(&registration(issuer, settings)).await.map(drop)
    }

    async fn open<S: Seal>(&self, key: &str) -> Result<Option<S>, StoreError> {
        let Some(sealed) = self.store.get(key).await?.value else { return Ok(None) };
        let sealed = str::from_utf8(&sealed).map_err(|_| SealError::NotSealed)?;
        Ok(Some(self.keys.open_stored(sealed, key)?))
    }

    async fn seal<S: Seal>(&self, key: &str, value: &S, moment: Moment) -> Result<(), StoreError> {
        let sealed = self.keys.seal_stored(value, key, moment)?;
        self.store.put(key, sealed.as_bytes(), LIFETIME).await
    }
}

fn registration(issuer: &str, settings: &str) -> String {
    name("client", issuer, &[settings])
}
