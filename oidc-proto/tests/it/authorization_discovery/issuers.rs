//! The choice of an authorization server, its issuer, and what its metadata must say.

use super::{
    API, APPENDED, AS, AT_PATH, INSERTED, OAUTH, found, honest, mcp, plain, refused, resource, rule, server,
    with,
};
use oidc_proto::{
    UrlPolicy,
    base::{JsonError, UrlError},
    flow::{AuthorizationDiscovery, DiscoveryRules, ResponseRule, ServerChoice},
    metadata::{DiscoveryError, MemberError, MetadataError},
};
use oidc_testkit::web::{Page, Web};
use serde_json::json;

const A: &str = "https://a.example";
const B: &str = "https://b.example/t";

/// A resource with three authorization servers, each of which has metadata.
fn three() -> Web {
    let mut web = honest();
    web.put(AT_PATH, Page::json(&resource(API, &[A, AS, B])));
    web.put("https://a.example/.well-known/oauth-authorization-server", Page::json(&server(A)));
    web.put("https://b.example/.well-known/oauth-authorization-server/t", Page::json(&server(B)));
    web
}

#[test]
fn the_program_chooses_among_several_servers_and_asks_no_other() {
    let list = |issuers: &[&str]| issuers.iter().map(|issuer| (*issuer).to_owned()).collect::<Vec<_>>();
    for (choice, issuer) in [
        (ServerChoice::First, A),
        (ServerChoice::Allowed(list(&[B, AS])), AS),
        (ServerChoice::Preferred(list(&[B, AS])), B),
        (ServerChoice::Preferred(list(&["https://other.example", AS])), AS),
    ] {
        let mut web = three();
        assert_eq!(found(&mut web, mcp().servers(choice)).server.issuer, issuer);
        assert_eq!(web.urls().len(), 2, "{:?}", web.urls());
    }
    for (choice, why) in [
        (ServerChoice::Only, DiscoveryError::SeveralServers { found: 3 }),
        (ServerChoice::Allowed(list(&["https://a.example/"])), DiscoveryError::ServerNotAllowed),
        (ServerChoice::Preferred(list(&["https://A.example"])), DiscoveryError::ServerNotAllowed),
    ] {
        let mut web = three();
        assert_eq!(rule(&mut web, mcp().servers(choice)), ResponseRule::Discovery(why));
        assert_eq!(web.urls(), [AT_PATH], "no server is asked");
    }
    assert_eq!(found(&mut honest(), mcp().servers(ServerChoice::Only)).server.issuer, AS);
}

/// A server that cannot be used does not hide behind the next: the choice is made before anything is asked.
#[test]
fn the_chosen_server_is_the_only_one() {
    let mut web = three();
    web.put("https://a.example/.well-known/oauth-authorization-server", Page::status(404));
    let error = refused(&mut web, mcp());
    assert!(error.urls.iter().all(|url| url.starts_with(A)), "{:?}", error.urls);
    assert_eq!(web.urls().len(), 3);
}

#[test]
fn a_resource_without_a_server_is_refused() {
    for servers in [json!(null), json!([])] {
        let mut web = honest();
        web.put(AT_PATH, Page::json(&with(resource(API, &[]), &json!({"authorization_servers": servers}))));
        for discovery in [plain(), mcp(), mcp().servers(ServerChoice::Only)] {
            assert_eq!(rule(&mut web, discovery), ResponseRule::Discovery(DiscoveryError::NoServer));
        }
    }
}

/// M9: an issuer is asked only if the policy admits it, in every spelling.
#[test]
fn an_issuer_that_the_policy_does_not_admit_is_not_asked() {
    for (issuer, why) in [
        ("http://as.example", UrlError::PlainHttp),
        ("https://10.0.0.1/", UrlError::PrivateAddress),
        ("https://169.254.169.254/latest/meta-data", UrlError::PrivateAddress),
        ("https://0xA9FEA9FE/", UrlError::PrivateAddress),
        ("https://[::ffff:a9fe:a9fe]", UrlError::PrivateAddress),
        ("https://[fd00::1]", UrlError::PrivateAddress),
        ("https://192.168.1.1", UrlError::PrivateAddress),
        ("https://localhost:8443", UrlError::Loopback),
        ("http://127.0.0.1:9000", UrlError::Loopback),
        ("https://[::1]", UrlError::Loopback),
        ("https://user:pw@as.example", UrlError::Credentials),
        ("https://as.example?x=1", UrlError::Query),
        ("https://as.example/#x", UrlError::Fragment),
        ("https://as.example/.well-known/oauth-authorization-server", UrlError::WellKnown),
        ("as.example", UrlError::NotAbsolute),
        ("", UrlError::NotAbsolute),
        ("file:///etc/passwd", UrlError::Scheme),
        ("https://as.example/\u{202e}x", UrlError::Characters),
    ] {
        let mut web = honest();
        // The next in the list is honest, and is no way out.
        web.put(AT_PATH, Page::json(&resource(API, &[issuer, AS])));
        let rule = rule(&mut web, mcp());
        let ResponseRule::Metadata(MetadataError::Unusable(aside)) = rule else { panic!("{issuer}: {rule}") };
        assert_eq!((aside.member, aside.why), ("authorization_servers", MemberError::Url(why)), "{issuer}");
        assert_eq!(web.urls(), [AT_PATH]);
    }
    let policy = UrlPolicy::default().with_loopback();
    let (api, issuer) = ("http://localhost:3001/mcp", "http://localhost:3002");
    let mut web = Web::new();
    let at = "http://localhost:3001/.well-known/oauth-protected-resource/mcp";
    web.put(at, Page::json(&resource(api, &[issuer])));
    web.put("http://localhost:3002/.well-known/oauth-authorization-server", Page::json(&server(issuer)));
    assert_eq!(found(&mut web, AuthorizationDiscovery::new(api, &policy)).server.issuer, issuer);
}

