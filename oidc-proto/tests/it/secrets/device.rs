//! The device code and the user code: only the device and its user may see them.

use super::{
    answers::provoke,
    look::Looker,
    look_at_call,
    scene::{How, NOW, Scene, moment, scene},
};
use oidc_proto::flow::{Call, DeviceAuthorization, DeviceGrant, Flow, Pause, SealingKeys, Step};
use oidc_testkit::{EndpointName, hostile};

/// Codes that are too long to be found by accident.
const DEVICE_CODE: &str = "MARK-device-code-GmRhmhcxhwAzkoEqiMEg";
const USER_CODE: &str = "MARK-user-code-WDJB-MJHT";

fn take<F: Flow>(scene: &mut Scene, call: Call<F>) -> Step<F> {
    let (request, _, pending) = call.into_parts();
    pending.receive(scene.provider.handle(&request, NOW), moment(60)).unwrap()
}

/// A device that asks with these codes.
fn begin(scene: &mut Scene) -> Step<oidc_proto::flow::DeviceAuthorizationStart> {
    let device = scene.provider.metadata()["issuer"].as_str().unwrap().to_owned() + "/device";
    let complete = format!("{device}?user_code={USER_CODE}");
    let answer = serde_json::json!({
        "device_code": DEVICE_CODE,
        "user_code": USER_CODE,
        "verification_uri": device,
        "verification_uri_complete": complete,
        "expires_in": 600,
    });
    let answer = hostile::respond(200, "application/json", answer.to_string());
    scene.provider.alter_response(EndpointName::DeviceAuthorization, answer);
    let call = scene.client.device_authorization(["openid", "profile"], moment(9)).unwrap();
    let step = take(scene, call);
    scene.provider.clear_alterations();
    step
}

fn asked(pause: Pause<DeviceGrant>) -> Call<DeviceGrant> {
    let until = pause.until();
    let Ok(Step::Send(call)) = pause.wake(moment(61).not_before(until)) else { panic!("it asks") };
    call
}

/// Looks at every step from the code to the tokens, with a saved state on the way.
pub(crate) fn look_at_a_device(look: &mut Looker, how: How) {
    look.hide("device_code", DEVICE_CODE);
    look.hide("user_code", USER_CODE);
    let mut scene = scene(how);
    look_at_call(look, scene.client.device_authorization(["openid"], moment(9)).unwrap());
    let step = begin(&mut scene);
    look.at(&step);
    let Step::Done(device) = step else { panic!("a code") };
    look.at(&device);
    assert_eq!(device.user_code(), USER_CODE);
    let sealed =
        SealingKeys::new(1, &[0x5A; 32]).seal(&device, "here", moment(62)).expect("there is room for it");
    look.text(&sealed);

    let pause = device.poll(&scene.client, None, NOW).unwrap();
    look.at(&pause);
    let saved: DeviceAuthorization = pause.save();
    look.at(&saved);
    look_at_call(look, asked(pause));
    // The provider itself has made this code, and it yields tokens.
    let call = scene.client.device_authorization(["openid", "profile"], moment(9)).unwrap();
    let Step::Done(device) = take(&mut scene, call) else { panic!("a code") };
    let saved = serde_json::to_value(&device).unwrap();
    look.hide("the device code of the provider", saved["device_code"].as_str().unwrap());
    scene.provider.enter_user_code(device.user_code(), true);
    let call = asked(device.poll(&scene.client, None, NOW).unwrap());
    let step = take(&mut scene, call);
    look.at(&step);
    let Step::Send(call) = step else { panic!("the keys are needed") };
    let Step::Done(login) = take(&mut scene, call) else { panic!("tokens") };
    look.hide("the access token of a device", login.tokens.access_token.expose());
    look.hide("the ID token of a device", login.tokens.id_token.as_ref().unwrap().expose());
    look.at(&login);
}

/// The provider repeats what the device sent, or other secrets that it knows.
pub(crate) fn refuse_hostile_answers(look: &mut Looker, how: How, client: &[&str]) {
    look.hide("device_code", DEVICE_CODE);
    look.hide("user_code", USER_CODE);
    let mut scene = scene(how);
    let Step::Done(device) = begin(&mut scene) else { panic!("a code") };
    provoke(look, &[&["device_code", "user_code"], client].concat(), || {
        asked(device.clone().poll(&scene.client, None, NOW).unwrap())
    });
    provoke(look, client, || scene.client.device_authorization(["openid"], moment(9)).unwrap());
}
