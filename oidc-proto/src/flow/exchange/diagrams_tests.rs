//! Walks through the exchanges that every flow is made of.

use super::{
    check::{Check, Checking, Demands, Presented},
    document::{Get, Getting},
    jwks::JwksRetrieval,
    learned::Learned,
    post::{Ask, Posting, Repeating},
};
use crate::{
    base::secret::Secret,
    flow::{
        Attempt, Client, Endpoint, Step,
        diagrams_tests::{NOW, Party, Turn, Walk, builder, json, moment, named, refusals, with_nonce},
    },
    jose::{Sign, sign_compact},
    message::TokenResponse,
    sender::ClientAttestation,
};
use serde_json::json as value;

named!(Getting);
named!(Posting);
named!(Repeating);
named!(Checking<S>);

fn jwks_uri(client: &Client) -> crate::base::endpoint_url::EndpointUrl {
    client.metadata().jwks_uri.clone().unwrap()
}

#[test]
fn the_diagram_of_a_get_is_walked() {
    let url = jwks_uri(&builder(|_| {}).build().unwrap());
    let begin = || Ok(Get::start(Endpoint::Jwks, &url, "application/json", false));
    Walk::of("flow/exchange/document.rs").from("asked", begin, |_, _| refusals()).holds();
}

#[test]
fn the_diagram_of_a_key_set_is_walked() {
    let (party, url) = (Party::new(), jwks_uri(&builder(|_| {}).build().unwrap()));
    let server = |_, _: &_| {
        let turns = party.published().into_iter();
        turns.map(|(answer, response)| (answer.replace("keys that do not vouch", "keys"), response)).collect()
    };
    Walk::of("flow/exchange/jwks.rs").from("asked", || Ok(JwksRetrieval::start(&url)), server).holds();
}

/// A client with an attestation, at a provider with a challenge endpoint or without one.
fn attested(endpoint: bool) -> Client {
    let party = Party::new();
    let builder = builder(|document| {
        document["token_endpoint_auth_methods_supported"] = value!(["attest_jwt_client_auth"]);
        if endpoint {
            document["challenge_endpoint"] = value!("https://op.example/challenge");
        }
    });
    let key = party.first.public_jwk().unwrap().to_json();
    let claims = value!({"sub": "app", "exp": NOW.0 + 60, "cnf": {"jwk": key}});
    let header = value!({"typ": "oauth-client-attestation+jwt"}).as_object().unwrap().clone();
    let jwt = sign_compact(&*party.newer, header, claims.to_string().as_bytes()).unwrap();
    let attestation = ClientAttestation::parse(jwt).unwrap();
    builder.attestation_key(party.first).attestation(attestation).build().unwrap()
}

/// A client without a DPoP key and a client with one, each with the token type that it gets, and clients with an attestation.
fn clients() -> [(Client, &'static str); 4] {
    let prover = builder(|_| {}).dpop_key(Party::new().first).build().unwrap();
    let attested = [true, false].map(|endpoint| (attested(endpoint), "Bearer"));
    let [first, second] = attested;
    [(builder(|_| {}).build().unwrap(), "Bearer"), (prover, "DPoP"), first, second]
}

fn answers(kind: &str) -> Vec<Turn> {
    let tokens = value!({"access_token": "a", "token_type": kind});
    let mut turns = refusals();
    turns.extend([200, 201].map(|status| json(&status.to_string(), status, &tokens)));
    turns.push(json("invalid_grant", 400, &value!({"error": "invalid_grant"})));
    turns.push(with_nonce(json("use_dpop_nonce", 400, &value!({"error": "use_dpop_nonce"}))));
    let refusal = "use_attestation_challenge";
    let (answer, mut refused) = json(refusal, 400, &value!({ "error": refusal }));
    let headers = refused.as_mut().unwrap().headers_mut();
    headers.insert("oauth-client-attestation-challenge", "c".parse().unwrap());
    turns.push((answer, refused));
    turns.push(json("challenge", 200, &value!({"attestation_challenge": "c"})));
    turns
}

#[test]
fn the_diagram_of_a_challenge_is_walked() {
    let client = attested(true);
    let begin = || client.attestation_challenge_retrieval();
    let walk = Walk::of("flow/exchange/challenge.rs").output("String");
    walk.from("asked", begin, |_, _| answers("Bearer")).holds();
}

#[test]
fn the_diagrams_of_a_post_are_walked() {
    let ask = |client: &Client| Ask::new(Attempt::from(client), Endpoint::Token, Vec::new());
    let mut once = Walk::of("flow/exchange/post.rs").under("Post<A>").output("A");
    let mut repeated = Walk::of("flow/exchange/post.rs").under("Repeated<A>").output("A");
    for (client, kind) in clients() {
        once = once.from("asked", || ask(&client).once::<TokenResponse>(moment()), |_, _| answers(kind));
        let begin = || ask(&client).repeated::<TokenResponse>(3, moment());
        repeated = repeated.from("asked", begin, |_, _| answers(kind));
    }
    once.holds();
    repeated.holds();
}

#[test]
fn the_diagram_of_a_check_is_walked() {
    let (party, client) = (Party::new(), builder(|_| {}).build().unwrap());
    let mut walk = Walk::of("flow/exchange/check.rs").output("Checked");
    let (keys, evil) = (party.keys(), value!({"iss": "https://evil.example"}));
    for (label, keys, id_token) in [
        ("vouched for", Some(&keys), party.id_token(&party.first, None, &value!({}))),
        ("unknown kid", Some(&keys), party.id_token(&party.newer, None, &value!({}))),
        ("bad signature", Some(&keys), party.id_token(&party.same_name, None, &value!({}))),
        ("no keys at hand", None, party.id_token(&party.newer, None, &value!({}))),
        ("another issuer", Some(&keys), party.id_token(&party.first, None, &evil)),
    ] {
        let begin = || -> Result<Step<Check<Presented>>, _> {
            let id_token = Secret::new(&id_token);
            let signed = Presented { id_token, access_token: None, demands: Demands::default() };
            Check::start(signed, client.clone(), keys.map(|keys| &**keys), Learned::default(), NOW)
        };
        walk = walk.from(label, begin, |_, _| party.published());
    }
    walk.holds();
}
