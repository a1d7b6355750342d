//! Renewing access tokens by client credentials (RFC 6749 section 4.4).

use super::{Freshness, Renewed};
use crate::{
    base::moment::Moment,
    flow::{Call, Client, ClientCredentials, Error, Flow, Never, OneTry, Response, Step},
    message::TokenResponse,
};
use std::sync::Arc;

/// The flow from a client to a token of its own, and how long it is fresh. It asks once: when to ask
/// again is the policy's business.
#[derive(Debug)]
#[non_exhaustive]
pub struct TokenRenewal;

impl TokenRenewal {
    /// Asks for a token.
    ///
    /// # Errors
    /// As [`Client::client_credentials`].
    pub fn start(client: &Client, wanted: &ClientCredentials) -> Result<Call<Self>, Error> {
        Ok(client.client_credentials_once(wanted)?.map(|asked| asked))
    }
}

impl Flow for TokenRenewal {
    type Awaiting = <OneTry as Flow>::Awaiting;
    type Paused = Never;
    type Output = Renewed<TokenResponse>;

    fn on_response(
        asked: Self::Awaiting,
        response: &Response<'_>,
        moment: Moment,
    ) -> Result<Step<Self>, Error> {
        OneTry::on_response(asked, response, moment)?.within(
            (),
            |asked, ()| asked,
            |never, ()| never,
            |tokens, ()| {
                let freshness = tokens.expires_in.map_or(Freshness::UNKNOWN, Freshness::of_seconds);
                Ok(Step::Done(Renewed::new(Arc::new(tokens), freshness)))
            },
        )
    }

    fn on_wake(never: Never, _: Moment) -> Result<Step<Self>, Error> {
        match never {}
    }
}
