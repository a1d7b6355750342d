//! Compares the table of the index with the recorded metadata of the providers.

use super::{page, world::recorded};
use serde_json::Value;
use url::Url;

/// The records, with the names that the index gives them.
const RECORDS: [(&str, &str); 12] = [
    ("AD FS", "adfs-onprem"),
    ("Apple", "apple"),
    ("Auth0", "auth0"),
    ("Cognito", "cognito"),
    ("Entra, all tenants", "entra-common"),
    ("GitHub Actions", "github-actions"),
    ("GitLab", "gitlab"),
    ("Google", "google"),
    ("Keycloak", "keycloak"),
    ("LinkedIn", "linkedin"),
    ("Okta, its own server", "okta"),
    ("Okta, a custom server", "okta-custom-as"),
];

/// The words of a list, or a dash.
fn list(document: &Value, member: &str) -> String {
    let words = document[member].as_array().map(Vec::as_slice).unwrap_or_default();
    let words: Vec<_> = words.iter().filter_map(Value::as_str).collect();
    if words.is_empty() { "-".to_owned() } else { words.join(", ") }
}

/// What the index says of a record.
fn row(name: &str, document: &Value) -> String {
    let host = |member: &str| {
        let url = Url::parse(document[member].as_str()?).ok()?;
        url.host_str().map(str::to_owned)
    };
    let own = host("issuer");
    let members = ["authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"];
    let elsewhere = members.iter().any(|member| host(member).is_some_and(|host| Some(host) != own));
    let algorithms = list(document, "id_token_signing_alg_values_supported");
    let algorithms = if algorithms.len() > 30 { "many".to_owned() } else { algorithms };
    let methods = list(document, "token_endpoint_auth_methods_supported")
        .replace("client_secret_basic", "basic")
        .replace("client_secret_post", "post");
    let has = |member: &str| if document[member].is_string() { "yes" } else { "-" };
    let named = |member: &str, word: &str| {
        let words = document[member].as_array();
        if words.is_some_and(|words| words.iter().any(|found| found == word)) { "yes" } else { "-" }
    };
    let cells = [
        algorithms,
        methods,
        named("code_challenge_methods_supported", "S256").to_owned(),
        named("response_modes_supported", "form_post").to_owned(),
        if elsewhere { "yes" } else { "-" }.to_owned(),
        has("userinfo_endpoint").to_owned(),
        has("revocation_endpoint").to_owned(),
        has("introspection_endpoint").to_owned(),
        has("device_authorization_endpoint").to_owned(),
        has("end_session_endpoint").to_owned(),
    ];
    format!("| {name} | {} |", cells.join(" | "))
}

#[test]
fn the_table_of_the_index_is_what_the_recorded_metadata_say() {
    let index = page("README");
    let rows: Vec<_> = RECORDS
        .iter()
        .map(|(name, file)| row(name, &serde_json::from_str(&recorded(file)).expect("JSON")))
        .collect();
    for row in &rows {
        assert!(index.contains(row), "the index does not say:\n{}", rows.join("\n"));
    }
    let shown = index.lines().filter(|line| line.starts_with("| ") && line.matches(" | ").count() == 10);
    assert_eq!(shown.count(), rows.len() + 1, "and no row more, besides the head");
}

/// Facts in the prose of the pages.
#[test]
fn what_the_pages_say_of_endpoints_is_in_the_records() {
    for (name, file, members) in [
        ("google", "google", &["token_endpoint", "jwks_uri", "device_authorization_endpoint"][..]),
        ("entra", "entra-common", &["issuer", "userinfo_endpoint"][..]),
        ("github", "github-actions", &["issuer"][..]),
        ("adfs", "adfs-onprem", &["issuer", "access_token_issuer"][..]),
        ("apple", "apple", &["issuer"][..]),
        ("gitlab", "gitlab", &["issuer"][..]),
    ] {
        let (page, document): (_, Value) = (page(name), serde_json::from_str(&recorded(file)).expect("JSON"));
        for member in members {
            let value = document[*member].as_str().expect("text");
            assert!(page.contains(value), "{name}.md: {member} is {value}");
        }
    }
}
