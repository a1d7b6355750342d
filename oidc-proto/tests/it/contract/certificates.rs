//! Requests that present the client's certificate (RFC 8705), and the endpoints that they go to.

use super::{ISSUER, builder, form, moment, sent};
use oidc_proto::{
    UrlPolicy,
    flow::{
        BackchannelAuthenticationRequest, Client, ClientAuthentication, ClientBuilder,
        ClientCredentialsRequest, ConfigError, Flow, Step,
    },
    message::AuthorizationRequest,
    metadata::{Profile, ProviderMetadata},
};
use serde_json::json;

/// A client of a provider that has another token endpoint for certificates.
fn with_alias() -> ClientBuilder {
    let document = json!({
        "issuer": ISSUER,
        "authorization_endpoint": "https://op.example/auth",
        "token_endpoint": "https://op.example/token",
        "userinfo_endpoint": "https://op.example/userinfo",
        "introspection_endpoint": "https://op.example/introspect",
        "jwks_uri": "https://op.example/jwks",
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "mtls_endpoint_aliases": {
            "token_endpoint": "https://mtls.op.example/token",
            "userinfo_endpoint": "https://mtls.op.example/userinfo",
            "jwks_uri": "https://mtls.op.example/jwks",
        },
    });
    let text = document.to_string();
    let metadata =
        ProviderMetadata::parse(text.as_bytes(), ISSUER, Profile::OpenIdProvider, &UrlPolicy::default());
    Client::builder(metadata.unwrap(), "app").redirect_uri("https://app.example/callback")
}

#[test]
fn a_client_with_a_certificate_uses_the_endpoints_for_certificates() {
    for method in [ClientAuthentication::TlsClientAuth, ClientAuthentication::SelfSignedTlsClientAuth] {
        let client = with_alias().authentication(method).build().unwrap();
        let call = client.client_credentials(&ClientCredentialsRequest::default(), moment(0, 1)).unwrap();
        let (request, terms, _) = sent(call);
        assert_eq!(
            (request.uri().to_string().as_str(), terms.client_certificate),
            ("https://mtls.op.example/token", true)
        );
        let form = form(&request);
        assert_eq!(form["client_id"], "app");
        assert!(!form.contains_key("client_secret") && !form.contains_key("client_assertion"));
        assert!(!request.headers().contains_key("authorization"));

        // Without an alias, the usual endpoint takes certificates too.
        let call = client.introspect(&"t".into(), None, moment(0, 1)).unwrap();
        let (request, terms, _) = sent(call);
        assert_eq!(request.uri(), "https://op.example/introspect");
        assert!(terms.client_certificate);
        // The user's browser has no certificate of the client, and the keys are public.
        let (url, _) = client.authorize(&AuthorizationRequest::default(), moment(0, 1)).unwrap();
        assert_eq!(url.host_str(), Some("op.example"));
        let (request, terms, _) = sent(client.jwks().unwrap());
        assert_eq!((request.uri().host(), terms.client_certificate), (Some("op.example"), false));
    }
}

#[test]
fn tokens_bound_to_a_certificate_are_requested_and_used_with_it() {
    let client = with_alias().secret("s").tls_client_certificate_bound_access_tokens().build().unwrap();
    assert_eq!(client.authentication(), ClientAuthentication::ClientSecretBasic);
    let (request, terms, _) =
        sent(client.client_credentials(&ClientCredentialsRequest::default(), moment(0, 1)).unwrap());
    assert!(request.headers().contains_key("authorization") && terms.client_certificate);
    assert_eq!(request.uri().host(), Some("mtls.op.example"));
    let (request, terms, _) = sent(client.userinfo(&"token".into(), "alice", moment(0, 1)).unwrap());
    assert_eq!((request.uri().host(), terms.client_certificate), (Some("mtls.op.example"), true));

    // A client without a certificate uses the usual endpoints.
    let client = with_alias().secret("s").build().unwrap();
    let (request, terms, _) =
        sent(client.client_credentials(&ClientCredentialsRequest::default(), moment(0, 1)).unwrap());
    assert_eq!((request.uri().host(), terms.client_certificate), (Some("op.example"), false));
}

