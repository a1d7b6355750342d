//! No secret is in any event or in its `tracing` form: neither when all goes well, nor when a provider
//! repeats the client's secrets in every place, nor when a transport error names the URL.

use crate::traced::Captured;
use http::{Response, header};
use oidc_drive::{Event, Observer, run_with_observer};
use oidc_proto::{
    Error, UrlPolicy,
    flow::{Call, Client, ClientCredentialsRequest, Discovery, Flow, Login, Request, Terms},
    message::{AuthorizationRequest, AuthorizationResponse},
};
use oidc_testkit::{Browser, EndpointName, Registration, TestProvider, provider::hostile};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

const SECRET: &str = "MARK/client+secret=of 48 characters, and some more";

/// Sees every event: as it is, and as `tracing` gets it.
#[derive(Clone, Default)]
struct Watcher {
    seen: Arc<Mutex<Vec<String>>>,
    captured: Captured,
}

impl Watcher {
    fn observer(&self) -> Observer {
        let (seen, captured) = (Arc::clone(&self.seen), self.captured.clone());
        Observer::new(move |event: &Event| {
            seen.lock().unwrap().push(format!("{event:?} {event:#?}"));
            tracing::subscriber::with_default(captured.clone(), || oidc_tracing::tell(event));
        })
    }

    /// Counts the events since the last call, and checks that none of them shows any of these secrets.
    #[track_caller]
    fn clean(&self, secrets: &[(&str, String)]) -> usize {
        let seen = std::mem::take(&mut *self.seen.lock().unwrap());
        let told = self.captured.take();
        assert_eq!(seen.len(), told.len(), "every event reaches tracing");
        let texts = seen.iter().cloned().chain(told.iter().map(|told| format!("{told:?}")));
        for text in texts {
            for (name, secret) in secrets {
                assert!(!text.contains(secret.as_str()), "{name} shows in {text}");
            }
        }
        seen.len()
    }
}

