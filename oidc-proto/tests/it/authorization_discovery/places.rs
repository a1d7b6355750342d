//! The places of metadata and their order, and what leads from one to the next.

use super::{
    API, APPENDED, AS, AT_PATH, AT_ROOT, INSERTED, OAUTH, challenge, found, honest, mcp, plain, refused,
    resource, run, server, with,
};
use oidc_proto::{
    Error, UrlPolicy,
    base::JsonError,
    flow::{AuthorizationDiscovery, DiscoveryRules, Endpoint, MetadataSource, ResponseRule},
    metadata::MetadataError,
};
use oidc_testkit::web::{Page, Web};
use serde_json::json;

/// Every kind of response that means that there is nothing at a place.
fn nothing() -> Vec<(&'static str, Page)> {
    let mut pages = vec![
        ("HTML", Page::html()),
        ("no content", Page::new(204, "", "")),
        ("text", Page::new(200, "text/plain", "ok")),
        ("JSON of another type", Page::new(200, "text/plain", resource(API, &[AS]).to_string())),
        ("no type", Page::new(200, "", server(AS).to_string())),
        ("HTML that says it is JSON", Page::new(200, "application/json", "<!doctype html>")),
        ("nothing that says it is JSON", Page::new(200, "application/json", "")),
        ("other JSON", Page::json(&json!({"error": "not found"}))),
        ("an empty object", Page::json(&json!({}))),
        ("an array", Page::json(&json!(["resource", "issuer"]))),
        ("a text", Page::json(&json!("issuer"))),
        ("a page that is too large", Page::html().padded(70_000)),
        ("a refusal that is too large", Page::status(404).padded(70_000)),
    ];
    for status in [400, 401, 402, 403, 404, 405, 406, 410, 415, 418, 421, 451, 499] {
        pages.push(("a refusal", Page::status(status)));
    }
    // A redirect to a place that would be right is not followed, either.
    for status in [301, 302, 303, 307, 308] {
        pages.push(("a redirect", Page::redirect(status, "https://elsewhere.example/login")));
        pages.push(("a redirect", Page::redirect(status, APPENDED)));
    }
    pages
}

#[test]
fn the_places_of_a_resource_are_asked_in_their_order() {
    let mut web = honest();
    let by_path = found(&mut web, mcp());
    assert_eq!(web.urls(), [AT_PATH, OAUTH], "the root is not asked if the path has metadata");
    assert_eq!(by_path.source, MetadataSource::Path);

    let mut web = honest();
    web.put(AT_PATH, Page::status(404));
    web.put(AT_ROOT, Page::json(&resource("https://api.example", &[AS])));
    let by_root = found(&mut web, mcp());
    assert_eq!(web.urls(), [AT_PATH, AT_ROOT, OAUTH]);
    assert_eq!(by_root.source, MetadataSource::Root);

    let named = "https://api.example/custom/metadata/location.json";
    web.put(named, Page::json(&resource(API, &[AS])));
    let headers = challenge(&[&format!("Bearer resource_metadata=\"{named}\"")]);
    let by_challenge = found(&mut web, mcp().challenge(&headers));
    assert_eq!(web.urls(), [named, OAUTH], "neither path nor root is asked");
    assert_eq!(by_challenge.source, MetadataSource::Challenge);
}

#[test]
fn no_other_place_is_asked_than_the_one_that_the_challenge_names() {
    let mut web = honest();
    let headers = challenge(&["Bearer resource_metadata=\"https://api.example/gone\""]);
    for page in [Page::status(404), Page::html(), Page::redirect(302, AT_PATH)] {
        web.put("https://api.example/gone", page);
        for rules in [DiscoveryRules::mcp(), DiscoveryRules::mcp().or_origin_as_issuer()] {
            let error = refused(&mut web, mcp().rules(rules).challenge(&headers));
            assert_eq!(web.urls(), ["https://api.example/gone"]);
            assert_eq!(error.urls, web.urls());
        }
    }
}

