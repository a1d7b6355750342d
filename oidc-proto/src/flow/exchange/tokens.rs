//! The tokens of a response, and the check that they are bound to the key of the client.

use super::post::{Answer, Body};
use crate::{
    base::{json::Members, moment::Timestamp},
    flow::{client::Client, contract::ResponseRule},
    message::{TokenResponse, TokenResponseError},
};

impl Answer for TokenResponse {
    const MEMBER: Option<&'static str> = Some("access_token");

    fn read(body: Body, client: &Client, now: Timestamp) -> Result<Self, ResponseRule> {
        bound(tokens(body, client, now)?, client)
    }

    fn tokens(&self) -> Option<&TokenResponse> {
        Some(self)
    }
}

/// Reads the tokens of a response.
pub(in crate::flow) fn tokens(
    body: Body,
    client: &Client,
    now: Timestamp,
) -> Result<TokenResponse, ResponseRule> {
    token_response(body.members()?, client, now)
}

/// Reads tokens from the members of a JSON object.
pub(in crate::flow) fn token_response(
    members: Members,
    client: &Client,
    now: Timestamp,
) -> Result<TokenResponse, ResponseRule> {
    let read = TokenResponse::from_members(members, client.quirks(), now);
    read.map_err(|error| match error {
        TokenResponseError::Json(error) => ResponseRule::Json(error),
        TokenResponseError::Missing(member) => ResponseRule::Missing(member),
        TokenResponseError::Value(member) => ResponseRule::Value(member),
    })
}

/// Checks that the access token is bound. A client with a DPoP key accepts no token that works without the key (RFC 9449
/// section 5).
pub(in crate::flow) fn bound(tokens: TokenResponse, client: &Client) -> Result<TokenResponse, ResponseRule> {
    if client.prover().is_some() && !tokens.token_type.eq_ignore_ascii_case("DPoP") {
        return Err(ResponseRule::NotBound);
    }
    Ok(tokens)
}
