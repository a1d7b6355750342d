//! Resource indicators (RFC 8707): to the letter in every request, and narrower where a request may be.

use super::*;
use oidc_proto::{
    flow::{ClientCredentialsRequest, ConfigError, TokenExchangeRequest, TokenTypeIdentifier},
    message::{AccessRequest, AuthorizationResponse},
};
use oidc_testkit::{Browser, EndpointName, hostile};

fn both() -> AuthorizationRequest {
    AuthorizationRequest::new(["profile"]).resource(ORDERS).resource(STOCK)
}

#[test]
fn a_login_names_its_resources_to_the_letter_and_again_with_the_code() {
    let mut party = party();
    let user = login(&mut party, &both(), |pending| pending).unwrap();
    let requests = party.provider.requests();
    for endpoint in [EndpointName::Authorize, EndpointName::Token] {
        let seen = requests.iter().find(|seen| seen.endpoint == endpoint).unwrap();
        assert_eq!(all(seen, "resource"), [ORDERS, STOCK], "{endpoint}");
    }
    assert_eq!(audiences(&mut party, &user.tokens, &[ORDERS, STOCK]), [ORDERS, STOCK]);
    // Another spelling of the same URL is another resource.
    assert!(audiences(&mut party, &user.tokens, &["https://orders.example/v1?x=~"]).is_empty());
    party.provider.assert_clean();
}

#[test]
fn a_code_may_be_exchanged_for_one_resource_and_the_refresh_token_for_the_other() {
    for (first, other) in [(ORDERS, STOCK), (STOCK, ORDERS)] {
        let mut party = party();
        // Many providers issue tokens for one resource only.
        party.provider.one_audience(true);
        let user = login(&mut party, &both(), |pending| {
            assert_eq!(pending.resources(), [ORDERS, STOCK]);
            pending.for_resources([first]).unwrap()
        });
        let user = user.unwrap();
        assert_eq!(audiences(&mut party, &user.tokens, &[ORDERS, STOCK]), [first]);

        let token = user.tokens.refresh_token.unwrap();
        let refreshed = refresh(&mut party, &RefreshRequest::new(token).resource(other)).unwrap();
        assert_eq!(audiences(&mut party, &refreshed.tokens, &[ORDERS, STOCK]), [other]);
        // The grant is as wide as before.
        let token = refreshed.tokens.refresh_token.unwrap();
        let refreshed = refresh(&mut party, &RefreshRequest::new(token).resource(first)).unwrap();
        assert_eq!(audiences(&mut party, &refreshed.tokens, &[ORDERS, STOCK]), [first]);
        party.provider.assert_clean();
    }
}

#[test]
fn a_provider_that_issues_tokens_for_one_resource_says_so_and_the_error_names_the_method() {
    let mut party = party();
    party.provider.one_audience(true);
    let refused = login(&mut party, &both(), |pending| pending).unwrap_err();
    assert_eq!(refused.code(), "invalid_target");
    assert!(refused.to_string().contains("`for_resources`"), "{refused}");
    // The code was sent once: the provider may have spent it.
    assert_eq!(party.provider.count(EndpointName::Token), 1);
}

#[test]
fn a_choice_is_among_the_resources_of_the_request() {
    let party = party();
    let (_, pending) = party.client.authorize(&both(), moment(NOW)).unwrap();
    let wrong = ConfigError::Parameter("resource");
    for none in [&[][..], &["https://orders.example/v1?x=~"], &[STOCK, "urn:example:other"]] {
        assert_eq!(pending.clone().for_resources(none.iter().copied()).unwrap_err(), wrong, "{none:?}");
    }
    // A second choice can only be narrower.
    let chosen = pending.for_resources([STOCK]).unwrap();
    assert_eq!(chosen.clone().for_resources([ORDERS]).unwrap_err(), wrong);
    assert_eq!(chosen.for_resources([STOCK]).unwrap().resources(), [STOCK]);
}

