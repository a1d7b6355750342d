//! Single exchanges: which answers of a resolver are used, and the error that the user sees.

use super::{
    http_of::Http,
    liar::Liar,
    server::{Server, Then},
    stacks::{both, get, hurry, plenty},
};
use std::{
    io,
    sync::{Mutex, mpsc},
    time::Duration,
};

const HOST: &str = "op.example";
const FIX: &str = "`allow_private_networks()`";

/// Addresses that are not on the public Internet, or stand for such addresses.
const INSIDE: [&str; 26] = [
    "127.0.0.1",
    "127.8.8.8",
    "::1",
    "::ffff:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "0.0.0.0",
    "::",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "192.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "fd00::1",
    "fe80::1",
    "ff02::1",
    "2001:db8::1",
    "::ffff:10.0.0.1",
    "64:ff9b::169.254.169.254",
    "2002:a00:1::",
    "::10.0.0.1",
];

fn server() -> Server {
    Server::says("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", || Then::Close)
}

/// The URL of this server, with another host in it.
fn at(host: &str, scheme: &str, server: &Server) -> String {
    let url = server.url("");
    let (_, port) = url.rsplit_once(':').expect("a port");
    format!("{scheme}://{host}:{port}/token")
}

#[test]
fn a_name_that_leads_into_a_private_network_is_refused_without_a_connection() {
    for http in Http::all() {
        let server = server();
        for address in INSIDE {
            let liar = Liar::says(&[&[address]]);
            let http = http.clone().ask(liar.resolver());
            for scheme in ["http", "https"] {
                for request in both(&at(HOST, scheme, &server)) {
                    let says = http.failed(request, plenty());
                    let address = address.parse::<std::net::IpAddr>().expect("an address");
                    let told = format!("`{HOST}` resolves to {address}, which is not on the public Internet");
                    assert!(says.contains(&told) && says.contains(FIX), "{}: {says}", http.name());
                    assert_eq!(says.matches("resolves to").count(), 1, "{}: said once: {says}", http.name());
                    assert_eq!(liar.asked(), [HOST], "{}", http.name());
                }
            }
        }
        assert_eq!(server.count(), (0, 0), "{}", http.name());
    }
}

#[test]
fn one_private_address_among_public_ones_refuses_them_all() {
    for http in Http::all() {
        let server = server();
        for answer in
            [["127.0.0.1", "93.184.215.14"], ["93.184.215.14", "127.0.0.1"], ["2606:2800:21f::1", "::1"]]
        {
            let http = http.clone().ask(Liar::says(&[&answer]).resolver());
            let says = http.failed(get(&at(HOST, "http", &server)), hurry());
            assert!(says.contains("which is not on the public Internet"), "{}: {says}", http.name());
        }
        assert_eq!(server.count(), (0, 0), "{}", http.name());
    }
}

#[test]
fn only_the_judged_address_is_connected_to_and_a_rebound_name_is_refused_the_next_time() {
    // Names below `localhost` are guarded, too, although their first answer can be a server here.
    let host = "op.localhost";
    for http in Http::all() {
        let server = server();
        for second in
            [&["10.0.0.1"][..], &["169.254.169.254"], &["127.0.0.1", "10.0.0.1"], &["93.184.215.14"]]
        {
            let liar = Liar::says(&[&["127.0.0.1"], second, &["127.0.0.1"]]);
            let (http, before) = (http.clone().ask(liar.resolver()), server.count().0);
            let url = at(host, "http", &server);
            // A second lookup in this exchange would get the second answer.
            assert_eq!(http.answered(get(&url), plenty()).status(), 200);
            assert_eq!(server.count(), (before + 1, before + 1), "{}", http.name());
            let says = http.failed(get(&url), hurry());
            assert!(says.contains("which is not this machine"), "{}: {says}", http.name());
            assert_eq!(server.count(), (before + 1, before + 1), "{}", http.name());
            assert_eq!(http.answered(get(&url), plenty()).status(), 200);
            assert_eq!(liar.asked(), [host; 3], "{}: one lookup in each exchange", http.name());
        }
    }
}

#[test]
fn one_call_allows_private_networks_and_each_exchange_still_does_one_lookup() {
    for http in Http::all() {
        let server = server();
        let liar = Liar::says(&[&["127.0.0.1"]]);
        let http = http.ask(liar.resolver()).allow();
        for (sent, request) in both(&at(HOST, "http", &server)).into_iter().enumerate() {
            assert_eq!(http.answered(request, plenty()).status(), 200);
            assert_eq!(liar.asked(), [HOST], "{}", http.name());
            assert_eq!(server.count(), (sent + 1, sent + 1), "{}", http.name());
        }
        let [request, _] = server.requests().try_into().expect("two requests");
        assert!(request.to_lowercase().contains(&format!("host: {HOST}:")), "{}: {request}", http.name());
        // A name of this machine leads to this machine all the same.
        let http = http.ask(Liar::says(&[&["10.0.0.1"]]).resolver());
        let says = http.failed(get(&at("localhost", "http", &server)), hurry());
        assert!(says.contains("which is not this machine"), "{}: {says}", http.name());
    }
}

