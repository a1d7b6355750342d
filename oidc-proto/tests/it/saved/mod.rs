//! Saved states of flows at rest: a state loads whole or not at all, is small, belongs to one client, and
//! holds no client secret.

use oidc_proto::{
    Error, Moment, Timestamp, UrlPolicy,
    flow::{
        Client, ClientCredentialsGrant, ClientCredentialsRequest, ConfigError, DeviceAuthorization,
        Discovery, Pause, PendingAuthorization, PreviousLogin, SavedClientCredentials, Step,
    },
    message::{AuthorizationRequest, AuthorizationResponse},
};
use oidc_testkit::{Browser, Registration, Seed, TestProvider};
use proptest::{collection::vec, prelude::*, test_runner::Config};
use serde_json::{Value, json};
use std::time::Duration;

mod clocks;
mod keys;

const NOW: Timestamp = Timestamp(1_800_000_000);
const SECRET: &str = "the-client-secret-that-is-nowhere";
/// The longest usual names: an issuer with a tenant, a redirect URI with a path.
const ISSUER: &str = "https://login.identity.example.com/realms/0f6f1c1c-3a3e-4a53-9a1e-1c1b8d9c8f3a";
const CALLBACK: &str = "https://portal.customer.example.com/oauth2/callback/identity-example-com";
const CLIENT: &str = "9f1d2c3b-4a5e-4f60-8171-92a3b4c5d6e7";

const PENDING: &str = include_str!("../../../../tests/data/saved/pending-v1.json");
const GRANT: &str = include_str!("../../../../tests/data/saved/client-credentials-v1.json");

fn provider(issuer: &str) -> TestProvider {
    let mut provider = TestProvider::new(issuer);
    for id in [CLIENT, "another"] {
        let registration = Registration::basic(id, SECRET).redirect_uri(CALLBACK);
        provider.register(registration.grant_type("client_credentials"));
    }
    provider
}

fn client_of(provider: &mut TestProvider, id: &str) -> Client {
    let (request, _, pending) =
        Discovery::start(provider.issuer(), &UrlPolicy::default()).unwrap().into_parts();
    let response = provider.handle(&request, NOW);
    let Ok(Step::Done(metadata)) = pending.receive(response, Moment::new(NOW, [0; 32])) else {
        panic!("the provider has metadata")
    };
    Client::builder(metadata, id).secret(SECRET).redirect_uri(CALLBACK).build().unwrap()
}

fn client() -> Client {
    client_of(&mut provider(ISSUER), CLIENT)
}

fn request() -> AuthorizationRequest {
    AuthorizationRequest::new(["profile"])
        .max_age(Duration::from_secs(3600))
        .essential_acr(["urn:example:loa:2"])
}

/// Sends the user to the provider.
fn begin(client: &Client, seed: &mut Seed) -> (url::Url, PendingAuthorization) {
    client.authorize(&request(), seed.moment(NOW)).unwrap()
}

fn save<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap()
}

fn load(text: &str) -> Result<PendingAuthorization, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

fn load_grant(text: &str) -> Result<SavedClientCredentials, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// A client credentials grant at rest, after the first response was lost.
fn resting(client: &Client) -> Pause<ClientCredentialsGrant> {
    let wanted = ClientCredentialsRequest::new(["reports", "audit"]).resource("https://api.example");
    let (_, _, pending) = client
        .client_credentials(&wanted.parameter("tenant", "a"), Moment::new(NOW, [7; 32]))
        .unwrap()
        .into_parts();
    match pending.fail(Moment::new(NOW, [3; 32])) {
        Ok(Some(Step::Wait(pause))) => pause,
        other => panic!("it waits: {other:?}"),
    }
}

fn is_saved_state_error<T>(result: Result<T, Error>) -> bool {
    matches!(result, Err(Error::Config(ConfigError::SavedState)))
}

#[test]
fn a_pending_authorization_is_loaded_whole() {
    let (_, pending) = begin(&client(), &mut Seed::new(1));
    let text = save(&pending);
    assert!(load(&text).unwrap() == pending);
    assert_eq!(save(&load(&text).unwrap()), text);
    assert_eq!((pending.issuer(), pending.created()), (ISSUER, NOW));
    assert_eq!(pending.state().len(), 43);
}

