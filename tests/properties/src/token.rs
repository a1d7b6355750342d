//! The property of tokens: a token is accepted only if the issuer signed it and it is meant for this use.

use crate::{CLIENT, ISSUER, NOW, SECRET, Script, check_texts};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use oidc_proto::{
    Secret,
    jose::{Algorithm, AlgorithmSet, KeySet, Sign},
    token::{AccessTokenVerifier, DEFAULT_LEEWAY, Expected, IdTokenVerifier, Scratch, VerificationError},
};
use oidc_testkit::KeyRing;
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, sync::LazyLock, time::Duration};

const API: &str = "https://api.example";
const NONCE: &str = "a nonce";

/// The three kinds of genuine tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// An access token of RFC 9068, signed with EdDSA.
    Access,
    /// An ID token, signed with EdDSA.
    Id,
    /// An ID token, signed with HS256 and the client's secret.
    SecretId,
}

const KINDS: [Kind; 3] = [Kind::Access, Kind::Id, Kind::SecretId];

struct Fixed {
    keys: KeySet,
    secret_keys: KeySet,
    eddsa: Box<dyn Sign>,
    hs256: Box<dyn Sign>,
    kid: String,
    genuine: [String; 3],
}

static FIXED: LazyLock<Fixed> = LazyLock::new(|| {
    let ring = KeyRing::new();
    let (eddsa, kid) = ring.signer(Algorithm::EdDSA, 1, None);
    let (hs256, _) = ring.signer(Algorithm::HS256, 1, Some(SECRET));
    let mut fixed = Fixed {
        keys: KeySet::parse(ring.document().to_string().as_bytes()).expect("the keys are good"),
        secret_keys: KeySet::from_secret(&Secret::new(SECRET)),
        eddsa,
        hs256,
        kid: kid.expect("an asymmetric key has a name"),
        genuine: Default::default(),
    };
    fixed.genuine = KINDS.map(|kind| {
        sign(&fixed, kind, sorted(&header(&fixed, kind)).as_bytes(), sorted(&claims(kind)).as_bytes())
    });
    fixed
});

/// Returns the genuine tokens: an access token, an ID token, and an ID token signed with the secret.
#[must_use]
pub fn genuine_tokens() -> [String; 3] {
    FIXED.genuine.clone()
}

fn header(fixed: &Fixed, kind: Kind) -> Value {
    match kind {
        Kind::Access => json!({ "alg": "EdDSA", "kid": fixed.kid, "typ": "at+jwt" }),
        Kind::Id => json!({ "alg": "EdDSA", "kid": fixed.kid }),
        Kind::SecretId => json!({ "alg": "HS256" }),
    }
}

fn claims(kind: Kind) -> Value {
    let mut claims = json!({ "iss": ISSUER, "sub": "alice", "iat": NOW.0, "exp": NOW.0 + 300 });
    let more = match kind {
        Kind::Access => json!({ "aud": API, "client_id": CLIENT, "jti": "1", "scope": "read" }),
        Kind::Id | Kind::SecretId => json!({ "aud": CLIENT, "nonce": NONCE }),
    };
    for (name, value) in more.as_object().into_iter().flatten() {
        claims[name] = value.clone();
    }
    claims
}

/// JSON with its members sorted by name. Another crate can make serde_json keep another order, but the
/// corpus has these texts.
fn sorted(members: &Value) -> String {
    let sorted: BTreeMap<_, _> = members.as_object().into_iter().flatten().collect();
    serde_json::to_string(&sorted).expect("members are JSON")
}

