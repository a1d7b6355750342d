//! Requests of a program to an API: the token is attached, renewed once for all, and never sent elsewhere.

mod dropped;
mod gated;
mod refusals;
mod service;
mod session;
mod sources;
mod told;

use super::colour::*;
use http::{HeaderMap, Request, Response};
use oidc_drive::{Api, ApiError, ApiResponse, api::ApiBuilder, blocking};
use oidc_proto::flow::ClientCredentialsRequest;
use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, Mutex},
};

const ORIGIN: &str = "https://api.example";
const ORDERS: &str = "https://api.example/orders?page=2";

/// An API that notes what it got, and refuses what it is told to refuse.
#[derive(Clone, Default)]
struct Shop(Arc<Mutex<Counter>>);

#[derive(Default)]
struct Counter {
    seen: Vec<Seen>,
    /// Tokens that it refuses.
    revoked: BTreeSet<String>,
    refuses_all: bool,
    /// Answers that come before all others: a status, and headers.
    next: VecDeque<(u16, HeaderMap)>,
    lost: bool,
}

/// A request as the API saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    url: String,
    token: String,
    body: String,
    proof: Option<String>,
}

impl Shop {
    fn get(&self, request: Request<String>) -> Result<Response<String>, String> {
        let mut shop = lock(&self.0);
        if shop.lost {
            return Err("connection refused".to_owned());
        }
        let text = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let token = text("authorization").unwrap_or_default();
        let (url, proof) = (request.uri().to_string(), text("dpop"));
        shop.seen.push(Seen { url, token: token.clone(), body: request.body().clone(), proof });
        if let Some((status, headers)) = shop.next.pop_front() {
            let mut response = Response::new("as it was told".to_owned());
            *response.status_mut() = status.try_into().unwrap();
            *response.headers_mut() = headers;
            return Ok(response);
        }
        let token = token.split_once(' ').map_or("", |(_, token)| token);
        if shop.refuses_all || shop.revoked.contains(token) {
            let challenge = r#"Bearer realm="shop", error="invalid_token""#;
            let refused = Response::builder().status(401).header("www-authenticate", challenge);
            return Ok(refused.body("no such token".to_owned()).unwrap());
        }
        Ok(Response::new("3 orders".to_owned()))
    }

    fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut lock(&self.0).seen)
    }

    fn tokens(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.token).collect()
    }

    fn change(&self, change: impl FnOnce(&mut Counter)) {
        change(&mut lock(&self.0));
    }

    /// Refuses every token that it has seen so far.
    fn revoke_seen(&self) {
        let mut shop = lock(&self.0);
        let seen: Vec<String> = shop
            .seen
            .iter()
            .filter_map(|seen| seen.token.split_once(' '))
            .map(|(_, token)| token.to_owned())
            .collect();
        shop.revoked.extend(seen);
    }

    fn answers(&self, status: u16, headers: &[(&'static str, &str)]) {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        lock(&self.0).next.push_back((status, headers.collect()));
    }
}

type Answer = Result<ApiResponse<String>, ApiError<String>>;

/// A client of either colour.
enum Caller {
    Async(Api, World),
    Threads(blocking::Api),
}

fn orders() -> Request<String> {
    Request::post(ORDERS).body("the order".to_owned()).unwrap()
}

impl Caller {
    fn send(&self, request: Request<String>, shop: &Shop) -> Answer {
        match self {
            Self::Async(api, world) => world.finish(api.send(request, |request| async { shop.get(request) })),
            Self::Threads(api) => api.send(request, |request| shop.get(request)),
        }
    }

    fn once(&self, request: Request<String>, shop: &Shop) -> Answer {
        match self {
            Self::Async(api, world) => {
                world.finish(api.send_once(request, |request| async { shop.get(request) }))
            }
            Self::Threads(api) => api.send_once(request, |request| shop.get(request)),
        }
    }

    /// Sends a request whose answer must be the orders.
    #[track_caller]
    fn fine(&self, shop: &Shop) {
        let answer = self.send(orders(), shop).unwrap();
        assert_eq!((answer.response.status().as_u16(), answer.response.body().as_str()), (200, "3 orders"));
    }
}

fn read() -> ClientCredentialsRequest {
    ClientCredentialsRequest::new(["api:read"])
}

fn async_api(world: &World) -> ApiBuilder {
    world.asynchronous().build().unwrap().api(ORIGIN)
}

fn threads_api(world: &World) -> ApiBuilder<blocking::Api> {
    world.blocking().build().unwrap().api(ORIGIN)
}

/// Tells a story to a client of each colour with the tokens of the program, each in a world of its own.
fn each_service(story: impl Fn(&World, &Shop, &Caller)) {
    let world = World::new();
    let api = async_api(&world).client_credentials(read()).unwrap();
    story(&world, &Shop::default(), &Caller::Async(api, world.clone()));
    let world = World::new();
    story(
        &world,
        &Shop::default(),
        &Caller::Threads(threads_api(&world).client_credentials(read()).unwrap()),
    );
}
