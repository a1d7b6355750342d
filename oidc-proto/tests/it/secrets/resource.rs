//! Secrets in a resource server, and its refusals of requests that are full of secrets.

use super::{
    look::Looker,
    world::{RESOURCE, World, end, headers, merge, server, sha256, sign},
};
use http::{HeaderMap, Method, Uri, header};
use oidc_proto::{
    Moment, Secret, Timestamp,
    base::base64url,
    message::IntrospectionResponse,
    resource::{
        Access, CredentialPolicy, Credentials, Denied, RequestView, Requirement, ResourceServer,
        ResourceServerBuilder, TrustedIssuer, Verdict,
    },
    sender::{CertificateThumbprint, DpopVerifier, NonceKeys, ReplayAnswer, ReplayWindow},
    token::{AccessTokenVerifier, Possession, Scratch, SignatureCache, SignatureMemory},
};
use serde_json::{Value, json};

const NOW: Timestamp = super::world::NOW;
const ISSUER: &str = super::world::ISSUER;
const CLAIM: &str = "MARK-claim-that-nobody-should-log";
const SUBJECT: &str = "MARK-subject-of-the-token";
const JTI: &str = "MARK-identifier-of-the-proof";
const OPAQUE: &str = "MARK-opaque-access-token";
const NONCES: &[u8; 32] = b"MARK-key-of-nonces-32-bytes-long";
const NONCES_BEFORE: &[u8; 32] = b"MARK-key-of-nonces-before-today!";
const PSEUDONYMS: &[u8; 32] = b"MARK-key-of-pseudonyms-32-bytes!";

