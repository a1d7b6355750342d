//! [`ProviderMetadata::parse`]: reads and checks provider metadata (OpenID Connect Discovery 1.0 sections 3 and 4,
//! RFC 8414 sections 2 and 3).

use super::{
    members::{MemberError, ProviderMetadata, UnusableMember},
    signed::{self, SignedMetadataError},
    well_known,
};
use crate::base::sentence::{predicate, sentences_about};
use crate::{
    base::{
        endpoint_url::UrlPolicy,
        json::{JsonError, Members},
        moment::Timestamp,
        visible::shown,
    },
    jose::KeySet,
};
use std::fmt;

/// The kind of provider, which decides the members that its metadata must have.
///
/// A document that suffices for one kind may lack members of another:
///
/// ```
/// use oidc_proto::{
///     UrlPolicy,
///     metadata::{MetadataError, Profile, ProviderMetadata},
/// };
///
/// let document = br#"{"issuer": "https://ci.example", "jwks_uri": "https://ci.example/jwks"}"#;
/// let policy = UrlPolicy::default();
/// let read = |profile| ProviderMetadata::parse(document, "https://ci.example", profile, &policy);
///
/// assert!(read(Profile::TokenIssuer).is_ok());
/// let lacks = MetadataError::Missing(vec!["response_types_supported"]);
/// assert_eq!(read(Profile::AuthorizationServer), Err(lacks));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Profile {
    /// An OpenID Provider, at which users log in (OpenID Connect Discovery 1.0 section 3).
    #[default]
    OpenIdProvider,
    /// An OAuth authorization server (RFC 8414 section 2). `response_types_supported` must be in its metadata.
    AuthorizationServer,
    /// An issuer of tokens that this program only verifies, such as a CI system or a cluster. Its metadata needs
    /// only `issuer` and `jwks_uri`.
    TokenIssuer,
}

/// Why metadata is refused.
///
/// ```
/// use oidc_proto::{
///     UrlPolicy,
///     metadata::{MetadataError, Profile, ProviderMetadata},
/// };
///
/// // The issuer in the document has a slash at the end: another issuer (RFC 8414 section 3.3).
/// let document = br#"{"issuer": "https://ci.example/", "jwks_uri": "https://ci.example/jwks"}"#;
/// let (profile, policy) = (Profile::TokenIssuer, UrlPolicy::default());
/// let Err(error) = ProviderMetadata::parse(document, "https://ci.example", profile, &policy) else {
///     return Err("the issuers differ");
/// };
/// assert!(matches!(&error, MetadataError::Issuer { found, .. } if found == "https://ci.example/"));
/// assert_eq!(error.code(), "metadata_issuer_mismatch");
/// # Ok::<(), &str>(())
/// ```
///
/// [`ProviderMetadata::parse`] returns it, and every flow that fetches metadata.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetadataError {
    /// The document is not a JSON object, or repeats a member, or `issuer` is not a string.
    #[error("the metadata document {}", predicate(.0))]
    Json(#[from] JsonError),
    /// The issuer in the metadata is not the one asked for (OpenID Connect Discovery 1.0 section 4.3, RFC 8414
    /// section 3.3): another party may be impersonating it.
    #[error(
        "the metadata document has the issuer `{found}`, but `{expected}` was asked for; they must be equal to the letter (ask for it as the document spells it; `document_at` fetches metadata from elsewhere; `issuer_rule` accepts a template)"
    )]
    Issuer {
        /// The issuer that was asked for.
        expected: String,
        /// The issuer in the metadata.
        found: String,
    },
    /// The resource in the metadata is not the one asked for (RFC 9728 section 3.3).
    #[error(
        "the metadata document has the resource `{found}`, but `{expected}` was asked for; they must be equal to the letter"
    )]
    Resource {
        /// The resource that was asked for.
        expected: String,
        /// The resource in the metadata.
        found: String,
    },
    /// The signed metadata is refused (RFC 8414 section 2.1).
    #[error("the metadata document has signed metadata that is refused: {0}")]
    Signed(SignedMetadataError),
    /// Required members are absent: all of them are named.
    #[error("the metadata document lacks {} (`profile` says what it must have)", List(.0))]
    Missing(Vec<&'static str>),
    /// A required member, or one that switches on a defense, cannot be used.
    #[error("the metadata document has a member `{}` that {}", .0.member, predicate(&.0.why))]
    Unusable(UnusableMember),
}

