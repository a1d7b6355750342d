//! One authenticated POST to an endpoint of the provider, which every grant shares, and the rule when it may be
//! repeated.
//!
//! ```text
//! Post<A>:                       it is sent once: codes, refresh tokens, pushed authorization requests
//! Posting ──2xx──▶ Done(A)
//!         ──use_dpop_nonce──▶ Posting                 once, with a DPoP key at hand
//!         ──use_attestation_challenge──▶ Posting      once, with an attestation and its key at hand
//!         ──challenge──▶ Posting                      before the request, if the provider has a challenge endpoint
//!
//! Repeated<A>:                   sending it spends nothing: client credentials, introspection, revocation
//! Repeating ──2xx──▶ Done(A)
//!           ──use_dpop_nonce──▶ Repeating             once for each attempt
//!           ──use_attestation_challenge──▶ Repeating  once for each attempt
//!           ──challenge──▶ Repeating                  before an attempt
//!           ──429, 503, lost──▶ Wait ──▶ Repeating    as often as its budget says
//! ```
//! `A` is the response message of the endpoint. A request that is repeated authenticates anew, because an assertion
//! and a proof are used once.

use super::{
    aim::Aim,
    challenge::{self, Again, Named},
    document::Getting,
    secrets::secrets,
};
use crate::{
    base::{
        endpoint_url::EndpointUrl,
        form,
        header::{challenges, media_type_is, retry_after},
        json::{JsonError, Members},
        moment::{Entropy, Moment, Timestamp, whole_seconds},
        secret::Secret,
    },
    flow::{
        client::{Attempt, Client, Form, Prepared},
        contract::{
            Call, ConfigError, Endpoint, Error, Flow, OAuthError, Pause, Request, Response, ResponseError,
            ResponseRule, Step, Unavailable,
        },
    },
    jose::SignError,
    message::{ErrorResponse, TokenResponse, first_texts, first_texts_of_errors},
    sender::DPOP,
};
use http::{HeaderValue, Method, header};
use std::{convert::Infallible, marker::PhantomData, sync::Arc, time::Duration};

/// The largest number of repetitions of a request that may be repeated.
pub const MAX_RETRIES: u8 = 3;

/// The longest wait that a provider's `Retry-After` can impose before a repetition. If a provider asks for a longer
/// one, the flow ends.
pub const RETRY_AFTER_CAP: Duration = Duration::from_secs(60);

/// The first wait, in seconds. Each further wait is twice as long as the one before.
const FIRST_WAIT: i64 = 1;

/// The body of a success.
pub struct Body(Result<Members, JsonError>);

impl Body {
    /// Returns the members of the JSON object.
    pub(in crate::flow) fn members(self) -> Result<Members, ResponseRule> {
        Ok(self.0?)
    }
}

/// The response message of an endpoint.
pub trait Answer: Sized {
    /// The member that the message always has; `None` if only the status counts. A 2xx without this member but with
    /// `error` is a refusal, because GitHub sends refusals like that.
    const MEMBER: Option<&'static str>;
    /// Whether a 401 without an error in its body means that the client's credentials are wrong.
    const CHALLENGED: bool = false;
    /// Whether the message has claims about a user: an error repeats none of them.
    const OF_USER: bool = false;
    /// The media type of the signed form.
    const SIGNED: Option<&'static str> = None;

    /// Returns the media type to ask for. An error is JSON, whatever was asked for.
    fn accept(_: &Client) -> &'static str {
        "application/json"
    }

    /// Reads a successful response in its signed form.
    fn read_jwt(_: Secret, _: &Client) -> Result<Self, ResponseRule> {
        Err(ResponseRule::UnexpectedJwt)
    }

    /// Reads a successful response.
    fn read(body: Body, client: &Client, now: Timestamp) -> Result<Self, ResponseRule>;

    /// Returns the tokens, if the message has any: they are held to what the request asked for.
    fn tokens(&self) -> Option<&TokenResponse> {
        None
    }
}

/// Makes the assertion of a request (RFC 7521 section 4.1), anew for each attempt.
pub(in crate::flow) trait Mint: Send + Sync {
    fn mint(&self, client: &Client, now: Timestamp, entropy: &mut Entropy) -> Result<Secret, SignError>;
}

/// All values that are needed to send a request, once or again.
pub(in crate::flow) struct Ask {
    client: Client,
    endpoint: Endpoint,
    form: Form,
    /// The secrets that the provider knows, although this request does not send them.
    bound: Vec<Secret>,
    /// The assertion and the proof that were signed elsewhere. With one of them there is only one attempt.
    prepared: Prepared,
    /// Makes the parameter `assertion`, if each attempt needs a new one.
    mint: Option<Arc<dyn Mint>>,
    /// What the token is for.
    aim: Aim,
}

