//! The scenarios of the group `auth`.

use super::*;
use oidc_drive::resource::AccessError;
use oidc_proto::{
    flow::ScopeStepUpError,
    message::{ClientIdMetadataDocument, ClientIdUrl},
};
use oidc_testkit::Registration;
use std::time::Duration;

/// The issuer of a tenant at the first server.
const TENANT: &str = "https://one.example/tenant1";

#[test]
fn metadata_default() {
    each_stranger(|town, caller| {
        caller.does("read");
        assert_eq!(asked_of(town), [METADATA, SERVER, REGISTER, TOKEN]);
        assert_authorized(town, RESOURCE);
    });
}

#[test]
fn metadata_var1() {
    each_stranger(|town, caller| {
        town.change(|net| {
            net.challenge = r#"scope="mcp:read""#.to_owned();
            net.servers.get_mut(ONE).unwrap().metadata_forms(true, false);
        });
        caller.does("read");
        assert_eq!(asked_of(town), [METADATA, SERVER, OPENID, REGISTER, TOKEN]);
        assert_authorized(town, RESOURCE);
    });
}

/// A server for the tenant, in place of the first one.
fn tenant(town: &Town) {
    let mut provider = TestProvider::new(TENANT);
    like_the_suite(&mut provider);
    town.change(|net| net.servers.insert(ONE, provider));
}

