//! [`ResponseType`] and [`ResponseMode`]: the content of an authorization response, and the way in which it comes
//! (OAuth 2.0 Multiple Response Type Encoding Practices, Form Post Response Mode 1.0, JWT Secured Authorization
//! Response Mode).

/// The content of an authorization response: a code, and the tokens that come through the browser besides it (OpenID
/// Connect Core 1.0 section 3.3).
///
/// The code alone is the best choice: a thief cannot use it. Use the hybrid types only for providers and profiles that
/// demand them.
///
/// ```
/// use oidc_proto::message::{AuthorizationRequest, ResponseMode, ResponseType};
///
/// assert_eq!(AuthorizationRequest::new(["email"]).response_type, ResponseType::Code);
///
/// let hybrid = AuthorizationRequest::new(["email"])
///     .response_type(ResponseType::CodeIdToken)
///     .response_mode(ResponseMode::FormPost);
/// assert_eq!(hybrid.response_type.name(), "code id_token");
/// assert!(hybrid.response_type.has_id_token() && !hybrid.response_type.has_token());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResponseType {
    /// `code`: the code alone.
    #[default]
    Code,
    /// `code id_token`: an ID token, too. It has a hash of the code, so a swapped code is noticed.
    CodeIdToken,
    /// `code token`: an access token, too. Neither can be verified before the code is sent.
    CodeToken,
    /// `code id_token token`: an ID token and an access token, too.
    CodeIdTokenToken,
}

impl ResponseType {
    /// Returns the value of `response_type`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::CodeIdToken => "code id_token",
            Self::CodeToken => "code token",
            Self::CodeIdTokenToken => "code id_token token",
        }
    }

    /// Whether an ID token comes through the browser.
    #[must_use]
    pub const fn has_id_token(self) -> bool {
        matches!(self, Self::CodeIdToken | Self::CodeIdTokenToken)
    }

    /// Whether an access token comes through the browser.
    #[must_use]
    pub const fn has_token(self) -> bool {
        matches!(self, Self::CodeToken | Self::CodeIdTokenToken)
    }

    /// Returns the type with this name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Code, Self::CodeIdToken, Self::CodeToken, Self::CodeIdTokenToken]
            .into_iter()
            .find(|known| known.name() == name)
    }
}

/// The way in which an authorization response comes to the redirect URI.
///
/// ```
/// use oidc_proto::message::{AuthorizationRequest, ResponseMode};
///
/// // A signed response in the query (JARM).
/// let request = AuthorizationRequest::new(["email"]).response_mode(ResponseMode::QueryJwt);
/// assert_eq!(request.response_mode.map(ResponseMode::name), Some("query.jwt"));
/// assert!(ResponseMode::QueryJwt.is_signed());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResponseMode {
    /// In the query. It is refused for responses with tokens.
    Query,
    /// In the fragment. Browsers do not send it, so a page of the application must pass it to the server.
    Fragment,
    /// In a form that the browser posts. The browser sends only cookies with `SameSite=None` with it.
    FormPost,
    /// Signed (JARM), in the default way of the response type: in the query, or in the fragment if it has tokens.
    Jwt,
    /// Signed (JARM), in the query. It is refused for responses with tokens.
    QueryJwt,
    /// Signed (JARM), in the fragment.
    FragmentJwt,
    /// Signed (JARM), in a form that the browser posts.
    FormPostJwt,
}

impl ResponseMode {
    /// Returns the value of `response_mode`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Fragment => "fragment",
            Self::FormPost => "form_post",
            Self::Jwt => "jwt",
            Self::QueryJwt => "query.jwt",
            Self::FragmentJwt => "fragment.jwt",
            Self::FormPostJwt => "form_post.jwt",
        }
    }

    /// Whether the response is a signed JWT.
    #[must_use]
    pub const fn is_signed(self) -> bool {
        matches!(self, Self::Jwt | Self::QueryJwt | Self::FragmentJwt | Self::FormPostJwt)
    }
}

/// Why a request cannot be encoded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum RequestError {
    Reserved(&'static str),
    Parameter(&'static str),
}

/// The response that a request asks for: its `response_type`, and the `response_mode` to send, if any.
#[derive(Clone, Copy)]
pub(crate) struct Answer {
    pub(crate) kind: &'static str,
    pub(crate) mode: Option<ResponseMode>,
}

impl Answer {
    /// Checks the type and the mode. Tokens must not come in the query (Multiple Response Type Encoding Practices
    /// section 3, JARM section 4.3.1).
    pub(crate) fn new(
        kind: &'static str,
        tokens: bool,
        mode: Option<ResponseMode>,
    ) -> Result<Self, RequestError> {
        match mode {
            Some(ResponseMode::Query | ResponseMode::QueryJwt) if tokens => {
                Err(RequestError::Parameter("response_mode"))
            }
            None if tokens => Ok(Self { kind, mode: Some(ResponseMode::FormPost) }),
            mode => Ok(Self { kind, mode }),
        }
    }

    /// Returns the name of the mode.
    pub(crate) fn mode_name(self) -> &'static str {
        self.mode.map_or("query", ResponseMode::name)
    }

    /// Whether the response is to be a signed JWT.
    pub(crate) fn is_signed(self) -> bool {
        self.mode.is_some_and(ResponseMode::is_signed)
    }
}
