//! Every combination of answers to a request to an API: it ends, and nothing is sent more often than the contract says.

use super::{
    moment,
    resource_requests::{ORDERS, bound, headers, proven, request},
};
use http::StatusCode;
use oidc_proto::{
    Secret,
    flow::{Client, NotSentAgain, ResourceChallenge, ResourceOutcome, ResourceStep},
};
use std::collections::BTreeSet;

/// A name, a status, and headers.
type Answer = (&'static str, u16, &'static [(&'static str, &'static str)]);

/// The answers of an API, each with what it may lead to.
const ANSWERS: [Answer; 9] = [
    ("ok", 200, &[]),
    ("nonce", 401, &[("www-authenticate", "DPoP error=\"use_dpop_nonce\""), ("dpop-nonce", "n")]),
    ("no nonce", 401, &[("www-authenticate", "DPoP error=\"use_dpop_nonce\"")]),
    ("token", 401, &[("www-authenticate", "DPoP error=\"invalid_token\"")]),
    ("token and nonce", 401, &[("www-authenticate", "DPoP error=\"invalid_token\""), ("dpop-nonce", "m")]),
    ("bare 401", 401, &[]),
    ("scope", 403, &[("www-authenticate", "DPoP error=\"insufficient_scope\"")]),
    ("step-up", 401, &[("www-authenticate", "DPoP error=\"insufficient_user_authentication\"")]),
    ("busy", 503, &[]),
];

/// What the application says when it is asked for a newer token.
const TOKENS: [Option<&str>; 3] = [Some("second"), Some("first"), None];

/// A run: the answers so far, the proofs that were sent, and why each repetition happened.
#[derive(Clone, Default)]
struct Run {
    answers: Vec<&'static str>,
    proofs: Vec<(String, Option<String>, &'static str)>,
    nonces: usize,
    renewals: usize,
}

fn explore(client: &Client, once: bool, ended: &mut Vec<(Run, ResourceOutcome)>) {
    // Each path begins anew, because a request cannot be cloned.
    let mut paths: Vec<Vec<usize>> = vec![Vec::new()];
    while let Some(path) = paths.pop() {
        match follow(client, once, &path) {
            Followed::Ended(run, outcome) => ended.push((run, outcome)),
            Followed::Asks(choices) => paths.extend((0..choices).map(|choice| {
                let mut longer = path.clone();
                longer.push(choice);
                longer
            })),
        }
    }
}

enum Followed {
    Ended(Run, ResourceOutcome),
    /// The next choice, of so many.
    Asks(usize),
}

fn follow(client: &Client, once: bool, path: &[usize]) -> Followed {
    let mut run = Run::default();
    let (mut token, mut choices) = ("first", path.iter());
    let begun = request(ORDERS).unwrap();
    let mut request = if once { begun.once() } else { begun };
    loop {
        let seed = u8::try_from(run.proofs.len() + 1).unwrap();
        let (sent, pending) = request.authorize(client, &Secret::new(token), moment(0, seed)).unwrap();
        let claims = proven(&sent, "https://api.example/orders", token, 0);
        let nonce = claims["nonce"].as_str().map(str::to_owned);
        run.proofs.push((claims["jti"].to_string(), nonce, token));
        let Some(choice) = choices.next() else { return Followed::Asks(ANSWERS.len()) };
        let (name, status, answer) = ANSWERS[*choice];
        run.answers.push(name);
        let status = StatusCode::from_u16(status).unwrap();
        request = match pending.receive(status, &headers(answer)) {
            ResourceStep::Done(outcome) => return Followed::Ended(run, outcome),
            ResourceStep::Again(request) => {
                run.nonces += 1;
                request
            }
            ResourceStep::Renew(renewal) => {
                run.renewals += 1;
                let Some(choice) = choices.next() else { return Followed::Asks(TOKENS.len()) };
                let Some(newer) = TOKENS[*choice] else { return Followed::Ended(run, renewal.give_up()) };
                match renewal.retry(&Secret::new(newer)) {
                    Ok(request) => {
                        token = newer;
                        request
                    }
                    Err(outcome) => return Followed::Ended(run, outcome),
                }
            }
        };
    }
}

#[test]
fn every_combination_of_answers_ends_and_nothing_is_sent_more_often_than_said() {
    let client = bound();
    let mut ended = Vec::new();
    explore(&client, false, &mut ended);
    assert!(ended.len() > 100, "{}", ended.len());
    for (run, outcome) in &ended {
        let told = format!("{:?} {:?}: {outcome:?}", run.answers, run.proofs);
        assert!(run.nonces <= 1 && run.renewals <= 1, "{told}");
        let jtis: BTreeSet<_> = run.proofs.iter().map(|(jti, ..)| jti).collect();
        assert_eq!(jtis.len(), run.proofs.len(), "no proof is sent twice: {told}");
        for (at, answer) in run.answers.iter().enumerate() {
            let Some((_, nonce, token)) = run.proofs.get(at + 1) else { continue };
            let before = run.proofs[at].2;
            match *answer {
                "nonce" => assert_eq!((nonce.as_deref(), *token), (Some("n"), before), "{told}"),
                "token" | "bare 401" => assert_eq!((nonce.as_deref(), *token), (None, "second"), "{told}"),
                "token and nonce" => assert_eq!((nonce.as_deref(), *token), (Some("m"), "second"), "{told}"),
                _ => panic!("sent again for nothing: {told}"),
            }
        }
        let why = outcome.challenge().and_then(|challenge: &ResourceChallenge| challenge.not_sent_again);
        let last = *run.answers.last().unwrap();
        let expected = match last {
            "nonce" => Some(NotSentAgain::Repeated),
            "no nonce" => Some(NotSentAgain::NoNonce),
            "token" | "token and nonce" | "bare 401"
                if run.proofs.iter().any(|(.., token)| *token == "second") =>
            {
                Some(NotSentAgain::Repeated)
            }
            "token" | "token and nonce" | "bare 401" => Some(NotSentAgain::NoNewerToken),
            _ => None,
        };
        assert_eq!(why, expected, "{told}");
        let code = match last {
            "ok" | "busy" => None,
            "nonce" | "no nonce" => Some("use_dpop_nonce"),
            "scope" => Some("insufficient_scope"),
            "step-up" => Some("insufficient_user_authentication"),
            _ => Some("invalid_token"),
        };
        assert_eq!(outcome.code(), code, "{told}");
    }
    let most = ended.iter().map(|(run, _)| run.proofs.len()).max();
    assert_eq!(most, Some(3), "the first time, once for a nonce, once for a newer token");
}

#[test]
fn a_stream_is_sent_once_whatever_the_answer() {
    let mut ended = Vec::new();
    explore(&bound(), true, &mut ended);
    assert_eq!(ended.len(), ANSWERS.len());
    for (run, outcome) in ended {
        let why = outcome.challenge().and_then(|challenge| challenge.not_sent_again);
        let expected = match run.answers[0] {
            "no nonce" => Some(NotSentAgain::NoNonce),
            "nonce" | "token" | "token and nonce" | "bare 401" => Some(NotSentAgain::Body),
            _ => None,
        };
        assert_eq!((run.proofs.len(), why), (1, expected), "{:?}", run.answers);
    }
}
