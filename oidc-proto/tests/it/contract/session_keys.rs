//! A DPoP key for each session: the login, its callback, UserInfo and the refresh have the same key, on whichever node.

use super::{builder, moment};
use http::Method;
use oidc_proto::{
    EndpointUrl, Error, Secret, UrlPolicy,
    flow::{
        AppState, Authenticated, Client, ConfigError, DpopKey, PendingAccess, PendingAuthorization,
        PendingAuthorizations, PreviousLogin, Quirks, Refreshed, Seal, SealingKeys,
    },
    jose::Algorithm,
    message::{AccessRequest, AuthorizationRequest, AuthorizationResponse},
    metadata::{Profile, ProviderMetadata},
    sender::{DpopNonces, DpopVerifier},
};
use oidc_testkit::{ClientAuthentication, EndpointName, KeyRing, Party, drive, scenario::CLIENT_ID};
use ring::{rand::SystemRandom, signature};
use serde_json::json;
use url::Url;

const PLACE: &str = "__Host-login at app.example";

fn p256() -> DpopKey {
    let curve = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
    let pkcs8 = signature::EcdsaKeyPair::generate_pkcs8(curve, &SystemRandom::new()).unwrap();
    DpopKey::from_pkcs8(Algorithm::ES256, pkcs8.as_ref()).unwrap()
}

fn ed25519(seed: u8) -> DpopKey {
    DpopKey::ed25519(moment(0, seed)).unwrap()
}

/// A provider that demands DPoP and nonces, and a client of it that is public or not.
fn party(public: bool) -> Party {
    let mut party = match public {
        true => Party::builder().authentication(ClientAuthentication::None).build(),
        false => Party::new(),
    };
    party.provider.accept_dpop([Algorithm::ES256, Algorithm::EdDSA]);
    party.provider.require_dpop(true);
    party.provider.demand_dpop_nonces(60);
    let metadata = party.discover().unwrap();
    let client = Client::builder(metadata, CLIENT_ID).redirect_uri("https://app.example/callback");
    let client = if public { client } else { client.secret(oidc_testkit::scenario::SECRET) };
    party.client = client.fetch_userinfo().build().unwrap();
    party
}

/// Sends the user to the provider and back.
fn away(party: &mut Party, client: &Client) -> (Url, PendingAuthorization, AuthorizationResponse) {
    let request = AuthorizationRequest::new(["email", "offline_access"]);
    let (url, pending) = client.authorize(&request, party.clock.moment()).unwrap();
    let query = party.callback_query(&url);
    (url, pending, AuthorizationResponse::from_query(&query).unwrap())
}

fn back(
    party: &mut Party,
    client: &Client,
    (pending, response): (PendingAuthorization, AuthorizationResponse),
) -> Result<Authenticated, Error> {
    let step = pending.callback(client, None, response, party.clock.moment())?;
    drive(step, &mut party.provider, &mut party.clock)
}

fn login(party: &mut Party, key: &DpopKey) -> Authenticated {
    let client = party.client.with_dpop_key(key).unwrap();
    let (url, pending, response) = away(party, &client);
    assert!(url.as_str().contains(&format!("&dpop_jkt={}", key.thumbprint())), "{url}");
    back(party, &client, (pending, response)).unwrap()
}

fn refresh(
    party: &mut Party,
    key: Option<&DpopKey>,
    (token, previous): (&Secret, PreviousLogin),
) -> Result<Refreshed, Error> {
    let client = key.map_or(party.client.clone(), |key| party.client.with_dpop_key(key).unwrap());
    let call = client.refresh(token, Some(previous), None, party.clock.moment())?;
    drive(call, &mut party.provider, &mut party.clock)
}

fn token_requests(party: &Party) -> usize {
    party.provider.count(EndpointName::Token)
}

