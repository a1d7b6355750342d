//! UserInfo (OpenID Connect Core 1.0 section 5.3, RFC 6750).

use super::{
    Call, Client, Endpoint, Error, Flow, Never, OAuthError, Request, Response, ResponseError, Rule, Step,
    Terms,
    jwks::{check_status, get},
};
use crate::{
    base::{
        form,
        header::{challenges, credentials, media_type_is},
        moment::Moment,
        secret::Secret,
    },
    message::{ErrorResponse, UserInfo},
};
use http::{HeaderValue, Method, header};

/// How the UserInfo endpoint is asked (OpenID Connect Core 1.0 section 5.3.1, RFC 6750 section 2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum UserInfoMethod {
    /// GET, the token in the `Authorization` header: what the specification recommends.
    #[default]
    Get,
    /// POST, the token in the `Authorization` header.
    Post,
    /// POST, the token in the body.
    PostForm,
}

/// The flow from an access token to claims about its user.
#[derive(Debug)]
#[non_exhaustive]
pub struct UserInfoRequest;

/// The request is in flight.
#[derive(Debug)]
pub struct Asked {
    sub: String,
    access_token: Secret,
}

impl Client {
    /// Asks for claims about the user `sub`, the subject of the verified ID token. Claims about
    /// anybody else are refused.
    ///
    /// # Errors
    /// [`ConfigError::NoEndpoint`](super::ConfigError::NoEndpoint) if the metadata has no usable
    /// `userinfo_endpoint`; [`ConfigError::Characters`](super::ConfigError::Characters) if the access
    /// token cannot stand in a header.
    pub fn userinfo(&self, access_token: &Secret, sub: &str) -> Result<Call<UserInfoRequest>, Error> {
        let value =
            credentials("Bearer", access_token).ok_or(super::ConfigError::Characters("access_token"))?;
        let mut request: Request = get(self.endpoint(Endpoint::UserInfo)?, "application/json");
        let method = self.inner().userinfo_method;
        if method != UserInfoMethod::Get {
            *request.method_mut() = Method::POST;
        }
        if method == UserInfoMethod::PostForm {
            *request.body_mut() = form::encode([("access_token", access_token.expose())]).into_bytes();
            let form = HeaderValue::from_static("application/x-www-form-urlencoded");
            request.headers_mut().insert(header::CONTENT_TYPE, form);
        } else {
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        let asked = Asked { sub: sub.to_owned(), access_token: access_token.clone() };
        Ok(Call::new(Terms::new(Endpoint::UserInfo), request, asked))
    }
}

impl Flow for UserInfoRequest {
    type Awaiting = Asked;
    type Paused = Never;
    type Output = UserInfo;

    fn on_response(asked: Asked, response: &Response<'_>, moment: Moment) -> Result<Step<Self>, Error> {
        let status = response.status();
        if matches!(status.as_u16(), 400 | 401 | 403) {
            let challenges = challenges(response.headers(), &header::WWW_AUTHENTICATE);
            let sent = std::slice::from_ref(&asked.access_token);
            let refusal = challenges.iter().find_map(|one| ErrorResponse::from_challenge(one, sent));
            let refusal = refusal.or_else(|| ErrorResponse::from_json(response.body(), sent).ok().flatten());
            if let Some(response) = refusal {
                let error = OAuthError { endpoint: Endpoint::UserInfo, status: status.as_u16(), response };
                return Err(error.into());
            }
        }
        check_status(Endpoint::UserInfo, response, moment.now())?;
        let broken = |rule| ResponseError::new(Endpoint::UserInfo, status, rule);
        if media_type_is(response.headers(), &["application/jwt"]) {
            return Err(broken(Rule::UnexpectedJwt).into());
        }
        if !media_type_is(response.headers(), &["application/json"]) {
            return Err(broken(Rule::MediaType("application/json")).into());
        }
        let userinfo = UserInfo::from_json(response.body())
            .map_err(|error| broken(Rule::Json(error)))?
            .ok_or_else(|| broken(Rule::Missing("sub")))?;
        if userinfo.sub != asked.sub {
            return Err(broken(Rule::OtherSubject).into());
        }
        Ok(Step::Done(userinfo))
    }

    fn on_wake(never: Never, _: Moment) -> Result<Step<Self>, Error> {
        match never {}
    }
}
