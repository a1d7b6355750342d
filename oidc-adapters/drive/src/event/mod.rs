//! [`Event`]: what has happened, as a value, for logs, metrics and traces.
//!
//! **No secret is in an event, whatever a provider answers.** An event has numbers, words that stand in
//! the sources of this program (`&'static str`: nothing that was received can be one), the host and port
//! of a URL without its path and query, and issuers as the settings spell them. No header, no body, no
//! prose of a provider, no text of a transport's error.

mod clock;
mod kinds;
mod observer;
mod target;
mod watched;
mod words;

pub use clock::{Clock, SystemClock, moment, now};
pub use kinds::Event;
pub use observer::{Observer, Sending, Started};
pub use target::Target;
pub(crate) use watched::Watched;
pub(crate) use words::{NO_RESPONSE, name_of};
pub use words::{why_ended, why_failed};
