//! [`ResourceMetadata`]: the metadata of a protected resource (RFC 9728), to read or to publish.

use super::{MemberError, MetadataError, UnusableMember, members, resource_well_known};
use crate::base::{
    endpoint_url::{EndpointUrl, UrlError, UrlPolicy},
    json::{Extra, Members},
    visible::shown,
};
use serde_json::{Map, Value};

macro_rules! resource_metadata {
    (
        urls { $($(#[$url_doc:meta])* $url:ident,)* }
        lists { $($(#[$list_doc:meta])* $list:ident,)* }
        booleans { $($(#[$boolean_doc:meta])* $boolean:ident,)* }
        texts { $($(#[$text_doc:meta])* $text:ident,)* }
    ) => {
        /// The metadata of a protected resource: the authorization servers whose tokens it accepts, its scopes, and
        /// how it wants its tokens (RFC 9728 section 2).
        ///
        /// A client reads it with [`parse`](Self::parse). A resource builds its own with [`new`](Self::new) and
        /// serves [`to_json`](Self::to_json). A member that cannot be used is `None`, and
        /// [`set_aside`](Self::set_aside) says why. Texts in other languages (`resource_name#de`) are in
        /// [`extra`](Self::extra).
        ///
        /// ```
        /// use oidc_proto::{UrlPolicy, metadata::ResourceMetadata};
        ///
        /// let (resource, policy) = ("https://api.example/v1", UrlPolicy::default());
        /// let own = ResourceMetadata::new(resource)
        ///     .authorization_servers(["https://op.example"])
        ///     .scopes_supported(["read", "write"]);
        ///
        /// // The resource serves the document at this URL:
        /// let url = own.url(&policy)?;
        /// assert_eq!(url.as_str(), "https://api.example/.well-known/oauth-protected-resource/v1");
        /// let document = own.to_json().to_string();
        ///
        /// // A client fetches and reads it.
        /// let read = ResourceMetadata::parse(document.as_bytes(), resource, &policy)?;
        /// assert_eq!(read.authorization_servers.ok_or("no servers")?, ["https://op.example"]);
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        #[derive(Clone, Debug, Default, PartialEq)]
        #[non_exhaustive]
        pub struct ResourceMetadata {
            /// The resource identifier (RFC 9728 section 1.2).
            pub resource: String,
            $($(#[$url_doc])* pub $url: Option<EndpointUrl>,)*
            $($(#[$list_doc])* pub $list: Option<Vec<String>>,)*
            $($(#[$boolean_doc])* pub $boolean: Option<bool>,)*
            $($(#[$text_doc])* pub $text: Option<String>,)*
            /// The members that cannot be used, each with its reason.
            pub set_aside: Vec<UnusableMember>,
            /// The members that have no field.
            pub extra: Extra,
        }

        impl ResourceMetadata {
            fn read(resource: String, mut members: Members, policy: &UrlPolicy) -> Self {
                let mut set_aside = Vec::new();
                $(let $url = members::url(&mut members, stringify!($url), policy, &mut set_aside);)*
                $(let $list = members::typed(members.strings(stringify!($list)), &mut set_aside);)*
                $(let $boolean = members::typed(members.boolean(stringify!($boolean)), &mut set_aside);)*
                $(let $text = members::typed(members.string(stringify!($text)), &mut set_aside);)*
                Self { resource, $($url,)* $($list,)* $($boolean,)* $($text,)* set_aside, extra: members.rest() }
            }

            /// Returns the document to serve at [`url`](Self::url), as `application/json`. Members without a value
            /// and empty lists are left out (RFC 9728 section 3.2).
            #[must_use]
            pub fn to_json(&self) -> Value {
                let mut members: Map<String, Value> = self.extra.clone();
                members.insert("resource".to_owned(), self.resource.clone().into());
                $(put(&mut members, stringify!($url), self.$url.as_ref().map(EndpointUrl::as_str));)*
                $(put(&mut members, stringify!($list), self.$list.clone().filter(|list| !list.is_empty()));)*
                $(put(&mut members, stringify!($boolean), self.$boolean);)*
                $(put(&mut members, stringify!($text), self.$text.clone());)*
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
                #[doc = concat!("Sets [`", stringify!($url), "`](Self#structfield.", stringify!($url), ").")]
                #[must_use]
                pub fn $url(mut self, url: EndpointUrl) -> Self {
                    self.$url = Some(url);
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
            $(
                #[doc = concat!("Sets [`", stringify!($text), "`](Self#structfield.", stringify!($text), ").")]
                #[must_use]
                pub fn $text(mut self, text: impl Into<String>) -> Self {
                    self.$text = Some(text.into());
                    self
                }
            )*
        }
    };
}

resource_metadata! {
    urls {
        /// The URL of the key set with which the resource signs its responses.
        jwks_uri,
        /// The page with documentation for developers.
        resource_documentation,
        /// The page that says what clients may do with the data.
        resource_policy_uri,
        /// The page with the terms of service.
        resource_tos_uri,
    }
    lists {
        /// The issuers whose tokens the resource accepts. They are not checked here: discovery checks an issuer
        /// against the URL policy.
        authorization_servers,
        /// The scopes that tokens for the resource may have.
        scopes_supported,
        /// The ways to send a bearer token: `header`, `body`, `query` (RFC 6750 section 2).
        bearer_methods_supported,
        /// Signature algorithms of the responses of the resource.
        resource_signing_alg_values_supported,
        /// Supported types of authorization details (RFC 9396).
        authorization_details_types_supported,
        /// Signature algorithms of DPoP proofs (RFC 9449).
        dpop_signing_alg_values_supported,
    }
    booleans {
        /// Whether access tokens are bound to the certificates of clients (RFC 8705).
        tls_client_certificate_bound_access_tokens,
        /// Whether access tokens must be bound to a key by DPoP (RFC 9449).
        dpop_bound_access_tokens_required,
    }
    texts {
        /// The name of the resource, to show to users.
        resource_name,
        /// The metadata as a signed JWT (RFC 9728 section 2.2). It is not verified.
        signed_metadata,
    }
}

/// The switches of defenses: a misspelled value must not turn a defense off.
const CRITICAL: [&str; 2] =
    ["tls_client_certificate_bound_access_tokens", "dpop_bound_access_tokens_required"];

impl ResourceMetadata {
    /// Creates metadata for a resource with this identifier, and without any other member.
    #[must_use]
    pub fn new(resource: impl Into<String>) -> Self {
        Self { resource: resource.into(), ..Self::default() }
    }

    /// Reads the metadata document of `resource`.
    ///
    /// # Errors
    /// [`MetadataError::Resource`] if the document names another resource, even by a single letter (RFC 9728 section
    /// 3.3); another [`MetadataError`] if it cannot be read.
    pub fn parse(document: &[u8], resource: &str, policy: &UrlPolicy) -> Result<Self, MetadataError> {
        let mut members = Members::parse(document)?;
        let found = members.string("resource")?;
        let found = found.ok_or_else(|| MetadataError::Missing(vec!["resource"]))?;
        if found != resource {
            return Err(MetadataError::Resource { expected: resource.to_owned(), found: shown(&found) });
        }
        let metadata = Self::read(found, members, policy);
        match metadata.set_aside.iter().find(|aside| CRITICAL.contains(&aside.member)) {
            Some(aside) => Err(MetadataError::Unusable(*aside)),
            None => Ok(metadata),
        }
    }

    /// Returns the URL at which to serve the document: the value of `resource_metadata` in challenges (RFC 9728
    /// section 5.1).
    ///
    /// # Errors
    /// Fails as [`resource_well_known`] does.
    pub fn url(&self, policy: &UrlPolicy) -> Result<EndpointUrl, UrlError> {
        resource_well_known(&self.resource, policy)
    }
}

impl MetadataError {
    pub(crate) const fn unusable_url(member: &'static str, error: UrlError) -> Self {
        Self::Unusable(UnusableMember { member, why: MemberError::Url(error) })
    }
}

fn put(members: &mut Map<String, Value>, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        members.insert(name.to_owned(), value.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::json::JsonError;
    use serde_json::json;

    const RESOURCE: &str = "https://api.example/r1";

    fn parse(document: &Value) -> Result<ResourceMetadata, MetadataError> {
        ResourceMetadata::parse(document.to_string().as_bytes(), RESOURCE, &UrlPolicy::default())
    }

    #[test]
    fn what_one_resource_writes_a_client_reads() {
        let policy = UrlPolicy::default();
        let own = ResourceMetadata::new(RESOURCE)
            .authorization_servers(["https://op.example", "https://op2.example/t"])
            .scopes_supported(["read", "write"])
            .bearer_methods_supported(["header"])
            .dpop_signing_alg_values_supported(Vec::<String>::new())
            .dpop_bound_access_tokens_required(true)
            .resource_name("The API")
            .resource_documentation(EndpointUrl::parse("https://api.example/docs", &policy).unwrap());
        let document = own.to_json();
        assert_eq!(
            document,
            json!({
                "resource": RESOURCE,
                "authorization_servers": ["https://op.example", "https://op2.example/t"],
                "scopes_supported": ["read", "write"],
                "bearer_methods_supported": ["header"],
                "dpop_bound_access_tokens_required": true,
                "resource_name": "The API",
                "resource_documentation": "https://api.example/docs",
            }),
            "members without a value are left out"
        );
        let read = parse(&document).unwrap();
        assert_eq!(read.authorization_servers, own.authorization_servers);
        assert_eq!(read.to_json(), document);
        assert_eq!(
            own.url(&policy).unwrap().as_str(),
            "https://api.example/.well-known/oauth-protected-resource/r1"
        );
    }

    #[test]
    fn metadata_of_another_resource_is_not_used() {
        for found in ["https://api.example/r1/", "https://api.example/R1", "https://api.example", ""] {
            let error = parse(&json!({"resource": found})).unwrap_err();
            assert_eq!(error, MetadataError::Resource { expected: RESOURCE.into(), found: found.into() });
        }
        assert_eq!(parse(&json!({})), Err(MetadataError::Missing(vec!["resource"])));
        assert!(matches!(
            parse(&json!({"resource": 5})),
            Err(MetadataError::Json(JsonError::WrongType { .. }))
        ));
        assert_eq!(parse(&json!([])), Err(MetadataError::Json(JsonError::NotAnObject)));
    }

    #[test]
    fn unusable_members_are_set_aside_but_no_defense_is_lost() {
        let read = parse(&json!({
            "resource": RESOURCE,
            "jwks_uri": "https://10.0.0.1/keys",
            "scopes_supported": "read",
            "resource_name": 7,
            "resource_name#de": "Das API",
            "new": true,
        }))
        .unwrap();
        assert_eq!((&read.jwks_uri, &read.scopes_supported, &read.resource_name), (&None, &None, &None));
        let aside: Vec<_> = read.set_aside.iter().map(|aside| aside.member).collect();
        assert_eq!(aside, ["jwks_uri", "scopes_supported", "resource_name"]);
        assert_eq!((&read.extra["new"], &read.extra["resource_name#de"]), (&json!(true), &json!("Das API")));
        for member in CRITICAL {
            let error = parse(&json!({"resource": RESOURCE, member: "true"})).unwrap_err();
            assert_eq!(
                error,
                MetadataError::Unusable(UnusableMember { member, why: MemberError::WrongType("a boolean") })
            );
        }
    }
}
