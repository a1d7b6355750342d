//! The property of a registration: one request, and a client that was made is not lost, nor are its redirects anybody
//! else's.

use super::{World, as_it_is};
use crate::{ISSUER, NOW, REDIRECT, moment};
use oidc_proto::{
    Error, UrlPolicy,
    flow::{
        ClientAuthentication, Flow, RegisteredClient, Registration, RegistrationDelete, RegistrationRead,
        RegistrationRequest, RegistrationUpdate, Step,
    },
    message::ClientMetadata,
};
use std::ops::ControlFlow;

/// Registers a client, and reads, changes or deletes it, at a provider with scripted responses.
pub(super) fn registration(world: &mut World<'_>, flags: u8) {
    world.provider.accept_registrations();
    world.provider.answer_registrations_minimally(flags & 20 == 16);
    world.provider.rotate_registration_access_tokens(flags & 32 != 0);
    let metadata = oidc_proto::metadata::ProviderMetadata::parse(
        world.provider.metadata().to_string().as_bytes(),
        ISSUER,
        oidc_proto::metadata::Profile::OpenIdProvider,
        &UrlPolicy::default(),
    )
    .expect("the provider's metadata is good");
    let wanted = match flags & 3 {
        0 => ClientMetadata::native([REDIRECT]),
        1 => ClientMetadata::web([REDIRECT]),
        _ => ClientMetadata::web([REDIRECT]).token_endpoint_auth_method("client_secret_post"),
    };
    let start = || Registration::start(&metadata, &RegistrationRequest::new(wanted.clone()));
    if flags & 4 == 0 {
        let call = start().expect("the request is good");
        let done = drive::<Registration>(world, call);
        judge(world, done, true);
        return;
    }
    // An honest registration first.
    let (request, _, pending) = start().expect("the request is good").into_parts();
    let response = world.provider.handle(&request, NOW);
    let Ok(Step::Done(known)) = pending.receive(response, moment(NOW, 3)) else {
        panic!("an honest provider registers")
    };
    let policy = UrlPolicy::default();
    match flags >> 3 & 3 {
        0 => {
            let done = drive::<RegistrationRead>(world, known.read(&policy).expect("it is managed"));
            if let Some(read) = judge(world, done, false) {
                assert_eq!(read.client_id, known.client_id, "the answer is about this client");
            }
        }
        1 => {
            let wanted = known.metadata.clone().client_name("Shop");
            let call = known.update(&wanted, &policy).expect("the request is good");
            let done = drive::<RegistrationUpdate>(world, call);
            if let Some(updated) = judge(world, done, true) {
                assert_eq!(updated.client_id, known.client_id, "the answer is about this client");
            }
        }
        _ => {
            let call = known.delete(&policy).expect("it is managed");
            world.drive::<RegistrationDelete>(call, as_it_is);
        }
    }
    assert!(world.requests == 1 && world.waits == 0);
}

/// Drives a flow, and returns the error, too.
fn drive<F: Flow<Output = RegisteredClient>>(
    world: &mut World<'_>,
    call: oidc_proto::flow::Call<F>,
) -> Result<Option<RegisteredClient>, Error> {
    let mut step = call.into();
    loop {
        step = match world.carry_out(step, as_it_is) {
            ControlFlow::Continue(step) => step,
            ControlFlow::Break(end) => return end,
        };
    }
}

fn judge(
    world: &World<'_>,
    done: Result<Option<RegisteredClient>, Error>,
    strict: bool,
) -> Option<RegisteredClient> {
    assert!(world.requests == 1 && world.waits == 0);
    let client = match done {
        Ok(client) => client?,
        Err(error) => {
            crate::check_texts(&error);
            assert!(!world.honest, "an error with an honest provider: {error}");
            // Whatever is wrong with the client, it has a name, and can be deleted if it can be managed.
            return error.registered_client().cloned();
        }
    };
    assert_eq!(client.issuer, ISSUER);
    assert!(!client.client_id.is_empty());
    let uris = client.metadata.redirect_uris.as_deref().unwrap_or_default();
    let ours = |uri: &String| url::Url::parse(uri) == url::Url::parse(REDIRECT);
    assert!(!strict || uris.iter().all(ours), "the redirects are ours: {uris:?}");
    let has_secret = client.client_secret.is_some();
    let needs_secret = matches!(
        client.authentication,
        ClientAuthentication::ClientSecretBasic
            | ClientAuthentication::ClientSecretPost
            | ClientAuthentication::ClientSecretJwt
    );
    assert!(has_secret || !needs_secret, "the client can authenticate");
    let saved = serde_json::to_string(&client).expect("a registration can be saved");
    let loaded: RegisteredClient = serde_json::from_str(&saved).expect("what is saved loads");
    assert_eq!((&loaded.client_id, &loaded.client_secret), (&client.client_id, &client.client_secret));
    Some(client)
}
