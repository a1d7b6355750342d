//! Discovery, the issuer check, required members, tolerance and the URL policy (OpenID Connect Discovery
//! 1.0 sections 3 and 4, RFC 8414 sections 2, 3.3 and 6).

use oidc_proto::{
    Error, UrlPolicy,
    base::UrlError,
    flow::{ConfigError, Discovery, Endpoint, MAX_DOCUMENT, ResponseRule},
    message::AuthorizationRequest,
    metadata::{MemberError, MetadataError, Profile, ProviderMetadata, UnusableMember},
};
use oidc_testkit::{EndpointName, Party, TestProvider, drive, hostile};
use serde_json::{Value, json};

/// Discovers after one alteration of the response. The provider judges the client's request, too.
fn discover_with(
    alteration: impl FnMut(&mut http::Response<Vec<u8>>) + Send + 'static,
) -> Result<ProviderMetadata, Error> {
    let mut party = Party::new();
    party.provider.alter_response(EndpointName::Discovery, alteration);
    let result = party.discover();
    party.provider.assert_clean();
    result
}

fn rule(result: Result<ProviderMetadata, Error>) -> ResponseRule {
    match result {
        Err(Error::Response(error)) => {
            assert_eq!(error.endpoint, Endpoint::Discovery);
            error.rule
        }
        other => panic!("{other:?}"),
    }
}

fn metadata_error(result: Result<ProviderMetadata, Error>) -> MetadataError {
    let found = rule(result);
    let ResponseRule::Metadata(error) = found else { panic!("{found:?}") };
    error
}

#[test]
fn the_url_keeps_the_path_of_the_issuer_with_one_slash_between() {
    for (issuer, path) in [
        ("https://op.example", "/.well-known/openid-configuration"),
        ("https://op.example/", "/.well-known/openid-configuration"),
        ("https://op.example/a/b", "/a/b/.well-known/openid-configuration"),
        ("https://op.example/a/b/", "/a/b/.well-known/openid-configuration"),
    ] {
        let mut provider = TestProvider::new(issuer);
        let mut clock = Party::new().clock;
        let call = Discovery::start(issuer, &UrlPolicy::default()).unwrap();
        let metadata = drive(call, &mut provider, &mut clock).unwrap();
        assert_eq!(metadata.issuer, issuer, "the issuer is compared to the letter");
        assert_eq!(provider.requests()[0].path, path);
        provider.assert_clean();
    }
}

#[test]
fn impossible_issuers_are_refused_before_anything_is_sent() {
    for (issuer, why) in [
        ("http://op.example", UrlError::PlainHttp),
        ("http://localhost", UrlError::Loopback),
        ("https://op.example?x=1", UrlError::Query),
        ("https://op.example/?", UrlError::Query),
        ("https://op.example/#", UrlError::Fragment),
        ("https://user@op.example", UrlError::Credentials),
        ("op.example", UrlError::NotAbsolute),
        ("ftp://op.example", UrlError::Scheme),
        ("https://10.0.0.1", UrlError::PrivateAddress),
        ("https://0x7f.1/", UrlError::Loopback),
    ] {
        let refused = Discovery::start(issuer, &UrlPolicy::default()).unwrap_err();
        assert_eq!(refused, ConfigError::Issuer(why).into(), "{issuer}");
    }
    assert!(Discovery::start("http://localhost:8080", &UrlPolicy::default().with_loopback()).is_ok());
}

#[test]
fn an_issuer_that_differs_in_one_letter_is_refused_and_both_are_named() {
    for found in [
        "https://op.example/",
        "https://OP.example",
        "https://op.example:443",
        "https://evil.example",
        "http://op.example",
        "",
    ] {
        let error = metadata_error(discover_with(hostile::set_member("issuer", found)));
        let expected = "https://op.example".to_owned();
        assert_eq!(error, MetadataError::Issuer { expected, found: found.to_owned() });
        let text = error.to_string();
        assert!(text.contains(found) && text.contains("https://op.example"), "{text}");
    }
}

#[test]
fn redirects_are_never_followed_not_even_to_the_issuer_itself() {
    for target in ["https://evil.example/", "https://op.example/.well-known/openid-configuration"] {
        assert_eq!(rule(discover_with(hostile::redirect_to(target))), ResponseRule::Redirect);
    }
    for status in [300, 301, 302, 303, 304, 308] {
        assert_eq!(
            rule(discover_with(hostile::respond(status, "application/json", "{}"))),
            ResponseRule::Redirect
        );
    }
}

#[test]
fn only_json_is_metadata() {
    for good in ["application/json", "Application/JSON; charset=UTF-8", "application/json;x"] {
        assert!(discover_with(hostile::set_header("content-type", good)).is_ok(), "{good}");
    }
    for bad in ["text/html", "text/plain", "application/jsonp", "application/json-seq", "application/jwt", ""]
    {
        let result = discover_with(hostile::set_header("content-type", bad));
        assert_eq!(rule(result), ResponseRule::MediaType("application/json"), "{bad}");
    }
    let result = discover_with(|response| {
        response.headers_mut().remove("content-type");
    });
    assert_eq!(rule(result), ResponseRule::MediaType("application/json"));
}

