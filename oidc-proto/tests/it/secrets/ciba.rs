//! Backchannel authentication: the identifier, the notification token, and what the request says of the user.

use super::{
    answers::provoke,
    look::Looker,
    look_at_call,
    scene::{How, NOW, Scene, moment, scene},
};
use oidc_proto::flow::{
    BackchannelAuthentication, BackchannelAuthenticationRequest, Call, ClientNotification, Delivery,
    DeliveryMode, Flow, NotificationError, SealingKeys, Step,
};
use oidc_proto::jose::Algorithm;
use oidc_testkit::{EndpointName, KeyRing, hostile};

/// Texts that are too long to be found by accident.
const ID: &str = "MARK-auth-req-id-1c266114-a1be-4252";
const HINT: &str = "MARK-login-hint-of-the-user";
const USER_CODE: &str = "MARK-user-code-of-the-user";
const MESSAGE: &str = "MARK-binding-message-W4SCT";

fn wanted(mode: DeliveryMode) -> BackchannelAuthenticationRequest {
    BackchannelAuthenticationRequest::login_hint(HINT)
        .delivery_mode(mode)
        .user_code(USER_CODE)
        .binding_message(MESSAGE)
        .parameter("request_context", "MARK-request-context-of-the-user")
}

/// A scene whose client may use this mode.
fn allowed(how: How, mode: DeliveryMode) -> Scene {
    let mut scene = scene(how);
    scene.provider.allow_backchannel("app", mode.name());
    scene.metadata.backchannel_user_code_parameter_supported = Some(true);
    scene.client = super::scene::builder(&scene.metadata, how).build().unwrap();
    scene
}

fn take<F: Flow>(scene: &mut Scene, call: Call<F>) -> Step<F> {
    let (request, _, pending) = call.into_parts();
    pending.receive(scene.provider.handle(&request, NOW), moment(60)).unwrap()
}

fn begin(scene: &mut Scene, mode: DeliveryMode) -> BackchannelAuthentication {
    let answer = serde_json::json!({"auth_req_id": ID, "expires_in": 600}).to_string();
    let answer = hostile::respond(200, "application/json", answer);
    scene.provider.alter_response(EndpointName::BackchannelAuthentication, answer);
    let call = scene.client.backchannel_authentication(&wanted(mode), moment(9)).unwrap();
    let Step::Done(asked) = take(scene, call) else { panic!("it is asked") };
    scene.provider.clear_alterations();
    asked
}

fn hide(look: &mut Looker) {
    look.hide("auth_req_id", ID);
    look.hide("login_hint", HINT);
    look.hide("user_code of a user", USER_CODE);
    look.hide("binding_message", MESSAGE);
    look.hide("request_context", "MARK-request-context-of-the-user");
}

fn notification(token: &str, body: &str) -> ClientNotification {
    let request = http::Request::post("https://app.example/ciba")
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json")
        .body(body.as_bytes().to_vec());
    ClientNotification::read(&request.unwrap()).unwrap()
}

