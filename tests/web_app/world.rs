//! The application and its provider in this process: on loopback, with a clock that the test moves, and a
//! provider that goes down and comes back.

use crate::{embedded, login, login_by_hand, site};
use axum::Router;
use oidc_drive::{Clock, moment, now};
use oidc_proto::flow::SealingKeys;
use oidc_testkit::{EndpointName, TestProvider};
use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering::SeqCst},
    },
};
use tokio::{net::TcpListener, task::JoinHandle};

/// The two forms of the application.
#[derive(Clone, Copy, Debug)]
pub enum How {
    ByHandle,
    ByHand,
}

pub const BOTH: [How; 2] = [How::ByHandle, How::ByHand];

/// The seconds that the clock of the application and its provider is ahead.
#[derive(Clone, Default)]
pub struct Watch(Arc<AtomicI64>);

impl Watch {
    pub fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, SeqCst);
    }

    fn clock(&self) -> Arc<dyn Clock> {
        let ahead = self.0.clone();
        Arc::new(move || moment().not_before(now().plus(ahead.load(SeqCst))))
    }
}

/// A service on a port of its own, until it is stopped.
pub struct Server {
    at: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    pub async fn start(at: SocketAddr, service: Router) -> Self {
        Self::serve(TcpListener::bind(at).await.expect("the port is free"), service)
    }

    fn serve(listener: TcpListener, service: Router) -> Self {
        let at = listener.local_addr().expect("a bound socket has an address");
        let task = tokio::spawn(async { axum::serve(listener, service).await.expect("it serves") });
        Self { at, task }
    }

    /// Stops the service, and returns when it no longer listens.
    pub async fn stop(self) -> SocketAddr {
        self.task.abort();
        let _aborted = self.task.await;
        self.at
    }
}

pub struct World {
    how: How,
    pub origin: String,
    pub issuer: String,
    pub provider: embedded::Shared,
    pub watch: Watch,
    /// The log of the site, for its operator.
    log: Arc<Mutex<Vec<String>>>,
    provider_at: Server,
    site_at: Option<Server>,
}

pub const KEY: [u8; 32] = [0x5A; 32];

impl World {
    /// A provider, and an application for this origin, which need not listen there.
    pub async fn start(how: How, origin: &str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let issuer = format!("http://localhost:{port}");
        let provider = embedded::provider(&issuer, &format!("{origin}/callback"));
        let watch = Watch::default();
        let provider = embedded::Shared::new(provider, watch.clock());
        let provider_at = Server::serve(listener, embedded::router(provider.clone()));
        Self {
            how,
            origin: origin.to_owned(),
            issuer,
            provider,
            watch,
            log: Arc::default(),
            provider_at,
            site_at: None,
        }
    }

    /// A provider, and an application that listens on loopback.
    pub async fn on_loopback(how: How) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let at = listener.local_addr().expect("a bound socket has an address");
        let mut world = Self::start(how, &format!("http://{at}")).await;
        world.site_at = Some(Server::serve(listener, world.site()));
        world
    }

    /// Stops the application and the provider.
    pub async fn stop(self) {
        for server in self.site_at.into_iter().chain([self.provider_at]) {
            server.stop().await;
        }
    }

    /// The application.
    pub fn site(&self) -> Router {
        self.site_with(SealingKeys::new(1, &KEY))
    }

    /// The application with these keys: another node, or the same one after a restart.
    pub fn site_with(&self, keys: SealingKeys) -> Router {
        let at = embedded::registered(&self.issuer, format!("{}/callback", self.origin));
        let cookies = site::Cookies::new(&self.origin, keys, self.watch.clock());
        let log = Arc::clone(&self.log);
        let log = Box::new(move |line: &str| log.lock().expect("no panic").push(line.to_owned()));
        match self.how {
            How::ByHandle => {
                let logins = login::ByHandle::new(at, self.watch.clock()).expect("an issuer");
                site::router(site::Site { logins, cookies, log })
            }
            How::ByHand => {
                let logins = login_by_hand::ByHand::new(at, self.watch.clock()).expect("an issuer");
                site::router(site::Site { logins, cookies, log })
            }
        }
    }

    pub fn provider<T>(&self, look: impl FnOnce(&mut TestProvider) -> T) -> T {
        look(&mut self.provider.lock())
    }

    /// Takes the provider down during an operation, and brings it back a little later.
    pub async fn without_provider<T>(&mut self, during: impl Future<Output = T>) -> T {
        let service = embedded::router(self.provider.clone());
        let nobody = Server { at: self.provider_at.at, task: tokio::spawn(async {}) };
        let at = std::mem::replace(&mut self.provider_at, nobody).stop().await;
        let result = during.await;
        self.provider_at = Server::start(at, service).await;
        self.watch.advance(60);
        result
    }

    /// The log of the site since the last call.
    pub fn told(&self) -> Vec<String> {
        std::mem::take(&mut self.log.lock().expect("no panic"))
    }

    /// The secrets that must not be on any page: codes, verifiers, credentials and tokens that the provider
    /// has seen.
    pub fn secrets(&self) -> Vec<String> {
        let mut secrets = vec![embedded::CLIENT_SECRET.to_owned(), "eyJ".to_owned()];
        self.provider(|provider| {
            for seen in provider.requests() {
                if seen.endpoint == EndpointName::Token {
                    secrets.extend(["code", "code_verifier"].iter().filter_map(|name| seen.parameter(name)));
                }
                let credentials = seen.header("authorization").and_then(|value| value.split(' ').nth(1));
                secrets.extend(credentials.map(str::to_owned));
            }
        });
        secrets
    }
}
