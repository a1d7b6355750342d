//! The grants without a callback: refresh tokens, client credentials and devices.

mod client_credentials;
mod device;
mod device_grant;
#[cfg(test)]
mod diagrams_tests;
mod refresh;

pub use client_credentials::{ClientCredentialsGrant, ClientCredentialsRequest, SavedClientCredentials};
pub use device::{DEVICE_LIFETIME_CAP, DeviceAuthorization, DeviceAuthorizationStart};
pub use device_grant::{DeviceGrant, DeviceTokens};
pub use refresh::{PreviousLogin, RefreshGrant, Refreshed};
