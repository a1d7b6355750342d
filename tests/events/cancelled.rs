//! Requests whose caller no longer waits for the response: they must not count as in flight without end.

use crate::{Log, broken};
use oidc_drive::Observer;
use oidc_proto::flow::{Discovery, Request, Terms};
use std::{
    future::pending,
    net::TcpListener,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::{Context, Waker},
};

type Answer = Result<http::Response<Vec<u8>>, String>;

fn request() -> (Request, Terms) {
    let (request, terms, _) =
        Discovery::start("https://op.example", &Default::default()).unwrap().into_parts();
    (request, terms)
}

#[test]
fn a_future_dropped_before_its_response_is_reported() {
    let log = Log::new();
    let observer = log.observer();
    let (request, terms) = request();
    {
        let sending = observer.send_async(request.clone(), terms, |_, _| pending::<Answer>());
        let mut sending = pin!(sending);
        let mut context = Context::from_waker(Waker::noop());
        assert!(sending.as_mut().poll(&mut context).is_pending());
        log.clock.advance(4);
    }
    assert_eq!(log.lines(), ["sent GET openid-configuration", "cancelled openid-configuration 4 s"]);
    // A request that never began was not sent.
    drop(observer.send_async(request, terms, |_, _| pending::<Answer>()));
    assert_eq!(log.lines(), [""; 0]);
}

#[test]
fn a_stack_that_panics_has_cancelled_its_request() {
    let log = Log::new();
    let breaks = |observer: Observer| {
        let (request, terms) = request();
        let send = |_, _| -> Answer { panic!("on purpose") };
        let broke = catch_unwind(AssertUnwindSafe(|| observer.send(request, terms, send)));
        assert!(broke.is_err(), "the panic of the stack goes on");
    };
    breaks(log.observer());
    assert_eq!(log.lines(), ["sent GET openid-configuration", "cancelled openid-configuration 0 s"]);
    // The observer runs while the thread unwinds. It must not end the process.
    breaks(broken());
}

#[test]
fn both_async_clients_report_a_dropped_flow() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let policy = oidc_proto::UrlPolicy::default().with_loopback();
    let call = || Discovery::start(&url, &policy).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (hyper, reqwest) = (Log::new(), Log::new());
    runtime.block_on(async {
        let http = oidc_hyper::Http::new().with_observer(hyper.observer());
        tokio::select! {
            biased;
            _ = http.run(call()) => panic!("nobody answers"),
            () = tokio::task::yield_now() => {}
        }
        let http = oidc_reqwest::Http::new().with_observer(reqwest.observer());
        tokio::select! {
            biased;
            _ = http.run(call()) => panic!("nobody answers"),
            () = tokio::task::yield_now() => {}
        }
    });
    for log in [hyper, reqwest] {
        assert_eq!(log.lines(), ["sent GET openid-configuration", "cancelled openid-configuration 0 s"]);
    }
}
