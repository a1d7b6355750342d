//! Proofs and nonces over random servers (RFC 9449 sections 4.3, 8 and 9): no proof is sent twice, no nonce goes to
//! another server, and the newest one is used.

use crate::contract::{moment, read, response, sent};
use http::Response;
use oidc_proto::{
    Moment, Secret, Timestamp, UrlPolicy,
    flow::{Client, ClientCredentialsRequest, DpopKey, Flow, Request, Step},
    jose::{Algorithm, KeySet, sign_compact},
    message::{AuthorizationRequest, AuthorizationResponse},
    metadata::{Profile, ProviderMetadata},
    sender::{DpopNonces, MAX_NONCE, dpop_nonce},
};
use oidc_testkit::{KeyRing, Seed, world::check};
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

const START: Timestamp = Timestamp(1_800_000_000);

/// A client of a provider whose UserInfo endpoint is at another server.
fn client() -> Client {
    let document = json!({
        "issuer": "https://op.example", "authorization_endpoint": "https://op.example/auth",
        "token_endpoint": "https://op.example/token", "userinfo_endpoint": "https://users.example/me",
        "jwks_uri": "https://op.example/jwks",
        "device_authorization_endpoint": "https://op.example/device",
        "response_types_supported": ["code"], "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["EdDSA"],
        "token_endpoint_auth_methods_supported": ["none", "client_secret_basic"],
    })
    .to_string();
    let policy = UrlPolicy::default();
    let metadata =
        ProviderMetadata::parse(document.as_bytes(), "https://op.example", Profile::OpenIdProvider, &policy);
    let client = Client::builder(metadata.unwrap(), "app").secret("a secret").fetch_userinfo();
    client.redirect_uri("https://app.example/callback").build().unwrap()
}

/// What a driver knows, and what the servers have said.
struct Net<'s> {
    seed: &'s mut Seed,
    now: Timestamp,
    nonces: DpopNonces,
    /// Every nonce that a server has named, by host, and the one of its latest response.
    named: BTreeMap<String, BTreeSet<String>>,
    latest: BTreeMap<String, String>,
    proofs: BTreeSet<String>,
    /// How often a proof had a nonce, and how often a server demanded another one.
    proven: usize,
    demanded: usize,
}

impl<'s> Net<'s> {
    fn new(seed: &'s mut Seed) -> Self {
        Self {
            seed,
            now: START,
            nonces: DpopNonces::new(),
            named: BTreeMap::new(),
            latest: BTreeMap::new(),
            proofs: BTreeSet::new(),
            proven: 0,
            demanded: 0,
        }
    }

    fn moment(&mut self) -> Moment {
        self.seed.moment(self.now)
    }

    fn client(&self, client: &Client) -> Client {
        client.with_dpop_nonces(self.nonces.clone())
    }

    /// Checks the proof of a request.
    fn judge(&mut self, request: &Request) {
        let host = request.uri().host().unwrap().to_owned();
        let Some(proof) = request.headers().get("dpop") else { return };
        assert_eq!(request.headers().get_all("dpop").iter().count(), 1);
        let (_, claims) = read(proof.to_str().unwrap());
        assert!(self.proofs.insert(claims["jti"].as_str().unwrap().to_owned()), "a proof is sent twice");
        assert_eq!(claims["iat"], self.now.0, "the time is that of the moment");
        let known = self.named.get(&host).cloned().unwrap_or_default();
        let learned = self.nonces.newest(request.uri()).map(str::to_owned);
        let Some(nonce) = claims["nonce"].as_str() else {
            assert_eq!(learned, None, "a nonce is known, and not used");
            return;
        };
        self.proven += 1;
        assert!(known.contains(nonce), "{nonce} is not of {host}");
        let latest = self.latest.get(&host).map(String::as_str);
        assert!(learned.as_deref() == Some(nonce) || latest == Some(nonce), "{nonce} is not the newest");
    }