/// Looks at every step from the request to the tokens, in each mode.
pub(crate) fn look_at_backchannel_authentication(look: &mut Looker, how: How) {
    hide(look);
    for mode in [DeliveryMode::Poll, DeliveryMode::Ping, DeliveryMode::Push] {
        let mut scene = allowed(how, mode);
        look.at(&mode);
        look.at(&wanted(mode).signed_by(KeyRing::client_key(Algorithm::ES256).0));
        look_at_call(look, scene.client.backchannel_authentication(&wanted(mode), moment(9)).unwrap());
        let request = wanted(mode);
        let to_sign =
            scene.client.backchannel_request_to_sign(&request, Algorithm::ES256, None, moment(9)).unwrap();
        look.at(&to_sign);
        look.at(&to_sign.with_signature(&[0; 64]));

        let asked = begin(&mut scene, mode);
        look.at(&asked);
        let saved = serde_json::to_value(&asked).unwrap();
        let token = saved["client_notification_token"].as_str().unwrap_or("no-token").to_owned();
        if mode != DeliveryMode::Poll {
            look.hide("client_notification_token", &token);
        }
        let sealed =
            SealingKeys::new(1, &[0x5A; 32]).seal(&asked, "here", moment(62)).expect("there is room for it");
        look.text(&sealed);
        let body = format!(r#"{{"auth_req_id": "{ID}", "error": "e", "error_description": "{ID} {token}"}}"#);
        let told = notification(&token, &body);
        look.at(&told);
        match asked.receive(&told, &scene.client, NOW) {
            Ok(delivery) => {
                look.at(&delivery);
                let Delivery::Failed(error) = delivery else { panic!("it has failed") };
                look.at_error(&error);
            }
            Err(error) => look.at_error(&error),
        }
        let wrong = asked.receive(&notification("another", &body), &scene.client, NOW);
        look.at_error(&wrong.unwrap_err());
        look.at_error(&NotificationError::Unknown);
    }
    look_at_tokens(look, how);
}

fn look_at_tokens(look: &mut Looker, how: How) {
    for mode in [DeliveryMode::Ping, DeliveryMode::Push] {
        let mut scene = allowed(how, mode);
        let request = BackchannelAuthenticationRequest::login_hint("alice").delivery_mode(mode);
        let call = scene.client.backchannel_authentication(&request, moment(9)).unwrap();
        let Step::Done(asked) = take(&mut scene, call) else { panic!("it is asked") };
        look.hide("the identifier of the provider", asked.auth_req_id().expose());
        scene.provider.decide(asked.auth_req_id().expose(), true);
        let [request] = &scene.provider.take_notifications()[..] else { panic!("one notification") };
        let told = ClientNotification::read(request).unwrap();
        let login = match asked.receive(&told, &scene.client, NOW).unwrap() {
            Delivery::Ping(ping) => {
                look.at(&ping);
                let pause = asked.clone().poll(&scene.client, None, NOW).unwrap();
                look.at(&pause);
                look.at(&pause.save());
                let call = asked.pinged(ping, &scene.client, None, moment(61)).unwrap();
                let step = take(&mut scene, call);
                look.at(&step);
                let Step::Send(call) = step else { panic!("the keys are needed") };
                let Step::Done(login) = take(&mut scene, call) else { panic!("tokens") };
                login
            }
            Delivery::Push(push) => {
                look.at(&push);
                let step = push.verify(&scene.client, None, NOW).unwrap();
                look.at(&step);
                let Step::Send(call) = step else { panic!("the keys are needed") };
                let Step::Done(login) = take(&mut scene, call) else { panic!("tokens") };
                login
            }
            other => panic!("{other:?}"),
        };
        look.hide("an access token after a notification", login.tokens.access_token.expose());
        look.hide("an ID token after a notification", login.tokens.id_token.as_ref().unwrap().expose());
        look.at(&login);
    }
}

/// The provider repeats what the client sent, or other secrets that it knows.
pub(crate) fn refuse_hostile_answers(look: &mut Looker, how: How, client: &[&str]) {
    hide(look);
    let mut scene = allowed(how, DeliveryMode::Poll);
    let asked = begin(&mut scene, DeliveryMode::Poll);
    let polled = || {
        let pause = asked.clone().poll(&scene.client, None, NOW).unwrap();
        let until = pause.until();
        let Ok(Step::Send(call)) = pause.wake(moment(61).not_before(until)) else { panic!("it asks") };
        call
    };
    provoke(look, &[&["auth_req_id"], client].concat(), polled);
    let names = ["login_hint", "user_code of a user", "binding_message", "request_context"];
    provoke(look, &[&names, client].concat(), || {
        scene.client.backchannel_authentication(&wanted(DeliveryMode::Poll), moment(9)).unwrap()
    });
    let signed = wanted(DeliveryMode::Poll).signed_by(KeyRing::client_key(Algorithm::ES256).0);
    provoke(look, &[&names, client].concat(), || {
        scene.client.backchannel_authentication(&signed, moment(9)).unwrap()
    });
}