#[test]
fn a_session_has_its_own_key_from_the_login_to_the_last_refresh() {
    for public in [true, false] {
        let mut party = party(public);
        for key in [ed25519(1), ed25519(2), p256(), p256()] {
            let user = login(&mut party, &key);
            assert_eq!(user.dpop_jkt.as_deref(), Some(key.thumbprint()));
            assert_eq!(user.userinfo.as_ref().unwrap().sub, "alice");
            assert!(user.tokens.token_type.eq_ignore_ascii_case("dpop"));
            let (_, claims) = super::read(user.tokens.access_token.expose());
            assert_eq!(claims["cnf"]["jkt"], key.thumbprint(), "the token is bound to this session's key");
            let previous = PreviousLogin::from(&user);
            assert_eq!(previous.dpop_jkt(), Some(key.thumbprint()));
            let mut token = user.tokens.refresh_token.clone().unwrap();
            for _ in 0..2 {
                party.clock.advance(90);
                let refreshed = refresh(&mut party, Some(&key), (&token, previous.clone())).unwrap();
                token = refreshed.tokens.refresh_token.unwrap();
                let client = party.client.with_dpop_key(&key).unwrap();
                let call = client.userinfo(&refreshed.tokens.access_token, "alice", party.clock.moment());
                drive(call.unwrap(), &mut party.provider, &mut party.clock).unwrap();
            }
        }
        party.provider.assert_clean();
    }
}

/// A state that has travelled as JSON, or sealed.
fn travelled<S: Seal + serde::Serialize + serde::de::DeserializeOwned>(state: S, sealed: bool) -> S {
    if !sealed {
        return serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
    }
    let keys = SealingKeys::new(1, &[42; 32]);
    keys.open(&keys.seal(&state, PLACE, moment(0, 77)).unwrap(), PLACE).unwrap()
}

#[test]
fn a_login_and_its_key_go_on_at_another_node() {
    for (key, sealed) in [(ed25519(1), false), (ed25519(2), true), (p256(), true)] {
        let mut party = party(true);
        let (_, pending, response) = {
            let client = party.client.with_dpop_key(&key).unwrap();
            away(&mut party, &client)
        };
        let (key, pending) = (travelled(key, sealed), travelled(pending, sealed));
        // Another node, which made its client anew.
        let client = party.client.with_dpop_key(&key).unwrap();
        let user = back(&mut party, &client, (pending, response)).unwrap();
        let previous = travelled(PreviousLogin::from(&user), sealed);
        let key = travelled(key, sealed);
        let token = user.tokens.refresh_token.unwrap();
        assert!(refresh(&mut party, Some(&key), (&token, previous)).is_ok());
        party.provider.assert_clean();
    }
}

#[test]
fn logins_of_several_sessions_share_one_cookie_and_each_keeps_its_key() {
    let mut party = party(true);
    let keys = SealingKeys::new(1, &[42; 32]);
    let sessions = [Some(ed25519(1)), None, Some(ed25519(3))];
    let mut open = PendingAuthorizations::new();
    let mut begun = Vec::new();
    for key in &sessions {
        let client =
            key.as_ref().map_or(party.client.clone(), |key| party.client.with_dpop_key(key).unwrap());
        let (_, pending, response) = away(&mut party, &client);
        begun.push((client, pending.clone(), response));
        open.add(pending, party.clock.now());
    }
    let cookie = keys.seal(&open, PLACE, moment(0, 7)).unwrap();
    let mut opened: PendingAuthorizations = keys.open(&cookie, PLACE).unwrap();
    assert_eq!(opened, open);
    for (at, (client, pending, response)) in begun.iter().enumerate() {
        let taken = opened.take(pending.state()).unwrap();
        assert_eq!(&taken, pending);
        let wrong = party.client.with_dpop_key(&ed25519(9)).unwrap();
        let refused = taken.clone().callback(&wrong, None, response.clone(), moment(0, 1));
        assert_eq!(refused.is_err(), sessions[at].is_some(), "a login without a key is bound to none");
        assert!(taken.callback(client, None, response.clone(), moment(0, 2)).is_ok());
    }
    // The key may lie in the same cookie, too.
    let pair = AppState((begun[0].1.clone(), sessions[0].clone().unwrap()));
    let cookie = keys.seal(&pair, PLACE, moment(0, 8)).unwrap();
    let AppState((pending, key)): AppState<(PendingAuthorization, DpopKey)> =
        keys.open(&cookie, PLACE).unwrap();
    assert_eq!((pending, key), pair.0);
    // Ten logins that are bound fit into one cookie.
    let mut open = PendingAuthorizations::new();
    for seed in 0..10 {
        let client = party.client.with_dpop_key(&ed25519(seed)).unwrap();
        open.add(
            client.authorize(&AuthorizationRequest::default(), moment(0, seed)).unwrap().1,
            moment(0, 0).now(),
        );
    }
    assert_eq!(open.len(), 10);
    assert!(keys.seal(&open, PLACE, moment(0, 9)).is_ok());
}

