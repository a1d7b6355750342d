//! Servers that lie about where others are, and loops that cannot be.

use super::{
    API, APPENDED, AS, AT_PATH, AT_ROOT, INSERTED, OAUTH, challenge, found, honest, mcp, plain, refused,
    resource, rule, server, with,
};
use oidc_proto::{
    base::UrlError,
    flow::{DiscoveryRules, Endpoint, ResponseRule},
    metadata::{MemberError, MetadataError},
};
use oidc_testkit::web::{Page, Web};
use serde_json::json;

/// Redirects are never followed: not to another server, not to the right document, and not in a circle.
#[test]
fn a_redirect_is_never_followed() {
    for to in [
        "https://attacker.example/prm",
        "http://169.254.169.254/latest/meta-data",
        "https://api.example/elsewhere",
        AT_PATH,
    ] {
        for status in [301, 302, 303, 307, 308] {
            let mut web = honest();
            web.put(
                "https://attacker.example/prm",
                Page::json(&resource(API, &["https://attacker.example"])),
            );
            web.put("https://api.example/elsewhere", Page::json(&resource(API, &[AS])));
            web.put(AT_PATH, Page::redirect(status, to));
            let error = refused(&mut web, plain());
            assert_eq!((error.rule, error.status), (ResponseRule::Redirect, status));
            assert_eq!(web.urls(), [AT_PATH]);

            let mut web = honest();
            for place in [OAUTH, INSERTED, APPENDED] {
                web.put(place, Page::redirect(status, to));
            }
            let error = refused(&mut web, mcp());
            assert_eq!((error.rule, error.endpoint), (ResponseRule::Redirect, Endpoint::Discovery));
            assert_eq!(web.urls(), [AT_PATH, OAUTH, INSERTED, APPENDED]);
        }
    }
}

/// A resource that names its own metadata as its issuer, or its issuer as its metadata, leads nowhere twice.
#[test]
fn documents_that_name_each_other_are_no_loop() {
    let mut web = honest();
    web.put(AT_PATH, Page::json(&resource(API, &[AT_PATH])));
    let rule = rule(&mut web, mcp());
    let ResponseRule::Metadata(MetadataError::Unusable(aside)) = rule else { panic!("{rule}") };
    assert_eq!(aside.why, MemberError::Url(UrlError::WellKnown));
    assert_eq!(web.urls(), [AT_PATH]);

    // The resource is its own issuer, and both documents are one.
    let mut web = Web::new();
    let both = with(resource(API, &[API]), &server(API));
    web.host("https://api.example", move |_, _| Page::json(&both));
    assert_eq!(found(&mut web, mcp()).server.issuer, API);
    assert_eq!(web.urls(), [AT_PATH, "https://api.example/.well-known/oauth-authorization-server/v1/mcp"]);

    // A server that refuses and challenges anew is not asked again for that.
    let mut web = honest();
    let anew = format!("Bearer resource_metadata=\"{AT_ROOT}\"");
    web.put(AT_PATH, Page::status(401).header("www-authenticate", &anew));
    refused(&mut web, plain());
    assert_eq!(web.urls(), [AT_PATH]);
}

/// Whatever the same answer everywhere is, it makes no endless flow, and no request to a URL that nobody knows.
#[test]
fn a_host_that_answers_everything_alike_gets_few_requests() {
    for page in [
        Page::html(),
        Page::status(401),
        Page::status(503),
        Page::redirect(302, "https://api.example/"),
        Page::json(&json!({})),
        Page::json(&json!([])),
        Page::json(&resource(API, &[API])),
        Page::json(&server(API)),
        Page::json(&with(resource("https://api.example", &["https://api.example"]), &server(API))),
        Page::new(200, "application/json", "{"),
        Page::html().padded(1 << 20),
        Page::lost(),
    ] {
        let mut web = Web::new();
        web.put(OAUTH, Page::json(&server(AS)));
        web.host("https://api.example", move |_, _| page.clone());
        for rules in [DiscoveryRules::mcp(), DiscoveryRules::mcp().or_origin_as_issuer()] {
            let ended = super::run(&mut web, mcp().rules(rules));
            assert!(!matches!(ended, Ok(Some(_))), "{ended:?}");
            assert!(web.urls().len() <= 5, "{:?}", web.urls());
            assert!(web.urls().iter().all(|url| url.contains("/.well-known/")), "{:?}", web.urls());
        }
    }
}

/// An attacker who has one path of an origin, and only that. By default this gets no token of the origin.
#[test]
fn a_sibling_path_speaks_for_nobody_else() {
    let evil = "https://api.example/v1/evil";
    let place = "https://api.example/.well-known/oauth-protected-resource/v1/evil";
    let headers = challenge(&[&format!("Bearer resource_metadata=\"{place}\"")]);
    let discovery = || {
        oidc_proto::flow::AuthorizationDiscovery::new(evil, &oidc_proto::UrlPolicy::default())
            .challenge(&headers)
    };
    for victim in
        [API, "https://api.example/v1/evi", "https://api.example/v1/evil/..", "https://api.example/v1/evil2"]
    {
        let mut web = honest();
        web.put(place, Page::json(&resource(victim, &[AS])));
        for rules in [DiscoveryRules::default(), DiscoveryRules::mcp()] {
            let rule = rule(&mut web, discovery().rules(rules));
            assert!(
                matches!(rule, ResponseRule::Metadata(MetadataError::Resource { .. })),
                "{victim}: {rule}"
            );
        }
    }
    let mut web = honest();
    web.put(place, Page::json(&resource("https://api.example", &[AS])));
    assert_eq!(rule(&mut web, discovery()).code(), "discovery_parent_resource");
}

/// No text of a lying server gets into an error but on one line, and cut off.
#[test]
fn what_a_server_says_is_shown_in_one_line() {
    let long = format!("https://evil.example/{}\n\u{202e}x", "a".repeat(5000));
    for (place, page) in [
        (AT_PATH, Page::json(&resource(&long, &[AS]))),
        (OAUTH, Page::json(&server(&long))),
        (AT_PATH, Page::new(404, "application/json", json!({"error": long}).to_string())),
    ] {
        let mut web = honest();
        web.put(place, page);
        let text = refused(&mut web, plain()).to_string();
        assert!(text.len() < 1500 && !text.contains(['\n', '\u{202e}']), "{text}");
    }
}
