//! [`SettingError`]: why a resource server cannot be built, and the bounds of what it can hold.

/// How many issuers a resource server may trust.
pub const MAX_ISSUERS: usize = 4096;

/// How many of them may be known by a template: each is looked at for a token of an unknown issuer.
pub const MAX_ISSUER_TEMPLATES: usize = 64;

/// The longest issuer identifier, in bytes.
pub const MAX_ISSUER: usize = 1024;

/// Why settings make no resource server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingError {
    /// No issuer is trusted.
    #[error("no issuer is trusted")]
    NoIssuer,
    /// More than [`MAX_ISSUERS`], or more than [`MAX_ISSUER_TEMPLATES`] by a template.
    #[error("more than {MAX_ISSUERS} issuers are trusted, or more than {MAX_ISSUER_TEMPLATES} by a template")]
    TooManyIssuers,
    /// Empty, longer than [`MAX_ISSUER`], or with other characters than visible ASCII.
    #[error("an issuer is empty, longer than {MAX_ISSUER} bytes, or not visible ASCII")]
    Issuer,
    /// The same issuer twice; or two templates that make the same one.
    #[error("an issuer is trusted twice, with settings that may differ")]
    IssuerTwice,
    /// A template in the place of an issuer. No token names it.
    #[error("an issuer is a template, and nothing says who may fill it in: set `TrustedIssuer::issuer_rule`")]
    Template,
    /// Two issuers for opaque tokens.
    #[error("two issuers are set to introspect opaque tokens, and nothing tells whose a token is")]
    TwoIntrospectors,
    /// The resource identifier, realm or metadata URL is empty or has other characters than printable
    /// ASCII.
    #[error("the setting `{0}` is empty or not printable ASCII")]
    Text(&'static str),
    /// DPoP needs to know where clients see the resource.
    #[error("DPoP needs `origin`: the resource identifier is not an http or https URL that says it")]
    Origin,
}
