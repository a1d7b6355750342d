//! The scenarios of the group `backcompat`: servers of the revision 2025-03-26, without metadata of the resource.

use super::*;
use oidc_proto::flow::DiscoveryRules;

const ORIGIN: &str = "https://mcp.example";

/// Tells a story of a server of that time, which is its own authorization server if it has metadata.
fn each_old(has_metadata: bool, story: impl Fn(&Town, &Caller)) {
    let settings = |town: &Town| {
        if has_metadata {
            let mut provider = TestProvider::new(ORIGIN);
            like_the_suite(&mut provider);
            town.change(|net| net.servers.insert(ORIGIN, provider));
        }
        guard_audience(town, RESOURCE, "Bearer");
        [METADATA, ROOT].iter().for_each(|url| nothing_at(town, url));
        let rules = DiscoveryRules::mcp_2025_06_18().or_origin_as_issuer();
        let threads = town.blocking().identities(Town::unknown()).rules(rules);
        (town.asynchronous().identities(Town::unknown()).rules(rules), threads)
    };
    each_with(settings, story);
}

#[test]
fn oauth_metadata_backcompat() {
    each_old(true, |town, caller| {
        caller.does("read");
        let at = |path: &str| format!("{ORIGIN}{path}");
        let server = at("/.well-known/oauth-authorization-server");
        assert_eq!(asked_of(town), [METADATA, ROOT, &*server, &*at("/register"), &*at("/token")]);
        assert_eq!(town.visits(), 1);
    });
}

/// This scenario is not applied: nobody has named the endpoints, so nobody is asked there.
#[test]
fn oauth_endpoint_fallback() {
    each_old(false, |town, caller| {
        let error = caller.refused("read");
        assert_eq!(error.code(), "response_status", "{error}");
        assert!(asked_of(town).iter().all(|url| url.contains("/.well-known/")), "{:?}", asked_of(town));
        assert_eq!(town.visits(), 0);
    });
}
