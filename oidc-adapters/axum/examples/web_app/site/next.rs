//! Where to go after login: a page of this site, and never of another (RFC 9700 section 4.11).

/// Ten of them, with the logins that they belong to, must fit into what a proxy in front of us takes of one
/// header, which is 8 KiB with many.
const MAX_LENGTH: usize = 200;

/// The path, if it is one of this site.
///
/// `//evil.example` and `/\evil.example` are hosts to a browser, which also drops tabs and line breaks
/// before it looks. Browsers write `"` as `%22`, and sealed it would take twice its room. What is about
/// logging in is no place to go to after it.
pub(crate) fn local(next: &str) -> Option<String> {
    let is_path = next.starts_with('/') && !next.starts_with("//");
    let is_plain = next.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\\"".contains(&byte));
    let page = next.split(['?', '#']).next().unwrap_or_default();
    let is_page = !["/login", "/callback", "/logout"].contains(&page);
    (is_path && is_plain && is_page && next.len() <= MAX_LENGTH).then(|| next.to_owned())
}
