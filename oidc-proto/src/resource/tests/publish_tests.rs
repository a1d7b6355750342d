//! Tests what a resource server publishes: the document and its URL, and the challenges that lead there.

use super::{
    super::{requirement::Requirement, testdata::*},
    *,
};
use crate::{
    base::header::challenges as parse,
    metadata::{AllowedTenants, IssuerRule},
    resource::*,
    token::AccessTokenVerifier,
};
use http::{HeaderMap, header};
use serde_json::{Value, json};

const PLACE: &str = "https://api.example/.well-known/oauth-protected-resource";

fn document(builder: ResourceServerBuilder) -> Value {
    let server = builder.build().unwrap();
    serde_json::from_str(server.published().unwrap().document()).unwrap()
}

fn refused(builder: ResourceServerBuilder) -> ResourceServerError {
    builder.build().map(drop).unwrap_err()
}

#[test]
fn nothing_is_published_unless_it_is_said() {
    assert!(server().build().unwrap().published().is_none());
    assert!(server().resource_metadata(PLACE).build().unwrap().published().is_none());
    for builder in [server().publish(|about| about), server().mcp()] {
        assert_eq!(builder.build().unwrap().published().unwrap().url().as_str(), PLACE);
    }
}

#[test]
fn the_document_follows_from_the_settings_and_the_program_decides() {
    let least = document(server().publish(|about| about));
    assert_eq!(
        least,
        json!({"resource": RESOURCE, "authorization_servers": [ISSUER], "bearer_methods_supported": ["header"]})
    );
    // The order of the settings does not matter.
    let rich = ResourceServer::builder(RESOURCE)
        .publish(|about| about.scopes_supported(["read", "write"]))
        .publish(|about| about.resource_name("Orders"))
        .trust(TrustedIssuer::new(ISSUER))
        .trust(TrustedIssuer::new("https://partner.example/t"))
        .credentials(CredentialPolicy::default().with_form().with_query())
        .accept_dpop(DpopVerifier::new())
        .accept_certificate_bound();
    assert_eq!(
        document(rich),
        json!({
            "resource": RESOURCE,
            "authorization_servers": [ISSUER, "https://partner.example/t"],
            "scopes_supported": ["read", "write"],
            "resource_name": "Orders",
            "bearer_methods_supported": ["header", "body", "query"],
            "dpop_signing_alg_values_supported": DpopVerifier::new().algorithm_names().split(' ').collect::<Vec<_>>(),
            "dpop_bound_access_tokens_required": false,
            "tls_client_certificate_bound_access_tokens": true,
        })
    );
    let bound = document(server().publish(|about| about).require_dpop(DpopVerifier::new()));
    assert_eq!(bound["dpop_bound_access_tokens_required"], true);
    assert_eq!(bound.get("bearer_methods_supported"), None, "a bearer token is of no use here");
    let own = document(server().accept_dpop(DpopVerifier::new()).publish(|about| {
        let about =
            about.authorization_servers(["https://front.example"]).bearer_methods_supported(["header"]);
        about.dpop_signing_alg_values_supported(["ES256"])
    }));
    assert_eq!(own["authorization_servers"], json!(["https://front.example"]));
    assert_eq!(own["dpop_signing_alg_values_supported"], json!(["ES256"]));
    // There is one place to say what the resource is.
    let other = document(server().publish(|mut about| {
        about.resource = "https://else.example".to_owned();
        about
    }));
    assert_eq!(other["resource"], RESOURCE);
}

/// M44: others served the document of a resource with a path at the root only, or with the issuer as its `resource`.
#[test]
fn the_document_is_where_the_path_of_the_resource_says() {
    let at = |resource: &str, place: Option<&str>| {
        let builder = ResourceServer::builder(resource).trust(TrustedIssuer::new(ISSUER));
        let builder = builder.publish(|about| about);
        let builder = place.into_iter().fold(builder, ResourceServerBuilder::resource_metadata);
        builder.build().map(|server| server.published().unwrap().clone())
    };
    for (resource, url, there, not_there) in [
        ("https://a.example", "https://a.example/.well-known/oauth-protected-resource", "?x=1", "/"),
        ("https://a.example/mcp", "https://a.example/.well-known/oauth-protected-resource/mcp", "/mcp", ""),
        (
            "https://a.example/a/b/",
            "https://a.example/.well-known/oauth-protected-resource/a/b/",
            "/a/b/",
            "/a/b",
        ),
        (
            "https://a.example/m?t=1",
            "https://a.example/.well-known/oauth-protected-resource/m?t=1",
            "/m?t=1",
            "/m",
        ),
        (
            "http://localhost:8080/m",
            "http://localhost:8080/.well-known/oauth-protected-resource/m",
            "/m",
            "/n",
        ),
        ("https://10.0.0.5/m", "https://10.0.0.5/.well-known/oauth-protected-resource/m", "/m", "/M"),
    ] {
        let published = at(resource, None).unwrap();
        assert_eq!(published.url().as_str(), url);
        assert_eq!(published.metadata().resource, resource);
        let is_at = |end: &str| {
            published.is_at(&format!("/.well-known/oauth-protected-resource{end}").parse().unwrap())
        };
        assert!(is_at(there) && !is_at(not_there), "{resource}");
        assert!(!published.is_at(&"/mcp".parse().unwrap()));
    }
    let moved = at("https://a.example/mcp", Some("https://a.example/about.json")).unwrap();
    assert_eq!(moved.url().as_str(), "https://a.example/about.json");
    assert!(moved.is_at(&"/about.json".parse().unwrap()));
    for (resource, place) in [
        ("orders-api", None),
        ("http://a.example/mcp", None),
        ("https://a.example/mcp#x", None),
        ("https://a.example", Some("/about.json")),
        ("https://a.example", Some("http://a.example/about.json")),
    ] {
        assert_eq!(at(resource, place).map(drop), Err(ResourceServerError::Metadata), "{resource} {place:?}");
    }
}

