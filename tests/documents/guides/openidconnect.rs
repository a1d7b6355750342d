//! The code of `docs/migrate-openidconnect.md`.

use super::{loopback, socket, visit};
use oidc_proto::flow::PreviousLogin;

// GUIDE: handle
mod handle {
    use oidc_hyper::{Http, Provider, ProviderError};
    use oidc_proto::UrlPolicy;

    pub fn provider(issuer: &str, urls: UrlPolicy) -> Result<Provider, ProviderError> {
        Http::new()
            .provider(issuer)
            .url_policy(urls) // `UrlPolicy::default()`, unless the provider is on this machine
            .client_id("my-client")
            .secret("my secret")
            .redirect_uri("https://app.example/callback")
            .build()
    }
}
// GUIDE: end

// GUIDE: login
mod login {
    use oidc_hyper::{Provider, ProviderError};
    use oidc_proto::{flow::*, message::*};
    use url::Url;

    pub async fn begin(provider: &Provider) -> Result<(Url, PendingAuthorization), ProviderError> {
        provider.authorize(&AuthorizationRequest::new(["profile", "email"])).await
    }

    pub async fn end(
        provider: &Provider,
        pending: PendingAuthorization, // the value from `begin`, out of the session
        callback: &str,                // the URL at which the user came back
    ) -> Result<Authenticated, Box<dyn std::error::Error + Send + Sync>> {
        Ok(provider.callback(pending, AuthorizationResponse::from_url(callback)?).await?)
    }
}
// GUIDE: end

// GUIDE: claims
mod claims {
    use oidc_proto::token::IdToken;

    pub struct User {
        pub subject: String,
        pub email: Option<String>,
        pub groups: Vec<String>, // a claim of your own: no type parameter
    }

    pub fn user(id_token: &IdToken) -> User {
        User {
            subject: id_token.sub.clone(),
            email: id_token.claim("email"),
            groups: id_token.claim("groups").unwrap_or_default(),
        }
    }
}
// GUIDE: end

// GUIDE: refresh
mod refresh {
    use oidc_hyper::{Provider, ProviderError};
    use oidc_proto::{Secret, flow::*, message::*};

    pub async fn refresh(
        provider: &Provider,
        refresh_token: &Secret,
        previous: PreviousLogin, // `PreviousLogin::from(&login.id_token)`, kept beside the refresh token
        sub: &str,               // `login.id_token.sub`: UserInfo must be about this user
    ) -> Result<(UserInfo, Option<Secret>), ProviderError> {
        let refreshed = provider.refresh(refresh_token, Some(previous)).await?;
        let tokens = &refreshed.tokens;
        let userinfo = provider.userinfo(&tokens.access_token, sub).await?;
        Ok((userinfo, tokens.refresh_token.clone())) // keep this one, whether or not it is new
    }
}
// GUIDE: end

// GUIDE: client
mod client {
    use oidc_hyper::{Http, moment};
    use oidc_proto::{UrlPolicy, flow::*, message::*};

    pub async fn log_in(
        http: &Http, // or any HTTP client, with `oidc_drive::run_async`
        issuer: &str,
        urls: &UrlPolicy,
        visit: impl AsyncFn(&str) -> String,
    ) -> Result<Authenticated, Box<dyn std::error::Error + Send + Sync>> {
        let metadata = http.run(Discovery::start(issuer, urls)?).await?;
        let client = Client::builder(metadata, "my-client")
            .secret("my secret")
            .redirect_uri("https://app.example/callback")
            .build()?;
        let request = AuthorizationRequest::new(["profile", "email"]);
        let (url, pending) = client.authorize(&request, moment())?;
        let response = AuthorizationResponse::from_url(&visit(url.as_str()).await)?;
        Ok(http.run(pending.callback(&client, None, response, moment())?).await?)
    }
}
// GUIDE: end

// GUIDE: others
mod others {
    use oidc_hyper::{Provider, ProviderError};
    use oidc_proto::{Secret, flow::*, message::*};

    pub async fn service_token(provider: &Provider) -> Result<Secret, ProviderError> {
        let token = provider.client_credentials(&ClientCredentialsRequest::new(["api:read"])).await?;
        Ok(token.value.access_token.clone())
    }