/// A login, or access without one, whose callback comes to a client with another key, or with none.
#[test]
fn a_callback_with_another_key_is_refused_before_the_code_is_sent() {
    let other = ConfigError::OtherDpopKey;
    for key in [ed25519(1), p256(), ed25519(200)] {
        let mut party = party(true);
        let client = party.client.with_dpop_key(&key).unwrap();
        let (_, pending, response) = away(&mut party, &client);
        let (url, access) =
            client.authorize_access(&AccessRequest::new(["a"]), party.clock.moment()).unwrap();
        assert!(url.as_str().contains(&format!("dpop_jkt={}", key.thumbprint())));
        let query = party.callback_query(&url);
        let granted = AuthorizationResponse::from_query(&query).unwrap();
        for wrong in [party.client.clone(), party.client.with_dpop_key(&ed25519(9)).unwrap()] {
            for pending in
                [pending.clone(), travelled(pending.clone(), false), travelled(pending.clone(), true)]
            {
                let refused = pending.callback(&wrong, None, response.clone(), moment(0, 1)).unwrap_err();
                assert_eq!(refused, other.into());
            }
            let access: PendingAccess = travelled(access.clone(), true);
            let refused = access.callback(&wrong, granted.clone(), moment(0, 1)).unwrap_err();
            assert_eq!((refused.clone(), refused.code()), (other.into(), "config_other_dpop_key"));
        }
        assert_eq!(token_requests(&party), 0, "no code was sent");
        // The code is still good.
        assert!(back(&mut party, &client, (pending, response)).is_ok());
        let step = access.callback(&client, granted, party.clock.moment()).unwrap();
        assert!(drive(step, &mut party.provider, &mut party.clock).is_ok());
        party.provider.assert_clean();
    }
}

#[test]
fn the_refresh_token_of_a_public_client_is_not_sent_with_another_key() {
    for key in [ed25519(1), p256(), ed25519(2)] {
        let mut party = party(true);
        let user = login(&mut party, &key);
        let (token, sent) = (user.tokens.refresh_token.clone().unwrap(), token_requests(&party));
        for wrong in [None, Some(ed25519(9)), Some(p256())] {
            let previous = travelled(PreviousLogin::from(&user), true);
            let refused = refresh(&mut party, wrong.as_ref(), (&token, previous)).unwrap_err();
            assert_eq!(refused, ConfigError::OtherDpopKey.into());
        }
        assert_eq!(token_requests(&party), sent, "the token was not sent");
        party.provider.assert_clean();
        // Without the thumbprint nobody here knows, and the provider refuses.
        let unknown = PreviousLogin::from(&user.id_token);
        assert_eq!(unknown.dpop_jkt(), None);
        let refused = refresh(&mut party, Some(&ed25519(9)), (&token, unknown)).unwrap_err();
        assert_eq!(refused.code(), "invalid_grant");
        assert_eq!(party.provider.audit().len(), 1);
    }
}

