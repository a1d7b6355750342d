//! One authenticated POST to an endpoint of the provider: what every grant shares, and when it may be
//! repeated.
//!
//! ```text
//! Post<A>       Posting ──2xx──▶ Done(A)               it is sent once:
//!                       ──else─▶ Err                   codes, refresh tokens
//!
//! Repeated<A>   Posting ──2xx──▶ Done(A)               sending it spends nothing:
//!                 ▲     ──429, 503, lost──▶ Wait ──┐   client credentials, introspection
//!                 └────────────────────────────────┘   as often as its budget says, then Err
//! ```
//! `A` is the message that the endpoint answers with. A request that is repeated authenticates anew.

use super::{
    Call, Client, Endpoint, Error, Flow, Never, OAuthError, Pause, Request, Response, ResponseError, Rule,
    Step, Terms, Unavailable,
};
use crate::{
    base::{
        endpoint_url::EndpointUrl,
        form,
        header::{challenges, media_type_is, retry_after},
        json::{JsonError, Members},
        moment::{Moment, Timestamp},
        secret::Secret,
    },
    message::{ErrorResponse, TokenResponse, TokenResponseError},
};
use http::{HeaderValue, Method, header};
use std::{borrow::Cow, marker::PhantomData, sync::Arc, time::Duration};

/// How often a request that may be repeated is repeated.
pub const MAX_RETRIES: u8 = 3;

/// The longest wait, in seconds, that a provider's `Retry-After` can impose before a repetition. A
/// provider that asks for more is told nothing again: the flow ends.
pub const RETRY_AFTER_CAP: i64 = 60;

/// The first wait, in seconds; each is twice the one before.
const FIRST_WAIT: i64 = 1;

