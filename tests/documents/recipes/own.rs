//! The recipes for servers that one runs oneself: Keycloak, AD FS, authentik, Spring and ZITADEL.

use super::world::{CALLBACK, World, ask};
use oidc_proto::jose::Algorithm;
use oidc_testkit::Registration;
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
    assert_eq!(access.client_id(), Some("my-client"));
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
    assert_eq!(access.subject(), Some("alice"));
}

// RECIPE: adfs-login
mod adfs_login {
    use oidc_drive::{Io, Provider, ProviderError};
    use oidc_proto::message::AuthorizationRequest;

    pub fn provider(io: Io) -> Result<Provider, ProviderError> {
        Provider::builder("https://fs.contoso.com/adfs", io)
            .client_id("my-client")
            .secret("my secret")
            .redirect_uri("https://app.example/callback")
            .build()
    }

    pub fn request() -> AuthorizationRequest {
        AuthorizationRequest::new(["profile", "email"])
            .parameter("resource", "microsoft:identityserver:my-api") // only to call an API
    }
}
// RECIPE: end

// RECIPE: adfs-api
mod adfs_api {
    use oidc_drive::{Gate, Io};
    use oidc_proto::resource::{ResourceServer, TrustedIssuer};

    pub fn gate(io: Io) -> Result<Gate, Box<dyn std::error::Error>> {
        let adfs = TrustedIssuer::adfs("fs.contoso.com");
        let server = ResourceServer::builder("microsoft:identityserver:my-api").trust(adfs).build()?;
        Ok(Gate::builder(server, io).build()?)
    }
}
// RECIPE: end

// RECIPE: authentik-login
mod authentik_login {
    use oidc_drive::{Io, Provider, ProviderError};
    use oidc_proto::message::AuthorizationRequest;

