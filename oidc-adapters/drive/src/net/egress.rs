//! The egress guard: refuses host names that resolve to an address in a private network. [`UrlPolicy`] judges the URL
//! itself; this module judges the addresses of its host, by the same rule.

use oidc_proto::{Remedy, UrlPolicy};
use std::{
    fmt, io,
    net::{IpAddr, ToSocketAddrs as _},
    sync::Arc,
};

/// Resolves host names, and returns only addresses that a client may connect to. It prevents requests to a private
/// network (SSRF).
///
/// ```
/// use oidc_drive::egress::{Guard, Refused};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // A resolver that lies: one of the two addresses is the metadata service of a cloud.
/// let guard =
///     Guard::new().with_resolver(|_| Ok(vec![[93, 184, 215, 14].into(), [169, 254, 169, 254].into()]));
/// let why: Refused = guard.addresses("op.example").unwrap_err().downcast()?;
/// assert_eq!(why.address.to_string(), "169.254.169.254");
///
/// // For a provider in your own network.
/// assert_eq!(guard.allow_private_networks().addresses("op.example")?.len(), 2);
/// # Ok(())
/// # }
/// ```
///
/// Ask the guard once for each connection, and connect to the addresses that it returns. Then a name that is rebound
/// between the check and the connection gains nothing.
///
/// One private address among several refuses all of them. A public name has no private address. A name that has one
/// was made for an attack, or belongs to a network that needs [`allow_private_networks`]. To drop only the private
/// addresses would hide both cases, and would leave it to chance which server is reached.
///
/// `localhost` and the names below it (RFC 6761 section 6.3) must resolve to this machine, whatever else is allowed,
/// because plain http may be used with them. Address literals pass: [`UrlPolicy`] has judged them with their URL.
///
/// [`allow_private_networks`]: Self::allow_private_networks
#[derive(Clone)]
pub struct Guard {
    resolver: Arc<Resolver>,
    policy: UrlPolicy,
}

type Resolver = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

impl Guard {
    /// Makes a guard with the resolver of this system, which allows only addresses on the public Internet.
    #[must_use]
    pub fn new() -> Self {
        Self { resolver: Arc::new(system), policy: UrlPolicy::default() }
    }

    /// Allows names to resolve to any address. For providers in your own network.
    ///
    /// # Danger
    /// It takes a check away: a name in metadata may lead into your own network. See [`oidc_proto::danger`].
    #[must_use]
    pub const fn allow_private_networks(mut self) -> Self {
        self.policy.allow_private = true;
        self
    }

    /// Sets the resolver; the default is that of the system. It takes a name, may block, and returns all addresses, the
    /// best first. Its addresses are judged like any others.
    #[must_use]
    pub fn with_resolver(
        mut self,
        resolver: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static,
    ) -> Self {
        self.resolver = Arc::new(resolver);
        self
    }

    /// Returns the addresses of a host, as it is spelled in a URL. Calls the resolver once, or not at all for an
    /// address literal. Blocks as long as the resolver does.
    ///
    /// # Errors
    /// The error of the resolver; [`NotFound`](io::ErrorKind::NotFound) if there is no address;
    /// [`PermissionDenied`](io::ErrorKind::PermissionDenied), with a [`Refused`] inside, if one of the addresses is not
    /// allowed.
    pub fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        if let Some(literal) = literal(host) {
            return Ok(vec![literal]);
        }
        let addresses = (self.resolver)(host)?;
        if addresses.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, format!("`{host}` has no address")));
        }
        match addresses.iter().find(|address| !self.admits(host, **address)) {
            Some(address) => Err(Refused { host: host.to_owned(), address: *address }.into()),
            None => Ok(addresses),
        }
    }

    fn admits(&self, host: &str, address: IpAddr) -> bool {
        if is_localhost(host) { address.to_canonical().is_loopback() } else { self.policy.admits(address) }
    }
}

impl Default for Guard {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("policy", &self.policy).finish_non_exhaustive()
    }
}

/// The error for a name that resolves to an address that is not allowed.
///
/// [`Guard::addresses`] returns it inside of an [`io::Error`], and so does each HTTP stack.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// The name.
    pub host: String,
    /// The address that is not allowed: the first one, if there are several.
    pub address: IpAddr,
}

impl Refused {
    /// Returns [`FixConfiguration`](Remedy::FixConfiguration): of the client, or of the names in the network.
    #[must_use]
    pub const fn remedy(&self) -> Remedy {
        Remedy::FixConfiguration
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, address } = self;
        write!(f, "`{host}` resolves to {address}, which is ")?;
        if is_localhost(host) {
            return f.write_str("not this machine");
        }
        f.write_str(
            "not on the public Internet, so nothing was sent (if the provider is in your own network, call \
             `allow_private_networks()` on the client)",
        )
    }
}

crate::sentence::debug_is_sentence!(Refused);

impl std::error::Error for Refused {}

impl From<Refused> for io::Error {
    fn from(refused: Refused) -> Self {
        Self::new(io::ErrorKind::PermissionDenied, refused)
    }
}

fn system(host: &str) -> io::Result<Vec<IpAddr>> {
    // The port makes no difference to the resolver.
    Ok((host, 0).to_socket_addrs()?.map(|address| address.ip()).collect())
}

fn literal(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    bare.unwrap_or(host).parse().ok()
}

