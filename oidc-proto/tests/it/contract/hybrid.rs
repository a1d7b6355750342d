//! Authorization responses that carry tokens through the browser, and signed ones: they are verified before
//! a code is sent.

use super::{ISSUER, NOW, form, key, moment, response, sent};
use oidc_proto::{
    Error, UrlPolicy,
    flow::{
        Authenticated, CallbackError, Client, ClientBuilder, ConfigError, Login, PendingAuthorization,
        SealingKeys, Step,
    },
    jose::{Algorithm, JwsError, KeySet, RingSigner, Sign, sign_compact},
    message::{
        AccessRequest, AuthorizationRequest, AuthorizationResponse, ResponseMode,
        ResponseType::{self, Code, CodeIdToken, CodeIdTokenToken, CodeToken},
    },
    metadata::{Profile, ProviderMetadata},
    token::VerificationError,
};
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

const CODE: &str = "the code";
const FRONT_TOKEN: &str = "front-token";
const BACK_TOKEN: &str = "back-token";

fn hash(text: &str) -> String {
    Algorithm::ES256.left_half_hash(text.as_bytes())
}

fn builder(change: impl FnOnce(&mut Value)) -> ClientBuilder {
    let mut document = json!({
        "issuer": ISSUER,
        "authorization_endpoint": "https://op.example/auth",
        "token_endpoint": "https://op.example/token",
        "jwks_uri": "https://op.example/jwks",
        "response_types_supported":
            ["code", "id_token", "code id_token", "token code", "code id_token token"],
        "response_modes_supported":
            ["query", "fragment", "form_post", "jwt", "query.jwt", "fragment.jwt", "form_post.jwt"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "authorization_signing_alg_values_supported": ["ES256"],
    });
    change(&mut document);
    let text = document.to_string();
    let metadata =
        ProviderMetadata::parse(text.as_bytes(), ISSUER, Profile::OpenIdProvider, &UrlPolicy::default());
    Client::builder(metadata.unwrap(), "app").redirect_uri("https://app.example/callback")
}

/// A provider, and a client that it knows.
struct Party {
    client: Client,
    key: Arc<RingSigner>,
    keys: Arc<KeySet>,
}

type Claims = Map<String, Value>;

/// A change to claims before they are signed.
type Change = fn(&mut Claims);

fn unchanged(_: &mut Claims) {}

impl Party {
    fn new() -> Self {
        Self::with(builder(|_| {}))
    }

    fn with(builder: ClientBuilder) -> Self {
        let key = key();
        let keys = Arc::new(KeySet::parse(jwks(&key).as_bytes()).unwrap());
        Self { client: builder.build().unwrap(), key, keys }
    }

    fn begin(&self, request: &AuthorizationRequest) -> (BTreeMap<String, String>, PendingAuthorization) {
        let (url, pending) = self.client.authorize(request, moment(0, 1)).unwrap();
        (url.query_pairs().into_owned().collect(), pending)
    }

    /// A JWT that the provider signs: an ID token or a response.
    fn sign(&self, claims: Value, change: impl FnOnce(&mut Claims)) -> String {
        let Value::Object(mut claims) = claims else { panic!() };
        change(&mut claims);
        sign_compact(&*self.key, Map::new(), Value::Object(claims).to_string().as_bytes()).unwrap()
    }

    fn id_token(&self, nonce: &str, change: impl FnOnce(&mut Claims)) -> String {
        let claims = json!({"iss": ISSUER, "aud": "app", "sub": "alice", "nonce": nonce,
            "iat": NOW.0, "exp": NOW.0 + 300});
        self.sign(claims, change)
    }

    /// The form that the browser posts, with a changed ID token.
    fn posted(
        &self,
        kind: ResponseType,
        sent: &BTreeMap<String, String>,
        change: impl FnOnce(&mut Claims),
    ) -> String {
        let id_token = self.id_token(&sent["nonce"], |claims| {
            claims.insert("c_hash".into(), hash(CODE).into());
            if kind.has_token() {
                claims.insert("at_hash".into(), hash(FRONT_TOKEN).into());
            }
            change(claims);
        });
        let mut posted = url::form_urlencoded::Serializer::new(String::new());
        posted.append_pair("code", CODE).append_pair("state", &sent["state"]);
        if kind.has_id_token() {
            posted.append_pair("id_token", &id_token);
        }
        if kind.has_token() {
            posted.append_pair("access_token", FRONT_TOKEN).append_pair("token_type", "Bearer");
            posted.append_pair("expires_in", "60");
        }
        posted.finish()
    }

    fn end(
        &self,
        kind: ResponseType,
        keys: Option<Arc<KeySet>>,
        change: impl FnOnce(&mut Claims),
    ) -> Result<Step<Login>, Error> {
        let (sent, pending) = self.begin(&AuthorizationRequest::default().response_type(kind));
        let posted = self.posted(kind, &sent, change);
        let answer = AuthorizationResponse::from_form(posted.as_bytes()).unwrap();
        pending.callback(&self.client, keys, answer, moment(1, 2))
    }

    /// The response of the token endpoint.
    fn granted(&self, nonce: &str, change: impl FnOnce(&mut Claims)) -> String {
        let id_token = self.id_token(nonce, change);
        json!({"access_token": BACK_TOKEN, "token_type": "Bearer", "id_token": id_token}).to_string()
    }

    /// A signed authorization response.
    fn signed(&self, parameters: Value, change: impl FnOnce(&mut Claims)) -> AuthorizationResponse {
        let jwt = self.sign(parameters, |claims| {
            claims.insert("iss".into(), ISSUER.into());
            claims.insert("aud".into(), "app".into());
            claims.insert("exp".into(), (NOW.0 + 60).into());
            change(claims);
        });
        AuthorizationResponse::from_query(&format!("?response={jwt}")).unwrap()
    }
}

fn jwks(key: &RingSigner) -> String {
    json!({"keys": [key.public_jwk().unwrap().to_json()]}).to_string()
}

fn done(step: Result<Step<Login>, Error>) -> Authenticated {
    match step.unwrap() {
        Step::Done(done) => done,
        other => panic!("it is done: {other:?}"),
    }
}

fn signed_request() -> AuthorizationRequest {
    AuthorizationRequest::default().response_mode(ResponseMode::QueryJwt)
}

fn early(ahead: u64) -> VerificationError {
    VerificationError::IssuedInFuture { ahead: Duration::from_secs(ahead), leeway: Duration::from_secs(30) }
}

#[test]
fn each_hybrid_type_yields_the_user_and_the_tokens_that_came_through_the_browser() {
    let party = Party::new();
    for kind in [Code, CodeIdToken, CodeToken, CodeIdTokenToken] {
        let (asked, _) = party.begin(&AuthorizationRequest::default().response_type(kind));
        assert_eq!(asked["response_type"], kind.name());
        assert_eq!(asked.get("response_mode").map(String::as_str), (kind != Code).then_some("form_post"));
        assert!(asked["code_challenge_method"] == "S256" && asked.contains_key("nonce"));

        let (request, terms, waiting) = sent(party.end(kind, Some(party.keys.clone()), unchanged).unwrap());
        assert_eq!((terms.endpoint.name(), form(&request)["code"].as_str()), ("token_endpoint", CODE));
        let granted = party.granted(&asked["nonce"], unchanged);
        let user = done(waiting.receive(response(200, &granted), moment(2, 3)));
        assert_eq!((user.id_token.sub.as_str(), user.tokens.access_token.expose()), ("alice", BACK_TOKEN));
        let front = user.front_channel;
        assert_eq!(front.id_token.map(|token| token.sub), kind.has_id_token().then(|| "alice".to_owned()));
        let token = front.tokens.map(|tokens| (tokens.access_token.expose().to_owned(), tokens.expires_at));
        assert_eq!(token, kind.has_token().then(|| (FRONT_TOKEN.to_owned(), Some(NOW.plus(61)))));
    }
}

fn expired(ago: u64) -> VerificationError {
    VerificationError::Expired { ago: Duration::from_secs(ago), leeway: Duration::from_secs(30) }
}

#[test]
fn no_code_is_sent_before_the_tokens_beside_it_are_verified() {
    let party = Party::new();
    let cases: [(ResponseType, Change, VerificationError); 9] = [
        (CodeIdToken, |claims| drop(claims.remove("c_hash")), VerificationError::Missing("c_hash")),
        (
            CodeIdToken,
            |claims| drop(claims.insert("c_hash".into(), hash("x").into())),
            VerificationError::CodeHash,
        ),
        (
            CodeIdToken,
            |claims| drop(claims.insert("s_hash".into(), hash("x").into())),
            VerificationError::StateHash,
        ),
        (CodeIdToken, |claims| drop(claims.insert("nonce".into(), "x".into())), VerificationError::Nonce),
        (CodeIdToken, |claims| drop(claims.insert("aud".into(), "x".into())), VerificationError::Audience),
        (CodeIdToken, |claims| drop(claims.insert("exp".into(), 5.into())), expired(1_799_999_996)),
        (CodeIdTokenToken, |claims| drop(claims.remove("c_hash")), VerificationError::Missing("c_hash")),
        (CodeIdTokenToken, |claims| drop(claims.remove("at_hash")), VerificationError::Missing("at_hash")),
        (
            CodeIdTokenToken,
            |claims| drop(claims.insert("at_hash".into(), hash("x").into())),
            VerificationError::AccessTokenHash,
        ),
    ];
    for (kind, change, why) in cases {
        assert_eq!(party.end(kind, Some(party.keys.clone()), change).unwrap_err(), why.into());
        // Without keys, the flow fetches them first, and sends nothing else.
        let (request, _, waiting) = sent(party.end(kind, None, change).unwrap());
        assert_eq!(request.uri(), "https://op.example/jwks");
        let refused = waiting.receive(response(200, &jwks(&party.key)), moment(1, 3)).unwrap_err();
        assert_eq!(refused, why.into());
    }
}

#[test]
fn every_requested_token_must_come() {
    let party = Party::new();
    for (kind, without, why) in [
        (CodeIdToken, "id_token", CallbackError::MissingIdToken),
        (CodeIdToken, "code", CallbackError::MissingCode),
        (CodeToken, "access_token", CallbackError::MissingAccessToken),
        (CodeToken, "token_type", CallbackError::Parameter("token_type")),
    ] {
        let (sent, pending) = party.begin(&AuthorizationRequest::default().response_type(kind));
        let posted = party.posted(kind, &sent, unchanged);
        let fewer: Vec<_> =
            posted.split('&').filter(|pair| pair.split('=').next() != Some(without)).collect();
        let answer = AuthorizationResponse::from_fragment(&format!("#{}", fewer.join("&"))).unwrap();
        let refused = pending.callback(&party.client, Some(party.keys.clone()), answer, moment(1, 2));
        assert_eq!(refused.unwrap_err(), why.into(), "{kind:?} without {without}");
    }
}

#[test]
fn both_id_tokens_must_name_one_user_and_keys_are_fetched_once() {
    let party = Party::new();
    let (_, _, waiting) = sent(party.end(CodeIdToken, Some(party.keys.clone()), unchanged).unwrap());
    let (asked, _) = party.begin(&AuthorizationRequest::default());
    let mallory =
        party.granted(&asked["nonce"], |claims| drop(claims.insert("sub".into(), "mallory".into())));
    let refused = waiting.receive(response(200, &mallory), moment(2, 3)).unwrap_err();
    assert_eq!(refused, VerificationError::FrontChannel("sub").into());

    // The keys are fetched for the first ID token. The second is signed with a key that is not among them.
    // The keys are not fetched again.
    let (_, _, waiting) = sent(party.end(CodeIdToken, None, unchanged).unwrap());
    let (request, _, waiting) =
        sent(waiting.receive(response(200, &jwks(&party.key)), moment(2, 3)).unwrap());
    assert_eq!(form(&request)["code"], CODE);
    let other = Party { key: rotated(), ..Party::new() };
    let granted = other.granted(&asked["nonce"], unchanged);
    let refused = waiting.receive(response(200, &granted), moment(3, 4)).unwrap_err();
    assert_eq!(refused, VerificationError::Jws(JwsError::UnknownKey).into());

    // A provider may repeat what came through the browser. No error shows it.
    let (sent_to, pending) = party.begin(&AuthorizationRequest::default().response_type(CodeIdTokenToken));
    let posted = party.posted(CodeIdTokenToken, &sent_to, unchanged);
    let answer = AuthorizationResponse::from_form(posted.as_bytes()).unwrap();
    let id_token = answer.id_token.clone().unwrap();
    let step = pending.callback(&party.client, Some(party.keys.clone()), answer, moment(1, 2)).unwrap();
    let (_, _, waiting) = sent(step);
    let echo = format!("no {} and no {FRONT_TOKEN}", id_token.expose());
    let echo = json!({"error": "invalid_grant", "error_description": echo}).to_string();
    let told = waiting.receive(response(400, &echo), moment(2, 3)).unwrap_err().to_string();
    assert!(!told.contains(id_token.expose()) && !told.contains(FRONT_TOKEN), "{told}");
    // Nor may a cut-off part show.
    let claims = id_token.expose().split('.').nth(1).unwrap();
    assert!(!told.contains(&claims[..24]), "{told}");

    // The caller gets the fetched keys.
    let (_, _, waiting) = sent(party.end(CodeIdToken, None, unchanged).unwrap());
    let (_, _, waiting) = sent(waiting.receive(response(200, &jwks(&party.key)), moment(2, 3)).unwrap());
    let granted = party.granted(&asked["nonce"], unchanged);
    let learned = done(waiting.receive(response(200, &granted), moment(3, 4))).learned;
    assert!(learned.keys.is_some() && learned.keys_asked_at == Some(NOW.plus(1)));
}

/// A key with another name.
fn rotated() -> Arc<RingSigner> {
    use ring::{rand::SystemRandom, signature};
    let curve = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
    let pkcs8 = signature::EcdsaKeyPair::generate_pkcs8(curve, &SystemRandom::new()).unwrap();
    Arc::new(RingSigner::from_pkcs8(Algorithm::ES256, pkcs8.as_ref(), Some("k2")).unwrap())
}

#[test]
fn a_signed_response_is_verified_before_its_code_is_sent() {
    let party = Party::new();
    let (asked, pending) = party.begin(&signed_request());
    assert_eq!((asked["response_type"].as_str(), asked["response_mode"].as_str()), ("code", "query.jwt"));
    let parameters = || json!({"code": CODE, "state": asked["state"]});
    let end = |keys: Option<Arc<KeySet>>, answer| {
        pending.clone().callback(&party.client, keys, answer, moment(1, 2))
    };
    let keys = || Some(party.keys.clone());

    let (request, _, _) = sent(end(keys(), party.signed(parameters(), unchanged)).unwrap());
    assert_eq!(form(&request)["code"], CODE);
    let (request, _, waiting) = sent(end(None, party.signed(parameters(), unchanged)).unwrap());
    assert_eq!(request.uri(), "https://op.example/jwks");
    let (request, _, _) = sent(waiting.receive(response(200, &jwks(&party.key)), moment(2, 3)).unwrap());
    assert_eq!(form(&request)["code"], CODE);

    let cases: [(Change, VerificationError); 8] = [
        (|claims| drop(claims.insert("iss".into(), "https://e.example".into())), VerificationError::Issuer),
        (|claims| drop(claims.remove("iss")), VerificationError::Missing("iss")),
        (|claims| drop(claims.insert("aud".into(), "another".into())), VerificationError::Audience),
        (|claims| drop(claims.remove("aud")), VerificationError::Missing("aud")),
        (|claims| drop(claims.insert("exp".into(), (NOW.0 - 60).into())), expired(61)),
        (|claims| drop(claims.remove("exp")), VerificationError::Missing("exp")),
        (|claims| drop(claims.insert("code".into(), json!(["c"]))), VerificationError::Value("code")),
        (|claims| drop(claims.insert("iat".into(), (NOW.0 + 600).into())), early(599)),
    ];
    for (change, why) in cases {
        let refused = end(keys(), party.signed(parameters(), change)).unwrap_err();
        assert_eq!(refused, CallbackError::Response(Box::new(why)).into());
    }
    // A caller with several open logins finds the right one by the `state` inside the response.
    let answer = party.signed(parameters(), unchanged);
    assert_eq!((answer.state.as_ref(), answer.claimed_state()), (None, Some(asked["state"].clone())));
    // An encrypted response is not read.
    let encrypted = AuthorizationResponse::from_query("response=a.b.c.d.e").unwrap();
    let why = CallbackError::Response(Box::new(VerificationError::Jws(JwsError::Encrypted)));
    assert_eq!(end(keys(), encrypted).unwrap_err(), why.into());
    // A forged response causes no request: neither for a code nor for keys.
    let forged = party.signed(json!({"code": CODE, "state": "another"}), unchanged);
    assert_eq!(end(None, forged).unwrap_err(), CallbackError::State.into());
    let mut other = Party::new();
    other.key = key();
    let refused = end(keys(), other.signed(parameters(), unchanged));
    let (request, _, waiting) = sent(refused.unwrap());
    assert_eq!(request.uri(), "https://op.example/jwks", "the key may be a new one");
    let refused = waiting.receive(response(200, &jwks(&party.key)), moment(2, 3)).unwrap_err();
    assert_eq!(
        refused,
        CallbackError::Response(Box::new(VerificationError::Jws(JwsError::Signature))).into()
    );
}

#[test]
fn an_unsigned_response_is_refused_where_a_signed_one_was_requested() {
    let party = Party::new();
    let (asked, pending) = party.begin(&signed_request());
    let state = &asked["state"];
    let end = |answer| {
        pending.clone().callback(&party.client, Some(party.keys.clone()), answer, moment(1, 2)).unwrap_err()
    };
    let plain = |query: String| AuthorizationResponse::from_query(&query).unwrap();
    assert_eq!(end(plain(format!("code=c&state={state}"))), CallbackError::MissingResponse.into());
    // A refusal by the provider is reported as one.
    for answer in [
        plain(format!("error=invalid_request&state={state}")),
        party.signed(json!({"error": "invalid_request", "state": state}), unchanged),
    ] {
        let Error::Callback(CallbackError::Denied(denied)) = end(answer) else { panic!() };
        assert_eq!(denied.error, "invalid_request");
    }
    // A signed response that was not asked for is not read.
    let (asked, pending) = party.begin(&AuthorizationRequest::default());
    let signed = party.signed(json!({"code": CODE, "state": asked["state"]}), unchanged);
    let refused = pending.callback(&party.client, Some(party.keys.clone()), signed, moment(1, 2));
    assert_eq!(refused.unwrap_err(), CallbackError::State.into());
}

#[test]
fn a_signed_response_may_carry_tokens_or_grant_access_without_a_login() {
    let party = Party::new();
    let request = AuthorizationRequest::default()
        .response_type(CodeIdTokenToken)
        .response_mode(ResponseMode::FormPostJwt);
    let (asked, pending) = party.begin(&request);
    let id_token = party.id_token(&asked["nonce"], |claims| {
        claims.insert("c_hash".into(), hash(CODE).into());
        claims.insert("at_hash".into(), hash(FRONT_TOKEN).into());
    });
    let answer = party.signed(
        json!({"code": CODE, "state": asked["state"], "id_token": id_token, "access_token": FRONT_TOKEN,
            "token_type": "Bearer", "expires_in": 60.0}),
        unchanged,
    );
    // One set of keys serves both the response and the ID token in it.
    let (request, _, waiting) = sent(pending.callback(&party.client, None, answer, moment(1, 2)).unwrap());
    assert_eq!(request.uri(), "https://op.example/jwks");
    let (request, _, waiting) =
        sent(waiting.receive(response(200, &jwks(&party.key)), moment(2, 3)).unwrap());
    assert_eq!(form(&request)["code"], CODE);
    let granted = party.granted(&asked["nonce"], unchanged);
    let user = done(waiting.receive(response(200, &granted), moment(3, 4)));
    assert_eq!(user.front_channel.tokens.unwrap().expires_in, Some(Duration::from_secs(60)));

    let request = AccessRequest::new(["repo"]).response_mode(ResponseMode::Jwt);
    let (url, pending) = party.client.authorize_access(&request, moment(0, 1)).unwrap();
    assert!(url.as_str().contains("response_mode=jwt"));
    let answer = party.signed(json!({"code": CODE, "state": pending.state()}), unchanged);
    let (request, _, waiting) = sent(pending.callback(&party.client, answer, moment(1, 2)).unwrap());
    assert_eq!(request.uri(), "https://op.example/jwks");
    let (request, _, waiting) =
        sent(waiting.receive(response(200, &jwks(&party.key)), moment(2, 3)).unwrap());
    assert_eq!(form(&request)["code"], CODE);
    let granted = r#"{"access_token": "a", "token_type": "Bearer"}"#;
    let Ok(Step::Done(access)) = waiting.receive(response(200, granted), moment(3, 4)) else { panic!() };
    assert_eq!(access.tokens.access_token.expose(), "a");
    assert!(access.learned.keys.is_some(), "the next login need not fetch the keys");

    let request = AuthorizationRequest::default().response_mode(ResponseMode::FormPostJwt);
    let (_, pending) = party.client.authorize_front_login(&request, moment(0, 1)).unwrap();
    let nonce = serde_json::to_value(&pending).unwrap()["n"].as_str().unwrap().to_owned();
    let answer = party
        .signed(json!({"state": pending.state(), "id_token": party.id_token(&nonce, unchanged)}), unchanged);
    let Ok(Step::Done(user)) =
        pending.callback(&party.client, Some(party.keys.clone()), answer, moment(1, 2))
    else {
        panic!()
    };
    assert_eq!(user.id_token.sub, "alice");
}

#[test]
fn a_signed_response_may_be_signed_with_the_client_secret() {
    let secret = "a client secret of 32 characters and more";
    let builder = builder(|_| {}).secret(secret).authorization_signed_response_alg(Algorithm::HS256);
    let party = Party::with(builder);
    let key = RingSigner::from_secret(Algorithm::HS256, &secret.into(), None).unwrap();
    let (asked, pending) = party.begin(&signed_request());
    let claims =
        json!({"iss": ISSUER, "aud": "app", "exp": NOW.0 + 60, "code": CODE, "state": asked["state"]});
    let sign = |key: &dyn Sign| {
        let jwt = sign_compact(key, Map::new(), claims.to_string().as_bytes()).unwrap();
        AuthorizationResponse::from_query(&format!("response={jwt}")).unwrap()
    };
    let (request, _, _) =
        sent(pending.clone().callback(&party.client, None, sign(&key), moment(1, 2)).unwrap());
    assert_eq!(form(&request)["code"], CODE);
    let refused = pending.callback(&party.client, None, sign(&*party.key), moment(1, 2)).unwrap_err();
    assert_eq!(
        refused,
        CallbackError::Response(Box::new(VerificationError::Jws(JwsError::AlgorithmNotAllowed))).into()
    );
}

#[test]
fn an_impossible_response_is_never_requested() {
    let refused = |builder: ClientBuilder, request: &AuthorizationRequest| {
        builder.build().unwrap().authorize(request, moment(0, 1)).unwrap_err()
    };
    for mode in [ResponseMode::Query, ResponseMode::QueryJwt] {
        let request = AuthorizationRequest::default().response_type(CodeToken).response_mode(mode);
        assert_eq!(refused(builder(|_| {}), &request), ConfigError::Parameter("response_mode").into());
    }
    let request = AuthorizationRequest::default().response_type(CodeToken);
    let bound = builder(|_| {}).dpop_key(key());
    assert_eq!(refused(bound, &request), ConfigError::Parameter("response_type").into());
    let fewer = builder(|document| document["response_types_supported"] = json!(["code"]));
    assert_eq!(refused(fewer, &request), ConfigError::NoResponseType("code token").into());
    let fewer = builder(|document| document["response_modes_supported"] = json!(["query"]));
    assert_eq!(refused(fewer, &signed_request()), ConfigError::NoResponseMode("query.jwt").into());
    let none = builder(|document| document["authorization_signing_alg_values_supported"] = json!(["HS256"]));
    assert_eq!(refused(none, &signed_request()), ConfigError::NoResponseAlgorithm.into());
    let request = AuthorizationRequest::default().response_type(CodeIdToken);
    let refused = builder(|_| {}).build().unwrap().authorize_front_login(&request, moment(0, 1)).unwrap_err();
    assert_eq!(refused, ConfigError::Parameter("response_type").into());
}

#[test]
fn the_requested_response_type_is_saved_and_sealed_with_the_login() {
    let party = Party::new();
    let keys = SealingKeys::new(1, &[7; 32]);
    for request in [
        AuthorizationRequest::default().response_type(CodeIdToken),
        AuthorizationRequest::default().response_type(CodeIdTokenToken).response_mode(ResponseMode::Jwt),
        signed_request(),
    ] {
        let (_, pending) = party.begin(&request);
        let saved = serde_json::to_string(&pending).unwrap();
        assert_eq!(serde_json::from_str::<PendingAuthorization>(&saved).unwrap(), pending);
        let sealed = keys.seal(&pending, "login", moment(0, 4)).unwrap();
        assert_eq!(keys.open::<PendingAuthorization>(&sealed, "login").unwrap(), pending);
    }
    // A saved state of an unknown type is refused, and not taken for one with a code alone.
    let (_, pending) = party.begin(&AuthorizationRequest::default().response_type(CodeIdToken));
    let mut saved = serde_json::to_value(&pending).unwrap();
    saved["y"] = "id_token token".into();
    assert!(serde_json::from_value::<PendingAuthorization>(saved).is_err());
}
