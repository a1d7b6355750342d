//! The metadata of a client: what is written, what is read, and what is refused.

use super::{client_metadata::OF_PROVIDER, *};
use crate::{
    base::json::JsonError,
    jose::Jwk,
    metadata::{MemberError, MetadataError, UnusableMember},
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, time::Duration};

fn parse(document: &Value) -> Result<ClientMetadata, MetadataError> {
    ClientMetadata::parse(document.to_string().as_bytes())
}

fn key() -> Jwk {
    Jwk::parse(br#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}"#)
        .unwrap()
}

#[test]
fn what_one_client_writes_another_party_reads_to_the_letter() {
    let own = ClientMetadata::web(["https://App.example:443/callback?tenant=1", "https://app.example/%7Eb"])
        .client_name("Shop")
        .member("client_name#de", "Laden")
        .scope("openid email")
        .contacts(["ops@app.example"])
        .token_endpoint_auth_method("private_key_jwt")
        .jwks([key()])
        .default_max_age(Duration::from_millis(3_600_900))
        .require_auth_time(true)
        .dpop_bound_access_tokens(false);
    assert_eq!(own.check(), Ok(()));
    let document = own.to_json();
    assert_eq!(
        document,
        json!({
            "application_type": "web",
            "redirect_uris": ["https://App.example:443/callback?tenant=1", "https://app.example/%7Eb"],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "client_name": "Shop",
            "client_name#de": "Laden",
            "scope": "openid email",
            "contacts": ["ops@app.example"],
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks": {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]},
            "default_max_age": 3601,
            "require_auth_time": true,
            "dpop_bound_access_tokens": false,
        })
    );
    let read = parse(&document).unwrap();
    assert_eq!(read.to_json(), document);
    assert_eq!(read.default_max_age, Some(Duration::from_secs(3601)));
    assert_eq!(read.extra.keys().collect::<Vec<_>>(), ["client_name#de"]);
}

#[test]
fn a_service_says_that_it_has_neither_users_nor_redirects() {
    let service = ClientMetadata::service();
    assert_eq!(service.check(), Ok(()));
    let expected = json!({"grant_types": ["client_credentials"], "response_types": [], "redirect_uris": []});
    assert_eq!(service.to_json(), expected, "an empty list is sent: an absent one has a default");
}

/// IANA, "OAuth Dynamic Client Registration Metadata", as far as the members belong to a client of this library. The
/// members of OpenID Federation, of network function virtualization and of mobile sign-on have no field.
#[test]
fn each_registered_member_has_a_field_of_its_type() {
    let mut document = json!({"jwks": {"keys": []}, "default_max_age": 5});
    let texts = "token_endpoint_auth_method client_name client_uri logo_uri scope tos_uri policy_uri jwks_uri \
        software_id software_version application_type sector_identifier_uri subject_type \
        id_token_signed_response_alg id_token_encrypted_response_alg id_token_encrypted_response_enc \
        userinfo_signed_response_alg userinfo_encrypted_response_alg userinfo_encrypted_response_enc \
        request_object_signing_alg request_object_encryption_alg request_object_encryption_enc \
        token_endpoint_auth_signing_alg initiate_login_uri tls_client_auth_subject_dn tls_client_auth_san_dns \
        tls_client_auth_san_uri tls_client_auth_san_ip tls_client_auth_san_email frontchannel_logout_uri \
        backchannel_logout_uri introspection_signed_response_alg introspection_encrypted_response_alg \
        introspection_encrypted_response_enc authorization_signed_response_alg \
        authorization_encrypted_response_alg authorization_encrypted_response_enc software_statement \
        backchannel_token_delivery_mode backchannel_client_notification_endpoint \
        backchannel_authentication_request_signing_alg";
    let lists = "redirect_uris grant_types response_types contacts default_acr_values request_uris \
        authorization_details_types post_logout_redirect_uris response_modes";
    let booleans = "require_auth_time tls_client_certificate_bound_access_tokens require_signed_request_object \
        require_pushed_authorization_requests frontchannel_logout_session_required \
        backchannel_logout_session_required dpop_bound_access_tokens backchannel_user_code_parameter";
    texts.split_whitespace().for_each(|name| document[name] = "a".into());
    lists.split_whitespace().for_each(|name| document[name] = json!(["a"]));
    booleans.split_whitespace().for_each(|name| document[name] = true.into());

    let read = parse(&document).unwrap();
    assert_eq!((read.set_aside.len(), read.extra.len()), (0, 0));
    assert_eq!(read.to_json(), document);
    let named: BTreeSet<&str> = document.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(ClientMetadata::MEMBERS.iter().copied().collect::<BTreeSet<_>>(), named);
}

#[test]
fn unusable_members_are_set_aside_and_not_sent_again() {
    let read = parse(&json!({
        "redirect_uris": "https://app.example/cb",
        "client_name": 7,
        "default_max_age": "1 hour",
        "tos_uri": null,
        "jwks": {"keys": [{"kid": "no type"}]},
        "require_auth_time": "true",
        "new": {"a": 1},
    }))
    .unwrap();
    let aside: Vec<_> = read.set_aside.iter().map(|aside| aside.member).collect();
    assert_eq!(aside, ["redirect_uris", "client_name", "require_auth_time", "jwks", "default_max_age"]);
    assert_eq!(read.to_json(), json!({"new": {"a": 1}}));
    for jwks in [json!([]), json!({}), json!({"keys": {}}), json!({"keys": ["a"]}), json!("keys")] {
        let read = parse(&json!({"jwks": jwks})).unwrap();
        let wrong = UnusableMember { member: "jwks", why: MemberError::WrongType("a JWK Set") };
        assert_eq!((read.set_aside, read.jwks), (vec![wrong], None), "{jwks}");
    }
    assert_eq!(parse(&json!([])).unwrap_err(), MetadataError::Json(JsonError::NotAnObject));
    let twice = ClientMetadata::parse(br#"{"scope": "a", "scope": "b"}"#);
    assert_eq!(twice.unwrap_err(), MetadataError::Json(JsonError::DuplicateMember));
}

#[test]
fn a_private_key_and_a_misspelled_defense_are_refused() {
    for key in [
        json!({"kty": "OKP", "crv": "Ed25519", "x": "AA", "d": "c2VjcmV0"}),
        json!({"kty": "RSA", "n": "AA", "e": "AQAB", "qi": 5}),
        json!({"kty": "oct", "k": "c2VjcmV0"}),
    ] {
        let error = parse(&json!({"jwks": {"keys": [{"kty": "EC"}, key]}})).unwrap_err();
        let unusable = UnusableMember { member: "jwks", why: MemberError::PrivateKey };
        assert_eq!(error, MetadataError::Unusable(unusable), "{key}");
    }
    for member in [
        "require_pushed_authorization_requests",
        "require_signed_request_object",
        "dpop_bound_access_tokens",
        "tls_client_certificate_bound_access_tokens",
    ] {
        let error = parse(&json!({member: "true"})).unwrap_err();
        let unusable = UnusableMember { member, why: MemberError::WrongType("a boolean") };
        assert_eq!(error, MetadataError::Unusable(unusable));
    }
}

#[test]
fn what_contradicts_itself_or_tells_a_secret_is_not_sent() {
    use ClientMetadataError as Why;
    let web = || ClientMetadata::web(["https://app.example/cb"]);
    let uri = "https://app.example/keys";
    let mut oct = key();
    oct.kty = "oct".to_owned();
    let asserting = |method: &str| web().token_endpoint_auth_method(method);
    for (metadata, why) in [
        (web().jwks([key()]).jwks_uri(uri), Err(Why::KeysTwice)),
        (web().jwks([key(), oct]), Err(Why::SymmetricKey)),
        (asserting("private_key_jwt"), Err(Why::NoKeys("private_key_jwt"))),
        (asserting("private_key_jwt").jwks([]), Err(Why::NoKeys("private_key_jwt"))),
        (asserting("private_key_jwt").jwks_uri(uri), Ok(())),
        (asserting("self_signed_tls_client_auth"), Err(Why::NoKeys("self_signed_tls_client_auth"))),
        (asserting("self_signed_tls_client_auth").jwks([key()]), Ok(())),
        (asserting("tls_client_auth").tls_client_auth_san_dns("app.example"), Ok(())),
        (ClientMetadata::new(), Err(Why::NoRedirectUri("authorization_code"))),
        (ClientMetadata::new().grant_types(["implicit"]), Err(Why::NoRedirectUri("implicit"))),
        (ClientMetadata::native([""; 0]), Err(Why::NoRedirectUri("authorization_code"))),
        (ClientMetadata::new().grant_types(["client_credentials"]), Err(Why::NoGrant("authorization_code"))),
        (web().response_types(["code", "code id_token"]), Err(Why::NoGrant("implicit"))),
        (web().response_types(["none"]), Ok(())),
        (ClientMetadata::new().software_statement("a.b.c"), Ok(())),
        (asserting("private_key_jwt").software_statement("a.b.c"), Ok(())),
        (web().member("scope", "openid"), Err(Why::Misplaced("scope"))),
        (web().member("jwks", json!({"keys": [{"d": "secret"}]})), Err(Why::Misplaced("jwks"))),
    ] {
        assert_eq!(metadata.check(), why, "{metadata:?}");
    }
    for member in OF_PROVIDER {
        assert_eq!(web().member(member, "x").check(), Err(Why::OfProvider(member)));
    }
}

#[test]
fn debug_shows_no_value_that_could_be_secret() {
    let response = json!({
        "client_secret": "hunter2",
        "registration_access_token": "hunter2",
        "redirect_uris": ["https://app.example/cb?key=hunter2"],
        "software_statement": "hunter2",
        "application_type": "hunter2",
        "token_endpoint_auth_method": "hunter2",
        "hunter2": true,
    });
    let shown = format!("{:?}", parse(&response).unwrap());
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(shown.contains("\"client_secret\""), "the names are shown: {shown}");
}
