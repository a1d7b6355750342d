//! The recipes for services in which one has a tenant: Entra, Okta, Auth0 and Cognito.

use super::world::{World, ask};
use oidc_testkit::EndpointName;
use serde_json::json;

const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";

// RECIPE: entra-login
mod entra_login {
    use oidc_drive::{Io, Provider, ProviderError};
    use oidc_proto::message::AuthorizationRequest;

    const ISSUER: &str = "https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0";

    pub fn provider(io: Io) -> Result<Provider, ProviderError> {
        Provider::builder(ISSUER, io)
            .client_id("my-client")
            .secret("my secret")
            .redirect_uri("https://app.example/callback")
            .build()
    }

    pub fn request() -> AuthorizationRequest {
        AuthorizationRequest::new(["profile", "email", "offline_access", "api://my-api/orders.read"])
    }
}
// RECIPE: end

// RECIPE: entra-tenants
mod entra_tenants {
    use oidc_drive::{Io, Provider, ProviderError};
    use oidc_proto::{UrlPolicy, flow::DiscoveryOptions, metadata::*};

    pub fn provider(io: Io, tenants: Vec<String>) -> Result<Provider, ProviderError> {
        let rule = IssuerRule::entra(AllowedTenants::List(tenants)); // or `AnyUuid`: everybody
        let options = DiscoveryOptions::of_profile(Profile::OpenIdProvider, &UrlPolicy::default());
        Provider::builder("https://login.microsoftonline.com/common/v2.0", io)
            .discovery(options.issuer_rule(rule))
            .client_id("my-client")
            .secret("my secret")
            .redirect_uri("https://app.example/callback")
            .build()
    }
}
// RECIPE: end

// RECIPE: entra-api
mod entra_api {
    use oidc_drive::{Gate, Io};
    use oidc_proto::resource::{ResourceServer, TrustedIssuer};

    pub fn gate(io: Io) -> Result<Gate, Box<dyn std::error::Error>> {
        let entra = TrustedIssuer::entra("aaaabbbb-0000-cccc-1111-dddd2222eeee")
            .access_tokens(|t| t.or_audience("00001111-aaaa-2222-bbbb-3333cccc4444")); // the API's client ID
        let server = ResourceServer::builder("api://my-api").trust(entra).build()?;
        Ok(Gate::builder(server, io).build()?)
    }
}
// RECIPE: end

// RECIPE: entra-everywhere
mod entra_everywhere {
    use oidc_drive::{Gate, Io};
    use oidc_proto::{metadata::*, resource::*};

    pub fn gate(io: Io, tenants: Vec<String>) -> Result<Gate, Box<dyn std::error::Error>> {
        let rule = IssuerRule::entra(AllowedTenants::List(tenants));
        let entra = TrustedIssuer::new("https://login.microsoftonline.com/common/v2.0")
            .access_tokens(|t| t.issuer_rule(rule).accept_plain_jwt())
            .access_tokens(|t| t.or_audience("00001111-aaaa-2222-bbbb-3333cccc4444"));
        let server = ResourceServer::builder("api://my-api").trust(entra).build()?;
        Ok(Gate::builder(server, io).build()?)
    }
}
// RECIPE: end

#[tokio::test]
async fn the_recipe_for_entra_runs() {
    let of_tenant = [("{tenantid}", TENANT), ("/common/", "/aaaabbbb-0000-cccc-1111-dddd2222eeee/")];
    let world = World::recorded("entra-common", &of_tenant);
    world.id_tokens_have(json!({"tid": TENANT, "ver": "2.0"}));
    let provider = entra_login::provider(world.io()).expect("settings that fit");
    let login = world.log_in(&provider, &entra_login::request()).await;
    assert_eq!(login.id_token.claim("tid"), Some(TENANT.to_owned()));
    world.set(|provider| provider.assert_clean());

    let gate = entra_api::gate(world.io()).expect("settings that fit");
    let token = json!({"aud": "00001111-aaaa-2222-bbbb-3333cccc4444", "azp": "my-client", "azpacr": "1", "ver": "2.0",
                       "scp": "orders.read", "sub": "HKZp", "tid": TENANT, "roles": ["clerk"]});
    let access = world.ask(&gate, Some("JWT"), &token).await.expect("access");
    assert_eq!(access.client_id(), Some("my-client"));
    assert!(access.has_scope("orders.read") && access.has_role("/roles", "clerk"));
    let mut graph = token.clone();
    graph["aud"] = "00000003-0000-0000-c000-000000000000".into();
    assert_eq!(world.ask(&gate, Some("JWT"), &graph).await.err(), Some("token_audience"));
    let mut old = token;
    old["iss"] = format!("https://sts.windows.net/{TENANT}/").into();
    assert_eq!(world.ask(&gate, Some("JWT"), &old).await.err(), Some("token_untrusted_issuer"));
}

