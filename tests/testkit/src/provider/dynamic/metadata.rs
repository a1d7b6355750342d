//! Which metadata of a client the provider registers, and what it adds to them (RFC 7591 section 2, OpenID Connect Dynamic
//! Client Registration 1.0 section 2).

use super::{
    super::{
        BACKCHANNEL_GRANT, DEVICE_GRANT, JWT_BEARER_GRANT, Registration, SAML_BEARER_GRANT,
        TOKEN_EXCHANGE_GRANT, token::Refusal,
    },
    authentication,
};
use oidc_proto::jose::Algorithm;
use serde_json::{Map, Value, json};
use url::{Host, Url};

/// The members that a provider sets.
pub(super) const OF_PROVIDER: [&str; 6] = [
    "client_id",
    "client_secret",
    "client_id_issued_at",
    "client_secret_expires_at",
    "registration_access_token",
    "registration_client_uri",
];

const GRANTS: [&str; 8] = [
    "authorization_code",
    "refresh_token",
    "client_credentials",
    DEVICE_GRANT,
    BACKCHANNEL_GRANT,
    TOKEN_EXCHANGE_GRANT,
    JWT_BEARER_GRANT,
    SAML_BEARER_GRANT,
];

/// The private members of keys (RFC 7518 section 6).
const PRIVATE: [&str; 9] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];

fn refuse(description: &str) -> Refusal {
    Refusal::bad("invalid_client_metadata", description)
}

/// Registers a client with these metadata. Returns it, and its metadata with the defaults written out.
pub(super) fn registration(
    client_id: &str,
    secret: &str,
    mut asked: Map<String, Value>,
) -> Result<(Registration, Map<String, Value>), Refusal> {
    asked.retain(|name, value| !value.is_null() && !OF_PROVIDER.contains(&name.as_str()));
    for (name, default) in [
        ("application_type", json!("web")),
        ("grant_types", json!(["authorization_code"])),
        ("response_types", json!(["code"])),
        ("token_endpoint_auth_method", json!("client_secret_basic")),
        ("id_token_signed_response_alg", json!("RS256")),
    ] {
        asked.entry(name).or_insert(default);
    }
    let grants = strings(&asked, "grant_types")?;
    let response_types = strings(&asked, "response_types")?;
    let redirects =
        if asked.contains_key("redirect_uris") { strings(&asked, "redirect_uris")? } else { Vec::new() };
    let kind = text(&asked, "application_type")?;
    if !["web", "native"].contains(&kind) {
        return Err(refuse("`application_type` is neither `web` nor `native`"));
    }
    let with_code = grants.iter().any(|grant| grant == "authorization_code");
    if response_types.iter().any(|kind| kind != "code") || with_code == response_types.is_empty() {
        return Err(refuse("`response_types` and `grant_types` do not go together (RFC 7591 section 2.1)"));
    }
    if with_code && redirects.is_empty() {
        return Err(Refusal::bad("invalid_redirect_uri", "a code needs a redirect URI"));
    }
    if let Some(why) = redirects.iter().find_map(|uri| fault(uri, kind)) {
        return Err(Refusal::bad("invalid_redirect_uri", why));
    }
    let method = text(&asked, "token_endpoint_auth_method")?.to_owned();
    let jwk = key(&asked)?;
    if method == "private_key_jwt" && jwk.is_none() {
        return Err(refuse("`private_key_jwt` without keys"));
    }
    let Some(authentication) = authentication(&method, secret, jwk) else {
        return Err(refuse("`token_endpoint_auth_method` is none that is offered here"));
    };
    if method == "none" && grants.iter().any(|grant| grant == "client_credentials") {
        return Err(refuse("a public client has no `client_credentials`"));
    }
    let algorithm = text(&asked, "id_token_signed_response_alg")?;
    let Some(algorithm) = Algorithm::RING.iter().find(|known| known.name() == algorithm) else {
        return Err(refuse("`id_token_signed_response_alg` is none that is offered here"));
    };
    // A grant that is not offered is left out, and the answer says so (RFC 7591 section 3.2.1).
    let grants: Vec<String> = grants.into_iter().filter(|grant| GRANTS.contains(&grant.as_str())).collect();
    asked.insert("grant_types".to_owned(), grants.clone().into());
    let mut client = Registration::new(client_id, authentication).id_token_alg(*algorithm).grant_types([]);
    client.grant_types = grants;
    client.redirect_uris = redirects;
    Ok((client, asked))
}

fn text<'m>(members: &'m Map<String, Value>, name: &str) -> Result<&'m str, Refusal> {
    members.get(name).and_then(Value::as_str).ok_or_else(|| refuse(&format!("`{name}` is no string")))
}

fn strings(members: &Map<String, Value>, name: &str) -> Result<Vec<String>, Refusal> {
    let items = members.get(name).and_then(Value::as_array);
    let texts = items.and_then(|items| items.iter().map(|item| item.as_str().map(str::to_owned)).collect());
    texts.ok_or_else(|| refuse(&format!("`{name}` is no list of strings")))
}

/// What is wrong with a redirect URI.
fn fault(uri: &str, kind: &str) -> Option<&'static str> {
    let Ok(url) = Url::parse(uri) else { return Some("it is not absolute") };
    let here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match (url.scheme(), kind) {
        _ if url.fragment().is_some() => Some("it has a fragment"),
        ("https", _) => None,
        ("http", "native") if here => None,
        ("http", _) => Some("only a `native` client has plain http, to its own machine"),
        ("javascript" | "data" | "file", _) => Some("it has a scheme that no client can receive"),
        (_, "native") => None,
        _ => Some("only a `native` client has a scheme of its own"),
    }
}

/// The public key of the client.
fn key(asked: &Map<String, Value>) -> Result<Option<Value>, Refusal> {
    let Some(set) = asked.get("jwks") else {
        let fetched = asked.contains_key("jwks_uri");
        return if fetched { Err(refuse("nothing is at this `jwks_uri`")) } else { Ok(None) };
    };
    if asked.contains_key("jwks_uri") {
        return Err(refuse("both `jwks` and `jwks_uri` (RFC 7591 section 2)"));
    }
    let keys = set["keys"].as_array().ok_or_else(|| refuse("`jwks` is no key set"))?;
    if keys.iter().any(|key| PRIVATE.iter().any(|name| key.get(name).is_some())) {
        return Err(refuse("a private key in `jwks`"));
    }
    Ok(keys.first().cloned())
}
