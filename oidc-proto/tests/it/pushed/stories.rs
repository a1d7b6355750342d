//! Users who log in with pushed requests, and who cannot use a reference in another way.

use super::*;
use oidc_proto::{
    Moment,
    flow::{ConfigError, SealingKeys},
    message::{AccessRequest, AuthorizationRequest},
};
use std::time::Duration;

#[test]
fn a_user_logs_in_with_a_pushed_request_however_the_client_authenticates() {
    for how in How::ALL {
        let mut place = Place::new(how, |provider| provider.require_pushed_requests(true));
        let request = AuthorizationRequest::new(["profile", "email"])
            .login_hint("alice@example.com")
            .max_age(Duration::from_secs(600));
        let call = place.client.push_authorize(&request, place.clock.moment()).unwrap();
        let pushed = place.run(call).unwrap();
        // The browser carries a name and a reference, and nothing else.
        let carried = query(&pushed.url);
        assert_eq!(names(&carried), ["client_id", "request_uri"], "{how:?}");
        assert_eq!(carried["client_id"], "app");
        assert_eq!(pushed.expires_at, place.clock.now().plus(60));
        let form = place.form();
        for (name, value) in [
            ("client_id", "app"),
            ("response_type", "code"),
            ("redirect_uri", CALLBACK),
            ("scope", "openid profile email"),
            ("login_hint", "alice@example.com"),
            ("max_age", "600"),
            ("code_challenge_method", "S256"),
        ] {
            assert_eq!(form[name], value, "{how:?}");
        }
        assert!(!form.contains_key("request_uri") && !form.contains_key("code_verifier"), "{how:?}");
        assert_eq!(form["state"], pushed.pending.state());
        assert_eq!(place.log_in_pushed(pushed).id_token.sub, "alice");
        place.provider.assert_clean();
    }
}

#[test]
fn a_pushed_login_is_saved_and_sealed_like_any_other() {
    let mut place = Place::new(How::Basic, |_| {});
    let request = AuthorizationRequest::new(["profile"]).essential_acr(["gold"]);
    let moment = || Moment::new(NOW, [5; 32]);
    let (_, by_url) = place.client.authorize(&request, moment()).unwrap();
    // The same entropy prepares the same request; only the way differs.
    let call = place.client.prepare_authorization(&request, moment()).unwrap().push(moment()).unwrap();
    let pushed = place.run(call).unwrap();
    assert_eq!(by_url, pushed.pending);
    let saved = serde_json::to_string(&pushed.pending).unwrap();
    assert_eq!(saved, serde_json::to_string(&by_url).unwrap());
    let keys = SealingKeys::new(1, &[9; 32]);
    let sealed = keys.seal(&pushed.pending, "a", place.clock.moment()).unwrap();
    assert_eq!(keys.open::<PendingAuthorization>(&sealed, "a").unwrap(), pushed.pending);
    let pending: PendingAuthorization = serde_json::from_str(&saved).unwrap();
    // It comes back on another node.
    place.client = How::Basic.shape(builder(&place.provider)).build().unwrap();
    let Landing::Callback(callback) = place.visit(&pushed.url) else { panic!("the user comes back") };
    let response = AuthorizationResponse::from_url(&callback).unwrap();
    let step = pending.callback(&place.client, None, response, place.clock.moment()).unwrap();
    assert!(
        place.run(step).is_err(),
        "the provider knows no class `gold`, and the login remembers that it must"
    );
}

#[test]
fn access_without_a_login_and_a_login_by_id_token_alone_are_pushed_too() {
    let mut place = Place::new(How::Basic, |provider| provider.require_pushed_requests(true));
    let request = AccessRequest::new(["reports"]).resource("https://a.example").resource("https://b.example");
    let call = place.client.prepare_access(&request, place.clock.moment()).unwrap();
    let call = call.push(place.clock.moment()).unwrap();
    let form: Vec<_> = url::form_urlencoded::parse(call.request().body()).into_owned().collect();
    let resources: Vec<_> =
        form.iter().filter(|(name, _)| name == "resource").map(|(_, one)| one.as_str()).collect();
    assert_eq!(resources, ["https://a.example", "https://b.example"]);
    let pushed = place.run(call).unwrap();
    assert_eq!(names(&query(&pushed.url)), ["client_id", "request_uri"]);
    let Landing::Callback(callback) = place.visit(&pushed.url) else { panic!("the user comes back") };
    let response = AuthorizationResponse::from_url(&callback).unwrap();
    let step = pushed.pending.callback(&place.client, response, place.clock.moment()).unwrap();
    assert!(place.run(step).unwrap().tokens.is_bearer());
    place.provider.assert_clean();

    let mut metadata = place.provider.metadata();
    metadata["response_types_supported"] = serde_json::json!(["id_token"]);
    metadata["response_modes_supported"] = serde_json::json!(["form_post"]);
    let client = of(&metadata).secret(SECRET).build().unwrap();
    let request = AuthorizationRequest::new(["email"]);
    let prepared = client.prepare_front_login(&request, place.clock.moment()).unwrap();
    let call = prepared.push(place.clock.moment()).unwrap();
    let form: BTreeMap<_, _> = url::form_urlencoded::parse(call.request().body()).into_owned().collect();
    assert_eq!((form["response_type"].as_str(), form["response_mode"].as_str()), ("id_token", "form_post"));
    assert!(!form.contains_key("code_challenge"));
}

