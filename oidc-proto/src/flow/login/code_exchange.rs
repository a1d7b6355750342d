//! The exchange of the code of a callback for tokens. The code is sent only after the response that came through the
//! browser is verified (OpenID Connect Core 1.0 section 3.3.2.10, RFC 6749 section 4.1.3).
//!
//! ```text
//! start ──parameters, signed response──▶ Token ──granted──▶ Done(Exchanged)
//!       ──response of another key──▶ Front ──keys──▶ Token
//! ```

use super::{
    authorize::code_form,
    front::{Front, FrontChannel, Fronted, Fronting},
};
use crate::{
    base::{moment::Moment, secret::Secret},
    flow::{
        client::Attempt,
        contract::{CallbackError, Endpoint, Error, Flow, Response, Step},
        exchange::{Aim, Ask, Learned, Post, Posting},
    },
    message::TokenResponse,
};
use std::convert::Infallible;

/// The sub-flow from a callback to a token response.
#[derive(Debug)]
#[non_exhaustive]
pub struct CodeExchange;

/// The values that the token request sends with the code.
pub struct Sending {
    pub(in crate::flow) attempt: Attempt,
    pub(in crate::flow) redirect_uri: String,
    /// `None` if the request was sent without PKCE.
    pub(in crate::flow) code_verifier: Option<Secret>,
    /// The other secrets that the provider knows: no error may repeat them.
    pub(in crate::flow) bound: Vec<Secret>,
    /// What the token is for.
    pub(in crate::flow) aim: Aim,
}

/// The token response for a code, and the tokens that came with the code through the browser.
pub struct Exchanged {
    pub(in crate::flow) tokens: TokenResponse,
    pub(in crate::flow) code: Secret,
    pub(in crate::flow) channel: FrontChannel,
    pub(in crate::flow) learned: Learned,
}

/// A request is in flight.
pub struct Coding(pub(in crate::flow) CodingState);

pub(in crate::flow) enum CodingState {
    /// The request is for keys to verify the response that came through the browser.
    Front { front: Fronting, sending: Box<Sending> },
    /// The request sends the code.
    Token { post: Posting, came: Box<Came> },
}

/// The verified values that came through the browser.
pub struct Came {
    code: Secret,
    channel: FrontChannel,
    learned: Learned,
    /// Whether a PKCE verifier is sent, and the metadata do not mention PKCE.
    sent_unknown_pkce: bool,
}

impl CodeExchange {
    pub(in crate::flow) fn start(
        front: Step<Front>,
        sending: Sending,
        moment: Moment,
    ) -> Result<Step<Self>, Error> {
        front.within(
            Box::new(sending),
            |front, sending| Coding(CodingState::Front { front, sending }),
            |never, _| never,
            |fronted, sending| sending.send(fronted, moment),
        )
    }
}

impl Sending {
    fn send(self, fronted: Fronted, moment: Moment) -> Result<Step<CodeExchange>, Error> {
        let Fronted { code, channel, learned } = fronted;
        let code = code.ok_or(CallbackError::MissingCode)?;
        let unknown = self.attempt.client.metadata().names_s256().is_none();
        let sent_unknown_pkce = unknown && self.code_verifier.is_some();
        let form = code_form(code.clone(), self.redirect_uri, self.code_verifier);
        let ask = Ask::new(self.attempt, Endpoint::Token, form).bound(self.bound).aiming(self.aim)?;
        let front = channel.tokens.iter().map(|tokens| tokens.access_token.clone());
        let front = front.chain(channel.id_token.iter().map(|id_token| id_token.token.clone()));
        let call = ask.bound(front).once::<TokenResponse>(moment)?;
        let came = Box::new(Came { code, channel, learned, sent_unknown_pkce });
        Ok(call.map(|post| Coding(CodingState::Token { post, came })).into())
    }
}

impl Flow for CodeExchange {
    type Awaiting = Coding;
    type Paused = Infallible;
    type Output = Exchanged;

    fn on_response(state: Coding, response: &Response<'_>, moment: Moment) -> Result<Step<Self>, Error> {
        match state {
            Coding(CodingState::Front { front, sending }) => {
                let (first, second) = moment.halve();
                Self::start(Front::on_response(front, response, first)?, *sending, second)
            }
            Coding(CodingState::Token { post, came }) => {
                let mut step = Post::<TokenResponse>::on_response(post, response, moment);
                if let Err(Error::OAuth(refused)) = &mut step {
                    refused.sent_unknown_pkce = came.sent_unknown_pkce;
                }
                step?.within(
                    came,
                    |post, came| Coding(CodingState::Token { post, came }),
                    |never, _| never,
                    |tokens, came| {
                        let Came { code, channel, learned, .. } = *came;
                        Ok(Step::Done(Exchanged { tokens, code, channel, learned }))
                    },
                )
            }
        }
    }

    fn on_wake(never: Infallible, _: Moment) -> Result<Step<Self>, Error> {
        match never {}
    }
}
