//! A client that no server has registered, at a real provider: `oidc-provider` from npm reads the document that the client
//! publishes.

use crate::{
    adapters::Http,
    npm::{self, Browser, User},
};
use oidc_drive::moment;
use oidc_proto::{
    Timestamp, UrlPolicy,
    flow::{ClientIdentities, Discovery, IdentityChoice, PreviousLogin},
    jose::{Algorithm, Jwk},
    message::{
        AuthorizationRequest, AuthorizationResponse, ClientIdMetadataDocument,
        ClientIdMetadataDocumentBuilder, ClientIdUrl,
    },
};
use oidc_testkit::KeyRing;
use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    thread,
    time::Duration,
};

/// Serves a document on loopback, once, and returns it. The provider goes there for the URL of the document.
fn publish(
    make: impl FnOnce(ClientIdMetadataDocumentBuilder) -> ClientIdMetadataDocumentBuilder,
) -> ClientIdMetadataDocument {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let client_id = ClientIdUrl::parse(&format!("https://agent.example/{port}/client.json")).expect("a URL");
    let builder = ClientIdMetadataDocument::builder(client_id, "My Agent");
    let document = make(builder).build().expect("a document");
    let response = document.response(Duration::from_secs(600));
    thread::spawn(move || {
        let (stream, _) = listener.accept().expect("the provider");
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        while reader.read_line(&mut line).is_ok_and(|length| length > 2) {
            line.clear();
        }
        let mut head = format!("HTTP/1.1 {} -\r\nconnection: close\r\n", response.status().as_u16());
        for (name, value) in response.headers() {
            head += &format!("{name}: {}\r\n", value.to_str().expect("text"));
        }
        head += &format!("content-length: {}\r\n\r\n", response.body().len());
        let stream = reader.get_mut();
        stream
            .write_all(head.as_bytes())
            .and_then(|()| stream.write_all(response.body()))
            .expect("it listens");
    });
    document
}

fn log_in(http: &impl Http, identities: &ClientIdentities, redirect_uri: &str) {
    let Some(npm) = npm::npm() else { return };
    let policy = UrlPolicy::default().with_loopback();
    let metadata = http.finish(Discovery::start(&npm.issuer, &policy).expect("an issuer"));
    assert_eq!(metadata.client_id_metadata_document_supported, Some(true));
    let choice = identities.choose(&metadata, None, Timestamp(0)).expect("an identity");
    let IdentityChoice::Client(identity) = choice else { panic!("the provider reads documents") };
    let client = identity.client(metadata).expect("this issuer").redirect_uri(redirect_uri);
    let client = client.id_token_signed_response_alg(Algorithm::ES256).build().expect("a client");
    let request = AuthorizationRequest::new([""; 0]);
    let (url, pending) = client.authorize(&request, moment()).expect("a request");
    let callback = Browser::new().visit(&url, User::Agrees("alice"));
    let response = AuthorizationResponse::from_url(&callback).expect("a callback");
    let login = http.finish(pending.callback(&client, None, response, moment()).expect("a code"));
    assert_eq!(login.id_token.sub, "alice");
    let refresh_token =
        login.tokens.refresh_token.clone().expect("the document has the grant `refresh_token`");
    let keys = login.learned.keys.clone();
    let call = client.refresh(&refresh_token, Some(PreviousLogin::from(&login)), keys, moment());
    assert!(http.finish(call.expect("a request")).rotated);
}

fn as_a_native_client(http: &impl Http) {
    if npm::npm().is_none() {
        return;
    }
    let document = publish(|builder| {
        builder.loopback_redirects("/callback").metadata(|other| other.id_token_signed_response_alg("ES256"))
    });
    let identities = ClientIdentities::new().document(document.client_id().clone());
    log_in(http, &identities, "http://127.0.0.1:51234/callback");
}

#[test]
fn a_native_client_without_registration_logs_in_over_ureq() {
    as_a_native_client(&oidc_ureq::Http::new());
}

#[test]
fn a_native_client_without_registration_logs_in_over_hyper() {
    as_a_native_client(&oidc_hyper::Http::new());
}

#[test]
fn a_native_client_without_registration_logs_in_over_reqwest() {
    as_a_native_client(&oidc_reqwest::Http::new());
}

#[test]
fn a_client_without_registration_authenticates_with_the_key_of_its_document() {
    if npm::npm().is_none() {
        return;
    }
    let (signer, jwk) = KeyRing::client_key(Algorithm::ES256);
    let jwk = Jwk::parse(jwk.to_string().as_bytes()).expect("a key");
    let document = publish(|builder| {
        builder
            .redirect_uri(npm::REDIRECT_URI)
            .metadata(|other| other.jwks([jwk]).id_token_signed_response_alg("ES256"))
    });
    let identities = ClientIdentities::new().document(document.client_id().clone()).document_signer(signer);
    log_in(&oidc_ureq::Http::new(), &identities, npm::REDIRECT_URI);
}