/// M28, M29: the metadata of an issuer with a path is asked for at URLs made of that issuer, and never at the root, where
/// another tenant may be.
#[test]
fn the_places_of_an_authorization_server_are_asked_in_their_order() {
    for (last, asked) in [
        (OAUTH, vec![AT_PATH, OAUTH]),
        (INSERTED, vec![AT_PATH, OAUTH, INSERTED]),
        (APPENDED, vec![AT_PATH, OAUTH, INSERTED, APPENDED]),
    ] {
        let mut web = Web::new();
        web.put(AT_PATH, Page::json(&resource(API, &[AS])));
        web.put(last, Page::json(&server(AS)));
        let found = found(&mut web, mcp());
        assert_eq!(web.urls(), asked);
        assert_eq!((found.server.issuer.as_str(), found.source), (AS, MetadataSource::Path));
    }
}

/// M17: an issuer that ends in a slash keeps it, and the well-known URL loses it.
#[test]
fn an_issuer_without_a_path_has_two_places_whether_or_not_it_ends_in_a_slash() {
    let root = |name| format!("https://as.example/.well-known/{name}");
    for issuer in ["https://as.example", "https://as.example/"] {
        let mut web = honest();
        web.put(AT_PATH, Page::json(&resource(API, &[issuer])));
        web.put(&root("openid-configuration"), Page::json(&server(issuer)));
        let found = found(&mut web, mcp());
        assert_eq!(found.server.issuer, issuer, "to the letter");
        let asked = [AT_PATH.to_owned(), root("oauth-authorization-server"), root("openid-configuration")];
        assert_eq!(web.urls(), asked);
    }
    let issuer = "https://as.example/tenant/";
    let mut web = Web::new();
    web.put(AT_PATH, Page::json(&resource(API, &[issuer])));
    web.put(APPENDED, Page::json(&server(issuer)));
    assert_eq!(found(&mut web, mcp()).server.issuer, issuer);
    assert_eq!(web.urls(), [AT_PATH, OAUTH, INSERTED, APPENDED]);
}

/// M30: a page, or other JSON, at one place does not hide the metadata at the next.
#[test]
fn whatever_is_no_metadata_leads_to_the_next_place() {
    for (what, page) in nothing() {
        let mut web = Web::new();
        web.put(AT_PATH, page.clone());
        web.put(AT_ROOT, Page::json(&resource("https://api.example", &[AS])));
        web.put(OAUTH, page.clone());
        web.put(INSERTED, page.clone());
        web.put(APPENDED, Page::json(&server(AS)));
        let found = run(&mut web, mcp());
        let found = found.unwrap_or_else(|error| panic!("{what}: {error}")).unwrap();
        assert_eq!((found.server.issuer.as_str(), found.source), (AS, MetadataSource::Root), "{what}");
        assert_eq!(
            web.urls(),
            [AT_PATH, AT_ROOT, OAUTH, INSERTED, APPENDED],
            "{what}: nothing else is asked"
        );
    }
}

#[test]
fn a_discovery_that_finds_nothing_names_every_place_that_it_has_asked() {
    for (what, page) in nothing() {
        let mut web = Web::new();
        web.put(AT_PATH, page.clone());
        web.put(AT_ROOT, page.clone());
        let error = refused(&mut web, mcp());
        assert_eq!((web.urls(), error.endpoint), (error.urls.clone(), Endpoint::ResourceMetadata), "{what}");
        assert_eq!(error.urls, [AT_PATH, AT_ROOT], "{what}");
        let text = error.to_string();
        assert!(text.contains(AT_PATH) && text.contains(AT_ROOT), "{text}");

        let mut web = honest();
        for place in [OAUTH, INSERTED, APPENDED] {
            web.put(place, page.clone());
        }
        let error = refused(&mut web, mcp());
        assert_eq!(error.endpoint, Endpoint::Discovery, "{what}");
        assert_eq!(error.urls, [OAUTH, INSERTED, APPENDED], "{what}");
    }
    let error = refused(&mut Web::new(), mcp());
    let text = error.to_string();
    assert!(text.contains(AT_PATH) && text.contains(AT_ROOT) && text.contains("`DiscoveryRules`"), "{text}");
}

