//! Walks through logins and their sub-flows.

use super::{
    authenticated::{Exchanging, ExchangingState},
    code_exchange::{CodeExchange, Coding, CodingState, Sending},
    front::{Front, Fronting, FrontingState, Wanted},
    sent::Sent,
    userinfo::{Inquiring, InquiringState},
};
use crate::{
    base::secret::Secret,
    flow::{
        Attempt, Client, Endpoint, Error, Step,
        diagrams_tests::{
            ISSUER, NOW, Party, Turn, Walk, builder, json, moment, named, refusals, with_nonce,
        },
        exchange::{Aim, Demands},
    },
    jose::RingSigner,
    message::{
        AccessRequest, Answer, AuthorizationRequest, AuthorizationResponse, ResponseMode, ResponseType,
    },
};
use serde_json::{Value, json as value};

named!(Inquiring(InquiringState) { Asked, Keys });
named!(Coding(CodingState) { Front, Token });
named!(Exchanging(ExchangingState) { Code, Keys, UserInfo });
named!(Fronting(FrontingState) { Response, IdToken });

fn id_token(party: &Party, signer: &RingSigner, nonce: &str) -> String {
    let hash = crate::jose::Algorithm::ES256.left_half_hash(b"c");
    party.id_token(signer, Some(nonce), &value!({ "c_hash": hash }))
}

/// Returns a signed authorization response.
fn signed(party: &Party, signer: &RingSigner, mut claims: Value) -> AuthorizationResponse {
    let members = claims.as_object_mut().unwrap();
    members.extend([("iss".into(), ISSUER.into()), ("aud".into(), "app".into())]);
    members.insert("exp".into(), (NOW.0 + 60).into());
    AuthorizationResponse::from_query(&format!("response={}", party.sign(signer, &claims))).unwrap()
}

fn plain(parameters: &Value) -> AuthorizationResponse {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in parameters.as_object().unwrap() {
        form.append_pair(name, value.as_str().unwrap());
    }
    AuthorizationResponse::from_form(form.finish().as_bytes()).unwrap()
}

/// Lists the algorithm of signed UserInfo in the metadata.
fn signs_userinfo(document: &mut Value) {
    document["userinfo_signing_alg_values_supported"] = value!(["ES256"]);
}

fn userinfo(party: &Party) -> Vec<Turn> {
    let mut turns = refusals();
    let claims = value!({"iss": ISSUER, "aud": "app", "sub": "alice"});
    for (answer, signer) in [("claims", &party.first), ("claims of another key", &party.newer)] {
        let mut response = http::Response::new(party.sign(signer, &claims).into_bytes());
        response.headers_mut().insert("content-type", "application/jwt".parse().unwrap());
        turns.push((answer.to_owned(), Some(response)));
    }
    turns.push(json("claims", 200, &value!({"sub": "alice"})));
    turns.push(json("claims of another", 200, &value!({"sub": "mallory"})));
    turns.push(with_nonce(json("use_dpop_nonce", 401, &value!({"error": "use_dpop_nonce"}))));
    turns
}

/// The answers of a token endpoint that sends no ID token.
fn granted() -> Vec<Turn> {
    let mut turns = refusals();
    turns.push(json("granted", 200, &value!({"access_token": "a", "token_type": "Bearer"})));
    turns.push(json("invalid_grant", 400, &value!({"error": "invalid_grant"})));
    turns
}

#[test]
fn the_diagram_of_userinfo_is_walked() {
    let party = Party::new();
    let prover = builder(|_| {}).dpop_key(party.first.clone()).build().unwrap();
    let mut walk = Walk::of("flow/login/userinfo.rs");
    for client in [builder(signs_userinfo).build().unwrap(), prover] {
        let keys = || Some(party.keys());
        let begin = || client.userinfo_with_keys(&Secret::new("a"), "alice", keys(), moment());
        let server =
            |endpoint, _: &_| if endpoint == Endpoint::Jwks { party.published() } else { userinfo(&party) };
        walk = walk.from("asked", begin, server);
    }
    walk.holds();
}

/// Starts with each kind of response from the browser: plain parameters and signed ones, with or without an ID token.
fn front(
    party: &Party,
    client: &Client,
    with_id_token: bool,
) -> Vec<(&'static str, Result<Step<Front>, Error>)> {
    let (none, nonce) = (value!({}), "n".repeat(43));
    let token = |signer| value!({ "id_token": id_token(party, signer, &nonce) });
    let callbacks: Vec<(&'static str, bool, &RingSigner, Value)> = match with_id_token {
        false => vec![
            ("parameters", false, &party.first, none.clone()),
            ("signed response", true, &party.first, none.clone()),
            ("response of another key", true, &party.newer, none),
        ],
        true => vec![
            ("ID token", false, &party.first, token(&party.first)),
            ("ID token of another key", false, &party.first, token(&party.newer)),
            ("ID token of another key", true, &party.first, token(&party.newer)),
            ("response of another key", true, &party.newer, token(&party.newer)),
            ("no ID token", false, &party.first, none),
        ],
    };
    let begin = |(label, is_signed, signer, mut parameters): (&'static str, bool, &RingSigner, Value)| {
        parameters["code"] = "c".into();
        parameters["state"] = "s".into();
        let mode = if is_signed { ResponseMode::QueryJwt } else { ResponseMode::FormPost };
        let answer = Answer::new("code", false, Some(mode)).unwrap();
        let sent = Sent::new(client, "s".to_owned(), answer, NOW).unwrap();
        let demands =
            || Demands { nonce: Some(Secret::new(&nonce)), front_channel: true, ..Demands::default() };
        let id_token = with_id_token.then(demands);
        let wanted = Wanted { code: true, token: false, id_token, secrets: Vec::new() };
        let response = if is_signed { signed(party, signer, parameters) } else { plain(&parameters) };
        (label, Front::start(client.clone(), Some(party.keys()), (sent, wanted), response, NOW))
    };
    callbacks.into_iter().map(begin).collect()
}

