//! The document of a client: made so that every server can use it, and read as a server must.

use super::{CLIENT_ID, client_id};
use crate::support::policy;
use oidc_proto::{
    UrlPolicy,
    base::{JsonError, UrlError},
    jose::{Algorithm, Jwk},
    message::{
        ClientIdMetadataDocument, ClientIdMetadataDocumentBuilder, ClientIdMetadataError, ClientMetadata,
        ClientMetadataError, MAX_CLIENT_ID_METADATA,
    },
    metadata::MetadataError,
};
use oidc_testkit::KeyRing;
use serde_json::{Value, json};
use std::time::Duration;

fn builder() -> ClientIdMetadataDocumentBuilder {
    ClientIdMetadataDocument::builder(client_id(), "My Agent")
}

fn key() -> Jwk {
    Jwk::parse(KeyRing::client_key(Algorithm::ES256).1.to_string().as_bytes()).unwrap()
}

fn document() -> Value {
    json!({
        "client_id": CLIENT_ID,
        "client_name": "My Agent",
        "redirect_uris": ["http://127.0.0.1/callback", "https://agent.example/callback"],
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": "none",
    })
}

fn with(member: &str, value: Value) -> Value {
    let mut document = document();
    document[member] = value;
    document
}

fn read(document: &Value) -> Result<ClientIdMetadataDocument, ClientIdMetadataError> {
    ClientIdMetadataDocument::parse(document.to_string().as_bytes(), &client_id(), &policy())
}

/// Defect M46: a client forgot `refresh_token` in its document, and its users had to log in again each hour. Another one
/// published loopback URIs with a port of its own choice, or none at servers that compare ports.
#[test]
fn a_native_client_may_refresh_and_return_to_any_port_or_to_named_ones() {
    let any = builder().loopback_redirects("/callback").build().unwrap();
    assert_eq!(
        any.to_json(),
        json!({
            "client_id": CLIENT_ID,
            "client_name": "My Agent",
            "application_type": "native",
            "redirect_uris": ["http://127.0.0.1/callback", "http://localhost/callback"],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        })
    );
    for (uri, allowed) in [
        ("http://127.0.0.1/callback", true),
        ("http://127.0.0.1:51234/callback", true),
        ("http://localhost:1/callback", true),
        ("http://127.0.0.1:51234/callback/", false),
        ("http://127.0.0.1:51234/callback?a=b", false),
        ("http://127.0.0.2:51234/callback", false),
        ("http://user@127.0.0.1:51234/callback", false),
        ("https://127.0.0.1:51234/callback", false),
        ("http://127.0.0.1.evil.example:80/callback", false),
    ] {
        assert_eq!(any.allows_redirect_uri(uri), allowed, "{uri}");
    }
    let named = builder().loopback_redirects("/callback").loopback_ports([33418, 33419]).build().unwrap();
    let uris = named.metadata().redirect_uris.clone().unwrap();
    assert_eq!(
        uris,
        [
            "http://127.0.0.1:33418/callback",
            "http://127.0.0.1:33419/callback",
            "http://localhost:33418/callback",
            "http://localhost:33419/callback",
        ]
    );
    assert!(named.allows_redirect_uri("http://localhost:33418/callback"));
    assert!(!named.allows_redirect_uri("http://localhost:33420/callback"), "these are all");
    // What a program has chosen on purpose stays.
    let once = builder()
        .redirect_uri("https://agent.example/callback")
        .metadata(|other| other.grant_types(["authorization_code"]))
        .build()
        .unwrap();
    assert_eq!(once.to_json()["grant_types"], json!(["authorization_code"]));
}

