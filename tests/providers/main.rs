//! The library against a real, OpenID-certified provider: `oidc-provider` from npm, over sockets.

mod adapters;
mod api;
mod assertions;
mod keycloak;
mod logins;
mod npm;
mod rar;
mod readme;