struct Scene {
    provider: TestProvider,
    client: Client,
    secrets: Vec<(&'static str, String)>,
    call: Call<Login>,
}

/// A login whose code is about to be sent, and every secret of it.
fn scene() -> Scene {
    let mut provider = TestProvider::new("https://op.example");
    let registration = Registration::post("app", SECRET).redirect_uri("https://app.example/callback");
    provider.register(registration.grant_type("client_credentials"));
    let call = Discovery::start("https://op.example", &UrlPolicy::default()).unwrap();
    let mut send = |request: Request, _: Terms| Ok::<_, String>(provider.handle(&request, oidc_drive::now()));
    let metadata = oidc_drive::run(call, &mut send).unwrap();
    let client = Client::builder(metadata, "app")
        .secret(SECRET)
        .authentication(oidc_proto::flow::ClientAuthentication::ClientSecretPost)
        .redirect_uri("https://app.example/callback")
        .fetch_userinfo()
        .build()
        .unwrap();
    let (url, pending) =
        client.authorize(&AuthorizationRequest::new(["profile"]), oidc_drive::moment()).unwrap();
    let saved: Value = serde_json::to_value(&pending).unwrap();
    let landing = Browser::new().visit(&mut provider, &url, oidc_drive::now());
    let response = AuthorizationResponse::from_url(landing.url()).unwrap();
    let encoded = url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
    let mut secrets = vec![("client_secret", SECRET.to_owned()), ("client_secret as it is sent", encoded)];
    for (name, member) in [("state", "s"), ("nonce", "n"), ("code_verifier", "p")] {
        secrets.push((name, saved[member].as_str().unwrap().to_owned()));
    }
    secrets.push(("code", response.code.as_ref().unwrap().expose().to_owned()));
    let call = pending.callback(&client, None, response, oidc_drive::moment()).unwrap();
    let call = call.into_call().expect("the code is sent");
    Scene { provider, client, secrets, call }
}

fn run<F: Flow>(
    watcher: &Watcher,
    call: Call<F>,
    mut send: impl FnMut(&Request) -> Result<Response<Vec<u8>>, String>,
) -> Result<F::Output, ()> {
    let observer = watcher.observer();
    let send = |request, terms| observer.send(request, terms, |request, _| send(&request));
    run_with_observer(call, send, &observer).map_err(drop)
}

#[test]
fn a_successful_login_shows_no_secret() {
    let (watcher, Scene { mut provider, mut secrets, call, client }) = (Watcher::default(), scene());
    let login = run(&watcher, call, |request| Ok(provider.handle(request, oidc_drive::now()))).unwrap();
    let token = run(
        &watcher,
        client.client_credentials(&ClientCredentialsRequest::default(), oidc_drive::moment()).unwrap(),
        |request| Ok(provider.handle(request, oidc_drive::now())),
    );
    for (name, token) in [
        ("access token", login.tokens.access_token.expose()),
        ("ID token", login.id_token.token.expose()),
        ("refresh token", login.tokens.refresh_token.as_ref().unwrap().expose()),
        ("service token", token.unwrap().access_token.expose()),
    ] {
        secrets.push((name, token.to_owned()));
        // Nor does a cut-off part show.
        secrets.extend(
            token
                .as_bytes()
                .chunks_exact(40)
                .skip(2)
                .map(|part| (name, String::from_utf8_lossy(part).into_owned())),
        );
    }
    assert_eq!(watcher.clean(&secrets), 10, "three exchanges and an end, one exchange and an end");
}

/// Responses that contain a secret in every place that can hold text.
fn answers(secret: &str) -> Vec<Response<Vec<u8>>> {
    let bodies = [
        json!({ "error": secret }),
        json!({ "error": "invalid_grant", "error_description": secret, "error_uri": secret }),
        json!({ "access_token": secret, "token_type": secret }),
        json!({ "access_token": secret, "token_type": "Bearer", "id_token": format!("{secret}.{secret}.{secret}") }),
        json!({ "keys": [{ "kty": secret, "kid": secret, "alg": secret }] }),
        json!({ secret: secret }),
        json!(secret),
    ];
    let mut answers = Vec::new();
    for body in bodies.iter().map(Value::to_string).chain([secret.to_owned(), " ".repeat(70_000) + secret]) {
        for status in [200, 302, 400, 401, 503] {
            for kind in ["application/json", secret] {
                let challenge = format!("Bearer realm=\"{secret}\", error=\"{secret}\"");
                let answer = Response::builder()
                    .status(status)
                    .header(header::CONTENT_TYPE, kind)
                    .header(header::RETRY_AFTER, secret)
                    .header(header::LOCATION, format!("https://{secret}.example/{secret}?code={secret}"))
                    .header(header::WWW_AUTHENTICATE, challenge);
                answers.push(answer.body(body.clone().into_bytes()).unwrap());
            }
        }
    }
    answers
}

#[test]
fn secrets_that_a_provider_repeats_do_not_show() {
    let (watcher, known) = (Watcher::default(), scene().secrets);
    let mut events = 0;
    for index in 0..known.len() {
        for number in 0..answers("x").len() {
            let Scene { secrets, call, .. } = scene();
            let answer = &answers(&secrets[index].1)[number];
            assert!(run(&watcher, call, |_| Ok(answer.clone())).is_err());
            events += watcher.clean(&secrets);
        }
    }
    assert!(events >= known.len() * 90 * 3, "{events}");
}

#[test]
fn the_text_of_a_transport_error_does_not_show() {
    let watcher = Watcher::default();
    let Scene { secrets, call, client, .. } = scene();
    let all = format!("{secrets:?}");
    run(&watcher, call, |request| Err(format!("cannot send {request:?} {all}"))).unwrap_err();
    run(&watcher, client.jwks().unwrap(), |_| Err(all.clone())).unwrap_err();
    assert_eq!(watcher.clean(&secrets), 6, "sent, lost, over; twice");
}

/// Metadata that tries to get a secret into a URL: only host and port are reported.
#[test]
fn only_host_and_port_of_a_url_show() {
    let watcher = Watcher::default();
    let Scene { mut provider, .. } = scene();
    let url = "https://op.example/MARK-in-the-path?x=MARK-in-the-query";
    provider.alter_response(EndpointName::Discovery, hostile::set_member("jwks_uri", url));
    let call = Discovery::start("https://op.example", &UrlPolicy::default()).unwrap();
    let metadata = run(&watcher, call, |request| Ok(provider.handle(request, oidc_drive::now()))).unwrap();
    let client = Client::builder(metadata, "app").secret(SECRET).build().unwrap();
    run(&watcher, client.jwks().unwrap(), |request| {
        assert!(request.uri().to_string().contains("MARK-in-the-query"));
        Err(String::new())
    })
    .unwrap_err();
    assert_eq!(watcher.clean(&[("a mark", "MARK".to_owned())]), 6);
}

/// The watcher proves something only if it finds a secret that shows.
#[test]
fn a_secret_that_shows_is_found() {
    let watcher = Watcher::default();
    let Scene { client, .. } = scene();
    run(&watcher, client.jwks().unwrap(), |_| Err(String::new())).unwrap_err();
    let seen = std::panic::catch_unwind(|| watcher.clean(&[("the host", "op.example".to_owned())]));
    assert!(seen.is_err());
    let error: Error = oidc_proto::flow::ConfigError::NoS256.into();
    assert_eq!(oidc_drive::event::why_ended(&error), "config_no_s256");
}
