//! A resource server reads a token once. Its verdict is the one of its rules and of a verifier that reads the whole token
//! itself, whatever the token, and however often the request has to wait.

use super::world::*;
use http::{Method, Uri};
use oidc_proto::{
    Moment,
    base::base64url,
    jose::{Algorithm, JwsError, KeySet, Sign},
    metadata::{AllowedTenants, IssuerRule},
    resource::{Access, DenialReason, Denied, RequestView, ResourceServer, TrustedIssuer, Verdict},
    token::{AccessTokenVerifier, Scratch, SignatureCache, VerificationError, VerifiedAccessToken},
};
use oidc_testkit::Seed;
use serde_json::{Map, Value, json};

const PLAIN: &str = "https://plain.example";
const TEMPLATE: &str = "https://tenants.example/{tenant}/v2";
const TENANT: &str = "https://tenants.example/11111111-2222-4333-8444-5555aaaabbbb/v2";
const ASKED: &str = "https://asked.example";

/// A trusted issuer: the rules that a verifier has by itself, and those of the server.
struct Known {
    verifier: AccessTokenVerifier,
    fits: fn(&str) -> bool,
    scope_claim: Option<&'static str>,
    is_asked: bool,
}

fn known() -> [Known; 4] {
    let new = |issuer| AccessTokenVerifier::new(issuer, RESOURCE);
    let tenants = IssuerRule::template(TEMPLATE, "tid", AllowedTenants::AnyUuid).unwrap();
    let of = |verifier, fits, is_asked| Known { verifier, fits, scope_claim: None, is_asked };
    let plain = new(PLAIN).accept_plain_jwt().or_audience("app").client_id_as_audience();
    [
        of(new(ISSUER), |iss| iss == ISSUER, false),
        Known { scope_claim: Some("permissions"), ..of(plain, |iss| iss == PLAIN, false) },
        of(new("https://tenants.example/common").issuer_rule(tenants).accept_plain_jwt(), is_tenant, false),
        of(new(ASKED), |iss| iss == ASKED, true),
    ]
}

/// Whether an issuer is the template with a UUID.
fn is_tenant(iss: &str) -> bool {
    let tenant = iss.strip_prefix("https://tenants.example/").and_then(|rest| rest.strip_suffix("/v2"));
    let lengths = |tenant: &str| tenant.split('-').map(str::len).collect::<Vec<_>>();
    let digit = |c: char| c == '-' || matches!(c, '0'..='9' | 'a'..='f');
    tenant.is_some_and(|tenant| lengths(tenant) == [8, 4, 4, 4, 12] && tenant.chars().all(digit))
}

/// Every issuer, or some of them, so that tokens of the others come from strangers.
fn server(seed: &mut Seed) -> (ResourceServer, Vec<Known>) {
    let mut trusted: Vec<Known> = known().into_iter().filter(|_| below(seed, 8) > 0).collect();
    if trusted.is_empty() {
        trusted.extend(known());
    }
    let mut server = ResourceServer::builder(RESOURCE).pseudonyms(&[7; 32]);
    for known in &trusted {
        let mut issuer = TrustedIssuer::from(known.verifier.clone());
        if let Some(claim) = known.scope_claim {
            issuer = issuer.scope_claim(claim);
        }
        server = server.trust(if known.is_asked { issuer.introspects_jwts() } else { issuer });
    }
    (server.build().unwrap(), trusted)
}

fn below(seed: &mut Seed, bound: usize) -> usize {
    usize::try_from(seed.below(bound as u64)).unwrap()
}

/// One of these texts.
fn pick<'a>(seed: &mut Seed, of: &[&'a str]) -> &'a str {
    of[below(seed, of.len())]
}