#[test]
fn a_document_that_leads_a_client_nowhere_is_refused() {
    let rule = || {
        IssuerRule::template("https://op.example/{t}", "tid", AllowedTenants::List(vec!["acme".to_owned()]))
            .unwrap()
    };
    let template =
        || TrustedIssuer::new("https://op.example/{t}").access_tokens(|all| all.issuer_rule(rule()));
    let tenants = |set: fn(ResourceMetadata) -> ResourceMetadata| {
        ResourceServer::builder(RESOURCE).trust(template()).publish(set)
    };
    assert_eq!(refused(tenants(|about| about)), ResourceServerError::NoAuthorizationServer);
    let named = tenants(|about| about.authorization_servers(["https://op.example/common"]));
    assert_eq!(document(named)["authorization_servers"], json!(["https://op.example/common"]));
    let both = tenants(|about| about).trust(TrustedIssuer::new(ISSUER));
    assert_eq!(document(both)["authorization_servers"], json!([ISSUER]));
    let none = server().publish(|about| about.authorization_servers::<String>([]));
    assert_eq!(refused(none), ResourceServerError::NoAuthorizationServer);
    for scope in ["", "a b", "a\"", "a\\", "\u{e9}", "a\n"] {
        let wrong = server().publish(|about| about.scopes_supported(["read", scope]));
        assert_eq!(refused(wrong), ResourceServerError::Text("scopes_supported"), "{scope:?}");
    }
}

fn line(denied: &Denied) -> String {
    let [line] = &*challenges(denied) else { panic!("one line: {denied:?}") };
    line.clone()
}

/// M3: another server sent 403 without `error`, and no client asked for more.
#[test]
fn every_challenge_says_which_scopes_and_where_to_find_the_rest() {
    let server = server()
        .accept_dpop(DpopVerifier::new())
        .publish(|about| about.scopes_supported(["read", "admin"]))
        .build()
        .unwrap();
    let expired = token(json!({"exp": NOW.0 - 100}));
    let accepted = bearer(&server, &token(json!({}))).unwrap();
    let needs = |requirement: Requirement| accepted.require(&requirement, NOW).unwrap_err();
    let bad = headers(&[("authorization", "Bearer a b")]);
    for (denied, status, error, scope) in [
        (outcome(judge(&server, &HeaderMap::new())).unwrap_err(), 401, None, "read admin"),
        (outcome(judge(&server, &bad)).unwrap_err(), 400, Some("invalid_request"), "read admin"),
        (bearer(&server, &expired).unwrap_err(), 401, Some("invalid_token"), "read admin"),
        (
            needs(Requirement::new().scope("orders").scope("pay")),
            403,
            Some("insufficient_scope"),
            "orders pay",
        ),
        (needs(Requirement::new().role("/roles", "admin")), 403, Some("insufficient_scope"), "read admin"),
        (
            needs(Requirement::new().without_actor().satisfies(|_| false)),
            403,
            Some("insufficient_scope"),
            "read admin",
        ),
        (
            needs(Requirement::new().acr_values(["gold"])),
            401,
            Some("insufficient_user_authentication"),
            "read admin",
        ),
    ] {
        assert_eq!(denied.status(), status);
        let found = parse(&denied.headers(), &header::WWW_AUTHENTICATE);
        assert_eq!(found.iter().map(|one| &*one.scheme).collect::<Vec<_>>(), ["bearer", "dpop"]);
        assert_eq!(found[0].parameter("error"), error, "the first challenge has the error");
        for challenge in &found {
            assert_eq!(challenge.parameter("scope"), Some(scope), "{denied:?}");
            assert_eq!(challenge.parameter("resource_metadata"), Some(PLACE));
        }
        assert!(line(&denied).starts_with("Bearer realm="));
    }
    let unavailable = server.unavailable(std::time::Duration::from_secs(1));
    assert!(challenges(&unavailable).is_empty(), "an outage is no challenge");
}

