//! Whether metadata is of the resource that was asked for.

use super::{
    API, AS, AT_PATH, AT_ROOT, OAUTH, challenge, found, honest, mcp, plain, refused, resource, rule, with,
};
use oidc_proto::{
    Error, UrlPolicy,
    base::{JsonError, UrlError},
    flow::{AuthorizationDiscovery, ConfigError, DiscoveryRules, MetadataSource, ResponseRule},
    metadata::{DiscoveryError, MemberError, MetadataError},
};
use oidc_testkit::web::Page;
use serde_json::{Value, json};

#[test]
fn impossible_resources_are_refused_before_anything_is_sent() {
    for (api, why) in [
        ("http://api.example/mcp", UrlError::PlainHttp),
        ("https://localhost/mcp", UrlError::Loopback),
        ("https://169.254.169.254/mcp", UrlError::PrivateAddress),
        ("https://api.example/mcp#x", UrlError::Fragment),
        ("https://user@api.example/mcp", UrlError::Credentials),
        ("api.example/mcp", UrlError::NotAbsolute),
        ("", UrlError::NotAbsolute),
    ] {
        let refused = AuthorizationDiscovery::new(api, &UrlPolicy::default()).start().map(drop);
        assert_eq!(refused, Err(ConfigError::Resource(why).into()), "{api}");
    }
}

/// M11: metadata of a victim's resource does not lead to a token for the victim.
#[test]
fn metadata_of_another_resource_ends_the_discovery() {
    for other in [
        "https://victim.example/v1/mcp",
        "https://victim.example",
        "http://api.example/v1/mcp",
        "https://api.example:8443/v1/mcp",
        "https://api.example/v2",
        "https://api.example/v1/mc",
        "https://api.example/v1/mcp/more",
        "https://api.example/v1/other",
        "https://api.example/v1/mcp?x=1",
        "https://API.example/v1/mcp",
        "https://api.example:443/v1/mcp",
        "https://api.example/v1/./mcp",
        "https://api.example/v1%2Fmcp",
        "https://api.example//v1/mcp",
        "api.example",
        "",
    ] {
        for discovery in [plain(), mcp(), mcp().rules(DiscoveryRules::mcp().or_origin_as_issuer())] {
            for named in [false, true] {
                let mut web = honest();
                web.put(AT_PATH, Page::json(&resource(other, &[AS])));
                web.put(AT_ROOT, Page::json(&resource("https://api.example", &[AS])));
                let headers = challenge(&[&format!("Bearer resource_metadata=\"{AT_PATH}\"")]);
                let discovery = if named { discovery.clone().challenge(&headers) } else { discovery.clone() };
                let wrong = MetadataError::Resource { expected: API.to_owned(), found: other.to_owned() };
                assert_eq!(rule(&mut web, discovery), ResponseRule::Metadata(wrong), "{other}");
                assert_eq!(web.urls(), [AT_PATH], "{other}: it is not skipped, and nobody else is asked");
            }
        }
    }
}

#[test]
fn metadata_of_a_parent_path_needs_a_rule_of_that_name() {
    for parent in [
        "https://api.example",
        "https://api.example/",
        "https://api.example/v1",
        "https://api.example/v1/",
        "https://api.example/v1/mcp/",
    ] {
        let mut web = honest();
        web.put(AT_PATH, Page::json(&resource(parent, &[AS])));
        for rules in [DiscoveryRules::default(), DiscoveryRules::default().or_root().require_pkce()] {
            let refused = rule(&mut web, plain().rules(rules));
            let (expected, found) = (API.into(), parent.into());
            assert_eq!(refused, ResponseRule::Discovery(DiscoveryError::ParentResource { expected, found }));
        }
        for rules in [DiscoveryRules::default().or_parent_path(), DiscoveryRules::mcp()] {
            let found = found(&mut web, plain().rules(rules));
            assert_eq!(found.resource.resource, parent, "M7: handed on to the letter");
        }
    }
}

