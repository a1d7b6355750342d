//! [`World`]: many providers, an unreliable network and a clock, all derived from one seed.

mod clock;
mod fault;
mod site;

pub use clock::SimClock;
pub use fault::{Fault, Weather};
pub use site::{KeySite, Site};

use crate::Seed;
use http::{HeaderValue, Request, Response, StatusCode, header};
use oidc_proto::base::Timestamp;
use std::{
    collections::BTreeMap,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    time::Duration,
};

/// One exchange, as an observer of the network sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exchange {
    /// The time at which the request left.
    pub sent: Timestamp,
    /// The time at which the client knew the outcome.
    pub done: Timestamp,
    /// The host of the request.
    pub host: String,
    /// The path of the request.
    pub path: String,
    /// The fault of the network, if there was one.
    pub fault: Option<Fault>,
    /// The status of the response, if one came.
    pub status: Option<u16>,
}

/// The reason why there was no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lost {
    /// No site answers at this host.
    NoHost,
    /// No response came in time.
    Timeout,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoHost => "nobody answers at this host",
            Self::Timeout => "no response came in time",
        })
    }
}

impl std::error::Error for Lost {}

/// The place of a site of type `S` in a [`World`].
#[derive(Debug)]
pub struct At<S> {
    /// The number of its host.
    host: usize,
    site: std::marker::PhantomData<fn() -> S>,
}

impl<S> Copy for At<S> {}

impl<S> Clone for At<S> {
    fn clone(&self) -> Self {
        *self
    }
}

trait AnySite: Site {
    fn any(&mut self) -> &mut dyn std::any::Any;
}

impl<S: Site + 'static> AnySite for S {
    fn any(&mut self) -> &mut dyn std::any::Any {
        self
    }
}

/// Sites, a network between them and a client, and a clock. The same seed and the same calls give the same
/// [trace](Self::trace).
///
/// ```
/// use oidc_testkit::world::{Fault, KeySite, Weather, World, check};
/// use oidc_testkit::Timestamp;
/// use std::time::Duration;
///
/// check(10, |seed| {
///     let start = Timestamp(1_800_000_000);
///     let mut world = World::new(start, seed.number());
///     let a = world.add("https://a.example", KeySite::new("https://a.example"));
///     world.weather = Weather::fair().spell(start.plus(60), start.plus(120), Fault::DropRequest, 100);
///
///     let request = || http::Request::get("https://a.example/jwks").body(Vec::new()).unwrap();
///     assert!(world.send(&request(), Duration::from_secs(10)).is_ok());
///     world.clock.advance(60);
///     assert!(world.send(&request(), Duration::from_secs(10)).is_err());
///     assert_eq!(world.clock.now(), start.plus(70), "the client has waited for its timeout");
///     assert_eq!(world.site(a).requests(), 1);
/// });
/// ```
pub struct World {
    /// The clock that the sites and the client share.
    pub clock: SimClock,
    /// The faults of the network.
    pub weather: Weather,
    seed: Seed,
    sites: BTreeMap<String, Box<dyn AnySite>>,
    /// The hosts in the order in which sites were added, for [`At`].
    hosts: Vec<String>,
    trace: Vec<Exchange>,
}

impl World {
    /// A world without sites, in fair weather.
    #[must_use]
    pub fn new(now: Timestamp, seed: u64) -> Self {
        let clock = SimClock::new(now, seed ^ 0x5EED);
        let (weather, seed) = (Weather::fair(), Seed::silent(seed));
        Self { clock, weather, seed, sites: BTreeMap::new(), hosts: Vec::new(), trace: Vec::new() }
    }

