//! A handle and a gate for providers that are not where their issuer says, that have no TLS, or that are on this machine.

use oidc_drive::{
    Gate, Io, ProviderBuilder, ProviderError, blocking,
    gate::{GateBuilder, GateError},
};
use oidc_proto::{
    EndpointUrl, Moment, UrlPolicy,
    backend::{Backend, Scheme, VerifyingKey},
    flow::{ClientCredentialsRequest, DiscoveryOptions, Request, Terms},
    resource::{RequestView, ResourceServer, TrustedIssuer},
};
use oidc_testkit::{Party, TestProvider};
use serde_json::{Value, json};
use std::{
    future::{pending, ready},
    sync::{Arc, Mutex},
};

type Asked = Arc<Mutex<Vec<String>>>;

/// The document of an issuer whose endpoints have another base.
fn document(issuer: &str, base: &str) -> Value {
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{base}/token"),
        "jwks_uri": format!("{base}/jwks"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    })
}

fn json_of(body: &Value) -> http::Response<Vec<u8>> {
    let response = http::Response::builder().header("content-type", "application/json");
    response.body(body.to_string().into_bytes()).unwrap()
}

fn nothing() -> http::Response<Vec<u8>> {
    http::Response::builder().status(404).body(Vec::new()).unwrap()
}

/// A site with its metadata at one place, and a token endpoint below a base.
fn site(
    place: &str,
    metadata: &Value,
    base: &str,
) -> impl Fn(&str) -> http::Response<Vec<u8>> + Send + Sync + 'static {
    let (place, metadata, token) = (place.to_owned(), metadata.clone(), format!("{base}/token"));
    move |at| match at {
        at if at == place => json_of(&metadata),
        at if at == token => json_of(&json!({"access_token": "t", "token_type": "Bearer", "expires_in": 60})),
        _ => nothing(),
    }
}

/// What a service gets for its client credentials at this site, and what was asked.
fn serve(
    issuer: &str,
    shape: impl FnOnce(ProviderBuilder<blocking::Io>) -> ProviderBuilder<blocking::Io>,
    site: impl Fn(&str) -> http::Response<Vec<u8>> + Send + Sync + 'static,
) -> (Result<(), ProviderError>, Vec<String>) {
    let asked = Asked::default();
    let seen = Arc::clone(&asked);
    let io = blocking::Io::new(move |request: Request, _: Terms| {
        seen.lock().unwrap().push(request.uri().to_string());
        Ok::<_, String>(site(&request.uri().to_string()))
    });
    let builder = blocking::Provider::builder(issuer, io).client_id("app").secret("a secret of some length");
    let got = shape(builder)
        .build()
        .and_then(|provider| provider.client_credentials(&ClientCredentialsRequest::default()).map(drop));
    let asked = asked.lock().unwrap().clone();
    (got, asked)
}

#[test]
fn a_handle_fetches_its_document_from_where_it_is() {
    for (issuer, base, place) in [
        (
            "https://cloud.example",
            "https://cloud.example",
            "https://cloud.example/index.php/.well-known/openid-configuration",
        ),
        (
            "https://login.example/realms/shop",
            "https://keycloak.internal/realms/shop",
            "https://keycloak.internal/realms/shop/.well-known/openid-configuration",
        ),
        ("https://op.example/a/", "https://op.example/b", "https://bucket.example/op.json"),
    ] {
        let known = document(issuer, base);
        let (refused, _) = serve(issuer, |builder| builder, site(place, &known, base));
        let text = refused.unwrap_err().to_string();
        assert!(text.contains("`document_at`"), "the error says what helps: {text}");

        let url = EndpointUrl::parse(place, &UrlPolicy::default()).unwrap();
        let (got, asked) =
            serve(issuer, |builder| builder.document_at(url.clone()), site(place, &known, base));
        assert!(got.is_ok(), "{got:?}");
        assert_eq!(asked, [place.to_owned(), format!("{base}/token")]);

        let evil = document("https://evil.example", base);
        let (refused, _) = serve(issuer, |builder| builder.document_at(url), site(place, &evil, base));
        assert!(refused.unwrap_err().to_string().contains("evil.example"), "its issuer must be that");
    }
}

/// Among the containers of one machine there is no TLS.
#[test]
fn a_handle_asks_a_host_without_tls_only_if_it_is_named() {
    let base = "http://keycloak:8080/realms/shop";
    let place = format!("{base}/.well-known/openid-configuration");
    let policy = || UrlPolicy::default().with_plain_http_host("keycloak");
    for issuer in [base, "https://login.example/realms/shop"] {
        let known = document(issuer, base);
        for wrong in [
            UrlPolicy::default(),
            UrlPolicy::default().with_loopback().with_private_addresses(),
            UrlPolicy::default().with_plain_http_host("another"),
        ] {
            let at = EndpointUrl::parse(&place, &policy()).unwrap();
            let (refused, asked) = serve(
                issuer,
                |builder| builder.url_policy(wrong).document_at(at),
                site(&place, &known, base),
            );
            let text = refused.unwrap_err().to_string();
            assert!(!asked.iter().any(|url| url.ends_with("/token")), "no secret is sent: {asked:?}");
            assert!(text.contains("with_plain_http_host") || text.contains("token_endpoint"), "{text}");
        }
        let at = EndpointUrl::parse(&place, &policy()).unwrap();
        let (got, _) =
            serve(issuer, |builder| builder.url_policy(policy()).document_at(at), site(&place, &known, base));
        assert!(got.is_ok(), "{got:?}");
    }
}

