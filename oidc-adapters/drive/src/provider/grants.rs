//! The grants of a handle that bring tokens for a token, for an assertion, or by a rule of one's own.

use super::{error::ProviderError, handle::Provider};
use oidc_proto::{
    flow::{AssertionGrantRequest, ExchangedToken, GrantRequest, IdJag, IdJagRequest, TokenExchangeRequest},
    message::TokenResponse,
};

impl Provider {
    /// Exchanges a token for another one (RFC 8693), such as a user's token at this API for a token at the next API. Each
    /// call sends a request.
    ///
    /// # Errors
    /// [`Client::exchange`](oidc_proto::flow::Client::exchange) fails, or the flow does.
    pub async fn exchange(&self, wanted: &TokenExchangeRequest) -> Result<ExchangedToken, ProviderError> {
        self.ask_once(|attempt, moment| attempt.exchange(wanted, moment)).await
    }

    /// Gets tokens with an assertion: a JWT (RFC 7523) or a SAML 2.0 assertion (RFC 7522) of a party that the provider
    /// trusts. Each call sends a request.
    ///
    /// # Errors
    /// [`Client::assertion_grant`](oidc_proto::flow::Client::assertion_grant) fails, or the flow does.
    pub async fn assertion_grant(
        &self,
        wanted: AssertionGrantRequest,
    ) -> Result<TokenResponse, ProviderError> {
        let attempt = self.only_attempt().await?;
        self.run(attempt.assertion_grant(wanted, self.core.clock.moment())?).await
    }

    /// Gets an ID-JAG from this identity provider: its word for a user, for the authorization server of another service.
    /// The handle of that server [redeems](Self::redeem_id_jag) it.
    ///
    /// # Errors
    /// [`Client::id_jag`](oidc_proto::flow::Client::id_jag) fails, or the flow does.
    pub async fn id_jag(&self, wanted: &IdJagRequest) -> Result<IdJag, ProviderError> {
        self.ask_once(|attempt, moment| attempt.id_jag(wanted, moment)).await
    }

    /// Gets tokens of this authorization server with the ID-JAG of an identity provider.
    ///
    /// # Errors
    /// [`Client::redeem_id_jag`](oidc_proto::flow::Client::redeem_id_jag) fails, or the flow does.
    pub async fn redeem_id_jag(&self, id_jag: IdJag) -> Result<TokenResponse, ProviderError> {
        let attempt = self.only_attempt().await?;
        self.run(attempt.redeem_id_jag(id_jag, self.core.clock.moment())?).await
    }

    /// Gets tokens with a grant of one's own. [`GrantRequest`] has an example.
    ///
    /// # Errors
    /// [`Client::grant`](oidc_proto::flow::Client::grant) fails, or the flow does.
    pub async fn grant(&self, wanted: &GrantRequest) -> Result<TokenResponse, ProviderError> {
        self.ask_once(|attempt, moment| attempt.grant(wanted, moment)).await
    }
}
