//! What does not compile, and why that is the point.
