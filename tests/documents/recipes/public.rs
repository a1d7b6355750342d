//! The recipes for services where everybody may have an account: Google and GitHub.

use super::world::World;
use oidc_proto::{Secret, message::AuthorizationResponse};
use oidc_testkit::{EndpointName, hostile};
use serde_json::json;

// RECIPE: google-login
mod google_login {
    use oidc_drive::{Io, Provider, ProviderError};
    use oidc_proto::{message::*, token::IdToken};

    pub fn provider(io: Io) -> Result<Provider, ProviderError> {
        Provider::builder("https://accounts.google.com", io)
            .client_id("my-client")
            .secret("my secret")
            .redirect_uri("https://app.example/callback")
            .build()
    }

    pub fn request() -> AuthorizationRequest {
        AuthorizationRequest::new(["profile", "email"])
            .parameter("access_type", "offline") // only for a refresh token
            .prompt([Prompt::Consent]) // only for a refresh token again
    }

    pub fn is_of(domain: &str, user: &IdToken) -> bool {
        user.claim::<String>("hd").is_some_and(|hd| hd == domain) // the parameter `hd` alone proves nothing
    }
}
// RECIPE: end

// RECIPE: google-api
mod google_api {
    use oidc_drive::{Provider, now};
    use oidc_proto::{Secret, token::*};

    pub async fn user(google: &Provider, id_token: &Secret) -> Result<IdToken, Box<dyn std::error::Error>> {
        let keys = google.keys().await?.value;
        let verifier = IdTokenVerifier::new(google.issuer(), "my-client");
        Ok(verifier.verify(id_token, &keys, &Expected::default(), now())?)
    }
}
// RECIPE: end

// RECIPE: github-login
mod github_login {
    use oidc_drive::{Provider, moment};
    use oidc_proto::{Secret, UrlPolicy, flow::*, message::*, metadata::*};
    use url::Url;

    const METADATA: &str = r#"{"issuer": "https://github.com", "response_types_supported": ["code"],
        "authorization_endpoint": "https://github.com/login/oauth/authorize",
        "token_endpoint": "https://github.com/login/oauth/access_token",
        "device_authorization_endpoint": "https://github.com/login/device/code",
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["client_secret_post"]}"#;

    pub fn client() -> Result<Client, Box<dyn std::error::Error>> {
        let (profile, urls) = (Profile::AuthorizationServer, UrlPolicy::default());
        let metadata = ProviderMetadata::parse(METADATA.as_bytes(), "https://github.com", profile, &urls)?;
        let client = Client::builder(metadata, "my-client").secret("my secret");
        Ok(client.redirect_uri("https://app.example/callback").build()?)
    }

    pub fn begin(client: &Client) -> Result<(Url, PendingAccess), oidc_proto::Error> {
        client.authorize_access(&AccessRequest::new(["read:user", "user:email"]), moment())
    }

    pub async fn end(
        handle: &Provider, // `Http::new().provider("https://github.com").build()?`, to send the request
        client: &Client,
        pending: PendingAccess,
        response: AuthorizationResponse,
    ) -> Result<Secret, Box<dyn std::error::Error>> {
        let call = pending.callback(client, response, moment())?;
        Ok(handle.run(call).await?.tokens.access_token) // `GET https://api.github.com/user` says whose it is
    }
}
// RECIPE: end

// RECIPE: github-api
mod github_api {
    use oidc_drive::{Io, Provider, ProviderError, now};
    use oidc_proto::{Secret, token::*};

    pub fn actions(io: Io) -> Result<Provider, ProviderError> {
        Provider::builder("https://token.actions.githubusercontent.com", io).build()
    }

    pub async fn job(actions: &Provider, token: &Secret) -> Result<IdToken, Box<dyn std::error::Error>> {
        let keys = actions.keys().await?.value;
        let verifier = IdTokenVerifier::new(actions.issuer(), "https://api.example");
        Ok(verifier.verify(token, &keys, &Expected::default(), now())?)
    }
}
// RECIPE: end

