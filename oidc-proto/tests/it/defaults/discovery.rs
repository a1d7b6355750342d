//! What the default settings of the discovery of an authorization server refuse.

use super::{Refusal, Row, row};
use crate::authorization_discovery::{
    API, AS, AT_PATH, AT_ROOT, OAUTH, challenge, honest, plain, resource, run, server, with,
};
use oidc_proto::flow::{AuthorizationDiscovery, DiscoveryRules};
use oidc_testkit::web::{Page, Web};
use serde_json::json;

/// A discovery in a network that was changed.
fn judged(discovery: AuthorizationDiscovery, change: impl FnOnce(&mut Web)) -> Result<(), Refusal> {
    let mut web = honest();
    change(&mut web);
    Ok(run(&mut web, discovery).map(drop)?)
}

fn with_rule(
    on: bool,
    base: DiscoveryRules,
    rule: fn(DiscoveryRules) -> DiscoveryRules,
    change: impl FnOnce(&mut Web),
) -> Result<(), Refusal> {
    judged(plain().rules(if on { rule(base) } else { base }), change)
}

fn of_resource(document: &serde_json::Value) -> impl FnOnce(&mut Web) {
    move |web| web.put(AT_PATH, Page::json(document))
}

pub(super) fn rows() -> Vec<Row> {
    let strict = DiscoveryRules::default();
    vec![
        row("DiscoveryRules::or_root", "`DiscoveryRules`", |on| {
            with_rule(on, strict, DiscoveryRules::or_root, |web| {
                web.put(AT_PATH, Page::status(404));
                web.put(AT_ROOT, Page::json(&resource(API, &[AS])));
            })
        }),
        row("DiscoveryRules::or_parent_path", "`DiscoveryRules::or_parent_path`", |on| {
            let of_parent = resource("https://api.example/v1", &[AS]);
            with_rule(on, strict, DiscoveryRules::or_parent_path, of_resource(&of_parent))
        }),
        row("DiscoveryRules::or_other_origin", "`DiscoveryRules::or_other_origin`", |on| {
            let headers = challenge(&["Bearer resource_metadata=\"https://gateway.example/prm\""]);
            let rules = if on { strict.or_other_origin() } else { strict };
            judged(plain().rules(rules).challenge(&headers), |web| {
                web.put("https://gateway.example/prm", Page::json(&resource(API, &[AS])));
            })
        }),
        row("DiscoveryRules::or_unstated_pkce", "`DiscoveryRules::or_unstated_pkce`", |on| {
            with_rule(on, DiscoveryRules::mcp(), DiscoveryRules::or_unstated_pkce, |web| {
                let silent = json!({"code_challenge_methods_supported": null});
                web.put(OAUTH, Page::json(&with(server(AS), &silent)));
            })
        }),
        row("DiscoveryRules::or_origin_as_issuer", "`DiscoveryRules::or_origin_as_issuer`", |on| {
            with_rule(on, strict, DiscoveryRules::or_origin_as_issuer, |web| {
                web.put(AT_PATH, Page::json(&json!({"resource": API})));
                let place = "https://api.example/.well-known/oauth-authorization-server";
                web.put(place, Page::json(&server("https://api.example")));
            })
        }),
        row("AuthorizationDiscovery::max_document", "`max_document`", |on| {
            let discovery = if on { plain().max_document(100_000) } else { plain() };
            judged(discovery, |web| {
                web.put(AT_PATH, Page::json(&resource(API, &[AS])).padded(100_000));
            })
        }),
        row("AuthorizationDiscovery::max_bytes", "`max_bytes`", |on| {
            let discovery = plain().max_document(500_000);
            let discovery = if on { discovery.max_bytes(600_000) } else { discovery };
            judged(discovery, |web| {
                web.put(AT_PATH, Page::json(&resource(API, &[AS])).padded(500_000));
            })
        }),
    ]
}
