//! A signed introspection response is a text that others would accept, and it says what a token may do.

use super::{
    answers::provoke,
    look::Looker,
    look_at_call,
    scene::{How, Scene, builder, moment},
};
use oidc_proto::{
    Secret,
    flow::{Step, TokenTypeHint},
    message::Actor,
};
use oidc_testkit::Algorithm;
use serde_json::json;

/// The request, the answer that came before its keys, and the result.
pub(crate) fn look_at_signed_introspection(look: &mut Looker, scene: &mut Scene, how: How, token: &Secret) {
    scene.provider.sign_introspection(Algorithm::EdDSA);
    let settings = builder(&scene.metadata, how);
    let settings = settings.introspection_signed_response_alg(Algorithm::EdDSA).introspection_audience("api");
    look.at(&settings);
    let client = settings.build().unwrap();
    look.at(&client);
    let hint = Some(TokenTypeHint::AccessToken);
    let ask = |keys| client.introspect_once_with_keys(token, hint, keys, moment(9)).unwrap();
    look_at_call(look, ask(None));
    let (request, _, pending) = ask(None).into_parts();
    let answer = scene.provider.handle(&request, super::scene::NOW);
    let jwt = String::from_utf8(answer.body().clone()).unwrap();
    look.hide("a signed introspection response", &jwt);
    let step = pending.receive(answer.clone(), moment(10)).unwrap();
    look.at(&step);
    let Step::Send(call) = step else { panic!("it asks for keys") };
    look_at_call(look, call);
    let (_, _, pending) = ask(Some(scene.keys.clone())).into_parts();
    let step = pending.receive(answer, moment(10)).unwrap();
    look.at(&step);
    let Step::Done(said) = step else { panic!("a key at hand verifies it") };
    assert!(said.response.active);
    look.at(&said);
    provoke(look, &["client_secret"], || ask(None));
    // An actor may be named by whatever a server likes.
    let act = json!({"sub": "agent", "token": token.expose(), "act": {"x": [token.expose()]}});
    look.at(&Actor::from_members(act.as_object().unwrap().clone()).unwrap());
}
