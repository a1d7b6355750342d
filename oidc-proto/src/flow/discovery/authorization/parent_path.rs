//! Whether a resource is at a parent path of a URL.

use crate::base::endpoint_url::{EndpointUrl, UrlPolicy};
use url::Url;

/// Whether `found` is of the same origin as `requested`, and the segments of its path are the first of those of
/// `requested`. A slash at the end of `found` does not count.
///
/// Both must be written as a URL parser writes them. So there are no dot segments, in whatever encoding, no backslashes and
/// no second spelling of the host or the port: what is compared here is what a server sees. Empty segments are refused,
/// because servers differ in whether they count.
pub(super) fn is_parent(found: &str, requested: &str, policy: &UrlPolicy) -> bool {
    let (Some(found), Some(requested)) = (as_written(found, policy), as_written(requested, policy)) else {
        return false;
    };
    if found.query().is_some() || found.origin() != requested.origin() {
        return false;
    }
    let path = found.path().strip_suffix('/').unwrap_or(found.path());
    let Some(rest) = requested.path().strip_prefix(path) else { return false };
    !path.contains("//") && (rest.is_empty() || rest.starts_with('/'))
}

/// Returns the URL, if it is written as a URL parser writes it; the slash after a host alone may be absent.
fn as_written(text: &str, policy: &UrlPolicy) -> Option<Url> {
    let url = EndpointUrl::parse(text, policy).ok()?.as_url().clone();
    let same = url.as_str() == text || url.as_str().strip_suffix('/') == Some(text) && url.path() == "/";
    same.then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parent(found: &str, requested: &str) -> bool {
        is_parent(found, requested, &UrlPolicy::default())
    }

    #[test]
    fn a_parent_is_of_the_same_origin_and_has_the_first_segments() {
        let requested = "https://api.example/a/b/mcp?x=1";
        for found in [
            "https://api.example",
            "https://api.example/",
            "https://api.example/a",
            "https://api.example/a/",
            "https://api.example/a/b",
            "https://api.example/a/b/mcp",
            "https://api.example/a/b/mcp/",
        ] {
            assert!(parent(found, requested), "{found}");
        }
        assert!(parent("https://api.example:8443/a", "https://api.example:8443/a/b"));
        assert!(parent("https://api.example/a%2Fb", "https://api.example/a%2Fb/c"));
    }

    #[test]
    fn nothing_else_is_a_parent() {
        let requested = "https://api.example/a/b/mcp";
        for found in [
            "http://api.example/a",
            "https://evil.example/a",
            "https://api.example:8443/a",
            "https://api.example:443/a",
            "https://API.example/a",
            "https://api.example.evil.example/a",
            "https://api.example@evil.example/a",
            "https://sub.api.example/a",
            "https://api.example/b",
            "https://api.example/a/c",
            "https://api.example/a/b/mc",
            "https://api.example/a/b/mcp/x",
            "https://api.example/A",
            "https://api.example//",
            "https://api.example//a",
            "https://api.example/a//",
            "https://api.example/a//b",
            "https://api.example/c/..",
            "https://api.example/c/../a",
            "https://api.example/./a",
            "https://api.example/c/%2e%2e/a",
            "https://api.example/c/%2E./a",
            "https://api.example\\a",
            "https://api.example/%61",
            "https://api.example/a%2Fb",
            "https://api.example/a?x=1",
            "https://api.example/a?",
            "https://api.example/a#b",
            "https://api.example/a ",
            " https://api.example/a",
            "api.example/a",
            "/a",
            "",
        ] {
            assert!(!parent(found, requested), "{found}");
        }
    }

    #[test]
    fn a_request_in_another_spelling_has_no_parent() {
        for requested in [
            "https://api.example/a/../b/mcp",
            "https://api.example/a/%2e%2e/b/mcp",
            "https://API.example/a/mcp",
            "https://api.example:443/a/mcp",
            "https://api.example\\a\\mcp",
        ] {
            assert!(!parent("https://api.example/", requested), "{requested}");
        }
        assert!(!parent("https://api.example/a", "https://api.example//a/mcp"));
        assert!(!parent("https://api.example/a", "https://api.example/%61/mcp"));
        assert!(!parent("https://api.example/a", "https://api.example/a%2Fmcp"));
    }
}