#[test]
fn the_diagram_of_what_comes_through_the_browser_is_walked() {
    let (party, client) = (Party::new(), builder(|_| {}).build().unwrap());
    let mut walk = Walk::of("flow/login/front.rs");
    for with_id_token in [false, true] {
        for at in 0..front(&party, &client, with_id_token).len() {
            let nth = || front(&party, &client, with_id_token).swap_remove(at);
            walk = walk.from(nth().0, || nth().1, |_, _| party.published());
        }
    }
    walk.holds();
}

#[test]
fn the_diagram_of_a_code_is_walked() {
    let (party, client) = (Party::new(), builder(|_| {}).build().unwrap());
    let server = |endpoint, _: &_| if endpoint == Endpoint::Jwks { party.published() } else { granted() };
    let mut walk = Walk::of("flow/login/code_exchange.rs");
    for at in 0..front(&party, &client, false).len() {
        let nth = || front(&party, &client, false).swap_remove(at);
        let begin = || {
            let sending = Sending {
                attempt: Attempt::from(&client),
                redirect_uri: "https://app.example/callback".to_owned(),
                code_verifier: Some(Secret::new("v".repeat(43))),
                bound: Vec::new(),
                aim: Aim::default(),
            };
            CodeExchange::start(nth().1?, sending, moment())
        };
        walk = walk.from(nth().0, begin, server);
    }
    walk.holds();
}

#[test]
fn the_diagram_of_access_is_walked() {
    let (party, client) = (Party::new(), builder(|_| {}).build().unwrap());
    let server = |endpoint, _: &_| if endpoint == Endpoint::Jwks { party.published() } else { granted() };
    let mut walk = Walk::of("flow/login/access.rs");
    for (label, mode) in [("parameters", ResponseMode::Query), ("signed response", ResponseMode::QueryJwt)] {
        let request = AccessRequest::new(["mail"]).response_mode(mode);
        let begin = || {
            let (_, pending) = client.authorize_access(&request, moment()).unwrap();
            let parameters = value!({"code": "c", "state": pending.state()});
            let response = if mode == ResponseMode::QueryJwt {
                signed(&party, &party.newer, parameters)
            } else {
                plain(&parameters)
            };
            pending.callback(&client, response, moment())
        };
        walk = walk.from(label, begin, server);
    }
    walk.holds();
}

#[test]
fn the_diagram_of_a_login_in_the_browser_is_walked() {
    let (party, client) = (Party::new(), builder(|_| {}).build().unwrap());
    let mut walk = Walk::of("flow/login/front_channel.rs");
    for (label, mode, signer) in [
        ("ID token", ResponseMode::FormPost, &party.first),
        ("ID token of another key", ResponseMode::FormPost, &party.newer),
        ("response of another key", ResponseMode::FormPostJwt, &party.newer),
    ] {
        let request = AuthorizationRequest::default().response_mode(mode);
        let begin = || {
            let (_, pending) = client.authorize_front_login(&request, moment()).unwrap();
            let nonce = value!(pending)["n"].as_str().unwrap().to_owned();
            let id_token = id_token(&party, signer, &nonce);
            let parameters = value!({"id_token": id_token, "state": pending.state()});
            let response = if mode == ResponseMode::FormPostJwt {
                signed(&party, signer, parameters)
            } else {
                plain(&parameters)
            };
            pending.callback(&client, Some(party.keys()), response, moment())
        };
        walk = walk.from(label, begin, |_, _| party.published());
    }
    walk.holds();
}

#[test]
fn the_diagram_of_a_login_is_walked() {
    let party = Party::new();
    let mut walk = Walk::of("flow/login/authenticated.rs");
    let hybrid = AuthorizationRequest::default().response_type(ResponseType::CodeIdToken);
    for fetches_userinfo in [false, true] {
        let client = builder(signs_userinfo);
        let client = if fetches_userinfo { client.fetch_userinfo() } else { client }.build().unwrap();
        for request in [&AuthorizationRequest::default(), &hybrid] {
            let authorize = || client.authorize(request, moment()).unwrap().1;
            let nonce = value!(authorize())["n"].as_str().unwrap().to_owned();
            let begin = || {
                let pending = authorize();
                let mut parameters = value!({"code": "c", "state": pending.state()});
                if request.response_type == ResponseType::CodeIdToken {
                    parameters["id_token"] = id_token(&party, &party.newer, &nonce).into();
                }
                pending.callback(&client, Some(party.keys()), plain(&parameters), moment())
            };
            let server = |endpoint, _: &_| {
                if endpoint == Endpoint::Jwks {
                    party.published()
                } else if endpoint == Endpoint::UserInfo {
                    userinfo(&party)
                } else {
                    party.granted(Some(&nonce))
                }
            };
            walk = walk.from("called back", begin, server);
        }
    }
    walk.holds();
}
