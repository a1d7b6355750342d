//! Backchannel authentication: polled for, or pushed.

use super::{World, as_it_is};
use crate::{CLIENT, ISSUER, NOW, Script, check_texts, moment};
use oidc_proto::flow::{
    BackchannelAuthentication, BackchannelAuthenticationRequest, BackchannelAuthenticationStart,
    BackchannelGrant, BackchannelTokens, ClientNotification, Delivery, DeliveryMode, PushedTokens,
};
use oidc_testkit::TestProvider;

/// The time in seconds that the user may take.
const LIFETIME: i64 = 60;

/// Lets the client use backchannel authentication. A bit of the flags says whether it polls or gets its tokens pushed.
pub(super) fn accept(provider: &mut TestProvider, flags: u8) {
    provider.allow_backchannel(CLIENT, if flags & 16 == 0 { "poll" } else { "push" });
    provider.backchannel_times(5, LIFETIME);
}

pub(super) fn backchannel(world: &mut World<'_>, flags: u8) {
    let mode = if flags & 16 == 0 { DeliveryMode::Poll } else { DeliveryMode::Push };
    let wanted = BackchannelAuthenticationRequest::login_hint("alice").delivery_mode(mode).subject("alice");
    let call = world.client.backchannel_authentication(&wanted, moment(NOW, 7)).expect("the request is good");
    let script = std::mem::replace(&mut world.script, Script(&[]));
    let begun = world.drive::<BackchannelAuthenticationStart>(call, as_it_is);
    let begun = begun.expect("an honest provider asks the user");
    (world.script, world.requests) = (script, 0);

    world.agrees = (flags & 32 == 0).then_some(flags & 64 == 0);
    if let Some(agrees) = world.agrees {
        world.provider.decide(begun.auth_req_id().expose(), agrees);
    }
    match mode {
        DeliveryMode::Push => pushed(world, flags, &begun),
        _ => polled(world, flags, begun),
    }
}

fn polled(world: &mut World<'_>, flags: u8, begun: BackchannelAuthentication) {
    let pause = begun.poll(&world.client, world.known_keys(flags), world.now).expect("it is of this client");
    let done = world.drive::<BackchannelGrant>(pause, |world, pause| {
        let choice = world.script.byte();
        if choice & 1 != 0 && world.agrees.is_none() {
            world.agrees = Some(choice & 2 != 0);
            world.provider.decide(pause.save().auth_req_id().expose(), choice & 2 != 0);
        }
        if choice & 4 == 0 {
            return pause;
        }
        let saved = serde_json::to_vec(&pause.save()).expect("a grant at rest can be saved");
        let saved: BackchannelAuthentication = serde_json::from_slice(&saved).expect("what is saved loads");
        saved.poll(&world.client, None, world.now).expect("it is of this client")
    });
    let polls = usize::try_from(LIFETIME / 5).expect("a few");
    assert!(world.waits <= polls && world.requests <= polls + 1);
    judge(world, done);
}

/// The script changes the notification: its token, a byte of its body, or a member.
fn pushed(world: &mut World<'_>, flags: u8, begun: &BackchannelAuthentication) {
    let Some(mut request) = world.provider.take_notifications().pop() else { return };
    let body: serde_json::Value = serde_json::from_slice(request.body()).expect("the provider sends JSON");
    world.issued.extend(body["access_token"].as_str().map(str::to_owned));
    let mut forged = false;
    let change = world.script.byte() % 4;
    world.honest &= change == 0;
    match change {
        1 => {
            let token = String::from_utf8_lossy(world.script.bytes()).into_owned();
            if let Ok(value) = http::HeaderValue::from_str(&format!("Bearer {token}")) {
                request.headers_mut().insert("authorization", value);
                forged = true;
            }
        }
        2 => {
            let length = request.body().len().max(1);
            let (at, bit) = (world.script.below(length), world.script.byte() % 8);
            request.body_mut()[at] ^= 1 << bit;
        }
        3 => {
            let (name, value) = (world.script.bytes(), world.script.bytes());
            let value = serde_json::from_slice(value).unwrap_or(serde_json::Value::Null);
            let mut changed = body;
            changed[String::from_utf8_lossy(name).into_owned()] = value;
            *request.body_mut() = changed.to_string().into_bytes();
        }
        _ => {}
    }
    let notification = match ClientNotification::read(&request) {
        Ok(notification) => notification,
        Err(error) => return assert!(error.response().status().is_client_error()),
    };
    match begun.receive(&notification, &world.client, world.now) {
        Ok(Delivery::Push(push)) => {
            assert!(!forged, "the token of a stranger");
            let keys = world.known_keys(flags);
            let done = match push.verify(&world.client, keys.as_deref(), world.now) {
                Ok(step) => world.drive::<PushedTokens>(step, as_it_is),
                Err(error) => return check_texts(&error),
            };
            assert!(world.requests <= 1 && world.waits == 0);
            judge(world, done);
        }
        Ok(Delivery::Failed(error)) => {
            assert!(!forged, "the token of a stranger");
            check_texts(&error);
        }
        Ok(other) => panic!("{other:?}"),
        Err(error) => assert!(error.response().status().is_client_error()),
    }
}

/// Only alice was to log in, and only the provider's own key says who it was.
fn judge(world: &World<'_>, done: Option<BackchannelTokens>) {
    let Some(done) = done else { return };
    assert_eq!((done.id_token.iss.as_str(), done.id_token.sub.as_str()), (ISSUER, "alice"));
    assert_eq!(done.id_token.aud, [CLIENT]);
    let hashed = !world.signed_otherwise.contains("at_hash");
    assert!(!hashed || world.issued.contains(done.tokens.access_token.expose()), "another access token");
}
