//! The laws for a registration, and for the requests about one.

use super::{
    flows::{Form, ISSUER, through},
    world::{NOW, Trace, World},
};
use oidc_proto::{
    Moment, UrlPolicy,
    flow::{RegisteredClient, Registration, RegistrationRequest, Step},
    message::ClientMetadata,
    metadata::{Profile, ProviderMetadata},
};
use oidc_testkit::TestProvider;

/// What is done about a registration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum About {
    New,
    Read,
    Update,
    Delete,
}

fn wanted() -> ClientMetadata {
    ClientMetadata::web(["https://app.example/callback"]).client_name("Shop")
}

fn metadata(provider: &TestProvider) -> ProviderMetadata {
    let (document, policy) = (provider.metadata().to_string(), UrlPolicy::default());
    ProviderMetadata::parse(document.as_bytes(), ISSUER, Profile::OpenIdProvider, &policy).unwrap()
}

/// A client that was registered before, at an honest provider.
fn known(provider: &mut TestProvider) -> RegisteredClient {
    let call = Registration::start(&metadata(provider), &RegistrationRequest::new(wanted())).unwrap();
    let (request, _, pending) = call.into_parts();
    match pending.receive(provider.handle(&request, NOW), Moment::new(NOW, [2; 32])) {
        Ok(Step::Done(registered)) => registered,
        other => panic!("an honest provider registers: {other:?}"),
    }
}

fn show(registered: &RegisteredClient) -> String {
    format!("{} {:?}", serde_json::to_string(registered).unwrap(), registered.changes)
}

/// Begins the flow and leaves it to the script. It is never at rest; what it needs has been saved in this form.
pub(crate) fn play(about: About, world: &mut World, form: Form) -> Trace {
    world.provider.accept_registrations();
    if about == About::New {
        let request = RegistrationRequest::new(wanted());
        let call = Registration::start(&metadata(&world.provider), &request).unwrap();
        return world.play(call, |pause, _| pause, |registered| show(&registered));
    }
    let known = known(&mut world.provider);
    let form = if form == Form::Cookie { Form::Sealed } else { form };
    let (known, policy) = (through(form, known), UrlPolicy::default());
    match about {
        About::Read => world.play(known.read(&policy).unwrap(), |pause, _| pause, |read| show(&read)),
        About::Delete => {
            world.play(known.delete(&policy).unwrap(), |pause, _| pause, |()| "deleted".to_owned())
        }
        About::New | About::Update => {
            let changed = known.metadata.clone().client_name("Shop 2");
            let call = known.update(&changed, &policy).unwrap();
            world.play(call, |pause, _| pause, |updated| show(&updated))
        }
    }
}
