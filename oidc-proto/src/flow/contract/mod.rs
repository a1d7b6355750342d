//! The contract between a flow and its driver: steps, terms, and the errors that end a flow.

mod callback_error;
mod error;
mod new_tokens;
mod oauth_error;
mod remedy;
mod reserved;
mod response_error;
mod step;
mod terms;
mod then;
mod unavailable;

pub use callback_error::{CallbackError, PENDING_LIFETIME};
pub use error::{ConfigError, Error, RegisteredClientError, UnsupportedDetailsError};
pub use new_tokens::NewTokens;
pub use oauth_error::OAuthError;
pub use response_error::{ResponseError, ResponseRule};
pub use step::{Call, Flow, Pause, Pending, Request, Response, Step};
pub use terms::{Endpoint, MAX_DOCUMENT, MAX_INTROSPECTED, MAX_RESPONSE, TIMEOUT, Terms};
pub use then::{Along, Then};
pub use unavailable::Unavailable;
