//! The outputs of the flows as texts, to compare two runs.

use oidc_proto::{
    Secret,
    flow::{Authenticated, Refreshed},
    message::{IntrospectionResponse, TokenResponse},
};

pub(crate) fn show_introspection(said: IntrospectionResponse) -> String {
    format!("{said:?} {:?} {:?} {:?}", said.jti, said.cnf, said.extra)
}

/// `Debug` redacts secrets, so they are compared one by one: two runs must agree in them, too.
pub(crate) fn show_tokens(tokens: &TokenResponse) -> String {
    let secret = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.expose().to_owned());
    let TokenResponse { access_token, refresh_token, id_token, .. } = tokens;
    let secrets = (access_token.expose(), secret(refresh_token), secret(id_token));
    format!("{tokens:?} {secrets:?}")
}

pub(crate) fn show_login(login: Authenticated) -> String {
    format!("{login:?} {}", show_tokens(&login.tokens))
}

pub(crate) fn show_refreshed(refreshed: Refreshed) -> String {
    format!("{refreshed:?} {}", show_tokens(&refreshed.tokens))
}
