//! A registration is kept: as JSON or sealed, and only its own form comes back.

use super::*;
use crate::DATA;
use oidc_proto::{
    Moment,
    flow::{AppState, SealError, SealingKeys},
    jose::Algorithm,
};
use oidc_testkit::KeyRing;

fn saved(registered: &RegisteredClient) -> Value {
    serde_json::to_value(registered).unwrap()
}

fn load(saved: &Value) -> Result<RegisteredClient, String> {
    serde_json::from_value(saved.clone()).map_err(|error| error.to_string())
}

fn rich() -> RegisteredClient {
    let (signer, _) = KeyRing::client_key(Algorithm::EdDSA);
    let wanted = web()
        .token_endpoint_auth_method("private_key_jwt")
        .jwks([signer.public_jwk().unwrap()])
        .member("client_name#de", "Laden");
    let mut told = wanted.to_json();
    told.as_object_mut().unwrap().extend(
        json!({"client_id": "1", "client_id_issued_at": 1_700_000_000, "registration_access_token": "t",
            "registration_client_uri": PLACE, "client_secret": "s", "client_secret_expires_at": 1_900_000_000})
        .as_object()
        .unwrap()
        .clone(),
    );
    answered(wanted, &told).unwrap()
}

#[test]
fn a_registration_is_saved_and_sealed_and_comes_back_whole() {
    let keys = SealingKeys::new(1, &[7; 32]);
    for registered in [managed(), rich(), answered(native(), &json!({"client_id": "1"})).unwrap()] {
        let mut back = load(&saved(&registered)).unwrap();
        // What has been told once is not kept.
        assert_eq!(back.changes, []);
        back.changes = registered.changes.clone();
        assert_eq!(back, registered);
        let sealed = keys.seal_stored(&registered, "clients", Moment::new(NOW, [7; 32])).unwrap();
        let opened: RegisteredClient = keys.open_stored(&sealed, "clients").unwrap();
        assert_eq!(saved(&opened), saved(&registered));
        assert_eq!(keys.open_stored::<RegisteredClient>(&sealed, "elsewhere"), Err(SealError::Wrong));
        assert!(keys.open_stored::<AppState<Value>>(&sealed, "clients").is_err(), "it is of another kind");
    }
}

/// The file is as version 1 wrote it. It must load for as long as version 1 is read.
#[test]
fn a_registration_of_version_1_is_still_read() {
    let golden = std::fs::read_to_string(format!("{DATA}/saved/registered-client-v1.json")).unwrap();
    let golden: Value = serde_json::from_str(&golden).unwrap();
    let registered = load(&golden).unwrap();
    assert_eq!(saved(&registered), golden);
    assert_eq!(golden, saved(&managed()), "the same is still written");
    assert!(registered.read(&policy()).is_ok());
}

#[test]
fn what_others_could_have_written_is_checked() {
    let good = saved(&managed());
    for (member, value) in [
        ("version", json!(2)),
        ("version", Value::Null),
        ("issuer", json!("")),
        ("issuer", json!("https://op.example\n")),
        ("client_id", json!("")),
        ("client_id", json!("\u{202e}")),
        ("client_secret", json!("line\nbreak")),
        ("client_secret", json!("")),
        ("registration_access_token", json!("a\r\nb: c")),
        ("registration_client_uri", json!("https://op.example/\u{0}")),
        ("authentication", json!("secret_handshake")),
        ("metadata", json!([])),
        ("unknown", json!(1)),
    ] {
        let mut bad = good.clone();
        bad[member] = value;
        assert!(load(&bad).is_err(), "{member}");
    }
    for member in ["version", "issuer", "client_id", "authentication", "metadata"] {
        let mut bad = good.clone();
        bad.as_object_mut().unwrap().remove(member);
        assert!(load(&bad).is_err(), "{member}");
    }
    // A private key that somebody has put there does not come back.
    let mut bad = good;
    bad["metadata"]["jwks"] = json!({"keys": [{"kty": "EC", "d": "secret"}]});
    assert_eq!(load(&bad).unwrap().metadata.jwks, None);
}

#[test]
fn times_are_absolute_so_a_restart_changes_nothing() {
    let registered = rich();
    let back = load(&saved(&registered)).unwrap();
    assert_eq!(back.client_secret_expires_at, registered.client_secret_expires_at);
    let secret = answered(
        web(),
        &json!({"client_id": "1", "client_secret": "s", "client_secret_expires_at": 1_799_999_999}),
    );
    let back = load(&saved(&secret.unwrap())).unwrap();
    assert!(back.is_expired(NOW) && back.builder(provider(&Value::Null), NOW).is_err());
}
