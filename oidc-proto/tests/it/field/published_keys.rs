//! Key sets of the field: the key is the right one, and only its spelling is odd. What changes the key, or says that it
//! is for something else, stays refused.

use oidc_proto::{
    Error,
    jose::{JwsError, KeyError, KeySet},
    token::VerificationError,
};
use oidc_testkit::{EndpointName, Party, hostile};
use serde_json::{Value, json};

/// The provider's key as it signs, after this change.
fn key(change: impl FnOnce(&mut Value)) -> Value {
    let set = Party::new().provider.key_set();
    let keys = set["keys"].as_array().unwrap();
    let mut key = keys.iter().find(|key| key["kid"] == "rsa-1").unwrap().clone();
    change(&mut key);
    key
}

fn login(document: &Value) -> Result<(), Error> {
    let mut party = Party::new();
    let body = document.to_string();
    party.provider.alter_response(EndpointName::Jwks, hostile::respond(200, "application/json", body));
    party.login().map(drop)
}

fn member(name: &'static str, value: Value) -> Value {
    json!({ "keys": [key(|key| key[name] = value)] })
}

fn padded(text: &str) -> String {
    format!("{text}{}", "=".repeat((4 - text.len() % 4) % 4))
}

fn standard(text: &str) -> String {
    padded(&text.replace('-', "+").replace('_', "/"))
}

/// Battle.net and NetIQ Access Manager publish base64 (mod_auth_openidc#368), Jump and others padding (go-oidc#193,
/// go-oidc#422, keyfunc#30).
#[test]
fn a_number_in_base64_or_with_padding_is_the_same_number() {
    let n = key(|_| {})["n"].as_str().unwrap().to_owned();
    assert!(n.contains(['-', '_']) && n.len() % 4 != 0, "the key shows the difference");
    for spelling in [padded(&n), standard(&n), standard(&n).trim_end_matches('=').to_owned()] {
        login(&member("n", spelling.into())).unwrap();
    }
    // Coordinates and points are spelt so, too, and each has one thumbprint.
    for kid in ["ec-1", "ed-1"] {
        let set = Party::new().provider.key_set();
        let Some(usual) = set["keys"].as_array().unwrap().iter().find(|key| key["kid"] == kid) else {
            continue;
        };
        let mut odd = usual.clone();
        for name in ["x", "y"] {
            if let Some(text) = usual[name].as_str() {
                odd[name] = standard(text).into();
            }
        }
        let thumbprint = |key: &Value| {
            let set = KeySet::parse(json!({ "keys": [key] }).to_string().as_bytes()).unwrap();
            let [one] = &set.keys().collect::<Vec<_>>()[..] else { panic!("{:?}", set.set_aside()) };
            one.thumbprint().unwrap().to_owned()
        };
        assert_eq!(thumbprint(&odd), thumbprint(usual));
    }
}

#[test]
fn a_damaged_number_stays_refused() {
    let n = key(|_| {})["n"].as_str().unwrap().to_owned();
    for (damaged, why) in [
        (format!("{n}=="), KeyError::Base64("n")),
        (format!("={n}"), KeyError::Base64("n")),
        (n.replacen('-', "+", 1), KeyError::Base64("n")),
        (format!("{n}\n"), KeyError::Base64("n")),
        (n.chars().take(64).collect(), KeyError::RsaTooShort),
    ] {
        // A length that padding fits is no damage.
        if damaged == padded(&n) {
            continue;
        }
        let error = login(&member("n", damaged.clone().into())).unwrap_err();
        let aside = VerificationError::Jws(JwsError::KeySetAside(why));
        assert_eq!(error, aside.into(), "{damaged}");
    }
}

/// Gluu sends `"crv":""`, `"exp":""` and `"x5c":[""]` with RSA keys (go-oidc#459), and others `"use":""`.
#[test]
fn an_empty_member_of_a_key_is_an_absent_one() {
    for name in ["use", "alg", "kid", "crv", "x5t", "x5t#S256", "x5u"] {
        login(&member(name, "".into())).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    login(&json!({"keys": [key(|key| {
        for (name, value) in [("crv", json!("")), ("exp", json!("")), ("x5c", json!([""]))] {
            key[name] = value;
        }
    })]}))
    .unwrap();
    for name in ["n", "e", "kty"] {
        assert!(login(&member(name, "".into())).is_err(), "{name} is needed");
    }
}

/// Janssen sent `key_ops` as one string (jans#3777); a key that WebCrypto exports for signing has `["sign"]`
/// (theam/facility#287); one provider sends `x5c` as one string (node-jwks-rsa#111).
#[test]
fn operations_of_signatures_are_those_of_a_key_for_signatures() {
    for value in [json!("verify"), json!("sign"), json!(["sign"]), json!(["sign", "verify"])] {
        login(&member("key_ops", value.clone())).unwrap_or_else(|error| panic!("{value}: {error}"));
    }
    login(&member("x5c", "MIIB".into())).unwrap();
    for value in [json!("encrypt"), json!(["wrapKey"]), json!([])] {
        let error = login(&member("key_ops", value.clone())).unwrap_err();
        let aside = JwsError::KeySetAside(KeyError::NotForSignatures);
        assert_eq!(error, VerificationError::Jws(aside).into(), "{value}");
    }
    // No spelling makes a key for encryption one for signatures.
    for purpose in ["sign", "verify"] {
        let both = key(|key| {
            key["use"] = json!("enc");
            key["key_ops"] = json!([purpose]);
        });
        let error = login(&json!({"keys": [both]})).unwrap_err();
        assert_eq!(error, VerificationError::Jws(JwsError::KeySetAside(KeyError::NotForSignatures)).into());
    }
    // Only what is published is read so leniently, and never a private half.
    let private = member("d", "".into());
    assert!(login(&private).unwrap_err().to_string().contains("private members"));
}

/// UAA's `/token_key` is a single key, Google's `/v1/certs` a map of certificates, and Telegram's set has a curve that
/// few know (kratos#4572).
#[test]
fn a_document_that_is_no_key_set_says_so() {
    for document in
        [key(|_| {}), json!({"rsa-1": "-----BEGIN CERTIFICATE-----"}), json!({"keys": null}), json!({})]
    {
        let error = login(&document).unwrap_err();
        assert_eq!(error.code(), "key_set");
        assert!(error.to_string().contains("the key set lacks the member `keys`; it came from"), "{error}");
    }
    let curve = json!({"kty": "EC", "crv": "secp256k1", "kid": "es256k", "x": "AA", "y": "AA"});
    let pq = json!({"kty": "AKP", "alg": "ML-DSA-44", "kid": "pq", "pub": "AA"});
    login(&json!({"keys": [curve, pq, null, key(|_| {})]})).unwrap();
}
