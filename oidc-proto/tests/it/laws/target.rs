//! What the tokens of the flows are for: the laws hold for requests with resources and authorization details, too.

use oidc_proto::{
    Secret,
    flow::{ClientCredentialsRequest, DeviceAuthorizationRequest, RefreshRequest},
    message::{AuthorizationDetail, AuthorizationRequest},
};
use oidc_testkit::TestProvider;

const API: &str = "https://api.example";
/// A parser of URLs would change it.
const OTHER: &str = "https://Other.example:443/a/../b";

fn payment() -> AuthorizationDetail {
    AuthorizationDetail::new("payment").actions(["initiate", "status"])
}

pub(super) fn offered(provider: &mut TestProvider) {
    provider.offer_details(&["payment"]);
}

pub(super) fn login() -> AuthorizationRequest {
    let request = AuthorizationRequest::new(["profile", "email", "offline_access"]);
    request.resource(API).resource(OTHER).authorization_detail(payment())
}

/// A refresh for one of the two resources, and for one of the two actions.
pub(super) fn narrow(spent: &Secret) -> RefreshRequest {
    let status = AuthorizationDetail::new("payment").actions(["status"]);
    RefreshRequest::new(spent.clone()).resource(OTHER).authorization_detail(status)
}

pub(super) fn service() -> ClientCredentialsRequest {
    ClientCredentialsRequest::new(["reports"]).resource(API).authorization_detail(payment())
}

pub(super) fn device() -> DeviceAuthorizationRequest {
    DeviceAuthorizationRequest::new(["openid", "profile"]).resource(OTHER).authorization_detail(payment())
}
