//! The second half of a login: the code is exchanged for tokens, the ID token is verified, and UserInfo is fetched if
//! the client asks for it (OpenID Connect Core 1.0 sections 3.1.3 and 3.3.3, RFC 6749 section 4.1.3).
//!
//! ```text
//! Code ──keys──▶ Code                                 for what came through the browser; then the code is sent
//!      ──vouched for──▶ UserInfo                      if the client asks for it
//!      ──vouched for──▶ Done(Authenticated)
//!      ──another key──▶ Keys ──keys──▶ UserInfo ──claims──▶ Done(Authenticated)
//!                       Keys ──keys──▶ Done(Authenticated)
//! UserInfo ──claims of another key──▶ UserInfo ──keys──▶ Done(Authenticated)    for signed claims
//! UserInfo ──claims of another key──▶ Done(Authenticated)    if the keys have been fetched already
//! Code ──another key──▶ UserInfo                      if the keys have been fetched for the browser's part already
//!      ──another key──▶ Done(Authenticated)
//! ```
//! `Code` verifies the response that came through the browser, and then sends the code. It sends the code once,
//! whatever happens. `Keys` is for an ID token that the keys at hand do not verify, and `UserInfo` is for a client
//! that asks for it. Nothing comes out before the ID token is verified.

use super::{
    code_exchange::{CodeExchange, Coding, CodingState, Exchanged},
    front::FrontChannel,
    userinfo::{Informed, Inquiring, UserInfoExchange},
};
use crate::{
    base::{moment::Moment, visible::is_name},
    flow::{
        client::{Attempt, Client},
        contract::{Endpoint, Error, Flow, Response, ResponseError, ResponseRule, Step},
        exchange::{Check, Checked, Checking, Demands, Learned, Presented},
    },
    jose::KeySet,
    message::{TokenResponse, UserInfo},
    token::{IdToken, VerificationError},
};
use std::{convert::Infallible, sync::Arc};

/// The flow from a checked callback to a verified user. [`PendingAuthorization::callback`] starts it.
///
/// A login that fails after the code was exchanged drops its tokens: nobody is identified, and the user can begin
/// again. A refresh cannot begin again, so its tokens are not lost ([`NewTokens`](crate::flow::NewTokens)).
///
/// With the provider's keys at hand, it needs one request:
///
/// ```
/// use oidc_proto::{flow::Step, message::{AuthorizationRequest, AuthorizationResponse}};
/// use oidc_testkit::{Browser, EndpointName, Party, drive};
///
/// let mut party = Party::new(); // a provider without a network, a client of it, and a clock
/// let keys = party.keys()?; // fetched once, and kept
/// let (url, pending) = party.client.authorize(&AuthorizationRequest::new(["email"]), party.clock.moment())?;
/// let landing = Browser::new().visit(&mut party.provider, &url, party.clock.now());
///
/// let response = AuthorizationResponse::from_url(landing.url())?;
/// let step = pending.callback(&party.client, Some(keys), response, party.clock.moment())?;
/// let Step::Send(call) = step else { panic!("the code is sent") };
/// assert_eq!(call.request().uri(), "https://op.example/token");
///
/// let user = drive(call, &mut party.provider, &mut party.clock)?;
/// assert_eq!(user.id_token.sub, "alice");
/// assert_eq!(party.provider.count(EndpointName::Token), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [`PendingAuthorization::callback`]: crate::flow::PendingAuthorization::callback
#[derive(Debug)]
#[non_exhaustive]
pub struct Login;

