//! A device gets its tokens from Keycloak while its user logs in elsewhere.

use super::{lab, visit};
use oidc_drive::{moment, now};
use oidc_testkit::{Clock, Seed, drive_with};

/// The waits are those of a simulated clock, so Keycloak may say `slow_down`: it has a clock of its own.
#[test]
fn a_device_is_logged_in_by_a_code_that_its_user_enters_elsewhere() {
    let Some(realm) = lab() else { return };
    let client = realm.client("device").build().unwrap();
    let device = realm.http.run(client.device_authorization(["openid"], moment()).unwrap()).unwrap();
    let complete = device.verification_uri_complete().expect("it has one").parse().unwrap();
    let mut clock = Clock::new(now(), Seed::new(5));
    let mut asked = 0;
    let pause = device.poll(&client, None, now()).unwrap();
    let login = drive_with(pause, &mut clock, |request, terms, _| {
        asked += 1;
        let response = realm.http.send(request.clone(), *terms).expect("Keycloak answers");
        if asked == 1 {
            visit(&complete, "alice");
        }
        Some(response)
    });
    let login = login.unwrap().expect("every request is answered");
    assert!(login.id_token.is_some() && login.tokens.refresh_token.is_some());
}
