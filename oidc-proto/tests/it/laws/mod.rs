//! The five laws of `oidc_proto::flow`, checked for every flow with random servers.

mod attested;
mod ciba;
mod device;
mod endpoints;
mod flows;
mod forms;
mod grants;
mod honest_paths;
mod pushed;
mod registration;
mod sessions;
mod show;
mod target;
mod world;

use device::{POLLS, asks_until_the_time_is_up, is_device};
use flows::{Disturbance, EVERY, Form, Keys, Kind};
use oidc_proto::{
    Error, Timestamp,
    flow::{self, ResponseRule},
};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use std::{collections::BTreeSet, time::Duration};
use world::{Answer, End, RetryAfter, Script, answers, busy, honest, scripts, undecided};

/// The longest `Retry-After` that is respected, in seconds.
const RETRY_AFTER_CAP: i64 = flow::RETRY_AFTER_CAP.as_secs().cast_signed();

/// Runs many scripts for every flow, and prints the smallest one that fails.
fn for_random_servers(cases: u32, check: impl Fn(Kind, Script, u8) -> Result<(), TestCaseError>) {
    for kind in EVERY {
        let config = Config { cases, failure_persistence: None, ..Config::default() };
        let run =
            TestRunner::new(config).run(&(scripts(), 1..5u8), |(script, early)| check(kind, script, early));
        run.unwrap_or_else(|failure| panic!("{kind:?}: {failure}"));
    }
}

/// Law 1. A flow has one request in flight by construction: `into_parts` returns one request, and one value
/// that takes its response. The test shows the rest: no code, token or assertion that was used is sent
/// again.
#[test]
fn law_1_a_spent_credential_is_never_sent_again() {
    for_random_servers(200, |kind, script, _| {
        let (trace, provider) = kind.run(script, Disturbance::default());
        if let Some(parameter) = kind.sent_once() {
            let times = trace.requests().iter().filter(|sent| sent.body.contains(parameter)).count();
            prop_assert_eq!(times, 1, "{:?}", trace);
        }
        if is_device(kind) {
            // The device code may be sent until it is used. The keys are requested once.
            let (asked, rest): (Vec<_>, Vec<_>) = trace
                .requests()
                .into_iter()
                .partition(|sent| sent.body.contains("device_code=") || sent.body.contains("auth_req_id="));
            prop_assert!(asked.iter().all(|sent| sent == &asked[0]), "in the same words: {:?}", trace);
            prop_assert!(rest.len() <= 1, "{:?}", trace);
        }
        let twice = provider.audit().iter().any(|finding| finding.what.contains("a second time"));
        prop_assert!(!twice, "{:?}", provider.audit());
        Ok(())
    });
}

/// Law 2. After `Err` there is no value to go on with, by construction. The test shows the rest: a flow
/// that may go on does.
#[test]
fn law_2_a_flow_fails_only_when_nothing_more_can_be_done() {
    for_random_servers(200, |kind, script, _| {
        let (trace, _) = kind.run(script, Disturbance::default());
        if is_device(kind) {
            asks_until_the_time_is_up(kind, &trace);
            return Ok(());
        }
        for (index, exchange) in trace.exchanges.iter().enumerate() {
            let last = index + 1 == trace.exchanges.len();
            let may_go_on = kind.repeats() && index < 3;
            // A signed response with another key leads to the keys, and they come last.
            let of_keys = |exchange: &world::Exchange| exchange.request.uri.ends_with("/jwks");
            let keys_follow = trace.exchanges.get(index + 1).is_some_and(of_keys);
            let goes_on = may_go_on && !of_keys(exchange) && recoverable(&exchange.answer).is_some();
            if kind.repeats() {
                prop_assert!(!keys_follow || matches!(kind, Kind::SignedIntrospection { .. }), "{:?}", trace);
                prop_assert_eq!(last, !goes_on && !keys_follow, "{:?}", trace);
            } else if matches!(exchange.answer, Answer::Lost { .. }) {
                // New tokens have come. Only the keys that verify their ID token are lost.
                let refreshed = matches!(kind, Kind::Refresh { .. }) && index == 1;
                prop_assert!(last, "{:?}", trace);
                let unchecked = |shown: &String| shown.contains("id_token_unchecked: true");
                let done = matches!(&trace.end, End::Done(shown) if unchecked(shown));
                prop_assert_eq!(done, refreshed, "{:?}", trace);
                prop_assert!(done || matches!(trace.end, End::Lost), "{:?}", trace);
            }
        }
        Ok(())
    });
}

