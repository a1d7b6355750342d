//! How the client gets its access: with a user, or with what it has been given.

use super::{Problem, Run};
use http::{Request, header};
use oidc_reqwest::{
    Http,
    oidc_drive::{
        Io,
        resource::{Resource, ResourceBuilder, Visit, Wanted},
    },
    oidc_proto::{
        flow::{
            AssertionGrantRequest, AuthorizationDiscovery, ClientIdentities, DiscoveryOptions,
            DiscoveryRules, Endpoint, IdJagRequest, PreRegisteredClient, Terms, TokenTypeIdentifier,
        },
        jose::{Algorithm, RingSigner, Sign},
        message::{ClientIdUrl, ClientMetadata},
        metadata::Profile,
    },
};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use serde_json::Value;
use std::sync::Arc;

/// Nobody listens there: this user comes back without a browser.
const REDIRECT_URI: &str = "http://127.0.0.1:8400/callback";
/// Where the suite believes that the client publishes its metadata.
const DOCUMENT: &str = "https://conformance-test.local/client-metadata.json";

/// The members of `MCP_CONFORMANCE_CONTEXT`.
pub(crate) struct Given(pub(crate) Value);

impl Given {
    fn text(&self, name: &'static str) -> Result<String, Problem> {
        let text = self.0.get(name).and_then(Value::as_str);
        text.map(str::to_owned).ok_or_else(|| format!("the suite gives no {name}").into())
    }
}

impl Run {
    pub(crate) async fn access(&self) -> Result<Resource, Problem> {
        let server = self.http.resource(&self.url).url_policy(self.policy.clone());
        let server = match self.scenario.as_str() {
            "auth/client-credentials-basic" => {
                let known = self.known().await?.secret(self.given.text("client_secret")?);
                server.identities(ClientIdentities::new().pre_registered(known)).client_credentials()
            }
            "auth/client-credentials-jwt" => {
                let known = self.known().await?.signer(self.private_key()?);
                server.identities(ClientIdentities::new().pre_registered(known)).client_credentials()
            }
            "auth/enterprise-managed-authorization" => self.for_employee(server).await?,
            "auth/wif-jwt-bearer" => self.for_workload(server).await?,
            _ => self.for_user(server)?,
        };
        Ok(server.build()?)
    }

    /// A user agrees. The program is known, or publishes its metadata, or registers itself: what the server takes.
    fn for_user(&self, server: ResourceBuilder<Io>) -> Result<ResourceBuilder<Io>, Problem> {
        let me = ClientMetadata::native([REDIRECT_URI]).client_name("Conformance client");
        let mut identities = ClientIdentities::new().document(ClientIdUrl::parse(DOCUMENT)?).registration(me);
        if self.scenario == "auth/pre-registration" {
            let known = PreRegisteredClient::new(self.given.text("issuer")?, self.given.text("client_id")?);
            identities = identities.pre_registered(known.secret(self.given.text("client_secret")?));
        }
        let http = self.http.clone();
        let mut server = server
            .identities(identities)
            .redirect_uri(REDIRECT_URI)
            .browser(move |visit| agree(http.clone(), visit));
        if self.scenario.starts_with("auth/dpop") {
            let key = new_key()?;
            server = server.client(move |client| client.dpop_key(Arc::clone(&key)));
        }
        // The revision before the metadata of a resource.
        if self.revision == "2025-03-26" {
            server = server.rules(DiscoveryRules::mcp_2025_06_18().or_origin_as_issuer());
        }
        Ok(server)
    }

    /// The identity provider of an enterprise vouches for its user with an ID-JAG.
    async fn for_employee(&self, server: ResourceBuilder<Io>) -> Result<ResourceBuilder<Io>, Problem> {
        // The metadata of this provider has no `response_types_supported`, which it needs for a login, but not for this.
        let profile = DiscoveryOptions::of_profile(Profile::TokenIssuer, &self.policy);
        let idp = self.http.provider(self.given.text("idp_issuer")?).discovery(profile);
        let idp = idp.client_id(self.given.text("idp_client_id")?).build()?;
        let id_token = self.given.text("idp_id_token")?;
        let known = self.known().await?.secret(self.given.text("client_secret")?);
        let server = server.identities(ClientIdentities::new().pre_registered(known));
        Ok(server.grant(move |Wanted { provider, resource, scopes, .. }| {
            let wanted = IdJagRequest::new(&*id_token, TokenTypeIdentifier::ID_TOKEN, provider.issuer());
            let (idp, wanted) = (idp.clone(), wanted.resource(resource).scopes(scopes));
            async move { provider.redeem_id_jag(idp.id_jag(&wanted).await?).await }
        }))
    }

    /// The platform of a workload has signed a JWT for it.
    async fn for_workload(&self, server: ResourceBuilder<Io>) -> Result<ResourceBuilder<Io>, Problem> {
        let jwt = self.given.text("valid_jwt")?;
        let server = server.identities(ClientIdentities::new().pre_registered(self.known().await?));
        Ok(server.grant(move |Wanted { provider, resource, scopes, .. }| {
            let wanted = AssertionGrantRequest::jwt(&*jwt).resource(resource).scopes(scopes);
            async move { provider.assertion_grant(wanted).await }
        }))
    }

    /// The client ID that the suite gives. It does not say at which server, so the one that is found is believed once.
    async fn known(&self) -> Result<PreRegisteredClient, Problem> {
        let discovery = AuthorizationDiscovery::new(&self.url, &self.policy).rules(DiscoveryRules::mcp());
        let found = self.http.run(discovery.start()?).await?;
        Ok(PreRegisteredClient::new(found.server.issuer, self.given.text("client_id")?))
    }

    fn private_key(&self) -> Result<Arc<dyn Sign>, Problem> {
        let algorithm = Algorithm::from_name(&self.given.text("signing_algorithm")?);
        let algorithm = algorithm.ok_or("the algorithm is not known")?;
        Ok(Arc::new(RingSigner::from_pkcs8_pem(algorithm, &self.given.text("private_key_pem")?, None)?))
    }
}

/// A user who agrees at once. A program opens the URL in a browser, and serves the redirect URI.
async fn agree(http: Http, visit: Visit) -> Result<String, String> {
    let request = Request::get(visit.url().as_str()).body(Vec::new()).map_err(|error| error.to_string())?;
    let page = http.send(request, Terms::new(Endpoint::Other("browser"))).await;
    let page = page.map_err(|error| error.to_string())?;
    let location = page.headers().get(header::LOCATION).and_then(|location| location.to_str().ok());
    location.map(str::to_owned).ok_or_else(|| format!("the server answers {}", page.status()))
}

/// A new key for DPoP proofs.
fn new_key() -> Result<Arc<dyn Sign>, Problem> {
    let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
    let made = made.map_err(|_| "the operating system has no entropy")?;
    Ok(Arc::new(RingSigner::from_pkcs8(Algorithm::ES256, made.as_ref(), None)?))
}
