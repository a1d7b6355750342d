//! A property over random servers that lie: no request goes where the policy does not admit one, no more is asked for or
//! read than the budget has, and what is found is of the resource and of the issuer that were meant.

use super::{API, AS, AT_PATH, AT_ROOT, challenge, resource, server, with};
use oidc_proto::{
    Error, UrlPolicy,
    flow::{
        AuthorizationDiscovery, DiscoveredAuthorization, DiscoveryRules, Endpoint, MetadataSource,
        ServerChoice,
    },
};
use oidc_testkit::{drive_with, web::Page};
use proptest::{collection::vec, prelude::*, strategy::ValueTree, test_runner::TestRunner};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What a lying resource may be or name.
const RESOURCES: [&str; 8] = [
    API,
    "https://api.example",
    "https://api.example/v1/",
    "https://api.example/v1/mc",
    "https://victim.example/v1/mcp",
    "https://api.example/v1/../v1/mcp",
    "http://api.example/v1/mcp",
    "",
];

/// What a lying resource may name as its issuer, and a lying server as itself.
const ISSUERS: [&str; 12] = [
    AS,
    "https://as.example",
    "https://as.example/",
    "https://as.example/tenant/",
    "https://attacker.example",
    "https://api.example",
    "http://as.example",
    "https://10.0.0.1",
    "https://169.254.169.254/latest",
    "https://localhost:8080",
    "https://2130706433/",
    "not a URL",
];

/// The URLs that a lying resource may name in its challenge.
const NAMED: [&str; 8] = [
    AT_PATH,
    AT_ROOT,
    "https://api.example/x.json",
    "https://attacker.example/x.json",
    "http://api.example/x.json",
    "https://192.168.0.1/x.json",
    "https://[::1]/x.json",
    "x.json",
];

/// The random choices of a world and of a discovery.
#[derive(Clone, Debug)]
struct Case {
    challenge: Option<(u8, bool)>,
    rules: u8,
    choice: u8,
    requests: usize,
    bytes: usize,
    max_document: usize,
    pages: Vec<(u8, u8, u8)>,
}

fn cases() -> impl Strategy<Value = Case> {
    let bytes = prop_oneof![3 => Just(393_216_usize), 1 => 0..2_000_usize, 1 => 0..200_000_usize];
    let max_document = prop_oneof![4 => Just(65_536_usize), 1 => 0..300_usize, 1 => Just(500_000_usize)];
    let pages = vec((any::<u8>(), any::<u8>(), any::<u8>()), 8);
    let challenge = proptest::option::of((any::<u8>(), any::<bool>()));
    (challenge, any::<u8>(), any::<u8>(), 0..8_usize, bytes, max_document, pages).prop_map(
        |(challenge, rules, choice, requests, bytes, max_document, pages)| Case {
            challenge,
            rules,
            choice,
            requests,
            bytes,
            max_document,
            pages,
        },
    )
}

fn pick<T: Copy>(list: &[T], at: u8) -> T {
    list[usize::from(at) % list.len()]
}

impl Case {
    fn rules(&self) -> DiscoveryRules {
        let mut rules = match self.rules % 4 {
            0 => DiscoveryRules::default(),
            1 => DiscoveryRules::mcp_2025_06_18(),
            _ => DiscoveryRules::mcp(),
        };
        let more: [fn(DiscoveryRules) -> DiscoveryRules; 4] = [
            DiscoveryRules::or_other_origin,
            DiscoveryRules::or_origin_as_issuer,
            DiscoveryRules::or_unstated_pkce,
            DiscoveryRules::or_root,
        ];
        for (at, set) in more.into_iter().enumerate() {
            if self.rules >> (2 + at) & 1 == 1 {
                rules = set(rules);
            }
        }
        rules
    }

    fn choice(&self) -> ServerChoice {
        let list = |issuers: &[&str]| issuers.iter().map(|issuer| (*issuer).to_owned()).collect();
        match self.choice % 6 {
            0 => ServerChoice::Only,
            1 => ServerChoice::Allowed(list(&[AS])),
            2 => ServerChoice::Preferred(list(&["https://as.example", AS])),
            _ => ServerChoice::First,
        }
    }

