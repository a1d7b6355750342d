//! An API behind the gate, with Keycloak's tokens as it issues them.

use super::{CERTS, Realm, lab, logins::log_in, policy};
use crate::npm::{SECRET, protocol};
use oidc_drive::{Gate, Io, moment};
use oidc_proto::{
    Secret,
    flow::{Client, ClientCredentialsRequest, Request},
    resource::{Access, Denied, RequestView, ResourceServer, TrustedIssuer},
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
};
use tokio::sync::RwLock;

/// The audience that the mapper of the client `audience` adds.
pub(super) const RESOURCE: &str = "https://api.example";

/// A gate that trusts the realm, and how often it fetched keys.
pub(super) fn gate(
    realm: &Realm,
    trust: impl FnOnce(TrustedIssuer) -> TrustedIssuer,
) -> (Gate, Arc<AtomicUsize>) {
    let (io, fetched) = io(realm);
    let server = ResourceServer::builder(RESOURCE).trust(trust(TrustedIssuer::new(&realm.issuer)));
    (Gate::builder(server.build().unwrap(), io).url_policy(policy()).build().unwrap(), fetched)
}

/// A gate for this resource, which introspects as the client of that name.
pub(super) fn introspecting(realm: &Realm, resource: &'static str, issuer: TrustedIssuer) -> Gate {
    let server = ResourceServer::builder(resource).trust(issuer).build().unwrap();
    let client = move |metadata| Client::builder(metadata, resource).secret(SECRET).build();
    // An issuer on this machine needs no policy.
    Gate::builder(server, io(realm).0).introspection(client).build().unwrap()
}

fn io(realm: &Realm) -> (Io, Arc<AtomicUsize>) {
    let fetched = Arc::new(AtomicUsize::new(0));
    let (http, count) = (realm.http.clone(), Arc::clone(&fetched));
    let send = move |request: Request, terms| {
        if request.uri().path().ends_with(CERTS) {
            count.fetch_add(1, SeqCst);
        }
        let http = http.clone();
        async move { tokio::task::spawn_blocking(move || http.send(request, terms)).await.expect("no panic") }
    };
    (Io::new(send, |task| drop(tokio::spawn(task)), tokio::time::sleep), fetched)
}

pub(super) async fn ask(gate: &Gate, token: &Secret) -> Result<Arc<Access>, Denied> {
    let request =
        http::Request::get("/reports").header("authorization", format!("Bearer {}", token.expose()));
    let (parts, ()) = request.body(()).unwrap().into_parts();
    gate.check(&RequestView::of(&parts)).await
}

fn plain(issuer: TrustedIssuer) -> TrustedIssuer {
    issuer.access_tokens(|tokens| tokens.accept_plain_jwt())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_token_of_default_settings_opens_the_api() {
    let Some(realm) = lab() else { return };
    let client = realm.client("audience").build().unwrap();
    let login = tokio::task::block_in_place(|| log_in(realm, &client, "alice"));
    let token = &login.tokens.access_token;

    let (strict, _) = gate(realm, |issuer| issuer);
    assert_eq!(ask(&strict, token).await.unwrap_err().code(), "token_typ", "it does not say that it is one");

    let (gate, _) = gate(realm, plain);
    let access = ask(&gate, token).await.unwrap();
    assert_eq!(access.subject(), Some(login.id_token.sub.as_str()));
    assert!(access.has_role("/realm_access/roles", "admin"));
    for other in [&login.id_token.token, login.tokens.refresh_token.as_ref().expect("one")] {
        assert_eq!(ask(&gate, other).await.unwrap_err().status(), 401);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_of_another_realm_is_refused() {
    let Some(realm) = lab() else { return };
    let other = tokio::task::block_in_place(|| realm.another("elsewhere"));
    let client = other.client("audience").build().unwrap();
    let login = tokio::task::block_in_place(|| log_in(&other, &client, "alice"));
    let (gate, _) = gate(realm, plain);
    assert_eq!(ask(&gate, &login.tokens.access_token).await.unwrap_err().code(), "token_untrusted_issuer");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_rotate_while_requests_run_and_no_valid_token_is_refused() {
    let Some(lab) = lab() else { return };
    let realm = tokio::task::block_in_place(|| lab.another("turning"));
    let fresh = |realm: &Realm| {
        let client = realm.client("audience").build().unwrap();
        tokio::task::block_in_place(|| log_in(realm, &client, "alice")).tokens.access_token
    };
    let (gate, fetched) = gate(&realm, plain);
    let tokens = Arc::new(RwLock::new(vec![fresh(&realm)]));
    let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let load: Vec<_> = (0..4)
        .map(|_| {
            let (gate, tokens, stop, asked) = (gate.clone(), tokens.clone(), stop.clone(), asked.clone());
            tokio::spawn(async move {
                while !stop.load(SeqCst) {
                    // Old keys stay published, so a token of any of them is valid.
                    for token in &*tokens.read().await {
                        ask(&gate, token).await.expect("a valid token");
                        asked.fetch_add(1, SeqCst);
                    }
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for priority in [200, 300] {
        tokio::task::block_in_place(|| realm.add_key(priority));
        let new = fresh(&realm);
        tokens.write().await.push(new);
        let before = asked.load(SeqCst);
        while asked.load(SeqCst) < before + 200 && load.iter().all(|task| !task.is_finished()) {
            tokio::task::yield_now().await;
        }
    }
    stop.store(true, SeqCst);
    for task in load {
        task.await.expect("nobody was refused");
    }
    assert_eq!(fetched.load(SeqCst), 3, "the first keys, and one fetch for each new key");
}

#[test]
fn introspection_says_whose_token_it_is() {
    let Some(realm) = lab() else { return };
    let api = realm.client("api").build().unwrap();
    let login = log_in(realm, &realm.client("lightweight").build().unwrap(), "alice");
    let ask = |token: &Secret| {
        let call = api.introspect(token, None, moment()).unwrap();
        realm.http.run(call).map_err(protocol).unwrap()
    };
    let said = ask(&login.tokens.access_token);
    assert!(said.active);
    assert_eq!(said.sub.as_deref(), Some(login.id_token.sub.as_str()));
    assert!(!ask(&Secret::new("garbage")).active);
}

#[test]
fn a_service_gets_a_token_of_its_own() {
    let Some(realm) = lab() else { return };
    let client = realm.client("service").build().unwrap();
    let call = client.client_credentials(&ClientCredentialsRequest::default(), moment()).unwrap();
    let tokens = realm.http.run(call).map_err(protocol).unwrap();
    // The realm says 300 s; Keycloak counts from when it has begun to make the token.
    assert!(tokens.expires_in.is_some_and(|life| (290..=300).contains(&life.as_secs())));
    assert!(tokens.is_bearer());
}
