//! Walks the state diagrams of the flows that renew, and checks that they are complete.

use super::{KeyRenewal, MetadataRenewal, TokenRenewal};
use crate::{
    base::endpoint_url::UrlPolicy,
    flow::{
        ClientCredentialsRequest,
        diagrams_tests::{ISSUER, Party, Walk, builder, document, json, moment, refusals},
    },
    metadata::Profile,
};
use serde_json::json as value;

#[test]
fn the_diagram_of_the_renewal_of_keys_is_walked() {
    let (party, client) = (Party::new(), builder(|_| {}).build().unwrap());
    let server = |_, _: &_| {
        let turns = party.published().into_iter();
        turns.map(|(answer, response)| (answer.replace("keys that do not vouch", "keys"), response)).collect()
    };
    let begin = || Ok(KeyRenewal::start(client.metadata().jwks_uri.as_ref().unwrap()));
    Walk::of("renew/keys.rs").from("asked", begin, server).holds();
}

#[test]
fn the_diagram_of_the_renewal_of_metadata_is_walked() {
    let server = |_, _: &_| {
        let mut turns = refusals();
        turns.push(json("document", 200, &document()));
        turns
    };
    let policy = UrlPolicy::default();
    let begin = || MetadataRenewal::start(ISSUER, Profile::OpenIdProvider, &policy);
    Walk::of("renew/metadata.rs").from("asked", begin, server).holds();
}

#[test]
fn the_diagram_of_the_renewal_of_a_token_is_walked() {
    let client = builder(|_| {}).build().unwrap();
    let server = |_, _: &_| {
        let mut turns = refusals();
        turns.push(json("granted", 200, &value!({"access_token": "a", "token_type": "Bearer"})));
        turns
    };
    let wanted = ClientCredentialsRequest::default();
    let begin = || TokenRenewal::start(&client, &wanted, moment());
    Walk::of("renew/tokens.rs").from("asked", begin, server).holds();
}
