//! Tests of plain http: to this machine, to named hosts, and to no other.

use super::{EndpointUrl, UrlError, UrlPolicy};

fn verdict(url: &str, policy: &UrlPolicy) -> Result<(), UrlError> {
    EndpointUrl::parse(url, policy).map(|_| ())
}

#[test]
fn plain_http_goes_to_the_named_hosts_and_to_no_other() {
    let named = |hosts: &[&str]| {
        hosts.iter().fold(UrlPolicy::default(), |policy, host| policy.with_plain_http_host(host))
    };
    let policy = named(&["keycloak", "OP.Internal", "10.1.2.3"]);
    for url in ["http://keycloak:8080/realms/x", "http://KEYCLOAK/", "http://op.internal/token"] {
        assert_eq!(verdict(url, &policy), Ok(()), "{url}");
        assert_eq!(verdict(url, &UrlPolicy::default()), Err(UrlError::PlainHttp), "{url}");
    }
    for url in [
        "http://keycloak.evil.example/",
        "http://notkeycloak/",
        "http://keycloak./",
        "http://op.example/",
        "http://169.254.169.254/",
    ] {
        let everything_else = policy.clone().with_loopback().with_private_addresses();
        assert_eq!(verdict(url, &everything_else), Err(UrlError::PlainHttp), "{url}");
    }
    // Each switch takes away one check.
    assert_eq!(verdict("http://10.1.2.3/", &policy), Err(UrlError::PrivateAddress));
    assert_eq!(verdict("http://10.1.2.3/", &policy.clone().with_private_addresses()), Ok(()));
    assert_eq!(verdict("http://localhost/", &named(&["localhost"])), Err(UrlError::Loopback));
    assert_eq!(verdict("http://127.0.0.1/", &policy), Err(UrlError::Loopback));
    assert_eq!(verdict("http://keycloak/", &named(&["keycloak:8080"])), Err(UrlError::PlainHttp));
    assert_eq!(verdict("ftp://keycloak/", &policy), Err(UrlError::Scheme));
    assert_eq!(verdict("http://me@keycloak/", &policy), Err(UrlError::Credentials));
}

#[test]
fn a_refusal_of_plain_http_names_a_setting_that_helps() {
    let strict = UrlPolicy::default;
    for (url, policy, method) in [
        ("http://keycloak:8080/", strict(), "with_plain_http_host"),
        ("http://keycloak:8080/", strict().with_loopback().with_private_addresses(), "with_plain_http_host"),
        ("http://10.0.0.1/", strict().with_private_addresses(), "with_plain_http_host"),
        ("http://localhost:8080/", strict(), "with_loopback"),
        ("http://127.0.0.1/", strict().with_private_addresses(), "with_loopback"),
    ] {
        let text = verdict(url, &policy).unwrap_err().to_string();
        assert!(text.contains(method), "{url}: {text}");
        assert_eq!(text.matches("UrlPolicy").count(), 1, "{url}: {text}");
    }
}

#[test]
fn the_policy_for_this_machine_follows_from_an_issuer_on_it() {
    for issuer in
        ["http://localhost:8080", "http://127.0.0.1/realms/x", "https://[::1]:1/", "http://op.localhost"]
    {
        let policy = UrlPolicy::default().for_issuer(issuer);
        assert_eq!(policy, UrlPolicy::default().with_loopback(), "{issuer}");
        assert_eq!(verdict("http://op.example/", &policy), Err(UrlError::PlainHttp));
        assert_eq!(verdict("https://10.0.0.1/", &policy), Err(UrlError::PrivateAddress));
    }
    for issuer in ["https://op.example", "http://keycloak", "http://localhost.evil.example", "localhost", ""]
    {
        assert_eq!(UrlPolicy::default().for_issuer(issuer), UrlPolicy::default(), "{issuer}");
    }
}
