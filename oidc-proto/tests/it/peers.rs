//! Defects of other libraries, each as a story that this library survives.

use oidc_proto::{
    Error, Secret, UrlPolicy,
    base::{FormError, JsonError, UrlError},
    flow::{
        Authenticated, CallbackError, Client, ClientCredentialsRequest, ConfigError, Discovery, Endpoint,
        ResponseRule,
    },
    jose::{Algorithm, JwsError, KeyError, KeySet},
    message::{AuthorizationRequest, AuthorizationResponse},
    metadata::{MemberError, MetadataError, ProviderMetadata},
    token::{AccessTokenVerifier, Scratch, VerificationError},
};
use oidc_testkit::{
    ClientAuthentication, EndpointName, Party, TestProvider,
    drive::NOW,
    drive_with, hostile,
    scenario::{CLIENT_ID, SECRET},
};
use serde_json::{Map, Value, json};
use std::{error::Error as _, time::Duration};

type Object = Map<String, Value>;
type Alteration = Box<dyn FnMut(&mut http::Response<Vec<u8>>) + Send>;

/// A login whose ID token is altered.
fn login(alteration: impl FnMut(&mut Object, &mut Object) + Send + 'static) -> Result<Authenticated, Error> {
    let mut party = Party::new();
    party.provider.alter_id_token(alteration);
    party.login()
}

/// The verdict of a resource server on an altered access token.
fn access(
    alteration: impl FnMut(&mut Object, &mut Object) + Send + 'static,
) -> Result<(), VerificationError> {
    let mut party = Party::new();
    let keys = party.keys().unwrap();
    party.provider.alter_access_token(alteration);
    let tokens = party.client_credentials(&ClientCredentialsRequest::default()).unwrap();
    let verifier = AccessTokenVerifier::new("https://op.example", "https://api.example");
    let token = tokens.access_token.expose();
    verifier.verify(token, &keys, &mut Scratch::new(), NOW).map(|_| ())
}

/// Metadata parsed from a document, as if it had been fetched.
fn discovered(issuer: &str, document: &Value) -> Result<ProviderMetadata, Error> {
    let mut clock = Party::new().clock;
    let call = Discovery::start(issuer, &UrlPolicy::default())?;
    let document = document.to_string().into_bytes();
    let metadata = drive_with(call, &mut clock, |_, _, _| {
        Some(
            http::Response::builder()
                .header("content-type", "application/json")
                .body(document.clone())
                .unwrap(),
        )
    });
    Ok(metadata?.unwrap())
}

/// openidconnect 4.1 panicked while it built the UserInfo request.
#[test]
fn e01_a_newline_in_an_access_token_is_an_error_and_no_panic() {
    for evil in ["a\nb", "a\r\nX-Evil: 1", "a\0b", "ü"] {
        let mut party = Party::builder().client(|client| client.fetch_userinfo()).build();
        party.provider.alter_response(EndpointName::Token, hostile::set_member("access_token", evil));
        let Err(Error::Response(error)) = party.login() else { panic!("{evil:?}") };
        assert_eq!((error.endpoint, error.rule), (Endpoint::Token, ResponseRule::Value("access_token")));
        let kept = party
            .client
            .userinfo(&Secret::new(evil), "alice", oidc_proto::Moment::new(NOW, [7; 32]))
            .unwrap_err();
        assert_eq!(kept, ConfigError::Characters("access_token").into());
    }
}

/// openidconnect 4.1 accepted all four.
#[test]
fn e02_another_party_a_future_token_and_a_missing_subject_are_refused() {
    let tomorrow = NOW.0 + 86_400;
    for (claim, value, why) in [
        ("azp", json!("other"), VerificationError::AuthorizedParty),
        (
            "iat",
            json!(tomorrow),
            VerificationError::IssuedInFuture {
                ahead: Duration::from_secs(86_400),
                leeway: Duration::from_secs(30),
            },
        ),
        (
            "nbf",
            json!(tomorrow),
            VerificationError::NotYetValid {
                ahead: Duration::from_secs(86_400),
                leeway: Duration::from_secs(30),
            },
        ),
        ("sub", json!(""), VerificationError::Value("sub")),
    ] {
        assert_eq!(login(hostile::set_claim(claim, value)).unwrap_err(), why.into(), "{claim}");
    }
}