#[test]
fn the_challenge_of_the_scheme_in_use_is_first_in_the_line() {
    let server = server().accept_dpop(DpopVerifier::new()).publish(|about| about).build().unwrap();
    let refused = dpop(&server, &bound_token(), "no proof").unwrap_err();
    let text = line(&refused);
    assert!(text.starts_with("DPoP realm="), "{text}");
    assert_eq!(text.matches("error=").count(), 1, "{text}");
    assert_eq!(parse(&refused.headers(), &header::WWW_AUTHENTICATE).len(), 2);
}

#[test]
fn the_scopes_of_several_requirements_are_named_together_and_each_once() {
    let server = server().build().unwrap();
    let missing = || outcome(judge(&server, &HeaderMap::new())).unwrap_err();
    let (read, both) = (Requirement::new().scope("read"), Requirement::new().scope("write").scope("read"));
    let scope = |denied: Denied| {
        let found = parse(&denied.headers(), &header::WWW_AUTHENTICATE);
        found[0].parameter("scope").map(str::to_owned)
    };
    assert_eq!(scope(missing()), None);
    assert_eq!(scope(missing().naming_scope(&Requirement::new())), None);
    assert_eq!(scope(missing().naming_scope(&read)).as_deref(), Some("read"));
    assert_eq!(scope(missing().naming_scope(&read).naming_scope(&both)).as_deref(), Some("read write"));
    assert_eq!(scope(missing().naming_scope(&both).naming_scope(&read)).as_deref(), Some("write read"));
    assert_eq!(
        scope(missing().naming_scope(&Requirement::new()).naming_scope(&read)).as_deref(),
        Some("read")
    );
}

#[test]
fn an_mcp_server_never_names_offline_access() {
    let names = ["offline_access", "read", "offline_accessory"];
    let plain = || server().publish(|about| about.scopes_supported(names));
    assert_eq!(document(plain())["scopes_supported"], json!(names), "another resource may");
    assert_eq!(document(plain().mcp())["scopes_supported"], json!(["read", "offline_accessory"]));
    let alone = server().publish(|about| about.scopes_supported(["offline_access"])).mcp();
    assert_eq!(document(alone.clone()).get("scopes_supported"), None);
    let server = alone.build().unwrap();
    assert!(!line(&outcome(judge(&server, &HeaderMap::new())).unwrap_err()).contains("scope"));
    let accepted = bearer(&server, &token(json!({}))).unwrap();
    for (demanded, named) in [
        (Requirement::new().scope("pay").scope("offline_access"), Some("pay")),
        (Requirement::new().scope("offline_access"), None),
    ] {
        let denied = accepted.require(&demanded, NOW).unwrap_err();
        let found = parse(&denied.headers(), &header::WWW_AUTHENTICATE);
        assert_eq!(found[0].parameter("scope"), named);
        assert_eq!(found[0].parameter("error"), Some("insufficient_scope"));
    }
}

/// M43: the middleware of another SDK did not look at `aud`.
#[test]
fn an_mcp_server_checks_the_audience_whatever_else_is_set() {
    let mcp = |issuer: TrustedIssuer| ResourceServer::builder(RESOURCE).trust(issuer).mcp();
    let careless = TrustedIssuer::new(ISSUER).introspects_opaque_tokens().introspects_without_audience();
    let setting = "TrustedIssuer::introspects_without_audience";
    assert_eq!(refused(mcp(careless.clone())), ResourceServerError::Mcp(setting));
    let both = mcp(TrustedIssuer::new("https://other.example")).trust(careless.clone());
    assert_eq!(refused(both), ResourceServerError::Mcp(setting), "one of two");
    let by_client = TrustedIssuer::new(ISSUER).access_tokens(AccessTokenVerifier::client_id_as_audience);
    let setting = "AccessTokenVerifier::client_id_as_audience";
    assert_eq!(refused(mcp(by_client.clone())), ResourceServerError::Mcp(setting));
    let header_only = |policy| refused(server().credentials(policy).mcp());
    let policy = CredentialPolicy::default();
    assert_eq!(header_only(policy.with_query()), ResourceServerError::Mcp("CredentialPolicy::query"));
    assert_eq!(header_only(policy.with_form()), ResourceServerError::Mcp("CredentialPolicy::form"));
    // Another resource may do all of this.
    for issuer in [careless, by_client] {
        let other =
            ResourceServer::builder(RESOURCE).trust(issuer).credentials(policy.with_query().with_form());
        assert!(other.publish(|about| about).build().is_ok());
    }
    let server = server().mcp().build().unwrap();
    assert!(bearer(&server, &token(json!({}))).is_ok());
    for aud in
        [json!("https://else.example"), json!([]), json!(ISSUER), Value::Null, json!("https://api.example/")]
    {
        let denied = bearer(&server, &token(json!({ "aud": aud }))).unwrap_err();
        assert_eq!(
            (denied.status().as_u16(), denied.reason().error()),
            (401, Some("invalid_token")),
            "{aud}"
        );
    }
}
