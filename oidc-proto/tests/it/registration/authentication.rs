//! With which method a registered client authenticates, whatever the provider says of it or leaves out.

use super::*;
use oidc_proto::flow::{ClientAuthentication, ResponseRule};

fn method(
    offered: &Value,
    asked: Option<&str>,
    told: Option<&str>,
    secret: bool,
) -> Result<ClientAuthentication, Error> {
    let mut wanted = web();
    wanted.token_endpoint_auth_method = asked.map(str::to_owned);
    let mut body = json!({"client_id": "1"});
    if secret {
        body["client_secret"] = "a secret that is long enough for 256 bits".into();
    }
    if let Some(told) = told {
        body["token_endpoint_auth_method"] = told.into();
    }
    let registered = answered_by(&provider(offered), wanted, 201, &body)?;
    // The registration says it, and the client does it.
    assert_eq!(
        registered.metadata.token_endpoint_auth_method.as_deref(),
        Some(registered.authentication.name())
    );
    let client = registered.builder(provider(offered), NOW).unwrap().build().unwrap();
    assert_eq!(client.authentication(), registered.authentication);
    Ok(registered.authentication)
}

#[test]
fn the_answer_counts_and_otherwise_the_request_and_the_metadata() {
    use ClientAuthentication::{
        ClientSecretBasic as Basic, ClientSecretJwt as Jwt, ClientSecretPost as Post, None as Public,
    };
    let (nothing, public, post) = (Value::Null, json!(["none"]), json!(["client_secret_post"]));
    let (both, jwt, odd) = (
        json!(["client_secret_post", "client_secret_basic", "none"]),
        json!(["client_secret_jwt", "private_key_jwt"]),
        json!(["secret_handshake"]),
    );
    for (offered, asked, told, secret, expected) in [
        // The answer says it.
        (&nothing, None, Some("client_secret_post"), true, Post),
        (&public, Some("none"), Some("client_secret_basic"), true, Basic),
        (&both, Some("client_secret_basic"), Some("none"), true, Public),
        (&nothing, None, Some("none"), false, Public),
        // It says nothing, and there is no secret.
        (&nothing, None, None, false, Public),
        (&both, Some("client_secret_basic"), None, false, Public),
        (&post, Some("none"), None, false, Public),
        // It says nothing, and there is a secret: what was asked for counts if the metadata lists it.
        (&both, Some("client_secret_post"), None, true, Post),
        (&both, Some("none"), None, true, Public),
        // Otherwise the default of RFC 7591, and then whatever the metadata lists.
        (&nothing, None, None, true, Basic),
        (&nothing, Some("none"), None, true, Basic),
        (&both, None, None, true, Basic),
        (&post, None, None, true, Post),
        (&post, Some("none"), None, true, Post),
        (&jwt, None, None, true, Jwt),
        (&public, None, None, true, Public),
        (&public, Some("none"), None, true, Public),
        (&public, Some("client_secret_basic"), None, true, Public),
        (&odd, None, None, true, Basic),
        // A public client was asked for, there is no secret, and the method is a default of the server.
        (&public, Some("none"), Some("client_secret_basic"), false, Public),
    ] {
        let found = method(offered, asked, told, secret);
        assert_eq!(found, Ok(expected), "{offered} {asked:?} {told:?} {secret}");
    }
}

#[test]
fn a_method_for_which_the_client_has_nothing_is_refused() {
    for (asked, told, secret) in [
        (None, "client_secret_basic", false),
        (Some("client_secret_post"), "client_secret_post", false),
        (None, "private_key_jwt", true),
        (Some("none"), "tls_client_auth", false),
        (None, "self_signed_tls_client_auth", true),
        (None, "", true),
    ] {
        let error = method(&Value::Null, asked, Some(told), secret).unwrap_err();
        let Error::Response(cause) = error.cause() else { panic!("{error}") };
        assert_eq!(cause.rule, ResponseRule::Registered("token_endpoint_auth_method"), "{told}");
        assert!(error.registered_client().is_some());
    }
}