impl Ask {
    pub(in crate::flow) fn new(attempt: Attempt, endpoint: Endpoint, form: Form) -> Self {
        let Attempt { client, prepared } = attempt;
        Self { client, endpoint, form, bound: Vec::new(), prepared, mint: None, aim: Aim::default() }
    }

    /// Names the resources and the authorization details of the token. The response is held to them.
    pub(in crate::flow) fn aiming(mut self, aim: Aim) -> Result<Self, Error> {
        aim.add_to(&mut self.form)?;
        aim.check(&self.client)?;
        Ok(Self { aim, ..self })
    }

    /// Adds a parameter `assertion` that is made anew for each attempt.
    pub(in crate::flow) fn minting(self, mint: Option<Arc<dyn Mint>>) -> Self {
        Self { mint, ..self }
    }

    /// Adds secrets that no error may repeat.
    pub(in crate::flow) fn bound(mut self, secrets: impl IntoIterator<Item = Secret>) -> Self {
        self.bound.extend(secrets);
        self
    }

    pub(in crate::flow) const fn client(&self) -> &Client {
        &self.client
    }

    /// Returns a call that is sent once.
    pub(in crate::flow) fn once<A: Answer>(mut self, moment: Moment) -> Result<Call<Post<A>>, Error> {
        let prepared = std::mem::take(&mut self.prepared);
        let again = Again::new(prepared.is_none());
        Arc::new(self).call(prepared, Named::default(), again, moment)
    }

    /// Returns a call that is repeated up to `budget` times if the provider is busy or the response is lost.
    pub(in crate::flow) fn repeated<A: Answer>(
        self,
        budget: u8,
        moment: Moment,
    ) -> Result<Call<Repeated<A>>, Error> {
        let most = if self.prepared.is_none() { budget } else { 0 };
        let budget = Budget { spent: 0, most };
        Ok(self.once::<A>(moment)?.map(|post| Repeating { post, budget }))
    }

    /// Authenticates the request and proves it. `again` says whether it may be sent once more, to a server that demands
    /// another nonce or another challenge.
    fn call<A: Answer>(
        self: Arc<Self>,
        prepared: Prepared,
        mut named: Named,
        again: Again,
        moment: Moment,
    ) -> Result<Call<Post<A>>, Error> {
        let (now, mut entropy) = moment.split();
        let (client, url) = (&self.client, self.client.endpoint(self.endpoint)?);
        if let Some(first) = client.lacks_challenge(&prepared, named.challenge.as_deref(), url) {
            let call = challenge::get(first).max_body(client.max_document());
            let ask = Arc::clone(&self);
            let sent = Vec::new();
            return Ok(call.map(|asked| Posting {
                ask,
                sent,
                named,
                again,
                before: Some(Box::new((asked, prepared))),
            }));
        }
        let terms = client.terms(self.endpoint);
        let mut form = self.form.clone();
        if let Some(mint) = &self.mint {
            form.push(("assertion".into(), mint.mint(client, now, &mut entropy)?));
        }
        let authorization = client.authenticate(&mut form, prepared.assertion, url, now, &mut entropy)?;
        let mut sent = secrets(client, self.endpoint, &form);
        sent.extend_from_slice(&self.bound);
        let mut request = request(url, &form, authorization, A::accept(client));
        if let Some((headers, pop)) =
            client.attest(prepared.pop, named.challenge.as_deref(), url, now, &mut entropy)?
        {
            request.headers_mut().extend(headers);
            sent.push(pop);
        }
        named.nonce = named.nonce.or_else(|| client.dpop_nonce(url).map(str::to_owned));
        let pushes = self.endpoint == Endpoint::PushedAuthorizationRequest;
        if self.endpoint != Endpoint::Token && !pushes && prepared.proof.is_some() {
            return Err(ConfigError::UnwantedProof.into());
        }
        // The proof of a pushed request binds the code before there is one. The request may do without it, if the key is
        // elsewhere (RFC 9449 section 10.1).
        let has_key = || client.prover().is_some_and(|prover| prover.key().is_some());
        if self.endpoint == Endpoint::Token || pushes && (prepared.proof.is_some() || has_key()) {
            let of = (&Method::POST, url);
            let proof = client.prove(prepared.proof, of, named.nonce.as_deref(), None, now, &mut entropy)?;
            request.headers_mut().extend(proof.map(|proof| (DPOP, proof)));
        }
        Ok(Call::new(terms, request, Posting { ask: self, sent, named, again, before: None }))
    }
}

/// A POST that is sent once. If the server demands another nonce before it looks at anything else (RFC 9449 section 8), or
/// another challenge, it is sent once more, with new proofs and a new assertion.
#[derive(Debug)]
pub struct Post<A>(PhantomData<A>);

