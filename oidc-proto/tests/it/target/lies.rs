//! Providers that answer a request for rights with something else: nothing, nonsense, foreign rights, or no answer.

use super::*;
use oidc_proto::{
    base::JsonError,
    flow::{ClientCredentialsRequest, ResponseRule, Step, TokenExchangeRequest, TokenTypeIdentifier},
};
use oidc_testkit::{EndpointName, hostile};
use serde_json::{Value, json};

fn rule(error: &Error) -> ResponseRule {
    match error {
        Error::Response(error) => error.rule.clone(),
        other => panic!("{other}"),
    }
}

/// What a flow with rights makes of this member, and what it is refused for.
fn answers() -> Vec<(Value, Result<(), ResponseRule>)> {
    let json =
        |expected| ResponseRule::Json(JsonError::WrongType { member: "authorization_details", expected });
    vec![
        (json!([{"type": "payment"}]), Ok(())),
        (json!([]), Ok(())),
        (json!([{"type": "payment", "actions": ["everything"]}, {"type": "payment"}]), Ok(())),
        (json!([{"type": "payment"}, {"type": "account"}]), Err(ResponseRule::ForeignDetails)),
        (json!([{"type": "Payment"}]), Err(ResponseRule::ForeignDetails)),
        (json!([{"type": "admin", "actions": ["initiate"]}]), Err(ResponseRule::ForeignDetails)),
        (Value::Null, Err(ResponseRule::Missing("authorization_details"))),
        (json!("payment"), Err(json("an array of objects"))),
        (json!({"type": "payment"}), Err(json("an array of objects"))),
        (json!([{"actions": ["initiate"]}]), Err(json("an array of objects with a `type`"))),
    ]
}

#[test]
fn an_answer_with_foreign_rights_or_without_readable_ones_is_refused_by_every_flow_that_has_asked() {
    for (member, expected) in answers() {
        let lie = || hostile::set_member("authorization_details", member.clone());
        let verdict =
            |result: Result<TokenResponse, Error>| result.map(drop).map_err(|error| rule(error.cause()));
        let mut party = party();
        party.provider.alter_response(EndpointName::Token, lie());
        let request = AuthorizationRequest::new(["profile"]).authorization_detail(payment());
        let logged_in = login(&mut party, &request, |pending| pending).map(|user| user.tokens);
        assert_eq!(verdict(logged_in), expected, "login {member}");

        let service = ClientCredentialsRequest::new(["jobs"]).authorization_detail(payment());
        assert_eq!(verdict(party.client_credentials(&service)), expected, "client credentials {member}");

        let wanted = DeviceAuthorizationRequest::new(["files"]).authorization_detail(payment());
        assert_eq!(verdict(device(&mut party, &wanted)), expected, "device {member}");

        party.provider.clear_alterations();
        let subject =
            party.client_credentials(&ClientCredentialsRequest::new(["jobs"])).unwrap().access_token;
        party.provider.alter_response(EndpointName::Token, lie());
        let wanted = TokenExchangeRequest::new(subject, TokenTypeIdentifier::ACCESS_TOKEN);
        let call =
            party.client.exchange(&wanted.authorization_detail(payment()), party.clock.moment()).unwrap();
        let exchanged = drive(call, &mut party.provider, &mut party.clock).map(|exchanged| exchanged.tokens);
        assert_eq!(verdict(exchanged), expected, "exchange {member}");
    }
}

#[test]
fn a_refresh_that_is_not_believed_keeps_the_new_refresh_token() {
    for (member, expected) in answers() {
        let mut party = party();
        let request = AuthorizationRequest::new(["profile"]).authorization_detail(payment());
        let tokens = login(&mut party, &request, |pending| pending).unwrap().tokens;
        party.provider.alter_response(
            EndpointName::Token,
            hostile::set_member("authorization_details", member.clone()),
        );
        let wanted = RefreshRequest::new(tokens.refresh_token.unwrap()).authorization_detail(payment());
        let refreshed = refresh(&mut party, &wanted);
        party.provider.clear_alterations();
        let next = match (refreshed, expected) {
            (Ok(refreshed), Ok(())) => refreshed.tokens.refresh_token.unwrap(),
            (Err(error), Err(expected)) => {
                assert_eq!(rule(error.cause()), expected, "{member}");
                error.new_refresh_token().expect("it is not lost").clone()
            }
            (refreshed, _) => panic!("{member}: {refreshed:?}"),
        };
        assert!(refresh(&mut party, &RefreshRequest::new(next)).is_ok(), "{member}");
    }
}

#[test]
fn a_client_that_has_asked_for_no_rights_does_without_the_answer() {
    for (member, _) in answers() {
        let mut party = party();
        let lie = hostile::set_member("authorization_details", member.clone());
        party.provider.alter_response(EndpointName::Token, lie);
        let tokens = party.login().unwrap().tokens;
        let readable = AuthorizationDetails::from_value(&member).ok();
        assert_eq!(tokens.authorization_details, readable);
        let kept = tokens.extra.contains_key("authorization_details");
        assert_eq!(
            kept,
            readable.is_none() && !member.is_null(),
            "what cannot be read is not lost: {member}"
        );
    }
}

#[test]
fn an_answer_that_is_lost_late_huge_or_broken_is_what_it_is_without_rights() {
    let wanted = ClientCredentialsRequest::new(["jobs"]).resource(STOCK).authorization_detail(payment());
    let party = party();
    let call = || party.client.client_credentials(&wanted, moment(NOW)).unwrap();
    let (request, _, pending) = call().into_parts();
    // Lost: asked again, for the same.
    let Ok(Some(Step::Wait(pause))) = pending.fail(moment(NOW)) else { panic!("it may be repeated") };
    let Ok(Step::Send(again)) = pause.wake(moment(NOW.plus(1))) else { panic!("it is time") };
    assert_eq!(again.request().body(), request.body());
    // Too late to answer, and a body that is no JSON, cut off, or too large.
    let good =
        json!({"access_token": "a", "token_type": "Bearer", "authorization_details": [{"type": "payment"}]});
    for (status, body, waits) in [
        (503, "{}".to_owned(), true),
        (200, "not JSON".to_owned(), false),
        (200, good.to_string()[..60].to_owned(), false),
        (200, format!("{good}{}", " ".repeat(80_000)), false),
        (200, good.to_string().replace("[{", &format!("{}{{", "[".repeat(60))), false),
    ] {
        let step = answer(call(), status, "application/json", &body);
        match waits {
            true => assert!(matches!(step, Ok(Step::Wait(_))), "{status}"),
            false => assert!(matches!(step, Err(Error::Response(_))), "{status} {step:?}"),
        }
    }
    assert!(matches!(answer(call(), 200, "application/json", good), Ok(Step::Done(_))));
}
