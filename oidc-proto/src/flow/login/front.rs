//! What comes through the browser is verified before anything is sent: the signed response, if one was asked for
//! (JARM section 2.4), and the ID token that comes with a code or instead of one (OpenID Connect Core 1.0 sections
//! 3.2.2.11 and 3.3.2.12).
//!
//! ```text
//! start ──parameters, signed response, ID token──▶ Done(Fronted)
//!       ──response of another key──▶ Response ──keys──▶ Done(Fronted)
//!       ──ID token of another key──▶ IdToken ──keys──▶ Done(Fronted)
//! ```
//! Keys are fetched once at most, and only for a response with the `state` of this request.

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

/// The sub-flow.
#[derive(Debug)]
pub struct Front;

/// What a request has asked for.
pub(in crate::flow) struct Wanted {
    pub(in crate::flow) code: bool,
    pub(in crate::flow) token: bool,
    /// What an ID token that comes through the browser must fit; `None` if none is to come.
    pub(in crate::flow) id_token: Option<Demands>,
    /// What the provider knows, and no error may repeat.
    pub(in crate::flow) secrets: Vec<Secret>,
}

impl Wanted {
    /// A code, and what comes with it. Of its ID token the `nonce` is looked at: it may say less than the one that
    /// the code leads to (section 3.3.3.6), and that is held to the rest.
    pub(in crate::flow) fn of_type(kind: ResponseType, nonce: &Secret, secrets: Vec<Secret>) -> Self {
        let demands = || Demands { nonce: Some(nonce.clone()), front_channel: true, ..Demands::default() };
        let id_token = kind.has_id_token().then(demands);
        Self { code: true, token: kind.has_token(), id_token, secrets }
    }
}

/// What has come through the browser besides a code, verified.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct FrontChannel {
    /// The verified ID token.
    pub id_token: Option<IdToken>,
    /// The access token. If an ID token came with it, that vouches for it.
    pub tokens: Option<TokenResponse>,
}

/// The answer to a request, as far as it has come through the browser.
pub struct Fronted {
    /// The code, if one was asked for.
    pub(in crate::flow) code: Option<Secret>,
    pub(in crate::flow) channel: FrontChannel,
    pub(in crate::flow) learned: Learned,
}

/// The keys are on their way.
pub enum Fronting {
    /// For the signed response.
    Response { check: Box<Checking<SignedResponse>>, asked: Box<Asked> },
    /// For the ID token.
    IdToken { check: Box<Checking<Presented>>, fronted: Box<Fronted> },
}

/// What was asked, by whom.
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
        // A provider that cannot sign says so without a signature. A refusal is one, whoever forges it.
        if !asked.sent.signed || (response.response.is_none() && response.error.is_some()) {
            return asked.answered(response, Learned::default(), now);
        }
        let signed = SignedResponse(present(response.response).ok_or(CallbackError::MissingResponse)?);
        let (client, keys) = (asked.client.clone(), asked.keys.clone());
        // Which request it answers is looked at before any key is fetched for it.
        let claimed = client.inner().response_verifier.claimed(&signed.0).map_err(SignedResponse::refused)?;
        asked.sent.belongs(&client, &claimed)?;
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
        |check, asked| Fronting::Response { check: Box::new(check), asked },
        |never, _| never,
        |Checked { good, learned }, asked| asked.answered(good, learned, now),
    )
}

impl Asked {
    /// Goes on with parameters that are the provider's own, as far as can be known yet.
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
        |check, fronted| Fronting::IdToken { check: Box::new(check), fronted },
        |never, _| never,
        |Checked { good, learned }, mut fronted| {
            fronted.channel.id_token = Some(good);
            fronted.learned = learned;
            Ok(Step::Done(*fronted))
        },
    )
}

/// The access token that has come through the browser.
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
    // In a form, every value is a text.
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
            Fronting::Response { check, asked } => {
                opening(Check::on_response(*check, response, moment)?, asked, now)
            }
            Fronting::IdToken { check, fronted } => {
                identifying(Check::on_response(*check, response, moment)?, fronted)
            }
        }
    }

    fn on_wake(never: Infallible, _: Moment) -> Result<Step<Self>, Error> {
        match never {}
    }
}