#[test]
fn a_handle_for_this_machine_needs_no_policy_and_any_other_does() {
    for issuer in ["http://localhost:8080", "http://127.0.0.1:8480/realms/lab", "http://[::1]:9000"] {
        let place = format!("{issuer}/.well-known/openid-configuration");
        let (got, _) = serve(issuer, |builder| builder, site(&place, &document(issuer, issuer), issuer));
        assert!(got.is_ok(), "{issuer}: {got:?}");
        let options = || DiscoveryOptions::new(&UrlPolicy::default());
        let with_options = |builder: ProviderBuilder<blocking::Io>| builder.discovery(options());
        // A policy that the program has set stays as it is: others may have chosen the issuer.
        let with_policy = |builder: ProviderBuilder<blocking::Io>| builder.url_policy(UrlPolicy::default());
        let document_here = document(issuer, issuer);
        let known = || site(&place, &document_here, issuer);
        let (first, asked) = serve(issuer, with_options, known());
        assert!(first.is_err() && asked.is_empty(), "{issuer}: {first:?}");
        let (second, asked) = serve(issuer, with_policy, known());
        assert!(second.is_err() && asked.is_empty(), "{issuer}: {second:?}");
        // Its endpoints may be on this machine, and nowhere else without TLS.
        for elsewhere in ["http://op.example", "http://10.0.0.1", "https://10.0.0.1"] {
            let known = document(issuer, elsewhere);
            let (refused, asked) = serve(issuer, |builder| builder, site(&place, &known, elsewhere));
            assert!(refused.is_err() && asked.len() <= 2, "{elsewhere}: {asked:?}");
            assert!(!asked.iter().any(|url| url.starts_with(elsewhere)), "{asked:?}");
        }
    }
    // An issuer elsewhere does not lead to this machine.
    for here in ["http://localhost:8080", "http://127.0.0.1", "https://127.0.0.1"] {
        let place = "https://op.example/.well-known/openid-configuration";
        let known = document("https://op.example", here);
        let (refused, asked) = serve("https://op.example", |builder| builder, site(place, &known, here));
        assert!(refused.is_err(), "{here}");
        assert!(!asked.iter().any(|url| url.starts_with(here)), "{asked:?}");
    }
    for issuer in ["http://op.example", "http://localhost.evil.example", "http://10.0.0.1"] {
        let (refused, asked) = serve(issuer, |builder| builder, |_| nothing());
        assert!(refused.is_err() && asked.is_empty(), "{issuer}");
    }
}

/// A gate for this provider, whose document is at `place`.
fn gate(
    provider: &Arc<Mutex<TestProvider>>,
    place: &str,
    shape: impl FnOnce(GateBuilder) -> GateBuilder,
) -> Result<Gate, GateError> {
    let (provider, place) = (Arc::clone(provider), place.to_owned());
    let issuer = provider.lock().unwrap().issuer().to_owned();
    let now = Party::new().clock.now();
    let send = move |request: Request, _: Terms| {
        let mut provider = provider.lock().unwrap();
        let at = request.uri().to_string();
        let answer = match at.as_str() {
            at if at == place => json_of(&provider.metadata()),
            at if at.contains("/.well-known/") => nothing(),
            _ => provider.handle(&request, now),
        };
        ready(Ok::<_, String>(answer))
    };
    let io = Io::new(send, |task| drop(tokio::spawn(task)), |_| pending());
    let server = ResourceServer::builder("https://api.example").trust(TrustedIssuer::new(issuer)).build();
    shape(Gate::builder(server.unwrap(), io).clock(move || Moment::new(now, [7; 32]))).build()
}

async fn verdict(gate: &Gate, token: &str) -> Result<(), u16> {
    let head = http::Request::get("/").header("authorization", format!("Bearer {token}")).body(()).unwrap();
    let (head, ()) = head.into_parts();
    gate.check(&RequestView::of(&head)).await.map(drop).map_err(|denied| denied.status().as_u16())
}

