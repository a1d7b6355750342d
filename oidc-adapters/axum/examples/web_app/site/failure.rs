//! The failures of a login, and the page for each: what has happened, what the user can do, a link that does it,
//! and one line for support.

use super::{login_for, pages};
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use oidc_proto::{
    Error, Remedy,
    flow::{CallbackError, SealError},
};

/// The errors of a provider that say that the request itself was wrong. The user cannot correct that
/// (RFC 6749 section 4.1.2.1, OpenID Connect Core 1.0 section 3.1.2.6, RFC 8707 section 2).
const WRONGLY_ASKED: [&str; 10] = [
    "invalid_request",
    "unauthorized_client",
    "unsupported_response_type",
    "invalid_scope",
    "invalid_target",
    "invalid_request_uri",
    "invalid_request_object",
    "request_not_supported",
    "request_uri_not_supported",
    "registration_not_supported",
];

/// Why a login did not begin or end.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The library has refused.
    Protocol(Error),
    /// The provider does not answer, or its metadata or keys are not available.
    NoAnswer {
        /// The name of the error.
        code: &'static str,
        /// The message of the error.
        why: String,
    },
    /// The state of the login does not fit into a cookie.
    Cookie(SealError),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Protocol(error)
    }
}

impl From<SealError> for Trouble {
    fn from(error: SealError) -> Self {
        Self::Cookie(error)
    }
}

impl Trouble {
    /// Returns the page that reports this. Its link tries again, and then leads to `next`.
    pub(crate) fn page(&self, next: &str) -> Response {
        let failure = self.failure();
        let mut response = failure.respond(next, &self.technical());
        if let Self::Protocol(Error::Unavailable(unavailable)) = self
            && let Some(wait) = unavailable.retry_after()
        {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs()));
        }
        response
    }

    /// Returns one line for the operator of the site, if the user cannot correct the failure. The page does not show
    /// this line.
    pub(crate) fn report(&self) -> Option<String> {
        let is_ours = matches!(self.failure(), Failure::Down | Failure::Nonsense | Failure::Ours);
        let (code, why) = match self {
            Self::NoAnswer { code, why } => (*code, why.clone()),
            Self::Cookie(error) => ("cookie", error.to_string()),
            Self::Protocol(error) => (error.code(), error.to_string()),
        };
        is_ours.then(|| format!("a login has failed ({code}): {why}"))
    }

    fn failure(&self) -> Failure {
        match self {
            Self::NoAnswer { .. } | Self::Protocol(Error::Unavailable(_)) => Failure::Down,
            Self::Cookie(_) | Self::Protocol(Error::Config(_)) => Failure::Ours,
            Self::Protocol(Error::Callback(callback)) => match callback {
                CallbackError::Denied(response) => match response.error.as_str() {
                    "access_denied" => Failure::Denied,
                    // Keycloak reports a login page that was left open as an outage.
                    "temporarily_unavailable" if callback.remedy() == Remedy::LogInAgain => Failure::Spent,
                    "server_error" | "temporarily_unavailable" => Failure::Down,
                    error if WRONGLY_ASKED.contains(&error) => Failure::Ours,
                    _ => Failure::Refused,
                },
                CallbackError::State | CallbackError::Unattributed(_) => Failure::Unknown,
                CallbackError::Expired { .. } | CallbackError::BegunInFuture { .. } => Failure::Late,
                CallbackError::Form(_)
                | CallbackError::Issuer
                | CallbackError::MissingIssuer
                | CallbackError::MissingCode
                | CallbackError::MissingIdToken
                | CallbackError::MissingAccessToken
                | CallbackError::MissingResponse
                | CallbackError::Response(_)
                | CallbackError::Parameter(_) => Failure::Odd,
                _ => Failure::Odd,
            },
            Self::Protocol(Error::OAuth(refusal)) => match refusal.response.error.as_str() {
                "invalid_grant" => Failure::Spent,
                "server_error" | "temporarily_unavailable" => Failure::Down,
                "access_denied" | "interaction_required" | "login_required" | "consent_required" => {
                    Failure::Refused
                }
                _ => Failure::Ours,
            },
            // An ID token that is not valid, or a broken document.
            Self::Protocol(_) => Failure::Nonsense,
        }
    }

    /// Returns the error's name and, if the provider has given a reason, that reason. Neither contains a secret, and
    /// the page escapes both.
    fn technical(&self) -> String {
        match self {
            Self::NoAnswer { code, .. } => (*code).to_owned(),
            Self::Cookie(error) => format!("cookie: {error}"),
            Self::Protocol(error @ Error::Callback(CallbackError::Denied(response))) => {
                format!("{}: {response}", error.code())
            }
            Self::Protocol(error @ Error::OAuth(refusal)) => format!("{}: {refusal}", error.code()),
            Self::Protocol(error) => error.code().to_owned(),
        }
    }
}

