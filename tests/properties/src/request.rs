//! The property of requests to a protected resource: a request is accepted only with a genuine token whose
//! every binding holds, and a refusal contains only settings and constants.

use crate::{ISSUER, NOW, Script, check_texts};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue, Method, Uri, header};
use oidc_proto::{
    jose::{Algorithm, KeySet, Sign},
    message::IntrospectionResponse,
    resource::{
        Access, AuthenticationScheme, CredentialPolicy, DenialReason, Denied, MAX_SHOWN, RequestView,
        ResourceServer, TrustedIssuer, Verdict,
    },
    sender::{CertificateThumbprint, DpopVerifier, MAX_JTI, NonceKeys, ProofError, ReplayAnswer},
    token::{DEFAULT_LEEWAY, Scratch, VerificationError},
};
use oidc_testkit::KeyRing;
use serde_json::{Map, Value, json};
use std::{collections::BTreeSet, sync::LazyLock};
use url::Url;

const API: &str = "https://api.example";
const TARGET: &str = "https://api.example/orders";
const METADATA: &str = "https://api.example/.well-known/oauth-protected-resource";
/// An issuer whose access tokens are opaque.
const OPAQUE: &str = "https://opaque.example";

/// The resource servers, each by its demands.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Demand {
    Bearer,
    /// Accepts tokens of any issuer, bound or not.
    Anything,
    Proof,
    Certificate,
}

const DEMANDS: [Demand; 4] = [Demand::Bearer, Demand::Anything, Demand::Proof, Demand::Certificate];

struct Fixed {
    servers: [ResourceServer; 4],
    keys: KeySet,
    issuer: (Box<dyn Sign>, String),
    thumbprint: String,
    client: Box<dyn Sign>,
    jwk: Value,
    jkt: String,
    certificate: CertificateThumbprint,
    nonce: String,
}

static FIXED: LazyLock<Fixed> = LazyLock::new(|| {
    let ring = KeyRing::new();
    let (issuer, kid) = ring.signer(Algorithm::EdDSA, 1, None);
    // Proofs are signed with Ed25519 too, so that they are the same in every run.
    let (client, _) = ring.signer(Algorithm::EdDSA, 2, None);
    let key = client.public_jwk().expect("an asymmetric key");
    let mut jwk = key.to_json();
    if let Some(members) = jwk.as_object_mut() {
        members.retain(|name, _| ["kty", "crv", "x"].contains(&name.as_str()));
    }
    let nonces = NonceKeys::new(&[7; 32]);
    let server = |demand| {
        let builder = ResourceServer::builder(API).trust(TrustedIssuer::new(ISSUER));
        let builder = builder.trust(TrustedIssuer::new(OPAQUE).introspects_opaque_tokens());
        let builder = builder.resource_metadata(METADATA).pseudonyms(&[8; 32]);
        let anywhere = CredentialPolicy::default().with_form().with_query();
        let builder = match demand {
            Demand::Bearer => builder,
            Demand::Anything => {
                builder.credentials(anywhere).accept_dpop(DpopVerifier::new()).accept_certificate_bound()
            }
            Demand::Proof => builder.require_dpop(DpopVerifier::new().demand_nonce(nonces.clone())),
            Demand::Certificate => builder.accept_dpop(DpopVerifier::new()).require_certificate_bound(),
        };
        builder.build().expect("the settings are good")
    };
    Fixed {
        servers: DEMANDS.map(server),
        keys: KeySet::parse(ring.document().to_string().as_bytes()).expect("the keys are good"),
        thumbprint: issuer.public_jwk().and_then(|key| key.thumbprint()).expect("an asymmetric key"),
        issuer: (issuer, kid.expect("an asymmetric key has a name")),
        client,
        jwk,
        jkt: key.thumbprint().expect("an asymmetric key"),
        certificate: CertificateThumbprint::of_der(b"the certificate of the client"),
        nonce: nonces.nonce(NOW),
    }
});

fn sign(signer: &dyn Sign, header: &Value, claims: &[u8]) -> String {
    let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims));
    let signature = signer.sign(input.as_bytes()).expect("a test key signs");
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// An access token of the issuer with these claims.
fn token(claims: &[u8]) -> String {
    let fixed = &*FIXED;
    sign(&*fixed.issuer.0, &json!({"typ": "at+jwt", "alg": "EdDSA", "kid": fixed.issuer.1}), claims)
}

