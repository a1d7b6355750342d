//! The laws for introspection, whose response is JSON or signed, and for revocation.

use super::{
    flows::{Form, Keys, Kind},
    show::show_introspection,
    world::{NOW, Trace, World},
};
use oidc_proto::{
    Moment, Secret,
    flow::{Client, Flow, Pause, TokenTypeHint},
    jose::KeySet,
};
use std::sync::Arc;

/// Begins the flow and leaves it to the script. These flows have no saved form. They can be parked in memory.
pub(crate) fn play(
    kind: Kind,
    world: &mut World,
    client: &Client,
    (token, keys): (Option<Secret>, Option<Arc<KeySet>>),
    forms: [Form; 3],
) -> Trace {
    let (token, hint) = (token.unwrap(), Some(TokenTypeHint::AccessToken));
    let moment = Moment::new(NOW, [7; 32]);
    match kind {
        Kind::Introspection { once: true } => {
            let call = client.introspect_once(&token, hint, moment).unwrap();
            world.play(call, |pause, _| pause, show_introspection)
        }
        Kind::Introspection { once: false } => {
            let call = client.introspect(&token, hint, moment).unwrap();
            world.play(call, parked(forms), show_introspection)
        }
        Kind::SignedIntrospection { keys: known } => {
            let call = match known {
                Keys::Current => client.introspect_with_keys(&token, hint, keys, moment).unwrap(),
                _ => client.introspect_once_with_keys(&token, hint, keys, moment).unwrap(),
            };
            world.play(call, parked(forms), |said| {
                format!("{:?} {}", said.learned.keys_asked_at, show_introspection(said.response))
            })
        }
        _ => {
            let call = client.revoke(&token, None, moment).unwrap();
            world.play(call, parked(forms), |()| "revoked".to_owned())
        }
    }
}

fn parked<F: Flow>(forms: [Form; 3]) -> impl FnMut(Pause<F>, oidc_proto::Timestamp) -> Pause<F> {
    let mut forms = forms.into_iter();
    move |pause, _| match forms.next().unwrap_or_default() {
        Form::Kept => pause,
        _ => Pause::new(pause.until(), pause.park()),
    }
}