/// The kinds of failure that have pages of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    Denied,
    Refused,
    Unknown,
    Late,
    Spent,
    Odd,
    Down,
    Nonsense,
    Ours,
    Forged,
    NotFound,
    Method,
}

impl Failure {
    /// Returns the page that reports this.
    pub(crate) fn page(self, next: &str) -> Response {
        self.respond(next, self.code())
    }

    fn respond(self, next: &str, technical: &str) -> Response {
        let (status, title, happened, advice) = self.words();
        let again = self.is_about_login().then(|| login_for(next));
        let page = pages::failure(title, happened, advice, again.as_deref(), technical);
        (status, page).into_response()
    }

    fn is_about_login(self) -> bool {
        !matches!(self, Self::Forged | Self::NotFound | Self::Method)
    }

    const fn code(self) -> &'static str {
        match self {
            Self::Unknown => "login_unknown",
            Self::Forged => "logout_from_elsewhere",
            Self::NotFound => "page_unknown",
            Self::Method => "method_not_allowed",
            Self::Denied | Self::Refused | Self::Late | Self::Spent | Self::Odd => "login_refused",
            Self::Down | Self::Nonsense | Self::Ours => "login_failed",
        }
    }

    /// Returns the status, the title, what has happened, and what to do.
    const fn words(self) -> (StatusCode, &'static str, &'static str, &'static str) {
        match self {
            Self::Denied => (
                StatusCode::FORBIDDEN,
                "You are not logged in",
                "The login was declined on the page of the login service. Nothing has changed here.",
                "If you did not mean to decline it, try again.",
            ),
            Self::Refused => (
                StatusCode::FORBIDDEN,
                "You are not logged in",
                "The login service did not let you in. The line below has its reason.",
                "Try again, or use another account there.",
            ),
            Self::Unknown => (
                StatusCode::BAD_REQUEST,
                "This login is not known here",
                "It has already ended, or began in another browser, or newer logins in other tabs have \
                 replaced it, or its cookies were deleted.",
                "Log in again. If you see this page again, check that your browser allows cookies for this \
                 site.",
            ),
            Self::Late => (
                StatusCode::BAD_REQUEST,
                "This login took too long",
                "You were away for more than an hour, and a login must not take longer than that.",
                "Log in again.",
            ),
            Self::Spent => (
                StatusCode::BAD_REQUEST,
                "This login is no longer valid",
                "The login service says that this login was used already, or took too long.",
                "Log in again.",
            ),
            Self::Odd => (
                StatusCode::BAD_REQUEST,
                "This link does not answer a login",
                "You followed a link that the login service would not have made in this form.",
                "Log in again from this page.",
            ),
            Self::Down => (
                StatusCode::SERVICE_UNAVAILABLE,
                "The login service does not answer",
                "You log in at another service, and we cannot reach it at the moment. This is not your fault.",
                "Wait a moment, then try again.",
            ),
            Self::Nonsense => (
                StatusCode::BAD_GATEWAY,
                "The login service gave a wrong answer",
                "Its answer failed our checks, so you were not logged in. This is not your fault.",
                "Try again. If that does not help, send us the line below.",
            ),
            Self::Ours => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "Logging in does not work at the moment",
                "Something is set up wrongly on our side. This is not your fault.",
                "Send us the line below. You can try again later.",
            ),
            Self::Forged => (
                StatusCode::FORBIDDEN,
                "You were not logged out",
                "Another site asked us to log you out, and we do not do that for other sites.",
                "If you want to log out, go to our home page and use the button there.",
            ),
            Self::NotFound => (
                StatusCode::NOT_FOUND,
                "There is no such page",
                "The address is wrong, or the page does not exist any more.",
                "Go to the home page.",
            ),
            Self::Method => (
                StatusCode::METHOD_NOT_ALLOWED,
                "This address does not work as a link",
                "It belongs to a button.",
                "You find the button on the home page.",
            ),
        }
    }
}