#[test]
fn by_default_a_resource_has_metadata_at_its_own_path_alone() {
    let mut web = honest();
    web.put(AT_PATH, Page::status(404));
    web.put(AT_ROOT, Page::json(&resource(API, &[AS])));
    assert_eq!(refused(&mut web, plain()).rule, ResponseRule::Status);
    assert_eq!(web.urls(), [AT_PATH]);
    let found = found(&mut web, plain().rules(DiscoveryRules::default().or_root()));
    assert_eq!(found.source, MetadataSource::Root);
}

#[test]
fn a_resource_without_a_path_is_asked_once() {
    for api in ["https://api.example", "https://api.example/"] {
        let mut web = Web::new();
        let discovery =
            || AuthorizationDiscovery::new(api, &UrlPolicy::default()).rules(DiscoveryRules::mcp());
        assert_eq!(refused(&mut web, discovery()).urls, [AT_ROOT]);
        web.put(AT_ROOT, Page::json(&resource(api, &[AS])));
        web.put(OAUTH, Page::json(&server(AS)));
        let found = found(&mut web, discovery());
        assert_eq!((found.resource.resource.as_str(), found.source), (api, MetadataSource::Path));
    }
}

/// M31: a server that is busy, down or out of reach has not said that there is nothing.
#[test]
fn a_server_that_is_busy_or_down_ends_the_discovery_and_the_error_says_so() {
    for status in [429, 500, 501, 502, 503, 504, 599] {
        for large in [0, 70_000] {
            for (place, asked) in [(AT_PATH, 1), (OAUTH, 2)] {
                let mut web = honest();
                web.put(AT_ROOT, Page::json(&resource("https://api.example", &[AS])));
                web.put(APPENDED, Page::json(&server(AS)));
                web.put(place, Page::status(status).padded(large));
                let error = run(&mut web, mcp().rules(DiscoveryRules::mcp().or_origin_as_issuer()));
                let Err(Error::Unavailable(busy)) = error else { panic!("{status}: {error:?}") };
                assert_eq!((busy.status, web.urls().len()), (status, asked));
                assert!(busy.to_string().contains("is not available"), "{busy}");
            }
        }
    }
    let mut web = honest();
    web.put(AT_PATH, Page::status(503).header("retry-after", "30"));
    let Err(Error::Unavailable(busy)) = run(&mut web, mcp()) else { panic!() };
    assert_eq!(busy.retry_after().map(|wait| wait.as_secs()), Some(30));
}

/// M31, for a response that does not come, or that comes too late.
#[test]
fn a_lost_response_ends_the_discovery() {
    for page in [Page::lost(), Page::json(&resource(API, &[AS])).after(10)] {
        for (place, asked) in [(AT_PATH, 1), (OAUTH, 2)] {
            let mut web = honest();
            web.put(AT_ROOT, Page::json(&resource("https://api.example", &[AS])));
            web.put(place, page.clone());
            let rules = DiscoveryRules::mcp().or_origin_as_issuer();
            assert_eq!(run(&mut web, mcp().rules(rules)).unwrap(), None, "the driver says why");
            assert_eq!(web.urls().len(), asked);
        }
    }
    let mut web = honest();
    web.put(OAUTH, Page::json(&server(AS)).after(9));
    assert_eq!(found(&mut web, mcp()).server.issuer, AS, "slow is not lost");
}