/// The refresh token of a client that authenticates is bound to the client, so its key may change (RFC 9449 section 5).
#[test]
fn a_client_that_authenticates_may_refresh_with_a_new_key() {
    let mut party = party(false);
    let mut token = None;
    let mut user = None;
    for (before, after) in [(ed25519(1), ed25519(2)), (p256(), ed25519(3)), (ed25519(4), p256())] {
        let session = login(&mut party, &before);
        let spent = session.tokens.refresh_token.clone().unwrap();
        let refreshed = refresh(&mut party, Some(&after), (&spent, PreviousLogin::from(&session))).unwrap();
        let (_, claims) = super::read(refreshed.tokens.access_token.expose());
        assert_eq!(claims["cnf"]["jkt"], after.thumbprint());
        (token, user) = (refreshed.tokens.refresh_token, Some(session));
    }
    // But not without a key: the session would go on with a token that is bound to nothing.
    for key in [ed25519(5), p256(), ed25519(6)] {
        let session = login(&mut party, &key);
        let (spent, sent) = (session.tokens.refresh_token.clone().unwrap(), token_requests(&party));
        let refused = refresh(&mut party, None, (&spent, PreviousLogin::from(&session))).unwrap_err();
        assert_eq!(refused, ConfigError::OtherDpopKey.into());
        assert_eq!(token_requests(&party), sent, "the token was not sent");
    }
    party.provider.assert_clean();
    assert!(token.is_some() && user.is_some());
    // A program that keeps its own thumbprint checks it itself.
    let client = party.client.with_dpop_key(&ed25519(1)).unwrap();
    assert_eq!(client.check_dpop_key(Some(ed25519(1).thumbprint())), Ok(()));
    assert_eq!(client.check_dpop_key(None), Ok(()));
    for (client, wrong) in [(&client, ed25519(2)), (&party.client, ed25519(1)), (&client, p256())] {
        assert_eq!(client.check_dpop_key(Some(wrong.thumbprint())), Err(ConfigError::OtherDpopKey));
    }
}

#[test]
fn the_code_is_bound_to_the_key_unless_the_provider_refuses_the_parameter() {
    let jkt = |url: &Url| url.query_pairs().find(|(name, _)| name == "dpop_jkt").map(|(_, v)| v.into_owned());
    let mut quirks = Quirks::default();
    quirks.no_dpop_jkt = true;
    for key in [ed25519(1), p256(), ed25519(3)] {
        let plain = builder().build().unwrap();
        let bound = plain.with_dpop_key(&key).unwrap();
        let without = builder().quirks(quirks).build().unwrap().with_dpop_key(&key).unwrap();
        let begin =
            |client: &Client| client.authorize(&AuthorizationRequest::default(), moment(0, 1)).unwrap();
        let access =
            |client: &Client| client.authorize_access(&AccessRequest::default(), moment(0, 1)).unwrap().0;
        assert_eq!(jkt(&begin(&plain).0), None);
        assert_eq!(jkt(&begin(&bound).0).as_deref(), Some(key.thumbprint()));
        assert_eq!(jkt(&access(&bound)).as_deref(), Some(key.thumbprint()));
        assert_eq!((jkt(&begin(&without).0), jkt(&access(&without))), (None, None));
        // The login itself still knows its key.
        let (_, pending) = begin(&without);
        let answer = AuthorizationResponse::from_query(&format!("code=c&state={}", pending.state())).unwrap();
        let refused = pending.callback(&plain, None, answer, moment(0, 2)).unwrap_err();
        assert_eq!(refused, ConfigError::OtherDpopKey.into());
        // An ID token from the browser is bound to nothing.
        let (url, front) =
            bound.authorize_front_login(&AuthorizationRequest::default(), moment(0, 3)).unwrap();
        assert_eq!(jkt(&url), None);
        let mut saved = serde_json::to_value(&front).unwrap();
        assert!(saved.get("d").is_none());
        saved["d"] = key.thumbprint().into();
        assert!(serde_json::from_value::<oidc_proto::flow::PendingFrontLogin>(saved).is_err());
    }
    // The key of a client that has one for all sessions counts, too.
    let key = super::key();
    let client = builder().dpop_key(key).build().unwrap();
    let (url, _) = client.authorize(&AuthorizationRequest::default(), moment(0, 1)).unwrap();
    assert_eq!(jkt(&url).as_deref(), client.dpop_thumbprint());
}

/// The metadata of a provider that lists these algorithms of proofs.
fn listing(algorithms: Option<&[&str]>) -> ProviderMetadata {
    let mut document = json!({"issuer": "https://op.example", "token_endpoint": "https://op.example/token",
        "response_types_supported": ["code"]});
    if let Some(algorithms) = algorithms {
        document["dpop_signing_alg_values_supported"] = json!(algorithms);
    }
    let (document, profile) = (document.to_string(), Profile::AuthorizationServer);
    ProviderMetadata::parse(document.as_bytes(), "https://op.example", profile, &UrlPolicy::default())
        .unwrap()
}

