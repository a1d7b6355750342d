//! The grants that need no callback: refresh tokens, client credentials, device codes, backchannel authentication, token
//! exchange, assertions, and grants of one's own.

mod assertion;
mod ciba;
mod client_credentials;
mod device;
mod device_grant;
#[cfg(test)]
mod diagrams_tests;
mod extension;
mod id_jag;
mod polling;
mod refresh;
mod salvaged;
mod token_exchange;

pub use assertion::{AssertionGrant, AssertionGrantRequest, JwtAssertion};
pub use ciba::{
    BACKCHANNEL_LIFETIME_CAP, BackchannelAuthentication, BackchannelAuthenticationRequest,
    BackchannelAuthenticationStart, BackchannelGrant, BackchannelTokens, Begun, ClientNotification, Delivery,
    DeliveryMode, NotificationError, Ping, Push, PushedTokens, SignedAuthenticationRequest, Verifying,
};
pub use client_credentials::{ClientCredentialsGrant, ClientCredentialsRequest, SavedClientCredentials};
pub use device::{
    DEVICE_LIFETIME_CAP, DeviceAuthorization, DeviceAuthorizationRequest, DeviceAuthorizationStart,
};
pub use device_grant::{DeviceGrant, DeviceTokens};
pub use extension::{Checks, ExtensionGrant, GrantRequest, Issued};
pub use id_jag::{IdJag, IdJagGrant, IdJagRequest};
pub use polling::{Polling, Waiting};
pub use refresh::RefreshRequest;
pub use refresh::{
    Context as RefreshContext, PreviousLogin, RefreshGrant, RefreshOutcome, Refreshed, Refreshing,
};
pub use token_exchange::{ExchangedToken, TokenExchange, TokenExchangeRequest, TokenTypeIdentifier};
