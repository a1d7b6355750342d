//! The library against a real, OpenID-certified provider: `oidc-provider` from npm, over sockets.

mod adapters;
mod api;
mod assertions;
mod authorized;
mod certificates;
mod ciba;
mod client_documents;
mod dpop;
mod exchange;
mod keycloak;
mod logins;
mod npm;
mod pushed;
mod rar;
mod readme;
mod signed_introspection;