#[test]
fn a_key_needs_an_algorithm_that_the_provider_lists() {
    let client = |listed| Client::builder(listing(listed), "app").build().unwrap();
    let alg = |client: &Client| {
        let call = client.client_credentials(&Default::default(), moment(0, 1)).unwrap();
        let proof = call.request().headers()["dpop"].to_str().unwrap().to_owned();
        super::read(&proof).0["alg"].as_str().unwrap().to_owned()
    };
    // Ed25519 has two names, and the proof has the one that the provider knows.
    for (listed, key, used) in [
        (None, ed25519(1), "EdDSA"),
        (Some(&[][..]), p256(), "ES256"),
        (Some(&["ES256", "EdDSA"][..]), ed25519(1), "EdDSA"),
        (Some(&["ES256", "Ed25519"]), ed25519(1), "Ed25519"),
        (Some(&["RS256", "ES256"]), p256(), "ES256"),
    ] {
        let client = client(listed).with_dpop_key(&key).unwrap();
        assert_eq!(alg(&client), used);
        assert_eq!(client.dpop_thumbprint(), Some(key.thumbprint()), "the name changes nothing");
    }
    for (listed, key) in [
        (&["ES256"][..], ed25519(1)),
        (&["EdDSA", "Ed25519"], p256()),
        (&["ES512", "made-up"], ed25519(1)),
        (&["HS256"], p256()),
    ] {
        let refused = client(Some(listed)).with_dpop_key(&key).unwrap_err();
        assert!(matches!(refused, ConfigError::NoDpopAlgorithm { .. }), "{listed:?}");
        assert_eq!(refused.code(), "config_no_dpop_algorithm");
        let text = refused.to_string();
        assert!(text.contains(key.algorithm().name()) && text.contains("`DpopKey::from_pkcs8`"), "{text}");
    }
    // The same for the key of a client, here or elsewhere.
    let (signer, _) = KeyRing::client_key(Algorithm::EdDSA);
    let builder = || Client::builder(listing(Some(&["ES256"])), "app");
    let here = builder().dpop_key(signer.clone()).build().unwrap_err();
    let elsewhere =
        builder().dpop_public_key(signer.public_jwk().unwrap(), Algorithm::EdDSA).build().unwrap_err();
    assert!(matches!(here, ConfigError::NoDpopAlgorithm { .. }) && here == elsewhere);
}

/// A provider whose nonces change: the nonce that comes with the tokens is the one for UserInfo.
#[test]
fn the_nonce_of_the_token_response_is_used_at_userinfo() {
    for key in [ed25519(1), p256(), ed25519(3)] {
        let mut party = party(true);
        login(&mut party, &key);
        // One demand, at the token endpoint. UserInfo is at the same server.
        let asked = |name| party.provider.count(name);
        assert_eq!((asked(EndpointName::Token), asked(EndpointName::UserInfo)), (2, 1));
        party.provider.assert_clean();
    }
}

#[test]
fn a_login_that_was_saved_before_keys_were_known_still_ends() {
    // The form of version 1, without a thumbprint.
    let mut party = party(true);
    let key = ed25519(1);
    let plain = party.client.clone();
    let request = AuthorizationRequest::new(["email"]);
    let (url, pending) = plain.authorize(&request, party.clock.moment()).unwrap();
    assert!(serde_json::to_value(&pending).unwrap().get("d").is_none(), "an old reader still reads it");
    let query = party.callback_query(&url);
    let response = AuthorizationResponse::from_query(&query).unwrap();
    let client = party.client.with_dpop_key(&key).unwrap();
    assert!(back(&mut party, &client, (pending, response)).is_ok());
    party.provider.assert_clean();

    let bound = client.authorize(&request, moment(0, 5)).unwrap().1;
    for odd in [json!(""), json!("abc"), json!(5), json!("A".repeat(44)), json!("ä".repeat(43))] {
        let mut saved = serde_json::to_value(&bound).unwrap();
        saved["d"] = odd.clone();
        assert!(serde_json::from_value::<PendingAuthorization>(saved).is_err(), "{odd}");
        let (_, pending, response) = away(&mut party, &client);
        let user = back(&mut party, &client, (pending, response)).unwrap();
        let mut saved = serde_json::to_value(PreviousLogin::from(&user)).unwrap();
        saved["jkt"] = odd.clone();
        assert!(serde_json::from_value::<PreviousLogin>(saved).is_err(), "{odd}");
    }
}