#[test]
fn a_certificate_and_a_secret_together_are_refused() {
    let refused =
        builder().secret("s").authentication(ClientAuthentication::TlsClientAuth).build().unwrap_err();
    assert_eq!(refused, ConfigError::Authentication("tls_client_auth"));
}

/// The metadata with every endpoint at one host, and with aliases of these endpoints at another.
fn with_aliases(aliases: &[&str]) -> ClientBuilder {
    let mut document = json!({
        "issuer": ISSUER,
        "authorization_endpoint": "https://op.example/authorization_endpoint",
        "jwks_uri": "https://op.example/jwks",
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "token_endpoint_auth_methods_supported": ["tls_client_auth", "self_signed_tls_client_auth"],
    });
    document["backchannel_token_delivery_modes_supported"] = serde_json::json!(["poll"]);
    for name in ENDPOINTS {
        document[name] = format!("https://op.example/{name}").into();
    }
    for name in aliases {
        document["mtls_endpoint_aliases"][*name] = format!("https://mtls.op.example/{name}").into();
    }
    let text = document.to_string();
    let metadata =
        ProviderMetadata::parse(text.as_bytes(), ISSUER, Profile::OpenIdProvider, &UrlPolicy::default());
    Client::builder(metadata.unwrap(), "app").redirect_uri("https://app.example/callback")
}

const ENDPOINTS: [&str; 6] = [
    "token_endpoint",
    "revocation_endpoint",
    "introspection_endpoint",
    "userinfo_endpoint",
    "device_authorization_endpoint",
    "backchannel_authentication_endpoint",
];

/// Where each request of a client goes, and whether it presents the certificate.
fn requests(client: &Client) -> Vec<(String, bool)> {
    /// The first request of a flow.
    fn shown<F: Flow>(step: impl Into<Step<F>>) -> (String, bool) {
        let (request, terms, _) = sent(step);
        (request.uri().to_string(), terms.client_certificate)
    }
    let wanted = ClientCredentialsRequest::default();
    vec![
        shown(client.client_credentials(&wanted, moment(0, 1)).unwrap()),
        shown(client.revoke(&"t".into(), None, moment(0, 1)).unwrap()),
        shown(client.introspect(&"t".into(), None, moment(0, 1)).unwrap()),
        shown(client.userinfo(&"t".into(), "alice", moment(0, 1)).unwrap()),
        shown(client.device_authorization(["a"], moment(0, 1)).unwrap()),
        shown(
            client
                .backchannel_authentication(&BackchannelAuthenticationRequest::login_hint("a"), moment(0, 1))
                .unwrap(),
        ),
    ]
}

#[test]
fn a_certificate_goes_to_the_alias_of_each_endpoint_that_has_one() {
    let methods = [
        (ClientAuthentication::TlsClientAuth, "tls_client_auth"),
        (ClientAuthentication::SelfSignedTlsClientAuth, "self_signed_tls_client_auth"),
    ];
    for aliases in [&ENDPOINTS[..], &ENDPOINTS[..1], &ENDPOINTS[1..4], &[]] {
        let expected = ENDPOINTS.map(|name| {
            let host = if aliases.contains(&name) { "mtls.op.example" } else { "op.example" };
            (format!("https://{host}/{name}"), true)
        });
        for (method, name) in methods {
            let client = with_aliases(aliases).authentication(method).build().unwrap();
            assert_eq!((client.authentication().name(), requests(&client)), (name, expected.to_vec()));
        }
        // The metadata chooses the method, and nobody has to name it.
        let client = with_aliases(aliases).certificate().build().unwrap();
        assert_eq!(client.authentication(), ClientAuthentication::TlsClientAuth);
        assert_eq!(requests(&client), expected);
        // A public client presents nothing, and no alias is for it.
        let usual = ENDPOINTS.map(|name| (format!("https://op.example/{name}"), false));
        assert_eq!(requests(&with_aliases(aliases).build().unwrap()), usual);
    }
}
