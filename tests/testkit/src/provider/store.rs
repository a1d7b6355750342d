//! The provider's store: grants, and the codes and tokens that belong to them.

use super::{User, device::Device};
use oidc_proto::base::Timestamp;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The rights of a client. Revoking a grant revokes every code and token that belongs to it.
#[derive(Clone)]
pub(super) struct Grant {
    pub(super) client_id: String,
    /// `None` if the client acts for itself.
    pub(super) user: Option<User>,
    pub(super) scope: Vec<String>,
    pub(super) resources: Vec<String>,
    pub(super) auth_time: Timestamp,
    pub(super) acr: Option<String>,
    /// The `claims` parameter (OpenID Connect Core 1.0 section 5.5).
    pub(super) claims: Value,
    pub(super) revoked: bool,
}

impl Grant {
    pub(super) fn subject(&self) -> &str {
        self.user.as_ref().map_or(&self.client_id, |user| &user.sub)
    }

    pub(super) fn allows(&self, scope: &str) -> bool {
        self.scope.iter().any(|known| known == scope)
    }
}

#[derive(Clone)]
pub(super) struct Code {
    pub(super) grant: usize,
    pub(super) redirect_uri: String,
    pub(super) challenge: String,
    pub(super) nonce: Option<String>,
    pub(super) expires: Timestamp,
    pub(super) used: bool,
}

#[derive(Clone, Copy)]
pub(super) struct Refresh {
    pub(super) grant: usize,
    pub(super) used: bool,
}

#[derive(Clone)]
pub(super) struct Access {
    pub(super) grant: usize,
    /// The claims for introspection, before any alteration.
    pub(super) claims: Map<String, Value>,
    pub(super) scope: Vec<String>,
    pub(super) expires: Timestamp,
}

#[derive(Default)]
pub(super) struct Store {
    grants: Vec<Grant>,
    pub(super) codes: BTreeMap<String, Code>,
    pub(super) refresh_tokens: BTreeMap<String, Refresh>,
    pub(super) access_tokens: BTreeMap<String, Access>,
    pub(super) devices: BTreeMap<String, Device>,
    /// Who acts for the user of a grant: the claim `act` of its tokens.
    pub(super) actors: BTreeMap<usize, Value>,
    /// Who acts for the user of the next grant.
    pub(super) next_actor: Option<Value>,
}

impl Store {
    pub(super) fn add(&mut self, grant: Grant) -> usize {
        self.grants.push(grant);
        self.grants.len() - 1
    }

    pub(super) fn grant(&self, grant: usize) -> &Grant {
        &self.grants[grant]
    }

    pub(super) fn revoke_client(&mut self, client_id: &str) {
        self.grants
            .iter_mut()
            .filter(|grant| grant.client_id == client_id)
            .for_each(|grant| grant.revoked = true);
    }

    pub(super) fn revoke(&mut self, grant: usize) {
        self.grants[grant].revoked = true;
    }
}