/// A proof of the client with these claims.
fn proof(claims: &[u8]) -> String {
    sign(&*FIXED.client, &json!({"typ": "dpop+jwt", "alg": "EdDSA", "jwk": FIXED.jwk}), claims)
}

fn hash(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(ring::digest::digest(&ring::digest::SHA256, token.as_bytes()))
}

/// The claims of valid tokens: a bearer token, one bound to the key, one bound to the certificate, one
/// bound to both.
fn claims(bound: u8) -> Value {
    let mut claims = json!({"iss": ISSUER, "sub": "alice", "aud": API, "client_id": "app", "jti": "t",
                            "scope": "read", "iat": NOW.0, "exp": NOW.0 + 300});
    let (jkt, certificate) = (&FIXED.jkt, FIXED.certificate.as_str());
    match bound {
        0 => {}
        1 => claims["cnf"] = json!({ "jkt": jkt }),
        2 => claims["cnf"] = json!({ "x5t#S256": certificate }),
        _ => claims["cnf"] = json!({ "jkt": jkt, "x5t#S256": certificate }),
    }
    claims
}

/// The texts that were signed in this run. Every other text is forged.
#[derive(Default)]
struct Signed {
    tokens: BTreeSet<String>,
    proofs: BTreeSet<String>,
}

impl Signed {
    /// Draws a token, a proof, or any bytes, as the script says.
    fn text(&mut self, script: &mut Script<'_>) -> Vec<u8> {
        let kind = script.byte();
        let text = match kind % 8 {
            0 => return script.bytes().to_vec(),
            1 | 2 => token(claims(script.byte() % 4).to_string().as_bytes()),
            3 => token(script.bytes()),
            4 | 5 => {
                let bound = token(claims(script.byte() % 4).to_string().as_bytes());
                let mut claims = json!({"jti": "p", "htm": "GET", "htu": TARGET, "iat": NOW.0,
                                        "ath": hash(&bound), "nonce": FIXED.nonce});
                if kind % 8 == 5 {
                    // One claim gets another value.
                    let names = ["jti", "htm", "htu", "iat", "ath", "nonce"];
                    let name = script.pick(&names);
                    claims[name] = serde_json::from_slice(script.bytes()).unwrap_or(Value::Null);
                }
                proof(claims.to_string().as_bytes())
            }
            6 => proof(script.bytes()),
            _ => {
                // A valid token with bits flipped.
                let mut bytes = token(claims(script.byte() % 4).to_string().as_bytes()).into_bytes();
                let at = script.below(bytes.len());
                bytes[at] ^= 1 << (script.byte() % 7);
                return bytes;
            }
        };
        let into = if matches!(kind % 8, 1..=3) { &mut self.tokens } else { &mut self.proofs };
        into.insert(text.clone());
        text.into_bytes()
    }
}

/// Checks a request. `data` is a script. It says which server and which method are used, and whether the
/// connection has the client's certificate. The `Authorization` and `DPoP` headers, the query and the form
/// follow, each of any bytes or of texts that the issuer and the client signed. The response of the
/// introspection endpoint comes last.
///
/// A request is accepted only if its token is genuine and meant for this server and time, and the request
/// shows everything that the token is bound to. A refusal has challenges that parse, and contains only
/// settings and constants.
///
/// # Panics
/// If the property does not hold.
pub fn request(data: &[u8]) {
    accepts(data);
}