/// The request is in flight.
pub struct Posting {
    ask: Arc<Ask>,
    /// The secrets in the request: no error may repeat them.
    sent: Vec<Secret>,
    /// The nonce of the DPoP proof, and the challenge of the proof of possession.
    named: Named,
    again: Again,
    /// The request for a challenge, if it is in flight in place of the POST, and what was signed elsewhere for the POST.
    before: Option<Box<(Getting, Prepared)>>,
}

impl<A: Answer> Flow for Post<A> {
    type Awaiting = Posting;
    type Paused = Infallible;
    type Output = A;

    fn on_response(state: Posting, response: &Response<'_>, moment: Moment) -> Result<Step<Self>, Error> {
        let Posting { ask, sent, again, mut named, before } = state;
        if let Some(before) = before {
            let (asked, prepared) = *before;
            named.challenge = Some(challenge::read(&asked.received(response, moment.now()))?);
            return Ok(ask.call(prepared, named, again, moment)?.into());
        }
        let refused = match answer(&ask, response, &sent, moment.now()) {
            Err(Error::OAuth(refused)) => refused,
            answer => return answer.map(Step::Done),
        };
        match again.after(&refused, &ask.client) {
            Some(again) => {
                Ok(ask.call(Prepared::default(), named.or_by(response.headers()), again, moment)?.into())
            }
            None => Err(Error::OAuth(refused)),
        }
    }

    fn on_wake(never: Infallible, _: Moment) -> Result<Step<Self>, Error> {
        match never {}
    }
}

/// A POST that may be repeated.
#[derive(Debug)]
pub struct Repeated<A>(PhantomData<A>);

/// A request is in flight. `budget` says how often it may be repeated.
pub struct Repeating {
    post: Posting,
    budget: Budget,
}

/// Nothing is in flight until the time of the next repetition.
pub struct Resting {
    ask: Arc<Ask>,
    /// The newest nonce and the newest challenge that the server has named.
    named: Named,
    budget: Budget,
}

/// The number of repetitions of a request: those made, and the most that are allowed.
#[derive(Clone, Copy)]
struct Budget {
    spent: u8,
    most: u8,
}

impl Resting {
    /// Resumes a saved rest, after `spent` repetitions.
    pub(in crate::flow) fn resumed(ask: Ask, spent: u8) -> Self {
        Self { ask: Arc::new(ask), named: Named::default(), budget: Budget { spent, most: MAX_RETRIES } }
    }

    pub(in crate::flow) fn ask(&self) -> &Ask {
        &self.ask
    }

    /// Returns the number of repetitions so far.
    pub(in crate::flow) const fn retries(&self) -> u8 {
        self.budget.spent
    }

    /// Waits as long as the provider asked, or else twice as long as the last time, with a random addition. `None`
    /// means that no repetition is left, or that the provider asked for too long a wait.
    fn later<A: Answer>(mut self, asked: Option<Duration>, moment: Moment) -> Option<Step<Repeated<A>>> {
        let (asked, Budget { spent, most }) = (seconds(asked), self.budget);
        if spent >= most || asked > whole_seconds(RETRY_AFTER_CAP) {
            return None;
        }
        let (now, mut entropy) = moment.split();
        let backoff = FIRST_WAIT << spent;
        let jitter = i64::from(entropy.byte()) % (backoff + 1);
        self.budget.spent += 1;
        Some(Pause::new(now.plus(asked.max(backoff + jitter)), self).into())
    }
}

impl<A: Answer> Flow for Repeated<A> {
    type Awaiting = Repeating;
    type Paused = Resting;
    type Output = A;

    fn on_response(state: Repeating, response: &Response<'_>, moment: Moment) -> Result<Step<Self>, Error> {
        let Repeating { post, budget } = state;
        let named = post.named.or_by(response.headers());
        let resting = Resting { ask: post.ask.clone(), named, budget };
        let (first, second) = moment.halve();
        match Post::<A>::on_response(post, response, first) {
            Err(Error::Unavailable(busy)) if matches!(busy.status, 429 | 503) => {
                resting.later(busy.retry_after(), second).ok_or(Error::Unavailable(busy))
            }
            step => step?.within(
                budget,
                |post, budget| Repeating { post, budget },
                |never, _| match never {},
                |answer, _| Ok(Step::Done(answer)),
            ),
        }
    }

    fn on_wake(state: Resting, moment: Moment) -> Result<Step<Self>, Error> {
        let Resting { ask, named, budget } = state;
        Ok(ask
            .call::<A>(Prepared::default(), named, Again::new(true), moment)?
            .map(|post| Repeating { post, budget })
            .into())
    }

    fn on_failure(state: Repeating, moment: Moment) -> Result<Option<Step<Self>>, Error> {
        let Repeating { post: Posting { ask, named, .. }, budget } = state;
        Ok(Resting { ask, named, budget }.later(None, moment))
    }
}