/// jsonwebtoken 11.1 accepted all of these although issuer and audience were set.
#[test]
fn e03_access_tokens_without_issuer_audience_or_with_unknown_extensions_are_refused() {
    assert_eq!(access(|_, _| ()), Ok(()));
    let wrong = |member, expected| VerificationError::Claims(JsonError::WrongType { member, expected });
    let set = |name: &'static str, value: Value| access(hostile::set_claim(name, value));
    assert_eq!(access(hostile::remove_claim("iss")), Err(VerificationError::Missing("iss")));
    assert_eq!(access(hostile::remove_claim("aud")), Err(VerificationError::Missing("aud")));
    assert_eq!(set("aud", json!(5)), Err(wrong("aud", "a string or an array of strings")));
    assert_eq!(set("aud", json!([])), Err(VerificationError::Audience));
    assert_eq!(set("iss", json!({})), Err(wrong("iss", "a string")));
    assert_eq!(set("iss", json!(["https://op.example"])), Err(wrong("iss", "a string")));
    assert_eq!(
        set("nbf", json!(NOW.0 + 86_400)),
        Err(VerificationError::NotYetValid {
            ahead: Duration::from_secs(86_400),
            leeway: Duration::from_secs(30)
        })
    );
    let critical = access(hostile::set_header_member("crit", json!(["x"])));
    assert_eq!(critical, Err(JwsError::Critical.into()));
}

/// CVE-2026-25537: jsonwebtoken skipped an `exp` that was no number.
#[test]
fn e04_an_expiry_of_another_type_is_an_error_and_not_an_absence() {
    let wrong =
        VerificationError::Claims(JsonError::WrongType { member: "exp", expected: "a date in seconds" });
    for exp in [json!("1"), json!(true), json!([NOW.0]), json!({}), json!(1e300)] {
        assert_eq!(access(hostile::set_claim("exp", exp.clone())), Err(wrong), "{exp}");
        assert_eq!(login(hostile::set_claim("exp", exp.clone())).unwrap_err(), wrong.into(), "{exp}");
    }
    assert_eq!(access(hostile::remove_claim("exp")), Err(VerificationError::Missing("exp")));
}

/// Four libraries lost every key of a provider that published one unknown key.
#[test]
fn e06_one_key_of_a_new_kind_does_not_take_the_others_down() {
    for (jwk, reason) in [
        (
            json!({"kty": "AKP", "alg": "ML-DSA-65", "kid": "new", "pub": "AAAA"}),
            KeyError::NeedsBackend(Algorithm::MlDsa65),
        ),
        (json!({"kty": "OKP", "crv": "X25519", "kid": "new", "x": "AAAA"}), KeyError::UnknownCurve),
        (json!({"kty": "EC", "crv": "secp256k1", "kid": "new", "x": "A", "y": "A"}), KeyError::UnknownCurve),
    ] {
        let mut party = Party::new();
        party.provider.publish_extra_jwk(jwk);
        let keys = party.login().unwrap().learned.keys.unwrap();
        assert_eq!(keys.set_aside().len(), 1);
        assert_eq!((keys.set_aside()[0].kid.as_deref(), keys.set_aside()[0].reason), (Some("new"), reason));
    }
}

/// huskarl refused a whole ID token because of one string.
#[test]
fn e09_email_verified_as_a_string_does_not_fail_the_login() {
    let user = login(hostile::set_claim("email_verified", "true")).unwrap();
    assert_eq!(user.id_token.claim::<bool>("email_verified"), None, "the string does not count as true");
    assert_eq!(user.id_token.claim::<String>("email_verified").unwrap(), "true");
}

