//! The scenarios of the group `draft`: those of the revision 2026-07-28.

use super::*;

#[test]
fn resource_mismatch() {
    each_stranger(|town, caller| {
        town.change(|net| net.metadata["resource"] = json!("https://evil.example.com/mcp"));
        let error = caller.refused("read");
        assert_eq!(error.code(), "metadata_resource_mismatch", "{error}");
        assert_eq!(asked_of(town), [METADATA], "neither a server nor a user was asked");
        assert_eq!(town.visits(), 0);
    });
}

#[test]
fn offline_access_scope() {
    each_stranger(|town, caller| {
        offer_scopes(town, &["mcp:read", "offline_access"]);
        caller.does("read");
        assert_eq!(town.asked("scope").as_deref(), Some("mcp:read offline_access"));
        let log = town.log();
        let registered = log.iter().find(|seen| seen.url == REGISTER).expect("a registration");
        let registered: Value = serde_json::from_str(&registered.body).unwrap();
        assert_eq!(registered["grant_types"], json!(["authorization_code", "refresh_token"]));
        assert_eq!(registered["application_type"], "native");
        town.assert_clean();
    });
}

#[test]
fn offline_access_not_supported() {
    each_stranger(|town, caller| {
        offer_scopes(town, &["mcp:read", "mcp:write"]);
        caller.does("read");
        assert_eq!(town.asked("scope").as_deref(), Some("mcp:read"));
    });
}

fn offer_scopes(town: &Town, scopes: &[&str]) {
    let alter = hostile::set_member("scopes_supported", json!(scopes));
    town.change(|net| net.servers.get_mut(ONE).unwrap().alter_response(EndpointName::OAuthMetadata, alter));
}

/// The resource names another server, and refuses the token of the old one with a challenge that gives no reason.
#[test]
fn authorization_server_migration() {
    each_stranger(|town, caller| {
        caller.does("read");
        let before = town.log().len();
        town.change(|net| net.metadata["authorization_servers"] = json!([TWO]));
        caller.does("read");
        let (old, after) = (town.log(), town.log().split_off(before));
        let client = forms(&old[..before], TOKEN)[0].get("client_id").cloned();
        for seen in &after {
            assert!(!seen.url.starts_with(ONE), "the old server is not asked: {}", seen.url);
            if seen.url.starts_with(TWO) {
                assert!(
                    client.as_ref().is_none_or(|client| !seen.body.contains(client.as_str())),
                    "{seen:?}"
                );
            }
        }
        assert!(after.iter().any(|seen| seen.url == "https://two.example/register"));
        assert_eq!(town.visits(), 2);
        town.assert_clean();
    });
}

/// The callback of a server that does or does not promise to name itself, with this `iss` in place of its own.
#[track_caller]
fn callback(promised: bool, named: Option<&'static str>, refused: Option<&'static str>) {
    each_stranger(|town, caller| {
        town.change(|net| {
            let provider = net.servers.get_mut(ONE).unwrap();
            provider.issuer_in_callback(promised);
            if let Some(named) = named {
                provider
                    .alter_response(EndpointName::Authorize, hostile::set_callback_parameter("iss", named));
            } else {
                provider.alter_response(EndpointName::Authorize, hostile::remove_callback_parameter("iss"));
            }
        });
        match refused {
            None => {
                caller.does("read");
                assert_authorized(town, RESOURCE);
            }
            Some(code) => {
                let error = caller.refused("read");
                assert_eq!(error.code(), code, "{error}");
                assert_eq!(town.count(ONE, EndpointName::Token), 0, "the code goes nowhere");
            }
        }
    });
}

#[test]
fn iss_supported() {
    callback(true, Some(ONE), None);
}

#[test]
fn iss_not_advertised() {
    callback(false, None, None);
}

#[test]
fn iss_supported_missing() {
    callback(true, None, Some("callback_missing_issuer"));
}

#[test]
fn iss_wrong_issuer() {
    callback(true, Some("https://evil.example.com"), Some("callback_issuer"));
}

#[test]
fn iss_unexpected() {
    callback(false, Some("https://evil.example.com"), Some("callback_issuer"));
}

#[test]
fn iss_normalized() {
    callback(true, Some("https://one.example/"), Some("callback_issuer"));
}

#[test]
fn metadata_issuer_mismatch() {
    each_stranger(|town, caller| {
        let alter = hostile::set_member("issuer", "https://attacker.example.com");
        town.change(|net| {
            net.servers.get_mut(ONE).unwrap().alter_response(EndpointName::OAuthMetadata, alter)
        });
        let error = caller.refused("read");
        assert_eq!(error.code(), "metadata_issuer_mismatch", "{error}");
        assert_eq!(asked_of(town), [METADATA, SERVER], "none of its endpoints is asked");
        assert_eq!(town.visits(), 0);
    });
}
