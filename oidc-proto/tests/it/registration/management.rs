//! A registration is read, changed and deleted (RFC 7592).

use super::*;
use oidc_proto::{
    base::UrlError,
    flow::{Call, ConfigError, Endpoint, Flow, RegisteredClientError, ResponseRule},
};
use oidc_testkit::EndpointName;

fn done<F: Flow>(party: &mut Party, call: Result<Call<F>, Error>) -> Result<F::Output, Error> {
    drive(call?, &mut party.provider, &mut party.clock)
}

/// What a flow makes of one answer.
fn told<F: Flow>(call: Result<Call<F>, Error>, status: u16, body: &Value) -> Result<F::Output, Error> {
    match answer(call.unwrap(), status, "application/json", body)? {
        Step::Done(output) => Ok(output),
        other => panic!("one request is enough: {other:?}"),
    }
}

#[test]
fn a_registration_is_read_changed_and_deleted() {
    let mut party = party();
    let registered = register(&mut party, web().client_name("Shop")).unwrap();
    let read = done(&mut party, registered.read(&policy())).unwrap();
    assert_eq!(read, registered, "nobody has changed anything");

    let wanted =
        read.metadata.clone().client_name("Shop 2").redirect_uris([CALLBACK, "https://app.example/b"]);
    let updated = done(&mut party, read.update(&wanted, &policy())).unwrap();
    assert_eq!(updated.changes, []);
    assert_eq!(updated.metadata.client_name.as_deref(), Some("Shop 2"));
    assert_eq!(
        (&updated.client_id, &updated.client_secret),
        (&registered.client_id, &registered.client_secret)
    );
    let read = done(&mut party, registered.read(&policy())).unwrap();
    let told: Vec<_> = read.changes.iter().map(|change| change.member.as_str()).collect();
    assert_eq!(told, ["client_name", "redirect_uris"], "whoever knows only the old one is told");

    // What is not set is deleted.
    let mut less = updated.metadata.clone();
    less.client_name = None;
    let updated = done(&mut party, updated.update(&less, &policy())).unwrap();
    assert_eq!(updated.metadata.client_name, None);

    party.client = updated.builder(party.discover().unwrap(), party.clock.now()).unwrap().build().unwrap();
    let user = party.login().unwrap();
    done(&mut party, updated.delete(&policy())).unwrap();
    assert_eq!(party.refresh(&user).unwrap_err().code(), "invalid_client");
    for error in [
        done(&mut party, updated.read(&policy())).map(drop).unwrap_err(),
        done(&mut party, updated.delete(&policy())).unwrap_err(),
    ] {
        assert_eq!((error.code(), error.remedy()), ("invalid_token", oidc_proto::Remedy::FixConfiguration));
        assert!(error.to_string().contains("register once more"), "{error}");
    }
    party.provider.assert_clean();
}

#[test]
fn the_requests_are_those_of_rfc_7592() {
    let registered = managed();
    let wanted = web().client_name("Shop");
    let (read, terms, _) = registered.read(&policy()).unwrap().into_parts();
    assert_eq!(
        (read.method().as_str(), read.body().len(), terms.endpoint),
        ("GET", 0, Endpoint::ClientConfiguration)
    );
    let (update, ..) = registered.update(&wanted, &policy()).unwrap().into_parts();
    assert_eq!(
        (update.method().as_str(), &update.headers()["content-type"]),
        ("PUT", &"application/json".parse().unwrap())
    );
    let mut expected = wanted.to_json();
    expected["client_id"] = "1".into();
    assert_eq!(serde_json::from_slice::<Value>(update.body()).unwrap(), expected, "without the secret");
    let (delete, ..) = registered.delete(&policy()).unwrap().into_parts();
    assert_eq!((delete.method().as_str(), delete.body().len()), ("DELETE", 0));
    for request in [read, update, delete] {
        assert_eq!(request.uri(), PLACE);
        assert_eq!(request.headers()["authorization"], "Bearer the-token-of-the-registration");
        assert!(request.headers()["authorization"].is_sensitive());
        assert_eq!(request.headers()["accept"], "application/json");
    }
}