/// openid-client returned the tokens from the first call, and left the checks to the second.
#[test]
fn e11_tokens_are_returned_only_with_a_verified_id_token() {
    let mut party = Party::new();
    party.provider.break_signatures(true);
    // `Authenticated` is the only type that carries tokens out of a login. Here there is none.
    assert_eq!(party.login().unwrap_err(), VerificationError::from(JwsError::Signature).into());
    party.provider.clear_alterations();
    let user: Authenticated = party.login().unwrap();
    assert_eq!(user.tokens.id_token.unwrap(), user.id_token.token, "this very token was verified");
}

/// The HTTP client of another library followed the redirect and sent the client secret along.
#[test]
fn e13_a_redirect_of_the_token_endpoint_gets_no_secret() {
    for authentication in [
        ClientAuthentication::ClientSecretBasic(SECRET.into()),
        ClientAuthentication::ClientSecretPost(SECRET.into()),
    ] {
        let mut party = Party::builder().authentication(authentication).build();
        let (url, pending) = party.authorize(&AuthorizationRequest::default()).unwrap();
        let response = AuthorizationResponse::from_query(&party.callback_query(&url)).unwrap();
        let call = pending.callback(&party.client, None, response, party.clock.moment()).unwrap();
        let mut hosts = Vec::new();
        let outcome = drive_with(call, &mut party.clock, |request, _, _| {
            hosts.push(request.uri().host().unwrap().to_owned());
            let moved =
                http::Response::builder().status(307).header("location", "https://evil.example/token");
            Some(moved.body(Vec::new()).unwrap())
        });
        let Err(Error::Response(error)) = outcome else { panic!() };
        assert_eq!(error.rule, ResponseRule::Redirect);
        assert_eq!(hosts, ["op.example"], "one request, to the one agreed host");
    }
}

/// Logs of an earlier design held everything that an attacker needs.
#[test]
fn e14_no_printed_text_holds_a_secret() {
    let mut party = Party::new();
    let (url, pending) = party.authorize(&AuthorizationRequest::default()).unwrap();
    let saved: Value = serde_json::to_value(&pending).unwrap();
    let mut printed = format!("{:?} {pending:?} {pending:#?}", party.client);
    let query = party.callback_query(&url);
    let response = AuthorizationResponse::from_query(&query).unwrap();
    printed += &format!("{response:?}");
    let code = response.code.clone().unwrap();
    let call = pending.callback(&party.client, None, response, party.clock.moment()).unwrap();
    printed += &format!("{call:?}");
    let user = oidc_testkit::drive(call, &mut party.provider, &mut party.clock).unwrap();
    printed += &format!("{user:?} {user:#?} {:?}", user.tokens);
    let refresh_token = user.tokens.refresh_token.clone().unwrap();
    let call = party
        .client
        .refresh(&refresh_token, Some((&user.id_token).into()), None, oidc_proto::Moment::new(NOW, [7; 32]))
        .unwrap();
    printed += &format!("{call:?} {:?}", call.request().headers());
    let verifier = saved["p"].as_str().unwrap();
    assert_eq!(verifier.len(), 43);
    let basic = call.request().headers()["authorization"].to_str().unwrap().to_owned();
    for secret in [
        SECRET,
        verifier,
        code.expose(),
        refresh_token.expose(),
        user.tokens.access_token.expose(),
        user.id_token.token.expose(),
        basic.as_str(),
    ] {
        assert!(!printed.contains(secret), "a secret of {} characters was printed", secret.len());
    }
}

