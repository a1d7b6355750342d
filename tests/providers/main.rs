//! The library against a real, OpenID-certified provider: `oidc-provider` from npm, over sockets.

mod adapters;
mod api;
mod assertions;
mod ciba;
mod keycloak;
mod logins;
mod npm;
mod readme;