/// What to send, without what must be new each time.
pub(super) type Form = Vec<(Cow<'static, str>, Secret)>;

/// The body of a success.
pub struct Body(Result<Members, JsonError>);

impl Body {
    /// The members of the JSON object that it is.
    pub(super) fn members(self) -> Result<Members, Rule> {
        Ok(self.0?)
    }
}

/// A message that an endpoint answers with.
pub trait Answer: Sized {
    /// The member that it always has. A success that has an `error` in its place is a refusal, too: GitHub's
    /// way. `None` if the status says everything.
    const MEMBER: Option<&'static str>;
    /// Whether a 401 whose body says nothing means that the client's credentials are wrong.
    const CHALLENGED: bool = false;
    /// The media type of the signed form, which no client here asks for.
    const SIGNED: Option<&'static str> = None;

    /// Reads a success.
    fn read(body: Body, client: &Client, now: Timestamp) -> Result<Self, Rule>;
}

impl Answer for TokenResponse {
    const MEMBER: Option<&'static str> = Some("access_token");

    fn read(body: Body, client: &Client, now: Timestamp) -> Result<Self, Rule> {
        Self::from_members(body.members()?, client.tolerance(), now).map_err(|error| match error {
            TokenResponseError::Json(error) => Rule::Json(error),
            TokenResponseError::Missing(member) => Rule::Missing(member),
            TokenResponseError::Value(member) => Rule::Value(member),
        })
    }
}

/// All that it takes to send a request, once or again.
pub(super) struct Ask {
    client: Client,
    endpoint: Endpoint,
    form: Form,
    /// Secrets that are not sent, and that the provider knows all the same.
    bound: Vec<Secret>,
}

impl Ask {
    pub(super) const fn new(client: Client, endpoint: Endpoint, form: Form) -> Self {
        Self { client, endpoint, form, bound: Vec::new() }
    }

    /// No error may repeat these secrets, either.
    pub(super) fn bound(mut self, secrets: impl IntoIterator<Item = Secret>) -> Self {
        self.bound.extend(secrets);
        self
    }

    pub(super) const fn client(&self) -> &Client {
        &self.client
    }

    /// Sends it once.
    pub(super) fn once<A: Answer>(self) -> Result<Call<Post<A>>, Error> {
        Arc::new(self).call()
    }

    /// Sends it, and again up to `budget` times if the provider is busy or the answer is lost.
    pub(super) fn repeated<A: Answer>(self, budget: u8) -> Result<Call<Repeated<A>>, Error> {
        Repeated::call(Arc::new(self), budget)
    }

    fn call<A: Answer>(self: Arc<Self>) -> Result<Call<Post<A>>, Error> {
        let mut form = self.form.clone();
        let authorization = self.client.authenticate(&mut form);
        let mut sent = secrets(&self.client, &form);
        sent.extend_from_slice(&self.bound);
        let request = request(self.client.endpoint(self.endpoint)?, &form, authorization);
        Ok(Call::new(Terms::new(self.endpoint), request, Posting { ask: self, sent }))
    }
}

/// A POST that is sent once.
#[derive(Debug)]
pub struct Post<A>(PhantomData<A>);

/// The request is in flight.
pub struct Posting {
    ask: Arc<Ask>,
    /// The secrets that are on their way: no error may repeat them.
    sent: Vec<Secret>,
}

impl<A: Answer> Flow for Post<A> {
    type Awaiting = Posting;
    type Paused = Never;
    type Output = A;

    fn on_response(state: Posting, response: &Response<'_>, moment: Moment) -> Result<Step<Self>, Error> {
        let Posting { ask, sent } = state;
        answer(&ask, response, &sent, moment.now()).map(Step::Done)
    }

    fn on_wake(never: Never, _: Moment) -> Result<Step<Self>, Error> {
        match never {}
    }
}

/// A POST that may be sent again.
#[derive(Debug)]
pub struct Repeated<A>(PhantomData<A>);

/// A request is in flight, and may be sent again as often as `budget` says.
pub struct Repeating {
    post: Posting,
    budget: Budget,
}

/// Nothing is in flight, until it is time to send it again.
pub struct Resting {
    ask: Arc<Ask>,
    budget: Budget,
}

/// How often a request has been repeated, and how often it may be.
#[derive(Clone, Copy)]
struct Budget {
    spent: u8,
    most: u8,
}

impl Resting {
    /// A rest that was saved after so many repetitions.
    pub(super) fn resumed(ask: Ask, spent: u8) -> Self {
        Self { ask: Arc::new(ask), budget: Budget { spent, most: MAX_RETRIES } }
    }

    pub(super) fn ask(&self) -> &Ask {
        &self.ask
    }

    /// How often the request has been repeated.
    pub(super) const fn retries(&self) -> u8 {
        self.budget.spent
    }
}

impl Repeating {
    /// Waits, as long as the provider asked, or twice as long as the last time and a little more.
    fn later<A: Answer>(self, asked: Option<Duration>, moment: Moment) -> Option<Step<Repeated<A>>> {
        let (asked, Budget { spent, most }) = (seconds(asked), self.budget);
        if spent >= most || asked > RETRY_AFTER_CAP {
            return None;
        }
        let (now, mut entropy) = moment.split();
        let backoff = FIRST_WAIT << spent;
        let jitter = i64::from(entropy.byte()) % (backoff + 1);
        let resting = Resting { ask: self.post.ask, budget: Budget { spent: spent + 1, most } };
        Some(Pause::new(now.plus(asked.max(backoff + jitter)), resting).into())
    }
}

impl<A: Answer> Repeated<A> {
    fn call(ask: Arc<Ask>, most: u8) -> Result<Call<Self>, Error> {
        Self::again(ask, Budget { spent: 0, most })
    }

    fn again(ask: Arc<Ask>, budget: Budget) -> Result<Call<Self>, Error> {
        Ok(ask.call::<A>()?.map(|post| Repeating { post, budget }))
    }
}

impl<A: Answer> Flow for Repeated<A> {
    type Awaiting = Repeating;
    type Paused = Resting;
    type Output = A;

    fn on_response(state: Repeating, response: &Response<'_>, moment: Moment) -> Result<Step<Self>, Error> {
        match answer(&state.post.ask, response, &state.post.sent, moment.now()) {
            Err(Error::Unavailable(busy)) if matches!(busy.status, 429 | 503) => {
                state.later(busy.retry_after(), moment).ok_or(Error::Unavailable(busy))
            }
            answer => answer.map(Step::Done),
        }
    }

    fn on_wake(state: Resting, _: Moment) -> Result<Step<Self>, Error> {
        Ok(Self::again(state.ask, state.budget)?.into())
    }

    fn on_failure(state: Repeating, moment: Moment) -> Result<Option<Step<Self>>, Error> {
        Ok(state.later(None, moment))
    }
}

fn request(url: &EndpointUrl, form: &Form, authorization: Option<HeaderValue>) -> Request {
    let body = form::encode(form.iter().map(|(name, value)| (name.as_ref(), value.expose())));
    let mut request = Request::new(body.into_bytes());
    *request.method_mut() = Method::POST;
    *request.uri_mut() = url.uri();
    let headers = request.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    if let Some(value) = authorization {
        headers.insert(header::AUTHORIZATION, value);
    }
    request
}

/// What a provider asks for by `Retry-After`, in seconds; none if it does not ask.
pub(crate) fn seconds(asked: Option<Duration>) -> i64 {
    asked.map_or(0, |wait| i64::try_from(wait.as_secs()).unwrap_or(i64::MAX))
}

/// The secrets of a request, as they are and as they are sent: no error may repeat them. What a parameter of
/// the application's own is worth nobody knows here.
fn secrets(client: &Client, form: &Form) -> Vec<Secret> {
    const OPEN: [&str; 9] = [
        "grant_type",
        "scope",
        "resource",
        "audience",
        "client_id",
        "redirect_uri",
        "token_type_hint",
        "requested_token_type",
        "subject_token_type",
    ];
    let mut secrets = client.secrets();
    for (_, value) in form.iter().filter(|(name, _)| !OPEN.contains(&name.as_ref())) {
        secrets.extend([form::encode_one(value.expose()).into(), value.clone()]);
    }
    secrets
}

/// Sorts a response: granted, refused, busy, or not what the specification allows (RFC 6749 section 5,
/// RFC 7662 section 2.3).
fn answer<A: Answer>(
    ask: &Ask,
    response: &Response<'_>,
    sent: &[Secret],
    now: Timestamp,
) -> Result<A, Error> {
    let (endpoint, status) = (ask.endpoint, response.status());
    let broken = |rule| Error::from(ResponseError::new(endpoint, status, rule));
    if A::SIGNED.is_some_and(|signed| media_type_is(response.headers(), &[signed])) {
        return Err(broken(Rule::UnexpectedJwt));
    }
    let members = Members::parse(response.body());
    let refusal = members.as_ref().ok().and_then(|members| {
        let granted = status.is_success() && A::MEMBER.is_none_or(|member| members.has(member));
        if granted { None } else { ErrorResponse::from_members(&mut members.clone(), sent) }
    });
    // Not every server writes a body to those whose credentials it does not take.
    let refusal = refusal.or_else(|| {
        (A::CHALLENGED && status == http::StatusCode::UNAUTHORIZED).then(|| {
            let challenges = challenges(response.headers(), &header::WWW_AUTHENTICATE);
            let told = challenges.iter().find_map(|one| ErrorResponse::from_challenge(one, sent));
            told.unwrap_or_else(|| ErrorResponse::new("invalid_client", None, None, &[]))
        })
    });
    match refusal {
        _ if matches!(status.as_u16(), 429 | 503) => {}
        Some(response) => {
            return Err(OAuthError { endpoint, status: status.as_u16(), response }.into());
        }
        None if status.is_server_error() => {}
        None if status.is_success() => return A::read(Body(members), &ask.client, now).map_err(broken),
        None => return Err(broken(Rule::Status)),
    }
    Err(Error::Unavailable(Unavailable::new(endpoint, status, retry_after(response.headers(), now))))
}