/// M12, M13: metadata of another issuer is not used, at none of the places, and also on the way without metadata of a
/// resource. The issuer is the one that was chosen before anything was fetched from it.
#[test]
fn metadata_of_another_issuer_ends_the_discovery() {
    for other in [
        "https://attacker.example",
        "https://as.example",
        "https://as.example/tenant/",
        "https://as.example/tenant2",
        "https://as.example/Tenant",
        "https://as.example:443/tenant",
        "https://AS.example/tenant",
        "http://as.example/tenant",
        "https://as.example/./tenant",
        "",
    ] {
        for place in [OAUTH, INSERTED, APPENDED] {
            let mut web = honest();
            web.put(OAUTH, Page::status(404));
            web.put(APPENDED, Page::json(&server(AS)));
            web.put(place, Page::json(&server(other)));
            let wrong = MetadataError::Issuer { expected: AS.to_owned(), found: other.to_owned() };
            assert_eq!(rule(&mut web, mcp()), ResponseRule::Metadata(wrong), "{other}");
            assert_eq!(web.urls().last().unwrap(), place, "{other}: it is not skipped");
        }
        let mut web = Web::new();
        let place = "https://api.example/.well-known/oauth-authorization-server";
        web.put(place, Page::json(&server(other)));
        let legacy = DiscoveryRules::mcp().or_origin_as_issuer();
        let expected = "https://api.example".to_owned();
        let wrong = MetadataError::Issuer { expected, found: other.to_owned() };
        assert_eq!(rule(&mut web, plain().rules(legacy)), ResponseRule::Metadata(wrong), "{other}");
    }
}

/// M14: metadata without an issuer is refused, and it is metadata as soon as it has one endpoint.
#[test]
fn metadata_without_an_issuer_ends_the_discovery() {
    for document in [
        with(server(AS), &json!({"issuer": null})),
        json!({"authorization_endpoint": "https://as.example/authorize"}),
        json!({"token_endpoint": "https://as.example/token", "response_types_supported": ["code"]}),
    ] {
        let mut web = honest();
        web.put(OAUTH, Page::json(&document));
        web.put(APPENDED, Page::json(&server(AS)));
        let rule = rule(&mut web, mcp());
        let ResponseRule::Metadata(MetadataError::Missing(lacking)) = rule else { panic!("{rule}") };
        assert_eq!((lacking[0], web.urls().len()), ("issuer", 2), "{document}");
    }
    let mut web = honest();
    web.put(OAUTH, Page::json(&with(server(AS), &json!({"issuer": 5}))));
    let wrong = JsonError::WrongType { member: "issuer", expected: "a string" };
    assert_eq!(rule(&mut web, mcp()), ResponseRule::Metadata(MetadataError::Json(wrong)));
}

/// M37: silence about PKCE is refused in the profile of MCP, and accepted by a rule of that name. A list without `S256` is
/// no silence.
#[test]
fn pkce_is_demanded_where_the_rules_say_so() {
    const MEMBER: &str = "code_challenge_methods_supported";
    let (mcp, plain) = (DiscoveryRules::mcp(), DiscoveryRules::default());
    for place in [OAUTH, APPENDED] {
        let judged = |listed: &serde_json::Value, rules| {
            let mut web = honest();
            web.put(OAUTH, Page::status(404));
            web.put(place, Page::json(&with(server(AS), &json!({ MEMBER: listed }))));
            match super::run(&mut web, AuthorizationDiscovery::new(API, &UrlPolicy::default()).rules(rules)) {
                Ok(Some(found)) => {
                    assert_eq!(found.server.issuer, AS);
                    Ok(())
                }
                Err(oidc_proto::Error::Response(error)) => Err(error.rule),
                other => panic!("{other:?}"),
            }
        };
        let refused = |silent| Err(ResponseRule::Discovery(DiscoveryError::NoS256 { silent }));
        for good in [json!(["S256"]), json!(["plain", "S256"]), json!(["S256", "S512"])] {
            for rules in [mcp, plain, plain.require_pkce(), mcp.or_unstated_pkce()] {
                assert_eq!(judged(&good, rules), Ok(()), "{good}");
            }
        }
        let silence = json!(null);
        assert_eq!(judged(&silence, mcp), refused(true));
        assert_eq!(judged(&silence, plain.require_pkce()), refused(true));
        assert_eq!(judged(&silence, plain), Ok(()), "RFC 9728 does not speak of PKCE");
        assert_eq!(judged(&silence, mcp.or_unstated_pkce()), Ok(()));
        assert_eq!(judged(&silence, DiscoveryRules::mcp_2025_06_18()), Ok(()));
        for bad in [json!([]), json!(["plain"]), json!(["s256"]), json!("S256"), json!([256])] {
            for rules in [mcp, plain.require_pkce(), mcp.or_unstated_pkce(), DiscoveryRules::mcp_2025_06_18()]
            {
                assert_eq!(judged(&bad, rules), refused(false), "{bad}");
            }
        }
    }
}
