//! The advice of errors, followed: each text names a method, and with that method the same attempt succeeds.

use crate::resource::{ISSUER, NOW, judged, key, keys, proof, sign, token};
use oidc_drive::egress::Guard;
use oidc_proto::{
    Error, Remedy, Timestamp, UrlPolicy,
    flow::{Client, ClientBuilder, ClientCredentialsRequest, Discovery, DiscoveryOptions, Quirks},
    jose::Algorithm,
    message::{AuthorizationRequest, IntrospectionResponse},
    metadata::{AllowedTenants, IssuerRule, Profile},
    resource::{Access, Denied, RequestView, ResourceServer, TrustedIssuer, Verdict},
    sender::DpopVerifier,
    token::{AccessTokenVerifier, Scratch},
};
use oidc_testkit::{
    EndpointName, Party, drive, drive_with, hostile,
    scenario::{CLIENT_ID, SECRET},
};
use serde_json::{Value, json};
use std::{fmt::Display, sync::Arc, time::Duration};

const API: &str = "https://api.example";

/// The text names this method, and its remedy is a setting.
#[track_caller]
fn advises(error: &impl Display, remedy: Remedy, method: &str) {
    let text = error.to_string();
    assert!(text.contains(&format!("`{method}`")) || text.contains(&format!("`{method}()`")), "{text}");
    assert_eq!(remedy, Remedy::FixConfiguration, "{text}");
}

/// The log of an API names this method. The client is told nothing of it.
#[track_caller]
fn logs(denied: &Denied, method: &str) {
    assert!(denied.to_string().contains(&format!("`{method}`")), "{denied}");
    assert!(!denied.headers()["www-authenticate"].to_str().unwrap().contains(method), "{denied}");
    assert_eq!(denied.remedy(), Remedy::RequestAtFault);
}

fn server(issuer: TrustedIssuer) -> ResourceServer {
    ResourceServer::builder(API).trust(issuer).build().unwrap()
}

fn ask(server: &ResourceServer, token: &str) -> Result<Arc<Access>, Denied> {
    judged(server, &[("authorization", &format!("Bearer {token}"))])
}

/// An access token as some issuer makes it.
fn made(header: Value, change: impl FnOnce(&mut Value)) -> String {
    let mut claims = json!({"iss": ISSUER, "sub": "alice", "aud": API, "client_id": "app", "jti": "t",
                            "scope": "read", "iat": NOW.0 - 600, "exp": NOW.0 + 300});
    change(&mut claims);
    let mut all = json!({"alg": "EdDSA"});
    all.as_object_mut().unwrap().extend(header.as_object().unwrap().clone());
    sign(&key("ed25519-1", Algorithm::EdDSA), &all, &claims)
}

#[test]
fn plain_http_on_this_machine_and_a_private_address_are_allowed_as_the_error_says() {
    for (issuer, method, policy) in [
        ("http://127.0.0.1:8080", "UrlPolicy::with_loopback", UrlPolicy::default().with_loopback()),
        ("https://localhost/realms/x", "UrlPolicy::with_loopback", UrlPolicy::default().with_loopback()),
        ("http://localhost:9000", "UrlPolicy::with_loopback", UrlPolicy::default().with_loopback()),
        (
            "https://10.0.0.7/realms/x",
            "UrlPolicy::with_private_addresses",
            UrlPolicy::default().with_private_addresses(),
        ),
        (
            "https://192.168.1.1",
            "UrlPolicy::with_private_addresses",
            UrlPolicy::default().with_private_addresses(),
        ),
    ] {
        let Err(error) = Discovery::start(issuer, &UrlPolicy::default()) else { panic!("{issuer}") };
        advises(&error, error.remedy(), method);
        assert!(Discovery::start(issuer, &policy).is_ok(), "{issuer}");
    }
}

#[test]
fn a_name_that_leads_into_the_own_network_is_allowed_as_the_error_says() {
    for address in ["10.1.2.3", "192.168.0.9", "fd00::1"] {
        let guard = || Guard::new().with_resolver(move |_| Ok(vec![address.parse().unwrap()]));
        let error = guard().addresses("op.internal.example").unwrap_err();
        let refused = error.get_ref().unwrap().downcast_ref::<oidc_drive::egress::Refused>().unwrap();
        advises(refused, refused.remedy(), "allow_private_networks");
        assert_eq!(guard().allow_private_networks().addresses("op.internal.example").unwrap().len(), 1);
    }
}

