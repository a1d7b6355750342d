//! [`Event`]: a value for each request, response, wait, renewal and verdict, for logs, metrics and traces.
//!
//! **No event contains a secret, whatever a provider answers.** An event has numbers, words from the sources of this
//! program (`&'static str`, so they cannot have been received), the host and port of a URL without its path and
//! query, and issuers as the settings spell them. It has no header, no body, no words of a provider, and no text of a
//! transport error.

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
