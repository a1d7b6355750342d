//! [`Credentials`]: takes the access token from a request, only as RFC 6750 section 2 and RFC 9449 section 7.1 allow.

use crate::base::sentence::debug_is_sentence;
use crate::base::{header::media_type_is, secret::Secret};
use http::{HeaderMap, header};
use percent_encoding::percent_decode;
use serde::Serialize;

/// The maximum length of an access token in a request, in bytes, unless a [`CredentialPolicy`] sets another one. A longer
/// one is refused before it is decoded.
pub const MAX_CREDENTIALS: usize = 8 * 1024;

/// The authentication scheme of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum AuthenticationScheme {
    /// `Bearer` (RFC 6750): any sender may use the token.
    Bearer,
    /// `DPoP` (RFC 9449): the token comes with a proof of its key.
    Dpop,
}

impl AuthenticationScheme {
    /// Returns the name of the scheme in the headers `Authorization` and `WWW-Authenticate`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Dpop => "DPoP",
        }
    }
}

/// How a token may come: the places besides the `Authorization` header, of which the default has none, and its greatest
/// length.
///
/// ```
/// use oidc_proto::resource::{CredentialPolicy, ResourceServer, TrustedIssuer};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let policy = CredentialPolicy::default().with_form();
/// assert!(policy.form && !policy.query);
/// let api = ResourceServer::builder("https://api.example")
///     .trust(TrustedIssuer::new("https://op.example"))
///     .credentials(policy)
///     .build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CredentialPolicy {
    /// Whether a token may be in a form in the body (RFC 6750 section 2.2).
    ///
    /// # Danger
    /// It takes a check away: another site can make a browser send a form. See [`danger`](crate::danger).
    pub form: bool,
    /// Whether a token may be in the query of the URI. RFC 6750 section 2.3 advises against it: URIs end up in logs.
    ///
    /// # Danger
    /// It takes a check away: tokens in URIs end up in logs. See [`danger`](crate::danger).
    pub query: bool,
    /// The longest token, in bytes. Default: [`MAX_CREDENTIALS`].
    pub max_token: usize,
}

impl Default for CredentialPolicy {
    fn default() -> Self {
        Self { form: false, query: false, max_token: MAX_CREDENTIALS }
    }
}

impl CredentialPolicy {
    /// Also accepts a token in a form in the body.
    ///
    /// # Danger
    /// It takes a check away: another site can make a browser send a form. See [`danger`](crate::danger).
    #[must_use]
    pub const fn with_form(mut self) -> Self {
        self.form = true;
        self
    }

    /// Also accepts a token in the query of the URI.
    ///
    /// # Danger
    /// It takes a check away: tokens in URIs end up in logs. See [`danger`](crate::danger).
    #[must_use]
    pub const fn with_query(mut self) -> Self {
        self.query = true;
        self
    }

    /// Sets the longest token, in bytes; the default is [`MAX_CREDENTIALS`]. The verifiers of the issuers then accept
    /// tokens of that length, too. Most HTTP servers have a limit for headers besides.
    #[must_use]
    pub const fn with_max_token(mut self, bytes: usize) -> Self {
        self.max_token = bytes;
        self
    }
}

/// The reason why a token cannot be taken from a request. The error code of the response is `invalid_request` (RFC 6750
/// section 3.1).
///
/// [`Credentials::take`] returns it; a resource server refuses the request with it.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// The request has more than one token, or more than one `Authorization` header (RFC 6750 section 2).
    #[error("the request has more than one access token")]
    Several,
    /// The request names the scheme, but has no token or a malformed one (RFC 6750 section 2.1).
    #[error("the request has an access token that is not of the syntax of RFC 6750 section 2.1")]
    Syntax,
    /// The token is longer than [`CredentialPolicy::max_token`].
    #[error(
        "the request has an access token that is longer than the limit ({MAX_CREDENTIALS} bytes, unless `CredentialPolicy::with_max_token` sets another)"
    )]
    TooLarge,
}

debug_is_sentence!(CredentialsError);

impl CredentialsError {
    /// Returns a short, stable name for logs and metrics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Several => "credentials_several",
            Self::Syntax => "credentials_syntax",
            Self::TooLarge => "credentials_too_large",
        }
    }
}

