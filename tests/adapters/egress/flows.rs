//! Whole flows: a provider in a private network, and metadata that points into one.

use super::{
    http_of::Http,
    liar::Liar,
    server::{Server, Then},
    tls::Authority,
};
use oidc_drive::moment;
use oidc_proto::{
    UrlPolicy,
    flow::{Authenticated, Client, Discovery},
    message::{AuthorizationRequest, AuthorizationResponse},
    metadata::ProviderMetadata,
};
use oidc_testkit::{Browser, EndpointName, Registration, Socket, TestProvider, hostile};
use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

fn registered(mut provider: TestProvider) -> TestProvider {
    provider
        .register(Registration::basic("my-client", "secret").redirect_uri("https://app.example/callback"));
    provider
}

/// Logs in with the discovered metadata. `visit` sends the user to the provider.
fn log_in(
    http: &Http,
    metadata: ProviderMetadata,
    visit: impl FnOnce(&url::Url) -> String,
) -> Result<Authenticated, String> {
    let client = Client::builder(metadata, "my-client")
        .secret("secret")
        .redirect_uri("https://app.example/callback")
        .build()
        .expect("a client");
    let (url, pending) = client.authorize(&AuthorizationRequest::new(["profile"]), moment()).expect("a URL");
    let response = AuthorizationResponse::from_url(&visit(&url)).expect("a callback");
    http.run(pending.callback(&client, None, response, moment()).expect("a code"))
}

type Shared = Arc<Mutex<Option<TestProvider>>>;

/// Answers a request over the stream with the provider's response.
fn answer(stream: &mut dyn Write, request: &str, provider: &Shared) -> io::Result<Then> {
    let (head, body) = request.split_once("\r\n\r\n").expect("a head");
    let mut lines = head.lines();
    let mut first = lines.next().expect("a line").split(' ');
    let (method, path) = (first.next().expect("a method"), first.next().expect("a path"));
    let mut asked = http::Request::builder().method(method).uri(path);
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        asked = asked.header(name, value);
    }
    let asked = asked.body(body.as_bytes().to_vec()).expect("a request");
    let response = provider.lock().unwrap().as_mut().expect("it is there").handle(&asked, oidc_drive::now());
    write!(stream, "HTTP/1.1 {}\r\ncontent-length: {}\r\n", response.status(), response.body().len())?;
    for (name, value) in response.headers() {
        write!(stream, "{name}: {}\r\n", value.to_str().expect("ASCII"))?;
    }
    stream.write_all(b"\r\n")?;
    stream.write_all(response.body())?;
    Ok(Then::Close)
}

#[test]
fn a_provider_in_a_private_network_needs_one_call() {
    let authority = Authority::new();
    let pair = authority.issue("op.example", |_| {});
    for http in Http::all_with(&authority.pem()) {
        let provider = Shared::default();
        let shared = Arc::clone(&provider);
        let config = authority.server(&pair, &[]);
        let server = Server::tls(config, move |stream, request| answer(stream, request, &shared));
        let issuer = server.url("").replace("127.0.0.1", "op.example");
        *provider.lock().unwrap() = Some(registered(TestProvider::new(&issuer)));
        let liar = Liar::says(&[&["127.0.0.1"]]);
        let guarded = http.ask(liar.resolver());

        let discovery = || Discovery::start(&issuer, &UrlPolicy::default()).expect("an issuer");
        let says = guarded.run(discovery()).expect_err("it is private");
        assert!(says.starts_with("there was no response: "), "{}: {says}", guarded.name());
        assert!(says.contains("`op.example` resolves to 127.0.0.1"), "{}: {says}", guarded.name());
        assert!(says.contains("call `allow_private_networks()`"), "{}: {says}", guarded.name());
        assert_eq!((server.count(), liar.asked()), ((0, 0), vec!["op.example".to_owned()]));

        let allowed = guarded.allow();
        let metadata = allowed.run(discovery()).unwrap_or_else(|says| panic!("{}: {says}", allowed.name()));
        let visit = |url: &url::Url| {
            let mut provider = provider.lock().unwrap();
            let provider = provider.as_mut().expect("it is there");
            Browser::new().visit(provider, url, oidc_drive::now()).url().to_owned()
        };
        let login = log_in(&allowed, metadata, visit);
        let login = login.unwrap_or_else(|says| panic!("{}: {says}", allowed.name()));
        assert_eq!(login.id_token.sub, "alice", "{}", allowed.name());
        assert_eq!(liar.asked(), ["op.example"; 3], "metadata, token and keys are requested once each");
        assert_eq!(server.count(), (3, 3), "{}", allowed.name());
        provider.lock().unwrap().as_ref().expect("it is there").assert_clean();
    }
}

#[test]
fn metadata_that_points_into_a_private_network_ends_the_login_without_a_connection() {
    for http in Http::all() {
        for inside in ["127.0.0.1", "169.254.169.254", "fd00::1"] {
            let socket = Socket::start(|issuer| registered(TestProvider::new(issuer)));
            let hidden = Server::says("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", || Then::Close);
            let jwks = hidden.url("/jwks").replace("http://127.0.0.1", "https://keys.example");
            let lie = hostile::set_member("jwks_uri", jwks.clone());
            socket.provider(|provider| provider.alter_response(EndpointName::Discovery, lie));
            let liar = Liar::says(&[&[inside]]);
            let http = http.clone().ask(liar.resolver());

            // The URL alone shows nothing: discovery may use it.
            let policy = UrlPolicy::default().with_loopback();
            let metadata = http.run(Discovery::start(socket.issuer(), &policy).expect("an issuer"));
            let metadata = metadata.unwrap_or_else(|says| panic!("{}: {says}", http.name()));
            assert_eq!(liar.asked(), [""; 0], "{}: the issuer is a literal", http.name());
            let says = log_in(&http, metadata, |url| {
                socket.provider(|provider| {
                    Browser::new().visit(provider, url, oidc_drive::now()).url().to_owned()
                })
            });
            let says = says.map(|login| login.id_token.sub).expect_err("there are no keys");
            assert!(says.starts_with("there was no response: "), "{}: {says}", http.name());
            assert!(
                says.contains(&format!("`keys.example` resolves to {inside}")),
                "{}: {says}",
                http.name()
            );
            assert_eq!(liar.asked(), ["keys.example"], "{}", http.name());
            assert_eq!(hidden.count(), (0, 0), "{}", http.name());
        }
    }
}
