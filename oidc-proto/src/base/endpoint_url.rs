//! [`EndpointUrl`]: a checked URL. Requests go to no other kind of URL (RFC 8414 section 6, RFC 9700).

use super::sentence::sentences_about;
use super::visible::{is_visible, without_query};
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};
use url::{Host, Url};

/// The rule for the URLs that requests may be sent to. By default: `https` only, not to this machine, and not to an
/// address literal of a private network.
///
/// This policy judges the text of a URL, so it is the same for every HTTP client. It does not resolve host names.
/// A driver does, and checks each address with [`admits`](Self::admits).
///
/// ```
/// use oidc_proto::{EndpointUrl, UrlPolicy, base::UrlError};
///
/// let strict = UrlPolicy::default();
/// assert!(EndpointUrl::parse("https://op.example/token", &strict).is_ok());
/// let metadata_service = EndpointUrl::parse("https://169.254.169.254/", &strict);
/// assert_eq!(metadata_service, Err(UrlError::PrivateAddress));
///
/// // For development: a provider on this machine, without TLS.
/// let development = strict.with_loopback();
/// assert!(EndpointUrl::parse("http://localhost:8080/token", &development).is_ok());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UrlPolicy {
    /// Allows `http` and address literals for this machine: `localhost`, 127.0.0.0/8, `::1`. Default: `false`.
    ///
    /// # Danger
    /// It takes a check away: requests to this machine need no TLS. See [`danger`](crate::danger).
    pub allow_loopback: bool,
    /// Allows `https` to address literals of this machine and of private, link-local and other special-use
    /// networks. Default: `false`.
    ///
    /// # Danger
    /// It takes a check away: a URL in metadata may lead into your own network. See [`danger`](crate::danger).
    pub allow_private: bool,
    /// The hosts that may be asked without TLS, in the normal form of the URL Standard.
    pub(crate) plain_http: Option<Arc<[String]>>,
}

impl UrlPolicy {
    /// Also allows `http` and address literals for this machine. Meant for development and tests.
    ///
    /// # Danger
    /// It takes a check away: requests to this machine need no TLS. See [`danger`](crate::danger).
    #[must_use]
    pub const fn with_loopback(mut self) -> Self {
        self.allow_loopback = true;
        self
    }

    /// Also allows `https` to address literals of private networks and of this machine.
    ///
    /// # Danger
    /// It takes a check away: a URL in metadata may lead into your own network. See [`danger`](crate::danger).
    #[must_use]
    pub const fn with_private_addresses(mut self) -> Self {
        self.allow_private = true;
        self
    }

    /// Also allows `http` to this host, and to no other: a provider without TLS in a network of your own, such as
    /// `keycloak` among the containers of one machine. Give the name without a port. A second call adds a second host.
    ///
    /// An address of a private network needs [`with_private_addresses`](Self::with_private_addresses) besides. A name
    /// that resolves to one needs the leave of the HTTP client.
    ///
    /// # Danger
    /// It takes a check away: requests to this host need no TLS. See [`danger`](crate::danger).
    ///
    /// ```
    /// use oidc_proto::{EndpointUrl, UrlPolicy, base::UrlError};
    ///
    /// let policy = UrlPolicy::default().with_plain_http_host("keycloak");
    /// assert!(EndpointUrl::parse("http://keycloak:8080/realms/shop", &policy).is_ok());
    /// assert_eq!(EndpointUrl::parse("http://other:8080/", &policy), Err(UrlError::PlainHttp));
    /// ```
    #[must_use]
    pub fn with_plain_http_host(mut self, host: &str) -> Self {
        let host = Host::parse(host).map_or_else(|_| host.to_owned(), |host| host.to_string());
        let known = self.plain_http.iter().flat_map(|hosts| hosts.iter().cloned());
        self.plain_http = Some(known.chain([host]).collect());
        self
    }

    /// Returns the policy for a provider with this issuer. If the issuer is on this machine, so may be its endpoints:
    /// it is the policy [with loopback](Self::with_loopback). Otherwise it is this policy.
    ///
    /// A handle and a gate do this for each of their issuers, because your program has named them.
    ///
    /// ```
    /// use oidc_proto::UrlPolicy;
    ///
    /// let strict = UrlPolicy::default();
    /// assert!(strict.clone().for_issuer("http://localhost:8080").allow_loopback);
    /// assert_eq!(strict.clone().for_issuer("https://op.example"), strict);
    /// ```
    #[must_use]
    pub fn for_issuer(self, issuer: &str) -> Self {
        let url = Url::parse(issuer).ok();
        let is_here = url.as_ref().and_then(Url::host).is_some_and(|host| place(&host) == Place::Loopback);
        if is_here { self.with_loopback() } else { self }
    }

