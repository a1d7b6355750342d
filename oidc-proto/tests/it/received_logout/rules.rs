//! The rules for a logout token (Back-Channel Logout 1.0 sections 2.4 and 2.6): each is broken, in several ways.

use super::*;
use oidc_proto::{
    jose::{AlgorithmSet, JwsError},
    sender::{ReplayAnswer, ReplayWindow},
    token::{
        AccessTokenVerifier, DEFAULT_MAX_LOGOUT_TOKEN_AGE, Expected, IdTokenVerifier, LogoutTokenVerifier,
        Scratch,
        VerificationError::{Audience, Issuer, Missing, Type, UntrustedAudience, Value as Wrong},
    },
};
use oidc_testkit::Seed;
use serde_json::json;
use std::time::Duration;

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

#[test]
fn a_good_logout_token_says_which_sessions_end() {
    let mut provider = provider(Algorithm::RS256);
    let verifier = client(&mut provider).logout_token_verifier();
    for (sub, sid, ended, spared) in [
        // One session of alice.
        (
            Some("alice"),
            Some(SID),
            ("alice", Some(SID)),
            vec![("alice", Some("b")), ("alice", None), ("bob", Some(SID))],
        ),
        // One session, of whomever.
        (None, Some(SID), ("alice", Some(SID)), vec![("alice", Some("b")), ("alice", None)]),
        // All sessions of alice.
        (Some("alice"), None, ("alice", Some(SID)), vec![("bob", Some(SID)), ("bob", None), ("Alice", None)]),
        (Some("alice"), None, ("alice", None), vec![("alice ", None)]),
    ] {
        let token = Secret::new(provider.logout_token("app", sub, sid, NOW));
        let verified = verifier.verify(&token, &keys(&provider), NOW).unwrap();
        let ends = &verified.ends;
        assert_eq!((ends.iss(), ends.sub(), ends.sid()), (ISSUER, sub, sid));
        assert_eq!(
            (verified.client_id.as_str(), verified.iat, verified.exp),
            ("app", NOW, Some(NOW.plus(120)))
        );
        assert!(ends.include(ISSUER, ended.0, ended.1), "{ended:?}");
        assert!(!ends.include("https://op.example", ended.0, ended.1), "another issuer");
        for (sub, sid) in spared {
            assert!(!ends.include(ISSUER, sub, sid), "{sub} {sid:?}");
        }
        let by_user = ends.by_user();
        assert_eq!((by_user.sub(), by_user.sid()), (sub, sid.filter(|_| sub.is_none())));
    }
}

