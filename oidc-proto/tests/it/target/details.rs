//! Rich authorization requests (RFC 9396): typed in every request, and compared with what comes back.

use super::*;
use oidc_proto::{
    flow::{ClientCredentialsRequest, ConfigError, GrantRequest, TokenExchangeRequest, TokenTypeIdentifier},
    message::{AccessRequest, AuthorizationResponse, DetailDifference},
};
use oidc_testkit::{Browser, EndpointName};
use serde_json::json;

fn account() -> AuthorizationDetail {
    AuthorizationDetail::new("account").actions(["list"]).member("access", json!({"accounts": []}))
}

fn request() -> AuthorizationRequest {
    AuthorizationRequest::new(["profile"]).authorization_detail(payment()).authorization_detail(account())
}

#[test]
fn a_login_asks_for_rights_and_learns_which_were_granted() {
    let mut party = party();
    let user = login(&mut party, &request(), |pending| {
        assert_eq!(pending.authorization_details(), &of([payment(), account()]));
        pending
    });
    let tokens = user.unwrap().tokens;
    let requests = party.provider.requests();
    let asked = requests.iter().find(|seen| seen.endpoint == EndpointName::Authorize).unwrap();
    let sent: AuthorizationDetails = serde_json::from_str(&all(asked, "authorization_details")[0]).unwrap();
    assert_eq!(sent, of([payment(), account()]));
    // With the code, the provider decides (RFC 9396 section 6).
    let exchanged = requests.iter().find(|seen| seen.endpoint == EndpointName::Token).unwrap();
    assert!(all(exchanged, "authorization_details").is_empty());
    assert!(tokens.authorization_details.unwrap().compare(&sent).is_exact());
    party.provider.assert_clean();
}

#[test]
fn a_user_who_grants_less_or_other_accounts_is_no_error_but_a_difference() {
    let mut party = party();
    party.provider.decide_details(|details| {
        details[0]["actions"] = json!(["status"]);
        details[1]["access"]["accounts"] = json!([{"iban": "DE40"}]);
    });
    let tokens = login(&mut party, &request(), |pending| pending).unwrap().tokens;
    let comparison = tokens.authorization_details.unwrap().compare(&of([payment(), account()]));
    assert_eq!(
        comparison.differences(),
        [
            DetailDifference::Narrowed { asked: 0, granted: 0, member: "actions".to_owned() },
            DetailDifference::Enriched { asked: 1, granted: 1, member: "access".to_owned() },
        ]
    );
    assert!(!comparison.has_all() && !comparison.has_no_more());

    let mut party = self::party();
    party.provider.decide_details(|details| drop(details.remove(0)));
    let tokens = login(&mut party, &request(), |pending| pending).unwrap().tokens;
    let comparison = tokens.authorization_details.unwrap().compare(&of([payment(), account()]));
    assert_eq!(comparison.differences(), [DetailDifference::Missing { asked: 0 }]);
}

#[test]
fn a_code_and_a_refresh_token_are_exchanged_for_fewer_rights() {
    let mut party = party();
    let status = || AuthorizationDetail::new("payment").actions(["status"]);
    let user =
        login(&mut party, &request(), |pending| pending.with_authorization_details(of([status()])).unwrap());
    let tokens = user.unwrap().tokens;
    assert_eq!(last(&party, "authorization_details"), [of([status()]).to_json()]);
    assert_eq!(tokens.authorization_details, Some(of([status()])));

    let list = AuthorizationDetail::new("account").actions(["list"]);
    let wanted = RefreshRequest::new(tokens.refresh_token.unwrap()).authorization_detail(list.clone());
    let refreshed = refresh(&mut party, &wanted).unwrap().tokens;
    assert_eq!(refreshed.authorization_details, Some(of([list])));
    // The grant is as wide as before, and no wider.
    let token = refreshed.refresh_token.unwrap();
    let cancel = payment().actions(["cancel"]);
    let refused = refresh(&mut party, &RefreshRequest::new(token.clone()).authorization_detail(cancel));
    assert_eq!(refused.unwrap_err().code(), "invalid_authorization_details");
    let whole = refresh(&mut party, &RefreshRequest::new(token)).unwrap().tokens;
    assert_eq!(whole.authorization_details, Some(of([payment(), account()])));
}

#[test]
fn a_choice_of_rights_is_among_the_types_of_the_request() {
    let party = party();
    let asked = AuthorizationRequest::new(["a"]).authorization_detail(payment());
    let (_, pending) = party.client.authorize(&asked, moment(NOW)).unwrap();
    for wrong in [of([]), of([account()]), of([payment(), account()]), of([payment().member("type", "x")])] {
        let refused = pending.clone().with_authorization_details(wrong).unwrap_err();
        assert_eq!(refused, ConfigError::Parameter("authorization_details"));
    }
}

