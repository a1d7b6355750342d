//! Access without a login, and a login without a code: their secrets do not show either.

mod received_logout;

use super::*;
use oidc_proto::{
    flow::{Authenticated, DpopKey, FrontChannel, PendingAccess, PendingFrontLogin},
    message::{AccessRequest, AuthorizationRequest},
};

/// Looks at the key of a session, saved and sealed, and at a client and a login that have it.
fn look_at_a_dpop_key(look: &mut Looker, scene: &Scene) {
    let key = DpopKey::ed25519(moment(38)).unwrap();
    let saved = serde_json::to_value(&key).unwrap();
    look.hide("the private half of a DPoP key", saved["k"].as_str().unwrap());
    look.at(&key);
    let keys = SealingKeys::new(1, &[7; 32]);
    look.text(&keys.seal(&key, "a", moment(39)).unwrap());
    let client = scene.client.with_dpop_key(&key).unwrap();
    look.at(&client);
    let (_, pending) = client.authorize(&AuthorizationRequest::default(), moment(40)).unwrap();
    look.at(&pending);
    let wanted = ClientCredentialsRequest::default();
    look_at_call(look, client.client_credentials(&wanted, moment(41)).unwrap());
}

/// Looks at access. The secrets are derived from the moment, so they are the same each time.
pub(super) fn look_at_access(look: &mut Looker, how: How) {
    let scene = scene(how);
    look_at_a_dpop_key(look, &scene);
    received_logout::look_at_received_logouts(look, how);
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
        pending.clone().callback(&scene.client, answer, moment(33)).unwrap().into_call().unwrap()
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
    // The same request, without the code that it did not ask for.
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
    look_at_a_hybrid_login(look, &scene, &login);
}

/// An access token that comes through the browser shows no more than one that a code yields.
fn look_at_a_hybrid_login(look: &mut Looker, scene: &Scene, login: &Authenticated) {
    let (_, pending) = scene.client.authorize(&AuthorizationRequest::default(), moment(36)).unwrap();
    // The same request, without the token that it did not ask for.
    let mut saved = serde_json::to_value(&pending).unwrap();
    saved["y"] = "code token".into();
    let pending: PendingAuthorization = serde_json::from_value(saved.clone()).unwrap();
    let told = [("state", "s"), ("nonce", "n"), ("code_verifier", "p")];
    told.iter().for_each(|(name, member)| {
        look.hide(&format!("{name} of a hybrid login"), saved[member].as_str().unwrap())
    });
    look.hide("access token of the browser", "a-token-through-the-browser");
    look.hide("code of a hybrid login", "a-code-of-a-hybrid-login");
    look.at(&pending);
    let callback = format!(
        "code=a-code-of-a-hybrid-login&access_token=a-token-through-the-browser&token_type=Bearer&state={}&iss=https://op.example",
        pending.state()
    );
    let answer = || AuthorizationResponse::from_query(&callback).unwrap();
    look.at(&answer());
    let call = || {
        let step = pending.clone().callback(&scene.client, None, answer(), moment(37)).unwrap();
        step.into_call().unwrap()
    };
    look_at_call(look, call());
    provoke(
        look,
        &["code of a hybrid login", "access token of the browser", "code_verifier of a hybrid login"],
        call,
    );
    look.at(&oidc_proto::sender::DpopNonces::new());
    look.at(&oidc_proto::token::AuthorizationResponseVerifier::new("https://op.example", "app"));
    let mut channel = FrontChannel::default();
    channel.tokens = Some(login.tokens.clone());
    channel.id_token = Some(login.id_token.clone());
    look.at(&channel);
}