/// The JSON of a set of claims: usually a good one, often with members that are doubled, misspelt, of other types, or
/// written with escapes.
fn payload(seed: &mut Seed) -> String {
    const ISSUERS: [&str; 8] =
        [ISSUER, ISSUER, PLAIN, PLAIN, TENANT, TENANT, ASKED, "https://stranger.example"];
    let iss = pick(seed, &ISSUERS);
    let mut members: Vec<(String, String)> = [
        ("iss", format!("\"{iss}\"")),
        ("sub", "\"alice\"".to_owned()),
        ("aud", format!("\"{RESOURCE}\"")),
        ("client_id", "\"app\"".to_owned()),
        ("jti", "\"t\"".to_owned()),
        ("iat", NOW.0.to_string()),
        ("exp", (NOW.0 + 300).to_string()),
        ("scope", "\"read write\"".to_owned()),
        ("tid", "\"11111111-2222-4333-8444-5555aaaabbbb\"".to_owned()),
        ("realm", r#"{"roles":["admin",{"deep":[1,2.5,"x"]}],"n":7}"#.to_owned()),
    ]
    .map(|(name, json)| (name.to_owned(), json))
    .into();
    const NAMES: [&str; 27] = [
        "iss",
        "sub",
        "aud",
        "client_id",
        "jti",
        "iat",
        "exp",
        "nbf",
        "scope",
        "scp",
        "permissions",
        "azp",
        "acr",
        "sid",
        "nonce",
        "auth_time",
        "amr",
        "at_hash",
        "events",
        "cnf",
        "tid",
        "typ",
        "token_use",
        "appid",
        "azpacr",
        "code",
        "other",
    ];
    for _ in 0..[0, 0, 1, 1, 2, 3][below(seed, 6)] {
        let name = pick(seed, &NAMES).to_owned();
        let later = (NOW.0 + 5000).to_string();
        let aud = format!("[\"x\",\"{}\"]", RESOURCE.replace('/', "\\/"));
        let json = pick(
            seed,
            &[
                "null",
                "5",
                "-1.5",
                "true",
                "{}",
                "[]",
                "\"\"",
                "\"a b\"",
                "\"\\u0061\\n\"",
                "[\"a\",\"b c\"]",
                "[\"\\u0061\",\"\"]",
                "[1]",
                "\"access\"",
                "\"Bearer\"",
                "\"é\"",
                "\"\u{7f}\"",
                "{\"jkt\":\"k\"}",
                "{\"a\":1,\"a\":2}",
                "1e400",
                "\"app\"",
                &later,
                &aud,
                "{\"x5t#S256\":\"\\u0063\"}",
                "[[[[1]]]]",
            ],
        )
        .to_owned();
        let known = members.iter_mut().find(|(known, _)| *known == name);
        match (known, below(seed, 8)) {
            (Some(member), 1..) => member.1 = json,
            (Some(_), 0) | (None, _) => members.push((name, json)),
        }
    }
    if below(seed, 4) == 0 {
        members.remove(below(seed, members.len()));
    }
    let escape = below(seed, 4) == 0;
    let written: Vec<String> = members
        .into_iter()
        .map(|(name, json)| match below(seed, 6) {
            0 if escape => format!(
                "\"{}\":{}",
                escaped(&name),
                json.replace("a", "\\u0061").replace("f\\u0061lse", "false")
            ),
            1 => format!(" \"{name}\" :\t{json}\n"),
            _ => format!("\"{name}\":{json}"),
        })
        .collect();
    format!("{{{}}}", written.join(","))
}

fn escaped(text: &str) -> String {
    text.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect()
}

fn header(seed: &mut Seed) -> String {
    if below(seed, 2) == 0 {
        return r#"{"typ":"at+jwt","alg":"EdDSA"}"#.to_owned();
    }
    let typ = pick(
        seed,
        &[
            "\"at+jwt\"",
            "\"at+jwt\"",
            "\"at+jwt\"",
            "\"JWT\"",
            "\"application/AT+jwt\"",
            "\"logout+jwt\"",
            "null",
            "5",
            "\"\\u0061t+jwt\"",
        ],
    );
    let alg = pick(
        seed,
        &[
            "\"EdDSA\"",
            "\"EdDSA\"",
            "\"EdDSA\"",
            "\"EdDSA\"",
            "\"EdDSA\"",
            "\"EdDSA\"",
            "\"ES256\"",
            "\"none\"",
            "\"HS256\"",
            "\"ES512\"",
            "5",
            "\"Ed\\u0044SA\"",
        ],
    );
    let more = pick(
        seed,
        &[
            "",
            "",
            "",
            "",
            ",\"kid\":\"stranger\"",
            ",\"crit\":[\"b64\"]",
            ",\"typ\":\"at+jwt\"",
            ",\"x\":{\"a\":[1]}",
        ],
    );
    format!("{{\"typ\":{typ},\"alg\":{alg}{more}}}")
}

/// A token, often of the wrong key, and sometimes with a character changed.
fn token(seed: &mut Seed, world: &World, other: &dyn Sign) -> String {
    let (header, payload) = (header(seed), payload(seed));
    let signed =
        format!("{}.{}", base64url::encode(header.as_bytes()), base64url::encode(payload.as_bytes()));
    let signer: &dyn Sign = if below(seed, 12) == 0 { other } else { &world.issuer };
    let mut token = format!("{signed}.{}", base64url::encode(&signer.sign(signed.as_bytes()).unwrap()));
    match below(seed, 16) {
        0 => {
            let at = below(seed, token.len());
            token.replace_range(at..=at, pick(seed, &["A", "_", ".", "+", "="]));
        }
        1 => token.truncate(below(seed, token.len()).max(1)),
        2 => token.push_str(pick(seed, &["A", ".", ".x", "=", ".x.y"])),
        _ => {}
    }
    token
}

/// What a server finds in a request.
#[derive(Debug, PartialEq)]
enum Said {
    Accepted(String),
    Refused(VerificationError),
    Stranger,
    Opaque,
    NotJwt,
}

/// The verdict by the rules, with verifiers that read the whole token.
fn expected(token: &str, trusted: &[Known], world: &World) -> Said {
    let parts: Vec<&str> = token.split('.').collect();
    let is_object = |part: &&str| {
        let decoded = base64url::decode(part);
        decoded.is_some_and(|json| serde_json::from_slice::<Map<String, Value>>(&json).is_ok())
    };
    if parts.len() != 3 || !is_object(&parts[0]) {
        return if trusted.iter().any(|known| known.is_asked) { Said::Opaque } else { Said::NotJwt };
    }
    let Some(payload) = base64url::decode(parts[1]) else { return Said::Refused(JwsError::Base64.into()) };
    // The claims must be readable before an issuer is chosen. A verifier says so of the same claims in a good token.
    let header = base64url::encode(br#"{"typ":"at+jwt","alg":"EdDSA"}"#);
    let signed = format!("{header}.{}", parts[1]);
    let good = format!("{signed}.{}", base64url::encode(&world.issuer.sign(signed.as_bytes()).unwrap()));
    let read =
        AccessTokenVerifier::new(ISSUER, RESOURCE).verify(&good, &world.keys, &mut Scratch::new(), NOW).err();
    if let Some(why @ VerificationError::Claims(_)) = read {
        return Said::Refused(why);
    }
    let claims: Map<String, Value> = serde_json::from_slice(&payload).unwrap();
    let Some(iss) = claims.get("iss").filter(|iss| !iss.is_null()) else {
        return Said::Refused(VerificationError::Missing("iss"));
    };
    let iss = iss.as_str().unwrap();
    let Some(known) = trusted.iter().find(|known| (known.fits)(iss)) else { return Said::Stranger };
    if known.is_asked {
        return Said::Opaque;
    }
    let mut scratch = Scratch::new();
    match known.verifier.verify(token, &world.keys, &mut scratch, NOW) {
        Ok(verified) => Said::Accepted(rights_of(&verified, &claims, known)),
        Err(why) => Said::Refused(why),
    }
}

/// Everything that a program can ask an access, from the verified token.
fn rights_of(token: &VerifiedAccessToken<'_>, claims: &Map<String, Value>, known: &Known) -> String {
    let said = token.claims();
    let scopes: Vec<String> = match known.scope_claim {
        None => token.scopes().map(str::to_owned).collect(),
        Some(name) => match claims.get(name) {
            Some(Value::String(words)) => words.split(' ').map(str::to_owned).collect(),
            Some(Value::Array(all)) if all.iter().all(Value::is_string) => {
                all.iter().filter_map(Value::as_str).map(str::to_owned).collect()
            }
            _ => Vec::new(),
        },
    };
    let scopes: Vec<String> = scopes.into_iter().filter(|scope| !scope.is_empty()).collect();
    let audience = said.aud.map(|aud| aud.to_vec()).unwrap_or_default();
    let whole = Value::Object(claims.clone());
    let role = whole
        .pointer("/realm/roles")
        .and_then(Value::as_array)
        .is_some_and(|all| all.contains(&json!("admin")));
    let deep = whole.pointer("/realm/roles/1/deep");
    format!(
        "{:?} {:?} {:?} {:?} {:?} {scopes:?} {audience:?} {:?} {:?} {role} {deep:?} {claims:?}",
        said.iss.as_deref().unwrap(),
        said.sub.as_deref(),
        token.client_id(),
        said.acr.as_deref(),
        said.cnf.is_some(),
        said.exp,
        said.auth_time,
    )
}

/// The same of an access.
fn rights(access: &Access) -> String {
    let scopes: Vec<&str> = access.scopes().collect();
    let audience: Vec<&str> = access.audience().collect();
    let deep = access.claim::<Value>("/realm/roles/1/deep").ok();
    assert_eq!(deep.as_ref(), access.claim_at("/realm/roles/1/deep"));
    assert_eq!(access.custom::<Map<String, Value>>().as_ref(), Ok(access.claims()));
    format!(
        "{:?} {:?} {:?} {:?} {:?} {scopes:?} {audience:?} {:?} {:?} {} {:?} {:?}",
        access.issuer(),
        access.subject(),
        access.client_id(),
        access.acr(),
        access.key().is_some() || access.certificate().is_some(),
        access.expires(),
        access.auth_time(),
        access.has_role("/realm/roles", "admin"),
        deep.as_ref(),
        access.claims(),
    )
}

fn why(denied: &Denied) -> Said {
    match denied.reason() {
        DenialReason::Token(why) | DenialReason::Unsupported(why) => Said::Refused(why),
        DenialReason::UntrustedIssuer => Said::Stranger,
        DenialReason::NotJwt => Said::NotJwt,
        other => panic!("{other:?}"),
    }
}

fn said(verdict: &Verdict) -> Said {
    match verdict {
        Verdict::Accepted(access) => Said::Accepted(rights(access)),
        Verdict::Denied(denied) | Verdict::NewerKeys(denied) => why(denied),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_token_that_is_read_once_has_the_verdict_of_a_verifier_that_reads_it_whole() {
    let (world, other) = (World::new(), key("ed25519-2", Algorithm::EdDSA));
    let (method, uri) = (Method::GET, Uri::from_static("/orders"));
    let (mut scratch, no_keys) = (Scratch::new(), KeySet::default());
    let (mut accepted, mut refused, mut rest) = (0, std::collections::BTreeMap::new(), 0);
    for number in 0..3_000 {
        let mut seed = Seed::new(number);
        let (server, trusted) = server(&mut seed);
        let token = token(&mut seed, &world, &other);
        let headers = headers(&[("authorization", format!("Bearer {token}").as_bytes())]);
        let view = RequestView::new(&method, &uri, &headers);
        let expected = expected(&token, &trusted, &world);
        // A token with a character that is in no token is not even read.
        let inspected = match server.inspect(&view, &mut scratch) {
            Err(denied) if matches!(denied.reason(), DenialReason::BadRequest(_)) => continue,
            Err(denied) => {
                assert_eq!(why(&denied), expected, "seed {number}: {token}");
                rest += 1;
                continue;
            }
            Ok(inspected) => inspected,
        };
        assert_eq!(inspected.is_opaque(), expected == Said::Opaque, "seed {number}: {token}");
        if inspected.is_opaque() {
            assert_eq!(said(&server.judge(&inspected, &world.keys, &mut scratch, NOW)), Said::NotJwt);
            rest += 1;
            continue;
        }
        let direct = server.judge(&inspected, &world.keys, &mut scratch, NOW);
        assert_eq!(said(&direct), expected, "seed {number}: {token}");
        // The slow way: no keys at first, other requests in between, and the request is found again.
        let early = server.judge(&inspected, &no_keys, &mut scratch, NOW);
        let waits = matches!(&early, Verdict::NewerKeys(_));
        assert!(waits || said(&early) == expected, "seed {number}: {token}");
        let found = inspected.into_findings();
        let noise = world.token(&json!({"sub": "mallory", "pad": "x".repeat(below(&mut seed, 3000))}));
        world.bearer(&server, &noise).err();
        let resumed = server.resume(found, &view, &mut scratch).unwrap();
        let late = server.judge(&resumed, &world.keys, &mut scratch, NOW);
        assert_eq!((said(&late), late.record()), (said(&direct), direct.record()), "seed {number}: {token}");
        // With a cache: first without knowing the token, then knowing it after the inspection, then before it.
        let mut cache = SignatureCache::new(10_000, Moment::new(NOW, [7; 32]));
        for _ in 0..2 {
            let cached = server.judge_cached(&resumed, &world.keys, &mut cache, &mut scratch, NOW);
            assert_eq!((said(&cached), cached.record()), (said(&direct), direct.record()), "seed {number}");
        }
        assert_eq!(!cache.is_empty(), matches!(expected, Said::Accepted(_)), "seed {number}: {token}");
        let known = server.inspect_cached(&view, &mut cache, &mut scratch).unwrap();
        for keys in [&world.keys, &no_keys, &world.keys] {
            let cached = server.judge_cached(&known, keys, &mut cache, &mut scratch, NOW);
            let slow = server.judge(&resumed, keys, &mut scratch, NOW);
            assert_eq!((said(&cached), cached.record()), (said(&slow), slow.record()), "seed {number}");
            let uncached = server.judge(&known, keys, &mut scratch, NOW);
            assert_eq!((said(&uncached), uncached.record()), (said(&slow), slow.record()), "seed {number}");
        }
        let late = known.into_findings();
        let late = server.resume(late, &view, &mut scratch).unwrap();
        let late = server.judge_cached(&late, &world.keys, &mut cache, &mut scratch, NOW.plus(10_000));
        assert!(matches!(late, Verdict::Denied(_) | Verdict::NewerKeys(_)), "seed {number}: {token}");
        match expected {
            Said::Accepted(_) => {
                assert!(direct.record().key.is_some() && direct.record().issuer.is_some());
                accepted += 1;
            }
            Said::Refused(why) => *refused.entry(why.code()).or_insert(0) += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(accepted > 200 && refused.len() > 15 && rest > 500, "{accepted} {refused:?} {rest}");
}
