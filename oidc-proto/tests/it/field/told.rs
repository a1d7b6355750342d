//! What the provider says is shown, in whatever form and at whatever endpoint it says it.

use oidc_proto::{
    Error, Secret, UrlPolicy,
    flow::{Call, Client, ClientCredentialsRequest, Discovery, Flow, Terms},
    metadata::ProviderMetadata,
};
use oidc_testkit::Party;

const JSON: &str = "application/json";
const HTML: &str = "text/html";
const FORM: &str = "application/x-www-form-urlencoded";
const ENDPOINTS: [&str; 5] = ["token", "device", "introspection", "revocation", "userinfo"];

fn answered<F: Flow>(call: Call<F>, party: &mut Party, response: &http::Response<Vec<u8>>) -> Error {
    let (_, terms, pending) = call.into_parts();
    let Terms { endpoint, .. } = terms;
    match pending.receive(response.clone(), party.clock.moment()) {
        Ok(_) => panic!("{endpoint}: {response:?} is no refusal"),
        Err(error) => error,
    }
}

/// Gives this response to a flow that asks this endpoint.
fn error(endpoint: &str, response: &http::Response<Vec<u8>>) -> Error {
    let mut party = Party::new();
    let mut metadata: ProviderMetadata = party.client.metadata().clone();
    let url = metadata.token_endpoint.clone();
    metadata.device_authorization_endpoint.clone_from(&url);
    metadata.introspection_endpoint.clone_from(&url);
    metadata.revocation_endpoint = url;
    let client = Client::builder(metadata, "app").secret("hunter2-hunter2").build().unwrap();
    let (token, moment) = (Secret::new("a-secret-token-4711"), party.clock.moment());
    let p = &mut party;
    match endpoint {
        "token" => {
            let wanted = ClientCredentialsRequest::new(["read"]);
            answered(client.client_credentials(&wanted, moment).unwrap(), p, response)
        }
        "device" => answered(client.device_authorization(["openid"], moment).unwrap(), p, response),
        "introspection" => answered(client.introspect(&token, None, moment).unwrap(), p, response),
        "revocation" => answered(client.revoke(&token, None, moment).unwrap(), p, response),
        "userinfo" => answered(client.userinfo(&token, "alice", moment).unwrap(), p, response),
        "jwks" => answered(client.jwks().unwrap(), p, response),
        _ => answered(Discovery::start("https://op.example", &UrlPolicy::default()).unwrap(), p, response),
    }
}

fn response(status: u16, media_type: &str, body: &str) -> http::Response<Vec<u8>> {
    http::Response::builder().status(status).header("content-type", media_type).body(body.into()).unwrap()
}

