//! The recipes for services where everybody may have an account: Google, Apple, GitHub, GitLab and LinkedIn.

use super::world::{CALLBACK, World};
use oidc_drive::now;
use oidc_proto::{Secret, message::AuthorizationResponse};
use oidc_testkit::{EndpointName, Registration, hostile};
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
    use oidc_proto::{Secret, metadata::IssuerRule, token::*};

    pub async fn user(google: &Provider, id_token: &Secret) -> Result<IdToken, Box<dyn std::error::Error>> {
        let keys = google.keys().await?.value;
        let issuers = IssuerRule::exact(google.issuer()).or_exact("accounts.google.com"); // for old apps
        let verifier = IdTokenVerifier::new(google.issuer(), "my-client")
            .issuer_rule(issuers)
            .trusted_authorized_parties(["my-android-client"]); // `azp`: the client ID of the app itself
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
    let mut of_phone = claims.clone();
    of_phone["azp"] = "my-android-client".into();
    assert!(google_api::user(&provider, &token(&of_phone)).await.is_ok());
    let mut of_old_app = claims.clone();
    of_old_app["iss"] = "accounts.google.com".into();
    let user = google_api::user(&provider, &token(&of_old_app)).await.expect("an ID token");
    assert_eq!(user.iss, "accounts.google.com");
    for (name, value) in [
        ("aud", "another"),
        ("azp", "another"),
        ("iss", "google.com"),
        ("iss", "http://accounts.google.com"),
        ("iss", "https://accounts.google.com/"),
    ] {
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

// RECIPE: apple-login
mod apple_login {
    use oidc_drive::{Io, Provider, ProviderError};
    use oidc_proto::{Secret, message::*};

    pub fn provider(io: Io, client_secret: Secret) -> Result<Provider, ProviderError> {
        Provider::builder("https://appleid.apple.com", io)
            .client_id("com.example.web") // the Services ID
            .secret(client_secret)
            .redirect_uri("https://app.example/callback")
            .build()
    }

    pub fn request() -> AuthorizationRequest {
        AuthorizationRequest::new(["name", "email"]).response_mode(ResponseMode::FormPost)
    }

    /// Reads the form that the browser posts to the redirect URI.
    pub fn response(
        body: &[u8],
    ) -> Result<(AuthorizationResponse, Option<ClaimedUser>), oidc_proto::base::FormError> {
        let response = AuthorizationResponse::from_form(body)?;
        let user = response.claimed_user(); // at the user's first login, and never again
        Ok((response, user))
    }
}
// RECIPE: end

// RECIPE: apple-secret
mod apple_secret {
    use oidc_proto::{Secret, Timestamp, jose::*};
    use serde_json::json;

    pub fn client_secret(p8: &str, now: Timestamp) -> Result<Secret, SignError> {
        let key = RingSigner::from_pkcs8_pem(Algorithm::ES256, p8, Some("MYKEYID123"))?;
        let claims = json!({"iss": "MYTEAMID12", "sub": "com.example.web", "aud": "https://appleid.apple.com",
            "iat": now.0, "exp": now.0 + 30 * 86_400}); // six months at most
        Ok(sign_compact(&key, Default::default(), claims.to_string().as_bytes())?.into())
    }
}
// RECIPE: end

// RECIPE: apple-api
mod apple_api {
    use oidc_drive::{Provider, now};
    use oidc_proto::{Secret, token::*};

    pub async fn user(
        apple: &Provider,
        identity_token: &Secret,
        nonce: &str, // the one that the app has set
    ) -> Result<IdToken, Box<dyn std::error::Error>> {
        let keys = apple.keys().await?.value;
        let mut expected = Expected::default();
        expected.nonce = Some(nonce);
        let verifier = IdTokenVerifier::new(apple.issuer(), "com.example.app"); // the bundle ID
        Ok(verifier.verify(identity_token, &keys, &expected, now())?)
    }
}
// RECIPE: end

// RECIPE: gitlab-login
mod gitlab_login {
    use oidc_drive::{Io, Provider, ProviderError};
    use oidc_proto::message::AuthorizationRequest;

    pub fn provider(io: Io) -> Result<Provider, ProviderError> {
        Provider::builder("https://gitlab.com", io) // or your instance
            .client_id("my-client")
            .secret("my secret")
            .redirect_uri("https://app.example/callback")
            .build()
    }

    pub fn request() -> AuthorizationRequest {
        AuthorizationRequest::new(["profile", "email"])
    }
}
// RECIPE: end

// RECIPE: gitlab-api
mod gitlab_api {
    use oidc_drive::{Provider, now};
    use oidc_proto::{Secret, token::*};

    pub async fn job(gitlab: &Provider, token: &Secret) -> Result<IdToken, Box<dyn std::error::Error>> {
        let keys = gitlab.keys().await?.value;
        let verifier = IdTokenVerifier::new(gitlab.issuer(), "https://api.example");
        Ok(verifier.verify(token, &keys, &Expected::default(), now())?)
    }
}
// RECIPE: end

// RECIPE: linkedin-login
mod linkedin_login {
    use oidc_drive::{Io, Provider, ProviderError};
    use oidc_proto::{flow::*, message::AuthorizationRequest};

    pub fn provider(io: Io) -> Result<Provider, ProviderError> {
        let mut quirks = Quirks::default();
        quirks.no_nonce = true; // its ID tokens have none
        let post = ClientAuthentication::ClientSecretPost; // its metadata do not say so
        Provider::builder("https://www.linkedin.com/oauth", io)
            .client_id("my-client")
            .secret("my secret")
            .client(move |client| client.quirks(quirks).authentication(post))
            .redirect_uri("https://app.example/callback")
            .build()
    }

    pub fn request() -> AuthorizationRequest {
        AuthorizationRequest::new(["profile", "email"])
    }
}
// RECIPE: end

#[tokio::test]
async fn the_recipe_for_apple_runs() {
    let world = World::recorded("apple", &[]);
    world.id_tokens_have(json!({"email": "x@privaterelay.appleid.com", "email_verified": "true",
                                "is_private_email": "true"}));
    let p8 = rcgen::KeyPair::generate().expect("a key").serialize_pem();
    let secret = apple_secret::client_secret(&p8, now()).expect("a secret");
    world.set(|provider| {
        let client = Registration::post("com.example.web", secret.expose());
        provider.register(client.redirect_uri(CALLBACK));
    });
    let provider = apple_login::provider(world.io(), secret).expect("settings that fit");
    let (url, pending) = provider.authorize(&apple_login::request()).await.expect("metadata that fit");
    let (form, posted) = world.visit(&url);
    assert!(posted, "{url}");
    let user = "%7B%22name%22%3A%7B%22firstName%22%3A%22Ada%22%7D%7D";
    let (response, user) = apple_login::response(format!("{form}&user={user}").as_bytes()).expect("a form");
    assert_eq!(user.and_then(|user| user.first_name).as_deref(), Some("Ada"));
    let login = provider.callback(pending, response).await.expect("a login");
    assert_eq!(login.id_token.boolean("email_verified"), Some(true));
    world.set(|provider| provider.assert_clean());

    let claims = json!({"aud": "com.example.app", "sub": "0001.a", "nonce": "n", "nonce_supported": true});
    let token = Secret::new(world.token(None, &claims));
    assert_eq!(apple_api::user(&provider, &token, "n").await.expect("an ID token").sub, "0001.a");
    assert!(apple_api::user(&provider, &token, "another").await.is_err());
}

#[tokio::test]
async fn the_recipe_for_gitlab_runs() {
    let world = World::recorded("gitlab", &[]);
    world.id_tokens_have(json!({"groups_direct": ["octo/app"], "sub_legacy": "old"}));
    world.set(|provider| provider.opaque_access_tokens(true));
    let provider = gitlab_login::provider(world.io()).expect("settings that fit");
    let login = world.log_in(&provider, &gitlab_login::request()).await;
    assert_eq!(login.id_token.claim("groups_direct"), Some(vec!["octo/app".to_owned()]));
    world.set(|provider| provider.assert_clean());

    let claims = json!({"aud": "https://api.example", "sub": "project_path:octo/app:ref_type:branch:ref:main",
                        "project_path": "octo/app", "jti": "1"});
    let token = Secret::new(world.token(Some("JWT"), &claims));
    let job = gitlab_api::job(&provider, &token).await.expect("a token");
    assert_eq!(job.claim("project_path"), Some("octo/app".to_owned()));
    let mut other = claims;
    other["aud"] = "https://other.example".into();
    assert!(gitlab_api::job(&provider, &Secret::new(world.token(Some("JWT"), &other))).await.is_err());
}

#[tokio::test]
async fn the_recipe_for_linkedin_runs() {
    let words = [
        ("\"https://linkedin.example\"", "\"https://www.linkedin.com/oauth\""),
        ("api.linkedin.example", "api.linkedin.com"),
        ("linkedin.example", "www.linkedin.com"),
    ];
    let world = World::recorded("linkedin", &words);
    world.set(|provider| {
        provider.register(Registration::post("my-client", "my secret").redirect_uri(CALLBACK));
        provider.alter_id_token(hostile::remove_claim("nonce"));
        provider.opaque_access_tokens(true);
    });
    let provider = linkedin_login::provider(world.io()).expect("settings that fit");
    let login = world.log_in(&provider, &linkedin_login::request()).await;
    assert_eq!((login.id_token.sub.as_str(), login.id_token.nonce), ("alice", None));
    world.set(|provider| provider.assert_clean());
}
