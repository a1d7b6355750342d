//! Challenges: from the challenge endpoint, from a refusal, and from any response.

use super::{ALGORITHMS, party, proofs, service};
use crate::contract::moment;
use oidc_proto::{
    Error,
    flow::{ClientCredentialsRequest, ConfigError, Endpoint, ResponseRule, Step},
    jose::Algorithm,
    sender::AttestationChallenges,
};
use oidc_testkit::{EndpointName, Party, drive, drive_with, hostile};
use serde_json::json;

type Alteration = Box<dyn FnMut(&mut http::Response<Vec<u8>>) + Send>;

fn count(party: &Party) -> [usize; 2] {
    [EndpointName::Challenge, EndpointName::Token].map(|endpoint| party.provider.count(endpoint))
}

/// A party at a provider that demands challenges, with a challenge endpoint or without one.
fn challenged(algorithm: Algorithm, endpoint: bool) -> Party {
    let mut party = party(algorithm, |client| client);
    party.provider.demand_attestation_challenges(60);
    party.provider.challenge_endpoint(endpoint);
    let (key, jwk) = oidc_testkit::KeyRing::client_key(algorithm);
    let client = oidc_proto::flow::Client::builder(party.discover().unwrap(), "app");
    let client = client.redirect_uri("https://app.example/callback").attestation_key(key);
    party.client = client.attestation(super::attestation("app", &jwk)).build().unwrap();
    party
}

#[test]
fn a_challenge_is_fetched_first_if_the_provider_has_an_endpoint_for_it() {
    for algorithm in ALGORITHMS {
        for once in [false, true] {
            let mut party = challenged(algorithm, true);
            party.provider.attestation_challenges_once(once);
            super::everything(&mut party);
            let (proofs, fetched) = (proofs(&party), party.provider.count(EndpointName::Challenge));
            assert_eq!(proofs.len(), fetched, "one challenge for each request");
            assert!(proofs.iter().all(|(_, _, claims)| claims["challenge"].is_string()));
        }
    }
}

#[test]
fn a_provider_without_the_endpoint_names_its_challenge_in_a_refusal_and_is_asked_once_more() {
    for algorithm in ALGORITHMS {
        let mut party = challenged(algorithm, false);
        let user = party.login().unwrap();
        assert_eq!(count(&party), [0, 2], "the code was not looked at, and is sent once more");
        party.refresh(&user).unwrap();
        assert_eq!(count(&party), [0, 4]);
        let challenges: Vec<_> =
            proofs(&party).iter().map(|(_, _, claims)| claims["challenge"].clone()).collect();
        assert!(challenges[0].is_null() && challenges[1].is_string() && challenges[2].is_null());
        party.provider.assert_clean();
        // A provider that is never content is not asked a third time.
        party.provider.alter_response(EndpointName::Token, |response| {
            *response.status_mut() = http::StatusCode::BAD_REQUEST;
            *response.body_mut() = br#"{"error": "use_attestation_challenge"}"#.to_vec();
        });
        let error = service(&mut party).unwrap_err();
        assert_eq!((error.code(), error.remedy().code()), ("use_attestation_challenge", "provider_at_fault"));
        assert_eq!(count(&party), [0, 6]);
    }
}

#[test]
fn a_refusal_without_a_challenge_or_for_another_reason_is_the_end() {
    let odd = |code: &'static str, challenge: &'static str| {
        move |response: &mut http::Response<Vec<u8>>| {
            *response.status_mut() = http::StatusCode::UNAUTHORIZED;
            *response.body_mut() = json!({ "error": code }).to_string().into_bytes();
            response.headers_mut().remove("oauth-client-attestation-challenge");
            for challenge in challenge.split(',').filter(|challenge| !challenge.is_empty()) {
                let value = challenge.parse().unwrap();
                response.headers_mut().append("oauth-client-attestation-challenge", value);
            }
        }
    };
    for algorithm in ALGORITHMS {
        for (code, challenge, hint) in [
            ("use_attestation_challenge", "", ""),
            ("use_attestation_challenge", "one,two", ""),
            ("use_attestation_challenge", "two words", ""),
            ("use_fresh_attestation", "fresh", "`Client::with_attestation`"),
            ("invalid_client_attestation", "fresh", "whether the provider trusts the attester"),
            ("invalid_client", "fresh", "whether the provider trusts the attester"),
        ] {
            let mut party = party(algorithm, |client| client);
            party.provider.alter_response(EndpointName::Token, odd(code, challenge));
            let error = service(&mut party).unwrap_err();
            assert_eq!((error.code(), count(&party)), (code, [0, 1]), "{challenge}");
            assert!(error.to_string().contains(hint), "{error}");
        }
    }
}