#[test]
fn ten_tabs_fit_in_ten_kibibytes() {
    let (client, mut seed) = (client(), Seed::new(2));
    let tabs: Vec<String> = (0..10).map(|_| save(&begin(&client, &mut seed).1)).collect();
    for tab in &tabs {
        assert!(tab.len() < 1024, "{} bytes", tab.len());
    }
    // Several logins in one cookie: 4 KiB hold six of them even with names this long.
    let six: usize = tabs.iter().take(6).map(String::len).sum();
    assert!(six < 4096, "{six} bytes");
}

#[test]
fn no_client_secret_is_saved_and_nothing_shows_in_debug() {
    let (_, pending) = begin(&client(), &mut Seed::new(3));
    let grant = resting(&client()).save();
    for text in [save(&pending), format!("{pending:?}"), save(&grant), format!("{grant:?}")] {
        assert!(!text.contains(SECRET), "{text}");
    }
    let saved: Value = serde_json::from_str(&save(&pending)).unwrap();
    for secret in ["n", "p", "s"] {
        assert!(!format!("{pending:?}").contains(saved[secret].as_str().unwrap()), "{secret}");
    }
}

/// These files are as version 1 wrote them. They must load for as long as version 1 is read. If the form
/// changes, its version changes, and these files stay.
#[test]
fn states_of_version_1_are_still_read() {
    let (_, pending) = begin(&client(), &mut Seed::new(4));
    assert_eq!(save(&load(PENDING).unwrap()), PENDING.trim_end());
    assert_eq!(PENDING.trim_end(), save(&pending), "the same text is still written");
    assert_eq!(save(&load_grant(GRANT).unwrap()), GRANT.trim_end());
    assert_eq!(GRANT.trim_end(), save(&resting(&client()).save()), "the same text is still written");
    let pause = client().resume_client_credentials(load_grant(GRANT).unwrap(), NOW).unwrap();
    assert_eq!(pause.until(), resting(&client()).until());
}

#[test]
fn a_device_state_of_version_1_is_still_read() {
    let golden = include_str!("../../../../tests/data/saved/device-authorization-v1.json").trim_end();
    let saved: DeviceAuthorization = serde_json::from_str(golden).unwrap();
    assert_eq!(save(&saved), golden);
    let call = client().device_authorization(["openid"], Moment::new(NOW, [7; 32])).unwrap();
    let answer = json!({
        "device_code": "GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS",
        "user_code": "WDJB-MJHT",
        "verification_uri": "https://example.com/device",
        "verification_uri_complete": "https://example.com/device?user_code=WDJB-MJHT",
        "expires_in": 1800,
        "interval": 7,
    });
    let answer =
        http::Response::builder().header("content-type", "application/json").body(answer.to_string());
    let response = answer.unwrap().map(String::into_bytes);
    let (_, _, pending) = call.into_parts();
    let Ok(Step::Done(device)) = pending.receive(response, Moment::new(NOW, [1; 32])) else {
        panic!("a code")
    };
    assert_eq!(save(&device), golden, "the same text is still written");
    let pause = saved.poll(&client(), None, NOW).unwrap();
    assert_eq!((pause.until(), save(&pause.save())), (NOW.plus(7), golden.to_owned()));
}

#[test]
fn a_previous_login_of_version_1_is_still_read() {
    let golden = include_str!("../../../../tests/data/saved/previous-login-v1.json").trim_end();
    let login: PreviousLogin = serde_json::from_str(golden).unwrap();
    assert_eq!((save(&login).as_str(), login.sub()), (golden, "alice"), "the same text is still written");
    for (name, wrong) in [
        ("version", json!(2)),
        ("version", Value::Null),
        ("iss", json!("")),
        ("sub", json!("")),
        ("sub", json!("x".repeat(256))),
        ("sub", json!("ä")),
        ("aud", json!([])),
        ("aud", json!("app")),
        ("auth_time", json!("now")),
        ("nonce", json!(1)),
        ("role", json!("admin")),
    ] {
        let mut changed: Value = serde_json::from_str(golden).unwrap();
        changed[name] = wrong.clone();
        assert!(serde_json::from_value::<PreviousLogin>(changed).is_err(), "{name}: {wrong}");
    }
    for needed in ["version", "iss", "sub", "aud"] {
        let mut changed: Value = serde_json::from_str(golden).unwrap();
        changed.as_object_mut().unwrap().remove(needed);
        assert!(serde_json::from_value::<PreviousLogin>(changed).is_err(), "without {needed}");
    }
}

