//! The URLs of metadata: the two well-known forms of an issuer (OpenID Connect Discovery 1.0 section 4.1, RFC 8414
//! section 3.1), and the one of a protected resource (RFC 9728 section 3.1).

use crate::base::endpoint_url::{EndpointUrl, UrlError, UrlPolicy};

/// The two ways to derive the URL of the metadata from an issuer.
///
/// They differ for an issuer with a path:
///
/// ```
/// use oidc_proto::{UrlPolicy, metadata::WellKnown};
///
/// let (issuer, policy) = ("https://op.example/tenant", UrlPolicy::default());
/// let openid = WellKnown::OpenId.url(issuer, &policy)?;
/// assert_eq!(openid.as_str(), "https://op.example/tenant/.well-known/openid-configuration");
/// let oauth = WellKnown::OAuth.url(issuer, &policy)?;
/// assert_eq!(oauth.as_str(), "https://op.example/.well-known/oauth-authorization-server/tenant");
/// # Ok::<(), oidc_proto::base::UrlError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WellKnown {
    /// `/.well-known/openid-configuration` after the path of the issuer (OpenID Connect Discovery 1.0 section 4.1).
    #[default]
    OpenId,
    /// `/.well-known/oauth-authorization-server` between the host and the path of the issuer (RFC 8414 section 3.1).
    OAuth,
}

const OPENID: &str = "/.well-known/openid-configuration";
const OAUTH: &str = "/.well-known/oauth-authorization-server";

impl WellKnown {
    /// Returns the URL of the metadata of `issuer` in this form.
    ///
    /// # Errors
    /// [`UrlError`] if the issuer is not a URL that `policy` accepts, or has a query or a fragment, or is itself the
    /// URL of metadata.
    pub fn url(self, issuer: &str, policy: &UrlPolicy) -> Result<EndpointUrl, UrlError> {
        let url = EndpointUrl::parse(issuer, policy)?;
        if url.as_url().query().is_some() {
            return Err(UrlError::Query);
        }
        if url.as_url().path_segments().is_some_and(|mut segments| segments.any(|s| s == ".well-known")) {
            return Err(UrlError::WellKnown);
        }
        let path = url.as_url().path();
        let path = path.strip_suffix('/').unwrap_or(path);
        replace_path(
            &url,
            policy,
            &match self {
                Self::OpenId => format!("{path}{OPENID}"),
                Self::OAuth => format!("{OAUTH}{path}"),
            },
        )
    }

    /// Returns the other form.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::OpenId => Self::OAuth,
            Self::OAuth => Self::OpenId,
        }
    }
}

/// Returns the URL of the metadata of an OpenID Provider: that of [`WellKnown::OpenId`].
///
/// # Errors
/// Fails as [`WellKnown::url`] does.
pub fn well_known(issuer: &str, policy: &UrlPolicy) -> Result<EndpointUrl, UrlError> {
    WellKnown::OpenId.url(issuer, policy)
}

/// Returns the URL of the metadata of a protected resource (RFC 9728 section 3.1).
///
/// `/.well-known/oauth-protected-resource` goes between host and path. A path of `/` alone is dropped. All other
/// slashes and the query stay.
///
/// # Errors
/// [`UrlError`] if the resource is not a URL that `policy` accepts, or has a fragment (RFC 9728 section 1.2).
pub fn resource_well_known(resource: &str, policy: &UrlPolicy) -> Result<EndpointUrl, UrlError> {
    let url = EndpointUrl::parse(resource, policy)?;
    let path = match url.as_url().path() {
        "/" => "",
        path => path,
    };
    replace_path(&url, policy, &format!("/.well-known/oauth-protected-resource{path}"))
}

/// Returns the URLs at which the metadata of a resource may be, in the order in which a client asks: the well-known URL of
/// the resource, and with `root` also that of its whole origin, if it is another.
pub(crate) fn resource_places(
    resource: &str,
    policy: &UrlPolicy,
    root: bool,
) -> Result<Vec<EndpointUrl>, UrlError> {
    let mut places = vec![resource_well_known(resource, policy)?];
    if root {
        let at_root = resource_well_known(&origin(&EndpointUrl::parse(resource, policy)?), policy)?;
        places.extend((!places.contains(&at_root)).then_some(at_root));
    }
    Ok(places)
}

/// Returns the URLs at which the metadata of an authorization server may be, in the order in which a client asks (RFC 8414
/// sections 3.1 and 5): the OAuth form, the OpenID name between host and path, and the OpenID form. The last two are one
/// for an issuer without a path.
pub(crate) fn server_places(issuer: &str, policy: &UrlPolicy) -> Result<Vec<EndpointUrl>, UrlError> {
    let oauth = WellKnown::OAuth.url(issuer, policy)?;
    let inserted = oauth.as_url().path().replacen(OAUTH, OPENID, 1);
    let inserted = replace_path(&oauth, policy, &inserted)?;
    let appended = WellKnown::OpenId.url(issuer, policy)?;
    let appended = (appended != inserted).then_some(appended);
    Ok([oauth, inserted].into_iter().chain(appended).collect())
}

/// Returns the origin of a URL: scheme, host and port, without a slash at the end.
pub(crate) fn origin(url: &EndpointUrl) -> String {
    url.as_url().origin().ascii_serialization()
}

