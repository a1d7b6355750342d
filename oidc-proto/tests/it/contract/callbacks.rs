//! Callbacks other than a login with a code: logins that need no request, and access without a login.

use super::{ISSUER, NOW, builder, form, key, moment, response, sent};
use oidc_proto::{
    Error, Moment,
    flow::{
        AccessGranted, CallbackError, Client, ConfigError, FrontLogin, Identified, PendingAccess,
        PendingAuthorization, PendingFrontLogin, ResponseRule, SealError, SealingKeys, Step,
    },
    jose::{KeySet, RingSigner, Sign, sign_compact},
    message::{AccessRequest, AuthorizationRequest, AuthorizationResponse},
    token::VerificationError,
};
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use url::Url;

fn query(url: &Url) -> BTreeMap<String, String> {
    url.query_pairs().into_owned().collect()
}

fn id_token(key: &RingSigner, change: impl FnOnce(&mut Map<String, Value>)) -> String {
    let claims = json!({"iss": ISSUER, "aud": "app", "sub": "alice", "iat": NOW.0, "exp": NOW.0 + 300});
    let Value::Object(mut claims) = claims else { panic!() };
    change(&mut claims);
    sign_compact(key, Map::new(), Value::Object(claims).to_string().as_bytes()).unwrap()
}

fn jwks(key: &RingSigner) -> String {
    json!({"keys": [key.public_jwk().unwrap().to_json()]}).to_string()
}

/// A provider that posts an ID token to the redirect URI.
struct Front {
    client: Client,
    key: Arc<RingSigner>,
    keys: Arc<KeySet>,
}

impl Front {
    fn new() -> Self {
        let key = key();
        let keys = Arc::new(KeySet::parse(jwks(&key).as_bytes()).unwrap());
        Self { client: builder().build().unwrap(), key, keys }
    }

    fn begin(&self) -> (BTreeMap<String, String>, PendingFrontLogin) {
        let request = AuthorizationRequest::new(["profile"]).max_age(Duration::from_secs(600));
        let (url, pending) = self.client.authorize_front_login(&request, moment(0, 1)).unwrap();
        (query(&url), pending)
    }

    /// The form that is posted to the redirect URI.
    fn answer(&self, sent: &BTreeMap<String, String>, token: &str) -> AuthorizationResponse {
        let posted = format!("id_token={token}&state={}", sent["state"]);
        AuthorizationResponse::from_query(&posted).unwrap()
    }

    fn end(
        &self,
        keys: Option<Arc<KeySet>>,
        change: impl FnOnce(&mut Map<String, Value>),
    ) -> Result<Step<FrontLogin>, Error> {
        let (sent, pending) = self.begin();
        self.complete(pending, &sent, keys, change)
    }

    fn complete(
        &self,
        pending: PendingFrontLogin,
        sent: &BTreeMap<String, String>,
        keys: Option<Arc<KeySet>>,
        change: impl FnOnce(&mut Map<String, Value>),
    ) -> Result<Step<FrontLogin>, Error> {
        let nonce = sent["nonce"].clone();
        let token = id_token(&self.key, |claims| {
            claims.insert("nonce".into(), nonce.into());
            claims.insert("auth_time".into(), (NOW.0 - 5).into());
            change(claims);
        });
        pending.callback(&self.client, keys, self.answer(sent, &token), moment(1, 2))
    }
}

#[test]
fn a_login_with_known_keys_completes_without_a_request() {
    let front = Front::new();
    let Ok(Step::Done(Identified { id_token, learned, .. })) = front.end(Some(front.keys.clone()), |_| {})
    else {
        panic!("there is nothing to ask")
    };
    assert_eq!((id_token.sub.as_str(), learned.keys.is_none()), ("alice", true));

    let (request, _, pending) = sent(front.end(None, |_| {}).unwrap());
    assert_eq!(request.uri(), "https://op.example/jwks");
    let Ok(Step::Done(done)) = pending.receive(response(200, &jwks(&front.key)), moment(2, 3)) else {
        panic!()
    };
    assert!(done.id_token.sub == "alice" && done.learned.keys.is_some());
}

#[test]
fn a_login_by_an_id_token_alone_is_saved_sealed_and_completed() {
    let front = Front::new();
    let (sent, pending) = front.begin();
    let saved = serde_json::to_string(&pending).unwrap();
    let again: PendingFrontLogin = serde_json::from_str(&saved).unwrap();
    assert!(again == pending);
    let keys = SealingKeys::new(1, &[7; 32]);
    let sealed = keys.seal(&again, "login@app.example", moment(0, 4)).unwrap();
    let opened: PendingFrontLogin = keys.open(&sealed, "login@app.example").unwrap();
    assert!(opened == pending);
    let Ok(Step::Done(user)) = front.complete(opened, &sent, Some(front.keys.clone()), |_| {}) else {
        panic!("the saved login completes like one that was never saved")
    };
    assert_eq!(user.id_token.sub, "alice");
}

