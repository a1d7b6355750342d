//! Room `message`: one file per message of the specifications. It encodes or decodes, and decides
//! nothing.

mod access_request;
mod authorization_request;
mod authorization_response;
mod device_authorization_response;
mod error_response;
mod introspection_response;
mod masked;
mod response_type;
pub(crate) mod scopes;
mod token_response;
mod userinfo_response;

pub use access_request::AccessRequest;
pub use authorization_request::{AuthorizationRequest, Display, Prompt};
pub use authorization_response::{AuthorizationResponse, MAX_CALLBACK};
pub use device_authorization_response::DeviceAuthorizationResponse;
pub use error_response::ErrorResponse;
pub use introspection_response::IntrospectionResponse;
pub use response_type::{ResponseMode, ResponseType};
pub use token_response::{Quirks, TokenResponse};
pub use userinfo_response::{ClaimAccess, ClaimSource, UserInfo};

pub(crate) use access_request::Sender;
pub(crate) use authorization_request::Bound;
pub(crate) use response_type::{Answer, RequestError};
pub(crate) use token_response::TokenResponseError;
