//! The exchange behind an introspection: the response is JSON (RFC 7662 section 2.2), or a JWT whose signature is checked
//! (RFC 9701 section 5).
//!
//! ```text
//! Asked ──answered──▶ Done(Introspected)               a signed response, too, if a key at hand verifies it
//!       ──429, 503, lost──▶ Wait ──▶ Asked             as often as the budget says
//!       ──signed with another key──▶ Keys ──keys──▶ Done(Introspected)
//! ```
//! A client that demands a signature takes no JSON, and a client that does not takes no JWT. A signed response that names
//! a key that is not at hand leads to one request for keys, whatever it says.

use crate::{
    base::{
        moment::{Moment, Timestamp},
        secret::Secret,
    },
    flow::{
        client::Client,
        contract::{Call, Endpoint, Error, Flow, Response, ResponseError, ResponseRule, Step},
        exchange::{
            Answer, Ask, Body, Check, Checked, Checking, Learned, Repeated, Repeating, Resting, Signed,
        },
    },
    jose::KeySet,
    message::IntrospectionResponse,
    token::{Said, VerificationError},
};
use http::StatusCode;
use std::sync::Arc;

const JWT: &str = "application/token-introspection+jwt";

/// The sub-flow from a token to its state, and to the keys that verified the response.
#[derive(Debug)]
#[non_exhaustive]
pub struct IntrospectionExchange;

/// What the authorization server says about a token, and the keys that the flow fetched.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Introspected {
    /// The response.
    pub response: IntrospectionResponse,
    /// The keys that the flow fetched to verify a signed response, for your cache.
    pub learned: Learned,
}

/// A request is in flight.
pub struct Introspecting(pub(super) IntrospectingState);

pub(super) enum IntrospectingState {
    /// The request is about the token.
    Asked { asked: Repeating, context: Box<Context> },
    /// The request is for keys to verify a signed response.
    Keys { check: Box<Checking<IntrospectionJwt>> },
}

/// Nothing is in flight until the request is repeated.
pub struct Parked {
    resting: Resting,
    context: Box<Context>,
}

/// The state to keep while the response is awaited.
pub(super) struct Context {
    client: Client,
    /// The keys at hand.
    keys: Option<Arc<KeySet>>,
}

/// A response, as it came.
#[non_exhaustive]
pub enum Told {
    /// The members of JSON.
    Plain(Box<IntrospectionResponse>),
    /// A JWT that nobody has verified.
    Jwt(IntrospectionJwt),
}

/// A signed introspection response.
pub struct IntrospectionJwt(Secret);

impl Answer for Told {
    const MEMBER: Option<&'static str> = Some("active");
    const CHALLENGED: bool = true;
    const OF_USER: bool = true;
    const SIGNED: Option<&'static str> = Some(JWT);

    fn accept(client: &Client) -> &'static str {
        if client.demands_signed_introspection() { JWT } else { "application/json" }
    }

    fn read(body: Body, client: &Client, _: Timestamp) -> Result<Self, ResponseRule> {
        if client.demands_signed_introspection() {
            // A JWT of another media type is not JSON either.
            return Err(body.members().map_or(ResponseRule::MediaType(JWT), |_| ResponseRule::NotSigned));
        }
        let said = IntrospectionResponse::parse(body.members()?)?;
        said.map(|said| Self::Plain(Box::new(said))).ok_or(ResponseRule::Missing("active"))
    }

    fn read_jwt(text: Secret, client: &Client) -> Result<Self, ResponseRule> {
        match client.demands_signed_introspection() {
            true => Ok(Self::Jwt(IntrospectionJwt(text))),
            false => Err(ResponseRule::UnexpectedJwt),
        }
    }
}

impl Signed for IntrospectionJwt {
    type Good = Said;

    fn secret_key(client: &Client) -> Option<Arc<KeySet>> {
        client.inner().introspection.as_ref().and_then(|signed| signed.secret_key.clone())
    }

    fn verify(&self, client: &Client, keys: &KeySet, now: Timestamp) -> Result<Said, VerificationError> {
        let signed = client.inner().introspection.as_ref().ok_or(VerificationError::Type)?;
        signed.verifier.verify(&self.0, keys, now)
    }

    fn refused(rejected: VerificationError) -> Error {
        broken(ResponseRule::Jwt(rejected))
    }
}

fn broken(rule: ResponseRule) -> Error {
    ResponseError::new(Endpoint::Introspection, StatusCode::OK, rule).into()
}

impl IntrospectionExchange {
    /// Returns the call that asks about a token, up to `budget` times more if there is no response.
    pub(super) fn start(
        ask: Ask,
        keys: Option<Arc<KeySet>>,
        budget: u8,
        moment: Moment,
    ) -> Result<Call<Self>, Error> {
        let context = Box::new(Context { client: ask.client().clone(), keys });
        let call = ask.repeated::<Told>(budget, moment)?;
        Ok(call.map(|asked| Introspecting(IntrospectingState::Asked { asked, context })))
    }
}

fn asking(
    step: Step<Repeated<Told>>,
    context: Box<Context>,
    now: Timestamp,
) -> Result<Step<IntrospectionExchange>, Error> {
    step.within(
        context,
        |asked, context| Introspecting(IntrospectingState::Asked { asked, context }),
        |resting, context| Parked { resting, context },
        |told, context| match told {
            Told::Plain(said) => {
                Ok(Step::Done(Introspected { response: *said, learned: Learned::default() }))
            }
            Told::Jwt(jwt) => {
                let Context { client, keys } = *context;
                checking(Check::start(jwt, client, keys.as_deref(), Learned::default(), now)?)
            }
        },
    )
}

fn checking(step: Step<Check<IntrospectionJwt>>) -> Result<Step<IntrospectionExchange>, Error> {
    step.within(
        (),
        |check, ()| Introspecting(IntrospectingState::Keys { check: Box::new(check) }),
        |never, ()| match never {},
        |Checked { good, learned }, ()| {
            let said = good.map_err(|why| broken(why.into()))?;
            let response = said.ok_or_else(|| broken(ResponseRule::Missing("active")))?;
            Ok(Step::Done(Introspected { response, learned }))
        },
    )
}

impl Flow for IntrospectionExchange {
    type Awaiting = Introspecting;
    type Paused = Parked;
    type Output = Introspected;

    fn on_response(
        state: Introspecting,
        response: &Response<'_>,
        moment: Moment,
    ) -> Result<Step<Self>, Error> {
        let now = moment.now();
        match state {
            Introspecting(IntrospectingState::Asked { asked, context }) => {
                asking(Repeated::on_response(asked, response, moment)?, context, now)
            }
            Introspecting(IntrospectingState::Keys { check }) => {
                checking(Check::on_response(*check, response, moment)?)
            }
        }
    }

    fn on_wake(state: Parked, moment: Moment) -> Result<Step<Self>, Error> {
        let Parked { resting, context } = state;
        let now = moment.now();
        asking(Repeated::on_wake(resting, moment)?, context, now)
    }

    fn on_failure(state: Introspecting, moment: Moment) -> Result<Option<Step<Self>>, Error> {
        let now = moment.now();
        match state {
            Introspecting(IntrospectingState::Asked { asked, context }) => {
                let step = Repeated::on_failure(asked, moment)?;
                step.map(|step| asking(step, context, now)).transpose()
            }
            Introspecting(IntrospectingState::Keys { .. }) => Ok(None),
        }
    }
}
