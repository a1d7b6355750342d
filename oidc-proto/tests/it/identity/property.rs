//! Over random servers and random sets of credentials: the choice follows the order, and no credential leaves its issuer.

use super::{
    choice::{REDIRECT, registered, server},
    client_id,
};
use crate::support::NOW;
use oidc_proto::{
    flow::{
        Client, ClientCredentialsRequest, ClientIdentities, IdentityChoice, IdentityKind,
        PreRegisteredClient, RegisteredClient,
    },
    message::{AccessRequest, ClientMetadata},
    metadata::ProviderMetadata,
};
use oidc_testkit::{Moment, Seed, world::check};
use std::collections::BTreeSet;

/// Issuers of which some are prefixes of others, or look like others.
const ISSUERS: [&str; 6] = [
    "https://as.example",
    "https://as.example/",
    "https://as.example/tenant",
    "https://as.example.evil.example",
    "https://other.example",
    "https://other.example:8443",
];

fn secret_of(at: usize) -> String {
    format!("the-secret-at-issuer-{at}")
}

/// Everything that the client shows to a server: its requests, with what HTTP Basic hides.
fn shown(client: &Client, seed: &mut Seed) -> String {
    let client = client.clone();
    let (url, _) = client.authorize_access(&AccessRequest::new(["a"]), seed.moment(NOW)).unwrap();
    let wanted = ClientCredentialsRequest::new(["a"]);
    let moment: Moment = seed.moment(NOW);
    let call = client.client_credentials_once(&wanted, moment).unwrap();
    let request = call.request();
    let basic = request.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned());
    let basic = basic.and_then(|value| Some(value.strip_prefix("Basic ")?.to_owned()));
    let basic = basic.map(|encoded| {
        let text = oidc_proto::base::base64url::decode(
            &encoded.trim_end_matches('=').replace('+', "-").replace('/', "_"),
        );
        String::from_utf8(text.unwrap()).unwrap()
    });
    format!("{url} {} {basic:?}", String::from_utf8_lossy(request.body()))
}

#[test]
fn no_credential_of_one_issuer_is_chosen_at_another_and_the_choice_follows_the_order() {
    use IdentityKind::{Document, PreRegistered, Registered, Registration};
    let kept: Vec<RegisteredClient> = ISSUERS
        .iter()
        .enumerate()
        .map(|(at, issuer)| {
            let mut client = registered(issuer);
            client.client_id = format!("registered-at-{at}");
            client
        })
        .collect();
    let reached = std::cell::RefCell::new(BTreeSet::new());
    check(600, |seed| {
        let is = |seed: &mut Seed| seed.below(2) == 1;
        let pick = |seed: &mut Seed| usize::try_from(seed.below(6)).unwrap();
        let here = pick(seed);
        let (documents, registers) = (is(seed), is(seed));
        let server: ProviderMetadata = server(ISSUERS[here], documents, registers);

        let mut identities = ClientIdentities::new();
        let mut by_hand = BTreeSet::new();
        for at in 0..ISSUERS.len() {
            if is(seed) {
                by_hand.insert(at);
                let client = PreRegisteredClient::new(ISSUERS[at], format!("by-hand-at-{at}"));
                identities = identities.pre_registered(client.secret(secret_of(at)));
            }
        }
        let (has_document, may_register) = (is(seed), is(seed));
        if has_document {
            identities = identities.document(client_id());
        }
        if may_register {
            identities = identities.registration(ClientMetadata::native([REDIRECT]));
        }
        // What the store gives may be of any issuer: a careless program mixes them up.
        let found = is(seed).then(|| pick(seed));
        let mut order = IdentityKind::ORDER.to_vec();
        if is(seed) {
            for at in (1..order.len()).rev() {
                order.swap(at, usize::try_from(seed.below(u64::try_from(at + 1).unwrap())).unwrap());
            }
            order.truncate(usize::try_from(seed.below(5)).unwrap());
            identities = identities.order(order.clone());
        }

        let fits = |kind: &&IdentityKind| match kind {
            PreRegistered => by_hand.contains(&here),
            Document => has_document && documents,
            Registered => found == Some(here),
            Registration => may_register && registers,
            _ => unreachable!("there are four"),
        };
        let expected = order.iter().find(fits).copied();
        let choice = identities.choose(&server, found.map(|at| &kept[at]), NOW);
        match (choice, expected) {
            (Ok(IdentityChoice::Client(identity)), Some(kind)) => {
                assert_eq!((identity.kind(), identity.issuer()), (kind, ISSUERS[here]));
                let builder = identity.client(server.clone(), NOW).unwrap();
                let client = builder.redirect_uri(REDIRECT).build().unwrap();
                let shown = shown(&client, seed);
                for other in (0..ISSUERS.len()).filter(|other| *other != here) {
                    for foreign in
                        [secret_of(other), format!("by-hand-at-{other}"), format!("registered-at-{other}")]
                    {
                        assert!(!shown.contains(&foreign), "{foreign} is shown to issuer {here}: {shown}");
                    }
                    // Not even a program that mixes up its servers gets a client with it.
                    let there = self::server(ISSUERS[other], true, true);
                    assert!(identity.client(there, NOW).is_err());
                }
                reached.borrow_mut().insert(format!("{kind:?}"));
            }
            (Ok(IdentityChoice::Register(_)), Some(Registration)) => {
                reached.borrow_mut().insert("Registration".to_owned());
            }
            (Err(error), None) => {
                assert_eq!((error.reads_documents, error.registers), (documents, registers));
                reached.borrow_mut().insert("none".to_owned());
            }
            (choice, expected) => panic!("{choice:?}, but {expected:?} was expected"),
        }
    });
    if std::env::var_os("OIDC_SEED").is_none() {
        let all = ["Document", "PreRegistered", "Registered", "Registration", "none"];
        assert_eq!(reached.into_inner(), all.map(str::to_owned).into(), "the servers reach every case");
    }
}
