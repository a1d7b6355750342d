//! Callbacks that the browser posts, as Apple demands them for a name or an address (Form Post Response Mode 1.0).

use oidc_proto::{
    Error,
    flow::{CallbackError, ConfigError},
    message::{AccessRequest, AuthorizationRequest, AuthorizationResponse, ResponseMode},
};
use oidc_testkit::{EndpointName, Party, drive, hostile, scenario::SECRET};
use serde_json::json;

fn party() -> Party {
    let mut party = Party::new();
    let modes = hostile::set_member("response_modes_supported", json!(["query", "fragment", "form_post"]));
    party.provider.alter_response(EndpointName::Discovery, modes);
    let metadata = party.discover().unwrap();
    let client = oidc_proto::flow::Client::builder(metadata, "app").secret(SECRET);
    party.client = client.redirect_uri("https://app.example/callback").build().unwrap();
    party
}

/// The body of the form in which the browser posts this query.
fn posted(query: &str, user: &str) -> Vec<u8> {
    let user = url::form_urlencoded::byte_serialize(user.as_bytes()).collect::<String>();
    format!("{}&user={user}", query.trim_start_matches('?')).into_bytes()
}

#[test]
fn a_plain_form_post_is_asked_for_read_and_ends_a_login() {
    for user in [
        r#"{"name":{"firstName":"Ada","lastName":"Lovelace"},"email":"ada@example.com"}"#,
        r#"{"name":{"firstName":"Ada"}}"#,
        "not json",
    ] {
        let mut party = party();
        let request = AuthorizationRequest::new(["name", "email"]).response_mode(ResponseMode::FormPost);
        let (url, pending) = party.client.authorize(&request, party.clock.moment()).unwrap();
        assert!(
            url.query_pairs().any(|(name, value)| name == "response_mode" && value == "form_post"),
            "{url}"
        );
        // The provider of the tests answers in the query; the browser posts the same form.
        let asked = url.as_str().replace("&response_mode=form_post", "");
        let query = party.callback_query(&asked.parse().unwrap());
        let response = AuthorizationResponse::from_form(&posted(&query, user)).unwrap();
        assert!(response.claimed_state().as_deref() == Some(pending.state()));
        let claimed = response.claimed_user();
        let login = pending.callback(&party.client, None, response, party.clock.moment()).unwrap();
        let ended = drive(login, &mut party.provider, &mut party.clock).unwrap();
        assert_eq!(ended.id_token.sub, "alice");
        assert_eq!(claimed.is_some(), user.starts_with('{'), "{user}");
        if let Some(claimed) = claimed {
            assert_eq!(claimed.first_name.as_deref(), Some("Ada"));
            assert_eq!(claimed.email.is_some(), claimed.last_name.is_some());
            assert!(!format!("{claimed:?}").contains("Ada"), "no personal data in logs");
        }
    }
}

#[test]
fn what_a_user_could_have_written_is_bounded_and_of_its_type() {
    let read = |user: &str| {
        AuthorizationResponse::from_form(&posted("state=s&code=c", user)).unwrap().claimed_user()
    };
    let long = format!(r#"{{"name":{{"firstName":"{}"}},"email":"a@b.example"}}"#, "x".repeat(257));
    let user = read(&long).unwrap();
    assert_eq!((user.first_name, user.email.as_deref()), (None, Some("a@b.example")));
    let user = read(r#"{"name":{"firstName":"A\u0007","lastName":7},"email":""}"#).unwrap();
    assert_eq!((user.first_name, user.last_name, user.email), (None, None, None));
    let user = read(r#"{"name":{"firstName":"A\u202egnp.exe"},"email":"a@b.example\u2028"}"#).unwrap();
    assert_eq!((user.first_name, user.email), (None, None));
    for user in ["", "[]", r#"{"name":{},"name":{}}"#] {
        assert!(read(user).is_none(), "{user}");
    }
    assert!(read(r#"{"name":"Ada"}"#).unwrap().first_name.is_none());
    assert!(AuthorizationResponse::from_query("state=s&code=c").unwrap().claimed_user().is_none());
}

#[test]
fn a_posted_callback_is_checked_like_any_other() {
    let mut party = party();
    let request = AuthorizationRequest::default().response_mode(ResponseMode::FormPost);
    let (_, pending) = party.client.authorize(&request, party.clock.moment()).unwrap();
    for (form, why) in [
        ("code=c&state=forged", CallbackError::State),
        ("state={state}&iss=https://op.example", CallbackError::MissingCode),
        ("code=c&state={state}&iss=https://evil.example", CallbackError::Issuer),
    ] {
        let form = form.replace("{state}", pending.state());
        let response = AuthorizationResponse::from_form(form.as_bytes()).unwrap();
        let refused = pending.clone().callback(&party.client, None, response, party.clock.moment());
        assert_eq!(refused.map(drop).unwrap_err(), Error::Callback(why), "{form}");
    }
    assert!(AuthorizationResponse::from_form(b"code=a&code=b").is_err());
    let access = AccessRequest::new(["repo"]).response_mode(ResponseMode::FormPost);
    assert!(party.client.authorize_access(&access, party.clock.moment()).is_ok());
    // By default, the metadata of the provider must list the mode.
    let mut plain = Party::new();
    let refused = plain.client.authorize(&request, plain.clock.moment()).map(drop).unwrap_err();
    assert_eq!(refused, ConfigError::NoResponseMode("form_post").into());
}