#[test]
fn any_other_success_ends_the_discovery() {
    for status in [201, 202, 203, 206] {
        for place in [AT_PATH, OAUTH] {
            let mut web = honest();
            web.put(place, Page::new(status, "application/json", resource(API, &[AS]).to_string()));
            let error = refused(&mut web, mcp());
            assert_eq!((error.rule, error.status), (ResponseRule::Status, status));
            assert_eq!(web.urls().last().unwrap(), place);
        }
    }
}

/// A document that breaks off is no page: the next place might have metadata of something else.
#[test]
fn metadata_that_cannot_be_read_ends_the_discovery() {
    let whole = resource(API, &[AS]).to_string();
    for (body, why) in [
        (whole[..whole.len() - 1].to_owned(), JsonError::NotJson),
        ("{".to_owned(), JsonError::NotJson),
        (format!("{whole}x"), JsonError::NotJson),
        (r#"{"resource": "https://api.example", "resource": "x"}"#.to_owned(), JsonError::DuplicateMember),
        (format!("{{\"resource\": {}{}}}", "[".repeat(40), "]".repeat(40)), JsonError::TooDeep),
    ] {
        let mut web = honest();
        web.put(AT_PATH, Page::new(200, "application/json", body.clone()));
        web.put(AT_ROOT, Page::json(&resource("https://api.example", &[AS])));
        let error = refused(&mut web, mcp());
        assert_eq!(error.rule, ResponseRule::Metadata(MetadataError::Json(why)), "{body}");
        assert_eq!(web.urls(), [AT_PATH]);
    }
    let mut web = honest();
    web.put(AT_PATH, Page::new(200, "application/json", format!("\u{feff} {whole}")));
    assert_eq!(found(&mut web, mcp()).resource.resource, API, "a byte order mark is skipped");
}

/// M33: a server without OpenID Connect may have its metadata under the name of OpenID, and lacks nothing.
#[test]
fn a_plain_authorization_server_may_be_found_at_each_of_its_places() {
    for place in [OAUTH, INSERTED, APPENDED] {
        let mut web = honest();
        web.put(OAUTH, Page::status(404));
        web.put(place, Page::json(&server(AS)));
        let found = found(&mut web, mcp());
        assert_eq!((found.server.jwks_uri, found.server.subject_types_supported), (None, None));
    }
    let mut web = honest();
    web.put(OAUTH, Page::json(&with(server(AS), &json!({"response_types_supported": null}))));
    let rule = refused(&mut web, mcp()).rule;
    assert_eq!(rule, ResponseRule::Metadata(MetadataError::Missing(vec!["response_types_supported"])));
}

#[test]
fn documents_of_another_media_type_are_accepted_only_on_demand() {
    let octets = |document: serde_json::Value| Page::new(200, "binary/octet-stream", document.to_string());
    let mut web = Web::new();
    web.put(AT_PATH, octets(resource(API, &[AS])));
    web.put(OAUTH, octets(server(AS)));
    let rule = refused(&mut web, plain()).rule;
    assert_eq!(rule, ResponseRule::MediaType("application/json"));
    let found = web.drive(plain().start().unwrap().any_media_type(), &mut super::clock()).unwrap().unwrap();
    assert_eq!(found.server.issuer, AS);
    // A page is still a page.
    web.put(OAUTH, Page::html());
    web.put(INSERTED, octets(server(AS)));
    let found = web.drive(plain().start().unwrap().any_media_type(), &mut super::clock()).unwrap().unwrap();
    assert_eq!(found.server.issuer, AS);
}

#[test]
fn the_requests_identify_nobody() {
    let mut web = honest();
    found(&mut web, mcp());
    for visit in web.visits() {
        let headers: Vec<_> = visit.request.headers().keys().map(http::HeaderName::as_str).collect();
        assert_eq!((visit.request.method().as_str(), headers), ("GET", vec!["accept"]));
        assert!(visit.request.body().is_empty() && !visit.terms.client_certificate);
    }
}
