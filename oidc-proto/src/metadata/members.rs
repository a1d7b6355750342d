//! [`ProviderMetadata`]: a typed field for every registered member of authorization server metadata.
//!
//! The registry is IANA's "OAuth Authorization Server Metadata"; the members come from OpenID
//! Connect Discovery 1.0 section 3, RFC 8414, and the specifications named at each member.

use crate::base::sentence::{predicate, sentences_about};
use crate::base::{
    endpoint_url::{EndpointUrl, UrlError, UrlPolicy},
    json::{Extra, JsonError, Members},
};

/// A member of the metadata that cannot be used, and the reason. [`ProviderMetadata`] has an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnusableMember {
    /// The name of the member.
    pub member: &'static str,
    /// The reason why the member cannot be used.
    pub why: MemberError,
}

/// Why a member of the metadata cannot be used.
///
/// [`ProviderMetadata::set_aside`] has it for each member that cannot be used; discovery fails with it if the member
/// must be there.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MemberError {
    /// The member has another JSON type than this one.
    #[error("the member is not {0}")]
    WrongType(&'static str),
    /// The member is a URL to which requests may not be sent.
    #[error("the member {}", predicate(.0))]
    Url(UrlError),
    /// The member has the private half of a key, which everybody who reads it can use.
    #[error("the member has a private key")]
    PrivateKey,
}

sentences_about!(MemberError: "the member ");

