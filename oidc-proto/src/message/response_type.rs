//! What an authorization response carries, and in what way it comes (OAuth 2.0 Multiple Response Type Encoding
//! Practices, Form Post Response Mode 1.0, JWT Secured Authorization Response Mode).

/// The tokens that come through the browser besides the code (OpenID Connect Core 1.0 section 3.3).
///
/// The code alone is the best choice: nothing that can be used travels through the browser. The hybrid types are
/// for providers and profiles that demand them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResponseType {
    /// `code`: the code alone.
    #[default]
    Code,
    /// `code id_token`: an ID token, too, which vouches for the code.
    CodeIdToken,
    /// `code token`: an access token, too. Nothing vouches for the code or the token before the code is sent.
    CodeToken,
    /// `code id_token token`: both.
    CodeIdTokenToken,
}

impl ResponseType {
    /// The value of `response_type`.
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

    /// The type of this name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Code, Self::CodeIdToken, Self::CodeToken, Self::CodeIdTokenToken]
            .into_iter()
            .find(|known| known.name() == name)
    }
}

/// How an authorization response comes to the redirect URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResponseMode {
    /// In the query; never with tokens.
    Query,
    /// In the fragment, which browsers keep to themselves: a page of the application must hand it on.
    Fragment,
    /// In a form that the browser posts. A cookie that is to come with it needs `SameSite=None`.
    FormPost,
    /// Signed (JARM), in the way that is usual for the response type: the query, or the fragment with tokens.
    Jwt,
    /// Signed (JARM), in the query; never with tokens.
    QueryJwt,
    /// Signed (JARM), in the fragment.
    FragmentJwt,
    /// Signed (JARM), in a form that the browser posts.
    FormPostJwt,
}

impl ResponseMode {
    /// The value of `response_mode`.
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

    /// Whether the answer is a signed JWT.
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

/// The answer that a request asks for: its `response_type`, and its `response_mode` if that is to be sent.
#[derive(Clone, Copy)]
pub(crate) struct Answer {
    pub(crate) kind: &'static str,
    pub(crate) mode: Option<ResponseMode>,
}

impl Answer {
    /// The answer of this type and mode. One that carries tokens never comes in the query (Multiple Response Type
    /// Encoding Practices section 3, JARM section 4.3.1).
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

    /// The name of the mode.
    pub(crate) fn mode_name(self) -> &'static str {
        self.mode.map_or("query", ResponseMode::name)
    }

    /// Whether it is a signed JWT.
    pub(crate) fn is_signed(self) -> bool {
        self.mode.is_some_and(ResponseMode::is_signed)
    }
}
