//! The flow of a device, whose user decides before a poll that the script chooses.

use super::{DEVICE_LIFETIME, World, as_it_is, target};
use crate::{CLIENT, ISSUER, NOW, Script, moment};
use oidc_proto::flow::{DeviceAuthorization, DeviceAuthorizationStart, DeviceGrant};

/// The user decides before the first poll, or before a later one that the script chooses.
pub(super) fn device(world: &mut World<'_>, flags: u8) {
    let scopes: &[&str] = if flags & 16 == 0 { &["openid"] } else { &["read"] };
    let call = world
        .client
        .device_authorization_with(&target::device(scopes, flags), moment(NOW, 7))
        .expect("the scopes are good");
    let script = std::mem::replace(&mut world.script, Script(&[]));
    let begun = world.drive::<DeviceAuthorizationStart>(call, as_it_is);
    let begun = begun.expect("an honest provider gives a code");
    (world.script, world.requests) = (script, 0);

    world.agrees = (flags & 32 == 0).then_some(flags & 64 == 0);
    if let Some(agrees) = world.agrees {
        world.provider.enter_user_code(begun.user_code(), agrees);
    }
    let pause = begun.poll(&world.client, world.known_keys(flags), world.now).expect("it is of this client");
    let done = world.drive::<DeviceGrant>(pause, |world, pause| {
        let choice = world.script.byte();
        if choice & 1 != 0 && world.agrees.is_none() {
            world.agrees = Some(choice & 2 != 0);
            world.provider.enter_user_code(pause.save().user_code(), choice & 2 != 0);
        }
        if choice & 4 == 0 {
            return pause;
        }
        let saved = serde_json::to_vec(&pause.save()).expect("a grant at rest can be saved");
        let saved: DeviceAuthorization = serde_json::from_slice(&saved).expect("what is saved loads");
        saved.poll(&world.client, None, world.now).expect("it is of this client")
    });
    // The interval never becomes shorter, and no poll follows the end of the code.
    let polls = usize::try_from(DEVICE_LIFETIME / 5).expect("a few");
    assert!(world.waits <= polls && world.requests <= polls + 1);
    let Some(done) = done else { return };
    target::judge(&done.tokens, flags);
    assert!(world.issued.contains(done.tokens.access_token.expose()) || done.id_token.is_none());
    assert_eq!(done.id_token.is_some(), flags & 16 == 0 || done.tokens.id_token.is_some());
    if let Some(id_token) = done.id_token {
        assert_eq!((id_token.iss.as_str(), id_token.aud.as_slice()), (ISSUER, &[CLIENT.to_owned()][..]));
        assert!(
            id_token.sub == "alice" || world.signed_otherwise.contains("sub"),
            "the grant is of another user"
        );
    }
}
