//! The paths of this library that users take.

use crate::tokens::{AUDIENCE, ISSUER, NOW, SECRET, Signer};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use oidc_aws_lc::AwsLc;
use oidc_drive::{Gate, Io, gate::KeySource};
use oidc_proto::{
    Moment, Secret, Timestamp,
    backend::{Backend, Scheme, VerifyingKey},
    base::base64url,
    flow::Request,
    jose::{AlgorithmSet, Jwk, KeySet},
    resource::{RequestView, ResourceServer, ResourceServerBuilder, TrustedIssuer},
    sender::DpopVerifier,
    token::{AccessTokenVerifier, Expected, IdTokenVerifier, Scratch, SignatureCache},
};
use ring::digest;
use serde_json::json;
use std::{convert::Infallible, future::ready, sync::Arc};

/// Who verifies the signatures.
#[derive(Clone, Copy, PartialEq)]
pub enum By {
    Ring,
    AwsLc,
    /// Nobody: every signature is right. So the time is that of everything but the signature.
    Nobody,
}

struct Nobody;

impl VerifyingKey for Nobody {
    fn verify(&self, _: Scheme, _: &[u8], _: &[u8]) -> bool {
        true
    }
}

impl Backend for Nobody {
    fn rsa(&self, _: &[u8], _: &[u8], _: &[Scheme]) -> Option<Box<dyn VerifyingKey>> {
        Some(Box::new(Self))
    }
    fn p256(&self, _: &[u8; 65]) -> Option<Box<dyn VerifyingKey>> {
        Some(Box::new(Self))
    }
}

impl By {
    /// Reads a key set.
    pub fn parse(self, set: &[u8]) -> KeySet {
        let by = |backend: Arc<dyn Backend>| KeySet::parse_by(&backend, set);
        let keys = match self {
            Self::Ring => KeySet::parse(set),
            Self::AwsLc => by(Arc::new(AwsLc::new())),
            Self::Nobody => by(Arc::new(Nobody)),
        };
        keys.expect("a key set")
    }

    /// The keys of an issuer, and others.
    pub fn keys(self, signer: &Signer, count: usize) -> KeySet {
        if signer.case.algorithm.is_symmetric() {
            return KeySet::from_secret(&Secret::new(SECRET));
        }
        self.parse(&signer.set(count))
    }
}

fn algorithms(signer: &Signer) -> AlgorithmSet {
    [signer.case.algorithm].into_iter().collect()
}

/// The verifier of access tokens.
pub fn verifier(signer: &Signer) -> AccessTokenVerifier {
    AccessTokenVerifier::new(ISSUER, AUDIENCE).algorithms(algorithms(signer))
}

/// `AccessTokenVerifier::verify`.
pub fn verify(signer: &Signer, keys: KeySet, token: &str) -> Box<dyn FnMut() -> i64> {
    let (verifier, token, mut scratch) = (verifier(signer), token.to_owned(), Scratch::new());
    Box::new(move || {
        let verified = verifier.verify(&token, &keys, &mut scratch, Timestamp(NOW)).expect("a good token");
        verified.claims().exp.expect("exp").0
    })
}

/// `AccessTokenVerifier::verify_cached`, one token after the other: a hit, after the first round.
pub fn verify_cached(signer: &Signer, keys: KeySet, tokens: Vec<String>) -> Box<dyn FnMut() -> i64> {
    let (verifier, mut scratch) = (verifier(signer), Scratch::new());
    let (mut cache, mut turn) = (SignatureCache::new(64 << 20, Moment::new(Timestamp(NOW), [7; 32])), 0);
    for token in &tokens {
        verifier.verify_cached(token, &keys, &mut cache, &mut scratch, Timestamp(NOW)).expect("a good token");
    }
    Box::new(move || {
        turn = (turn + 7) % tokens.len();
        let token = &tokens[turn];
        let verified = verifier.verify_cached(token, &keys, &mut cache, &mut scratch, Timestamp(NOW));
        verified.expect("a good token").claims().exp.expect("exp").0
    })
}

fn id_verifier(signer: &Signer) -> IdTokenVerifier {
    IdTokenVerifier::new(ISSUER, AUDIENCE)
        .algorithms(algorithms(signer))
        .trusted_audiences(["https://reports.example"])
}

/// `IdTokenVerifier::verify`, which copies every claim.
pub fn id_verify(signer: &Signer, keys: KeySet, token: &str) -> Box<dyn FnMut() -> usize> {
    let (verifier, token) = (id_verifier(signer), Secret::new(token));
    Box::new(move || {
        let verified = verifier.verify(&token, &keys, &Expected::default(), Timestamp(NOW));
        verified.expect("a good token").sub.len()
    })
}

