//! From the URL of the MCP server to its authorization server.

use super::{Problem, Run};
use http::Uri;
use oidc_reqwest::oidc_proto::{flow::ResourceDiscovery, metadata::ResourceMetadata};

/// What the MCP server says about its access tokens.
pub(crate) struct Found {
    pub(crate) resource: ResourceMetadata,
    /// The authorization server.
    pub(crate) issuer: String,
}

impl Run {
    /// Asks the server for its tools without a token, and follows its challenge.
    pub(crate) async fn discover(&self) -> Result<Found, Problem> {
        let refused = self.ask_plainly().await?;
        let named = ResourceDiscovery::from_challenge(refused.headers(), &self.url, &self.policy)?;
        let call = match named {
            Some(call) => call,
            None => ResourceDiscovery::start(&self.url, &self.policy)?,
        };
        let resource = self.http.run(call).await?;
        let mut servers = resource.authorization_servers.iter().flatten();
        let issuer = servers.next().ok_or("the server names no authorization server")?.clone();
        Ok(Found { resource, issuer })
    }

    /// The origin of the MCP server: no other server gets a token.
    pub(crate) fn origin(&self) -> Result<String, Problem> {
        let url: Uri = self.url.parse()?;
        let (scheme, authority) = (url.scheme_str().ok_or("no scheme")?, url.authority().ok_or("no host")?);
        Ok(format!("{scheme}://{authority}"))
    }
}