fn replace_path(url: &EndpointUrl, policy: &UrlPolicy, path: &str) -> Result<EndpointUrl, UrlError> {
    let mut url = url.as_url().clone();
    url.set_path(path);
    EndpointUrl::parse(url.as_str(), policy)
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: UrlPolicy = UrlPolicy { allow_loopback: false, allow_private: false, plain_http: None };

    #[test]
    fn both_forms_are_derived_as_their_specifications_write_them() {
        for (issuer, openid, oauth) in [
            (
                "https://op.example",
                "https://op.example/.well-known/openid-configuration",
                "https://op.example/.well-known/oauth-authorization-server",
            ),
            (
                "https://op.example/",
                "https://op.example/.well-known/openid-configuration",
                "https://op.example/.well-known/oauth-authorization-server",
            ),
            (
                "https://op.example:8443/a/b",
                "https://op.example:8443/a/b/.well-known/openid-configuration",
                "https://op.example:8443/.well-known/oauth-authorization-server/a/b",
            ),
            (
                "https://op.example/a%2Fb/c/",
                "https://op.example/a%2Fb/c/.well-known/openid-configuration",
                "https://op.example/.well-known/oauth-authorization-server/a%2Fb/c",
            ),
        ] {
            assert_eq!(WellKnown::OpenId.url(issuer, &POLICY).unwrap().as_str(), openid);
            assert_eq!(WellKnown::OAuth.url(issuer, &POLICY).unwrap().as_str(), oauth);
        }
        assert_eq!(WellKnown::OpenId.other().other(), WellKnown::OpenId);
    }

    #[test]
    fn the_url_of_metadata_and_other_invalid_issuers_are_refused() {
        for (issuer, why) in [
            ("http://op.example", UrlError::PlainHttp),
            ("https://op.example?x=1", UrlError::Query),
            ("https://op.example/#x", UrlError::Fragment),
            ("op.example", UrlError::NotAbsolute),
            ("https://op.example/.well-known/openid-configuration", UrlError::WellKnown),
            ("https://op.example/.well-known/oauth-authorization-server/a", UrlError::WellKnown),
        ] {
            for form in [WellKnown::OpenId, WellKnown::OAuth] {
                assert_eq!(form.url(issuer, &POLICY), Err(why), "{issuer}");
            }
        }
    }

    #[test]
    fn an_authorization_server_has_three_places_and_one_without_a_path_two() {
        let places = |issuer| {
            let places = server_places(issuer, &POLICY).unwrap();
            places.iter().map(|place| place.as_str().to_owned()).collect::<Vec<_>>()
        };
        for issuer in ["https://as.example", "https://as.example/"] {
            assert_eq!(
                places(issuer),
                [
                    "https://as.example/.well-known/oauth-authorization-server",
                    "https://as.example/.well-known/openid-configuration",
                ],
                "{issuer}"
            );
        }
        for issuer in ["https://as.example:8443/a/b", "https://as.example:8443/a/b/"] {
            assert_eq!(
                places(issuer),
                [
                    "https://as.example:8443/.well-known/oauth-authorization-server/a/b",
                    "https://as.example:8443/.well-known/openid-configuration/a/b",
                    "https://as.example:8443/a/b/.well-known/openid-configuration",
                ],
                "{issuer}"
            );
        }
        assert_eq!(server_places("https://as.example?x", &POLICY), Err(UrlError::Query));
    }

    #[test]
    fn a_resource_has_a_place_at_its_path_and_one_at_the_root() {
        let places = |resource, root| {
            let places = resource_places(resource, &POLICY, root).unwrap();
            places.iter().map(|place| place.as_str().to_owned()).collect::<Vec<_>>()
        };
        let root = "https://api.example/.well-known/oauth-protected-resource";
        for (resource, path) in [
            ("https://api.example/a/b", "/a/b"),
            ("https://api.example/a/", "/a/"),
            ("https://api.example/?x=1", "?x=1"),
            ("https://api.example:443//a", "//a"),
        ] {
            let at_path = format!("{root}{path}");
            assert_eq!(places(resource, false), [at_path.as_str()]);
            assert_eq!(places(resource, true), [at_path.as_str(), root]);
        }
        for resource in ["https://api.example", "https://api.example/", "https://API.example:443"] {
            assert_eq!(places(resource, true), [root], "the same place is not asked twice");
        }
    }

    #[test]
    fn a_resource_loses_only_the_slash_after_its_host_and_keeps_its_query() {
        for (resource, url) in [
            ("https://api.example", "https://api.example/.well-known/oauth-protected-resource"),
            ("https://api.example/", "https://api.example/.well-known/oauth-protected-resource"),
            ("https://api.example/r1", "https://api.example/.well-known/oauth-protected-resource/r1"),
            ("https://api.example/r1/", "https://api.example/.well-known/oauth-protected-resource/r1/"),
            ("https://api.example/?x=1", "https://api.example/.well-known/oauth-protected-resource?x=1"),
            ("https://api.example/r?x=1", "https://api.example/.well-known/oauth-protected-resource/r?x=1"),
        ] {
            assert_eq!(resource_well_known(resource, &POLICY).unwrap().as_str(), url);
        }
        assert_eq!(resource_well_known("https://api.example/#x", &POLICY), Err(UrlError::Fragment));
        assert_eq!(resource_well_known("http://api.example", &POLICY), Err(UrlError::PlainHttp));
    }
}