#[test]
fn access_tokens_that_do_not_name_their_kind_are_accepted_as_the_log_says() {
    for typ in [json!("JWT"), json!("jwt"), Value::Null] {
        let token = made(if typ.is_null() { json!({}) } else { json!({"typ": typ}) }, |_| {});
        logs(
            &ask(&server(TrustedIssuer::new(ISSUER)), &token).unwrap_err(),
            "AccessTokenVerifier::accept_plain_jwt",
        );
        let followed = TrustedIssuer::new(ISSUER).access_tokens(AccessTokenVerifier::accept_plain_jwt);
        assert_eq!(ask(&server(followed), &token).unwrap().subject(), Some("alice"));
    }
}

#[test]
fn another_audience_is_accepted_as_the_log_says() {
    for audience in ["account", "urn:orders", "https://api.example/"] {
        let token = made(json!({"typ": "at+jwt"}), |claims| claims["aud"] = audience.into());
        logs(
            &ask(&server(TrustedIssuer::new(ISSUER)), &token).unwrap_err(),
            "AccessTokenVerifier::or_audience",
        );
        let followed = TrustedIssuer::new(ISSUER).access_tokens(|demands| demands.or_audience(audience));
        assert!(ask(&server(followed), &token).is_ok());
    }
}

#[test]
fn issuers_of_a_template_are_accepted_as_the_log_says() {
    let rule = |allowed: &str| {
        let template = "https://login.example/{tenantid}/v2.0";
        IssuerRule::template(template, "tid", AllowedTenants::List(vec![allowed.to_owned()])).unwrap()
    };
    for tenant in ["acme", "globex", "t-3"] {
        let iss = format!("https://login.example/{tenant}/v2.0");
        let token = made(json!({"typ": "at+jwt"}), |claims| {
            claims["iss"] = iss.as_str().into();
            claims["tid"] = tenant.into();
        });
        let (keys, shared) = (keys(), "https://login.example/common/v2.0");
        let verify = |verifier: AccessTokenVerifier| {
            let mut scratch = oidc_proto::token::Scratch::new();
            verifier.verify(&token, &keys, &mut scratch, NOW).map(drop)
        };
        let rejected = verify(AccessTokenVerifier::new(shared, API)).unwrap_err();
        let said = oidc_drive::ProviderError::from(rejected).to_string();
        assert!(said.contains("`AccessTokenVerifier::issuer_rule`"), "{said}");
        assert_eq!(verify(AccessTokenVerifier::new(shared, API).issuer_rule(rule(tenant))), Ok(()));
        assert!(verify(AccessTokenVerifier::new(shared, API).issuer_rule(rule("another"))).is_err());
    }
}

#[test]
fn opaque_tokens_are_introspected_as_the_log_says() {
    for token in ["opaque", "dGhlIHRva2Vu", "v2.local.x"] {
        logs(
            &ask(&server(TrustedIssuer::new(ISSUER)), token).unwrap_err(),
            "TrustedIssuer::introspects_opaque_tokens",
        );
        let server = server(TrustedIssuer::new(ISSUER).introspects_opaque_tokens());
        let (method, uri) = (http::Method::GET, http::Uri::from_static("/orders"));
        let headers = http::HeaderMap::from_iter([(
            http::header::AUTHORIZATION,
            http::HeaderValue::from_str(&format!("Bearer {token}")).unwrap(),
        )]);
        let inspected =
            server.inspect(&RequestView::new(&method, &uri, &headers), &mut Scratch::new()).unwrap();
        assert!(inspected.is_opaque());
        let said = json!({"active": true, "aud": API, "sub": "alice"}).as_object().cloned().unwrap();
        let said = IntrospectionResponse::from_members(said).unwrap();
        assert!(matches!(server.judge_introspected(&inspected, &said, NOW), Verdict::Accepted(_)));
    }
}

