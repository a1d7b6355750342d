//! The parameters of a request (RFC 6749 appendix B), read without the library under test.

use url::form_urlencoded;

/// Parameters in the order in which they came.
#[derive(Clone, Default)]
pub(crate) struct Params {
    pairs: Vec<(String, String)>,
    spoilt: bool,
}

impl Params {
    pub(crate) fn parse(text: &[u8]) -> Self {
        let pairs: Vec<(String, String)> = form_urlencoded::parse(text).into_owned().collect();
        let foreign = |byte: &u8| !byte.is_ascii_graphic() || b"\"<>\\^`{|}#".contains(byte);
        let lost = |text: &String| text.contains('\u{fffd}');
        let spoilt = text.iter().any(foreign) || pairs.iter().any(|(name, value)| lost(name) || lost(value));
        Self { pairs, spoilt }
    }

    /// Parameters that did not come in a form.
    pub(crate) const fn of(pairs: Vec<(String, String)>) -> Self {
        Self { pairs, spoilt: false }
    }

    /// These parameters without those of client authentication. The identifier stays.
    pub(crate) fn without(&self, names: &[&str]) -> Self {
        let stays = |(name, _): &&(String, String)| name == "client_id" || !names.contains(&name.as_str());
        Self { pairs: self.pairs.iter().filter(stays).cloned().collect(), spoilt: self.spoilt }
    }

    pub(crate) fn pairs(&self) -> &[(String, String)] {
        &self.pairs
    }

    pub(crate) fn into_pairs(self) -> Vec<(String, String)> {
        self.pairs
    }

    /// The first value that is not empty: "parameters sent without a value MUST be treated as if
    /// they were omitted from the request" (RFC 6749 section 3.1).
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.pairs
            .iter()
            .find(|(known, value)| known == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs
            .iter()
            .filter(move |(known, value)| known == name && !value.is_empty())
            .map(|(_, v)| v.as_str())
    }

    /// The first parameter that appears twice, except for `resource` and `audience`, which may repeat.
    pub(crate) fn duplicate(&self) -> Option<&str> {
        self.pairs.iter().enumerate().find_map(|(at, (name, _))| {
            let again = self.pairs.iter().take(at).any(|(before, _)| before == name);
            (again && name != "resource" && name != "audience").then_some(name.as_str())
        })
    }

    /// The faults that a strict reader finds in names and encoding.
    pub(crate) fn faults(&self, known: &[&str], allowed: impl Fn(&str) -> bool) -> Vec<String> {
        let mut faults = Vec::new();
        if self.spoilt {
            faults.push("the parameters are not form-urlencoded UTF-8 (RFC 6749 appendix B)".to_owned());
        }
        for (name, value) in &self.pairs {
            if !known.contains(&name.as_str()) && !allowed(name) {
                faults.push(format!("stray parameter `{name}`"));
            }
            if value.is_empty() {
                faults.push(format!("parameter `{name}` is empty (RFC 6749 section 3.1)"));
            }
        }
        if let Some(name) = self.duplicate() {
            faults.push(format!("duplicated parameter `{name}` (RFC 6749 section 3.1)"));
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_named() {
        let faults =
            |text: &str| Params::parse(text.as_bytes()).faults(&["a", "resource"], |name| name == "ok");
        assert_eq!(faults("a=1&resource=x&resource=y&ok=1"), Vec::<String>::new());
        assert_eq!(faults("b=1"), ["stray parameter `b`"]);
        assert_eq!(faults("a=1&a=1"), ["duplicated parameter `a` (RFC 6749 section 3.1)"]);
        assert_eq!(faults("a="), ["parameter `a` is empty (RFC 6749 section 3.1)"]);
        for spoilt in ["a=%ff", "a=é", "a=b c", "a=\n"] {
            assert!(faults(spoilt)[0].contains("form-urlencoded"), "{spoilt}");
        }
    }
}
