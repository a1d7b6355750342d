//! The property of provider metadata: a document that parses is the issuer's, and every URL in it may be
//! used.

use crate::{CLIENT, ISSUER, NOW, REDIRECT, check_texts, moment};
use oidc_proto::{
    EndpointUrl, UrlPolicy,
    flow::{Client, ConfigError},
    message::AuthorizationRequest,
    metadata::{Profile, ProviderMetadata, well_known},
};
use serde_json::Value;
use std::net::{Ipv4Addr, Ipv6Addr};
use url::Host;

const PROFILES: [Profile; 3] = [Profile::OpenIdProvider, Profile::AuthorizationServer, Profile::TokenIssuer];

/// Checks a metadata document. `data` is its JSON.
///
/// Under every profile and policy, a document that parses has the issuer asked for and all required
/// members. The policy allows every URL in it. Members that no field knows are kept.
///
/// # Panics
/// If the property does not hold.
pub fn metadata(data: &[u8]) {
    let json: Option<Value> = serde_json::from_slice(data).ok();
    let own = json.as_ref().and_then(|json| json["issuer"].as_str());
    for issuer in [Some(ISSUER), own].into_iter().flatten() {
        for profile in PROFILES {
            for policy in [
                UrlPolicy::default(),
                UrlPolicy::default().with_loopback(),
                UrlPolicy::default().with_private_addresses(),
                UrlPolicy::default().with_loopback().with_private_addresses(),
            ] {
                match ProviderMetadata::parse(data, issuer, profile, &policy) {
                    Ok(metadata) => {
                        let json = json.as_ref().expect("what parses is JSON");
                        assert_eq!(own, Some(issuer), "the document has the issuer asked for");
                        check(&metadata, json, profile, &policy);
                        let again = ProviderMetadata::parse(data, issuer, profile, &policy);
                        assert_eq!(again.as_ref(), Ok(&metadata));
                        use_it(metadata);
                    }
                    Err(error) if issuer.len() < 256 && !issuer.chars().any(char::is_control) => {
                        check_texts(&error);
                    }
                    // The error contains the issuer asked for, which is the caller's own text.
                    Err(_) => {}
                }
                if let Ok(url) = well_known(issuer, &policy) {
                    check_url(&url, &policy);
                    assert!(url.as_url().path().ends_with("/.well-known/openid-configuration"));
                }
            }
        }
    }
}

fn check(metadata: &ProviderMetadata, json: &Value, profile: Profile, policy: &UrlPolicy) {
    let m = metadata;
    let login = [
        m.authorization_endpoint.is_some(),
        m.jwks_uri.is_some(),
        m.response_types_supported.is_some(),
        m.subject_types_supported.is_some(),
        m.id_token_signing_alg_values_supported.is_some(),
        m.token_endpoint.is_some() || is_implicit(json),
    ];
    assert!(match profile {
        Profile::OpenIdProvider => login.into_iter().all(|there| there),
        Profile::AuthorizationServer => m.response_types_supported.is_some(),
        _ => m.jwks_uri.is_some(),
    });
    for url in urls(metadata).into_iter().flatten() {
        check_url(url, policy);
    }
    for (name, value) in &metadata.extra {
        assert_eq!(json.get(name), Some(value), "{name}");
    }
    for aside in &metadata.set_aside {
        assert!(!json[aside.member].is_null(), "{aside:?}");
    }
    let switch = &json["authorization_response_iss_parameter_supported"];
    assert_eq!(m.authorization_response_iss_parameter_supported, switch.as_bool(), "{switch}");
}

/// Whether the document says that the provider never issues a code.
fn is_implicit(json: &Value) -> bool {
    let all = |name: &str, fits: fn(&str) -> bool| {
        let values = json[name].as_array().filter(|values| !values.is_empty());
        values.is_some_and(|values| values.iter().all(|value| value.as_str().is_some_and(fits)))
    };
    all("grant_types_supported", |grant| grant == "implicit")
        || all("response_types_supported", |types| !types.split(' ').any(|word| word == "code"))
}

fn urls(m: &ProviderMetadata) -> Vec<Option<&EndpointUrl>> {
    let mut urls = vec![
        &m.authorization_endpoint,
        &m.token_endpoint,
        &m.jwks_uri,
        &m.userinfo_endpoint,
        &m.registration_endpoint,
        &m.revocation_endpoint,
        &m.introspection_endpoint,
        &m.pushed_authorization_request_endpoint,
        &m.device_authorization_endpoint,
        &m.backchannel_authentication_endpoint,
        &m.end_session_endpoint,
        &m.check_session_iframe,
        &m.service_documentation,
        &m.op_policy_uri,
        &m.op_tos_uri,
    ];
    if let Some(aliases) = &m.mtls_endpoint_aliases {
        urls.extend([
            &aliases.token_endpoint,
            &aliases.revocation_endpoint,
            &aliases.introspection_endpoint,
            &aliases.userinfo_endpoint,
            &aliases.registration_endpoint,
            &aliases.pushed_authorization_request_endpoint,
            &aliases.device_authorization_endpoint,
            &aliases.backchannel_authentication_endpoint,
        ]);
    }
    urls.into_iter().map(Option::as_ref).collect()
}

