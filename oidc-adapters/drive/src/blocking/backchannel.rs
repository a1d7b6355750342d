//! Backchannel authentication with a handle for threads (OpenID Connect CIBA Core 1.0).

use super::Provider;
use crate::{drive::block_on, provider::ProviderError};
use oidc_proto::flow::{
    BackchannelAuthentication, BackchannelAuthenticationRequest, BackchannelTokens, ClientNotification,
    Delivery, NotificationError,
};

impl Provider {
    /// Asks the provider to authenticate a user on a device of theirs (CIBA section 7). The request is sent once. Save the
    /// result: [`poll_backchannel`](Self::poll_backchannel) gets the tokens, or a notification brings them.
    ///
    /// # Errors
    /// [`Client::backchannel_authentication`](oidc_proto::flow::Client::backchannel_authentication) fails, or the flow
    /// does.
    pub fn backchannel_authentication(
        &self,
        request: &BackchannelAuthenticationRequest,
    ) -> Result<BackchannelAuthentication, ProviderError> {
        block_on(self.0.backchannel_authentication(request))
    }

    /// Asks for the tokens of a user until the user has decided. The tokens are issued once, so only one caller may ask.
    ///
    /// # Errors
    /// [`BackchannelAuthentication::poll`] fails, or the flow does.
    pub fn poll_backchannel(
        &self,
        authentication: BackchannelAuthentication,
    ) -> Result<BackchannelTokens, ProviderError> {
        block_on(self.0.poll_backchannel(authentication))
    }

    /// Checks that a request to the notification endpoint came from the provider, for this authentication, and returns
    /// what it brings: see [`BackchannelAuthentication::receive`]. If the inner result is an error, answer with its
    /// [`response`](NotificationError::response), and go on waiting.
    ///
    /// # Errors
    /// The metadata is not available, or the settings do not fit it: answer 503.
    pub fn receive_backchannel(
        &self,
        authentication: &BackchannelAuthentication,
        notification: &ClientNotification,
    ) -> Result<Result<Delivery, NotificationError>, ProviderError> {
        block_on(self.0.receive_backchannel(authentication, notification))
    }

    /// Gets the tokens after a notification that was checked: asks for them after a ping, or verifies those that were
    /// pushed. The provider pushes once, so keep a [`Delivery::Push`] until it is verified: [`Push`] can be cloned.
    ///
    /// # Errors
    /// The flow fails, or the provider has said that the user was not authenticated.
    ///
    /// [`Push`]: oidc_proto::flow::Push
    pub fn backchannel_tokens(
        &self,
        authentication: BackchannelAuthentication,
        delivery: Delivery,
    ) -> Result<BackchannelTokens, ProviderError> {
        block_on(self.0.backchannel_tokens(authentication, delivery))
    }
}
