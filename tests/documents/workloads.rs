//! Runs the code of `docs/workloads.md` against a simulated provider that trusts the platform, to the letter.

use crate::{
    recipes::world::World,
    shown::{block, names, shown},
};
use oidc_drive::{Io, ProviderError};
use oidc_proto::{
    flow::ClientCredentialsRequest,
    jose::{Algorithm, sign_compact},
};
use oidc_testkit::{
    ClientAuthentication, EndpointName, FederatedCredential, KeyRing, Registration, TOKEN_EXCHANGE_GRANT,
};
use serde_json::{Value, json};
use std::{fs, path::PathBuf};

const SOURCE: &str = include_str!("workloads.rs");

// RECIPE: kubernetes
mod kubernetes {
    use oidc_drive::{Io, Provider, ProviderError, source::Source};
    use std::path::Path;

    /// `token` is the file of the projected volume, such as `/var/run/secrets/tokens/provider`.
    pub fn provider(io: Io, token: &Path) -> Result<Provider, ProviderError> {
        Provider::builder("https://keycloak.example/realms/demo", io)
            .client_id("orders")
            .assertion_source(Source::file(token))
            .build()
    }
}
// RECIPE: end

// RECIPE: entra-spiffe
mod entra_spiffe {
    use oidc_drive::{Io, Provider, ProviderError, source::Source};
    use oidc_proto::flow::ClientCredentialsRequest;
    use std::path::Path;

    const ISSUER: &str = "https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0";

    /// `svid` is the file in which the SPIFFE helper keeps a JWT-SVID for `api://AzureADTokenExchange`.
    pub fn provider(io: Io, svid: &Path) -> Result<Provider, ProviderError> {
        Provider::builder(ISSUER, io).client_id("my-client").assertion_source(Source::file(svid)).build()
    }

    pub fn wanted() -> ClientCredentialsRequest {
        ClientCredentialsRequest::new(["https://vault.azure.net/.default"])
    }
}
// RECIPE: end

// RECIPE: entra-github
mod entra_github {
    use oidc_drive::{Io, Provider, ProviderError, source::Source};

    const ISSUER: &str = "https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0";

    pub fn provider(io: Io) -> Result<Provider, ProviderError> {
        let job = Source::github_actions("api://AzureADTokenExchange");
        Provider::builder(ISSUER, io).client_id("my-client").assertion_source(job).build()
    }
}
// RECIPE: end

// RECIPE: google
mod google {
    use oidc_drive::{Io, Provider, provider::WorkloadTokens, source::Source};
    use oidc_proto::{UrlPolicy, flow::*, metadata::*};

    const METADATA: &str = r#"{"issuer": "https://sts.googleapis.com",
        "token_endpoint": "https://sts.googleapis.com/v1/token", "response_types_supported": [],
        "token_endpoint_auth_methods_supported": ["none"]}"#;
    const POOL: &str = "//iam.googleapis.com/projects/123/locations/global/workloadIdentityPools/my-pool/providers/my-cluster";

    /// `token` is the token of the platform, whose audience is the pool.
    pub fn tokens(io: Io, token: Source) -> Result<WorkloadTokens, Box<dyn std::error::Error>> {
        let (issuer, profile) = ("https://sts.googleapis.com", Profile::AuthorizationServer);
        let metadata = ProviderMetadata::parse(METADATA.as_bytes(), issuer, profile, &UrlPolicy::default())?;
        let google = Provider::builder(issuer, io).client_id("my-workload").metadata(metadata).build()?;
        Ok(google.workload(token, |token| {
            TokenExchangeRequest::new(token, TokenTypeIdentifier::JWT)
                .requesting(TokenTypeIdentifier::ACCESS_TOKEN)
                .audience(POOL)
                .scopes(["https://www.googleapis.com/auth/cloud-platform"])
        }))
    }
}
// RECIPE: end

// RECIPE: aws
mod aws {
    use oidc_drive::Provider;
    use oidc_proto::flow::ClientCredentialsRequest;
    use std::{fs, io::Write, path::Path};

    /// Writes a token for AWS into the file that `AWS_WEB_IDENTITY_TOKEN_FILE` names. Call it again before the token ends.
    pub async fn refresh(provider: &Provider, file: &Path) -> Result<(), Box<dyn std::error::Error>> {
        let wanted = ClientCredentialsRequest::new(["aws"]).resource("https://sts.amazonaws.com");
        let token = provider.client_credentials(&wanted).await?.value;
        let next = file.with_extension("next");
        fs::File::create(&next)?.write_all(token.access_token.expose().as_bytes())?;
        Ok(fs::rename(next, file)?) // the SDK of AWS never reads half a token
    }
}
// RECIPE: end

// RECIPE: secret
mod secret {
    use oidc_drive::{Io, Provider, ProviderError, source::Source};
    use std::path::Path;