/// The access token of a request, and how it was sent. Nothing is verified yet.
///
/// [`ResourceServer::inspect`](super::ResourceServer::inspect) takes the token itself; this type is for a program
/// without a resource server.
///
/// ```
/// use oidc_proto::resource::{AuthenticationScheme, CredentialPolicy, Credentials};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let request = http::Request::get("/orders").header("authorization", "Bearer mF_9.B5f-4.1JqM").body(())?;
/// let taken = Credentials::take(request.headers(), None, None, &CredentialPolicy::default())?;
/// let taken = taken.ok_or("the request has no token")?;
/// assert_eq!(taken.scheme, AuthenticationScheme::Bearer);
/// assert_eq!(taken.token.expose(), "mF_9.B5f-4.1JqM");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Credentials {
    /// The authentication scheme.
    pub scheme: AuthenticationScheme,
    /// The token. Nothing of it is verified.
    pub token: Secret,
    /// Whether the token was in the query. If so, no shared cache may keep the response (RFC 6750 section 2.3).
    pub in_query: bool,
}

impl Credentials {
    /// Takes the access token from a request. `None` if there is none, or if the scheme is another one, such as
    /// `Basic`.
    ///
    /// `query` and `form` are the encoded texts. The method reads them only if the policy allows it, and `form` only if
    /// the `Content-Type` is that of a form.
    ///
    /// # Errors
    /// [`CredentialsError`] names the rule that the request breaks.
    pub fn take(
        headers: &HeaderMap,
        query: Option<&str>,
        form: Option<&[u8]>,
        policy: &CredentialPolicy,
    ) -> Result<Option<Self>, CredentialsError> {
        Carried::take(headers, query, form, policy).map(|found| found.map(Carried::into_credentials))
    }
}

/// The token of a request: in its header, or taken out of a form or a query.
pub(super) enum Token<'r> {
    Lent(&'r str),
    Own(Secret),
}

impl Token<'_> {
    pub(super) fn expose(&self) -> &str {
        match self {
            Self::Lent(token) => token,
            Self::Own(token) => token.expose(),
        }
    }
}

/// The [`Credentials`] of a request, without a copy of its header.
pub(super) struct Carried<'r> {
    pub(super) scheme: AuthenticationScheme,
    pub(super) token: Token<'r>,
    pub(super) in_query: bool,
}

impl<'r> Carried<'r> {
    /// Takes the access token from a request, as [`Credentials::take`] does.
    pub(super) fn take(
        headers: &'r HeaderMap,
        query: Option<&str>,
        form: Option<&[u8]>,
        policy: &CredentialPolicy,
    ) -> Result<Option<Self>, CredentialsError> {
        let mut found = from_header(headers, policy.max_token)?;
        if let Some(form) = form.filter(|_| policy.form && is_form(headers)) {
            from_form(form, false, policy.max_token, &mut found)?;
        }
        if let Some(query) = query.filter(|_| policy.query) {
            from_form(query.as_bytes(), true, policy.max_token, &mut found)?;
        }
        Ok(found)
    }
}

impl Carried<'_> {
    fn into_credentials(self) -> Credentials {
        let Self { scheme, token, in_query } = self;
        let token = match token {
            Token::Lent(token) => Secret::new(token),
            Token::Own(token) => token,
        };
        Credentials { scheme, token, in_query }
    }

    /// Copies what is in the header of the request.
    pub(super) fn into_owned(self) -> Carried<'static> {
        let Credentials { scheme, token, in_query } = self.into_credentials();
        Carried { scheme, token: Token::Own(token), in_query }
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    media_type_is(headers, &["application/x-www-form-urlencoded"])
}

/// Takes the token from the `Authorization` header.
pub(super) fn from_header(
    headers: &HeaderMap,
    longest: usize,
) -> Result<Option<Carried<'_>>, CredentialsError> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(CredentialsError::Several);
    }
    let value = value.as_bytes();
    let length = value.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(value.len());
    let Some((name, rest)) = value.split_at_checked(length) else { return Ok(None) };
    let scheme = match name {
        name if name.eq_ignore_ascii_case(b"bearer") => AuthenticationScheme::Bearer,
        name if name.eq_ignore_ascii_case(b"dpop") => AuthenticationScheme::Dpop,
        _ => return Ok(None),
    };
    let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
    let token = rest.get(spaces..).unwrap_or_default();
    Ok(Some(Carried { scheme, token: Token::Lent(token68(token, longest)?), in_query: false }))
}

