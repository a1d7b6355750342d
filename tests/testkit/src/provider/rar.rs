//! Rich authorization requests (RFC 9396): the details that a client asks for, those that the user grants, and those of
//! a token.

use super::{TestProvider, params::Params, token::Refusal};
use serde_json::Value;
use std::collections::BTreeMap;

pub(super) const PARAMETER: &str = "authorization_details";

type Decision = Box<dyn FnMut(&mut Vec<Value>) + Send>;

/// The types on offer, and what was granted.
#[derive(Default)]
pub(super) struct Rar {
    pub(super) types: Vec<String>,
    /// What the user makes of the details of each request.
    decision: Option<Decision>,
    /// The details of each grant of a user.
    granted: BTreeMap<usize, Vec<Value>>,
    /// The details that the present request names, and those of the token that is being made.
    asked: Option<Vec<Value>>,
    pub(super) minted: Option<Vec<Value>>,
    /// Whether a token is for one resource only.
    pub(super) one_audience: bool,
}

/// Set-up of rich authorization requests and of resources.
impl TestProvider {
    /// Offers these types of authorization details, and lists them in the metadata. None by default: the parameter is not
    /// known then.
    pub fn offer_details(&mut self, types: &[&str]) {
        self.rar.types = types.iter().map(|name| (*name).to_owned()).collect();
    }

    /// Sets what the user makes of the details of each authorization request: less, or more. By default, the user grants
    /// what was asked for.
    pub fn decide_details(&mut self, decision: impl FnMut(&mut Vec<Value>) + Send + 'static) {
        self.rar.decision = Some(Box::new(decision));
    }

    /// Whether a token may be for one resource only, as some providers have it: a token request that names several is
    /// refused with `invalid_target`. Off by default.
    pub fn one_audience(&mut self, on: bool) {
        self.rar.one_audience = on;
    }

    /// The parameters of this feature, if the provider knows them.
    pub(super) fn rar_parameters(&self) -> &'static [&'static str] {
        if self.rar.types.is_empty() { &[] } else { &[PARAMETER] }
    }

    /// Reads the details of a request (sections 2 and 5).
    pub(super) fn read_details(&mut self, params: &Params) -> Result<Option<Vec<Value>>, Refusal> {
        let Some(text) = params.get(PARAMETER).filter(|_| !self.rar.types.is_empty()) else {
            return Ok(None);
        };
        let Ok(Value::Array(entries)) = serde_json::from_str(text) else {
            return Err(self.bad_details("is not an array (RFC 9396 section 2)"));
        };
        if entries.is_empty() {
            return Err(self.bad_details("has no entry"));
        }
        for entry in &entries {
            if !entry["type"].as_str().is_some_and(|named| self.rar.types.iter().any(|known| known == named))
            {
                return Err(self.bad_details("has a type that is not offered (RFC 9396 section 5)"));
            }
            let lists = ["locations", "actions", "datatypes", "privileges"];
            let is_list = |list: &Value| {
                list.is_null()
                    || list
                        .as_array()
                        .is_some_and(|items| !items.is_empty() && items.iter().all(Value::is_string))
            };
            if !lists.iter().all(|name| is_list(&entry[name])) {
                return Err(
                    self.bad_details("has a common data field that is no list (RFC 9396 section 2.2)")
                );
            }
        }
        Ok(Some(entries))
    }

    /// Keeps the details that the user grants.
    pub(super) fn keep_details(&mut self, grant: usize, asked: Option<Vec<Value>>) {
        let mut granted = asked.unwrap_or_default();
        if let (Some(decision), false) = (&mut self.rar.decision, granted.is_empty()) {
            decision(&mut granted);
        }
        self.rar.granted.insert(grant, granted);
    }

    /// Takes the details of a token request, before its grant is looked at.
    pub(super) fn ask_details(&mut self, params: &Params) -> Result<(), Refusal> {
        self.rar.asked = None;
        self.rar.asked = self.read_details(params)?;
        Ok(())
    }

    /// Judges which details a token of this grant has (section 6). A grant without a user gets what the policy allows,
    /// which is everything.
    pub(super) fn judge_details(&mut self, grant: usize) -> Result<(), Refusal> {
        let granted = self.rar.granted.get(&grant).cloned();
        self.rar.minted = match (self.rar.asked.clone(), granted) {
            (Some(asked), Some(granted)) => {
                if !asked.iter().all(|entry| granted.iter().any(|known| within(entry, known))) {
                    return Err(self.bad_details("is more than was granted (RFC 9396 section 6)"));
                }
                Some(asked)
            }
            (Some(asked), None) => Some(asked),
            (None, granted) => granted.filter(|granted| !granted.is_empty()),
        };
        Ok(())
    }

    fn bad_details(&mut self, what: &str) -> Refusal {
        self.audit.note(format!("{PARAMETER} {what}"));
        Refusal::bad("invalid_authorization_details", what)
    }
}

/// Whether an entry names nothing but what another has.
fn within(entry: &Value, granted: &Value) -> bool {
    let Some(members) = entry.as_object() else { return false };
    members.iter().all(|(name, value)| match (value.as_array(), granted[name].as_array()) {
        (Some(asked), Some(has)) => asked.iter().all(|item| has.contains(item)),
        _ => granted[name] == *value,
    })
}
