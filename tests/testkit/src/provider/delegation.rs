//! Delegation (RFC 8693 sections 4.1 and 4.4): the claims `act` and `may_act`.

use super::{TestProvider, User, token::Refusal};
use serde_json::{Map, Value, json};

/// Set-up of delegation.
impl TestProvider {
    /// Writes this claim into access tokens: only this party gets a token as an actor for them (section 4.4). By default,
    /// every party does.
    pub fn may_act(&mut self, may_act: Value) {
        self.settings.may_act = Some(may_act);
    }

    /// Makes a party the actor of the next grant, for the user of a subject token. The actor of that token becomes an earlier
    /// one.
    pub(super) fn delegate(&mut self, subject: &str, actor: &User) -> Result<(), Refusal> {
        let known = self.store.access_tokens.get(subject);
        let named = known.and_then(|known| known.claims.get("may_act"));
        if named.is_some_and(|named| named["sub"] != actor.sub.as_str()) {
            self.audit
                .note("an actor that the subject token does not name in may_act (RFC 8693 section 4.4)");
            return Err(Refusal::bad("invalid_request", "this actor may not act for the subject"));
        }
        let mut act = json!({ "iss": self.issuer, "sub": actor.sub });
        if let Some(earlier) = known.and_then(|known| known.claims.get("act")) {
            act["act"] = earlier.clone();
        }
        self.store.next_actor = Some(act);
        Ok(())
    }

    /// The claims of an access token about those who act, or may act, for its user.
    pub(super) fn delegation(&self, grant: usize) -> Map<String, Value> {
        let act = self.store.actors.get(&grant).cloned().map(|act| ("act".to_owned(), act));
        let may_act = self.settings.may_act.clone().map(|may_act| ("may_act".to_owned(), may_act));
        act.into_iter().chain(may_act).collect()
    }
}
