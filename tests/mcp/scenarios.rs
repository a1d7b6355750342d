//! The scenarios: which the client must pass and how it ends, and which are not applied, with the reason.

use crate::{
    judge::{
        Ends::{Done, Refused},
        judge,
    },
    suite::{listed, ran},
};
use std::collections::BTreeMap;

const BOTH: &[&str] = &["2025-11-25", "2026-07-28"];
const NEWEST: &[&str] = &["2026-07-28"];
/// The revision before the metadata of a resource.
const FIRST: &[&str] = &["2025-03-26"];

/// The scenarios that the client does not pass on purpose: the group, the name, the revisions, how the
/// client refuses, and the reason.
const NOT_APPLIED: &[(&str, &str, &[&str], &str, &str)] = &[(
    "backcompat",
    "auth/2025-03-26-oauth-endpoint-fallback",
    FIRST,
    "response_status",
    // A client that tries `/authorize`, `/token` and `/register` at the origin of the resource sends its user, its code and
    // its secret to whatever is there.
    "nothing says where the endpoints are, and the client would have to invent them",
)];

/// Makes the table of the scenarios that the client passes, and a test for each.
macro_rules! scenarios {
    ($($group:ident { $($name:ident: $revisions:ident, $ends:expr;)* })*) => {
        const APPLIED: &[(&str, &str, &[&str])] =
            &[$($((stringify!($group), stringify!($name), $revisions),)*)*];

        $(mod $group {
            use super::*;
            $(
                #[test]
                fn $name() {
                    for revision in $revisions {
                        let name = named(stringify!($group), stringify!($name));
                        let Some(ran) = ran(stringify!($group), revision, &name) else { return };
                        judge(&ran, $ends).unwrap_or_else(|why| panic!("{name} at {revision}: {why}"));
                    }
                }
            )*
        })*
    };
}

scenarios! {
    auth {
        metadata_default: BOTH, Done;
        metadata_var1: BOTH, Done;
        metadata_var2: BOTH, Done;
        metadata_var3: BOTH, Done;
        basic_cimd: BOTH, Done;
        scope_from_www_authenticate: BOTH, Done;
        scope_from_scopes_supported: BOTH, Done;
        scope_omitted_when_undefined: BOTH, Done;
        scope_step_up: BOTH, Done;
        scope_retry_limit: BOTH, Refused("step_up_nothing_new");
        token_endpoint_auth_basic: BOTH, Done;
        token_endpoint_auth_post: BOTH, Done;
        token_endpoint_auth_none: BOTH, Done;
        pre_registration: BOTH, Done;
    }
    draft {
        resource_mismatch: NEWEST, Refused("metadata_resource_mismatch");
        offline_access_scope: NEWEST, Done;
        offline_access_not_supported: NEWEST, Done;
        authorization_server_migration: NEWEST, Done;
        iss_supported: NEWEST, Done;
        iss_not_advertised: NEWEST, Done;
        iss_supported_missing: NEWEST, Refused("callback_missing_issuer");
        iss_wrong_issuer: NEWEST, Refused("callback_issuer");
        iss_unexpected: NEWEST, Refused("callback_issuer");
        iss_normalized: NEWEST, Refused("callback_issuer");
        metadata_issuer_mismatch: NEWEST, Refused("metadata_issuer_mismatch");
    }
    extensions {
        client_credentials_jwt: BOTH, Done;
        client_credentials_basic: BOTH, Done;
        enterprise_managed_authorization: BOTH, Done;
        dpop: BOTH, Done;
        dpop_nonce: BOTH, Done;
        wif_jwt_bearer: BOTH, Done;
    }
    backcompat {
        oauth_metadata_backcompat: FIRST, Done;
    }
}

/// The name of the scenario that a test is named after.
fn named(group: &str, test: &str) -> String {
    let since = if group == "backcompat" { "2025-03-26-" } else { "" };
    format!("auth/{since}{}", test.replace('_', "-"))
}

/// The scenarios that the client passes have a twin without Node.js, and so has the one that is not applied.
#[test]
fn every_scenario_has_a_test_without_node() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/handle/by_url/conformance");
    let files = std::fs::read_dir(folder).expect("a folder").map(|file| file.expect("an entry").path());
    let text: String = files.map(|file| std::fs::read_to_string(file).expect("text")).collect();
    let not_applied =
        NOT_APPLIED.iter().map(|(_, scenario, ..)| scenario.trim_start_matches("auth/2025-03-26-"));
    let names = APPLIED.iter().map(|(_, test, _)| (*test).to_owned());
    for test in names.chain(not_applied.map(|scenario| scenario.replace('-', "_"))) {
        assert!(text.contains(&format!("#[test]\nfn {test}() {{")), "{test} has no twin");
    }
}

#[test]
fn every_scenario_of_the_suite_is_passed_or_has_a_reason() {
    let Some(listed) = listed() else { return };
    let mut ours = BTreeMap::new();
    for (group, test, revisions) in APPLIED {
        ours.insert(named(group, test), (*revisions).to_vec());
    }
    for (_, scenario, revisions, _, reason) in NOT_APPLIED {
        assert!(!reason.is_empty(), "{scenario}");
        let twice = ours.insert((*scenario).to_owned(), (*revisions).to_vec());
        assert_eq!(twice, None, "{scenario} is in both tables");
    }
    assert_eq!(ours.keys().collect::<Vec<_>>(), listed.keys().collect::<Vec<_>>());
    for (scenario, revisions) in listed {
        // The suite runs an extension at any revision. What came before the first revision here is the same for a client.
        let revisions: Vec<_> = match revisions.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["extension"] => BOTH.to_vec(),
            ["2025-06-18", ref rest @ ..] => rest.to_vec(),
            ref all => all.to_vec(),
        };
        assert_eq!(ours[&scenario], revisions, "{scenario}");
    }
}

/// A reason that no longer holds must go.
#[test]
fn a_scenario_that_is_not_applied_is_not_passed() {
    for (group, scenario, revisions, code, _) in NOT_APPLIED {
        for revision in *revisions {
            let Some(ran) = ran(group, revision, scenario) else { return };
            assert_eq!(
                ran.stdout.lines().next_back(),
                Some(&*format!("refused: {code}")),
                "{scenario}: {ran:?}"
            );
            let fails = ran.checks.iter().any(|check| check["status"] == "FAILURE");
            assert!(fails, "{scenario} passes at {revision}: move it to the other table");
        }
    }
}