#[tokio::test]
async fn the_recipe_for_entra_with_several_tenants_runs() {
    let issuer = format!("https://login.microsoftonline.com/{TENANT}/v2.0");
    let common = "https://login.microsoftonline.com/common/v2.0";
    let world = World::shared("entra-common", &issuer, common);
    world.id_tokens_have(json!({"tid": TENANT, "ver": "2.0"}));
    let provider = entra_tenants::provider(world.io(), vec![TENANT.to_owned()]).expect("settings that fit");
    let login = world.log_in(&provider, &entra_login::request()).await;
    assert_eq!(login.id_token.iss, issuer);
    let token = json!({"aud": "00001111-aaaa-2222-bbbb-3333cccc4444", "azp": "my-client", "azpacr": "1", "ver": "2.0",
                       "scp": "orders.read", "sub": "HKZp", "tid": TENANT});
    let strangers = vec!["11112222-aaaa-3333-bbbb-4444cccc5555".to_owned()];
    let gate = entra_everywhere::gate(world.io(), vec![TENANT.to_owned()]).expect("settings that fit");
    let access = world.ask(&gate, Some("JWT"), &token).await.expect("access");
    assert_eq!(access.issuer(), issuer);
    let gate = entra_everywhere::gate(world.io(), strangers.clone()).expect("settings that fit");
    assert!(world.ask(&gate, Some("JWT"), &token).await.is_err(), "of a tenant that is not named");
    let provider = entra_tenants::provider(world.io(), strangers).expect("settings that fit");
    let error = world.try_log_in(&provider, &entra_login::request()).await.unwrap_err();
    assert_eq!(error.code(), "token_issuer");
}

// RECIPE: okta-login
mod okta_login {
    use oidc_drive::{Io, Provider, ProviderError};
    use oidc_proto::message::AuthorizationRequest;

    pub fn provider(io: Io) -> Result<Provider, ProviderError> {
        Provider::builder("https://example.okta.com/oauth2/default", io)
            .client_id("my-client")
            .secret("my secret")
            .redirect_uri("https://app.example/callback")
            .build()
    }

    pub fn request() -> AuthorizationRequest {
        AuthorizationRequest::new(["profile", "email", "offline_access"])
    }
}
// RECIPE: end

// RECIPE: okta-api
mod okta_api {
    use oidc_drive::{Gate, Io};
    use oidc_proto::resource::{ResourceServer, TrustedIssuer};

    pub fn gate(io: Io) -> Result<Gate, Box<dyn std::error::Error>> {
        let okta = TrustedIssuer::okta("https://example.okta.com/oauth2/default");
        let server = ResourceServer::builder("api://default").trust(okta).build()?;
        Ok(Gate::builder(server, io).build()?)
    }
}
// RECIPE: end

// RECIPE: auth0-login
mod auth0_login {
    use oidc_drive::{Io, Provider, ProviderError};
    use oidc_proto::message::AuthorizationRequest;

    pub fn provider(io: Io) -> Result<Provider, ProviderError> {
        Provider::builder("https://example.eu.auth0.com/", io) // with the slash
            .client_id("my-client")
            .secret("my secret")
            .redirect_uri("https://app.example/callback")
            .build()
    }

    pub fn request() -> AuthorizationRequest {
        AuthorizationRequest::new(["profile", "email", "offline_access"])
            .parameter("audience", "https://api.example") // or the access token is opaque
    }
}
// RECIPE: end

// RECIPE: auth0-api
mod auth0_api {
    use oidc_drive::{Gate, Io};
    use oidc_proto::resource::{ResourceServer, TrustedIssuer};

    pub fn gate(io: Io) -> Result<Gate, Box<dyn std::error::Error>> {
        let auth0 = TrustedIssuer::auth0("example.eu.auth0.com");
        let server = ResourceServer::builder("https://api.example").trust(auth0).build()?;
        Ok(Gate::builder(server, io).build()?)
    }
}
// RECIPE: end

// RECIPE: cognito-login
mod cognito_login {
    use oidc_drive::{Io, Provider, ProviderError};
    use oidc_proto::message::AuthorizationRequest;

    pub fn provider(io: Io) -> Result<Provider, ProviderError> {
        Provider::builder("https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_EXAMPLE", io)
            .client_id("my-client")
            .secret("my secret") // not if the app client has none
            .redirect_uri("https://app.example/callback")
            .build()
    }

    pub fn request() -> AuthorizationRequest {
        AuthorizationRequest::new(["profile", "email"])
    }
}
// RECIPE: end

// RECIPE: cognito-api
mod cognito_api {
    use oidc_drive::{Gate, Io};
    use oidc_proto::resource::{ResourceServer, TrustedIssuer};

