//! The code of `docs/migrate-py-identity-model.md`.

use super::{loopback, socket, visit};
use oidc_proto::{Secret, flow::PreviousLogin};
use oidc_testkit::{EndpointName, Socket};
use tower_service::Service;

// GUIDE: handle
mod handle {
    use oidc_proto::UrlPolicy;
    use oidc_ureq::{Http, Provider, ProviderError};

    /// Makes the handle. Call it once, when the program starts. It sends no request before it needs one.
    pub fn provider(issuer: &str, urls: UrlPolicy) -> Result<Provider, ProviderError> {
        Http::new()
            .provider(issuer) // the issuer, not the address of its discovery document
            .url_policy(urls) // `UrlPolicy::default()`, unless the provider is on this machine
            .client_id("my-client")
            .secret("my secret")
            .redirect_uri("https://app.example/callback")
            .audience("https://api.example/")
            .build()
    }
}
// GUIDE: end

// GUIDE: discovery
mod discovery {
    use oidc_ureq::{Provider, ProviderError};

    pub fn describe(provider: &Provider) -> Result<String, ProviderError> {
        let (metadata, keys) = (provider.metadata()?, provider.keys()?);
        let endpoint = metadata.token_endpoint.as_ref().map_or("none", |url| url.as_str());
        let names: Vec<_> = keys.value.keys().filter_map(|key| key.kid()).collect();
        Ok(format!("token endpoint {endpoint}, keys {}", names.join(" ")))
    }
}
// GUIDE: end

// GUIDE: service
mod service {
    use oidc_proto::{Secret, flow::ClientCredentialsRequest};
    use oidc_ureq::{Provider, ProviderError};

    pub fn service_token(provider: &Provider) -> Result<Secret, ProviderError> {
        let token = provider.client_credentials(&ClientCredentialsRequest::new(["api:read"]))?;
        Ok(token.value.access_token.clone())
    }
}
// GUIDE: end

// GUIDE: validate
mod validate {
    use oidc_ureq::{Provider, ProviderError};

    pub fn may_read(provider: &Provider, token: &str) -> Result<bool, ProviderError> {
        provider.verify(token, |token| {
            let by_whom = token.claims().sub.as_deref();
            by_whom.is_some() && token.has_scope("api:read") // the work of `claims_validator`
        })
    }
}
// GUIDE: end

// GUIDE: login
mod login {
    use oidc_proto::{flow::*, message::*};
    use oidc_ureq::{Provider, ProviderError};

    /// Send the user to the URL, and keep the pending login in their session. It serializes.
    pub fn begin(provider: &Provider) -> Result<(String, PendingAuthorization), ProviderError> {
        let (url, pending) = provider.authorize(&AuthorizationRequest::new(["profile", "email"]))?;
        Ok((url.into(), pending))
    }

    /// Take `pending` out of the session first.
    pub fn end(
        provider: &Provider,
        pending: PendingAuthorization,
        callback: &str,
    ) -> Result<Authenticated, Box<dyn std::error::Error + Send + Sync>> {
        Ok(provider.callback(pending, AuthorizationResponse::from_url(callback)?)?)
    }
}
// GUIDE: end

// GUIDE: refresh
mod refresh {
    use oidc_proto::{Secret, flow::PreviousLogin, message::UserInfo};
    use oidc_ureq::{Provider, ProviderError};

    pub fn userinfo(
        provider: &Provider,
        refresh_token: &mut Secret, // in the session
        previous: &PreviousLogin,   // `PreviousLogin::from(&login.id_token)`
        sub: &str,
    ) -> Result<UserInfo, ProviderError> {
        let refreshed = provider.refresh(refresh_token, Some(previous.clone()))?;
        if let Some(next) = &refreshed.tokens.refresh_token {
            *refresh_token = next.clone(); // first, because the next call may fail
        }
        provider.userinfo(&refreshed.tokens.access_token, sub)
    }
}
// GUIDE: end

// GUIDE: errors
mod errors {
    use oidc_proto::{Error, flow::CallbackError};
    use oidc_ureq::ProviderError;

    pub fn whose_fault(error: &ProviderError) -> &'static str {
        match error {
            ProviderError::AccessToken(_) => "the sender of the token: 401",
            ProviderError::Protocol(Error::Callback(CallbackError::Denied(_))) => "nobody: the user declined",
            ProviderError::Protocol(Error::Callback(_)) => "the sender of the callback: begin again",
            ProviderError::Protocol(Error::OAuth(_)) => "the provider refused: read `error`",
            ProviderError::Protocol(Error::Config(_)) | ProviderError::NoAudience => "our settings",
            ProviderError::NoResponse(_) | ProviderError::Unavailable(_) => "the network: 503",
            _ => "the provider: it broke the specification",
        }
    }
}
// GUIDE: end

// GUIDE: aio
mod aio {
    use oidc_hyper::{Http, Provider, ProviderError};