#[test]
fn the_next_address_is_tried_if_the_first_does_not_answer() {
    for http in Http::all() {
        let server = server();
        let http = http.allow().ask(Liar::says(&[&["::1", "127.0.0.1"]]).resolver());
        assert_eq!(http.answered(get(&at(HOST, "http", &server)), plenty()).status(), 200);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn the_next_address_is_tried_if_the_first_is_silent() {
    use crate::stacks::terms;
    use std::net::{SocketAddr, TcpStream};

    for http in Http::all() {
        let server = server();
        // A server whose queue is full neither answers nor refuses.
        let silent =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
        let port = server.url("").rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
        let address = SocketAddr::from(([127, 0, 0, 2], port));
        silent.bind(&address.into()).and_then(|()| silent.listen(0)).expect("a free port");
        let mut queue = Vec::new();
        while let Ok(waiting) = TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
            queue.push(waiting);
            assert!(queue.len() < 64, "a queue that is never full");
        }
        let answer = ["127.0.0.2", "127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.1"];
        let http = http.allow().ask(Liar::says(&[&answer]).resolver());
        let terms = terms(64 * 1024, Duration::from_secs(6));
        assert_eq!(http.answered(get(&at(HOST, "http", &server)), terms).status(), 200);
    }
}

#[test]
fn loopback_is_reached_by_name_and_by_address_without_permission() {
    for http in Http::all() {
        let server = server();
        for host in ["localhost", "LOCALHOST", "127.0.0.1"] {
            let response = http.answered(get(&at(host, "http", &server)), plenty());
            assert_eq!(response.status(), 200, "{} {host}: as this system resolves it", http.name());
        }
        // A literal address was judged with its URL: no resolver is asked.
        let liar = Liar::says(&[&["127.0.0.1"]]);
        let http = http.ask(liar.resolver());
        assert_eq!(http.answered(get(&at("127.0.0.1", "http", &server)), plenty()).status(), 200);
        http.failed(get("http://[::1]:1/"), plenty());
        assert_eq!(liar.asked(), [""; 0], "{}", http.name());
        assert_eq!(http.answered(get(&at("localhost", "http", &server)), plenty()).status(), 200);
        assert_eq!(liar.asked(), ["localhost"], "{}", http.name());
    }
}

#[test]
fn a_hanging_resolver_is_abandoned_in_time() {
    for http in Http::all() {
        let server = server();
        let (release, released) = mpsc::channel::<()>();
        let released = Mutex::new(released);
        let http = http.ask(move |_| {
            // Blocks until the test is over, or has failed after a timeout.
            let _end = released.lock().unwrap().recv_timeout(Duration::from_secs(15));
            Err(io::Error::other("too late"))
        });
        let failure = http.send(get(&at(HOST, "http", &server)), hurry()).map(|_| ()).expect_err("it hangs");
        assert!(failure.timed_out, "{}: {}", http.name(), failure.says);
        assert_eq!(server.count(), (0, 0), "{}", http.name());
        drop(release);
    }
}

#[test]
fn a_resolver_may_block_because_it_has_its_own_thread() {
    for http in Http::all() {
        let (tell, told) = mpsc::channel();
        let tell = Mutex::new(tell);
        let http = http.ask(move |_| {
            tell.lock().unwrap().send(std::thread::current().id()).expect("the test waits for it");
            Ok(Vec::new())
        });
        http.failed(get("https://op.example/"), plenty());
        let thread = told.try_recv().expect("it was asked");
        assert_ne!(
            thread,
            std::thread::current().id(),
            "{}: the resolver ran on the thread that drives the exchange",
            http.name()
        );
    }
}

#[test]
fn a_failure_of_a_resolver_is_reported_as_no_response() {
    for http in Http::all() {
        let url = "https://op.example/token";
        let down = http.clone().ask(|_| Err(io::Error::other("the resolver is down")));
        let says = down.failed(get(url), plenty());
        assert!(says.contains("the resolver is down"), "{}: {says}", http.name());
        let nothing = http.clone().ask(|_| Ok(Vec::new()));
        let says = nothing.failed(get(url), plenty());
        assert!(says.contains("`op.example` has no address"), "{}: {says}", http.name());
        let broken = http.clone().ask(|_| panic!("a resolver that panics, as it should in this test"));
        let says = broken.failed(get(url), plenty());
        assert!(says.contains("the lookup was broken off"), "{}: {says}", http.name());
    }
}
