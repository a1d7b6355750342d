//! Futures that are dropped at every possible point: logins, grants, refreshes, renewals, requests to an
//! API. No lease is stuck, no waiting caller is lost, no one-time value is sent twice, and a dropped
//! operation can begin again, at once and without a change of the clock.
//!
//! The tests poll every future by hand, as often as it asks to be polled. A *point* is one `Pending`; point
//! 0 is before the first poll. A dropped future has been woken and not polled since: its response, its
//! value or the end of its sleep was there.

mod flights;
mod flows;
mod gates;
mod refresh;
mod sockets;
mod stage;