/// A user who has logged in, by a verified ID token.
///
/// ```
/// use oidc_proto::flow::PreviousLogin;
/// use oidc_testkit::Party;
///
/// let user = Party::new().login()?; // a whole login, without a network
///
/// // Issuer and `sub` together name the user in your database.
/// assert_eq!((&*user.id_token.iss, &*user.id_token.sub), ("https://op.example", "alice"));
/// // Keep the refresh token with the values that a refreshed ID token must repeat.
/// let previous = PreviousLogin::from(&user);
/// let keep = (user.tokens.refresh_token, previous);
/// assert!(keep.0.is_some());
/// // Keys that the login has fetched, for the next login.
/// assert!(user.learned.keys.is_some());
/// # Ok::<(), oidc_proto::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Authenticated {
    /// The token response.
    pub tokens: TokenResponse,
    /// The verified ID token.
    pub id_token: IdToken,
    /// The claims from the UserInfo endpoint, if the client asks for them
    /// ([`ClientBuilder::fetch_userinfo`](crate::flow::ClientBuilder::fetch_userinfo)).
    pub userinfo: Option<UserInfo>,
    /// The tokens that came through the browser with the code, for a hybrid
    /// [`ResponseType`](crate::message::ResponseType).
    pub front_channel: FrontChannel,
    /// The keys that the flow fetched, for your cache.
    pub learned: Learned,
    /// The thumbprint of the DPoP key to which the access token is bound, and the refresh token of a public client (RFC 9449
    /// section 5).
    pub dpop_jkt: Option<String>,
}

impl Authenticated {
    /// Returns the user's full name, for a greeting: the claim `name` of the ID token, or else of UserInfo. The request
    /// must ask for the scope `profile`.
    ///
    /// Many providers give the name at UserInfo alone (OpenID Connect Core 1.0 section 5.4):
    /// [`ClientBuilder::fetch_userinfo`](crate::flow::ClientBuilder::fetch_userinfo) fetches that. A name tells nobody
    /// apart: users choose it, and change it. A name does not count if it is longer than 256 characters, or has control
    /// characters or others that hide text. In a page it must be escaped all the same.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        let userinfo = self.userinfo.as_ref().map(|userinfo| &userinfo.claims);
        let told = std::iter::once(&self.id_token.claims).chain(userinfo);
        told.filter_map(|claims| claims.get("name")?.as_str()).find(|name| is_name(name))
    }
}

/// A request is in flight.
pub struct Exchanging(pub(in crate::flow) ExchangingState);

pub(in crate::flow) enum ExchangingState {
    /// The request is for keys to verify the callback, or it sends the code.
    Code { coding: Coding, context: Box<Context> },
    /// The request is for keys to verify the ID token.
    Keys { check: Box<Checking<Presented>>, client: Client, granted: Box<Granted> },
    /// The request is for UserInfo.
    UserInfo { asked: Inquiring, authenticated: Box<Authenticated> },
}

/// The state to keep while the code is exchanged.
pub struct Context {
    pub(in crate::flow) client: Client,
    pub(in crate::flow) keys: Option<Arc<KeySet>>,
    pub(in crate::flow) demands: Demands,
}

/// The tokens, before their ID token is verified.
pub struct Granted {
    tokens: TokenResponse,
    channel: FrontChannel,
    /// The keys at hand, for signed UserInfo.
    keys: Option<Arc<KeySet>>,
}

impl Login {
    pub(in crate::flow) fn start(
        code: Step<CodeExchange>,
        context: Context,
        moment: Moment,
    ) -> Result<Step<Self>, Error> {
        exchanging(code, Box::new(context), moment)
    }
}

fn exchanging(code: Step<CodeExchange>, context: Box<Context>, moment: Moment) -> Result<Step<Login>, Error> {
    code.within(
        context,
        |coding, context| Exchanging(ExchangingState::Code { coding, context }),
        |never, _| never,
        |exchanged, context| granted(exchanged, *context, moment),
    )
}