    /// Whether `http` to this host, as a URL has it, is allowed by its name.
    fn names(&self, host: &str) -> bool {
        self.plain_http.iter().flat_map(|hosts| hosts.iter()).any(|named| named == host)
    }

    /// Whether requests may go to this address. The rule is the same as for address literals.
    ///
    /// A driver calls this for each address that a host name resolves to. An IPv6 address that stands for an IPv4
    /// address (mapped, translated, 6to4) is judged as that IPv4 address.
    #[must_use]
    pub fn admits(&self, address: IpAddr) -> bool {
        let place = match address {
            IpAddr::V4(address) => ipv4(address),
            IpAddr::V6(address) => ipv6(address),
        };
        self.check(place).is_ok()
    }

    const fn check(&self, place: Place) -> Result<(), UrlError> {
        match place {
            Place::Private if !self.allow_private => Err(UrlError::PrivateAddress),
            Place::Loopback if !self.allow_loopback && !self.allow_private => Err(UrlError::Loopback),
            Place::Public | Place::Private | Place::Loopback => Ok(()),
        }
    }
}

/// The reason why requests may not be sent to a URL.
///
/// [`EndpointUrl::parse`] returns it; a flow has it inside of a configuration error or of one about metadata.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// The text is not an absolute URL.
    #[error("the URL is not absolute")]
    NotAbsolute,
    /// The text has a space, a control character or another invisible character. URL parsers drop some of these
    /// silently, which would give one URL two spellings.
    #[error("the URL has a space or a control character")]
    Characters,
    /// The scheme is `http`, and the host is neither this machine nor one that the policy names.
    #[error(
        "the URL is plain http, and its host is none of those that `UrlPolicy::with_plain_http_host` allows"
    )]
    PlainHttp,
    /// The scheme is neither `https` nor `http`.
    #[error("the URL is not https")]
    Scheme,
    /// The URL has no host.
    #[error("the URL has no host")]
    NoHost,
    /// The URL has a fragment, which HTTP never sends.
    #[error("the URL has a fragment")]
    Fragment,
    /// The URL has a user name or a password.
    #[error("the URL has a user name or a password")]
    Credentials,
    /// The host is `localhost` or an address literal of this machine.
    #[error("the URL is an address of this machine (`UrlPolicy::with_loopback` allows it)")]
    Loopback,
    /// The host is an address literal outside the public Internet.
    #[error("the URL is an address of a private network (`UrlPolicy::with_private_addresses` allows it)")]
    PrivateAddress,
    /// An issuer has a query (OpenID Connect Discovery 1.0 section 2 allows none).
    #[error("the URL has a query")]
    Query,
    /// The caller gave the URL of the metadata instead of the issuer.
    #[error("the URL has `.well-known` in its path: give the issuer, and not the URL of its metadata")]
    WellKnown,
}

sentences_about!(UrlError: "the URL ");

/// An absolute `https` URL with a host, without a fragment and without credentials. The policy may also allow
/// `http` to this machine.
///
/// `Debug` hides the values of the query; `Display` shows the whole URL.
///
/// ```
/// use oidc_proto::{EndpointUrl, UrlPolicy, base::UrlError};
///
/// let policy = UrlPolicy::default();
/// let url = EndpointUrl::parse("https://OP.example/userinfo?tenant=a", &policy)?;
/// assert_eq!(url.as_str(), "https://op.example/userinfo?tenant=a");
/// assert_eq!(format!("{url:?}"), "https://op.example/userinfo?..");
///
/// assert_eq!(EndpointUrl::parse("http://op.example/", &policy), Err(UrlError::PlainHttp));
/// # Ok::<(), UrlError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EndpointUrl {
    url: Url,
    uri: http::Uri,
}

impl EndpointUrl {
    /// Parses a URL and checks it against a policy.
    ///
    /// # Errors
    /// The URL breaks a rule; [`UrlError`] names it.
    pub fn parse(text: &str, policy: &UrlPolicy) -> Result<Self, UrlError> {
        if text.chars().any(|c| c == ' ' || !is_visible(c)) {
            return Err(UrlError::Characters);
        }
        let url = Url::parse(text).map_err(|_| UrlError::NotAbsolute)?;
        check(&url, policy)?;
        let uri = http::Uri::try_from(url.as_str()).map_err(|_| UrlError::NotAbsolute)?;
        Ok(Self { url, uri })
    }

    /// The parsed URL.
    #[must_use]
    pub const fn as_url(&self) -> &Url {
        &self.url
    }

    /// The URL as text, in the normal form of the URL Standard.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.url.as_str()
    }

    /// The URL as the target of an HTTP request.
    pub(crate) fn uri(&self) -> http::Uri {
        self.uri.clone()
    }
}