#[test]
fn bound_tokens_are_let_in_as_the_log_says() {
    let (token, _) = proof(&|cnf| token(ISSUER, NOW.0 + 300, cnf));
    let denied = ask(&server(TrustedIssuer::new(ISSUER)), &token).unwrap_err();
    logs(&denied, "ResourceServerBuilder::accept_dpop");
    let server =
        ResourceServer::builder(API).trust(TrustedIssuer::new(ISSUER)).accept_dpop(DpopVerifier::new());
    let server = server.build().unwrap();
    let (token, proof) = proof(&|cnf| crate::resource::token(ISSUER, NOW.0 + 300, cnf));
    // The proof counts, which `judged` reports as a replay: it remembers each.
    let said = judged(&server, &[("authorization", &format!("DPoP {token}")), ("dpop", &proof)]).unwrap_err();
    assert_eq!(said.code(), "proof_replayed");
}

/// A login at a provider whose documents and tokens differ, by a client that this changes.
fn login(
    differ: impl Fn(&mut Party),
    shape: impl FnOnce(ClientBuilder) -> ClientBuilder,
) -> Result<(), Error> {
    let mut party = Party::new();
    differ(&mut party);
    let metadata = party.discover()?;
    let builder =
        Client::builder(metadata, CLIENT_ID).secret(SECRET).redirect_uri("https://app.example/callback");
    party.client = shape(builder).build()?;
    party.login_with(&AuthorizationRequest::default(), None).map(drop)
}

#[test]
fn further_audiences_of_an_id_token_are_trusted_as_the_error_says() {
    for other in ["account", "another-client", "https://api.example"] {
        let differ = |party: &mut Party| {
            party.provider.alter_id_token(hostile::set_claim("aud", json!([CLIENT_ID, other])));
        };
        let error = login(differ, |client| client).unwrap_err();
        advises(&error, error.remedy(), "trusted_audiences");
        login(differ, |client| client.trusted_audiences([other])).unwrap();
    }
}

#[test]
fn an_algorithm_that_the_provider_does_not_list_is_named_as_the_error_says() {
    for listed in [json!(["ES256"]), json!(["HS256", "PS256"]), json!(["ES512"])] {
        let differ = |party: &mut Party| {
            let name = "id_token_signing_alg_values_supported";
            party.provider.alter_response(EndpointName::Discovery, hostile::set_member(name, listed.clone()));
        };
        let error = login(differ, |client| client).unwrap_err();
        advises(&error, error.remedy(), "ClientBuilder::id_token_signed_response_alg");
        login(differ, |client| client.id_token_signed_response_alg(Algorithm::RS256)).unwrap();
    }
}

#[test]
fn a_clock_that_is_off_is_tolerated_as_the_error_says() {
    for seconds in [40, 90, 120] {
        let differ = |party: &mut Party| {
            let now = party.clock.now().0;
            party.provider.alter_id_token(hostile::set_claim("iat", now - 600));
            party.provider.alter_id_token(hostile::set_claim("exp", now - seconds));
        };
        let error = login(differ, |client| client).unwrap_err();
        advises(&error, error.remedy(), "leeway");
        login(differ, |client| client.leeway(Duration::from_secs(300))).unwrap();
    }
}

#[test]
fn an_odd_token_response_is_accepted_with_the_quirk_that_the_error_names() {
    let quirk = |set: fn(&mut Quirks)| {
        let mut quirks = Quirks::default();
        set(&mut quirks);
        quirks
    };
    type Oddity = (&'static str, Option<Value>, &'static str, fn(&mut Quirks));
    let oddities: [Oddity; 3] = [
        ("expires_in", Some(json!("3600")), "expires_in_as_string", |quirks| {
            quirks.expires_in_as_string = true
        }),
        ("scope", Some(json!(["jobs:run"])), "scope_as_array", |quirks| quirks.scope_as_array = true),
        ("token_type", None, "no_token_type", |quirks| quirks.no_token_type = true),
    ];
    for (member, value, field, set) in oddities {
        let grant = |quirks: Quirks| {
            let mut party = Party::builder().client(move |client| client.quirks(quirks)).build();
            match value.clone() {
                Some(value) => {
                    party.provider.alter_response(EndpointName::Token, hostile::set_member(member, value));
                }
                None => party.provider.alter_response(EndpointName::Token, hostile::remove_member(member)),
            }
            party.client_credentials(&ClientCredentialsRequest::new(["jobs:run"])).map(drop)
        };
        let error = grant(Quirks::default()).unwrap_err();
        advises(&error, error.remedy(), &format!("Quirks::{field}"));
        grant(quirk(set)).unwrap();
    }
}