#[test]
fn each_claim_has_its_rule() {
    for (name, value, rule) in [
        ("iss", Value::Null, Missing("iss")),
        ("iss", json!("https://evil.example"), Issuer),
        ("iss", json!("https://op.example"), Issuer),
        ("iss", json!("https://op.example/tenant/"), Issuer),
        ("aud", Value::Null, Missing("aud")),
        ("aud", json!("other"), Audience),
        ("aud", json!([]), Audience),
        ("aud", json!(["app", "other"]), UntrustedAudience),
        ("azp", json!("other"), VerificationError::AuthorizedParty),
        ("jti", Value::Null, Missing("jti")),
        ("jti", json!(""), Missing("jti")),
        ("iat", Value::Null, Missing("iat")),
        ("exp", Value::Null, Missing("exp")),
        ("sub", json!(""), Wrong("sub")),
        ("sub", json!("al\u{202e}ice"), Wrong("sub")),
        ("sub", json!("a".repeat(256)), Wrong("sub")),
        ("sid", json!(""), Wrong("sid")),
        ("sid", json!("a\nb"), Wrong("sid")),
        ("sid", json!("a\u{200b}b"), Wrong("sid")),
        ("events", Value::Null, Wrong("events")),
        ("events", json!({}), Wrong("events")),
        ("events", json!({ "http://schemas.openid.net/event/backchannel-logout/": {} }), Wrong("events")),
        ("events", json!({ "nested": { EVENT: {} } }), Wrong("events")),
        ("events", json!([EVENT]), Wrong("events")),
        ("events", json!(EVENT), Wrong("events")),
        ("events", json!({ EVENT: null }), Wrong("events")),
        ("events", json!({ EVENT: "{}" }), Wrong("events")),
        ("events", json!({ EVENT: [{}] }), Wrong("events")),
        ("events", json!({ EVENT: true }), Wrong("events")),
        ("nonce", json!("n"), Wrong("nonce")),
        ("nonce", json!(""), Wrong("nonce")),
        ("nonce", Value::Null, Wrong("nonce")),
    ] {
        assert_eq!(with_claim(name, value.clone()).unwrap_err(), rule, "{name}: {value}");
    }
    for (name, value) in [
        ("sid", json!(5)),
        ("sid", json!([SID])),
        ("sid", json!({})),
        ("sub", json!(5)),
        ("jti", json!(5)),
        ("exp", json!("later")),
        ("iat", json!(true)),
    ] {
        let error = with_claim(name, value.clone()).unwrap_err();
        assert!(matches!(error, VerificationError::Claims(_)), "{name}: {value}: {error}");
    }
    for event in [json!({}), json!({ "reason": "admin" }), json!({ "a": [{}] })] {
        let events = json!({ "https://example.com/event": {}, EVENT: event });
        assert!(with_claim("events", events).is_ok(), "what is not understood is ignored (section 2.4)");
    }
    assert!(with_claim("https://example.com/claim", json!([1])).is_ok());
}

#[test]
fn a_logout_token_names_a_user_or_a_session() {
    for gone in [Value::Null, Value::Bool(false)] {
        let neither = judged_at(NOW, move |_, claims| {
            claims.remove("sid");
            if gone.is_null() {
                claims.insert("sub".to_owned(), Value::Null);
            } else {
                claims.remove("sub");
            }
        });
        assert_eq!(neither.unwrap_err(), Missing("sub"));
    }
    let null = judged_at(NOW, |_, claims| {
        claims.remove("sub");
        claims.insert("sid".to_owned(), Value::Null);
    });
    assert_eq!(null.unwrap_err(), Missing("sub"));
}

#[test]
fn a_logout_token_may_be_untyped_and_never_of_another_type() {
    let typed = |typ: Value, only: bool| {
        let mut provider = provider(Algorithm::RS256);
        let verifier = client(&mut provider).logout_token_verifier();
        let verifier = if only { verifier.typed_only() } else { verifier };
        let token = provider.logout_token_with("app", None, Some(SID), NOW, move |header, _| {
            header.insert("typ".to_owned(), typ.clone());
            header.retain(|_, value| !value.is_null());
        });
        verifier.verify(&Secret::new(token), &keys(&provider), NOW).map(drop)
    };
    for typ in ["logout+jwt", "application/logout+jwt", "Logout+JWT"] {
        assert_eq!((typed(json!(typ), false), typed(json!(typ), true)), (Ok(()), Ok(())), "{typ}");
    }
    for typ in [Value::Null, json!(""), json!("JWT"), json!("application/jwt"), json!("jwt")] {
        assert_eq!((typed(typ.clone(), false), typed(typ.clone(), true)), (Ok(()), Err(Type)), "{typ}");
    }
    for typ in ["at+jwt", "secevent+jwt", "id_token+jwt", "logout", "logout+jwt2", "oauth-authz-req+jwt"] {
        assert_eq!((typed(json!(typ), false), typed(json!(typ), true)), (Err(Type), Err(Type)), "{typ}");
    }
}

