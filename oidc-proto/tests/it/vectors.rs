//! Published vectors: the examples of the JOSE RFCs, the JOSE Cookbook, and Project Wycheproof.
//!
//! Every file and every case is accounted for. Where this library's verdict differs from a vector's, a
//! table names the case and the reason.

use crate::{DATA, backends::other_reader};
use oidc_proto::{
    base::{JsonError, base64url},
    jose::{
        Algorithm, AlgorithmSet, Jwk, JwsError, KeyError, KeySet, KeySetError, KeySetReader, RingSigner,
        Scratch, Sign, verify_compact,
    },
};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn path(file: &str) -> PathBuf {
    Path::new(DATA).join("vectors").join(file)
}

fn text(file: &str) -> String {
    fs::read_to_string(path(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn json(file: &str) -> Value {
    serde_json::from_str(&text(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The same keys, for ring and for another backend. Each vector must have the same verdict with both.
struct Keys([KeySet; 2]);

impl Keys {
    fn new(jwks: impl Fn(KeySetReader) -> Result<KeySet, KeySetError>) -> Self {
        Self([KeySetReader::new(), other_reader()].map(|reader| jwks(reader).unwrap()))
    }

    fn parse(set: &Value) -> Self {
        let text = set.to_string();
        Self::new(|reader| reader.parse(text.as_bytes()))
    }

    fn from_jwks(jwks: &[Jwk]) -> Self {
        Self::new(|reader| reader.from_jwks(jwks.to_vec()))
    }
}

/// The keys of this set as verification keys, without their private members.
fn keys_of(jwks: &[Value]) -> Keys {
    let jwks = jwks.iter().filter_map(|jwk| Jwk::parse(jwk.to_string().as_bytes()).ok());
    Keys::from_jwks(&jwks.collect::<Vec<_>>())
}

fn keys(file: &str) -> Keys {
    let json = json(file);
    keys_of(json["keys"].as_array().unwrap_or(&vec![json.clone()]))
}

/// The payload and the algorithm of a token, or the reason why it is refused.
fn verify(token: &str, Keys([ring, other]): &Keys) -> Result<(Vec<u8>, Algorithm), JwsError> {
    let verify = |keys| {
        let mut buffers = Scratch::default();
        let jws = verify_compact(token, keys, AlgorithmSet::ALL, &mut buffers)?;
        Ok((jws.payload().to_vec(), jws.header().alg()))
    };
    let verdict = verify(ring);
    assert_eq!(verify(other), verdict, "{token}");
    verdict
}

fn algorithm(token: &str, keys: &Keys) -> Verdict {
    verify(token, keys).map(|(_, algorithm)| algorithm)
}

/// The algorithm of an accepted token, or the reason why it is refused.
type Verdict = Result<Algorithm, JwsError>;

const P521: KeyError = KeyError::NeedsBackend(Algorithm::ES512);
const NO_BACKEND: Verdict = Err(JwsError::KeySetAside(P521));

/// Compact tokens: file, key, verdict.
const COMPACT: &[(&str, &str, Verdict)] = &[
    ("rfc7515_A.1.jwsc", "rfc7515_A.1.jwk", Ok(Algorithm::HS256)),
    ("rfc7515_A.2.jwsc", "rfc7515_A.2.jwk", Ok(Algorithm::RS256)),
    ("rfc7515_A.3.jwsc", "rfc7515_A.3.jwk", Ok(Algorithm::ES256)),
    // ring has no P-521. `oidc-adapters/aws-lc/tests` verifies these.
    ("rfc7515_A.4.jwsc", "rfc7515_A.4.jwk", Err(JwsError::UnknownKey)),
    // An unsecured JWS.
    ("rfc7515_A.5.jwsc", "rfc7515_A.1.jwk", Err(JwsError::Unsigned)),
    ("rfc7520_4.1.jwsc", "rfc7520_3.4.jwk", Ok(Algorithm::RS256)),
    ("rfc7520_4.2.jwsc", "rfc7520_3.4.jwk", Ok(Algorithm::PS384)),
    ("rfc7520_4.3.jwsc", "rfc7520_3.2.jwk", NO_BACKEND),
    ("rfc7520_4.4.jwsc", "rfc7520_3.5.jwk", Ok(Algorithm::HS256)),
    // A detached payload, which is elsewhere.
    ("rfc7520_4.5.jwsc", "rfc7520_3.5.jwk", Err(JwsError::Signature)),
];

/// The JSON serialization: a file, and for each signature its key and its verdict once it is written as a
/// compact token, without the unprotected header.
const SERIALIZED: &[(&str, &[(&str, Verdict)])] = &[
    (
        "rfc7515_A.6.jwsg",
        &[("rfc7515_A.6.1.jwk", Ok(Algorithm::RS256)), ("rfc7515_A.6.2.jwk", Ok(Algorithm::ES256))],
    ),
    ("rfc7515_A.7.jwsf", &[("rfc7515_A.3.jwk", Ok(Algorithm::ES256))]),
    ("rfc7520_4.1.jwsf", &[("rfc7520_3.3.jwk", Ok(Algorithm::RS256))]),
    ("rfc7520_4.1.jwsg", &[("rfc7520_3.3.jwk", Ok(Algorithm::RS256))]),
    ("rfc7520_4.2.jwsf", &[("rfc7520_3.3.jwk", Ok(Algorithm::PS384))]),
    ("rfc7520_4.2.jwsg", &[("rfc7520_3.3.jwk", Ok(Algorithm::PS384))]),
    ("rfc7520_4.3.jwsf", &[("rfc7520_3.1.jwk", NO_BACKEND)]),
    ("rfc7520_4.3.jwsg", &[("rfc7520_3.1.jwk", NO_BACKEND)]),
    ("rfc7520_4.4.jwsf", &[("rfc7520_3.5.jwk", Ok(Algorithm::HS256))]),
    ("rfc7520_4.4.jwsg", &[("rfc7520_3.5.jwk", Ok(Algorithm::HS256))]),
    ("rfc7520_4.5.jwsf", &[("rfc7520_3.5.jwk", Err(JwsError::Signature))]),
    ("rfc7520_4.5.jwsg", &[("rfc7520_3.5.jwk", Err(JwsError::Signature))]),
    ("rfc7520_4.6.jwsf", &[("rfc7520_3.5.jwk", Ok(Algorithm::HS256))]),
    ("rfc7520_4.6.jwsg", &[("rfc7520_3.5.jwk", Ok(Algorithm::HS256))]),
    // No member is protected, so nothing is left of the header.
    ("rfc7520_4.7.jwsf", &[("rfc7520_3.5.jwk", Err(JwsError::Header(JsonError::NotJson)))]),
    ("rfc7520_4.7.jwsg", &[("rfc7520_3.5.jwk", Err(JwsError::Header(JsonError::NotJson)))]),
    (
        "rfc7520_4.8.jwsg",
        &[
            ("rfc7520_4.8.jwkset", Ok(Algorithm::RS256)),
            // `alg` is in the unprotected header.
            ("rfc7520_4.8.jwkset", Err(JwsError::Header(JsonError::NotJson))),
            ("rfc7520_4.8.jwkset", Ok(Algorithm::HS256)),
        ],
    ),
];

/// Keys as a provider would publish them: the file, the algorithms of each usable key, and why the others
/// are set aside.
const PUBLISHED: &[(&str, &[&str], &[KeyError])] = &[
    ("rfc7515_A.1.jwk", &["{HS256, HS384, HS512}"], &[]),
    ("rfc7515_A.2.jwk", &[], &[KeyError::PrivateMembers]),
    ("rfc7515_A.3.jwk", &[], &[KeyError::PrivateMembers]),
    ("rfc7515_A.4.jwk", &[], &[P521]),
    ("rfc7515_A.6.1.jwk", &[], &[KeyError::PrivateMembers]),
    ("rfc7515_A.6.2.jwk", &[], &[KeyError::PrivateMembers]),
    ("rfc7515_A.6.jwkset", &[], &[KeyError::PrivateMembers, KeyError::PrivateMembers]),
    ("rfc7517_A.1.jwkset", &["{RS256}"], &[KeyError::NotForSignatures]),
    ("rfc7517_A.2.jwkset", &[], &[KeyError::NotForSignatures, KeyError::PrivateMembers]),
    ("rfc7517_A.3.jwkset", &["{HS256, HS384, HS512}"], &[KeyError::UnknownAlgorithm]),
    ("rfc7517_B.jwk", &[RSA], &[]),
    ("rfc7520_3.1.jwk", &[], &[P521]),
    ("rfc7520_3.2.jwk", &[], &[P521]),
    ("rfc7520_3.3.jwk", &[RSA], &[]),
    ("rfc7520_3.4.jwk", &[], &[KeyError::PrivateMembers]),
    ("rfc7520_3.5.jwk", &["{HS256}"], &[]),
    ("rfc7520_3.6.jwk", &[], &[KeyError::NotForSignatures]),
    ("rfc7520_4.8.jwkset", &["{HS256}"], &[KeyError::PrivateMembers, P521]),
    ("rfc7638_3.1.jwk", &["{RS256}"], &[]),
];
const RSA: &str = "{RS256, RS384, RS512, PS256, PS384, PS512}";

/// Files of `rfc/` that are in no table because one test reads each.
const OTHERS: &[&str] = &["misc.json", "rfc7520_4.5.payl", "rfc7638_3.1.thp"];

#[test]
fn every_rfc_file_is_accounted_for() {
    let named: BTreeSet<String> = (COMPACT.iter().flat_map(|(file, key, _)| [*file, *key]))
        .chain(SERIALIZED.iter().map(|(file, _)| *file))
        .chain(PUBLISHED.iter().map(|(file, ..)| *file))
        .chain(OTHERS.iter().copied())
        .map(str::to_owned)
        .collect();
    let present: BTreeSet<String> = fs::read_dir(path("rfc"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(named, present);
}

#[test]
fn the_compact_tokens_of_rfc_7515_and_7520_get_their_verdicts() {
    for (file, key, verdict) in COMPACT {
        let token = text(&format!("rfc/{file}"));
        assert_eq!(algorithm(token.trim_end(), &keys(&format!("rfc/{key}"))), *verdict, "{file}");
    }
    let payload =
        String::from_utf8(verify(&text("rfc/rfc7515_A.1.jwsc"), &keys("rfc/rfc7515_A.1.jwk")).unwrap().0);
    assert_eq!(
        payload.unwrap(),
        "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}"
    );
}

#[test]
fn a_detached_payload_put_back_in_place_verifies() {
    let token = text("rfc/rfc7520_4.5.jwsc");
    let payload = base64url::encode(text("rfc/rfc7520_4.5.payl").as_bytes());
    let whole = token.trim_end().replace("..", &format!(".{payload}."));
    assert_eq!(algorithm(&whole, &keys("rfc/rfc7520_3.5.jwk")), Ok(Algorithm::HS256));
}

#[test]
fn the_json_serialization_is_refused_and_its_signatures_are_right() {
    for (file, signatures) in SERIALIZED {
        let text = text(&format!("rfc/{file}"));
        check_serialized(file, &text, signatures, |key| keys(&format!("rfc/{key}")));
    }
}

fn check_serialized<K>(name: &str, text: &str, expected: &[(K, Verdict)], keys: impl Fn(&K) -> Keys) {
    let json: Value = serde_json::from_str(text).unwrap();
    let signatures = json["signatures"].as_array().cloned().unwrap_or_else(|| vec![json.clone()]);
    assert_eq!(signatures.len(), expected.len(), "{name}");
    for (signature, (key, verdict)) in signatures.iter().zip(expected) {
        let keys = keys(key);
        assert_eq!(algorithm(text, &keys), Err(JwsError::NotCompact), "{name}");
        let part = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let parts = [&signature["protected"], &json["payload"], &signature["signature"]].map(part);
        assert_eq!(algorithm(&parts.join("."), &keys), *verdict, "{name}");
    }
}

#[test]
fn the_keys_of_rfc_7515_7517_7520_and_7638_are_read_like_published_ones() {
    for (file, usable, unusable) in PUBLISHED {
        let json = json(&format!("rfc/{file}"));
        let set = if json["keys"].is_array() { json } else { serde_json::json!({ "keys": [json] }) };
        let set = KeySet::parse(set.to_string().as_bytes()).unwrap();
        let algorithms: Vec<String> = set.keys().map(|key| format!("{:?}", key.algorithms())).collect();
        let reasons: Vec<KeyError> = set.set_aside().iter().map(|key| key.reason).collect();
        assert_eq!(algorithms, *usable, "{file}");
        assert_eq!(reasons, *unusable, "{file}");
    }
}

#[test]
fn the_examples_of_rfc_7638_8037_9278_9449_and_openid_connect_core_agree() {
    let key = Jwk::parse(text("rfc/rfc7638_3.1.jwk").as_bytes()).unwrap();
    assert_eq!(key.thumbprint().unwrap(), text("rfc/rfc7638_3.1.thp").trim_end());
    let mut seen = Vec::new();
    for vector in json("rfc/misc.json").as_array().unwrap() {
        let member = |name: &str| vector[name].as_str().unwrap().to_owned();
        let id = member("id");
        let jwk = || Jwk::parse(vector["jwk"].to_string().as_bytes()).unwrap();
        match member("kind").as_str() {
            "jwk-thumbprint" => assert_eq!(jwk().thumbprint(), Some(member("sha256")), "{id}"),
            "jwk-thumbprint-uri" => assert_eq!(jwk().thumbprint_uri(), Some(member("uri")), "{id}"),
            "jws-compact" => {
                let keys = Keys::from_jwks(&[jwk()]);
                let payload = verify(&member("jws"), &keys).unwrap().0;
                assert_eq!(String::from_utf8(payload).unwrap(), member("payload"), "{id}");
            }
            "dpop-proof" => {
                assert_eq!(jwk().thumbprint(), Some(member("jkt")), "{id}");
                let keys = Keys::from_jwks(&[jwk()]);
                assert_eq!(algorithm(&member("proof"), &keys), Ok(Algorithm::ES256), "{id}");
            }
            "token-hash" => {
                let algorithm = Algorithm::from_name(&member("alg")).unwrap();
                assert_eq!(algorithm.left_half_hash(member("value").as_bytes()), member("hash"), "{id}");
            }
            other => panic!("{id}: nobody checks {other}"),
        }
        seen.push(id);
    }
    assert_eq!(seen.len(), 8, "{seen:?}");
}

/// The JOSE Cookbook: a file, and the verdict on each of its signatures.
const COOKBOOK: &[(&str, &[Verdict])] = &[
    ("jws/4_1.rsa_v15_signature.json", &[Ok(Algorithm::RS256)]),
    ("jws/4_2.rsa-pss_signature.json", &[Ok(Algorithm::PS384)]),
    ("jws/4_3.ecdsa_signature.json", &[NO_BACKEND]),
    ("jws/4_4.hmac-sha2_integrity_protection.json", &[Ok(Algorithm::HS256)]),
    ("jws/4_5.signature_with_detached_content.json", &[Err(JwsError::Signature)]),
    ("jws/4_6.protecting_specific_header_fields.json", &[Ok(Algorithm::HS256)]),
    ("jws/4_7.protecting_content_only.json", &[Err(JwsError::Header(JsonError::NotJson))]),
    (
        "jws/4_8.multiple_signatures.json",
        &[Ok(Algorithm::RS256), Err(JwsError::Header(JsonError::NotJson)), Ok(Algorithm::HS256)],
    ),
    ("curve25519/jws.json", &[Ok(Algorithm::EdDSA)]),
];

#[test]
fn the_cookbook_verifies_and_its_reproducible_signatures_are_reproduced() {
    let (mut compact, mut serialized, mut reproduced) = (0, 0, 0);
    for (file, verdicts) in COOKBOOK {
        let example = json(&format!("cookbook/{file}"));
        let jwks = example["input"]["key"].as_array().cloned();
        let jwks = jwks.unwrap_or_else(|| vec![example["input"]["key"].clone()]);
        let (keys, output) = (|| keys_of(&jwks), &example["output"]);
        if let Some(token) = output["compact"].as_str() {
            assert_eq!(algorithm(token, &keys()), verdicts[0], "{file}");
            compact += 1;
        }
        for form in
            ["json", "json_flat"].map(|form| &output[form]).into_iter().filter(|form| form.is_object())
        {
            let verdicts: Vec<_> = verdicts.iter().map(|verdict| ((), *verdict)).collect();
            check_serialized(file, &form.to_string(), &verdicts, |()| keys());
            serialized += 1;
        }
        if example["reproducible"] == true {
            let name = example["input"]["alg"].as_str().and_then(Algorithm::from_name);
            let signer = RingSigner::from_jwk(jwks[0].to_string().as_bytes(), name).unwrap();
            let signature =
                signer.sign(example["signing"]["sig-input"].as_str().unwrap().as_bytes()).unwrap();
            assert_eq!(base64url::encode(&signature), example["signing"]["sig"], "{file}");
            reproduced += 1;
        }
    }
    assert_eq!((compact, serialized, reproduced), (6, 17, 6));
}

#[test]
fn the_keys_of_the_cookbook_are_those_of_rfc_7520() {
    for (file, same) in [
        ("3_1.ec_public_key.json", "rfc7520_3.1.jwk"),
        ("3_2.ec_private_key.json", "rfc7520_3.2.jwk"),
        ("3_3.rsa_public_key.json", "rfc7520_3.3.jwk"),
        ("3_4.rsa_private_key.json", "rfc7520_3.4.jwk"),
        ("3_5.symmetric_key_mac_computation.json", "rfc7520_3.5.jwk"),
        ("3_6.symmetric_key_encryption.json", "rfc7520_3.6.jwk"),
    ] {
        let read = |file: String| Jwk::parse(text(&file).as_bytes()).unwrap();
        let key = read(format!("cookbook/jwk/{file}"));
        assert_eq!(key, read(format!("rfc/{same}")), "{file}");
        assert!(key.thumbprint().is_some(), "{file}");
    }
}

/// Cases of Wycheproof with another verdict than the file's: our verdict, and the reason.
type Exceptions = &'static [(u64, Verdict, &'static str)];

const OTHER_ALG: &str =
    "the key says `alg: PS256`, the token PS384: RFC 7517 section 4.4 binds the key to its `alg`";
const NO_P521: &str = "the `alg` of the key, ES521, is not an algorithm; and ring has no P-521";
const OTHER_NAME: Verdict = Err(JwsError::KeySetAside(KeyError::UnknownAlgorithm));
const SAME_AS_357: &str =
    "the padding that the comment speaks of is not there: the token is that of case 357";
const FOREIGN: &str =
    "a `?` inside base64url: RFC 7515 section 2 knows no such character, so no reader may skip it";

const SIGNATURES: Exceptions = &[
    (346, Err(JwsError::KeyMismatch), OTHER_ALG),
    (347, OTHER_NAME, NO_P521),
    (350, Err(JwsError::KeyMismatch), OTHER_ALG),
    (351, OTHER_NAME, NO_P521),
    (367, Ok(Algorithm::HS256), SAME_AS_357),
    (370, Ok(Algorithm::HS256), SAME_AS_357),
    (372, Err(JwsError::Base64), FOREIGN),
    (373, Err(JwsError::Base64), FOREIGN),
];

const KEYS: Exceptions = &[
    (
        1,
        Ok(Algorithm::HS256),
        "marked ambiguous: a secret beside a public key. Each key serves its own algorithm only, and callers \
         who expect public keys allow `AlgorithmSet::ASYMMETRIC`, which refuses this token",
    ),
    (
        4,
        Ok(Algorithm::HS256),
        "marked ambiguous: two keys of one name. Providers publish such sets while they rotate",
    ),
];

/// Checks the verdict on every case of a file. Returns the numbers of accepted and of refused cases that
/// agree with the file, without the exceptions.
fn wycheproof(file: &str, exceptions: Exceptions) -> (u64, u64) {
    let suite = json(file);
    let (mut accepted, mut refused, mut excepted) = (0, 0, 0);
    let mut wrong = Vec::new();
    for group in suite["testGroups"].as_array().unwrap() {
        let key = group.get("public").unwrap_or(&group["private"]);
        let set = if key["keys"].is_array() { key.clone() } else { serde_json::json!({ "keys": [key] }) };
        let keys = Keys::parse(&set);
        for case in group["tests"].as_array().unwrap() {
            let id = case["tcId"].as_u64().unwrap();
            let token = case["jws"].as_str().map_or_else(|| case["jws"].to_string(), str::to_owned);
            let verdict = algorithm(&token, &keys);
            if let Some((_, expected, why)) = exceptions.iter().find(|exception| exception.0 == id) {
                assert_eq!(verdict, *expected, "{id}: {why}");
                excepted += 1;
                continue;
            }
            match case["result"].as_str().unwrap() {
                "valid" if verdict.is_ok() => accepted += 1,
                "invalid" if verdict.is_err() => refused += 1,
                other => wrong.push(format!("{id} {}: {other}, but {verdict:?}", case["comment"])),
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(excepted, exceptions.len());
    assert_eq!(accepted + refused + exceptions.len() as u64, suite["numberOfTests"].as_u64().unwrap());
    (accepted, refused)
}

#[test]
fn the_signatures_of_wycheproof_get_their_verdicts() {
    assert_eq!(wycheproof("wycheproof/json_web_signature_test.json", SIGNATURES), (40, 353));
}

#[test]
fn the_reasons_for_the_exceptions_hold() {
    let suite = json("wycheproof/json_web_signature_test.json");
    let group =
        suite["testGroups"].as_array().unwrap().iter().find(|group| group["comment"] == "base64").unwrap();
    let token = |id: u64| {
        group["tests"].as_array().unwrap().iter().find(|case| case["tcId"] == id).unwrap()["jws"].clone()
    };
    assert_eq!((token(367), token(370)), (token(357), token(357)));

    let suite = json("wycheproof/json_web_key_test.json");
    let group = &suite["testGroups"][0];
    let keys = KeySet::parse(group["private"].to_string().as_bytes()).unwrap();
    let token = group["tests"][0]["jws"].as_str().unwrap();
    assert_eq!(
        verify_compact(token, &keys, AlgorithmSet::ASYMMETRIC, &mut Scratch::default()).err(),
        Some(JwsError::AlgorithmNotAllowed)
    );
}

#[test]
fn the_keys_of_wycheproof_get_their_verdicts() {
    assert_eq!(wycheproof("wycheproof/json_web_key_test.json", KEYS), (5, 19));
}
