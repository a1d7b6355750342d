//! The target of a request, as two parties compare it: `htu` (RFC 9449 section 4.3) after syntax-based
//! and scheme-based normalization (RFC 3986 sections 6.2.2 and 6.2.3), without query and fragment.

use url::Url;

/// The normal form of an absolute `http` or `https` URI; `None` of anything else, and of one with a
/// user name or a character that no URI has.
pub(super) fn normalize(uri: &str) -> Option<String> {
    let bare = uri.split(['?', '#']).next()?;
    // The parser is that of browsers: it repairs what RFC 3986 does not allow.
    let allowed = |byte: u8| byte.is_ascii_graphic() && !b"\\\"<>^`{|}".contains(&byte);
    let (_, after) = bare.split_once("://")?;
    if !bare.bytes().all(allowed) || !well_encoded(bare) || after.starts_with('/') {
        return None;
    }
    // It takes care of the case of scheme and host, of default ports, dot segments and an empty path.
    let url = Url::parse(bare).ok()?;
    if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() || url.password().is_some() {
        return None;
    }
    let mut normal = url.origin().ascii_serialization();
    decode_unreserved(url.path(), &mut normal);
    Some(normal)
}

/// Whether every `%` begins an encoded byte.
fn well_encoded(text: &str) -> bool {
    text.split('%')
        .skip(1)
        .all(|after| after.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)))
}

/// Section 6.2.2: hexadecimal digits in upper case, and none for what needs none.
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
    fn what_is_no_target_has_no_normal_form() {
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
