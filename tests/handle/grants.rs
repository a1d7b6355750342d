//! Token exchange, assertions, ID-JAGs and grants of one's own, by either handle.

use super::{colour::*, login::log_in};
use oidc_drive::ProviderError;
use oidc_proto::{
    Error,
    flow::{
        AssertionGrantRequest, ConfigError, GrantRequest, IdJagRequest, JwtAssertion, TokenExchangeRequest,
        TokenTypeIdentifier,
    },
};
use oidc_testkit::{Algorithm, EndpointName, JWT_BEARER_GRANT, KeyRing, Party, TOKEN_EXCHANGE_GRANT, drive};

const BADGE: &str = "urn:example:grant:badge";

#[test]
fn a_token_is_exchanged_by_either_handle() {
    each(|world, handle| {
        world.change(|provider| provider.allow_grant("app", TOKEN_EXCHANGE_GRANT));
        let login = log_in(&world, handle);
        let access = TokenTypeIdentifier::ACCESS_TOKEN;
        let wanted = TokenExchangeRequest::new(login.tokens.access_token.clone(), access.clone())
            .requesting(access.clone())
            .resource("https://orders.example");
        let before = world.count(EndpointName::Token);
        let first = handle.exchange(&wanted).unwrap();
        let second = handle.exchange(&wanted).unwrap();
        assert_eq!(first.issued_token_type, access);
        assert_ne!(first.tokens.access_token, second.tokens.access_token, "each call is an exchange");
        assert_eq!(world.count(EndpointName::Token), before + 2);
        world.down(true);
        assert!(matches!(handle.exchange(&wanted), Err(ProviderError::NoResponse(_))));
        world.down(false);
        world.change(|provider| provider.assert_clean());
    });
}

#[test]
fn an_assertion_and_a_grant_of_ones_own_bring_tokens_by_either_handle() {
    each(|world, handle| {
        world.change(|provider| {
            provider.allow_grant("app", JWT_BEARER_GRANT);
            provider.allow_grant("app", BADGE);
            provider.accept_grant(BADGE, &["badge"]);
            provider.trust_assertions("https://ours.example", KeyRing::new().document());
        });
        for user in ["alice", "bob", "carol"] {
            let (key, _) = KeyRing::new().signer(Algorithm::ES256, 1, None);
            let assertion = JwtAssertion::new("https://ours.example", user);
            assert!(
                handle.assertion(AssertionGrantRequest::signed(assertion, key.into())).unwrap().is_bearer()
            );
        }
        let wanted = GrantRequest::new(BADGE).parameter("badge", "7");
        assert!(handle.own_grant(&wanted).unwrap().is_bearer());
        let refused = handle.own_grant(&GrantRequest::new(BADGE)).unwrap_err();
        assert_eq!(refused.code(), "invalid_request");
    });
}

#[test]
fn an_id_jag_is_fetched_by_either_handle_and_redeemed_only_where_it_belongs() {
    each(|world, handle| {
        world.change(|provider| {
            provider.allow_grant("app", TOKEN_EXCHANGE_GRANT);
            provider.allow_grant("app", JWT_BEARER_GRANT);
        });
        let login = log_in(&world, handle);
        let ask = |audience: &str| {
            let token = login.id_token.token.clone();
            handle.id_jag(&IdJagRequest::new(token, TokenTypeIdentifier::ID_TOKEN, audience)).unwrap()
        };
        let refused = handle.redeem(ask("https://another.example")).unwrap_err();
        let ProviderError::Protocol(Error::Config(refused)) = refused else { panic!("{refused}") };
        assert_eq!(refused, ConfigError::Parameter("audience"));
        // The identity provider does not redeem its own (ID-JAG draft, cross-domain use).
        assert_eq!(handle.redeem(ask(ISSUER)).unwrap_err().code(), "invalid_grant");

        let mut idp = Party::builder().issuer("https://idp.example").build();
        idp.provider.allow_grant("app", TOKEN_EXCHANGE_GRANT);
        let keys = idp.provider.key_set();
        world.change(|provider| provider.trust_id_jags("https://idp.example", keys));
        let user = idp.login().unwrap();
        let wanted = IdJagRequest::new(user.id_token.token, TokenTypeIdentifier::ID_TOKEN, ISSUER);
        let call = idp.client.id_jag(&wanted, idp.clock.moment()).unwrap();
        let id_jag = drive(call, &mut idp.provider, &mut idp.clock).unwrap();
        assert!(handle.redeem(id_jag).unwrap().is_bearer());
    });
}
