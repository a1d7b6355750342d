//! The errors of a handle for a resource of which the program knows the URL alone.

use crate::{
    network::not_available,
    page::{Page, Said, said, show},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use oidc_drive::{
    resource::{AccessError, NoResponseError, ResourceError},
    stack,
    store::StoreError,
};
use oidc_proto::{
    Error, Secret, Timestamp, UrlPolicy,
    flow::{
        ClientIdentities, ConfigError, NoClientIdentityError, ResourceOrigins, ResourceOutcome,
        ResourceRequest, ResourceRequestError, ResourceStep, ScopeStepUpError,
    },
    metadata::{Profile, ProviderMetadata},
    renew::RenewalError,
};

/// The refusal of a resource that no token helps against.
fn refused() -> AccessError {
    let origins = ResourceOrigins::new("https://mcp.example", &UrlPolicy::default()).unwrap();
    let uri = http::Uri::from_static("https://mcp.example/mcp");
    let request = ResourceRequest::new(&origins, &http::Method::POST, &uri, &HeaderMap::new()).unwrap();
    let (_, pending) = request.with_bearer(&Secret::new("2YotnFZFEjr1zCsicMWpAA")).unwrap();
    let challenge = r#"Bearer error="invalid_request", error_description="no such tool""#;
    let headers = HeaderMap::from_iter([(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge))]);
    match pending.receive(StatusCode::BAD_REQUEST, &headers) {
        ResourceStep::Done(ResourceOutcome::Refused(challenge)) => AccessError::Refused(challenge),
        other => panic!("{other:?}"),
    }
}

fn no_identity() -> NoClientIdentityError {
    let document = br#"{"issuer": "https://as.example", "response_types_supported": ["code"]}"#;
    let (profile, policy) = (Profile::AuthorizationServer, UrlPolicy::default());
    let server = ProviderMetadata::parse(document, "https://as.example", profile, &policy).unwrap();
    ClientIdentities::new().choose(&server, None, Timestamp(0)).unwrap_err()
}

pub(crate) fn show(page: &mut Page) {
    page.part("More scopes for a resource (`ScopeStepUp`)");
    show!(page, oidc_proto::ScopeStepUpError, |error: ScopeStepUpError| said!(error);
        NothingNew, NoScope, NotAllowed, TooOften { limit: 3 }, TooMany);

    page.part("A request to a resource that is known by its URL (`Resource`)");
    let access = |error: AccessError| -> Said { said!(error) };
    show!(page, oidc_drive::AccessError, access;
        Request(ResourceRequestError::OtherOrigin),
        Provider(Error::from(ConfigError::NoRedirectUri).into()),
        Identity(no_identity()),
        Scope(ScopeStepUpError::NothingNew),
        Browser("the window was closed".to_owned()),
        NoGrant,
        Unavailable(not_available(RenewalError::NoResponse)),
        Store(StoreError::NoAnswer("connection refused".to_owned())));
    page.mark("oidc_drive::AccessError::Refused");
    page.add(access(refused()));
    page.mark("oidc_drive::ResourceError::Transport");
    let lost = ResourceError::Transport(stack::Error::Timeout);
    page.add(said!(lost));
    page.mark("oidc_drive::NoResponseError");
    let lost = ResourceError::Transport(NoResponseError::from("mcp.example:443: no network".to_owned()));
    page.add(said!(lost));
    page.mark("oidc_drive::ResourceError::TooLarge");
    let large = ResourceError::<stack::Error>::TooLarge { limit: 1024 };
    page.add(said!(large));
    page.mark("oidc_drive::ResourceError::Access");
    let access = ResourceError::<stack::Error>::Access(AccessError::NoGrant);
    page.add(said!(access));
}
