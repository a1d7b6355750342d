//! [`DiscoveryRules`]: where the metadata of a resource may be, and what it must say.

/// Where the metadata of a resource may be, and what the metadata of the resource and of its authorization server must say.
///
/// By default, RFC 9728 is followed to the letter: the metadata is where the challenge says, or else at the well-known URL
/// of the resource; it is at the origin of the resource; and it is of exactly the resource that was asked for. PKCE is
/// nothing that RFC 9728 speaks of.
///
/// ```
/// use oidc_proto::flow::DiscoveryRules;
///
/// // A client of the Model Context Protocol, at a server that does not say in its metadata that it checks PKCE.
/// let rules = DiscoveryRules::mcp().or_unstated_pkce();
/// assert_ne!(rules, DiscoveryRules::default());
/// ```
///
/// # Revisions of MCP
///
/// | revision | rules |
/// |---|---|
/// | 2026-07-28, 2025-11-25 | [`mcp`](Self::mcp). The later revision demands that the `issuer` in the metadata is the one that was asked for, which is checked in any case |
/// | 2025-06-18 | [`mcp_2025_06_18`](Self::mcp_2025_06_18) |
/// | 2025-03-26 | the same, with [`or_origin_as_issuer`](Self::or_origin_as_issuer) |
///
/// The revision of 2025-03-26 has one more fallback, which this library does not have: if there is no metadata of any kind,
/// a client invents the endpoints `/authorize`, `/token` and `/register`. Nobody has named them, so nothing says that they
/// belong to the resource or to an authorization server at all. A program that knows its endpoints says so, with metadata
/// of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "rules do nothing until `AuthorizationDiscovery::rules` takes them"]
pub struct DiscoveryRules {
    pub(super) root: bool,
    pub(super) parent_path: bool,
    pub(super) other_origin: bool,
    pub(super) pkce: bool,
    pub(super) unstated_pkce: bool,
    pub(super) origin_as_issuer: bool,
}

impl DiscoveryRules {
    /// Returns the rules of the Model Context Protocol, revisions 2026-07-28 and 2025-11-25:
    /// [`or_root`](Self::or_root), [`or_parent_path`](Self::or_parent_path) and [`require_pkce`](Self::require_pkce).
    ///
    /// The metadata at the root is that of the whole origin. So it fits a resource with a path only because that of a
    /// parent path is accepted.
    pub const fn mcp() -> Self {
        Self {
            root: true,
            parent_path: true,
            other_origin: false,
            pkce: true,
            unstated_pkce: false,
            origin_as_issuer: false,
        }
    }

    /// Returns the rules of the Model Context Protocol, revision 2025-06-18: those of [`mcp`](Self::mcp) and
    /// [`or_unstated_pkce`](Self::or_unstated_pkce). That revision knows fewer places; a server of that time has its
    /// metadata at one of these.
    pub const fn mcp_2025_06_18() -> Self {
        Self::mcp().or_unstated_pkce()
    }

    /// Also looks for the metadata at the root of the origin, if there is none at the path of the resource (MCP,
    /// Protected Resource Metadata Discovery Requirements). RFC 9728 has no such place.
    pub const fn or_root(mut self) -> Self {
        self.root = true;
        self
    }

    /// Also accepts metadata of a resource at a parent path of the URL: of the same origin, with a path whose segments are
    /// the first of those of the URL. The tokens are then for that resource.
    ///
    /// # Danger
    /// It takes a check away: whoever has one path of an origin gets tokens that are meant for the parts of the origin above
    /// it. See [`danger`](crate::danger).
    pub const fn or_parent_path(mut self) -> Self {
        self.parent_path = true;
        self
    }

    /// Also fetches the metadata from another origin than that of the resource, if the challenge names one. The metadata
    /// must still be of the resource, and the URL policy still says where requests may go.
    ///
    /// # Danger
    /// It takes a check away: whoever can write a header of the resource makes this program send a request to any public
    /// URL, and names the authorization server from there. See [`danger`](crate::danger).
    pub const fn or_other_origin(mut self) -> Self {
        self.other_origin = true;
        self
    }

    /// Demands that the metadata of the authorization server lists `S256` in `code_challenge_methods_supported`: a server
    /// that says nothing has no PKCE (RFC 8414 section 2).
    pub const fn require_pkce(mut self) -> Self {
        self.pkce = true;
        self
    }

    /// Accepts an authorization server whose metadata has no `code_challenge_methods_supported`, as that of some large
    /// providers. A list without `S256` is still refused by rules that demand PKCE.
    ///
    /// # Danger
    /// It takes a check away: the server may ignore the challenge of PKCE, and then a stolen code can be used. See
    /// [`danger`](crate::danger).
    pub const fn or_unstated_pkce(mut self) -> Self {
        self.unstated_pkce = true;
        self
    }

    /// Takes the origin of the resource for the issuer, if there is no metadata of the resource, or if it names no
    /// authorization server. That issuer must have metadata. [`MetadataSource::Origin`](super::MetadataSource::Origin) in
    /// the result says that this has happened. For servers of the Model Context Protocol, revision 2025-03-26.
    ///
    /// # Danger
    /// It takes a check away: nobody has said that the resource accepts tokens of that issuer, or that it wants tokens at
    /// all. See [`danger`](crate::danger).
    pub const fn or_origin_as_issuer(mut self) -> Self {
        self.origin_as_issuer = true;
        self
    }
}
