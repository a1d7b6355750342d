//! The choice of an identity: in order, and for the issuer that it belongs to.

use super::{CLIENT_ID, client_id};
use crate::support::{NOW, policy};
use oidc_proto::{
    Remedy, Timestamp,
    flow::{
        ClientAuthentication, ClientIdentities, ClientIdentity, IdentityChoice, IdentityKind,
        NoClientIdentityError, PreRegisteredClient, RegisteredClient, Registration, RegistrationRequest,
    },
    jose::Algorithm,
    message::ClientMetadata,
    metadata::{Profile, ProviderMetadata},
};
use oidc_testkit::{Clock, KeyRing, Seed, TestProvider, drive};
use serde_json::{Value, json};

pub(super) const AS: &str = "https://as.example";
pub(super) const REDIRECT: &str = "http://127.0.0.1/callback";

/// A server with this issuer: whether it reads documents, and whether clients may register.
pub(super) fn server(issuer: &str, documents: bool, registers: bool) -> ProviderMetadata {
    with(
        issuer,
        json!({
            "client_id_metadata_document_supported": documents,
            "registration_endpoint": registers.then(|| format!("{issuer}/register")),
        }),
    )
}

fn with(issuer: &str, more: Value) -> ProviderMetadata {
    let mut document = json!({
        "issuer": issuer,
        "response_types_supported": ["code"],
        "token_endpoint": "https://as.example/token",
        "authorization_endpoint": "https://as.example/authorize",
    });
    document.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let profile = Profile::AuthorizationServer;
    ProviderMetadata::parse(document.to_string().as_bytes(), issuer, profile, &policy()).unwrap()
}

/// A client that this server has registered.
pub(super) fn registered(issuer: &str) -> RegisteredClient {
    let mut provider = TestProvider::new(issuer);
    provider.accept_registrations();
    let metadata = provider.metadata().to_string();
    let metadata =
        ProviderMetadata::parse(metadata.as_bytes(), issuer, Profile::AuthorizationServer, &policy())
            .unwrap();
    let wanted = RegistrationRequest::new(ClientMetadata::native([REDIRECT]));
    let call = Registration::start(&metadata, &wanted).unwrap();
    drive(call, &mut provider, &mut Clock::new(NOW, Seed::new(1))).unwrap()
}

/// A program that has everything.
fn everything() -> ClientIdentities {
    ClientIdentities::new()
        .pre_registered(PreRegisteredClient::new(AS, "by-hand").secret("the secret by hand"))
        .document(client_id())
        .registration(ClientMetadata::native([REDIRECT]))
}

fn kind(choice: Result<IdentityChoice, NoClientIdentityError>) -> Option<IdentityKind> {
    Some(match choice.ok()? {
        IdentityChoice::Client(identity) => identity.kind(),
        _ => IdentityKind::Registration,
    })
}

fn chosen(choice: Result<IdentityChoice, NoClientIdentityError>) -> ClientIdentity {
    let Ok(IdentityChoice::Client(identity)) = choice else { panic!("{choice:?}") };
    identity
}

#[test]
fn the_first_identity_in_the_order_that_the_server_takes_is_chosen() {
    use IdentityKind::{Document, PreRegistered, Registered, Registration};
    let kept = registered(AS);
    for (identities, documents, registers, kept, first) in [
        (everything(), true, true, Some(&kept), Some(PreRegistered)),
        (everything(), false, false, None, Some(PreRegistered)),
        (ClientIdentities::new().document(client_id()), true, true, Some(&kept), Some(Document)),
        (ClientIdentities::new().document(client_id()), true, false, None, Some(Document)),
        (ClientIdentities::new().document(client_id()), false, true, Some(&kept), Some(Registered)),
        (ClientIdentities::new(), true, true, Some(&kept), Some(Registered)),
        (
            ClientIdentities::new().registration(ClientMetadata::native([REDIRECT])),
            true,
            true,
            Some(&kept),
            Some(Registered),
        ),
        (
            ClientIdentities::new().registration(ClientMetadata::native([REDIRECT])),
            true,
            true,
            None,
            Some(Registration),
        ),
        (ClientIdentities::new().registration(ClientMetadata::native([REDIRECT])), true, false, None, None),
        (ClientIdentities::new().document(client_id()), false, true, None, None),
        (ClientIdentities::new(), true, true, None, None),
    ] {
        let server = server(AS, documents, registers);
        assert_eq!(kind(identities.choose(&server, kept, NOW)), first, "{identities:?}");
    }
}

