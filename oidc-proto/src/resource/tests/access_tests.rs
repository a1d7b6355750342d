//! Tests the rights of an access and the requirements of a route.

use super::{
    super::{requirement::Requirement, testdata::*},
    *,
};
use serde_json::json;
use std::time::Duration;

fn access(changes: Value) -> Arc<Access> {
    bearer(&server().build().unwrap(), &token(changes)).unwrap()
}

fn scopes(access: &Access) -> Vec<&str> {
    access.scopes().collect()
}

fn refusal(changes: Value, requirement: &Requirement) -> Option<(u16, &'static str, String)> {
    let denied = access(changes).require(requirement, NOW).err()?;
    Some((denied.status().as_u16(), denied.code(), challenges(&denied).concat()))
}

#[test]
fn an_access_has_the_claims_of_the_token() {
    let access = access(json!({"auth_time": 5, "acr": "high", "aud": ["x", RESOURCE], "tenant": {"id": 7}}));
    assert_eq!((access.issuer(), access.subject()), (ISSUER, Some("alice")));
    assert_eq!((access.client_id(), access.acr()), (Some("app"), Some("high")));
    assert_eq!(access.audience().collect::<Vec<_>>(), ["x", RESOURCE]);
    assert_eq!((access.expires(), access.auth_time()), (Some(NOW.plus(300)), Some(Timestamp(5))));
    assert_eq!(scopes(&access), ["read", "write"]);
    assert_eq!(access.claim::<u8>("/tenant/id").ok(), Some(7));
    assert!(access.claim::<String>("/tenant/id").is_err() && access.claim::<u8>("/tenant/none").is_err());
    #[derive(serde::Deserialize)]
    struct AppState {
        sub: String,
    }
    assert_eq!(access.custom::<AppState>().unwrap().sub, "alice");
    assert!(access.custom::<Vec<u8>>().is_err());
    assert!(access.response_headers().is_empty());
    assert!(!format!("{access:?}").contains("alice"));
}

#[test]
fn scopes_are_words_or_an_array_in_the_claim_that_the_issuer_uses() {
    assert_eq!(scopes(&access(json!({"scope": ["a", "b c"]}))), ["a", "b c"]);
    assert_eq!(scopes(&access(json!({"scope": " a  b "}))), ["a", "b"]);
    assert!(scopes(&access(json!({"scope": null}))).is_empty());
    // Without a setting, `scope` or else `scp` counts. With a setting, only the named claim counts.
    let scp = json!({"scope": null, "scp": ["a", "b"]});
    assert_eq!(scopes(&access(scp.clone())), ["a", "b"]);
    assert_eq!(scopes(&access(json!({"scp": "a"}))), ["read", "write"]);
    let named = ResourceServer::builder(RESOURCE).trust(TrustedIssuer::new(ISSUER).scope_claim("scope"));
    assert!(scopes(&bearer(&named.build().unwrap(), &token(scp)).unwrap()).is_empty());
    assert_eq!(scopes(&access(json!({"scope": ["", "a"]}))), ["a"]);
    let entra = ResourceServer::builder(RESOURCE).trust(TrustedIssuer::new(ISSUER).scope_claim("scp"));
    let access = bearer(&entra.build().unwrap(), &token(json!({"scp": "Mail.Read"}))).unwrap();
    assert_eq!(scopes(&access), ["Mail.Read"]);
}

use super::super::{ResourceServer, TrustedIssuer};

#[test]
fn roles_are_found_by_path_and_by_whole_words() {
    let access =
        access(json!({"realm_access": {"roles": ["admin", "user"]}, "role": "boss", "a/b": {"c~d": ["x"]},
                              "n": 5}));
    for (path, role, has) in [
        ("/realm_access/roles", "admin", true),
        ("/realm_access/roles", "adm", false),
        ("/realm_access/roles/0", "admin", true),
        ("/realm_access", "roles", false),
        ("/role", "boss", true),
        ("/role", "bos", false),
        ("/a~1b/c~0d", "x", true),
        ("role", "boss", false),
        ("", "boss", false),
        ("/", "boss", false),
        ("/none", "boss", false),
        ("/n", "5", false),
    ] {
        assert_eq!(access.has_role(path, role), has, "{path} {role}");
    }
}

