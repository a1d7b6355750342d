//! The recipes for servers that one runs oneself: Keycloak.

use super::world::World;
use serde_json::json;

// RECIPE: keycloak-login
mod keycloak_login {
    use oidc_drive::{Io, Provider, ProviderError};
    use oidc_proto::message::AuthorizationRequest;

    pub fn provider(io: Io) -> Result<Provider, ProviderError> {
        Provider::builder("https://keycloak.example/realms/demo", io)
            .client_id("my-client")
            .secret("my secret") // not for a public client
            .redirect_uri("https://app.example/callback")
            .build()
    }

    pub fn request() -> AuthorizationRequest {
        AuthorizationRequest::new(["profile", "email"])
    }
}
// RECIPE: end

// RECIPE: keycloak-api
mod keycloak_api {
    use oidc_drive::{Gate, Io};
    use oidc_proto::resource::{ResourceServer, TrustedIssuer};

    pub fn gate(io: Io) -> Result<Gate, Box<dyn std::error::Error>> {
        let keycloak = TrustedIssuer::keycloak("https://keycloak.example/realms/demo");
        let server = ResourceServer::builder("https://api.example").trust(keycloak).build()?;
        Ok(Gate::builder(server, io).build()?)
    }
}
// RECIPE: end

// RECIPE: keycloak-lightweight
mod keycloak_lightweight {
    use oidc_drive::{Gate, Io};
    use oidc_proto::{flow::Client, resource::*};

    pub fn gate(io: Io) -> Result<Gate, Box<dyn std::error::Error>> {
        let keycloak = TrustedIssuer::keycloak("https://keycloak.example/realms/demo").introspects_jwts();
        let server = ResourceServer::builder("my-api").trust(keycloak).build()?;
        let client = |metadata| Client::builder(metadata, "my-api").secret("its secret").build();
        Ok(Gate::builder(server, io).introspection(client).build()?)
    }
}
// RECIPE: end

#[tokio::test]
async fn the_recipe_for_keycloak_runs() {
    let world = World::recorded("keycloak", &[]);
    world.id_tokens_have(json!({"typ": "ID", "azp": "my-client"}));
    let provider = keycloak_login::provider(world.io()).expect("settings that fit");
    let login = world.log_in(&provider, &keycloak_login::request()).await;
    assert_eq!(login.id_token.sub, "alice");
    world.set(|provider| provider.assert_clean());

    let gate = keycloak_api::gate(world.io()).expect("settings that fit");
    let token = json!({"aud": ["https://api.example", "account"], "sub": "alice", "azp": "my-client", "typ": "Bearer",
                       "scope": "openid email", "realm_access": {"roles": ["admin"]},
                       "resource_access": {"my-api": {"roles": ["clerk"]}}});
    let access = world.ask(&gate, Some("JWT"), &token).await.expect("access");
    assert!(access.has_role("/realm_access/roles", "admin"));
    assert!(access.has_role("/resource_access/my-api/roles", "clerk"));
    assert_eq!(access.client_id.as_deref(), Some("my-client"));
    let mut other = token.clone();
    other["nonce"] = "n".into();
    assert!(world.ask(&gate, Some("JWT"), &other).await.is_ok(), "before 25, and with the mapper");
    assert!(
        world
            .ask(
                &gate,
                Some("at+jwt"),
                &json!({"jti": "t", "aud": "https://api.example", "sub": "alice",
                       "azp": "my-client", "typ": "Bearer", "scope": "email"})
            )
            .await
            .is_ok(),
        "with the switch"
    );
    other["aud"] = "account".into();
    assert_eq!(world.ask(&gate, Some("JWT"), &other).await.err(), Some("token_audience"), "without a mapper");
    let id_token = json!({"aud": "https://api.example", "sub": "alice", "typ": "ID", "azp": "my-client"});
    assert_eq!(world.ask(&gate, Some("JWT"), &id_token).await.err(), Some("token_is_id_token"));
    // A lightweight token says nothing but its issuer.
    let lightweight = json!({"azp": "my-client", "typ": "Bearer", "scope": "openid"});
    assert_eq!(world.ask(&gate, Some("JWT"), &lightweight).await.err(), Some("token_missing_claim"));
    let asks = keycloak_lightweight::gate(world.io()).expect("settings that fit");
    let told = json!({"active": true, "sub": "alice", "aud": "my-api", "scope": "openid"});
    world.introspection_says(&told);
    let access = world.ask(&asks, Some("JWT"), &lightweight).await.expect("access");
    assert_eq!(access.subject.as_deref(), Some("alice"));
}