/// Hides a key of bytes: as text, as numbers and encoded.
fn hide_bytes(look: &mut Looker, name: &str, bytes: &[u8; 32]) {
    look.hide(name, std::str::from_utf8(bytes).unwrap());
    look.hide(name, &format!("{bytes:?}"));
    look.hide(name, &format!("{bytes:#?}"));
    look.hide(name, &base64url::encode(bytes));
    look.hide(name, &bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
}

fn verifier() -> DpopVerifier {
    DpopVerifier::new().demand_nonce(NonceKeys::new(NONCES).previous(NONCES_BEFORE))
}

fn settings() -> ResourceServerBuilder {
    let policy = CredentialPolicy::default().with_form().with_query();
    server()
        .credentials(policy)
        .accept_dpop(verifier())
        .accept_certificate_bound()
        .pseudonyms(PSEUDONYMS)
        .trust(TrustedIssuer::new("https://opaque.example").introspects_opaque_tokens())
}

fn look_at_verdict(look: &mut Looker, verdict: &Verdict) {
    look.at(verdict);
    let record = verdict.record();
    look.at(&record);
    look.at_display(&record);
    look.text(&serde_json::to_string(&record).unwrap());
    match verdict {
        Verdict::Accepted(access) => look_at_access(look, access),
        Verdict::CheckReplay(check) => {
            look.at(check);
            look.at(&check.replay_key());
            look.text(&check.replay_key().to_text());
        }
        Verdict::Denied(denied) | Verdict::NewerKeys(denied) => look_at_denied(look, denied),
        other => panic!("{other:?}"),
    }
}

fn look_at_access(look: &mut Looker, access: &Access) {
    look.at(access);
    look.at(access.record());
    look.text(&serde_json::to_string(access.record()).unwrap());
    look.text(&format!("{:?}", access.response_headers()));
}

/// Looks at everything that a refusal lets out: to the client, to the log, to a programmer.
fn look_at_denied(look: &mut Looker, denied: &Denied) {
    look.at_error(denied);
    look.at_error(&denied.reason());
    look.text(denied.code());
    look.at(denied.record());
    look.at_display(denied.record());
    look.text(&serde_json::to_string(denied.record()).unwrap());
    look.text(&format!("{:?}", denied.headers()));
    for value in denied.headers().values() {
        look.text(&String::from_utf8_lossy(value.as_bytes()));
    }
}

/// Looks at each step from a request to an access, on every way.
pub(crate) fn look_at_a_resource_server(look: &mut Looker) {
    let world = World::new();
    hide_bytes(look, "the key of nonces", NONCES);
    hide_bytes(look, "the key of nonces before", NONCES_BEFORE);
    hide_bytes(look, "the key of pseudonyms", PSEUDONYMS);
    look.hide("a claim", CLAIM);
    look.hide("the subject", SUBJECT);
    look.hide("the identifier of a proof", JTI);
    let claims = json!({"sub": SUBJECT, "email": CLAIM, "jti": CLAIM, "nonce": CLAIM});
    let token = world.token(&claims);
    let bound = world.token(&merge(claims.clone(), &json!({"cnf": {"jkt": world.jkt()}})));
    let nonce = NonceKeys::new(NONCES_BEFORE).nonce(NOW);
    let proof = world.proof(&bound, &json!({"jti": JTI, "nonce": nonce}));
    for (name, secret) in [("an access token", &token), ("a bound token", &bound), ("a proof", &proof)] {
        look.hide(name, secret);
    }

    let keys = NonceKeys::new(NONCES).previous(NONCES_BEFORE);
    look.at(&keys);
    look.text(&keys.nonce(NOW));
    look.at(&verifier());
    look.at(&settings());
    look.at(&TrustedIssuer::new(ISSUER));
    look.at_error(&settings().realm(format!("{CLAIM}\n")).build().unwrap_err());
    look.at_error(&settings().trust(TrustedIssuer::new(format!("{CLAIM} "))).build().unwrap_err());
    look.at(settings().publish(|about| about).build().unwrap().published().unwrap());
    let server = settings().build().unwrap();
    look.at(&server);
    look.text(&server.dpop_nonce(NOW).unwrap());
    let thumbprint = CertificateThumbprint::of_der(CLAIM.as_bytes());
    look.at(&thumbprint);

    let bearer = headers(&[("authorization", format!("Bearer {token}").as_bytes())]);
    let form = headers(&[("content-type", b"application/x-www-form-urlencoded")]);
    let dpop = headers(&[("authorization", format!("DPoP {bound}").as_bytes()), ("dpop", proof.as_bytes())]);
    let (plain, query) = ("/orders".to_owned(), format!("/orders?access_token={token}"));
    let body = format!("access_token={token}");
    for (method, uri, headers, form) in [
        (Method::GET, &plain, &bearer, None),
        (Method::GET, &query, &HeaderMap::new(), None),
        (Method::POST, &plain, &form, Some(body.as_bytes())),
        (Method::GET, &plain, &dpop, None),
    ] {
        let uri: Uri = uri.parse().unwrap();
        let view = RequestView::new(&method, &uri, headers).certificate(&thumbprint);
        let view = form.map_or(view, |form| view.form(form));
        look.at(&view);
        let policy = CredentialPolicy::default().with_form().with_query();
        look.at(&Credentials::take(headers, uri.query(), form, &policy).unwrap().unwrap());
        let inspected = server.inspect(&view, &mut Scratch::new()).unwrap();
        look.at(&inspected);
        look.at(&inspected.token());
        look_at_use(look, || server.judge(&inspected, &world.keys, &mut Scratch::new(), NOW));
    }
    let proven = verifier()
        .verify(&dpop, &Method::GET, "https://api.example/orders", Some(&Secret::new(&bound)), NOW)
        .unwrap();
    assert!(proven.next_nonce().is_some(), "the nonce is of the previous key");
    look.at(&proven);
    look_at_caches(look, &world, &bound);
    look_at_an_opaque_token(look, &server, &claims);
}

/// Looks at every use of a verdict, which is made anew each time.
fn look_at_use(look: &mut Looker, judge: impl Fn() -> Verdict) {
    look_at_verdict(look, &judge());
    for (index, answer) in
        [ReplayAnswer::First, ReplayAnswer::Replayed, ReplayAnswer::Unknown].into_iter().enumerate()
    {
        let end = match judge() {
            Verdict::CheckReplay(check) => {
                let mut window = ReplayWindow::new();
                let _ = window.first_use(check.replay_key(), NOW);
                look.at(&window);
                check.finish(answer)
            }
            other => end(other),
        };
        match end {
            Ok(access) => {
                look_at_access(look, &access);
                let needs = Requirement::new().scope("never").role("/email", "x").satisfies(|_| false);
                look.at(&needs);
                look_at_denied(look, &access.require(&needs, NOW).unwrap_err().naming_scope(&needs));
                let strong = Requirement::new().acr_values(["strong"]);
                look_at_denied(look, &access.require(&strong, NOW).unwrap_err());
            }
            Err(denied) => {
                assert!(index > 0, "{denied:?}");
                look_at_denied(look, &denied);
            }
        }
    }
}

fn look_at_caches(look: &mut Looker, world: &World, bound: &str) {
    let jkt = world.jkt();
    let shown = Possession::none().key(&jkt);
    look.at(&shown);
    let (verifier, mut scratch) = (AccessTokenVerifier::new(ISSUER, RESOURCE), Scratch::new());
    let mut cache = SignatureCache::new(10_000, Moment::new(NOW, [7; 32]));
    for _ in 0..2 {
        let verified =
            verifier.verify_cached_bound(bound, &world.keys, &mut cache, &mut scratch, NOW, shown).unwrap();
        look.at(verified.claims().cnf.as_ref().unwrap());
    }
    look.at(&cache);
    look.at(&cache.recall(bound).unwrap());
    look.at(&scratch);
}

fn look_at_an_opaque_token(look: &mut Looker, server: &ResourceServer, claims: &Value) {
    look.hide("an opaque token", OPAQUE);
    let headers = headers(&[("authorization", format!("Bearer {OPAQUE}").as_bytes())]);
    let (method, uri) = (Method::GET, Uri::from_static("/orders"));
    let inspected = server.inspect(&RequestView::new(&method, &uri, &headers), &mut Scratch::new()).unwrap();
    assert!(inspected.is_opaque());
    look.at(&inspected);
    let found = inspected.into_findings();
    look.at(&found);
    let inspected =
        server.resume(found, &RequestView::new(&method, &uri, &headers), &mut Scratch::new()).unwrap();
    assert!(inspected.is_opaque());
    // The endpoint repeats the token, as some endpoints do.
    let said = json!({"active": true, "aud": RESOURCE, "exp": NOW.0 + 60, "jti": OPAQUE, "jwt": OPAQUE,
                      "cnf": {"kc-jkt-type": "DPoP", "k": OPAQUE}});
    let mut said = merge(merge(said, claims), &json!({"jti": OPAQUE, "sub": null, "cnf": null}));
    let read = |said: &Value| IntrospectionResponse::from_members(said.as_object().unwrap().clone());
    look.at(&read(&said).unwrap());
    look_at_use(look, || server.judge_introspected(&inspected, &read(&said).unwrap(), NOW));
    for (member, value) in [
        ("sub", json!(SUBJECT)),
        ("aud", json!([OPAQUE])),
        ("iss", json!(OPAQUE)),
        ("token_type", json!(OPAQUE)),
        ("scope", json!(OPAQUE)),
        ("acr", json!(OPAQUE)),
        ("cnf", json!({"jkt": [OPAQUE]})),
        ("cnf", json!({"jkt": OPAQUE, "x5t#S256": OPAQUE, OPAQUE: OPAQUE})),
        (OPAQUE, json!(OPAQUE)),
        ("exp", json!(5)),
        ("active", json!(false)),
    ] {
        said[member] = value;
        look_at_verdict(look, &server.judge_introspected(&inspected, &read(&said).unwrap(), NOW));
    }
    said["active"] = json!(true);
    for member in ["active", "aud", "exp", "cnf", "sub"] {
        let mut said = said.clone();
        said[member] = json!([{"jkt": [OPAQUE]}]);
        let why = read(&said).unwrap_err();
        look.at_error(&why);
        look_at_verdict(look, &Verdict::Denied(server.unreadable(&inspected, why)));
    }
}

/// Requests that repeat a secret in every place that can hold text.
fn hostile(world: &World, secret: &str) -> Vec<(Method, String, HeaderMap, Vec<u8>)> {
    let header = json!({"typ": "at+jwt", "alg": "EdDSA"});
    let claims = json!({"iss": ISSUER, "sub": secret, "aud": RESOURCE, "client_id": secret, "jti": secret,
                        "scope": secret, "iat": NOW.0, "exp": NOW.0 + 300, secret: secret});
    let signed = |header: &Value, claims: &Value| sign(&world.issuer, header, claims);
    let mut tokens = vec![secret.to_owned(), format!("{secret}.{secret}.{secret}"), signed(&header, &claims)];
    for member in ["iss", "aud", "exp", "nbf", "iat", "sub", "cnf", "client_id", "jti", "scope"] {
        for value in [json!(secret), json!([secret]), json!({ secret: secret }), json!({"jkt": secret})] {
            // An audience that the issuer has signed is shown on purpose: nobody else can put a text there.
            if member == "aud" && !value.is_object() {
                continue;
            }
            tokens.push(signed(&header, &merge(claims.clone(), &json!({ member: value }))));
        }
    }
    for member in ["alg", "typ", "kid", "crit", "jku", "jwk", "x5t#S256", secret] {
        for value in [json!(secret), json!([secret]), json!({ secret: secret })] {
            tokens.push(signed(&merge(header.clone(), &json!({ member: value })), &claims));
        }
    }
    let bound = signed(&header, &merge(claims, &json!({"cnf": {"jkt": world.jkt()}})));
    tokens.push(bound.clone());

    let mut jwk = oidc_proto::jose::Sign::public_jwk(&world.client).unwrap().to_json();
    jwk.as_object_mut().unwrap().remove("use");
    let proof = json!({"jti": secret, "htm": "GET", "htu": "https://api.example/orders", "iat": NOW.0,
                       "ath": base64url::encode(&sha256(&bound))});
    let proof_header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk});
    let prove = |header: &Value, claims: &Value| sign(&world.client, header, claims);
    let mut proofs = vec![secret.to_owned(), format!("{secret}.{secret}.{secret}")];
    for member in ["jti", "htm", "htu", "iat", "ath", "nonce", secret] {
        for value in [json!(secret), json!([secret])] {
            proofs.push(prove(&proof_header, &merge(proof.clone(), &json!({ member: value }))));
        }
    }
    for member in ["alg", "typ", "kid", "jwk"] {
        for value in [json!(secret), json!({"kty": secret, "d": secret}), json!({"kty": "oct", "k": secret})]
        {
            proofs.push(prove(&merge(proof_header.clone(), &json!({ member: value })), &proof));
        }
    }
    let mut sent: Vec<(String, Option<&str>)> = Vec::new();
    for token in &tokens {
        sent.extend(["Bearer ", "dpop "].map(|scheme| (format!("{scheme}{token}"), None)));
        sent.push((format!("DPoP {token}"), Some(&proofs[2])));
    }
    sent.extend(proofs.iter().map(|proof| (format!("DPoP {bound}"), Some(proof.as_str()))));
    for odd in ["Bearer {},{}", "Bearer {} {}", "Bearer token=\"{}\"", "DPoP\t{}", "{} {}", "Basic {}"] {
        sent.push((odd.replace("{}", secret), Some(secret)));
    }
    let mut requests = Vec::new();
    for (authorization, proof) in sent {
        let mut headers = headers(&[
            ("authorization", authorization.as_bytes()),
            ("content-type", b"application/x-www-form-urlencoded"),
            ("host", secret.as_bytes()),
            ("forwarded", format!("host={secret}").as_bytes()),
            ("x-forwarded-host", secret.as_bytes()),
        ]);
        if let Some(proof) = proof {
            headers.append("dpop", proof.parse().unwrap());
        }
        requests.push((Method::GET, "/orders".to_owned(), headers.clone(), Vec::new()));
        headers.remove(header::AUTHORIZATION);
        let token = authorization.rsplit(' ').next().unwrap();
        let (query, form) = (format!("/{secret}?access_token={token}"), format!("access_token={token}"));
        requests.push((Method::GET, query.clone(), headers.clone(), Vec::new()));
        requests.push((Method::POST, query, headers.clone(), form.clone().into_bytes()));
        requests.push((Method::from_bytes(secret.as_bytes()).unwrap(), "/".into(), headers, form.into()));
    }
    requests
}

