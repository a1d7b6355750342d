//! [`ClientMetadata`]: a typed field for every registered member of the metadata of a client.
//!
//! The registry is IANA's "OAuth Dynamic Client Registration Metadata"; the members come from RFC 7591 section 2, OpenID
//! Connect Dynamic Client Registration 1.0 section 2, and the specifications named at each member.

use super::keys;
use crate::{
    base::{
        json::{Extra, Members},
        moment::seconds_up_to,
    },
    jose::Jwk,
    metadata::{ClientAuthentication, MemberError, MetadataError, UnusableMember, typed},
};
use serde_json::{Map, Value};
use std::{collections::BTreeSet, fmt, time::Duration};

macro_rules! client_metadata {
    (
        lists { $($(#[$list_doc:meta])* $list:ident,)* }
        texts { $($(#[$text_doc:meta])* $text:ident,)* }
        booleans { $($(#[$boolean_doc:meta])* $boolean:ident,)* }
    ) => {
        /// The metadata of a client: what it says about itself when it registers, or in a document of its own (RFC 7591
        /// section 2, OpenID Connect Dynamic Client Registration 1.0 section 2).
        ///
        /// Begin with [`web`](Self::web), [`native`](Self::native) or [`service`](Self::service), and set what else the
        /// provider should know. A member that is not set is not sent, and the default of its specification counts. All
        /// members are sent to the letter. Texts in other languages (`client_name#de`) are
        /// [members](Self::member) without a field.
        ///
        /// ```
        /// use oidc_proto::message::ClientMetadata;
        ///
        /// let metadata = ClientMetadata::native(["http://127.0.0.1/callback"])
        ///     .client_name("My Agent")
        ///     .member("client_name#de", "Mein Agent")
        ///     .scope("mcp:read mcp:write");
        /// metadata.check()?;
        ///
        /// let document = metadata.to_json();
        /// assert_eq!(document["application_type"], "native");
        /// assert_eq!(document["token_endpoint_auth_method"], "none");
        /// assert_eq!(ClientMetadata::parse(document.to_string().as_bytes())?, metadata);
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        ///
        /// When it is read, a member that is absent or `null` is `None`. A member that cannot be used is `None` too, and
        /// [`set_aside`](Self::set_aside) says why.
        #[derive(Clone, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct ClientMetadata {
            $($(#[$list_doc])* pub $list: Option<Vec<String>>,)*
            $($(#[$text_doc])* pub $text: Option<String>,)*
            $($(#[$boolean_doc])* pub $boolean: Option<bool>,)*
            /// The public keys of the client. They exclude [`jwks_uri`](Self::jwks_uri).
            pub jwks: Option<Vec<Jwk>>,
            /// How old the authentication of the user may be, if a request does not say it.
            pub default_max_age: Option<Duration>,
            /// The members that cannot be used, each with its reason.
            pub set_aside: Vec<UnusableMember>,
            /// The members that have no field.
            pub extra: Extra,
        }

        impl ClientMetadata {
            /// The names of the members that have a field.
            pub(crate) const MEMBERS: &[&str] = &[
                $(stringify!($list),)* $(stringify!($text),)* $(stringify!($boolean),)* "jwks", "default_max_age",
            ];

            /// Reads the members that nobody has taken yet.
            pub(crate) fn read(mut members: Members) -> Self {
                let mut set_aside = Vec::new();
                $(let $list = typed(members.strings(stringify!($list)), &mut set_aside);)*
                $(let $text = typed(members.string(stringify!($text)), &mut set_aside);)*
                $(let $boolean = typed(members.boolean(stringify!($boolean)), &mut set_aside);)*
                let jwks = members.any("jwks").map(keys::read).transpose().unwrap_or_else(|why| {
                    set_aside.push(UnusableMember { member: "jwks", why });
                    None
                });
                let default_max_age = typed(members.date("default_max_age"), &mut set_aside)
                    .map(|seconds| Duration::from_secs(seconds.clamp(0, i64::from(u32::MAX)).unsigned_abs()));
                // No member stands twice: neither here nor in a request.
                for unusable in &set_aside {
                    members.any(unusable.member);
                }
                let extra = members.rest();
                Self { $($list,)* $($text,)* $($boolean,)* jwks, default_max_age, set_aside, extra }
            }

            /// Returns the metadata as JSON, such as for the body of a registration request. Members that are not set are
            /// left out.
            #[must_use]
            pub fn to_json(&self) -> Value {
                let mut members: Map<String, Value> = self.extra.clone();
                $(put(&mut members, stringify!($list), self.$list.clone());)*
                $(put(&mut members, stringify!($text), self.$text.clone());)*
                $(put(&mut members, stringify!($boolean), self.$boolean);)*
                put(&mut members, "jwks", self.jwks.as_deref().map(keys::write));
                let seconds = self.default_max_age.map(|age| seconds_up_to(age, u32::MAX));
                put(&mut members, "default_max_age", seconds);
                Value::Object(members)
            }

            $(
                #[doc = concat!("Sets [`", stringify!($list), "`](Self#structfield.", stringify!($list), ").")]
                #[must_use]
                pub fn $list<S: Into<String>>(mut self, values: impl IntoIterator<Item = S>) -> Self {
                    self.$list = Some(values.into_iter().map(Into::into).collect());
                    self
                }
            )*
            $(
                #[doc = concat!("Sets [`", stringify!($text), "`](Self#structfield.", stringify!($text), ").")]
                #[must_use]
                pub fn $text(mut self, text: impl Into<String>) -> Self {
                    self.$text = Some(text.into());
                    self
                }
            )*
            $(
                #[doc = concat!("Sets [`", stringify!($boolean), "`](Self#structfield.", stringify!($boolean), ").")]
                #[must_use]
                pub const fn $boolean(mut self, on: bool) -> Self {
                    self.$boolean = Some(on);
                    self
                }
            )*
        }
    };
}

client_metadata! {
    lists {
        /// The URIs to which the provider may send users back. A request must repeat one of them.
        redirect_uris,
        /// The grants that the client uses; absent means `authorization_code`.
        grant_types,
        /// The values of `response_type` that the client uses; absent means `code`.
        response_types,
        /// The people who are responsible for the client, such as their email addresses.
        contacts,
        /// The URIs to which the provider may send users after a logout (RP-Initiated Logout 1.0 section 3.1).
        post_logout_redirect_uris,
        /// The values of `request_uri` that the client uses, so that the provider can fetch them before.
        request_uris,
        /// The authentication contexts (`acr`) that count if a request names none.
        default_acr_values,
        /// The types of authorization details that the client uses (RFC 9396 section 10).
        authorization_details_types,
        /// The values of `response_mode` that the client uses.
        response_modes,
    }
    texts {
        /// The kind of the client: `web` or `native`; absent means `web`.
        application_type,
        /// The method with which the client authenticates; absent means `client_secret_basic`.
        token_endpoint_auth_method,
        /// The algorithm of the assertions of the client; absent means any.
        token_endpoint_auth_signing_alg,
        /// The scopes that the client may ask for, with spaces between them.
        scope,
        /// The name of the client, to show to users.
        client_name,
        /// The home page of the client.
        client_uri,
        /// The logo of the client.
        logo_uri,
        /// The page with the terms of service.
        tos_uri,
        /// The page that says how the client uses the data of users.
        policy_uri,
        /// The URL of the public keys of the client. It excludes [`jwks`](Self::jwks).
        jwks_uri,
        /// The identifier of the software: the same for all its copies and versions.
        software_id,
        /// The version of the software.
        software_version,
        /// Metadata in a JWT that somebody has signed whom the provider trusts (RFC 7591 section 2.3). It is not verified
        /// here. Its members count before those beside it.
        software_statement,
        /// The kind of `sub` that the client wants: `public` or `pairwise`.
        subject_type,
        /// The URL of the list of redirect URIs that have one pairwise `sub` together.
        sector_identifier_uri,
        /// The page that starts a login when a third party sends the user there.
        initiate_login_uri,
        /// The algorithm of ID tokens; absent means RS256.
        id_token_signed_response_alg,
        /// The key management algorithm of ID tokens.
        id_token_encrypted_response_alg,
        /// The content encryption algorithm of ID tokens.
        id_token_encrypted_response_enc,
        /// The algorithm of UserInfo responses; absent means that they are not signed.
        userinfo_signed_response_alg,
        /// The key management algorithm of UserInfo responses.
        userinfo_encrypted_response_alg,
        /// The content encryption algorithm of UserInfo responses.
        userinfo_encrypted_response_enc,
        /// The algorithm of the request objects of the client; absent means any.
        request_object_signing_alg,
        /// The key management algorithm of the request objects of the client.
        request_object_encryption_alg,
        /// The content encryption algorithm of the request objects of the client.
        request_object_encryption_enc,
        /// The algorithm of authorization responses (JARM section 3).
        authorization_signed_response_alg,
        /// The key management algorithm of authorization responses (JARM section 3).
        authorization_encrypted_response_alg,
        /// The content encryption algorithm of authorization responses (JARM section 3).
        authorization_encrypted_response_enc,
        /// The algorithm of introspection responses (RFC 9701 section 6).
        introspection_signed_response_alg,
        /// The key management algorithm of introspection responses (RFC 9701 section 6).
        introspection_encrypted_response_alg,
        /// The content encryption algorithm of introspection responses (RFC 9701 section 6).
        introspection_encrypted_response_enc,
        /// The subject of the certificate of the client (RFC 8705 section 2.1.2). Of this and the next four, a client with
        /// `tls_client_auth` has one.
        tls_client_auth_subject_dn,
        /// A DNS name in the certificate of the client.
        tls_client_auth_san_dns,
        /// A URI in the certificate of the client.
        tls_client_auth_san_uri,
        /// An IP address in the certificate of the client.
        tls_client_auth_san_ip,
        /// An email address in the certificate of the client.
        tls_client_auth_san_email,
        /// The URL to which the provider sends logout tokens (Back-Channel Logout 1.0 section 2.2).
        backchannel_logout_uri,
        /// The page that the provider shows in a frame to log the user out (Front-Channel Logout 1.0 section 2).
        frontchannel_logout_uri,
        /// How the client gets the tokens of backchannel authentication: `poll`, `ping` or `push` (CIBA section 4).
        backchannel_token_delivery_mode,
        /// The URL to which the provider sends its notifications (CIBA section 4).
        backchannel_client_notification_endpoint,
        /// The algorithm of signed authentication requests (CIBA section 4).
        backchannel_authentication_request_signing_alg,
    }
    booleans {
        /// Whether ID tokens must have `auth_time`.
        require_auth_time,
        /// Whether the client pushes all its authorization requests (RFC 9126 section 6).
        require_pushed_authorization_requests,
        /// Whether the client signs all its authorization requests (RFC 9101 section 10.5).
        require_signed_request_object,
        /// Whether all tokens of the client are bound to a key by DPoP (RFC 9449 section 5.2).
        dpop_bound_access_tokens,
        /// Whether all tokens of the client are bound to its certificate (RFC 8705 section 3.4).
        tls_client_certificate_bound_access_tokens,
        /// Whether logout tokens must have `sid` (Back-Channel Logout 1.0 section 2.2).
        backchannel_logout_session_required,
        /// Whether front-channel logout must have `iss` and `sid` (Front-Channel Logout 1.0 section 2).
        frontchannel_logout_session_required,
        /// Whether the client sends a `user_code` (CIBA section 4).
        backchannel_user_code_parameter,
    }
}

impl ClientMetadata {
    /// Creates metadata without any member.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates the metadata of a web application: users log in with a code, and sessions go on with refresh tokens. It
    /// asks for no authentication method. Without one, a client gets a secret and uses `client_secret_basic` (RFC 7591
    /// section 2).
    #[must_use]
    pub fn web<S: Into<String>>(redirect_uris: impl IntoIterator<Item = S>) -> Self {
        Self::new().application_type("web").logs_in(redirect_uris)
    }

    /// Creates the metadata of an application on the device of its user: a public client, for it cannot keep a secret (RFC
    /// 8252 section 8.4). Otherwise it is like [`web`](Self::web).
    #[must_use]
    pub fn native<S: Into<String>>(redirect_uris: impl IntoIterator<Item = S>) -> Self {
        Self::new().application_type("native").token_endpoint_auth_method("none").logs_in(redirect_uris)
    }

    /// Creates the metadata of a client that has no users, and gets tokens for itself (RFC 6749 section 4.4).
    #[must_use]
    pub fn service() -> Self {
        Self::new().grant_types(["client_credentials"]).response_types([""; 0]).redirect_uris([""; 0])
    }

    fn logs_in<S: Into<String>>(self, redirect_uris: impl IntoIterator<Item = S>) -> Self {
        self.redirect_uris(redirect_uris)
            .grant_types(["authorization_code", "refresh_token"])
            .response_types(["code"])
    }

    /// Sets the public keys of the client, such as [`Sign::public_jwk`](crate::jose::Sign::public_jwk) returns them. Only
    /// public halves are sent.
    #[must_use]
    pub fn jwks(mut self, keys: impl IntoIterator<Item = Jwk>) -> Self {
        self.jwks = Some(keys.into_iter().collect());
        self
    }

    /// Sets [`default_max_age`](Self#structfield.default_max_age). It is sent in seconds, rounded up.
    #[must_use]
    pub const fn default_max_age(mut self, age: Duration) -> Self {
        self.default_max_age = Some(age);
        self
    }

    /// Sets a member that has no field, such as `client_name#de`.
    #[must_use]
    pub fn member(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.extra.insert(name.into(), value.into());
        self
    }

    /// Reads the metadata of a client, such as a document that it publishes.
    ///
    /// # Errors
    /// The text is not a JSON object, repeats a member, or has private keys or a misspelled switch of a defense.
    pub fn parse(document: &[u8]) -> Result<Self, MetadataError> {
        Self::read(Members::parse(document)?).defended()
    }

    /// Refuses metadata in which a defense cannot be read.
    pub(crate) fn defended(self) -> Result<Self, MetadataError> {
        let critical = |aside: &&UnusableMember| {
            aside.why == MemberError::PrivateKey || CRITICAL.contains(&aside.member)
        };
        match self.set_aside.iter().find(critical) {
            Some(aside) => Err(MetadataError::Unusable(*aside)),
            None => Ok(self),
        }
    }
}

/// The members that the provider sets.
pub(super) const OF_PROVIDER: [&str; 6] = [
    "client_id",
    "client_secret",
    "client_id_issued_at",
    "client_secret_expires_at",
    "registration_access_token",
    "registration_client_uri",
];

/// The switches of defenses: a misspelled value must not turn a defense off.
const CRITICAL: [&str; 4] = [
    "require_pushed_authorization_requests",
    "require_signed_request_object",
    "dpop_bound_access_tokens",
    "tls_client_certificate_bound_access_tokens",
];

fn put(members: &mut Map<String, Value>, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        members.insert(name.to_owned(), value.into());
    }
}

/// Shows the kind of the client and the names of its members, as far as they are registered. Everything else may be a
/// secret: somebody may have put the response to a registration here, and a provider may repeat what it likes.
impl fmt::Debug for ClientMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let document = self.to_json();
        let names =
            document.as_object().into_iter().flat_map(Map::keys).filter_map(|name| registered_name(name));
        let kind = self.application_type.as_deref().filter(|kind| ["web", "native"].contains(kind));
        let method = self.token_endpoint_auth_method.as_deref().and_then(ClientAuthentication::from_name);
        f.debug_struct("ClientMetadata")
            .field("application_type", &kind)
            .field("token_endpoint_auth_method", &method)
            .field("redirect_uris", &self.redirect_uris.as_ref().map(Vec::len))
            .field("members", &names.collect::<BTreeSet<_>>())
            .field("others", &self.extra.len())
            .field("set_aside", &self.set_aside)
            .finish_non_exhaustive()
    }
}

/// Returns the name of a member, if it is registered.
pub(super) fn registered_name(name: &str) -> Option<&'static str> {
    ClientMetadata::MEMBERS.iter().chain(&OF_PROVIDER).copied().find(|known| *known == name)
}