/// Each of these is the saved authorization with one fault.
#[test]
fn every_member_of_a_pending_authorization_is_validated() {
    let token = |length: usize| "a".repeat(length);
    let mut wrong: Vec<(&str, Value)> = vec![
        ("v", json!(0)),
        ("v", json!(2)),
        ("v", json!(-1)),
        ("v", json!("1")),
        ("v", Value::Null),
        ("t", json!("now")),
        ("t", json!(1.5)),
        ("t", Value::Null),
        ("m", json!(-1)),
        ("m", json!("3600")),
        ("m", json!(1u64 << 32)),
        ("a", json!("acr")),
        ("a", json!([""])),
        ("a", json!([5])),
        ("a", json!(["x".repeat(2049)])),
        ("a", json!(["loa\n2"])),
        ("a", json!(vec!["x"; 65])),
        ("unknown", json!(1)),
        ("", json!(1)),
    ];
    for text in ["i", "c", "r"] {
        let long = "x".repeat(2049);
        wrong
            .extend([json!(""), json!(long), json!(5), Value::Null, json!(["x"])].map(|value| (text, value)));
        wrong.extend(["a\nb", "a\0", "\u{7f}", "a\u{85}b"].map(|value| (text, json!(value))));
    }
    for text in ["s", "n", "p"] {
        wrong.extend([0, 1, 42, 129, 100_000].map(|length| (text, json!(token(length)))));
        let odd = [" ", "\n", "\0", "é", "\u{7f}", "+", "/", "=", "\"", "&"];
        wrong.extend(odd.map(|byte| (text, json!(format!("{}{byte}", token(42))))));
        wrong.extend([json!(5), Value::Null, json!([])].map(|value| (text, value)));
    }
    let good: Value = serde_json::from_str(PENDING).unwrap();
    for (member, value) in wrong {
        let mut saved = good.clone();
        saved[member] = value.clone();
        let Err(error) = load(&saved.to_string()) else { panic!("{member} = {value}") };
        assert!(!error.contains(good["p"].as_str().unwrap()), "{error}");
    }
    for member in ["v", "i", "c", "r", "s", "n", "p", "t"] {
        let mut saved = good.clone();
        saved.as_object_mut().unwrap().remove(member);
        assert!(load(&saved.to_string()).is_err(), "without {member}");
        let twice = PENDING.trim_end().strip_suffix('}').unwrap();
        let twice = format!("{twice},\"{member}\":{}}}", good[member]);
        assert!(load(&twice).is_err(), "{member} twice");
    }
    for text in ["", "{}", "[]", "null", "1", "\"x\"", "{", &PENDING[..100], &format!("{PENDING} x")] {
        assert!(load(text).is_err(), "{text}");
    }
    for length in [43, 128] {
        let mut saved = good.clone();
        saved["p"] = json!(token(length));
        load(&saved.to_string()).expect("a verifier of a length that RFC 7636 allows");
    }
}

