//! The presets of [`TrustedIssuer`]: for each of some well-known providers, the settings with which a resource server
//! accepts its access tokens. A preset calls public methods only, and names no audience.

use super::TrustedIssuer;
use crate::{metadata::IssuerRule, token::RequiredClaim};

impl TrustedIssuer {
    /// Trusts a realm of Keycloak: `https://host/realms/NAME`, without a slash at its end.
    ///
    /// * The header `typ` of access tokens is `JWT`. The preset sets
    ///   [`accept_plain_jwt`](crate::token::AccessTokenVerifier::accept_plain_jwt), the claim `typ` tells access tokens
    ///   (`Bearer`, `DPoP`) from others, and a `nonce` is then allowed: Keycloak before 25 copies it, and so does the
    ///   mapper "Nonce backwards compatible".
    /// * If a client is set to use `at+jwt`, its tokens have `azp` and no `client_id`. The preset does
    ///   [without it](crate::token::AccessTokenVerifier::without_required_claim).
    /// * The `aud` of a user's token is `account`, or nothing: give the client a mapper of the type "Audience" with the
    ///   identifier of your API.
    /// * Lightweight access tokens have no `sub`, and an `aud` only if the mapper adds it to lightweight tokens, too. Add
    ///   [`introspects_jwts`](Self::introspects_jwts), and Keycloak says who the user is. Without it, such a token is
    ///   refused for what it lacks, or accepted without a [`subject`](super::super::Access::subject).
    /// * Keycloak calls a token inactive if its `aud` does not name the client that asks. Let the mapper name the client
    ///   with which this API introspects.
    ///
    /// Roles are in `/realm_access/roles` and `/resource_access/CLIENT/roles`: see
    /// [`Access::has_role`](super::super::Access::has_role). (Keycloak's Server Administration Guide: "Audience support",
    /// "Using lightweight access tokens"; its Upgrading Guide to 25.0.0: "Nonce claim".)
    #[must_use]
    pub fn keycloak(realm_url: impl Into<String>) -> Self {
        Self::new(realm_url)
            .access_tokens(|t| t.accept_plain_jwt().without_required_claim(RequiredClaim::ClientId))
    }

    /// Trusts a tenant of Microsoft Entra ID, named by its UUID, with access tokens of version 2.0.
    ///
    /// * The header `typ` is `JWT`. The preset sets
    ///   [`accept_plain_jwt`](crate::token::AccessTokenVerifier::accept_plain_jwt).
    /// * The `aud` is the client ID of your API's registration, a UUID: name it with
    ///   [`or_audience`](crate::token::AccessTokenVerifier::or_audience).
    /// * The client is in `azp`, scopes are in `scp`, and roles in `/roles`.
    ///
    /// The registration of the API decides on the version: `requestedAccessTokenVersion` of `2` in its manifest. Without
    /// it, use [`entra_v1`](Self::entra_v1). For several tenants, use
    /// [`IssuerRule::entra`]. (Microsoft identity platform: "Access token claims reference".)
    #[must_use]
    pub fn entra(tenant: &str) -> Self {
        Self::new(format!("https://login.microsoftonline.com/{tenant}/v2.0"))
            .access_tokens(|t| t.accept_plain_jwt())
    }

    /// Trusts a tenant of Microsoft Entra ID, named by its UUID, with access tokens of version 1.0, which are the default
    /// of a new API.
    ///
    /// * The issuer is `https://sts.windows.net/TENANT/`. Logins have another issuer, and other metadata.
    /// * Its metadata is recorded at `https://login.microsoftonline.com/TENANT/.well-known/openid-configuration`, without
    ///   `/v2.0`, and the keys in it are those of version 1.0. By default, a gate asks
    ///   `https://sts.windows.net/TENANT/.well-known/openid-configuration`, which users of other libraries report to have
    ///   it, too. If it has not, name the first URL: `document_at` of a gate, a handle or of
    ///   [`DiscoveryOptions`](crate::flow::DiscoveryOptions::document_at).
    /// * The header `typ` is `JWT`. The preset sets
    ///   [`accept_plain_jwt`](crate::token::AccessTokenVerifier::accept_plain_jwt).
    /// * The `aud` is the identifier of your API, such as `api://…`. If that is not the identifier of the resource, name it
    ///   with [`or_audience`](crate::token::AccessTokenVerifier::or_audience).
    /// * The client is in `appid`, scopes are in `scp`, and roles in `/roles`.
    ///
    /// (Microsoft identity platform: "Access token claims reference", "Access tokens".)
    #[must_use]
    pub fn entra_v1(tenant: &str) -> Self {
        Self::new(format!("https://sts.windows.net/{tenant}/")).access_tokens(|t| t.accept_plain_jwt())
    }

    /// Trusts a user pool of Amazon Cognito, such as `eu-west-1_EXAMPLE` in the region `eu-west-1`.
    ///
    /// * Access tokens have no header `typ`. The preset sets
    ///   [`accept_plain_jwt`](crate::token::AccessTokenVerifier::accept_plain_jwt), and `token_use` tells them from ID
    ///   tokens.
    /// * They have no `aud`, unless the login asked for a resource. The preset sets
    ///   [`client_id_as_audience`](crate::token::AccessTokenVerifier::client_id_as_audience): name each app client with
    ///   [`or_audience`](crate::token::AccessTokenVerifier::or_audience).
    ///
    /// Groups are in `/cognito:groups`. (Amazon Cognito Developer Guide: "Understanding the access token", "Verifying JSON
    /// web tokens".)
    #[must_use]
    pub fn cognito(region: &str, user_pool_id: &str) -> Self {
        Self::new(format!("https://cognito-idp.{region}.amazonaws.com/{user_pool_id}"))
            .access_tokens(|t| t.accept_plain_jwt().client_id_as_audience())
    }