/// Shows the URL without the values of its query.
impl fmt::Debug for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_query(self.url.as_str()))
    }
}

impl fmt::Display for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.url)
    }
}

fn check(url: &Url, policy: &UrlPolicy) -> Result<(), UrlError> {
    let host = url.host().ok_or(if url.scheme() == "https" { UrlError::NoHost } else { UrlError::Scheme })?;
    let place = place(&host);
    match url.scheme() {
        "https" => {}
        "http" if policy.allow_loopback && place == Place::Loopback => {}
        "http" if policy.names(&host.to_string()) => {}
        "http" if place == Place::Loopback => return Err(UrlError::Loopback),
        "http" => return Err(UrlError::PlainHttp),
        _ => return Err(UrlError::Scheme),
    }
    if url.fragment().is_some() {
        return Err(UrlError::Fragment);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlError::Credentials);
    }
    policy.check(place)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Public,
    Private,
    Loopback,
}

/// Where a host is. The URL parser has already normalized every spelling of an IPv4 address (decimal, octal,
/// hexadecimal, short forms) in an `http` or `https` URL.
fn place(host: &Host<&str>) -> Place {
    match host {
        Host::Domain(name) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            if name == "localhost" || name.ends_with(".localhost") { Place::Loopback } else { Place::Public }
        }
        Host::Ipv4(address) => ipv4(*address),
        Host::Ipv6(address) => ipv6(*address),
    }
}

fn ipv4(address: Ipv4Addr) -> Place {
    let [a, b, c, _] = address.octets();
    if address.is_loopback() {
        return Place::Loopback;
    }
    let special = address.is_private()
        || address.is_link_local() // 169.254.0.0/16: the metadata services of clouds
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_multicast()
        || a == 0 // "this network"
        || a >= 240 // reserved
        || (a == 100 && (64..128).contains(&b)) // carrier-grade NAT
        || (a == 192 && b == 0 && c == 0) // protocol assignments
        || (a == 192 && b == 88 && c == 99) // 6to4 relays
        || (a == 198 && (b == 18 || b == 19)); // benchmarks
    if special { Place::Private } else { Place::Public }
}

fn ipv6(address: Ipv6Addr) -> Place {
    if address.is_loopback() {
        return Place::Loopback;
    }
    let [a, b, c, d, e, f, g, h] = address.segments();
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        ipv4(Ipv4Addr::new(a, b, c, d))
    };
    match (a, b, c, d, e, f) {
        // An IPv6 address that stands for an IPv4 address: mapped, compatible, translated (RFC 6052), 6to4.
        (0, 0, 0, 0, 0, 0xffff) | (0x64, 0xff9b, 0, 0, 0, 0) => embedded(g, h),
        (0, 0, 0, 0, 0, 0) if g != 0 => embedded(g, h),
        (0, 0, 0, 0, 0xffff, 0) => embedded(g, h),
        (0x2002, high, low, ..) => embedded(high, low),
        // Global addresses are in 2000::/3. Documentation, Teredo and other assignments in it are not global.
        _ if a & 0xe000 != 0x2000 => Place::Private,
        (0x2001, b, ..) if b < 0x200 || b == 0xdb8 => Place::Private,
        (0x3fff, b, ..) if b < 0x1000 => Place::Private,
        _ => Place::Public,
    }
}

