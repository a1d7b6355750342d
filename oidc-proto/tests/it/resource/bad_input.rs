//! Random and mutated requests: none panics, none is accepted, and each gets a challenge that parses and
//! leaks nothing.

use super::world::*;
use http::{Method, Uri, header};
use oidc_proto::{
    resource::{CredentialPolicy, DenialReason, Denied, RequestView, Verdict, VerdictOutcome},
    sender::{DpopVerifier, NonceKeys, ProofError},
    token::Scratch,
};
use oidc_testkit::Seed;
use serde_json::json;
use std::collections::HashSet;

/// Reads a `WWW-Authenticate` value by the grammar of RFC 9110 section 11.6.1, in the form that every
/// parser understands: one challenge, each parameter once, each value quoted.
fn challenge(value: &str) -> (String, Vec<(String, String)>) {
    let is_tchar = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let (scheme, mut rest) = value.split_once(' ').unwrap_or((value, ""));
    assert!(!scheme.is_empty() && scheme.chars().all(is_tchar), "{value}");
    let mut parameters: Vec<(String, String)> = Vec::new();
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").expect(value);
        assert!(!name.is_empty() && name.chars().all(is_tchar), "{value}");
        assert!(parameters.iter().all(|(known, _)| known != name), "{name} twice: {value}");
        let (mut text, mut escaped, mut end) = (String::new(), false, None);
        for (at, c) in after.char_indices() {
            assert!(matches!(c, ' '..='~'), "{value}");
            match c {
                _ if std::mem::take(&mut escaped) => text.push(c),
                '\\' => escaped = true,
                '"' => {
                    end = Some(at + 1);
                    break;
                }
                _ => text.push(c),
            }
        }
        parameters.push((name.to_owned(), text));
        rest = &after[end.expect(value)..];
        if !rest.is_empty() {
            rest = rest.strip_prefix(", ").expect(value);
            assert!(!rest.is_empty(), "{value}");
        }
    }
    (scheme.to_owned(), parameters)
}

/// Checks the properties of every refusal.
fn judge_refusal(denied: &Denied, sent: &[&[u8]]) {
    let sent_headers = denied.headers();
    let values: Vec<_> = sent_headers
        .get_all(header::WWW_AUTHENTICATE)
        .iter()
        .map(|value| challenge(value.to_str().unwrap()))
        .collect();
    let status = denied.status().as_u16();
    let expected = match status {
        400 => &["invalid_request"][..],
        401 => &["invalid_token", "invalid_dpop_proof", "use_dpop_nonce", "insufficient_user_authentication"],
        403 => &["insufficient_scope"],
        other => panic!("{other}: {denied:?}"),
    };
    assert!(!values.is_empty(), "{denied:?}");
    for (scheme, parameters) in &values {
        let value = |name: &str| parameters.iter().find(|(known, _)| known == name).map(|(_, v)| v.as_str());
        assert!(scheme == "Bearer" || scheme == "DPoP" && value("algs").is_some());
        assert_eq!(value("resource_metadata"), Some(METADATA));
        if let Some(error) = value("error") {
            assert!(expected.contains(&error), "{status} {error}");
            assert!(scheme == "DPoP" || !error.contains("dpop"), "{denied:?}");
        }
    }
    let blamed = values.iter().any(|(_, all)| all.iter().any(|(name, _)| name == "error"));
    assert_eq!(blamed, !denied.is_missing_credentials(), "{denied:?}");
    let nonce = sent_headers.get_all("dpop-nonce").iter().count();
    assert_eq!(nonce, usize::from(denied.reason() == DenialReason::Proof(ProofError::Nonce)));
    assert_eq!(denied.record().outcome, VerdictOutcome::Denied);

    let record = serde_json::to_string(denied.record()).unwrap();
    assert!(record.len() < 2048);
    let said = format!("{sent_headers:?}\n{denied:?}\n{denied}\n{record}\n{}", denied.record());
    let said: HashSet<&[u8]> = said.as_bytes().windows(16).collect();
    for secret in sent {
        assert!(secret.windows(16).all(|part| !said.contains(part)), "{denied:?}");
    }
}

/// Changes a text: one character, one piece, or the order of its parts.
fn mutate(seed: &mut Seed, text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..=seed.below(3) {
        let length = bytes.len() as u64;
        let at = seed.below(length) as usize;
        let other = at + seed.below(length - at as u64) as usize;
        match seed.below(7) {
            0 => bytes[at] = b"ABab09-_.=~+/ ,\"{"[seed.below(17) as usize],
            1 => drop(bytes.drain(at..other)),
            2 => bytes.truncate(at + 1),
            3 => bytes.splice(at..at, text.bytes().take(20)).for_each(drop),
            4 => bytes[at] = bytes[at].wrapping_add(1).clamp(b' ', b'~'),
            5 => bytes.swap(at, other),
            _ => {
                let mut parts: Vec<_> = text.split('.').collect();
                parts.rotate_left(1 + seed.below(2) as usize);
                bytes = parts.join(".").into_bytes();
            }
        }
        if bytes.is_empty() {
            bytes.push(b'x');
        }
    }
    String::from_utf8(bytes).unwrap()
}

