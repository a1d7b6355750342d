//! An API behind the gate, with tokens of a real, OpenID-certified provider: `oidc-provider` from npm.

use crate::npm::{self, Npm, SECRET};
use oidc_drive::{Gate, Io, now};
use oidc_proto::{
    Secret, UrlPolicy,
    flow::{Client, ClientAuthentication, ClientCredentialsRequest},
    resource::{Access, Denied, RequestView, ResourceServer, TrustedIssuer},
};
use std::sync::{
    Arc, Mutex, OnceLock,
    atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
};
use tokio::sync::RwLock;

const RESOURCE: &str = "https://api.example/";

/// A provider for these tests only: one of them rotates its keys, which must not disturb logins.
fn provider() -> Option<&'static Npm> {
    static NPM: OnceLock<Option<Npm>> = OnceLock::new();
    NPM.get_or_init(npm::start).as_ref()
}

/// Both tests share the provider, so they take turns.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Counts the requests to URLs with this path.
#[derive(Clone, Default)]
struct Sent(Arc<Mutex<Vec<String>>>);

impl Sent {
    fn count(&self, path: &str) -> usize {
        self.0.lock().unwrap().iter().filter(|sent| *sent == path).count()
    }
}

fn gate(npm: &Npm) -> (Gate, Sent) {
    let sent = Sent::default();
    let (http, log) = (npm.http.clone(), sent.clone());
    let send = move |request: oidc_proto::flow::Request, terms| {
        log.0.lock().unwrap().push(request.uri().path().to_owned());
        let http = http.clone();
        async move { tokio::task::spawn_blocking(move || http.send(request, terms)).await.expect("no panic") }
    };
    // The provider's introspection response has no audience: any client that may introspect may use the
    // token.
    let issuer = TrustedIssuer::new(&npm.issuer).introspects_opaque_tokens().introspects_without_audience();
    let server = ResourceServer::builder(RESOURCE).trust(issuer).build().unwrap();
    let io = Io::new(send, |task| drop(tokio::spawn(task)), tokio::time::sleep);
    let client = |metadata| {
        let client = Client::builder(metadata, "RS256-client_secret_basic").secret(SECRET);
        client.authentication(ClientAuthentication::ClientSecretBasic).build()
    };
    let policy = UrlPolicy::default().with_loopback();
    (Gate::builder(server, io).url_policy(policy).introspection(client).build().unwrap(), sent)
}

/// A token of a service: a JWT if the resource is named, and opaque otherwise.
fn token(npm: &Npm, resource: Option<&str>) -> Secret {
    let client = npm.client("ES256", "client_secret_basic").build().unwrap();
    let wanted = match resource {
        Some(resource) => ClientCredentialsRequest::new(["api:read"]).resource(resource),
        None => ClientCredentialsRequest::default(),
    };
    npm.http.run(client.client_credentials(&wanted, oidc_drive::moment()).unwrap()).unwrap().access_token
}

async fn ask(gate: &Gate, token: &Secret) -> Result<Arc<Access>, Denied> {
    let request =
        http::Request::get("/reports").header("authorization", format!("Bearer {}", token.expose()));
    let (parts, ()) = request.body(()).unwrap().into_parts();
    gate.check(&RequestView::of(&parts)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jwts_are_verified_and_opaque_tokens_introspected() {
    let Some(npm) = provider() else { return };
    let _turn = TURN.lock().await;
    let (gate, sent) = gate(npm);
    let access = ask(&gate, &token(npm, Some(RESOURCE))).await.unwrap();
    assert_eq!(access.client_id(), Some("ES256-client_secret_basic"));
    assert!(access.has_scope("api:read") && access.audience().eq([RESOURCE]));

    let opaque = token(npm, None);
    assert!(!opaque.expose().contains('.'));
    for _ in 0..3 {
        let access = ask(&gate, &opaque).await.unwrap();
        assert_eq!(access.client_id(), Some("ES256-client_secret_basic"));
        assert!(access.expires().is_some_and(|expires| expires > now()));
    }
    assert_eq!(sent.count("/token/introspection"), 1);
    for bad in ["no-token-of-this-provider", "eyJhbGciOiJub25lIn0.e30."] {
        assert_eq!(ask(&gate, &Secret::new(bad)).await.unwrap_err().status(), 401, "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_rotate_while_requests_run_and_no_valid_token_is_refused() {
    let Some(npm) = provider() else { return };
    let _turn = TURN.lock().await;
    let (gate, sent) = gate(npm);
    let opaque = token(npm, None);
    let old = token(npm, Some(RESOURCE));
    ask(&gate, &old).await.unwrap();
    // Every request uses the newest token. The key of an older one may be withdrawn by then, and the search
    // for it would use one of the two fetches that the rotations need.
    let newest = Arc::new(RwLock::new(old.clone()));
    let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let load: Vec<_> = (0..8)
        .map(|_| {
            let (gate, newest, stop, asked) = (gate.clone(), newest.clone(), stop.clone(), asked.clone());
            tokio::spawn(async move {
                while !stop.load(SeqCst) {
                    let token = newest.read().await;
                    ask(&gate, &token).await.expect("a good token");
                    drop(token);
                    asked.fetch_add(1, SeqCst);
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for rotation in 1..=2 {
        npm.rotate(rotation);
        let new = token(npm, Some(RESOURCE));
        *newest.write().await = new;
        let before = asked.load(SeqCst);
        while asked.load(SeqCst) < before + 200 && load.iter().all(|task| !task.is_finished()) {
            tokio::task::yield_now().await;
        }
    }
    stop.store(true, SeqCst);
    for task in load {
        task.await.expect("nobody was refused");
    }
    assert_eq!(sent.count("/jwks"), 3, "the first keys, and one fetch for each rotation");
    assert_eq!(ask(&gate, &old).await.unwrap_err().code(), "jws_unknown_key", "its key was withdrawn");
    assert!(ask(&gate, &opaque).await.is_ok(), "an opaque token outlives the keys");
}
