//! The errors of a registration: of the metadata of a client, and of the answers of a provider.

use crate::{
    page::{Page, Said, said, show},
    settings::{alone, in_flow},
};
use oidc_proto::{
    Error, UrlPolicy,
    base::UrlError,
    flow::{Call, ConfigError, Flow, RegisteredClientError, Registration, RegistrationRequest, ResponseRule},
    message::{ClientMetadata, ClientMetadataError, RegisteredClient},
    metadata::{MemberError, Profile, ProviderMetadata},
};
use serde_json::{Value, json};

fn receive<F: Flow>(call: Call<F>, status: u16, body: &Value) -> Result<F::Output, Error> {
    let (_, _, pending) = call.into_parts();
    let response = http::Response::builder().status(status).header("content-type", "application/json");
    let response = response.body(body.to_string().into_bytes()).unwrap();
    match pending.receive(response, oidc_proto::Moment::new(oidc_proto::Timestamp(1_800_000_000), [7; 32]))? {
        oidc_proto::flow::Step::Done(output) => Ok(output),
        _ => panic!("one request is enough"),
    }
}

fn register(status: u16, body: &Value) -> Result<RegisteredClient, Error> {
    let document = r#"{"issuer":"https://op.example","registration_endpoint":"https://op.example/register",
        "response_types_supported":["code"]}"#;
    let (profile, policy) = (Profile::AuthorizationServer, UrlPolicy::default());
    let provider =
        ProviderMetadata::parse(document.as_bytes(), "https://op.example", profile, &policy).unwrap();
    let wanted = RegistrationRequest::new(ClientMetadata::web(["https://app.example/callback"]));
    receive(Registration::start(&provider, &wanted).unwrap(), status, body)
}

/// The error of an answer to a registration.
fn answered(status: u16, body: &Value) -> Error {
    register(status, body).unwrap_err()
}

fn managed() -> RegisteredClient {
    let place = "https://op.example/register/1";
    let told = json!({"client_id": "1", "client_secret": "a secret", "registration_access_token": "t",
        "registration_client_uri": place});
    register(201, &told).unwrap()
}

fn told(error: Error) -> Said {
    in_flow(error)
}

pub(crate) fn show(page: &mut Page) {
    page.part("The metadata of a client (`ClientMetadata::check`, and every flow that sends them)");
    show!(page, oidc_proto::ClientMetadataError, |error| in_flow(ConfigError::ClientMetadata(error));
        KeysTwice, NoKeys("private_key_jwt"), SymmetricKey, NoRedirectUri("authorization_code"),
        NoGrant("authorization_code"), Misplaced("scope"), OfProvider("client_id"));
    page.mark("oidc_proto::ConfigError::ClientMetadata");
    show!(page, oidc_proto::MemberError, alone; PrivateKey);

    page.part("A registration (`Registration`, `RegisteredClient`)");
    for code in [
        "invalid_redirect_uri",
        "invalid_client_metadata",
        "invalid_software_statement",
        "unapproved_software_statement",
    ] {
        page.add(told(answered(400, &json!({ "error": code }))));
    }
    page.add(told(answered(401, &json!({}))));
    let policy = UrlPolicy::default();
    page.add(told(receive(managed().read(&policy).unwrap(), 401, &json!({})).unwrap_err()));
    page.add(told(receive(managed().read(&policy).unwrap(), 200, &json!({"client_id": "2"})).unwrap_err()));
    page.add(told(answered(201, &json!({"client_name": "a"}))));
    for told_ in [
        json!({"client_id": "1", "redirect_uris": ["https://evil.example"]}),
        json!({"client_id": "1", "token_endpoint_auth_method": "private_key_jwt"}),
        json!({"client_id": "1", "client_secret": 5}),
    ] {
        page.add(told(answered(201, &told_)));
    }
    page.mark("oidc_proto::Error::Registration");
    show!(page, oidc_proto::ResponseRule, |rule: ResponseRule| said!(rule, part); Registered("redirect_uris"));
    show!(page, oidc_proto::RegisteredClientError, |error| in_flow(ConfigError::Registered(error));
        OtherIssuer, Expired, NotManaged, Url(UrlError::PrivateAddress));
    page.mark("oidc_proto::ConfigError::Registered");
}