#[test]
fn metadata_that_lacks_members_is_enough_for_the_profile_that_the_error_names() {
    for (missing, profile) in [
        ("jwks_uri", Profile::AuthorizationServer),
        ("subject_types_supported", Profile::AuthorizationServer),
        ("token_endpoint", Profile::TokenIssuer),
    ] {
        let discover = |options: DiscoveryOptions| {
            let mut party = Party::new();
            party.provider.alter_response(EndpointName::Discovery, hostile::remove_member(missing));
            let call = Discovery::with(party.provider.issuer(), options)?;
            drive(call, &mut party.provider, &mut party.clock).map(drop)
        };
        let options = || DiscoveryOptions::new(&UrlPolicy::default());
        let error = discover(options()).unwrap_err();
        advises(&error, error.remedy(), "profile");
        discover(options().profile(profile)).unwrap();
    }
}

#[test]
fn a_user_who_was_away_for_too_long_begins_again_as_the_error_says() {
    for seconds in [3_601, 7_200, 86_400] {
        let mut party = Party::new();
        let (url, pending) = party.authorize(&AuthorizationRequest::default()).unwrap();
        let query = party.callback_query(&url);
        party.clock.advance(seconds);
        let error = party.callback(pending, &query, None).unwrap_err();
        assert!(error.to_string().ends_with("begin again"), "{error}");
        assert_eq!((error.code(), error.remedy()), ("callback_expired", Remedy::LogInAgain));
        party.login().unwrap();
    }
}

#[test]
fn a_refresh_token_that_is_over_is_followed_by_another_login_as_the_error_says() {
    for end in ["used twice", "made up", "of a provider that forgot it"] {
        let mut party = Party::new();
        let user = party.login().unwrap();
        let error = match end {
            "used twice" => {
                party.refresh(&user).unwrap();
                party.refresh(&user).unwrap_err()
            }
            "made up" => party.refresh_with(&"made up".into(), None, None).unwrap_err(),
            _ => {
                let refuse = hostile::times(1, hostile::oauth_error(400, "invalid_grant"));
                party.provider.alter_response(EndpointName::Token, refuse);
                party.refresh(&user).unwrap_err()
            }
        };
        assert!(error.to_string().contains("log in again"), "{error}");
        assert_eq!((error.code(), error.provider_code()), ("invalid_grant", Some("invalid_grant")));
        assert_eq!(error.remedy(), Remedy::LogInAgain);
        party.login().unwrap();
    }
}

/// Nothing that follows from the text needs a guess: the issuer is compared, and then it is right.
#[test]
fn a_misspelt_issuer_is_named_where_there_is_no_metadata() {
    for (asked, status) in [
        ("https://op.example/realms/x", 404),
        ("https://op.example/auth", 404),
        ("https://op.example/x", 410),
    ] {
        let mut party = Party::new();
        party.provider.alter_response(EndpointName::Discovery, hostile::respond(status, "text/html", "<p>"));
        let call = Discovery::start(asked, &UrlPolicy::default()).unwrap();
        let mut answer = |_: &http::Request<Vec<u8>>, _: &oidc_proto::flow::Terms, _: Timestamp| {
            let response = http::Response::builder().status(status).header("content-type", "text/html");
            Some(response.body(b"<p>".to_vec()).unwrap())
        };
        let error = drive_with(call, &mut party.clock, &mut answer).map(drop).unwrap_err();
        assert!(error.to_string().contains("check the issuer, which may be misspelt"), "{error}");
        assert_eq!(error.remedy(), Remedy::FixConfiguration);
        party.provider.clear_alterations();
        party.discover().unwrap();
    }
}
