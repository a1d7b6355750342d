//! [`BackchannelTokens`]: how a backchannel authentication ends.

use crate::{flow::exchange::Learned, message::TokenResponse, token::IdToken};

/// The tokens of a user who was authenticated on another device. The ID token has been verified.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BackchannelTokens {
    /// The token response.
    pub tokens: TokenResponse,
    /// The verified ID token.
    pub id_token: IdToken,
    /// The keys that the flow fetched, for your cache.
    pub learned: Learned,
}
