//! There was no response: what the driver, the stacks and the handle say of that.

use crate::flows::oauth_error;
use crate::page::{Page, Said, said, show, shows_itself};
use http::Request;
use oidc_drive::stack::Error;
use oidc_drive::store::{SharedRefreshError, StoreError};
use oidc_drive::{
    ApiError, DriveError, NotAvailableError, Observer, ProviderError, SingleFlight, egress::Guard,
    meter::Exceeded,
};
use oidc_proto::{
    Timestamp,
    flow::{ConfigError, Endpoint, Terms},
    renew::{Need, RenewalError, RenewalPolicy},
};
use std::{
    io::{self, Read, Write},
    net::TcpListener,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

fn tokio() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// What a stack says of a server that sends this and closes the connection.
fn cut(said: &'static [u8]) -> Error {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("http://{}/", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]).unwrap();
        stream.write_all(said).unwrap();
    });
    let request = Request::get(uri).body(Vec::new()).unwrap();
    let http = oidc_hyper::Http::new();
    let error = tokio().block_on(http.send(request, Terms::new(Endpoint::Token))).map(drop).unwrap_err();
    server.join().unwrap();
    error
}

/// Nothing is held, and renewing it has failed for this reason.
fn not_available(why: RenewalError) -> NotAvailableError {
    let flight = SingleFlight::<u8>::new(RenewalPolicy::KEYS);
    flight.get(Need::Any, || Err(why)).map(drop).unwrap_err()
}

fn target() -> oidc_drive::event::Target {
    let seen = Arc::new(Mutex::new(None));
    let kept = Arc::clone(&seen);
    let observer = Observer::new(move |event| {
        if let oidc_drive::Event::Sent { to, .. } = event {
            *kept.lock().unwrap() = Some(to.clone());
        }
    });
    let request = Request::get("https://op.example/jwks").body(Vec::new()).unwrap();
    drop(observer.sending(&request, Terms::new(Endpoint::Jwks)));
    seen.lock().unwrap().take().unwrap()
}

fn handle(error: ProviderError) -> Said {
    shows_itself(&error);
    said!(error)
}

/// What a handle says whose stack gets no response.
fn no_response() -> ProviderError {
    let send =
        |_: oidc_proto::flow::Request, _: Terms| async { Err::<http::Response<Vec<u8>>, _>(Error::Timeout) };
    let io = oidc_drive::Io::new(send, |task| drop(tokio::spawn(task)), tokio::time::sleep);
    let provider = oidc_drive::Provider::builder("https://op.example", io).client_id("app").build().unwrap();
    tokio().block_on(async { provider.metadata().await.map(drop).unwrap_err() })
}

fn refused(host: &str) -> Said {
    let guard = Guard::new().with_resolver(|_| Ok(vec!["10.0.0.1".parse().unwrap()]));
    let error = guard.addresses(host).unwrap_err();
    let refused =
        error.get_ref().and_then(|error| error.downcast_ref::<oidc_drive::egress::Refused>()).unwrap();
    shows_itself(refused);
    said!(refused, without a code)
}

