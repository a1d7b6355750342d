//! The whole chain on loopback: a provider, an API behind a gate, and the client for it over each HTTP stack: that of the
//! handle, and one of the program's own.

use axum::{Router, response::Redirect, routing::get};
use http::Request;
use http_body_util::{BodyExt as _, Full};
use oidc_axum::{RequireLayer, protect, require_scope};
use oidc_drive::{Gate, api::ApiToken};
use oidc_proto::{
    Secret,
    flow::{Client, ClientCredentialsRequest, NotSentAgain, ResourceOutcome},
    jose::{Algorithm, RingSigner, Sign},
    resource::{Requirement, ResourceServer, TrustedIssuer},
    sender::{DpopVerifier, NonceKeys},
};
use oidc_testkit::{EndpointName, Registration, Socket, TestProvider, hostile};
use serde_json::json;
use std::{
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
};

const RESOURCE: &str = "https://api.example/";

/// RFC 8037 appendix A.1.
const KEY: &[u8] = br#"{"kty": "OKP", "crv": "Ed25519", "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

fn key() -> Arc<RingSigner> {
    Arc::new(RingSigner::from_jwk(KEY, Some(Algorithm::EdDSA)).unwrap())
}

fn provider() -> Socket {
    Socket::start(|issuer| {
        let mut provider = TestProvider::new(issuer);
        provider.default_resource(RESOURCE);
        provider.register(Registration::basic("worker", "its secret").grant_types(["client_credentials"]));
        provider
    })
}

/// An API behind a gate, on a thread of its own. Returns its origin, and a port beside it that counts its connections.
fn serve(socket: &Socket, bound: bool) -> (String, Elsewhere) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let trusted = TrustedIssuer::new(socket.issuer());
    let server = ResourceServer::builder(RESOURCE).origin(&origin);
    let server = if bound {
        let nonces = NonceKeys::new(b"a key for nonces, 32 bytes long.");
        server.trust(trusted).require_dpop(DpopVerifier::new().demand_nonce(nonces))
    } else {
        server.trust(trusted.introspects_opaque_tokens().introspects_without_audience())
    };
    let server = server.build().unwrap();
    let elsewhere = Elsewhere::start();
    let away = format!("{}/orders", elsewhere.origin);
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let client = |metadata| Client::builder(metadata, "worker").secret("its secret").build();
            let gate = Gate::builder(server, oidc_hyper::Http::new().io());
            let gate = if bound { gate } else { gate.introspection(client) };
            let step_up = RequireLayer::new(
                Requirement::new().acr_values(["mfa"]).max_age(std::time::Duration::from_secs(300)),
            );
            let router = Router::new()
                .route("/orders", get(async || "3 orders").post(async |body: String| body))
                .route("/pay", get(async || "paid").layer(require_scope("orders:pay")))
                .route("/admin", get(async || "admin").layer(step_up))
                .route("/away", get(async move || Redirect::temporary(&away)))
                .layer(protect(gate.build().unwrap()));
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, router).await.unwrap();
        });
    });
    (origin, elsewhere)
}

/// A server to which nothing may go.
struct Elsewhere {
    origin: String,
    connections: Arc<AtomicUsize>,
}

impl Elsewhere {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let connections = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&connections);
        thread::spawn(move || {
            listener.incoming().for_each(|_| {
                count.fetch_add(1, SeqCst);
            })
        });
        Self { origin, connections }
    }
}

fn wanted() -> ClientCredentialsRequest {
    ClientCredentialsRequest::new(["orders:read"])
}

fn at(url: &str) -> Request<Vec<u8>> {
    Request::get(url).body(Vec::new()).unwrap()
}

fn posted(url: &str) -> Request<Vec<u8>> {
    Request::post(url).body(b"an order".to_vec()).unwrap()
}

/// The handle over this stack. The story is the same for all, except for `.await`.
macro_rules! handle {
    ($http:ident, $socket:ident) => {
        $http::Http::new().provider($socket.issuer()).client_id("worker").secret("its secret")
    };
}

