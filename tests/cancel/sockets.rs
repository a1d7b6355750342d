//! Whole logins over sockets, dropped at every poll at which they are pending. The number of these polls
//! depends on the sockets. The properties at each of them do not.

use crate::flows::{Session, make_client, provider};
use oidc_drive::moment;
use oidc_proto::{
    UrlPolicy,
    flow::{Authenticated, Discovery},
};
use oidc_testkit::Socket;
use std::{
    fmt::Debug,
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

/// The methods that the adapters have in common.
macro_rules! logs_in {
    ($http:expr, $socket:expr, $session:expr) => {
        async {
            let policy = UrlPolicy::default().with_loopback();
            let metadata = $http.run(Discovery::start($socket.issuer(), &policy)?).await?;
            let client = make_client(metadata);
            let (pending, response) = $socket.provider(|provider| $session.visit(provider, &client));
            $http.run(pending.callback(&client, None, response, moment())?).await
        }
    };
}

/// Polls a future, and drops it at its pending point of this number. Returns its output if it ended before.
async fn dropped_at<T>(point: usize, future: impl Future<Output = T>) -> Option<T> {
    let (mut future, mut left) = (pin!(future), point);
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

async fn at_every_point<E: Debug>(log_in: impl AsyncFn(&Socket, &Session) -> Result<Authenticated, E>) {
    let socket = Socket::start(provider);
    let user = |login: Result<Authenticated, E>| assert_eq!(login.expect("a login").id_token.sub, "alice");
    let mut codes = Vec::new();
    for point in 0.. {
        let session = Session::default();
        let ended = dropped_at(point, log_in(&socket, &session)).await;
        codes.extend(session.returned().and_then(|(_, response)| response.code));
        let all = ended.is_some();
        if let Some(login) = ended {
            user(login);
        }
        let session = Session::default();
        user(log_in(&socket, &session).await);
        codes.extend(session.returned().and_then(|(_, response)| response.code));
        if all {
            assert!(point > 4, "each of four exchanges is waited for, and the login ends: {point}");
            break;
        }
    }
    socket.provider(|provider| {
        provider.assert_clean();
        for code in &codes {
            let sent = |seen: &&oidc_testkit::Seen| seen.parameter("code").as_deref() == Some(code.expose());
            let times = provider.requests().iter().filter(sent).count();
            assert!(times <= 1, "a code was sent {times} times");
        }
    });
}

#[tokio::test]
async fn a_login_over_hyper_dropped_at_any_point_can_begin_again() {
    let http = oidc_hyper::Http::new();
    at_every_point(async |socket, session| logs_in!(http, socket, session).await).await;
}

#[tokio::test]
async fn a_login_over_reqwest_dropped_at_any_point_can_begin_again() {
    let http = oidc_reqwest::Http::new();
    at_every_point(async |socket, session| logs_in!(http, socket, session).await).await;
}