/// Whether a repeatable request is repeated after this response, and the least wait.
fn recoverable(answer: &Answer) -> Option<i64> {
    match answer {
        Answer::Lost { .. } => Some(0),
        Answer::Status { status: 429 | 503, retry_after, .. } => {
            let asked = retry_after.seconds().unwrap_or(0);
            (asked <= RETRY_AFTER_CAP).then_some(asked)
        }
        _ => None,
    }
}

/// Law 3. A flow that is saved and resumed at every rest behaves like one that is never interrupted. It is
/// saved as JSON, sealed, or sealed in a cookie with other logins. The node that resumes it has fetched the
/// metadata itself. All rests are tried, and only some of them. The test covers a login by code while its
/// user is away, a client credentials grant while it waits, a device and a backchannel authentication while
/// their user decides, and the data of a login that a refresh needs. Two more flows have a saved form: see
/// `access_is_saved_sealed_and_refreshed_like_a_login` and
/// `a_login_by_an_id_token_alone_is_saved_sealed_and_completed`.
///
/// A waiting introspection has no saved form, on purpose: its state holds the token that it asks about, and
/// a saved form holds no secret. It can be parked in memory, which changes nothing either. The same holds for a
/// token exchange, an assertion and a grant of one's own. All other flows
/// are never at rest: between two requests they hold a value that may be sent only once.
#[test]
fn law_3_a_saved_flow_is_the_same_flow() {
    use Form::{Cookie, Json, Kept, Sealed};
    for_random_servers(60, |kind, script, _| {
        let (whole, _) = kind.run(script.clone(), Disturbance::default());
        for saved in [[Json; 3], [Sealed; 3], [Cookie; 3], [Kept, Json, Sealed], [Sealed, Kept, Json]] {
            let (resumed, _) = kind.run(script.clone(), Disturbance { saved, early: 0 });
            prop_assert_eq!(whole.outcome(), resumed.outcome(), "{:?}", saved);
            prop_assert!(
                kind.repeats() || is_device(kind) || resumed.waits.is_empty(),
                "never at rest: {:?}",
                resumed
            );
        }
        Ok(())
    });
}

/// The table in `docs/saved-state.md` has every public flow, each with the state that is saved of it, or
/// the reason why there is none.
#[test]
fn every_flow_is_in_the_table_of_saved_states() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let table = std::fs::read_to_string(format!("{root}/docs/saved-state.md")).unwrap();
    // The types that a room re-exports are public. The flows that other flows are made of are not.
    let words = ["flow", "renew"]
        .map(|room| std::fs::read_to_string(format!("{root}/oidc-proto/src/{room}/mod.rs")).unwrap());
    let public =
        words.iter().flat_map(|text| text.split(';')).filter(|part| !part.contains("pub(crate) use"));
    let names: Vec<&str> = public.flat_map(|text| text.split(|c: char| !c.is_alphanumeric())).collect();
    let (mut flows, mut folders) = (BTreeSet::new(), Vec::new());
    folders.extend(["flow", "renew"].map(|room| format!("{root}/oidc-proto/src/{room}")));
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path.to_string_lossy().into_owned());
                continue;
            }
            let text = std::fs::read_to_string(path).unwrap();
            let named = text.lines().filter_map(|line| {
                let line = line.strip_prefix("impl ")?.strip_suffix(" {")?;
                line.strip_prefix("Flow for ").or_else(|| line.strip_prefix("Then for "))
            });
            let public = named.filter(|name| text.contains(&format!("\npub struct {name};")));
            let public = public.filter(|name| names.iter().any(|known| known == name));
            flows.extend(public.map(str::to_owned));
        }
    }
    assert!(flows.len() > 12, "{flows:?}");
    for flow in flows {
        let row = table.lines().find(|line| line.starts_with("| ") && line.contains(&format!("`{flow}`")));
        assert!(
            row.is_some_and(|row| row.split('|').count() == 5),
            "{flow} has no row, or one without a reason"
        );
    }
}

