//! [`ClientNotification`]: the request of a provider to the client's notification endpoint (CIBA sections 10.2, 10.3 and
//! 12), and the check of who sent it.
//!
//! ```text
//! ClientNotification::read(request) ─▶ its auth_req_id finds the saved BackchannelAuthentication
//!     ─▶ BackchannelAuthentication::receive ─▶ Delivery::{ Ping, Push, Failed }
//! ```
//! Nothing in a notification is believed before its bearer token is that of the authentication.

use super::{authentication::BackchannelAuthentication, pushed::Push, request::DeliveryMode};
use crate::{
    base::{
        header::media_type_is,
        json::{JsonError, Members},
        moment::Timestamp,
        secret::Secret,
        sentence::{Remedy, debug_is_sentence, predicate},
    },
    flow::{
        client::Client,
        contract::{ConfigError, Error, MAX_RESPONSE, ResponseRule},
        exchange::{bound, token_response},
    },
    message::ErrorResponse,
};
use http::{HeaderMap, Method, StatusCode, header};
use std::fmt;

/// The longest notification token (CIBA section 7.1).
const MAX_NOTIFICATION_TOKEN: usize = 1024;

/// A request to the client's notification endpoint. Nobody has checked yet who sent it.
///
/// ```
/// use oidc_proto::flow::{BackchannelAuthentication, Client, ClientNotification, Delivery, NotificationError};
/// use oidc_proto::Timestamp;
///
/// /// Answers a request to the notification endpoint.
/// fn notified(
///     request: &http::Request<Vec<u8>>,
///     find: impl Fn(&str) -> Option<BackchannelAuthentication>, // the saved value with this identifier
///     client: &Client,
///     now: Timestamp,
/// ) -> Result<(Delivery, BackchannelAuthentication), NotificationError> {
///     let notification = ClientNotification::read(request)?;
///     let authentication = find(notification.auth_req_id().expose()).ok_or(NotificationError::Unknown)?;
///     let delivery = authentication.receive(&notification, client, now)?;
///     Ok((delivery, authentication)) // answer `ClientNotification::accepted`, and go on
/// }
///
/// // Whoever sends no token gets 401.
/// let forged = http::Request::post("/ciba").header("content-type", "application/json");
/// let error = ClientNotification::read(&forged.body(br#"{"auth_req_id": "1"}"#.to_vec())?).unwrap_err();
/// assert_eq!(error.response().status(), 401);
/// # Ok::<(), http::Error>(())
/// ```
pub struct ClientNotification {
    token: Secret,
    auth_req_id: Secret,
    members: Members,
}

/// What a notification that was checked brings.
#[derive(Debug)]
#[non_exhaustive]
pub enum Delivery {
    /// The user has decided, and the client may ask for the tokens: see
    /// [`pinged`](BackchannelAuthentication::pinged).
    Ping(Ping),
    /// These are the tokens: see [`Push::verify`].
    Push(Push),
    /// The user was not authenticated: [`Error::AuthenticationFailed`].
    Failed(Error),
}

/// The proof that a ping came from somebody who knows the notification token. Only
/// [`BackchannelAuthentication::receive`] makes one.
#[derive(Debug)]
#[must_use = "a ping says that the tokens can be asked for"]
pub struct Ping(pub(super) ());

