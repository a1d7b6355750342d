//! Normalizes the target of a request (`htu`), so that client and server compare the same text (RFC 9449 section 4.3).
//! The normal form follows RFC 3986 sections 6.2.2 and 6.2.3 and has no query and no fragment.

use url::Url;

/// Returns the normal form of an absolute `http` or `https` URI. `None` for any other text, for a URI with a user name,
/// and for one with a character that RFC 3986 does not allow.
pub(super) fn normalize(uri: &str) -> Option<String> {
    let bare = uri.split(['?', '#']).next()?;
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
