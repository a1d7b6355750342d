//! How the handle begins a login: by URL, or with a pushed request where the provider or the client demands it.

use super::{error::ProviderError, handle::Provider};
use oidc_proto::{
    Moment,
    flow::{Client, PendingAuthorization, Pushed},
    message::AuthorizationRequest,
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
}
