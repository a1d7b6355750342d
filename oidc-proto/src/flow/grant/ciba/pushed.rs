//! The verification of tokens that were pushed (CIBA section 10.3.1). The ID token is the signature of all of them.
//!
//! ```text
//! start ──vouched for──▶ Done(BackchannelTokens)
//!       ──another key──▶ Verifying ──keys──▶ Done(BackchannelTokens)
//! ```

use super::{authentication::BackchannelAuthentication, tokens::BackchannelTokens};
use crate::{
    base::moment::{Moment, Timestamp},
    flow::{
        client::Client,
        contract::{ConfigError, Error, Flow, Response, Step},
        exchange::{Check, Checked, Checking, Demands, Learned, Presented},
    },
    jose::KeySet,
    message::TokenResponse,
};
use std::{convert::Infallible, fmt};

/// Tokens that a provider has pushed to the client's notification endpoint, before they are verified.
#[derive(Clone)]
#[must_use = "nobody has verified the tokens yet"]
pub struct Push(Box<Pushed>);

#[derive(Clone)]
struct Pushed {
    authentication: BackchannelAuthentication,
    tokens: TokenResponse,
}

/// The flow from pushed tokens to verified ones. [`Push::verify`] starts it.
#[derive(Debug)]
#[non_exhaustive]
pub struct PushedTokens;

/// The request for keys is in flight.
pub struct Verifying {
    check: Box<Checking<Presented>>,
    tokens: Box<TokenResponse>,
}

impl Push {
    /// Returns `None` without an ID token.
    pub(super) fn new(authentication: &BackchannelAuthentication, tokens: TokenResponse) -> Option<Self> {
        tokens.id_token.as_ref()?;
        Some(Self(Box::new(Pushed { authentication: authentication.clone(), tokens })))
    }

    /// Verifies the tokens: the ID token must name the authentication request, the hash of the access token and the hash
    /// of the refresh token, if there is one. `keys` are as in
    /// [`callback`](crate::flow::PendingAuthorization::callback). The provider sends the tokens once. So this value stays,
    /// and if the request for keys is lost, it can be verified again.
    ///
    /// # Errors
    /// [`Error::Token`] if the ID token is refused; [`ConfigError::SavedState`] if the value belongs to another client or
    /// provider; [`ConfigError::NoEndpoint`] if keys are needed and the metadata has no usable `jwks_uri`.
    pub fn verify(
        &self,
        client: &Client,
        keys: Option<&KeySet>,
        now: Timestamp,
    ) -> Result<Step<PushedTokens>, Error> {
        let Pushed { authentication: BackchannelAuthentication(saved), tokens } = &*self.0;
        let id_token = match &tokens.id_token {
            Some(id_token)
                if saved.issuer == client.metadata().issuer && saved.client_id == client.client_id() =>
            {
                id_token.clone()
            }
            Some(_) | None => return Err(ConfigError::SavedState.into()),
        };
        let backchannel = Some(saved.demands(tokens.refresh_token.as_ref()));
        let demands = Demands { acr: saved.acr.clone(), backchannel, ..Demands::default() };
        let access_token = Some(tokens.access_token.clone());
        let signed = Presented { id_token, access_token, demands };
        let step = Check::start(signed, client.clone(), keys, Learned::default(), now)?;
        verifying(step, Box::new(tokens.clone()))
    }
}

fn verifying(step: Step<Check<Presented>>, tokens: Box<TokenResponse>) -> Result<Step<PushedTokens>, Error> {
    step.within(
        tokens,
        |check, tokens| Verifying { check: Box::new(check), tokens },
        |never, _| never,
        |Checked { good: id_token, learned }, tokens| {
            Ok(Step::Done(BackchannelTokens { tokens: *tokens, id_token, learned }))
        },
    )
}

impl Flow for PushedTokens {
    type Awaiting = Verifying;
    type Paused = Infallible;
    type Output = BackchannelTokens;

    fn on_response(state: Verifying, response: &Response<'_>, moment: Moment) -> Result<Step<Self>, Error> {
        verifying(Check::on_response(*state.check, response, moment)?, state.tokens)
    }

    fn on_wake(never: Infallible, _: Moment) -> Result<Step<Self>, Error> {
        match never {}
    }
}

/// Shows no token.
impl fmt::Debug for Push {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Push").field("authentication", &self.0.authentication).finish_non_exhaustive()
    }
}