fn from_form(
    form: &[u8],
    in_query: bool,
    longest: usize,
    found: &mut Option<Carried<'_>>,
) -> Result<(), CredentialsError> {
    for pair in form.split(|byte| *byte == b'&') {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let name = halves.next().unwrap_or_default();
        if !percent_decode(name).eq(b"access_token".iter().copied()) {
            continue;
        }
        if found.is_some() {
            return Err(CredentialsError::Several);
        }
        let encoded = halves.next().unwrap_or_default();
        // A byte of the token has three encoded characters at most.
        if encoded.len() > longest.saturating_mul(3) {
            return Err(CredentialsError::TooLarge);
        }
        // In a form, `+` is a space, and no token has a space. A plus sign is always encoded.
        if encoded.contains(&b'+') {
            return Err(CredentialsError::Syntax);
        }
        let token = Secret::new(percent_decode(encoded).decode_utf8().map_err(|_| CredentialsError::Syntax)?);
        token68(token.expose().as_bytes(), longest)?;
        let token = Token::Own(token);
        *found = Some(Carried { scheme: AuthenticationScheme::Bearer, token, in_query });
    }
    Ok(())
}

/// Checks the syntax of a token: `b64token` of RFC 6750 section 2.1, which is `token68` of RFC 9110 section 11.2.
fn token68(text: &[u8], longest: usize) -> Result<&str, CredentialsError> {
    if text.len() > longest {
        return Err(CredentialsError::TooLarge);
    }
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    let body = text.get(..text.len() - padding).unwrap_or_default();
    // Each byte is checked, without a branch: so the compiler checks many at once.
    let fits = !body.is_empty() & body.iter().fold(true, |fits, byte| fits & is_token68(*byte));
    std::str::from_utf8(text).ok().filter(|_| fits).ok_or(CredentialsError::Syntax)
}

