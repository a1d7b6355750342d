//! What the default settings refuse of signed introspection responses.

use super::{Refusal, Row, row};
use oidc_proto::flow::{Client, ClientBuilder};
use oidc_testkit::{Algorithm, EndpointName, Party, drive, hostile, scenario::SECRET};
use serde_json::json;

type Builder = fn(ClientBuilder) -> ClientBuilder;

/// The introspection of a token whose response is signed, at a provider that was changed.
fn introspection(on: bool, before: Builder, set: Builder, change: fn(&mut Party)) -> Result<(), Refusal> {
    let mut party = Party::new();
    party.provider.sign_introspection(Algorithm::ES256);
    let client = before(Client::builder(party.discover()?, "app").secret(SECRET));
    let client = if on { set(client) } else { client }.build()?;
    change(&mut party);
    let moment = party.clock.moment();
    let call = client.introspect(&"a token".into(), None, moment)?;
    Ok(drive(call, &mut party.provider, &mut party.clock).map(drop)?)
}

/// Sends a response that is signed for this audience, whatever the client asks for.
fn unasked(party: &mut Party) {
    let jwt = "eyJhbGciOiJFUzI1NiJ9.e30.AAAA";
    let signed = hostile::respond(200, "application/token-introspection+jwt", jwt);
    party.provider.alter_response(EndpointName::Introspection, signed);
}

pub(super) fn rows() -> Vec<Row> {
    vec![
        row("ClientBuilder::signed_introspection", "`ClientBuilder::signed_introspection`", |on| {
            let nothing: fn(&mut Party) = |_| {};
            let change = if on { nothing } else { unasked };
            introspection(on, |client| client, ClientBuilder::signed_introspection, change)
        }),
        row(
            "ClientBuilder::introspection_signed_response_alg",
            "`ClientBuilder::introspection_signed_response_alg`",
            |on| {
                introspection(
                    on,
                    ClientBuilder::signed_introspection,
                    |client| client.introspection_signed_response_alg(Algorithm::RS256),
                    |party| party.provider.sign_with(Algorithm::RS256),
                )
            },
        ),
        row("ClientBuilder::introspection_audience", "`ClientBuilder::introspection_audience`", |on| {
            introspection(
                on,
                ClientBuilder::signed_introspection,
                |client| client.introspection_audience("https://api.example"),
                |party| {
                    let audience = hostile::set_claim("aud", json!("https://api.example"));
                    party.provider.alter_introspection(audience);
                },
            )
        }),
    ]
}