#[test]
fn an_id_token_that_comes_through_the_browser_must_answer_its_request() {
    let front = Front::new();
    let (sent, _) = front.begin();
    assert_eq!((sent["response_type"].as_str(), sent["response_mode"].as_str()), ("id_token", "form_post"));
    assert!(!sent.contains_key("code_challenge") && sent["scope"] == "openid profile");
    let end = |change: fn(&mut Map<String, Value>)| front.end(Some(front.keys.clone()), change).unwrap_err();
    assert_eq!(
        end(|claims| drop(claims.insert("nonce".into(), "another".into()))),
        VerificationError::Nonce.into()
    );
    assert_eq!(end(|claims| drop(claims.remove("nonce"))), VerificationError::Missing("nonce").into());
    assert_eq!(
        end(|claims| drop(claims.insert("aud".into(), "another".into()))),
        VerificationError::Audience.into()
    );
    assert_eq!(
        end(|claims| drop(claims.remove("auth_time"))),
        VerificationError::Missing("auth_time").into()
    );

    let (sent, pending) = front.begin();
    let nothing = AuthorizationResponse::from_query(&format!("state={}", sent["state"])).unwrap();
    let refused = pending.clone().callback(&front.client, None, nothing, moment(1, 2)).unwrap_err();
    assert_eq!(refused, CallbackError::MissingIdToken.into());
    let forged = AuthorizationResponse::from_query("id_token=a.b.c&state=another").unwrap();
    let refused = pending.callback(&front.client, None, forged, moment(1, 2)).unwrap_err();
    assert_eq!(refused, CallbackError::State.into());
}

/// GitHub, rebuilt from its documentation: no `openid`, no ID token, no `sub`, no `iss` in the callback,
/// scopes separated by commas, and errors with status 200.
struct GitHub(Client);

impl GitHub {
    fn new() -> Self {
        Self(builder().secret("a client secret").build().unwrap())
    }

    fn begin(&self) -> (BTreeMap<String, String>, PendingAccess) {
        let request = AccessRequest::new(["repo", "gist"]).parameter("allow_signup", "false");
        let (url, pending) = self.0.authorize_access(&request, moment(0, 1)).unwrap();
        (query(&url), pending)
    }

    fn end(&self, pending: PendingAccess, told: &str) -> Result<AccessGranted, Error> {
        let query = format!("code=3a2f1c9be5d6&state={}", pending.state());
        let answer = AuthorizationResponse::from_query(&query).unwrap();
        let (request, terms, waiting) = sent(pending.callback(&self.0, answer, moment(9, 2))?);
        assert_eq!(terms.endpoint.name(), "token_endpoint");
        let form = form(&request);
        assert_eq!(form["code"], "3a2f1c9be5d6");
        assert!(form["code_verifier"].len() == 43 && form["redirect_uri"] == "https://app.example/callback");
        match waiting.receive(response(200, told), moment(10, 3))? {
            Step::Done(granted) => Ok(granted),
            other => panic!("one request is all: {other:?}"),
        }
    }
}

const GRANTED: &str = r#"{"access_token": "ghu_16C7e42F292c6912E7710c838347Ae178B4a", "expires_in": 28800,
    "refresh_token": "ghr_1B4a2e77838347a7E420ce178F2E7c6912E16924", "refresh_token_expires_in": 15811200,
    "scope": "repo,gist", "token_type": "bearer"}"#;