#[tokio::test]
async fn the_recipe_for_google_runs() {
    let world = World::recorded("google", &[]);
    world.id_tokens_have(json!({"hd": "staff.example", "azp": "my-client"}));
    world.set(|provider| {
        provider.allow_parameter(EndpointName::Authorize, "access_type");
        provider.opaque_access_tokens(true);
    });
    let provider = google_login::provider(world.io()).expect("settings that fit");
    let login = world.log_in(&provider, &google_login::request()).await;
    assert!(google_login::is_of("staff.example", &login.id_token));
    assert!(!google_login::is_of("example", &login.id_token));
    assert!(login.tokens.refresh_token.is_some());
    let sent = world.set(|provider| {
        provider.assert_clean();
        let sent = provider.requests().iter().find(|seen| seen.endpoint == EndpointName::Authorize);
        ["access_type", "prompt"].map(|name| sent.expect("a request").parameter(name))
    });
    assert_eq!(sent.map(Option::unwrap), ["offline", "consent"]);

    let claims = json!({"aud": "my-client", "sub": "alice", "azp": "my-client"});
    let token = |claims: &serde_json::Value| Secret::new(world.token(Some("JWT"), claims));
    let user = google_api::user(&provider, &token(&claims)).await.expect("an ID token");
    assert_eq!(user.sub, "alice");
    for (name, value) in [("aud", "another"), ("iss", "accounts.google.com")] {
        let mut other = claims.clone();
        other[name] = value.into();
        assert!(google_api::user(&provider, &token(&other)).await.is_err(), "{name}");
    }
    assert!(google_api::user(&provider, &login.tokens.access_token).await.is_err(), "it is opaque");
}

#[tokio::test]
async fn the_recipe_for_github_runs() {
    let client = github_login::client().expect("settings that fit");
    let url = |place: &str| format!("https://github.com/login/{place}");
    let world = World::described(json!({
        "issuer": "https://github.com", "token_endpoint_auth_methods_supported": ["client_secret_post"],
        "authorization_endpoint": url("oauth/authorize"), "token_endpoint": url("oauth/access_token"),
    }));
    let handle = oidc_drive::Provider::builder("https://github.com", world.io()).build().expect("an issuer");
    world.set(|provider| {
        provider.alter_response(EndpointName::Token, hostile::set_member("scope", "read:user,user:email"));
        provider.alter_response(EndpointName::Token, hostile::remove_member("expires_in"));
    });
    let end = async |code: Option<&str>| {
        let (url, pending) = github_login::begin(&client).expect("a request");
        assert!(url.as_str().contains("code_challenge_method=S256"), "{url}");
        let (mut query, _) = world.visit(&url);
        if let Some(code) = code {
            let (_, state) = query.split_once("state=").expect("a state");
            query = format!("code={code}&state={state}");
        }
        let response = AuthorizationResponse::from_query(&query).expect("a response");
        github_login::end(&handle, &client, pending, response).await
    };
    assert!(!end(None).await.expect("a token").expose().is_empty());
    world.set(|provider| provider.assert_clean());
    // GitHub refuses with status 200.
    let refusal =
        r#"{"error":"bad_verification_code","error_description":"The code passed is incorrect or expired."}"#;
    world.set(|provider| {
        provider.alter_response(EndpointName::Token, hostile::respond(200, "application/json", refusal));
    });
    let error = end(Some("expired")).await.unwrap_err().to_string();
    assert!(error.contains("bad_verification_code"), "{error}");
}

#[tokio::test]
async fn the_recipe_for_github_actions_runs() {
    let world = World::recorded("github-actions", &[]);
    let actions = github_api::actions(world.io()).expect("settings that fit");
    let claims = json!({"aud": "https://api.example", "sub": "repo:octo/app:ref:refs/heads/main", "jti": "1",
                        "repository": "octo/app", "repository_owner": "octo"});
    let token = Secret::new(world.token(Some("JWT"), &claims));
    let job = github_api::job(&actions, &token).await.expect("a token");
    assert_eq!(job.claim("repository"), Some("octo/app".to_owned()));
    let mut other = claims;
    other["aud"] = "https://github.com/octo".into();
    let token = Secret::new(world.token(Some("JWT"), &other));
    assert!(github_api::job(&actions, &token).await.is_err(), "it is for another service");
}
