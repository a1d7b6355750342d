//! The UserInfo request (OpenID Connect Core 1.0 section 5.3, RFC 6750).
//!
//! ```text
//! Asked ──claims──▶ Done(UserInfo)                    signed ones, too, if a key at hand verifies them
//!       ──use_dpop_nonce──▶ Asked                     once, with a DPoP key at hand
//!       ──claims of another key──▶ Keys ──keys──▶ Done(UserInfo)
//! ```

use crate::{
    base::{
        form,
        header::{challenges, credentials, media_type_is},
        moment::Moment,
        secret::Secret,
    },
    flow::{
        client::{Attempt, Client, Prepared, UserInfoMethod},
        contract::{
            Call, ConfigError, Endpoint, Error, Flow, OAuthError, Request, Response, ResponseError,
            ResponseRule, Step, Then,
        },
        exchange::{
            Check, Checked, Checking, Learned, SignedUserInfo, check_status, get, other_type,
            refusal_or_status,
        },
    },
    jose::KeySet,
    message::{ErrorResponse, UserInfo, first_texts, first_texts_of_errors},
    sender::{DPOP, Proof},
};
use http::{HeaderValue, Method, StatusCode, header};
use std::{convert::Infallible, sync::Arc};

/// The flow from an access token to claims about its user. [`Client::userinfo`] starts it.
///
/// ```
/// use oidc_testkit::{Party, drive};
///
/// let mut party = Party::new(); // a provider without a network, a client of it, and a clock
/// let user = party.login()?;
///
/// let (token, sub) = (&user.tokens.access_token, &user.id_token.sub);
/// let call = party.client.userinfo(token, sub, party.clock.moment())?;
/// let userinfo = drive(call, &mut party.provider, &mut party.clock)?;
/// assert_eq!(userinfo.claim::<String>("email").as_deref(), Some("alice@example.com"));
/// # Ok::<(), oidc_proto::Error>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct UserInfoRetrieval;

/// The sub-flow from an access token to claims, and to the keys that verified them.
#[derive(Debug)]
#[non_exhaustive]
pub struct UserInfoExchange;

/// The claims, and the keys that the flow fetched.
pub struct Informed {
    pub(in crate::flow) userinfo: UserInfo,
    pub(in crate::flow) learned: Learned,
}

/// A request is in flight.
pub struct Inquiring(pub(in crate::flow) InquiringState);

pub(in crate::flow) enum InquiringState {
    /// The request is for claims.
    Asked { asked: Box<Asked> },
    /// The request is for keys to verify signed claims.
    Keys { check: Box<Checking<SignedUserInfo>>, sub: String },
}

/// The state to keep while the claims are asked for.
pub struct Asked {
    client: Client,
    access_token: Secret,
    sub: String,
    /// Whether the request may be sent once more, with another nonce.
    again: bool,
    /// The keys at hand, for signed claims.
    keys: Option<Arc<KeySet>>,
    /// The keys that the login has fetched already.
    learned: Learned,
}

impl Client {
    /// Asks for claims about the user `sub`, the subject of the verified ID token. Claims about another user are
    /// refused.
    ///
    /// # Errors
    /// [`ConfigError::NoEndpoint`] if the metadata has no usable `userinfo_endpoint`;
    /// [`ConfigError::Characters`] if the access token has characters that no header may have; [`Error::Sign`] if the
    /// client has a DPoP key that fails to sign.
    pub fn userinfo(
        &self,
        access_token: &Secret,
        sub: &str,
        moment: Moment,
    ) -> Result<Call<UserInfoRetrieval>, Error> {
        Attempt::from(self).userinfo(access_token, sub, moment)
    }

    /// Asks for claims about the user `sub`, like [`userinfo`](Self::userinfo). Signed claims are verified with `keys`.
    /// With `None`, or if no key among them verifies the claims, the flow fetches the keys.
    ///
    /// # Errors
    /// As [`userinfo`](Self::userinfo).
    pub fn userinfo_with_keys(
        &self,
        access_token: &Secret,
        sub: &str,
        keys: Option<Arc<KeySet>>,
        moment: Moment,
    ) -> Result<Call<UserInfoRetrieval>, Error> {
        let attempt = Attempt::from(self);
        Ok(attempt.inquire(access_token, sub, keys, Learned::default(), moment)?.carrying(()))
    }
}