#[test]
fn an_attestation_that_is_too_old_for_the_provider_ends_the_flow_before_the_code_is_looked_at() {
    for (algorithm, age) in ALGORITHMS.into_iter().zip([10, 600, 3000]) {
        let mut party = party(algorithm, |client| client);
        party.provider.attestation_max_age(age);
        party.clock.advance(age);
        service(&mut party).unwrap();
        party.clock.advance(1);
        let error = service(&mut party).unwrap_err();
        assert_eq!((error.code(), error.remedy().code()), ("use_fresh_attestation", "fix_configuration"));
        let jwk = oidc_testkit::KeyRing::client_key(algorithm).1;
        let newer = super::attester().attest("app", &jwk, party.clock.now(), 60);
        let newer = oidc_proto::sender::ClientAttestation::parse(newer).unwrap();
        party.client = party.client.with_attestation(&newer).unwrap();
        service(&mut party).unwrap();
        party.provider.assert_clean();
    }
}

/// A server may ask for a nonce of a DPoP proof first, and for a challenge then. It gets both, and no fourth request.
#[test]
fn a_nonce_and_a_challenge_may_both_be_missing() {
    for algorithm in ALGORITHMS {
        let (key, jwk) = oidc_testkit::KeyRing::client_key(algorithm);
        let proving = oidc_testkit::KeyRing::client_key(Algorithm::ES384).0;
        let mut party = party(algorithm, |client| client);
        party.provider.accept_dpop([Algorithm::ES384]);
        party.provider.require_dpop(true);
        party.provider.demand_dpop_nonces(60);
        party.provider.demand_attestation_challenges(60);
        let client = oidc_proto::flow::Client::builder(party.discover().unwrap(), "app");
        let client = client.attestation_key(key).attestation(super::attestation("app", &jwk));
        party.client = client.dpop_key(proving).build().unwrap();
        let mut silent = Some(());
        party.provider.alter_response(EndpointName::Token, move |response| {
            // The first refusal names the nonce alone.
            if silent.take().is_some() {
                response.headers_mut().remove("oauth-client-attestation-challenge");
            }
        });
        service(&mut party).unwrap();
        assert_eq!(count(&party), [0, 3]);
        party.provider.assert_clean();
    }
}

/// What the driver has learned spares the exchange, and another server learns nothing of it.
#[test]
fn the_challenge_of_any_response_is_that_of_the_next_proof() {
    for algorithm in ALGORITHMS {
        for endpoint in [false, true] {
            let mut party = challenged(algorithm, endpoint);
            let mut known = AttestationChallenges::new();
            let wanted = ClientCredentialsRequest::new(["reports"]);
            for turn in 0..3 {
                let client = party.client.with_attestation_challenges(known.clone());
                let call = client.client_credentials(&wanted, party.clock.moment()).unwrap();
                let Party { provider, clock, .. } = &mut party;
                let learning = |request: &http::Request<Vec<u8>>, _: &_, now| {
                    let response = provider.handle(request, now);
                    known.learn(request.uri(), response.headers());
                    Some(response)
                };
                drive_with(call, clock, learning).unwrap().unwrap();
                let first = if endpoint { [1, 1] } else { [0, 2] };
                assert_eq!(count(&party), [first[0], first[1] + turn], "{endpoint}");
            }
            party.provider.assert_clean();
            assert_eq!(known.newest(&"https://api.example/".parse().unwrap()), None);
        }
    }
}