fn request(
    url: &EndpointUrl,
    form: &Form,
    authorization: Option<HeaderValue>,
    accept: &'static str,
) -> Request {
    let body = form::encode(form.iter().map(|(name, value)| (name.as_ref(), value.expose())));
    let mut request = Request::new(body.into_bytes());
    *request.method_mut() = Method::POST;
    *request.uri_mut() = url.uri();
    let headers = request.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
    if let Some(value) = authorization {
        headers.insert(header::AUTHORIZATION, value);
    }
    request
}

/// Returns the wait of a `Retry-After` in seconds, or zero if there is none.
pub(crate) fn seconds(asked: Option<Duration>) -> i64 {
    asked.map_or(0, |wait| i64::try_from(wait.as_secs()).unwrap_or(i64::MAX))
}

/// Returns the rule for a response that is neither a success nor an error response. A refusal without `error` is told
/// from a status that the specification does not allow: its status is one of those, or its body says something.
pub(in crate::flow) fn refusal_or_status(
    status: http::StatusCode,
    body: &[u8],
    sent: &[Secret],
    allowed: &[u16],
) -> ResponseRule {
    match first_texts(body, sent) {
        told @ Some(_) if status.is_client_error() => ResponseRule::Refusal(told),
        _ if allowed.contains(&status.as_u16()) => ResponseRule::Refusal(None),
        _ => ResponseRule::Status,
    }
}

/// Returns what a success says that has not what a success has: some servers refuse with a 200. A body that is no JSON
/// object says so by a parameter `error`, as GitHub sends it, and not by any text.
fn refused_in_success<A: Answer>(body: &[u8], is_object: bool, sent: &[Secret]) -> Option<Box<str>> {
    let is_refusal = || body.starts_with(b"error=") || body.windows(7).any(|part| part == b"&error=");
    match is_object {
        true if A::OF_USER => first_texts_of_errors(body, sent),
        false if !is_refusal() => None,
        true | false => first_texts(body, sent),
    }
}

/// Reads a success, and holds its tokens to what was asked for.
fn read<A: Answer>(
    ask: &Ask,
    members: Result<Members, JsonError>,
    now: Timestamp,
) -> Result<A, ResponseRule> {
    let answer = A::read(Body(members), &ask.client, now)?;
    answer.tokens().map_or(Ok(()), |tokens| ask.aim.judge(tokens))?;
    Ok(answer)
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
    if status.is_success() && A::SIGNED.is_some_and(|signed| media_type_is(response.headers(), &[signed])) {
        let text = std::str::from_utf8(response.body()).unwrap_or_default();
        return A::read_jwt(Secret::new(text.trim_ascii()), &ask.client).map_err(broken);
    }
    let members = Members::parse(response.body());
    let has_answer = |members: &Members| A::MEMBER.is_none_or(|member| members.has(member));
    let granted = status.is_success() && members.as_ref().map_or(A::MEMBER.is_none(), has_answer);
    let refusal = match &members {
        Ok(members) if !granted => ErrorResponse::from_members(&mut members.clone(), sent),
        Ok(_) | Err(_) => None,
    };
    // Some servers send no body to a client whose credentials they refuse.
    let refusal = refusal.or_else(|| {
        (A::CHALLENGED && status == http::StatusCode::UNAUTHORIZED).then(|| {
            let challenges = challenges(response.headers(), &header::WWW_AUTHENTICATE);
            let told = challenges.iter().find_map(|one| ErrorResponse::from_challenge(one, sent));
            told.unwrap_or_else(|| {
                let told = first_texts(response.body(), sent);
                ErrorResponse::new("invalid_client", told.as_deref(), None, &[])
            })
        })
    });
    match refusal {
        _ if matches!(status.as_u16(), 429 | 503) => {}
        Some(refusal) => {
            let mut refused = OAuthError::new(endpoint, status, refusal, response.headers());
            refused.sent_encoded = ask.client.encodes_credentials();
            refused.sent_assertion = ask.client.asserts();
            refused.sent_attestation = ask.client.attests();
            return Err(refused.into());
        }
        None if status.is_server_error() => {}
        None if status.is_success() => {
            let is_object = members.is_ok();
            let told = if granted { None } else { refused_in_success::<A>(response.body(), is_object, sent) };
            return match told {
                Some(told) => Err(broken(ResponseRule::Refusal(Some(told)))),
                None => read(ask, members, now).map_err(broken),
            };
        }
        None => return Err(broken(refusal_or_status(status, response.body(), sent, &[400, 401]))),
    }
    Err(Error::Unavailable(Unavailable::new(endpoint, status, retry_after(response.headers(), now))))
}