/// The metadata is that of the whole origin, so the tokens are for the origin.
#[test]
fn metadata_var2() {
    each_stranger(|town, caller| {
        tenant(town);
        let origin = "https://mcp.example";
        town.change(|net| {
            net.challenge = r#"scope="mcp:read""#.to_owned();
            net.metadata["authorization_servers"] = json!([TENANT]);
        });
        guard_audience(town, origin, r#"Bearer scope="mcp:read""#);
        nothing_at(town, METADATA);
        page(town, ROOT, &json!({ "resource": origin, "authorization_servers": [TENANT] }));
        caller.does("read");
        let server = "https://one.example/.well-known/oauth-authorization-server/tenant1";
        let (register, token) = ("https://one.example/tenant1/register", "https://one.example/tenant1/token");
        assert_eq!(asked_of(town), [METADATA, ROOT, server, register, token]);
        assert_authorized(town, origin);
        assert_eq!(forms(&town.log(), token)[0]["resource"], origin);
    });
}

#[test]
fn metadata_var3() {
    each_stranger(|town, caller| {
        tenant(town);
        let place = "https://mcp.example/custom/metadata/location.json";
        town.change(|net| {
            net.challenge = format!(r#"resource_metadata="{place}", scope="mcp:read""#);
            net.metadata["authorization_servers"] = json!([TENANT]);
        });
        page(town, place, &json!({ "resource": RESOURCE, "authorization_servers": [TENANT] }));
        let inserted = ["oauth-authorization-server", "openid-configuration"]
            .map(|name| format!("https://one.example/.well-known/{name}/tenant1"));
        inserted.iter().for_each(|url| nothing_at(town, url));
        caller.does("read");
        let appended = "https://one.example/tenant1/.well-known/openid-configuration";
        let (register, token) = ("https://one.example/tenant1/register", "https://one.example/tenant1/token");
        assert_eq!(asked_of(town), [place, &*inserted[0], &*inserted[1], appended, register, token]);
        assert_authorized(town, RESOURCE);
    });
}

/// The server registers programs, too, but a document comes first.
#[test]
fn basic_cimd() {
    let me = || ClientIdUrl::parse("https://agent.example/client.json").unwrap();
    each_with(
        |town| {
            let document = ClientIdMetadataDocument::builder(me(), "A test").loopback_redirects("/callback");
            let document = document.build().unwrap();
            town.change(|net| {
                let server = net.servers.get_mut(ONE).unwrap();
                like_the_suite(server);
                server.read_client_documents(move |_| document.response(Duration::from_secs(60)));
            });
            let identities = || Town::unknown().document(me());
            (town.asynchronous().identities(identities()), town.blocking().identities(identities()))
        },
        |town, caller| {
            caller.does("read");
            assert_eq!(asked_of(town), [METADATA, SERVER, TOKEN]);
            assert_eq!(town.asked("client_id").as_deref(), Some(me().as_str()));
            assert_authorized(town, RESOURCE);
        },
    );
}

/// The first scopes of a program, with this challenge and these scopes in the metadata.
#[track_caller]
fn first_scopes(challenge: &str, supported: Option<&[&str]>, wanted: Option<&str>) {
    each_stranger(|town, caller| {
        town.change(|net| {
            net.challenge = format!(r#"resource_metadata="{METADATA}"{challenge}"#);
            net.needs.clear();
            if let Some(supported) = supported {
                net.metadata["scopes_supported"] = json!(supported);
            }
        });
        caller.does("read");
        assert_eq!(town.asked("scope").as_deref(), wanted);
        assert_authorized(town, RESOURCE);
    });
}

#[test]
fn scope_from_www_authenticate() {
    first_scopes(r#", scope="mcp:basic""#, None, Some("mcp:basic"));
    first_scopes(r#", scope="mcp:basic""#, Some(&["mcp:other"]), Some("mcp:basic"));
}

#[test]
fn scope_from_scopes_supported() {
    first_scopes("", Some(&["mcp:basic", "mcp:read", "mcp:write"]), Some("mcp:basic mcp:read mcp:write"));
}

#[test]
fn scope_omitted_when_undefined() {
    first_scopes("", None, None);
}

/// The metadata lists neither of the scopes that the operations need.
#[test]
fn scope_step_up() {
    each_stranger(|town, caller| {
        town.change(|net| net.metadata["scopes_supported"] = json!(["mcp:profile"]));
        caller.does("read");
        assert_eq!(town.asked("scope").as_deref(), Some("mcp:read"));
        caller.does("write");
        assert_eq!(town.asked("scope").as_deref(), Some("mcp:read mcp:write"));
        assert_eq!((town.visits(), town.count(ONE, EndpointName::Token)), (2, 2));
        assert_authorized(town, RESOURCE);
    });
}

/// The server demands a scope that each token has.
#[test]
fn scope_retry_limit() {
    each_stranger(|town, caller| {
        town.change(|net| {
            let provider = net.servers.get_mut(ONE).unwrap();
            provider.alter_access_token(hostile::remove_claim("scope"));
        });
        let error = caller.refused("read");
        assert_eq!(error, AccessError::Scope(ScopeStepUpError::NothingNew));
        assert!(town.visits() <= 3);
        let with_token =
            town.log().iter().filter(|seen| seen.url == RESOURCE && seen.authorization.is_some()).count();
        assert!(with_token <= 3);
    });
}

/// How the program authenticates at a server that knows this method alone, and answers so when the program registers.
#[track_caller]
fn authenticates(client: Registration, method: &str, check: impl Fn(&Seen, &BTreeMap<String, String>)) {
    each_stranger(|town, caller| {
        let client =
            client.clone().grant_types(["authorization_code", "refresh_token"]).redirect_uri(CALLBACK);
        town.change(|net| {
            let server = net.servers.get_mut(ONE).unwrap();
            let alter = hostile::set_member("token_endpoint_auth_methods_supported", json!([method]));
            server.alter_response(EndpointName::OAuthMetadata, alter);
            server.register(client);
        });
        let mut answer = json!({ "client_id": "given", "redirect_uris": [CALLBACK], "token_endpoint_auth_method": method });
        if method != "none" {
            answer["client_secret"] = json!("a secret");
        }
        page(town, REGISTER, &answer);
        caller.does("read");
        let log = town.log();
        let sent: Vec<_> = log.iter().filter(|seen| seen.url == TOKEN).collect();
        assert_eq!(sent.len(), 1);
        check(sent[0], &forms(&log, TOKEN)[0]);
        assert_authorized(town, RESOURCE);
    });
}

#[test]
fn token_endpoint_auth_basic() {
    authenticates(Registration::basic("given", "a secret"), "client_secret_basic", |seen, form| {
        assert!(seen.authorization.as_ref().is_some_and(|value| value.starts_with("Basic ")));
        assert!(!form.contains_key("client_secret"));
    });
}

#[test]
fn token_endpoint_auth_post() {
    authenticates(Registration::post("given", "a secret"), "client_secret_post", |seen, form| {
        assert_eq!(seen.authorization, None);
        assert!(form.contains_key("client_secret") && form.contains_key("client_id"));
    });
}

#[test]
fn token_endpoint_auth_none() {
    authenticates(Registration::public("given"), "none", |seen, form| {
        assert_eq!(seen.authorization, None);
        assert!(!form.contains_key("client_secret") && form.contains_key("client_id"));
    });
}

/// The server registers nobody, and the program brings its credentials.
#[test]
fn pre_registration() {
    each(|town, caller| {
        caller.does("read");
        assert_eq!(asked_of(town), [METADATA, SERVER, TOKEN]);
        let sent = town.log().into_iter().find(|seen| seen.url == TOKEN).unwrap();
        assert!(sent.authorization.is_some_and(|value| value.starts_with("Basic ")));
        assert_authorized(town, RESOURCE);
    });
}
