//! The laws for backchannel authentication: a client polls until its user has decided, or the time is up.

use super::{
    device::{INTERVAL, LIFETIME},
    flows::{Form, Kind, on, through},
    show::show_tokens,
    world::{NOW, Trace, World},
};
use oidc_proto::{
    Moment,
    flow::{
        BackchannelAuthentication, BackchannelAuthenticationRequest, BackchannelGrant, Client, Pause, Step,
    },
    jose::KeySet,
};
use oidc_testkit::TestProvider;
use std::sync::Arc;

/// Lets the client use backchannel authentication.
pub(crate) fn accept(provider: &mut TestProvider) {
    provider.allow_backchannel("app", "poll");
    provider.backchannel_times(INTERVAL, LIFETIME);
}

fn wanted() -> BackchannelAuthenticationRequest {
    BackchannelAuthenticationRequest::login_hint("alice").scopes(["profile"])
}

/// An authentication whose user has agreed before the first poll. (The script plays a user who has not.)
fn begin(world: &mut World, client: &Client) -> BackchannelAuthentication {
    let moment = Moment::new(world.clock, [4; 32]);
    let (request, _, pending) = client.backchannel_authentication(&wanted(), moment).unwrap().into_parts();
    let response = world.provider.handle(&request, NOW);
    let Ok(Step::Done(asked)) = pending.receive(response, Moment::new(world.clock, [3; 32])) else {
        panic!("the provider asks the user")
    };
    world.provider.decide(asked.auth_req_id().expose(), true);
    asked
}

/// Begins the flow and leaves it to the script.
pub(crate) fn play(
    kind: Kind,
    world: &mut World,
    nodes: [&Client; 2],
    keys: Option<Arc<KeySet>>,
    forms: [Form; 3],
) -> Trace {
    if kind == Kind::BackchannelAuthentication {
        let call = nodes[0].backchannel_authentication(&wanted(), Moment::new(NOW, [7; 32])).unwrap();
        return world.play(call, |pause, _| pause, |asked| serde_json::to_string(&asked).unwrap());
    }
    let asked = through(forms[0], begin(world, nodes[0]));
    let pause = asked.poll(on(forms[0], nodes), keys.clone(), world.clock).unwrap();
    let mut forms = forms.into_iter().skip(1).cycle();
    let rest = |pause: Pause<BackchannelGrant>, now| match forms.next().unwrap_or_default() {
        Form::Kept => pause,
        form => through(form, pause.save()).poll(on(form, nodes), keys.clone(), now).unwrap(),
    };
    world.play(pause, rest, |login| format!("{login:?} {}", show_tokens(&login.tokens)))
}
