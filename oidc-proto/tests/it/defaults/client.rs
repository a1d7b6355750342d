//! What the default settings of a client and of its discovery refuse.

use super::{Refusal, Row, row};
use crate::field::signed_userinfo::login_with_signed;
use http::{HeaderValue, Response, header};
use oidc_proto::{
    EndpointUrl, Secret, UrlPolicy,
    flow::{
        AssertionAudience, AssertionType, Client, ClientBuilder, ClientCredentialsRequest, Discovery,
        DiscoveryOptions, Quirks, ResourceDiscovery,
    },
    jose::{Algorithm, RingSigner, sign_compact},
    message::{AuthorizationRequest, AuthorizationResponse, ResponseMode},
    metadata::{AllowedTenants, IssuerRule, Profile},
};
use oidc_testkit::{
    ClientAuthentication, EndpointName, KeyRing, Party, TestProvider, drive, drive::NOW, drive_with, hostile,
    scenario::SECRET,
};
use serde_json::{Map, Value, json};
use std::time::Duration;

type Builder = fn(ClientBuilder) -> ClientBuilder;

/// A login at a provider that was changed.
fn login(on: bool, set: Builder, change: fn(&mut Party)) -> Result<(), Refusal> {
    let mut party = Party::builder().client(move |client| if on { set(client) } else { client }).build();
    change(&mut party);
    Ok(party.login().map(drop)?)
}

/// A token request at a provider whose response was changed.
fn token(on: bool, quirk: fn(&mut Quirks), change: fn(&mut Party)) -> Result<(), Refusal> {
    let mut party = party(on, quirk);
    change(&mut party);
    Ok(party.client_credentials(&ClientCredentialsRequest::default()).map(drop)?)
}

/// A token request of a client with `private_key_jwt`.
fn asserting(on: bool, set: Builder, change: fn(&mut TestProvider)) -> Result<(), Refusal> {
    let (key, jwk) = KeyRing::client_key(Algorithm::ES256);
    let mut party = Party::builder()
        .authentication(ClientAuthentication::PrivateKeyJwt(jwk))
        .client(move |client| if on { set(client.signer(key)) } else { client.signer(key) })
        .build();
    change(&mut party.provider);
    Ok(party.client_credentials(&ClientCredentialsRequest::default()).map(drop)?)
}

fn party(on: bool, quirk: fn(&mut Quirks)) -> Party {
    let mut quirks = Quirks::default();
    if on {
        quirk(&mut quirks);
    }
    Party::builder().client(move |client| client.quirks(quirks)).build()
}

/// A login, and a refresh whose ID token has other claims.
fn refresh(
    on: bool,
    quirk: fn(&mut Quirks),
    at_login: fn(&mut Party),
    later: fn(&mut Party),
) -> Result<(), Refusal> {
    let mut party = party(on, quirk);
    at_login(&mut party);
    let user = party.login().unwrap();
    party.provider.clear_alterations();
    later(&mut party);
    Ok(party.refresh(&user).map(drop)?)
}

fn set(party: &mut Party, endpoint: EndpointName, member: &str, value: Value) {
    party.provider.alter_response(endpoint, hostile::set_member(member, value));
}

fn claim(party: &mut Party, name: &str, value: Value) {
    party.provider.alter_id_token(hostile::set_claim(name, value));
}

/// Names another media type than JSON's.
fn untyped(response: &mut Response<Vec<u8>>) {
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
}

/// Discovery at a provider that was changed.
fn discovery(
    on: bool,
    options: fn(DiscoveryOptions) -> DiscoveryOptions,
    change: fn(&mut Party),
) -> Result<(), Refusal> {
    let mut party = Party::new();
    change(&mut party);
    let default = DiscoveryOptions::new(&UrlPolicy::default());
    let options = if on { options(default) } else { default };
    let call = Discovery::with("https://op.example", options)?;
    let Party { provider, clock, .. } = &mut party;
    // A redirect everywhere but at one place, as some servers have it.
    let found = drive_with(call, clock, |request, _, now| {
        let moved = request.uri().path() == "/elsewhere.json";
        let mut request = request.clone();
        if moved {
            *request.uri_mut() = "https://op.example/.well-known/openid-configuration".parse().unwrap();
            provider.clear_alterations();
        }
        Some(provider.handle(&request, now))
    });
    Ok(found.map(drop)?)
}

pub(super) fn template() -> IssuerRule {
    let tenants = AllowedTenants::List(vec!["acme".to_owned()]);
    IssuerRule::template("https://op.example/{tenant}", "tid", tenants).unwrap()
}

