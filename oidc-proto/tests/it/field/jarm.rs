//! Signed authorization responses as Keycloak sends them: with `iss` twice, once as the claim of the JWT and once as the
//! parameter of RFC 9207 (keycloak/keycloak#44563).

use crate::resource::world::key;
use oidc_proto::{
    Error, Secret,
    base::{JsonError, Remedy, base64url},
    flow::{CallbackError, Client, PendingAuthorization, Quirks},
    jose::{Algorithm, KeySet, Sign},
    message::{AuthorizationRequest, AuthorizationResponse, ResponseMode},
    token::{AuthorizationResponseVerifier, VerificationError},
};
use oidc_testkit::{EndpointName, Party, drive::NOW, hostile, scenario::SECRET};
use serde_json::json;
use std::sync::Arc;

/// What `{…}` stands for: the state of the login.
const KEYCLOAK: &str = r#"{"exp":{exp},"iss":"https://op.example","aud":"app","code":"c","iss":"https://op.example","state":"{state}","session_state":"s"}"#;

fn keys() -> Arc<KeySet> {
    Arc::new(KeySet::from_jwks(key("ed25519-1", Algorithm::EdDSA).public_jwk()).unwrap())
}

fn signed(payload: &str) -> String {
    let signer = key("ed25519-1", Algorithm::EdDSA);
    let header = json!({"alg": "EdDSA", "kid": signer.key_id(), "typ": "JWT"}).to_string();
    let text = format!("{}.{}", base64url::encode(header.as_bytes()), base64url::encode(payload.as_bytes()));
    format!("{text}.{}", base64url::encode(&signer.sign(text.as_bytes()).unwrap()))
}

fn filled(payload: &str, state: &str) -> String {
    payload.replace("{exp}", &(NOW.0 + 60).to_string()).replace("{state}", state)
}

fn begun(quirk: bool) -> (Party, PendingAuthorization) {
    let mut party = Party::new();
    let modes = hostile::set_member("response_modes_supported", json!(["query", "query.jwt"]));
    party.provider.alter_response(EndpointName::Discovery, modes);
    let mut quirks = Quirks::default();
    quirks.doubled_iss_in_authorization_response = quirk;
    let client = Client::builder(party.discover().unwrap(), "app").secret(SECRET).quirks(quirks);
    let client = client.authorization_signed_response_alg(Algorithm::EdDSA);
    party.client = client.redirect_uri("https://app.example/callback").build().unwrap();
    let request = AuthorizationRequest::default().response_mode(ResponseMode::QueryJwt);
    let (_, pending) = party.authorize(&request).unwrap();
    (party, pending)
}

/// The callback with this payload: whether the code may be sent.
pub(crate) fn called_back(quirk: bool, payload: &str) -> Result<(), Error> {
    let (mut party, pending) = begun(quirk);
    let jwt = signed(&filled(payload, pending.state()));
    let response = AuthorizationResponse::from_query(&format!("response={jwt}")).unwrap();
    pending.callback(&party.client, Some(keys()), response, party.clock.moment()).map(drop)
}

pub(crate) fn as_keycloak_sends_it(quirk: bool) -> Result<(), Error> {
    called_back(quirk, KEYCLOAK)
}

fn why(error: Error) -> VerificationError {
    match error {
        Error::Callback(CallbackError::Response(why)) => *why,
        other => panic!("{other}"),
    }
}

const TWICE: VerificationError = VerificationError::Claims(JsonError::DuplicateMember);

#[test]
fn an_issuer_that_comes_twice_with_one_value_is_accepted_by_its_quirk_alone() {
    for payload in [
        KEYCLOAK,
        r#"{"iss":"https://op.example","iss":"https://op.example","exp":{exp},"aud":"app","code":"c","state":"{state}"}"#,
        r#"{"code":"c","state":"{state}","exp":{exp},"aud":["app"],"\u0069ss":"https:\/\/op.example" , "iss" : "https://op.example"}"#,
    ] {
        let error = called_back(false, payload).unwrap_err();
        assert_eq!(error.remedy(), Remedy::FixConfiguration, "{error}");
        assert!(error.to_string().contains("`Quirks::doubled_iss_in_authorization_response`"), "{error}");
        assert_eq!(why(error), TWICE);
        called_back(true, payload).unwrap_or_else(|error| panic!("{payload}: {error}"));
    }
    let once = r#"{"exp":{exp},"iss":"https://op.example","aud":"app","code":"c","state":"{state}"}"#;
    assert_eq!((called_back(false, once), called_back(true, once)), (Ok(()), Ok(())));
}

#[test]
fn whatever_else_repeats_is_refused_with_the_quirk_too() {
    for payload in [
        KEYCLOAK.replacen("https://op.example", "https://evil.example", 1),
        KEYCLOAK.replace(r#""state":"#, r#""iss":"https://op.example","state":"#),
        KEYCLOAK.replace(r#""code":"c""#, r#""code":"c","code":"c""#),
        KEYCLOAK.replace(r#""aud":"app""#, r#""aud":"app","aud":"app""#),
        KEYCLOAK.replacen(r#""iss":"https://op.example""#, r#""iss":["https://op.example"]"#, 1),
        KEYCLOAK.replace(r#""session_state":"s""#, r#""x":{"iss":"a","iss":"a"}"#),
        KEYCLOAK.replacen(r#""iss":"https://op.example""#, r#""iss":null"#, 1),
    ] {
        let error = why(called_back(true, &payload).unwrap_err());
        let wrong_type =
            matches!(error, VerificationError::Claims(JsonError::WrongType { member: "iss", .. }));
        assert!(error == TWICE || wrong_type, "{payload}: {error}");
    }
}

#[test]
fn every_other_check_of_such_a_response_stays() {
    for (payload, expected) in [
        (KEYCLOAK.replace("https://op.example", "https://evil.example"), VerificationError::Issuer),
        (KEYCLOAK.replace(r#""aud":"app""#, r#""aud":"other""#), VerificationError::Audience),
        (KEYCLOAK.replace(r#""exp":{exp},"#, ""), VerificationError::Missing("exp")),
    ] {
        assert_eq!(why(called_back(true, &payload).unwrap_err()), expected, "{payload}");
    }
    let other = called_back(true, &KEYCLOAK.replace("{state}", "of another login")).unwrap_err();
    assert_eq!(other, CallbackError::State.into());
    // The signature is that of the text as it came: a payload without the second `iss` is another text.
    let verifier = AuthorizationResponseVerifier::new("https://op.example", "app").accept_doubled_iss();
    let good = signed(&filled(KEYCLOAK, "s"));
    let once = filled(&KEYCLOAK.replacen(r#""iss":"https://op.example","#, "", 1), "s");
    let (header, rest) = good.split_once('.').unwrap();
    let forged =
        format!("{header}.{}.{}", base64url::encode(once.as_bytes()), rest.split_once('.').unwrap().1);
    let parameters = verifier.verify(&Secret::new(good.clone()), &keys(), NOW).unwrap();
    assert_eq!(parameters.iss.as_deref(), Some("https://op.example"));
    assert!(verifier.verify(&Secret::new(forged), &keys(), NOW).is_err());
}