#[test]
fn no_mutated_token_or_proof_is_accepted_and_every_refusal_is_safe() {
    let world = World::new();
    let nonces = NonceKeys::new(&[1; 32]);
    let policy = CredentialPolicy::default().with_query().with_form();
    let servers = [
        server().build().unwrap(),
        server().credentials(policy).accept_dpop(DpopVerifier::new()).build().unwrap(),
        server().require_dpop(DpopVerifier::new().demand_nonce(nonces.clone())).build().unwrap(),
    ];
    let (bound, plain) = (world.bound_token(), world.token(&json!({})));
    let good_proof = world.proof(&bound, &json!({"nonce": nonces.nonce(NOW)}));
    let mut seed = Seed::new(4);
    let mut accepted = 0;
    for round in 0..6_000 {
        let server = &servers[round % servers.len()];
        let (token, proof, scheme) = match seed.below(4) {
            0 => (mutate(&mut seed, &plain), None, "Bearer"),
            1 => (mutate(&mut seed, &bound), Some(good_proof.clone()), "DPoP"),
            2 => (bound.clone(), Some(mutate(&mut seed, &good_proof)), "DPoP"),
            _ => (mutate(&mut seed, &bound), Some(mutate(&mut seed, &good_proof)), "dpop"),
        };
        let authorization = format!("{scheme} {token}");
        let mut sent = vec![("authorization", authorization.as_bytes())];
        sent.extend(proof.iter().map(|proof| ("dpop", proof.as_bytes())));
        match end(world.verdict(server, &headers(&sent))) {
            Ok(_) => {
                // Changes may cancel each other out.
                let same = token == plain || token == bound && proof.as_ref() == Some(&good_proof);
                assert!(same, "{authorization}\n{proof:?}");
                accepted += 1;
            }
            Err(denied) => {
                let secrets: Vec<&[u8]> = sent.iter().map(|(_, value)| *value).collect();
                judge_refusal(&denied, &secrets);
            }
        }
    }
    assert!(accepted < 60, "{accepted}");
}

#[test]
fn no_random_request_is_accepted_and_every_refusal_is_safe() {
    let world = World::new();
    let policy = CredentialPolicy::default().with_query().with_form();
    let servers = [
        server().build().unwrap(),
        server().credentials(policy).accept_dpop(DpopVerifier::new()).build().unwrap(),
        server().require_dpop(DpopVerifier::new().demand_nonce(NonceKeys::new(&[1; 32]))).build().unwrap(),
    ];
    let starts =
        ["", "Bearer ", "bearer", "DPoP ", "dpop  ", "Basic ", "Bearer\t", "Bearer eyJhbGciOiJFZERTQSJ9."];
    let mut seed = Seed::new(5);
    for round in 0..6_000 {
        let mut noise = |most: u64| {
            let length = seed.below(most) as usize;
            let mut bytes: Vec<u8> = Vec::new();
            while bytes.len() < length {
                bytes.extend(
                    seed.bytes32()
                        .iter()
                        .map(|byte| byte & 0x7f)
                        .filter(|byte| *byte >= b' ' && *byte < 0x7f),
                );
            }
            bytes.truncate(length);
            bytes
        };
        let (tail, proof, body) = (noise(80), noise(120), noise(60));
        let mut authorization = starts[seed.below(starts.len() as u64) as usize].as_bytes().to_vec();
        authorization.extend(&tail);
        let mut sent = vec![("content-type", &b"application/x-www-form-urlencoded"[..])];
        for (name, value) in [("authorization", &authorization), ("dpop", &proof)] {
            sent.extend((0..seed.below(3)).map(|_| (name, value.as_slice())));
        }
        let form = [b"access_token=", body.as_slice()].concat();
        let (headers, method) = (headers(&sent), [Method::GET, Method::POST][round % 2].clone());
        let uri = [Uri::from_static("/orders"), Uri::from_static("/orders?access_token=a.b.c")]
            [round / 2 % 2]
            .clone();
        let server = &servers[round % servers.len()];
        let view = RequestView::new(&method, &uri, &headers).form(&form);
        let verdict = match server.inspect(&view, &mut Scratch::new()) {
            Ok(inspected) => server.judge(&inspected, &world.keys, &mut Scratch::new(), NOW),
            Err(denied) => Verdict::Denied(denied),
        };
        judge_refusal(&end(verdict).unwrap_err(), &[&tail, &proof, &body]);
    }
}