#[tokio::test]
async fn a_gate_fetches_the_document_of_an_issuer_from_where_it_is() {
    for (issuer, place) in [
        ("https://cloud.example", "https://cloud.example/index.php/.well-known/openid-configuration"),
        ("https://op.example/realms/shop", "https://keycloak.internal/realms/shop"),
        ("http://localhost:8080", "http://localhost:9090/op.json"),
    ] {
        let mut party = Party::builder().issuer(issuer).build();
        let token = party.login().unwrap().tokens.access_token;
        let provider = Arc::new(Mutex::new(party.provider));
        let strict = gate(&provider, place, |builder| builder).unwrap();
        assert_eq!(
            verdict(&strict, token.expose()).await,
            Err(503),
            "there is nothing where the issuer says"
        );
        let url = EndpointUrl::parse(place, &UrlPolicy::default().with_loopback()).unwrap();
        let told = gate(&provider, place, |builder| builder.document_at(issuer, url.clone())).unwrap();
        assert_eq!(verdict(&told, token.expose()).await, Ok(()), "{issuer}");
        let wrong = gate(&provider, place, |builder| builder.document_at("https://other.example", url));
        assert_eq!(wrong.unwrap_err(), GateError::NotTrusted("https://other.example".into()));
        // The limit of documents counts for metadata and for keys.
        let place = EndpointUrl::parse(place, &UrlPolicy::default().with_loopback()).unwrap();
        let small = |bytes| {
            let place = place.clone();
            gate(&provider, place.clone().as_str(), move |builder| {
                builder.document_at(issuer, place).max_document(bytes)
            })
        };
        assert_eq!(verdict(&small(100).unwrap(), token.expose()).await, Err(503));
        assert_eq!(verdict(&small(100_000).unwrap(), token.expose()).await, Ok(()));
        let few = |keys| {
            let place = place.clone();
            gate(&provider, place.clone().as_str(), move |builder| {
                builder.document_at(issuer, place).max_keys(keys)
            })
        };
        assert_eq!(verdict(&few(0).unwrap(), token.expose()).await, Err(503));
        assert_eq!(verdict(&few(100_000).unwrap(), token.expose()).await, Ok(()));
    }
}

/// The handle and the client that it makes read key sets alike.
#[test]
fn a_handle_reads_as_many_keys_as_its_setting_says() {
    for (limit, count, is_read) in [(None, 101, false), (Some(101), 101, true), (Some(101), 102, false)] {
        let party = Party::builder().build();
        let (issuer, now) = (party.provider.issuer().to_owned(), party.clock.now());
        let provider = Mutex::new(party.provider);
        let io = blocking::Io::new(move |request: Request, _: Terms| {
            let mut provider = provider.lock().unwrap();
            if !request.uri().path().ends_with("/jwks") {
                return Ok::<_, String>(provider.handle(&request, now));
            }
            let mut keys = provider.key_set();
            let all = keys["keys"].as_array_mut().unwrap();
            all.resize(count, json!({"kty": "new"}));
            Ok(json_of(&keys))
        });
        let builder =
            blocking::Provider::builder(issuer, io).client_id("app").redirect_uri("https://app.example/");
        let builder = builder.clock(move || Moment::new(now, [7; 32]));
        let provider = match limit {
            Some(limit) => builder.max_keys(limit),
            None => builder,
        };
        let provider = provider.build().unwrap();
        let keys = provider.keys().map(|keys| keys.value.set_aside().len() + keys.value.keys().count());
        assert_eq!(keys.ok(), is_read.then_some(count), "{limit:?}");
        let fetched = provider.run(provider.client().unwrap().jwks().unwrap());
        assert_eq!(fetched.is_ok(), is_read, "{limit:?}");
        if let Err(error) = fetched {
            assert!(error.to_string().contains("`max_keys`"), "{error}");
        }
    }
}

/// A backend that refuses every signature on a curve and with RSA.
struct Refusing;

impl Backend for Refusing {
    fn rsa(&self, _: &[u8], _: &[u8], _: &[Scheme]) -> Option<Box<dyn VerifyingKey>> {
        Some(Box::new(Self))
    }
    fn p256(&self, _: &[u8; 65]) -> Option<Box<dyn VerifyingKey>> {
        Some(Box::new(Self))
    }
}

impl VerifyingKey for Refusing {
    fn verify(&self, _: Scheme, _: &[u8], _: &[u8]) -> bool {
        false
    }
}

#[tokio::test]
async fn a_gate_and_a_handle_verify_with_their_backend() {
    let mut party = Party::builder().build();
    let (issuer, now) = (party.provider.issuer().to_owned(), party.clock.now());
    let token = party.login().unwrap().tokens.access_token;
    let provider = Arc::new(Mutex::new(party.provider));
    let place = format!("{issuer}/.well-known/openid-configuration");
    let ours = gate(&provider, &place, |builder| builder).unwrap();
    assert_eq!(verdict(&ours, token.expose()).await, Ok(()));
    let theirs = gate(&provider, &place, |builder| builder.backend(Arc::new(Refusing))).unwrap();
    assert_eq!(verdict(&theirs, token.expose()).await, Err(401));

    for (refuses, accepted) in [(false, true), (true, false)] {
        let provider = Arc::clone(&provider);
        let io = blocking::Io::new(move |request: Request, _: Terms| {
            Ok::<_, String>(provider.lock().unwrap().handle(&request, now))
        });
        let builder = blocking::Provider::builder(&issuer, io).audience("https://api.example");
        let builder = builder.clock(move || Moment::new(now, [7; 32]));
        let handle = if refuses { builder.backend(Arc::new(Refusing)) } else { builder }.build().unwrap();
        assert_eq!(handle.verify(token.expose(), |_| ()).is_ok(), accepted, "{refuses}");
    }
}
