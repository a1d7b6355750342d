//! Where to go after login: a page of this site, and never of another (RFC 9700 section 4.11).

/// Ten of them must fit into one cookie, with the states that they belong to.
const MAX_LENGTH: usize = 200;

/// The path, if it is one of this site.
///
/// `//evil.example` and `/\evil.example` are hosts to a browser, which also drops tabs and line breaks
/// before it looks. What is about logging in is no place to go to after it.
pub(crate) fn local(next: &str) -> Option<String> {
    let is_path = next.starts_with('/') && !next.starts_with("//");
    let is_plain = next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let page = next.split(['?', '#']).next().unwrap_or_default();
    let is_page = !["/login", "/callback", "/logout"].contains(&page);
    (is_path && is_plain && is_page && next.len() <= MAX_LENGTH).then(|| next.to_owned())
}
