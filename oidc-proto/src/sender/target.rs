//! Normalizes the target of a request (`htu`), so that client and server compare the same text (RFC 9449 section 4.3).
//! The normal form follows RFC 3986 sections 6.2.2 and 6.2.3 and has no query and no fragment.

use std::borrow::Cow;
use url::Url;

/// Returns the normal form of an absolute `http` or `https` URI. `None` for any other text, for a URI with a user name,
/// and for one with a character that RFC 3986 does not allow.
pub(crate) fn normalize(uri: &str) -> Option<Cow<'_, str>> {
    let bare = uri.split(['?', '#']).next()?;
    if is_normal(bare) { Some(Cow::Borrowed(bare)) } else { parsed(bare).map(Cow::Owned) }
}

/// Whether a URI is plainly in normal form, as most are. Anything unusual is left to the parser: a port, an address, an
/// encoded character, a dot segment.
fn is_normal(bare: &str) -> bool {
    let after = bare.strip_prefix("https://").or_else(|| bare.strip_prefix("http://"));
    let Some((host, path)) = after.and_then(|after| Some(after.split_at(after.find('/')?))) else {
        return false;
    };
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_label = |label: &str| {
        let ends = [label.as_bytes().first(), label.as_bytes().last()];
        // A label of `xn--` has rules of its own.
        ends.iter().all(|end| end.is_some_and(|byte| plain(*byte)))
            && label.len() <= 63
            && !label.starts_with("xn--")
            && label.bytes().all(|byte| plain(byte) || byte == b'-')
    };
    // A host whose last label begins with a digit may be an address.
    let is_name =
        host.rsplit('.').next().is_some_and(|last| last.starts_with(|c: char| c.is_ascii_lowercase()));
    is_name
        && host.split('.').all(is_label)
        && !path.contains("/.")
        && path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte))
}

/// Returns the normal form that the parser makes of a URI without query and fragment.
fn parsed(bare: &str) -> Option<String> {
    // The parser follows the rules of browsers, so it would repair a URI that RFC 3986 does not allow.
    let allowed = |byte: u8| byte.is_ascii_graphic() && !b"\\\"<>^`{|}".contains(&byte);
    let (_, after) = bare.split_once("://")?;
    if !bare.bytes().all(allowed) || !well_encoded(bare) || after.starts_with('/') {
        return None;
    }
    // The parser normalizes the case of scheme and host, default ports, dot segments and an empty path.
    let url = Url::parse(bare).ok()?;
    if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() || url.password().is_some() {
        return None;
    }
    let mut normal = url.origin().ascii_serialization();
    decode_unreserved(url.path(), &mut normal);
    Some(normal)
}

/// Whether each `%` begins an encoded byte.
fn well_encoded(text: &str) -> bool {
    text.split('%')
        .skip(1)
        .all(|after| after.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)))
}

/// Writes a path with upper-case hexadecimal digits, and decodes the characters that need no encoding (RFC 3986 section
/// 6.2.2).
fn decode_unreserved(path: &str, out: &mut String) {
    let mut parts = path.split('%');
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let (digits, rest) = part.split_at_checked(2).unwrap_or((part, ""));
        match u8::from_str_radix(digits, 16) {
            Ok(byte) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => out.push(char::from(byte)),
            Ok(_) | Err(_) => {
                out.push('%');
                out.push_str(&digits.to_ascii_uppercase());
            }
        }
        out.push_str(rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equivalent_targets_are_equal() {
        let normal = "https://api.example/a/~b/c%2Fd";
        for same in [
            "https://api.example/a/~b/c%2Fd",
            "HTTPS://API.Example:443/a/~b/c%2Fd",
            "https://api.example/a/%7Eb/c%2fd",
            "https://api.example/x/../a/./%7eb/%63%2Fd?query=1#fragment",
            "https://api.example/x/%2e%2E/a/~b/c%2Fd",
        ] {
            assert_eq!(normalize(same).as_deref(), Some(normal), "{same}");
        }
        for (one, other) in [
            ("https://api.example", "https://api.example/"),
            ("http://api.example:80/a", "http://api.example/a"),
            ("http://[::1]:8080/a", "http://[0:0::1]:8080/a?b"),
        ] {
            assert!(normalize(one).is_some() && normalize(one) == normalize(other), "{one}");
        }
    }

    #[test]
    fn different_targets_differ() {
        let all = [
            "https://api.example/a",
            "http://api.example/a",
            "https://api.example:444/a",
            "https://api.example./a",
            "https://api.example/a/",
            "https://api.example/A",
            "https://api.example//a",
            "https://api.example/a%2F",
            "https://api.example/%61%61",
            "https://other.example/a",
        ];
        for (index, one) in all.iter().enumerate() {
            assert!(all.iter().skip(index + 1).all(|other| normalize(one) != normalize(other)), "{one}");
        }
    }

    /// A URI that is taken as it is must be what the parser makes of it.
    #[test]
    fn a_target_that_is_not_parsed_is_its_own_normal_form() {
        for plain in ["https://api.example/orders", "http://a.b-c.d1/", "https://localhost/a//b/~c_.d-e/"] {
            assert!(is_normal(plain), "{plain}");
        }
        let pieces = [
            "https://", "http://", "HTTPS://", "ftp://", "a", "api", "xn--", "example", "Z", "1", "0x7f",
            "-", "_", "~", ".", "..", "/", "/", "//", ":443", ":80", ":8080", ":", "%2F", "%7e", "@", "\\",
            " ", "[::1]", "e", "é",
        ];
        let mut state = 11_u64;
        let mut draw = |bound: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap() % bound
        };
        let mut plain = 0;
        for _ in 0..60_000 {
            let start = if draw(4) == 0 { "" } else { pieces[draw(2)] };
            let uri: String =
                (0..1 + draw(7)).fold(start.to_owned(), |uri, _| uri + pieces[draw(pieces.len())]);
            if is_normal(&uri) {
                plain += 1;
                assert_eq!(parsed(&uri).as_deref(), Some(uri.as_str()));
            }
        }
        assert!(plain > 100, "{plain}");
    }

    #[test]
    fn a_malformed_target_has_no_normal_form() {
        for bad in [
            "",
            "/a",
            "api.example/a",
            "https:api.example/a",
            "https:///api.example/a",
            "https://user@api.example/a",
            "https://:pw@api.example/a",
            "ftp://api.example/a",
            "https://api.example\\a",
            "https://api.example/a b",
            "https://api.example/a\tb",
            " https://api.example/a",
            "https://api.example/%",
            "https://api.example/%4",
            "https://api.example/%zz",
            "https://äpi.example/a",
            "https://api.example/ä",
            "?https://api.example/a",
            "data:text/plain,x",
        ] {
            assert_eq!(normalize(bad), None, "{bad:?}");
        }
    }
}