#[test]
fn every_other_grant_asks_for_rights_too() {
    let mut party = party();
    let tokens =
        device(&mut party, &DeviceAuthorizationRequest::new(["openid"]).authorization_detail(payment()));
    assert_eq!(tokens.unwrap().authorization_details, Some(of([payment()])));

    let service = ClientCredentialsRequest::new(["jobs"]).authorization_detail(account());
    let tokens = party.client_credentials(&service).unwrap();
    assert_eq!(tokens.authorization_details, Some(of([account()])));

    let wanted = TokenExchangeRequest::new(tokens.access_token, TokenTypeIdentifier::ACCESS_TOKEN);
    let call = party.client.exchange(&wanted.authorization_detail(payment()), party.clock.moment()).unwrap();
    let exchanged = drive(call, &mut party.provider, &mut party.clock).unwrap();
    assert_eq!(exchanged.tokens.authorization_details, Some(of([payment()])));

    party.provider.accept_grant("urn:example:grant:badge", &["badge"]);
    party.provider.allow_grant("app", "urn:example:grant:badge");
    let wanted = GrantRequest::new("urn:example:grant:badge").parameter("badge", "7");
    let call = party.client.grant(&wanted.authorization_detail(payment()), party.clock.moment()).unwrap();
    let tokens = drive(call, &mut party.provider, &mut party.clock).unwrap();
    assert_eq!(tokens.authorization_details, Some(of([payment()])));

    let request = AccessRequest::new(["read"]).authorization_detail(account());
    let (url, pending) = party.client.authorize_access(&request, party.clock.moment()).unwrap();
    let landing = Browser::new().visit(&mut party.provider, &url, party.clock.now());
    let response = AuthorizationResponse::from_url(landing.url()).unwrap();
    let step = pending.callback(&party.client, response, party.clock.moment()).unwrap();
    let granted = drive(step, &mut party.provider, &mut party.clock).unwrap();
    assert_eq!(granted.tokens.authorization_details, Some(of([account()])));
    party.provider.assert_clean();
}

#[test]
fn a_type_that_the_provider_does_not_list_is_refused_before_anything_is_sent() {
    let mut party = party();
    let metadata = party.discover().unwrap();
    let listed = metadata.authorization_details_types_supported.as_deref();
    assert_eq!(listed.unwrap(), ["payment", "account"]);
    let builder = Client::builder(metadata, "app").secret("x").redirect_uri("https://app.example/callback");
    let client = builder.build().unwrap();
    for unknown in ["Payment", "transfer", "https://bank.example/payment"] {
        let other = || AuthorizationDetail::new(unknown);
        let login =
            AuthorizationRequest::new(["a"]).authorization_detail(payment()).authorization_detail(other());
        let access = AccessRequest::new(["a"]).authorization_detail(other());
        let service = ClientCredentialsRequest::new(["a"]).authorization_detail(other());
        let device = DeviceAuthorizationRequest::new(["a"]).authorization_detail(other());
        let refresh = RefreshRequest::new("t").authorization_detail(other());
        let exchange = TokenExchangeRequest::new("t", TokenTypeIdentifier::JWT).authorization_detail(other());
        for refused in [
            client.authorize(&login, moment(NOW)).map(drop),
            client.authorize_access(&access, moment(NOW)).map(drop),
            client.client_credentials(&service, moment(NOW)).map(drop),
            client.device_authorization_with(&device, moment(NOW)).map(drop),
            client.refresh_with(&refresh, None, None, moment(NOW)).map(drop),
            client.exchange(&exchange, moment(NOW)).map(drop),
        ] {
            let Err(Error::UnsupportedDetails(error)) = refused else { panic!("{refused:?}") };
            assert_eq!(
                (&*error.wanted, &*error.offered),
                (unknown, &["payment".to_owned(), "account".to_owned()][..])
            );
            assert!(error.to_string().contains("it has `payment`, `account`"), "{error}");
        }
    }
    assert!(client.authorize(&request(), moment(NOW)).is_ok());
}

#[test]
fn a_provider_that_does_not_know_a_type_says_so() {
    let mut party = party();
    let unknown = AuthorizationRequest::new(["a"]).authorization_detail(AuthorizationDetail::new("transfer"));
    let refused = login(&mut party, &unknown, |pending| pending).unwrap_err();
    assert_eq!(refused.provider_code(), Some("invalid_authorization_details"));
}