fn is_localhost(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    host.rsplit('.').next().is_some_and(|last| last.eq_ignore_ascii_case("localhost"))
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a missing value must fail the test"
)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    const PUBLIC: &str = "93.184.215.14";

    fn parse(addresses: &[&str]) -> Vec<IpAddr> {
        addresses.iter().map(|address| address.parse().expect("an address")).collect()
    }

    /// A guard whose resolver has other answers each time, and the names that were resolved.
    fn lying(answers: &[&[&str]]) -> (Guard, Arc<Mutex<Vec<String>>>) {
        let answers: Vec<_> = answers.iter().map(|answer| parse(answer)).collect();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let seen = Arc::clone(&asked);
        let guard = Guard::new().with_resolver(move |host| {
            let mut seen = seen.lock().unwrap();
            seen.push(host.to_owned());
            Ok(answers[(seen.len() - 1).min(answers.len() - 1)].clone())
        });
        (guard, asked)
    }

    fn refused(guard: &Guard, host: &str) -> Refused {
        let error = guard.addresses(host).expect_err("it is refused");
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied, "{error}");
        error.downcast().expect("it says why")
    }

    #[test]
    fn a_public_name_keeps_all_its_addresses_in_their_order() {
        let (guard, asked) = lying(&[&["2606:2800:21f:cb07::1", PUBLIC]]);
        let addresses = guard.addresses("op.example").expect("they are public");
        assert_eq!(addresses, parse(&["2606:2800:21f:cb07::1", PUBLIC]));
        assert_eq!(*asked.lock().unwrap(), ["op.example"]);
    }

    #[test]
    fn a_name_that_is_rebound_is_refused_when_it_is_asked_for_again() {
        let (guard, asked) = lying(&[&[PUBLIC], &["169.254.169.254"], &[PUBLIC]]);
        assert_eq!(guard.addresses("op.example").expect("public"), parse(&[PUBLIC]));
        let why = refused(&guard, "op.example");
        assert_eq!(why, Refused { host: "op.example".into(), address: "169.254.169.254".parse().unwrap() },);
        assert_eq!(guard.addresses("op.example").expect("public again"), parse(&[PUBLIC]));
        assert_eq!(asked.lock().unwrap().len(), 3, "each call resolves the name once and remembers nothing");
    }

    #[test]
    fn one_private_address_among_public_ones_refuses_all_of_them() {
        for answer in [[PUBLIC, "10.0.0.1"], ["10.0.0.1", PUBLIC]] {
            let (guard, _) = lying(&[&answer]);
            assert_eq!(refused(&guard, "op.example").address, parse(&["10.0.0.1"])[0]);
            let allowed = guard.allow_private_networks().addresses("op.example").expect("allowed");
            assert_eq!(allowed, parse(&answer));
        }
    }

    #[test]
    fn localhost_resolves_to_this_machine_only_whatever_is_allowed() {
        let (guard, _) = lying(&[&["127.0.0.1", "::1", "::ffff:127.0.0.1"]]);
        for host in ["localhost", "localhost.", "op.localhost", "LocalHost"] {
            assert!(guard.addresses(host).is_ok(), "{host}");
        }
        for host in ["localhost.op.example", "notlocalhost", "127.1", "2130706433", "0x7f000001", ""] {
            refused(&guard, host);
        }
        for elsewhere in [&["10.0.0.1"][..], &[PUBLIC], &["127.0.0.1", "::"]] {
            let (guard, _) = lying(&[elsewhere]);
            for guard in [guard.clone(), guard.allow_private_networks()] {
                for host in ["localhost", "a.b.localhost."] {
                    let says = refused(&guard, host).to_string();
                    assert!(says.ends_with("which is not this machine"), "{says}");
                }
            }
        }
    }

    #[test]
    fn an_address_literal_passes_without_the_resolver() {
        let (guard, asked) = lying(&[&["10.0.0.1"]]);
        for (host, address) in [("127.0.0.1", "127.0.0.1"), ("[::1]", "::1"), ("10.0.0.1", "10.0.0.1")] {
            assert_eq!(guard.addresses(host).expect("a literal"), parse(&[address]));
        }
        assert_eq!(*asked.lock().unwrap(), [""; 0]);
    }

    #[test]
    fn the_error_names_the_host_the_address_and_the_remedy() {
        let (guard, _) = lying(&[&["::ffff:10.0.0.1"]]);
        assert_eq!(
            refused(&guard, "op.example").to_string(),
            "`op.example` resolves to ::ffff:10.0.0.1, which is not on the public Internet, so nothing was \
             sent (if the provider is in your own network, call `allow_private_networks()` on the client)",
        );
        let (guard, _) = lying(&[&[]]);
        let error = guard.addresses("op.example").expect_err("no address");
        assert_eq!(
            (error.kind(), error.to_string()),
            (io::ErrorKind::NotFound, "`op.example` has no address".into())
        );
        let guard = Guard::new().with_resolver(|_| Err(io::Error::other("the resolver is down")));
        assert_eq!(guard.addresses("op.example").expect_err("down").to_string(), "the resolver is down");
    }

    #[test]
    fn the_resolver_of_the_system_knows_this_machine() {
        let addresses = Guard::new().addresses("localhost").expect("every system knows it");
        assert!(addresses.iter().all(IpAddr::is_loopback) && !addresses.is_empty(), "{addresses:?}");
    }
}