sentences_about!(MetadataError: "the metadata document ");

impl MetadataError {
    /// Returns a short, stable name for logs and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Json(_) => "metadata_json",
            Self::Issuer { .. } => "metadata_issuer_mismatch",
            Self::Resource { .. } => "metadata_resource_mismatch",
            Self::Signed(_) => "metadata_signature",
            Self::Missing(_) => "metadata_missing_members",
            Self::Unusable(_) => "metadata_unusable_member",
        }
    }
}

struct List<'a>(&'a [&'static str]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.0.iter().enumerate() {
            write!(f, "{}`{name}`", if index == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

/// The requirements that a metadata document must meet.
pub(crate) struct Demands<'d> {
    pub(crate) issuer: &'d str,
    /// The template that the document may have in place of its issuer.
    pub(crate) template: Option<&'d str>,
    pub(crate) profile: Profile,
    pub(crate) policy: &'d UrlPolicy,
    /// The keys of the party that must have signed the document, and the current time.
    pub(crate) signed_by: Option<(&'d KeySet, Timestamp)>,
}

impl ProviderMetadata {
    /// Reads the metadata document of `issuer`.
    ///
    /// `profile` says which members the document must have, and `policy` which URLs are accepted.
    ///
    /// # Errors
    /// [`MetadataError`] says what is wrong. The issuer is checked first. Then all missing members are named at
    /// once, and then the first required member that cannot be used.
    pub fn parse(
        document: &[u8],
        issuer: &str,
        profile: Profile,
        policy: &UrlPolicy,
    ) -> Result<Self, MetadataError> {
        Self::parse_as(document, &Demands { issuer, template: None, profile, policy, signed_by: None })
    }

    pub(crate) fn parse_as(document: &[u8], demands: &Demands<'_>) -> Result<Self, MetadataError> {
        let Demands { issuer, template, profile, policy, signed_by } = *demands;
        let mut members = Members::parse(document)?;
        if let Some((keys, now)) = signed_by {
            // A caller that gives keys expects a signature. An attacker must not get around it by leaving it out.
            let text = members.string("signed_metadata")?;
            let text = text.ok_or_else(|| MetadataError::Missing(vec!["signed_metadata"]))?;
            signed::overlay(&mut members, text, issuer, keys, now).map_err(MetadataError::Signed)?;
        }
        let found = members.string("issuer")?.ok_or_else(|| missing(&members, profile, true))?;
        if found != issuer && template != Some(found.as_str()) {
            return Err(MetadataError::Issuer { expected: issuer.to_owned(), found: shown(&found) });
        }
        if let Err(error) = well_known(issuer, policy) {
            return Err(MetadataError::Unusable(UnusableMember {
                member: "issuer",
                why: MemberError::Url(error),
            }));
        }
        let needed = needed(&members, profile);
        if needed.iter().any(|member| !members.has(member)) {
            return Err(missing(&members, profile, false));
        }
        let metadata = Self::read(found, members, policy);
        // A misspelled switch must not turn a defense off.
        let critical = ["authorization_response_iss_parameter_supported"];
        match metadata
            .set_aside
            .iter()
            .find(|aside| needed.contains(&aside.member) || critical.contains(&aside.member))
        {
            Some(aside) => Err(MetadataError::Unusable(*aside)),
            None => Ok(metadata),
        }
    }
}

fn needed(members: &Members, profile: Profile) -> Vec<&'static str> {
    match profile {
        Profile::OpenIdProvider => {
            let mut needed = vec![
                "authorization_endpoint",
                "jwks_uri",
                "response_types_supported",
                "subject_types_supported",
                "id_token_signing_alg_values_supported",
            ];
            if !only_implicit(members) {
                needed.insert(1, "token_endpoint");
            }
            needed
        }
        Profile::AuthorizationServer => vec!["response_types_supported"],
        Profile::TokenIssuer => vec!["jwks_uri"],
    }
}

/// Whether the provider offers only the Implicit Flow: no grant but `implicit`, or no response type that yields a
/// code. Only then `token_endpoint` may be absent (OpenID Connect Discovery 1.0 section 3).
fn only_implicit(members: &Members) -> bool {
    let mut members = members.clone();
    let only = |list: Option<Vec<String>>, wanted: fn(&str) -> bool| {
        list.is_some_and(|list| !list.is_empty() && list.iter().all(|value| wanted(value)))
    };
    only(members.strings("grant_types_supported").ok().flatten(), |grant| grant == "implicit")
        || only(members.strings("response_types_supported").ok().flatten(), |types| {
            types.split(' ').all(|word| word == "id_token" || word == "token")
        })
}

fn missing(members: &Members, profile: Profile, issuer: bool) -> MetadataError {
    let mut names = if issuer { vec!["issuer"] } else { Vec::new() };
    names.extend(needed(members, profile).into_iter().filter(|member| !members.has(member)));
    MetadataError::Missing(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::endpoint_url::UrlError;
    use serde_json::{Value, json};

    const ISSUER: &str = "https://op.example/tenant";

    fn document() -> Value {
        json!({
            "issuer": ISSUER,
            "authorization_endpoint": "https://login.op.example/authorize?tenant=1",
            "token_endpoint": "https://op.example/token",
            "jwks_uri": "https://keys.example/jwks",
            "response_types_supported": ["code", "device"],
            "subject_types_supported": ["public", "strange"],
            "id_token_signing_alg_values_supported": ["RS256", "XX999"],
        })
    }

    fn with(changes: Value) -> Value {
        let mut document = document();
        for (name, value) in changes.as_object().unwrap() {
            document[name] = value.clone();
        }
        document
    }

    fn parse(document: &Value, profile: Profile) -> Result<ProviderMetadata, MetadataError> {
        ProviderMetadata::parse(document.to_string().as_bytes(), ISSUER, profile, &UrlPolicy::default())
    }

    #[test]
    fn unknown_values_and_split_hosts_are_accepted_and_unknown_members_are_kept() {
        let metadata =
            parse(&with(json!({"new_thing": {"a": 1}, "scopes_supported": null})), Profile::OpenIdProvider)
                .unwrap();
        assert_eq!(metadata.response_types_supported.unwrap(), ["code", "device"]);
        assert_eq!(metadata.scopes_supported, None, "null is absent");
        assert_eq!(metadata.extra["new_thing"], json!({"a": 1}));
        assert_eq!(metadata.set_aside, []);
    }

    #[test]
    fn any_other_issuer_is_refused_and_both_are_named() {
        for found in ["https://op.example/tenant/", "https://op.example/Tenant", "https://evil.example"] {
            let error = parse(&with(json!({"issuer": found})), Profile::OpenIdProvider).unwrap_err();
            assert_eq!(error, MetadataError::Issuer { expected: ISSUER.into(), found: found.into() });
            assert!(error.to_string().contains(found) && error.to_string().contains(ISSUER));
        }
    }

    #[test]
    fn an_issuer_that_is_not_a_valid_url_is_refused_even_if_it_was_asked_for() {
        for (issuer, why) in [
            ("", UrlError::NotAbsolute),
            ("op.example", UrlError::NotAbsolute),
            ("http://op.example", UrlError::PlainHttp),
            ("https://op.example/?a=b", UrlError::Query),
        ] {
            let text = with(json!({"issuer": issuer})).to_string();
            let read = ProviderMetadata::parse(
                text.as_bytes(),
                issuer,
                Profile::OpenIdProvider,
                &UrlPolicy::default(),
            );
            let aside = UnusableMember { member: "issuer", why: MemberError::Url(why) };
            assert_eq!(read, Err(MetadataError::Unusable(aside)), "{issuer}");
        }
    }

    #[test]
    fn all_missing_members_are_named_at_once_for_each_profile() {
        let bare = json!({"issuer": ISSUER, "jwks_uri": null});
        assert_eq!(
            parse(&bare, Profile::OpenIdProvider),
            Err(MetadataError::Missing(vec![
                "authorization_endpoint",
                "token_endpoint",
                "jwks_uri",
                "response_types_supported",
                "subject_types_supported",
                "id_token_signing_alg_values_supported"
            ]))
        );
        assert_eq!(
            parse(&bare, Profile::AuthorizationServer),
            Err(MetadataError::Missing(vec!["response_types_supported"]))
        );
        assert_eq!(parse(&bare, Profile::TokenIssuer), Err(MetadataError::Missing(vec!["jwks_uri"])));
        assert_eq!(
            parse(&json!({}), Profile::TokenIssuer),
            Err(MetadataError::Missing(vec!["issuer", "jwks_uri"]))
        );
        let mut implicit = with(json!({"response_types_supported": ["id_token", "id_token token"]}));
        implicit.as_object_mut().unwrap().remove("token_endpoint");
        assert!(parse(&implicit, Profile::OpenIdProvider).is_ok(), "only the Implicit Flow is used");
    }

    #[test]
    fn required_members_must_be_usable_and_others_are_set_aside() {
        for (name, value, why) in [
            ("token_endpoint", json!("http://op.example/token"), MemberError::Url(UrlError::PlainHttp)),
            ("jwks_uri", json!("https://169.254.169.254/latest"), MemberError::Url(UrlError::PrivateAddress)),
            ("authorization_endpoint", json!(7), MemberError::WrongType("a string")),
            ("response_types_supported", json!("code"), MemberError::WrongType("an array of strings")),
            (
                "authorization_response_iss_parameter_supported",
                json!("true"),
                MemberError::WrongType("a boolean"),
            ),
        ] {
            let error = parse(&with(json!({name: value})), Profile::OpenIdProvider).unwrap_err();
            assert!(
                matches!(error, MetadataError::Unusable(aside) if aside.member == name && aside.why == why)
            );
        }
        let metadata = parse(
            &with(json!({
                "op_tos_uri": "http://op.example/tos",
                "revocation_endpoint": "https://0xA9FEA9FE/",
                "frontchannel_logout_supported": "true",
                "mtls_endpoint_aliases": {"token_endpoint": "http://mtls.op.example/", "x": 1},
            })),
            Profile::OpenIdProvider,
        )
        .unwrap();
        assert_eq!((metadata.op_tos_uri, metadata.revocation_endpoint), (None, None));
        assert_eq!(metadata.frontchannel_logout_supported, None);
        let aside: Vec<_> = metadata.set_aside.iter().map(|aside| aside.member).collect();
        assert_eq!(aside, ["revocation_endpoint", "op_tos_uri", "frontchannel_logout_supported"]);
        let aliases = metadata.mtls_endpoint_aliases.unwrap();
        assert_eq!((aliases.token_endpoint, &aliases.extra["x"]), (None, &json!(1)));
        assert_eq!(
            aliases.set_aside,
            [UnusableMember { member: "token_endpoint", why: MemberError::Url(UrlError::PlainHttp) }]
        );
    }

    #[test]
    fn hostile_bytes_get_a_typed_error() {
        let read = |bytes: &[u8]| {
            ProviderMetadata::parse(bytes, ISSUER, Profile::OpenIdProvider, &UrlPolicy::default())
        };
        assert_eq!(read(b"\xff"), Err(MetadataError::Json(JsonError::NotJson)));
        assert_eq!(read(b"[]"), Err(MetadataError::Json(JsonError::NotAnObject)));
        assert_eq!(
            read(br#"{"issuer":"a","issuer":"b"}"#),
            Err(MetadataError::Json(JsonError::DuplicateMember))
        );
        assert_eq!(read("[".repeat(9000).as_bytes()), Err(MetadataError::Json(JsonError::TooDeep)));
        assert_eq!(
            read(br#"{"issuer":5}"#),
            Err(MetadataError::Json(JsonError::WrongType { member: "issuer", expected: "a string" }))
        );
        let long = format!(r#"{{"issuer":"{}\u0000"}}"#, "x".repeat(9999));
        let Err(MetadataError::Issuer { found, .. }) = read(long.as_bytes()) else { panic!() };
        assert!(found.len() == 256);
    }
}
