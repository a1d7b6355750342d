//! The errors that end a flow: a response of the provider, the callback, the user.

use crate::{
    page::{Page, Said, said, show, shows_itself},
    settings::{alone, in_flow},
};
use http::{Response, StatusCode};
use oidc_proto::{
    Error, Moment, Timestamp, UrlPolicy,
    base::{FormError, JsonError, UrlError},
    flow::{
        CallbackError, Client, ClientCredentialsRequest, DeliveryMode, Endpoint, NotificationError,
        OAuthError, ResponseError, ResponseRule, Unavailable,
    },
    jose::{JwsError, KeyError, KeySetError},
    message::ErrorResponse,
    metadata::{MemberError, MetadataError, Profile, ProviderMetadata, SignedMetadataError, UnusableMember},
    token::{CustomClaimsError, VerificationError},
};
use std::time::Duration;

/// What a token endpoint's answer leads to.
fn answered(status: u16, headers: &[(&str, &str)], body: &str) -> Error {
    let document = r#"{"issuer":"https://op.example","authorization_endpoint":"https://op.example/authorize",
        "token_endpoint":"https://op.example/token","jwks_uri":"https://op.example/jwks",
        "response_types_supported":["code"],"subject_types_supported":["public"],
        "id_token_signing_alg_values_supported":["RS256"]}"#;
    let (issuer, policy) = ("https://op.example", UrlPolicy::default());
    let metadata =
        ProviderMetadata::parse(document.as_bytes(), issuer, Profile::OpenIdProvider, &policy).unwrap();
    let client = Client::builder(metadata, "app").secret("a secret").build().unwrap();
    let moment = |n| Moment::new(Timestamp(1_700_000_000), [n; 32]);
    let wanted = ClientCredentialsRequest::new(["read"]);
    let (_, _, pending) = client.client_credentials_once(&wanted, moment(1)).unwrap().into_parts();
    let mut response = Response::new(body.as_bytes().to_vec());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in headers {
        response.headers_mut().insert(http::HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
    }
    pending.receive(response, moment(2)).map(drop).unwrap_err()
}

fn response_error() -> Box<ResponseError> {
    match answered(302, &[], "") {
        Error::Response(error) => error,
        other => panic!("{other}"),
    }
}

pub(crate) fn oauth_error() -> Box<OAuthError> {
    let json = ("content-type", "application/json");
    match answered(400, &[json], r#"{"error":"invalid_request"}"#) {
        Error::OAuth(error) => error,
        other => panic!("{other}"),
    }
}

/// A refresh whose answer has a new refresh token, and something that is not believed.
fn not_believed() -> Error {
    let document = r#"{"issuer":"https://op.example","token_endpoint":"https://op.example/token",
        "jwks_uri":"https://op.example/jwks"}"#;
    let (issuer, policy) = ("https://op.example", UrlPolicy::default());
    let metadata =
        ProviderMetadata::parse(document.as_bytes(), issuer, Profile::TokenIssuer, &policy).unwrap();
    let client = Client::builder(metadata, "app").secret("a secret").build().unwrap();
    let moment = |n| Moment::new(Timestamp(1_700_000_000), [n; 32]);
    let call = client.refresh(&"old".into(), None, None, moment(1)).unwrap();
    let body = r#"{"access_token":"a","token_type":"Bearer","refresh_token":"new","expires_in":"3600"}"#;
    let (_, _, pending) = call.into_parts();
    pending.receive(Response::new(body.as_bytes().to_vec()), moment(2)).map(drop).unwrap_err()
}

fn unavailable(retry_after: Option<&str>) -> Unavailable {
    let headers: Vec<_> = retry_after.map(|seconds| ("retry-after", seconds)).into_iter().collect();
    match answered(503, &headers, "") {
        Error::Unavailable(error) => error,
        other => panic!("{other}"),
    }
}

