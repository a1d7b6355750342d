//! The expected result for each discovery document.

use super::{MemberError, Profile, UrlError};

/// A row: a document, the way it is read, and the expected result.
pub(super) struct Document {
    pub(super) file: &'static str,
    pub(super) profile: Profile,
    /// Whether http to loopback addresses is allowed.
    pub(super) loopback: bool,
    pub(super) asked: Asked,
    pub(super) outcome: Outcome<'static>,
}

/// The issuer that is asked for.
pub(super) enum Asked {
    /// The document's own issuer.
    Own,
    /// The issuer that a client would configure.
    Other(&'static str),
}

/// The expected result for a document.
#[derive(Debug, PartialEq)]
pub(super) enum Outcome<'a> {
    /// The document parses, and these members are set aside.
    Parses(&'a [(&'a str, MemberError)]),
    /// The document has another issuer than the one asked for.
    OtherIssuer,
    /// The document lacks these members.
    Lacks(&'a [&'a str]),
    /// A required member cannot be used.
    Unusable(&'a str, MemberError),
}

use Outcome::{Lacks, OtherIssuer, Parses, Unusable};

const fn op(file: &'static str, outcome: Outcome<'static>) -> Document {
    Document { file, profile: Profile::OpenIdProvider, loopback: false, asked: Asked::Own, outcome }
}

const fn parses(file: &'static str) -> Document {
    op(file, Parses(&[]))
}

/// A request by a client that does not know of this deployment.
const fn asked(file: &'static str, issuer: &'static str, outcome: Outcome<'static>) -> Document {
    Document { asked: Asked::Other(issuer), ..op(file, outcome) }
}

/// An issuer whose tokens are only verified: no user logs in there.
const fn tokens(file: &'static str, outcome: Outcome<'static>) -> Document {
    Document { profile: Profile::TokenIssuer, ..op(file, outcome) }
}

const fn server(file: &'static str, outcome: Outcome<'static>) -> Document {
    Document { profile: Profile::AuthorizationServer, ..op(file, outcome) }
}

/// A provider that runs on this machine, with permission for loopback.
const fn local(file: &'static str) -> Document {
    Document { loopback: true, ..parses(file) }
}

/// The issuer in the configuration of Microsoft's clients. The document has a template instead of an
/// issuer.
const COMMON: &str = "https://login.microsoftonline.com/common/v2.0";

