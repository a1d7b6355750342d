//! [`Credentials`]: the access token of a request, taken as RFC 6750 section 2 and RFC 9449 section 7.1
//! allow, and in no other way.

use crate::base::sentence::debug_is_sentence;
use crate::base::{header::media_type_is, secret::Secret};
use http::{HeaderMap, header};
use percent_encoding::percent_decode;
use serde::Serialize;

/// The longest access token that is taken from a request, in bytes: longer ones are refused before
/// anything of them is decoded.
pub const MAX_CREDENTIALS: usize = 8 * 1024;

/// How a token is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum AuthenticationScheme {
    /// `Bearer` (RFC 6750): whoever has it may use it.
    Bearer,
    /// `DPoP` (RFC 9449): together with a proof of its key.
    Dpop,
}

impl AuthenticationScheme {
    /// The scheme as the `Authorization` and `WWW-Authenticate` headers spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Dpop => "DPoP",
        }
    }
}

/// Where besides the `Authorization` header a token may be. The default: nowhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CredentialPolicy {
    /// In a form in the body (RFC 6750 section 2.2).
    pub form: bool,
    /// In the query of the URI, where logs see it (RFC 6750 section 2.3 says: do not).
    pub query: bool,
}

impl CredentialPolicy {
    /// In a form, too.
    #[must_use]
    pub const fn with_form(mut self) -> Self {
        self.form = true;
        self
    }

    /// In the query, too.
    #[must_use]
    pub const fn with_query(mut self) -> Self {
        self.query = true;
        self
    }
}

/// Why credentials cannot be taken from a request: `invalid_request` (RFC 6750 section 3.1).
///
/// [`Credentials::take`] returns it; a resource server refuses the request with it.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// More than one token, header or method (RFC 6750 section 2).
    #[error("the request has more than one access token")]
    Several,
    /// The scheme, and then no token, or one that is not of the syntax (RFC 6750 section 2.1).
    #[error("the request has an access token that is not of the syntax of RFC 6750 section 2.1")]
    Syntax,
    /// Longer than [`MAX_CREDENTIALS`].
    #[error("the request has an access token that is longer than {MAX_CREDENTIALS} bytes")]
    TooLarge,
}

debug_is_sentence!(CredentialsError);

impl CredentialsError {
    /// A short, stable name for logs and metrics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Several => "credentials_several",
            Self::Syntax => "credentials_syntax",
            Self::TooLarge => "credentials_too_large",
        }
    }
}

/// An access token and how it was presented.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Credentials {
    /// How.
    pub scheme: AuthenticationScheme,
    /// The token, nothing of which is verified.
    pub token: Secret,
    /// Whether it was in the query: a response may then be kept by no shared cache
    /// (RFC 6750 section 2.3).
    pub in_query: bool,
}

impl Credentials {
    /// Takes the access token from a request, if there is one. `query` and `form` are still encoded;
    /// they are looked at only if the policy asks for it, and `form` only if the `Content-Type` says
    /// that it is one. Another scheme, such as `Basic`, is no access token.
    ///
    /// # Errors
    /// [`CredentialsError`] names the rule that the request breaks.
    pub fn take(
        headers: &HeaderMap,
        query: Option<&str>,
        form: Option<&[u8]>,
        policy: &CredentialPolicy,
    ) -> Result<Option<Self>, CredentialsError> {
        let mut found = from_header(headers)?;
        if let Some(form) = form.filter(|_| policy.form && is_form(headers)) {
            from_form(form, false, &mut found)?;
        }
        if let Some(query) = query.filter(|_| policy.query) {
            from_form(query.as_bytes(), true, &mut found)?;
        }
        Ok(found)
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    media_type_is(headers, &["application/x-www-form-urlencoded"])
}

/// The token of the `Authorization` header.
pub(super) fn from_header(headers: &HeaderMap) -> Result<Option<Credentials>, CredentialsError> {
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
    Ok(Some(Credentials { scheme, token: token68(token)?, in_query: false }))
}

fn from_form(form: &[u8], in_query: bool, found: &mut Option<Credentials>) -> Result<(), CredentialsError> {
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
        // Three characters make one byte at most.
        if encoded.len() > 3 * MAX_CREDENTIALS {
            return Err(CredentialsError::TooLarge);
        }
        // A `+` is a space here, which no token has; a plus sign is always encoded.
        if encoded.contains(&b'+') {
            return Err(CredentialsError::Syntax);
        }
        let token = Secret::new(percent_decode(encoded).decode_utf8().map_err(|_| CredentialsError::Syntax)?);
        let token = token68(token.expose().as_bytes())?;
        *found = Some(Credentials { scheme: AuthenticationScheme::Bearer, token, in_query });
    }
    Ok(())
}

/// The one syntax of a token: `b64token` of RFC 6750, `token68` of RFC 9110 section 11.2.
fn token68(text: &[u8]) -> Result<Secret, CredentialsError> {
    if text.len() > MAX_CREDENTIALS {
        return Err(CredentialsError::TooLarge);
    }
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    let body = text.get(..text.len() - padding).unwrap_or_default();
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(byte);
    match std::str::from_utf8(text) {
        Ok(text) if !body.is_empty() && body.iter().all(fits) => Ok(Secret::new(text)),
        Ok(_) | Err(_) => Err(CredentialsError::Syntax),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    const ALL: CredentialPolicy = CredentialPolicy { form: true, query: true };

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
    fn what_is_not_one_token_is_a_bad_request() {
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
    }
}
