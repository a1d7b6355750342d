//! [`ClientIdUrl`]: a client identifier that is the URL of the client's metadata (section "Client Identifier URL").

use crate::base::{
    endpoint_url::{EndpointUrl, UrlError, UrlPolicy},
    sentence::{Remedy, debug_is_sentence, predicate},
    visible::{is_visible, shown, without_query},
};
use std::{fmt, sync::Arc};
use url::Url;

/// The longest client identifier, in bytes. A saved login must have room for it.
const MAX_URL: usize = 2048;

/// A client identifier that is a URL: the client publishes a [document](super::ClientIdMetadataDocument) with its metadata
/// there (draft-ietf-oauth-client-id-metadata-document, section "Client Identifier URL").
///
/// Servers compare it to the letter and normalize nothing, so a client must always write it in one spelling. Here that is
/// the normal form (RFC 3986 sections 6.2.2 and 6.2.3), and any other spelling is an error that says it.
///
/// ```
/// use oidc_proto::message::{ClientIdUrl, ClientIdUrlError};
///
/// let client_id = ClientIdUrl::parse("https://app.example/oauth/client.json")?;
/// assert_eq!(client_id.as_str(), "https://app.example/oauth/client.json");
/// assert_eq!(client_id.host(), "app.example");
///
/// let error = ClientIdUrl::parse("https://App.example:443/oauth/client.json").unwrap_err();
/// assert!(error.to_string().contains("`https://app.example/oauth/client.json`"));
/// assert_eq!(ClientIdUrl::parse("https://app.example"), Err(ClientIdUrlError::NoPath));
/// # Ok::<(), ClientIdUrlError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientIdUrl(Arc<str>);

/// Why a text is no client identifier of a client that publishes its metadata. [`ClientIdUrl`] has an example.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientIdUrlError {
    /// The text is no URL that requests may go to.
    #[error("the client identifier {}", predicate(.0))]
    Url(#[from] UrlError),
    /// The URL has no path, or only `/`. Many servers do not take the page of a whole host for a client.
    #[error("the client identifier has no path: publish the document at a path, such as /client.json")]
    NoPath,
    /// The path has a segment `.` or `..`.
    #[error("the client identifier has a segment of one or two dots in its path")]
    DotSegment,
    /// The URL has a query.
    #[error(
        "the client identifier has a query, which some servers refuse (`ClientIdUrl::parse_with_query` accepts it)"
    )]
    Query,
    /// A `%` is not followed by two hexadecimal digits.
    #[error("the client identifier has a percent sign without two hexadecimal digits behind it")]
    PercentEncoding,
    /// The URL is longer than a saved login may have it.
    #[error("the client identifier is longer than {MAX_URL} bytes")]
    TooLong,
    /// The URL is not in its normal form. Servers compare it to the letter.
    #[error(
        "the client identifier is not in its normal form, and servers compare it to the letter: write `{normalized}`, in the document, too"
    )]
    NotNormalized {
        /// The normal form, at most 256 characters of it.
        normalized: Box<str>,
    },
}

debug_is_sentence!(ClientIdUrlError);

impl ClientIdUrlError {
    /// Returns a short, stable name for logs and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "client_id_url"
    }

    /// Returns who can do what about the error.
    #[must_use]
    pub const fn remedy(&self) -> Remedy {
        Remedy::FixConfiguration
    }
}

impl ClientIdUrl {
    /// Checks a URL: `https`, a host, a path, no segments `.` or `..`, no query, no fragment, no user, in its normal form.
    ///
    /// # Errors
    /// [`ClientIdUrlError`] names the rule that the URL breaks.
    pub fn parse(text: &str) -> Result<Self, ClientIdUrlError> {
        Self::checked(text, false)
    }

    /// Checks a URL as [`parse`](Self::parse) does, and lets it have a query. The specification advises against a
    /// query: two orders of its members are two clients, and some servers refuse it.
    ///
    /// # Errors
    /// [`ClientIdUrlError`] names the rule that the URL breaks.
    pub fn parse_with_query(text: &str) -> Result<Self, ClientIdUrlError> {
        Self::checked(text, true)
    }

    fn checked(text: &str, with_query: bool) -> Result<Self, ClientIdUrlError> {
        if text.chars().any(|c| c == ' ' || !is_visible(c)) {
            return Err(UrlError::Characters.into());
        }
        let url = Url::parse(text).map_err(|_| UrlError::NotAbsolute)?;
        if url.scheme() != "https" {
            return Err(UrlError::Scheme.into());
        }
        if text.contains('#') {
            return Err(UrlError::Fragment.into());
        }
        let (before_query, query) =
            text.split_once('?').map_or((text, None), |(url, query)| (url, Some(query)));
        // The parser drops an empty user name, so its result does not show it. It also takes `\` for `/`.
        let behind_scheme = before_query.split_once(':').map_or("", |(_, behind)| behind);
        let mut segments = behind_scheme.trim_start_matches(['/', '\\']).split(['/', '\\']);
        if segments.next().is_some_and(|authority| authority.contains('@')) {
            return Err(UrlError::Credentials.into());
        }
        if segments.any(is_dot_segment) {
            return Err(ClientIdUrlError::DotSegment);
        }
        if query.is_some() && !with_query {
            return Err(ClientIdUrlError::Query);
        }
        if url.path() == "/" {
            return Err(ClientIdUrlError::NoPath);
        }
        let normalized = normalized(url.as_str()).ok_or(ClientIdUrlError::PercentEncoding)?;
        if normalized != text {
            return Err(ClientIdUrlError::NotNormalized { normalized: shown(&normalized).into() });
        }
        if text.len() > MAX_URL {
            return Err(ClientIdUrlError::TooLong);
        }
        Ok(Self(text.into()))
    }

    /// The URL as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host, which a server should show to its users.
    #[must_use]
    pub fn host(&self) -> &str {
        let behind = self.0.strip_prefix("https://").unwrap_or_default();
        let authority = behind.split(['/', '?']).next().unwrap_or_default();
        match authority.rfind(':') {
            Some(at) if !authority.ends_with(']') => authority.get(..at).unwrap_or_default(),
            _ => authority,
        }
    }

    /// The URL as a place that requests go to, if the policy allows it.
    pub(crate) fn endpoint(&self, policy: &UrlPolicy) -> Result<EndpointUrl, UrlError> {
        EndpointUrl::parse(&self.0, policy)
    }
}

/// Shows the URL without the values of its query.
impl fmt::Debug for ClientIdUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_query(&self.0))
    }
}

impl fmt::Display for ClientIdUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a segment of a path is `.` or `..`, in any spelling.
fn is_dot_segment(segment: &str) -> bool {
    matches!(segment.replace("%2e", ".").replace("%2E", ".").as_str(), "." | "..")
}

/// Returns a URL of the URL Standard in the normal form of RFC 3986: what needs no escape has none, and the digits of the
/// others are upper case (sections 6.2.2.1 and 6.2.2.2). `None` if an escape is broken.
fn normalized(url: &str) -> Option<String> {
    let mut pieces = url.split('%');
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (digits, rest) = (piece.get(..2)?, piece.get(2..)?);
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let byte = u8::from_str_radix(digits, 16).ok()?;
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push('%');
            text.push_str(&digits.to_ascii_uppercase());
        }
        text.push_str(rest);
    }
    Some(text)
}
