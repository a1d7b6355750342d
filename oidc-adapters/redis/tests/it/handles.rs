//! Async handles that share refreshes through Redis: tasks of one runtime, each with a handle of its own.

use crate::server::Server;
use oidc_proto::{
    Secret, Timestamp,
    flow::{Request, SealingKeys},
    message::{AuthorizationRequest, AuthorizationResponse},
};
use oidc_redis::{
    RedisStore,
    oidc_drive::{
        Io, Provider,
        store::{SharedRefreshes, Store as _},
    },
};
use oidc_testkit::{Browser, EndpointName, Registration, TestProvider};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

const ISSUER: &str = "https://op.example";
const CALLBACK: &str = "https://app.example/callback";

type Shared = Arc<Mutex<TestProvider>>;

fn lock(provider: &Shared) -> MutexGuard<'_, TestProvider> {
    provider.lock().unwrap_or_else(PoisonError::into_inner)
}

fn now() -> Timestamp {
    oidc_redis::oidc_drive::now()
}

fn provider() -> Shared {
    let mut provider = TestProvider::new(ISSUER);
    provider.rotate_refresh_tokens(true);
    let grants = ["authorization_code", "refresh_token"];
    provider.register(Registration::basic("app", "its secret").grant_types(grants).redirect_uri(CALLBACK));
    Arc::new(Mutex::new(provider))
}

/// A node: a handle and a connection of its own.
fn node(provider: &Shared, server: &Server) -> Provider {
    let provider = Arc::clone(provider);
    let send = move |request: Request, _| {
        let provider = Arc::clone(&provider);
        async move {
            tokio::task::yield_now().await;
            Ok::<_, std::io::Error>(lock(&provider).handle(&request, now()))
        }
    };
    let io = Io::new(send, |task| drop(tokio::spawn(task)), tokio::time::sleep);
    let store = RedisStore::open(&server.url()).expect("a URL");
    Provider::builder(ISSUER, io)
        .client_id("app")
        .secret("its secret")
        .redirect_uri(CALLBACK)
        .shared_refreshes(SharedRefreshes::new(store, SealingKeys::new(1, &[0x5A; 32])))
        .build()
        .expect("settings that fit")
}

async fn log_in(provider: &Shared, node: &Provider) -> Secret {
    let request = AuthorizationRequest::new(["profile", "offline_access"]);
    let (url, pending) = node.authorize(&request).await.expect("metadata");
    let landing = Browser::new().visit(&mut lock(provider), &url, now());
    let response = AuthorizationResponse::from_url(landing.url()).expect("a callback");
    node.callback(pending, response).await.expect("a login").tokens.refresh_token.expect("a refresh token")
}

#[tokio::test(flavor = "multi_thread")]
async fn handles_of_many_tasks_send_a_token_once_and_get_the_same_tokens() {
    let Some(server) = Server::start() else { return };
    let provider = provider();
    let nodes: Vec<Provider> = (0..6).map(|_| node(&provider, &server)).collect();
    for _ in 0..3 {
        let token = log_in(&provider, &nodes[0]).await;
        let before = lock(&provider).count(EndpointName::Token);
        let tasks: Vec<_> = nodes
            .iter()
            .map(|node| {
                let (node, token) = (node.clone(), token.clone());
                tokio::spawn(async move { node.refresh(&token, None).await })
            })
            .collect();
        let mut tokens = Vec::new();
        for task in tasks {
            let refreshed = task.await.expect("no panic").expect("tokens");
            tokens.push(refreshed.tokens.refresh_token.clone().expect("a refresh token"));
        }
        assert!(tokens.iter().all(|new| *new == tokens[0] && *new != token));
        assert_eq!(lock(&provider).count(EndpointName::Token), before + 1);
        lock(&provider).assert_clean();
    }
}

/// While Redis is down, nothing is sent. When it is back, the same handle goes on.
#[tokio::test(flavor = "multi_thread")]
async fn without_redis_no_token_is_sent_and_afterwards_it_is() {
    let Some(server) = Server::start() else { return };
    let (provider, port) = (provider(), server.port);
    let node = node(&provider, &server);
    let token = log_in(&provider, &node).await;
    let probe = RedisStore::open(&server.url()).expect("a URL");
    probe.put("key", b"value", Duration::from_secs(60)).await.expect("an answer");
    let before = lock(&provider).count(EndpointName::Token);
    drop(server);
    let error = node.refresh(&token, None).await.map(drop).unwrap_err();
    assert_eq!(error.code(), "store_no_answer", "{error}");
    assert_eq!(lock(&provider).count(EndpointName::Token), before);
    let Some(_server) = Server::start_on(port) else { return };
    assert!(node.refresh(&token, None).await.expect("new tokens").rotated);
    lock(&provider).assert_clean();
}