fn granted(exchanged: Exchanged, context: Context, moment: Moment) -> Result<Step<Login>, Error> {
    let Exchanged { tokens, code, channel, learned } = exchanged;
    let Context { client, keys, demands } = context;
    let id_token = tokens.id_token.clone().ok_or_else(|| {
        ResponseError::new(Endpoint::Token, http::StatusCode::OK, ResponseRule::Missing("id_token"))
    })?;
    let access_token = Some(tokens.access_token.clone());
    let demands = Demands { code: Some(code), ..demands };
    let signed = Presented { id_token, access_token, demands };
    let step = Check::start(signed, client.clone(), keys.as_deref(), learned, moment.now())?;
    checking(step, client, Box::new(Granted { tokens, channel, keys }), moment)
}

fn checking(
    step: Step<Check<Presented>>,
    client: Client,
    granted: Box<Granted>,
    moment: Moment,
) -> Result<Step<Login>, Error> {
    step.within(
        (client, granted),
        |check, (client, granted)| {
            Exchanging(ExchangingState::Keys { check: Box::new(check), client, granted })
        },
        |never, _| never,
        |checked, (client, granted)| verified(checked, &client, *granted, moment),
    )
}

fn verified(
    checked: Checked<IdToken>,
    client: &Client,
    granted: Granted,
    moment: Moment,
) -> Result<Step<Login>, Error> {
    let (Checked { good: id_token, learned }, Granted { tokens, channel, keys }) = (checked, granted);
    if let Some(front) = &channel.id_token {
        for (name, same) in [("iss", front.iss == id_token.iss), ("sub", front.sub == id_token.sub)] {
            if !same {
                return Err(VerificationError::FrontChannel(name).into());
            }
        }
    }
    let dpop_jkt = client.dpop_thumbprint().map(str::to_owned);
    let authenticated =
        Authenticated { tokens, id_token, userinfo: None, front_channel: channel, learned, dpop_jkt };
    if !client.inner().fetch_userinfo {
        return Ok(Step::Done(authenticated));
    }
    // A token of another type must not be used as a bearer token (RFC 6749 section 7.1).
    if client.prover().is_none() && !authenticated.tokens.is_bearer() {
        let rule = ResponseRule::Value("token_type");
        return Err(ResponseError::new(Endpoint::Token, http::StatusCode::OK, rule).into());
    }
    let (attempt, learned) = (Attempt::from(client), authenticated.learned.clone());
    let (token, sub) = (&authenticated.tokens.access_token, &authenticated.id_token.sub);
    let call = attempt.inquire(token, sub, keys, learned, moment)?;
    let authenticated = Box::new(authenticated);
    Ok(call.map(|asked| Exchanging(ExchangingState::UserInfo { asked, authenticated })).into())
}

impl Flow for Login {
    type Awaiting = Exchanging;
    type Paused = Infallible;
    type Output = Authenticated;

    fn on_response(state: Exchanging, response: &Response<'_>, moment: Moment) -> Result<Step<Self>, Error> {
        let (first, second) = moment.halve();
        match state {
            Exchanging(ExchangingState::Code { coding, mut context }) => {
                // The newest nonce of the token endpoint is also for UserInfo, if it is at the same server.
                if let CodingState::Token { .. } = coding.0 {
                    context.client = context.client.having_seen(Endpoint::Token, response.headers());
                }
                exchanging(CodeExchange::on_response(coding, response, first)?, context, second)
            }
            Exchanging(ExchangingState::Keys { check, client, granted }) => {
                checking(Check::on_response(*check, response, first)?, client, granted, second)
            }
            Exchanging(ExchangingState::UserInfo { asked, authenticated }) => {
                UserInfoExchange::on_response(asked, response, first)?.within(
                    authenticated,
                    |asked, authenticated| Exchanging(ExchangingState::UserInfo { asked, authenticated }),
                    |never, _| never,
                    |Informed { userinfo, learned }, mut authenticated| {
                        authenticated.userinfo = Some(userinfo);
                        authenticated.learned = learned;
                        Ok(Step::Done(*authenticated))
                    },
                )
            }
        }
    }

    fn on_wake(never: Infallible, _: Moment) -> Result<Step<Self>, Error> {
        match never {}
    }
}
