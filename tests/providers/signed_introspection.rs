//! Signed introspection responses (RFC 9701) of a real, OpenID-certified provider, over each adapter: `oidc-provider` from
//! npm.

use crate::{
    adapters::Http,
    npm::{self, protocol},
};
use oidc_drive::moment;
use oidc_proto::{
    Error,
    flow::{Client, ClientBuilder, ClientCredentialsRequest, ResponseRule, TokenTypeHint},
    jose::{Algorithm, JwsError},
    token::VerificationError,
};

type Builder = fn(ClientBuilder) -> ClientBuilder;

fn api(set: Builder) -> Option<Client> {
    let npm = npm::npm()?;
    Some(set(npm.client("RS256", "client_secret_basic")).build().expect("a client"))
}

fn introspected(http: &impl Http) {
    let settings: [Builder; 2] = [ClientBuilder::signed_introspection, |client| {
        client.introspection_signed_response_alg(Algorithm::RS256)
    }];
    for set in settings {
        let Some(api) = api(set) else { return };
        // Without a resource, the token is opaque.
        let wanted = ClientCredentialsRequest::default();
        let token = http.finish(api.client_credentials(&wanted, moment()).expect("a request")).access_token;
        assert!(!token.expose().contains('.'));
        let hint = Some(TokenTypeHint::AccessToken);
        let call = api.introspect_with_keys(&token, hint, None, moment()).expect("a request");
        let said = http.finish(call);
        assert!(said.response.active && said.response.exp.is_some());
        assert_eq!(said.response.client_id.as_deref(), Some(api.client_id()));
        let keys = said.learned.keys.expect("the keys that verified it");
        let call = api.introspect_with_keys(&token, hint, Some(keys), moment()).expect("a request");
        let again = http.finish(call);
        assert_eq!((again.response, again.learned.keys.is_none()), (said.response, true));
        http.finish(api.revoke(&token, hint, moment()).expect("a request"));
        assert!(!http.finish(api.introspect(&token, hint, moment()).expect("a request")).active);
        let unknown = api.introspect_once(&"no-token-of-this-provider".into(), hint, moment());
        assert!(!http.finish(unknown.expect("a request")).active);
    }
}

#[test]
fn introspection_responses_are_signed_over_ureq() {
    introspected(&oidc_ureq::Http::new());
}

#[test]
fn introspection_responses_are_signed_over_hyper() {
    introspected(&oidc_hyper::Http::new());
}

#[test]
fn introspection_responses_are_signed_over_reqwest() {
    introspected(&oidc_reqwest::Http::new());
}

#[test]
fn a_response_that_is_signed_otherwise_than_registered_is_refused() {
    let es256: Builder = |client| client.introspection_signed_response_alg(Algorithm::ES256);
    let Some(api) = api(es256) else { return };
    let http = oidc_ureq::Http::new();
    let ended = http.run(api.introspect(&"any".into(), None, moment()).expect("a request"));
    let Err(Error::Response(error)) = ended.map_err(protocol) else { panic!("it is signed with RS256") };
    let rule = ResponseRule::Jwt(VerificationError::Jws(JwsError::AlgorithmNotAllowed));
    assert_eq!(error.rule, rule);
}