/// Documents whose endpoints are on other hosts than the issuer.
#[test]
fn e17_providers_whose_endpoints_are_on_other_hosts_work_by_default() {
    let google = json!({
        "issuer": "https://accounts.search.example",
        "authorization_endpoint": "https://accounts.search.example/o/oauth2/v2/auth",
        "device_authorization_endpoint": "https://oauth2.apis.example/device/code",
        "token_endpoint": "https://oauth2.apis.example/token",
        "userinfo_endpoint": "https://openidconnect.apis.example/v1/userinfo",
        "revocation_endpoint": "https://oauth2.apis.example/revoke",
        "jwks_uri": "https://www.apis.example/oauth2/v3/certs",
        "response_types_supported": ["code", "token", "id_token", "none"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "code_challenge_methods_supported": ["plain", "S256"],
    });
    let entra = json!({
        "issuer": "https://login.tenants.example/1b2c-3d4e/v2.0",
        "authorization_endpoint": "https://login.tenants.example/1b2c-3d4e/oauth2/v2.0/authorize",
        "token_endpoint": "https://login.tenants.example/1b2c-3d4e/oauth2/v2.0/token",
        "userinfo_endpoint": "https://graph.tenants-cloud.example/oidc/userinfo",
        "jwks_uri": "https://login.tenants.example/1b2c-3d4e/discovery/v2.0/keys",
        "kerberos_endpoint": "https://login.tenants.example/1b2c-3d4e/kerberos",
        "tenant_region_scope": null,
        "cloud_instance_name": "tenants.example",
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
    });
    let cognito = json!({
        "issuer": "https://cognito-idp.eu-1.cloud.example/eu-1_AbCdEf",
        "authorization_endpoint": "https://shop.auth.eu-1.pool.example/oauth2/authorize",
        "token_endpoint": "https://shop.auth.eu-1.pool.example/oauth2/token",
        "userinfo_endpoint": "https://shop.auth.eu-1.pool.example/oauth2/userInfo",
        "jwks_uri": "https://cognito-idp.eu-1.cloud.example/eu-1_AbCdEf/.well-known/jwks.json",
        "response_types_supported": ["code", "token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    });
    for document in [google, entra, cognito] {
        let issuer = document["issuer"].as_str().unwrap();
        let metadata = discovered(issuer, &document).unwrap();
        assert!(metadata.set_aside.is_empty(), "{:?}", metadata.set_aside);
        let client = Client::builder(metadata, CLIENT_ID)
            .secret(SECRET)
            .redirect_uri("https://app.example/callback")
            .build()
            .unwrap();
        let (url, _) =
            client.authorize(&AuthorizationRequest::default(), Party::new().clock.moment()).unwrap();
        assert!(url.as_str().starts_with(document["authorization_endpoint"].as_str().unwrap()));
        let at = |name: &str| document[name].as_str().unwrap().to_owned();
        let target = |request: &oidc_proto::flow::Request| request.uri().to_string();
        let grant = client
            .client_credentials(&ClientCredentialsRequest::default(), oidc_proto::Moment::new(NOW, [7; 32]))
            .unwrap();
        assert_eq!(target(grant.request()), at("token_endpoint"));
        assert_eq!(target(client.jwks().unwrap().request()), at("jwks_uri"));
        let userinfo =
            client.userinfo(&Secret::new("t"), "alice", oidc_proto::Moment::new(NOW, [7; 32])).unwrap();
        assert_eq!(target(userinfo.request()), at("userinfo_endpoint"));
    }
}

/// An earlier design took the metadata of any server that answered.
#[test]
fn e18_metadata_of_another_issuer_is_refused_and_both_are_named() {
    let document = TestProvider::new("https://evil.example").metadata();
    let Err(Error::Response(error)) = discovered("https://op.example", &document) else { panic!() };
    let ResponseRule::Metadata(MetadataError::Issuer { expected, found }) = &error.rule else {
        panic!("{error}")
    };
    assert_eq!((expected.as_str(), found.as_str()), ("https://op.example", "https://evil.example"));
    assert!(error.to_string().contains("`https://evil.example`, but `https://op.example` was asked for"));
}

/// An earlier design took its policy from the metadata, the keys and the token instead of the caller.
#[test]
fn e19_the_caller_chooses_the_algorithm_and_the_keys_must_fit_it() {
    // The provider names every algorithm. The client accepts only ES256.
    let mut party = Party::builder().id_token_alg(Algorithm::ES256).build();
    party.provider.sign_with(Algorithm::RS256);
    assert_eq!(party.login().unwrap_err(), VerificationError::from(JwsError::AlgorithmNotAllowed).into());
    // A key without `alg` serves all algorithms of its type, and not RS256 alone.
    for algorithm in [Algorithm::PS512, Algorithm::ES384, Algorithm::EdDSA] {
        let mut party = Party::builder().id_token_alg(algorithm).build();
        assert!(party.provider.key_set()["keys"][0].get("alg").is_none());
        party.login().unwrap();
    }
    // Keys for encryption and weak keys verify nothing.
    let keys = TestProvider::new("https://op.example").key_set()["keys"].clone();
    let (mut encrypts, mut weak) = (keys[0].clone(), keys[0].clone());
    encrypts["use"] = "enc".into();
    weak["n"] = format!("{}w", "x".repeat(170)).into();
    for (key, why) in [(encrypts, KeyError::NotForSignatures), (weak, KeyError::RsaTooShort)] {
        let set = KeySet::parse(json!({ "keys": [key] }).to_string().as_bytes()).unwrap();
        assert_eq!(set.set_aside()[0].reason, why);
        let mut party = Party::new();
        let body = json!({ "keys": [key] }).to_string();
        party.provider.alter_response(EndpointName::Jwks, hostile::respond(200, "application/json", body));
        assert_eq!(party.login().unwrap_err(), VerificationError::from(JwsError::KeySetAside(why)).into());
    }
    // An access token is no ID token, and an ID token is no access token.
    assert_eq!(
        login(hostile::set_header_member("typ", "at+jwt")).unwrap_err(),
        VerificationError::Type.into()
    );
    assert_eq!(access(hostile::set_header_member("typ", "JWT")), Err(VerificationError::Type));
    assert_eq!(access(hostile::remove_header_member("typ")), Err(VerificationError::Type));
}

/// An earlier design checked the scheme of the discovery URL only.
#[test]
fn e21_no_secret_and_no_token_is_sent_over_http() {
    for (name, required) in [
        ("token_endpoint", true),
        ("jwks_uri", true),
        ("authorization_endpoint", true),
        ("userinfo_endpoint", false),
    ] {
        let mut document = TestProvider::new("https://op.example").metadata();
        document[name] = "http://op.example/x".into();
        match discovered("https://op.example", &document) {
            Err(Error::Response(error)) if required => {
                let ResponseRule::Metadata(MetadataError::Unusable(aside)) = error.rule else {
                    panic!("{error}")
                };
                assert_eq!((aside.member, aside.why), (name, MemberError::Url(UrlError::PlainHttp)));
            }
            Ok(metadata) if !required => {
                let client = Client::builder(metadata, CLIENT_ID).build().unwrap();
                let refused = client
                    .userinfo(&Secret::new("t"), "alice", oidc_proto::Moment::new(NOW, [7; 32]))
                    .unwrap_err();
                assert_eq!(refused, ConfigError::NoEndpoint(name).into());
            }
            other => panic!("{name}: {other:?}"),
        }
    }
    // Permission for loopback covers loopback only.
    let policy = UrlPolicy::default().with_loopback();
    assert!(Discovery::start("http://127.0.0.1:8080", &policy).is_ok());
    let refused = Discovery::start("http://op.example", &policy).unwrap_err();
    assert_eq!(refused, ConfigError::Issuer(UrlError::PlainHttp).into());
}

/// An earlier design took the first of two codes, and the server behind it the second.
#[test]
fn e24_a_callback_with_two_codes_is_refused_and_neither_is_sent() {
    let mut party = Party::new();
    let (url, pending) = party.authorize(&AuthorizationRequest::default()).unwrap();
    let query = party.callback_query(&url);
    for evil in [format!("{query}&code=evil"), format!("code=evil&{query}"), format!("{query}&c%6fde=evil")] {
        let refused = party.callback(pending.clone(), &evil, None).unwrap_err();
        assert_eq!(refused, CallbackError::Form(FormError::Duplicate).into());
    }
    assert_eq!(party.provider.count(EndpointName::Token), 0);
}

/// oauth2-rs: "missing field `access_token`".
#[test]
fn e25_an_error_with_status_200_is_reported_as_that_error() {
    let mut party = Party::new();
    let body = r#"{"error":"incorrect_client_credentials","error_description":"wrong id or secret"}"#;
    party.provider.alter_response(EndpointName::Token, hostile::respond(200, "application/json", body));
    let error = party.login().unwrap_err();
    let Error::OAuth(told) = &error else { panic!("{error:?}") };
    assert_eq!(told.response.error, "incorrect_client_credentials");
    assert!(error.to_string().contains("wrong id or secret"), "{error}");
}

/// openidconnect-rs demanded of a refreshed ID token the nonce that providers leave out.
#[test]
fn e26_a_refreshed_id_token_needs_no_nonce() {
    let mut party = Party::new();
    let user = party.login().unwrap();
    assert!(user.id_token.nonce.is_some());
    assert_eq!(party.refresh(&user).unwrap().id_token.unwrap().nonce, None);
}

/// Other libraries said "Request failed" and kept the cause to themselves.
#[test]
fn e27_one_line_of_an_error_names_the_fault_the_place_and_the_remedy() {
    let token = |alteration: Alteration| {
        let mut party = Party::new();
        party.provider.alter_response(EndpointName::Token, alteration);
        party.login().unwrap_err()
    };
    for (error, code, words) in [
        (
            token(Box::new(hostile::oauth_error(401, "invalid_client"))),
            "invalid_client",
            &["token_endpoint", "401", "`invalid_client`", "check `client_id`, `ClientBuilder::secret`"][..],
        ),
        (
            token(Box::new(hostile::respond(404, "text/html", "<p>"))),
            "response_status",
            &["token_endpoint", "404", "status"],
        ),
        (
            token(Box::new(hostile::redirect_to("https://x.example/"))),
            "response_redirect",
            &["token_endpoint", "307", "`https://op.example/token`", "must publish"],
        ),
        (
            token(Box::new(hostile::retry_after(9))),
            "unavailable",
            &["token_endpoint", "503", "try again in 9 s"],
        ),
        (
            token(Box::new(hostile::truncate_body(9))),
            "response_json",
            &["token_endpoint", "200", "is not JSON"],
        ),
        (
            token(Box::new(hostile::set_member("expires_in", "9"))),
            "response_json",
            &["token_endpoint", "`expires_in`", "`Quirks::expires_in_as_string`"],
        ),
        (
            login(hostile::set_claim("aud", json!([CLIENT_ID, "x"]))).unwrap_err(),
            "token_untrusted_audience",
            &["ID token", "`aud`", "trusted_audiences"],
        ),
        (
            login(hostile::set_claim("iat", NOW.0 + 900)).unwrap_err(),
            "token_issued_in_future",
            &["ID token", "`iat`", "clocks"],
        ),
    ] {
        let text = error.to_string();
        assert_eq!(error.code(), code, "{text}");
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
        assert!(!text.contains('\n'), "{text}");
        // A log that prints the error with all its causes has at least the same text.
        let mut chain = vec![text.clone()];
        let mut cause = error.source();
        while let Some(error) = cause {
            chain.push(error.to_string());
            cause = error.source();
        }
        assert!(chain.iter().all(|text| !text.is_empty()), "{chain:?}");
    }
}
