//! What a provider has registered, compared with what was asked for.

use crate::message::{ClientMetadata, ClientMetadataChange};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use url::Url;

/// Lists the members that are registered otherwise than they were asked for. A value that only writes out a default is
/// no change.
pub(super) fn changes(asked: &ClientMetadata, registered: &ClientMetadata) -> Vec<ClientMetadataChange> {
    let (asked, registered) = (members(asked), members(registered));
    let names: BTreeSet<&String> = asked.keys().chain(registered.keys()).collect();
    let mut changes = Vec::new();
    for member in names {
        let (wanted, told) = (asked.get(member), registered.get(member));
        let default = default_of(member);
        let same = match (wanted, told) {
            (Some(wanted), Some(told)) => is_same(member, wanted, told),
            (Some(one), None) | (None, Some(one)) => {
                default.is_some_and(|default| is_same(member, &default, one))
            }
            (None, None) => true,
        };
        if !same {
            let (asked, registered) = (wanted.cloned(), told.cloned());
            changes.push(ClientMetadataChange { member: member.clone(), asked, registered });
        }
    }
    changes
}

fn members(metadata: &ClientMetadata) -> Map<String, Value> {
    if let Value::Object(members) = metadata.to_json() { members } else { Map::new() }
}

/// Returns what an absent member means (RFC 7591 section 2, OpenID Connect Dynamic Client Registration 1.0 section 2).
fn default_of(member: &str) -> Option<Value> {
    Some(match member {
        "grant_types" => json!(["authorization_code"]),
        "response_types" => json!(["code"]),
        "application_type" => json!("web"),
        "token_endpoint_auth_method" => json!("client_secret_basic"),
        "id_token_signed_response_alg" => json!("RS256"),
        "require_auth_time"
        | "require_pushed_authorization_requests"
        | "require_signed_request_object"
        | "dpop_bound_access_tokens"
        | "tls_client_certificate_bound_access_tokens"
        | "backchannel_logout_session_required"
        | "frontchannel_logout_session_required"
        | "backchannel_user_code_parameter" => json!(false),
        _ => return None,
    })
}

/// Whether two values of a member mean the same. The order of most lists, and of scopes, means nothing.
fn is_same(member: &str, one: &Value, other: &Value) -> bool {
    let words = |value: &Value| {
        let texts = match value {
            Value::String(text) if member == "scope" => vec![text.clone()],
            Value::Array(items) => items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
                return None;
            }
        };
        let ordered = |text: String| {
            let mut words: Vec<_> = text.split(' ').filter(|word| !word.is_empty()).collect();
            words.sort_unstable();
            words.join(" ")
        };
        Some(texts.into_iter().map(ordered).collect::<BTreeSet<_>>())
    };
    // Of these, the first is the best.
    if member == "default_acr_values" {
        return one == other;
    }
    one == other || words(one).is_some_and(|one| Some(one) == words(other))
}

/// Whether a registered redirect URI leads to the same place as one that was asked for. A provider may write a URL in
/// another spelling, and need not keep the port of a redirect to this machine (RFC 8252 section 7.3).
pub(super) fn is_same_place(asked: &str, registered: &str) -> bool {
    let (Ok(mut asked_url), Ok(mut registered_url)) = (Url::parse(asked), Url::parse(registered)) else {
        return asked == registered;
    };
    let is_loopback = |url: &Url| match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if asked_url.scheme() == "http" && is_loopback(&asked_url) && asked_url.host() == registered_url.host() {
        // A URL with a host has a place for a port.
        let _ = (asked_url.set_port(None), registered_url.set_port(None));
    }
    asked_url == registered_url
}