/// Law 4. The same moments and responses give the same run, and an early wake-up changes nothing.
/// (`World::play` checks each time that a wait ends in the future, and that the same pause is returned.)
#[test]
fn law_4_the_same_input_gives_the_same_run() {
    for_random_servers(100, |kind, script, early| {
        let (once, _) = kind.run(script.clone(), Disturbance::default());
        let (twice, _) = kind.run(script.clone(), Disturbance::default());
        prop_assert_eq!(once.outcome(), twice.outcome(), "the same run again");
        let (impatient, _) = kind.run(script, Disturbance { early, ..Disturbance::default() });
        prop_assert_eq!(once.outcome(), impatient.outcome(), "woken early {} times", early);
        Ok(())
    });
}

/// Law 5. Every flow ends within its own limits of requests and of seconds, and each wait is at least as
/// long as the provider asked for.
#[test]
fn law_5_every_flow_ends_in_time() {
    for_random_servers(200, |kind, script, _| {
        let (trace, _) = kind.run(script, Disturbance::default());
        let (requests, seconds) = kind.bound();
        // A device's clock can be past its time before the first poll.
        let least = usize::from(!is_device(kind));
        prop_assert!((least..=requests).contains(&trace.exchanges.len()), "{:?}", trace);
        prop_assert!(trace.waited() <= seconds, "{} s: {:?}", trace.waited(), trace);
        if is_device(kind) {
            asks_until_the_time_is_up(kind, &trace);
            return Ok(());
        }
        for (wait, exchange) in trace.waits.iter().zip(&trace.exchanges) {
            let asked = recoverable(&exchange.answer).expect("a wait has a reason");
            prop_assert!(wait.until.0 - wait.made.0 >= asked, "{:?}", trace);
        }
        Ok(())
    });
}

/// The properties above prove something only if the random servers reach every case.
#[test]
fn random_servers_reach_every_end_and_every_length() {
    for kind in EVERY {
        let mut runner = TestRunner::deterministic();
        let (mut ends, mut lengths, mut codes) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for _ in 0..800 {
            let script = scripts().new_tree(&mut runner).unwrap().current();
            let (trace, _) = kind.run(script, Disturbance::default());
            lengths.insert(trace.exchanges.len());
            ends.insert(match trace.end {
                End::Done(_) => "done",
                End::Lost => "lost",
                End::Failed(error) => {
                    codes.insert(error.code());
                    "failed"
                }
            });
        }
        assert_eq!(ends, BTreeSet::from(["done", "failed", "lost"]), "{kind:?}");
        assert!(codes.len() >= 4, "{kind:?}: {codes:?}");
        let longest = match kind {
            // With known keys there is no second request, unless a changed token names another key.
            Kind::Code { keys: Keys::Current, .. } | Kind::Refresh { keys: Keys::Current } => 1,
            Kind::SignedIntrospection { keys: Keys::Current } => 4,
            Kind::Device { .. } | Kind::Backchannel { .. } => POLLS,
            _ => kind.bound().0,
        };
        assert!((1..=longest).all(|length| lengths.contains(&length)), "{kind:?}: {lengths:?}");
    }
}

/// No time is too strange for a clock, not even the smallest and the largest.
#[test]
fn the_smallest_and_largest_times_break_nothing() {
    for clock in [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX - 1, i64::MAX] {
        for retry_after in [RetryAfter::Absent, RetryAfter::Seconds(60), RetryAfter::Seconds(i64::MAX)] {
            let script = answers([busy(503, retry_after.clone()), Answer::Bytes(b"{}".to_vec())]);
            for kind in EVERY {
                let (trace, _) = kind.run_at(Timestamp(clock), script.clone(), Disturbance::default());
                assert!(matches!(trace.end, End::Failed(_)), "{kind:?} at {clock}: {:?}", trace.end);
            }
        }
    }
}