    pub fn gate(io: Io) -> Result<Gate, Box<dyn std::error::Error>> {
        let cognito = TrustedIssuer::cognito("eu-west-1", "eu-west-1_EXAMPLE")
            .access_tokens(|t| t.or_audience("my-client")); // each app client that may call
        let server = ResourceServer::builder("https://api.example").trust(cognito).build()?;
        Ok(Gate::builder(server, io).build()?)
    }
}
// RECIPE: end

#[tokio::test]
async fn the_recipe_for_okta_runs() {
    let world = World::recorded("okta-custom-as", &[("dev-265911.oktapreview.com", "example.okta.com")]);
    world.id_tokens_have(json!({"ver": 1, "amr": ["pwd"], "idp": "00o1"}));
    let provider = okta_login::provider(world.io()).expect("settings that fit");
    let login = world.log_in(&provider, &okta_login::request()).await;
    assert_eq!(login.id_token.sub, "alice");
    world.set(|provider| provider.assert_clean());

    let gate = okta_api::gate(world.io()).expect("settings that fit");
    let token = json!({"aud": "api://default", "cid": "my-client", "uid": "00u1", "sub": "alice@app.example", "ver": 1,
                       "jti": "AT.1", "scp": ["openid", "email"]});
    let access = world.ask(&gate, None, &token).await.expect("access");
    assert!(access.has_scope("email"));
    assert_eq!(access.client_id(), Some("my-client"));
    let mut other = token;
    other["iss"] = "https://example.okta.com".into();
    assert_eq!(
        world.ask(&gate, None, &other).await.err(),
        Some("token_untrusted_issuer"),
        "of the organization"
    );
    let id_token = json!({"aud": "api://default", "sub": "00u1", "ver": 1, "jti": "ID.1", "amr": ["pwd"]});
    assert_eq!(world.ask(&gate, None, &id_token).await.err(), Some("token_is_id_token"));
}

#[tokio::test]
async fn the_recipe_for_auth0_runs() {
    let world = World::recorded("auth0", &[("micronautguides.eu", "example.eu")]);
    world.set(|provider| provider.allow_parameter(EndpointName::Authorize, "audience"));
    let provider = auth0_login::provider(world.io()).expect("settings that fit");
    let login = world.log_in(&provider, &auth0_login::request()).await;
    assert_eq!(login.id_token.iss, "https://example.eu.auth0.com/");
    world.set(|provider| provider.assert_clean());

    let gate = auth0_api::gate(world.io()).expect("settings that fit");
    let token = json!({"aud": ["https://api.example", "https://example.eu.auth0.com/userinfo"], "sub": "auth0|1",
                       "azp": "my-client", "scope": "openid read:orders", "permissions": ["read:orders"]});
    let access = world.ask(&gate, Some("JWT"), &token).await.expect("access");
    assert!(access.has_scope("read:orders") && access.has_role("/permissions", "read:orders"));
    let profiled = json!({"aud": "https://api.example", "sub": "auth0|1", "client_id": "my-client", "jti": "t",
                          "scope": "read:orders"});
    assert!(world.ask(&gate, Some("at+jwt"), &profiled).await.is_ok(), "with the profile of RFC 9068");
    let opaque = ask(&gate, "opaque-without-audience").await.unwrap_err();
    assert!(opaque.to_string().contains("introspects_opaque_tokens"), "{opaque}");
    let id_token = json!({"aud": "my-client", "sub": "auth0|1", "sid": "s", "nonce": "n"});
    assert_eq!(world.ask(&gate, Some("JWT"), &id_token).await.err(), Some("token_audience"));
}

#[tokio::test]
async fn the_recipe_for_cognito_runs() {
    let world = World::recorded("cognito", &[("eu-west-1_ZLiEFD4b6", "eu-west-1_EXAMPLE")]);
    world.id_tokens_have(json!({"token_use": "id", "cognito:username": "alice"}));
    let provider = cognito_login::provider(world.io()).expect("settings that fit");
    let login = world.log_in(&provider, &cognito_login::request()).await;
    assert_eq!(login.id_token.claim("cognito:username"), Some("alice".to_owned()));
    world.set(|provider| provider.assert_clean());

    let gate = cognito_api::gate(world.io()).expect("settings that fit");
    let token = json!({"client_id": "my-client", "token_use": "access", "sub": "a-b", "scope": "openid", "version": 2,
                       "username": "alice", "cognito:groups": ["clerks"], "jti": "j"});
    let access = world.ask(&gate, None, &token).await.expect("access");
    assert!(access.has_role("/cognito:groups", "clerks"));
    let mut other = token;
    other["client_id"] = "another".into();
    assert_eq!(world.ask(&gate, None, &other).await.err(), Some("token_audience"));
    let id_token = json!({"aud": "my-client", "token_use": "id", "sub": "a-b"});
    assert_eq!(world.ask(&gate, None, &id_token).await.err(), Some("token_is_id_token"));
}
