//! The grants that need no callback: refresh tokens, client credentials and device codes.

mod client_credentials;
mod device;
mod device_grant;
#[cfg(test)]
mod diagrams_tests;
mod refresh;
mod salvaged;

pub use client_credentials::{ClientCredentialsGrant, ClientCredentialsRequest, SavedClientCredentials};
pub use device::{DEVICE_LIFETIME_CAP, DeviceAuthorization, DeviceAuthorizationStart};
pub use device_grant::{DeviceGrant, DeviceTokens, Polling, Waiting};
pub use refresh::{Context as RefreshContext, PreviousLogin, RefreshGrant, Refreshed, Refreshing};