/// A response of this endpoint that breaks this rule.
fn broken(endpoint: Endpoint, status: u16, rule: ResponseRule) -> Said {
    shows_itself(&rule);
    let mut error = response_error();
    (error.endpoint, error.status, error.rule) = (endpoint, status, rule);
    let rule_has_place = matches!(error.rule, ResponseRule::Redirect | ResponseRule::MediaType(_));
    let place = match endpoint {
        Endpoint::Discovery => Some("https://op.example/.well-known/openid-configuration"),
        Endpoint::Jwks => Some("https://op.example/jwks"),
        Endpoint::ResourceMetadata if rule_has_place => {
            Some("https://api.example/.well-known/oauth-protected-resource")
        }
        Endpoint::Token if rule_has_place && error.rule == ResponseRule::Redirect => {
            Some("https://op.example/token")
        }
        _ => None,
    };
    error.urls = place.map(str::to_owned).into_iter().collect();
    if matches!(error.rule, ResponseRule::MediaType(_)) {
        error.media_type = Some("text/html");
    }
    shows_itself(&*error);
    in_flow(*error)
}

fn discovered(rule: impl Into<ResponseRule>) -> Said {
    broken(Endpoint::Discovery, 200, rule.into())
}

fn tokens(rule: impl Into<ResponseRule>) -> Said {
    broken(Endpoint::Token, 200, rule.into())
}

fn keys(rule: impl Into<ResponseRule>) -> Said {
    broken(Endpoint::Jwks, 200, rule.into())
}

fn member(why: MemberError) -> Said {
    let mut error = unusable();
    error.why = why;
    discovered(MetadataError::Unusable(error))
}

/// A document whose `jwks_uri` is plain http.
fn unusable() -> UnusableMember {
    let document = r#"{"issuer":"https://op.example","jwks_uri":"http://op.example/jwks"}"#;
    let policy = UrlPolicy::default();
    match ProviderMetadata::parse(document.as_bytes(), "https://op.example", Profile::TokenIssuer, &policy) {
        Err(MetadataError::Unusable(member)) => member,
        other => panic!("{other:?}"),
    }
}

/// Refusals as providers send them, one for each registered code and for each hint.
const REFUSALS: [(u16, &str, Option<&str>); 32] = [
    (400, "invalid_request", None),
    (400, "invalid_request", Some("DPoP proof is missing")),
    (400, "invalid_client", None),
    (400, "invalid_grant", None),
    (400, "invalid_grant", Some("DPoP proof JWT not provided")),
    (400, "unauthorized_client", None),
    (401, "unauthorized_client", Some("Invalid client or Invalid client credentials")),
    (403, "unauthorized_client", None),
    (400, "unsupported_grant_type", None),
    (400, "unsupported_response_type", None),
    (400, "invalid_scope", None),
    (400, "access_denied", None),
    (400, "server_error", None),
    (400, "temporarily_unavailable", None),
    (401, "invalid_token", None),
    (403, "insufficient_scope", None),
    (400, "unsupported_token_type", None),
    (400, "invalid_target", None),
    (400, "invalid_dpop_proof", None),
    (400, "use_dpop_nonce", None),
    (400, "use_attestation_challenge", None),
    (400, "use_fresh_attestation", None),
    (400, "invalid_client_attestation", None),
    (401, "insufficient_user_authentication", None),
    (400, "authorization_pending", None),
    (400, "slow_down", None),
    (400, "expired_token", None),
    (400, "login_required", None),
    (400, "interaction_required", None),
    (400, "consent_required", None),
    (400, "account_selection_required", None),
    (400, "a_code_of_its_own", None),
];

/// Refusals that mean something else at their endpoint than at the token endpoint.
const ELSEWHERE: [(Endpoint, u16, &str); 17] = [
    (Endpoint::Introspection, 400, "invalid_token"),
    (Endpoint::Introspection, 401, "invalid_token"),
    (Endpoint::Introspection, 403, "insufficient_scope"),
    (Endpoint::Revocation, 400, "invalid_token"),
    (Endpoint::Revocation, 400, "unauthorized_client"),
    (Endpoint::Revocation, 400, "unsupported_token_type"),
    (Endpoint::DeviceAuthorization, 400, "unauthorized_client"),
    (Endpoint::PushedAuthorizationRequest, 400, "unauthorized_client"),
    (Endpoint::PushedAuthorizationRequest, 400, "invalid_request_object"),
    (Endpoint::BackchannelAuthentication, 400, "unauthorized_client"),
    (Endpoint::BackchannelAuthentication, 400, "unknown_user_id"),
    (Endpoint::BackchannelAuthentication, 400, "expired_login_hint_token"),
    (Endpoint::BackchannelAuthentication, 400, "missing_user_code"),
    (Endpoint::BackchannelAuthentication, 400, "invalid_user_code"),
    (Endpoint::BackchannelAuthentication, 400, "invalid_binding_message"),
    (Endpoint::UserInfo, 401, "invalid_token"),
    (Endpoint::UserInfo, 401, "invalid_client"),
];