#[test]
fn every_member_of_a_saved_grant_is_validated() {
    let long = "x".repeat(2049);
    let good: Value = serde_json::from_str(GRANT).unwrap();
    let wrong = [
        ("/version", json!(2)),
        ("/version", json!("1")),
        ("/retries", json!(4)),
        ("/retries", json!(0)),
        ("/retries", json!(256)),
        ("/retries", json!(-1)),
        ("/issuer", json!("")),
        ("/issuer", json!(long)),
        ("/issuer", json!("a\nb")),
        ("/client_id", json!("")),
        ("/client_id", json!(long)),
        ("/client_id", Value::Null),
        ("/until", json!("soon")),
        ("/until", json!(0.5)),
        ("/wanted", json!([5])),
        ("/wanted/scopes", json!("reports")),
        ("/wanted/resources", json!([1])),
        ("/wanted/extra", json!([["a"]])),
        ("/wanted/extra", json!({"a": "b"})),
    ];
    for (pointer, value) in wrong {
        let mut saved = good.clone();
        *saved.pointer_mut(pointer).unwrap() = value.clone();
        assert!(load_grant(&saved.to_string()).is_err(), "{pointer} = {value}");
    }
    for object in ["", "/wanted"] {
        let mut saved = good.clone();
        saved.pointer_mut(object).unwrap()["unknown"] = json!(1);
        assert!(load_grant(&saved.to_string()).is_err(), "unknown member in {object:?}");
    }
    let twice = GRANT.trim_end().replacen("\"retries\":1", "\"retries\":1,\"retries\":1", 1);
    assert!(twice.len() > GRANT.trim_end().len() && load_grant(&twice).is_err());
    // A value that the flow itself refuses is refused again when the grant is resumed.
    let mut reserved = good.clone();
    reserved["wanted"]["extra"] = json!([["client_secret", "x"]]);
    let saved = load_grant(&reserved.to_string()).unwrap();
    let error = client().resume_client_credentials(saved, NOW).unwrap_err();
    assert_eq!(error, Error::Config(ConfigError::Reserved("client_secret")));
}

/// A client of a provider that also sends ID tokens through the browser.
fn front_client() -> Client {
    let mut metadata = client().metadata().clone();
    metadata.response_types_supported = Some(vec!["code".to_owned(), "id_token".to_owned()]);
    metadata.response_modes_supported = Some(vec!["query".to_owned(), "form_post".to_owned()]);
    Client::builder(metadata, CLIENT).redirect_uri(CALLBACK).build().unwrap()
}

/// A login whose state could not be loaded again is refused before the user leaves.
#[test]
fn a_login_that_cannot_be_saved_is_never_begun() {
    let metadata = client().metadata().clone();
    let long = format!("https://app.example/{}", "x".repeat(2049));
    for (id, redirect_uri) in [
        (CLIENT.to_owned(), long.clone()),
        (CLIENT.to_owned(), "https://app.example/\ncb".to_owned()),
        (long.clone(), CALLBACK.to_owned()),
    ] {
        let built = Client::builder(metadata.clone(), &id).redirect_uri(&redirect_uri).build();
        assert!(matches!(built, Err(ConfigError::Characters(_) | ConfigError::RedirectUri(_))), "{id}");
    }
    let lines = ["a\nb", "a\u{2028}b", "a\u{202e}b"].map(|line| vec![line.to_owned()]);
    for classes in lines.into_iter().chain([vec![long], vec![String::new()], vec!["x".to_owned(); 65]]) {
        let request = AuthorizationRequest::new(["profile"]).essential_acr(classes);
        let refused = Error::Config(ConfigError::Parameter("essential_acr"));
        let (client, moment) = (front_client(), || Moment::new(NOW, [0; 32]));
        assert_eq!(client.authorize(&request, moment()).unwrap_err(), refused);
        assert_eq!(client.authorize_front_login(&request, moment()).unwrap_err(), refused);
    }
}

#[test]
fn a_saved_state_resumes_only_with_its_own_client_and_provider() {
    let (url, pending) = begin(&client(), &mut Seed::new(5));
    let text = save(&pending);
    let mut elsewhere = provider("https://op.example");
    let strangers = [
        ("another client", client_of(&mut provider(ISSUER), "another")),
        ("another issuer", client_of(&mut elsewhere, CLIENT)),
    ];
    for (who, stranger) in &strangers {
        let landing = Browser::new().visit(&mut provider(ISSUER), &url, NOW);
        let response = AuthorizationResponse::from_url(landing.url()).unwrap();
        let moment = Moment::new(NOW, [1; 32]);
        let result = load(&text).unwrap().callback(stranger, None, response, moment);
        assert!(is_saved_state_error(result), "{who}");
        assert!(
            is_saved_state_error(stranger.resume_client_credentials(load_grant(GRANT).unwrap(), NOW)),
            "{who}"
        );
    }
}

