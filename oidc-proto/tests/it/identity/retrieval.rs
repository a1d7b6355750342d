//! The flow that fetches and checks the document of a client, as a server does.

use super::{CLIENT_ID, client_id};
use crate::support::{NOW, answer, moment, policy};
use http::Response;
use oidc_proto::{
    Error, Remedy,
    base::UrlError,
    flow::{
        Call, ClientIdMetadataRetrieval, ConfigError, Endpoint, ResponseError, ResponseRule, RetrievedClient,
        Step,
    },
    message::{ClientIdMetadataDocument, ClientIdMetadataError, ClientIdUrl, MAX_CLIENT_ID_METADATA},
};
use serde_json::{Value, json};
use std::time::Duration;

fn ask() -> Call<ClientIdMetadataRetrieval> {
    ClientIdMetadataRetrieval::start(&client_id(), &policy()).unwrap()
}

fn made() -> ClientIdMetadataDocument {
    ClientIdMetadataDocument::builder(client_id(), "My Agent")
        .loopback_redirects("/callback")
        .build()
        .unwrap()
}

fn got(status: u16, media_type: &str, body: impl ToString) -> Result<RetrievedClient, Box<ResponseError>> {
    match answer(ask(), status, media_type, body) {
        Ok(Step::Done(client)) => Ok(client),
        Ok(_) => panic!("one response is enough"),
        Err(Error::Response(error)) => Err(error),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_document_that_its_author_serves_is_fetched_with_the_time_that_it_may_be_kept() {
    for max_age in [0, 60, 86_400] {
        let (request, terms, pending) = ask().into_parts();
        assert_eq!((request.method().as_str(), request.uri().to_string()), ("GET", CLIENT_ID.to_owned()));
        assert_eq!(request.headers()["accept"], "application/json");
        assert_eq!((terms.endpoint, terms.max_body), (Endpoint::ClientIdMetadata, MAX_CLIENT_ID_METADATA));
        assert!(!terms.client_certificate);
        let served = made().response(Duration::from_secs(max_age));
        let Ok(Step::Done(client)) = pending.receive(served, moment(NOW)) else { panic!("it is good") };
        assert_eq!(client.document, made());
        assert_eq!(client.freshness.duration(), Some(Duration::from_secs(max_age)));
    }
}

#[test]
fn no_request_goes_to_a_special_use_address() {
    for (url, why) in [
        ("https://127.0.0.1/client.json", UrlError::Loopback),
        ("https://localhost/client.json", UrlError::Loopback),
        ("https://[::1]/client.json", UrlError::Loopback),
        ("https://10.0.0.1/client.json", UrlError::PrivateAddress),
        ("https://169.254.169.254/latest/meta-data", UrlError::PrivateAddress),
        ("https://192.0.2.1/client.json", UrlError::PrivateAddress),
        ("https://[fd00::1]/client.json", UrlError::PrivateAddress),
    ] {
        let client_id = ClientIdUrl::parse(url).unwrap();
        let Err(error) = ClientIdMetadataRetrieval::start(&client_id, &policy()) else { panic!("{url}") };
        assert_eq!(error, Error::Config(ConfigError::ClientId(why)), "{url}");
        let inside = policy().with_private_addresses();
        assert!(ClientIdMetadataRetrieval::start(&client_id, &inside).is_ok(), "the policy decides: {url}");
    }
}

#[test]
fn only_status_200_without_a_redirect_is_a_document() {
    for status in [201, 202, 204, 206, 400, 401, 403, 404, 410] {
        let error = got(status, "application/json", made().to_json()).unwrap_err();
        assert_eq!((error.rule.clone(), error.status), (ResponseRule::Status, status), "{status}");
        assert_eq!(error.urls, [CLIENT_ID]);
        assert_eq!(error.remedy(), Remedy::FixConfiguration);
    }
    for status in [301, 302, 303, 307, 308] {
        let error = got(status, "application/json", made().to_json()).unwrap_err();
        assert_eq!(error.rule, ResponseRule::Redirect, "{status}");
        assert!(error.to_string().contains(CLIENT_ID), "{error}");
    }
    for status in [429, 500, 503] {
        let Err(Error::Unavailable(busy)) = answer(ask(), status, "application/json", "") else {
            panic!("{status}")
        };
        assert_eq!(busy.endpoint, Endpoint::ClientIdMetadata);
    }
}

#[test]
fn only_json_is_a_document() {
    for kind in
        ["application/json", "application/json; charset=utf-8", "application/ld+json", "Application/JSON"]
    {
        assert!(got(200, kind, made().to_json()).is_ok(), "{kind}");
    }
    for kind in
        ["", "text/html", "text/json", "application/jsonx", "text/ld+json", "application/+jsonx", "json"]
    {
        let error = got(200, kind, made().to_json()).unwrap_err();
        assert_eq!(error.rule, ResponseRule::MediaType("application/json"), "{kind}");
    }
}

#[test]
fn at_most_5_kib_are_read_unless_the_server_sets_another_limit() {
    let padded = |length: usize| {
        let json = made().to_json().to_string();
        json.clone() + &" ".repeat(length - json.len())
    };
    assert!(got(200, "application/json", padded(MAX_CLIENT_ID_METADATA)).is_ok());
    for length in [MAX_CLIENT_ID_METADATA + 1, 10_000, 100_000] {
        let error = got(200, "application/json", padded(length)).unwrap_err();
        assert_eq!(error.rule, ResponseRule::TooLarge { limit: MAX_CLIENT_ID_METADATA }, "{length}");
        assert!(error.to_string().contains("`Call::max_body`"), "{error}");
        let more = answer(ask().max_body(length), 200, "application/json", padded(length));
        assert!(matches!(more, Ok(Step::Done(_))), "{length}");
    }
}

#[test]
fn what_breaks_a_rule_of_the_document_is_refused_with_that_rule() {
    let with = |member: &str, value: Value| {
        let mut document = made().to_json();
        document[member] = value;
        document
    };
    for (document, code) in [
        (with("client_id", "https://evil.example/client.json".into()), "client_id_metadata_mismatch"),
        (with("client_id", Value::Null), "client_id_metadata_mismatch"),
        (with("client_secret", "s".into()), "client_id_metadata_secret"),
        (with("token_endpoint_auth_method", "client_secret_basic".into()), "client_id_metadata_secret"),
        (with("id_token_signed_response_alg", "HS256".into()), "client_id_metadata_secret"),
        (with("redirect_uris", json!(["http://evil.example/"])), "client_id_metadata_member"),
        (with("redirect_uris", json!([])), "client_id_metadata_member"),
        (with("jwks_uri", "https://10.0.0.1/".into()), "client_id_metadata_member"),
        (json!([]), "client_id_metadata"),
    ] {
        let error = got(200, "application/json", &document).unwrap_err();
        assert_eq!(error.rule.code(), code, "{document}");
        assert!(matches!(error.rule, ResponseRule::ClientIdMetadata(_)), "{document}");
        assert_eq!(error.remedy(), Remedy::FixConfiguration, "whoever publishes it changes it");
    }
    let secret = got(200, "application/json", with("client_secret", "s".into())).unwrap_err();
    let ResponseRule::ClientIdMetadata(why) = secret.rule else { panic!("{secret}") };
    assert_eq!(*why, ClientIdMetadataError::Secret("client_secret"));
}

/// One request, whatever happens: nothing is repeated, and nothing waits.
#[test]
fn a_document_that_does_not_come_ends_the_flow() {
    let (_, _, pending) = ask().into_parts();
    assert!(pending.fail(moment(NOW)).unwrap().is_none());
    for body in ["", "{", "<html>", "{}"] {
        assert!(got(200, "application/json", body).is_err(), "{body}");
    }
    let (_, _, pending) = ask().into_parts();
    let twice = Response::builder().header("content-type", "application/json");
    let twice = twice.header("content-type", "text/html").body(made().to_json().to_string()).unwrap();
    assert!(pending.receive(twice, moment(NOW)).is_err());
}
