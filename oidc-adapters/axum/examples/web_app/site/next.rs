//! Where to go after login: a page of this site, and never of another (RFC 9700 section 4.11).

use url::Url;

/// Ten of them, with the logins that they belong to, must fit into what a proxy in front of us takes of one
/// header, which is 8 KiB with many.
const MAX_LENGTH: usize = 200;

/// The path, as a browser makes of it, if it is one of this site.
///
/// `//evil.example` and `/\evil.example` are hosts to a browser, which also drops tabs and line breaks
/// before it looks. Browsers write `"` as `%22`, and sealed it would take twice its room. What is about
/// logging in is no place to go to after it, however it is written: to a browser `/%2e/callback` is `/callback`.
pub(crate) fn local(next: &str) -> Option<String> {
    let is_path = next.starts_with('/') && !next.starts_with("//");
    let is_plain = next.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\\"".contains(&byte));
    let site = Url::parse("https://site.invalid").ok()?;
    let page = site.join(next).ok().filter(|page| is_path && is_plain && page.origin() == site.origin())?;
    let is_page = !["/login", "/callback", "/logout"].contains(&page.path());
    let path = page.as_str().strip_prefix("https://site.invalid")?;
    // Without its dots, a path may begin like a host.
    let stays = path.starts_with('/') && !path.starts_with("//");
    (is_page && stays && path.len() <= MAX_LENGTH).then(|| path.to_owned())
}
