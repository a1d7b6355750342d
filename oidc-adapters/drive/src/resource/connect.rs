//! How a handle finds the authorization server of a resource, and makes this program its client.

use super::{
    challenge::Challenge,
    error::AccessError,
    inner::{Connected, Inner},
    state::Kept,
};
use crate::{
    drive::observed,
    provider::{ProviderBuilder, ProviderError, reason},
    store::SharedRefreshes,
};
use oidc_proto::{
    EndpointUrl,
    flow::{
        AuthorizationDiscovery, ClientIdentity, ConfigError, DiscoveredAuthorization, Discovery,
        DiscoveryOptions, Flow, IdentityChoice, IdentityKind, Registration, RegistrationRequest, Step,
    },
    message::RegisteredClient,
    metadata::{Profile, ProviderMetadata},
};
use std::sync::Arc;

impl Inner {
    /// Reads the metadata of the resource and of its authorization server, beginning with what a challenge says.
    pub(super) async fn discover(
        &self,
        challenge: &Challenge,
    ) -> Result<DiscoveredAuthorization, AccessError> {
        let discovery = AuthorizationDiscovery::new(&self.url, &self.urls)
            .rules(self.rules)
            .servers(self.servers.clone());
        Ok(self.run(&self.url, discovery.challenge(&challenge.headers).start()?).await?)
    }

    /// The scopes of a first authorization: those that the program names, or those that the resource does.
    pub(super) fn first_scopes(&self, found: &DiscoveredAuthorization) -> Vec<String> {
        let told = || found.scope.clone().unwrap_or_default();
        self.scopes.clone().unwrap_or_else(told)
    }

    /// Adds the scope for a refresh token, if the server has it (OpenID Connect Core 1.0 section 11).
    pub(super) fn with_offline_access(
        &self,
        found: &DiscoveredAuthorization,
        scopes: &[String],
    ) -> Vec<String> {
        const OFFLINE: &str = "offline_access";
        let offered = found.server.scopes_supported.iter().flatten().any(|scope| scope == OFFLINE);
        let mut scopes = scopes.to_vec();
        // Alone, it would replace the scopes that the server grants by itself.
        if self.offline_access
            && offered
            && !scopes.is_empty()
            && !scopes.iter().any(|scope| scope == OFFLINE)
        {
            scopes.push(OFFLINE.to_owned());
        }
        scopes
    }

    /// Makes this program a client of the server that was found. It registers if it has to.
    pub(super) async fn connect(
        &self,
        found: &DiscoveredAuthorization,
    ) -> Result<Arc<Connected>, AccessError> {
        let server = &found.server;
        let registered = self.keeper.registration(&server.issuer, self.registered_for()).await?;
        let identity = match self.identities.choose(server, registered.as_ref(), self.now())? {
            IdentityChoice::Client(identity) => identity,
            IdentityChoice::Register(metadata) => {
                let call = Registration::start(server, &RegistrationRequest::new(*metadata))?;
                let client = self.run(&server.issuer, call).await?;
                // A registration that is not stored would be made again and again.
                self.keeper.register(self.registered_for(), &client, self.clock.moment()).await?;
                // It is of this server and has not ended, so it is chosen.
                let IdentityChoice::Client(identity) =
                    self.identities.choose(server, Some(&client), self.now())?
                else {
                    return Err(AccessError::NoGrant);
                };
                return self.connection(Arc::new(server.clone()), &identity, Some(client));
            }
            _ => return Err(AccessError::NoGrant),
        };
        self.connection(Arc::new(server.clone()), &identity, registered)
    }

    /// The server of the tokens that are kept. `None` if this program is another client there by now.
    pub(super) async fn connected(&self, kept: &Kept) -> Result<Option<Arc<Connected>>, AccessError> {
        let at_hand = self.live().connected.clone();
        let fits =
            |one: &Arc<Connected>| one.provider.issuer() == kept.issuer && one.client_id == kept.client_id;
        if let Some(connected) = at_hand.filter(fits) {
            return Ok(Some(connected));
        }
        let place = EndpointUrl::parse(&kept.server_at, &self.urls).map_err(ConfigError::Issuer)?;
        let options =
            DiscoveryOptions::new(&self.urls).profile(Profile::AuthorizationServer).document_at(place);
        let server = self.run(&kept.issuer, Discovery::with(&kept.issuer, options)?).await?;
        let choice = self.identities.choose(&server, kept.registered.as_ref(), self.now())?;
        let IdentityChoice::Client(identity) = choice else { return Ok(None) };
        if identity.client_id() != kept.client_id {
            return Ok(None);
        }
        self.connection(Arc::new(server), &identity, kept.registered.clone()).map(Some)
    }

    fn connection(
        &self,
        server: Arc<ProviderMetadata>,
        identity: &ClientIdentity,
        registered: Option<RegisteredClient>,
    ) -> Result<Arc<Connected>, AccessError> {
        let registered = registered.filter(|_| identity.kind() == IdentityKind::Registered);
        // A server may move its endpoints, and a registration may have a new secret.
        let at_hand = self.live().connected.clone();
        if let Some(known) = at_hand
            && known.server == server
            && known.client_id == identity.client_id()
            && known.registered == registered
        {
            return Ok(known);
        }
        let shape = Arc::clone(&self.shape);
        let mut builder = ProviderBuilder::new(server.issuer.clone(), Arc::clone(&self.io))
            .metadata((*server).clone())
            .url_policy(self.urls.clone())
            .identity(identity.clone())
            .client(move |client| shape(client))
            .shared_clock(Arc::clone(&self.clock));
        if let Some(redirect_uri) = &self.redirect_uri {
            builder = builder.redirect_uri(redirect_uri);
        }
        if self.is_shared {
            builder = builder.shared_refreshes(SharedRefreshes::new(
                Arc::clone(&self.keeper.store),
                self.keeper.keys.clone(),
            ));
        }
        let connected = Arc::new(Connected {
            provider: builder.build()?,
            client_id: identity.client_id().to_owned(),
            registered,
            server,
        });
        self.live().connected = Some(Arc::clone(&connected));
        Ok(connected)
    }

    /// What a registration is for: another redirect URI needs another one.
    fn registered_for(&self) -> &str {
        self.redirect_uri.as_deref().unwrap_or_default()
    }

    /// Forgets a registration that the server does not know any more.
    pub(super) async fn forget_registration(&self, issuer: &str) -> Result<(), AccessError> {
        self.live().connected = None;
        Ok(self.keeper.forget_registration(issuer, self.registered_for()).await?)
    }

    async fn run<F: Flow>(&self, whom: &str, step: impl Into<Step<F>>) -> Result<F::Output, ProviderError> {
        let send = |request, terms| self.io.send(request, terms);
        let sleep = |span| self.io.sleep(span);
        let ran = observed(step, self.io.clock(), send, sleep, self.io.observer()).await;
        ran.map_err(|failed| reason(failed, whom))
    }
}
