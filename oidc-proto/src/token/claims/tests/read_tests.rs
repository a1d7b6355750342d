//! Tests of the reading of claims.

use super::*;
use crate::base::{json::JsonError, moment::Timestamp};
use crate::token::claims::registered::Odd;
use std::borrow::Cow;

fn read(payload: &str) -> Result<Claims<'_>, VerificationError> {
    Claims::read(payload.as_bytes(), &mut Names::default())
}

#[test]
fn claims_are_borrowed_typed_and_null_is_absent() {
    let payload = r#"{"iss":"https:\/\/op.example","sub":"alice","aud":["a","b"],"exp":10.9,"nbf":-1.5,
        "iat":1e1,"nonce":null,"amr":["pwd"],"scope":"x y","cnf":{"jkt":"k"},"custom":{"deep":[1]}}"#;
    let claims = read(payload).unwrap();
    assert_eq!(claims.iss.as_deref(), Some("https://op.example"));
    assert!(matches!(claims.sub, Some(Cow::Borrowed("alice"))));
    assert_eq!(
        (claims.exp, claims.nbf, claims.iat),
        (Some(Timestamp(10)), Some(Timestamp(-2)), Some(Timestamp(10)))
    );
    assert!(claims.nonce.is_none() && claims.aud.unwrap().contains("b"));
}

#[test]
fn another_type_is_an_error_that_names_the_claim() {
    for (member, payload) in [
        ("exp", r#"{"exp":"10"}"#),
        ("exp", r#"{"exp":[10]}"#),
        ("exp", r#"{"exp":9007199254740993}"#),
        ("exp", r#"{"exp":18446744073709551615}"#),
        ("nbf", r#"{"nbf":true}"#),
        ("iat", r#"{"iat":{}}"#),
        ("aud", r#"{"aud":5}"#),
        ("aud", r#"{"aud":["a",5]}"#),
        ("iss", r#"{"iss":{}}"#),
        ("sub", r#"{"sub":7}"#),
        ("azp", r#"{"azp":["a"]}"#),
        ("scope", r#"{"scope":5}"#),
        ("scope", r#"{"scope":["a",5]}"#),
        ("scp", r#"{"scp":{"a":1}}"#),
        ("scp", r#"{"scp":["a",null]}"#),
    ] {
        let error = read(payload).unwrap_err();
        let VerificationError::Claims(JsonError::WrongType { member: named, .. }) = error else {
            panic!("{payload}: {error}")
        };
        assert_eq!(named, member, "{payload}");
    }
}

#[test]
fn a_claim_that_only_some_checks_need_is_set_aside_if_it_is_of_another_type() {
    for payload in [
        r#"{"auth_time":"1799999990"}"#,
        r#"{"auth_time":[1]}"#,
        r#"{"acr":2}"#,
        r#"{"amr":{"a":1}}"#,
        r#"{"sid":{"a":[1,{"b":null}]}}"#,
    ] {
        let claims = read(payload).unwrap();
        let Odd { auth_time, acr, amr, sid } = claims.odd;
        assert_eq!([auth_time, acr, amr, sid].iter().filter(|odd| **odd).count(), 1, "{payload}");
        assert!(claims.auth_time.is_none() && claims.acr.is_none());
        assert!(claims.amr.is_none() && claims.sid.is_none(), "{payload}");
    }
    // What is set aside must be sound JSON all the same.
    for (payload, why) in [
        (r#"{"acr":{"a":1,"a":2}}"#, JsonError::DuplicateMember),
        (r#"{"acr":1,"acr":2}"#, JsonError::DuplicateMember),
        (r#"{"sid":[}"#, JsonError::NotJson),
    ] {
        let VerificationError::Claims(found) = read(payload).unwrap_err() else { panic!("{payload}") };
        assert_eq!(found, why, "{payload}");
    }
}

#[test]
fn a_malformed_set_of_claims_is_refused() {
    for (payload, why) in [
        ("", JsonError::NotJson),
        (r#"{"exp":10"#, JsonError::NotJson),
        (r#"{"exp":10}x"#, JsonError::NotJson),
        (r#"{"exp":1,"exp":2}"#, JsonError::DuplicateMember),
        (r#"{"x":1,"\u0078":2}"#, JsonError::DuplicateMember),
        (r#"{"x":{"a":1,"a":2}}"#, JsonError::DuplicateMember),
        (r#"{"cnf":{"jkt":"a","jkt":"b"}}"#, JsonError::DuplicateMember),
        ("[]", JsonError::NotAnObject),
        ("7", JsonError::NotAnObject),
    ] {
        assert_eq!(read(payload).unwrap_err(), VerificationError::Claims(why), "{payload}");
    }
    let deep = format!(r#"{{"x":{}{}}}"#, "[".repeat(50), "]".repeat(50));
    assert_eq!(read(&deep).unwrap_err(), VerificationError::Claims(JsonError::TooDeep));
}
