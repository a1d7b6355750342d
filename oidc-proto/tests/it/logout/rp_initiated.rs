//! The logout request (RP-Initiated Logout 1.0 section 2): what is sent, by URL or by form, and what is not.

use super::*;
use oidc_proto::flow::{LogoutError, MAX_LOGOUT_URL};
use oidc_testkit::{Browser, EndpointName, drive::NOW};
use std::collections::BTreeMap;
use url::Url;

fn pairs(url: &Url) -> BTreeMap<String, String> {
    let pairs: BTreeMap<_, _> = url.query_pairs().into_owned().collect();
    assert_eq!(pairs.len(), url.query_pairs().count(), "each parameter once");
    pairs
}

fn refused(client: &Client, request: &LogoutRequest) -> LogoutError {
    client.logout(request, oidc_proto::Moment::new(NOW, [1; 32])).map(drop).unwrap_err()
}

#[test]
fn a_user_logs_out_at_the_provider_and_comes_back() {
    let mut scene = Scene::new();
    let (landing, pending) = scene.go(&scene.request());
    assert!(landing.starts_with(BACK), "{landing}");
    let response = oidc_proto::message::LogoutResponse::from_url(&landing).unwrap();
    assert_eq!(pending.returned(&scene.client, &response), Ok(()));
    assert_eq!(scene.party.provider.sessions_ended(), 1);
    scene.party.provider.assert_clean();
}

#[test]
fn everything_is_sent_once_and_nothing_that_nobody_asked_for() {
    let scene = Scene::new();
    let request = scene
        .request()
        .logout_hint("alice & bob")
        .ui_locales(["de-CH", "de"])
        .parameter("federated", "yes")
        .parameter("nothing", "");
    let logout = scene.client.logout(&request, oidc_proto::Moment::new(NOW, [1; 32])).unwrap();
    let (form, posted) = logout.clone().by_form();
    let (url, pending) = logout.by_url();
    let sent = pairs(&url);
    let state = pending.as_ref().unwrap().state().to_owned();
    let expected = [
        ("client_id", "app"),
        ("federated", "yes"),
        ("id_token_hint", scene.id_token.expose()),
        ("logout_hint", "alice & bob"),
        ("nothing", ""),
        ("post_logout_redirect_uri", BACK),
        ("state", &state),
        ("ui_locales", "de-CH de"),
    ];
    assert_eq!(sent.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect::<Vec<_>>(), expected);
    assert_eq!(posted, pending, "a form is the same request");
    assert_eq!(form.fields().map(|(n, v)| (n.to_owned(), v.to_owned())).collect::<BTreeMap<_, _>>(), sent);
    assert_eq!(form.action().as_str(), "https://op.example/end_session");

    // Without anything, only the client is named, and nobody waits for the user.
    let bare = scene.client.logout(&LogoutRequest::new(), oidc_proto::Moment::new(NOW, [1; 32])).unwrap();
    let (url, pending) = bare.by_url();
    assert_eq!((url.query(), pending), (Some("client_id=app"), None));
}

#[test]
fn each_logout_that_comes_back_has_a_state_of_its_own() {
    let mut scene = Scene::new();
    let states: std::collections::BTreeSet<String> =
        (0..20).map(|_| scene.go(&scene.request()).1.state().to_owned()).collect();
    assert_eq!(states.len(), 20);
    assert!(states.iter().all(|state| state.len() == 43), "256 bits");
    scene.party.provider.assert_clean();
}

#[test]
fn an_expired_id_token_still_says_who_logs_out() {
    for days in [1, 30, 1_000] {
        let mut scene = Scene::new();
        scene.party.clock.advance(days * 86_400);
        let (landing, pending) = scene.go(&scene.request());
        let response = oidc_proto::message::LogoutResponse::from_url(&landing).unwrap();
        assert_eq!(pending.returned(&scene.client, &response), Ok(()));
        scene.party.provider.assert_clean();
    }
}

#[test]
fn a_long_hint_goes_by_form_and_the_provider_takes_it() {
    let mut scene = Scene::new();
    // Exactly the longest URL fits, and one byte more does not.
    let of = |padding: usize| {
        let request = LogoutRequest::new().logout_hint("x".repeat(padding));
        scene.client.logout(&request, oidc_proto::Moment::new(NOW, [1; 32])).unwrap()
    };
    let base = of(1).by_url().0.as_str().len() - 1;
    for (padding, fits) in [(1, true), (MAX_LOGOUT_URL - base, true), (MAX_LOGOUT_URL - base + 1, false)] {
        assert_eq!(of(padding).fits_url(), fits, "{padding}");
        assert_eq!(of(padding).by_url().0.as_str().len(), base + padding, "the URL is there all the same");
    }

    let groups: Vec<String> = (0..400).map(|n| format!("group-{n}")).collect();
    scene
        .party
        .provider
        .alter_id_token(move |_, claims| drop(claims.insert("groups".into(), groups.clone().into())));
    scene.id_token = scene.party.login().unwrap().id_token.token;
    let logout = scene.client.logout(&scene.request(), scene.party.clock.moment()).unwrap();
    assert!(!logout.fits_url());
    let (form, pending) = logout.by_form();
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form.fields()).finish();
    let request = http::Request::post(form.action().as_str())
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body.into_bytes())
        .unwrap();
    let answer = scene.party.provider.handle(&request, scene.party.clock.now());
    assert_eq!(answer.status(), 303);
    let back = answer.headers()["location"].to_str().unwrap();
    let response = oidc_proto::message::LogoutResponse::from_url(back).unwrap();
    assert_eq!(pending.unwrap().returned(&scene.client, &response), Ok(()));
    scene.party.provider.assert_clean();
}

