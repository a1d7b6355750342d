//! [`Freshness`]: how long a response stays fresh by its own headers (RFC 9111 sections 4.2 and 5.1 to 5.3).

use super::moment::{Timestamp, whole_seconds};
use http::{HeaderMap, header};
use std::time::Duration;

/// The time for which a response is still fresh, by its own headers: its lifetime minus its age (RFC 9111
/// section 4.2).
///
/// The lifetime is `max-age`, or else `Expires` minus `Date`. The age is `Age`. It does not include the duration of
/// the request, because a [`Renewal`](crate::renew::Renewal) counts from the start of the request. `Date` is not
/// compared with the clock of this machine: if the two differ, either may be wrong.
///
/// `no-store`, `no-cache` and `must-revalidate` are ignored on purpose: a verifier cannot work without keys, and
/// its own policy limits how long it keeps them. `s-maxage` is ignored too: it is for caches that several users
/// share.
///
/// ```
/// use http::{HeaderMap, HeaderValue, header};
/// use oidc_proto::{Timestamp, renew::Freshness};
/// use std::time::Duration;
///
/// let mut headers = HeaderMap::new();
/// headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("max-age=600"));
/// headers.insert(header::AGE, HeaderValue::from_static("100"));
///
/// let freshness = Freshness::of_response(&headers, Timestamp(1_700_000_000));
/// assert_eq!(freshness.duration(), Some(Duration::from_secs(500)));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Freshness(Option<i64>);

impl Freshness {
    /// The response has no lifetime in its headers.
    pub const UNKNOWN: Self = Self(None);

    /// Fresh for this duration. A fraction of a second is rounded up.
    #[must_use]
    pub const fn lasting(duration: Duration) -> Self {
        Self::of_seconds(whole_seconds(duration))
    }

    pub(crate) const fn of_seconds(seconds: i64) -> Self {
        Self(Some(if seconds < 0 { 0 } else { seconds }))
    }

    /// The time for which the response is still fresh, or `None` if its headers do not say.
    #[must_use]
    pub fn duration(self) -> Option<Duration> {
        self.0.map(|seconds| Duration::from_secs(seconds.unsigned_abs()))
    }

    pub(crate) const fn seconds(self) -> Option<i64> {
        self.0
    }

    /// Reads the freshness from the headers of a response that arrived at `now`.
    ///
    /// If a field is repeated, the least `max-age` and the first `Expires` and `Age` count (RFC 9111 section
    /// 4.2.1). An `Expires` that is not a date means that the response has expired (section 5.3). An `Age` that is
    /// not a number and a `Date` that is not a date are ignored.
    #[must_use]
    pub fn of_response(headers: &HeaderMap, now: Timestamp) -> Self {
        let lifetime = match (max_age(headers), headers.get(header::EXPIRES)) {
            (Some(max_age), _) => max_age,
            (None, Some(expires)) => {
                let written = headers.get(header::DATE).and_then(date).unwrap_or(now.0);
                date(expires).map_or(0, |expires| expires.saturating_sub(written))
            }
            (None, None) => return Self::UNKNOWN,
        };
        Self::of_seconds(lifetime.saturating_sub(age(headers)))
    }
}

/// Reads `delta-seconds`. A number that is too large for an `i64` counts as 2^31 - 1 (RFC 9111 section 1.2.2).
fn seconds(text: &str) -> Option<i64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(i64::from(i32::MAX)))
}

/// Reads `Age`. The first member of a list counts; a value that is not a number is ignored (RFC 9111 section 5.1).
fn age(headers: &HeaderMap) -> i64 {
    let text = headers.get(header::AGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    text.split(',').next().and_then(|first| seconds(first.trim())).unwrap_or(0)
}

fn max_age(headers: &HeaderMap) -> Option<i64> {
    let values = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(directives)
        .filter_map(|directive| directive.split_once('='))
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("max-age"))
        .filter_map(|(_, value)| seconds(value.trim().trim_matches('"')))
        .min()
}

/// Splits a value at its commas, but not inside quotes (RFC 9111 section 5.2).
fn directives(value: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    value.split(move |letter| {
        quoted ^= letter == '"';
        letter == ',' && !quoted
    })
}