/// Scenario E40: a peer sent no `Accept`, and could not read what then came.
#[test]
fn e40_every_request_says_that_it_expects_json() {
    let mut asked = BTreeSet::new();
    for kind in EVERY {
        let (trace, _) = kind.run(honest(), Disturbance::default());
        for sent in trace.requests() {
            let accept = sent.header("accept");
            let json = accept.split(", ").any(|name| name == "application/json");
            // A signed response is asked for by its own type, and an error is JSON all the same (RFC 9701 section 4).
            let signed = matches!(kind, Kind::SignedIntrospection { .. })
                && accept == "application/token-introspection+jwt";
            assert!(json || signed, "{kind:?}: {} with `{accept}`", sent.uri);
        }
        asked.extend(trace.lines());
    }
    // Each endpoint of the library was asked. The revocation endpoint answers with JSON if it refuses.
    let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
    let every = [
        "DELETE /register/client-1",
        "GET /.well-known/oauth-authorization-server",
        "GET /.well-known/oauth-protected-resource/api",
        "GET /.well-known/openid-configuration",
        "GET /client.json",
        "GET /jwks",
        "GET /register/client-1",
        "GET /userinfo",
        "POST /bc-authorize",
        "POST /device_authorization",
        "POST /introspect",
        "POST /par",
        "POST /register",
        "POST /revoke",
        "POST /token",
        "PUT /register/client-1",
    ];
    assert_eq!(asked, every);
}

/// A repeatable request at a server that is always busy: four attempts, each wait at least as long as the
/// server asked for, and then the error has the server's last word.
#[test]
fn an_always_busy_server_gets_four_requests() {
    for (answer, least) in [
        (busy(503, RetryAfter::Absent), 1),
        (busy(429, RetryAfter::Seconds(7)), 7),
        (busy(503, RetryAfter::Date(20)), 20),
        (busy(503, RetryAfter::Seconds(RETRY_AFTER_CAP)), RETRY_AFTER_CAP),
        (busy(429, RetryAfter::Garbage("soon")), 1),
        (Answer::Lost { arrived: true }, 1),
    ] {
        for kind in EVERY.into_iter().filter(|kind| kind.repeats()) {
            let lost = matches!(answer, Answer::Lost { .. });
            let (trace, _) = kind.run(answers([answer.clone()]), Disturbance::default());
            assert_eq!((trace.exchanges.len(), trace.waits.len()), (4, 3), "{answer:?}");
            assert!(trace.waits.iter().all(|wait| wait.until.0 - wait.made.0 >= least), "{:?}", trace.waits);
            let requests = trace.requests();
            // An assertion that is signed here is signed anew.
            if matches!(kind, Kind::Asserted | Kind::Assertion { .. }) {
                let bodies: BTreeSet<_> = requests.iter().map(|sent| &sent.body).collect();
                assert_eq!(bodies.len(), 4, "each request has an assertion of its own");
            } else {
                assert_eq!(requests[0], requests[3], "each request is the same");
            }
            match trace.end {
                End::Lost => assert!(lost, "{answer:?}"),
                End::Failed(Error::Unavailable(unavailable)) => {
                    assert!(!lost && matches!(unavailable.status, 429 | 503), "{answer:?}");
                }
                other => panic!("{answer:?}: {other:?}"),
            }
        }
    }
    let busy_for_too_long = answers([busy(503, RetryAfter::Seconds(RETRY_AFTER_CAP + 1))]);
    for kind in EVERY.into_iter().filter(|kind| kind.repeats()) {
        let (trace, _) = kind.run(busy_for_too_long.clone(), Disturbance::default());
        assert_eq!(
            trace.exchanges.len(),
            1,
            "a server that asks for more than the cap gets no further request"
        );
    }
}