/// Whether a byte may be in a token: a letter, a digit, or one of `-._~+/`.
const fn is_token68(byte: u8) -> bool {
    let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    // The digits follow `-`, `.` and `/`.
    let digit_or_sign = byte.wrapping_sub(b'-') < 13;
    letter | digit_or_sign | (byte == b'+') | (byte == b'_') | (byte == b'~')
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    const ALL: CredentialPolicy = CredentialPolicy { form: true, query: true, max_token: MAX_CREDENTIALS };

    fn headers(authorization: &[&[u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded; charset=UTF-8"),
        );
        for value in authorization {
            headers.append(header::AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
        }
        headers
    }

    fn take(
        authorization: &[&str],
        query: Option<&str>,
        form: Option<&str>,
        policy: CredentialPolicy,
    ) -> Result<Option<(AuthenticationScheme, String)>, CredentialsError> {
        let values: Vec<_> = authorization.iter().map(|value| value.as_bytes()).collect();
        let taken = Credentials::take(&headers(&values), query, form.map(str::as_bytes), &policy)?;
        Ok(taken.map(|taken| (taken.scheme, taken.token.expose().to_owned())))
    }

    #[test]
    fn a_token_is_taken_from_the_header_in_any_case_of_the_scheme() {
        let none = CredentialPolicy::default();
        for (value, scheme, token) in [
            ("Bearer abc", AuthenticationScheme::Bearer, "abc"),
            ("bearer a-._~+/1==", AuthenticationScheme::Bearer, "a-._~+/1=="),
            ("BEARER   abc", AuthenticationScheme::Bearer, "abc"),
            ("DPoP abc", AuthenticationScheme::Dpop, "abc"),
            ("dpop abc", AuthenticationScheme::Dpop, "abc"),
        ] {
            assert_eq!(take(&[value], None, None, none), Ok(Some((scheme, token.to_owned()))), "{value}");
        }
        for other in ["Basic YTpi", "", "Bearerabc", "Bearer,x", "Negotiate abc", "Digest username=\"a\""] {
            assert_eq!(take(&[other], None, None, none), Ok(None), "{other}");
        }
    }

    #[test]
    fn a_malformed_or_second_token_is_a_bad_request() {
        for value in [
            "Bearer",
            "Bearer ",
            "bearer =",
            "Bearer a b",
            "Bearer a,b",
            "Bearer a, Bearer b",
            "Bearer a=b",
            "Bearer \"a\"",
            "Bearer a ",
            "Bearer\ta",
            "DPoP token=\"a\"",
            "Bearer ä",
            "DPoP",
        ] {
            assert_eq!(take(&[value], None, None, ALL), Err(CredentialsError::Syntax), "{value:?}");
        }
        let raw = Credentials::take(&headers(&[b"Bearer a\xff"]), None, None, &ALL);
        assert_eq!(raw, Err(CredentialsError::Syntax));
        assert_eq!(take(&["Bearer a", "Bearer a"], None, None, ALL), Err(CredentialsError::Several));
        assert_eq!(take(&["Basic a", "Bearer a"], None, None, ALL), Err(CredentialsError::Several));
    }

    #[test]
    fn form_and_query_count_only_when_asked_and_only_alone() {
        let none = CredentialPolicy::default();
        let token = |text: &str| Ok(Some((AuthenticationScheme::Bearer, text.to_owned())));
        assert_eq!(take(&[], Some("access_token=q"), Some("access_token=f"), none), Ok(None));
        assert_eq!(take(&["Bearer h"], Some("access_token=q"), Some("access_token=f"), none), token("h"));
        assert_eq!(take(&[], Some("a=1&a=2&acc%65ss_token=q%3D"), None, none.with_query()), token("q="));
        assert_eq!(take(&[], Some("x"), Some("b=%ff&access_token=f"), none.with_form()), token("f"));
        for (authorization, query, form) in [
            (&["Bearer h"][..], Some("access_token=h"), None),
            (&["DPoP h"], None, Some("access_token=h")),
            (&[], Some("access_token=q"), Some("access_token=f")),
            (&[], Some("access_token=q&access_token=q"), None),
            (&[], Some("access_token=q&acces%73_token=q"), None),
            (&[], None, Some("access_token=f&x=1&access_token=f")),
        ] {
            assert_eq!(
                take(authorization, query, form, ALL),
                Err(CredentialsError::Several),
                "{query:?} {form:?}"
            );
        }
        for bad in
            ["access_token", "access_token=", "access_token=%ff", "access_token=a+b", "access_token=a%20b"]
        {
            assert_eq!(take(&[], Some(bad), None, ALL), Err(CredentialsError::Syntax), "{bad}");
        }
        let mut json = headers(&[]);
        json.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        assert_eq!(Credentials::take(&json, None, Some(b"access_token=f"), &ALL), Ok(None));
    }

    /// RFC 9110 section 11.2 lists the characters.
    #[test]
    fn a_token_has_the_characters_of_token68_and_no_others() {
        const ALL: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/";
        for byte in 0..=u8::MAX {
            assert_eq!(is_token68(byte), ALL.contains(&byte), "{byte}");
            for at in [0, 1, 15, 16, 31, 40, 99] {
                let mut text = [b'a'; 100];
                text[at] = byte;
                // At the end, `=` is padding.
                let fits = ALL.contains(&byte) || (at == 99 && byte == b'=');
                assert_eq!(token68(&text, 100).is_ok(), fits, "{byte} at {at}");
            }
        }
    }

    #[test]
    fn the_cap_is_exact_however_the_token_comes() {
        let fits = "a".repeat(MAX_CREDENTIALS);
        let token = Ok(Some((AuthenticationScheme::Bearer, fits.clone())));
        assert_eq!(take(&[&format!("Bearer {fits}")], None, None, ALL), token);
        assert_eq!(take(&[&format!("Bearer {fits}a")], None, None, ALL), Err(CredentialsError::TooLarge));
        let encoded = "%61".repeat(MAX_CREDENTIALS);
        for text in [&fits, &encoded] {
            assert_eq!(take(&[], Some(&format!("access_token={text}")), None, ALL), token);
            let longer = format!("access_token={text}a");
            assert_eq!(take(&[], None, Some(&longer), ALL), Err(CredentialsError::TooLarge));
        }
        for limit in [1, MAX_CREDENTIALS - 1, 3 * MAX_CREDENTIALS] {
            let policy = ALL.with_max_token(limit);
            let (fits, longer) = ("a".repeat(limit), "a".repeat(limit + 1));
            for (token, is_read) in [(fits, true), (longer, false)] {
                let expected = match is_read {
                    true => Ok(Some((AuthenticationScheme::Bearer, token.clone()))),
                    false => Err(CredentialsError::TooLarge),
                };
                assert_eq!(take(&[&format!("Bearer {token}")], None, None, policy), expected);
                assert_eq!(take(&[], Some(&format!("access_token={token}")), None, policy), expected);
                assert_eq!(take(&[], None, Some(&format!("access_token={token}")), policy), expected);
            }
        }
    }
}
