//! What a token is for: the values of authorization details and a refresh token do not show.

use super::*;
use oidc_proto::{
    flow::{DeviceAuthorizationRequest, RefreshRequest},
    message::{AccessRequest, AuthorizationDetail, AuthorizationDetails, AuthorizationRequest},
};

pub(super) fn look_at_targets(look: &mut Looker) {
    const ACCOUNT: &str = "DE40100100103307118608";
    look.hide("an account in authorization details", ACCOUNT);
    look.hide("a refresh token to narrow", "a-refresh-token-to-narrow");
    let detail = AuthorizationDetail::new("payment")
        .identifier(ACCOUNT)
        .locations([format!("https://bank.example/{ACCOUNT}")])
        .member("creditorAccount", json!({"iban": ACCOUNT}));
    look.at(&detail);
    let details = AuthorizationDetails::from(detail.clone());
    look.at(&details);
    let comparison = AuthorizationDetails::from(AuthorizationDetail::new("payment")).compare(&details);
    look.at(&comparison);
    comparison.differences().iter().for_each(|difference| look.at(difference));
    look.at(&RefreshRequest::new("a-refresh-token-to-narrow").authorization_detail(detail.clone()));
    look.at(&DeviceAuthorizationRequest::new(["a"]).authorization_detail(detail.clone()));
    look.at(&AuthorizationRequest::new(["a"]).authorization_detail(detail.clone()));
    look.at(&AccessRequest::new(["a"]).authorization_detail(detail.clone()));
    let wanted = ClientCredentialsRequest::new(["a"]).authorization_detail(detail);
    look.at(&wanted);

    // The request, a refusal that repeats it, and a provider that offers another type.
    let mut scene = scene(How::Body);
    let call = || scene.client.client_credentials_once(&wanted, moment(41)).unwrap();
    look_at_call(look, call());
    let (_, _, pending) = call().into_parts();
    let sent = details.to_json();
    let body = json!({"error": "invalid_authorization_details", "error_description": sent}).to_string();
    let refused = http::Response::builder().status(400).header("content-type", "application/json");
    look.at_error(&pending.receive(refused.body(body).unwrap(), moment(42)).unwrap_err());
    scene.metadata.authorization_details_types_supported = Some(vec!["account".to_owned()]);
    let client = builder(&scene.metadata, How::Body).build().unwrap();
    let unsupported = client.client_credentials_once(&wanted, moment(43)).unwrap_err();
    look.at_error(&unsupported);
    let oidc_proto::Error::UnsupportedDetails(unsupported) = unsupported else { panic!("{unsupported}") };
    look.at_error(&*unsupported);
}
