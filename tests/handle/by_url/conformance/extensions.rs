//! The scenarios of the group `extensions` in which no user is asked.

use super::*;
use oidc_drive::resource::Wanted;
use oidc_proto::{
    flow::{AssertionGrantRequest, ClientIdentities, IdJagRequest, PreRegisteredClient, TokenTypeIdentifier},
    jose::{Algorithm, sign_compact},
};
use oidc_testkit::{JWT_BEARER_GRANT, KeyRing, Party, Registration, TOKEN_EXCHANGE_GRANT, drive};
use std::sync::{Arc, Mutex};

const PLATFORM: &str = "https://platform.example";

fn known_as(client: PreRegisteredClient) -> ClientIdentities {
    ClientIdentities::new().pre_registered(client)
}

#[test]
fn client_credentials_basic() {
    each_with(
        |town| (town.asynchronous().client_credentials(), town.blocking().client_credentials()),
        |town, caller| {
            caller.does("read");
            let (log, sent) = (town.log(), &forms(&town.log(), TOKEN)[0]);
            let request = log.iter().find(|seen| seen.url == TOKEN).unwrap();
            assert!(request.authorization.as_ref().is_some_and(|value| value.starts_with("Basic ")));
            assert_eq!((&*sent["grant_type"], &*sent["resource"]), ("client_credentials", RESOURCE));
            assert_eq!(town.visits(), 0);
            town.assert_clean();
        },
    );
}

/// The audience of the assertion is the issuer; the testkit refuses another one.
#[test]
fn client_credentials_jwt() {
    each_with(
        |town| {
            let (key, jwk) = KeyRing::client_key(Algorithm::ES256);
            town.change(|net| {
                let client = Registration::private_key_jwt("robot", jwk).grant_types(["client_credentials"]);
                net.servers.get_mut(ONE).unwrap().register(client);
            });
            let robot = || known_as(PreRegisteredClient::new(ONE, "robot").signer(key.clone()));
            let threads = town.blocking().identities(robot()).client_credentials();
            (town.asynchronous().identities(robot()).client_credentials(), threads)
        },
        |town, caller| {
            caller.does("read");
            let sent = &forms(&town.log(), TOKEN)[0];
            let assertion = claims(&sent["client_assertion"]);
            assert_eq!((&assertion["iss"], &assertion["sub"]), (&json!("robot"), &json!("robot")));
            assert_eq!((&assertion["aud"], &*sent["resource"]), (&json!(ONE), RESOURCE));
            town.assert_clean();
        },
    );
}

/// The identity provider of the enterprise is asked for an ID-JAG for the server that the resource names.
#[test]
fn enterprise_managed_authorization() {
    each_with(
        |town| {
            let mut idp = Party::builder().issuer("https://idp.example").build();
            idp.provider.allow_grant("app", TOKEN_EXCHANGE_GRANT);
            let user = idp.login().unwrap().id_token.token;
            town.change(|net| {
                let server = net.servers.get_mut(ONE).unwrap();
                server.allow_grant("app", JWT_BEARER_GRANT);
                server.trust_id_jags("https://idp.example", idp.provider.key_set());
            });
            let idp = Arc::new(Mutex::new(idp));
            let grant = move |wanted: Wanted| {
                let asked =
                    IdJagRequest::new(user.clone(), TokenTypeIdentifier::ID_TOKEN, wanted.provider.issuer());
                let asked = asked.resource(&wanted.resource).scopes(wanted.scopes);
                let id_jag = {
                    let Party { provider, client, clock } = &mut *idp.lock().unwrap();
                    drive(client.id_jag(&asked, clock.moment()).unwrap(), provider, clock).unwrap()
                };
                async move { wanted.provider.redeem_id_jag(id_jag).await }
            };
            (town.asynchronous().grant(grant.clone()), town.blocking().grant(grant))
        },
        |town, caller| {
            caller.does("read");
            let sent = &forms(&town.log(), TOKEN)[0];
            let id_jag = claims(&sent["assertion"]);
            assert_eq!((&id_jag["aud"], &id_jag["resource"]), (&json!(ONE), &json!(RESOURCE)));
            assert_eq!((town.visits(), town.count(ONE, EndpointName::Token)), (0, 1));
            town.assert_clean();
        },
    );
}

/// The token of the platform is sent once. If it is refused, the request ends: no second try, and no other grant.
#[test]
fn wif_jwt_bearer() {
    for (audience, life, refused) in
        [(ONE, 300, None), ("https://wrong.example", 300, Some(())), (ONE, -60, Some(()))]
    {
        each_with(
            |town| {
                town.change(|net| {
                    let server = net.servers.get_mut(ONE).unwrap();
                    server.register(Registration::public("workload").grant_types([JWT_BEARER_GRANT]));
                    server.trust_assertions(PLATFORM, KeyRing::new().document());
                });
                let clock = town.clock.clone();
                let grant = move |wanted: Wanted| {
                    let now = clock.now().0;
                    let claims = json!({ "iss": PLATFORM, "sub": "workload", "aud": audience, "iat": now,
                                         "exp": now + life, "jti": format!("of {now}") });
                    let (key, _) = KeyRing::new().signer(Algorithm::ES256, 1, None);
                    let jwt = sign_compact(&*key, Default::default(), claims.to_string().as_bytes()).unwrap();
                    let asked =
                        AssertionGrantRequest::jwt(jwt).resource(wanted.resource).scopes(wanted.scopes);
                    async move { wanted.provider.assertion_grant(asked).await }
                };
                let me = || known_as(PreRegisteredClient::new(ONE, "workload"));
                let threads = town.blocking().identities(me()).grant(grant.clone());
                (town.asynchronous().identities(me()).grant(grant), threads)
            },
            |town, caller| {
                if refused.is_some() {
                    assert_eq!(caller.refused("read").code(), "invalid_grant");
                } else {
                    caller.does("read");
                    town.assert_clean();
                }
                let sent = forms(&town.log(), TOKEN);
                assert_eq!(sent.len(), 1, "once, whatever comes of it");
                assert_eq!((&*sent[0]["grant_type"], &*sent[0]["resource"]), (JWT_BEARER_GRANT, RESOURCE));
                assert_eq!(town.visits(), 0);
            },
        );
    }
}
