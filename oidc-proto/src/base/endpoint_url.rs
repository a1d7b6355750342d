//! [`EndpointUrl`]: the only kind of URL that a request is sent to (RFC 8414 section 6, RFC 9700).

use super::sentence::sentences_about;
use super::visible::{is_visible, without_query};
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};
use url::{Host, Url};

/// Where requests may go. The default: `https`, and no address literal of a private network.
///
/// The names of hosts are not resolved here; that is the driver's egress guard. What a URL says by
/// itself is decided here, on every stack alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UrlPolicy {
    /// Allow `http`, and address literals, for this machine: `localhost`, 127.0.0.0/8, `::1`.
    pub allow_loopback: bool,
    /// Allow `https` to address literals of private, link-local and other special-use networks.
    pub allow_private: bool,
}

impl UrlPolicy {
    /// The default policy, and `http` to this machine: for development and tests.
    #[must_use]
    pub const fn with_loopback(mut self) -> Self {
        self.allow_loopback = true;
        self
    }

    /// The default policy, and providers on private addresses.
    #[must_use]
    pub const fn with_private_addresses(mut self) -> Self {
        self.allow_private = true;
        self
    }

    /// Whether requests may go to this address, by the rule for address literals: for drivers, which
    /// know what a name resolves to. An IPv4 address in other clothes (mapped, translated, 6to4) is
    /// judged as what it is.
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

/// Why a URL is not one that requests may be sent to.
///
/// [`EndpointUrl::parse`] returns it; a flow has it inside of a configuration error or of one about metadata.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// Not an absolute URL.
    #[error("the URL is not absolute")]
    NotAbsolute,
    /// A space, a control character or another one that is not visible, which URL parsers drop without a word:
    /// two spellings of one URL.
    #[error("the URL has a space or a control character")]
    Characters,
    /// `http`, and not to this machine, or not asked for.
    #[error(
        "the URL is plain http (if it is meant for this machine, allow it with `UrlPolicy::with_loopback`)"
    )]
    PlainHttp,
    /// Neither `https` nor `http`.
    #[error("the URL is not https")]
    Scheme,
    /// No host.
    #[error("the URL has no host")]
    NoHost,
    /// A fragment, which is never sent.
    #[error("the URL has a fragment")]
    Fragment,
    /// A user name or password.
    #[error("the URL has a user name or a password")]
    Credentials,
    /// An address literal of this machine.
    #[error("the URL is an address of this machine (`UrlPolicy::with_loopback` allows it)")]
    Loopback,
    /// An address literal that is not of the public Internet.
    #[error("the URL is an address of a private network (`UrlPolicy::with_private_addresses` allows it)")]
    PrivateAddress,
    /// A query, where an issuer may have none (OpenID Connect Discovery 1.0 section 2).
    #[error("the URL has a query")]
    Query,
    /// The URL of metadata, where the issuer itself is wanted.
    #[error("the URL has `.well-known` in its path: give the issuer, and not the URL of its metadata")]
    WellKnown,
}

sentences_about!(UrlError: "the URL ");

/// An absolute `https` URL (or `http` to this machine, if the policy said so) with a host, without
/// fragment and credentials.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EndpointUrl {
    url: Url,
    uri: http::Uri,
}

impl EndpointUrl {
    /// Reads a URL and holds it against a policy.
    ///
    /// # Errors
    /// [`UrlError`] names the rule that the URL breaks.
    pub fn parse(text: &str, policy: &UrlPolicy) -> Result<Self, UrlError> {
        if text.chars().any(|c| c == ' ' || !is_visible(c)) {
            return Err(UrlError::Characters);
        }
        let url = Url::parse(text).map_err(|_| UrlError::NotAbsolute)?;
        check(&url, policy)?;
        let uri = http::Uri::try_from(url.as_str()).map_err(|_| UrlError::NotAbsolute)?;
        Ok(Self { url, uri })
    }

    /// The URL.
    #[must_use]
    pub const fn as_url(&self) -> &Url {
        &self.url
    }

    /// The URL as text, in its normal form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.url.as_str()
    }

    /// The URL as the target of a request.
    pub(crate) fn uri(&self) -> http::Uri {
        self.uri.clone()
    }
}