#[test]
fn a_token_and_a_secret_that_are_replaced_are_kept() {
    let mut party = party();
    party.provider.rotate_registration_access_tokens(true);
    let registered = register(&mut party, web()).unwrap();
    let read = done(&mut party, registered.read(&policy())).unwrap();
    assert_ne!(read.registration_access_token, registered.registration_access_token);
    let updated = done(&mut party, read.update(&read.metadata, &policy())).unwrap();
    assert_ne!(updated.registration_access_token, read.registration_access_token);
    done(&mut party, updated.delete(&policy())).unwrap();
    party.provider.assert_clean();
    let error = done(&mut party, read.read(&policy())).map(drop).unwrap_err();
    assert_eq!(error.code(), "invalid_token");
    assert!(party.provider.audit().iter().any(|finding| finding.what.contains("that was replaced")));

    // An answer that leaves them out has not replaced them, and a new secret has its own end.
    let known = managed();
    let read = told(known.read(&policy()), 200, &json!({"client_id": "1"})).unwrap();
    assert_eq!(
        (&read.client_secret, &read.registration_access_token),
        (&known.client_secret, &known.registration_access_token)
    );
    assert_eq!(read.registration_client_uri.as_deref(), Some(PLACE));
    let body = json!({"client_id": "1", "client_secret": "new", "client_secret_expires_at": 1_900_000_000});
    let newer = told(known.read(&policy()), 200, &body).unwrap();
    assert!(newer.client_secret.as_ref().unwrap().equals("new") && newer.client_secret_expires_at.is_some());
    let endless =
        told(newer.read(&policy()), 200, &json!({"client_id": "1", "client_secret": "newer"})).unwrap();
    assert_eq!(endless.client_secret_expires_at, None);
    let same = told(newer.read(&policy()), 200, &json!({"client_id": "1"})).unwrap();
    assert_eq!(same.client_secret_expires_at, newer.client_secret_expires_at);
}

/// The old token may be worth nothing, so the new one must not be lost.
#[test]
fn what_an_update_has_replaced_is_not_lost_with_its_answer() {
    let known = managed();
    let wanted = web();
    let body = json!({
        "client_id": "1",
        "client_secret": "new",
        "registration_access_token": "a-newer-token",
        "redirect_uris": ["https://evil.example"],
    });
    let error = told(known.update(&wanted, &policy()), 200, &body).unwrap_err();
    let kept = error.registered_client().unwrap();
    assert!(kept.registration_access_token.as_ref().unwrap().equals("a-newer-token"));
    assert!(kept.client_secret.as_ref().unwrap().equals("new"));
    assert!(
        matches!(error.cause(), Error::Response(cause) if cause.rule == ResponseRule::Registered("redirect_uris"))
    );
    // To look at them is no danger: the change is told.
    let read = told(known.read(&policy()), 200, &body).unwrap();
    assert_eq!(read.changes.len(), 4, "{:?}", read.changes);
    assert_eq!(read.metadata.redirect_uris.unwrap(), ["https://evil.example"]);
}

#[test]
fn an_answer_about_another_client_is_not_believed() {
    let known = managed();
    for body in [
        json!({"client_id": "2", "client_secret": "theirs", "registration_access_token": "theirs"}),
        json!({"client_secret": "theirs"}),
        json!({"client_id": "1 "}),
    ] {
        for error in [
            told(known.read(&policy()), 200, &body).map(drop).unwrap_err(),
            told(known.update(&web(), &policy()), 200, &body).map(drop).unwrap_err(),
        ] {
            assert!(
                matches!(&error, Error::Response(broken) if matches!(broken.rule, ResponseRule::Value("client_id") | ResponseRule::Missing("client_id"))),
                "{error}"
            );
            assert_eq!(error.registered_client(), None, "credentials of others are not ours");
        }
    }
}

#[test]
fn a_registration_without_a_place_or_a_token_is_not_managed() {
    let whole = managed();
    let mut without_token = whole.clone();
    without_token.registration_access_token = None;
    let mut without_place = whole.clone();
    without_place.registration_client_uri = None;
    for registered in [without_token, without_place] {
        let error = registered.read(&policy()).map(drop).unwrap_err();
        assert_eq!(error, Error::Config(ConfigError::Registered(RegisteredClientError::NotManaged)));
    }
    let mut party = party();
    party.provider.leave_registrations_unmanaged(true);
    let registered = register(&mut party, web()).unwrap();
    assert!(registered.delete(&policy()).is_err());
}

