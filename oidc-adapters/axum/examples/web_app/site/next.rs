//! The page to show after a login: always a page of this site, never of another (RFC 9700 section 4.11).

use url::Url;

/// The longest path, in bytes. Ten paths with their logins must fit into one header, and many proxies accept no more
/// than 8 KiB of it.
const MAX_LENGTH: usize = 200;

/// Returns the path as a browser would resolve it, if it is a page of this site.
///
/// A browser takes `//evil.example` and `/\evil.example` for hosts, and drops tabs and line breaks first. Browsers
/// write `"` as `%22`, and sealed it would need twice the room. The addresses of the login itself are no pages to show
/// after it, however they are written: a browser resolves `/%2e/callback` to `/callback`.
pub(crate) fn local(next: &str) -> Option<String> {
    let is_path = next.starts_with('/') && !next.starts_with("//");
    let is_plain = next.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\\"".contains(&byte));
    let site = Url::parse("https://site.invalid").ok()?;
    let page = site.join(next).ok().filter(|page| is_path && is_plain && page.origin() == site.origin())?;
    let is_page = !["/login", "/callback", "/logout"].contains(&page.path());
    let path = page.as_str().strip_prefix("https://site.invalid")?;
    // After the dots are resolved, a path may begin like a host.
    let stays = path.starts_with('/') && !path.starts_with("//");
    (is_page && stays && path.len() <= MAX_LENGTH).then(|| path.to_owned())
}