#[test]
fn a_challenge_endpoint_that_lies_or_fails_ends_the_flow_before_the_code_is_sent() {
    let body = |body: &'static str| {
        move |response: &mut http::Response<Vec<u8>>| *response.body_mut() = body.as_bytes().to_vec()
    };
    for algorithm in ALGORITHMS {
        let fails = |alter: Alteration| {
            let mut party = challenged(algorithm, true);
            party.provider.alter_response(EndpointName::Challenge, alter);
            let error = party.login().unwrap_err();
            assert_eq!(count(&party), [1, 0], "the code is not spent");
            error
        };
        let rule = |alter: Alteration| {
            let Error::Response(error) = fails(alter) else { panic!() };
            let remedy = if matches!(error.rule, ResponseRule::TooLarge { .. }) {
                "fix_configuration"
            } else {
                "provider_at_fault"
            };
            assert_eq!((error.endpoint, error.remedy().code()), (Endpoint::Challenge, remedy));
            error.rule
        };
        let member = "attestation_challenge";
        assert_eq!(rule(Box::new(body("{}"))), ResponseRule::Missing(member));
        assert_eq!(rule(Box::new(body(r#"{"attestation_challenge": null}"#))), ResponseRule::Missing(member));
        assert_eq!(rule(Box::new(body(r#"{"attestation_challenge": ""}"#))), ResponseRule::Value(member));
        assert_eq!(rule(Box::new(body(r#"{"attestation_challenge": "a b"}"#))), ResponseRule::Value(member));
        assert!(matches!(rule(Box::new(body("<html>"))), ResponseRule::Json(_)));
        assert!(matches!(rule(Box::new(body(r#"{"attestation_challenge": 7}"#))), ResponseRule::Json(_)));
        let long = json!({ member: "n".repeat(1025) }).to_string();
        let set =
            move |response: &mut http::Response<Vec<u8>>| *response.body_mut() = long.clone().into_bytes();
        assert_eq!(rule(Box::new(set)), ResponseRule::Value(member));
        let set = |response: &mut http::Response<Vec<u8>>| response.body_mut().resize(70_000, b' ');
        assert!(matches!(rule(Box::new(set)), ResponseRule::TooLarge { .. }));
        assert_eq!(
            rule(Box::new(|response| *response.status_mut() = http::StatusCode::NOT_FOUND)),
            ResponseRule::Status
        );
        assert_eq!(fails(Box::new(hostile::retry_after(7))).code(), "unavailable");
    }
}

/// A request that may be repeated is repeated whole: the challenge, and then the request.
#[test]
fn a_lost_challenge_is_asked_for_again_where_the_request_may_be_repeated() {
    for algorithm in ALGORITHMS {
        let mut party = challenged(algorithm, true);
        for lost in 0..3 {
            let call =
                party.client.client_credentials(&ClientCredentialsRequest::default(), party.clock.moment());
            let Party { provider, clock, .. } = &mut party;
            let mut sent = 0;
            let losing = |request: &http::Request<Vec<u8>>, _: &_, now| {
                sent += 1;
                (sent > lost).then(|| provider.handle(request, now))
            };
            drive_with(call.unwrap(), clock, losing).unwrap().unwrap();
            assert_eq!(sent, lost + 2);
        }
        party.provider.assert_clean();
        // A request that is sent once is not, and it was not sent.
        let call =
            party.client.client_credentials_once(&ClientCredentialsRequest::default(), party.clock.moment());
        assert!(drive_with(call.unwrap(), &mut party.clock, |_, _, _| None).unwrap().is_none());
    }
}

#[test]
fn a_challenge_is_a_flow_of_its_own_for_a_key_that_is_elsewhere() {
    for algorithm in ALGORITHMS {
        let mut party = challenged(algorithm, true);
        let call = party.client.attestation_challenge_retrieval().unwrap();
        let (request, terms, pending) = call.into_parts();
        assert_eq!((request.method().as_str(), request.uri().path()), ("POST", "/challenge"));
        assert!(request.body().is_empty() && request.headers().len() == 1);
        assert_eq!((terms.endpoint, terms.client_certificate), (Endpoint::Challenge, false));
        let response = party.provider.handle(&request, party.clock.now());
        let Step::Done(challenge) = pending.receive(response, moment(0, 1)).unwrap() else { panic!() };
        let client = party.client.with_attestation_challenge(Endpoint::Token, &challenge);
        let call =
            client.client_credentials(&ClientCredentialsRequest::default(), party.clock.moment()).unwrap();
        drive(call, &mut party.provider, &mut party.clock).unwrap();
        assert_eq!(count(&party), [1, 1]);
        party.provider.assert_clean();
        let without = super::party(algorithm, |client| client).client.attestation_challenge_retrieval();
        assert_eq!(without.unwrap_err(), ConfigError::NoEndpoint("challenge_endpoint").into());
    }
}
