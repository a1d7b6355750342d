//! Providers that have a second name for themselves in their tokens, as Google has `accounts.google.com`.

use crate::resource::world::{ISSUER, RESOURCE, World, server};
use oidc_proto::{
    Error,
    flow::{ClientBuilder, ConfigError},
    metadata::IssuerRule,
    resource::{DenialReason, ResourceServer, ResourceServerError, TrustedIssuer},
    token::VerificationError,
};
use oidc_testkit::{Party, hostile};
use serde_json::json;

const OWN: &str = "https://op.example";
/// Names that a provider may have besides: none of them is the issuer of its metadata, and most are no URL.
const SECOND: [&str; 3] = ["op.example", "urn:op.example:login", "http://op.example/trust"];

fn party(rule: Option<IssuerRule>) -> Party {
    let set = |client: ClientBuilder| match rule {
        Some(rule) => client.issuer_rule(rule),
        None => client,
    };
    Party::builder().client(set).build()
}

fn both(second: &str) -> IssuerRule {
    IssuerRule::exact(OWN).or_exact(second)
}

#[test]
fn a_login_and_its_refresh_go_on_under_the_second_name_that_the_rule_has() {
    for second in SECOND {
        let mut strict = party(None);
        strict.provider.alter_id_token(hostile::set_claim("iss", second));
        let error = strict.login().unwrap_err();
        assert_eq!(error, Error::Token(VerificationError::Issuer));
        let text = error.to_string();
        assert!(
            text.contains("`ClientBuilder::issuer_rule`") && text.contains("`IssuerRule::or_exact`"),
            "{text}"
        );

        let mut party = party(Some(both(second)));
        let usual = party.login().unwrap();
        assert_eq!(usual.id_token.iss, OWN, "the first name stays right");
        party.provider.alter_id_token(hostile::set_claim("iss", second));
        let user = party.login().unwrap();
        assert_eq!((user.id_token.iss.as_str(), user.id_token.sub.as_str()), (second, "alice"));
        let next = party.refresh(&user).unwrap();
        assert_eq!(next.id_token.unwrap().iss, second);
        // A refresh does not change the name of the issuer (OpenID Connect Core 1.0 section 12.2).
        assert_eq!(
            party.refresh(&usual).unwrap_err().cause(),
            &Error::Token(VerificationError::Changed("iss"))
        );
    }
}

#[test]
fn a_name_that_the_rule_does_not_have_to_the_letter_is_refused() {
    for iss in [
        "op.example.evil.example",
        "OP.example",
        "op.example/",
        "",
        "https://op.example/",
        "https://evil.example",
    ] {
        let mut party = party(Some(both("op.example")));
        party.provider.alter_id_token(hostile::set_claim("iss", iss));
        assert_eq!(party.login().unwrap_err(), Error::Token(VerificationError::Issuer), "{iss}");
    }
    // Whoever has another key is not believed under any name.
    let mut party = party(Some(both("op.example")));
    party.provider.alter_id_token(hostile::set_claim("iss", "op.example"));
    party.provider.break_signatures(true);
    assert!(matches!(party.login(), Err(Error::Token(VerificationError::Jws(_)))));
}

#[test]
fn a_rule_without_the_name_of_the_metadata_is_refused_and_says_how_to_add_one() {
    let mut party = Party::new();
    let metadata = party.discover().unwrap();
    for rule in SECOND {
        let builder = oidc_proto::flow::Client::builder(metadata.clone(), "app");
        let error = builder.clone().issuer_rule(IssuerRule::exact(rule)).build().unwrap_err();
        assert_eq!(error, ConfigError::IssuerRule);
        assert!(error.to_string().contains("`IssuerRule::or_exact`"), "{error}");
        assert!(builder.issuer_rule(both(rule)).build().is_ok());
    }
}

fn api(rule: IssuerRule) -> ResourceServer {
    let issuer = TrustedIssuer::new(ISSUER).access_tokens(|tokens| tokens.issuer_rule(rule));
    ResourceServer::builder(RESOURCE).trust(issuer).build().unwrap()
}

#[test]
fn an_api_accepts_the_tokens_of_one_issuer_under_both_names() {
    let world = World::new();
    let strict = server().build().unwrap();
    for second in SECOND {
        let api = api(IssuerRule::exact(ISSUER).or_exact(second));
        let token = world.token(&json!({ "iss": second }));
        let denied = world.bearer(&strict, &token).unwrap_err();
        assert_eq!(denied.reason(), DenialReason::UntrustedIssuer);
        assert!(denied.to_string().contains("`IssuerRule::or_exact`"), "{denied}");
        let access = world.bearer(&api, &token).unwrap();
        assert_eq!((access.issuer(), access.record().issuer.as_deref()), (second, Some(ISSUER)));
        assert_eq!(world.bearer(&api, &world.token(&json!({}))).unwrap().issuer(), ISSUER);
        let other = world.bearer(&api, &world.token(&json!({"iss": "https://evil.example"}))).unwrap_err();
        assert_eq!(other.reason(), DenialReason::UntrustedIssuer);
        assert_eq!(other.record().expected, Some(format!("{ISSUER},{second}")), "both are shown");
        assert!(api.issuer_rule(ISSUER).is_some(), "a gate hands the rule on");
    }
}

#[test]
fn no_two_trusted_issuers_share_a_name() {
    let named = |issuer: &str, second: &str| {
        let rule = IssuerRule::exact(issuer).or_exact(second);
        TrustedIssuer::new(issuer).access_tokens(|tokens| tokens.issuer_rule(rule))
    };
    for (first, second) in [
        (named("https://a.example", "shared"), named("https://b.example", "shared")),
        (named("https://a.example", "https://b.example"), TrustedIssuer::new("https://b.example")),
        (TrustedIssuer::new("https://a.example"), named("https://b.example", "https://a.example")),
    ] {
        let built = ResourceServer::builder(RESOURCE).trust(first).trust(second).build();
        assert_eq!(built.map(drop).unwrap_err(), ResourceServerError::IssuerTwice);
    }
    let (a, b) = (named("https://a.example", "a"), named("https://b.example", "b"));
    assert!(ResourceServer::builder(RESOURCE).trust(a).trust(b).build().is_ok());
}
