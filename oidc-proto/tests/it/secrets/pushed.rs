//! Authorization requests that are prepared, signed and pushed: nothing inside shows.

use super::*;
use oidc_proto::{flow::PushedAuthorization, message::AuthorizationRequest};

/// Looks at a request in each of its forms. The secrets are derived from the moment, so they are the same each time.
pub(super) fn look_at_a_pushed_request(look: &mut Looker, how: How) {
    let mut scene = scene(how);
    let request = AuthorizationRequest::new(["profile"]).login_hint("a-hint-at-the-user");
    let prepare = || scene.client.prepare_authorization(&request, moment(41)).unwrap();
    let (_, pending) = prepare().url().unwrap();
    let saved = serde_json::to_value(&pending).unwrap();
    for (name, member) in [("code_verifier", "p"), ("state", "s"), ("nonce", "n")] {
        look.hide(&format!("{name} of a pushed request"), saved[member].as_str().unwrap());
    }
    look.hide("hint in a pushed request", "a-hint-at-the-user");
    let place = "https://app.example/requests/a-name-that-nobody-guesses";
    look.hide("place of a request object", place);
    look.at(&prepare());
    look.at(&prepare().to_sign(Algorithm::HS256, None).unwrap());
    let signed = prepare().sign().unwrap();
    look.at(&signed);
    let hosted = signed.by_reference(place).unwrap();
    look.hide("request object", hosted.request_object.expose());
    look.at(&hosted);

    let plain = || prepare().push(moment(42)).unwrap();
    let signed = || prepare().sign().unwrap().push(moment(42)).unwrap();
    let inside = ["state of a pushed request", "nonce of a pushed request", "hint in a pushed request"];
    for call in [&plain as &dyn Fn() -> Call<PushedAuthorization>, &signed] {
        look_at_call(look, call());
        provoke(look, &inside, call);
    }
    provoke(look, &["request object"], signed);

    let (request, _, waiting) = plain().into_parts();
    let Ok(Step::Done(pushed)) = waiting.receive(scene.provider.handle(&request, NOW), moment(43)) else {
        panic!("a good request is taken")
    };
    let reference = pushed.url.query_pairs().find(|(name, _)| name == "request_uri").unwrap().1;
    look.hide("reference to a request", &reference);
    let reference: String = url::form_urlencoded::byte_serialize(reference.as_bytes()).collect();
    look.hide("reference to a request as it is sent", &reference);
    look.at(&pushed);
}
