//! Backchannel authentication at a real provider: `oidc-provider` from npm, which polls and pings.

use crate::{
    adapters::{Http, RUNTIME},
    npm::{self, Npm},
};
use oidc_drive::moment;
use oidc_proto::{
    Error, UrlPolicy,
    flow::{
        BackchannelAuthentication, BackchannelAuthenticationRequest, Client, ClientBuilder,
        ClientNotification, Delivery, DeliveryMode, Discovery,
    },
    jose::Algorithm,
};
use oidc_testkit::KeyRing;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    time::{Duration, SystemTime},
};

fn builder(npm: &Npm, client_id: &str) -> ClientBuilder {
    Client::builder(npm.metadata.clone(), client_id).id_token_signed_response_alg(Algorithm::ES256)
}

fn client(npm: &Npm, client_id: &str) -> Client {
    builder(npm, client_id).secret(npm::SECRET).build().expect("a client")
}

fn ask(npm: &Npm, client: &Client, wanted: &BackchannelAuthenticationRequest) -> BackchannelAuthentication {
    let call = client.backchannel_authentication(wanted, moment()).expect("a request");
    npm.http.run(call).unwrap_or_else(|failed| panic!("{failed}"))
}

/// The client's notification endpoint: one request.
struct Endpoint(TcpListener);

impl Endpoint {
    fn open() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").expect("a port"))
    }

    fn url(&self) -> String {
        format!("http://{}/ciba", self.0.local_addr().expect("an address"))
    }

    /// Waits for the notification, and answers as `judge` says.
    fn notified<T>(&self, judge: impl FnOnce(&http::Request<Vec<u8>>) -> (T, http::Response<Vec<u8>>)) -> T {
        let (stream, _) = self.0.accept().expect("a notification");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a socket");
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).expect("a request line");
        let method = line.split(' ').next().expect("a method").to_owned();
        let mut request = http::Request::builder().method(method.as_str()).uri("/ciba");
        let mut length = 0;
        loop {
            line.clear();
            reader.read_line(&mut line).expect("a header");
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                length = value.parse().expect("a length");
            }
            request = request.header(name, value);
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).expect("a body");
        let (judged, answer) = judge(&request.body(body).expect("a request"));
        let status = answer.status().as_u16();
        let head = format!("HTTP/1.1 {status} -\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        reader.get_mut().write_all(head.as_bytes()).expect("the provider listens");
        judged
    }
}

fn now() -> oidc_proto::Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock");
    oidc_proto::Timestamp(since.as_secs().try_into().expect("a time"))
}

fn poll_and_ping(http: &impl Http) {
    let Some(npm) = npm::npm() else { return };
    let policy = UrlPolicy::default().with_loopback();
    let metadata = http.finish(Discovery::start(&npm.issuer, &policy).expect("an issuer"));
    let client = |id: &str| {
        let builder = Client::builder(metadata.clone(), id).secret(npm::SECRET);
        builder.id_token_signed_response_alg(Algorithm::ES256).build().expect("a client")
    };
    // Poll.
    let polling = client("ciba-poll");
    let wanted = BackchannelAuthenticationRequest::login_hint("alice")
        .binding_message("W4SCT")
        .acr_values(["gold"])
        .subject("alice");
    let call = polling.backchannel_authentication(&wanted, moment()).expect("a request");
    let asked = http.finish(call);
    let login = http.finish(asked.poll(&polling, None, now()).expect("it waits"));
    assert_eq!(login.id_token.sub, "alice");
    let refresh_token = login.tokens.refresh_token.expect("a refresh token");
    let previous = Some((&login.id_token).into());
    let call = polling.refresh(&refresh_token, previous, login.learned.keys, moment()).expect("a request");
    assert!(http.finish(call).rotated);

    // Ping.
    let pinged = client("ciba-ping");
    let endpoint = Endpoint::open();
    let wanted = BackchannelAuthenticationRequest::login_hint("alice")
        .delivery_mode(DeliveryMode::Ping)
        .parameter("request_context", endpoint.url());
    let call = pinged.backchannel_authentication(&wanted, moment()).expect("a request");
    let asked = http.finish(call);
    let delivery = endpoint.notified(|request| {
        let notification = ClientNotification::read(request).expect("a notification");
        assert_eq!(notification.auth_req_id(), asked.auth_req_id());
        let delivery = asked.receive(&notification, &pinged, now()).expect("the right token");
        (delivery, ClientNotification::accepted())
    });
    let Delivery::Ping(ping) = delivery else { panic!("a ping: {delivery:?}") };
    let login = http.finish(asked.pinged(ping, &pinged, None, moment()).expect("it asks at once"));
    assert_eq!(login.id_token.sub, "alice");
}

#[test]
fn a_user_logs_in_on_a_telephone_over_ureq() {
    poll_and_ping(&oidc_ureq::Http::new());
}

#[test]
fn a_user_logs_in_on_a_telephone_over_hyper() {
    poll_and_ping(&oidc_hyper::Http::new());
}

#[test]
fn a_user_logs_in_on_a_telephone_over_reqwest() {
    poll_and_ping(&oidc_reqwest::Http::new());
}

