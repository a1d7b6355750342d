//! Reads and writes header fields (RFC 9110): media types, `Retry-After`, challenges, and values that contain secrets.

use super::{moment::Timestamp, secret::Secret};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use std::time::Duration;

/// Whether there is exactly one `Content-Type`, and it is one of these media types. Parameters such as `charset` are
/// ignored.
pub(crate) fn media_type_is(headers: &HeaderMap, wanted: &[&str]) -> bool {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    let Ok(value) = value.to_str() else { return false };
    let essence = value.split(';').next().unwrap_or_default().trim();
    wanted.iter().any(|wanted| essence.eq_ignore_ascii_case(wanted))
}

/// Whether there is exactly one `Content-Type`, and it is `application/json` or `application/…+json`.
pub(crate) fn media_type_is_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let essence = essence.to_ascii_lowercase();
    let subtype = essence.strip_prefix("application/").unwrap_or_default();
    subtype == "json" || subtype.strip_suffix("+json").is_some_and(|kind| !kind.is_empty())
}

/// Reads `Retry-After`, a number of seconds or a date, as a duration from `now` (RFC 9110 section 10.2.3). A date in
/// the past is a duration of zero.
pub(crate) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(value).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(now.until(Timestamp(i64::try_from(date.as_secs()).ok()?)))
}

/// Builds a header value from a scheme and a secret. The value is marked sensitive, so HTTP libraries do not
/// print it. Returns `None` unless the secret is visible ASCII (RFC 6750 section 2.1, RFC 6749 appendix A).
pub(crate) fn credentials(scheme: &str, secret: &Secret) -> Option<HeaderValue> {
    let text = secret.expose();
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let mut value = HeaderValue::from_str(&format!("{scheme} {text}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// One challenge of a `WWW-Authenticate` field (RFC 9110 section 11.6.1).
#[derive(Debug)]
pub(crate) struct Challenge {
    /// The scheme in lower case, such as `bearer`.
    pub(crate) scheme: String,
    /// The parameters in the order of the field. Their names are in lower case.
    pub(crate) parameters: Vec<(String, String)>,
}

impl Challenge {
    /// Returns the value of a parameter. The name must be in lower case.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Reads the challenges of every line of a header field. After a syntax error, the rest of that line is ignored; the
/// challenges before the error are kept.
pub(crate) fn challenges(headers: &HeaderMap, name: &HeaderName) -> Vec<Challenge> {
    let mut found = Vec::new();
    for line in headers.get_all(name).iter().filter_map(|value| value.to_str().ok()) {
        read_challenges(line, &mut found);
    }
    found
}

fn read_challenges(mut rest: &str, found: &mut Vec<Challenge>) {
    let first = found.len();
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let token = leading_token(rest);
        if token.is_empty() {
            return;
        }
        let after = rest.get(token.len()..).unwrap_or_default();
        let value = after.trim_start_matches([' ', '\t']).strip_prefix('=');
        match value.map(|value| value.trim_start_matches([' ', '\t'])) {
            // `name=value` is a parameter of the challenge before it.
            Some(value) if found.len() > first && !value.starts_with('=') => {
                let Some((value, after)) = parameter_value(value) else { return };
                if let Some(challenge) = found.last_mut() {
                    challenge.parameters.push((token.to_ascii_lowercase(), value));
                }
                rest = after;
            }
            Some(_) => return,
            None => {
                found.push(Challenge { scheme: token.to_ascii_lowercase(), parameters: Vec::new() });
                rest = after;
            }
        }
    }
}

fn leading_token(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)));
    text.get(..end.unwrap_or(text.len())).unwrap_or_default()
}

fn parameter_value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let token = leading_token(text);
        return (!token.is_empty()).then(|| (token.to_owned(), text.get(token.len()..).unwrap_or_default()));
    };
    let (mut value, mut escaped) = (String::new(), false);
    for (at, c) in quoted.char_indices() {
        match c {
            _ if escaped => {
                value.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => return Some((value, quoted.get(at + 1..).unwrap_or_default())),
            _ => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: HeaderName, value: &str) -> HeaderMap {
        [(name, HeaderValue::from_str(value).unwrap())].into_iter().collect()
    }

    #[test]
    fn media_types_ignore_case_and_parameters_but_not_a_repeated_field() {
        let json = |value: &str| media_type_is(&with(header::CONTENT_TYPE, value), &["application/json"]);
        assert!(json("application/json") && json("Application/JSON ; charset=utf-8"));
        assert!(!json("text/html") && !json("application/jsonx") && !json(""));
        let mut twice = with(header::CONTENT_TYPE, "application/json");
        twice.append(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
        assert!(!media_type_is(&twice, &["application/json"]));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let after = |value: &str| {
            let found = retry_after(&with(header::RETRY_AFTER, value), Timestamp(784_111_700));
            found.map(|wait| wait.as_secs())
        };
        assert_eq!(after("120"), Some(120));
        assert_eq!(after("99999999999999999999999"), Some(u64::MAX));
        assert_eq!(after("Sun, 06 Nov 1994 08:49:37 GMT"), Some(77));
        assert_eq!(after("Sun, 06 Nov 1994 08:00:00 GMT"), Some(0), "the date has passed");
        for bad in ["", "-1", "soon", "1.5"] {
            assert_eq!(after(bad), None, "{bad}");
        }
    }

    #[test]
    fn credentials_are_visible_ascii_and_sensitive() {
        let value = credentials("Bearer", &Secret::new("abc.def")).unwrap();
        assert!(value.is_sensitive());
        assert_eq!(value.to_str().unwrap(), "Bearer abc.def");
        for bad in ["", "a\nb", "a b", "a\u{7f}", "é", "a\0"] {
            assert_eq!(credentials("Bearer", &Secret::new(bad)), None, "{bad:?}");
        }
    }

    #[test]
    fn challenges_of_rfc_9110_and_rfc_6750_are_read() {
        let read =
            |value: &str| challenges(&with(header::WWW_AUTHENTICATE, value), &header::WWW_AUTHENTICATE);
        let found =
            read(r#"Basic realm="a, \"b\"", Bearer error=invalid_token , error_description="x y", DPoP"#);
        let schemes: Vec<_> = found.iter().map(|c| c.scheme.as_str()).collect();
        assert_eq!(schemes, ["basic", "bearer", "dpop"]);
        assert_eq!(found[0].parameter("realm"), Some(r#"a, "b""#));
        assert_eq!(found[1].parameter("error"), Some("invalid_token"));
        assert_eq!(found[1].parameter("error_description"), Some("x y"));
        for odd in [
            "",
            "=",
            "Bearer realm=\"open",
            "Bearer ==",
            ",,,",
            "realm=x",
            "Bearer a=b c d=\"",
            "Negotiate abc==",
        ] {
            let _ = read(odd);
        }
    }
}