    /// `file` is what an operator or a vault replaces.
    pub fn provider(io: Io, file: &Path) -> Result<Provider, ProviderError> {
        Provider::builder("https://op.example", io)
            .client_id("orders")
            .secret_source(Source::file(file))
            .build()
    }
}
// RECIPE: end

#[test]
fn the_page_of_workloads_shows_each_recipe_and_no_other_code() {
    let page =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/workloads.md")).expect("a page");
    let recipes = names(SOURCE, "RECIPE");
    for name in &recipes {
        let block = block(&shown(SOURCE, "RECIPE", name));
        assert!(page.contains(&block), "the page does not show {name}:\n{block}");
    }
    assert_eq!(page.matches("```rust").count(), recipes.len());
}

/// A file that is gone at the end of the test.
struct File(PathBuf);

impl File {
    fn new(name: &str, content: &str) -> Self {
        let path = std::env::temp_dir().join(format!("oidc-workload-{}-{name}", std::process::id()));
        fs::write(&path, content).expect("a file");
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _gone = fs::remove_file(&self.0);
    }
}

/// A token of a platform for a workload, that lives for an hour.
fn token(issuer: &str, subject: &str, audience: &str, number: u32) -> String {
    let now = oidc_drive::now().0;
    let claims = json!({"iss": issuer, "sub": subject, "aud": [audience], "iat": now, "exp": now + 3600,
                        "jti": format!("{subject} {number}")});
    let (key, _) = KeyRing::new().signer(Algorithm::RS256, 1, None);
    sign_compact(&*key, Default::default(), claims.to_string().as_bytes()).expect("a key that signs")
}

/// Registers a client that the provider believes for this subject of a platform.
fn trust(world: &World, client: &str, issuer: &str, subject: &str, audience: &str) {
    let credential = FederatedCredential::new(issuer, subject).audience(audience);
    let client = Registration::new(client, ClientAuthentication::Federated(credential));
    world.set(|provider| provider.register(client.grant_types(["client_credentials"])));
}

const CLUSTER: (&str, &str) = ("https://cluster.example", "system:serviceaccount:shop:orders");

#[tokio::test]
async fn a_kubernetes_service_account_authenticates_a_client() {
    let world = World::recorded("keycloak", &[]);
    let issuer = world.set(|provider| provider.issuer().to_owned());
    trust(&world, "orders", CLUSTER.0, CLUSTER.1, &issuer);
    let file = File::new("kubernetes", &token(CLUSTER.0, CLUSTER.1, &issuer, 1));
    let provider = kubernetes::provider(world.io(), &file.0).expect("settings that fit");
    let wanted = |scope: &str| ClientCredentialsRequest::new([scope]);
    assert!(provider.client_credentials(&wanted("a")).await.is_ok());
    // The platform replaces the file; another scope needs another token.
    fs::write(&file.0, token(CLUSTER.0, CLUSTER.1, &issuer, 2)).expect("a file");
    assert!(provider.client_credentials(&wanted("b")).await.is_ok());
    // Another service account, another audience, another cluster.
    for (platform, subject, audience) in [
        (CLUSTER.0, "system:serviceaccount:shop:mail", &*issuer),
        (CLUSTER.0, CLUSTER.1, "https://kubernetes.default.svc"),
        ("https://other.example", CLUSTER.1, &*issuer),
    ] {
        fs::write(&file.0, token(platform, subject, audience, 3)).expect("a file");
        let provider = kubernetes::provider(world.io(), &file.0).expect("settings that fit");
        let refused = provider.client_credentials(&wanted("c")).await.unwrap_err();
        assert_eq!(refused.code(), "invalid_client", "{platform} {subject} {audience}");
    }
    fs::remove_file(&file.0).expect("a file");
    let provider = kubernetes::provider(world.io(), &file.0).expect("settings that fit");
    let gone = provider.client_credentials(&wanted("d")).await.unwrap_err();
    assert!(matches!(gone, ProviderError::Source(_)), "{gone}");
}

const EXCHANGE: &str = "api://AzureADTokenExchange";

#[tokio::test]
async fn a_spiffe_identity_gets_a_token_of_entra() {
    let (domain, workload) = ("https://spire.example", "spiffe://shop.example/orders");
    let tenant = [("{tenantid}", "aaaabbbb-0000-cccc-1111-dddd2222eeee")];
    let world = World::recorded("entra-organizations", &tenant);
    trust(&world, "my-client", domain, workload, EXCHANGE);
    let file = File::new("spiffe", &format!("{}\n", token(domain, workload, EXCHANGE, 1)));
    let provider = entra_spiffe::provider(world.io(), &file.0).expect("settings that fit");
    let tokens = provider.client_credentials(&entra_spiffe::wanted()).await.expect("a token");
    assert!(tokens.value.is_bearer());
    // The same identity without the right audience.
    fs::write(&file.0, token(domain, workload, "another", 2)).expect("a file");
    let provider = entra_spiffe::provider(world.io(), &file.0).expect("settings that fit");
    assert!(provider.client_credentials(&entra_spiffe::wanted()).await.is_err());
}

