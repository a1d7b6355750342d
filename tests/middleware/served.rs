//! The whole chain on loopback: a provider, an API served by axum, and clients, each with its sockets.

use super::*;
use axum::{Router, routing::get as on_get};
use oidc_axum::{Access as Caller, protect};
use oidc_testkit::Socket;

fn ask(url: &str, token: Option<&str>) -> (u16, Option<String>) {
    let config = ureq::Agent::config_builder().http_status_as_error(false).build();
    let mut request = ureq::Agent::from(config).get(url);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let response = request.call().expect("the API answers");
    let challenge =
        response.headers().get("www-authenticate").map(|value| value.to_str().unwrap().to_owned());
    (response.status().as_u16(), challenge)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_real_server_refuses_and_accepts_and_survives_its_provider() {
    let socket = Socket::start(|issuer| {
        let mut provider = TestProvider::new(issuer);
        provider.register(Registration::basic("robot", "secret").grant_types(["client_credentials"]));
        provider
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let server = ResourceServer::builder(RESOURCE).origin(&origin).trust(TrustedIssuer::new(socket.issuer()));
    let http = oidc_ureq::Http::new();
    let send = move |request, terms| {
        let http = http.clone();
        async move { tokio::task::spawn_blocking(move || http.send(request, terms)).await.expect("no panic") }
    };
    let io = Io::new(send, |task| drop(tokio::spawn(task)), tokio::time::sleep);
    let policy = oidc_proto::UrlPolicy::default().with_loopback();
    let gate = Gate::builder(server.build().unwrap(), io).url_policy(policy).build().unwrap();
    let handler = async |caller: Caller| caller.client_id().unwrap_or_default().to_owned();
    let router = Router::new().route("/reports", on_get(handler)).layer(protect(gate));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let url = format!("{origin}/reports");
    let token = |change: fn(&mut Map<String, Value>)| {
        socket.provider(|provider| {
            provider.alter_access_token(move |header, _| change(header));
            world::mint_plain(provider, oidc_drive::now())
        })
    };
    let good = token(|_| {});
    let forged = token(|header| drop(header.insert("kid".into(), "x".into())));
    let answers = tokio::task::spawn_blocking(move || {
        let many = std::thread::scope(|scope| {
            let asks: Vec<_> = (0..32).map(|_| scope.spawn(|| ask(&url, Some(&good)).0)).collect();
            asks.into_iter().map(|one| one.join().unwrap()).collect::<Vec<_>>()
        });
        (many, ask(&url, None), ask(&url, Some(&forged)), ask(&url, Some("a b")))
    });
    let (many, none, forged, bad) = answers.await.unwrap();
    assert!(many.iter().all(|status| *status == 200), "{many:?}");
    assert_eq!((none.0, forged.0, bad.0), (401, 401, 400));
    assert!(forged.1.unwrap().contains("error=\"invalid_token\""));
    let fetches = socket.provider(|provider| provider.count(EndpointName::Jwks));
    assert_eq!(fetches, 2, "the first keys, and newer ones for the forged token");
    socket.provider(|provider| provider.assert_clean());
}