pub(crate) fn show(page: &mut Page) {
    page.part("No response: the stacks over hyper and reqwest (`Http`), and how they are set up");
    let pem = oidc_hyper::Http::with_root_certificates(b"no certificate").map(drop).unwrap_err();
    let tls = io::Error::other("the library's own words");
    let stack = |error: Error| said!(error, without a code);
    stacks(page, stack, pem, tls);

    page.part("No response: the stack over ureq (`Http`)");
    let mut terms = Terms::new(Endpoint::Token);
    terms.client_certificate = true;
    let request = Request::get("https://op.example/token").body(Vec::new()).unwrap();
    let uncertified = oidc_ureq::Http::new().send(request, terms).map(drop).unwrap_err();
    page.add(said!(DriveError::Transport(uncertified)));

    page.part("No response: what guards each stack (`egress::Guard`, `meter::Meter`)");
    page.mark("oidc_drive::Refused");
    page.add(refused("op.example"));
    page.add(refused("localhost"));
    show!(page, oidc_drive::Exceeded, |error: Exceeded| said!(error, without a code); Bytes(1_048_576), Time(Duration::from_secs(10)));

    page.part("A flow that is run (`run`, `run_async`, `Http::run`)");
    let transport = DriveError::<Error>::Transport(Error::Timeout);
    shows_itself(&transport);
    page.mark("oidc_drive::DriveError::Transport");
    page.add(said!(transport));
    let protocol = DriveError::<Error>::from(oidc_proto::Error::from(ConfigError::NoRedirectUri));
    page.mark("oidc_drive::DriveError::Protocol");
    page.add(said!(protocol));

    page.part("A request of the program to an API (`Api::send`, `Api::fetch`)");
    let of_api = ApiError::Transport(Error::Timeout);
    page.mark("oidc_drive::ApiError::Transport");
    page.add(said!(of_api));

    page.part("What callers share and nobody can have (`SingleFlight`, `Gate`, `Provider`)");
    show!(page, oidc_proto::RenewalError, |error: RenewalError| said!(error, without a code); NoResponse, Expired, Flow(ConfigError::NoEndpoint("jwks_uri").into()));
    page.mark("oidc_drive::NotAvailableError");
    let mut unavailable = not_available(RenewalError::NoResponse);
    unavailable.until = Timestamp(0);
    show!(page, oidc_drive::ProviderError, handle; Unavailable(unavailable.clone()));
    unavailable.issuer = Some("https://op.example".into());
    show!(page, oidc_drive::ProviderError, handle; Unavailable(unavailable.clone()));
    unavailable.asked = Some(Box::new(target()));
    shows_itself(&unavailable);
    show!(page, oidc_drive::ProviderError, handle; Unavailable(unavailable.clone()));
    unavailable.because = None;
    show!(page, oidc_drive::ProviderError, handle; Unavailable(unavailable.clone()));

    page.part("A refresh that several nodes share (`SharedRefreshes`), and what else is in a shared store");
    let refused = oidc_proto::Error::OAuth(oauth_error());
    show!(page, oidc_drive::SharedRefreshError, |error: SharedRefreshError| handle(ProviderError::Shared(error));
        Store(StoreError::NoAnswer("Redis: no answer within 3000 ms".to_owned())), Busy(Duration::from_millis(41_500)),
        MaybeSpent, RefusedAfterLoss(Box::new(refused)), NotBelieved(None), NotBelieved(Some("a token".into())));
    page.mark("oidc_drive::ProviderError::Shared");
    show!(page, oidc_drive::StoreError, |error: StoreError| { shows_itself(&error); said!(error) };
        NoAnswer("Redis: no answer within 3000 ms".to_owned()),
        Unusable("cannot write `new`: the disk is full; free some space".to_owned()), Value, Seal(oidc_proto::flow::SealError::Wrong));

    page.part("No response: a handle (`Provider`)");
    page.add(handle(no_response()));
    show!(page, oidc_drive::ProviderError, handle; NoResponse(String::new()));
}

fn stacks(page: &mut Page, stack: impl Fn(Error) -> Said, pem: Error, connection: io::Error) {
    show!(page, oidc_drive::Error, stack; Timeout, TooMuch(1_048_576), NoClientCertificate, Connection(connection), Cut,
        Tls(rustls::Error::NoCertificatesPresented));
    for (kind, error) in [
        ("Pem", pem),
        ("Exchange", cut(b"")),
        ("Body", cut(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc")),
    ] {
        let name = match error {
            Error::Pem(_) => "Pem",
            Error::Exchange(_) => "Exchange",
            Error::Body(_) => "Body",
            ref other => panic!("{other}"),
        };
        assert_eq!(name, kind, "{error}");
        shows_itself(&error);
        page.mark(&format!("oidc_drive::Error::{kind}"));
        page.add(said!(error, without a code));
    }
}
