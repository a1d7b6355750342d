//! The UserInfo request (OpenID Connect Core 1.0 section 5.3, RFC 6750).
//!
//! ```text
//! Asked ──claims──▶ Done(UserInfo)
//!       ──use_dpop_nonce──▶ Asked                     once, with a DPoP key at hand
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
            ResponseRule, Step,
        },
        exchange::{check_status, get},
    },
    message::{ErrorResponse, UserInfo},
    sender::{DPOP, Proof},
};
use http::{HeaderValue, Method, header};
use std::convert::Infallible;

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

/// The request is in flight.
pub struct Asked {
    client: Client,
    access_token: Secret,
    sub: String,
    /// Whether the request may be sent once more, with another nonce.
    again: bool,
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
        let Self { client, prepared: Prepared { proof, .. } } = self;
        let (access_token, again) = (access_token.clone(), proof.is_none());
        Asked { client, access_token, sub: sub.to_owned(), again }.call(proof, None, moment)
    }
}

impl Asked {
    fn call(
        self,
        proof: Option<Proof>,
        nonce: Option<&str>,
        moment: Moment,
    ) -> Result<Call<UserInfoRetrieval>, Error> {
        let Self { client, access_token, .. } = &self;
        let url = client.endpoint(Endpoint::UserInfo)?;
        let prover = client.prover();
        let scheme = if prover.is_some() { "DPoP" } else { "Bearer" };
        let value = credentials(scheme, access_token).ok_or(ConfigError::Characters("access_token"))?;
        let mut request: Request = get(url, "application/json");
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
        Ok(Call::new(self.client.terms(Endpoint::UserInfo), request, self))
    }
}

impl Flow for UserInfoRetrieval {
    type Awaiting = Asked;
    type Paused = Infallible;
    type Output = UserInfo;

    fn on_response(mut asked: Asked, response: &Response<'_>, moment: Moment) -> Result<Step<Self>, Error> {
        let status = response.status();
        if matches!(status.as_u16(), 400 | 401 | 403) {
            let challenges = challenges(response.headers(), &header::WWW_AUTHENTICATE);
            let sent = std::slice::from_ref(&asked.access_token);
            let refusal = challenges.iter().find_map(|one| ErrorResponse::from_challenge(one, sent));
            let refusal = refusal.or_else(|| ErrorResponse::from_json(response.body(), sent).ok().flatten());
            if let Some(refusal) = refusal {
                let error = OAuthError::new(Endpoint::UserInfo, status, refusal, response.headers());
                if asked.again && error.wants_nonce() && asked.client.prover().is_some() {
                    asked.again = false;
                    return Ok(asked.call(None, error.dpop_nonce.as_deref(), moment)?.into());
                }
                return Err(error.into());
            }
        }
        check_status(Endpoint::UserInfo, status, response.headers(), moment.now())?;
        let broken = |rule| ResponseError::new(Endpoint::UserInfo, status, rule);
        if media_type_is(response.headers(), &["application/jwt"]) {
            return Err(broken(ResponseRule::UnexpectedJwt).into());
        }
        if !media_type_is(response.headers(), &["application/json"]) {
            return Err(broken(ResponseRule::MediaType("application/json")).into());
        }
        let userinfo = UserInfo::from_json(response.body())
            .map_err(|error| broken(ResponseRule::Json(error)))?
            .ok_or_else(|| broken(ResponseRule::Missing("sub")))?;
        if userinfo.sub != asked.sub {
            return Err(broken(ResponseRule::OtherSubject).into());
        }
        Ok(Step::Done(userinfo))
    }

    fn on_wake(never: Infallible, _: Moment) -> Result<Step<Self>, Error> {
        match never {}
    }
}