    /// Trusts a tenant of Auth0, by its domain or its custom domain, such as `example.eu.auth0.com`.
    ///
    /// * The issuer ends with a slash.
    /// * The header `typ` is `JWT`, unless the API has the token profile of RFC 9068. The preset sets
    ///   [`accept_plain_jwt`](crate::token::AccessTokenVerifier::accept_plain_jwt).
    /// * The client is in `azp`, and permissions are in `/permissions`.
    ///
    /// A client that names no `audience` gets an opaque token, for UserInfo alone. (Auth0: "Access Token Profiles".)
    #[must_use]
    pub fn auth0(domain: &str) -> Self {
        Self::new(format!("https://{domain}/")).access_tokens(|t| t.accept_plain_jwt())
    }

    /// Trusts a custom authorization server of Okta, such as `https://example.okta.com/oauth2/default`.
    ///
    /// * Access tokens have no header `typ`. The preset sets
    ///   [`accept_plain_jwt`](crate::token::AccessTokenVerifier::accept_plain_jwt).
    /// * The client is in `cid`, and scopes are an array in `scp`.
    /// * The `aud` is the audience in the settings of the authorization server, such as `api://default`. If that is not the
    ///   identifier of the resource, name it with
    ///   [`or_audience`](crate::token::AccessTokenVerifier::or_audience).
    ///
    /// The tokens of the organization's own authorization server are for Okta alone. (Okta: "OpenID Connect & OAuth 2.0
    /// API", "Access token".)
    #[must_use]
    pub fn okta(issuer: impl Into<String>) -> Self {
        Self::new(issuer).access_tokens(|t| t.accept_plain_jwt())
    }

    /// Trusts Active Directory Federation Services on this host, such as `fs.example.com`.
    ///
    /// * Access tokens name another issuer than the metadata: `http://HOST/adfs/services/trust`, which the metadata has as
    ///   `access_token_issuer`. The preset sets
    ///   [`issuer_rule`](crate::token::AccessTokenVerifier::issuer_rule). If the identifier of your federation service is
    ///   another one, set the rule again.
    /// * The header `typ` is `JWT`. The preset sets
    ///   [`accept_plain_jwt`](crate::token::AccessTokenVerifier::accept_plain_jwt).
    /// * The client is in `appid`, and scopes are in `scp`. There is a `sub` only if a rule issues it.
    /// * The `aud` is the identifier of your API in its application group, such as `microsoft:identityserver:…`: name it
    ///   with [`or_audience`](crate::token::AccessTokenVerifier::or_audience).
    ///
    /// (AD FS: "AD FS OpenID Connect/OAuth concepts".)
    #[must_use]
    pub fn adfs(host: &str) -> Self {
        let rule = IssuerRule::exact(format!("http://{host}/adfs/services/trust"));
        Self::new(format!("https://{host}/adfs")).access_tokens(|t| t.issuer_rule(rule).accept_plain_jwt())
    }

    /// Trusts a Spring Authorization Server with its default tokens.
    ///
    /// * Access tokens have no header `typ`. The preset sets
    ///   [`accept_plain_jwt`](crate::token::AccessTokenVerifier::accept_plain_jwt).
    /// * The `aud` is the client: name each client with
    ///   [`or_audience`](crate::token::AccessTokenVerifier::or_audience), or set the audience in an
    ///   `OAuth2TokenCustomizer`.
    /// * Scopes are an array in `scope`. A token without scopes differs from an ID token by its `nbf`, and by the `azp` that
    ///   ID tokens have. The preset sets
    ///   [`nbf_marks_access_tokens`](crate::token::AccessTokenVerifier::nbf_marks_access_tokens). An
    ///   `OAuth2TokenCustomizer` must neither add `nbf` to ID tokens nor take `azp` away from them.
    ///
    /// (Spring Authorization Server: "Core model components", "OAuth2TokenCustomizer"; its class `JwtGenerator`.)
    #[must_use]
    pub fn spring(issuer: impl Into<String>) -> Self {
        Self::new(issuer).access_tokens(|t| t.accept_plain_jwt().nbf_marks_access_tokens())
    }

    /// Trusts an instance of ZITADEL, such as `https://example.zitadel.cloud`.
    ///
    /// * Access tokens are opaque, unless the application is set to JWT: add
    ///   [`introspects_opaque_tokens`](Self::introspects_opaque_tokens).
    /// * The header `typ` of a JWT is not `at+jwt`. The preset sets
    ///   [`accept_plain_jwt`](crate::token::AccessTokenVerifier::accept_plain_jwt).
    /// * The `aud` has the clients and the project: name the project with
    ///   [`or_audience`](crate::token::AccessTokenVerifier::or_audience).
    ///
    /// Roles are the members of an object in `/urn:zitadel:iam:org:project:roles`. (ZITADEL: "Claims in ZITADEL", "Opaque
    /// tokens in ZITADEL".)
    #[must_use]
    pub fn zitadel(issuer: impl Into<String>) -> Self {
        Self::new(issuer).access_tokens(|t| t.accept_plain_jwt())
    }
}
