//! What a token is for: resource indicators (RFC 8707) and rich authorization requests (RFC 9396), from the
//! authorization request to the API.

mod api;
mod details;
mod lies;
mod resources;
mod saved;

use crate::support::*;
use oidc_proto::{
    Error,
    flow::{
        Authenticated, Client, DeviceAuthorizationRequest, PendingAuthorization, RefreshRequest, Refreshed,
    },
    message::{AuthorizationDetail, AuthorizationDetails, AuthorizationRequest, TokenResponse},
    token::{AccessTokenVerifier, Scratch},
};
use oidc_testkit::{DEVICE_GRANT, Party, Seen, TOKEN_EXCHANGE_GRANT, drive};

/// Resources in spellings that a parser of URLs would change.
const ORDERS: &str = "https://Orders.example:443/a/../v1?x=%7e";
const STOCK: &str = "urn:example:stock";

/// A provider that knows two types of details, with a client for every grant.
fn party() -> Party {
    let mut party = Party::new();
    party.provider.offer_details(&["payment", "account"]);
    for grant in [DEVICE_GRANT, TOKEN_EXCHANGE_GRANT] {
        party.provider.allow_grant("app", grant);
    }
    party
}

/// The values of a parameter in a request, from its form or its query.
fn all(seen: &Seen, name: &str) -> Vec<String> {
    let pairs = seen.form().into_iter().chain(seen.query_pairs());
    pairs.filter(|(known, _)| known == name).map(|(_, value)| value).collect()
}

fn last(party: &Party, name: &str) -> Vec<String> {
    all(party.provider.requests().iter().rev().find(|seen| !seen.path.contains("jwks")).unwrap(), name)
}

/// Logs in, with a choice between the redirect and the callback.
fn login(
    party: &mut Party,
    request: &AuthorizationRequest,
    choose: impl FnOnce(PendingAuthorization) -> PendingAuthorization,
) -> Result<Authenticated, Error> {
    let (url, pending) = party.authorize(request)?;
    let query = party.callback_query(&url);
    party.callback(choose(pending), &query, None)
}

fn refresh(party: &mut Party, wanted: &RefreshRequest) -> Result<Refreshed, Error> {
    let call = party.client.refresh_with(wanted, None, None, party.clock.moment())?;
    drive(call, &mut party.provider, &mut party.clock)
}

/// The audiences among these that the access token is for.
fn audiences<'a>(party: &mut Party, tokens: &TokenResponse, of: &[&'a str]) -> Vec<&'a str> {
    let keys = party.keys().unwrap();
    let accepted = |audience: &&&str| {
        let api = AccessTokenVerifier::new("https://op.example", **audience);
        api.verify(tokens.access_token.expose(), &keys, &mut Scratch::new(), party.clock.now()).is_ok()
    };
    of.iter().filter(accepted).copied().collect()
}

fn payment() -> AuthorizationDetail {
    AuthorizationDetail::new("payment")
        .actions(["initiate", "status"])
        .locations(["https://bank.example/payments"])
}

fn of(details: impl IntoIterator<Item = AuthorizationDetail>) -> AuthorizationDetails {
    details.into_iter().collect()
}

fn device(party: &mut Party, request: &DeviceAuthorizationRequest) -> Result<TokenResponse, Error> {
    let call = party.client.device_authorization_with(request, party.clock.moment())?;
    let device = drive(call, &mut party.provider, &mut party.clock)?;
    party.provider.enter_user_code(device.user_code(), true);
    let pause = device.poll(&party.client, None, party.clock.now())?;
    drive(pause, &mut party.provider, &mut party.clock).map(|granted| granted.tokens)
}
