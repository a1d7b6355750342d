//! The verification of a response that came through the browser: of the signed response, if the request asked for one
//! (JARM section 2.4), and of the ID token that comes with a code or instead of one (OpenID Connect Core 1.0 sections
//! 3.2.2.11 and 3.3.2.12). Nothing is sent to the token endpoint before that.
//!
//! ```text
//! start ──parameters, signed response, ID token──▶ Done(Fronted)
//!       ──response of another key──▶ Response ──keys──▶ Done(Fronted)
//!       ──ID token of another key──▶ IdToken ──keys──▶ Done(Fronted)
//! ```
//! It fetches keys at most once, and only for a response with the `state` of this request.

use super::sent::Sent;
use crate::{
    base::{
        json::{Extra, Members},
        moment::{Moment, Timestamp},
        secret::Secret,
    },
    flow::{
        client::Client,
        contract::{CallbackError, Error, Flow, Response, Step},
        exchange::{Check, Checked, Checking, Demands, Learned, Presented, Signed, SignedResponse},
    },
    jose::KeySet,
    message::{AuthorizationResponse, Quirks, ResponseType, TokenResponse, TokenResponseError},
    token::IdToken,
};
use serde_json::Value;
use std::{convert::Infallible, sync::Arc};

/// The sub-flow that verifies a response from the browser.
#[derive(Debug)]
#[non_exhaustive]
pub struct Front;

/// The values that the request asked for.
pub(in crate::flow) struct Wanted {
    pub(in crate::flow) code: bool,
    pub(in crate::flow) token: bool,
    /// The demands on the ID token that comes through the browser; `None` if the request did not ask for one.
    pub(in crate::flow) id_token: Option<Demands>,
    /// The secrets that the provider knows: no error may repeat them.
    pub(in crate::flow) secrets: Vec<Secret>,
}

impl Wanted {
    /// Wants a code, and the tokens of this response type. The ID token from the browser need only have the `nonce`:
    /// it may have fewer claims than the ID token for the code (section 3.3.3.6), which is checked against the rest.
    pub(in crate::flow) fn of_type(kind: ResponseType, nonce: &Secret, secrets: Vec<Secret>) -> Self {
        let demands = || Demands { nonce: Some(nonce.clone()), front_channel: true, ..Demands::default() };
        let id_token = kind.has_id_token().then(demands);
        Self { code: true, token: kind.has_token(), id_token, secrets }
    }
}

/// The verified tokens that came through the browser with the code of a hybrid flow.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct FrontChannel {
    /// The verified ID token.
    pub id_token: Option<IdToken>,
    /// The access token. If an ID token came with it, the hash in the ID token has been checked.
    pub tokens: Option<TokenResponse>,
}

/// The verified response that came through the browser.
pub struct Fronted {
    /// The code, if the request asked for one.
    pub(in crate::flow) code: Option<Secret>,
    pub(in crate::flow) channel: FrontChannel,
    pub(in crate::flow) learned: Learned,
}

/// A request for keys is in flight.
pub struct Fronting(pub(in crate::flow) FrontingState);

pub(in crate::flow) enum FrontingState {
    /// The keys are for the signed response.
    Response { check: Box<Checking<SignedResponse>>, asked: Box<Asked> },
    /// The keys are for the ID token.
    IdToken { check: Box<Checking<Presented>>, fronted: Box<Fronted> },
}

/// The request, and the client that made it.
pub struct Asked {
    client: Client,
    keys: Option<Arc<KeySet>>,
    sent: Sent,
    wanted: Wanted,
}

impl Front {
    pub(in crate::flow) fn start(
        client: Client,
        keys: Option<Arc<KeySet>>,
        (sent, wanted): (Sent, Wanted),
        response: AuthorizationResponse,
        now: Timestamp,
    ) -> Result<Step<Self>, Error> {
        let asked = Asked { client, keys, sent, wanted };
        // A provider that cannot sign reports that error without a signature. A forged refusal only ends the login.
        if !asked.sent.signed || (response.response.is_none() && response.error.is_some()) {
            return asked.answered(response, Learned::default(), now);
        }
        let signed = SignedResponse(present(response.response).ok_or(CallbackError::MissingResponse)?);
        let (client, keys) = (asked.client.clone(), asked.keys.clone());
        // The state is compared before any key is fetched: a forged response costs no request.
        let claimed = client.inner().response_verifier.claimed(&signed.0).map_err(SignedResponse::refused)?;
        asked.sent.belongs(&client, &claimed, &asked.wanted.secrets)?;
        let step = Check::start(signed, client, keys.as_deref(), Learned::default(), now)?;
        opening(step, Box::new(asked), now)
    }
}

