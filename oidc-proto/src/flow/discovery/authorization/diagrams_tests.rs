//! Tests that the discovery of an authorization server follows its state diagram.

use super::{AuthorizationDiscovery, DiscoveryRules};
use crate::{
    base::endpoint_url::UrlPolicy,
    flow::{
        Endpoint,
        diagrams_tests::{ISSUER, Turn, Walk, document, json, refusals},
    },
};
use serde_json::json as value;

/// Every answer of the resource and of the authorization server.
fn answers(endpoint: Endpoint) -> Vec<Turn> {
    let mut turns = refusals();
    let html = turns.iter().find(|(answer, _)| answer == "not JSON").and_then(|(_, page)| page.clone());
    let large = html.map(|page| page.map(|_| vec![b' '; 1 << 20]));
    turns.push(("large page".to_owned(), large));
    turns.push(json("other JSON", 200, &value!({"error": "x"})));
    if endpoint == Endpoint::ResourceMetadata {
        let of = |resource: &str| value!({"resource": resource, "authorization_servers": [ISSUER]});
        turns.push(json("document", 200, &of("https://api.example/v1")));
        turns.push(json("document of another resource", 200, &of("https://evil.example")));
        turns.push(json("document without a server", 200, &value!({"resource": "https://api.example/v1"})));
    } else {
        for (answer, issuer) in [("document", ISSUER), ("document of another issuer", "https://evil.example")]
        {
            let mut document = document();
            document["issuer"] = issuer.into();
            document["code_challenge_methods_supported"] = value!(["S256"]);
            turns.push(json(answer, 200, &document));
        }
    }
    turns
}

#[test]
fn the_diagram_of_the_discovery_of_an_authorization_server_is_walked() {
    let begin = |rules: DiscoveryRules| {
        let policy = UrlPolicy::default();
        move || AuthorizationDiscovery::new("https://api.example/v1", &policy).rules(rules).start()
    };
    let server = |endpoint, _: &_| answers(endpoint);
    let legacy = DiscoveryRules::default().or_origin_as_issuer();
    Walk::of("flow/discovery/authorization/asking.rs")
        .from("by RFC 9728", begin(DiscoveryRules::default()), server)
        .from("by MCP", begin(DiscoveryRules::mcp()), server)
        .from("with the origin as issuer", begin(legacy), server)
        .holds();
}
