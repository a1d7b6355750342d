//! What the provider says is not lost: error responses without `state`, and refusals in words of the provider's own.

use oidc_proto::{
    Error,
    flow::{CallbackError, PendingAuthorization, ResponseRule},
    message::AuthorizationRequest,
};
use oidc_testkit::{EndpointName, Party, hostile};

/// A login that is on its way, and the response that the provider has for it.
fn begun(party: &mut Party) -> (PendingAuthorization, String) {
    let (url, pending) = party.authorize(&AuthorizationRequest::default()).unwrap();
    let own = party.callback_query(&url);
    (pending, own)
}

fn stopped(party: &mut Party, pending: PendingAuthorization, query: &str) -> CallbackError {
    let query = query.replace("{state}", pending.state());
    match party.callback(pending, &query, None) {
        Err(Error::Callback(error)) => error,
        other => panic!("{query}: {other:?}"),
    }
}

fn called_back(query: &str) -> (PendingAuthorization, CallbackError) {
    let mut party = Party::new();
    let (pending, _) = begun(&mut party);
    let error = stopped(&mut party, pending.clone(), query);
    (pending, error)
}

#[test]
fn an_error_response_without_state_shows_what_it_says_and_ends_no_login() {
    for (query, said) in [
        (
            "error=invalid_scope&error_description=scope+%22email%22+is+not+allowed",
            "`invalid_scope` (scope \"email\"",
        ),
        ("error=access_denied&state=", "`access_denied`"),
        ("error=server_error&iss=https://op.example", "`server_error`"),
    ] {
        let mut party = Party::new();
        let (pending, own) = begun(&mut party);
        let error = stopped(&mut party, pending.clone(), query);
        let text = error.to_string();
        assert!(text.contains(said) && text.contains("nobody vouches"), "{text}");
        assert_eq!(error.code(), "callback_unattributed");
        assert!(error.login_may_still_end(), "{text}");
        // The login that was begun still ends, with the response that is its own.
        assert_eq!(party.provider.count(EndpointName::Token), 0, "the stranger caused no request");
        assert_eq!(party.callback(pending, &own, None).unwrap().id_token.sub, "alice");
        party.provider.assert_clean();
    }
}

#[test]
fn its_text_is_bounded_and_shows_no_secret() {
    let long = format!("error=x&error_description={}", "y".repeat(4_000));
    let (_, error) = called_back(&long);
    assert!(error.to_string().len() < 500, "{error}");
    let (pending, error) = called_back("error=x&error_description=your+state+was+{state}%0Aand+more");
    assert!(!error.to_string().contains(pending.state()), "{error}");
    assert!(!error.to_string().contains('\n'), "{error}");
}

#[test]
fn another_state_another_issuer_or_no_error_stays_a_forgery() {
    for query in [
        "error=invalid_scope&state=of-another-login",
        "error=invalid_scope&iss=https://evil.example",
        "code=c",
        "code=c&state=",
        "",
    ] {
        let mut party = Party::new();
        let (pending, own) = begun(&mut party);
        let error = stopped(&mut party, pending.clone(), query);
        assert_eq!(error, CallbackError::State, "{query}");
        assert!(!error.to_string().contains("invalid_scope") && error.login_may_still_end());
        assert_eq!(party.callback(pending, &own, None).unwrap().id_token.sub, "alice", "{query}");
    }
    let (_, error) = called_back("error=access_denied&state={state}&iss=https://op.example");
    assert!(matches!(&error, CallbackError::Denied(_)) && !error.login_may_still_end(), "{error}");
}

fn refused(endpoint: EndpointName, status: u16, kind: &str, body: &str) -> (String, ResponseRule) {
    let mut party = Party::new();
    let user = party.login().unwrap();
    party.provider.alter_response(endpoint, hostile::respond(status, kind, body.to_owned()));
    let error = match endpoint {
        EndpointName::UserInfo => party.userinfo(&user).unwrap_err(),
        _ => party.refresh(&user).unwrap_err(),
    };
    let text = error.to_string();
    match error {
        Error::Response(error) => (text, error.rule),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_refusal_that_is_no_error_response_shows_its_first_texts() {
    for endpoint in [EndpointName::Token, EndpointName::UserInfo] {
        for (status, body, said) in [
            (400, r#"{"message":"Invalid refresh token","code":401}"#, "Invalid refresh token"),
            (401, r#"{"error":{"code":"expired","message":"Session is gone"}}"#, "expired; Session is gone"),
            (403, r#"{"errors":[{"detail":"No such app"}]}"#, "No such app"),
            (422, r#"["Not today"]"#, "Not today"),
            (400, r#"{"access_token":"leaked","sub":"alice","reason":"busy"}"#, "says: busy)"),
        ] {
            let json = "application/json";
            if (endpoint, status) == (EndpointName::Token, 401) {
                continue; // an `invalid_client` by its status
            }
            let (text, rule) = refused(endpoint, status, json, body);
            assert!(text.contains(said) && text.contains("the provider says"), "{text}");
            assert!(!text.contains("does not allow"), "{text}");
            assert_eq!(rule.code(), "response_refusal");
        }
        let (text, _) = refused(endpoint, 400, "text/html", "<p>no</p>");
        assert!(!text.contains("does not allow") && !text.contains("<p>"), "{text}");
        let (text, _) = refused(endpoint, 404, "text/html", "<p>no</p>");
        assert!(text.contains("does not allow"), "{text}");
    }
    // A text that may be a token is not shown, wherever it is.
    let token = format!("eyJhbGciOiJIUzI1NiJ9.{}", "e30".repeat(20));
    for body in [format!(r#""{token}""#), format!(r#"["{token}"]"#), format!(r#"{{"message":"{token}"}}"#)] {
        let (text, _) = refused(EndpointName::Token, 400, "application/json", &body);
        assert!(!text.contains("eyJ"), "{text}");
    }
    let (text, _) =
        refused(EndpointName::Token, 400, "application/json", &format!(r#"{{"m":"{}"}}"#, "x".repeat(9_000)));
    assert!(text.len() < 500, "{text}");
}

#[test]
fn a_refusal_does_not_repeat_the_refresh_token() {
    let mut party = Party::new();
    let user = party.login().unwrap();
    let token = user.tokens.refresh_token.clone().unwrap();
    let body = format!(r#"{{"message":"token {} is unknown"}}"#, token.expose());
    party.provider.alter_response(EndpointName::Token, hostile::respond(400, "application/json", body));
    let text = party.refresh(&user).unwrap_err().to_string();
    assert!(text.contains("is unknown") && !text.contains(token.expose()), "{text}");
}
