//! The laws for discovery, for introspection, whose response is JSON or signed, and for revocation.

use super::{
    flows::{Form, ISSUER, Keys, Kind, RESOURCE},
    show::show_introspection,
    world::{NOW, Trace, World},
};
use oidc_proto::{
    Moment, Secret, UrlPolicy,
    flow::{
        AuthorizationDiscovery, Client, Discovery, DiscoveryOptions, DiscoveryRules, Flow, Pause,
        ResourceDiscovery, TokenTypeHint,
    },
    jose::KeySet,
    metadata::{Profile, ProviderMetadata, WellKnown},
    renew::MetadataRenewal,
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

/// Begins a flow of discovery and leaves it to the script. These flows are never at rest.
pub(crate) fn discover(kind: Kind, world: &mut World, signers: Arc<KeySet>) -> Trace {
    let policy = UrlPolicy::default();
    let metadata = |metadata: ProviderMetadata| format!("{metadata:?}");
    match kind {
        Kind::EitherForm => {
            let call = Discovery::either(ISSUER, WellKnown::OAuth, &policy).unwrap();
            world.play(call, |pause, _| pause, metadata)
        }
        Kind::SignedMetadata => {
            let options = DiscoveryOptions::new(&policy).signed_by(signers);
            world.play(
                Discovery::with(ISSUER, options).unwrap(),
                |pause, _| pause,
                |found| {
                    assert_eq!(found.extra["signed"], true, "metadata without a signature is refused");
                    metadata(found)
                },
            )
        }
        Kind::ResourceDiscovery => {
            let call = ResourceDiscovery::start(RESOURCE, &policy).unwrap();
            world.play(call, |pause, _| pause, |found| format!("{found:?}"))
        }
        Kind::AuthorizationDiscovery => {
            let discovery = AuthorizationDiscovery::new(RESOURCE, &policy).rules(DiscoveryRules::mcp());
            world.play(discovery.start().unwrap(), |pause, _| pause, |found| format!("{found:?}"))
        }
        Kind::MetadataRenewal => {
            let call = MetadataRenewal::start(ISSUER, Profile::OpenIdProvider, &policy).unwrap();
            world.play(call, |pause, _| pause, |renewed| format!("{renewed:?}"))
        }
        _ => world.play(Discovery::start(ISSUER, &policy).unwrap(), |pause, _| pause, metadata),
    }
}

fn parked<F: Flow>(forms: [Form; 3]) -> impl FnMut(Pause<F>, oidc_proto::Timestamp) -> Pause<F> {
    let mut forms = forms.into_iter();
    move |pause, _| match forms.next().unwrap_or_default() {
        Form::Kept => pause,
        _ => Pause::new(pause.until(), pause.park()),
    }
}