/// The reason why a notification is refused. It holds nothing of the notification.
///
/// [`response`](Self::response) is what to answer.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotificationError {
    /// The request is no POST.
    #[error("the notification is no POST")]
    Method,
    /// The body is not declared to be JSON, or there are several declarations.
    #[error("the notification is not of the media type `application/json`")]
    MediaType,
    /// The body is longer than [`MAX_RESPONSE`].
    #[error("the notification is longer than the limit ({MAX_RESPONSE} bytes)")]
    TooLarge,
    /// The request has no bearer token, several, or a malformed one.
    #[error("the notification does not have exactly one bearer token")]
    Credentials,
    /// No authentication with this identifier is open. A program returns it that finds none.
    #[error("no authentication with the identifier of the notification is open")]
    Unknown,
    /// The bearer token is not that of the authentication, or the identifier is another one.
    #[error("the notification does not have the token that was sent with the authentication request")]
    Token,
    /// The body is no acceptable JSON object.
    #[error("the body of the notification {}", predicate(.0))]
    Json(JsonError),
    /// The body lacks a member.
    #[error("the notification lacks `{0}`")]
    Missing(&'static str),
    /// The notification is of another delivery mode than the one that the client asked for.
    #[error(
        "the notification does not fit the delivery mode `{}`: compare `BackchannelAuthenticationRequest::delivery_mode` with the registration of the client", .0.name()
    )]
    Mode(DeliveryMode),
    /// The tokens in the notification break the specification.
    #[error("the token response in the notification {}", predicate(.0))]
    Tokens(ResponseRule),
    /// The saved state belongs to another client or provider.
    #[error(transparent)]
    Config(ConfigError),
}

debug_is_sentence!(NotificationError);

impl NotificationError {
    /// Returns a short, stable name of the error, for logs and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Method => "notification_method",
            Self::MediaType => "notification_media_type",
            Self::TooLarge => "notification_too_large",
            Self::Credentials => "notification_credentials",
            Self::Unknown => "notification_unknown",
            Self::Token => "notification_token",
            Self::Json(_) => "notification_json",
            Self::Missing(_) => "notification_missing",
            Self::Mode(_) => "notification_mode",
            Self::Tokens(rule) => rule.code(),
            Self::Config(error) => error.code(),
        }
    }

    /// Returns who can do what about the error. Anybody can have sent the notification, so its sender is to blame; but the
    /// provider is if the token is right and the rest is not, and you are if a setting and the registration differ.
    #[must_use]
    pub const fn remedy(&self) -> Remedy {
        match self {
            Self::Mode(_) => Remedy::FixConfiguration,
            Self::Config(error) => error.remedy(),
            Self::Method
            | Self::MediaType
            | Self::TooLarge
            | Self::Credentials
            | Self::Unknown
            | Self::Token
            | Self::Json(_)
            | Self::Missing(_) => Remedy::RequestAtFault,
            Self::Tokens(_) => Remedy::ProviderAtFault,
        }
    }

    /// Returns the response to the sender: 401 if the bearer token is not the right one, 400 for most other errors.
    #[must_use]
    pub fn response(&self) -> http::Response<Vec<u8>> {
        let (status, field) = match self {
            Self::Method => {
                let post = header::HeaderValue::from_static("POST");
                (StatusCode::METHOD_NOT_ALLOWED, Some((header::ALLOW, post)))
            }
            Self::Credentials | Self::Unknown | Self::Token => {
                let bearer = header::HeaderValue::from_static("Bearer");
                (StatusCode::UNAUTHORIZED, Some((header::WWW_AUTHENTICATE, bearer)))
            }
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, None),
            Self::Config(_) => (StatusCode::INTERNAL_SERVER_ERROR, None),
            Self::MediaType | Self::Json(_) | Self::Missing(_) | Self::Mode(_) | Self::Tokens(_) => {
                (StatusCode::BAD_REQUEST, None)
            }
        };
        empty(status, field)
    }
}

fn empty(
    status: StatusCode,
    field: Option<(header::HeaderName, header::HeaderValue)>,
) -> http::Response<Vec<u8>> {
    let mut response = http::Response::new(Vec::new());
    *response.status_mut() = status;
    response.headers_mut().extend(field);
    response
}

