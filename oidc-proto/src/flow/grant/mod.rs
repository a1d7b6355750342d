//! The grants that need no callback: refresh tokens, client credentials, device codes, token exchange, assertions, and
//! grants of one's own.

mod assertion;
mod client_credentials;
mod device;
mod device_grant;
#[cfg(test)]
mod diagrams_tests;
mod extension;
mod id_jag;
mod refresh;
mod refresh_request;
mod salvaged;
mod token_exchange;

pub use assertion::{AssertionGrant, AssertionGrantRequest, JwtAssertion};
pub use client_credentials::{ClientCredentialsGrant, ClientCredentialsRequest, SavedClientCredentials};
pub use device::{
    DEVICE_LIFETIME_CAP, DeviceAuthorization, DeviceAuthorizationRequest, DeviceAuthorizationStart,
};
pub use device_grant::{DeviceGrant, DeviceTokens, Polling, Waiting};
pub use extension::{Checks, ExtensionGrant, GrantRequest, Issued};
pub use id_jag::{IdJag, IdJagGrant, IdJagRequest};
pub use refresh::{Context as RefreshContext, PreviousLogin, RefreshGrant, Refreshed, Refreshing};
pub use refresh_request::RefreshRequest;
pub use token_exchange::{ExchangedToken, TokenExchange, TokenExchangeRequest, TokenTypeIdentifier};
