//! Every setting that lets something in has a row in the table of what the default settings refuse
//! (`oidc-proto/tests/it/defaults`), or a reason here why it lets nothing in.

use super::{danger::marked, root, sources};
use std::{collections::BTreeSet, fs};

const ASKS: &str = "it says what a request asks for";
const VALUE: &str = "it is a value and no setting";
const KEY: &str = "it names a key or a registration of this program";
const NARROWS: &str = "it demands more, or the same elsewhere";
const HANDS_OVER: &str = "it hands over settings that have rows of their own";
const TIMES: &str = "it says when something is fetched again, or how much is kept";
const WATCHES: &str = "it watches, or gives the time, a thread or a client";
const VERIFIES: &str = "it verifies the same by other means";
const NAMES: &str = "it gives a name or a place";

/// Types, and settings of other types, that have no row, with the reason.
const WITHOUT: &[(&str, &str)] = &[
    ("AccessRequest", ASKS),
    ("AuthorizationRequest", ASKS),
    ("ClientMetadata", ASKS),
    ("LogoutRequest", ASKS),
    ("ThirdPartyLogins", "`oidc-proto/tests/it/logout/third_party.rs` tries each of its settings"),
    ("RegistrationRequest", ASKS),
    ("ClientIdMetadataDocumentBuilder", ASKS),
    ("PreRegisteredClient", KEY),
    ("ClientIdentities", KEY),
    ("BackchannelAuthenticationRequest", ASKS),
    ("ClientCredentialsRequest", ASKS),
    ("AssertionGrantRequest", ASKS),
    ("GrantRequest", ASKS),
    ("IdJagRequest", ASKS),
    ("JwtAssertion", ASKS),
    ("TokenExchangeRequest", ASKS),
    ("RefreshRequest", ASKS),
    ("DeviceAuthorizationRequest", ASKS),
    ("Requirement", NARROWS),
    ("AlgorithmSet", VALUE),
    ("ClientAuthenticationSet", VALUE),
    ("Attempt", VALUE),
    ("Denied", VALUE),
    ("Moment", VALUE),
    ("Possession", VALUE),
    ("RequestView", VALUE),
    ("Timestamp", VALUE),
    ("WellKnown", VALUE),
    ("NonceKeys", KEY),
    ("SealingKeys", KEY),
    ("Io", WATCHES),
    ("Observer", WATCHES),
    ("SingleFlight", WATCHES),
    ("SingleFlights", WATCHES),
    // A client makes this verifier, by settings that have rows.
    ("AuthorizationResponseVerifier", HANDS_OVER),
    ("ClientBuilder::secret", KEY),
    ("ClientBuilder::signer", KEY),
    ("ClientBuilder::certificate", KEY),
    ("ClientBuilder::token_endpoint_auth_signing_alg", KEY),
    ("ClientBuilder::dpop_key", KEY),
    ("ClientBuilder::dpop_public_key", KEY),
    ("ClientBuilder::attestation", KEY),
    ("ClientBuilder::attestation_key", KEY),
    ("ClientBuilder::attestation_public_key", KEY),
    ("Quirks::no_dpop_jkt", "it sends less, and lets nothing in"),
    ("ClientBuilder::tls_client_certificate_bound_access_tokens", KEY),
    ("ClientBuilder::request_object_signer", KEY),
    ("ClientBuilder::request_object_signing_alg", KEY),
    ("ClientBuilder::require_pushed_authorization_requests", NARROWS),
    ("ClientBuilder::require_signed_request_object", NARROWS),
    ("ClientBuilder::authentication", KEY),
    ("ClientBuilder::redirect_uri", NAMES),
    ("ClientBuilder::quirks", HANDS_OVER),
    ("ClientBuilder::fetch_userinfo", ASKS),
    ("ClientBuilder::userinfo_method", ASKS),
    ("DiscoveryOptions::form", NAMES),
    ("DiscoveryOptions::url_policy", HANDS_OVER),
    ("DiscoveryOptions::signed_by", NARROWS),
    ("AuthorizationDiscovery::challenge", NAMES),
    ("AuthorizationDiscovery::rules", HANDS_OVER),
    ("AuthorizationDiscovery::servers", NARROWS),
    ("AuthorizationDiscovery::max_requests", "a discovery needs five requests at most, and has six"),
    ("DiscoveryRules::require_pkce", NARROWS),
    ("DpopVerifier::algorithms", NARROWS),
    ("IdJagVerifier::algorithms", NARROWS),
    ("LogoutTokenVerifier::typed_only", NARROWS),
    ("DpopVerifier::demand_nonce", NARROWS),
    ("TrustedIssuer::access_tokens", HANDS_OVER),
    ("TrustedIssuer::scope_claim", NAMES),
    ("TrustedIssuer::refuses_opaque_tokens", NARROWS),
    ("AccessTokenVerifier::scope_claim", NAMES),
    ("ResourceServerBuilder::credentials", HANDS_OVER),
    ("ResourceServerBuilder::require_dpop", NARROWS),
    ("ResourceServerBuilder::require_certificate_bound", NARROWS),
    ("ResourceServerBuilder::realm", NAMES),
    ("ResourceServerBuilder::resource_metadata", NAMES),
    ("ResourceServerBuilder::origin", NAMES),
    ("ResourceServerBuilder::pseudonyms", KEY),
    (
        "ResourceServerBuilder::publish",
        "it says what this API is, and what it answers to preflights: `tests/middleware/published` tries it",
    ),
    ("ResourceServerBuilder::mcp", NARROWS),
    ("ProviderBuilder::client_id", KEY),
    ("ProviderBuilder::secret", KEY),
    ("RefreshOutcome::asked_for", NAMES),
    ("ProviderBuilder::assertion_source", KEY),
    ("ProviderBuilder::attestation_source", KEY),
    ("ProviderBuilder::secret_source", KEY),
    ("ProviderBuilder::metadata", NAMES),
    ("HttpSource::header", NAMES),
    ("HttpSource::member", NAMES),
    ("ProviderBuilder::redirect_uri", NAMES),
    ("ProviderBuilder::audience", NAMES),
    ("ProviderBuilder::client", HANDS_OVER),
    ("ProviderBuilder::access_tokens", HANDS_OVER),
    ("ProviderBuilder::trust", HANDS_OVER),
    ("ClientBuilder::key_set_reader", HANDS_OVER),
    ("KeySetReader::max_keys", "`ClientBuilder::max_keys` is the same, and has a row"),
    ("ProviderBuilder::max_keys", HANDS_OVER),
    ("GateBuilder::max_keys", HANDS_OVER),
    ("ClientBuilder::backend", VERIFIES),
    ("KeySetReader::backend", VERIFIES),
    ("ProviderBuilder::backend", VERIFIES),
    ("GateBuilder::backend", VERIFIES),
    ("ProviderBuilder::any_media_type", HANDS_OVER),
    ("GateBuilder::any_media_type", HANDS_OVER),
    ("ProviderBuilder::discovery", HANDS_OVER),
    ("ProviderBuilder::document_at", HANDS_OVER),
    ("ProviderBuilder::max_document", HANDS_OVER),
    ("ProviderBuilder::url_policy", HANDS_OVER),
    ("ProviderBuilder::key_policy", TIMES),
    ("ProviderBuilder::metadata_policy", TIMES),
    ("ProviderBuilder::token_policy", TIMES),
    ("ProviderBuilder::shared_refreshes", HANDS_OVER),
    ("RedisStore::with_prefix", NAMES),
    ("RedisStore::with_timeout", TIMES),
    ("SharedRefreshes::lease", TIMES),
    ("SharedRefreshes::patience", TIMES),
    ("SharedRefreshes::keep_for", TIMES),
    (
        "SharedRefreshes::lost_lease",
        "`tests/handle/nodes.rs` tries it: it says who decides, and refuses no response",
    ),
    ("ProviderBuilder::clock", WATCHES),
    ("ProviderBuilder::with_observer", WATCHES),
    // The core has no say in these either.
    ("ApiBuilder::and_origin", "`tests/handle/api` tries it"),
    ("ApiBuilder::max_body", "`tests/handle/api` tries it"),
    ("ApiBuilder::timeout", TIMES),
    ("ApiBuilder::url_policy", HANDS_OVER),
    ("ApiToken", VALUE),
    ("ScopeStepUp", "`flow/endpoint/scope_step_up.rs` tries each of its settings"),
    ("ResourceBuilder::identities", KEY),
    ("ResourceBuilder::redirect_uri", NAMES),
    ("ResourceBuilder::browser", ASKS),
    ("ResourceBuilder::grant", ASKS),
    ("ResourceBuilder::client_credentials", ASKS),
    ("ResourceBuilder::scopes", ASKS),
    ("ResourceBuilder::only_scopes", NARROWS),
    ("ResourceBuilder::max_authorizations", "`ScopeStepUp::max_authorizations` is the same"),
    ("ResourceBuilder::no_offline_access", ASKS),
    ("ResourceBuilder::no_resource_on_refresh", ASKS),
    ("ResourceBuilder::rules", HANDS_OVER),
    ("ResourceBuilder::servers", HANDS_OVER),
    ("ResourceBuilder::url_policy", HANDS_OVER),
    ("ResourceBuilder::client", HANDS_OVER),
    ("ResourceBuilder::store", HANDS_OVER),
    ("ResourceBuilder::account", NAMES),
    ("ResourceBuilder::patience", TIMES),
    ("ResourceBuilder::max_body", "`tests/handle/by_url` tries it"),
    ("ResourceBuilder::timeout", TIMES),
    ("ResourceBuilder::clock", WATCHES),
    ("ResourceBuilder::with_observer", WATCHES),
    ("ProviderBuilder::identity", KEY),
    ("SessionTokens", VALUE),
    ("ResourceRequest::once", NARROWS),
    ("GateBuilder::keys_of", NAMES),
    ("GateBuilder::document_at", HANDS_OVER),
    ("GateBuilder::max_document", HANDS_OVER),
    ("GateBuilder::profile", HANDS_OVER),
    ("GateBuilder::url_policy", HANDS_OVER),
    ("GateBuilder::introspection", HANDS_OVER),
    ("GateBuilder::key_policy", TIMES),
    ("GateBuilder::metadata_policy", TIMES),
    ("GateBuilder::remember_introspected", TIMES),
    ("GateBuilder::replay_entries", TIMES),
    ("GateBuilder::verified_cache", TIMES),
    ("GateBuilder::clock", WATCHES),
    ("GateBuilder::observe_failures", WATCHES),
    ("GateBuilder::with_observer", WATCHES),
    // Tried over sockets and over layers, where the core has no say.
    ("Guard::allow_private_networks", "`tests/adapters/egress` tries it"),
    ("Http::allow_private_networks", "`tests/adapters/egress` tries it"),
    ("ProtectLayer::optional", "`tests/middleware/routes.rs` tries it"),
    ("ProtectLayer::require", NARROWS),
    ("ProtectLayer::client_uri", NAMES),
    ("ProtectLayer::cors", HANDS_OVER),
    ("Cors::allow_origins", NARROWS),
    ("Cors::allow_headers", "it lets pages send them, and `tests/middleware/published` tries it"),
    ("Cors::expose_headers", "it lets pages read them, and `tests/middleware/published` tries it"),
    ("Http::with_observer", WATCHES),
    ("Guard::with_resolver", WATCHES),
    ("Http::with_resolver", WATCHES),
];

