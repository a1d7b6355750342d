//! [`Freshness`]: how long a response says it is fresh (RFC 9111 section 4.2).

use crate::base::moment::Timestamp;
use http::{HeaderMap, header};

/// How long a response says it is fresh: `max-age` less `Age`, else `Expires` less `Date`.
///
/// `no-store`, `no-cache` and `must-revalidate` are not heeded, on purpose: a verifier cannot do
/// without keys, and its own policy bounds how long it keeps them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Freshness(Option<i64>);

impl Freshness {
    /// The response does not say.
    pub const UNKNOWN: Self = Self(None);

    /// Fresh for so many seconds.
    #[must_use]
    pub const fn of_seconds(seconds: i64) -> Self {
        Self(Some(if seconds < 0 { 0 } else { seconds }))
    }

    /// For how many seconds, if the response says.
    #[must_use]
    pub const fn seconds(self) -> Option<i64> {
        self.0
    }

    /// What these headers say.
    #[must_use]
    pub fn of_response(headers: &HeaderMap, now: Timestamp) -> Self {
        if let Some(max_age) = max_age(headers) {
            let age = text(headers, &header::AGE).and_then(seconds).unwrap_or(0);
            return Self::of_seconds(max_age.saturating_sub(age));
        }
        // An `Expires` that is no date has expired (section 5.3).
        let Some(expires) = text(headers, &header::EXPIRES) else { return Self::UNKNOWN };
        let date = text(headers, &header::DATE).and_then(date).unwrap_or(now.0);
        Self::of_seconds(date_or_past(expires).saturating_sub(date))
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &header::HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// `delta-seconds`, as large as it likes (section 1.2.2).
fn seconds(text: &str) -> Option<i64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(i64::from(i32::MAX)))
}

fn max_age(headers: &HeaderMap) -> Option<i64> {
    let values = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    // If it stands there twice, the least counts (section 4.2.1).
    values
        .flat_map(|value| value.split(','))
        .filter_map(|directive| directive.split_once('='))
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("max-age"))
        .filter_map(|(_, value)| seconds(value.trim().trim_matches('"')))
        .min()
}

fn date(text: &str) -> Option<i64> {
    let since = httpdate::parse_http_date(text).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_secs()).ok()
}

fn date_or_past(text: &str) -> i64 {
    date(text).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn read(fields: &[(header::HeaderName, &str)]) -> Option<i64> {
        let headers: HeaderMap = fields
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()))
            .collect();
        Freshness::of_response(&headers, Timestamp(784_111_777)).seconds()
    }

    #[test]
    fn max_age_less_age_counts_before_expires() {
        use header::{AGE, CACHE_CONTROL, DATE, EXPIRES};
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[(CACHE_CONTROL, "public, max-age=600")]), Some(600));
        assert_eq!(read(&[(CACHE_CONTROL, "Max-Age=\"600\""), (AGE, "100")]), Some(500));
        assert_eq!(read(&[(CACHE_CONTROL, "max-age=60"), (AGE, "100")]), Some(0));
        assert_eq!(read(&[(CACHE_CONTROL, "max-age=99999999999999999999")]), Some(i64::from(i32::MAX)));
        assert_eq!(read(&[(CACHE_CONTROL, "no-store")]), None, "not heeded on purpose");
        assert_eq!(read(&[(CACHE_CONTROL, "max-age=600, max-age=60")]), Some(60));
        let later = "Sun, 06 Nov 1994 08:59:37 GMT";
        assert_eq!(read(&[(EXPIRES, later)]), Some(600));
        assert_eq!(read(&[(EXPIRES, later), (DATE, "Sun, 06 Nov 1994 08:58:37 GMT")]), Some(60));
        assert_eq!(read(&[(EXPIRES, later), (CACHE_CONTROL, "max-age=5")]), Some(5));
        assert_eq!(read(&[(EXPIRES, "0")]), Some(0));
        assert_eq!(read(&[(CACHE_CONTROL, "max-age=soon")]), None);
    }
}