/// Tokens that an API introspects: one is revoked in the middle. `send` is a client of the program's own.
macro_rules! bearer_story {
    ($http:ident, $send:expr, $text:expr $(, $await:tt)?) => {{
        let socket = provider();
        socket.provider(|provider| provider.opaque_access_tokens(true));
        let (origin, elsewhere) = serve(&socket, false);
        let orders = format!("{origin}/orders");
        let provider = handle!($http, socket).build().unwrap();
        let api = provider.api(&origin).client_credentials(wanted()).unwrap();

        // The first token is revoked before the API has seen it.
        let first = provider.client_credentials(&wanted())$(.$await)?.unwrap();
        provider.revoke(&first.value.access_token, None)$(.$await)?.unwrap();
        let answer = api.send(posted(&orders), $send)$(.$await)?.unwrap();
        assert_eq!((answer.response.status().as_u16(), answer.outcome), (200, ResourceOutcome::Answered));
        let body = $text(answer.response)$(.$await)?;
        assert_eq!(body, "an order", "the body was sent again");
        let fetched = || socket.provider(|provider| provider.count(EndpointName::Token));
        assert_eq!(fetched(), 2);
        let answer = api.fetch(at(&orders))$(.$await)?.unwrap();
        assert_eq!((answer.response.body().as_slice(), fetched()), (&b"3 orders"[..], 2));

        // A stream is sent once: with a token that is revoked, and then with a newer one.
        let second = provider.client_credentials(&wanted())$(.$await)?.unwrap();
        let fresh = provider.client_credentials_newer_than(&wanted(), second.epoch)$(.$await)?.unwrap();
        provider.revoke(&fresh.value.access_token, None)$(.$await)?.unwrap();
        let answer = api.send_once(posted(&orders), $send)$(.$await)?.unwrap();
        let refused = answer.outcome.challenge().unwrap();
        assert_eq!((refused.status.as_u16(), refused.not_sent_again), (401, Some(NotSentAgain::Body)));

        // What no newer token changes.
        let own = ApiToken::bearer(second.value.access_token.clone());
        let api = provider.api(&origin).fixed(own).unwrap();
        let answer = api.send(at(&format!("{origin}/pay")), $send)$(.$await)?.unwrap();
        let ResourceOutcome::InsufficientScope(needed) = &answer.outcome else { panic!("{:?}", answer.outcome) };
        assert_eq!((needed.status.as_u16(), &*needed.scope), (403, &["orders:pay".to_owned()][..]));
        let answer = api.fetch(at(&format!("{origin}/admin")))$(.$await)?.unwrap();
        let ResourceOutcome::InsufficientAuthentication(needed) = &answer.outcome else {
            panic!("{:?}", answer.outcome)
        };
        assert_eq!((&*needed.acr_values, needed.max_age.unwrap().as_secs()), (&["mfa".to_owned()][..], 300));

        // A redirect is not followed, and the place that it names gets nothing.
        for answer in [
            api.fetch(at(&format!("{origin}/away")))$(.$await)?.unwrap().response.map(drop),
            api.send(at(&format!("{origin}/away")), $send)$(.$await)?.unwrap().response.map(drop),
        ] {
            assert_eq!(answer.status(), 307);
            let next = answer.headers()["location"].to_str().unwrap().to_owned();
            assert_eq!(api.send(at(&next), $send)$(.$await)?.map(drop).unwrap_err().code(), "config_other_origin");
        }
        assert_eq!(elsewhere.connections.load(SeqCst), 0);

        // An API that nobody knows.
        let unknown = ApiToken::bearer(Secret::new("made-up"));
        let api = provider.api(&origin).fixed(unknown).unwrap();
        let answer = api.fetch(at(&orders))$(.$await)?.unwrap();
        assert_eq!(answer.outcome.challenge().unwrap().not_sent_again, Some(NotSentAgain::NoNewerToken));
        socket.provider(|provider| provider.assert_clean());
    }};
}

/// Tokens that are bound to a key, at an API that demands a nonce.
macro_rules! bound_story {
    ($http:ident, $send:expr, $text:expr $(, $await:tt)?) => {{
        let socket = provider();
        let jkt = key().public_jwk().unwrap().thumbprint().unwrap();
        socket.provider(|provider| {
            provider.alter_response(EndpointName::Token, hostile::set_member("token_type", "DPoP"));
            provider.alter_access_token(hostile::set_claim("cnf", json!({ "jkt": jkt })));
        });
        let (origin, _) = serve(&socket, true);
        let provider = handle!($http, socket).client(|client| client.dpop_key(key())).build().unwrap();
        let api = provider.api(&origin).client_credentials(wanted()).unwrap();
        for (path, answer) in [("/orders", "3 orders"), ("/orders?page=2", "3 orders"), ("/orders?%7E", "3 orders")] {
            let url = format!("{origin}{path}");
            let got = api.send(at(&url), $send)$(.$await)?.unwrap();
            assert_eq!(got.outcome, ResourceOutcome::Answered, "{path}");
            assert_eq!($text(got.response)$(.$await)?, answer, "{path}");
            let got = api.fetch(posted(&format!("{origin}/orders")))$(.$await)?.unwrap();
            assert_eq!(got.response.body(), b"an order");
        }
        assert_eq!(socket.provider(|provider| provider.count(EndpointName::Token)), 1);
        // A new client knows no nonce, and a stream is not sent again for one.
        let provider = handle!($http, socket).client(|client| client.dpop_key(key())).build().unwrap();
        let api = provider.api(&origin).client_credentials(wanted()).unwrap();
        let url = format!("{origin}/orders");
        let first = api.send_once(posted(&url), $send)$(.$await)?.unwrap();
        assert_eq!(first.outcome.code(), Some("use_dpop_nonce"));
        assert_eq!(first.outcome.challenge().unwrap().not_sent_again, Some(NotSentAgain::Body));
        let second = api.send_once(posted(&url), $send)$(.$await)?.unwrap();
        assert_eq!($text(second.response)$(.$await)?, "an order");
        // The token of another key.
        let token = provider.client_credentials(&wanted())$(.$await)?.unwrap();
        let api = provider.api(&origin).fixed(ApiToken::bearer(token.value.access_token.clone())).unwrap();
        let refused = api.fetch(at(&url))$(.$await)?.unwrap();
        assert_eq!(refused.response.status(), 401);
    }};
}