/// Checks a request, and returns whether it was accepted.
fn accepts(data: &[u8]) -> bool {
    let (mut script, mut signed) = (Script(data), Signed::default());
    let index = usize::from(script.byte()) % 4;
    let method = script.pick(&[&Method::GET, &Method::POST, &Method::OPTIONS]);
    let shows = script.byte() % 2 == 1;
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    for _ in 0..script.byte() % 3 {
        let scheme: &[u8] = script.pick(&[b"Bearer ", b"DPoP ", b"dpop  ", b"", b"Basic "]);
        let value = [scheme, &signed.text(&mut script)].concat();
        HeaderValue::from_bytes(&value).into_iter().for_each(|value| {
            headers.append(header::AUTHORIZATION, value);
        });
    }
    for _ in 0..script.byte() % 3 {
        HeaderValue::from_bytes(&signed.text(&mut script)).into_iter().for_each(|value| {
            headers.append("dpop", value);
        });
    }
    let mut parameter = |script: &mut Script<'_>| match script.byte() % 3 {
        0 => Vec::new(),
        1 => script.bytes().to_vec(),
        _ => [b"access_token=", &signed.text(script)[..]].concat(),
    };
    let (query, form) = (parameter(&mut script), parameter(&mut script));
    let uri = format!("/orders?{}", String::from_utf8_lossy(&query));
    let uri = uri.parse().unwrap_or_else(|_| Uri::from_static("/orders"));
    let fixed = &*FIXED;
    let server = &fixed.servers[index];
    let mut view = RequestView::new(method, &uri, &headers).form(&form);
    if shows {
        view = view.certificate(&fixed.certificate);
    }
    let inspected = match server.inspect(&view, &mut Scratch::new()) {
        Ok(inspected) => inspected,
        Err(denied) => {
            check_refusal(&denied, index);
            return false;
        }
    };
    let sent = inspected.token().expose().to_owned();
    let (verdict, said) = if inspected.is_opaque() {
        let said: Map<String, Value> = serde_json::from_slice(script.rest()).unwrap_or_default();
        let Ok(claims) = IntrospectionResponse::from_members(said.clone()) else { return false };
        (server.judge_introspected(&inspected, &claims, NOW), Some(said))
    } else {
        (server.judge(&inspected, &fixed.keys, &mut Scratch::new(), NOW), None)
    };
    let proven = matches!(verdict, Verdict::CheckReplay(_));
    let access = match verdict {
        Verdict::Accepted(access) => Ok(access),
        Verdict::CheckReplay(check) => check.finish(ReplayAnswer::First),
        Verdict::Denied(denied) | Verdict::NewerKeys(denied) => Err(denied),
        other => panic!("{other:?}"),
    };
    match access {
        Err(denied) => {
            check_refusal(&denied, index);
            false
        }
        Ok(access) => {
            check_token(&access, &sent, said.as_ref(), &signed);
            check_binding(&access, DEMANDS[index], shows, proven);
            if proven {
                check_proof(&headers, method, &sent, DEMANDS[index], &signed);
            }
            true
        }
    }
}

/// Checks that the token is genuine, and meant for this server and this time.
fn check_token(access: &Access, sent: &str, said: Option<&Map<String, Value>>, signed: &Signed) {
    let claims = match said {
        Some(said) => {
            assert_eq!(said.get("active"), Some(&Value::Bool(true)));
            // In an introspection response, `null` counts as no value.
            said.clone().into_iter().filter(|(_, value)| !value.is_null()).map(as_read).collect()
        }
        None => {
            assert!(signed.tokens.contains(sent), "the token {sent} was signed by neither party");
            let payload = sent.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
            serde_json::from_slice(&payload.expect("it is a token")).expect("it has claims")
        }
    };
    assert_eq!(*access.claims(), claims);
    let issuer = if said.is_some() { OPAQUE } else { ISSUER };
    let absent = |name: &str| said.is_some() && claims.get(name).is_none_or(Value::is_null);
    assert!(access.issuer() == issuer && (claims.get("iss") == Some(&json!(issuer)) || absent("iss")));
    let for_us = match claims.get("aud") {
        Some(Value::Array(all)) => all.contains(&json!(API)),
        one => one == Some(&json!(API)),
    };
    assert!(for_us, "{claims:?}");
    #[allow(clippy::cast_precision_loss, reason = "a time of this century")]
    let (now, leeway) = (NOW.0 as f64, DEFAULT_LEEWAY.as_secs_f64());
    let number = |name: &str| claims.get(name).and_then(Value::as_f64);
    assert!(number("exp").map_or(absent("exp"), |exp| exp > now - leeway), "{claims:?}");
    assert!(number("nbf").is_none_or(|nbf| nbf < now + leeway + 1.0), "{claims:?}");
}

/// A member of an introspection response in the form of its field: a date in whole seconds, an audience as
/// a list, the scopes as one text.
fn as_read((name, value): (String, Value)) -> (String, Value) {
    let texts = || value.as_array().map(|all| all.iter().filter_map(Value::as_str).collect::<Vec<_>>());
    let seconds = || value.as_f64().or_else(|| value.as_str()?.parse().ok());
    #[allow(clippy::cast_possible_truncation, reason = "a number that is too large has been refused")]
    let read = match name.as_str() {
        "exp" | "nbf" | "iat" | "auth_time" => seconds().map(|seconds| (seconds.floor() as i64).into()),
        "aud" => value.as_str().map(|one| json!([one])),
        "scope" => {
            texts().filter(|all| all.iter().all(|one| !one.contains(' '))).map(|all| all.join(" ").into())
        }
        _ => None,
    };
    let value = read.unwrap_or(value);
    (name, value)
}