pub(crate) fn show(page: &mut Page) {
    page.part("Metadata (`Discovery`)");
    let [expected, found] = ["https://op.example", "https://op.example/"].map(str::to_owned);
    show!(page, oidc_proto::MetadataError, discovered;
        Json(JsonError::NotAnObject), Issuer { expected: expected.clone(), found: found.clone() },
        Signed(SignedMetadataError::Issuer), Missing(vec!["jwks_uri", "token_endpoint"]), Unusable(unusable()));
    show!(page, oidc_proto::MetadataError, |rule: MetadataError| broken(Endpoint::ResourceMetadata, 200, rule.into());
        Resource { expected: expected.clone(), found: found.clone() });
    show!(page, oidc_proto::MemberError, member; WrongType("an array of strings"), Url(UrlError::Fragment));
    show!(page, oidc_proto::SignedMetadataError, |error| discovered(MetadataError::Signed(error));
        Jws(JwsError::Signature), Claims(JsonError::NotJson), Issuer, Time, Nested, Nothing);
    show!(page, oidc_proto::MetadataError, alone; Json(JsonError::NotJson), Missing(vec!["issuer"]));
    show!(page, oidc_proto::MemberError, alone; WrongType("a boolean"));

    page.part("Keys (`JwksRetrieval`, `KeySet::parse`, `Jwk::parse`)");
    show!(page, oidc_proto::KeySetError, keys; Json(JsonError::WrongType { member: "keys", expected: "an array" }),
        NoKeys, TooManyKeys { max_keys: oidc_proto::jose::MAX_KEYS });
    show!(page, oidc_proto::KeySetError, alone; Json(JsonError::TooDeep));
    show!(page, oidc_proto::KeyError, alone;
        NotAnObject, MissingMember("n"), WrongType("kid"), Base64("x"), LeadingZero("n"), UnknownKeyType, UnknownCurve,
        UnknownAlgorithm, AlgorithmMismatch, NotForSignatures, RsaTooShort, RsaTooLong, RsaModulus, RsaBroken,
        RsaExponent, Length { member: "x", bytes: 31, needs: 32 }, BadPoint, SecretTooShort, PrivateMembers, NeedsBackend(oidc_proto::jose::Algorithm::ES512));

    page.part("A response that the specification does not allow (every flow)");
    show!(page, oidc_proto::ResponseRule, tokens;
        TooLarge { limit: 1_048_576 }, Redirect, Status, Refusal(None), Refusal(Some("the app is disabled".into())), MediaType("application/json"), Json(JsonError::NotJson),
        Missing("access_token"), Missing("id_token"), Missing("token_type"), Value("expires_in"), NotBound);
    show!(page, oidc_proto::ResponseRule, discovered; Metadata(MetadataError::Missing(vec!["issuer"])),
        TooLarge { limit: 65_536 }, MediaType("application/json"));
    show!(page, oidc_proto::ResponseRule, |rule| broken(Endpoint::Discovery, 301, rule); Redirect);
    show!(page, oidc_proto::ResponseRule, |rule| broken(Endpoint::Discovery, 404, rule); Status);
    show!(page, oidc_proto::ResponseRule, |rule| broken(Endpoint::ResourceMetadata, 200, rule);
        TooLarge { limit: 65_536 }, MediaType("application/json"));
    for endpoint in [Endpoint::Jwks, Endpoint::ResourceMetadata] {
        show!(page, oidc_proto::ResponseRule, |rule| broken(endpoint, 302, rule); Redirect);
    }
    show!(page, oidc_proto::ResponseRule, keys; KeySet(KeySetError::TooManyKeys { max_keys: oidc_proto::jose::MAX_KEYS }), NoUsableKey,
        TooLarge { limit: 65_536 }, MediaType("application/json"));
    show!(page, oidc_proto::ResponseRule, |rule| broken(Endpoint::UserInfo, 200, rule); OtherSubject, UnexpectedJwt, NotSigned,
        Jwt(VerificationError::Audience), Jwt(VerificationError::Issuer),
        Jwt(VerificationError::Jws(JwsError::AlgorithmNotAllowed)), MediaType("application/json"));
    show!(page, oidc_proto::ResponseRule, |rule| broken(Endpoint::Introspection, 200, rule); UnexpectedJwt, NotSigned,
        MediaType("application/token-introspection+jwt"), Jwt(VerificationError::Type), Jwt(VerificationError::Audience),
        Jwt(VerificationError::Jws(JwsError::AlgorithmNotAllowed)), Jwt(VerificationError::Jws(JwsError::Encrypted)));
    show!(page, oidc_proto::JsonError, tokens;
        NotJson, NotAnObject, TooDeep, DuplicateMember,
        WrongType { member: "expires_in", expected: "a number (`Quirks::expires_in_as_string` accepts a text)" },
        WrongType { member: "scope", expected: "a string (`Quirks::scope_as_array` accepts an array)" });
    show!(page, oidc_proto::JsonError, alone; NotAnObject);
    show!(page, oidc_proto::ResponseRule, alone; Redirect);
    for (endpoint, status) in
        [(Endpoint::Discovery, 404), (Endpoint::Discovery, 403), (Endpoint::ResourceMetadata, 404)]
    {
        show!(page, oidc_proto::ResponseRule, |rule| broken(endpoint, status, rule); Status);
    }
    page.mark("oidc_proto::ResponseError");
    show!(page, oidc_proto::Error, in_flow; Response(response_error()));

    page.part("A provider that refuses, or is busy (every flow)");
    for (status, error, description) in REFUSALS {
        let mut refused = oauth_error();
        refused.status = status;
        refused.response.error = error.to_owned();
        refused.response.error_description = description.map(str::to_owned);
        shows_itself(&*refused);
        assert_eq!(refused.provider_code(), error);
        show!(page, oidc_proto::Error, in_flow; OAuth(refused.clone()));
    }
    for (endpoint, status, error) in ELSEWHERE {
        let mut refused = oauth_error();
        (refused.endpoint, refused.status, refused.response.error) = (endpoint, status, error.to_owned());
        shows_itself(&*refused);
        show!(page, oidc_proto::Error, in_flow; OAuth(refused.clone()));
    }
    page.mark("oidc_proto::OAuthError");
    let mut described = oauth_error();
    described.response.error_description = Some("the provider's own words".to_owned());
    described.response.error_uri = Some("https://op.example/help".to_owned());
    show!(page, oidc_proto::Error, in_flow; OAuth(described.clone()));
    page.mark("oidc_proto::Unavailable");
    for busy in [unavailable(None), unavailable(Some("9"))] {
        shows_itself(&busy);
        show!(page, oidc_proto::Error, in_flow; Unavailable(busy));
    }

    page.part("The callback (`PendingAuthorization::callback`, `AuthorizationResponse::from_query`)");
    let denied = |error: &str, description: Option<&str>| -> Box<ErrorResponse> {
        let mut response = oauth_error().response;
        response.error = error.to_owned();
        response.error_description = description.map(str::to_owned);
        Box::new(response)
    };
    let refused = VerificationError::Audience;
    show!(page, oidc_proto::CallbackError, in_flow;
        Form(FormError::Duplicate), State, Unattributed(denied("access_denied", None)), Issuer, MissingIssuer, Denied(denied("access_denied", None)), MissingCode, MissingIdToken,
        MissingAccessToken, MissingResponse, Response(Box::new(refused)),
        Response(Box::new(VerificationError::Jws(JwsError::AlgorithmNotAllowed))),
        Response(Box::new(VerificationError::Claims(JsonError::DuplicateMember))), Response(Box::new(VerificationError::Issuer)), Parameter("token_type"),
        Expired { ago: Duration::from_secs(3_700) }, BegunInFuture { ahead: Duration::from_secs(7_200) });
    for (error, description) in [
        ("login_required", None),
        ("invalid_scope", None),
        ("unauthorized_client", None),
        ("temporarily_unavailable", None),
        ("temporarily_unavailable", Some("authentication_expired")),
    ] {
        show!(page, oidc_proto::CallbackError, in_flow; Denied(denied(error, description)));
    }
    show!(page, oidc_proto::FormError, in_flow; NotUtf8, Duplicate, TooMany, TooLong);
    show!(page, oidc_proto::FormError, alone; Duplicate);
    show!(page, oidc_proto::Error, in_flow; Callback(CallbackError::State));

    page.part("A refresh (`Client::refresh`)");
    let Error::Refresh { cause, tokens: new } = not_believed() else { panic!("the refresh token is new") };
    show!(page, oidc_proto::Error, in_flow; Refresh { cause: cause.clone(), tokens: new.clone() });

    page.part("A device, a signature, a setting (every flow)");
    show!(page, oidc_proto::Error, in_flow; DeviceCodeExpired, Sign(oidc_proto::jose::SignError::Failed),
        Config(oidc_proto::flow::ConfigError::NoRedirectUri), Token(VerificationError::Nonce),
        Token(VerificationError::Missing("nonce")), Token(VerificationError::AuthorizedParty),
        Token(VerificationError::Changed("auth_time")), Token(VerificationError::Changed("azp")));
    backchannel(page);

    page.part("What a token is for: resources and authorization details (every flow)");
    let unsupported = unsupported_details();
    shows_itself(&*unsupported);
    page.mark("oidc_proto::UnsupportedDetailsError");
    show!(page, oidc_proto::Error, in_flow; UnsupportedDetails(unsupported));
    use oidc_proto::flow::ConfigError;
    show!(page, oidc_proto::ConfigError, in_flow; Parameter("resource"), Reserved("resource"),
        Reserved("authorization_details"));
    show!(page, oidc_proto::ResponseRule, tokens; ForeignDetails, Missing("authorization_details"));
    for error in ["invalid_target", "invalid_authorization_details"] {
        let mut refused = oauth_error();
        refused.response.error = error.to_owned();
        show!(page, oidc_proto::Error, in_flow; OAuth(refused.clone()));
    }

    page.part("Claims of one's own (`VerifiedAccessToken::custom`, `Access::custom`)");
    let custom = custom_claims();
    shows_itself(&custom);
    page.mark("oidc_proto::CustomClaimsError");
    page.add(said!(custom, part));
    let _ = KeyError::NotAnObject;
}