#[cfg(test)]
mod policy_tests;

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(url: &str, policy: &UrlPolicy) -> Result<(), UrlError> {
        EndpointUrl::parse(url, policy).map(|_| ())
    }

    #[test]
    fn only_https_with_a_host_passes_by_default() {
        let strict = UrlPolicy::default();
        assert_eq!(verdict("https://op.example/token?tenant=a", &strict), Ok(()));
        assert_eq!(verdict("https://93.184.215.14/", &strict), Ok(()));
        for (url, why) in [
            ("/token", UrlError::NotAbsolute),
            ("", UrlError::NotAbsolute),
            (" https://op.example/", UrlError::Characters),
            ("https://op.exa\nmple/", UrlError::Characters),
            ("ht\ttps://op.example/", UrlError::Characters),
            ("https://op.example/a b", UrlError::Characters),
            ("https://op.example/\u{7f}", UrlError::Characters),
            ("https://op\u{200b}.example/", UrlError::Characters),
            ("https://op\u{ad}.example/", UrlError::Characters),
            ("https://op.example/\u{202e}a", UrlError::Characters),
            ("http://op.example/token", UrlError::PlainHttp),
            ("http://localhost/token", UrlError::Loopback),
            ("ftp://op.example/", UrlError::Scheme),
            ("file:///etc/passwd", UrlError::Scheme),
            ("data:text/plain,x", UrlError::Scheme),
            ("https://op.example/#x", UrlError::Fragment),
            ("https://op.example/#", UrlError::Fragment),
            ("https://user@op.example/", UrlError::Credentials),
            ("https://user:pw@op.example/", UrlError::Credentials),
            ("https://", UrlError::NotAbsolute),
        ] {
            assert_eq!(verdict(url, &strict), Err(why), "{url}");
        }
    }

    #[test]
    fn every_spelling_of_a_private_address_is_refused() {
        for host in [
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "255.255.255.255",
            "2852039166",
            "0xA9FEA9FE",
            "0251.0376.0251.0376",
            "169.254.43518",
            "0xa.1",
            "[fd00::1]",
            "[fe80::1]",
            "[::ffff:10.0.0.1]",
            "[::ffff:a9fe:a9fe]",
            "[64:ff9b::a9fe:a9fe]",
            "[2002:a9fe:a9fe::]",
            "[::10.0.0.1]",
            "[::]",
            "[ff02::1]",
            "[2001:db8::1]",
            "[::ffff:0:10.0.0.1]",
            "198.18.0.1",
            "192.0.0.1",
            "240.0.0.1",
            "①⑥⑨.254.169.254",
        ] {
            let url = format!("https://{host}/");
            assert_eq!(verdict(&url, &UrlPolicy::default()), Err(UrlError::PrivateAddress), "{host}");
            assert_eq!(verdict(&url, &UrlPolicy::default().with_loopback()), Err(UrlError::PrivateAddress));
            assert_eq!(verdict(&url, &UrlPolicy::default().with_private_addresses()), Ok(()), "{host}");
            let plain = format!("http://{host}/");
            assert_eq!(
                verdict(&plain, &UrlPolicy::default().with_private_addresses()),
                Err(UrlError::PlainHttp)
            );
        }
    }

    #[test]
    fn an_address_is_judged_like_a_url_with_that_address() {
        let strict = UrlPolicy::default();
        let policies = [strict.clone(), strict.clone().with_loopback(), strict.with_private_addresses()];
        for (address, admitted) in [
            ("93.184.215.14", [true, true, true]),
            ("2606:2800:21f:cb07::1", [true, true, true]),
            ("64:ff9b::5db8:d70e", [true, true, true]),
            ("2002:5db8:d70e::1", [true, true, true]),
            ("127.0.0.1", [false, true, true]),
            ("127.255.0.1", [false, true, true]),
            ("::1", [false, true, true]),
            ("::ffff:127.0.0.1", [false, true, true]),
            ("0.0.0.0", [false, false, true]),
            ("10.0.0.1", [false, false, true]),
            ("100.64.0.1", [false, false, true]),
            ("169.254.169.254", [false, false, true]),
            ("172.31.255.255", [false, false, true]),
            ("192.168.0.1", [false, false, true]),
            ("198.19.255.255", [false, false, true]),
            ("224.0.0.1", [false, false, true]),
            ("255.255.255.255", [false, false, true]),
            ("::", [false, false, true]),
            ("::ffff:10.0.0.1", [false, false, true]),
            ("64:ff9b::10.0.0.1", [false, false, true]),
            ("64:ff9b:1::10.0.0.1", [false, false, true]),
            ("2001::1", [false, false, true]),
            ("2002:a00:1::1", [false, false, true]),
            ("fd00::1", [false, false, true]),
            ("fe80::1", [false, false, true]),
            ("ff02::1", [false, false, true]),
        ] {
            let address: IpAddr = address.parse().expect("an address");
            let url = match address {
                IpAddr::V4(address) => format!("https://{address}/"),
                IpAddr::V6(address) => format!("https://[{address}]/"),
            };
            for (policy, admitted) in policies.iter().zip(admitted) {
                assert_eq!(policy.admits(address), admitted, "{address} {policy:?}");
                assert_eq!(verdict(&url, policy).is_ok(), admitted, "{url} {policy:?}");
            }
        }
    }

    #[test]
    fn loopback_hosts_are_allowed_only_by_the_policy_and_lookalikes_never() {
        let loopback = UrlPolicy::default().with_loopback();
        for host in ["localhost", "localhost.", "op.localhost", "127.0.0.1", "127.1", "2130706433", "[::1]"] {
            assert_eq!(verdict(&format!("http://{host}:8080/"), &loopback), Ok(()), "{host}");
        }
        for host in ["127.evil.example", "localhost.evil.example", "notlocalhost", "10.0.0.1"] {
            assert_eq!(verdict(&format!("http://{host}/"), &loopback), Err(UrlError::PlainHttp), "{host}");
        }
        assert_eq!(verdict("https://127.0.0.1/", &UrlPolicy::default()), Err(UrlError::Loopback));
        assert_eq!(verdict("https://[::ffff:127.0.0.1]/", &UrlPolicy::default()), Err(UrlError::Loopback));
    }
}
