//! The requests that an honest provider gets from each flow.

use super::{
    device::is_device,
    flows::{Disturbance, Keys, Kind},
    registration,
    world::{End, honest},
};

/// The honest path of every flow: these requests, in this order, and no other.
#[test]
fn an_honest_provider_gets_exactly_these_requests() {
    const OPENID: &str = "GET /.well-known/openid-configuration";
    let table: [(Kind, &[&str]); 45] = [
        (Kind::Discovery, &[OPENID]),
        (Kind::EitherForm, &["GET /.well-known/oauth-authorization-server", OPENID]),
        (Kind::SignedMetadata, &[OPENID]),
        (Kind::ResourceDiscovery, &["GET /.well-known/oauth-protected-resource/api"]),
        (
            Kind::AuthorizationDiscovery,
            &["GET /.well-known/oauth-protected-resource/api", "GET /.well-known/oauth-authorization-server"],
        ),
        (Kind::ClientDocument, &["GET /client.json"]),
        (Kind::MetadataRenewal, &[OPENID]),
        (Kind::Jwks, &["GET /jwks"]),
        (Kind::KeyRenewal, &["GET /jwks"]),
        (Kind::Code { userinfo: false, keys: Keys::Current }, &["POST /token"]),
        (Kind::Code { userinfo: false, keys: Keys::None }, &["POST /token", "GET /jwks"]),
        (Kind::Code { userinfo: false, keys: Keys::Stale }, &["POST /token", "GET /jwks"]),
        (Kind::Code { userinfo: true, keys: Keys::Current }, &["POST /token", "GET /userinfo"]),
        (Kind::Code { userinfo: true, keys: Keys::Stale }, &["POST /token", "GET /jwks", "GET /userinfo"]),
        (Kind::Refresh { keys: Keys::Current }, &["POST /token"]),
        (Kind::Refresh { keys: Keys::Stale }, &["POST /token", "GET /jwks"]),
        (Kind::ClientCredentials, &["POST /token"]),
        (Kind::Asserted, &["POST /token"]),
        (Kind::ClientCredentialsOnce, &["POST /token"]),
        (Kind::TokenRenewal, &["POST /token"]),
        (Kind::UserInfo, &["GET /userinfo"]),
        (Kind::Introspection { once: false }, &["POST /introspect"]),
        (Kind::Introspection { once: true }, &["POST /introspect"]),
        (Kind::SignedIntrospection { keys: Keys::Current }, &["POST /introspect"]),
        (Kind::SignedIntrospection { keys: Keys::Stale }, &["POST /introspect", "GET /jwks"]),
        (Kind::SignedIntrospection { keys: Keys::None }, &["POST /introspect", "GET /jwks"]),
        (Kind::Revocation, &["POST /revoke"]),
        (Kind::DeviceAuthorization, &["POST /device_authorization"]),
        (Kind::Device { keys: Keys::Current }, &["POST /token"]),
        (Kind::Device { keys: Keys::Stale }, &["POST /token", "GET /jwks"]),
        (Kind::BackchannelAuthentication, &["POST /bc-authorize"]),
        (Kind::Backchannel { keys: Keys::Current }, &["POST /token"]),
        (Kind::Backchannel { keys: Keys::Stale }, &["POST /token", "GET /jwks"]),
        (Kind::Exchange { repeatable: false }, &["POST /token"]),
        (Kind::Exchange { repeatable: true }, &["POST /token"]),
        (Kind::Assertion { signed: false }, &["POST /token"]),
        (Kind::Assertion { signed: true }, &["POST /token"]),
        (Kind::IdJag, &["POST /token"]),
        (Kind::OwnGrant, &["POST /token"]),
        (Kind::Pushed { signed: false }, &["POST /par"]),
        (Kind::Pushed { signed: true }, &["POST /par"]),
        (Kind::Registration(registration::About::New), &["POST /register"]),
        (Kind::Registration(registration::About::Read), &["GET /register/client-1"]),
        (Kind::Registration(registration::About::Update), &["PUT /register/client-1"]),
        (Kind::Registration(registration::About::Delete), &["DELETE /register/client-1"]),
    ];
    for (kind, requests) in table {
        let (trace, provider) = kind.run(honest(), Disturbance::default());
        assert_eq!(trace.lines(), requests, "{kind:?}");
        assert!(matches!(trace.end, End::Done(_)), "{kind:?}: {:?}", trace.end);
        assert_eq!(trace.waits.len(), usize::from(is_device(kind)), "{kind:?}: only a device begins at rest");
        provider.assert_clean();
    }
}