/// A device whose user does not decide. The clock shows one second more with each beat.
#[test]
fn a_device_polls_until_its_time_is_up_and_no_longer() {
    for (kind, keys, over) in [Keys::Current, Keys::Stale].into_iter().flat_map(|keys| {
        [
            (Kind::Device { keys }, keys, "device_code_expired"),
            (Kind::Backchannel { keys }, keys, "authentication_request_expired"),
        ]
    }) {
        for (answer, polls, code) in [
            (undecided("authorization_pending"), POLLS, Some(over)),
            (undecided("slow_down"), 2, Some(over)),
            (busy(500, RetryAfter::Absent), 2, Some("unavailable")),
            (busy(429, RetryAfter::Seconds(19)), 1, Some("unavailable")),
            (Answer::Lost { arrived: false }, 2, None),
        ] {
            let (trace, _) = kind.run(answers([answer.clone()]), Disturbance::default());
            assert_eq!(trace.exchanges.len(), polls, "{answer:?}");
            match trace.end {
                End::Lost => assert_eq!(code, None, "{answer:?}"),
                End::Failed(error) => assert_eq!(code, Some(error.code()), "{answer:?}"),
                End::Done(_) => panic!("{answer:?}"),
            }
        }
        // The last request must be in time; the request for the keys need not. Every second beat falls on a
        // wake-up.
        let pending = || undecided("authorization_pending");
        let mut script = vec![Answer::Honest, Answer::Honest, Answer::Honest];
        script.splice(1..1, (1..POLLS).flat_map(|_| [pending(), pending()]));
        let (trace, _) = kind.run(answers(script), Disturbance::default());
        let requests = POLLS + usize::from(keys == Keys::Stale);
        assert!(matches!(trace.end, End::Done(_)), "{:?}", trace.end);
        assert_eq!((trace.exchanges.len(), trace.waits.len()), (requests, POLLS));
    }
}

/// A server that is busy twice and then answers.
#[test]
fn a_server_that_recovers_can_still_grant_its_token() {
    let script = answers([
        busy(503, RetryAfter::Seconds(2)),
        Answer::Lost { arrived: false },
        Answer::Lost { arrived: false },
        Answer::Lost { arrived: false },
        Answer::Honest,
    ]);
    for kind in EVERY.into_iter().filter(|kind| kind.repeats()) {
        let (trace, provider) = kind.run(script.clone(), Disturbance::default());
        // Beats 2 and 4 fall on wake-ups, where no server answers.
        assert_eq!((trace.lines().len(), trace.waits.len()), (3, 2));
        assert!(matches!(trace.end, End::Done(_)));
        provider.assert_clean();
    }
}

/// A flow with a code or refresh token, and every other one-time request, ends with the first failed
/// response.
#[test]
fn a_busy_server_ends_a_flow_that_may_not_repeat_its_request() {
    for kind in EVERY.into_iter().filter(|kind| !kind.repeats() && !is_device(*kind)) {
        let script = answers([busy(503, RetryAfter::Seconds(7))]);
        let (trace, _) = kind.run(script, Disturbance::default());
        let End::Failed(Error::Unavailable(error)) = trace.end else { panic!("{kind:?}: {:?}", trace.end) };
        assert_eq!(
            (trace.exchanges.len(), error.status, error.retry_after()),
            (1, 503, Some(Duration::from_secs(7))),
            "{kind:?}"
        );
    }
}

/// Redirects and bodies that are too large are refused before a flow sees them, with the same error
/// everywhere. For the discovery of an authorization server a redirect means that there is no document, so it asks at the
/// other place, too.
#[test]
fn redirects_and_oversized_bodies_end_every_flow() {
    for kind in EVERY {
        for (answer, code) in [
            (Answer::Redirect(302), "response_redirect"),
            (Answer::Redirect(307), "response_redirect"),
            (Answer::Oversized(200), "response_too_large"),
            (Answer::Oversized(503), "response_too_large"),
        ] {
            let (trace, _) = kind.run(answers([answer.clone()]), Disturbance::default());
            let End::Failed(Error::Response(error)) = trace.end else { panic!("{kind:?}: {:?}", trace.end) };
            let places = kind == Kind::AuthorizationDiscovery && matches!(answer, Answer::Redirect(_));
            assert_eq!(
                (trace.exchanges.len(), error.rule.code()),
                (1 + usize::from(places), code),
                "{kind:?}"
            );
            assert!(!matches!(error.rule, ResponseRule::Status));
        }
    }
}