impl Attempt {
    /// Asks for claims about the user `sub`, once, with the proof of this attempt.
    ///
    /// # Errors
    /// As [`Client::userinfo`].
    pub fn userinfo(
        self,
        access_token: &Secret,
        sub: &str,
        moment: Moment,
    ) -> Result<Call<UserInfoRetrieval>, Error> {
        Ok(self.inquire(access_token, sub, None, Learned::default(), moment)?.carrying(()))
    }

    /// Asks for claims, and verifies signed ones with the keys at hand, or with those that were fetched already.
    pub(in crate::flow) fn inquire(
        self,
        access_token: &Secret,
        sub: &str,
        keys: Option<Arc<KeySet>>,
        learned: Learned,
        moment: Moment,
    ) -> Result<Call<UserInfoExchange>, Error> {
        let Self { client, prepared: Prepared { proof, .. } } = self;
        let (access_token, again) = (access_token.clone(), proof.is_none());
        let sub = sub.to_owned();
        Asked { client, access_token, sub, again, keys, learned }.call(proof, None, moment)
    }
}

impl Asked {
    fn call(
        self,
        proof: Option<Proof>,
        nonce: Option<&str>,
        moment: Moment,
    ) -> Result<Call<UserInfoExchange>, Error> {
        let Self { client, access_token, .. } = &self;
        let url = client.endpoint(Endpoint::UserInfo)?;
        let prover = client.prover();
        let scheme = if prover.is_some() { "DPoP" } else { "Bearer" };
        let value = credentials(scheme, access_token).ok_or(ConfigError::Characters("access_token"))?;
        let signed = client.inner().userinfo_is_signed;
        let mut request: Request = get(url, if signed { "application/jwt" } else { "application/json" });
        let method = client.inner().userinfo_method;
        if method != UserInfoMethod::Get {
            *request.method_mut() = Method::POST;
        }
        // A bound token goes into the header, whatever the method (RFC 9449 section 7.1).
        if method == UserInfoMethod::PostForm && prover.is_none() {
            *request.body_mut() = form::encode([("access_token", access_token.expose())]).into_bytes();
            let form = HeaderValue::from_static("application/x-www-form-urlencoded");
            request.headers_mut().insert(header::CONTENT_TYPE, form);
        } else {
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        let (now, mut entropy) = moment.split();
        let of = (&request.method().clone(), url);
        let proof = client.prove(proof, of, nonce, Some(access_token), now, &mut entropy)?;
        request.headers_mut().extend(proof.map(|proof| (DPOP, proof)));
        let terms = self.client.terms(Endpoint::UserInfo);
        let asked = Box::new(self);
        Ok(Call::new(terms, request, Inquiring(InquiringState::Asked { asked })))
    }
}

impl Asked {
    fn answered(mut self, response: &Response<'_>, moment: Moment) -> Result<Step<UserInfoExchange>, Error> {
        let status = response.status();
        if matches!(status.as_u16(), 400 | 401 | 403) {
            let challenges = challenges(response.headers(), &header::WWW_AUTHENTICATE);
            let sent = std::slice::from_ref(&self.access_token);
            let refusal = challenges.iter().find_map(|one| ErrorResponse::from_challenge(one, sent));
            let refusal = refusal.or_else(|| ErrorResponse::from_json(response.body(), sent).ok().flatten());
            if let Some(refusal) = refusal {
                let error = OAuthError::new(Endpoint::UserInfo, status, refusal, response.headers());
                if self.again && error.wants_nonce() && self.client.prover().is_some() {
                    self.again = false;
                    return Ok(self.call(None, error.dpop_nonce.as_deref(), moment)?.into());
                }
                return Err(error.into());
            }
        }
        if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS {
            let sent = std::slice::from_ref(&self.access_token);
            let mut rule = refusal_or_status(status, response.body(), sent, &[400, 401, 403]);
            if let ResponseRule::Refusal(told @ None) = &mut rule {
                *told = challenged(response, sent);
            }
            return Err(ResponseError::new(Endpoint::UserInfo, status, rule).into());
        }
        // A hop of the provider that has changed the response calls it 203 (RFC 9110 section 15.3.4). What it says about
        // the user is checked all the same.
        let met = if status == StatusCode::NON_AUTHORITATIVE_INFORMATION { StatusCode::OK } else { status };
        check_status(Endpoint::UserInfo, met, response.headers(), moment.now())?;
        let broken = |rule| ResponseError::new(Endpoint::UserInfo, status, rule);
        let inner = self.client.inner();
        // Some providers call a JWT by the media type of its claims, or of a text.
        if media_type_is(response.headers(), &["application/jwt"]) || is_jwt(response.body()) {
            if inner.userinfo_verifier.accepts_nothing() {
                return Err(broken(ResponseRule::UnexpectedJwt).into());
            }
            let text = std::str::from_utf8(response.body()).unwrap_or_default();
            let signed = SignedUserInfo(Secret::new(text.trim_ascii()));
            let Self { client, keys, learned, sub, .. } = self;
            let step = Check::start(signed, client, keys.as_deref(), learned, moment.now())?;
            return checking(step, sub);
        }
        if inner.userinfo_is_signed {
            return Err(broken(ResponseRule::NotSigned).into());
        }
        if !inner.quirks.any_media_type && !media_type_is(response.headers(), &["application/json"]) {
            let mut error = broken(ResponseRule::MediaType("application/json"));
            error.media_type = other_type(response.headers());
            return Err(error.into());
        }
        let userinfo =
            UserInfo::from_json(response.body()).map_err(|error| broken(ResponseRule::Json(error)))?;
        match userinfo {
            Some(userinfo) => about(&self.sub, userinfo, self.learned),
            None => {
                Err(broken(refused_or_missing(response, std::slice::from_ref(&self.access_token))).into())
            }
        }
    }
}

/// Returns the description in a challenge without `error`.
fn challenged(response: &Response<'_>, sent: &[Secret]) -> Option<Box<str>> {
    let challenges = challenges(response.headers(), &header::WWW_AUTHENTICATE);
    let mut of_tokens = challenges.iter().filter(|one| matches!(one.scheme.as_str(), "bearer" | "dpop"));
    let told = of_tokens.find_map(|one| one.parameter("error_description"))?;
    first_texts(serde_json::to_string(told).ok()?.as_bytes(), sent)
}

/// Returns the rule for a success without `sub`: a refusal if it has a member for errors.
fn refused_or_missing(response: &Response<'_>, sent: &[Secret]) -> ResponseRule {
    match first_texts_of_errors(response.body(), sent) {
        Some(told) => ResponseRule::Refusal(Some(told)),
        None => ResponseRule::Missing("sub"),
    }
}

/// Whether a body is a signed token and nothing else, whatever its media type says.
fn is_jwt(body: &[u8]) -> bool {
    let text = body.trim_ascii();
    let part = |part: &[u8]| part.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte));
    // Each header begins with `{"`.
    text.starts_with(b"eyJ")
        && text.split(|byte| *byte == b'.').count() == 3
        && text.split(|byte| *byte == b'.').all(part)
}

