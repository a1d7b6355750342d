//! Access without a login, end to end: from the first visit of the embedded provider to fresh tokens.
#![allow(clippy::unwrap_used, clippy::panic)]

use oidc_proto::{
    Error,
    flow::{AccessGranted, PendingAccess, SealingKeys},
    message::{AccessRequest, AuthorizationResponse},
};
use oidc_testkit::{Browser, EndpointName, Party, drive, hostile};

/// A user grants access. `saved` is applied to the pending state in the meantime.
fn granted(
    party: &mut Party,
    saved: impl FnOnce(PendingAccess) -> PendingAccess,
) -> Result<AccessGranted, Error> {
    let request = AccessRequest::new(["reports:read", "offline_access"]);
    let (url, pending) = party.client.authorize_access(&request, party.clock.moment())?;
    assert!(!url.as_str().contains("openid") && !url.as_str().contains("nonce"), "{url}");
    let landing = Browser::new().visit(&mut party.provider, url, party.clock.now());
    let pending = saved(pending);
    let answer = AuthorizationResponse::from_url(landing.url())?;
    let call = pending.callback(&party.client, answer, party.clock.moment())?;
    drive(call, &mut party.provider, &mut party.clock)
}

#[test]
fn a_user_grants_access_and_it_is_refreshed() {
    let mut party = Party::new();
    let keys = SealingKeys::new(1, &[7; 32]);
    let through = |pending: PendingAccess| {
        let saved = serde_json::to_string(&pending).unwrap();
        let pending = serde_json::from_str(&saved).unwrap();
        let moment = oidc_proto::Moment::new(PendingAccess::created(&pending), [9; 32]);
        keys.open(&keys.seal(&pending, "access", moment).unwrap(), "access").unwrap()
    };
    let granted = granted(&mut party, through).unwrap();
    assert_eq!(granted.tokens.id_token, None);
    assert_eq!(party.provider.count(EndpointName::Token), 1, "one request is enough");
    assert_eq!(party.provider.count(EndpointName::Jwks), 0, "there is nothing to verify");
    let spent = granted.tokens.refresh_token.expect("access while the user is away");
    let refreshed = party.refresh_with(&spent, None, None).unwrap();
    assert!(refreshed.rotated && refreshed.id_token.is_none());
    party.provider.assert_clean();
}

#[test]
fn an_id_token_that_was_not_asked_for_is_ignored() {
    let mut party = Party::new();
    let forged = hostile::set_member("id_token", "nobody.has.asked");
    party.provider.alter_response(EndpointName::Token, forged);
    assert_eq!(granted(&mut party, |pending| pending).unwrap().tokens.id_token, None);
}

#[test]
fn a_user_may_refuse() {
    let mut party = Party::new();
    party.provider.deny_next("access_denied");
    let denied = granted(&mut party, |pending| pending).unwrap_err();
    assert_eq!(denied.code(), "callback_denied");
    assert_eq!(party.provider.count(EndpointName::Token), 0);
    party.provider.assert_clean();
}
