//! Signed introspection: what the flow returns is what the provider signed.

use super::{World, as_it_is};
use crate::{CLIENT, ISSUER, NOW, SECRET, Script, moment};
use oidc_proto::{
    UrlPolicy,
    flow::{
        Client, ClientAuthentication, ClientCredentialsGrant, ClientCredentialsRequest, MAX_RETRIES, Pause,
        TokenIntrospection,
    },
    metadata::{Profile, ProviderMetadata},
};
use oidc_testkit::Algorithm;

fn parked(world: &mut World<'_>, pause: Pause<TokenIntrospection>) -> Pause<TokenIntrospection> {
    if world.script.byte() & 1 == 0 { pause } else { Pause::new(pause.until(), pause.park()) }
}

pub(super) fn introspection(world: &mut World<'_>, flags: u8) {
    if flags & 3 == 0 {
        // A public client may not ask.
        return;
    }
    world.provider.sign_introspection(Algorithm::EdDSA);
    let document = world.provider.metadata().to_string();
    let policy = UrlPolicy::default();
    let metadata = ProviderMetadata::parse(document.as_bytes(), ISSUER, Profile::OpenIdProvider, &policy);
    let client = Client::builder(metadata.expect("good metadata"), CLIENT).secret(SECRET);
    let client = match flags & 3 {
        1 => client,
        _ => client.authentication(ClientAuthentication::ClientSecretPost),
    };
    let client = client.signed_introspection().build().expect("the client is good");

    let script = std::mem::replace(&mut world.script, Script(&[]));
    let wanted = ClientCredentialsRequest::new(["read"]);
    let call = client.client_credentials(&wanted, moment(NOW, 7)).expect("the request is good");
    let tokens = world.drive::<ClientCredentialsGrant>(call, as_it_is).expect("an honest provider");
    (world.script, world.requests) = (script, 0);

    let call = client.introspect(&tokens.access_token, None, moment(NOW, 7)).expect("the request is good");
    let said = world.drive::<TokenIntrospection>(call, parked);
    let most = usize::from(MAX_RETRIES);
    assert!(world.requests <= 2 + most && world.waits <= most);
    let Some(said) = said else { return };
    match said.active {
        true => {
            assert_eq!((said.client_id.as_deref(), said.iss.as_deref()), (Some(CLIENT), Some(ISSUER)));
            assert!(said.has_scope("read") && said.exp.is_some(), "the provider has signed all of it");
        }
        false => assert!(said.extra.is_empty() && world.now >= NOW.plus(300), "the token has expired"),
    }
}