/// The type of a line that opens an `impl`.
fn of_impl(line: &str) -> Option<String> {
    let line = line.replace("->", "");
    let rest = line.strip_prefix("impl")?;
    let rest = match rest.strip_prefix('<') {
        Some(generic) => {
            let mut depth = 1;
            let end = generic.find(|c| {
                depth += match c {
                    '<' => 1,
                    '>' => -1,
                    _ => 0,
                };
                depth == 0
            })?;
            &generic[end + 1..]
        }
        None => rest,
    };
    let name = rest.split_once(" for ").map_or(rest, |(_, name)| name).trim_start();
    let end = name.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(name.len());
    Some(name[..end].to_owned())
}

/// The settings in a source: every public method that takes its value and returns it. With `making`, also those that make
/// one.
fn settings(text: &str, making: bool) -> BTreeSet<String> {
    let (mut found, mut of, lines) = (BTreeSet::new(), String::new(), text.lines().collect::<Vec<_>>());
    for (at, line) in lines.iter().enumerate() {
        if line.starts_with("#[cfg(test)]") {
            break;
        }
        of = of_impl(line).unwrap_or(of);
        let Some(rest) = line.trim().strip_prefix("pub ") else { continue };
        let Some(rest) = rest.strip_prefix("const ").unwrap_or(rest).strip_prefix("fn ") else { continue };
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let signature: String = lines[at..].iter().take(8).map(|line| line.trim()).collect();
        let signature = signature.split('{').next().unwrap_or_default();
        let taking = signature.contains("(mut self") || signature.contains("(self");
        // A macro writes methods of other names than those in the text.
        let named = end > 0 && !of.is_empty();
        if named && (taking || making) && signature.contains("-> Self") {
            found.insert(format!("{of}::{}", &rest[..end]));
        }
    }
    found
}