#[test]
fn the_kind_of_application_follows_from_the_redirect_uris() {
    for (uris, kind) in [
        (&["https://agent.example/callback"][..], "web"),
        (&["https://a.example/1", "https://a.example/2"], "web"),
        (&["http://localhost/callback"], "native"),
        (&["http://[::1]:80/callback"], "native"),
        (&["com.example.agent:/callback"], "native"),
        (&["https://agent.example/callback", "http://127.0.0.1/callback"], "native"),
    ] {
        let made = uris.iter().fold(builder(), |builder, uri| builder.redirect_uri(*uri)).build().unwrap();
        assert_eq!(made.to_json()["application_type"], kind, "{uris:?}");
    }
    let told = builder().loopback_redirects("/c").metadata(|other| other.application_type("web")).build();
    assert_eq!(told.unwrap().to_json()["application_type"], "web");
}

#[test]
fn a_client_with_keys_authenticates_with_them_and_no_secret_is_published() {
    let by_value = builder().redirect_uri("https://agent.example/cb").metadata(|other| other.jwks([key()]));
    let by_value = by_value.build().unwrap();
    assert!(by_value.authenticates());
    let json = by_value.to_json();
    assert_eq!(json["token_endpoint_auth_method"], "private_key_jwt");
    assert!(json["jwks"]["keys"][0]["x"].is_string() && json["jwks"]["keys"][0]["d"].is_null());
    let by_url = |uri: &'static str| {
        builder().redirect_uri("https://agent.example/cb").metadata(move |other| other.jwks_uri(uri)).build()
    };
    assert!(by_url("https://agent.example/jwks.json").unwrap().authenticates());
    for (uri, why) in [
        ("http://agent.example/jwks.json", UrlError::PlainHttp),
        ("https://169.254.169.254/jwks.json", UrlError::PrivateAddress),
        ("https://localhost/jwks.json", UrlError::Loopback),
        ("jwks.json", UrlError::NotAbsolute),
    ] {
        let refused = Err(ClientIdMetadataError::Url { member: "jwks_uri", why });
        assert_eq!(by_url(uri), refused, "{uri}");
    }
    let public = builder().loopback_redirects("/callback").build().unwrap();
    assert!(!public.authenticates());
    let silent = document();
    let silent = {
        let mut it = silent;
        it.as_object_mut().unwrap().remove("token_endpoint_auth_method");
        it
    };
    assert!(!read(&silent).unwrap().authenticates(), "it can have no secret");
}

#[test]
fn what_no_server_could_use_is_not_made() {
    let base = || builder().loopback_redirects("/callback");
    let set = |set: fn(ClientMetadata) -> ClientMetadata| base().metadata(set).build().unwrap_err();
    for made in [
        set(|other| other.token_endpoint_auth_method("client_secret_basic")),
        set(|other| other.token_endpoint_auth_method("client_secret_post")),
        set(|other| other.token_endpoint_auth_method("client_secret_jwt")),
    ] {
        assert_eq!(made, ClientIdMetadataError::SharedSecret);
    }
    for (made, member) in [
        (set(|other| other.id_token_signed_response_alg("HS256")), "id_token_signed_response_alg"),
        (set(|other| other.request_object_signing_alg("HS512")), "request_object_signing_alg"),
        (set(|other| other.userinfo_encrypted_response_alg("A128KW")), "userinfo_encrypted_response_alg"),
        (set(|other| other.id_token_encrypted_response_alg("dir")), "id_token_encrypted_response_alg"),
    ] {
        assert_eq!(made, ClientIdMetadataError::SymmetricAlgorithm(member));
    }
    for (made, member) in [
        (set(|other| other.member("client_secret", "a secret")), "client_secret"),
        (set(|other| other.member("client_secret_expires_at", 0)), "client_secret_expires_at"),
        (set(|other| other.member("client_id", "https://evil.example/c")), "client_id"),
        (set(|other| other.member("registration_access_token", "t")), "registration_access_token"),
    ] {
        let refused = ClientIdMetadataError::Metadata(ClientMetadataError::OfProvider(member));
        assert_eq!(made, refused);
    }
    for (made, member, why) in [
        (set(|other| other.logo_uri("http://agent.example/logo")), "logo_uri", UrlError::Scheme),
        (set(|other| other.client_uri("javascript:alert(1)")), "client_uri", UrlError::Scheme),
        (set(|other| other.tos_uri("terms.html")), "tos_uri", UrlError::NotAbsolute),
        (set(|other| other.policy_uri("")), "policy_uri", UrlError::NotAbsolute),
    ] {
        assert_eq!(made, ClientIdMetadataError::Url { member, why });
    }
    for uri in [
        "http://agent.example/callback",
        "https://agent.example/callback#x",
        "https://*.agent.example/callback",
        "javascript:alert(1)",
        "callback",
    ] {
        let made = builder().redirect_uri(uri).build();
        assert!(matches!(made, Err(ClientIdMetadataError::RedirectUri(_))), "{uri}: {made:?}");
    }
    for path in ["callback", "", ":80/callback"] {
        let made = builder().loopback_redirects(path).build();
        assert_eq!(made, Err(ClientIdMetadataError::LoopbackPath), "{path}");
    }
    let nowhere = builder().build().unwrap_err();
    assert!(
        matches!(nowhere, ClientIdMetadataError::Metadata(ClientMetadataError::NoRedirectUri(_))),
        "{nowhere}"
    );
    for name in ["", "  ", "My\u{202e}tnegA", "My\nAgent"] {
        let made = ClientIdMetadataDocument::builder(client_id(), name).loopback_redirects("/c").build();
        assert_eq!(made, Err(ClientIdMetadataError::ClientName), "{name:?}");
    }
}