/// Without the values of its query.
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

/// The WHATWG parser has normalized every spelling (decimal, octal, hexadecimal, short forms) of an
/// IPv4 address in an `http` or `https` URL by now.
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
        // An IPv4 address in other clothes: mapped, compatible, translated (RFC 6052), 6to4.
        (0, 0, 0, 0, 0, 0xffff) | (0x64, 0xff9b, 0, 0, 0, 0) => embedded(g, h),
        (0, 0, 0, 0, 0, 0) if g != 0 => embedded(g, h),
        (0, 0, 0, 0, 0xffff, 0) => embedded(g, h),
        (0x2002, high, low, ..) => embedded(high, low),
        // Everything global lies in 2000::/3; documentation, Teredo and other assignments do not count.
        _ if a & 0xe000 != 0x2000 => Place::Private,
        (0x2001, b, ..) if b < 0x200 || b == 0xdb8 => Place::Private,
        (0x3fff, b, ..) if b < 0x1000 => Place::Private,
        _ => Place::Public,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(url: &str, policy: UrlPolicy) -> Result<(), UrlError> {
        EndpointUrl::parse(url, &policy).map(|_| ())
    }

    #[test]
    fn https_with_a_host_is_all_that_passes_by_default() {
        let strict = UrlPolicy::default();
        assert_eq!(verdict("https://op.example/token?tenant=a", strict), Ok(()));
        assert_eq!(verdict("https://93.184.215.14/", strict), Ok(()));
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
            ("http://localhost/token", UrlError::PlainHttp),
            ("ftp://op.example/", UrlError::Scheme),
            ("file:///etc/passwd", UrlError::Scheme),
            ("data:text/plain,x", UrlError::Scheme),
            ("https://op.example/#x", UrlError::Fragment),
            ("https://op.example/#", UrlError::Fragment),
            ("https://user@op.example/", UrlError::Credentials),
            ("https://user:pw@op.example/", UrlError::Credentials),
            ("https://", UrlError::NotAbsolute),
        ] {
            assert_eq!(verdict(url, strict), Err(why), "{url}");
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
            assert_eq!(verdict(&url, UrlPolicy::default()), Err(UrlError::PrivateAddress), "{host}");
            assert_eq!(verdict(&url, UrlPolicy::default().with_loopback()), Err(UrlError::PrivateAddress));
            assert_eq!(verdict(&url, UrlPolicy::default().with_private_addresses()), Ok(()), "{host}");
            let plain = format!("http://{host}/");
            assert_eq!(
                verdict(&plain, UrlPolicy::default().with_private_addresses()),
                Err(UrlError::PlainHttp)
            );
        }
    }

    #[test]
    fn an_address_is_judged_as_the_url_with_that_address_is() {
        let strict = UrlPolicy::default();
        let policies = [strict, strict.with_loopback(), strict.with_private_addresses()];
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
            for (policy, admitted) in policies.into_iter().zip(admitted) {
                assert_eq!(policy.admits(address), admitted, "{address} {policy:?}");
                assert_eq!(verdict(&url, policy).is_ok(), admitted, "{url} {policy:?}");
            }
        }
    }

    #[test]
    fn this_machine_is_allowed_only_when_asked_and_only_if_it_is_this_machine() {
        let loopback = UrlPolicy::default().with_loopback();
        for host in ["localhost", "localhost.", "op.localhost", "127.0.0.1", "127.1", "2130706433", "[::1]"] {
            assert_eq!(verdict(&format!("http://{host}:8080/"), loopback), Ok(()), "{host}");
        }
        for host in ["127.evil.example", "localhost.evil.example", "notlocalhost", "10.0.0.1"] {
            assert_eq!(verdict(&format!("http://{host}/"), loopback), Err(UrlError::PlainHttp), "{host}");
        }
        assert_eq!(verdict("https://127.0.0.1/", UrlPolicy::default()), Err(UrlError::Loopback));
        assert_eq!(verdict("https://[::ffff:127.0.0.1]/", UrlPolicy::default()), Err(UrlError::Loopback));
    }
}