    fn discovery(&self) -> AuthorizationDiscovery {
        let discovery = AuthorizationDiscovery::new(API, &UrlPolicy::default())
            .rules(self.rules())
            .servers(self.choice())
            .max_requests(self.requests)
            .max_bytes(self.bytes)
            .max_document(self.max_document);
        match self.challenge {
            Some((at, true)) => {
                let named = format!("Bearer resource_metadata=\"{}\", scope=\"a b\"", pick(&NAMED, at));
                discovery.challenge(&challenge(&[&named]))
            }
            Some((_, false)) => discovery.challenge(&challenge(&["Bearer scope=\"a b\""])),
            None => discovery,
        }
    }

    /// What a server answers to its request of this number, and the document in it.
    fn page(&self, number: usize, endpoint: Endpoint, issuer: Option<&str>) -> (Page, Value) {
        let (kind, first, second) = self.pages[number % self.pages.len()];
        let document = match endpoint {
            Endpoint::ResourceMetadata => {
                let scopes =
                    json!({"scopes_supported": if second & 1 == 0 { json!(["c"]) } else { json!(null) }});
                let lying = kind % 16 >= 12;
                let of = if lying { pick(&RESOURCES, first) } else { pick(&RESOURCES[..3], first % 8) };
                let servers =
                    if lying { vec![pick(&ISSUERS, second), pick(&ISSUERS, first)] } else { vec![AS] };
                with(resource(of, &servers[..usize::from(second / 64).min(servers.len())]), &scopes)
            }
            _ if kind % 16 >= 12 => with(
                server(pick(&ISSUERS, first)),
                &json!({"code_challenge_methods_supported": if second & 1 == 0 { json!(null) } else { json!(["plain"]) }}),
            ),
            _ => server(issuer.unwrap_or(AS)),
        };
        let page = match kind % 16 {
            0 => Page::status(400 + u16::from(first) % 40),
            1 => Page::status(pick(&[404, 404, 404, 429, 500, 503], first)),
            2 => {
                Page::redirect(302, pick(&["https://10.0.0.1/", "https://attacker.example/", AT_ROOT], first))
            }
            3 => Page::html().padded(usize::from(second) * 1000),
            4 => Page::json(&json!({"error": "x"})).padded(usize::from(second) * 1000),
            5 if first < 64 => Page::lost(),
            6 => Page::json(&document).padded(usize::from(second) * 1000),
            7 => Page::new(200, pick(&["text/plain", "", "application/json"], first), "{"),
            _ => Page::json(&document),
        };
        (page, document)
    }
}

/// One run: the URLs that were asked, the bytes that were read, the documents that came, and the end.
struct Ran {
    asked: Vec<(String, Endpoint)>,
    read: usize,
    documents: Vec<Value>,
    end: Result<Option<DiscoveredAuthorization>, Error>,
}

fn run(case: &Case) -> Ran {
    let (mut asked, mut read, mut documents) = (Vec::new(), 0, Vec::<Value>::new());
    let mut clock = super::clock();
    let end = case.discovery().start().and_then(|call| {
        drive_with(call, &mut clock, |request, terms, now| {
            let issuer = documents.last().and_then(|last| last["authorization_servers"][0].as_str());
            let issuer = issuer.map(str::to_owned);
            let (page, document) = case.page(asked.len(), terms.endpoint, issuer.as_deref());
            asked.push((request.uri().to_string(), terms.endpoint));
            if terms.endpoint == Endpoint::ResourceMetadata {
                documents.push(document);
            }
            let mut web = super::Web::new();
            web.put(&request.uri().to_string(), page);
            let response = web.send(request, terms, now);
            read += web.bytes();
            response
        })
    });
    Ran { asked, read, documents, end }
}

/// Whether a request may go to this URL, judged without the library.
fn is_harmless(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("https://") else { return false };
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    ["api.example", "as.example", "attacker.example", "victim.example"].contains(&host)
}