    /// A random response, with or without a nonce.
    fn answer(&mut self, request: &Request) -> Option<Response<Vec<u8>>> {
        self.judge(request);
        self.now = self.now.plus(i64::try_from(self.seed.below(3)).unwrap());
        let (host, token) = (request.uri().host().unwrap().to_owned(), request.uri().path() == "/token");
        let mut answer = match self.seed.below(8) {
            0 => return None,
            1 | 2 if token => response(400, r#"{"error": "use_dpop_nonce"}"#),
            1 | 2 => {
                let mut demand = response(401, "");
                let challenge = r#"DPoP error="use_dpop_nonce""#.parse().unwrap();
                demand.headers_mut().insert("www-authenticate", challenge);
                demand
            }
            3 => response(503, ""),
            4 if token => response(400, r#"{"error": "authorization_pending"}"#),
            _ if token => response(200, r#"{"access_token": "a", "token_type": "DPoP", "expires_in": 60}"#),
            _ => response(200, r#"{"sub": "alice"}"#),
        };
        self.demanded += usize::from(matches!(answer.status().as_u16(), 400 | 401));
        let fresh = format!("n{}-of-{host}", self.seed.below(1_000_000));
        let old = self.named.get(&host).and_then(|all| all.first().cloned());
        let values = match self.seed.below(8) {
            0 | 1 => vec![],
            2 => vec![old.unwrap_or(fresh)],
            3 => vec!["not allowed".to_owned()],
            4 => vec![fresh.clone(), fresh],
            5 => vec![format!("{fresh}{}", "x".repeat(MAX_NONCE))],
            _ => vec![fresh],
        };
        values.iter().for_each(|nonce| {
            answer.headers_mut().append("dpop-nonce", nonce.parse().unwrap());
        });
        if let Some(nonce) = dpop_nonce(answer.headers()) {
            self.named.entry(host.clone()).or_default().insert(nonce.to_owned());
            self.latest.insert(host, nonce.to_owned());
        }
        // As a driver does, with every response.
        self.nonces.learn(request.uri(), answer.headers());
        Some(answer)
    }

    fn run<F: Flow>(&mut self, step: impl Into<Step<F>>) {
        let mut step = step.into();
        for _ in 0..200 {
            step = match step {
                Step::Done(_) => return,
                Step::Wait(pause) => {
                    self.now = pause.until();
                    match pause.wake(self.moment()) {
                        Ok(step) => step,
                        Err(_) => return,
                    }
                }
                Step::Send(call) => {
                    let (request, _, pending) = call.into_parts();
                    let answer = self.answer(&request);
                    let moment = self.moment();
                    let next = match answer {
                        Some(answer) => pending.receive(answer, moment).map(Some),
                        None => pending.fail(moment),
                    };
                    match next {
                        Ok(Some(step)) => step,
                        Ok(None) | Err(_) => return,
                    }
                }
            };
        }
        panic!("the flow does not end");
    }
}

#[test]
fn no_proof_is_sent_twice_and_no_nonce_goes_to_another_server() {
    let plain = client();
    let (mut proven, mut demanded) = (0, 0);
    let totals = std::cell::Cell::new((0, 0));
    check(150, |seed| {
        let keys = [1, 2, 3].map(|byte| DpopKey::ed25519(moment(0, byte)).unwrap());
        let mut net = Net::new(seed);
        for _ in 0..12 {
            let key = &keys[usize::try_from(net.seed.below(3)).unwrap()];
            let client = net.client(&plain.with_dpop_key(key).unwrap());
            let token = Secret::new("an-access-token");
            match net.seed.below(5) {
                0 => {
                    let moment = net.moment();
                    let call = client.client_credentials(&ClientCredentialsRequest::new(["a"]), moment);
                    net.run(call.unwrap());
                }
                1 => {
                    let moment = net.moment();
                    net.run(client.refresh(&token, None, None, moment).unwrap());
                }
                2 => {
                    let moment = net.moment();
                    let (_, _, pending) = sent(client.device_authorization(["a"], moment).unwrap());
                    let begun = r#"{"device_code": "a-device-code", "user_code": "U", "expires_in": 60,
                        "interval": 5, "verification_uri": "https://op.example/enter"}"#;
                    let moment = net.moment();
                    let Ok(Step::Done(device)) = pending.receive(response(200, begun), moment) else {
                        panic!()
                    };
                    let poll = device.poll(&client, None, net.now).unwrap();
                    net.run(poll);
                }
                _ => {
                    let moment = net.moment();
                    net.run(client.userinfo(&token, "alice", moment).unwrap());
                }
            }
        }
        let (proven, demanded) = totals.get();
        totals.set((proven + net.proven, demanded + net.demanded));
    });
    (proven, demanded) = (proven + totals.get().0, demanded + totals.get().1);
    // The property says something only if nonces are used and demanded.
    assert!(proven > 500 && demanded > 200, "{proven} {demanded}");
}

/// The nonce that comes with the tokens is for the token endpoint's server alone.
#[test]
fn the_nonce_of_the_tokens_does_not_go_to_userinfo_at_another_server() {
    let (signer, _) = KeyRing::new().signer(Algorithm::EdDSA, 1, None);
    let keys = Arc::new(KeySet::parse(KeyRing::new().document().to_string().as_bytes()).unwrap());
    for key in [1, 2, 3].map(|byte| DpopKey::ed25519(moment(0, byte)).unwrap()) {
        let client = client().with_dpop_key(&key).unwrap();
        let (url, pending) = client.authorize(&AuthorizationRequest::default(), moment(0, 1)).unwrap();
        let query: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
        let claims = json!({"iss": "https://op.example", "aud": "app", "sub": "alice", "iat": START.0,
            "exp": START.0 + 300, "nonce": query["nonce"]});
        let id_token = sign_compact(&*signer, Default::default(), claims.to_string().as_bytes()).unwrap();
        let answer = AuthorizationResponse::from_query(&format!("code=c&state={}", pending.state())).unwrap();
        let step = pending.callback(&client, Some(keys.clone()), answer, moment(0, 2)).unwrap();
        let (_, _, pending) = sent(step);
        let tokens = json!({"access_token": "a", "token_type": "DPoP", "id_token": id_token}).to_string();
        let mut tokens = response(200, &tokens);
        tokens.headers_mut().insert("dpop-nonce", "of-the-token-endpoint".parse().unwrap());
        let (request, _, pending) = sent(pending.receive(tokens, moment(0, 3)).unwrap());
        assert_eq!(request.uri(), "https://users.example/me");
        let proof = |request: &Request| read(request.headers()["dpop"].to_str().unwrap()).1;
        assert!(proof(&request).get("nonce").is_none(), "{}", proof(&request));
        let mut demand = response(401, "");
        demand.headers_mut().insert("www-authenticate", r#"DPoP error="use_dpop_nonce""#.parse().unwrap());
        demand.headers_mut().insert("dpop-nonce", "of-userinfo".parse().unwrap());
        let (request, _, _) = sent(pending.receive(demand, moment(0, 4)).unwrap());
        assert_eq!(proof(&request)["nonce"], "of-userinfo");
    }
}

/// A nonce that is too long for a header is none, wherever it comes from: at a demand, in an error, or from any response.
#[test]
fn a_nonce_that_is_too_long_is_none_everywhere() {
    let client = client().with_dpop_key(&DpopKey::ed25519(moment(0, 1)).unwrap()).unwrap();
    for (length, is_one) in [(1, true), (MAX_NONCE, true), (MAX_NONCE + 1, false), (8_000, false)] {
        let nonce = "n".repeat(length);
        let mut demand = response(400, r#"{"error": "use_dpop_nonce"}"#);
        demand.headers_mut().insert("dpop-nonce", nonce.parse().unwrap());
        assert_eq!(dpop_nonce(demand.headers()), is_one.then_some(&*nonce));
        let call = client.client_credentials(&ClientCredentialsRequest::default(), moment(0, 2)).unwrap();
        let (_, _, pending) = call.into_parts();
        match pending.receive(demand, moment(0, 3)) {
            Ok(Step::Send(again)) => {
                let proof = again.into_parts().0.headers()["dpop"].to_str().unwrap().to_owned();
                assert_eq!(read(&proof).1["nonce"], *nonce);
                assert!(is_one, "{length}");
            }
            Err(oidc_proto::Error::OAuth(refused)) => assert_eq!((refused.dpop_nonce, is_one), (None, false)),
            other => panic!("{other:?}"),
        }
    }
}