    pub async fn introspect(
        provider: &Provider,
        token: &Secret,
    ) -> Result<IntrospectionResponse, ProviderError> {
        let client = provider.client().await?; // for flows without a method
        provider.run(client.introspect(token, Some(TokenTypeHint::AccessToken), oidc_drive::moment())?).await
    }
}
// GUIDE: end

// GUIDE: id_token
mod id_token {
    use oidc_proto::{Secret, Timestamp, jose::KeySet, token::*};

    pub fn check(
        token: &Secret,
        issuer: &str,
        keys: &KeySet,
        nonce: &str,
        now: Timestamp,
    ) -> Result<IdToken, VerificationError> {
        let mut expected = Expected::default();
        expected.nonce = Some(nonce);
        IdTokenVerifier::new(issuer, "my-client").verify(token, keys, &expected, now)
    }
}
// GUIDE: end

#[tokio::test]
async fn a_login_begins_completes_and_is_refreshed() {
    let socket = socket();
    socket.provider(|provider| {
        provider.alter_id_token(|_, claims| {
            claims.insert("email".into(), "alice@example.com".into());
            claims.insert("groups".into(), vec!["staff"].into());
        });
    });
    let provider = handle::provider(socket.issuer(), loopback()).expect("settings that fit");
    let (url, pending) = login::begin(&provider).await.expect("metadata");
    let login = login::end(&provider, pending, &visit(&socket, &url)).await.expect("a login");
    let user = claims::user(&login.id_token);
    assert_eq!((&*user.subject, user.email.as_deref()), ("alice", Some("alice@example.com")));
    assert_eq!(user.groups, ["staff"]);
    let (token, previous) = (login.tokens.refresh_token.unwrap(), PreviousLogin::from(&login.id_token));
    let (userinfo, next) = refresh::refresh(&provider, &token, previous, "alice").await.expect("new tokens");
    assert_eq!(userinfo.sub, "alice");
    assert!(next.is_some_and(|next| !next.equals(token.expose())), "the provider rotates");
    socket.provider(|provider| provider.assert_clean());
}

#[tokio::test]
async fn a_callback_that_does_not_match_leads_to_no_token_request() {
    let socket = socket();
    let provider = handle::provider(socket.issuer(), loopback()).expect("settings that fit");
    let (_, pending) = login::begin(&provider).await.expect("metadata");
    let forged = "https://app.example/callback?code=stolen&state=another";
    let error = login::end(&provider, pending, forged).await.map(drop).unwrap_err();
    assert!(error.to_string().contains("`state` is missing or not the one sent"), "{error}");
    assert_eq!(socket.provider(|provider| provider.count(oidc_testkit::EndpointName::Token)), 0);
}

#[tokio::test]
async fn a_client_without_a_handle_logs_in_and_its_id_token_can_be_verified_again() {
    let socket = socket();
    let visit = async |url: &str| visit(&socket, &url.parse().expect("a URL"));
    let http = oidc_hyper::Http::new();
    let login = client::log_in(&http, socket.issuer(), &loopback(), visit).await.expect("a login");
    let keys = login.learned.keys.expect("the keys that it has fetched");
    let nonce = login.id_token.nonce.expect("a nonce");
    let (token, now) = (&login.id_token.token, oidc_drive::now());
    let again = id_token::check(token, socket.issuer(), &keys, &nonce, now).expect("an ID token");
    assert_eq!(again.sub, "alice");
    let other = id_token::check(token, socket.issuer(), &keys, "another", now).unwrap_err();
    assert_eq!(other.code(), "token_nonce");
    let later = id_token::check(token, socket.issuer(), &keys, &nonce, now.plus(86_400)).unwrap_err();
    assert_eq!(later.code(), "token_expired");
}

#[tokio::test]
async fn a_service_token_is_introspected() {
    let socket = socket();
    let provider = handle::provider(socket.issuer(), loopback()).expect("settings that fit");
    let token = others::service_token(&provider).await.expect("a token");
    let said = others::introspect(&provider, &token).await.expect("an answer");
    assert!(said.active && said.has_scope("api:read"), "{said:?}");
    let unknown = "no token".to_owned().into();
    assert!(!others::introspect(&provider, &unknown).await.expect("an answer").active);
}
