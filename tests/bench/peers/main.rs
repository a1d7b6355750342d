//! Measures the peers that need a build of their own, beside ring and the paths of this library. `cargo bench` starts
//! it after the other benchmark.

use jwt_simple::prelude::{
    Duration, ECDSAP256PublicKeyLike as _, ECDSAP384PublicKeyLike as _, ES256PublicKey, ES384PublicKey,
    Ed25519PublicKey, EdDSAPublicKeyLike as _, HS256Key, JWTClaims, MACLike as _, PS256PublicKey,
    RS256PublicKey, RSAPublicKeyLike as _, UnixTimeStamp, VerificationOptions,
};
use oidc_bench::{
    measuring::{Contender, Effort, Measured, measure},
    others::ring_alone,
    ours::{self, By},
    report::{Table, section, times},
    tokens::{AUDIENCE, CASES, ISSUER, NOW, SECRET, Signer, large, small, text},
};
use oidc_proto::jose::Algorithm;
use openidconnect::{
    ClientId, ClientSecret, IssuerUrl, Nonce,
    core::{CoreIdToken, CoreIdTokenVerifier, CoreJsonWebKeySet, CoreJwsSigningAlgorithm as Name},
};
use serde::{Deserialize, Serialize};
use std::{collections::HashSet, str::FromStr, time::SystemTime};

mod huskarl;

fn main() {
    let effort = Effort::asked();
    let columns: Vec<_> = CASES
        .into_iter()
        .map(|case| {
            let signer = Signer::new(case);
            (case.name.to_owned(), measure(contenders(&signer, &text(small())), effort))
        })
        .collect::<Vec<(String, Vec<Measured>)>>();
    section("peers", &Table::of_ratios("4 keys", &columns).text());
    let (signer, mut all) = (Signer::new(CASES[0]), String::new());
    for payload in [text(small()), text(large())] {
        let access = signer.token("at+jwt", &payload);
        let gate = ours::gate(&signer, By::Nobody.keys(&signer, 4), 0);
        let contenders = vec![
            Contender::new("huskarl's validator", huskarl::but_the_signature(&access)),
            Contender::new("`Gate::try_check`", ours::try_check(gate, std::slice::from_ref(&access))),
        ];
        let title = format!("{} bytes", payload.len());
        all += &format!("{}\n", times(&title, &measure(contenders, effort)).text());
    }
    section("huskarl", &all);
}

fn contenders(signer: &Signer, payload: &[u8]) -> Vec<Contender<'static>> {
    let (access, id) = (signer.token("at+jwt", payload), signer.token("JWT", payload));
    let keys = |by: By| by.keys(signer, 4);
    let mut contenders = vec![
        Contender::new("ring alone", ring_alone(signer, &access)),
        Contender::new("`verify`", ours::verify(signer, keys(By::Ring), &access)),
        Contender::new("`verify`, AWS-LC", ours::verify(signer, keys(By::AwsLc), &access)),
        Contender::new("`IdTokenVerifier::verify`", ours::id_verify(signer, keys(By::Ring), &id)),
        Contender::new("`IdTokenVerifier::verify`, AWS-LC", ours::id_verify(signer, keys(By::AwsLc), &id)),
        Contender::new("josekit 0.10 (OpenSSL)", josekit(signer, &access)),
        Contender::new("jwt-simple 0.15 (RustCrypto)", jwt_simple(signer, &access)),
        Contender::new("openidconnect 4 (RustCrypto)", openidconnect_4(signer, &id)),
        Contender::new("`Gate::try_check`", {
            ours::try_check(ours::gate(signer, keys(By::Ring), 0), std::slice::from_ref(&access))
        }),
        Contender::new("`Gate::try_check`, AWS-LC", {
            ours::try_check(ours::gate(signer, keys(By::AwsLc), 0), std::slice::from_ref(&access))
        }),
    ];
    if !signer.case.algorithm.is_symmetric() {
        contenders.push(Contender::new("huskarl 0.11 (ring, one key)", huskarl::validate(signer, &access)));
    }
    contenders
}

