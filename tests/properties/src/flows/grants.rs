//! Token exchange, assertions and a grant of one's own.

use super::{World, as_it_is};
use crate::{NOW, moment};
use oidc_proto::flow::{
    AssertionGrant, AssertionGrantRequest, ExtensionGrant, GrantRequest, JwtAssertion, Login, MAX_RETRIES,
    Pause, TokenExchange, TokenExchangeRequest, TokenTypeIdentifier,
};
use oidc_testkit::{Algorithm, KeyRing, TestProvider};

pub(super) const BADGE: &str = "urn:example:grant:badge";
const OURS: &str = "https://ours.example";

/// Makes the provider accept these grants.
pub(super) fn accept(provider: &mut TestProvider) {
    provider.trust_assertions(OURS, KeyRing::new().document());
    provider.accept_grant(BADGE, &["badge"]);
    super::target::accept(provider);
}

/// Checks the number of requests and waits of a grant that may be repeated, or not.
fn bounded(world: &World<'_>, repeatable: bool) {
    let most = if repeatable { usize::from(MAX_RETRIES) } else { 0 };
    assert!(world.requests <= 1 + most && world.waits <= most);
}

fn parked<F: oidc_proto::flow::Flow>(world: &mut World<'_>, pause: Pause<F>) -> Pause<F> {
    if world.script.byte() & 1 == 0 { pause } else { Pause::new(pause.until(), pause.park()) }
}

pub(super) fn exchange(world: &mut World<'_>, flags: u8) {
    let (call, _) = world.begin(flags);
    let script = std::mem::replace(&mut world.script, crate::Script(&[]));
    let user = world.drive::<Login>(call, as_it_is).expect("an honest provider logs in");
    (world.script, world.requests) = (script, 0);

    let (access, jwt) = (TokenTypeIdentifier::ACCESS_TOKEN, TokenTypeIdentifier::JWT);
    let requested = if flags & 16 == 0 { access.clone() } else { jwt };
    let mut wanted = TokenExchangeRequest::new(user.tokens.access_token, access)
        .requesting(requested.clone())
        .resource("https://api.example");
    if flags & 32 != 0 {
        wanted = wanted.repeatable();
    }
    let call = world.client.exchange(&wanted, moment(NOW, 7)).expect("the request is good");
    let done = world.drive::<TokenExchange>(call, parked);
    bounded(world, flags & 32 != 0);
    if let Some(done) = done {
        assert_eq!(done.issued_token_type, requested, "the token is of the kind that was asked for");
        assert_eq!(done.tokens.id_token, None, "nothing has checked it");
    }
}

pub(super) fn assertion(world: &mut World<'_>, flags: u8) {
    let (key, _) = KeyRing::new().signer(Algorithm::EdDSA, 1, None);
    let signed = flags & 16 == 0;
    let assertion = JwtAssertion::new(OURS, "alice");
    let wanted = if signed {
        AssertionGrantRequest::signed(assertion, key.into())
    } else {
        let to_sign = world.client.jwt_assertion_to_sign(&assertion, Algorithm::EdDSA, None, moment(NOW, 3));
        let to_sign = to_sign.expect("the claims are good");
        let signature = key.sign(to_sign.signing_input()).expect("a test key signs");
        to_sign.with_signature(&signature)
    };
    let call = world.client.assertion_grant(wanted, moment(NOW, 7)).expect("the request is good");
    let done = world.drive::<AssertionGrant>(call, parked);
    bounded(world, signed);
    assert!(done.is_none_or(|tokens| tokens.is_access_token()));
}

pub(super) fn own(world: &mut World<'_>, flags: u8) {
    let mut wanted = GrantRequest::new(BADGE).parameter("badge", "7").requires("expires_in");
    if flags & 16 != 0 {
        wanted = wanted.repeatable();
    }
    let call = world.client.grant(&wanted, moment(NOW, 7)).expect("the request is good");
    let done = world.drive::<ExtensionGrant>(call, parked);
    bounded(world, flags & 16 != 0);
    assert!(done.is_none_or(|tokens| tokens.is_access_token() && tokens.expires_in.is_some()));
}