fn check_url(url: &EndpointUrl, policy: &UrlPolicy) {
    let url = url.as_url();
    let host = url.host().unwrap_or_else(|| panic!("no host: {url}"));
    let (local, private) = match &host {
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            (name == "localhost" || name.ends_with(".localhost"), false)
        }
        Host::Ipv4(address) => (address.octets()[0] == 127, is_special(*address)),
        Host::Ipv6(address) => {
            let inner = inner(*address);
            let local =
                *address == Ipv6Addr::LOCALHOST || inner.is_some_and(|inner| inner.octets()[0] == 127);
            (local, inner.map_or_else(|| is_special6(*address), is_special))
        }
    };
    let http = policy.allow_loopback && local && url.scheme() == "http";
    assert!(url.scheme() == "https" || http, "the scheme is not allowed: {url}");
    assert!(url.fragment().is_none() && url.username().is_empty() && url.password().is_none(), "{url}");
    let here = local && (policy.allow_loopback || policy.allow_private);
    assert!(here || !local && (!private || policy.allow_private), "the address is not allowed: {url}");
}

/// IANA's special-purpose addresses, as a network and the length of its prefix.
fn is_special(address: Ipv4Addr) -> bool {
    const NETWORKS: [([u8; 4], u32); 14] = [
        ([0, 0, 0, 0], 8),
        ([10, 0, 0, 0], 8),
        ([100, 64, 0, 0], 10),
        ([127, 0, 0, 0], 8),
        ([169, 254, 0, 0], 16),
        ([172, 16, 0, 0], 12),
        ([192, 0, 0, 0], 24),
        ([192, 0, 2, 0], 24),
        ([192, 88, 99, 0], 24),
        ([192, 168, 0, 0], 16),
        ([198, 18, 0, 0], 15),
        ([198, 51, 100, 0], 24),
        ([203, 0, 113, 0], 24),
        ([224, 0, 0, 0], 3),
    ];
    NETWORKS.iter().any(|(network, length)| {
        (u32::from(address) ^ u32::from_be_bytes(*network)).leading_zeros() >= *length
    })
}

fn is_special6(address: Ipv6Addr) -> bool {
    const NETWORKS: [(u128, u32); 9] = [
        (0, 8),
        (0x0100 << 112, 8),
        (0xfc00 << 112, 7),
        (0xfe80 << 112, 10),
        (0xfec0 << 112, 10),
        (0xff00 << 112, 8),
        (0x2001 << 112, 23),
        (0x2001_0db8 << 96, 32),
        (0x3fff << 112, 20),
    ];
    NETWORKS.iter().any(|(network, length)| (u128::from(address) ^ network).leading_zeros() >= *length)
}

/// The IPv4 address inside an IPv6 address: mapped, NAT64 or 6to4.
fn inner(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let bits = u128::from(address);
    let low = |bits: u128| u32::try_from(bits & 0xffff_ffff).ok().map(Ipv4Addr::from);
    match bits {
        _ if bits >> 32 == 0xffff || bits >> 32 == 0x0064_ff9b << 64 => low(bits),
        _ if bits >> 112 == 0x2002 => low(bits >> 80),
        _ => None,
    }
}

/// Begins a login: it goes to the authorization endpoint, with the parameters of the request last.
fn use_it(metadata: ProviderMetadata) {
    let endpoint = metadata.authorization_endpoint.clone();
    let long = metadata.issuer.len() > 2048;
    let client = match Client::builder(metadata, CLIENT).redirect_uri(REDIRECT).build() {
        Ok(client) => client,
        Err(error) => return assert!(long && error == ConfigError::Characters("issuer"), "{error}"),
    };
    match client.authorize(&AuthorizationRequest::default(), moment(NOW, 3)) {
        Ok((url, pending)) => {
            let endpoint = endpoint.expect("a login began");
            assert_eq!((url.host(), url.path()), (endpoint.as_url().host(), endpoint.as_url().path()));
            let state = url.query_pairs().filter(|(name, _)| name == "state").last();
            assert_eq!(state.expect("a state").1, pending.state());
        }
        Err(error) => {
            assert!(error.code().starts_with("config_"), "{error}");
            check_texts(&error);
        }
    }
}
