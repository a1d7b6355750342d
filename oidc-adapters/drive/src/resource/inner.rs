//! [`Inner`]: the settings of a handle, and what it has in memory.

use super::{
    error::AccessError,
    grant::Grant,
    keeper::Keeper,
    state::{Kept, Token},
};
use crate::{event::Clock, flight::SingleFlight, io::Io, provider::Provider, store::StoreError};
use oidc_proto::{
    Timestamp, UrlPolicy,
    flow::{ClientBuilder, ClientIdentities, DiscoveryRules, ResourceOrigins, ScopeStepUp, ServerChoice},
    message::RegisteredClient,
    metadata::ProviderMetadata,
};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicBool},
    time::Duration,
};

pub(super) struct Inner {
    /// The URL, to the letter.
    pub(super) url: String,
    pub(super) origins: ResourceOrigins,
    pub(super) urls: UrlPolicy,
    pub(super) rules: DiscoveryRules,
    pub(super) servers: ServerChoice,
    pub(super) identities: ClientIdentities,
    pub(super) redirect_uri: Option<String>,
    pub(super) grant: Grant,
    pub(super) scopes: Option<Vec<String>>,
    pub(super) offline_access: bool,
    pub(super) resource_on_refresh: bool,
    pub(super) step_up: ScopeStepUp,
    pub(super) shape: Arc<dyn Fn(ClientBuilder) -> ClientBuilder + Send + Sync>,
    pub(super) keeper: Keeper,
    /// Whether other processes may use the store.
    pub(super) is_shared: bool,
    pub(super) max_body: usize,
    pub(super) timeout: Duration,
    pub(super) io: Arc<Io>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) flight: Arc<SingleFlight<Option<Token>>>,
    pub(super) live: Mutex<Live>,
    /// Whether the newest token came from a refresh.
    pub(super) refreshed: AtomicBool,
}

/// What a handle has in memory.
#[derive(Default)]
pub(super) struct Live {
    pub(super) kept: Option<Kept>,
    pub(super) is_loaded: bool,
    pub(super) connected: Option<Arc<Connected>>,
    /// Why the latest attempt failed.
    pub(super) failed: Option<AccessError>,
    /// Why the latest change is not in the store.
    pub(super) unsaved: Option<StoreError>,
}

/// An authorization server with this program as its client.
pub(super) struct Connected {
    pub(super) provider: Provider,
    pub(super) server: Arc<ProviderMetadata>,
    pub(super) client_id: String,
    pub(super) registered: Option<RegisteredClient>,
}

impl Inner {
    pub(super) fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// How often the user was asked, though nothing of what they decided counts any more.
    pub(super) fn counted(&self) -> ScopeStepUp {
        let mut scopes =
            self.live().kept.as_ref().map_or_else(|| self.step_up.clone(), |kept| kept.scopes.clone());
        scopes.forget_scopes();
        scopes
    }

    /// Returns what is kept, as another process may have changed it.
    pub(super) async fn reload(&self) -> Result<Option<Kept>, StoreError> {
        let (kept, is_fresh) = {
            let live = self.live();
            // What could not be stored is newer than what is in the store.
            (live.kept.clone(), live.is_loaded && (!self.is_shared || live.unsaved.is_some()))
        };
        if is_fresh {
            return Ok(kept);
        }
        let stored = self.keeper.load().await?;
        let mut live = self.live();
        live.is_loaded = true;
        if stored.is_some() {
            live.kept = stored;
        }
        Ok(live.kept.clone())
    }

    /// Keeps this in memory and in the store.
    pub(super) async fn save(&self, kept: Kept) {
        self.live().kept = Some(kept.clone());
        let saved = self.keeper.save(&kept, self.clock.moment()).await;
        self.live().unsaved = saved.err();
    }
}