#[test]
fn a_missing_scope_is_403_and_named() {
    let needs = |scopes: &[&str]| scopes.iter().fold(Requirement::new(), |needs, scope| needs.scope(*scope));
    assert_eq!(refusal(json!({}), &Requirement::new()), None);
    assert_eq!(refusal(json!({}), &needs(&["read", "write"])), None);
    assert_eq!(refusal(json!({}), &Requirement::new().any_scope(["x", "read"])), None);
    let (status, code, challenge) = refusal(json!({}), &needs(&["read", "admin"])).unwrap();
    assert_eq!((status, code), (403, "access_scope"));
    assert!(
        challenge.contains(r#"error="insufficient_scope""#) && challenge.contains(r#"scope="read admin""#)
    );
    let any = Requirement::new().scope("read").any_scope(["x", "y"]);
    let (_, _, challenge) = refusal(json!({}), &any).unwrap();
    assert!(challenge.contains(r#"scope="read x""#), "{challenge}");
    assert!(refusal(json!({"scope": "reads"}), &needs(&["read"])).is_some());
}

/// A list may come from a configuration in which it is empty by mistake.
#[test]
fn no_token_satisfies_an_empty_list() {
    const NONE: [&str; 0] = [];
    let good = json!({"acr": "high", "auth_time": NOW.0});
    for (needs, status, code) in [
        (Requirement::new().any_scope(NONE), 403, "access_scope"),
        (Requirement::new().scope("read").any_scope(NONE), 403, "access_scope"),
        (Requirement::new().any_scope(["read"]).any_scope(NONE), 403, "access_scope"),
        (Requirement::new().acr_values(NONE), 401, "access_authentication"),
        (Requirement::new().acr_values(["high"]).acr_values(NONE), 401, "access_authentication"),
        (Requirement::new().acr_values(["high"]).acr_values(["low"]), 401, "access_authentication"),
        (Requirement::new().and(Requirement::new().any_scope(NONE)), 403, "access_scope"),
        (Requirement::new().scope(""), 403, "access_scope"),
        (Requirement::new().role("/realm_access/roles", ""), 403, "access_privilege"),
    ] {
        let (found, why, _) =
            refusal(good.clone(), &needs).unwrap_or_else(|| panic!("{needs:?} lets it pass"));
        assert_eq!((found, why), (status, code), "{needs:?}");
    }
    assert!(!access(json!({})).has_any_scope(&NONE) && access(json!({})).has_all_scopes(&NONE));
}

#[test]
fn two_calls_of_a_method_make_two_demands() {
    let changes =
        json!({"acr": "higher", "auth_time": NOW.0 - 500, "aud": ["x", RESOURCE], "roles": ["user"]});
    let none = Requirement::new;
    for (one, other, code) in [
        (none().scope("admin"), none().scope("read"), "access_scope"),
        (none().any_scope(["admin", "root"]), none().any_scope(["read", "write"]), "access_scope"),
        (none().audience("https://internal.example"), none().audience(RESOURCE), "token_audience"),
        (none().role("/roles", "admin"), none().role("/roles", "user"), "access_privilege"),
        (none().satisfies(|_| false), none().satisfies(|_| true), "access_privilege"),
        (none().acr_values(["high"]), none().acr_values(["high", "higher"]), "access_authentication"),
        (
            none().max_age(Duration::from_secs(60)),
            none().max_age(Duration::from_secs(3600)),
            "access_authentication",
        ),
    ] {
        assert_eq!(refusal(changes.clone(), &other), None, "{other:?}");
        for both in [one.clone().and(other.clone()), other.and(one)] {
            assert_eq!(refusal(changes.clone(), &both).unwrap().1, code, "{both:?}");
        }
    }
    let age = Duration::from_secs;
    let twice = |first, second| Requirement::new().max_age(age(first)).max_age(age(second));
    assert!(refusal(changes.clone(), &twice(60, 3600)).is_some());
    assert!(refusal(changes.clone(), &twice(3600, 60)).is_some());
    assert!(refusal(changes.clone(), &Requirement::new().audience("y").audience(RESOURCE)).is_some());
    assert!(refusal(changes.clone(), &Requirement::new().any_scope(["y"]).any_scope(["read"])).is_some());
    let met =
        Requirement::new().audience("x").audience(RESOURCE).any_scope(["y", "read"]).any_scope(["write"]);
    assert_eq!(refusal(changes.clone(), &met), None);
    let classes = Requirement::new().acr_values(["a", "high", "b"]).acr_values(["b", "c", "high"]);
    let (_, _, challenge) = refusal(changes.clone(), &classes).unwrap();
    assert!(challenge.contains(r#"acr_values="high b""#), "{challenge}");
    let lists = Requirement::new().scope("s").any_scope(["t", "u"]).any_scope(["v"]);
    let (_, _, challenge) = refusal(changes, &lists).unwrap();
    assert!(challenge.contains(r#"scope="s t v""#), "{challenge}");
}

#[test]
fn privileges_and_audiences_of_a_route() {
    let (status, code, challenge) = refusal(json!({}), &Requirement::new().role("/roles", "admin")).unwrap();
    assert_eq!((status, code), (403, "access_privilege"));
    assert!(challenge.contains("insufficient_scope") && !challenge.contains(" scope="));
    assert_eq!(refusal(json!({"roles": ["admin"]}), &Requirement::new().role("/roles", "admin")), None);
    let alice = Requirement::new().satisfies(|access| access.subject() == Some("alice"));
    assert_eq!(refusal(json!({}), &alice), None);
    assert_eq!(refusal(json!({"sub": "bob"}), &alice).unwrap().0, 403);
    assert_eq!(refusal(json!({}), &Requirement::new().audience(RESOURCE)), None);
    let (status, code, challenge) = refusal(json!({}), &Requirement::new().audience("other")).unwrap();
    assert_eq!((status, code), (401, "token_audience"));
    assert!(challenge.contains(r#"error="invalid_token""#));
}

#[test]
fn a_weak_or_old_authentication_is_401_and_says_what_is_needed() {
    let strong = Requirement::new().acr_values(["high", "higher"]);
    assert_eq!(refusal(json!({"acr": "higher"}), &strong), None);
    for changes in [json!({}), json!({"acr": "low"}), json!({"acr": "high higher"})] {
        let (status, code, challenge) = refusal(changes, &strong).unwrap();
        assert_eq!((status, code), (401, "access_authentication"));
        assert!(challenge.contains(r#"error="insufficient_user_authentication""#));
        assert!(challenge.contains(r#"acr_values="high higher""#) && !challenge.contains("max_age"));
    }
    let recent = Requirement::new().max_age(Duration::from_secs(60));
    for (ago, accepted) in [(0, true), (60, true), (90, true), (91, false)] {
        let refused = refusal(json!({"auth_time": NOW.0 - ago}), &recent);
        assert_eq!(refused.is_none(), accepted, "{ago}");
    }
    let (status, _, challenge) = refusal(json!({}), &recent).unwrap();
    assert_eq!(status, 401);
    assert!(challenge.contains(r#"max_age="60""#) && !challenge.contains("acr_values"), "{challenge}");
}
