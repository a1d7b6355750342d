//! How the handle begins a login: by URL, or with a pushed request where the provider or the client demands it.

use super::{error::ProviderError, handle::Provider};
use oidc_proto::{
    Moment,
    flow::{Client, PendingAccess, PendingAuthorization, Pushed},
    message::{AccessRequest, AuthorizationRequest},
};
use url::Url;

impl Provider {
    /// Begins a login. Each call pushes anew: a reference works once.
    pub(super) async fn begin(
        &self,
        client: Client,
        request: &AuthorizationRequest,
        moment: Moment,
    ) -> Result<(Url, PendingAuthorization), ProviderError> {
        if !client.requires_pushed_requests() {
            return Ok(client.authorize(request, moment)?);
        }
        let push = |attempt, moment: Moment| {
            let (first, second) = moment.halve();
            client.prepare_authorization(request, first)?.push_with(attempt, second)
        };
        let Pushed { url, pending, .. } = self.ask_once(push).await?;
        Ok((url, pending))
    }

    /// Begins an authorization of plain OAuth: returns the URL to which to send the user, and the state to keep until they
    /// return. The request is pushed if the provider or the client demands it. To end it, [run](Self::run)
    /// [`PendingAccess::callback`].
    ///
    /// # Errors
    /// The metadata is not available, or [`Client::authorize_access`] or the pushed request fails.
    pub async fn authorize_access(
        &self,
        request: &AccessRequest,
    ) -> Result<(Url, PendingAccess), ProviderError> {
        let (client, moment) = (self.client().await?, self.core().clock.moment());
        if !client.requires_pushed_requests() {
            return Ok(client.authorize_access(request, moment)?);
        }
        let push = |attempt, moment: Moment| {
            let (first, second) = moment.halve();
            client.prepare_access(request, first)?.push_with(attempt, second)
        };
        let Pushed { url, pending, .. } = self.ask_once(push).await?;
        Ok((url, pending))
    }
}
