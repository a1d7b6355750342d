//! One authenticated POST to the token endpoint: what every grant shares, and when it may be repeated.
//!
//! ```text
//! Post       Posting ──2xx──▶ Done(Answer)          nothing in it is ever sent twice:
//!                    ──else─▶ Err                   codes, refresh tokens
//!
//! Repeated   Posting ──2xx──▶ Done(Answer)          nothing in it is spent by sending it:
//!              ▲     ──429, 503, lost──▶ Wait ──┐   client credentials
//!              └────────────────────────────────┘   at most MAX_RETRIES times, then Err
//! ```
//!
//! A request that is repeated authenticates anew (row T14).

use super::{
    Call, Client, Endpoint, Error, Flow, Never, OAuthError, Pause, Request, Response, ResponseError, Rule,
    Step, Unavailable,
};
use crate::{
    base::{
        form,
        header::retry_after,
        json::Members,
        moment::{Moment, Timestamp},
        secret::Secret,
    },
    message::{ErrorResponse, TokenResponse, TokenResponseError},
};
use http::{HeaderValue, Method, header};
use std::borrow::Cow;

/// How often a request that may be repeated is repeated.
pub const MAX_RETRIES: u8 = 3;

/// The longest wait, in seconds, that a provider's `Retry-After` can impose before a repetition. A
/// provider that asks for more is told nothing again: the flow ends.
pub const RETRY_AFTER_CAP: i64 = 60;

/// The first wait, in seconds; each is twice the one before.
const FIRST_WAIT: i64 = 1;

/// What to send, without what must be new each time.
pub(super) type Form = Vec<(Cow<'static, str>, Secret)>;

/// A POST that is sent once.
#[derive(Debug)]
pub(super) struct Post;

/// The secrets that are on their way: no error may repeat them.
#[derive(Debug)]
pub struct Posting(Vec<Secret>);

/// What a provider grants.
pub(super) struct Answer {
    pub(super) members: Members,
    pub(super) now: Timestamp,
    status: http::StatusCode,
}

impl Answer {
    pub(super) fn tokens(self, client: &Client) -> Result<TokenResponse, Error> {
        let read = TokenResponse::from_members(self.members, client.tolerance(), self.now);
        read.map_err(|error| {
            let rule = match error {
                TokenResponseError::Json(error) => Rule::Json(error),
                TokenResponseError::Missing(member) => Rule::Missing(member),
                TokenResponseError::Value(member) => Rule::Value(member),
            };
            ResponseError::new(Endpoint::Token, self.status, rule).into()
        })
    }
}

impl Post {
    /// `bound` are secrets that are not sent, and that the provider knows all the same.
    pub(super) fn start(client: &Client, form: Form, bound: &[Secret]) -> Result<Call<Self>, Error> {
        const SECRETS: [&str; 3] = ["code", "code_verifier", "refresh_token"];
        let mut sent = client.secrets();
        sent.extend_from_slice(bound);
        for (_, value) in form.iter().filter(|(name, _)| SECRETS.contains(&name.as_ref())) {
            sent.extend([form::encode_one(value.expose()).into(), value.clone()]);
        }
        Ok(Call::new(Endpoint::Token, request(client, form)?, Posting(sent)))
    }
}

impl Flow for Post {
    type Awaiting = Posting;
    type Paused = Never;
    type Output = Answer;

    fn on_response(
        Posting(sent): Posting,
        response: &Response<'_>,
        moment: Moment,
    ) -> Result<Step<Self>, Error> {
        answer(response, &sent, moment.now()).map(Step::Done)
    }

    fn on_wake(never: Never, _: Moment) -> Result<Step<Self>, Error> {
        match never {}
    }
}

/// A POST that may be sent again.
#[derive(Debug)]
pub(super) struct Repeated;

#[derive(Clone)]
pub(super) struct Repeating {
    pub(super) client: Client,
    pub(super) form: Form,
    pub(super) retries: u8,
}

impl Repeated {
    pub(super) fn start(client: Client, form: Form) -> Result<Call<Self>, Error> {
        Repeating { client, form, retries: 0 }.call()
    }
}

impl Repeating {
    fn call(self) -> Result<Call<Repeated>, Error> {
        let request = request(&self.client, self.form.clone())?;
        Ok(Call::new(Endpoint::Token, request, self))
    }

    /// Waits, as long as the provider asked, or twice as long as the last time and a little more.
    fn later(mut self, asked: Option<i64>, moment: Moment) -> Option<Step<Repeated>> {
        if self.retries == MAX_RETRIES || asked.is_some_and(|seconds| seconds > RETRY_AFTER_CAP) {
            return None;
        }
        let (now, mut entropy) = moment.split();
        let backoff = FIRST_WAIT << self.retries;
        let jitter = i64::from(entropy.byte()) % (backoff + 1);
        self.retries += 1;
        Some(Pause::new(now.plus(asked.unwrap_or(0).max(backoff + jitter)), self).into())
    }
}

impl Flow for Repeated {
    type Awaiting = Repeating;
    type Paused = Repeating;
    type Output = Answer;

    fn on_response(state: Repeating, response: &Response<'_>, moment: Moment) -> Result<Step<Self>, Error> {
        let now = moment.now();
        match answer(response, &state.client.secrets(), now) {
            Err(Error::Unavailable(busy)) if matches!(busy.status, 429 | 503) => {
                state.later(busy.retry_after, moment).ok_or(Error::Unavailable(busy))
            }
            answer => answer.map(Step::Done),
        }
    }

    fn on_wake(state: Repeating, _: Moment) -> Result<Step<Self>, Error> {
        Ok(state.call()?.into())
    }

    fn on_failure(state: Repeating, moment: Moment) -> Option<Step<Self>> {
        state.later(None, moment)
    }
}

fn request(client: &Client, mut form: Form) -> Result<Request, Error> {
    let authorization = client.authenticate(&mut form);
    let body = form::encode(form.iter().map(|(name, value)| (name.as_ref(), value.expose())));
    let mut request = Request::new(body.into_bytes());
    *request.method_mut() = Method::POST;
    *request.uri_mut() = client.endpoint(Endpoint::Token)?.uri();
    let headers = request.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    if let Some(value) = authorization {
        headers.insert(header::AUTHORIZATION, value);
    }
    Ok(request)
}

/// Sorts a response: granted, refused, busy, or not what the specification allows (RFC 6749 section 5).
fn answer(response: &Response<'_>, sent: &[Secret], now: Timestamp) -> Result<Answer, Error> {
    let status = response.status();
    let members = Members::parse(response.body());
    let refusal = members.as_ref().ok().and_then(|members| {
        // A success that carries an error instead of a token is a refusal, too: GitHub's way.
        let refused = !status.is_success() || !members.has("access_token");
        if refused { ErrorResponse::from_members(&mut members.clone(), sent) } else { None }
    });
    match refusal {
        _ if matches!(status.as_u16(), 429 | 503) => {}
        Some(response) => {
            return Err(OAuthError { endpoint: Endpoint::Token, status: status.as_u16(), response }.into());
        }
        None if status.is_server_error() => {}
        None if status.is_success() => {
            let members =
                members.map_err(|error| ResponseError::new(Endpoint::Token, status, Rule::Json(error)))?;
            return Ok(Answer { members, now, status });
        }
        None => return Err(ResponseError::new(Endpoint::Token, status, Rule::Status).into()),
    }
    Err(Error::Unavailable(Unavailable {
        endpoint: Endpoint::Token,
        status: status.as_u16(),
        retry_after: retry_after(response.headers(), now),
    }))
}
