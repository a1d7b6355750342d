//! A gate demands the same as its verifier: no setting is lost, on whichever way it gets there.

use super::*;
use oidc_proto::{
    jose::{Algorithm, AlgorithmSet},
    metadata::{AllowedTenants, IssuerRule},
    token::{AccessTokenVerifier, DEFAULT_LEEWAY},
};

const ISSUER: &str = "https://op.example";
const TENANT: &str = "https://op.example/acme/v2.0";

type Setting = Box<dyn Fn(AccessTokenVerifier) -> AccessTokenVerifier>;

/// A setting, a token for which it matters, and the verdict without it and with it.
fn settings(world: &World) -> Vec<(&'static str, Setting, String, [&'static str; 2])> {
    let expired = START.0 - DEFAULT_LEEWAY.as_secs().cast_signed() - 1;
    let with = |member: &'static str, value: Value| {
        world.token_with(move |_, claims| drop(claims.insert(member.into(), value.clone())))
    };
    let rule = || {
        IssuerRule::template(
            "https://op.example/{tenant}/v2.0",
            "tid",
            AllowedTenants::List(vec!["acme".into()]),
        )
    };
    vec![
        (
            "issuer_rule",
            Box::new(move |verifier| verifier.issuer_rule(rule().unwrap())),
            world.token_with(|_, claims| {
                claims.insert("iss".into(), TENANT.into());
                claims.insert("tid".into(), "acme".into());
            }),
            ["token_untrusted_issuer", "accepted"],
        ),
        (
            "or_audience",
            Box::new(|verifier| verifier.or_audience("https://else.example")),
            with("aud", "https://else.example".into()),
            ["token_audience", "accepted"],
        ),
        (
            "algorithms",
            Box::new(|verifier| verifier.algorithms(AlgorithmSet::EMPTY.with(Algorithm::HS256))),
            world.token(),
            ["accepted", "jws_alg_not_allowed"],
        ),
        (
            "leeway, longer",
            Box::new(|verifier| verifier.leeway(DEFAULT_LEEWAY + Duration::from_secs(2))),
            with("exp", expired.into()),
            ["token_expired", "accepted"],
        ),
        (
            "leeway, shorter",
            Box::new(|verifier| verifier.leeway(Duration::ZERO)),
            with("exp", (START.0 - 1).into()),
            ["accepted", "token_expired"],
        ),
        (
            "accept_plain_jwt",
            Box::new(AccessTokenVerifier::accept_plain_jwt),
            world.token_with(|header, _| drop(header.insert("typ".into(), "JWT".into()))),
            ["token_typ", "accepted"],
        ),
    ]
}

async fn verdict(world: &World, issuer: impl Into<TrustedIssuer>, token: &str) -> &'static str {
    let server = ResourceServer::builder(RESOURCE).trust(issuer);
    let api = ProtectLayer::new(world.builder(server).build().unwrap()).layer(Api::default());
    call(&api, bearer(token)).await;
    world.clauses().pop().unwrap()
}

#[tokio::test]
async fn each_setting_of_a_verifier_reaches_the_gate() {
    let world = World::new();
    for (what, set, token, [without, with]) in settings(&world) {
        let short = || TrustedIssuer::new(ISSUER);
        let long = || AccessTokenVerifier::new(ISSUER, RESOURCE);
        assert_eq!(verdict(&world, short(), &token).await, without, "{what}");
        assert_eq!(verdict(&world, long(), &token).await, without, "{what}");
        assert_eq!(verdict(&world, short().access_tokens(&set), &token).await, with, "{what}");
        assert_eq!(verdict(&world, set(long()), &token).await, with, "{what}");
    }
}

/// A server without a named audience demands its resource. A verifier with an audience demands that
/// audience only.
#[tokio::test]
async fn every_way_to_trust_an_issuer_demands_an_audience() {
    let world = World::new();
    let for_nobody = world.token_with(|_, claims| drop(claims.insert("aud".into(), json!([]))));
    let elsewhere =
        world.token_with(|_, claims| drop(claims.insert("aud".into(), "https://else.example".into())));
    let ours = world.token();
    let else_only = || AccessTokenVerifier::new(ISSUER, "https://else.example");
    for (what, issuer, expected) in [
        ("short", TrustedIssuer::new(ISSUER), ["accepted", "token_audience", "token_audience"]),
        (
            "set",
            TrustedIssuer::new(ISSUER).access_tokens(|all| all.leeway(Duration::from_secs(5))),
            ["accepted", "token_audience", "token_audience"],
        ),
        ("verifier", else_only().into(), ["token_audience", "accepted", "token_audience"]),
        (
            "verifier, set",
            TrustedIssuer::from(else_only()).access_tokens(|all| all.leeway(Duration::from_secs(5))),
            ["token_audience", "accepted", "token_audience"],
        ),
    ] {
        for (token, expected) in [&ours, &elsewhere, &for_nobody].into_iter().zip(expected) {
            assert_eq!(verdict(&world, issuer.clone(), token).await, expected, "{what}");
        }
    }
    // Before it is trusted, the verifier has no audience, and accepts nothing.
    let mut bare = None;
    let _ = TrustedIssuer::new(ISSUER).access_tokens(|verifier| {
        bare = Some(verifier.clone());
        verifier
    });
    let keys = world.provider(|provider| provider.key_set());
    let keys = oidc_proto::jose::KeySet::parse(keys.to_string().as_bytes()).unwrap();
    let mut scratch = oidc_proto::token::Scratch::new();
    for token in [&ours, &elsewhere, &for_nobody] {
        let refused = bare.as_ref().unwrap().verify(token, &keys, &mut scratch, START).map(drop);
        assert_eq!(refused, Err(oidc_proto::token::VerificationError::Audience));
    }
}