/// A request to an API, with the proof of the session and the nonce of that server.
#[test]
fn a_request_to_a_resource_is_proven_with_the_key_of_the_session() {
    let token = Secret::new("an-access-token");
    let mut nonces = DpopNonces::new();
    let answer = super::with_nonce(super::response(200, ""), "of-the-api");
    nonces.learn(&"https://api.example/other".parse().unwrap(), answer.headers());
    for (key, method, url) in [
        (ed25519(1), Method::GET, "https://api.example/orders?page=2"),
        (p256(), Method::POST, "https://api.example/orders"),
        (ed25519(3), Method::DELETE, "https://other.example/orders/7"),
    ] {
        let client = builder().build().unwrap();
        let session = client.with_dpop_key(&key).unwrap().with_dpop_nonces(nonces.clone());
        let url = EndpointUrl::parse(url, &UrlPolicy::default()).unwrap();
        let proof = session.resource_proof(&method, &url, &token, moment(0, 1)).unwrap();
        assert!(proof.is_sensitive());
        let bare = url.as_str().split('?').next().unwrap();
        let headers = http::HeaderMap::from_iter([("dpop".parse().unwrap(), proof.clone())]);
        let verified = DpopVerifier::new().verify(&headers, &method, bare, Some(&token), super::NOW);
        assert_eq!(verified.unwrap().jkt(), key.thumbprint());
        let (_, claims) = super::read(proof.to_str().unwrap());
        let expected = bare.contains("api.example").then_some("of-the-api");
        assert_eq!(claims.get("nonce").and_then(|nonce| nonce.as_str()), expected);
        let next = session.resource_proof(&method, &url, &token, moment(0, 2)).unwrap();
        assert_ne!(super::read(next.to_str().unwrap()).1["jti"], claims["jti"]);
        let refused = client.resource_proof(&method, &url, &token, moment(0, 3)).unwrap_err();
        assert_eq!(refused, ConfigError::NoProof.into());
    }
}

#[test]
fn a_session_key_takes_the_place_of_the_key_of_the_client() {
    let shared = super::key();
    let client = builder().dpop_key(shared).build().unwrap();
    let thumbprint = client.dpop_thumbprint().unwrap().to_owned();
    for key in [ed25519(1), p256(), ed25519(2)] {
        let session = client.with_dpop_key(&key).unwrap();
        assert_eq!(session.dpop_thumbprint(), Some(key.thumbprint()));
        assert_eq!(
            session.with_dpop_key(&ed25519(7)).unwrap().dpop_thumbprint(),
            Some(ed25519(7).thumbprint())
        );
        assert_eq!(client.dpop_thumbprint(), Some(&*thumbprint), "the client itself is as before");
    }
    // A key that is elsewhere proves nothing by itself; the key of a session does.
    let public = super::key();
    let public = oidc_proto::jose::Sign::public_jwk(&*public).unwrap();
    let elsewhere = builder().dpop_public_key(public, Algorithm::ES256).build().unwrap();
    let wanted = Default::default();
    assert_eq!(elsewhere.client_credentials(&wanted, moment(0, 1)).unwrap_err(), ConfigError::NoProof.into());
    let session = elsewhere.with_dpop_key(&ed25519(1)).unwrap();
    assert!(session.client_credentials(&wanted, moment(0, 1)).is_ok());
    // A shared secret is no key of a session.
    let secret = DpopKey::from_pkcs8(Algorithm::HS256, &[7; 64]);
    assert!(secret.is_err() && DpopKey::from_pkcs8(Algorithm::ES256, &[7; 64]).is_err());
}
