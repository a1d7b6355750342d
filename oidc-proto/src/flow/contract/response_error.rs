//! [`ResponseError`]: a response that the specification does not allow, and [`ResponseRule`], the rule that it broke.

use super::terms::Endpoint;
use crate::{
    base::{
        json::JsonError,
        sentence::{Quoted, debug_is_sentence, predicate, sentences_about},
    },
    jose::JwsError,
    message::ClientIdMetadataError,
    metadata::{DiscoveryError, MetadataError},
    token::VerificationError,
};
use http::StatusCode;
use std::fmt;

/// A response that the specification does not allow.
///
/// Every flow can end with it: [`Error::Response`](super::Error::Response).
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResponseError {
    /// The endpoint that answered.
    pub endpoint: Endpoint,
    /// The status of the response.
    pub status: u16,
    /// The rule that the response breaks.
    pub rule: ResponseRule,
    /// The URLs that were asked for a document, in their order, without their queries. For another endpoint, the URL that
    /// redirects; empty otherwise.
    pub urls: Vec<String>,
    /// The media type of a document that is not of the right one, if it is a common one; and of a body that is too large,
    /// if it is that of a web page.
    pub media_type: Option<&'static str>,
    /// What the server says in the place of a document: the first words of JSON. The server wrote them, and nobody
    /// checked what they say.
    pub told: Option<Box<str>>,
}

impl ResponseError {
    /// Makes the error of a response, for a [flow of one's own](crate::flow::Then) that checks more than the flow before
    /// it.
    #[must_use]
    pub fn new(endpoint: Endpoint, status: StatusCode, rule: ResponseRule) -> Self {
        Self { endpoint, status: status.as_u16(), rule, urls: Vec::new(), media_type: None, told: None }
    }
}

impl fmt::Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use ResponseRule::{MediaType, Missing, Redirect, Status, TooLarge, Value};
        write!(f, "the response of {} (status {}) {}", self.endpoint, self.status, predicate(&self.rule))?;
        if let Some(found) = &self.media_type {
            let but = if matches!(self.rule, TooLarge { .. }) { "and" } else { "but" };
            write!(f, ", {but} of `{found}`")?;
        }
        if let Some(told) = &self.told {
            write!(f, " (the server says: {told})")?;
        }
        let places = Quoted(&self.urls);
        match (self.endpoint, &self.rule) {
            (Endpoint::ResourceMetadata, ResponseRule::Status) if !self.urls.is_empty() => write!(
                f,
                "; there is none at {places}: the resource may be misspelt, or publish no metadata (`DiscoveryRules` says where \
                 an `AuthorizationDiscovery` looks for it)"
            ),
            (Endpoint::ResourceMetadata, ResponseRule::Status) if matches!(self.status, 404 | 410) => {
                f.write_str("; the resource may be misspelt, or publish no metadata")
            }
            (Endpoint::Token, Missing("token_type")) => {
                f.write_str(" (`Quirks::no_token_type` does without it)")
            }
            (Endpoint::Token, Missing("access_token")) => {
                f.write_str("; some providers send one only if `scope` names an API")
            }
            (Endpoint::Token, Missing("id_token")) => f.write_str(
                "; a provider without OpenID Connect sends none (`Client::authorize_access` does without)",
            ),
            (
                Endpoint::Token | Endpoint::DeviceAuthorization | Endpoint::BackchannelAuthentication,
                Value("expires_in"),
            ) => f.write_str(" (`Quirks::odd_expires_in` takes it for absent)"),
            (Endpoint::UserInfo, ResponseRule::UnexpectedJwt) => {
                f.write_str(" (`ClientBuilder::userinfo_signed_response_alg` accepts one that is signed)")
            }
            (
                Endpoint::Registration
                | Endpoint::ClientConfiguration
                | Endpoint::ClientIdMetadata
                | Endpoint::Other(_),
                TooLarge { .. },
            ) => f.write_str(" (`Call::max_body` sets the limit)"),
            (Endpoint::ResourceMetadata, TooLarge { .. }) => {
                f.write_str(
                    " (`Call::max_body`, or `max_document` of an `AuthorizationDiscovery`, sets the limit)",
                )?;
                if self.urls.is_empty() { Ok(()) } else { write!(f, "; it came from {places}") }
            }
            (_, TooLarge { .. }) => f.write_str(" (`max_document` sets the limit)"),
            (Endpoint::UserInfo, ResponseRule::NotSigned) => {
                f.write_str(" (`ClientBuilder::userinfo_signed_response_alg` is set)")
            }
            (Endpoint::Introspection, ResponseRule::UnexpectedJwt) => {
                f.write_str(" (`ClientBuilder::signed_introspection` asks for one)")
            }
            (Endpoint::Introspection, ResponseRule::NotSigned) => f.write_str(
                " (`ClientBuilder::signed_introspection` is set; the provider may sign only for clients that are registered so)",
            ),
            (Endpoint::Introspection, ResponseRule::Jwt(rejected)) => f.write_str(introspection(rejected)),
            (Endpoint::UserInfo, ResponseRule::Jwt(rejected)) => f.write_str(setting(rejected)),
            (Endpoint::ResourceMetadata, MediaType(_)) => {
                write!(f, " (`Call::any_media_type` accepts it); it came from {places}")
            }
            (Endpoint::UserInfo, MediaType(_)) => f.write_str(" (`Quirks::any_media_type` accepts it)"),
            (Endpoint::Jwks, MediaType(_)) => write!(
                f,
                " (`Quirks::any_media_type` and `DiscoveryOptions::any_media_type` accept it); it came from {places}"
            ),
            (_, Redirect) if self.urls.is_empty() => f.write_str("; check the URL of the endpoint"),
            (Endpoint::ResourceMetadata, Redirect) => {
                write!(f, "; it came from {places}: ask for the resource under its exact identifier")
            }
            (Endpoint::ClientIdMetadata, Redirect) => {
                write!(f, "; it came from {places}: serve the document there, because no server follows a redirect")
            }
            (_, _) if self.urls.is_empty() => Ok(()),
            (Endpoint::Discovery, Status | Redirect | MediaType(_)) => write!(
                f,
                "; there is no metadata at {places}: check the issuer, which may be misspelt or only a part of what it must be, \
                 and `document_at` or `or_other_form` if its metadata is elsewhere{}",
                if matches!(self.rule, MediaType(_)) {
                    "; `any_media_type` accepts metadata of another type"
                } else {
                    ""
                }
            ),
            (Endpoint::ClientConfiguration, Redirect) => {
                write!(f, "; it came from {places}: the provider must name the URL to which it redirects")
            }
            (endpoint, Redirect) => write!(
                f,
                "; it came from {places}, which the metadata names as `{endpoint}`: the provider must publish the URL to which \
                 it redirects (what `ProviderMetadata::parse` returns may be corrected)"
            ),
            _ => write!(f, "; it came from {places}"),
        }
    }
}