mod own_ureq {
    pub(super) fn agent() -> ureq::Agent {
        ureq::Agent::config_builder().max_redirects(0).http_status_as_error(false).build().into()
    }

    pub(super) fn text(mut response: http::Response<ureq::Body>) -> String {
        response.body_mut().read_to_string().unwrap()
    }
}

#[test]
fn a_service_calls_a_gated_api_over_ureq() {
    let agent = own_ureq::agent();
    bearer_story!(oidc_ureq, |request| agent.run(request), own_ureq::text);
}

#[test]
fn a_service_proves_its_key_to_a_gated_api_over_ureq() {
    let agent = own_ureq::agent();
    bound_story!(oidc_ureq, |request| agent.run(request), own_ureq::text);
}

mod own_hyper {
    use super::*;
    use hyper_util::{client::legacy, rt::TokioExecutor};

    type Client = legacy::Client<legacy::connect::HttpConnector, Full<bytes::Bytes>>;

    pub(super) fn client() -> Client {
        legacy::Client::builder(TokioExecutor::new()).build_http()
    }

    pub(super) async fn text<B: axum::body::HttpBody<Error: std::fmt::Debug>>(
        response: http::Response<B>,
    ) -> String {
        String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_calls_a_gated_api_over_hyper() {
    let client = own_hyper::client();
    bearer_story!(oidc_hyper, |request| client.request(request.map(Full::from)), own_hyper::text, await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_proves_its_key_to_a_gated_api_over_hyper() {
    let client = own_hyper::client();
    bound_story!(oidc_hyper, |request| client.request(request.map(Full::from)), own_hyper::text, await);
}

mod own_reqwest {
    pub(super) fn client() -> reqwest::Client {
        // Another test may have chosen a provider already.
        let _chosen = rustls::crypto::ring::default_provider().install_default();
        reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_calls_a_gated_api_over_reqwest() {
    let client = own_reqwest::client();
    bearer_story!(
        oidc_reqwest,
        async |request: Request<_>| client.execute(request.try_into()?).await.map(http::Response::from),
        own_hyper::text,
        await
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_proves_its_key_to_a_gated_api_over_reqwest() {
    let client = own_reqwest::client();
    bound_story!(
        oidc_reqwest,
        async |request: Request<_>| client.execute(request.try_into()?).await.map(http::Response::from),
        own_hyper::text,
        await
    );
}

/// A body that no type can clone: the client of the program reads it while it is sent.
#[test]
fn a_stream_is_sent_once_over_ureq() {
    let socket = provider();
    socket.provider(|provider| provider.opaque_access_tokens(true));
    let (origin, _) = serve(&socket, false);
    let (provider, agent) = (handle!(oidc_ureq, socket).build().unwrap(), own_ureq::agent());
    let api = provider.api(&origin).client_credentials(wanted()).unwrap();
    let first = provider.client_credentials(&wanted()).unwrap();
    provider.revoke(&first.value.access_token, None).unwrap();
    let request = || {
        let body = ureq::SendBody::from_owned_reader(std::io::Cursor::new("an order"));
        Request::post(format!("{origin}/orders")).body(body).unwrap()
    };
    let refused = api.send_once(request(), |request| agent.run(request)).unwrap();
    assert_eq!(refused.outcome.challenge().unwrap().not_sent_again, Some(NotSentAgain::Body));
    let answer = api.send_once(request(), |request| agent.run(request)).unwrap();
    assert_eq!(own_ureq::text(answer.response), "an order");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_is_sent_once_over_hyper() {
    let socket = provider();
    socket.provider(|provider| provider.opaque_access_tokens(true));
    let (origin, _) = serve(&socket, false);
    let provider = handle!(oidc_hyper, socket).build().unwrap();
    let api = provider.api(&origin).client_credentials(wanted()).unwrap();
    let first = provider.client_credentials(&wanted()).await.unwrap();
    provider.revoke(&first.value.access_token, None).await.unwrap();
    let client =
        hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new()).build_http();
    let request = || {
        let body = Full::new(bytes::Bytes::from("an order")).boxed_unsync();
        Request::post(format!("{origin}/orders")).body(body).unwrap()
    };
    let refused = api.send_once(request(), |request| client.request(request)).await.unwrap();
    assert_eq!(refused.outcome.challenge().unwrap().not_sent_again, Some(NotSentAgain::Body));
    let answer = api.send_once(request(), |request| client.request(request)).await.unwrap();
    assert_eq!(own_hyper::text(answer.response).await, "an order");
}