/// The endpoint blocks, so it gets a thread of its own.
async fn visit_blocking<T: Send + 'static>(notified: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(notified).await.expect("a notification")
}

/// The same with the handle of each stack. `await` where it is async.
macro_rules! by_handle {
    ($stack:ident $(, $await:tt)?) => {{
        let Some(npm) = npm::npm() else { return };
        let handle = |id: &str| {
            let builder = $stack::Http::new().provider(&npm.issuer).client_id(id).secret(npm::SECRET);
            builder
                .client(|client| client.id_token_signed_response_alg(Algorithm::ES256))
                .url_policy(UrlPolicy::default().with_loopback())
                .build()
                .expect("settings that fit")
        };
        let provider = handle("ciba-poll");
        let wanted = BackchannelAuthenticationRequest::login_hint("alice");
        let asked = provider.backchannel_authentication(&wanted)$(.$await)?.expect("it is asked");
        let login = provider.poll_backchannel(asked)$(.$await)?.expect("a login");
        assert_eq!(login.id_token.sub, "alice");

        let provider = handle("ciba-ping");
        let endpoint = Endpoint::open();
        let wanted = wanted.delivery_mode(DeliveryMode::Ping).parameter("request_context", endpoint.url());
        let asked = provider.backchannel_authentication(&wanted)$(.$await)?.expect("it is asked");
        let notified = move || {
            endpoint.notified(|request| {
                let notification = ClientNotification::read(request).expect("a notification");
                (notification, ClientNotification::accepted())
            })
        };
        let notification = visit_blocking(notified)$(.$await)?;
        let delivery = provider.receive_backchannel(&asked, &notification)$(.$await)?.expect("metadata");
        let delivery = delivery.expect("the right token");
        let login = provider.backchannel_tokens(asked, delivery)$(.$await)?.expect("a login");
        assert_eq!(login.id_token.sub, "alice");
    }};
}

#[test]
fn a_user_logs_in_on_a_telephone_with_the_handle_over_ureq() {
    fn visit_blocking<T>(notified: impl FnOnce() -> T) -> T {
        notified()
    }
    by_handle!(oidc_ureq);
}

#[test]
fn a_user_logs_in_on_a_telephone_with_the_handle_over_hyper() {
    RUNTIME.block_on(async { by_handle!(oidc_hyper, await) });
}

#[test]
fn a_user_logs_in_on_a_telephone_with_the_handle_over_reqwest() {
    RUNTIME.block_on(async { by_handle!(oidc_reqwest, await) });
}

#[test]
fn a_signed_request_logs_a_user_in_and_one_of_another_key_does_not() {
    let Some(npm) = npm::npm() else { return };
    let (key, _) = KeyRing::client_key(Algorithm::ES256);
    let client = builder(npm, "ciba-signed").signer(key.clone()).build().expect("a client");
    let wanted = BackchannelAuthenticationRequest::login_hint("alice").binding_message("W4SCT");
    let asked = ask(npm, &client, &wanted.clone().signed_by(key));
    let login = npm.http.run(asked.poll(&client, None, now()).expect("it waits"));
    assert_eq!(login.unwrap_or_else(|failed| panic!("{failed}")).id_token.sub, "alice");

    let refused = |wanted: &BackchannelAuthenticationRequest| {
        let call = client.backchannel_authentication(wanted, moment()).expect("a request");
        npm::protocol(npm.http.run(call).expect_err("it is refused"))
    };
    assert_eq!(refused(&wanted).code(), "invalid_request", "it must be signed");
    let (another, _) = KeyRing::new().signer(Algorithm::ES256, 1, None);
    let forged = refused(&wanted.signed_by(another.into()));
    assert!(matches!(forged, Error::OAuth(_)), "{forged}");
}

#[test]
fn the_provider_refuses_by_name_and_so_does_the_user() {
    let Some(npm) = npm::npm() else { return };
    let client = client(npm, "ciba-poll");
    let hint = BackchannelAuthenticationRequest::login_hint;
    for (wanted, code) in [
        (hint("nobody"), "unknown_user_id"),
        (hint("alice").binding_message("a message that fits on no screen"), "invalid_binding_message"),
        (hint("dave").user_code("9999"), "invalid_user_code"),
        (BackchannelAuthenticationRequest::id_token_hint("eyJ.eyJ.eyJ"), "invalid_request"),
    ] {
        let call = client.backchannel_authentication(&wanted, moment()).expect("a request");
        let error = npm::protocol(npm.http.run(call).expect_err("it is refused"));
        assert_eq!(error.code(), code, "{error}");
    }
    let asked = ask(npm, &client, &hint("bob"));
    let refused = npm.http.run(asked.poll(&client, None, now()).expect("it waits")).expect_err("bob refuses");
    assert_eq!(npm::protocol(refused).code(), "access_denied");
    // Carol never answers.
    let asked = ask(npm, &client, &hint("carol").requested_expiry(Duration::from_secs(8)));
    let over = npm.http.run(asked.poll(&client, None, now()).expect("it waits")).expect_err("nobody answers");
    let error = npm::protocol(over);
    let code = error.code();
    assert!(matches!(code, "authentication_request_expired" | "expired_token"), "{error}");
}
