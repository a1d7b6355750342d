//! Access without a user: what the client has been given is enough to get a token.

use super::{Problem, Run};
use oidc_reqwest::{
    Provider, ProviderBuilder,
    oidc_drive::{Api, Io, api::ApiToken},
    oidc_proto::{
        flow::{
            AssertionGrantRequest, ClientCredentialsRequest, DiscoveryOptions, IdJagRequest,
            TokenTypeIdentifier,
        },
        jose::{Algorithm, RingSigner},
        metadata::Profile,
    },
};
use serde_json::Value;
use std::sync::Arc;

/// The members of `MCP_CONFORMANCE_CONTEXT`.
pub(crate) struct Given(pub(crate) Value);

impl Given {
    fn text(&self, name: &'static str) -> Result<&str, Problem> {
        self.0.get(name).and_then(Value::as_str).ok_or_else(|| format!("the suite gives no {name}").into())
    }
}

impl Run {
    fn provider(&self, issuer: &str) -> Result<ProviderBuilder<Io>, Problem> {
        let provider = self.http.provider(issuer).url_policy(self.policy.clone());
        Ok(provider.client_id(self.given.text("client_id")?))
    }

    /// The tokens of the program itself, with a secret.
    pub(crate) async fn with_secret(&self) -> Result<Api, Problem> {
        let found = self.discover().await?;
        let provider = self.provider(&found.issuer)?.secret(self.given.text("client_secret")?).build()?;
        let wanted = ClientCredentialsRequest::default().resource(found.resource.resource);
        Ok(provider.api(self.origin()?).client_credentials(wanted)?)
    }

    /// The tokens of the program itself, with a private key.
    pub(crate) async fn with_key(&self) -> Result<Api, Problem> {
        let found = self.discover().await?;
        let algorithm = self.given.text("signing_algorithm")?;
        let algorithm = Algorithm::from_name(algorithm).ok_or("the algorithm is not known")?;
        let key = RingSigner::from_pkcs8_pem(algorithm, self.given.text("private_key_pem")?, None)?;
        let key = Arc::new(key);
        let provider =
            self.provider(&found.issuer)?.client(move |client| client.signer(key.clone())).build()?;
        let wanted = ClientCredentialsRequest::default().resource(found.resource.resource);
        Ok(provider.api(self.origin()?).client_credentials(wanted)?)
    }

    /// The tokens of a user of an enterprise, whose identity provider vouches for the user with an ID-JAG.
    pub(crate) async fn with_id_token(&self) -> Result<Api, Problem> {
        let found = self.discover().await?;
        // The metadata of this provider has no `response_types_supported`, which it needs for a login, but not for this.
        let profile = DiscoveryOptions::of_profile(Profile::TokenIssuer, &self.policy);
        let idp = self.http.provider(self.given.text("idp_issuer")?).discovery(profile);
        let idp = idp.client_id(self.given.text("idp_client_id")?).build()?;
        let server = self.provider(&found.issuer)?.secret(self.given.text("client_secret")?).build()?;

        let id_token = self.given.text("idp_id_token")?;
        let wanted = IdJagRequest::new(id_token, TokenTypeIdentifier::ID_TOKEN, found.issuer)
            .resource(found.resource.resource);
        self.tokens(server.clone(), move || {
            let (idp, server, wanted) = (idp.clone(), server.clone(), wanted.clone());
            async move { Ok(ApiToken::from(&server.redeem_id_jag(idp.id_jag(&wanted).await?).await?)) }
        })
    }

    /// The tokens of a workload, for the token that its platform has given to it.
    pub(crate) async fn with_token_of_platform(&self) -> Result<Api, Problem> {
        let found = self.discover().await?;
        let provider = self.provider(&found.issuer)?.build()?;
        let (jwt, resource) = (self.given.text("valid_jwt")?.to_owned(), found.resource.resource);
        self.tokens(provider.clone(), move || {
            let wanted = AssertionGrantRequest::jwt(jwt.as_str()).resource(&resource);
            let provider = provider.clone();
            async move { Ok(ApiToken::from(&provider.assertion_grant(wanted).await?)) }
        })
    }

    fn tokens<F: Future<Output = Result<ApiToken, oidc_reqwest::ProviderError>> + Send + 'static>(
        &self,
        provider: Provider,
        fetch: impl Fn() -> F + Send + Sync + 'static,
    ) -> Result<Api, Problem> {
        Ok(provider.api(self.origin()?).tokens(move |_refused| fetch())?)
    }
}
