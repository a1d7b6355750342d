//! One request about the registration of a client, and the sorting of its response.
//!
//! ```text
//! Configuring ──2xx──▶ Done(Configured)
//! ```
//! It is sent once. A registration makes a client, and each answer may replace the token for the next request. Whoever
//! calls may repeat what can be repeated.

use crate::{
    base::{
        endpoint_url::EndpointUrl,
        header::{challenges, credentials, retry_after},
        json::{JsonError, Members},
        moment::Moment,
        secret::Secret,
    },
    flow::{
        contract::{
            Call, ConfigError, Endpoint, Error, Flow, OAuthError, Request, Response, ResponseError,
            ResponseRule, Step, Terms, Unavailable,
        },
        exchange::refusal_or_status,
    },
    message::{ErrorResponse, first_texts},
};
use http::{HeaderValue, Method, StatusCode, header};
use std::{convert::Infallible, sync::Arc};

/// A request about the registration of a client.
#[derive(Debug)]
#[non_exhaustive]
pub struct Exchange;

/// The request is in flight.
pub struct Configuring {
    endpoint: Endpoint,
    /// The secrets in the request: no error may repeat them.
    sent: Arc<[Secret]>,
    /// Whether a success must have a body.
    answers: bool,
}

/// A success.
pub struct Configured {
    pub(super) members: Result<Members, JsonError>,
    pub(super) endpoint: Endpoint,
    pub(super) status: StatusCode,
}

/// What a request is made of.
pub(super) struct Ask<'a> {
    pub(super) endpoint: Endpoint,
    pub(super) method: Method,
    pub(super) url: &'a EndpointUrl,
    /// The token in the header, and the name of it in an error.
    pub(super) token: Option<(&'static str, &'a Secret)>,
    /// The body, as JSON.
    pub(super) body: Option<String>,
    /// The secrets in the body.
    pub(super) secrets: Vec<Secret>,
}

impl Ask<'_> {
    pub(super) fn call(self) -> Result<Call<Exchange>, Error> {
        let Self { endpoint, method, url, token, body, mut secrets } = self;
        let answers = method != Method::DELETE;
        let mut request = Request::new(Vec::new());
        *request.method_mut() = method;
        *request.uri_mut() = url.uri();
        let headers = request.headers_mut();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        if let Some((name, token)) = token {
            let value = Some(token).filter(|token| !token.expose().is_empty());
            let value = value.and_then(|token| credentials("Bearer", token));
            headers.insert(header::AUTHORIZATION, value.ok_or(ConfigError::Characters(name))?);
            secrets.push(token.clone());
        }
        if let Some(body) = body {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            *request.body_mut() = body.into_bytes();
        }
        let state = Configuring { endpoint, sent: secrets.into(), answers };
        Ok(Call::new(Terms::new(endpoint), request, state))
    }
}

impl Flow for Exchange {
    type Awaiting = Configuring;
    type Paused = Infallible;
    type Output = Configured;

    fn on_response(state: Configuring, response: &Response<'_>, moment: Moment) -> Result<Step<Self>, Error> {
        let Configuring { endpoint, sent, answers } = state;
        let status = response.status();
        let members = Members::parse(response.body());
        // Some servers refuse with a 200.
        let is_answer = |members: &Members| !answers || members.has("client_id") || !members.has("error");
        if status.is_success() && members.as_ref().map_or(true, is_answer) {
            return Ok(Step::Done(Configured { members, endpoint, status }));
        }
        let told = members.ok().and_then(|mut members| ErrorResponse::from_members(&mut members, &sent));
        // Some servers send no error to whom they refuse, and a request without a token gets none (RFC 6750 section 3.1).
        let told = told.or_else(|| {
            let challenges = challenges(response.headers(), &header::WWW_AUTHENTICATE);
            let told = challenges.iter().find_map(|one| ErrorResponse::from_challenge(one, &sent));
            let refused = || {
                let texts = first_texts(response.body(), &sent);
                ErrorResponse::new("invalid_token", texts.as_deref(), None, &[])
            };
            told.or_else(|| (status == StatusCode::UNAUTHORIZED).then(refused))
        });
        let busy = matches!(status.as_u16(), 429 | 503);
        match told {
            Some(told) if !busy => Err(OAuthError::new(endpoint, status, told, response.headers()).into()),
            _ if busy || status.is_server_error() => {
                let after = retry_after(response.headers(), moment.now());
                Err(Error::Unavailable(Unavailable::new(endpoint, status, after)))
            }
            _ => {
                let rule = match first_texts(response.body(), &sent) {
                    told if status.is_success() => ResponseRule::Refusal(told),
                    _ => refusal_or_status(status, response.body(), &sent, &[400, 403]),
                };
                Err(ResponseError::new(endpoint, status, rule).into())
            }
        }
    }

    fn on_wake(never: Infallible, _: Moment) -> Result<Step<Self>, Error> {
        match never {}
    }
}