#[test]
fn the_order_is_a_setting_and_a_kind_that_it_leaves_out_is_not_used() {
    use IdentityKind::{Document, PreRegistered, Registered, Registration};
    let (server, kept) = (server(AS, true, true), registered(AS));
    for order in [
        &[Document, PreRegistered, Registered, Registration][..],
        &[Registered, Document],
        &[Registration, Registered],
        &[PreRegistered],
    ] {
        let identities = everything().order(order.iter().copied());
        assert_eq!(kind(identities.choose(&server, Some(&kept), NOW)), order.first().copied());
    }
    let nothing = everything().order([]);
    assert!(nothing.choose(&server, Some(&kept), NOW).is_err());
    assert_eq!(kind(everything().order([Registered]).choose(&server, None, NOW)), None);
}

/// A member of the wrong type counts as absent, and `false` is no.
#[test]
fn a_document_is_used_only_where_the_metadata_says_so() {
    let identities = ClientIdentities::new().document(client_id());
    for says in [json!(false), json!(null), json!("true"), json!(1), json!(["true"])] {
        let server = with(AS, json!({ "client_id_metadata_document_supported": says }));
        assert!(identities.choose(&server, None, NOW).is_err(), "{says}");
    }
    let server = with(AS, json!({ "client_id_metadata_document_supported": true }));
    assert_eq!(chosen(identities.choose(&server, None, NOW)).client_id(), CLIENT_ID);
}

#[test]
fn a_document_with_a_key_is_used_only_where_its_method_is_taken() {
    let key = || KeyRing::client_key(Algorithm::ES256).0;
    let by_key = || ClientIdentities::new().document(client_id()).document_signer(key());
    let remote = ClientIdentities::new()
        .document(client_id())
        .document_authentication(ClientAuthentication::PrivateKeyJwt);
    for (methods, taken) in [
        (json!(["none", "private_key_jwt"]), true),
        (json!(null), true),
        (json!(["none"]), false),
        (json!(["client_secret_basic"]), false),
        (json!([]), false),
    ] {
        let says = json!({
            "client_id_metadata_document_supported": true,
            "token_endpoint_auth_methods_supported": methods,
        });
        let server = with(AS, says);
        for identities in [by_key(), remote.clone()] {
            match identities.choose(&server, None, NOW) {
                Ok(IdentityChoice::Client(identity)) => {
                    let client = identity.client(server.clone(), NOW).unwrap().build().unwrap();
                    assert_eq!((taken, client.authentication().name()), (true, "private_key_jwt"));
                }
                Err(error) => assert!(!taken && error.refuses_method, "{methods}: {error}"),
                Ok(other) => panic!("{other:?}"),
            }
        }
        // A public client need not find `none` in the list: many servers forget it.
        let public = ClientIdentities::new().document(client_id()).choose(&server, None, NOW);
        let client = chosen(public).client(server.clone(), NOW).unwrap().build().unwrap();
        assert_eq!(client.authentication(), ClientAuthentication::None);
    }
}

/// Defect M18: the resource changed its server, and the credentials of the old one went to the new one.
#[test]
fn credentials_of_one_issuer_are_used_at_no_other_not_even_at_one_that_looks_like_it() {
    let kept = registered(AS);
    for other in [
        "https://as.example/",
        "https://as.example/tenant",
        "https://AS.example",
        "https://as.example.evil.example",
        "https://evil.example",
    ] {
        let identities = everything();
        let there = server(other, false, false);
        let error = identities.choose(&there, Some(&kept), NOW).unwrap_err();
        assert!(error.only_elsewhere, "{error}");
        // With something else to offer, that they belong elsewhere is no error.
        let there = server(other, true, true);
        assert_eq!(kind(identities.choose(&there, Some(&kept), NOW)), Some(IdentityKind::Document));
        let registering = ClientIdentities::new().registration(ClientMetadata::native([REDIRECT]));
        let choice = registering.choose(&there, Some(&kept), NOW);
        assert_eq!(kind(choice), Some(IdentityKind::Registration), "a new one, and not the old one");
        // An identity that was chosen here makes no client there.
        for identity in [
            chosen(everything().choose(&server(AS, true, true), None, NOW)),
            chosen(ClientIdentities::new().choose(&server(AS, true, true), Some(&kept), NOW)),
        ] {
            assert_eq!(identity.issuer(), AS);
            let refused = identity.client(there.clone(), NOW).unwrap_err();
            assert_eq!(refused.code(), "registered_at_other_issuer", "{other}");
        }
    }
}