    pub fn provider(issuer: &str, urls: oidc_proto::UrlPolicy) -> Result<Provider, ProviderError> {
        Http::new().provider(issuer).url_policy(urls).audience("https://api.example/").build()
    }

    pub async fn may_read(provider: &Provider, token: &str) -> Result<bool, ProviderError> {
        provider.verify(token, |token| token.has_scope("api:read")).await
    }
}
// GUIDE: end

// GUIDE: api
mod api {
    use axum::{Router, routing::get};
    use oidc_axum::{Access, Gate, protect, require_scope};
    use oidc_proto::{UrlPolicy, resource::*};

    pub fn api(issuer: &str, urls: UrlPolicy) -> Result<Router, Box<dyn std::error::Error + Send + Sync>> {
        let trusted = TrustedIssuer::new(issuer);
        let server = ResourceServer::builder("https://api.example/").trust(trusted).build()?;
        let gate = Gate::builder(server, oidc_hyper::Http::new().io()).url_policy(urls).build()?;
        Ok(Router::new()
            .route("/me", get(async |access: Access| access.subject().unwrap_or_default().to_owned()))
            .route("/reports", get(async || "reports").layer(require_scope("reports:read")))
            .layer(protect(gate)))
    }
}
// GUIDE: end

fn provider(socket: &Socket) -> oidc_ureq::Provider {
    handle::provider(socket.issuer(), loopback()).expect("settings that fit")
}

#[test]
fn metadata_keys_and_a_service_token_are_fetched_once() {
    let socket = socket();
    let provider = provider(&socket);
    let described = discovery::describe(&provider).expect("metadata and keys");
    assert!(described.contains(&format!("{}/token", socket.issuer())), "{described}");
    let token = service::service_token(&provider).expect("a token");
    for _ in 0..3 {
        assert_eq!(service::service_token(&provider), Ok(token.clone()));
        assert_eq!(validate::may_read(&provider, token.expose()), Ok(true));
    }
    let asked = [EndpointName::Discovery, EndpointName::Jwks, EndpointName::Token];
    assert_eq!(asked.map(|name| socket.provider(|provider| provider.count(name))), [1, 1, 1]);
    socket.provider(|provider| provider.assert_clean());
}

#[test]
fn a_user_logs_in_and_their_tokens_are_refreshed() {
    let socket = socket();
    let provider = provider(&socket);
    let (url, pending) = login::begin(&provider).expect("metadata");
    let back = visit(&socket, &url.parse().expect("a URL"));
    let login = login::end(&provider, pending, &back).expect("a login");
    let (first, previous) = (login.tokens.refresh_token.unwrap(), PreviousLogin::from(&login.id_token));
    let mut kept: Secret = first.clone();
    let userinfo = refresh::userinfo(&provider, &mut kept, &previous, &login.id_token.sub);
    assert_eq!(userinfo.expect("claims").sub, "alice");
    assert_ne!(kept, first, "the provider rotates");
    socket.provider(|provider| provider.assert_clean());
}

#[test]
fn an_error_tells_who_is_to_blame() {
    let socket = socket();
    let provider = provider(&socket);
    let bad = validate::may_read(&provider, "a.b.c").unwrap_err();
    assert_eq!(errors::whose_fault(&bad), "the sender of the token: 401");
    socket.provider(|provider| provider.deny_next("access_denied"));
    let (url, pending) = login::begin(&provider).expect("metadata");
    let denied = login::end(&provider, pending, &visit(&socket, &url.parse().expect("a URL")));
    let denied = denied.map(drop).unwrap_err().downcast::<oidc_ureq::ProviderError>().expect("its type");
    assert_eq!(errors::whose_fault(&denied), "nobody: the user declined");
    drop(socket);
    let gone = provider.refresh(&Secret::new("a refresh token"), None).map(drop).unwrap_err();
    assert_eq!(errors::whose_fault(&gone), "the network: 503");
}

#[tokio::test(flavor = "multi_thread")]
async fn async_code_is_the_same_with_await() {
    let socket = socket();
    let token = service::service_token(&provider(&socket)).expect("a token");
    let provider = aio::provider(socket.issuer(), loopback()).expect("settings that fit");
    assert_eq!(aio::may_read(&provider, token.expose()).await, Ok(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_is_protected_by_a_layer() {
    let socket = socket();
    let token = service::service_token(&provider(&socket)).expect("a token");
    let mut api = api::api(socket.issuer(), loopback()).expect("settings that fit");
    for (path, sent, status) in [("/me", true, 200), ("/me", false, 401), ("/reports", true, 403)] {
        let mut request = http::Request::get(path);
        if sent {
            request = request.header("authorization", format!("Bearer {}", token.expose()));
        }
        let request = request.body(axum::body::Body::empty()).expect("a request");
        let response = api.call(request).await.expect("an answer");
        assert_eq!(response.status(), status, "{path} {sent}");
    }
}
