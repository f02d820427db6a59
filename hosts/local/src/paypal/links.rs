//! HATEOAS links below the simulator's public address.

use serde_json::{Value, json};

#[derive(Clone, Copy)]
pub(super) struct Links<'a> {
    base: &'a str,
}

impl<'a> Links<'a> {
    pub(super) const fn under(base: &'a str) -> Self {
        Self { base }
    }

    pub(super) fn get(self, rel: &str, path: &str) -> Value {
        self.link(rel, path, "GET")
    }

    pub(super) fn post(self, rel: &str, path: &str) -> Value {
        self.link(rel, path, "POST")
    }

    /// The absolute URL of a path.
    pub(super) fn address(self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn link(self, rel: &str, path: &str, method: &str) -> Value {
        json!({ "href": self.address(path), "rel": rel, "method": method })
    }
}