pub(super) const DOCUMENTS: &[Document] = &[
    parses("adfs-onprem.discovery.json"),
    parses("apple-goat.discovery.json"),
    parses("apple.discovery.json"),
    parses("auth0.discovery.json"),
    // The document is rightly refused: no endpoint exchanges a code. It still works as an issuer of tokens.
    op("azure-b2c-missing-fields.discovery.json", Lacks(&["token_endpoint"])),
    tokens("azure-b2c-missing-fields.discovery.json", Parses(&[])),
    parses("azure-b2c-query-params.discovery.json"),
    parses("azure-b2c.discovery.json"),
    parses("battle-net.discovery.json"),
    op("canaille.discovery.json", Unusable("issuer", MemberError::Url(UrlError::Loopback))),
    local("canaille.discovery.json"),
    parses("cognito.discovery.json"),
    parses("discord.discovery.json"),
    parses("docker.discovery.json"),
    parses("dropbox.discovery.json"),
    parses("duende-demo.discovery.json"),
    parses("egi-checkin.discovery.json"),
    parses("einfracz.discovery.json"),
    parses("elixir.discovery.json"),
    // `{tenantid}` stands for a tenant, and equals no issuer that a client asks for. A quirk would have to
    // allow it.
    parses("entra-common-goat.discovery.json"),
    asked("entra-common-goat.discovery.json", COMMON, OtherIssuer),
    parses("entra-common-v1.discovery.json"),
    asked("entra-common-v1.discovery.json", "https://login.microsoftonline.com/common", OtherIssuer),
    parses("entra-common-v2-2019.discovery.json"),
    asked("entra-common-v2-2019.discovery.json", COMMON, OtherIssuer),
    parses("entra-common.discovery.json"),
    asked("entra-common.discovery.json", COMMON, OtherIssuer),
    parses("entra-organizations.discovery.json"),
    asked(
        "entra-organizations.discovery.json",
        "https://login.microsoftonline.com/organizations/v2.0",
        OtherIssuer,
    ),
    // A file name in place of a URL, and booleans as texts: made up for tests of another library.
    op("entra-tenant-v1.discovery.json", Unusable("jwks_uri", MemberError::Url(UrlError::NotAbsolute))),
    server(
        "entra-tenant-v1.discovery.json",
        Parses(&[
            ("jwks_uri", MemberError::Url(UrlError::NotAbsolute)),
            ("frontchannel_logout_supported", MemberError::WrongType("a boolean")),
            ("frontchannel_logout_session_supported", MemberError::WrongType("a boolean")),
        ]),
    ),
    parses("facebook-goat.discovery.json"),
    parses("facebook.discovery.json"),
    parses("fedora.discovery.json"),
    parses("fence.discovery.json"),
    // Tokens come from another place and no user logs in here, as with github-actions and kubernetes-sa.
    // The only response type is `id_token`, so no token endpoint is missing.
    op("firebase.discovery.json", Lacks(&["authorization_endpoint"])),
    tokens("firebase.discovery.json", Parses(&[])),
    op("github-actions.discovery.json", Lacks(&["authorization_endpoint"])),
    tokens("github-actions.discovery.json", Parses(&[])),
    parses("gitlab-goat.discovery.json"),
    parses("gitlab.discovery.json"),
    op("glewlwyd.discovery.json", Unusable("issuer", MemberError::Url(UrlError::Loopback))),
    local("glewlwyd.discovery.json"),
    parses("globus.discovery.json"),
    // An issuer without a scheme is no URL (OpenID Connect Discovery 1.0 section 2). Google has fixed it.
    op(
        "google-2014-no-scheme-issuer.discovery.json",
        Unusable("issuer", MemberError::Url(UrlError::NotAbsolute)),
    ),
    asked("google-2014-no-scheme-issuer.discovery.json", "https://accounts.google.com", OtherIssuer),
    tokens(
        "google-2014-no-scheme-issuer.discovery.json",
        Unusable("issuer", MemberError::Url(UrlError::NotAbsolute)),
    ),
    parses("google-goat.discovery.json"),
    parses("google.discovery.json"),
    parses("keycloak.discovery.json"),
    parses("klarna.discovery.json"),
    op("kubernetes-sa.discovery.json", Lacks(&["authorization_endpoint"])),
    tokens("kubernetes-sa.discovery.json", Parses(&[])),
    parses("lego.discovery.json"),
    parses("lifescience.discovery.json"),
    parses("line.discovery.json"),
    parses("linkedin.discovery.json"),
    parses("mojeid.discovery.json"),
    parses("nikkei.discovery.json"),
    parses("okta-custom-as.discovery.json"),
    parses("okta.discovery.json"),
    op("op-node.discovery.json", Unusable("issuer", MemberError::Url(UrlError::Loopback))),
    local("op-node.discovery.json"),
    parses("paypal-goat.discovery.json"),
    parses("paypal.discovery.json"),
    parses("ping-2014.discovery.json"),
    parses("recruit.discovery.json"),
    // An excerpt, served by another host than its issuer names.
    server("salesforce-as.discovery.json", Lacks(&["response_types_supported"])),
    asked("salesforce-as.discovery.json", "https://api.salesforce.com", OtherIssuer),
    parses("slack-goat.discovery.json"),
    parses("slack.discovery.json"),
    parses("spotify.discovery.json"),
    parses("twitch.discovery.json"),
    parses("verimi.discovery.json"),
    parses("yahoo-japan.discovery.json"),
    parses("yahoo.discovery.json"),
];
