//! The refused tokens, each with the clause that it breaks: one table for the verdicts and for the count of
//! allocations.

use crate::tokens::{API, ISSUER, NOW, claims, claims_with, header_with, raw, tampered, token};
use oidc_proto::{
    base::JsonError,
    jose::{Algorithm, JwsError},
    token::{MAX_TOKEN, VerificationError},
};
use serde_json::{Value, json};
use std::time::Duration;

/// A token, and the reason why the strict verifier refuses it.
pub(crate) struct Refused {
    pub(crate) what: String,
    pub(crate) token: String,
    pub(crate) why: VerificationError,
}

/// Every clause of RFC 9068 sections 2 and 4, RFC 7515, 7519 and 8725 that the verifier checks.
pub(crate) fn table() -> Vec<Refused> {
    let mut table = Vec::new();
    let mut add = |what: &str, token: String, why| table.push(Refused { what: what.to_owned(), token, why });
    let with = |changes: Value| token(Algorithm::EdDSA, &claims_with(changes));
    let headed = |changes: Value| raw(&header_with(changes), &claims().to_string());
    let wrong = |member, expected| VerificationError::Claims(JsonError::WrongType { member, expected });
    let jws = VerificationError::Jws;

    for typ in [json!(null), json!("JWT"), json!(""), json!("id+jwt"), json!("logout+jwt"), json!("at+jwtx")]
    {
        add(&format!("typ {typ}"), headed(json!({"typ": typ})), VerificationError::Type);
    }
    add("iss missing", with(json!({"iss": null})), VerificationError::Missing("iss"));
    for iss in ["", "https://op.example/", "https://OP.example", "https://evil.example"] {
        add(&format!("iss {iss}"), with(json!({"iss": iss})), VerificationError::Issuer);
    }
    add("iss a number", with(json!({"iss": 5})), wrong("iss", "a string"));
    add("aud missing", with(json!({"aud": null})), VerificationError::Missing("aud"));
    for aud in [json!(""), json!([]), json!("https://api.example/"), json!(["app", "x"]), json!([[API]])] {
        let why = match aud.as_array().and_then(|list| list.first()) {
            Some(Value::Array(_)) => wrong("aud", "a string or an array of strings"),
            _ => VerificationError::Audience,
        };
        add(&format!("aud {aud}"), with(json!({"aud": aud})), why);
    }
    add("exp missing", with(json!({"exp": null})), VerificationError::Missing("exp"));
    add(
        "exp now, less the leeway",
        with(json!({"exp": NOW.0 - 30})),
        VerificationError::Expired { ago: Duration::from_secs(30), leeway: Duration::from_secs(30) },
    );
    add("exp text", with(json!({"exp": "later"})), wrong("exp", "a date in seconds"));
    add("exp beyond all time", with(json!({"exp": 1e300})), wrong("exp", "a date in seconds"));
    add(
        "nbf to come",
        with(json!({"nbf": NOW.0 + 31})),
        VerificationError::NotYetValid { ahead: Duration::from_secs(31), leeway: Duration::from_secs(30) },
    );
    add(
        "iat to come",
        with(json!({"iat": NOW.0 + 31})),
        VerificationError::IssuedInFuture { ahead: Duration::from_secs(31), leeway: Duration::from_secs(30) },
    );
    for claim in ["iat", "sub", "client_id", "jti"] {
        add(&format!("{claim} missing"), with(json!({claim: null})), VerificationError::Missing(claim));
    }
    for claim in ["sub", "client_id", "jti"] {
        add(&format!("{claim} empty"), with(json!({claim: ""})), VerificationError::Value(claim));
    }
    // A log of these claims must stay on one line.
    for claim in ["sub", "client_id", "azp", "acr", "sid"] {
        for bad in ["a\u{7f}b", "a\u{85}b", "a\u{2028}b", "a\u{202e}b", "a\u{200b}b"] {
            add(&format!("{claim} {bad:?}"), with(json!({claim: bad})), VerificationError::Value(claim));
        }
    }
    add("cnf", with(json!({"cnf": {"jkt": "x"}})), VerificationError::SenderConstrained);
    add("cnf empty", with(json!({"cnf": {}})), VerificationError::ConfirmationMethod);

    add("crit", headed(json!({"crit": ["exp"]})), jws(JwsError::Critical));
    add("b64", headed(json!({"b64": false})), jws(JwsError::Critical));
    add("alg missing", headed(json!({"alg": null})), jws(JwsError::MissingAlgorithm));
    add("alg none", headed(json!({"alg": "none"})), jws(JwsError::Unsigned));
    add("alg unknown", headed(json!({"alg": "XX1"})), jws(JwsError::UnknownAlgorithm));
    add("alg of a secret", headed(json!({"alg": "HS256"})), jws(JwsError::AlgorithmNotAllowed));
    add("alg of another key", headed(json!({"alg": "ES256"})), jws(JwsError::KeyMismatch));
    add("kid of another key", headed(json!({"kid": "p256-1"})), jws(JwsError::KeyMismatch));
    add("kid unknown", headed(json!({"kid": "new"})), jws(JwsError::UnknownKey));
    add("a wrong bit", tampered(Algorithm::EdDSA), jws(JwsError::Signature));
    add("a wrong bit, ES256", tampered(Algorithm::ES256), jws(JwsError::Signature));

    let twice = |json: &str, member: &str| format!("{},{member}}}", json.strip_suffix('}').unwrap());
    let (header, payload) = (header_with(json!({})), claims().to_string());
    let double = JsonError::DuplicateMember;
    for member in [r#""alg":"EdDSA""#, r#""\u0061lg":"EdDSA""#] {
        let token = raw(&twice(&header, member), &payload);
        add(&format!("header with {member} twice"), token, jws(JwsError::Header(double)));
    }
    for member in [r#""aud":"https://api.example""#, r#""ex\u0070":9999999999"#, r#""x":{"y":1,"y":2}"#] {
        let token = raw(&header, &twice(&payload, member));
        add(&format!("claims with {member} twice"), token, VerificationError::Claims(double));
    }
    let deep = twice(&payload, &format!("\"x\":{}{}", "[".repeat(40), "]".repeat(40)));
    add("claims too deep", raw(&header, &deep), VerificationError::Claims(JsonError::TooDeep));
    for (what, payload, why) in [
        ("no JSON", "claims", JsonError::NotJson),
        ("an array", "[]", JsonError::NotAnObject),
        ("JSON and more", "{} {}", JsonError::NotJson),
    ] {
        add(what, raw(&header, payload), VerificationError::Claims(why));
    }
    add("header no JSON", raw("x", &payload), jws(JwsError::Header(JsonError::NotJson)));

    let good = token(Algorithm::EdDSA, &claims());
    add(
        "one byte too many",
        format!("{good}{}", "A".repeat(MAX_TOKEN + 1 - good.len())),
        VerificationError::TooLarge,
    );
    add("ten megabytes", "A".repeat(10_000_000), VerificationError::TooLarge);
    add("nothing", String::new(), jws(JwsError::NotCompact));
    add("two parts", good.rsplit_once('.').unwrap().0.to_owned(), jws(JwsError::NotCompact));
    add("five parts", format!("{good}.e.e"), jws(JwsError::Encrypted));
    add("opaque", "2YotnFZFEjr1zCsicMWpAA".to_owned(), jws(JwsError::NotCompact));
    add("padding", format!("{good}=="), jws(JwsError::Base64));
    add("white space", format!("{good}\n"), jws(JwsError::Base64));
    add("not ASCII", format!("{good}é"), jws(JwsError::Base64));
    let other_issuer_first =
        raw(&header_with(json!({"kid": "new"})), &claims_with(json!({"iss": "x"})).to_string());
    assert!(ISSUER != "x");
    let expired_too = raw(&header_with(json!({"alg": "HS256"})), &claims_with(json!({"exp": 1})).to_string());
    add("the cheapest checks come first", expired_too, jws(JwsError::AlgorithmNotAllowed));
    add("cheap checks come first", other_issuer_first, VerificationError::Issuer);
    table
}