    /// Puts a site at the host of this URL.
    ///
    /// # Panics
    /// If the URL has no host.
    pub fn add<S: Site + 'static>(&mut self, url: &str, site: S) -> At<S> {
        let uri: http::Uri = url.parse().expect("a URL");
        let host = uri.authority().expect("a URL with a host").to_string();
        self.sites.insert(host.clone(), Box::new(site));
        self.hosts.push(host);
        At { host: self.hosts.len() - 1, site: std::marker::PhantomData }
    }

    /// Gives access to a site, to read or to change it.
    ///
    /// # Panics
    /// If a site of another type has taken its place, or if it is in another world.
    pub fn site<S: Site + 'static>(&mut self, at: At<S>) -> &mut S {
        let site = self.hosts.get(at.host).and_then(|host| self.sites.get_mut(host));
        let site = site.expect("the site is in this world");
        // Two derefs: the call must reach the site, and not its box.
        (**site).any().downcast_mut().expect("the site is of this type")
    }

    /// All exchanges so far.
    #[must_use]
    pub fn trace(&self) -> &[Exchange] {
        &self.trace
    }

    /// Sends a request and waits for the outcome, which moves the clock.
    ///
    /// # Errors
    /// If no response came in time.
    pub fn send(&mut self, request: &Request<Vec<u8>>, timeout: Duration) -> Result<Response<Vec<u8>>, Lost> {
        let (done, result) = self.exchange(request, timeout);
        self.clock.set(done);
        result
    }

    /// Sends a request without moving the clock, so that others can go on in the meantime. Returns the time
    /// at which the client knows the outcome, and the outcome.
    pub fn exchange(
        &mut self,
        request: &Request<Vec<u8>>,
        timeout: Duration,
    ) -> (Timestamp, Result<Response<Vec<u8>>, Lost>) {
        let sent = self.clock.now();
        let patience = i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX);
        let host = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        let fault = self.weather.fault(&mut self.seed, &host, sent);
        let (mut took, mut result) = match self.sites.get_mut(&host) {
            None => (0, Err(Lost::NoHost)),
            Some(site) => carry(&mut **site, request, fault, sent),
        };
        if took > patience || matches!(result, Err(Lost::Timeout)) {
            (took, result) = (patience, Err(Lost::Timeout));
        }
        let done = sent.plus(took);
        let status = result.as_ref().ok().map(|response| response.status().as_u16());
        let path = request.uri().path().to_owned();
        self.trace.push(Exchange { sent, done, host, path, fault, status });
        (done, result)
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts: Vec<_> = self.sites.keys().collect();
        f.debug_struct("World").field("now", &self.clock.now()).field("hosts", &hosts).finish_non_exhaustive()
    }
}

/// Carries one exchange: returns its duration in seconds, and the response.
fn carry(
    site: &mut dyn AnySite,
    request: &Request<Vec<u8>>,
    fault: Option<Fault>,
    now: Timestamp,
) -> (i64, Result<Response<Vec<u8>>, Lost>) {
    let Some(fault) = fault else { return (0, Ok(site.handle(request, now))) };
    match fault {
        Fault::DropRequest => (0, Err(Lost::Timeout)),
        Fault::DropResponse => {
            site.handle(request, now);
            (0, Err(Lost::Timeout))
        }
        // The request arrives late, and is answered although the client may have given up.
        Fault::Delay(seconds) => (i64::from(seconds), Ok(site.handle(request, now.plus(i64::from(seconds))))),
        Fault::Slow(seconds) => (i64::from(seconds), Ok(site.handle(request, now))),
        Fault::Duplicate => {
            let first = site.handle(request, now);
            site.handle(request, now);
            (0, Ok(first))
        }
        Fault::Truncate => {
            let mut response = site.handle(request, now);
            let half = response.body().len() / 2;
            response.body_mut().truncate(half);
            (0, Ok(response))
        }
        Fault::Status(status) => {
            let status = StatusCode::from_u16(status).expect("a status of three digits");
            (0, Ok(page(status, b"Something went wrong.".to_vec())))
        }
        Fault::Redirect => {
            let mut response = page(StatusCode::TEMPORARY_REDIRECT, Vec::new());
            let elsewhere = HeaderValue::from_static("https://elsewhere.example/");
            response.headers_mut().insert(header::LOCATION, elsewhere);
            (0, Ok(response))
        }
        Fault::Huge(bytes) => {
            let mut response = site.handle(request, now);
            // White space before JSON: only the size is wrong.
            let mut body = vec![b' '; usize::try_from(bytes).expect("it fits")];
            body.append(response.body_mut());
            *response.body_mut() = body;
            (0, Ok(response))
        }
        Fault::WrongMediaType => {
            let mut response = site.handle(request, now);
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
            (0, Ok(response))
        }
    }
}

fn page(status: StatusCode, body: Vec<u8>) -> Response<Vec<u8>> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
    response
}

/// The environment variable that replays one seed.
pub const SEED_VARIABLE: &str = "OIDC_SEED";

/// Runs a test once for each of this many seeds. If a run fails, the message has its seed and says how to
/// replay it: with `OIDC_SEED` set, only that seed is run.
///
/// # Panics
/// If the test panics, or if `OIDC_SEED` is no number.
pub fn check(seeds: u64, test: impl Fn(&mut Seed)) {
    let chosen = std::env::var(SEED_VARIABLE).ok();
    let chosen = chosen.map(|text| text.parse().expect("OIDC_SEED is a number"));
    check_these(chosen.map_or(0..seeds, |seed: u64| seed..seed.saturating_add(1)), test);
}