#[test]
fn access_without_a_login_names_its_resources_too() {
    let mut party = party();
    let request = AccessRequest::new(["read"]).resource(ORDERS).resource(STOCK);
    let (url, pending) = party.client.authorize_access(&request, party.clock.moment()).unwrap();
    let landing = Browser::new().visit(&mut party.provider, &url, party.clock.now());
    let response = AuthorizationResponse::from_url(landing.url()).unwrap();
    let pending = pending.for_resources([STOCK]).unwrap();
    let step = pending.callback(&party.client, response, party.clock.moment()).unwrap();
    let granted = drive(step, &mut party.provider, &mut party.clock).unwrap();
    assert_eq!(last(&party, "resource"), [STOCK]);
    assert_eq!(audiences(&mut party, &granted.tokens, &[ORDERS, STOCK]), [STOCK]);
    party.provider.assert_clean();
}

#[test]
fn a_refresh_asks_for_a_part_of_what_was_granted_and_no_more() {
    let mut party = party();
    let user = login(&mut party, &both(), |pending| pending).unwrap();
    let token = user.tokens.refresh_token.unwrap();
    let narrow = RefreshRequest::new(token).resource(STOCK).scopes(["profile"]);
    let refreshed = refresh(&mut party, &narrow).unwrap();
    assert_eq!(
        (last(&party, "resource"), last(&party, "scope")),
        (vec![STOCK.into()], vec!["profile".into()])
    );
    assert_eq!(refreshed.tokens.scope.as_deref(), Some("profile"));
    assert_eq!(refreshed.id_token.map(drop), None, "without openid there is no ID token");
    let token = refreshed.tokens.refresh_token.unwrap();
    for (wanted, code) in [
        (RefreshRequest::new(token.clone()).resource("https://other.example/"), "invalid_target"),
        (RefreshRequest::new(token.clone()).scopes(["admin"]), "invalid_scope"),
    ] {
        let refused = refresh(&mut party, &wanted).unwrap_err();
        assert_eq!(refused.code(), code);
        // What is refused spends nothing here.
        assert_eq!(refused.new_refresh_token(), None);
    }
    let all = refresh(&mut party, &RefreshRequest::new(token)).unwrap();
    assert_eq!(audiences(&mut party, &all.tokens, &[ORDERS, STOCK]), [ORDERS, STOCK]);
}

#[test]
fn a_device_names_its_resources_at_the_start_and_with_each_poll() {
    let mut party = party();
    let request = DeviceAuthorizationRequest::new(["openid"]).resource(ORDERS).resource(STOCK);
    let tokens = device(&mut party, &request).unwrap();
    for endpoint in [EndpointName::DeviceAuthorization, EndpointName::Token] {
        let seen = party.provider.requests().iter().find(|seen| seen.endpoint == endpoint).unwrap();
        assert_eq!(all(seen, "resource"), [ORDERS, STOCK], "{endpoint}");
    }
    assert_eq!(audiences(&mut party, &tokens, &[ORDERS, STOCK]), [ORDERS, STOCK]);
    party.provider.assert_clean();
}

#[test]
fn a_service_and_an_exchange_name_their_resources() {
    let mut party = party();
    let wanted = ClientCredentialsRequest::new(["jobs"]).resource(ORDERS).resource(STOCK);
    let tokens = party.client_credentials(&wanted).unwrap();
    assert_eq!(last(&party, "resource"), [ORDERS, STOCK]);
    assert_eq!(audiences(&mut party, &tokens, &[ORDERS, STOCK]), [ORDERS, STOCK]);

    let wanted =
        TokenExchangeRequest::new(tokens.access_token, TokenTypeIdentifier::ACCESS_TOKEN).resource(STOCK);
    let call = party.client.exchange(&wanted, party.clock.moment()).unwrap();
    let exchanged = drive(call, &mut party.provider, &mut party.clock).unwrap();
    assert_eq!(last(&party, "resource"), [STOCK]);
    assert_eq!(audiences(&mut party, &exchanged.tokens, &[ORDERS, STOCK]), [STOCK]);
    party.provider.assert_clean();
}

