//! One authenticated POST to an endpoint of the provider: what every grant shares, and when it may be
//! repeated.
//!
//! ```text
//! Post       Posting ──2xx──▶ Done(Answer)          nothing in it is ever sent twice:
//!                    ──else─▶ Err                   codes, refresh tokens
//!
//! Repeated   Posting ──2xx──▶ Done(Answer)          nothing in it is spent by sending it:
//!              ▲     ──429, 503, lost──▶ Wait ──┐   client credentials, introspection
//!              └────────────────────────────────┘   at most MAX_RETRIES times, then Err
//! ```
//!
//! A request that is repeated authenticates anew (row T14).

use super::{
    Call, Client, Endpoint, Error, Flow, Never, OAuthError, Pause, Request, Response, ResponseError, Rule,
    Step, Terms, Unavailable,
};
use crate::{
    base::{
        form,
        header::{challenges, media_type_is, retry_after},
        json::Members,
        moment::{Moment, Timestamp},
        secret::Secret,
    },
    message::{ErrorResponse, TokenResponse, TokenResponseError},
};
use http::{HeaderValue, Method, header};
use std::{borrow::Cow, time::Duration};

/// How often a request that may be repeated is repeated.
pub const MAX_RETRIES: u8 = 3;

/// The longest wait, in seconds, that a provider's `Retry-After` can impose before a repetition. A
/// provider that asks for more is told nothing again: the flow ends.
pub const RETRY_AFTER_CAP: i64 = 60;

/// The first wait, in seconds; each is twice the one before.
const FIRST_WAIT: i64 = 1;

/// What a provider asks for by `Retry-After`, in seconds; none if it does not ask.
pub(crate) fn seconds(asked: Option<Duration>) -> i64 {
    asked.map_or(0, |wait| i64::try_from(wait.as_secs()).unwrap_or(i64::MAX))
}

/// What to send, without what must be new each time.
pub(super) type Form = Vec<(Cow<'static, str>, Secret)>;

/// A POST that is sent once.
#[derive(Debug)]
pub(super) struct Post;

/// The secrets that are on their way: no error may repeat them.
#[derive(Debug)]
pub struct Posting {
    endpoint: Endpoint,
    sent: Vec<Secret>,
}

/// What a provider grants, or says.
pub(super) struct Answer {
    pub(super) members: Members,
    pub(super) now: Timestamp,
    pub(super) status: http::StatusCode,
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
        Self::at(client, Endpoint::Token, form, bound)
    }

    pub(super) fn at(
        client: &Client,
        endpoint: Endpoint,
        form: Form,
        bound: &[Secret],
    ) -> Result<Call<Self>, Error> {
        let mut sent = secrets(client, &form);
        sent.extend_from_slice(bound);
        Ok(Call::new(Terms::new(endpoint), request(client, endpoint, form)?, Posting { endpoint, sent }))
    }
}

impl Flow for Post {
    type Awaiting = Posting;
    type Paused = Never;
    type Output = Answer;

    fn on_response(state: Posting, response: &Response<'_>, moment: Moment) -> Result<Step<Self>, Error> {
        answer(state.endpoint, response, &state.sent, moment.now()).map(Step::Done)
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
    pub(super) endpoint: Endpoint,
    pub(super) form: Form,
    pub(super) retries: u8,
}

impl Repeated {
    pub(super) fn start(client: Client, form: Form) -> Result<Call<Self>, Error> {
        Self::at(client, Endpoint::Token, form)
    }

    pub(super) fn at(client: Client, endpoint: Endpoint, form: Form) -> Result<Call<Self>, Error> {
        Repeating { client, endpoint, form, retries: 0 }.call()
    }
}

impl Repeating {
    fn call(self) -> Result<Call<Repeated>, Error> {
        let request = request(&self.client, self.endpoint, self.form.clone())?;
        Ok(Call::new(Terms::new(self.endpoint), request, self))
    }

    /// Waits, as long as the provider asked, or twice as long as the last time and a little more.
    fn later(mut self, asked: Option<Duration>, moment: Moment) -> Option<Step<Repeated>> {
        let asked = seconds(asked);
        if self.retries == MAX_RETRIES || asked > RETRY_AFTER_CAP {
            return None;
        }
        let (now, mut entropy) = moment.split();
        let backoff = FIRST_WAIT << self.retries;
        let jitter = i64::from(entropy.byte()) % (backoff + 1);
        self.retries += 1;
        Some(Pause::new(now.plus(asked.max(backoff + jitter)), self).into())
    }
}

impl Flow for Repeated {
    type Awaiting = Repeating;
    type Paused = Repeating;
    type Output = Answer;

    fn on_response(state: Repeating, response: &Response<'_>, moment: Moment) -> Result<Step<Self>, Error> {
        let now = moment.now();
        match answer(state.endpoint, response, &secrets(&state.client, &state.form), now) {
            Err(Error::Unavailable(busy)) if matches!(busy.status, 429 | 503) => {
                state.later(busy.retry_after(), moment).ok_or(Error::Unavailable(busy))
            }
            answer => answer.map(Step::Done),
        }
    }

    fn on_wake(state: Repeating, _: Moment) -> Result<Step<Self>, Error> {
        Ok(state.call()?.into())
    }

    fn on_failure(state: Repeating, moment: Moment) -> Result<Option<Step<Self>>, Error> {
        Ok(state.later(None, moment))
    }
}

fn request(client: &Client, endpoint: Endpoint, mut form: Form) -> Result<Request, Error> {
    let authorization = client.authenticate(&mut form);
    let body = form::encode(form.iter().map(|(name, value)| (name.as_ref(), value.expose())));
    let mut request = Request::new(body.into_bytes());
    *request.method_mut() = Method::POST;
    *request.uri_mut() = client.endpoint(endpoint)?.uri();
    let headers = request.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    if let Some(value) = authorization {
        headers.insert(header::AUTHORIZATION, value);
    }
    Ok(request)
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
fn answer(
    endpoint: Endpoint,
    response: &Response<'_>,
    sent: &[Secret],
    now: Timestamp,
) -> Result<Answer, Error> {
    let status = response.status();
    let introspection = endpoint == Endpoint::Introspection;
    if introspection && media_type_is(response.headers(), &["application/token-introspection+jwt"]) {
        return Err(ResponseError::new(endpoint, status, Rule::UnexpectedJwt).into());
    }
    let members = Members::parse(response.body());
    let wanted = if introspection {
        "active"
    } else if endpoint == Endpoint::DeviceAuthorization {
        "device_code"
    } else {
        "access_token"
    };
    let refusal = members.as_ref().ok().and_then(|members| {
        // A success that carries an error instead of what was asked for is a refusal, too: GitHub's way.
        let refused = !status.is_success() || !members.has(wanted);
        if refused { ErrorResponse::from_members(&mut members.clone(), sent) } else { None }
    });
    // Not every server writes a body to those whose credentials it does not take.
    let refusal = refusal.or_else(|| {
        (introspection && status == http::StatusCode::UNAUTHORIZED).then(|| {
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
        None if status.is_success() => {
            let members = members.map_err(|error| ResponseError::new(endpoint, status, Rule::Json(error)))?;
            return Ok(Answer { members, now, status });
        }
        None => return Err(ResponseError::new(endpoint, status, Rule::Status).into()),
    }
    Err(Error::Unavailable(Unavailable::new(endpoint, status, retry_after(response.headers(), now))))
}
