//! `remedy` of the errors that end a flow: who can do what about each.

use super::{
    callback_error::CallbackError,
    error::{ConfigError, Error},
    oauth_error,
    response_error::{ResponseError, ResponseRule},
    terms::Endpoint,
    unavailable::Unavailable,
};
use crate::{
    base::{endpoint_url::UrlError, json::JsonError, sentence::Remedy},
    jose::KeySetError,
    metadata::{MemberError, MetadataError},
    token::VerificationError,
};

impl Error {
    /// Returns who can do what about the error: log in again, try later, change a setting, or nobody but the provider.
    /// [`Remedy`] has an example.
    #[must_use]
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::OAuth(refused) => refused.remedy(),
            Self::Response(error) => error.remedy(),
            Self::Unavailable(busy) => busy.remedy(),
            Self::Callback(error) => error.remedy(),
            Self::Token(rejected) => rejected.remedy(),
            Self::Refresh { cause, .. } | Self::Registration { cause, .. } => cause.remedy(),
            Self::DeviceCodeExpired | Self::AuthenticationRequestExpired | Self::AuthenticationFailed(_) => {
                Remedy::LogInAgain
            }
            Self::Sign(error) => error.remedy(),
            Self::Config(error) => error.remedy(),
            Self::UnsupportedDetails(_) => Remedy::FixConfiguration,
        }
    }

    /// Returns the error code as the provider wrote it, cleaned for logs: of a refused request, or of a refused login.
    /// `None` if the provider has sent no error code.
    #[must_use]
    pub fn provider_code(&self) -> Option<&str> {
        match self {
            Self::OAuth(refused) => Some(refused.provider_code()),
            Self::Callback(CallbackError::Denied(response)) => Some(&response.error),
            Self::AuthenticationFailed(said) => Some(&said.error),
            Self::Refresh { cause, .. } | Self::Registration { cause, .. } => cause.provider_code(),
            Self::Callback(_)
            | Self::Response(_)
            | Self::Unavailable(_)
            | Self::Token(_)
            | Self::DeviceCodeExpired
            | Self::AuthenticationRequestExpired
            | Self::Sign(_)
            | Self::Config(_)
            | Self::UnsupportedDetails(_) => None,
        }
    }
}

impl Unavailable {
    /// Returns that the same request may succeed later, and when.
    #[must_use]
    pub const fn remedy(&self) -> Remedy {
        Remedy::TryLater { after: self.retry_after() }
    }
}

impl CallbackError {
    /// Returns who can do what about the refused callback. Most are answers to no login of this user, or were changed on
    /// the way through the browser, so the user logs in again.
    #[must_use]
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Denied(response) => oauth_error::remedy(response),
            Self::Response(rejected)
                if matches!(**rejected, VerificationError::Claims(JsonError::DuplicateMember)) =>
            {
                Remedy::FixConfiguration
            }
            Self::Response(rejected) => rejected.remedy(),
            Self::Parameter(_) => Remedy::FixConfiguration,
            Self::MissingIssuer | Self::MissingResponse => Remedy::ProviderAtFault,
            // Anybody can send a user back with any error.
            Self::Form(_)
            | Self::Unattributed(_)
            | Self::State
            | Self::Issuer
            | Self::MissingCode
            | Self::MissingIdToken
            | Self::MissingAccessToken
            | Self::Expired { .. }
            | Self::BegunInFuture { .. } => Remedy::LogInAgain,
        }
    }
}

impl ResponseError {
    /// Returns who can do what about the response: [`FixConfiguration`](Remedy::FixConfiguration) if a setting accepts
    /// it, or if it means that the issuer is not the right one.
    #[must_use]
    pub fn remedy(&self) -> Remedy {
        let of_document = matches!(self.endpoint, Endpoint::Discovery | Endpoint::ResourceMetadata);
        let issuer_may_be_wrong = of_document && self.rule == ResponseRule::Status;
        let document = of_document || self.endpoint == Endpoint::Jwks;
        let quirk = matches!(
            (self.endpoint, &self.rule),
            (Endpoint::Token, ResponseRule::Missing("token_type" | "access_token" | "id_token"))
                | (
                    Endpoint::Token | Endpoint::DeviceAuthorization | Endpoint::BackchannelAuthentication,
                    ResponseRule::Value("expires_in")
                )
        );
        let of_audience = (self.endpoint, &self.rule)
            == (Endpoint::Introspection, &ResponseRule::Jwt(VerificationError::Audience));
        let of_type = (document || self.endpoint == Endpoint::UserInfo)
            && matches!(self.rule, ResponseRule::MediaType(_));
        // Whoever publishes the document of a client can change it.
        let of_client = self.endpoint == Endpoint::ClientIdMetadata;
        if of_type || of_audience || issuer_may_be_wrong || quirk || of_client {
            Remedy::FixConfiguration
        } else {
            self.rule.remedy()
        }
    }
}

impl ResponseRule {
    fn remedy(&self) -> Remedy {
        match self {
            Self::TooLarge { .. }
            | Self::Redirect
            | Self::UnexpectedJwt
            | Self::NotSigned
            | Self::Registered(_)
            | Self::Discovery(_)
            | Self::KeySet(KeySetError::TooManyKeys { .. }) => Remedy::FixConfiguration,
            // What was expected names the setting that expects less.
            Self::Json(JsonError::WrongType { expected, .. }) if expected.contains("::") => {
                Remedy::FixConfiguration
            }
            Self::Metadata(error) => of_metadata(error),
            Self::ClientIdMetadata(error) => error.remedy(),
            Self::Jwt(rejected) => rejected.remedy(),
            Self::Status
            | Self::MediaType(_)
            | Self::Json(_)
            | Self::Missing(_)
            | Self::Value(_)
            | Self::NotBound
            | Self::ForeignDetails
            | Self::KeySet(_)
            | Self::NoUsableKey
            | Self::Refusal(_)
            | Self::OtherSubject => Remedy::ProviderAtFault,
        }
    }
}

fn of_metadata(error: &MetadataError) -> Remedy {
    match error {
        MetadataError::Issuer { .. } | MetadataError::Resource { .. } | MetadataError::Missing(_) => {
            Remedy::FixConfiguration
        }
        MetadataError::Unusable(member) => match member.why {
            MemberError::Url(UrlError::PlainHttp | UrlError::Loopback | UrlError::PrivateAddress) => {
                Remedy::FixConfiguration
            }
            MemberError::Url(_) | MemberError::WrongType(_) | MemberError::PrivateKey => {
                Remedy::ProviderAtFault
            }
        },
        MetadataError::Json(_) | MetadataError::Signed(_) => Remedy::ProviderAtFault,
    }
}

impl ConfigError {
    /// Returns [`FixConfiguration`](Remedy::FixConfiguration), but for a saved state that does not fit any more: a new
    /// login makes a new one.
    #[must_use]
    pub const fn remedy(&self) -> Remedy {
        if matches!(self, Self::SavedState | Self::OtherDpopKey) {
            Remedy::LogInAgain
        } else {
            Remedy::FixConfiguration
        }
    }
}