#[test]
fn a_logout_token_counts_for_a_short_time() {
    // `exp` is 120 seconds after NOW, and the leeway is 30.
    for (at, code) in [(0, ""), (-30, ""), (149, ""), (150, "token_expired"), (-31, "token_issued_in_future")]
    {
        let verdict = judged_at(NOW.plus(at), |_, _| ());
        assert_eq!(verdict.err().map_or("", VerificationError::code), code, "{at}");
    }
    let late =
        |at| judged_at(NOW.plus(at), |_, claims| drop(claims.insert("nbf".to_owned(), (NOW.0 + 60).into())));
    assert_eq!(late(0).unwrap_err().code(), "token_not_yet_valid");
    assert!(late(30).is_ok());
    // Whatever `exp` says, five minutes are enough.
    let long = |at| {
        judged_at(NOW.plus(at), |_, claims| drop(claims.insert("exp".to_owned(), (NOW.0 + 86_400).into())))
    };
    for at in [0, 300, 330] {
        assert!(long(at).is_ok(), "{at}");
    }
    for at in [331, 400, 86_000] {
        let error = long(at).unwrap_err();
        let (ago, allowed) = (Duration::from_secs(at.unsigned_abs()), Duration::from_secs(330));
        assert_eq!(error, VerificationError::TooOld { ago, allowed }, "{at}");
    }
    assert_eq!(DEFAULT_MAX_LOGOUT_TOKEN_AGE, Duration::from_secs(300));
}

#[test]
fn a_token_without_exp_counts_from_its_iat_if_the_program_says_so() {
    let mut provider = provider(Algorithm::RS256);
    let strict = client(&mut provider).logout_token_verifier();
    let token =
        provider.logout_token_with("app", Some("alice"), None, NOW, |_, claims| drop(claims.remove("exp")));
    let (token, keys) = (Secret::new(token), keys(&provider));
    assert_eq!(strict.verify(&token, &keys, NOW).unwrap_err(), Missing("exp"));
    for age in [0, 60, 300] {
        let lenient = strict.clone().exp_may_be_absent().max_age(Duration::from_secs(age));
        let last = NOW.plus(i64::try_from(age).unwrap() + 30);
        let verified = lenient.verify(&token, &keys, last).unwrap();
        assert_eq!((verified.exp, verified.usable_until), (None, last));
        assert_eq!(lenient.verify(&token, &keys, last.plus(1)).unwrap_err().code(), "token_too_old", "{age}");
    }
    // An `exp` that is there counts all the same.
    let expired = Secret::new(provider.logout_token("app", Some("alice"), None, NOW));
    let error = strict.exp_may_be_absent().verify(&expired, &keys, NOW.plus(150)).unwrap_err();
    assert_eq!(error.code(), "token_expired");
}

#[test]
fn the_signature_is_that_of_the_id_tokens_of_the_client() {
    for algorithm in [Algorithm::RS256, Algorithm::ES256, Algorithm::PS256, Algorithm::EdDSA] {
        let mut provider = provider(algorithm);
        let registered =
            client_with(&mut provider, |builder| builder.id_token_signed_response_alg(algorithm));
        let verifier = registered.logout_token_verifier();
        let good = Secret::new(provider.logout_token("app", Some("alice"), None, NOW));
        assert!(verifier.verify(&good, &keys(&provider), NOW).is_ok(), "{algorithm:?}");
        // Another algorithm than the registered one, an HMAC, and none.
        for other in [Algorithm::RS384, Algorithm::ES384, Algorithm::HS256] {
            provider.sign_with(other);
            let token = Secret::new(provider.logout_token("app", Some("alice"), None, NOW));
            let refused = verifier.verify(&token, &keys(&provider), NOW).unwrap_err();
            assert_eq!(refused, JwsError::AlgorithmNotAllowed.into(), "{algorithm:?} {other:?}");
        }
        provider.clear_alterations();
        for none in ["none", "None", "NONE"] {
            let token = provider.logout_token_with("app", Some("alice"), None, NOW, move |header, _| {
                header.insert("alg".to_owned(), none.into());
            });
            let refused = verifier.verify(&Secret::new(token), &keys(&provider), NOW).unwrap_err();
            assert!(matches!(refused, VerificationError::Jws(_)), "{none}: {refused}");
        }
        provider.break_signatures(true);
        let token = Secret::new(provider.logout_token("app", Some("alice"), None, NOW));
        assert_eq!(verifier.verify(&token, &keys(&provider), NOW).unwrap_err(), JwsError::Signature.into());
    }
    let mut provider = provider(Algorithm::RS256);
    let token = Secret::new(provider.logout_token("app", Some("alice"), None, NOW));
    let none = IdTokenVerifier::new(ISSUER, "app").algorithms(AlgorithmSet::EMPTY);
    let refused = LogoutTokenVerifier::like(none).verify(&token, &keys(&provider), NOW).unwrap_err();
    assert_eq!(refused, JwsError::AlgorithmNotAllowed.into());
    let long = Secret::new("x".repeat(oidc_proto::token::MAX_TOKEN + 1));
    let verifier = LogoutTokenVerifier::new(ISSUER, "app");
    assert_eq!(verifier.verify(&long, &keys(&provider), NOW).unwrap_err(), VerificationError::TooLarge);
}

