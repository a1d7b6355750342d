//! A device gets its tokens from Keycloak while its user logs in elsewhere.

use super::{lab, visit};
use oidc_drive::{moment, now};
use oidc_proto::flow::Step;
use oidc_testkit::{Clock, Seed, drive_with};

/// The waits are those of a simulated clock, and Keycloak has its own: a second request within its interval would be too
/// early. So the user enters the code before the device asks for the first time.
#[test]
fn a_device_is_logged_in_by_a_code_that_its_user_enters_elsewhere() {
    let Some(realm) = lab() else { return };
    let client = realm.client("device").build().unwrap();
    let device = realm.http.run(client.device_authorization(["openid"], moment()).unwrap()).unwrap();
    let complete = device.verification_uri_complete().expect("it has one").parse().unwrap();
    let began = now();
    visit(&complete, "alice");
    let mut clock = Clock::new(began, Seed::new(5));
    let pause = device.poll(&client, None, began).unwrap();
    let login = drive_with(pause, &mut clock, |request, terms, _| {
        Some(realm.http.send(request.clone(), *terms).expect("Keycloak answers"))
    });
    let login = login.unwrap().expect("every request is answered");
    assert!(login.id_token.is_some() && login.tokens.refresh_token.is_some());
}

#[test]
fn a_device_whose_user_has_not_decided_is_asked_to_wait() {
    let Some(realm) = lab() else { return };
    let client = realm.client("device").build().unwrap();
    let device = realm.http.run(client.device_authorization(["openid"], moment()).unwrap()).unwrap();
    let pause = device.poll(&client, None, now()).unwrap();
    let mut clock = Clock::new(pause.until(), Seed::new(6));
    let Step::Send(call) = pause.wake(clock.moment()).unwrap() else { panic!("it asks") };
    let (request, terms, pending) = call.into_parts();
    let response = realm.http.send(request, terms).expect("Keycloak answers");
    let next = pending.receive(response, clock.moment()).unwrap();
    assert!(matches!(next, Step::Wait(pause) if pause.until() > clock.now()));
}
