//! The laws for pushed authorization requests, plain and signed.

use super::world::{NOW, Trace, World};
use oidc_proto::{Moment, flow::Client, message::AuthorizationRequest};

/// Begins the flow and leaves it to the script. It is never at rest.
pub(crate) fn play(world: &mut World, client: &Client, signed: bool) -> Trace {
    let request = AuthorizationRequest::new(["profile", "email"]).login_hint("alice@example.com");
    let (first, second) = Moment::new(NOW, [7; 32]).halve();
    let prepared = client.prepare_authorization(&request, first).unwrap();
    let call = match signed {
        true => prepared.sign().unwrap().push(second),
        false => prepared.push(second),
    };
    world.play(
        call.unwrap(),
        |pause, _| pause,
        |pushed| {
            let pending = serde_json::to_string(&pushed.pending).unwrap();
            format!("{} {pending} {:?}", pushed.url, pushed.expires_at)
        },
    )
}
