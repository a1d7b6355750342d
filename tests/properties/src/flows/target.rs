//! What the tokens of the flows are for: resources and authorization details.

use oidc_proto::{
    Secret,
    flow::{ClientCredentialsRequest, DeviceAuthorizationRequest, RefreshRequest},
    message::{AuthorizationDetail, AuthorizationRequest, TokenResponse},
};
use oidc_testkit::TestProvider;

const API: &str = "https://api.example";
/// A parser of URLs would change it.
const OTHER: &str = "https://Other.example:443/a/../b";
const TYPE: &str = "payment";

pub(super) fn accept(provider: &mut TestProvider) {
    provider.offer_details(&[TYPE]);
}

fn named(flags: u8) -> bool {
    flags & 128 != 0
}

fn payment() -> AuthorizationDetail {
    AuthorizationDetail::new(TYPE).actions(["initiate", "status"])
}

pub(super) fn login(flags: u8) -> AuthorizationRequest {
    let request = AuthorizationRequest::default();
    if !named(flags) {
        return request;
    }
    request.resource(API).resource(OTHER).authorization_detail(payment())
}

pub(super) fn narrow(used: &Secret, flags: u8) -> RefreshRequest {
    let wanted = RefreshRequest::new(used.clone());
    if !named(flags) {
        return wanted;
    }
    wanted.resource(OTHER).authorization_detail(AuthorizationDetail::new(TYPE).actions(["status"]))
}

pub(super) fn service(flags: u8) -> ClientCredentialsRequest {
    let wanted = ClientCredentialsRequest::new(["read"]).resource(API);
    if named(flags) { wanted.authorization_detail(payment()) } else { wanted }
}

pub(super) fn device(scopes: &[&str], flags: u8) -> DeviceAuthorizationRequest {
    let wanted = DeviceAuthorizationRequest::new(scopes.iter().copied());
    if named(flags) { wanted.resource(OTHER).authorization_detail(payment()) } else { wanted }
}

/// Checks that a client that has asked for rights is told which it has, and has none of another type.
pub(super) fn judge(tokens: &TokenResponse, flags: u8) {
    if named(flags) {
        let granted = tokens.authorization_details.as_ref().expect("a response without them is refused");
        assert!(granted.iter().all(|detail| detail.detail_type == TYPE), "rights of a foreign type");
    }
}
