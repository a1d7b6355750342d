//! Renewing access tokens by client credentials (RFC 6749 section 4.4).
//!
//! ```text
//! Repeating ──granted──▶ Done(Renewed<TokenResponse>)
//! ```

use super::{Freshness, Renewed};
use crate::{
    base::moment::Moment,
    flow::{Call, Client, ClientCredentialsGrant, ClientCredentialsRequest, Error, Step, Then},
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
    pub fn start(
        client: &Client,
        wanted: &ClientCredentialsRequest,
        moment: Moment,
    ) -> Result<Call<Self>, Error> {
        Ok(client.client_credentials_once(wanted, moment)?.carrying(()))
    }
}

impl Then for TokenRenewal {
    type First = ClientCredentialsGrant;
    type Carried = ();
    type Output = Renewed<TokenResponse>;

    fn then(tokens: TokenResponse, (): (), _: Moment) -> Result<Step<Self>, Error> {
        let freshness = tokens.expires_in.map_or(Freshness::UNKNOWN, Freshness::lasting);
        Ok(Step::Done(Renewed::new(Arc::new(tokens), freshness)))
    }
}