/// Defect M20: the secret of a registration has an end, and nobody looked at it.
#[test]
fn a_registration_whose_secret_has_expired_is_not_chosen_and_a_new_one_is_made() {
    let identities = ClientIdentities::new().registration(ClientMetadata::native([REDIRECT]));
    let there = server(AS, true, true);
    for (end, now, kept) in [
        (Some(NOW.plus(60)), NOW, true),
        (Some(NOW.plus(60)), NOW.plus(59), true),
        (Some(NOW.plus(60)), NOW.plus(60), false),
        (Some(NOW), NOW.plus(1_000_000), false),
        (None, Timestamp(i64::MAX), true),
    ] {
        let mut client = registered(AS);
        client.client_secret = Some("a secret with an end".into());
        client.authentication = ClientAuthentication::ClientSecretBasic;
        client.client_secret_expires_at = end;
        let first = if kept { IdentityKind::Registered } else { IdentityKind::Registration };
        assert_eq!(kind(identities.choose(&there, Some(&client), now)), Some(first), "{end:?} at {now:?}");
    }
    // An identity may be kept for a while, too.
    let mut client = registered(AS);
    client.client_secret = Some("a secret with an end".into());
    client.authentication = ClientAuthentication::ClientSecretBasic;
    client.client_secret_expires_at = Some(NOW.plus(60));
    let identity = chosen(identities.choose(&there, Some(&client), NOW));
    assert_eq!(identity.client(there.clone(), NOW.plus(61)).unwrap_err().code(), "registered_client_expired");
}

#[test]
fn pre_registered_credentials_are_those_of_the_client_that_is_made() {
    let there = with(
        AS,
        json!({
            "token_endpoint_auth_methods_supported":
                ["none", "client_secret_basic", "client_secret_post", "private_key_jwt", "tls_client_auth"],
        }),
    );
    let new = || PreRegisteredClient::new(AS, "by-hand");
    for (client, method) in [
        (new(), "none"),
        (new().secret("a secret"), "client_secret_basic"),
        (
            new().secret("a secret").authentication(ClientAuthentication::ClientSecretPost),
            "client_secret_post",
        ),
        (new().signer(KeyRing::client_key(Algorithm::ES256).0), "private_key_jwt"),
        (new().certificate(), "tls_client_auth"),
    ] {
        let identities = ClientIdentities::new().pre_registered(client);
        let identity = chosen(identities.choose(&there, None, NOW));
        let client = identity.client(there.clone(), NOW).unwrap().build().unwrap();
        assert_eq!((client.client_id(), client.authentication().name()), ("by-hand", method));
    }
    let twice = ClientIdentities::new()
        .pre_registered(new().secret("a secret"))
        .pre_registered(PreRegisteredClient::new(AS, "another"));
    assert_eq!(chosen(twice.choose(&there, None, NOW)).client_id(), "another", "the last one counts");
}

#[test]
fn the_kind_of_application_is_registered_with_the_client() {
    let there = server(AS, false, true);
    for (metadata, kind) in [
        (ClientMetadata::new().redirect_uris([REDIRECT]), "native"),
        (ClientMetadata::new().redirect_uris(["com.example.agent:/callback"]), "native"),
        (ClientMetadata::new().redirect_uris(["https://agent.example/callback"]), "web"),
        (ClientMetadata::new().redirect_uris([REDIRECT]).application_type("web"), "web"),
    ] {
        let identities = ClientIdentities::new().registration(metadata);
        let Ok(IdentityChoice::Register(metadata)) = identities.choose(&there, None, NOW) else {
            panic!("{kind}")
        };
        assert_eq!(metadata.application_type.as_deref(), Some(kind));
    }
}

#[test]
fn a_program_without_an_identity_is_told_what_the_server_offers_and_what_to_bring() {
    let nothing = ClientIdentities::new();
    for (identities, documents, registers, words) in [
        (&nothing, true, true, "set `ClientIdentities::document`, or register"),
        (&nothing, true, false, "set `ClientIdentities::document`, or register"),
        (&nothing, false, true, "set `ClientIdentities::registration`, or register"),
        (&nothing, false, false, "nor lets clients register: register a client by hand"),
        (&everything(), false, false, "belong to other issuers; the server neither"),
    ] {
        let there = server("https://other.example", documents, registers);
        let error = identities.choose(&there, None, NOW).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        assert!(error.to_string().contains("`https://other.example`"), "{error}");
        assert_eq!((error.reads_documents, error.registers), (documents, registers));
        assert_eq!((error.code(), error.remedy()), ("no_client_identity", Remedy::FixConfiguration));
    }
}