/// Checks that the request shows everything that the token is bound to, and meets the server's demands.
fn check_binding(access: &Access, demand: Demand, shows: bool, proven: bool) {
    let bound =
        |name: &str| access.claims().get("cnf").and_then(|cnf| cnf.get(name)).filter(|at| !at.is_null());
    let (jkt, certificate) = (bound("jkt"), bound("x5t#S256"));
    assert_eq!(jkt.is_some(), proven, "a bound token comes with its proof, and an unbound one comes without");
    assert!(jkt.is_none_or(|jkt| *jkt == FIXED.jkt.as_str()));
    assert!(certificate.is_none_or(|certificate| shows && *certificate == FIXED.certificate.as_str()));
    assert!(
        ["jwk", "jwe", "jku", "kid", "osc"]
            .iter()
            .all(|name| { access.claims().get("cnf").is_none_or(|cnf| cnf.get(name).is_none()) })
    );
    match demand {
        Demand::Bearer => assert!(jkt.is_none() && certificate.is_none()),
        Demand::Anything => {}
        Demand::Proof => assert!(proven && certificate.is_none()),
        Demand::Certificate => assert!(certificate.is_some()),
    }
}

/// Checks that the client made the proof for this request.
fn check_proof(headers: &HeaderMap, method: &Method, sent: &str, demand: Demand, signed: &Signed) {
    let all: Vec<_> = headers.get_all("dpop").iter().filter_map(|value| value.to_str().ok()).collect();
    let [one] = all[..] else { panic!("one proof: {all:?}") };
    assert!(signed.proofs.contains(one), "the proof {one} was not signed by the client");
    let payload = one.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let claims: Value = serde_json::from_slice(&payload.expect("a proof")).expect("it has claims");
    let text = |name: &str| claims[name].as_str().unwrap_or_default();
    assert!((1..=MAX_JTI).contains(&text("jti").len()) && text("htm") == method.as_str(), "{claims}");
    let target = Url::parse(text("htu")).expect("a URL");
    let path = url::form_urlencoded::parse(target.path().as_bytes()).next().expect("a path");
    assert!(target.origin().ascii_serialization() == API && path.0 == "/orders", "{claims}");
    assert_eq!(text("ath"), hash(sent));
    #[allow(clippy::cast_precision_loss, reason = "a time of this century")]
    let age = NOW.0 as f64 - claims["iat"].as_f64().expect("a time");
    assert!((-31.0..=91.0).contains(&age), "{claims}");
    assert!(demand != Demand::Proof || text("nonce") == FIXED.nonce, "{claims}");
}