debug_is_sentence!(ResponseError);

/// What a client would set, so that the verdict on signed UserInfo may be another.
fn setting(rejected: &VerificationError) -> &'static str {
    const SETTINGS: [(VerificationError, &str); 2] = [
        (
            VerificationError::Jws(JwsError::AlgorithmNotAllowed),
            " (`ClientBuilder::userinfo_signed_response_alg` names the one that is allowed)",
        ),
        (
            VerificationError::Issuer,
            " (`ClientBuilder::issuer_rule` accepts a template, or a second name: `IssuerRule::or_exact`)",
        ),
    ];
    SETTINGS.iter().find(|(error, _)| error == rejected).map_or("", |(_, setting)| setting)
}

/// What a client would set, so that the verdict on a signed introspection response may be another.
fn introspection(rejected: &VerificationError) -> &'static str {
    const SETTINGS: [(VerificationError, &str); 3] = [
        (
            VerificationError::Jws(JwsError::AlgorithmNotAllowed),
            " (`ClientBuilder::introspection_signed_response_alg` names the one that is allowed)",
        ),
        (VerificationError::Jws(JwsError::Encrypted), " (the registration must have responses signed only)"),
        (
            VerificationError::Audience,
            " (`ClientBuilder::introspection_audience` adds a name of this resource server)",
        ),
    ];
    let own = SETTINGS.iter().find(|(error, _)| error == rejected);
    own.map_or_else(
        || if *rejected == VerificationError::Issuer { setting(rejected) } else { "" },
        |(_, own)| own,
    )
}

impl std::error::Error for ResponseError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.rule)
    }
}