#[test]
fn a_refusal_shows_its_texts_in_every_form_at_every_endpoint() {
    for endpoint in ENDPOINTS {
        for (status, media_type, body, said) in [
            (400, JSON, r#"{"error":{"code":"x","message":"the app is off"}}"#, "x; the app is off"),
            (400, JSON, r#"{"errors":[{"message":"no such app"}]}"#, "no such app"),
            (
                403,
                "application/problem+json",
                r#"{"detail":"The app is gone","title":"Gone"}"#,
                "The app is gone; Gone",
            ),
            (
                400,
                JSON,
                r#"{"error":"x","error_description":{"en":"the app is off","detail":"really off"}}"#,
                "really off",
            ),
            (400, JSON, r#"{"error":"x","message":"the app is off"}"#, "the app is off"),
            (400, FORM, "error=bad_code&error_description=The+code+is+wrong", "bad_code; The code is wrong"),
            (403, HTML, "<html><title>Access denied</title><body>x</body></html>", "Access denied"),
            (400, "text/xml", "<Error><Code>A7</Code><Message>No app</Message></Error>", "A7; No app"),
            (400, "text/plain", "Client is unknown", "Client is unknown"),
            (401, JSON, r#"{"message":"Bad credentials"}"#, "Bad credentials"),
        ] {
            let error = error(endpoint, &response(status, media_type, body));
            assert!(error.to_string().contains(said), "{endpoint}: {error}");
            assert!(!error.to_string().contains("does not allow"), "{endpoint}: {error}");
        }
    }
}

/// Some servers say 200 and mean no.
#[test]
fn a_refusal_with_status_200_shows_its_texts() {
    for endpoint in ["token", "device", "introspection", "userinfo"] {
        for (body, said) in [
            (
                r#"{"error":{"code":"x","message":"the app is off"}}"#,
                "(the provider says: x; the app is off)",
            ),
            (r#"{"errors":[{"message":"no such app"}]}"#, "(the provider says: no such app)"),
            (r#"{"error":100019,"error_description":"wrong code"}"#, "(the provider says: wrong code)"),
        ] {
            let error = error(endpoint, &response(200, JSON, body));
            assert!(error.to_string().contains(said), "{endpoint}: {error}");
            assert_eq!(error.code(), "response_refusal", "{endpoint}: {error}");
        }
    }
    for (media_type, body, said) in [
        (JSON, r#"{"errcode":40029,"errmsg":"invalid code"}"#, "says: invalid code)"),
        (
            FORM,
            "error=bad_verification_code&error_description=It+is+wrong",
            "says: bad_verification_code; It is wrong)",
        ),
    ] {
        let error = error("token", &response(200, media_type, body));
        assert!(error.to_string().contains(said), "{error}");
    }
    // What is no refusal says as before what it lacks.
    for (endpoint, body, code) in [
        ("token", r#"{"token_type":"Bearer"}"#, "response_missing_member"),
        ("userinfo", r#"{"title":"Dr","name":"Alice"}"#, "response_missing_member"),
        ("introspection", r#"{"title":"Dr","sub":"alice"}"#, "response_missing_member"),
        ("token", "<title>Log in</title>", "response_json"),
        ("token", "access_token=x&token_type=bearer", "response_json"),
    ] {
        let error = error(endpoint, &response(200, JSON, body));
        assert_eq!(error.code(), code, "{error}");
        assert!(!error.to_string().contains("Dr") && !error.to_string().contains("Log in"), "{error}");
    }
}

#[test]
fn a_challenge_without_an_error_shows_its_description() {
    for (told, said) in [
        (
            r#"Bearer error_description="The token is of another realm""#,
            "(the provider says: The token is of another realm)",
        ),
        (
            r#"Bearer error="invalid_token", error_description="It is too old""#,
            "`invalid_token` (It is too old)",
        ),
        (
            r#"Bearer error_description="a-secret-token-4711 is wrong""#,
            "(the provider says: [secret] is wrong)",
        ),
    ] {
        let mut refused = response(401, HTML, "");
        refused.headers_mut().insert("www-authenticate", told.parse().unwrap());
        let error = error("userinfo", &refused);
        assert!(error.to_string().contains(said), "{error}");
    }
}

#[test]
fn a_document_that_is_refused_shows_what_the_server_says() {
    for endpoint in ["jwks", "discovery"] {
        for (status, body, said) in [
            (404, r#"{"error":"Realm does not exist"}"#, "(the server says: Realm does not exist)"),
            (403, r#"{"errors":[{"message":"not_found; no such tenant."}]}"#, "not_found; no such tenant."),
            (
                400,
                r#"{"error":"invalid_tenant","error_description":"AADSTS90002: Tenant not found."}"#,
                "invalid_tenant; Tenant not found.",
            ),
        ] {
            let error = error(endpoint, &response(status, JSON, body));
            assert!(error.to_string().contains(said), "{error}");
            assert!(error.to_string().contains("status that the specification does not allow"), "{error}");
        }
        let page = error(endpoint, &response(404, HTML, "<title>Nothing here</title>"));
        assert!(!page.to_string().contains("Nothing here"), "{page}");
    }
}

#[test]
fn no_secret_of_the_request_shows_in_any_form() {
    let (token, of_client) = ("a-secret-token-4711", "hunter2-hunter2");
    for (endpoint, secret) in [
        ("token", of_client),
        ("device", of_client),
        ("introspection", of_client),
        ("introspection", token),
        ("revocation", token),
        ("userinfo", token),
    ] {
        for body in [
            format!("{secret} is wrong"),
            format!("<title>{secret} is wrong</title>"),
            format!("error=x&error_description={secret}+is+wrong"),
            format!(r#"{{"error":"x","error_description":["{secret} is wrong"]}}"#),
            format!(r#"{{"error":"x","message":"{secret} is wrong"}}"#),
            format!(r#"{{"errors":[{{"message":"{secret} is wrong"}}]}}"#),
        ] {
            let text = error(endpoint, &response(400, JSON, &body)).to_string();
            assert!(!text.contains("4711") && !text.contains("hunter2"), "{endpoint}: {text}");
            assert!(text.contains("is wrong") && text.len() < 600, "{endpoint}: {text}");
        }
    }
}
