//! Futures dropped at every point where they can be: logins, grants, refreshes, renewals, requests to an
//! API. No lease is stuck, nobody who waits is lost, nothing that may be sent once is sent twice, and
//! what was begun can be begun again, at once and by the same clock.
//!
//! Every future is polled by hand, as often as it has asked to be. A *point* is one `Pending`; point 0 is
//! before the first poll. A future that is dropped has been woken and not polled since: its response, its
//! value or the end of its sleep was there.

mod flights;
mod flows;
mod gates;
mod refresh;
mod sockets;
mod stage;