#[test]
fn a_client_without_users_needs_no_redirect_uri() {
    let service =
        builder().metadata(|other| other.grant_types(["client_credentials"]).jwks([key()])).build().unwrap();
    let json = service.to_json();
    assert_eq!((&json["redirect_uris"], &json["response_types"]), (&Value::Null, &json!([])));
    assert_eq!(json["token_endpoint_auth_method"], "private_key_jwt");
    assert_eq!(read(&json), Ok(service));
}

#[test]
fn the_response_is_what_servers_accept_and_has_at_most_5_kib() {
    let made = |length: usize| {
        builder().loopback_redirects("/callback").metadata(|other| other.scope("s".repeat(length))).build()
    };
    let empty = made(0).unwrap().response(Duration::from_secs(60)).body().len();
    let room = MAX_CLIENT_ID_METADATA - empty;
    for length in [0, 1, room - 1, room] {
        let response = made(length).unwrap().response(Duration::from_secs(3_600));
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "application/json");
        assert_eq!(response.headers()["cache-control"], "public, max-age=3600");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        assert_eq!(response.body().len(), empty + length);
        let read = ClientIdMetadataDocument::parse(response.body(), &client_id(), &policy());
        assert_eq!(read, made(length), "what is served is what was made");
    }
    for more in [1, 100, 100_000] {
        let refused = ClientIdMetadataError::TooLarge { bytes: MAX_CLIENT_ID_METADATA + more };
        assert_eq!(made(room + more), Err(refused));
    }
}

#[test]
fn a_document_speaks_for_the_client_at_its_own_url_only() {
    assert_eq!(read(&document()).unwrap().client_id(), &client_id());
    for other in [
        "https://agent.example/client.json/",
        "https://agent.example:443/client.json",
        "https://AGENT.example/client.json",
        "https://agent.example/client.json?",
        "https://evil.example/client.json",
        "",
    ] {
        let refused = ClientIdMetadataError::ClientId { expected: CLIENT_ID.into(), found: other.into() };
        assert_eq!(read(&with("client_id", other.into())), Err(refused), "{other}");
    }
    let mut nameless = document();
    for absent in [Value::Null, Value::Null] {
        nameless["client_id"] = absent;
        assert_eq!(read(&nameless), Err(ClientIdMetadataError::NoClientId));
    }
    for wrong in [json!(7), json!([CLIENT_ID]), json!({})] {
        let error = read(&with("client_id", wrong)).unwrap_err();
        assert!(matches!(error, ClientIdMetadataError::Unreadable(MetadataError::Json(_))), "{error}");
    }
}

