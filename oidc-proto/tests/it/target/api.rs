//! The API that a token is for: it reads the rights of a token (RFC 9396 section 9), and only it checks the audience.

use super::*;
use oidc_proto::{
    flow::ClientCredentialsRequest,
    message::IntrospectionResponse,
    resource::{Access, RequestView, Requirement, ResourceServer, TrustedIssuer, Verdict},
    token::VerificationError,
};
use serde_json::{Value, json};

const API: &str = "https://bank.example/payments";

fn status() -> AuthorizationDetail {
    AuthorizationDetail::new("payment").actions(["status"])
}

/// The access with a token of the provider at the API.
fn access(party: &mut Party, tokens: &TokenResponse) -> Access {
    let api = ResourceServer::builder(API).trust(TrustedIssuer::new("https://op.example")).build().unwrap();
    let keys = party.keys().unwrap();
    let bearer = format!("Bearer {}", tokens.access_token.expose());
    let (head, ()) = http::Request::get("/").header("authorization", bearer).body(()).unwrap().into_parts();
    let mut scratch = Scratch::new();
    let inspected = api.inspect(&RequestView::of(&head), &mut scratch).unwrap();
    match api.judge(&inspected, &keys, &mut scratch, party.clock.now()) {
        Verdict::Accepted(access) => std::sync::Arc::unwrap_or_clone(access),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_api_reads_the_rights_of_a_jwt_and_a_route_demands_one() {
    let mut party = party();
    let wanted = ClientCredentialsRequest::new(["jobs"]).resource(API).authorization_detail(payment());
    let tokens = party.client_credentials(&wanted).unwrap();
    let access = access(&mut party, &tokens);
    assert_eq!(access.authorization_details().unwrap(), of([payment()]));
    let needs = |detail| Requirement::new().authorization_detail(detail);
    assert!(access.require(&needs(status()), NOW).is_ok());
    assert!(access.require(&needs(status()).authorization_detail(payment()), NOW).is_ok());
    for more in [
        status().actions(["cancel"]),
        status().identifier("another account"),
        AuthorizationDetail::new("account"),
    ] {
        let denied = access.require(&needs(status()).and(needs(more.clone())), NOW).unwrap_err();
        assert_eq!(denied.status(), 403, "{more:?}");
    }

    let api = AccessTokenVerifier::new("https://op.example", API);
    let (keys, mut scratch) = (party.keys().unwrap(), Scratch::new());
    let token = tokens.access_token.expose();
    let verified = api.verify(token, &keys, &mut scratch, party.clock.now()).unwrap();
    assert_eq!(verified.authorization_details().unwrap(), of([payment()]));
}

#[test]
fn rights_that_cannot_be_read_are_no_rights() {
    for bad in
        [json!("payment"), json!({"type": "payment"}), json!([{"actions": ["status"]}]), json!([["payment"]])]
    {
        let mut party = party();
        party
            .provider
            .alter_access_token(oidc_testkit::hostile::set_claim("authorization_details", bad.clone()));
        let tokens =
            party.client_credentials(&ClientCredentialsRequest::new(["jobs"]).resource(API)).unwrap();
        let access = access(&mut party, &tokens);
        assert!(access.authorization_details().is_err(), "{bad}");
        let denied = access.require(&Requirement::new().authorization_detail(status()), NOW).unwrap_err();
        assert_eq!(denied.status(), 403, "{bad}");
        let api = AccessTokenVerifier::new("https://op.example", API);
        let (keys, mut scratch) = (party.keys().unwrap(), Scratch::new());
        let verified = api.verify(tokens.access_token.expose(), &keys, &mut scratch, NOW).unwrap();
        assert!(verified.authorization_details().is_err(), "{bad}");
    }
    let mut party = party();
    let tokens = party.client_credentials(&ClientCredentialsRequest::new(["jobs"]).resource(API)).unwrap();
    let access = access(&mut party, &tokens);
    assert!(access.authorization_details().unwrap().is_empty(), "a token without the claim");
    assert!(access.require(&Requirement::new().authorization_detail(status()), NOW).is_err());
}

#[test]
fn introspection_tells_the_rights_of_an_active_token() {
    let said = |members: Value| {
        IntrospectionResponse::from_members(members.as_object().unwrap().clone())
            .unwrap()
            .authorization_details()
    };
    let details = json!([{"type": "payment", "actions": ["status"]}]);
    assert_eq!(said(json!({"active": true, "authorization_details": details})), Ok(of([status()])));
    assert_eq!(said(json!({"active": true})), Ok(of([])));
    assert_eq!(said(json!({"active": false, "authorization_details": details})), Ok(of([])));
    for bad in [json!("payment"), json!([{}]), json!([{"type": "payment", "actions": "status"}])] {
        assert!(said(json!({"active": true, "authorization_details": bad})).is_err(), "{bad}");
    }
    // The provider says of a token what the token has.
    let mut party = party();
    party.provider.opaque_access_tokens(true);
    let wanted = ClientCredentialsRequest::new(["jobs"]).resource(API).authorization_detail(payment());
    let tokens = party.client_credentials(&wanted).unwrap();
    let call = party.client.introspect(&tokens.access_token, None, party.clock.moment()).unwrap();
    let said = drive(call, &mut party.provider, &mut party.clock).unwrap();
    assert_eq!((said.authorization_details(), &said.aud[..]), (Ok(of([payment()])), &[API.to_owned()][..]));
    let api = ResourceServer::builder(API)
        .trust(TrustedIssuer::new("https://op.example").introspects_opaque_tokens())
        .build()
        .unwrap();
    let bearer = format!("Bearer {}", tokens.access_token.expose());
    let (head, ()) = http::Request::get("/").header("authorization", bearer).body(()).unwrap().into_parts();
    let inspected = api.inspect(&RequestView::of(&head), &mut Scratch::new()).unwrap();
    let Verdict::Accepted(access) = api.judge_introspected(&inspected, &said, NOW) else {
        panic!("it is active")
    };
    assert!(access.require(&Requirement::new().authorization_detail(status()), NOW).is_ok());
}

#[test]
fn a_client_that_wants_to_know_whom_a_token_is_for_verifies_it_as_the_api_would() {
    let mut party = party();
    // This provider ignores the resource.
    party.provider.alter_access_token(oidc_testkit::hostile::set_claim("aud", "https://elsewhere.example"));
    let user = login(&mut party, &AuthorizationRequest::new(["profile"]).resource(STOCK), |pending| pending);
    // The client believes the token endpoint, and does not look into a token that is not for itself.
    let tokens = user.unwrap().tokens;
    let (keys, mut scratch) = (party.keys().unwrap(), Scratch::new());
    let api = AccessTokenVerifier::new("https://op.example", STOCK);
    let refused = api.verify(tokens.access_token.expose(), &keys, &mut scratch, NOW).map(drop);
    assert_eq!(refused, Err(VerificationError::Audience));
}
