//! [`Challenge`]: the head of a response that refuses a request.

use http::{HeaderMap, HeaderValue, StatusCode, header};

/// The head of a response that refuses a request: its status and its headers, of which `WWW-Authenticate` and
/// `DPoP-Nonce` count. [`Resource::authorized`](super::Resource::authorized) asks for it.
///
/// ```
/// use oidc_drive::{http::{Response, StatusCode}, resource::Challenge};
///
/// // An HTTP client that returns responses:
/// let refused = Response::builder().status(401).header("www-authenticate", "Bearer").body("no")?;
/// assert!(Challenge::of(&refused).is_some());
/// assert!(Challenge::of(&Response::new("yes")).is_none());
///
/// // A client library that returns an error with the header alone:
/// let challenge = Challenge::new(StatusCode::FORBIDDEN, r#"Bearer error="insufficient_scope", scope="write""#);
/// assert_eq!(challenge.status(), StatusCode::FORBIDDEN);
/// # Ok::<(), oidc_drive::http::Error>(())
/// ```
#[derive(Clone)]
pub struct Challenge {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
}

impl Challenge {
    /// Returns the challenge of a response. `None` if the response does not refuse the request for want of authorization.
    #[must_use]
    pub fn of<B>(response: &http::Response<B>) -> Option<Self> {
        Self::from_parts(response.status(), response.headers())
    }

    /// Returns the challenge of a response with this status and these headers. `None` if it is none: 401 always is; 400 and
    /// 403 are if they have a header `WWW-Authenticate`.
    #[must_use]
    pub fn from_parts(status: StatusCode, headers: &HeaderMap) -> Option<Self> {
        let has_challenge = headers.contains_key(header::WWW_AUTHENTICATE);
        let refuses = match status {
            StatusCode::UNAUTHORIZED => true,
            StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN => has_challenge,
            _ => false,
        };
        refuses.then(|| Self { status, headers: headers.clone() })
    }

    /// Makes a challenge from a status and the value of `WWW-Authenticate`. A value that no header can have counts as none.
    #[must_use]
    pub fn new(status: StatusCode, www_authenticate: &str) -> Self {
        let value = HeaderValue::from_str(www_authenticate).ok();
        let headers = value.map(|value| (header::WWW_AUTHENTICATE, value)).into_iter().collect();
        Self { status, headers }
    }

    /// Returns the status of the response.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }
}

/// Shows the status alone: headers are the business of both servers.
impl std::fmt::Debug for Challenge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Challenge").field("status", &self.status).finish_non_exhaustive()
    }
}
