//! The errors in settings: of URLs, keys, a client, a handle, a resource server, a gate.

use crate::page::{Page, Said, said, show};
use oidc_drive::{
    ApiError, ProviderError,
    gate::GateError,
    source::{SourceError, SourceReason},
};
use oidc_proto::{
    Error,
    base::{JsonError, UrlError},
    flow::{ClientAuthenticationSet, ConfigError, ResourceRequestError, SealError},
    jose::{Algorithm, AlgorithmSet, KeyError, SignError},
    resource::ResourceServerError,
    sender::AttestationError,
    token::IssuerRuleError,
};
use std::io::ErrorKind;

/// As a flow and a handle say it: in the same words, and under the same code.
pub(crate) fn in_flow(error: impl Into<Error>) -> Said {
    let error = error.into();
    crate::page::shows_itself(&error);
    let handle = ProviderError::from(error.clone());
    crate::page::shows_itself(&handle);
    assert_eq!((handle.code(), handle.to_string()), (error.code(), error.to_string()));
    assert_eq!(handle.remedy(), error.remedy());
    let driven = oidc_drive::DriveError::<std::io::Error>::Protocol(error.clone());
    crate::page::shows_itself(&driven);
    assert_eq!(driven.to_string(), error.to_string());
    assert_eq!((driven.code(), driven.remedy()), (error.code(), error.remedy()));
    said!(error)
}

/// A part of other errors, with neither a code nor a remedy of its own.
pub(crate) fn alone(error: impl std::fmt::Display) -> Said {
    said!(error, part)
}