#[test]
fn a_document_of_exactly_64_kib_is_read_and_one_byte_more_is_not() {
    let padded =
        |extra: usize| discover_with(move |response| response.body_mut().resize(MAX_DOCUMENT + extra, b' '));
    assert_eq!(MAX_DOCUMENT, 65536);
    assert!(padded(0).is_ok());
    assert_eq!(rule(padded(1)), ResponseRule::TooLarge { limit: MAX_DOCUMENT });
    assert_eq!(rule(padded(10 << 20)), ResponseRule::TooLarge { limit: MAX_DOCUMENT });
}

#[test]
fn other_statuses_are_errors_and_a_busy_provider_is_named_as_such() {
    for status in [201, 204, 206, 400, 401, 403, 404, 410] {
        let body = TestProvider::new("https://op.example").metadata().to_string();
        let result = discover_with(hostile::respond(status, "application/json", body));
        assert_eq!(rule(result), ResponseRule::Status, "{status}");
    }
    for status in [429, 500, 502, 503] {
        let result = discover_with(hostile::respond(status, "text/html", "<p>sorry"));
        let Err(Error::Unavailable(busy)) = result else { panic!("{result:?}") };
        assert_eq!((busy.endpoint, busy.status, busy.retry_after()), (Endpoint::Discovery, status, None));
    }
    let result = discover_with(hostile::retry_after(7));
    assert!(
        matches!(result, Err(Error::Unavailable(busy)) if busy.retry_after() == Some(std::time::Duration::from_secs(7)))
    );
}

