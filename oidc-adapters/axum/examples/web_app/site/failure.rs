//! What can go wrong, and what a person is told: what has happened, what they can do, a link that does it,
//! and one line for those who are asked for help.

use super::{login_for, pages};
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use oidc_proto::{
    Error,
    flow::{CallbackError, SealError},
};

/// What a provider answers where the request itself was wrong, which is nothing that its user could mend
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
    /// The library says no.
    Protocol(Error),
    /// The provider does not answer, or what is needed of it cannot be had now; the error's name.
    NoAnswer {
        code: &'static str,
        /// In the words of whoever noticed.
        why: String,
    },
    /// What must be remembered does not fit into the browser.
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
    /// The page that says so; its link tries again, and then leads to where one wanted to go.
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

    /// One line for whoever runs the site: what its user cannot mend, and is not told in full.
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
                    "server_error" | "temporarily_unavailable" => Failure::Down,
                    error if WRONGLY_ASKED.contains(&error) => Failure::Ours,
                    _ => Failure::Refused,
                },
                CallbackError::State => Failure::Unknown,
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
            // An ID token that does not hold, a broken document.
            Self::Protocol(_) => Failure::Nonsense,
        }
    }

    /// The error's name and, where the provider has said something, what it said. Neither has a secret in
    /// it, and the page escapes both.
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

/// What a person can tell apart.
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
    /// The page that says so.
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

    /// Status, title, what has happened, what to do.
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
                "The login service did not let you in. It says why in the line below.",
                "Try again, or log in there as somebody else.",
            ),
            Self::Unknown => (
                StatusCode::BAD_REQUEST,
                "This login is not known here",
                "It was ended already, or begun in another browser, or pushed out by newer ones in other \
                 tabs; or cookies were deleted on the way.",
                "Log in again. If you come back to this page, look whether your browser allows cookies for \
                 this site.",
            ),
            Self::Late => (
                StatusCode::BAD_REQUEST,
                "This login took too long",
                "You were away for more than an hour, and a login is good for no longer.",
                "Log in again.",
            ),
            Self::Spent => (
                StatusCode::BAD_REQUEST,
                "This login is no longer good",
                "The login service says that it was used already, or took too long.",
                "Log in again.",
            ),
            Self::Odd => (
                StatusCode::BAD_REQUEST,
                "This is no answer to a login",
                "You came here by a link that the login service would not have made like this.",
                "Log in again, beginning here.",
            ),
            Self::Down => (
                StatusCode::SERVICE_UNAVAILABLE,
                "The login service does not answer",
                "Logging in is done by another service, and that cannot be reached now. This is no fault of \
                 yours.",
                "Wait a little, then try again.",
            ),
            Self::Nonsense => (
                StatusCode::BAD_GATEWAY,
                "The login service gave a wrong answer",
                "What it said of you does not hold, so you were not logged in. This is no fault of yours.",
                "Try again. If that does not help, tell us the line below.",
            ),
            Self::Ours => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "Logging in does not work here now",
                "Something is set up wrongly on our side. This is no fault of yours.",
                "Tell us the line below; you can try again later.",
            ),
            Self::Forged => (
                StatusCode::FORBIDDEN,
                "You were not logged out",
                "Another site asked to log you out, and we do not do that for others.",
                "If you want to log out, go to our home page and use the button there.",
            ),
            Self::NotFound => (
                StatusCode::NOT_FOUND,
                "There is no such page",
                "The address is wrong, or the page is gone.",
                "Go on from the home page.",
            ),
            Self::Method => (
                StatusCode::METHOD_NOT_ALLOWED,
                "This does not work by a link",
                "What this address does is done by a button.",
                "You find it on the home page.",
            ),
        }
    }
}
