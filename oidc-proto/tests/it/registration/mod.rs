//! Clients register, and are read, changed and deleted (RFC 7591, RFC 7592).

mod answers;
mod authentication;
mod management;
mod saved;
mod stories;

use crate::support::*;
use oidc_proto::{
    Error, UrlPolicy,
    flow::{RegisteredClient, Registration, RegistrationRequest, Step},
    message::ClientMetadata,
    metadata::{Profile, ProviderMetadata},
};
use oidc_testkit::{Party, drive};
use serde_json::{Value, json};

const CALLBACK: &str = "https://app.example/callback";
const PLACE: &str = "https://op.example/register/1";

fn web() -> ClientMetadata {
    ClientMetadata::web([CALLBACK])
}

fn native() -> ClientMetadata {
    ClientMetadata::native(["http://127.0.0.1/callback"])
}

/// A provider that lets clients register.
fn party() -> Party {
    let mut party = Party::new();
    party.provider.accept_registrations();
    party
}

fn register(party: &mut Party, request: impl Into<RegistrationRequest>) -> Result<RegisteredClient, Error> {
    let call = Registration::start(&party.discover()?, &request.into())?;
    drive(call, &mut party.provider, &mut party.clock)
}

/// The metadata of a provider with a place for registrations, and these authentication methods.
fn provider(methods: &Value) -> ProviderMetadata {
    let mut document = json!({
        "issuer": "https://op.example",
        "registration_endpoint": "https://op.example/register",
        "token_endpoint": "https://op.example/token",
        "response_types_supported": ["code"],
    });
    if !methods.is_null() {
        document["token_endpoint_auth_methods_supported"] = methods.clone();
    }
    let (issuer, policy) = ("https://op.example", UrlPolicy::default());
    ProviderMetadata::parse(document.to_string().as_bytes(), issuer, Profile::AuthorizationServer, &policy)
        .unwrap()
}

/// What a registration makes of this answer.
fn answered(wanted: ClientMetadata, body: &Value) -> Result<RegisteredClient, Error> {
    answered_by(&provider(&Value::Null), wanted, 201, body)
}

fn answered_by(
    provider: &ProviderMetadata,
    wanted: ClientMetadata,
    status: u16,
    body: &Value,
) -> Result<RegisteredClient, Error> {
    let call = Registration::start(provider, &wanted.into()).unwrap();
    match answer(call, status, "application/json", body)? {
        Step::Done(registered) => Ok(registered),
        other => panic!("one request is enough: {other:?}"),
    }
}

/// A client whose registration can be managed.
fn managed() -> RegisteredClient {
    let told = json!({
        "client_id": "1",
        "client_secret": "the secret of the client",
        "registration_access_token": "the-token-of-the-registration",
        "registration_client_uri": PLACE,
    });
    answered(web(), &told).unwrap()
}
