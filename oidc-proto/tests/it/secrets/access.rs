//! Access without a login, and a login without a code: none of it shows, either.

use super::*;
use oidc_proto::{
    flow::{PendingAccess, PendingFrontLogin},
    message::AccessRequest,
};

/// The same secrets each time: they follow from the moment.
pub(super) fn look_at_access(look: &mut Looker, how: How) {
    let scene = scene(how);
    let request = AccessRequest::new(["a"]).parameter("ticket", "a ticket of the application");
    look.hide("a parameter of the application", "a ticket of the application");
    look.at(&request);
    let (_, pending) = scene.client.authorize_access(&request, moment(31)).unwrap();
    let saved = serde_json::to_value(&pending).unwrap();
    let told = [("code_verifier of access", "p"), ("state of access", "s")];
    told.iter().for_each(|(name, member)| look.hide(name, saved[member].as_str().unwrap()));
    look.hide("code of access", "a-code-for-access-alone");
    look.at(&pending);
    let sealed = SealingKeys::new(1, &[7; 32]).seal(&pending, "a", moment(32)).unwrap();
    look.at(&SealingKeys::new(1, &[7; 32]).open::<PendingAccess>(&sealed, "a").unwrap());
    let callback = format!("code=a-code-for-access-alone&state={}&iss=https://op.example", pending.state());
    let call = || {
        let answer = AuthorizationResponse::from_query(&callback).unwrap();
        pending.clone().callback(&scene.client, answer, moment(33)).unwrap()
    };
    look_at_call(look, call());
    let (_, _, waiting) = call().into_parts();
    let tokens = json!({"access_token": "an-access-token-of-nobody", "token_type": "Bearer"}).to_string();
    look.hide("access token of nobody", "an-access-token-of-nobody");
    let response = http::Response::builder().header("content-type", "application/json").body(tokens).unwrap();
    let Ok(Step::Done(granted)) = waiting.receive(response, moment(34)) else { panic!("it is granted") };
    look.at(&granted);
    provoke(look, &["code of access", "code_verifier of access"], call);
}

pub(super) fn look_at_a_front_login(look: &mut Looker, how: How) {
    let mut scene = scene(how);
    let (_, pending) = scene.begin();
    // The same request, but for the code that it has not asked for.
    let mut saved = serde_json::to_value(&pending).unwrap();
    saved.as_object_mut().unwrap().remove("p");
    let front: PendingFrontLogin = serde_json::from_value(saved).unwrap();
    look.at(&front);
    let login = scene.login(|_| {});
    let callback =
        format!("id_token={}&state={}&iss=https://op.example", login.id_token.token.expose(), front.state());
    let answer = AuthorizationResponse::from_query(&callback).unwrap();
    look.at(&answer);
    let step = front.callback(&scene.client, Some(scene.keys.clone()), answer, moment(35)).unwrap();
    look.at(&step);
    let Step::Done(identified) = step else { panic!("the keys are at hand") };
    look.at(&identified);
}
