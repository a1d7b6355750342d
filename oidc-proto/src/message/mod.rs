//! The messages of the protocol: the authorization requests, and the responses of the endpoints.
//!
//! A type here only reads or writes its message. The flows in [`flow`](crate::flow) decide what the message means: they
//! check the state of an [`AuthorizationResponse`], and verify the ID token of a [`TokenResponse`]. So you build a
//! request here, pass it to a [`Client`](crate::flow::Client), and get the responses from its flows.
//!
//! ```
//! use oidc_proto::message::{AuthorizationRequest, AuthorizationResponse, Prompt};
//!
//! // A request: for the user's email address, and a new login even if the user has a session.
//! let request = AuthorizationRequest::new(["email"]).prompt([Prompt::Login]);
//! assert_eq!(request.scopes, ["email"]);
//!
//! // A response: the URL to which the browser returns.
//! let response = AuthorizationResponse::from_url("/callback?error=access_denied&state=xyz")?;
//! assert_eq!(response.state.as_deref(), Some("xyz"));
//! assert_eq!(response.error.ok_or("no error")?.error, "access_denied");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod access_request;
mod authorization_request;
mod authorization_response;
pub(crate) mod ciba;
mod client_id;
pub(crate) mod device_authorization_response;
mod end_session;
mod error_response;
mod introspection_response;
mod masked;
mod registration;
pub(crate) mod request;
mod response_type;
pub(crate) mod scopes;
pub(crate) mod target;
mod token_response;
mod userinfo_response;

pub use access_request::AccessRequest;
pub use authorization_request::{AuthorizationRequest, Display, Prompt};
pub use authorization_response::{AuthorizationResponse, ClaimedUser, MAX_CALLBACK};
pub use client_id::{
    ClientIdMetadataDocument, ClientIdMetadataDocumentBuilder, ClientIdMetadataError, ClientIdUrl,
    ClientIdUrlError, MAX_CLIENT_ID_METADATA,
};
pub use end_session::{LogoutRequest, LogoutResponse};
pub use error_response::ErrorResponse;
pub use introspection_response::{Actor, IntrospectionResponse};
pub use registration::{ClientMetadata, ClientMetadataChange, ClientMetadataError, RegisteredClient};
pub use request::ThirdPartyLoginRequest;
pub use response_type::{ResponseMode, ResponseType};
pub use target::{AuthorizationDetail, AuthorizationDetails, DetailDifference, DetailsComparison};
pub use token_response::{Quirks, TokenResponse};
pub use userinfo_response::{ClaimAccess, ClaimSource, UserInfo};

pub(crate) use access_request::Sender;
pub(crate) use authorization_request::Bound;
pub(crate) use client_id::application_type;
pub(crate) use error_response::{first_texts, first_texts_of_errors, first_words_of_json};
pub(crate) use registration::ClientInformationResponse;
pub(crate) use response_type::{Answer, RequestError};
pub(crate) use token_response::{TokenResponseError, is_token};
pub(crate) use userinfo_response::{boolean, whole_number};
