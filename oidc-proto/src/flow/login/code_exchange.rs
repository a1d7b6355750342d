//! Login ends: the code becomes tokens, the ID token is verified, UserInfo is fetched if wanted
//! (OpenID Connect Core 1.0 section 3.1.3, RFC 6749 section 4.1.3).
//!
//! ```text
//! Token ──▶ Keys? ──▶ UserInfo? ──▶ Done(Authenticated)
//! ```
//! `Keys` only if the keys at hand do not vouch for the ID token; `UserInfo` only if the client asks
//! for it. The code is sent once, whatever happens; nothing comes out before the ID token is verified.

use super::{
    authorize::code_form,
    userinfo::{self, UserInfoRequest},
};
use crate::{
    base::{moment::Moment, secret::Secret},
    flow::{
        client::{Attempt, Client},
        contract::{Call, Endpoint, Error, Flow, Never, Response, ResponseError, Rule, Step},
        exchange::{Ask, Check, Checked, Checking, Demands, Learned, Post, Posting},
    },
    jose::KeySet,
    message::{TokenResponse, UserInfo},
    token::IdToken,
};
use std::sync::Arc;

/// The flow from a checked callback to a verified user.
#[derive(Debug)]
#[non_exhaustive]
pub struct Login;

/// A user who is who the issuer says: the ID token has been verified.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Authenticated {
    /// The tokens.
    pub tokens: TokenResponse,
    /// The verified ID token.
    pub id_token: IdToken,
    /// Claims from the UserInfo endpoint, if the client asks for them.
    pub userinfo: Option<UserInfo>,
    /// What the flow learned on its way, for your caches.
    pub learned: Learned,
}

/// What the answer must fit; from the pending authorization.
#[derive(Debug)]
pub(in crate::flow) struct Promise {
    pub(in crate::flow) redirect_uri: String,
    pub(in crate::flow) state: String,
    pub(in crate::flow) nonce: Secret,
    pub(in crate::flow) code_verifier: Secret,
    pub(in crate::flow) max_age: Option<u32>,
    pub(in crate::flow) acr: Vec<String>,
}

/// A request is in flight.
pub enum Exchanging {
    /// The code is on its way.
    Token { post: Posting, context: Box<Context> },
    /// The keys are on their way.
    Keys { check: Box<Checking>, client: Client, tokens: Box<TokenResponse> },
    /// UserInfo is on its way.
    UserInfo { asked: userinfo::Asked, authenticated: Box<Authenticated> },
}

/// What the exchange must not forget while the code is on its way.
pub struct Context {
    client: Client,
    keys: Option<Arc<KeySet>>,
    demands: Demands,
}

impl Login {
    pub(in crate::flow) fn start(
        attempt: Attempt,
        keys: Option<Arc<KeySet>>,
        code: Secret,
        promise: Promise,
        moment: Moment,
    ) -> Result<Call<Self>, Error> {
        let form = code_form(code.clone(), promise.redirect_uri, promise.code_verifier);
        let bound = [promise.nonce.clone(), promise.state.as_str().into()];
        let demands = Demands {
            nonce: Some(promise.nonce),
            max_age: promise.max_age,
            acr: promise.acr,
            code: Some(code),
            state: Some(promise.state),
        };
        let context = Box::new(Context { client: attempt.client.clone(), keys, demands });
        let ask = Ask::new(attempt, Endpoint::Token, form).bound(bound);
        Ok(ask.once::<TokenResponse>(moment)?.map(|post| Exchanging::Token { post, context }))
    }
}

fn granted(tokens: TokenResponse, context: Context, moment: Moment) -> Result<Step<Login>, Error> {
    let Context { client, keys, demands } = context;
    let id_token = tokens.id_token.clone().ok_or_else(|| {
        ResponseError::new(Endpoint::Token, http::StatusCode::OK, Rule::Missing("id_token"))
    })?;
    let access_token = Some(tokens.access_token.clone());
    let step = Check::start(client.clone(), keys.as_deref(), demands, id_token, access_token, moment.now())?;
    checking(step, client, Box::new(tokens), moment)
}

fn checking(
    step: Step<Check>,
    client: Client,
    tokens: Box<TokenResponse>,
    moment: Moment,
) -> Result<Step<Login>, Error> {
    step.within(
        (client, tokens),
        |check, (client, tokens)| Exchanging::Keys { check: Box::new(check), client, tokens },
        |never, _| never,
        |checked, (client, tokens)| verified(checked, &client, *tokens, moment),
    )
}

fn verified(
    checked: Checked,
    client: &Client,
    tokens: TokenResponse,
    moment: Moment,
) -> Result<Step<Login>, Error> {
    let Checked { id_token, learned } = checked;
    let authenticated = Authenticated { tokens, id_token, userinfo: None, learned };
    if !client.inner().fetch_userinfo {
        return Ok(Step::Done(authenticated));
    }
    // A token of another type may not be used as if it were a bearer token (RFC 6749 section 7.1).
    if client.prover().is_none() && !authenticated.tokens.is_bearer() {
        let rule = Rule::Value("token_type");
        return Err(ResponseError::new(Endpoint::Token, http::StatusCode::OK, rule).into());
    }
    let call = client.userinfo(&authenticated.tokens.access_token, &authenticated.id_token.sub, moment)?;
    let authenticated = Box::new(authenticated);
    Ok(call.map(|asked| Exchanging::UserInfo { asked, authenticated }).into())
}

impl Flow for Login {
    type Awaiting = Exchanging;
    type Paused = Never;
    type Output = Authenticated;

    fn on_response(state: Exchanging, response: &Response<'_>, moment: Moment) -> Result<Step<Self>, Error> {
        let (first, second) = moment.halve();
        match state {
            Exchanging::Token { post, context } => Post::on_response(post, response, first)?.within(
                context,
                |post, context| Exchanging::Token { post, context },
                |never, _| never,
                |tokens, context| granted(tokens, *context, second),
            ),
            Exchanging::Keys { check, client, tokens } => {
                checking(Check::on_response(*check, response, first)?, client, tokens, second)
            }
            Exchanging::UserInfo { asked, authenticated } => {
                UserInfoRequest::on_response(asked, response, first)?.within(
                    authenticated,
                    |asked, authenticated| Exchanging::UserInfo { asked, authenticated },
                    |never, _| never,
                    |userinfo, mut authenticated| {
                        authenticated.userinfo = Some(userinfo);
                        Ok(Step::Done(*authenticated))
                    },
                )
            }
        }
    }

    fn on_wake(never: Never, _: Moment) -> Result<Step<Self>, Error> {
        match never {}
    }
}