#[test]
fn a_place_to_come_back_to_is_checked_like_any_redirect_uri() {
    let scene = Scene::new();
    let too_long = format!("https://app.example/{}", "x".repeat(2048));
    for (uri, why) in [
        ("http://app.example/out", "is plain http and not on this machine"),
        ("https://app.example/out#top", "has a fragment (RFC 6749 section 3.1.2)"),
        ("/out", "is not an absolute URL"),
        ("", "is not an absolute URL"),
        ("javascript:alert(1)", "has a scheme that no client can receive"),
        ("data:text/html,x", "has a scheme that no client can receive"),
        ("https://app.example/a\u{202e}b", "is too long or has control characters"),
        (&too_long, "is too long or has control characters"),
        ("https://app.example/out?state=1", "has a `state` of its own in its query"),
        ("https://app.example/out?a=1&st%61te=", "has a `state` of its own in its query"),
        ("com.example.app:/out?state", "has a `state` of its own in its query"),
    ] {
        let error = refused(&scene.client, &LogoutRequest::new().post_logout_redirect_uri(uri));
        assert_eq!(error, LogoutError::RedirectUri(why), "{uri}");
    }
    for uri in [
        "https://app.example/out?tenant=7&status=1",
        "http://localhost:8080/out",
        "http://127.0.0.1/out",
        "com.example.app:/out",
    ] {
        let request = LogoutRequest::new().post_logout_redirect_uri(uri);
        let logout = scene.client.logout(&request, oidc_proto::Moment::new(NOW, [1; 32])).unwrap();
        assert_eq!(pairs(&logout.by_url().0)["post_logout_redirect_uri"], uri, "to the letter");
    }
}

#[test]
fn further_parameters_cannot_override_or_repeat_those_of_the_library() {
    let client = Scene::new().client;
    for name in [
        "id_token_hint",
        "logout_hint",
        "client_id",
        "post_logout_redirect_uri",
        "state",
        "ui_locales",
        "client_secret",
    ] {
        let error = refused(&client, &LogoutRequest::new().parameter(name, "x"));
        assert_eq!(error, LogoutError::Reserved(name));
    }
    for name in ["a", "", "resource"] {
        let twice = LogoutRequest::new().parameter(name, "1").parameter("between", "2").parameter(name, "3");
        assert_eq!(refused(&client, &twice), LogoutError::Reserved("extra"), "{name}");
    }
    for locales in [vec!["de", ""], vec!["de fr"], vec!["de\tfr", "fr"]] {
        let request = LogoutRequest::new().ui_locales(locales);
        assert_eq!(refused(&client, &request), LogoutError::Parameter("ui_locales"));
    }
    assert_eq!(
        refused(&client, &LogoutRequest::new().logout_hint("")),
        LogoutError::Parameter("logout_hint")
    );
}

#[test]
fn a_provider_without_the_endpoint_is_named_and_the_error_says_what_to_do_instead() {
    let mut party = Party::new();
    let mut metadata = party.discover().unwrap();
    let policy = oidc_proto::UrlPolicy::default();
    // There is none; or its own query has one of our parameters.
    for endpoint in [
        None,
        Some("https://op.example/out?client_id=other"),
        Some("https://op.example/out?x=1&post_logout_redirect_uri="),
        Some("https://op.example/out?st%61te=1"),
    ] {
        metadata.end_session_endpoint =
            endpoint.map(|url| oidc_proto::EndpointUrl::parse(url, &policy).unwrap());
        let client = Client::builder(metadata.clone(), "app").build().unwrap();
        let error = refused(&client, &LogoutRequest::new().post_logout_redirect_uri(BACK));
        assert_eq!(error, LogoutError::NoEndpoint, "{endpoint:?}");
        assert!(error.to_string().contains("the user stays logged in there"), "{error}");
    }
    // Any other query is kept, by URL and by form.
    let endpoint = "https://op.example/out?tenant=a%20b";
    metadata.end_session_endpoint = oidc_proto::EndpointUrl::parse(endpoint, &policy).ok();
    let client = Client::builder(metadata, "app").build().unwrap();
    let logout = client.logout(&LogoutRequest::new(), oidc_proto::Moment::new(NOW, [1; 32])).unwrap();
    assert_eq!(logout.clone().by_form().0.action().as_str(), endpoint);
    assert_eq!(logout.by_url().0.as_str(), format!("{endpoint}&client_id=app"));
}

#[test]
fn the_provider_refuses_what_is_not_registered_or_not_its_own() {
    // The client cannot know what is registered, so such a request goes out. Nobody comes back from it.
    let mut scene = Scene::new();
    let foreign = token(&serde_json::json!({"iss": "https://op.example", "aud": "app"}));
    for (request, why) in [
        (scene.request().post_logout_redirect_uri("https://app.example/other"), "not exactly one"),
        (scene.request().post_logout_redirect_uri(format!("{BACK}/")), "not exactly one"),
        (scene.request().id_token_hint(foreign), "signature"),
    ] {
        let (url, _) = scene.client.logout(&request, scene.party.clock.moment()).unwrap().by_url();
        let landing = Browser::new().visit(&mut scene.party.provider, &url, scene.party.clock.now());
        assert!(matches!(landing, oidc_testkit::Landing::Page(status, _) if status == 400), "{landing:?}");
        let found = scene.party.provider.audit();
        assert!(found.last().unwrap().what.contains(why), "{found:?}");
        assert_eq!(found.last().unwrap().endpoint, EndpointName::EndSession);
    }
    assert_eq!(scene.party.provider.sessions_ended(), 0);
}
