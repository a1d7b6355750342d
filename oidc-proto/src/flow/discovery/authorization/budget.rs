//! [`Budget`]: how much a discovery may still ask for and read.

/// The requests that may still be sent, and the bytes that may still be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Budget {
    pub(super) requests: usize,
    pub(super) bytes: usize,
}

impl Budget {
    /// Takes one request out, and returns the largest body that it may have; `None` if nothing is left. A driver reads one
    /// byte more than that to see that a body is too large.
    pub(super) fn grant(&mut self, max_document: usize) -> Option<usize> {
        let readable = self.bytes.checked_sub(1).filter(|bytes| *bytes > 0)?;
        self.requests = self.requests.checked_sub(1)?;
        Some(readable.min(max_document))
    }

    /// Takes out the bytes that were read.
    pub(super) const fn spend(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_comes_no_more_is_asked_for_and_read_than_was_there() {
        for (requests, bytes, max_document) in
            [(6, 100, 30), (3, 1000, 10), (9, 7, 100), (2, 0, 9), (0, 9, 9)]
        {
            let (mut budget, mut asked, mut read) = (Budget { requests, bytes }, 0, 0);
            while let Some(most) = budget.grant(max_document) {
                assert!(most <= max_document && most > 0);
                (asked, read) = (asked + 1, read + most + 1);
                budget.spend(most + 1);
            }
            assert!(asked <= requests && read <= bytes, "{asked} {read}");
        }
    }
}