fn check_these(seeds: std::ops::Range<u64>, test: impl Fn(&mut Seed)) {
    for number in seeds {
        let mut seed = Seed::silent(number);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| test(&mut seed))) {
            eprintln!("it fails with {seed}; to replay it alone: {SEED_VARIABLE}={number} cargo test …");
            resume_unwind(panic);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    const START: Timestamp = Timestamp(1_800_000_000);
    const TIMEOUT: Duration = Duration::from_secs(10);

    fn request(host: &str) -> Request<Vec<u8>> {
        Request::get(format!("https://{host}/jwks")).body(Vec::new()).unwrap()
    }

    fn run(seed: &mut Seed) -> Vec<Exchange> {
        let mut world = World::new(START, seed.number());
        let hosts: Vec<_> = (0..5).map(|issuer| format!("op-{issuer}.example")).collect();
        for host in &hosts {
            let url = format!("https://{host}");
            world.add(&url, KeySite::new(&url));
        }
        world.weather = Weather::random(seed, START, 3_600, 8);
        while world.clock.now() < START.plus(3_600) {
            let host = usize::try_from(seed.below(5)).unwrap();
            let _ = world.send(&request(&hosts[host]), TIMEOUT);
            world.clock.advance(10);
        }
        world.trace().to_vec()
    }

    #[test]
    fn the_same_seed_repeats_the_trace_and_another_seed_changes_it() {
        let trace = |number| run(&mut Seed::silent(number));
        assert_eq!(trace(1), trace(1));
        assert_ne!(trace(1), trace(2));
        let faults: std::collections::BTreeSet<_> =
            (0..20).flat_map(trace).filter_map(|exchange| exchange.fault).collect();
        assert_eq!(faults.len(), Fault::ALL.len(), "every kind of fault happens");
    }

    #[test]
    fn each_fault_has_the_effect_of_its_name() {
        for fault in Fault::ALL {
            let mut world = World::new(START, 1);
            let site = world.add("https://op.example", KeySite::new("https://op.example"));
            let good = world.send(&request("op.example"), TIMEOUT).unwrap();
            world.weather = Weather::fair().spell_at("op.example", START, START.plus(1), fault, 100);
            let result = world.send(&request("op.example"), TIMEOUT);
            let took = world.clock.now().0 - START.0;
            let seen = world.site(site).requests() - 1;
            let status = result.as_ref().map(|response| response.status().as_u16());
            let body = result.as_ref().map(|response| response.body().clone());
            match fault {
                Fault::DropRequest => assert_eq!((status, took, seen), (Err(&Lost::Timeout), 10, 0)),
                Fault::DropResponse | Fault::Delay(60) | Fault::Slow(60) => {
                    assert_eq!((status, took, seen), (Err(&Lost::Timeout), 10, 1));
                }
                Fault::Delay(_) | Fault::Slow(_) => assert_eq!((status, took, seen), (Ok(200), 2, 1)),
                Fault::Duplicate => assert_eq!((body, took, seen), (Ok(good.body().clone()), 0, 2)),
                Fault::Truncate => assert_eq!(body.map(|body| body.len()), Ok(good.body().len() / 2)),
                Fault::Status(wanted) => assert_eq!((status, seen), (Ok(wanted), 0)),
                Fault::Redirect => assert_eq!((status, seen), (Ok(307), 0)),
                Fault::Huge(bytes) => assert!(body.unwrap().len() > usize::try_from(bytes).unwrap()),
                Fault::WrongMediaType => {
                    let response = result.unwrap();
                    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/html");
                    assert_eq!(response.body(), good.body());
                }
            }
        }
    }

    #[test]
    fn a_host_without_a_site_does_not_answer() {
        let mut world = World::new(START, 1);
        assert_eq!(world.send(&request("nowhere.example"), TIMEOUT).err(), Some(Lost::NoHost));
        assert_eq!(world.trace()[0].status, None);
    }

    #[test]
    fn a_failing_seed_is_run_alone_on_replay() {
        let ran = Cell::new(Vec::new());
        let test = |seed: &mut Seed| {
            let mut list = ran.take();
            list.push(seed.number());
            ran.set(list);
            assert_ne!(seed.number(), 3, "the test fails");
        };
        assert!(catch_unwind(AssertUnwindSafe(|| check_these(0..10, test))).is_err());
        assert_eq!(ran.take(), [0, 1, 2, 3], "no seed is run after the one that fails");
        assert!(catch_unwind(AssertUnwindSafe(|| check_these(3..4, test))).is_err());
        assert_eq!(ran.take(), [3]);
    }
}
