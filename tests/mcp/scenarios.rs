//! The scenarios: which the client must pass and how it ends, and which are not applied, with the reason.

use crate::{
    judge::{Ends::Done, judge},
    suite::{listed, ran},
};
use std::collections::BTreeMap;

const BOTH: &[&str] = &["2025-11-25", "2026-07-28"];
const NEWEST: &[&str] = &["2026-07-28"];
/// The revision before the metadata of a resource.
const FIRST: &[&str] = &["2025-03-26"];

/// The scenarios that the client does not pass on purpose: the group, the name, the revisions, and the reason.
const NOT_APPLIED: &[(&str, &str, &[&str], &str)] = &[
    ("auth", "auth/metadata-default", BOTH, NO_USER),
    ("auth", "auth/metadata-var1", BOTH, NO_USER),
    ("auth", "auth/metadata-var2", BOTH, NO_USER),
    ("auth", "auth/metadata-var3", BOTH, NO_USER),
    ("auth", "auth/basic-cimd", BOTH, NO_USER),
    ("auth", "auth/scope-from-www-authenticate", BOTH, NO_USER),
    ("auth", "auth/scope-from-scopes-supported", BOTH, NO_USER),
    ("auth", "auth/scope-omitted-when-undefined", BOTH, NO_USER),
    ("auth", "auth/scope-step-up", BOTH, NO_USER),
    ("auth", "auth/scope-retry-limit", BOTH, NO_USER),
    ("auth", "auth/token-endpoint-auth-basic", BOTH, NO_USER),
    ("auth", "auth/token-endpoint-auth-post", BOTH, NO_USER),
    ("auth", "auth/token-endpoint-auth-none", BOTH, NO_USER),
    ("auth", "auth/pre-registration", BOTH, NO_USER),
    ("draft", "auth/resource-mismatch", NEWEST, NO_USER),
    ("draft", "auth/offline-access-scope", NEWEST, NO_USER),
    ("draft", "auth/offline-access-not-supported", NEWEST, NO_USER),
    ("draft", "auth/authorization-server-migration", NEWEST, NO_USER),
    ("draft", "auth/iss-supported", NEWEST, NO_USER),
    ("draft", "auth/iss-not-advertised", NEWEST, NO_USER),
    ("draft", "auth/iss-supported-missing", NEWEST, NO_USER),
    ("draft", "auth/iss-wrong-issuer", NEWEST, NO_USER),
    ("draft", "auth/iss-unexpected", NEWEST, NO_USER),
    ("draft", "auth/iss-normalized", NEWEST, NO_USER),
    ("draft", "auth/metadata-issuer-mismatch", NEWEST, NO_USER),
    ("extensions", "auth/dpop", BOTH, NO_USER),
    ("extensions", "auth/dpop-nonce", BOTH, NO_USER),
    ("backcompat", "auth/2025-03-26-oauth-metadata-backcompat", FIRST, NO_USER),
    ("backcompat", "auth/2025-03-26-oauth-endpoint-fallback", FIRST, INVENTED),
];

const NO_USER: &str = "the client asks no user yet";
/// In this scenario nothing says where the endpoints are. A client that tries `/authorize`, `/token` and `/register` at the
/// origin of the resource sends its user, its code and its secret to whatever is there.
const INVENTED: &str = "the client would have to invent the endpoints of an authorization server";

/// Makes the table of the scenarios that the client passes, and a test for each.
macro_rules! scenarios {
    ($($group:ident { $($name:ident: $revisions:ident, $ends:expr;)* })*) => {
        const APPLIED: &[(&str, &[&str])] = &[$($((stringify!($name), $revisions),)*)*];

        $(mod $group {
            use super::*;
            $(
                #[test]
                fn $name() {
                    for revision in $revisions {
                        let name = named(stringify!($name));
                        let Some(ran) = ran(stringify!($group), revision, &name) else { return };
                        judge(&ran, $ends).unwrap_or_else(|why| panic!("{name} at {revision}: {why}"));
                    }
                }
            )*
        })*
    };
}

scenarios! {
    extensions {
        client_credentials_basic: BOTH, Done;
        client_credentials_jwt: BOTH, Done;
        enterprise_managed_authorization: BOTH, Done;
        wif_jwt_bearer: BOTH, Done;
    }
}

/// The name of the scenario that a test is named after.
fn named(test: &str) -> String {
    format!("auth/{}", test.replace('_', "-"))
}

#[test]
fn every_scenario_of_the_suite_is_passed_or_has_a_reason() {
    let Some(listed) = listed() else { return };
    let mut ours = BTreeMap::new();
    for (test, revisions) in APPLIED {
        ours.insert(named(test), (*revisions).to_vec());
    }
    for (_, scenario, revisions, reason) in NOT_APPLIED {
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
    for (group, scenario, revisions, _) in NOT_APPLIED {
        for revision in *revisions {
            let Some(ran) = ran(group, revision, scenario) else { return };
            assert!(
                judge(&ran, Done).is_err(),
                "{scenario} passes at {revision}: move it to the other table"
            );
        }
    }
}