/// `IdTokenVerifier::verify_borrowed`.
pub fn id_borrowed(signer: &Signer, keys: KeySet, token: &str) -> Box<dyn FnMut() -> usize> {
    let (verifier, token, mut scratch) = (id_verifier(signer), Secret::new(token), Scratch::new());
    Box::new(move || {
        let verified =
            verifier.verify_borrowed(&token, &keys, &Expected::default(), &mut scratch, Timestamp(NOW));
        verified.expect("a good token").sub().len()
    })
}

fn server(signer: &Signer) -> ResourceServerBuilder {
    let algorithms = algorithms(signer);
    let issuer = TrustedIssuer::new(ISSUER).access_tokens(|demands| demands.algorithms(algorithms));
    ResourceServer::builder(AUDIENCE).trust(issuer)
}

fn io() -> Io {
    Io::new(|_: Request, _| ready(Ok::<_, Infallible>(http::Response::new(Vec::new()))), drop, |_| ready(()))
}

/// A gate with these keys and a cache of this size, with the clock of the machine.
pub fn gate(signer: &Signer, keys: KeySet, cache: usize) -> Gate {
    let gate = Gate::builder(server(signer).build().expect("a server"), io());
    let gate = gate.keys_of(ISSUER, KeySource::Fixed(keys.into())).verified_cache(cache);
    gate.build().expect("a gate")
}

/// The headers of a request with this token.
pub fn bearer(token: &str) -> HeaderMap {
    let value = HeaderValue::from_str(&format!("Bearer {token}")).expect("a header");
    HeaderMap::from_iter([(http::header::AUTHORIZATION, value)])
}

/// `Gate::try_check`, one token after the other.
pub fn try_check(gate: Gate, tokens: &[String]) -> Box<dyn FnMut() -> usize> {
    let (get, uri) = (Method::GET, Uri::from_static("/orders"));
    let headers: Vec<_> = tokens.iter().map(|token| bearer(token)).collect();
    let mut turn = 0;
    for headers in &headers {
        gate.try_check(&RequestView::new(&get, &uri, headers)).expect("at once").expect("a good token");
    }
    Box::new(move || {
        turn = (turn + 7) % headers.len();
        let verdict = gate.try_check(&RequestView::new(&get, &uri, &headers[turn]));
        verdict.expect("at once").expect("a good token").subject().map_or(0, str::len)
    })
}

/// A token that is bound to a key, and new DPoP proofs with that key.
pub struct Bound {
    pub token: String,
    pub proofs: Vec<String>,
}

/// Makes a bound token and this many proofs.
pub fn bound(signer: &Signer, keys: &Signer, proofs: usize) -> Bound {
    let mut jwk = keys.jwk();
    jwk.as_object_mut().expect("an object").remove("use");
    let jkt = Jwk::parse(jwk.to_string().as_bytes()).expect("a key").thumbprint().expect("a thumbprint");
    let mut claims = crate::tokens::small();
    claims.insert("cnf".into(), json!({ "jkt": jkt }));
    let token = signer.token("at+jwt", &crate::tokens::text(claims));
    let ath = base64url::encode(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
    let header = json!({ "alg": "ES256", "typ": "dpop+jwt", "jwk": jwk });
    let proofs = (0..proofs)
        .map(|number| {
            let claims = json!({
                "jti": format!("8c1f4e6a-{number:08}"), "htm": "GET", "htu": format!("{AUDIENCE}/orders"), "iat": NOW,
                "ath": ath,
            });
            keys.compact(&header, claims.to_string().as_bytes())
        })
        .collect();
    Bound { token, proofs }
}

/// `Gate::try_check` with a token that is bound to a key, and a new DPoP proof for each request.
pub fn try_check_bound(signer: &Signer, bound: &Bound) -> Box<dyn FnMut() -> bool> {
    let (get, uri) = (Method::GET, Uri::from_static("/orders"));
    let requests: Vec<_> = (bound.proofs.iter())
        .map(|proof| {
            let pairs = [("authorization", format!("DPoP {}", bound.token)), ("dpop", proof.clone())];
            HeaderMap::from_iter(pairs.map(|(name, value)| {
                (HeaderName::from_static(name), HeaderValue::from_str(&value).expect("a header"))
            }))
        })
        .collect();
    let build = {
        let server = server(signer).require_dpop(DpopVerifier::new()).build().expect("a server");
        let keys = Arc::new(By::Ring.keys(signer, 4));
        move || {
            let gate = Gate::builder(server.clone(), io()).keys_of(ISSUER, KeySource::Fixed(keys.clone()));
            gate.clock(|| Moment::new(Timestamp(NOW), [7; 32])).build().expect("a gate")
        }
    };
    let (mut gate, mut turn) = (build(), 0);
    Box::new(move || {
        if turn == requests.len() {
            // A proof is good once for each gate.
            (gate, turn) = (build(), 0);
        }
        turn += 1;
        let verdict = gate.try_check(&RequestView::new(&get, &uri, &requests[turn - 1]));
        verdict.expect("at once").expect("a good token").key().is_some()
    })
}