    pub fn provider(io: Io) -> Result<Provider, ProviderError> {
        Provider::builder("https://authentik.example/application/o/my-app/", io) // with the slash
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

// RECIPE: authentik-unsigned
mod authentik_unsigned {
    use oidc_drive::{Io, Provider, ProviderError};
    use oidc_proto::jose::Algorithm;

    pub fn provider(io: Io, secret: String) -> Result<Provider, ProviderError> {
        Provider::builder("https://authentik.example/application/o/my-app/", io)
            .client_id("my-client")
            .secret(secret) // 32 bytes at least
            .client(|client| client.id_token_signed_response_alg(Algorithm::HS256))
            .redirect_uri("https://app.example/callback")
            .build()
    }
}
// RECIPE: end

// RECIPE: authentik-api
mod authentik_api {
    use oidc_drive::{Gate, Io};
    use oidc_proto::{flow::Client, resource::*};

    pub fn gate(io: Io) -> Result<Gate, Box<dyn std::error::Error>> {
        let issuer = "https://authentik.example/application/o/my-app/";
        let authentik = TrustedIssuer::new(issuer).introspects_jwts().refuses_opaque_tokens();
        let server = ResourceServer::builder("my-client").trust(authentik).build()?;
        let client = |metadata| Client::builder(metadata, "my-client").secret("my secret").build();
        Ok(Gate::builder(server, io).introspection(client).build()?)
    }
}
// RECIPE: end

// RECIPE: spring-login
mod spring_login {
    use oidc_drive::{Io, Provider, ProviderError};
    use oidc_proto::message::AuthorizationRequest;

    pub fn provider(io: Io) -> Result<Provider, ProviderError> {
        Provider::builder("https://auth.example", io)
            .client_id("my-client")
            .secret("my secret")
            .redirect_uri("https://app.example/callback")
            .build()
    }

    pub fn request() -> AuthorizationRequest {
        AuthorizationRequest::new(["profile"])
    }
}
// RECIPE: end

// RECIPE: spring-api
mod spring_api {
    use oidc_drive::{Gate, Io};
    use oidc_proto::resource::{ResourceServer, TrustedIssuer};

    pub fn gate(io: Io) -> Result<Gate, Box<dyn std::error::Error>> {
        let spring =
            TrustedIssuer::spring("https://auth.example").access_tokens(|t| t.or_audience("my-client")); // each client that may call
        let server = ResourceServer::builder("https://api.example").trust(spring).build()?;
        Ok(Gate::builder(server, io).build()?)
    }
}
// RECIPE: end

// RECIPE: zitadel-login
mod zitadel_login {
    use oidc_drive::{Io, Provider, ProviderError};
    use oidc_proto::message::AuthorizationRequest;

    pub fn provider(io: Io) -> Result<Provider, ProviderError> {
        Provider::builder("https://example.zitadel.cloud", io)
            .client_id("my-client")
            .secret("my secret")
            .client(|client| client.trusted_audiences(["my-project", "my-other-client"]))
            .redirect_uri("https://app.example/callback")
            .build()
    }

    pub fn request() -> AuthorizationRequest {
        AuthorizationRequest::new(["profile", "email", "offline_access"])
    }
}
// RECIPE: end

// RECIPE: zitadel-api
mod zitadel_api {
    use oidc_drive::{Gate, Io};
    use oidc_proto::{flow::Client, resource::*};

    pub fn gate(io: Io) -> Result<Gate, Box<dyn std::error::Error>> {
        let zitadel = TrustedIssuer::zitadel("https://example.zitadel.cloud").introspects_opaque_tokens();
        let server = ResourceServer::builder("my-project").trust(zitadel).build()?; // the ID of the project
        let client = |metadata| Client::builder(metadata, "my-api").secret("its secret").build();
        Ok(Gate::builder(server, io).introspection(client).build()?)
    }
}
// RECIPE: end

#[tokio::test]
async fn the_recipe_for_adfs_runs() {
    let world = World::recorded("adfs-onprem", &[]);
    world.id_tokens_have(json!({"upn": "alice@contoso.com", "unique_name": "CONTOSO\\alice"}));
    let provider = adfs_login::provider(world.io()).expect("settings that fit");
    let login = world.log_in(&provider, &adfs_login::request()).await;
    assert_eq!(login.id_token.claim("upn"), Some("alice@contoso.com".to_owned()));
    world.set(|provider| provider.assert_clean());

    let gate = adfs_api::gate(world.io()).expect("settings that fit");
    let token = json!({"iss": "http://fs.contoso.com/adfs/services/trust", "aud": "microsoft:identityserver:my-api",
                       "appid": "my-client", "apptype": "Confidential", "scp": "openid orders", "ver": "1.0",
                       "auth_time": 1_676_459_000});
    let access = world.ask(&gate, Some("JWT"), &token).await.expect("access");
    assert_eq!(access.client_id(), Some("my-client"));
    let mut other = token.clone();
    other["auth_time"] = "1676459000".into();
    let access = world.ask(&gate, Some("JWT"), &other).await.expect("access, as the page says");
    assert_eq!((access.auth_time(), &access.claims()["auth_time"]), (None, &json!("1676459000")));
    let recent = oidc_proto::resource::Requirement::new().max_age(std::time::Duration::from_secs(1 << 30));
    assert_eq!(access.require(&recent, oidc_drive::now()).unwrap_err().code(), "access_authentication");
    let mut other = token.clone();
    other["aud"] = "urn:microsoft:userinfo".into();
    assert_eq!(
        world.ask(&gate, Some("JWT"), &other).await.err(),
        Some("token_audience"),
        "without `resource`"
    );
    let mut other = token;
    other["iss"] = "https://fs.contoso.com/adfs".into();
    assert_eq!(world.ask(&gate, Some("JWT"), &other).await.err(), Some("token_untrusted_issuer"));
}

#[tokio::test]
async fn the_recipe_for_authentik_runs() {
    let world = World::unrecorded("https://authentik.example/application/o/my-app/");
    let provider = authentik_login::provider(world.io()).expect("settings that fit");
    let login = world.log_in(&provider, &authentik_login::request()).await;
    assert_eq!(login.id_token.iss, "https://authentik.example/application/o/my-app/");
    world.set(|provider| provider.assert_clean());

    // Its access tokens are made of the ID token.
    let token = json!({"aud": "my-client", "azp": "my-client", "sub": "hash", "nonce": "n", "uid": "u", "acr": "default"});
    let strict = plain_gate("https://authentik.example/application/o/my-app/", &world);
    assert_eq!(world.ask(&strict, Some("JWT"), &token).await.err(), Some("token_is_id_token"));
    let gate = authentik_api::gate(world.io()).expect("settings that fit");
    let mut told = json!({"active": true, "scope": "openid profile", "client_id": "my-client", "exp": 4_000_000_000_i64});
    for (name, value) in token.as_object().expect("claims") {
        told[name] = value.clone();
    }
    world.introspection_says(&told);
    let access = world.ask(&gate, Some("JWT"), &token).await.expect("access");
    assert_eq!((access.subject(), access.has_scope("profile")), (Some("hash"), true));
    told["aud"] = "another-client".into();
    world.introspection_says(&told);
    let other = json!({"aud": "another-client", "sub": "hash", "nonce": "other"});
    assert_eq!(
        world.ask(&gate, Some("JWT"), &other).await.err(),
        Some("token_audience"),
        "of another application"
    );
}

/// A gate that takes plain JWTs of this issuer for the client, without introspection.
fn plain_gate(issuer: &str, world: &World) -> oidc_drive::Gate {
    use oidc_proto::resource::{ResourceServer, TrustedIssuer};
    let issuer = TrustedIssuer::new(issuer).access_tokens(|t| t.accept_plain_jwt().accept_nonce());
    let server = ResourceServer::builder("my-client").trust(issuer).build().expect("settings that fit");
    oidc_drive::Gate::builder(server, world.io()).build().expect("settings that fit")
}

#[tokio::test]
async fn the_recipe_for_authentik_without_a_signing_key_runs() {
    let secret = "a secret of the client, 32 bytes or more";
    let world = World::unrecorded("https://authentik.example/application/o/my-app/");
    world.set(|provider| {
        let client = Registration::basic("my-client", secret).redirect_uri(CALLBACK);
        provider.register(client.id_token_alg(Algorithm::HS256));
    });
    let provider = authentik_unsigned::provider(world.io(), secret.to_owned()).expect("settings that fit");
    let login = world.log_in(&provider, &authentik_login::request()).await;
    assert_eq!(login.id_token.sub, "alice");
    world.set(|provider| provider.assert_clean());
}

#[tokio::test]
async fn the_recipe_for_spring_runs() {
    let world = World::unrecorded("https://auth.example");
    world.id_tokens_have(json!({"azp": "my-client", "sid": "s", "jti": "1"}));
    let provider = spring_login::provider(world.io()).expect("settings that fit");
    let login = world.log_in(&provider, &spring_login::request()).await;
    assert_eq!(login.id_token.sub, "alice");
    world.set(|provider| provider.assert_clean());

    let gate = spring_api::gate(world.io()).expect("settings that fit");
    let token =
        json!({"sub": "alice", "aud": "my-client", "nbf": 1, "scope": ["openid", "profile"], "jti": "7c0d"});
    let access = world.ask(&gate, None, &token).await.expect("access");
    assert!(access.has_scope("profile") && access.client_id().is_none());
    let bare = json!({"sub": "my-client", "aud": "my-client", "nbf": 1, "jti": "7c0e"});
    assert!(world.ask(&gate, None, &bare).await.is_ok(), "without scopes");
    let id_token = json!({"sub": "alice", "aud": "my-client", "azp": "my-client", "nonce": "n", "jti": "1"});
    assert_eq!(world.ask(&gate, None, &id_token).await.err(), Some("token_is_id_token"));
    let mut other = token;
    other["aud"] = "another-client".into();
    assert_eq!(world.ask(&gate, None, &other).await.err(), Some("token_audience"));
}

#[tokio::test]
async fn the_recipe_for_zitadel_runs() {
    let world = World::unrecorded("https://example.zitadel.cloud");
    let audiences = json!(["my-client", "my-other-client", "my-project"]);
    world.id_tokens_have(json!({"aud": audiences, "azp": "my-client"}));
    world.set(|provider| {
        provider.opaque_access_tokens(true);
        provider.default_resource("my-project");
    });
    let provider = zitadel_login::provider(world.io()).expect("settings that fit");
    let login = world.log_in(&provider, &zitadel_login::request()).await;
    assert_eq!(login.id_token.aud.len(), 3);
    world.set(|provider| provider.assert_clean());

    let gate = zitadel_api::gate(world.io()).expect("settings that fit");
    let access = ask(&gate, login.tokens.access_token.expose()).await.expect("access");
    assert_eq!(access.subject(), Some("alice"), "an opaque token");
    let token = json!({"aud": audiences, "sub": "alice", "client_id": "my-client", "jti": "V2_1-at_2",
                       "urn:zitadel:iam:org:project:roles": {"clerk": {"1234": "app.example"}}});
    let access = world.ask(&gate, Some("JWT"), &token).await.expect("access");
    assert_eq!(access.client_id(), Some("my-client"), "a JWT");
    let id_token = json!({"aud": audiences, "sub": "alice", "azp": "my-client", "nonce": "n"});
    assert_eq!(world.ask(&gate, Some("JWT"), &id_token).await.err(), Some("token_is_id_token"));
}