#[test]
fn each_required_member_is_demanded_and_all_missing_ones_are_named() {
    for name in [
        "authorization_endpoint",
        "token_endpoint",
        "jwks_uri",
        "response_types_supported",
        "subject_types_supported",
        "id_token_signing_alg_values_supported",
    ] {
        let absent = metadata_error(discover_with(hostile::remove_member(name)));
        assert_eq!(absent, MetadataError::Missing(vec![name]));
        let null = metadata_error(discover_with(hostile::set_member(name, Value::Null)));
        assert_eq!(null, MetadataError::Missing(vec![name]), "null counts as absent");
    }
    let bare = hostile::respond(200, "application/json", r#"{"issuer":"https://op.example"}"#);
    let MetadataError::Missing(all) = metadata_error(discover_with(bare)) else { panic!() };
    assert_eq!(all.len(), 6);
    let empty = hostile::respond(200, "application/json", "{}");
    let MetadataError::Missing(all) = metadata_error(discover_with(empty)) else { panic!() };
    assert_eq!((all.len(), all[0]), (7, "issuer"));
}

#[test]
fn an_authorization_server_and_a_token_issuer_need_less() {
    let read = |document: Value, profile| {
        let mut party = Party::new();
        let body = document.to_string();
        for endpoint in [EndpointName::Discovery, EndpointName::OAuthMetadata] {
            party.provider.alter_response(endpoint, hostile::respond(200, "application/json", body.clone()));
        }
        let call = Discovery::with_profile("https://op.example", profile, &UrlPolicy::default()).unwrap();
        drive(call, &mut party.provider, &mut party.clock)
    };
    let server = json!({ "issuer": "https://op.example", "response_types_supported": ["code"] });
    assert!(read(server.clone(), Profile::AuthorizationServer).is_ok());
    assert_eq!(metadata_error(read(server, Profile::TokenIssuer)), MetadataError::Missing(vec!["jwks_uri"]));
    let issuer = json!({ "issuer": "https://op.example", "jwks_uri": "https://op.example/jwks" });
    assert!(read(issuer.clone(), Profile::TokenIssuer).is_ok());
    assert_eq!(
        metadata_error(read(issuer.clone(), Profile::AuthorizationServer)),
        MetadataError::Missing(vec!["response_types_supported"])
    );
    let MetadataError::Missing(_) = metadata_error(read(issuer, Profile::OpenIdProvider)) else { panic!() };
}

#[test]
fn unknown_members_are_kept_unknown_values_are_ignored_and_null_is_absent() {
    let metadata = discover_with(|response| {
        for (name, value) in [
            ("vendor_thing", json!({ "deep": [1] })),
            ("response_types_supported", json!(["code", "telepathy"])),
            ("subject_types_supported", json!(["public", "anonymous"])),
            ("id_token_signing_alg_values_supported", json!(["RS256", "XX999"])),
            ("scopes_supported", Value::Null),
            ("claims_parameter_supported", Value::Null),
        ] {
            hostile::set_member(name, value)(response);
        }
    })
    .unwrap();
    assert_eq!(metadata.extra["vendor_thing"], json!({ "deep": [1] }));
    assert_eq!(metadata.response_types_supported.unwrap(), ["code", "telepathy"]);
    assert_eq!((metadata.scopes_supported, metadata.claims_parameter_supported), (None, None));
    assert!(metadata.set_aside.is_empty());
}

#[test]
fn an_unusable_member_fails_only_the_flows_that_need_it() {
    let mut party = Party::new();
    party.provider.alter_response(
        EndpointName::Discovery,
        hostile::set_member("userinfo_endpoint", "http://op.example/"),
    );
    party.provider.alter_response(EndpointName::Discovery, hostile::set_member("op_tos_uri", 7));
    let metadata = party.discover().unwrap();
    let url = MemberError::Url(UrlError::PlainHttp);
    let aside: Vec<_> =
        metadata.set_aside.iter().map(|UnusableMember { member, why, .. }| (*member, *why)).collect();
    assert_eq!(aside, [("userinfo_endpoint", url), ("op_tos_uri", MemberError::WrongType("a string"))]);
    party.client = oidc_proto::flow::Client::builder(metadata, "app")
        .secret(oidc_testkit::scenario::SECRET)
        .redirect_uri("https://app.example/callback")
        .build()
        .unwrap();
    let user = party.login_with(&AuthorizationRequest::default(), None).unwrap();
    let refused = party.userinfo(&user).unwrap_err();
    assert_eq!(refused, ConfigError::NoEndpoint("userinfo_endpoint").into());
}

#[test]
fn members_that_every_flow_needs_must_be_usable() {
    for (name, value, why) in [
        ("token_endpoint", json!("http://op.example/token"), MemberError::Url(UrlError::PlainHttp)),
        ("token_endpoint", json!("https://op.example/token#x"), MemberError::Url(UrlError::Fragment)),
        ("token_endpoint", json!("https://u:p@op.example/token"), MemberError::Url(UrlError::Credentials)),
        ("token_endpoint", json!("/token"), MemberError::Url(UrlError::NotAbsolute)),
        ("authorization_endpoint", json!("javascript:alert(1)"), MemberError::Url(UrlError::Scheme)),
        ("jwks_uri", json!("file:///etc/passwd"), MemberError::Url(UrlError::Scheme)),
        ("jwks_uri", json!("http://localhost/jwks"), MemberError::Url(UrlError::Loopback)),
        ("jwks_uri", json!(["https://op.example/jwks"]), MemberError::WrongType("a string")),
        ("subject_types_supported", json!("public"), MemberError::WrongType("an array of strings")),
        (
            "id_token_signing_alg_values_supported",
            json!(["RS256", 7]),
            MemberError::WrongType("an array of strings"),
        ),
        (
            "authorization_response_iss_parameter_supported",
            json!("true"),
            MemberError::WrongType("a boolean"),
        ),
    ] {
        let error = metadata_error(discover_with(hostile::set_member(name, value.clone())));
        let MetadataError::Unusable(aside) = error else { panic!("{name} {value}: {error}") };
        assert_eq!((aside.member, aside.why), (name, why), "{value}");
    }
}

#[test]
fn endpoints_on_special_addresses_are_refused_in_every_spelling() {
    for host in ["169.254.169.254", "2852039166", "0xA9FEA9FE", "0251.0376.0251.0376", "[::ffff:a9fe:a9fe]"] {
        let error =
            metadata_error(discover_with(hostile::set_member("jwks_uri", format!("https://{host}/"))));
        let MetadataError::Unusable(aside) = error else { panic!("{host}: {error}") };
        assert_eq!(aside.why, MemberError::Url(UrlError::PrivateAddress), "{host}");
    }
    for host in ["127.0.0.1", "[::1]", "localhost", "x.localhost"] {
        let error =
            metadata_error(discover_with(hostile::set_member("jwks_uri", format!("https://{host}/"))));
        let MetadataError::Unusable(aside) = error else { panic!("{host}: {error}") };
        assert_eq!(aside.why, MemberError::Url(UrlError::Loopback), "{host}");
    }
}

#[test]
fn every_registered_member_has_a_field_of_its_own() {
    let registry = include_str!("../../../tests/data/authorization-server-metadata.txt");
    let mut document = TestProvider::new("https://op.example").metadata();
    for line in registry.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (name, kind) = line.split_once(' ').unwrap();
        if document.get(name).is_none() {
            document[name] = match kind {
                "url" => json!("https://op.example/x"),
                "list" => json!(["a"]),
                "boolean" => json!(true),
                "text" => json!("x"),
                _ => json!({ "token_endpoint": "https://mtls.op.example/token", "other": 1 }),
            };
        }
    }
    let body = document.to_string();
    let metadata = discover_with(hostile::respond(200, "application/json", body)).unwrap();
    let untyped: Vec<_> = metadata.extra.keys().collect();
    assert!(untyped.is_empty(), "no field for {untyped:?}");
    assert!(metadata.set_aside.is_empty(), "{:?}", metadata.set_aside);
    let aliases = metadata.mtls_endpoint_aliases.unwrap();
    assert_eq!(aliases.token_endpoint.unwrap().as_str(), "https://mtls.op.example/token");
    assert_eq!(aliases.extra["other"], 1);
}
