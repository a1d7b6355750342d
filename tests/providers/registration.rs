//! Clients register at a real, OpenID-certified provider, over each adapter: `oidc-provider` from npm.

use crate::{
    adapters::Http,
    npm::{self, Browser, Npm, REDIRECT_URI, User, protocol},
};
use oidc_drive::{moment, now};
use oidc_proto::{
    Error, UrlPolicy,
    flow::{
        Client, ClientAuthentication, ClientCredentialsRequest, RegisteredClient, Registration,
        RegistrationRequest,
    },
    jose::Algorithm,
    message::{AuthorizationRequest, AuthorizationResponse, ClientMetadata},
};
use oidc_testkit::KeyRing;

fn policy() -> UrlPolicy {
    UrlPolicy::default().with_loopback()
}

fn web() -> ClientMetadata {
    ClientMetadata::web([REDIRECT_URI]).id_token_signed_response_alg("ES256").client_name("Shop")
}

fn register(npm: &Npm, wanted: ClientMetadata) -> Result<RegisteredClient, Error> {
    let call = Registration::start(&npm.metadata, &RegistrationRequest::new(wanted)).expect("a request");
    npm.http.run(call).map_err(protocol)
}

fn log_in(http: &impl Http, client: &Client) {
    let (url, pending) = client.authorize(&AuthorizationRequest::default(), moment()).expect("a request");
    let callback = Browser::new().visit(&url, User::Agrees("alice"));
    let response = AuthorizationResponse::from_url(&callback).expect("a callback");
    let login = http.finish(pending.callback(client, None, response, moment()).expect("a code"));
    assert_eq!(login.id_token.sub, "alice");
    assert!(login.tokens.refresh_token.is_some());
}

fn registered(http: &impl Http) {
    let Some(npm) = npm::npm() else { return };
    let call = Registration::start(&npm.metadata, &RegistrationRequest::new(web())).expect("a request");
    let registered = http.finish(call);
    assert_eq!(registered.authentication, ClientAuthentication::ClientSecretBasic);
    assert_eq!((registered.client_secret_expires_at, registered.is_expired(now())), (None, false));
    let told: Vec<_> = registered.changes.iter().filter(|change| change.asked.is_some()).collect();
    assert!(told.is_empty(), "it is registered as it was asked for: {told:?}");
    let client =
        registered.builder(npm.metadata.clone(), now()).expect("its issuer").build().expect("a client");
    log_in(http, &client);

    let read = http.finish(registered.read(&policy()).expect("it is managed"));
    assert_eq!((&read.client_id, &read.client_secret), (&registered.client_id, &registered.client_secret));
    assert!(read.changes.is_empty(), "nobody has changed it: {:?}", read.changes);
    let wanted = read.metadata.clone().client_name("Shop 2");
    let updated = http.finish(read.update(&wanted, &policy()).expect("it is managed"));
    assert_eq!(updated.metadata.client_name.as_deref(), Some("Shop 2"));
    assert_eq!(updated.client_secret, registered.client_secret, "an update leaves the secret as it is");
    assert_ne!(updated.registration_access_token, registered.registration_access_token);
    let client = updated.builder(npm.metadata.clone(), now()).expect("its issuer").build().expect("a client");
    log_in(http, &client);

    // What is kept is enough, after a restart, too.
    let kept = serde_json::to_string(&updated).expect("it is saved");
    let kept: RegisteredClient = serde_json::from_str(&kept).expect("it is loaded");
    http.finish(kept.delete(&policy()).expect("it is managed"));
    let gone = npm.http.run(kept.read(&policy()).expect("it is managed"));
    assert_eq!(protocol(gone.expect_err("it is gone")).code(), "invalid_token");
    let wanted = ClientCredentialsRequest::default();
    let refused = npm.http.run(client.client_credentials(&wanted, moment()).expect("a request"));
    assert_eq!(protocol(refused.expect_err("the client is gone")).code(), "invalid_client");
}

#[test]
fn a_client_registers_logs_in_and_is_deleted_over_ureq() {
    registered(&oidc_ureq::Http::new());
}

#[test]
fn a_client_registers_logs_in_and_is_deleted_over_hyper() {
    registered(&oidc_hyper::Http::new());
}

#[test]
fn a_client_registers_logs_in_and_is_deleted_over_reqwest() {
    registered(&oidc_reqwest::Http::new());
}

#[test]
fn clients_of_each_kind_register_and_authenticate_as_they_are_registered() {
    let Some(npm) = npm::npm() else { return };
    let http = oidc_ureq::Http::new();
    let (signer, _) = KeyRing::client_key(Algorithm::ES256);
    let keys = [signer.public_jwk().expect("a public half")];
    for (wanted, method) in [
        (web().token_endpoint_auth_method("client_secret_post"), ClientAuthentication::ClientSecretPost),
        (web().token_endpoint_auth_method("client_secret_jwt"), ClientAuthentication::ClientSecretJwt),
        (web().token_endpoint_auth_method("private_key_jwt").jwks(keys), ClientAuthentication::PrivateKeyJwt),
        (
            ClientMetadata::native([REDIRECT_URI]).id_token_signed_response_alg("ES256"),
            ClientAuthentication::None,
        ),
    ] {
        let registered = register(npm, wanted).expect("a client");
        assert_eq!(registered.authentication, method);
        let mut builder = registered.builder(npm.metadata.clone(), now()).expect("its issuer");
        if method == ClientAuthentication::PrivateKeyJwt {
            builder = builder.signer(signer.clone());
        }
        log_in(&http, &builder.build().expect("a client"));
        http.finish(registered.delete(&policy()).expect("it is managed"));
    }
    let service = register(npm, ClientMetadata::service()).expect("a client");
    let client = service.builder(npm.metadata.clone(), now()).expect("its issuer").build().expect("a client");
    let wanted = ClientCredentialsRequest::new(["api:read"]).resource("https://api.example/");
    http.finish(client.client_credentials(&wanted, moment()).expect("a request"));
}

#[test]
fn the_provider_refuses_by_name_what_a_client_may_not_register() {
    let Some(npm) = npm::npm() else { return };
    for (wanted, code) in [
        (ClientMetadata::web(["com.example.app:/callback"]), "invalid_redirect_uri"),
        (web().token_endpoint_auth_method("tls_client_auth"), "invalid_client_metadata"),
        (web().application_type("desktop"), "invalid_client_metadata"),
        (web().grant_types(["authorization_code", "password"]), "invalid_client_metadata"),
    ] {
        let error = register(npm, wanted).map(drop).expect_err("a refusal");
        assert_eq!(error.code(), code, "{error}");
    }
    // The token of another registration, and one that was replaced.
    let (one, two) = (register(npm, web()).expect("a client"), register(npm, web()).expect("a client"));
    let mut mixed = one.clone();
    mixed.registration_access_token.clone_from(&two.registration_access_token);
    let updated =
        npm.http.run(one.update(&one.metadata, &policy()).expect("it is managed")).expect("a client");
    assert_ne!(updated.registration_access_token, one.registration_access_token);
    for bad in [mixed, one] {
        let refused = npm.http.run(bad.read(&policy()).expect("it is managed"));
        assert_eq!(protocol(refused.expect_err("another token")).code(), "invalid_token");
    }
}