impl ClientNotification {
    /// Reads a request to the notification endpoint. It checks the form of the request, and not yet who sent it.
    ///
    /// # Errors
    /// [`NotificationError`] says what is wrong, and what to answer.
    pub fn read<B: AsRef<[u8]>>(request: &http::Request<B>) -> Result<Self, NotificationError> {
        if request.method() != Method::POST {
            return Err(NotificationError::Method);
        }
        let token = bearer(request.headers()).ok_or(NotificationError::Credentials)?;
        if !media_type_is(request.headers(), &["application/json"]) {
            return Err(NotificationError::MediaType);
        }
        let body = request.body().as_ref();
        if body.len() > MAX_RESPONSE {
            return Err(NotificationError::TooLarge);
        }
        let mut members = Members::parse(body).map_err(NotificationError::Json)?;
        let auth_req_id = members.string("auth_req_id").map_err(NotificationError::Json)?;
        let auth_req_id = auth_req_id.filter(|id| !id.is_empty());
        let auth_req_id = auth_req_id.map(Secret::new).ok_or(NotificationError::Missing("auth_req_id"))?;
        Ok(Self { token, auth_req_id, members })
    }

    /// Returns the identifier of the authentication request, to find the saved [`BackchannelAuthentication`]. Anybody can
    /// have sent it.
    #[must_use]
    pub const fn auth_req_id(&self) -> &Secret {
        &self.auth_req_id
    }

    /// Returns the response to a notification that is accepted: 204 (CIBA section 10.2).
    #[must_use]
    pub fn accepted() -> http::Response<Vec<u8>> {
        empty(StatusCode::NO_CONTENT, None)
    }
}

/// Takes the bearer token from the one `Authorization` header (RFC 6750 section 2.1).
fn bearer(headers: &HeaderMap) -> Option<Secret> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    let good = scheme.eq_ignore_ascii_case("Bearer")
        && (1..=MAX_NOTIFICATION_TOKEN).contains(&token.len())
        && token.bytes().all(allowed);
    good.then(|| Secret::new(token))
}

impl BackchannelAuthentication {
    /// Checks that a notification is for this authentication, and returns what it brings. The bearer token must be the one
    /// that was sent with the authentication request, and so must be the identifier. This value stays: a forged
    /// notification cannot end an authentication. The tokens of a [`Push`] are verified in a second step, because that may
    /// need keys.
    ///
    /// # Errors
    /// [`NotificationError`] says what is wrong, and what to answer.
    pub fn receive(
        &self,
        notification: &ClientNotification,
        client: &Client,
        now: Timestamp,
    ) -> Result<Delivery, NotificationError> {
        let Self(saved) = self;
        if saved.issuer != client.metadata().issuer || saved.client_id != client.client_id() {
            return Err(NotificationError::Config(ConfigError::SavedState));
        }
        let ClientNotification { token, auth_req_id, members } = notification;
        let sent = saved.client_notification_token.as_ref();
        // Both comparisons are made, whatever the first one says.
        let (known, same) = (sent.is_some_and(|sent| sent == token), saved.auth_req_id == *auth_req_id);
        if !(known & same) {
            return Err(NotificationError::Token);
        }
        let has = |member| members.has(member);
        let (failed, tokens) = (has("error"), has("id_token") || has("access_token"));
        match (saved.mode, failed, tokens) {
            (DeliveryMode::Ping, false, false) => Ok(Delivery::Ping(Ping(()))),
            (DeliveryMode::Push, true, false) => {
                let secrets = [token.clone(), auth_req_id.clone()];
                let said = ErrorResponse::from_members(&mut members.clone(), &secrets);
                let wrong = JsonError::WrongType { member: "error", expected: "a string" };
                let said = said.ok_or(NotificationError::Json(wrong))?;
                Ok(Delivery::Failed(Error::AuthenticationFailed(Box::new(said))))
            }
            (DeliveryMode::Push, false, true) => {
                let tokens = token_response(members.clone(), client, now).and_then(|it| bound(it, client));
                let push = Push::new(self, tokens.map_err(NotificationError::Tokens)?);
                push.map(Delivery::Push).ok_or(NotificationError::Tokens(ResponseRule::Missing("id_token")))
            }
            (mode, _, _) => Err(NotificationError::Mode(mode)),
        }
    }
}

/// Shows neither the token nor the body.
impl fmt::Debug for ClientNotification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientNotification(..)")
    }
}
