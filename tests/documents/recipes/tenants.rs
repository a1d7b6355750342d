//! The recipes for services in which one has a tenant: Entra.

use super::world::World;
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
    assert_eq!(access.client_id.as_deref(), Some("my-client"));
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
    let strangers = vec!["11112222-aaaa-3333-bbbb-4444cccc5555".to_owned()];
    let provider = entra_tenants::provider(world.io(), strangers).expect("settings that fit");
    let error = world.try_log_in(&provider, &entra_login::request()).await.unwrap_err();
    assert_eq!(error.code(), "token_issuer");
}
