//! Refusals that a newer token does not change, and demands for a nonce.

use super::*;
use oidc_proto::{
    base::base64url,
    flow::{NotSentAgain, ResourceOutcome},
    jose::{Algorithm, RingSigner},
};
use oidc_testkit::{EndpointName::Token, hostile};
use std::time::Duration;

#[test]
fn a_missing_scope_is_handed_over_and_nothing_is_renewed() {
    each_service(|world, shop, caller| {
        for scope in ["orders.write", "orders.write pay", "a b c"] {
            let challenge = format!(r#"Bearer error="insufficient_scope", scope="{scope}""#);
            shop.answers(403, &[("www-authenticate", &challenge), ("x-own", "kept")]);
            let answer = caller.send(orders(), shop).unwrap();
            let ResourceOutcome::InsufficientScope(needed) = &answer.outcome else { panic!("{answer:?}") };
            assert_eq!(needed.scope.join(" "), scope);
            assert_eq!(answer.response.headers()["x-own"], "kept");
            assert_eq!(answer.response.body(), "as it was told");
        }
        assert_eq!((shop.seen().len(), world.count(Token)), (3, 1));
    });
}

#[test]
fn a_demand_for_another_authentication_is_handed_over_and_nothing_is_renewed() {
    each_service(|world, shop, caller| {
        for (parameters, acr, age) in [
            (r#"acr_values="mfa hwk""#, &["mfa", "hwk"][..], None),
            (r#"max_age="300""#, &[], Some(300)),
            (r#"acr_values="mfa", max_age=0"#, &["mfa"], Some(0)),
        ] {
            let challenge = format!(r#"Bearer error="insufficient_user_authentication", {parameters}"#);
            shop.answers(401, &[("www-authenticate", &challenge)]);
            let answer = caller.send(orders(), shop).unwrap();
            let ResourceOutcome::InsufficientAuthentication(needed) = answer.outcome else {
                panic!("{answer:?}")
            };
            assert_eq!(needed.acr_values, acr);
            assert_eq!(needed.max_age, age.map(Duration::from_secs));
        }
        assert_eq!((shop.seen().len(), world.count(Token)), (3, 1));
    });
}

#[test]
fn other_failures_are_given_back_as_they_came() {
    each_service(|world, shop, caller| {
        for status in [400, 403, 404, 409, 429, 500, 502, 503] {
            shop.answers(status, &[("retry-after", "7")]);
            let answer = caller.send(orders(), shop).unwrap();
            assert_eq!(
                (answer.response.status().as_u16(), answer.outcome),
                (status, ResourceOutcome::Answered)
            );
            assert_eq!(answer.response.headers()["retry-after"], "7");
        }
        assert_eq!((shop.seen().len(), world.count(Token)), (8, 1));
    });
}

/// RFC 8037 appendix A.1.
const KEY: &[u8] = br#"{"kty": "OKP", "crv": "Ed25519", "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

/// A world whose provider binds its tokens.
fn binding() -> World {
    let world = World::new();
    world.change(|provider| provider.alter_response(Token, hostile::set_member("token_type", "DPoP")));
    world
}

fn each_bound(story: impl Fn(&World, &Shop, &Caller)) {
    let key = || Arc::new(RingSigner::from_jwk(KEY, Some(Algorithm::EdDSA)).unwrap());
    let world = binding();
    let provider = world.asynchronous().client(move |client| client.dpop_key(key())).build().unwrap();
    let api = provider.api(ORIGIN).client_credentials(read()).unwrap();
    story(&world, &Shop::default(), &Caller::Async(api, world.clone()));
    let world = binding();
    let provider = world.blocking().client(move |client| client.dpop_key(key())).build().unwrap();
    let api = provider.api(ORIGIN).client_credentials(read()).unwrap();
    story(&world, &Shop::default(), &Caller::Threads(api));
}

/// The nonce and the identifier of a proof.
fn proof(seen: &Seen) -> (Option<String>, String) {
    let claims = seen.proof.as_ref().unwrap().split('.').nth(1).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&base64url::decode(claims).unwrap()).unwrap();
    assert_eq!((&claims["htu"], &claims["htm"]), (&"https://api.example/orders".into(), &"POST".into()));
    assert!(claims["ath"].is_string());
    (claims["nonce"].as_str().map(str::to_owned), claims["jti"].as_str().unwrap().to_owned())
}

#[test]
fn a_nonce_is_asked_for_once_and_kept_for_the_next_requests() {
    each_bound(|world, shop, caller| {
        let demand = [("www-authenticate", r#"DPoP error="use_dpop_nonce""#), ("dpop-nonce", "n1")];
        shop.answers(401, &demand);
        caller.fine(shop);
        caller.fine(shop);
        // A nonce may come with a success, too.
        shop.answers(200, &[("dpop-nonce", "n2")]);
        caller.send(orders(), shop).unwrap();
        caller.fine(shop);
        let seen = shop.seen();
        assert!(seen.iter().all(|seen| seen.token.starts_with("DPoP ey")), "{seen:?}");
        let nonces: Vec<_> = seen.iter().map(|seen| proof(seen).0).collect();
        let nonces: Vec<_> = nonces.iter().map(|nonce| nonce.as_deref()).collect();
        assert_eq!(nonces, [None, Some("n1"), Some("n1"), Some("n1"), Some("n2")]);
        let identifiers: BTreeSet<_> = seen.iter().map(|seen| proof(seen).1).collect();
        assert_eq!(identifiers.len(), seen.len(), "no proof is sent twice");
        assert_eq!(world.count(Token), 1);
    });
}

#[test]
fn a_server_that_never_has_enough_of_nonces_gets_two_requests() {
    each_bound(|world, shop, caller| {
        for nonce in ["n1", "n2", "n3"] {
            shop.answers(
                401,
                &[("www-authenticate", r#"DPoP error="use_dpop_nonce""#), ("dpop-nonce", nonce)],
            );
        }
        let answer = caller.send(orders(), shop).unwrap();
        assert!(matches!(&answer.outcome, ResourceOutcome::NonceDemanded(_)), "{answer:?}");
        assert_eq!(answer.outcome.challenge().unwrap().not_sent_again, Some(NotSentAgain::Repeated));
        assert_eq!((shop.seen().len(), world.count(Token)), (2, 1));
    });
}

#[test]
fn a_stream_is_not_sent_again_for_a_nonce_and_the_next_one_has_it() {
    each_bound(|_, shop, caller| {
        shop.answers(401, &[("www-authenticate", r#"DPoP error="use_dpop_nonce""#), ("dpop-nonce", "n1")]);
        let answer = caller.once(orders(), shop).unwrap();
        assert_eq!(answer.outcome.challenge().unwrap().not_sent_again, Some(NotSentAgain::Body));
        let answer = caller.once(orders(), shop).unwrap();
        assert_eq!(answer.outcome, ResourceOutcome::Answered);
        let seen = shop.seen();
        assert_eq!(seen.iter().map(|seen| proof(seen).0).collect::<Vec<_>>(), [None, Some("n1".to_owned())]);
    });
}

#[test]
fn a_nonce_and_a_newer_token_make_three_requests_at_most() {
    each_bound(|world, shop, caller| {
        shop.answers(401, &[("www-authenticate", r#"DPoP error="use_dpop_nonce""#), ("dpop-nonce", "n1")]);
        shop.answers(401, &[("www-authenticate", r#"DPoP error="invalid_token""#), ("dpop-nonce", "n2")]);
        caller.fine(shop);
        let seen = shop.seen();
        let nonces: Vec<_> = seen.iter().map(|seen| proof(seen).0).collect();
        assert_eq!(nonces, [None, Some("n1".to_owned()), Some("n2".to_owned())]);
        assert_eq!((seen[0].token == seen[1].token, seen[1].token == seen[2].token), (true, false));
        assert_eq!(world.count(Token), 2);
    });
}