/// M6, M7: what is sent as `resource` is the text of the document, and no URL parser has had it in its hands.
#[test]
fn the_resource_is_handed_on_to_the_letter() {
    for api in [
        "https://api.example",
        "https://api.example/",
        "https://API.example:443/v1/mcp",
        "https://api.example/a/../v1",
        "https://api.example/v1/mcp?tenant=a%2Fb",
    ] {
        let policy = UrlPolicy::default();
        let discovery = AuthorizationDiscovery::new(api, &policy).rules(DiscoveryRules::mcp());
        let call = discovery.clone().start().unwrap();
        let mut web = honest();
        web.put(&call.request().uri().to_string(), Page::json(&resource(api, &[AS])));
        assert_eq!(found(&mut web, discovery).resource.resource, api);
    }
    // The document has no slash, and the URL has one.
    let mut web = honest();
    web.put(AT_ROOT, Page::json(&resource("https://api.example", &[AS])));
    let discovery = AuthorizationDiscovery::new("https://api.example/", &UrlPolicy::default());
    assert_eq!(
        rule(&mut web, discovery.clone()),
        ResponseRule::Discovery(DiscoveryError::ParentResource {
            expected: "https://api.example/".into(),
            found: "https://api.example".into()
        })
    );
    let found = found(&mut web, discovery.rules(DiscoveryRules::mcp()));
    assert_eq!(found.resource.resource, "https://api.example");
}

/// M44, seen by a client: the metadata at the root is that of the whole origin.
#[test]
fn the_metadata_at_the_root_is_of_the_origin_or_of_the_resource_itself() {
    for (of, fits) in [
        ("https://api.example", true),
        ("https://api.example/", true),
        (API, true),
        ("https://api.example/v1/other", false),
        ("https://api.example/v2", false),
        ("https://other.example", false),
    ] {
        let mut web = honest();
        web.put(AT_PATH, Page::status(404));
        web.put(AT_ROOT, Page::json(&resource(of, &[AS])));
        match super::run(&mut web, mcp()) {
            Ok(Some(found)) if fits => {
                assert_eq!((found.resource.resource.as_str(), found.source), (of, MetadataSource::Root));
            }
            Err(Error::Response(error)) if !fits => {
                assert_eq!(error.rule.code(), "metadata_resource_mismatch", "{of}");
            }
            other => panic!("{of}: {other:?}"),
        }
    }
}

#[test]
fn metadata_that_is_not_readable_as_that_of_a_resource_ends_the_discovery() {
    for (changes, why) in [
        (json!({"resource": null}), MetadataError::Missing(vec!["resource"])),
        (
            json!({"resource": 5}),
            MetadataError::Json(JsonError::WrongType { member: "resource", expected: "a string" }),
        ),
        (
            json!({"resource": [API]}),
            MetadataError::Json(JsonError::WrongType { member: "resource", expected: "a string" }),
        ),
    ] {
        let mut web = honest();
        web.put(AT_PATH, Page::json(&with(resource(API, &[AS]), &changes)));
        web.put(AT_ROOT, Page::json(&resource("https://api.example", &[AS])));
        assert_eq!(rule(&mut web, mcp()), ResponseRule::Metadata(why), "{changes}");
        assert_eq!(web.urls(), [AT_PATH]);
    }
    for (member, value, why) in [
        ("authorization_servers", json!(AS), "an array of strings"),
        ("authorization_servers", json!([AS, 5]), "an array of strings"),
        ("dpop_bound_access_tokens_required", json!("true"), "a boolean"),
    ] {
        let mut web = honest();
        web.put(AT_PATH, Page::json(&with(resource(API, &[AS]), &json!({ member: value }))));
        for rules in [DiscoveryRules::mcp(), DiscoveryRules::mcp().or_origin_as_issuer()] {
            let rule = rule(&mut web, mcp().rules(rules));
            let ResponseRule::Metadata(MetadataError::Unusable(aside)) = rule else { panic!("{rule}") };
            assert_eq!((aside.member, aside.why), (member, MemberError::WrongType(why)));
        }
    }
}