#[test]
fn access_is_granted_without_a_login() {
    let github = GitHub::new();
    let (sent, pending) = github.begin();
    assert_eq!((sent["scope"].as_str(), sent["response_type"].as_str()), ("repo gist", "code"));
    assert!(sent["code_challenge_method"] == "S256" && sent["allow_signup"] == "false");
    assert!(!sent.contains_key("nonce") && !sent["scope"].contains("openid"));
    let granted = github.end(pending, GRANTED).unwrap();
    assert_eq!(granted.tokens.scope.as_deref(), Some("repo,gist"));
    assert_eq!(granted.tokens.expires_at, Some(NOW.plus(10 + 28_800)));

    // An ID token that was not asked for is ignored.
    let (_, pending) = github.begin();
    let told = GRANTED.replacen('{', r#"{"id_token": "not.checked.here", "#, 1);
    assert_eq!(github.end(pending, &told).unwrap().tokens.id_token, None);
}

#[test]
fn an_error_with_status_200_is_a_refusal() {
    let github = GitHub::new();
    let told = r#"{"error": "bad_verification_code",
        "error_description": "The code passed is incorrect or expired.", "error_uri": "https://docs.example"}"#;
    let Err(Error::OAuth(refused)) = github.end(github.begin().1, told) else { panic!() };
    assert_eq!((refused.status, &*refused.response.error), (200, "bad_verification_code"));
    let none = github.end(github.begin().1, r#"{"token_type": "bearer"}"#).unwrap_err();
    assert!(matches!(none, Error::Response(broken) if broken.rule == ResponseRule::Missing("access_token")));
}

#[test]
fn access_is_saved_sealed_and_refreshed_like_a_login() {
    let github = GitHub::new();
    let (_, pending) = github.begin();
    let saved = serde_json::to_string(&pending).unwrap();
    let again: PendingAccess = serde_json::from_str(&saved).unwrap();
    assert!(again == pending && !saved.contains("a client secret"));
    let keys = SealingKeys::new(1, &[7; 32]);
    let sealed = keys.seal(&pending, "access@app.example", moment(0, 4)).unwrap();
    let opened: PendingAccess = keys.open(&sealed, "access@app.example").unwrap();
    assert_eq!(opened, pending);
    let granted = github.end(opened, GRANTED).unwrap();

    let spent = granted.tokens.refresh_token.unwrap();
    let (request, _, waiting) = sent(github.0.refresh(&spent, None, None, moment(30_000, 5)).unwrap());
    assert_eq!(form(&request)["refresh_token"], spent.expose());
    let next = GRANTED.replace("ghr_1B", "ghr_2C");
    let Ok(Step::Done(refreshed)) = waiting.receive(response(200, &next), moment(30_001, 6)) else {
        panic!()
    };
    assert!(refreshed.rotated && refreshed.id_token.is_none());
}

/// Each kind of pending state answers only callbacks of its own kind.
#[test]
fn no_pending_state_is_accepted_as_one_of_another_kind() {
    let (access, login, front) = (
        GitHub::new().begin().1,
        builder().build().unwrap().authorize(&AuthorizationRequest::default(), moment(0, 1)).unwrap().1,
        Front::new().begin().1,
    );
    let texts = [
        serde_json::to_string(&access).unwrap(),
        serde_json::to_string(&login).unwrap(),
        serde_json::to_string(&front).unwrap(),
    ];
    for (at, text) in texts.iter().enumerate() {
        let read = [
            serde_json::from_str::<PendingAccess>(text).is_ok(),
            serde_json::from_str::<PendingAuthorization>(text).is_ok(),
            serde_json::from_str::<PendingFrontLogin>(text).is_ok(),
        ];
        let expected = [at == 0, at == 1, at == 2];
        assert_eq!(read, expected, "{text}");
    }
    let keys = SealingKeys::new(1, &[7; 32]);
    let sealed = keys.seal(&access, "app", Moment::new(NOW, [4; 32])).unwrap();
    assert_eq!(keys.open::<PendingFrontLogin>(&sealed, "app").unwrap_err(), SealError::Wrong);
    for pending in [format!("{access:?}"), format!("{front:?}")] {
        assert!(pending.contains("created") && !pending.contains(access.state()), "{pending}");
    }
}

#[test]
fn access_is_refused_wherever_a_login_would_be() {
    let github = GitHub::new();
    let openid = AccessRequest::new(["repo", "openid"]);
    let refused = github.0.authorize_access(&openid, moment(0, 1)).unwrap_err();
    assert_eq!(refused, ConfigError::Parameter("scope").into());
    let nonce = AccessRequest::default().parameter("nonce", "x");
    let refused = github.0.authorize_access(&nonce, moment(0, 1)).unwrap_err();
    assert_eq!(refused, ConfigError::Reserved("nonce").into());

    let (_, pending) = github.begin();
    let answer = |query: &str| AuthorizationResponse::from_query(query).unwrap();
    let state = pending.state().to_owned();
    for (query, after, why) in [
        ("code=c&state=another".to_owned(), 0, CallbackError::State),
        (format!("state={state}"), 0, CallbackError::MissingCode),
        (format!("code=c&state={state}"), 3_601, CallbackError::Expired { ago: Duration::from_secs(3_601) }),
        (format!("code=c&state={state}&iss=https://evil.example"), 0, CallbackError::Issuer),
    ] {
        let refused = pending.clone().callback(&github.0, answer(&query), moment(after, 2)).unwrap_err();
        assert_eq!(refused, why.into(), "{query}");
    }
    let denied = answer(&format!("error=access_denied&state={state}"));
    let Err(Error::Callback(CallbackError::Denied(denied))) =
        pending.callback(&github.0, denied, moment(1, 2))
    else {
        panic!()
    };
    assert_eq!(denied.error, "access_denied");
}

/// M16: a callback with the right `state` and of another issuer, or without the promised one, spends nothing. Others can send
/// it to a user. The true callback still ends the authorization.
#[test]
fn a_callback_of_another_issuer_does_not_end_the_authorization() {
    let github = GitHub::new();
    let (_, pending) = github.begin();
    let state = pending.state().to_owned();
    for forged in ["https://evil.example", "https://github.com/login/oauth/", ""] {
        let query = format!("code=forged&state={state}&iss={forged}");
        let response = AuthorizationResponse::from_query(&query).unwrap();
        let Err(Error::Callback(refused)) = pending.clone().callback(&github.0, response, moment(1, 2))
        else {
            panic!("{query}")
        };
        assert_eq!(refused, CallbackError::Issuer, "{query}");
        assert!(refused.login_may_still_end(), "{query}");
    }
    assert!(CallbackError::MissingIssuer.login_may_still_end());
    let honest = AuthorizationResponse::from_query(&format!("code=honest&state={state}")).unwrap();
    assert!(pending.callback(&github.0, honest, moment(2, 3)).is_ok());
}