#[test]
fn a_key_that_is_new_makes_the_verifier_want_newer_keys() {
    for generation in [2, 3, 7] {
        let mut provider = provider(Algorithm::RS256);
        let verifier = client(&mut provider).logout_token_verifier();
        let old = keys(&provider);
        provider.sign_with_generation(generation);
        let token = Secret::new(provider.logout_token("app", Some("alice"), None, NOW));
        let refused = verifier.verify(&token, &old, NOW).unwrap_err();
        assert!(refused.wants_newer_keys(), "{refused}");
        // Nobody makes a client fetch keys with a token that is wrong anyway.
        for forged in ["iss", "aud", "events", "jti", "exp", "iat"] {
            let token = provider.logout_token_with("app", Some("alice"), None, NOW, move |_, claims| {
                claims.remove(forged);
            });
            let refused = verifier.verify(&Secret::new(token), &old, NOW).unwrap_err();
            assert!(!refused.wants_newer_keys(), "{forged}");
        }
    }
}

/// The other tokens of a provider, which anybody may hold, log nobody out; and a logout token opens nothing.
#[test]
fn a_logout_token_is_nothing_else_and_nothing_else_is_a_logout_token() {
    let mut provider = provider(Algorithm::RS256);
    let verifier = client(&mut provider).logout_token_verifier();
    let keys = keys(&provider);
    for typ in ["", "JWT", "logout+jwt"] {
        let token =
            provider.logout_token_with("app", Some("alice"), Some(SID), NOW, move |header, claims| {
                header.insert("typ".to_owned(), typ.into());
                if typ.is_empty() {
                    header.remove("typ");
                }
                claims.insert("client_id".to_owned(), "app".into());
            });
        let token = Secret::new(token);
        assert!(verifier.verify(&token, &keys, NOW).is_ok());
        let as_id_token =
            IdTokenVerifier::new(ISSUER, "app").verify(&token, &keys, &Expected::default(), NOW);
        let rule = if typ == "logout+jwt" { Type } else { Wrong("events") };
        assert_eq!(as_id_token.unwrap_err(), rule, "{typ}");
        let api = AccessTokenVerifier::new(ISSUER, "app").accept_plain_jwt();
        assert!(api.verify(token.expose(), &keys, &mut Scratch::new(), NOW).is_err(), "{typ}");
    }
    // An ID token, with and without a nonce, and an access token.
    for (header, gone, more) in [
        (json!({}), vec!["events", "jti"], json!({"nonce": "n"})),
        (json!({"typ": "JWT"}), vec!["events"], json!({"auth_time": NOW.0})),
        (json!({"typ": "JWT"}), vec!["events"], json!({"scope": "openid", "client_id": "app"})),
        (json!({"typ": "at+jwt"}), vec!["events"], json!({"client_id": "app"})),
    ] {
        let typ = header.clone();
        let token = provider.logout_token_with("app", Some("alice"), Some(SID), NOW, move |head, claims| {
            head.remove("typ");
            head.extend(typ.as_object().cloned().unwrap());
            claims.retain(|name, _| !gone.contains(&name.as_str()));
            claims.extend(more.as_object().cloned().unwrap());
        });
        let rule = if header["typ"] == "at+jwt" { Type } else { Missing("events") };
        assert_eq!(verifier.verify(&Secret::new(token), &keys, NOW).unwrap_err(), rule, "{header}");
    }
}