fn opening(
    step: Step<Check<SignedResponse>>,
    asked: Box<Asked>,
    now: Timestamp,
) -> Result<Step<Front>, Error> {
    step.within(
        asked,
        |check, asked| Fronting(FrontingState::Response { check: Box::new(check), asked }),
        |never, _| never,
        |Checked { good, learned }, asked| asked.answered(good, learned, now),
    )
}

impl Asked {
    /// Goes on with the parameters, after the signature of the response, if any, has been verified.
    fn answered(
        self,
        response: AuthorizationResponse,
        learned: Learned,
        now: Timestamp,
    ) -> Result<Step<Front>, Error> {
        let Self { client, keys, sent, wanted } = self;
        sent.answered(&client, &response, &wanted.secrets, now)?;
        let tokens = wanted.token.then(|| tokens(&response, &client, now)).transpose()?;
        let code = match wanted.code {
            true => Some(present(response.code).ok_or(CallbackError::MissingCode)?),
            false => None,
        };
        let channel = FrontChannel { id_token: None, tokens };
        let fronted = Fronted { code, channel, learned };
        let Some(demands) = wanted.id_token else { return Ok(Step::Done(fronted)) };
        let id_token = present(response.id_token).ok_or(CallbackError::MissingIdToken)?;
        let demands = Demands { code: fronted.code.clone(), state: Some(sent.state), ..demands };
        let access_token = fronted.channel.tokens.as_ref().map(|tokens| tokens.access_token.clone());
        let signed = Presented { id_token, access_token, demands };
        let step = Check::start(signed, client, keys.as_deref(), fronted.learned.clone(), now)?;
        identifying(step, Box::new(fronted))
    }
}

fn identifying(step: Step<Check<Presented>>, fronted: Box<Fronted>) -> Result<Step<Front>, Error> {
    step.within(
        fronted,
        |check, fronted| Fronting(FrontingState::IdToken { check: Box::new(check), fronted }),
        |never, _| never,
        |Checked { good, learned }, mut fronted| {
            fronted.channel.id_token = Some(good);
            fronted.learned = learned;
            Ok(Step::Done(*fronted))
        },
    )
}

/// Reads the access token that came through the browser.
fn tokens(
    response: &AuthorizationResponse,
    client: &Client,
    now: Timestamp,
) -> Result<TokenResponse, CallbackError> {
    let mut members = Extra::new();
    let mut put =
        |name: &str, value: Option<Value>| members.extend(value.map(|value| (name.to_owned(), value)));
    put("access_token", response.access_token.as_ref().map(|token| token.expose().into()));
    put("token_type", response.token_type.clone().map(Value::from));
    put("expires_in", response.expires_in.clone().map(Value::from));
    put("scope", response.scope.clone().map(Value::from));
    // In a form, every value is a text, also a number.
    let quirks = Quirks { expires_in_as_string: true, ..client.quirks() };
    TokenResponse::from_members(Members::new(members), quirks, now).map_err(|error| match error {
        TokenResponseError::Missing("access_token") => CallbackError::MissingAccessToken,
        TokenResponseError::Missing(member) | TokenResponseError::Value(member) => {
            CallbackError::Parameter(member)
        }
        TokenResponseError::Json(_) => CallbackError::Parameter("access_token"),
    })
}

fn present(text: Option<Secret>) -> Option<Secret> {
    text.filter(|text| !text.expose().is_empty())
}

impl Flow for Front {
    type Awaiting = Fronting;
    type Paused = Infallible;
    type Output = Fronted;

    fn on_response(state: Fronting, response: &Response<'_>, moment: Moment) -> Result<Step<Self>, Error> {
        let now = moment.now();
        match state {
            Fronting(FrontingState::Response { check, asked }) => {
                opening(Check::on_response(*check, response, moment)?, asked, now)
            }
            Fronting(FrontingState::IdToken { check, fronted }) => {
                identifying(Check::on_response(*check, response, moment)?, fronted)
            }
        }
    }

    fn on_wake(never: Infallible, _: Moment) -> Result<Step<Self>, Error> {
        match never {}
    }
}
