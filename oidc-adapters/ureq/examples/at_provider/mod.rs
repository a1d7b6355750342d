//! The options of an example at a provider of your own. `login` and `device` share them.

use oidc_proto::{Secret, UrlPolicy};
use oidc_ureq::Http;

/// One clear line that says what failed, where, and what to do.
pub(crate) type Problem = String;

/// Where a user logs in, and as which client.
#[derive(clap::Args)]
pub(crate) struct AtProvider {
    /// The provider's issuer. Without it, a provider is started on loopback.
    #[arg(long, value_name = "URL", requires = "client_id")]
    issuer: Option<String>,
    /// The client's identifier, as registered at the provider.
    #[arg(long, value_name = "ID", requires = "issuer")]
    client_id: Option<String>,
    /// The environment variable that holds the client secret; without it, the client is public.
    #[arg(long, value_name = "VAR", requires = "issuer")]
    client_secret_env: Option<String>,
    /// The scopes to ask for, in addition to `openid`.
    #[arg(long, value_name = "SCOPES", default_value = "profile email")]
    pub(crate) scope: String,
    /// Allows plain http to this host, such as `keycloak` among containers; an issuer on this machine needs no option.
    #[arg(long, value_name = "HOST", requires = "issuer")]
    plain_http_host: Option<String>,
    /// Allows names that resolve to an address of a private network.
    #[arg(long, requires = "issuer")]
    private_networks: bool,
}

impl AtProvider {
    /// Returns the issuer and the client, if they are given.
    pub(crate) fn named(&self) -> Option<(&str, &str)> {
        Some((self.issuer.as_deref()?, self.client_id.as_deref()?))
    }

    pub(crate) fn secret(&self) -> Result<Option<Secret>, Problem> {
        let Some(variable) = &self.client_secret_env else { return Ok(None) };
        let secret = std::env::var(variable).map_err(|_| {
            format!("the environment variable {variable} is not set; put the client secret there")
        })?;
        Ok(Some(Secret::new(secret)))
    }

    /// Plain http is only for an issuer on this machine, and for a host that the user names.
    pub(crate) fn policy(&self, issuer: &str) -> UrlPolicy {
        let policy = UrlPolicy::default().for_issuer(issuer);
        let policy = if self.private_networks { policy.with_private_addresses() } else { policy };
        match &self.plain_http_host {
            Some(host) => policy.with_plain_http_host(host),
            None => policy,
        }
    }

    pub(crate) fn http(&self) -> Http {
        if self.private_networks { Http::new().allow_private_networks() } else { Http::new() }
    }
}
