//! Pushed authorization requests, plain and signed.

use super::{World, as_it_is};
use crate::{CLIENT, NOW, moment};
use oidc_proto::{flow::PushedAuthorization, message::AuthorizationRequest};
use oidc_testkit::{Algorithm, Browser, EndpointName, KeyRing, Landing, Timestamp};

pub(super) fn pushed(world: &mut World<'_>, flags: u8) {
    let request = AuthorizationRequest::new(["profile", "email"]).login_hint("alice");
    let prepared = world.client.prepare_authorization(&request, moment(NOW, 7)).expect("the request is good");
    let call = if flags & 16 == 0 {
        prepared.push(moment(NOW, 8))
    } else {
        let (key, _) = KeyRing::client_key(Algorithm::EdDSA);
        let to_sign = prepared.to_sign(Algorithm::EdDSA, key.key_id()).expect("the algorithm is listed");
        let signature = key.sign(to_sign.signing_input()).expect("a test key signs");
        to_sign.with_signature(&signature).push(moment(NOW, 8))
    };
    let done = world.drive::<PushedAuthorization>(call.expect("it can be pushed"), as_it_is);
    assert!(world.requests == 1 && world.waits == 0, "it is sent once");
    let Some(pushed) = done else { return };
    let carried: Vec<(String, String)> = pushed.url.query_pairs().into_owned().collect();
    let [(client_id, client), (request_uri, reference)] = carried.as_slice() else {
        panic!("a name and a reference, and nothing else: {carried:?}")
    };
    assert_eq!(
        (client_id.as_str(), client.as_str(), request_uri.as_str()),
        ("client_id", CLIENT, "request_uri")
    );
    assert!(!reference.is_empty() && reference.bytes().all(|byte| byte.is_ascii_graphic()), "{reference}");
    assert!(pushed.url.as_str().starts_with(&world.provider.url(EndpointName::Authorize)));
    assert!(pushed.expires_at > world.now || world.now == Timestamp(i64::MAX), "there is time to go there");
    if world.honest {
        let landing = Browser::new().visit(&mut world.provider, &pushed.url, NOW);
        assert!(matches!(landing, Landing::Callback(_)), "the user comes back");
        world.provider.assert_clean();
    }
}