/// Two tabs, two logins. The user finishes them in any order, and also tries the wrong one.
#[test]
fn each_callback_fits_only_its_own_tab() {
    for second_first in [false, true] {
        let (mut provider, mut seed) = (provider(ISSUER), Seed::new(6));
        let client = client_of(&mut provider, CLIENT);
        let mut tabs: Vec<_> = (0..2).map(|_| begin(&client, &mut seed)).collect();
        if second_first {
            tabs.reverse();
        }
        let mut arrive = |tab: &(url::Url, PendingAuthorization)| {
            let landing = Browser::new().visit(&mut provider, &tab.0, NOW);
            AuthorizationResponse::from_url(landing.url()).unwrap()
        };
        let responses: Vec<_> = tabs.iter().map(&mut arrive).collect();
        for (tab, (_, pending)) in tabs.iter().enumerate() {
            let other = responses[1 - tab].clone();
            let error = pending.clone().callback(&client, None, other, seed.moment(NOW)).unwrap_err();
            assert_eq!(error.code(), "callback_state");
        }
        for ((_, pending), response) in tabs.into_iter().zip(responses) {
            assert_eq!(response.state.as_deref(), Some(pending.state()), "the state identifies the tab");
            let call = pending.callback(&client, None, response, seed.moment(NOW)).unwrap();
            let (request, _, _) = call.into_call().expect("the code is sent").into_parts();
            assert_eq!(provider.handle(&request, NOW).status(), 200);
        }
        provider.assert_clean();
    }
}

/// A saved login expires.
#[test]
fn an_expired_login_must_begin_again() {
    let mut provider = provider(ISSUER);
    let client = client_of(&mut provider, CLIENT);
    for (later, expired) in [(0, false), (3600, false), (3601, true), (-5, false)] {
        let (url, pending) = begin(&client, &mut Seed::new(7));
        let landing = Browser::new().visit(&mut provider, &url, NOW);
        let response = AuthorizationResponse::from_url(landing.url()).unwrap();
        let moment = Moment::new(NOW.plus(later), [1; 32]);
        let result = load(&save(&pending)).unwrap().callback(&client, None, response, moment);
        assert_eq!(result.err().map(|error| error.code()), expired.then_some("callback_expired"), "{later}");
    }
}

proptest! {
    #![proptest_config(Config { cases: 2000, failure_persistence: None, ..Config::default() })]

    /// Damage leads to an error or to another valid state, never to a panic. A state that loads can be
    /// saved and loaded again.
    #[test]
    fn damaged_states_never_panic(changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4), cut in 0..4usize) {
        for (good, grant) in [(PENDING.trim_end(), false), (GRANT.trim_end(), true)] {
            let mut bytes = good.as_bytes().to_vec();
            for (at, byte) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            bytes.truncate(bytes.len() - cut);
            let Ok(text) = String::from_utf8(bytes) else { continue };
            if grant {
                if let Ok(saved) = load_grant(&text) {
                    prop_assert!(load_grant(&save(&saved)).as_ref() == Ok(&saved));
                    let _ = client().resume_client_credentials(saved, NOW);
                }
            } else if let Ok(pending) = load(&text) {
                prop_assert!(load(&save(&pending)).as_ref() == Ok(&pending));
                prop_assert!(pending.state().len() >= 43);
            }
        }
    }

    /// Any JSON at all.
    #[test]
    fn no_json_causes_a_panic(member in "[vicrsnpmat]{1,2}", text in "\\PC{0,200}", number in any::<i64>()) {
        let good: Value = serde_json::from_str(PENDING).unwrap();
        for value in [json!(text), json!(number), json!([text]), json!({ text.as_str(): number })] {
            let mut saved = good.clone();
            saved[member.as_str()] = value;
            if let Ok(pending) = load(&saved.to_string()) {
                prop_assert!(load(&save(&pending)).as_ref() == Ok(&pending));
            }
        }
    }
}