fn checking(step: Step<Check<SignedUserInfo>>, sub: String) -> Result<Step<UserInfoExchange>, Error> {
    step.within(
        sub,
        |check, sub| Inquiring(InquiringState::Keys { check: Box::new(check), sub }),
        |never, _| never,
        |Checked { good, learned }, sub| about(&sub, good, learned),
    )
}

/// Checks that the claims are about this user (OpenID Connect Core 1.0 section 5.3.2).
fn about(sub: &str, userinfo: UserInfo, learned: Learned) -> Result<Step<UserInfoExchange>, Error> {
    if userinfo.sub != sub {
        let rule = ResponseRule::OtherSubject;
        return Err(ResponseError::new(Endpoint::UserInfo, StatusCode::OK, rule).into());
    }
    Ok(Step::Done(Informed { userinfo, learned }))
}

impl Flow for UserInfoExchange {
    type Awaiting = Inquiring;
    type Paused = Infallible;
    type Output = Informed;

    fn on_response(state: Inquiring, response: &Response<'_>, moment: Moment) -> Result<Step<Self>, Error> {
        match state {
            Inquiring(InquiringState::Asked { asked }) => asked.answered(response, moment),
            Inquiring(InquiringState::Keys { check, sub }) => {
                checking(Check::on_response(*check, response, moment)?, sub)
            }
        }
    }

    fn on_wake(never: Infallible, _: Moment) -> Result<Step<Self>, Error> {
        match never {}
    }
}

impl Then for UserInfoRetrieval {
    type First = UserInfoExchange;
    type Carried = ();
    type Output = UserInfo;

    fn then(Informed { userinfo, .. }: Informed, (): (), _: Moment) -> Result<Step<Self>, Error> {
        Ok(Step::Done(userinfo))
    }
}