/// M32: by a rule alone, and the result says so. Scenario 26 of the suite: the endpoints are under a path of their own.
#[test]
fn the_origin_is_the_issuer_only_by_a_rule_and_the_result_says_so() {
    let issuer = "https://api.example";
    let place = "https://api.example/.well-known/oauth-authorization-server";
    let document = with(super::server(issuer), &json!({"token_endpoint": "https://api.example/oauth/token"}));
    let mut web = super::Web::new();
    web.put(place, Page::json(&document));
    for rules in [DiscoveryRules::default(), DiscoveryRules::mcp(), DiscoveryRules::mcp_2025_06_18()] {
        refused(&mut web, plain().rules(rules));
        assert!(!web.urls().contains(&place.to_owned()), "{:?}", web.urls());
    }
    let legacy = || plain().rules(DiscoveryRules::mcp_2025_06_18().or_origin_as_issuer());
    let found = super::found(&mut web, legacy().challenge(&challenge(&["Bearer scope=\"a\""])));
    assert_eq!(web.urls(), [AT_PATH, AT_ROOT, place]);
    assert_eq!((found.source, found.server.issuer.as_str()), (MetadataSource::Origin, issuer));
    assert_eq!((found.resource.resource.as_str(), found.scope), (API, Some(vec!["a".to_owned()])));
    assert_eq!(found.server.token_endpoint.unwrap().as_str(), "https://api.example/oauth/token");

    // Metadata that names no server leads there, too, and so does an empty list.
    for servers in [json!(null), json!([])] {
        let bare = with(resource(API, &[]), &json!({"authorization_servers": servers, "resource_name": "x"}));
        web.put(AT_PATH, Page::json(&bare));
        let refused = rule(&mut web, mcp());
        assert_eq!(refused, ResponseRule::Discovery(DiscoveryError::NoServer));
        let found = super::found(&mut web, legacy());
        assert_eq!(
            (found.source, found.resource.resource_name),
            (MetadataSource::Origin, Some("x".to_owned()))
        );
        assert_eq!(web.urls(), [AT_PATH, place]);
    }
}

/// Scenario 27 of the suite, which is not built: endpoints that nobody has named are not used.
#[test]
fn endpoints_are_never_invented() {
    let legacy = plain().rules(DiscoveryRules::mcp_2025_06_18().or_origin_as_issuer());
    let mut web = super::Web::new();
    let error = refused(&mut web, legacy);
    let root = |name| format!("https://api.example/.well-known/{name}");
    let asked = [
        AT_PATH.to_owned(),
        AT_ROOT.to_owned(),
        root("oauth-authorization-server"),
        root("openid-configuration"),
    ];
    assert_eq!((web.urls(), &error.urls[..]), (asked.to_vec(), &asked[..]), "every place is named");
}

#[test]
fn nothing_is_lost_of_the_metadata_that_was_found() {
    let more = json!({"resource_name": "The API", "bearer_methods_supported": ["header"], "x": {"y": 1}});
    let mut web = honest();
    web.put(AT_PATH, Page::json(&with(resource(API, &[AS, "https://b.example"]), &more)));
    web.put(OAUTH, Page::json(&with(super::server(AS), &json!({"vendor_thing": true}))));
    let found = found(&mut web, mcp());
    assert_eq!(found.resource.resource_name.as_deref(), Some("The API"));
    assert_eq!(found.resource.extra["x"], json!({"y": 1}));
    let servers = found.resource.authorization_servers.unwrap();
    assert_eq!(servers, [AS, "https://b.example"]);
    assert_eq!(found.server.extra["vendor_thing"], Value::Bool(true));
}