/// A rule that a response broke.
///
/// [`ResponseError`] has it, with the endpoint that broke the rule.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResponseRule {
    /// The body is larger than [`Terms::max_body`](crate::flow::Terms::max_body).
    #[error("the response is larger than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The response is a redirect. To follow it would send secrets to a place that nobody has agreed to.
    #[error("the response is a redirect, which is never followed")]
    Redirect,
    /// The status is not one that the exchange allows.
    #[error("the response has a status that the specification does not allow here")]
    Status,
    /// The provider refuses the request, with a body that is no error response of the specifications. These are the
    /// first texts of the body, in whatever form. The provider wrote them: they are cleaned for logs, and nobody checked
    /// what they say.
    #[error(
        "the response is a refusal without a readable `error`{}",
        .0.as_ref().map_or_else(String::new, |told| format!(" (the provider says: {told})"))
    )]
    Refusal(Option<Box<str>>),
    /// The media type is not this one.
    #[error("the response is not of the media type `{0}`")]
    MediaType(&'static str),
    /// The body is not acceptable JSON.
    #[error("the response has a body that {}", predicate(.0))]
    Json(#[from] JsonError),
    /// A required member is missing.
    #[error("the response lacks the member `{0}`")]
    Missing(&'static str),
    /// A member has a value that the specification does not allow.
    #[error("the response has a member `{0}` with a value that the specification does not allow")]
    Value(&'static str),
    /// The access token is not bound to the key of the client (RFC 9449 section 5).
    #[error(
        "the response has a token that is not bound to the client's DPoP key (its `token_type` is not `DPoP`)"
    )]
    NotBound,
    /// The response has authorization details of a type that the request did not ask for (RFC 9396 section 7.1). The
    /// token may allow what nobody in this program has asked for.
    #[error("the response has `authorization_details` of a type that the request did not ask for")]
    ForeignDetails,
    /// The provider has registered the client with a member that the client cannot use, or that would let others in.
    #[error("the response has a member `{0}` that the client has not asked for and cannot use")]
    Registered(&'static str),
    /// The metadata is not acceptable.
    #[error("the response is refused: {0}")]
    Metadata(#[from] MetadataError),
    /// The document of a client is not acceptable.
    #[error("the response is refused: {0}")]
    ClientIdMetadata(Box<ClientIdMetadataError>),
    /// The metadata can be read, and does not lead from the resource to an authorization server.
    #[error("the response is refused: {0}")]
    Discovery(#[from] DiscoveryError),
    /// The key set is not acceptable.
    #[error("the response is refused: {0}")]
    KeySet(#[from] crate::jose::KeySetError),
    /// The key set has no key that can be used.
    #[error("the response has no key that can be used")]
    NoUsableKey,
    /// The UserInfo response is about another user (OpenID Connect Core 1.0 section 5.3.2).
    #[error("the response is about another user (`sub`) than the ID token")]
    OtherSubject,
    /// The response is signed or encrypted, though JSON was expected.
    #[error("the response is a JWT, which this client has not asked for")]
    UnexpectedJwt,
    /// The response is not signed, though the client demands a signature: of UserInfo, or of an introspection response.
    #[error("the response is not signed, though this client demands a signature")]
    NotSigned,
    /// The signed response is not acceptable (OpenID Connect Core 1.0 section 5.3.4, RFC 9701 section 5).
    #[error("the response is a JWT that is refused: {0}")]
    Jwt(VerificationError),
}

sentences_about!(ResponseRule: "the response ");

impl ResponseRule {
    /// Returns a short, stable name of the rule, for logs and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "response_too_large",
            Self::Redirect => "response_redirect",
            Self::Status => "response_status",
            Self::Refusal(_) => "response_refusal",
            Self::MediaType(_) => "response_media_type",
            Self::Json(_) => "response_json",
            Self::Missing(_) => "response_missing_member",
            Self::Value(_) => "response_value",
            Self::NotBound => "response_not_bound",
            Self::ForeignDetails => "response_foreign_details",
            Self::Registered(_) => "response_registered",
            Self::Metadata(error) => error.code(),
            Self::ClientIdMetadata(error) => error.code(),
            Self::Discovery(error) => error.code(),
            Self::KeySet(crate::jose::KeySetError::TooManyKeys { .. }) => "key_set_too_many_keys",
            Self::KeySet(_) => "key_set",
            Self::NoUsableKey => "key_set_no_usable_key",
            Self::OtherSubject => "userinfo_other_subject",
            Self::UnexpectedJwt => "response_unexpected_jwt",
            Self::NotSigned => "response_not_signed",
            Self::Jwt(rejected) => rejected.code(),
        }
    }
}