/// The fields of a structure that are switches.
fn switches(text: &str, of: &str) -> BTreeSet<String> {
    let Some((_, body)) = text.split_once(&format!("pub struct {of} {{")) else { return BTreeSet::new() };
    let fields = body.split("\n}").next().unwrap_or_default().lines();
    let names = fields.filter_map(|line| line.trim().strip_prefix("pub ")?.strip_suffix(": bool,"));
    names.map(|name| format!("{of}::{name}")).collect()
}

fn last(name: &str) -> &str {
    name.rsplit("::").next().unwrap_or(name)
}

/// The settings that have neither a row nor a reason, and the rows and reasons of nothing.
fn faults(found: &BTreeSet<String>, marked: &BTreeSet<String>, rows: &BTreeSet<String>) -> Vec<String> {
    let without = |name: &str| {
        let of = name.split("::").next().unwrap_or(name);
        WITHOUT.iter().any(|(known, _)| *known == name || *known == of)
    };
    let mut faults = Vec::new();
    for name in found.iter().filter(|name| !rows.contains(*name) && !without(name)) {
        faults.push(format!("`{name}` has no row in `oidc-proto/tests/it/defaults`"));
    }
    let named = |name: &String| {
        rows.iter().any(|row| last(row) == name) || WITHOUT.iter().any(|(known, _)| last(known) == name)
    };
    for name in marked.iter().filter(|name| !named(name)) {
        faults.push(format!("`{name}` is a danger and has no row in `oidc-proto/tests/it/defaults`"));
    }
    let is_there = |name: &str| found.contains(name) || marked.contains(last(name));
    for name in rows.iter().filter(|name| !is_there(name)) {
        faults.push(format!("`{name}` has a row, and is not found in the sources"));
    }
    faults
}