macro_rules! metadata {
    (
        urls { $($(#[$url_doc:meta])* $url:ident,)* }
        lists { $($(#[$list_doc:meta])* $list:ident,)* }
        booleans { $($(#[$boolean_doc:meta])* $boolean:ident,)* }
        texts { $($(#[$text_doc:meta])* $text:ident,)* }
    ) => {
        /// The metadata of a provider: its endpoints, its keys and the features that it supports (OpenID Connect
        /// Discovery 1.0 section 3, RFC 8414 section 2).
        ///
        /// A member that is absent or `null` is `None`. A member that cannot be used (another type, or a URL that
        /// the policy refuses) is `None` too, and [`set_aside`](Self::set_aside) says why. Only operations that need
        /// that member fail. [`extra`](Self::extra) keeps the members that have no field.
        ///
        /// ```
        /// use oidc_proto::{
        ///     UrlPolicy,
        ///     metadata::{Profile, ProviderMetadata},
        /// };
        ///
        /// let document = br#"{
        ///     "issuer": "https://as.example",
        ///     "response_types_supported": ["code"],
        ///     "token_endpoint": "https://as.example/token",
        ///     "revocation_endpoint": "http://as.example/revoke",
        ///     "region": "eu"
        /// }"#;
        /// let (profile, policy) = (Profile::AuthorizationServer, UrlPolicy::default());
        /// let metadata = ProviderMetadata::parse(document, "https://as.example", profile, &policy)?;
        /// assert!(metadata.token_endpoint.is_some());
        /// // This method is the default: the document does not list any.
        /// assert!(metadata.supports_token_endpoint_auth_method("client_secret_basic"));
        ///
        /// // No token is sent by plain http: the field is empty, and the reason is kept.
        /// assert_eq!(metadata.revocation_endpoint, None);
        /// assert_eq!(metadata.set_aside[0].member, "revocation_endpoint");
        /// assert!(metadata.set_aside[0].why.to_string().contains("plain http"));
        ///
        /// assert_eq!(metadata.extra["region"], "eu");
        /// # Ok::<(), oidc_proto::metadata::MetadataError>(())
        /// ```
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub struct ProviderMetadata {
            /// The issuer: exactly the one that was asked for, or the template of the
            /// [`IssuerRule`](super::IssuerRule) of the request.
            pub issuer: String,
            $($(#[$url_doc])* pub $url: Option<EndpointUrl>,)*
            $($(#[$list_doc])* pub $list: Option<Vec<String>>,)*
            $($(#[$boolean_doc])* pub $boolean: Option<bool>,)*
            $($(#[$text_doc])* pub $text: Option<String>,)*
            /// Endpoints for clients that authenticate with a certificate (RFC 8705 section 5).
            pub mtls_endpoint_aliases: Option<MtlsEndpointAliases>,
            /// The members that cannot be used, each with its reason.
            pub set_aside: Vec<UnusableMember>,
            /// The members that have no field.
            pub extra: Extra,
        }

        impl ProviderMetadata {
            /// The names of the members that only provider metadata has.
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
        /// The authorization endpoint, to which users are sent (RFC 6749 section 3.1).
        authorization_endpoint,
        /// The token endpoint, which exchanges a grant for tokens (RFC 6749 section 3.2).
        token_endpoint,
        /// The URL of the provider's key set (RFC 7517 section 5).
        jwks_uri,
        /// The UserInfo endpoint, which returns claims about the user (OpenID Connect Core 1.0 section 5.3).
        userinfo_endpoint,
        /// The endpoint at which clients register (RFC 7591 section 3).
        registration_endpoint,
        /// The endpoint that revokes tokens (RFC 7009 section 2).
        revocation_endpoint,
        /// The introspection endpoint, which says whether a token is active (RFC 7662 section 2).
        introspection_endpoint,
        /// The endpoint for pushed authorization requests (RFC 9126 section 2).
        pushed_authorization_request_endpoint,
        /// The endpoint at which a device grant begins (RFC 8628 section 3.1).
        device_authorization_endpoint,
        /// The endpoint at which backchannel authentication begins (CIBA section 4).
        backchannel_authentication_endpoint,
        /// The endpoint to which users are sent to log out (RP-Initiated Logout 1.0 section 2).
        end_session_endpoint,
        /// The page for a frame that tells whether the user's session has changed (Session Management 1.0).
        check_session_iframe,
        /// The page with documentation for developers.
        service_documentation,
        /// The page with the provider's policy on what clients may do with its data.
        op_policy_uri,
        /// The page with the provider's terms of service.
        op_tos_uri,
    }
    lists {
        /// Supported scopes (RFC 6749 section 3.3).
        scopes_supported,
        /// Supported values of `response_type`.
        response_types_supported,
        /// Supported values of `response_mode`; absent means `query` and `fragment`.
        response_modes_supported,
        /// Supported grant types; absent means `authorization_code` and `implicit`.
        grant_types_supported,
        /// Supported authentication context classes (values of `acr`).
        acr_values_supported,
        /// Supported subject types: `public`, `pairwise`.
        subject_types_supported,
        /// Signature algorithms of ID tokens.
        id_token_signing_alg_values_supported,
        /// Key management algorithms of encrypted ID tokens.
        id_token_encryption_alg_values_supported,
        /// Content encryption algorithms of encrypted ID tokens.
        id_token_encryption_enc_values_supported,
        /// Signature algorithms of UserInfo responses.
        userinfo_signing_alg_values_supported,
        /// Key management algorithms of encrypted UserInfo responses.
        userinfo_encryption_alg_values_supported,
        /// Content encryption algorithms of encrypted UserInfo responses.
        userinfo_encryption_enc_values_supported,
        /// Signature algorithms of request objects (RFC 9101).
        request_object_signing_alg_values_supported,
        /// Key management algorithms of encrypted request objects.
        request_object_encryption_alg_values_supported,
        /// Content encryption algorithms of encrypted request objects.
        request_object_encryption_enc_values_supported,
        /// Client authentication methods of the token endpoint; absent means `client_secret_basic`.
        token_endpoint_auth_methods_supported,
        /// Signature algorithms of client assertions at the token endpoint.
        token_endpoint_auth_signing_alg_values_supported,
        /// Client authentication methods of the revocation endpoint.
        revocation_endpoint_auth_methods_supported,
        /// Signature algorithms of client assertions at the revocation endpoint.
        revocation_endpoint_auth_signing_alg_values_supported,
        /// Client authentication methods of the introspection endpoint.
        introspection_endpoint_auth_methods_supported,
        /// Signature algorithms of client assertions at the introspection endpoint.
        introspection_endpoint_auth_signing_alg_values_supported,
        /// Supported values of `display`.
        display_values_supported,
        /// Supported claim types: `normal`, `aggregated`, `distributed`.
        claim_types_supported,
        /// Claims that the provider may supply.
        claims_supported,
        /// Languages of claims (BCP 47).
        claims_locales_supported,
        /// Languages of the user interface (BCP 47).
        ui_locales_supported,
        /// Supported values of `prompt` (Initiating User Registration 1.0).
        prompt_values_supported,
        /// Supported PKCE methods (RFC 7636).
        code_challenge_methods_supported,
        /// Signature algorithms of DPoP proofs (RFC 9449).
        dpop_signing_alg_values_supported,
        /// Signature algorithms of authorization responses (JARM).
        authorization_signing_alg_values_supported,
        /// Key management algorithms of encrypted authorization responses (JARM).
        authorization_encryption_alg_values_supported,
        /// Content encryption algorithms of encrypted authorization responses (JARM).
        authorization_encryption_enc_values_supported,
        /// Signature algorithms of introspection responses (RFC 9701).
        introspection_signing_alg_values_supported,
        /// Key management algorithms of encrypted introspection responses (RFC 9701).
        introspection_encryption_alg_values_supported,
        /// Content encryption algorithms of encrypted introspection responses (RFC 9701).
        introspection_encryption_enc_values_supported,
        /// Supported types of authorization details (RFC 9396).
        authorization_details_types_supported,
        /// Supported delivery modes of tokens: `poll`, `ping`, `push` (CIBA).
        backchannel_token_delivery_modes_supported,
        /// Signature algorithms of authentication requests (CIBA).
        backchannel_authentication_request_signing_alg_values_supported,
        /// Signature algorithms of tokens for network function virtualization (ETSI GS NFV-SEC 022).
        nfv_token_signing_alg_values_supported,
        /// Key management algorithms of encrypted tokens for network function virtualization.
        nfv_token_encryption_alg_values_supported,
        /// Content encryption algorithms of encrypted tokens for network function virtualization.
        nfv_token_encryption_enc_values_supported,
        /// Protected resources that may be used with this server (RFC 9728).
        protected_resources,
        /// Supported profiles of grants, such as the exchange of an ID-JAG (`urn:ietf:params:oauth:grant-profile:id-jag`,
        /// draft-ietf-oauth-identity-assertion-authz-grant).
        authorization_grant_profiles_supported,
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
        /// Whether authorization requests must be signed request objects (RFC 9101).
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
        /// Whether Native SSO for Mobile Apps is supported.
        native_sso_supported,
        /// Whether a client identifier may be the URL of a document with the metadata of the client
        /// (draft-ietf-oauth-client-id-metadata-document).
        client_id_metadata_document_supported,
    }
    texts {
        /// The metadata as a signed JWT (RFC 8414 section 2.1). It is verified only if the keys of its signer were
        /// given: see [`SignedMetadataError`](super::SignedMetadataError).
        signed_metadata,
    }
}

/// Other URLs of the provider's endpoints, for clients that authenticate with a certificate (RFC 8705 section 5).
///
/// An endpoint that is not listed here has the same URL for all clients.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct MtlsEndpointAliases {
    /// The URL that replaces `token_endpoint`.
    pub token_endpoint: Option<EndpointUrl>,
    /// The URL that replaces `revocation_endpoint`.
    pub revocation_endpoint: Option<EndpointUrl>,
    /// The URL that replaces `introspection_endpoint`.
    pub introspection_endpoint: Option<EndpointUrl>,
    /// The URL that replaces `userinfo_endpoint`.
    pub userinfo_endpoint: Option<EndpointUrl>,
    /// The URL that replaces `registration_endpoint`.
    pub registration_endpoint: Option<EndpointUrl>,
    /// The URL that replaces `pushed_authorization_request_endpoint`.
    pub pushed_authorization_request_endpoint: Option<EndpointUrl>,
    /// The URL that replaces `device_authorization_endpoint`.
    pub device_authorization_endpoint: Option<EndpointUrl>,
    /// The URL that replaces `backchannel_authentication_endpoint`.
    pub backchannel_authentication_endpoint: Option<EndpointUrl>,
    /// The members that cannot be used, each with its reason.
    pub set_aside: Vec<UnusableMember>,
    /// The members that have no field.
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

pub(crate) fn typed<T>(read: Result<Option<T>, JsonError>, set_aside: &mut Vec<UnusableMember>) -> Option<T> {
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