fn josekit(signer: &Signer, token: &str) -> Box<dyn FnMut() -> usize> {
    use ::josekit::{
        jwk::Jwk,
        jws::{ES256, ES384, EdDSA, HS256, JwsVerifier, PS256, RS256},
        jwt::{JwtPayloadValidator, decode_with_verifier},
    };
    let token = token.to_owned();
    let key = || Jwk::from_bytes(signer.jwk().to_string()).expect("a key");
    macro_rules! by {
        ($name:ident) => {
            Box::new($name.verifier_from_jwk(&key()).expect("a key"))
        };
    }
    let verifier: Box<dyn JwsVerifier> = match signer.case.algorithm {
        Algorithm::HS256 => Box::new(HS256.verifier_from_bytes(SECRET).expect("a key")),
        Algorithm::RS256 => by!(RS256),
        Algorithm::PS256 => by!(PS256),
        Algorithm::ES256 => by!(ES256),
        Algorithm::ES384 => by!(ES384),
        _ => by!(EdDSA),
    };
    let mut validator = JwtPayloadValidator::new();
    validator.set_issuer(ISSUER);
    validator.set_audience(AUDIENCE);
    Box::new(move || {
        validator.set_base_time(SystemTime::now());
        let (payload, _) = decode_with_verifier(&token, &*verifier).expect("a good token");
        validator.validate(&payload).expect("good claims");
        payload.subject().map_or(0, str::len)
    })
}

/// The claims besides those of jwt-simple's own type.
#[derive(Deserialize, Serialize)]
struct Custom {
    client_id: String,
    scope: String,
}

fn jwt_simple(signer: &Signer, token: &str) -> Box<dyn FnMut() -> usize> {
    let token = token.to_owned();
    let options = VerificationOptions {
        allowed_issuers: Some(HashSet::from([ISSUER.to_owned()])),
        allowed_audiences: Some(HashSet::from([AUDIENCE.to_owned()])),
        // Half a century: its default refuses tokens that were issued long ago.
        max_validity: Some(Duration::from_secs(1 << 32)),
        artificial_time: Some(UnixTimeStamp::from_secs(NOW as u64)),
        ..VerificationOptions::default()
    };
    macro_rules! by {
        ($key:expr) => {{
            let key = $key;
            Box::new(move || {
                let claims: JWTClaims<Custom> =
                    key.verify_token(&token, Some(options.clone())).expect("a good token");
                claims.custom.client_id.len()
            })
        }};
    }
    let numbers = || signer.numbers().expect("numbers");
    match signer.case.algorithm {
        Algorithm::HS256 => by!(HS256Key::from_bytes(SECRET.as_bytes())),
        Algorithm::RS256 => by!(RS256PublicKey::from_components(&numbers().0, &numbers().1).expect("a key")),
        Algorithm::PS256 => by!(PS256PublicKey::from_components(&numbers().0, &numbers().1).expect("a key")),
        Algorithm::ES256 => by!(ES256PublicKey::from_bytes(&signer.point()).expect("a key")),
        Algorithm::ES384 => by!(ES384PublicKey::from_bytes(&signer.point()).expect("a key")),
        _ => by!(Ed25519PublicKey::from_bytes(&signer.point()).expect("a key")),
    }
}

fn openidconnect_4(signer: &Signer, token: &str) -> Box<dyn FnMut() -> usize> {
    let token = token.to_owned();
    let issuer = IssuerUrl::new(ISSUER.to_owned()).expect("an issuer");
    let client = ClientId::new(AUDIENCE.to_owned());
    let name = match signer.case.algorithm {
        Algorithm::HS256 => Name::HmacSha256,
        Algorithm::RS256 => Name::RsaSsaPkcs1V15Sha256,
        Algorithm::PS256 => Name::RsaSsaPssSha256,
        Algorithm::ES256 => Name::EcdsaP256Sha256,
        Algorithm::ES384 => Name::EcdsaP384Sha384,
        _ => Name::EdDsa,
    };
    let verifier = if signer.case.algorithm.is_symmetric() {
        let secret = ClientSecret::new(SECRET.to_owned());
        CoreIdTokenVerifier::new_confidential_client(
            client,
            secret,
            issuer,
            CoreJsonWebKeySet::new(Vec::new()),
        )
    } else {
        let keys: CoreJsonWebKeySet = serde_json::from_slice(&signer.set(4)).expect("a key set");
        CoreIdTokenVerifier::new_public_client(client, issuer, keys)
    };
    let verifier = verifier.set_allowed_algs([name]).set_other_audience_verifier_fn(|_| true);
    Box::new(move || {
        let token = CoreIdToken::from_str(&token).expect("a token");
        let claims = token.claims(&verifier, |_: Option<&Nonce>| Ok(())).expect("a good token");
        claims.audiences().len()
    })
}
