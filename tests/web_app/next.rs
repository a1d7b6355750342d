//! The destination of a login: whatever the link contains, a browser stays on the site, and does not log in
//! again.

use crate::site::next::local;
use oidc_testkit::Seed;
use url::Url;

/// The pieces of addresses, and characters that browsers replace.
const PIECES: [&str; 30] = [
    "/",
    "/",
    "/",
    "//",
    "\\",
    ".",
    "..",
    "%2e",
    "%2E",
    "%2f",
    "%5c",
    "callback",
    "login",
    "logout",
    "private",
    "Callback",
    "%63allback",
    "?",
    "#",
    "@",
    ":",
    ";",
    "evil.example",
    "http:",
    "https://",
    "\t",
    "\n",
    " ",
    "\"",
    "é",
];

const ABOUT_LOGIN: [&str; 3] = ["/login", "/callback", "/logout"];

/// The address that a browser opens for this link on a page of the site.
fn gone_to(next: &str) -> Url {
    Url::parse("https://app.example/callback?code=x&state=y").unwrap().join(next).unwrap()
}

#[test]
fn pages_about_logging_in_are_no_destination_however_they_are_written() {
    for next in [
        "/login",
        "/callback?code=1",
        "/logout#x",
        "/%2e/callback",
        "/%2e%2e/logout",
        "/./login",
        "/../login",
        "/private/../callback",
        "/private/%2E%2E/logout?x",
        "/.%2e/.%2E/./login",
    ] {
        assert_eq!(local(next), None, "{next}");
    }
    for next in
        ["//evil.example", "/.//evil.example", "/%2e//evil.example", "/x/..//evil.example", "/\\evil.example"]
    {
        assert_eq!(local(next), None, "{next}");
    }
    for (next, to) in [
        ("/", "/"),
        ("/private?a=/../callback", "/private?a=/../callback"),
        ("/private/./letters", "/private/letters"),
        ("/x/%2e%2e/private#top", "/private#top"),
        ("/callbacks", "/callbacks"),
        ("/private//letters", "/private//letters"),
    ] {
        assert_eq!(local(next).as_deref(), Some(to), "{next}");
    }
}

#[test]
fn every_destination_leads_to_a_page_of_the_site() {
    let mut seed = Seed::new(9);
    let mut let_through = 0;
    for _ in 0..300_000 {
        let pieces = 1 + seed.below(8);
        let mut next = String::from(if seed.below(8) == 0 { "" } else { "/" });
        for _ in 0..pieces {
            next.push_str(PIECES[usize::try_from(seed.below(PIECES.len() as u64)).unwrap()]);
        }
        let Some(path) = local(&next) else { continue };
        let_through += 1;
        let url = gone_to(&path);
        assert_eq!(url.origin().ascii_serialization(), "https://app.example", "{next:?} {path:?}");
        assert!(!ABOUT_LOGIN.contains(&url.path()), "{next:?} {path:?}");
        assert_eq!(
            url.as_str().strip_prefix("https://app.example"),
            Some(&*path),
            "{next:?}: as a browser writes it"
        );
        assert_eq!(local(&path).as_ref(), Some(&path), "{next:?}: unchanged the second time");
        assert_eq!(gone_to(&next), url, "{next:?}: the address that it means on its own");
    }
    assert!(let_through > 10_000, "{let_through}");
}