/// Checks that the challenges parse. They and the texts for the log and for programmers contain only
/// settings, and the reason, which is a constant.
fn check_refusal(denied: &Denied, index: usize) {
    check_texts(denied);
    let (reason, record, headers) = (denied.reason(), denied.record(), denied.headers());
    // Behind the reason stands what was expected, and the audience of a token that its issuer has signed.
    let text = denied.to_string();
    let more = text.strip_prefix(&reason.to_string()).expect("the reason comes first");
    let of_audience = reason == DenialReason::Token(VerificationError::Audience);
    assert_eq!(record.expected.is_some(), of_audience || reason == DenialReason::UntrustedIssuer);
    assert_eq!(more.is_empty(), record.expected.is_none());
    for shown in [&record.expected, &record.found].into_iter().flatten() {
        assert!(shown.len() <= MAX_SHOWN && shown.bytes().all(|byte| byte.is_ascii_graphic()), "{shown}");
    }
    assert!(record.found.is_none() || of_audience, "{denied:?}");
    assert_eq!(format!("{denied:?}"), format!("{reason} ({record})"));
    let subject = record.subject.as_ref().is_none_or(|pseudonym| pseudonym.len() == 11);
    assert!(record.clause == reason.code() && record.error == reason.error() && subject);
    assert!(record.issuer.as_ref().is_none_or(|issuer| [ISSUER, OPAQUE].contains(&&**issuer)));
    assert!(record.key.as_ref().is_none_or(|key| **key == *FIXED.thumbprint));
    let mut errors = 0;
    for value in headers.get_all(header::WWW_AUTHENTICATE) {
        let (scheme, parameters) = challenge(value.to_str().expect("visible ASCII"));
        let dpop = scheme == AuthenticationScheme::Dpop.name();
        assert!(
            dpop || scheme == AuthenticationScheme::Bearer.name() && DEMANDS[index] != Demand::Proof,
            "{scheme}"
        );
        for (name, value) in parameters {
            match name.as_str() {
                "realm" => assert_eq!(value, API),
                "resource_metadata" => assert_eq!(value, METADATA),
                "algs" => assert!(dpop && value.split(' ').all(|name| Algorithm::from_name(name).is_some())),
                "error" => {
                    errors += 1;
                    assert_eq!(Some(value.as_str()), reason.error());
                }
                "error_description" => assert_eq!(value, for_clients(reason)),
                other => panic!("{other} in {denied:?}"),
            }
        }
    }
    assert!(headers.contains_key(header::WWW_AUTHENTICATE), "{denied:?}");
    assert_eq!(errors > 0, !denied.is_missing_credentials(), "{denied:?}");
    let nonce = headers.get("dpop-nonce").map(HeaderValue::as_bytes);
    assert_eq!(nonce, (reason == DenialReason::Proof(ProofError::Nonce)).then_some(FIXED.nonce.as_bytes()));
    let known = ["www-authenticate", "dpop-nonce", "cache-control"];
    assert!(headers.keys().all(|name| known.contains(&name.as_str())), "{headers:?}");
}

/// The sentence, without the setting of the server that may stand behind it.
fn for_clients(reason: DenialReason) -> String {
    let text = reason.to_string();
    match text.rsplit_once(" (`") {
        Some((sentence, setting)) if setting.contains("::") && setting.ends_with(')') => sentence.to_owned(),
        _ => text,
    }
}

/// Parses a challenge by RFC 9110 section 11.6.1: each parameter appears once, and each value is quoted.
fn challenge(text: &str) -> (&str, Vec<(String, String)>) {
    let is_token = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
    };
    let (scheme, mut rest) = text.split_once(' ').unwrap_or((text, ""));
    assert!(is_token(scheme), "{text}");
    let mut parameters: Vec<(String, String)> = Vec::new();
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").expect("a parameter");
        assert!(is_token(name) && parameters.iter().all(|(known, _)| known != name), "{text}");
        let (mut value, mut chars) = (String::new(), after.chars());
        loop {
            match chars.next().expect("a closing quote") {
                '"' => break,
                '\\' => value.extend(chars.next()),
                c => value.push(c),
            }
        }
        parameters.push((name.to_owned(), value));
        rest = chars.as_str();
        assert!(rest.is_empty() || rest.starts_with(", ") && rest.len() > 2, "{text}");
        rest = rest.get(2..).unwrap_or_default();
    }
    (scheme, parameters)
}

#[cfg(test)]
mod tests {
    use super::accepts;

    /// Valid requests must be accepted, or the property proves nothing.
    #[test]
    fn valid_requests_are_accepted() {
        let (bearer, dpop) = ([1, 0, 1, 0], [1, 1, 1, 1, 1, 4, 1]);
        for server in 0..4 {
            assert_eq!(accepts(&[&[server, 0, 0][..], &bearer].concat()), server < 2, "{server}");
            assert_eq!(accepts(&[&[server, 0, 0][..], &dpop].concat()), server == 1 || server == 2);
        }
        let (certificate, both) = ([1, 0, 1, 2], [1, 1, 1, 3, 1, 4, 3]);
        for server in [1, 3] {
            for bound in [&certificate[..], &both] {
                assert!(accepts(&[&[server, 0, 1][..], bound].concat()), "{server}");
                assert!(!accepts(&[&[server, 0, 0][..], bound].concat()), "{server}");
            }
        }
        let said = format!(r#"{{"active":true,"aud":"{}","exp":{}}}"#, super::API, super::NOW.0 + 1);
        assert!(accepts(&[&[0, 0, 0, 1, 0, 0, 0, 1, b'x', 0, 0, 0][..], said.as_bytes()].concat()));
    }
}
