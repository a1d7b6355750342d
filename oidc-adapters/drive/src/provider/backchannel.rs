//! Backchannel authentication with a handle (OpenID Connect CIBA Core 1.0).

use super::{error::ProviderError, handle::Provider};
use oidc_proto::{
    Timestamp,
    flow::{
        Attempt, BackchannelAuthentication, BackchannelAuthenticationRequest, BackchannelGrant,
        BackchannelTokens, ClientNotification, Delivery, Learned, NotificationError, Pause,
    },
    jose::KeySet,
};
use std::sync::Arc;

impl Provider {
    /// Asks the provider to authenticate a user on a device of theirs (CIBA section 7). The request is sent once. Save the
    /// result: [`poll_backchannel`](Self::poll_backchannel) gets the tokens, or a notification brings them.
    ///
    /// # Errors
    /// [`Client::backchannel_authentication`](oidc_proto::flow::Client::backchannel_authentication) fails, or the flow
    /// does.
    pub async fn backchannel_authentication(
        &self,
        request: &BackchannelAuthenticationRequest,
    ) -> Result<BackchannelAuthentication, ProviderError> {
        self.ask_once(|attempt, moment| attempt.backchannel_authentication(request, moment)).await
    }

    /// Asks for the tokens of a user until the user has decided. The tokens are issued once, so only one caller may ask.
    /// If the future is dropped, ask again with the saved authentication; tokens that were on their way are lost.
    ///
    /// # Errors
    /// [`BackchannelAuthentication::poll`] fails, or the flow does.
    pub async fn poll_backchannel(
        &self,
        authentication: BackchannelAuthentication,
    ) -> Result<BackchannelTokens, ProviderError> {
        let client = self.client().await?;
        let (keys, known) = (self.keys_if_any().await, self.core().issuer.epoch());
        let pause = authentication.poll(&client, keys.clone(), self.core().clock.now())?;
        let tokens = match self.is_sourced() {
            true => self.ask_backchannel(pause.save(), pause.until(), keys).await?,
            false => self.run(pause).await?,
        };
        self.learn(&tokens.learned, known);
        Ok(tokens)
    }

    /// Checks that a request to the notification endpoint came from the provider, for this authentication, and returns
    /// what it brings: see [`BackchannelAuthentication::receive`]. If the inner result is an error, answer with its
    /// [`response`](NotificationError::response), and go on waiting.
    ///
    /// # Errors
    /// The metadata is not available, or the settings do not fit it: answer 503.
    pub async fn receive_backchannel(
        &self,
        authentication: &BackchannelAuthentication,
        notification: &ClientNotification,
    ) -> Result<Result<Delivery, NotificationError>, ProviderError> {
        let client = self.client().await?;
        Ok(authentication.receive(notification, &client, self.core().clock.now()))
    }

    /// Gets the tokens after a notification that was checked: asks for them after a ping, or verifies those that were
    /// pushed. The provider pushes once, so keep a [`Delivery::Push`] until it is verified: [`Push`] can be cloned.
    ///
    /// # Errors
    /// The flow fails, or the provider has said that the user was not authenticated.
    ///
    /// [`Push`]: oidc_proto::flow::Push
    pub async fn backchannel_tokens(
        &self,
        authentication: BackchannelAuthentication,
        delivery: Delivery,
    ) -> Result<BackchannelTokens, ProviderError> {
        let client = self.client().await?;
        let (keys, known) = (self.keys_if_any().await, self.core().issuer.epoch());
        let tokens = match delivery {
            // The next credential is read for each request.
            Delivery::Ping(_) if self.is_sourced() => {
                self.ask_backchannel(authentication, self.core().clock.now(), keys).await?
            }
            Delivery::Ping(ping) => {
                let moment = self.core().clock.moment();
                self.run(authentication.pinged(ping, &client, keys, moment)?).await?
            }
            Delivery::Push(push) => {
                let now = self.core().clock.now();
                self.run(push.verify(&client, keys.as_deref(), now)?).await?
            }
            Delivery::Failed(error) => return Err(error.into()),
            // There is no other kind in this version of `oidc-proto`.
            _ => return Err(oidc_proto::flow::ConfigError::SavedState.into()),
        };
        self.learn(&tokens.learned, known);
        Ok(tokens)
    }

    /// Asks for the tokens from `next` on, with a new credential for each request.
    async fn ask_backchannel(
        &self,
        authentication: BackchannelAuthentication,
        next: Timestamp,
        keys: Option<Arc<KeySet>>,
    ) -> Result<BackchannelTokens, ProviderError> {
        let ask = |attempt: Attempt, authentication, moment| {
            attempt.poll_backchannel(authentication, keys.clone(), moment)
        };
        self.polled((authentication, next), Pause::<BackchannelGrant>::save, ask).await
    }

    fn learn(&self, learned: &Learned, known: oidc_proto::renew::Epoch) {
        self.core().issuer.learn(learned, known);
    }
}