/// The provider names the URL in the same answer as the token for it, so it may be anywhere that the policy admits.
#[test]
fn the_policy_says_where_a_registration_may_be() {
    let mut registered = managed();
    for (place, why) in [
        ("http://op.example/register/1", UrlError::PlainHttp),
        ("https://169.254.169.254/latest/meta-data", UrlError::PrivateAddress),
        ("https://localhost/register/1", UrlError::Loopback),
        ("https://user@op.example/register/1", UrlError::Credentials),
        ("https://op.example/register/1#a", UrlError::Fragment),
        ("/register/1", UrlError::NotAbsolute),
        ("file:///etc/passwd", UrlError::Scheme),
    ] {
        registered.registration_client_uri = Some(place.to_owned());
        let error = registered.delete(&policy()).map(drop).unwrap_err();
        assert_eq!(error, Error::Config(ConfigError::Registered(RegisteredClientError::Url(why))), "{place}");
    }
    for place in ["https://clients.op.example/1", "https://op.example/register?client_id=1"] {
        registered.registration_client_uri = Some(place.to_owned());
        assert_eq!(registered.read(&policy()).unwrap().request().uri(), place);
    }
    registered.registration_client_uri = Some("http://127.0.0.1:8080/register/1".to_owned());
    assert!(registered.read(&policy().with_loopback()).is_ok());
}

#[test]
fn requests_about_a_registration_are_sent_once() {
    let registered = managed();
    fn lost<F: Flow>(call: Result<Call<F>, Error>) {
        let (_, _, pending) = call.unwrap().into_parts();
        assert!(matches!(pending.fail(moment(NOW)), Ok(None)));
    }
    lost(registered.read(&policy()));
    lost(registered.update(&web(), &policy()));
    lost(registered.delete(&policy()));
    for status in [429, 500, 503] {
        for error in [
            told(registered.read(&policy()), status, &json!({})).map(drop).unwrap_err(),
            told(registered.update(&web(), &policy()), status, &json!({})).map(drop).unwrap_err(),
            told(registered.delete(&policy()), status, &json!({})).unwrap_err(),
        ] {
            assert_eq!(error.code(), "unavailable");
        }
    }
    for (status, code) in [
        (400, "response_refusal"),
        (401, "invalid_token"),
        (404, "response_status"),
        (405, "response_status"),
    ] {
        let error = told(registered.delete(&policy()), status, &json!({})).unwrap_err();
        assert_eq!(error.code(), code, "{status}");
    }
    // Only the status of a deletion counts.
    for body in [json!({}), json!([]), json!({"error": "server_error"})] {
        told(registered.delete(&policy()), 200, &body).unwrap();
    }
    for error in [
        told(registered.read(&policy()), 302, &json!({})).map(drop).unwrap_err(),
        told(registered.delete(&policy()), 307, &json!({})).unwrap_err(),
    ] {
        assert_eq!(error.code(), "response_redirect", "the token goes nowhere else");
    }
}

#[test]
fn a_refusal_repeats_no_secret() {
    let registered = managed();
    for secret in ["the secret of the client", "the-token-of-the-registration"] {
        let body = json!({"error": "invalid_token", "error_description": format!("unknown: {secret}")});
        let error = told(registered.update(&web(), &policy()), 401, &body).map(drop).unwrap_err();
        assert!(!error.to_string().contains(secret), "{error}");
    }
}

#[test]
fn metadata_that_contradict_themselves_replace_nothing() {
    let registered = managed();
    let both = web().jwks([]).jwks_uri("https://app.example/keys");
    assert_eq!(registered.update(&both, &policy()).map(drop).unwrap_err().code(), "config_client_metadata");
    let plain = web().redirect_uris(["http://app.example/"]);
    assert_eq!(registered.update(&plain, &policy()).map(drop).unwrap_err().code(), "config_redirect_uri");
    // What the provider has sent can be sent back, whatever it has sent besides.
    let body = json!({"client_id": "1", "client_secret": "s", "registration_client_uri": PLACE,
        "registration_access_token": "t", "client_name": 5, "of_a_vendor": {"a": 1}});
    let registered = answered(web(), &body).unwrap();
    assert!(registered.update(&registered.metadata, &policy()).is_ok());
}

#[test]
fn the_kit_finds_an_update_that_breaks_the_specification() {
    let mut party = party();
    let registered = register(&mut party, web()).unwrap();
    let (request, ..) = registered.update(&web(), &policy()).unwrap().into_parts();
    for (member, value) in [
        ("registration_access_token", json!("t")),
        ("client_id", json!("another")),
        ("client_secret", json!("of my own")),
        ("redirect_uris", json!(["https://app.example/#fragment"])),
    ] {
        let mut body: Value = serde_json::from_slice(request.body()).unwrap();
        body[member] = value;
        let mut changed = request.clone();
        *changed.body_mut() = body.to_string().into_bytes();
        let before = party.provider.audit().len();
        party.provider.handle(&changed, NOW);
        assert!(party.provider.audit().len() > before, "{member}");
    }
    assert_eq!(party.provider.count(EndpointName::ClientConfiguration), 4);
}