#[test]
fn a_document_with_a_secret_or_a_method_that_needs_one_is_refused() {
    for (member, value) in [
        ("client_secret", json!("a secret")),
        ("client_secret", json!("")),
        ("client_secret_expires_at", json!(0)),
    ] {
        assert_eq!(read(&with(member, value)), Err(ClientIdMetadataError::Secret(member)));
    }
    for method in ["client_secret_basic", "client_secret_post", "client_secret_jwt", "client_secret_hmac"] {
        let refused = read(&with("token_endpoint_auth_method", method.into()));
        assert_eq!(refused, Err(ClientIdMetadataError::SharedSecret), "{method}");
    }
    let private = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "eA", "d": "ZA"}]});
    let error = read(&with("jwks", private)).unwrap_err();
    assert!(matches!(error, ClientIdMetadataError::Unreadable(_)), "{error}");
    let symmetric = json!({"keys": [{"kty": "oct", "k": "c2VjcmV0"}]});
    assert!(read(&with("jwks", symmetric)).is_err());
    for alg in ["HS256", "HS384", "HS512"] {
        let refused = read(&with("id_token_signed_response_alg", alg.into()));
        let member = "id_token_signed_response_alg";
        assert_eq!(refused, Err(ClientIdMetadataError::SymmetricAlgorithm(member)), "{alg}");
    }
    let keyless = read(&with("token_endpoint_auth_method", "private_key_jwt".into()));
    let why = ClientMetadataError::NoKeys("private_key_jwt");
    assert_eq!(keyless, Err(ClientIdMetadataError::Metadata(why)));
}

#[test]
fn a_malformed_document_is_refused_whole() {
    for (text, why) in [
        ("", JsonError::NotJson),
        ("<html>", JsonError::NotJson),
        ("[]", JsonError::NotAnObject),
        (r#"{"client_id":"a","client_id":"b"}"#, JsonError::DuplicateMember),
    ] {
        let read = ClientIdMetadataDocument::parse(text.as_bytes(), &client_id(), &policy());
        assert_eq!(read, Err(ClientIdMetadataError::Unreadable(MetadataError::Json(why))), "{text}");
    }
    for (member, value) in [
        ("token_endpoint_auth_method", json!(["none"])),
        ("redirect_uris", json!("http://127.0.0.1/callback")),
        ("client_name", json!(7)),
        ("jwks", json!([])),
    ] {
        let error = read(&with(member, value)).unwrap_err();
        let ClientIdMetadataError::Unreadable(MetadataError::Unusable(unusable)) = error else {
            panic!("{error}")
        };
        assert_eq!(unusable.member, member);
    }
    for uri in ["http://evil.example/", "javascript:alert(1)", "https://agent.example/#x"] {
        let error = read(&with("redirect_uris", json!([uri]))).unwrap_err();
        assert!(matches!(error, ClientIdMetadataError::RedirectUri(_)), "{uri}: {error}");
    }
}

/// A document names URLs that a server will fetch. They must not lead into the network of the server.
#[test]
fn the_policy_of_the_server_decides_where_its_requests_may_go() {
    let with_keys = |uri: &str| {
        let mut document = with("token_endpoint_auth_method", "private_key_jwt".into());
        document["jwks_uri"] = uri.into();
        document.to_string()
    };
    let read = |uri: &str, policy: &UrlPolicy| {
        ClientIdMetadataDocument::parse(with_keys(uri).as_bytes(), &client_id(), policy).map(drop)
    };
    for (uri, why) in [
        ("https://169.254.169.254/latest", UrlError::PrivateAddress),
        ("https://10.0.0.1/jwks.json", UrlError::PrivateAddress),
        ("https://127.0.0.1/jwks.json", UrlError::Loopback),
    ] {
        let refused = Err(ClientIdMetadataError::Url { member: "jwks_uri", why });
        assert_eq!(read(uri, &policy()), refused, "{uri}");
        assert_eq!(read(uri, &policy().with_private_addresses()), Ok(()), "{uri}");
    }
}