fn check(case: &Case) -> Result<(), TestCaseError> {
    let Ran { asked, read, documents, end } = run(case);
    for (url, _) in &asked {
        prop_assert!(is_harmless(url), "{}", url);
        prop_assert_eq!(asked.iter().filter(|(other, _)| other == url).count(), 1, "{} is asked twice", url);
    }
    prop_assert!(asked.len() <= case.requests.max(1) && asked.len() <= 6, "{:?}", asked);
    prop_assert!(read <= case.bytes.max(1), "{} of {}", read, case.bytes);
    if let Some((at, true)) = case.challenge
        && !asked.is_empty()
    {
        let of_resource: Vec<_> =
            asked.iter().filter(|(_, endpoint)| *endpoint == Endpoint::ResourceMetadata).collect();
        prop_assert_eq!(of_resource.len(), 1, "no other place is asked");
        prop_assert_eq!(of_resource[0].0.as_str(), pick(&NAMED, at));
    }
    let Ok(Some(found)) = end else { return Ok(()) };
    let document = documents.last().unwrap();
    let listed: Vec<_> = document["authorization_servers"].as_array().unwrap().iter().collect();
    let resource = found.resource.resource.as_str();
    match found.source {
        MetadataSource::Origin => {
            prop_assert_eq!(found.server.issuer.as_str(), "https://api.example");
            prop_assert!(case.rules >> 3 & 1 == 1, "only by a rule");
        }
        _ => {
            prop_assert!(
                listed.contains(&&json!(found.server.issuer)),
                "{:?} {:?}",
                listed,
                found.server.issuer
            );
            prop_assert_eq!(resource, document["resource"].as_str().unwrap());
        }
    }
    if !matches!(case.choice % 6, 1 | 2) && found.source != MetadataSource::Origin {
        prop_assert_eq!(&json!(found.server.issuer), listed[0], "the first is chosen");
    }
    let parents = ["https://api.example", "https://api.example/v1/"];
    let may_be_parent = !case.rules.is_multiple_of(4);
    prop_assert!(resource == API || may_be_parent && parents.contains(&resource), "{}", resource);
    let s256 = found.server.code_challenge_methods_supported;
    let unstated = case.rules % 4 <= 1 || case.rules >> 4 & 1 == 1;
    prop_assert!(
        s256.as_ref().map_or(unstated, |list| list.iter().any(|method| method == "S256")
            || case.rules.is_multiple_of(4))
    );
    let of_challenge = case.challenge.map(|_| vec!["a".to_owned(), "b".to_owned()]);
    prop_assert_eq!(found.scope, of_challenge.or(found.resource.scopes_supported));
    Ok(())
}

#[test]
fn whatever_servers_say_a_discovery_stays_within_policy_budget_and_truth() {
    let config =
        proptest::test_runner::Config { cases: 4_000, failure_persistence: None, ..Default::default() };
    let ran = TestRunner::new(config).run(&cases(), |case| check(&case));
    ran.unwrap_or_else(|failure| panic!("{failure}"));
}

/// The property proves something only if random servers reach every end.
#[test]
fn random_servers_reach_every_end() {
    let (mut runner, mut ends, mut lengths) = (TestRunner::deterministic(), BTreeSet::new(), BTreeSet::new());
    for _ in 0..6_000 {
        let ran = run(&cases().new_tree(&mut runner).unwrap().current());
        lengths.insert(ran.asked.len());
        ends.insert(match ran.end {
            Ok(Some(found)) => format!("{:?}", found.source),
            Ok(None) => "lost".to_owned(),
            Err(error) => error.code().to_owned(),
        });
    }
    for end in [
        "Challenge",
        "Path",
        "Root",
        "Origin",
        "lost",
        "unavailable",
        "discovery_no_server",
        "discovery_server_not_allowed",
        "discovery_several_servers",
        "discovery_parent_resource",
        "discovery_other_origin",
        "discovery_no_s256",
        "discovery_over_budget",
        "metadata_issuer_mismatch",
        "metadata_json",
        "metadata_missing_members",
        "metadata_resource_mismatch",
        "metadata_unusable_member",
        "response_media_type",
        "response_redirect",
        "response_status",
        "response_too_large",
    ] {
        assert!(ends.contains(end), "{end} is not among {ends:?}");
    }
    assert_eq!(lengths, BTreeSet::from_iter(0..=5), "every length");
}