/// Signs any header and claims with the issuer's key.
fn sign(fixed: &Fixed, kind: Kind, header: &[u8], claims: &[u8]) -> String {
    let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signer = if kind == Kind::SecretId { &fixed.hs256 } else { &fixed.eddsa };
    let signature = signer.sign(input.as_bytes()).expect("a test key signs");
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn verify(kind: Kind, token: &str) -> Result<(), VerificationError> {
    let fixed = &*FIXED;
    let expected = || {
        let mut expected = Expected::default();
        expected.nonce = Some(NONCE);
        expected
    };
    let verdict = match kind {
        Kind::Access => {
            let mut scratch = Scratch::new();
            AccessTokenVerifier::new(ISSUER, API).verify(token, &fixed.keys, &mut scratch, NOW).map(drop)
        }
        Kind::Id => {
            let verifier = IdTokenVerifier::new(ISSUER, CLIENT);
            verifier.verify(&Secret::new(token), &fixed.keys, &expected(), NOW).map(drop)
        }
        Kind::SecretId => {
            let algorithms = AlgorithmSet::EMPTY.with(Algorithm::HS256);
            let verifier = IdTokenVerifier::new(ISSUER, CLIENT).algorithms(algorithms);
            verifier.verify(&Secret::new(token), &fixed.secret_keys, &expected(), NOW).map(drop)
        }
    };
    if let Err(rejected) = &verdict {
        check_texts(rejected);
    }
    verdict
}

/// Checks a token. `data` is a token, or a script if its first byte is a control character. The script
/// flips bits, swaps parts, or signs another header or other claims with the issuer's key.
///
/// A text is accepted only if it equals a genuine token. A signed text is accepted only if its header and
/// its claims are those of such a token.
///
/// # Panics
/// If the property does not hold.
pub fn token(data: &[u8]) {
    let mut script = Script(data);
    match data.first() {
        Some(1) => flipped(&mut script),
        Some(2) => swapped(&mut script),
        Some(3) => edited(&mut script),
        Some(4) => resigned(&mut script, true),
        Some(5) => resigned(&mut script, false),
        _ => text(&String::from_utf8_lossy(data)),
    }
}

fn text(token: &str) {
    for (kind, genuine) in KINDS.into_iter().zip(&FIXED.genuine) {
        assert_eq!(verify(kind, token).is_ok(), token == genuine, "{kind:?}: {token}");
    }
    // This verifier accepts tokens that do not state their type. It still refuses ID tokens.
    let mut scratch = Scratch::new();
    let verifier = AccessTokenVerifier::new(ISSUER, API).or_audience(CLIENT).accept_plain_jwt();
    let plain = verifier.verify(token, &FIXED.keys, &mut scratch, NOW).is_ok();
    assert_eq!(plain, token == FIXED.genuine[0], "{token}");
}

fn flipped(script: &mut Script<'_>) {
    let _ = script.byte();
    let mut bytes = FIXED.genuine[script.below(3)].clone().into_bytes();
    for _ in 0..8 {
        if script.is_over() {
            break;
        }
        let at = script.below(bytes.len());
        bytes[at] ^= 1 << (script.byte() % 8);
    }
    text(&String::from_utf8_lossy(&bytes));
}

fn swapped(script: &mut Script<'_>) {
    let _ = script.byte();
    let parts: Vec<Vec<&str>> = FIXED.genuine.iter().map(|token| token.split('.').collect()).collect();
    let mut part = |at: usize| parts[script.below(3)][at];
    text(&format!("{}.{}.{}", part(0), part(1), part(2)));
}

/// One claim is wrong, and the issuer's own key has signed it. The error names the claim.
fn edited(script: &mut Script<'_>) {
    let _ = script.byte();
    let kind = script.pick(&KINDS);
    let other = script.number();
    let leeway = DEFAULT_LEEWAY.as_secs().cast_signed();
    let beyond = leeway + 1 + i64::from(other);
    let ago = DEFAULT_LEEWAY + Duration::from_secs(other.into());
    let ahead = ago + Duration::from_secs(1);
    let table: [(&str, Value, VerificationError); 14] = [
        ("iss", format!("{ISSUER}{other}").into(), VerificationError::Issuer),
        ("iss", Value::Null, VerificationError::Missing("iss")),
        ("aud", format!("x{other}").into(), VerificationError::Audience),
        ("aud", json!([]), VerificationError::Audience),
        ("aud", Value::Null, VerificationError::Missing("aud")),
        (
            "exp",
            (NOW.0 - leeway - i64::from(other)).into(),
            VerificationError::Expired { ago, leeway: DEFAULT_LEEWAY },
        ),
        ("exp", Value::Null, VerificationError::Missing("exp")),
        ("nbf", (NOW.0 + beyond).into(), VerificationError::NotYetValid { ahead, leeway: DEFAULT_LEEWAY }),
        ("iat", (NOW.0 + beyond).into(), VerificationError::IssuedInFuture { ahead, leeway: DEFAULT_LEEWAY }),
        ("iat", Value::Null, VerificationError::Missing("iat")),
        ("sub", Value::Null, VerificationError::Missing("sub")),
        ("sub", "".into(), VerificationError::Value("sub")),
        ("nonce", format!("x{other}").into(), VerificationError::Nonce),
        ("nonce", Value::Null, VerificationError::Missing("nonce")),
    ];
    let (name, value, clause) = table[script.below(table.len())].clone();
    let mut claims = claims(kind);
    claims[name] = value;
    let token =
        sign(&FIXED, kind, header(&FIXED, kind).to_string().as_bytes(), claims.to_string().as_bytes());
    let expected = match (kind, name) {
        (Kind::Access, "nonce") => Ok(()),
        _ => Err(clause),
    };
    assert_eq!(verify(kind, &token), expected, "{kind:?}: {claims}");
}

/// Signs another header or other claims, which the script contains, with the issuer's key.
fn resigned(script: &mut Script<'_>, of_header: bool) {
    let _ = script.byte();
    let kind = script.pick(&KINDS);
    let bytes = script.rest();
    let (good_header, good_claims) = (header(&FIXED, kind).to_string(), claims(kind).to_string());
    let token = match of_header {
        true => sign(&FIXED, kind, bytes, good_claims.as_bytes()),
        false => sign(&FIXED, kind, good_header.as_bytes(), bytes),
    };
    if verify(kind, &token).is_err() {
        return;
    }
    let members: Map<String, Value> = serde_json::from_slice(bytes).expect("what is accepted is an object");
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    if of_header {
        let right = if kind == Kind::SecretId { &["HS256"][..] } else { &["EdDSA", "Ed25519"] };
        assert!(text("alg").is_some_and(|alg| right.contains(&alg)), "{members:?}");
        assert!(!members.contains_key("crit") && !members.contains_key("b64"), "{members:?}");
        let typ = text("typ").map(str::to_ascii_lowercase);
        let typ = typ.as_deref().map(|typ| typ.strip_prefix("application/").unwrap_or(typ));
        assert_eq!(typ == Some("at+jwt"), kind == Kind::Access, "{members:?}");
        assert!(kind == Kind::SecretId || text("kid").is_none_or(|kid| kid == FIXED.kid), "{members:?}");
        return;
    }
    let number = |name: &str| members.get(name).and_then(Value::as_f64);
    let leeway = DEFAULT_LEEWAY.as_secs_f64();
    #[allow(clippy::cast_precision_loss, reason = "a time of this century")]
    let now = NOW.0 as f64;
    let wanted = if kind == Kind::Access { API } else { CLIENT };
    let for_us = match members.get("aud") {
        Some(Value::String(one)) => one == wanted,
        Some(Value::Array(all)) if kind == Kind::Access => all.iter().any(|one| one == wanted),
        Some(Value::Array(all)) => !all.is_empty() && all.iter().all(|one| one == wanted),
        _ => false,
    };
    assert!(text("iss") == Some(ISSUER) && for_us, "{members:?}");
    assert!(text("sub").is_some_and(|sub| !sub.is_empty()), "{members:?}");
    assert!(number("exp").is_some_and(|exp| exp > now - leeway), "{members:?}");
    assert!(number("iat").is_some_and(|iat| iat < now + leeway + 1.0), "{members:?}");
    assert!(
        members.get("nbf").is_none_or(Value::is_null)
            || number("nbf").is_some_and(|n| n < now + leeway + 1.0)
    );
    assert!(kind == Kind::Access || text("nonce") == Some(NONCE), "{members:?}");
    assert!(text("azp").is_none_or(|azp| azp == CLIENT || kind == Kind::Access), "{members:?}");
    assert!(kind != Kind::Access || members.get("cnf").is_none_or(Value::is_null), "{members:?}");
}