pub(crate) fn show(page: &mut Page) {
    page.part("The URL of an issuer, of a resource, of an endpoint (`Discovery`, `Provider::builder`, `EndpointUrl::parse`)");
    show!(page, oidc_proto::UrlError, |error| in_flow(ConfigError::Issuer(error));
        NotAbsolute, Characters, PlainHttp, Scheme, NoHost, Fragment, Credentials, Loopback, PrivateAddress, Query,
        WellKnown);
    show!(page, oidc_proto::ConfigError, in_flow; Resource(UrlError::Fragment));
    show!(page, oidc_proto::UrlError, alone; NoHost, PlainHttp);

    page.part("A client (`ClientBuilder::build`, `ProviderBuilder::build`), and what it is asked to do");
    show!(page, oidc_proto::ConfigError, in_flow;
        Issuer(UrlError::NotAbsolute), IssuerRule, NoEndpoint("token_endpoint"),
        RedirectUri("is not an absolute URL"), RedirectUri("is too long or has control characters"),
        RedirectUri("has a fragment (RFC 6749 section 3.1.2)"),
        RedirectUri("is plain http and not on this machine"),
        RedirectUri("has a scheme that no client can receive"),
        NoRedirectUri, Characters("client_id"), Authentication("client_secret_basic"),
        NoAuthentication {
            offered: ClientAuthenticationSet::from_names(["private_key_jwt", "another"]),
            usable: ClientAuthenticationSet::from_names(["client_secret_basic", "client_secret_post"])
        },
        NoAssertionAlgorithm {
            offered: AlgorithmSet::EMPTY.with(Algorithm::PS256),
            usable: AlgorithmSet::EMPTY.with(Algorithm::RS256).with(Algorithm::ES256)
        },
        NoDpopAlgorithm {
            offered: AlgorithmSet::EMPTY.with(Algorithm::ES256),
            usable: AlgorithmSet::EMPTY.with(Algorithm::EdDSA)
        },
        UnwantedAssertion,
        Reserved("nonce"), Reserved("response_mode"), Reserved("request_uri"), Reserved("extra"), Parameter("scope"), NoS256, PushedRequestsOnly, SignedRequestsOnly,
        NoRequestObjectKey,
        NoRequestObjectAlgorithm {
            offered: AlgorithmSet::EMPTY.with(Algorithm::PS256),
            usable: AlgorithmSet::EMPTY.with(Algorithm::RS256).with(Algorithm::ES256)
        },
        NoRequestParameter("request"),
        NoResponseType("code id_token"), NoResponseMode("form_post"), SecretTooShort, NoAssertion, NoProof,
        UnwantedProof, DpopKey, OtherDpopKey, NoAlgorithm, NoResponseAlgorithm, NoDeliveryMode("ping"), NoUserCode, NoBackchannelRequestAlgorithm {
            offered: AlgorithmSet::EMPTY.with(Algorithm::PS256), usable: AlgorithmSet::EMPTY.with(Algorithm::ES256)
        }, Pushed, Unbound, SignedRequest, SavedState,
        TokenTooLong { limit: 8192 });
    show!(page, oidc_proto::AttestationError, |error| in_flow(ConfigError::Attestation(error));
        Malformed, TooLong, Type, Missing("exp"), Key, Subject, OtherKey, Expired,
        Algorithm { offered: AlgorithmSet::EMPTY.with(Algorithm::ES256) },
        PopAlgorithm {
            offered: AlgorithmSet::EMPTY.with(Algorithm::ES256), usable: AlgorithmSet::EMPTY.with(Algorithm::EdDSA)
        },
        NoPublicKey, NoKey, NoAttestation, NoPop, Unwanted);
    show!(page, oidc_proto::ConfigError, in_flow; Attestation(AttestationError::Expired));
    show!(page, oidc_drive::ProviderError, |error: ProviderError| said!(error);
        NoAudience, OtherIssuer("https://other.example".to_owned()), TwoIssuerRules);

    page.part("A source of credentials (`oidc_drive::source::Source`)");
    for reason in [
        SourceReason::File(ErrorKind::NotFound),
        SourceReason::File(ErrorKind::PermissionDenied),
        SourceReason::Environment,
        SourceReason::EnvironmentOf("ACTIONS_ID_TOKEN_REQUEST_URL"),
        SourceReason::NoResponse("credential source at metadata.example:80: connection refused".to_owned()),
        SourceReason::Status(404),
        SourceReason::Member("value"),
        SourceReason::Empty,
        SourceReason::TooLong,
        SourceReason::Characters,
        SourceReason::Url("it is not https".to_owned()),
        SourceReason::Program("no identity issued".to_owned()),
    ] {
        let source = SourceError::new("the file /run/token", reason);
        crate::page::shows_itself(&source);
        page.mark("oidc_drive::SourceError");
        show!(page, oidc_drive::ProviderError, |error: ProviderError| said!(error); Source(source.clone()));
    }

    page.part("A template of issuers (`IssuerRule::template`)");
    show!(page, oidc_proto::IssuerRuleError, |error: IssuerRuleError| said!(error); Placeholder, Member);

    page.part("A private key (`RingSigner`), and a client that signs with it");
    show!(page, oidc_proto::SignError, in_flow;
        KeyRejected, Pem, Json(JsonError::NotJson), Jwk(KeyError::RsaTooShort), MissingAlgorithm,
        AlgorithmMismatch, SecretTooShort, NeedsBackend(oidc_proto::jose::Algorithm::MlDsa44), Header("alg"), Failed);
    show!(page, oidc_proto::SignError, |error: SignError| said!(error, without a code); KeyRejected, Failed);

    page.part("A resource server (`ResourceServerBuilder::build`)");
    show!(page, oidc_proto::ResourceServerError, |error: ResourceServerError| said!(error);
        NoIssuer, TooManyIssuers, Issuer, IssuerTwice, Template, TwoIntrospectors, Text("realm"), Origin,
        Metadata, NoAuthorizationServer, Mcp("TrustedIssuer::introspects_without_audience"));

    page.part("A gate (`GateBuilder::build`)");
    let issuer = || "https://op.example".to_owned();
    show!(page, oidc_drive::GateError, |error: GateError| said!(error);
        NotTrusted(issuer()), IssuerRule(issuer()), Template("https://login.example/{tenantid}/v2.0".to_owned()),
        Issuer("http://op.example".to_owned(), ConfigError::Issuer(UrlError::PlainHttp).into()), NoClient,
        NoIntrospector);

    page.part("A request of the program to an API (`ResourceOrigins::new`, `ResourceRequest::new`, `Provider::api`)");
    show!(page, oidc_proto::ResourceRequestError, |error: ResourceRequestError| said!(error);
        Origin(UrlError::PlainHttp), Origin(UrlError::NotAbsolute), NotAnOrigin, Url(UrlError::PlainHttp),
        Url(UrlError::NotAbsolute), OtherOrigin, Credentials("header Authorization"), Credentials("parameter access_token"));
    let api = |error: ApiError<String>| said!(error);
    show!(page, oidc_drive::ApiError, api; Request(ResourceRequestError::OtherOrigin),
        Token(ProviderError::NoAudience), TooLarge { limit: 1_048_576 });

    page.part("A state that is sealed, saved, and comes back (`SealingKeys`)");
    show!(page, oidc_proto::SealError, |error: SealError| said!(error); TooLarge { bytes: 5000 }, NotSealed, Version, UnknownKey, Wrong, State);
}