#[test]
fn what_is_no_resource_is_refused_before_anything_is_sent() {
    let party = party();
    let wrong: Error = ConfigError::Parameter("resource").into();
    for bad in [
        "",
        "orders",
        "/orders",
        "https://",
        "https://a.example/#x",
        " https://a.example",
        "https://a.example/é",
    ] {
        let client = &party.client;
        let login = AuthorizationRequest::new(["a"]).resource(STOCK).resource(bad);
        assert_eq!(client.authorize(&login, moment(NOW)).unwrap_err(), wrong, "{bad}");
        let access = AccessRequest::new(["a"]).resource(bad);
        assert_eq!(client.authorize_access(&access, moment(NOW)).unwrap_err(), wrong, "{bad}");
        let refresh = RefreshRequest::new("token").resource(bad);
        assert_eq!(client.refresh_with(&refresh, None, None, moment(NOW)).unwrap_err(), wrong, "{bad}");
        let device = DeviceAuthorizationRequest::new(["a"]).resource(bad);
        assert_eq!(client.device_authorization_with(&device, moment(NOW)).unwrap_err(), wrong, "{bad}");
        let service = ClientCredentialsRequest::new(["a"]).resource(bad);
        assert_eq!(client.client_credentials(&service, moment(NOW)).unwrap_err(), wrong, "{bad}");
        let exchange = TokenExchangeRequest::new("t", TokenTypeIdentifier::JWT).resource(bad);
        assert_eq!(client.exchange(&exchange, moment(NOW)).unwrap_err(), wrong, "{bad}");
    }
    // More than a saved state has room for.
    let many =
        (0..65).fold(AuthorizationRequest::new(["a"]), |many, n| many.resource(format!("urn:example:{n}")));
    assert_eq!(party.client.authorize(&many, moment(NOW)).unwrap_err(), wrong);
    for scope in ["", "a b", "a\"b"] {
        let refused = RefreshRequest::new("token").scopes([scope]);
        let refused = party.client.refresh_with(&refused, None, None, moment(NOW)).unwrap_err();
        assert_eq!(refused, ConfigError::Parameter("scope").into(), "{scope:?}");
    }
}

#[test]
fn a_field_and_a_further_parameter_do_not_both_name_a_resource() {
    let party = party();
    for (request, name) in [
        (both().parameter("resource", "https://a.example"), "resource"),
        (
            AuthorizationRequest::new(["a"])
                .authorization_detail(payment())
                .parameter("authorization_details", "[]"),
            "authorization_details",
        ),
    ] {
        let refused = party.client.authorize(&request, moment(NOW)).unwrap_err();
        assert_eq!(refused, ConfigError::Reserved(name).into());
    }
    let service = ClientCredentialsRequest::new(["a"]).authorization_detail(payment());
    let service = service.parameter("authorization_details", "[]");
    let refused = party.client.client_credentials(&service, moment(NOW)).unwrap_err();
    assert_eq!(refused, ConfigError::Reserved("authorization_details").into());
    // As before, a program may set one by itself, such as a name that is no URI.
    let own = AuthorizationRequest::new(["a"]).parameter("resource", "my-api");
    assert!(party.client.authorize(&own, moment(NOW)).is_ok());
}

#[test]
fn a_login_without_an_access_token_has_no_resource() {
    let mut metadata = party().client.metadata().clone();
    metadata.response_types_supported = Some(vec!["id_token".to_owned()]);
    metadata.response_modes_supported = Some(vec!["form_post".to_owned()]);
    let client =
        Client::builder(metadata, "app").secret("x").redirect_uri("https://app.example/cb").build().unwrap();
    for (request, name) in [
        (AuthorizationRequest::new(["a"]).resource(STOCK), "resource"),
        (AuthorizationRequest::new(["a"]).authorization_detail(payment()), "authorization_details"),
    ] {
        let refused = client.authorize_front_login(&request, moment(NOW)).unwrap_err();
        assert_eq!(refused, ConfigError::Parameter(name).into());
    }
    assert!(client.authorize_front_login(&AuthorizationRequest::new(["a"]), moment(NOW)).is_ok());
}

#[test]
fn a_target_that_the_provider_refuses_is_named_wherever_it_refuses() {
    for error in ["invalid_target", "invalid_authorization_details"] {
        let mut party = party();
        party.provider.deny_next(error);
        let refused = login(&mut party, &both(), |pending| pending).unwrap_err();
        assert_eq!(refused.provider_code(), Some(error));
        let mut party = self::party();
        party.provider.alter_response(EndpointName::Token, hostile::oauth_error(400, error));
        let refused = party.client_credentials(&ClientCredentialsRequest::new(["a"])).unwrap_err();
        assert_eq!((refused.code(), refused.remedy()), (error, oidc_proto::Remedy::FixConfiguration));
    }
}