/// The variables of a job, which this process does not have: the requests of the recipe are answered all the same.
#[tokio::test]
async fn a_job_of_github_actions_gets_a_token_of_entra() {
    let io = || {
        Io::new(|_, _| async { Err::<http::Response<Vec<u8>>, _>("no network") }, drop, tokio::time::sleep)
    };
    let provider = entra_github::provider(io()).expect("settings that fit");
    let wanted = ClientCredentialsRequest::new(["https://management.azure.com/.default"]);
    // Metadata comes first, so the outage of the provider is told first.
    assert_eq!(provider.client_credentials(&wanted).await.unwrap_err().code(), "no_response");

    let tenant = [("{tenantid}", "aaaabbbb-0000-cccc-1111-dddd2222eeee")];
    let world = World::recorded("entra-organizations", &tenant);
    let provider = entra_github::provider(world.io()).expect("settings that fit");
    let outside = provider.client_credentials(&wanted).await.unwrap_err();
    assert_eq!(
        outside.to_string(),
        "no credential from GitHub Actions: the environment variable ACTIONS_ID_TOKEN_REQUEST_URL is not set; the \
         platform sets it if the program may ask"
    );
}

#[tokio::test]
async fn the_token_of_a_platform_is_exchanged_at_google() {
    let document = json!({"issuer": "https://sts.googleapis.com", "token_endpoint": "https://sts.googleapis.com/v1/token",
                          "token_endpoint_auth_methods_supported": ["none"]});
    let world = World::described(document);
    let issuer = "https://sts.googleapis.com";
    world.set(|provider| {
        provider.trust_assertions(CLUSTER.0, KeyRing::new().document());
        provider.register(Registration::public("my-workload").grant_types([TOKEN_EXCHANGE_GRANT]));
    });
    // The simulated service wants itself as the audience of what it trusts.
    let file = File::new("google", "");
    let write = |number| {
        let now = oidc_drive::now().0;
        let claims: Value = json!({"iss": CLUSTER.0, "sub": CLUSTER.1, "aud": issuer, "iat": now, "exp": now + 3600,
                                   "jti": number});
        let (key, _) = KeyRing::new().signer(Algorithm::RS256, 1, None);
        let token = sign_compact(&*key, Default::default(), claims.to_string().as_bytes());
        fs::write(&file.0, token.expect("a key that signs")).expect("a file");
    };
    write("one");
    let tokens =
        google::tokens(world.io(), oidc_drive::source::Source::file(&file.0)).expect("settings that fit");
    let first = tokens.token().await.expect("a token");
    assert!(first.value.is_bearer());
    assert_eq!(tokens.token().await.expect("a token").epoch, first.epoch);
    write("two");
    let newer = tokens.newer_than(first.epoch).await.expect("a newer token");
    assert_ne!(newer.value.access_token, first.value.access_token);
    world.set(|provider| {
        let asked = provider.requests().iter().find(|seen| seen.endpoint == EndpointName::Token);
        let form = String::from_utf8_lossy(&asked.expect("a request").body).into_owned();
        assert!(form.contains("audience=%2F%2Fiam.googleapis.com%2Fprojects%2F123"), "{form}");
        assert!(form.contains("subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt"), "{form}");
        assert_eq!(provider.count(EndpointName::Discovery), 0, "the metadata is known");
    });
}

#[tokio::test]
async fn a_token_for_aws_is_written_whole_and_only_when_it_is_new() {
    let world = World::unrecorded("https://op.example");
    world.set(|provider| {
        provider.register(Registration::basic("orders", "its secret").grant_types(["client_credentials"]));
    });
    let password = File::new("secret", "its secret\n");
    let provider = secret::provider(world.io(), &password.0).expect("settings that fit");
    let file = File::new("aws", "an old token");
    aws::refresh(&provider, &file.0).await.expect("a token");
    let first = fs::read_to_string(&file.0).expect("a file");
    assert_eq!(first.split('.').count(), 3, "a JWT: {first}");
    aws::refresh(&provider, &file.0).await.expect("a token");
    assert_eq!(fs::read_to_string(&file.0).expect("a file"), first, "it is still good");
    world.set(|provider| assert_eq!(provider.count(EndpointName::Token), 1));
    // The operator replaces the secret, here and at the provider.
    world.set(|provider| {
        provider.register(Registration::basic("orders", "a new secret").grant_types(["client_credentials"]));
    });
    fs::write(&password.0, "a new secret\n").expect("a file");
    assert!(provider.client_credentials(&ClientCredentialsRequest::new(["other"])).await.is_ok());
}
