//! The library against a real, OpenID-certified provider: `oidc-provider` from npm, over sockets.

mod adapters;
mod api;
mod assertions;
mod attestation;
mod authorized;
mod certificates;
mod ciba;
mod client_documents;
mod dpop;
mod end_session;
mod exchange;
mod keycloak;
mod logins;
mod npm;
mod pushed;
mod rar;
mod readme;
mod registration;
mod signed_introspection;
