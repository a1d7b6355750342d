//! [`ProviderMetadata`]: every registered member of authorization server metadata, typed.
//!
//! The registry is IANA's "OAuth Authorization Server Metadata"; the members come from OpenID
//! Connect Discovery 1.0 section 3, RFC 8414, and the specifications named at each member.

use crate::base::sentence::{predicate, sentences_about};
use crate::base::{
    endpoint_url::{EndpointUrl, UrlError, UrlPolicy},
    json::{Extra, JsonError, Members},
};

/// A member of the metadata that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnusableMember {
    /// The name of the member.
    pub member: &'static str,
    /// Why it cannot be used.
    pub why: MemberError,
}

/// Why a member of the metadata cannot be used.
///
/// [`ProviderMetadata::set_aside`] has it for each member that cannot be used; discovery fails with it if the member
/// must be there.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MemberError {
    /// It has another type than this.
    #[error("the member is not {0}")]
    WrongType(&'static str),
    /// It is a URL that requests may not be sent to.
    #[error("the member {}", predicate(.0))]
    Url(UrlError),
}

sentences_about!(MemberError: "the member ");

macro_rules! metadata {
    (
        urls { $($(#[$url_doc:meta])* $url:ident,)* }
        lists { $($(#[$list_doc:meta])* $list:ident,)* }
        booleans { $($(#[$boolean_doc:meta])* $boolean:ident,)* }
        texts { $($(#[$text_doc:meta])* $text:ident,)* }
    ) => {
        /// What a provider says of itself: read, checked, and never changed.
        ///
        /// A member that is absent or `null` is `None`. A member that cannot be used (another type, a
        /// URL that the policy refuses) is `None` too, and [`set_aside`](Self::set_aside) says why; it
        /// fails only what needs it. Members that no field knows are kept in [`extra`](Self::extra).
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub struct ProviderMetadata {
            /// The issuer: exactly the one that was asked for, or the template of the
            /// [`IssuerRule`](super::IssuerRule) that was given.
            pub issuer: String,
            $($(#[$url_doc])* pub $url: Option<EndpointUrl>,)*
            $($(#[$list_doc])* pub $list: Option<Vec<String>>,)*
            $($(#[$boolean_doc])* pub $boolean: Option<bool>,)*
            $($(#[$text_doc])* pub $text: Option<String>,)*
            /// Endpoints for clients that authenticate with a certificate (RFC 8705 section 5).
            pub mtls_endpoint_aliases: Option<MtlsEndpointAliases>,
            /// The members that cannot be used, each with its reason.
            pub set_aside: Vec<UnusableMember>,
            /// The members that no field knows.
            pub extra: Extra,
        }

        impl ProviderMetadata {
            /// The names of those that only a provider has.
            pub(super) const MEMBERS: &[&str] =
                &["issuer", $(stringify!($url),)* $(stringify!($list),)*];

            pub(super) fn read(issuer: String, mut members: Members, policy: &UrlPolicy) -> Self {
                let mut set_aside = Vec::new();
                $(let $url = url(&mut members, stringify!($url), policy, &mut set_aside);)*
                $(let $list = typed(members.strings(stringify!($list)), &mut set_aside);)*
                $(let $boolean = typed(members.boolean(stringify!($boolean)), &mut set_aside);)*
                $(let $text = typed(members.string(stringify!($text)), &mut set_aside);)*
                let mtls_endpoint_aliases = typed(members.object("mtls_endpoint_aliases"), &mut set_aside)
                    .map(|aliases| MtlsEndpointAliases::read(aliases, policy));
                Self {
                    issuer, $($url,)* $($list,)* $($boolean,)* $($text,)*
                    mtls_endpoint_aliases, set_aside, extra: members.rest(),
                }
            }
        }
    };
}

metadata! {
    urls {
        /// Where users are sent (RFC 6749 section 3.1).
        authorization_endpoint,
        /// Where grants become tokens (RFC 6749 section 3.2).
        token_endpoint,
        /// Where the keys are (RFC 7517).
        jwks_uri,
        /// Where claims of the user are (OpenID Connect Core 1.0 section 5.3).
        userinfo_endpoint,
        /// Where clients register (RFC 7591).
        registration_endpoint,
        /// Where tokens are revoked (RFC 7009).
        revocation_endpoint,
        /// Where tokens are introspected (RFC 7662).
        introspection_endpoint,
        /// Where authorization requests are pushed (RFC 9126).
        pushed_authorization_request_endpoint,
        /// Where device grants begin (RFC 8628).
        device_authorization_endpoint,
        /// Where backchannel authentication begins (CIBA).
        backchannel_authentication_endpoint,
        /// Where users are sent to log out (RP-Initiated Logout 1.0).
        end_session_endpoint,
        /// The frame that knows of the session (Session Management 1.0).
        check_session_iframe,
        /// Documentation for developers.
        service_documentation,
        /// The provider's policy on what clients may do with its data.
        op_policy_uri,
        /// The provider's terms of service.
        op_tos_uri,
    }
    lists {
        /// Scopes (RFC 6749 section 3.3).
        scopes_supported,
        /// Response types.
        response_types_supported,
        /// Response modes; absent means `query` and `fragment`.
        response_modes_supported,
        /// Grant types; absent means `authorization_code` and `implicit`.
        grant_types_supported,
        /// Authentication context classes.
        acr_values_supported,
        /// Subject types: `public`, `pairwise`.
        subject_types_supported,
        /// Algorithms of ID token signatures.
        id_token_signing_alg_values_supported,
        /// Key management algorithms of encrypted ID tokens.
        id_token_encryption_alg_values_supported,
        /// Content encryption algorithms of encrypted ID tokens.
        id_token_encryption_enc_values_supported,
        /// Algorithms of UserInfo signatures.
        userinfo_signing_alg_values_supported,
        /// Key management algorithms of encrypted UserInfo.
        userinfo_encryption_alg_values_supported,
        /// Content encryption algorithms of encrypted UserInfo.
        userinfo_encryption_enc_values_supported,
        /// Algorithms of request object signatures (RFC 9101).
        request_object_signing_alg_values_supported,
        /// Key management algorithms of encrypted request objects.
        request_object_encryption_alg_values_supported,
        /// Content encryption algorithms of encrypted request objects.
        request_object_encryption_enc_values_supported,
        /// Client authentication methods of the token endpoint; absent means `client_secret_basic`.
        token_endpoint_auth_methods_supported,
        /// Algorithms of client assertions at the token endpoint.
        token_endpoint_auth_signing_alg_values_supported,
        /// Client authentication methods of the revocation endpoint.
        revocation_endpoint_auth_methods_supported,
        /// Algorithms of client assertions at the revocation endpoint.
        revocation_endpoint_auth_signing_alg_values_supported,
        /// Client authentication methods of the introspection endpoint.
        introspection_endpoint_auth_methods_supported,
        /// Algorithms of client assertions at the introspection endpoint.
        introspection_endpoint_auth_signing_alg_values_supported,
        /// Values of `display`.
        display_values_supported,
        /// Claim types: `normal`, `aggregated`, `distributed`.
        claim_types_supported,
        /// Claims.
        claims_supported,
        /// Languages of claims.
        claims_locales_supported,
        /// Languages of the user interface.
        ui_locales_supported,
        /// Values of `prompt` (Initiating User Registration 1.0).
        prompt_values_supported,
        /// PKCE methods (RFC 7636).
        code_challenge_methods_supported,
        /// Algorithms of DPoP proofs (RFC 9449).
        dpop_signing_alg_values_supported,
        /// Algorithms of signed authorization responses (JARM).
        authorization_signing_alg_values_supported,
        /// Key management algorithms of encrypted authorization responses (JARM).
        authorization_encryption_alg_values_supported,
        /// Content encryption algorithms of encrypted authorization responses (JARM).
        authorization_encryption_enc_values_supported,
        /// Algorithms of introspection responses (RFC 9701).
        introspection_signing_alg_values_supported,
        /// Key management algorithms of introspection responses (RFC 9701).
        introspection_encryption_alg_values_supported,
        /// Content encryption algorithms of introspection responses (RFC 9701).
        introspection_encryption_enc_values_supported,
        /// Types of authorization details (RFC 9396).
        authorization_details_types_supported,
        /// Delivery modes: `poll`, `ping`, `push` (CIBA).
        backchannel_token_delivery_modes_supported,
        /// Algorithms of signed authentication requests (CIBA).
        backchannel_authentication_request_signing_alg_values_supported,
        /// Algorithms of tokens for network function virtualization (ETSI GS NFV-SEC 022).
        nfv_token_signing_alg_values_supported,
        /// Key management algorithms of such tokens.
        nfv_token_encryption_alg_values_supported,
        /// Content encryption algorithms of such tokens.
        nfv_token_encryption_enc_values_supported,
        /// Protected resources that may be used with this server (RFC 9728).
        protected_resources,
    }
    booleans {
        /// Whether `claims` may be sent.
        claims_parameter_supported,
        /// Whether `request` may be sent.
        request_parameter_supported,
        /// Whether `request_uri` may be sent; absent means yes.
        request_uri_parameter_supported,
        /// Whether `request_uri` values must be registered.
        require_request_uri_registration,
        /// Whether request objects are demanded (RFC 9101).
        require_signed_request_object,
        /// Whether authorization requests must be pushed (RFC 9126).
        require_pushed_authorization_requests,
        /// Whether authorization responses carry `iss` (RFC 9207).
        authorization_response_iss_parameter_supported,
        /// Whether access tokens can be bound to certificates (RFC 8705).
        tls_client_certificate_bound_access_tokens,
        /// Whether front-channel logout is supported.
        frontchannel_logout_supported,
        /// Whether front-channel logout carries `iss` and `sid`.
        frontchannel_logout_session_supported,
        /// Whether back-channel logout is supported.
        backchannel_logout_supported,
        /// Whether logout tokens carry `sid`.
        backchannel_logout_session_supported,
        /// Whether `user_code` may be sent (CIBA).
        backchannel_user_code_parameter_supported,
        /// Whether Native SSO is supported.
        native_sso_supported,
    }
    texts {
        /// Metadata as a signed JWT (RFC 8414 section 2.1), as it came: not verified.
        signed_metadata,
    }
}

/// The endpoints that a client with a certificate uses instead (RFC 8705 section 5).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct MtlsEndpointAliases {
    /// Instead of the token endpoint.
    pub token_endpoint: Option<EndpointUrl>,
    /// Instead of the revocation endpoint.
    pub revocation_endpoint: Option<EndpointUrl>,
    /// Instead of the introspection endpoint.
    pub introspection_endpoint: Option<EndpointUrl>,
    /// Instead of the UserInfo endpoint.
    pub userinfo_endpoint: Option<EndpointUrl>,
    /// Instead of the registration endpoint.
    pub registration_endpoint: Option<EndpointUrl>,
    /// Instead of the endpoint for pushed authorization requests.
    pub pushed_authorization_request_endpoint: Option<EndpointUrl>,
    /// Instead of the device authorization endpoint.
    pub device_authorization_endpoint: Option<EndpointUrl>,
    /// Instead of the backchannel authentication endpoint.
    pub backchannel_authentication_endpoint: Option<EndpointUrl>,
    /// The members that cannot be used, each with its reason.
    pub set_aside: Vec<UnusableMember>,
    /// The members that no field knows.
    pub extra: Extra,
}

impl MtlsEndpointAliases {
    fn read(aliases: Extra, policy: &UrlPolicy) -> Self {
        let (mut members, mut set_aside) = (Members::new(aliases), Vec::new());
        let mut read = |member| url(&mut members, member, policy, &mut set_aside);
        Self {
            token_endpoint: read("token_endpoint"),
            revocation_endpoint: read("revocation_endpoint"),
            introspection_endpoint: read("introspection_endpoint"),
            userinfo_endpoint: read("userinfo_endpoint"),
            registration_endpoint: read("registration_endpoint"),
            pushed_authorization_request_endpoint: read("pushed_authorization_request_endpoint"),
            device_authorization_endpoint: read("device_authorization_endpoint"),
            backchannel_authentication_endpoint: read("backchannel_authentication_endpoint"),
            set_aside,
            extra: members.rest(),
        }
    }
}

pub(super) fn typed<T>(read: Result<Option<T>, JsonError>, set_aside: &mut Vec<UnusableMember>) -> Option<T> {
    read.unwrap_or_else(|error| {
        if let JsonError::WrongType { member, expected } = error {
            set_aside.push(UnusableMember { member, why: MemberError::WrongType(expected) });
        }
        None
    })
}

pub(super) fn url(
    members: &mut Members,
    member: &'static str,
    policy: &UrlPolicy,
    set_aside: &mut Vec<UnusableMember>,
) -> Option<EndpointUrl> {
    let text = typed(members.string(member), set_aside)?;
    EndpointUrl::parse(&text, policy)
        .map_err(|error| set_aside.push(UnusableMember { member, why: MemberError::Url(error) }))
        .ok()
}