fn date(value: &http::HeaderValue) -> Option<i64> {
    let date = httpdate::parse_http_date(value.to_str().ok()?.trim()).ok()?;
    i64::try_from(date.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs()).ok()
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
    fn max_age_minus_age_takes_precedence_over_expires() {
        use header::{AGE, CACHE_CONTROL, DATE, EXPIRES};
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[(CACHE_CONTROL, "public, max-age=600")]), Some(600));
        assert_eq!(read(&[(CACHE_CONTROL, "Max-Age=\"600\""), (AGE, "100")]), Some(500));
        assert_eq!(read(&[(CACHE_CONTROL, "max-age=60"), (AGE, "100")]), Some(0));
        assert_eq!(read(&[(CACHE_CONTROL, "max-age=99999999999999999999")]), Some(i64::from(i32::MAX)));
        assert_eq!(read(&[(CACHE_CONTROL, "no-store")]), None, "ignored on purpose");
        assert_eq!(read(&[(CACHE_CONTROL, "max-age=600, max-age=60")]), Some(60));
        let later = "Sun, 06 Nov 1994 08:59:37 GMT";
        assert_eq!(read(&[(EXPIRES, later)]), Some(600));
        assert_eq!(read(&[(EXPIRES, later), (DATE, "Sun, 06 Nov 1994 08:58:37 GMT")]), Some(60));
        assert_eq!(read(&[(EXPIRES, later), (CACHE_CONTROL, "max-age=5")]), Some(5));
        assert_eq!(read(&[(EXPIRES, "0")]), Some(0));
        assert_eq!(read(&[(CACHE_CONTROL, "max-age=soon")]), None);
    }

    /// 784111777 is Sun, 06 Nov 1994 08:49:37 GMT.
    #[test]
    fn age_is_subtracted_from_every_kind_of_lifetime() {
        use header::{AGE, CACHE_CONTROL, DATE, EXPIRES};
        let (now, hour) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 09:49:37 GMT");
        assert_eq!(read(&[(DATE, now), (EXPIRES, hour), (AGE, "3000")]), Some(600));
        assert_eq!(read(&[(EXPIRES, hour), (AGE, "3000")]), Some(600), "without a date, `now` counts");
        assert_eq!(read(&[(DATE, now), (EXPIRES, hour), (AGE, "3601")]), Some(0));
        assert_eq!(read(&[(DATE, hour), (EXPIRES, now), (AGE, "1")]), Some(0), "the lifetime is negative");
        assert_eq!(read(&[(DATE, "today"), (EXPIRES, hour)]), Some(3_600), "without a date, `now` counts");
        for (age, left) in [
            ("100, 200", 500),
            (" 100 ", 500),
            ("100,", 500),
            ("", 600),
            ("-100", 600),
            ("100.5", 600),
            ("soon", 600),
            ("99999999999999999999", 0),
        ] {
            assert_eq!(read(&[(CACHE_CONTROL, "max-age=600"), (AGE, age)]), Some(left), "{age:?}");
        }
        let mut twice = HeaderMap::new();
        twice.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=600"));
        twice.append(AGE, HeaderValue::from_static("100"));
        twice.append(AGE, HeaderValue::from_static("200"));
        assert_eq!(Freshness::of_response(&twice, Timestamp(0)).seconds(), Some(500), "the first counts");
    }

    #[test]
    fn directives_that_are_ignored_or_unreadable_give_no_lifetime() {
        use header::{CACHE_CONTROL, EXPIRES};
        for said in [
            "s-maxage=600",
            "public, s-maxage=600, stale-while-revalidate=600",
            "private=\"a, max-age=5\"",
            "no-cache, no-store, must-revalidate",
            "max-age",
            "max-age=",
            "max-age=-1",
            "x-max-age=5",
        ] {
            assert_eq!(read(&[(CACHE_CONTROL, said)]), None, "{said}");
        }
        assert_eq!(read(&[(CACHE_CONTROL, "no-cache=\"a, b\", max-age=60")]), Some(60));
        assert_eq!(read(&[(CACHE_CONTROL, "no-store, max-age=60, s-maxage=6")]), Some(60));
        for expired in ["0", "-1", "", "Sun, 06 Nov 1994", "tomorrow"] {
            assert_eq!(read(&[(EXPIRES, expired)]), Some(0), "{expired:?} has expired");
        }
        let mut odd = HeaderMap::new();
        odd.insert(EXPIRES, HeaderValue::from_bytes(b"caf\xe9").unwrap());
        assert_eq!(Freshness::of_response(&odd, Timestamp(0)).seconds(), Some(0), "it is not even text");
    }
}
