//! The ways in which a state at rest gets from one node to another, for `laws.rs`.

use super::world::NOW;
use oidc_proto::{
    Moment,
    flow::{Client, PendingAuthorization, PendingAuthorizations, Seal, SealingKeys},
    message::AuthorizationRequest,
};
use oidc_testkit::Seed;
use serde::{Serialize, de::DeserializeOwned};

const AUDIENCE: &str = "__Host-login at app.example";

/// The way in which a state at rest gets from one node to another.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Form {
    /// The state stays where it is.
    #[default]
    Kept,
    Json,
    Sealed,
    /// Sealed in a cookie, among other logins of the same browser.
    Cookie,
}

/// A state that was saved in this form and loaded again.
pub(crate) fn through<T: Seal + Serialize + DeserializeOwned>(form: Form, state: T) -> T {
    match form {
        Form::Kept => state,
        Form::Json => serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap(),
        Form::Sealed | Form::Cookie => {
            let sealed = sealing_keys().seal(&state, AUDIENCE, Moment::new(NOW, [9; 32])).unwrap();
            sealing_keys().open(&sealed, AUDIENCE).unwrap()
        }
    }
}

/// The node that goes on with a saved state.
pub(crate) fn on(form: Form, [first, other]: [&Client; 2]) -> &Client {
    if form == Form::Kept { first } else { other }
}

/// The sealing keys are all that two nodes share, besides the operator's settings.
fn sealing_keys() -> SealingKeys {
    SealingKeys::new(1, &[0x5A; 32])
}

/// A login that comes back out of a cookie in which older and newer logins were open.
pub(crate) fn among_others(client: &Client, pending: PendingAuthorization) -> PendingAuthorization {
    let (state, mut seed) = (pending.state().to_owned(), Seed::new(2));
    let mut other = || client.authorize(&AuthorizationRequest::default(), seed.moment(NOW)).unwrap().1;
    let mut open = PendingAuthorizations::new();
    for login in [other(), pending, other()] {
        assert_eq!(open.add(login, NOW), None, "there is room");
    }
    let cookie = sealing_keys().seal(&open, AUDIENCE, Moment::new(NOW, [9; 32])).unwrap();
    let mut open: PendingAuthorizations = sealing_keys().open(&cookie, AUDIENCE).unwrap();
    open.take(&state).unwrap()
}
