//! What the challenge of a resource says: the URL of the metadata, and scopes.

use super::{API, AS, AT_PATH, OAUTH, challenge, found, honest, mcp, plain, resource, with};
use oidc_proto::{
    Error, UrlPolicy,
    base::UrlError,
    flow::{Endpoint, ResponseError, ResponseRule},
    metadata::{DiscoveryError, MemberError, MetadataError},
};
use oidc_testkit::web::Page;
use serde_json::json;

const NAMED: &str = "https://api.example/metadata.json";

/// The URLs that are asked after these challenges.
fn asked(challenges: &[&str]) -> Vec<String> {
    let mut web = honest();
    web.put(NAMED, Page::json(&resource(API, &[AS])));
    found(&mut web, plain().challenge(&challenge(challenges)));
    web.urls()
}

/// M34, M35, M36: the metadata is found in challenges of any scheme, in any line, and however they are spelled; what only
/// looks like the parameter is none. The challenge may come with any response: a discovery sees headers alone.
#[test]
fn the_challenge_is_read_by_a_parser() {
    for named in [
        &[r#"Bearer resource_metadata="https://api.example/metadata.json""#][..],
        &[r#"DPoP resource_metadata="https://api.example/metadata.json""#],
        &[r#"bearer RESOURCE_METADATA = "https://api.example/metadata.json""#],
        &[r#"Bearer realm="a, b=\"c\"" ,  resource_metadata	=	"https://api.example/metadata.json""#],
        &[
            r#"Basic realm="x", Bearer error="invalid_token", resource_metadata="https://api.example/metadata.json""#,
        ],
        &[r#"Bearer resource_metadata="https:\/\/api.example/metadata.json""#],
        &["Basic realm=\"x\"", r#"Bearer resource_metadata="https://api.example/metadata.json""#],
        &[
            r#"Bearer resource_metadata="https://api.example/metadata.json""#,
            r#"DPoP resource_metadata="https://api.example/metadata.json", algs="ES256""#,
        ],
    ] {
        assert_eq!(asked(named), [NAMED, OAUTH], "{named:?}");
    }
    for other in [
        &[][..],
        &["Bearer"],
        &[r#"Bearer realm="resource_metadata=https://api.example/metadata.json""#],
        &[r#"Bearer error_description="x, resource_metadata=\"https://api.example/metadata.json\"""#],
        &[r#"Bearer x_resource_metadata="https://api.example/metadata.json""#],
        &[r#"Bearer resource_metadata_uri="https://api.example/metadata.json""#],
        &[r#"Bearer realm="open, resource_metadata=https://api.example/metadata.json"#],
    ] {
        assert_eq!(asked(other), [AT_PATH, OAUTH], "{other:?}");
    }
}

fn broken(challenges: &[&str]) -> Box<ResponseError> {
    match plain().challenge(&challenge(challenges)).start() {
        Err(Error::Response(error)) => {
            assert_eq!((error.endpoint, error.status), (Endpoint::ResourceMetadata, 401));
            error
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn challenges_that_contradict_each_other_are_refused_before_anything_is_sent() {
    for two in [
        &[r#"Bearer resource_metadata="https://api.example/a", resource_metadata="https://api.example/b""#][..],
        &[
            r#"Bearer resource_metadata="https://api.example/a", DPoP resource_metadata="https://api.example/b""#,
        ],
        &[
            r#"Bearer resource_metadata="https://api.example/a""#,
            r#"Bearer resource_metadata="https://api.example/a/""#,
        ],
    ] {
        assert_eq!(broken(two).rule, ResponseRule::Value("resource_metadata"), "{two:?}");
    }
}

/// M9: what a challenge names is asked only if the policy admits it. M10: the policy decides, and an honest resource on
/// this machine is no exception that has to be built in.
#[test]
fn a_challenge_cannot_name_a_url_that_the_policy_does_not_admit() {
    for (url, why) in [
        ("http://api.example/metadata.json", UrlError::PlainHttp),
        ("http://169.254.169.254/latest/meta-data", UrlError::PlainHttp),
        ("https://169.254.169.254/latest/meta-data", UrlError::PrivateAddress),
        ("https://2852039166/", UrlError::PrivateAddress),
        ("https://10.0.0.1/metadata.json", UrlError::PrivateAddress),
        ("https://[fd00::1]/metadata.json", UrlError::PrivateAddress),
        ("https://localhost/metadata.json", UrlError::Loopback),
        ("https://127.0.0.1/metadata.json", UrlError::Loopback),
        ("https://user:pw@api.example/metadata.json", UrlError::Credentials),
        ("https://api.example/metadata.json#x", UrlError::Fragment),
        ("/.well-known/oauth-protected-resource", UrlError::NotAbsolute),
        ("metadata", UrlError::NotAbsolute),
        ("", UrlError::NotAbsolute),
        ("file:///etc/passwd", UrlError::Scheme),
        ("javascript:alert(1)", UrlError::Scheme),
        ("https://api.example/a b", UrlError::Characters),
    ] {
        let rule = broken(&[&format!("Bearer resource_metadata=\"{url}\"")]).rule;
        let ResponseRule::Metadata(MetadataError::Unusable(member)) = rule else { panic!("{url}: {rule}") };
        assert_eq!((member.member, member.why), ("resource_metadata", MemberError::Url(why)), "{url}");
    }
    let (api, place) = ("http://localhost:3001/mcp", "http://localhost:3001/prm");
    let policy = UrlPolicy::default().with_loopback();
    let headers = challenge(&[&format!("Bearer resource_metadata=\"{place}\"")]);
    let call = oidc_proto::flow::AuthorizationDiscovery::new(api, &policy).challenge(&headers).start();
    assert_eq!(call.unwrap().request().uri(), place);
}

#[test]
fn metadata_at_another_origin_needs_a_rule_of_that_name() {
    for place in [
        "https://gateway.example/prm",
        "https://api.example:8443/prm",
        "https://sub.api.example/prm",
        "https://api.example.evil.example/prm",
    ] {
        let headers = challenge(&[&format!("Bearer resource_metadata=\"{place}\"")]);
        for rules in [oidc_proto::flow::DiscoveryRules::default(), oidc_proto::flow::DiscoveryRules::mcp()] {
            let refused = plain().challenge(&headers).rules(rules).start();
            let Err(Error::Response(error)) = refused else { panic!("{place}") };
            assert_eq!(error.rule, ResponseRule::Discovery(DiscoveryError::OtherOrigin), "{place}");

            let mut web = honest();
            web.put(place, Page::json(&resource(API, &[AS])));
            let discovery = plain().challenge(&headers).rules(rules.or_other_origin());
            assert_eq!(found(&mut web, discovery.clone()).resource.resource, API);
            assert_eq!(web.urls(), [place, OAUTH]);

            // M11: wherever the metadata is, it must be of this resource.
            web.put(place, Page::json(&resource("https://victim.example/mcp", &[AS])));
            let rule = super::rule(&mut web, discovery);
            assert!(matches!(rule, ResponseRule::Metadata(MetadataError::Resource { .. })), "{rule}");
        }
    }
    let same = challenge(&["Bearer resource_metadata=\"https://API.example:443/prm\""]);
    assert!(plain().challenge(&same).start().is_ok(), "another spelling of the same origin");
}

#[test]
fn the_scopes_are_those_of_the_challenge_or_else_of_the_resource() {
    let scopes = |challenges: &[&str], supported: serde_json::Value| {
        let mut web = honest();
        let document = with(resource(API, &[AS]), &json!({"scopes_supported": supported}));
        web.put(AT_PATH, Page::json(&document));
        web.put(NAMED, Page::json(&document));
        found(&mut web, mcp().challenge(&challenge(challenges))).scope.map(|scope| scope.join(" "))
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(scopes(&[], json!(["a", "b", "offline_access"])), some("a b offline_access"), "all of them");
    assert_eq!(scopes(&["Bearer realm=\"x\""], json!(["a"])), some("a"));
    for (named, scope) in [
        (&["Bearer scope=\"x y\""][..], "x y"),
        (&["Bearer scope = \"x\""], "x"),
        (&["DPoP scope=x"], "x"),
        (&["Bearer error=\"invalid_token\"", "Bearer scope=\" x  y \""], "x y"),
        (&["Bearer scope=\"first\", DPoP scope=\"second\""], "first"),
        (
            &[
                "Bearer scope=\"first\"",
                r#"DPoP resource_metadata="https://api.example/metadata.json", scope="named""#,
            ],
            "named",
        ),
    ] {
        assert_eq!(scopes(named, json!(["a"])), some(scope), "{named:?}");
        assert_eq!(scopes(named, json!(null)), some(scope), "no relation to `scopes_supported` is assumed");
    }
    for nothing in [json!(null), json!([])] {
        assert_eq!(scopes(&["Bearer scope=\"\""], nothing.clone()), None);
        assert_eq!(scopes(&[], nothing), None);
    }
    assert_eq!(scopes(&["Bearer scope=\" \""], json!(["a"])), some("a"), "an empty scope is none");
    assert_eq!(scopes(&["Bearer realm=\"scope=x\""], json!(["a"])), some("a"));
}