#[test]
fn a_reference_is_for_one_use_one_client_and_a_short_time() {
    let mut place = Place::new(How::Basic, |_| {});
    place.provider.register(Registration::public("other").redirect_uri(CALLBACK));
    let request = AuthorizationRequest::new(["profile"]);
    for (what, later) in [("was used", 0), ("of another client", 0), ("has expired", 60), ("not known", 0)] {
        let call = place.client.push_authorize(&request, place.clock.moment()).unwrap();
        let pushed = place.run(call).unwrap();
        let mut url = pushed.url.clone();
        match what {
            "was used" => assert!(matches!(place.visit(&url), Landing::Callback(_))),
            "of another client" => {
                url = url.as_str().replace("client_id=app", "client_id=other").parse().unwrap()
            }
            "not known" => url = format!("{url}x").parse().unwrap(),
            _ => place.clock.advance(later),
        }
        place.provider.assert_clean();
        assert!(matches!(place.visit(&url), Landing::Page(status, _) if status == 400), "{what}");
        let [finding] = place.provider.audit() else { panic!("{what}: {:?}", place.provider.audit()) };
        assert!(finding.what.contains(what), "{what}: {finding}");
        place.provider.clear_audit();
    }
    assert!(place.provider.audit().is_empty());
}

#[test]
fn a_provider_or_a_registration_that_demands_pushed_requests_gets_no_other() {
    let demanding = Place::new(How::Basic, |provider| provider.require_pushed_requests(true));
    let registered = Place::with(
        How::Basic.registration(),
        |_| {},
        |client| How::Basic.shape(client).require_pushed_authorization_requests(),
    );
    for place in [demanding, registered] {
        let refused = ConfigError::PushedRequestsOnly;
        let (client, login) = (&place.client, AuthorizationRequest::new(["email"]));
        assert!(client.requires_pushed_requests());
        assert_eq!(client.authorize(&login, moment(NOW)).unwrap_err(), refused.into());
        let access = AccessRequest::new(["reports"]);
        assert_eq!(client.authorize_access(&access, moment(NOW)).unwrap_err(), refused.into());
        let signed = || client.prepare_authorization(&login, moment(NOW)).unwrap().sign().unwrap();
        assert_eq!(signed().by_value().unwrap_err(), refused.into());
        assert_eq!(signed().by_reference("https://app.example/r").unwrap_err(), refused.into());
        assert!(refused.to_string().contains("call `Client::push_authorize`"), "{refused}");
        assert!(client.push_authorize(&login, moment(NOW)).is_ok());
        assert!(signed().push(moment(NOW)).is_ok());
    }
    let free = Place::new(How::Basic, |_| {});
    assert!(!free.client.requires_pushed_requests());
    assert!(free.client.authorize(&AuthorizationRequest::default(), moment(NOW)).is_ok());
}

#[test]
fn without_both_endpoints_nothing_is_pushed() {
    let request = AuthorizationRequest::new(["email"]);
    for missing in ["pushed_authorization_request_endpoint", "authorization_endpoint"] {
        let mut metadata = Place::new(How::Basic, |_| {}).provider.metadata();
        metadata.as_object_mut().unwrap().remove(missing);
        let policy = UrlPolicy::default();
        let parsed =
            ProviderMetadata::parse(metadata.to_string().as_bytes(), ISSUER, Profile::TokenIssuer, &policy);
        let client = Client::builder(parsed.unwrap(), "app").secret(SECRET).redirect_uri(CALLBACK);
        let refused = client.build().unwrap().push_authorize(&request, moment(NOW)).unwrap_err();
        assert_eq!(refused, ConfigError::NoEndpoint(missing).into());
    }
}

#[test]
fn a_parameter_of_client_authentication_is_not_pushed_for_the_application() {
    let place = Place::new(How::KeyJwt, |_| {});
    for name in ["client_assertion", "client_assertion_type", "request", "request_uri", "client_secret"] {
        let request = AuthorizationRequest::new(["email"]).parameter(name, "evil");
        let refused = place.client.push_authorize(&request, moment(NOW)).unwrap_err();
        assert_eq!(refused, ConfigError::Reserved(name).into());
    }
}
