//! The calls that configure a client, in every order: no call undoes another.

use super::{
    http_of::Http,
    liar::Liar,
    server::{Server, Then},
    stacks::{get, plenty},
    tls::{Authority, Pair},
};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Calls {
    Allow,
    Ask,
    Present,
}

use Calls::{Allow, Ask, Present};

const ORDERS: [[Calls; 3]; 6] = [
    [Allow, Ask, Present],
    [Allow, Present, Ask],
    [Ask, Allow, Present],
    [Ask, Present, Allow],
    [Present, Allow, Ask],
    [Present, Ask, Allow],
];

fn configure(http: Http, calls: &[Calls], liar: &Liar, own: &Pair) -> Http {
    calls.iter().fold(http, |http, call| match call {
        Allow => http.allow(),
        Ask => http.ask(liar.resolver()),
        Present => http.present(own),
    })
}

#[test]
fn roots_certificate_resolver_and_allowance_work_together_in_every_order() {
    let authority = Authority::new();
    let (pair, own) = (authority.issue("op.example", |_| {}), authority.issue("my-client", |_| {}));
    for order in ORDERS {
        for http in Http::all_with(&authority.pem()) {
            let server = Server::tls(authority.server(&pair, &[]), |stream, _| {
                let ok = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
                stream.write_all(ok).map(|()| Then::Close)
            });
            let url = server.url("/token").replace("127.0.0.1", "op.example");
            let liar = Liar::says(&[&["127.0.0.1"]]);
            let allowed = configure(http.clone(), &order, &liar, &own);
            let guarded: Vec<_> = order.into_iter().filter(|call| *call != Allow).collect();
            let guarded = configure(http, &guarded, &liar, &own);
            for certified in [false, true] {
                let mut terms = plenty();
                terms.client_certificate = certified;
                let says = guarded.failed(get(&url), terms);
                assert!(says.contains("allow_private_networks()"), "{} {order:?}: {says}", guarded.name());
                let status = allowed.answered(get(&url), terms).status();
                assert_eq!(status, 200, "{} {order:?}", allowed.name());
            }
            assert_eq!(liar.asked(), ["op.example"; 4], "{} {order:?}", allowed.name());
            assert_eq!(server.certified(), [false, true], "{} {order:?}", allowed.name());
            assert_eq!(server.count(), (2, 2), "{} {order:?}: no other client connected", allowed.name());
        }
    }
}

#[test]
fn a_setting_of_a_clone_does_not_change_the_original_client() {
    for http in Http::all() {
        let liar = Liar::says(&[&["127.0.0.1"]]);
        let guarded = http.ask(liar.resolver());
        let server = Server::says("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", || Then::Close);
        let url = server.url("/").replace("127.0.0.1", "op.example");
        let allowed = guarded.clone().allow();
        assert_eq!(allowed.answered(get(&url), plenty()).status(), 200);
        guarded.failed(get(&url), plenty());
        assert_eq!(server.count(), (1, 1), "{}", guarded.name());
        assert!(format!("{guarded:?}").contains("allow_private: false"), "{guarded:?}");
        assert!(format!("{allowed:?}").contains("allow_private: true"), "{allowed:?}");
    }
}