#[test]
fn every_setting_that_lets_something_in_has_a_row_of_what_is_refused_without_it() {
    let (mut found, mut dangers) = (BTreeSet::new(), BTreeSet::new());
    for (path, text) in sources() {
        let product = path.starts_with("oidc-proto/src/") || path.starts_with("oidc-adapters/");
        if product && path.contains("/src/") && !path.ends_with("_tests.rs") {
            found.extend(settings(&text, path.ends_with("/presets.rs")));
            found.extend(switches(&text, "Quirks"));
            dangers.extend(marked(&text));
        }
    }
    let list = fs::read_to_string(root().join("tests/data/defaults.txt")).expect("the list");
    let rows = list.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect();
    assert_eq!(faults(&found, &dangers, &rows), Vec::<String>::new());
    assert!(found.len() > 150, "{}", found.len());
    let gone = WITHOUT.iter().filter(|(known, _)| {
        !found.iter().any(|name| name == known || name.split("::").next() == Some(known))
    });
    assert_eq!(gone.map(|(known, _)| known).collect::<Vec<_>>(), Vec::<&&str>::new(), "reasons for nothing");
}

#[test]
fn a_setting_without_a_row_is_seen() {
    let source = "impl<W: Fn() -> u8> Party<W> {\n    /// Text.\n    pub fn open<S: Into<String>>(\n        mut self,\n        \
                  doors: S,\n    ) -> Self {\n        self\n    }\n    pub const fn is_open(&self) -> bool {\n";
    let open = BTreeSet::from(["Party::open".to_owned()]);
    assert_eq!(settings(source, false), open);
    let preset = "impl Party {\n    pub fn garden(host: &str) -> Self {\n";
    assert_eq!((settings(preset, false).len(), settings(preset, true).len()), (0, 1));
    let quirks = "pub struct Quirks {\n    /// Text.\n    pub no_door: bool,\n    pub size: u8,\n}\n";
    assert_eq!(switches(quirks, "Quirks"), BTreeSet::from(["Quirks::no_door".to_owned()]));
    let none = BTreeSet::new();
    let danger = BTreeSet::from(["no_lock".to_owned()]);
    assert_eq!(faults(&open, &none, &none).len(), 1);
    assert_eq!(faults(&open, &none, &open).len(), 0);
    assert_eq!(faults(&none, &danger, &none).len(), 1);
    assert_eq!(faults(&none, &none, &open).len(), 1, "a row of nothing");
}
