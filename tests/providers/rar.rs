//! Resource indicators (RFC 8707) and rich authorization requests (RFC 9396) at a real, OpenID-certified provider, over
//! each adapter: `oidc-provider` from npm, which issues a token for one resource only.

use crate::{
    adapters::Http,
    npm::{self, Browser, Npm, User},
};
use oidc_drive::moment;
use oidc_proto::{
    Error,
    flow::{Authenticated, Client, ClientCredentialsRequest, PendingAuthorization, RefreshRequest},
    jose::Algorithm,
    message::{
        AuthorizationDetail, AuthorizationDetails, AuthorizationRequest, AuthorizationResponse,
        DetailDifference, TokenResponse,
    },
    token::{AccessTokenVerifier, Scratch},
};

const API: &str = "https://api.example/";
/// A parser of URLs would write it in another way.
const STOCK: &str = "https://Stock.example:443/v1/../v2";

fn client(npm: &Npm) -> Client {
    let builder = npm.client("ES256", "client_secret_basic");
    builder.id_token_signed_response_alg(Algorithm::ES256).build().expect("a client")
}

/// Logs in with this request.
fn log_in(
    (http, client): (&impl Http, &Client),
    request: &AuthorizationRequest,
    choose: impl FnOnce(PendingAuthorization) -> PendingAuthorization,
) -> Authenticated {
    let (url, pending) = client.authorize(request, moment()).expect("a request");
    let callback = Browser::new().visit(&url, User::Agrees("alice"));
    let response = AuthorizationResponse::from_url(&callback).expect("a callback");
    http.finish(choose(pending).callback(client, None, response, moment()).expect("a code"))
}

/// The audience among these for which the access token is, and its rights.
fn read(
    http: &impl Http,
    client: &Client,
    tokens: &TokenResponse,
) -> (Vec<&'static str>, AuthorizationDetails) {
    let keys = http.finish(client.jwks().expect("a request"));
    let mut found = (Vec::new(), AuthorizationDetails::default());
    for audience in [API, STOCK] {
        let api = AccessTokenVerifier::new(&client.metadata().issuer, audience);
        let mut scratch = Scratch::new();
        let now = oidc_drive::moment().now();
        if let Ok(verified) = api.verify(tokens.access_token.expose(), &keys, &mut scratch, now) {
            found.0.push(audience);
            found.1 = verified.authorization_details().expect("rights");
        }
    }
    found
}

fn two_resources(http: &impl Http) {
    let Some(npm) = npm::npm() else { return };
    let client = client(npm);
    let request = AuthorizationRequest::new(["api:read"]).resource(API).resource(STOCK);
    for (first, other) in [(API, STOCK), (STOCK, API)] {
        let choose =
            |pending: PendingAuthorization| pending.for_resources([first]).expect("one that was asked for");
        let tokens = log_in((http, &client), &request, choose).tokens;
        assert_eq!(read(http, &client, &tokens).0, [first]);

        let token = tokens.refresh_token.expect("a refresh token");
        let narrow = RefreshRequest::new(token).resource(other).scopes(["openid", "api:read"]);
        let call = client.refresh_with(&narrow, None, None, moment()).expect("a request");
        let refreshed = http.finish(call);
        assert_eq!(read(http, &client, &refreshed.tokens).0, [other]);
    }
}

fn rights(http: &impl Http) {
    let Some(npm) = npm::npm() else { return };
    let client = client(npm);
    let offered = client.metadata().authorization_details_types_supported.as_deref().expect("types");
    assert_eq!(offered, ["payment", "account"]);
    let payment = || AuthorizationDetail::new("payment").actions(["initiate", "status"]);
    let account = AuthorizationDetail::new("account").actions(["list"]);
    let request = AuthorizationRequest::new(["api:read"])
        .resource(API)
        .authorization_detail(payment())
        .authorization_detail(account.clone());
    let tokens = log_in((http, &client), &request, |pending| pending).tokens;
    let asked: AuthorizationDetails = [payment(), account].into_iter().collect();
    let granted = tokens.authorization_details.clone().expect("what was granted");
    let comparison = granted.compare(&asked);
    let chosen = DetailDifference::Enriched { asked: 1, granted: 1, member: "identifier".to_owned() };
    assert_eq!(comparison.differences(), [chosen], "the user has chosen an account");
    assert!(comparison.has_all());
    let (audience, rights) = read(http, &client, &tokens);
    assert_eq!((audience, rights), (vec![API], granted));

    // Fewer rights with a refresh, and none that were not granted.
    let token = tokens.refresh_token.expect("a refresh token");
    let status = AuthorizationDetail::new("payment").actions(["status"]);
    let narrow = RefreshRequest::new(token).resource(API).authorization_detail(status.clone());
    let call = client.refresh_with(&narrow, None, None, moment()).expect("a request");
    let refreshed = http.finish(call).tokens;
    assert_eq!(refreshed.authorization_details, Some(status.clone().into()));
    assert_eq!(read(http, &client, &refreshed).1, status.into());

    let service = ClientCredentialsRequest::new(["api:read"]).resource(API).authorization_detail(payment());
    let tokens = http.finish(client.client_credentials(&service, moment()).expect("a request"));
    assert_eq!(tokens.authorization_details, Some(payment().into()));
}

#[test]
fn a_login_for_two_resources_yields_a_token_for_each_over_ureq() {
    two_resources(&oidc_ureq::Http::new());
}

#[test]
fn a_login_for_two_resources_yields_a_token_for_each_over_hyper() {
    two_resources(&oidc_hyper::Http::new());
}

#[test]
fn a_login_for_two_resources_yields_a_token_for_each_over_reqwest() {
    two_resources(&oidc_reqwest::Http::new());
}

#[test]
fn rights_are_asked_for_and_compared_over_ureq() {
    rights(&oidc_ureq::Http::new());
}

#[test]
fn rights_are_asked_for_and_compared_over_hyper() {
    rights(&oidc_hyper::Http::new());
}

#[test]
fn rights_are_asked_for_and_compared_over_reqwest() {
    rights(&oidc_reqwest::Http::new());
}

#[test]
fn what_the_provider_does_not_know_is_refused_with_a_reason() {
    let Some(npm) = npm::npm() else { return };
    let client = client(npm);
    let unlisted =
        AuthorizationRequest::new(["api:read"]).authorization_detail(AuthorizationDetail::new("transfer"));
    assert!(matches!(client.authorize(&unlisted, moment()), Err(Error::UnsupportedDetails(_))));
    let ask = |wanted: &ClientCredentialsRequest| {
        let call = client.client_credentials(wanted, moment()).expect("a request");
        npm::protocol(npm.http.run(call).map(drop).expect_err("it is refused"))
    };
    let unknown = ClientCredentialsRequest::new(["api:read"]).resource("https://stock.example/v2");
    assert_eq!(ask(&unknown).code(), "invalid_target", "another spelling is another resource");
    let incomplete = AuthorizationDetail::new("payment");
    let incomplete =
        ClientCredentialsRequest::new(["api:read"]).resource(API).authorization_detail(incomplete);
    assert_eq!(ask(&incomplete).code(), "invalid_authorization_details");
}