/// `usable_until` is the last second in which the token is accepted, so a window that remembers it until then lets nothing
/// pass twice.
#[test]
fn a_logout_token_is_remembered_for_as_long_as_it_could_be_accepted() {
    for (leeway, lifetime) in [(0, 120), (30, 120), (30, 86_400), (90, 1)] {
        let mut provider = provider(Algorithm::RS256);
        let verifier = IdTokenVerifier::new(ISSUER, "app").leeway(Duration::from_secs(leeway));
        let verifier = LogoutTokenVerifier::like(verifier);
        let token = provider.logout_token_with("app", Some("alice"), None, NOW, move |_, claims| {
            claims.insert("exp".to_owned(), (NOW.0 + lifetime).into());
        });
        let (token, keys) = (Secret::new(token), keys(&provider));
        let verified = verifier.verify(&token, &keys, NOW).unwrap();
        let mut window = ReplayWindow::new();
        let first = verified.first_use(window.first_use(verified.replay_key(), NOW));
        assert_eq!(first, Ok(&verified.ends));
        let mut last = NOW;
        while verifier.verify(&token, &keys, last.plus(1)).is_ok() {
            last = last.plus(1);
        }
        let until = verified.usable_until;
        assert!(last <= until && until.0 - last.0 <= 1, "{leeway} {lifetime}: {last:?} {until:?}");
        assert_ne!(window.first_use(verified.replay_key(), last), ReplayAnswer::First);
    }
}

#[test]
fn a_replay_key_is_that_of_one_token_for_one_client() {
    let key = |client_id: &str, issuer: &str, jti: &'static str| {
        let mut provider = TestProvider::new(issuer);
        provider.register(Registration::basic(client_id, SECRET));
        let token = provider.logout_token_with(client_id, Some("alice"), None, NOW, move |_, claims| {
            claims.insert("jti".to_owned(), jti.into());
        });
        let verifier = LogoutTokenVerifier::new(issuer, client_id);
        verifier.verify(&Secret::new(token), &keys(&provider), NOW).unwrap().replay_key()
    };
    let one = key("app", ISSUER, "1");
    assert_eq!(one, key("app", ISSUER, "1"));
    for other in [key("app", ISSUER, "2"), key("app2", ISSUER, "1"), key("app", "https://op.example", "1")] {
        assert_ne!(one.key, other.key);
    }
}

/// A token that a thief has changed anywhere is refused.
#[test]
fn no_mutation_of_a_good_token_passes() {
    let mut provider = provider(Algorithm::ES256);
    let verifier = client(&mut provider).logout_token_verifier();
    let keys = keys(&provider);
    let good = provider.logout_token("app", Some("alice"), Some(SID), NOW);
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n";
    let mut seed = Seed::new(16);
    let (mut refused, mut same) = (0, 0);
    for _ in 0..4_000 {
        let mut mutated = good.clone().into_bytes();
        for _ in 0..=seed.below(2) {
            let at = usize::try_from(seed.below(mutated.len() as u64)).unwrap();
            let byte = alphabet[usize::try_from(seed.below(alphabet.len() as u64)).unwrap()];
            match seed.below(4) {
                0 => drop(mutated.remove(at)),
                1 => mutated.insert(at, byte),
                2 => mutated.truncate(at.max(1)),
                _ => mutated[at] = byte,
            }
        }
        let mutated = String::from_utf8(mutated).unwrap();
        if mutated == good {
            same += 1;
            continue;
        }
        let verdict = verifier.verify(&Secret::new(mutated.clone()), &keys, NOW);
        assert!(verdict.is_err(), "{mutated}");
        refused += 1;
    }
    assert!(refused > 3_500, "{refused} {same}");
    assert!(verifier.verify(&Secret::new(good), &keys, NOW).is_ok());
}