/// A request for rights of a type that the provider does not list.
fn unsupported_details() -> Box<oidc_proto::flow::UnsupportedDetailsError> {
    let document = r#"{"issuer":"https://op.example","token_endpoint":"https://op.example/token",
        "jwks_uri":"https://op.example/jwks","authorization_details_types_supported":["account", "transfer"]}"#;
    let (issuer, policy) = ("https://op.example", UrlPolicy::default());
    let metadata =
        ProviderMetadata::parse(document.as_bytes(), issuer, Profile::TokenIssuer, &policy).unwrap();
    let client = Client::builder(metadata, "app").secret("a secret").build().unwrap();
    let payment = oidc_proto::message::AuthorizationDetail::new("payment");
    let wanted = ClientCredentialsRequest::default().authorization_detail(payment);
    match client.client_credentials(&wanted, Moment::new(Timestamp(1_700_000_000), [1; 32])) {
        Err(Error::UnsupportedDetails(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// A backchannel authentication, and what comes to the client's notification endpoint.
fn backchannel(page: &mut Page) {
    page.part("Backchannel authentication (`BackchannelAuthentication::poll`, `BackchannelAuthentication::receive`)");
    let mut said = oauth_error().response;
    said.error = "transaction_failed".to_owned();
    show!(page, oidc_proto::Error, in_flow; AuthenticationRequestExpired, AuthenticationFailed(Box::new(said.clone())));
    let notified = |error: NotificationError| {
        shows_itself(&error);
        assert!(error.response().status().is_client_error() || error.response().status().is_server_error());
        said!(error)
    };
    show!(page, oidc_proto::NotificationError, notified;
        Method, MediaType, TooLarge, Credentials, Unknown, Token, Json(JsonError::NotJson), Missing("auth_req_id"),
        Mode(DeliveryMode::Push), Tokens(ResponseRule::Missing("id_token")),
        Config(oidc_proto::flow::ConfigError::SavedState));
}

fn custom_claims() -> CustomClaimsError {
    crate::resource::access().custom::<u8>().unwrap_err()
}