/// Whatever a request repeats, no refusal of it shows a secret.
pub(crate) fn refuse_hostile_requests(look: &mut Looker) {
    let secret = "MARK-of-a-hostile-request";
    look.hide("what a request says", secret);
    look.hide("what a request says, encoded", &base64url::encode(secret.as_bytes())[..32]);
    let world = World::new();
    let open = settings().build().unwrap();
    let strict = settings().require_dpop(verifier()).require_certificate_bound().build().unwrap();
    let simple = server().accept_dpop(DpopVerifier::new()).build().unwrap();
    let thumbprint = CertificateThumbprint::of_der(b"");
    let (mut codes, mut accepted) = (std::collections::BTreeSet::new(), 0);
    for (method, uri, headers, body) in hostile(&world, secret) {
        let Ok(uri) = uri.parse::<Uri>() else { continue };
        for server in [&open, &strict, &simple] {
            let view = RequestView::new(&method, &uri, &headers).form(&body).certificate(&thumbprint);
            let verdict = match server.inspect(&view, &mut Scratch::new()) {
                Ok(inspected) => {
                    look.at(&inspected);
                    server.judge(&inspected, &world.keys, &mut Scratch::new(), NOW)
                }
                Err(denied) => Verdict::Denied(denied),
            };
            look_at_verdict(look, &verdict);
            match verdict {
                Verdict::Denied(denied) | Verdict::NewerKeys(denied) => drop(codes.insert(denied.code())),
                _ => accepted += 1,
            }
        }
    }
    assert!(codes.len() > 20, "requests are refused in many ways: {codes:?}");
    assert!(accepted > 0, "some requests are refused only for their content: {codes:?}");
    look_at_denied(look, &open.unavailable(std::time::Duration::from_secs(5)));
}
