//! The egress guard: a name that leads into a private network is not followed there. What a URL says by
//! itself has been judged by [`UrlPolicy`]; what its name resolves to is judged here, by the same rule.

use oidc_proto::UrlPolicy;
use std::{
    fmt, io,
    net::{IpAddr, ToSocketAddrs as _},
    sync::Arc,
};

/// Resolves the names of hosts, and gives only addresses that may be connected to.
///
/// Whoever connects asks once for each connection, and connects to what comes back. Then no second answer
/// of the resolver counts, and a name that is rebound between two looks gains nothing.
///
/// One address of a private network among the answers refuses all of them. Public names have none; one
/// that has was made for an attack, or belongs to a network that wants [`allow_private_networks`]. To
/// leave such addresses out would hide both, and make it luck which of them is met.
///
/// `localhost` and the names below it (RFC 6761 section 6.3) must lead to this machine, whatever else is
/// allowed: plain http may be spoken to them. Address literals pass; they are the URL's own.
///
/// [`allow_private_networks`]: Self::allow_private_networks
#[derive(Clone)]
pub struct Guard {
    resolver: Arc<Resolver>,
    policy: UrlPolicy,
}

type Resolver = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

impl Guard {
    /// The resolver of this system, and the public Internet.
    #[must_use]
    pub fn new() -> Self {
        Self { resolver: Arc::new(system), policy: UrlPolicy::default() }
    }

    /// Names may lead anywhere: for providers in one's own network.
    #[must_use]
    pub const fn allow_private_networks(mut self) -> Self {
        self.policy.allow_private = true;
        self
    }

    /// Another resolver. It gets a name, may block, and gives all addresses that it knows, the best
    /// first. What it says is judged as any answer is.
    #[must_use]
    pub fn with_resolver(
        mut self,
        resolver: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static,
    ) -> Self {
        self.resolver = Arc::new(resolver);
        self
    }

    /// The addresses of a host as it stands in a URL. Asks the resolver once, or not at all for a
    /// literal; blocks as long as the resolver does.
    ///
    /// # Errors
    /// Those of the resolver; [`NotFound`](io::ErrorKind::NotFound) if there is no address;
    /// [`PermissionDenied`](io::ErrorKind::PermissionDenied), with [`Refused`] in it, if one of them may
    /// not be connected to.
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

/// A name leads to where requests may not go.
///
/// [`Guard::addresses`] returns it inside of an [`io::Error`], and so does each HTTP stack.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// The name.
    pub host: String,
    /// The address that may not be connected to: the first one, if there are several.
    pub address: IpAddr,
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
    // Which port it is makes no difference to the resolver.
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
    reason = "what is not there fails the test, as it should"
)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    const PUBLIC: &str = "93.184.215.14";

    fn parse(addresses: &[&str]) -> Vec<IpAddr> {
        addresses.iter().map(|address| address.parse().expect("an address")).collect()
    }

    /// A resolver with other answers each time, and the names that it was asked for.
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
    fn a_public_name_has_all_its_addresses_in_their_order() {
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
        assert_eq!(asked.lock().unwrap().len(), 3, "nothing is remembered, nothing is asked twice");
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
    fn localhost_leads_to_this_machine_and_nowhere_else_whatever_is_allowed() {
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
    fn a_literal_is_judged_with_its_url_and_nobody_is_asked() {
        let (guard, asked) = lying(&[&["10.0.0.1"]]);
        for (host, address) in [("127.0.0.1", "127.0.0.1"), ("[::1]", "::1"), ("10.0.0.1", "10.0.0.1")] {
            assert_eq!(guard.addresses(host).expect("a literal"), parse(&[address]));
        }
        assert_eq!(*asked.lock().unwrap(), [""; 0]);
    }

    #[test]
    fn the_error_names_the_host_the_address_and_the_way_out() {
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
