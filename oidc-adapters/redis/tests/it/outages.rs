//! A Redis that is not there, says nothing, talks nonsense, or comes back.

use crate::server::{Server, free_port};
use oidc_redis::{
    RedisStore, blocking,
    oidc_drive::store::{Store, StoreError},
};
use std::{
    io::Write as _,
    net::{Ipv4Addr, TcpListener},
    thread,
    time::Duration,
};

const LONG: Duration = Duration::from_secs(3_600);

fn stores(port: u16, timeout: Duration) -> [Box<dyn Store>; 2] {
    let url = format!("redis://:a%20password@127.0.0.1:{port}");
    let of = |url: &str| RedisStore::open(url).expect("a URL").with_timeout(timeout);
    [Box::new(of(&url)), Box::new(blocking::RedisStore::open(&url).expect("a URL").with_timeout(timeout))]
}

/// Every method returns an error, which names no password.
async fn fails(store: &dyn Store) -> Vec<String> {
    let errors = [
        store.get("key").await.map(drop),
        store.compare_and_set("key", None, Some((b"value", LONG))).await.map(drop),
        store.compare_and_set("key", Some(b"value"), None).await.map(drop),
        store.put("key", b"value", LONG).await,
        store.take("key").await.map(drop),
    ];
    let text = |error: StoreError| {
        assert_eq!(error.code(), "store_no_answer", "{error}");
        assert!(!error.to_string().contains("password"), "{error}");
        error.to_string()
    };
    errors.into_iter().map(|answer| text(answer.expect_err("nobody answers"))).collect()
}

#[tokio::test]
async fn a_redis_that_is_not_there_is_an_error_that_says_so() {
    for store in stores(free_port(), Duration::from_secs(60)) {
        for text in fails(&*store).await {
            assert!(text.starts_with("the shared store did not answer: Redis: "), "{text}");
            assert!(text.contains("refused"), "{text}");
        }
    }
}

/// A server that takes connections and never answers.
#[tokio::test]
async fn a_redis_that_says_nothing_is_an_error_within_the_time() {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = silent.local_addr().expect("a port").port();
    // The connections stay open until the test ends.
    thread::spawn(move || silent.incoming().collect::<Vec<_>>());
    for store in stores(port, Duration::from_millis(30)) {
        fails(&*store).await;
    }
}

#[tokio::test]
async fn a_server_that_is_no_redis_is_an_error() {
    for answer in ["HTTP/1.1 400 Bad Request\r\n\r\n", "\0\0\0\0", "+OK"] {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = server.local_addr().expect("a port").port();
        thread::spawn(move || {
            for mut connection in server.incoming().flatten() {
                let _sent = connection.write_all(answer.as_bytes());
            }
        });
        for store in stores(port, Duration::from_secs(60)) {
            fails(&*store).await;
        }
    }
}

#[test]
fn an_address_that_is_none_of_a_redis_is_found_at_once() {
    for url in ["", "http://127.0.0.1", "redis://", "rediss://user:secret@127.0.0.1"] {
        let Err(error) = RedisStore::open(url).map(drop) else { continue };
        assert!(!error.to_string().contains("secret"), "{error}");
        assert!(blocking::RedisStore::open(url).is_err(), "{url}");
    }
    assert!(RedisStore::open("http://127.0.0.1").is_err());
    let shown = format!("{:?}", RedisStore::open("redis://user:secret@127.0.0.1").expect("a URL"));
    assert_eq!(shown, "RedisStore { prefix: \"oidc:\", timeout: 3s, .. }");
}

/// What Redis refuses is an error of that command, and the connection goes on.
#[tokio::test]
async fn a_value_of_another_program_is_an_error_of_its_own() {
    let Some(server) = Server::start() else { return };
    let store = RedisStore::open(&server.url()).expect("a URL");
    let threads = blocking::RedisStore::open(&server.url()).expect("a URL");
    let mut other = oidc_redis::redis::Client::open(server.url()).unwrap().get_connection().unwrap();
    let _length: i64 = oidc_redis::redis::cmd("LPUSH").arg("oidc:list").arg("x").query(&mut other).unwrap();
    for store in [&store as &dyn Store, &threads] {
        for _ in 0..3 {
            let error = store.get("list").await.unwrap_err();
            assert!(
                error.to_string().contains("wrong kind of value") || error.to_string().contains("WRONGTYPE"),
                "{error}"
            );
            assert_eq!(store.get("key").await.expect("an answer").value, None);
        }
    }
}

/// A connection that is lost costs a call, and not the store.
#[tokio::test]
async fn a_redis_that_comes_back_is_used_again() {
    let Some(server) = Server::start() else { return };
    let port = server.port;
    let url = server.url();
    let store = RedisStore::open(&url).expect("a URL");
    let threads = blocking::RedisStore::open(&url).expect("a URL");
    for store in [&store as &dyn Store, &threads] {
        store.put("key", b"value", LONG).await.expect("an answer");
    }
    drop(server);
    for store in [&store as &dyn Store, &threads] {
        store.get("key").await.expect_err("it is down");
        store.get("key").await.expect_err("it is down");
    }
    let Some(_server) = Server::start_on(port) else { return };
    for store in [&store as &dyn Store, &threads] {
        assert_eq!(store.get("key").await.expect("an answer").value, None, "it has kept nothing");
    }
}