/// A login at a provider with a template for its issuer.
fn tenant(on: bool) -> Result<(), Refusal> {
    let mut party = Party::new();
    party.provider.issuer_in_callback(false);
    set(&mut party, EndpointName::Discovery, "issuer", json!("https://op.example/{tenant}"));
    let options = DiscoveryOptions::new(&UrlPolicy::default()).issuer_rule(template());
    let call = Discovery::with("https://op.example", options).unwrap();
    let metadata = drive(call, &mut party.provider, &mut party.clock).unwrap();
    let client = Client::builder(metadata, "app").secret(SECRET).redirect_uri("https://app.example/callback");
    let client = if on { client.issuer_rule(template()) } else { client };
    party.client = client.build()?;
    claim(&mut party, "iss", json!("https://op.example/acme"));
    claim(&mut party, "tid", json!("acme"));
    Ok(party.login().map(drop)?)
}

fn url(on: bool, policy: fn(UrlPolicy) -> UrlPolicy, url: &str) -> Result<(), Refusal> {
    let default = UrlPolicy::default();
    let policy = if on { policy(default) } else { default };
    Ok(Discovery::start(url, &policy).map(drop)?)
}

/// A client whose secret has characters that form encoding changes, at a provider that does not decode.
fn undecoded(on: bool) -> Result<(), Refusal> {
    let mut party = party(on, |quirks| quirks.basic_not_form_encoded = true);
    let call = party.client.client_credentials(&ClientCredentialsRequest::default(), party.clock.moment())?;
    let plain = format!("app:{SECRET}");
    let answered = drive_with(call, &mut party.clock, |request, _, _| {
        use base64::prelude::{BASE64_STANDARD, Engine};
        let sent = request.headers()["authorization"].to_str().unwrap().trim_start_matches("Basic ");
        let known = BASE64_STANDARD.decode(sent).unwrap() == plain.as_bytes();
        let (status, body) = match known {
            true => (200, r#"{"access_token":"t","token_type":"Bearer"}"#),
            false => (401, r#"{"error":"invalid_client"}"#),
        };
        let response = http::Response::builder().status(status).header("content-type", "application/json");
        Some(response.body(body.into()).unwrap())
    });
    Ok(answered.map(drop)?)
}

/// A callback that the provider has signed with the client secret (JARM).
fn signed_with_the_secret(on: bool) -> Result<(), Refusal> {
    let mut party = Party::new();
    set(&mut party, EndpointName::Discovery, "response_modes_supported", json!(["query", "query.jwt"]));
    let client = Client::builder(party.discover()?, "app").secret(SECRET);
    let client = client.redirect_uri("https://app.example/callback");
    let client = if on { client.authorization_signed_response_alg(Algorithm::HS256) } else { client };
    party.client = client.build()?;
    let (url, pending) =
        party.authorize(&AuthorizationRequest::default().response_mode(ResponseMode::QueryJwt))?;
    let state = url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let claims =
        json!({"iss": "https://op.example", "aud": "app", "exp": NOW.0 + 60, "code": "c", "state": state});
    let key = RingSigner::from_secret(Algorithm::HS256, &Secret::new(SECRET), None).unwrap();
    let jwt = sign_compact(&key, Map::new(), claims.to_string().as_bytes()).unwrap();
    let response = AuthorizationResponse::from_query(&format!("response={jwt}")).unwrap();
    let keys = party.keys()?;
    Ok(pending.callback(&party.client, Some(keys), response, party.clock.moment()).map(drop)?)
}

/// Metadata of a resource that are longer than others.
fn long_resource(on: bool) -> Result<(), Refusal> {
    let call = ResourceDiscovery::start("https://api.example", &UrlPolicy::default())?;
    let call = if on { call.max_body(1 << 20) } else { call };
    let body = json!({"resource": "https://api.example", "x": "x".repeat(100_000)}).to_string();
    let answered = drive_with(call, &mut Party::new().clock, |_, _, _| {
        let response = http::Response::builder().header("content-type", "application/json");
        Some(response.body(body.clone().into_bytes()).unwrap())
    });
    Ok(answered.map(drop)?)
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = urls();
    rows.extend(documents());
    rows.extend(quirks());
    rows.extend(clients());
    rows
}

fn urls() -> Vec<Row> {
    vec![
        row("UrlPolicy::with_loopback", "`UrlPolicy::with_loopback`", |on| {
            url(on, UrlPolicy::with_loopback, "http://127.0.0.1:8080")
        }),
        row("UrlPolicy::allow_loopback", "`UrlPolicy::with_loopback`", |on| {
            let allow = |mut policy: UrlPolicy| {
                policy.allow_loopback = true;
                policy
            };
            url(on, allow, "https://localhost")
        }),
        row("UrlPolicy::for_issuer", "`UrlPolicy::with_loopback`", |on| {
            url(on, |policy| policy.for_issuer("http://[::1]:8080"), "http://[::1]:8080")
        }),
        row("UrlPolicy::with_private_addresses", "`UrlPolicy::with_private_addresses`", |on| {
            url(on, UrlPolicy::with_private_addresses, "https://10.0.0.1")
        }),
        row("UrlPolicy::allow_private", "`UrlPolicy::with_private_addresses`", |on| {
            let allow = |mut policy: UrlPolicy| {
                policy.allow_private = true;
                policy
            };
            url(on, allow, "https://169.254.169.254")
        }),
        row("UrlPolicy::with_plain_http_host", "`UrlPolicy::with_plain_http_host`", |on| {
            url(on, |policy| policy.with_plain_http_host("keycloak"), "http://keycloak:8080/realms/shop")
        }),
    ]
}

fn documents() -> Vec<Row> {
    vec![
        row("DiscoveryOptions::any_media_type", "`any_media_type`", |on| {
            discovery(on, DiscoveryOptions::any_media_type, |party| {
                party.provider.alter_response(EndpointName::Discovery, untyped);
            })
        }),
        row("DiscoveryOptions::profile", "`profile`", |on| {
            let token_issuer = |options: DiscoveryOptions| options.profile(Profile::TokenIssuer);
            discovery(on, token_issuer, |party| {
                let gone = hostile::remove_member("authorization_endpoint");
                party.provider.alter_response(EndpointName::Discovery, gone);
            })
        }),
        row("DiscoveryOptions::or_other_form", "`or_other_form`", |on| {
            let only_oauth = |party: &mut Party| party.provider.metadata_forms(false, true);
            discovery(on, DiscoveryOptions::or_other_form, only_oauth)
        }),
        row("DiscoveryOptions::document_at", "`document_at`", |on| {
            let at = |options: DiscoveryOptions| {
                let place = EndpointUrl::parse("https://op.example/elsewhere.json", &UrlPolicy::default());
                options.document_at(place.unwrap())
            };
            discovery(on, at, |party| {
                let moved = hostile::redirect_to("https://op.example/elsewhere.json");
                party.provider.alter_response(EndpointName::Discovery, moved);
            })
        }),
        row("DiscoveryOptions::issuer_rule", "`issuer_rule`", |on| {
            discovery(
                on,
                |options| options.issuer_rule(template()),
                |party| set(party, EndpointName::Discovery, "issuer", json!("https://op.example/{tenant}")),
            )
        }),
        row("DiscoveryOptions::max_document", "`max_document`", |on| {
            discovery(
                on,
                |options| options.max_document(1 << 20),
                |party| party.provider.alter_response(EndpointName::Discovery, hostile::pad_body(100_000)),
            )
        }),
        row("Call::max_body", "`Call::max_body`", long_resource),
        row("Call::any_media_type", "`Call::any_media_type`", |on| {
            let body = r#"{"resource":"https://api.example"}"#;
            Ok(crate::field::endpoints::resource(on, Some("text/plain"), body)?)
        }),
    ]
}

fn quirks() -> Vec<Row> {
    vec![
        row("Quirks::expires_in_as_string", "`Quirks::expires_in_as_string`", |on| {
            token(
                on,
                |quirks| quirks.expires_in_as_string = true,
                |party| {
                    set(party, EndpointName::Token, "expires_in", json!("3600"));
                },
            )
        }),
        row("Quirks::scope_as_array", "`Quirks::scope_as_array`", |on| {
            token(
                on,
                |quirks| quirks.scope_as_array = true,
                |party| {
                    set(party, EndpointName::Token, "scope", json!(["a", "b"]));
                },
            )
        }),
        row("Quirks::no_token_type", "`Quirks::no_token_type`", |on| {
            token(
                on,
                |quirks| quirks.no_token_type = true,
                |party| {
                    party.provider.alter_response(EndpointName::Token, hostile::remove_member("token_type"));
                },
            )
        }),
        row("Quirks::odd_expires_in", "`Quirks::odd_expires_in`", |on| {
            token(
                on,
                |quirks| quirks.odd_expires_in = true,
                |party| set(party, EndpointName::Token, "expires_in", json!(-1)),
            )
        }),
        row("Quirks::any_media_type", "`Quirks::any_media_type`", |on| {
            let mut party = party(on, |quirks| quirks.any_media_type = true);
            party.provider.alter_response(EndpointName::Jwks, untyped);
            Ok(party.login().map(drop)?)
        }),
        row("Quirks::basic_not_form_encoded", "`Quirks::basic_not_form_encoded`", undecoded),
        row("Quirks::no_nonce", "`Quirks::no_nonce`", |on| {
            let mut party = party(on, |quirks| quirks.no_nonce = true);
            party.provider.alter_id_token(hostile::remove_claim("nonce"));
            Ok(party.login().map(drop)?)
        }),
        row("Quirks::no_pkce", "`Quirks::no_pkce`", |on| {
            let mut party = party(on, |quirks| quirks.no_pkce = true);
            set(&mut party, EndpointName::Discovery, "code_challenge_methods_supported", json!(["plain"]));
            let metadata = party.discover()?;
            let client = Client::builder(metadata, "app").secret(SECRET).quirks(party.client.quirks());
            let client = client.redirect_uri("https://app.example/callback").build()?;
            Ok(client.authorize(&AuthorizationRequest::default(), party.clock.moment()).map(drop)?)
        }),
        row("Quirks::refreshed_auth_time_differs", "`Quirks::refreshed_auth_time_differs`", |on| {
            refresh(
                on,
                |quirks| quirks.refreshed_auth_time_differs = true,
                |_| (),
                |party| claim(party, "auth_time", json!(NOW.0 + 5)),
            )
        }),
        row(
            "Quirks::doubled_iss_in_authorization_response",
            "`Quirks::doubled_iss_in_authorization_response`",
            |on| Ok(crate::field::jarm::as_keycloak_sends_it(on)?),
        ),
        row("Quirks::refreshed_without_azp", "`Quirks::refreshed_without_azp`", |on| {
            refresh(
                on,
                |quirks| quirks.refreshed_without_azp = true,
                |party| claim(party, "azp", json!("app")),
                |_| (),
            )
        }),
    ]
}

fn clients() -> Vec<Row> {
    vec![
        row("ClientBuilder::issuer_rule", "`ClientBuilder::issuer_rule`", tenant),
        row("IssuerRule::or_exact", "`IssuerRule::or_exact`", |on| {
            login(
                on,
                |client| client.issuer_rule(IssuerRule::exact("https://op.example").or_exact("op.example")),
                |party| claim(party, "iss", json!("op.example")),
            )
        }),
        row("ClientBuilder::trusted_audiences", "`trusted_audiences`", |on| {
            login(
                on,
                |client| client.trusted_audiences(["api"]),
                |party| claim(party, "aud", json!(["app", "api"])),
            )
        }),
        row("ClientBuilder::assertion_audience", "`ClientBuilder::assertion_audience`", |on| {
            asserting(
                on,
                |client| client.assertion_audience(AssertionAudience::TokenEndpoint),
                |provider| provider.assertion_audience(oidc_testkit::AssertionAudience::TokenEndpoint),
            )
        }),
        row("ClientBuilder::assertion_type", "`ClientBuilder::assertion_type`", |on| {
            asserting(
                on,
                |client| client.assertion_type(AssertionType::ClientAuthenticationJwt),
                |provider| provider.typed_assertions(true),
            )
        }),
        row(
            "ClientBuilder::trusted_authorized_parties",
            "`ClientBuilder::trusted_authorized_parties`",
            |on| {
                login(
                    on,
                    |client| client.trusted_authorized_parties(["mobile"]),
                    |party| claim(party, "azp", json!("mobile")),
                )
            },
        ),
        row("ClientBuilder::leeway", "`leeway`", |on| {
            login(
                on,
                |client| client.leeway(Duration::from_secs(90)),
                |party| claim(party, "iat", json!(NOW.0 + 60)),
            )
        }),
        row("ClientBuilder::max_token", "`max_token`", |on| {
            login(
                on,
                |client| client.max_token(40_000),
                |party| claim(party, "note", json!("x".repeat(20_000))),
            )
        }),
        row("ClientBuilder::max_keys", "`max_keys`", |on| {
            let many = |response: &mut Response<Vec<u8>>| {
                let mut set: Value = serde_json::from_slice(response.body()).unwrap();
                let keys = set["keys"].as_array_mut().unwrap();
                keys.resize(101, json!({"kty": "new"}));
                *response.body_mut() = set.to_string().into_bytes();
            };
            let mut party =
                Party::builder().client(move |client| if on { client.max_keys(101) } else { client }).build();
            party.provider.alter_response(EndpointName::Jwks, many);
            Ok(party.login().map(drop)?)
        }),
        row("ClientBuilder::max_document", "`max_document`", |on| {
            login(
                on,
                |client| client.max_document(1 << 20),
                |party| party.provider.alter_response(EndpointName::Jwks, hostile::pad_body(100_000)),
            )
        }),
        row(
            "ClientBuilder::id_token_signed_response_alg",
            "`ClientBuilder::id_token_signed_response_alg`",
            |on| {
                login(
                    on,
                    |client| client.id_token_signed_response_alg(Algorithm::HS256),
                    |party| party.provider.sign_with(Algorithm::HS256),
                )
            },
        ),
        row(
            "ClientBuilder::userinfo_signed_response_alg",
            "`ClientBuilder::userinfo_signed_response_alg`",
            |on| Ok(login_with_signed(on)?),
        ),
        row(
            "ClientBuilder::authorization_signed_response_alg",
            "`ClientBuilder::authorization_signed_response_alg`",
            signed_with_the_secret,
        ),
    ]
}
