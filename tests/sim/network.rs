//! What becomes of a request that arrives, or does not.

use crate::{
    checks::Scope,
    faults::{Fate, Refusal},
    instances,
    run::Run,
    slot::Slot,
    summary,
    upstreams::json,
    world::{Answered, Origin, Sending, Upstream},
};
use bytes::Bytes;
use exodrive::platform::TransportError;
use http::Response;
use serde_json::{Value, json};
use std::sync::Arc;

impl Run<'_> {
    /// Decides the fate of a request, and lets it happen.
    pub(crate) fn arrive(&mut self, number: u64) {
        let mut state = self.world.state();
        let Some(mut sending) = state.under_way.remove(&number) else {
            return;
        };
        let fate = if sending.is_abandoned {
            Fate::AnswerLost
        } else {
            let moves_money = summary::moves_money(sending.to, sending.request.uri().path());
            self.faults.fate(sending.to, moves_money, &mut state.random)
        };
        let fate = match fate {
            // Only an instance of the product can crash.
            Fate::Crash { is_done: true } if sending.from.instance.is_none() => Fate::AnswerLost,
            Fate::Crash { is_done: false } if sending.from.instance.is_none() => {
                Fate::Lost(TransportError::Unknown)
            }
            fate => fate,
        };
        let title = format!(
            "{} -> {}",
            sending.from.name,
            summary::request(sending.to, &sending.request)
        );
        if fate == Fate::Late {
            state.note(&format!("{title}: delayed"));
            sending.is_stuck = true;
            state.under_way.insert(number, sending);
            return;
        }
        drop(state);
        self.meet(&sending, fate, &title);
    }

    fn meet(&mut self, sending: &Sending, fate: Fate, title: &str) {
        let note = |run: &Self, text: &str| run.world.state().note(&format!("{title}: {text}"));
        if sending.to == Upstream::Product {
            return self.meet_product(sending, fate, title);
        }
        let late = if sending.is_abandoned { "late, " } else { "" };
        match fate {
            Fate::Answered | Fate::Doubled | Fate::Late => {
                let answer = self.perform(sending);
                note(self, &summary::answer(sending.to, &answer));
                sending.answer.fill(Ok(answer));
            }
            Fate::Lost(error) => {
                note(self, &format!("lost before it arrived ({error:?})"));
                sending.answer.fill(Err(error));
            }
            Fate::AnswerLost => {
                let answer = self.perform(sending);
                let answer = summary::answer(sending.to, &answer);
                note(self, &format!("{late}lost after effect ({answer})"));
                sending.answer.fill(Err(TransportError::Unknown));
            }
            Fate::Refused(refusal) => {
                let answer = refused(sending.to, refusal);
                note(self, &format!("{} without effect", answer.status()));
                sending.answer.fill(Ok(answer));
            }
            Fate::Failed => {
                let answer = self.perform(sending);
                let answer = summary::answer(sending.to, &answer);
                let failed = refused(sending.to, Refusal::Broken);
                note(
                    self,
                    &format!("{} after effect ({answer})", failed.status()),
                );
                sending.answer.fill(Ok(failed));
            }
            Fate::Garbled { is_done } => {
                self.garble(sending, is_done, title);
            }
            Fate::Crash { is_done } => {
                if is_done {
                    let answer = self.perform(sending);
                    let answer = summary::answer(sending.to, &answer);
                    note(self, &format!("crash after effect ({answer})"));
                } else {
                    note(self, "crash before effect");
                }
                self.crash(sending.from.instance.unwrap());
            }
        }
    }

    fn garble(&mut self, sending: &Sending, is_done: bool, title: &str) {
        let done = is_done.then(|| self.perform(sending));
        let text = match &done {
            Some(answer) => format!("after effect ({})", summary::answer(sending.to, answer)),
            None => "without effect".to_owned(),
        };
        let mut state = self.world.state();
        state.note(&format!("{title}: garbage {text}"));
        state.checks.puzzle(sending.from.number);
        // Half an answer, or somebody else's.
        let body = match done {
            Some(answer) if state.random.chance(500) => {
                answer.body().slice(..answer.body().len() / 2)
            }
            _ => Bytes::from_static(b"<html><body>An error occurred.</body></html>"),
        };
        drop(state);
        sending.answer.fill(Ok(json(200, body)));
    }

    fn meet_product(&mut self, sending: &Sending, fate: Fate, title: &str) {
        let note = |run: &Self, text: &str| run.world.state().note(&format!("{title}: {text}"));
        match fate {
            Fate::AnswerLost => {
                note(self, "arrives, its answer will be lost");
                self.serve(sending, Slot::new());
                sending.answer.fill(Err(TransportError::Unknown));
            }
            Fate::Doubled => {
                note(self, "arrives twice");
                self.serve(sending, Arc::clone(&sending.answer));
                self.serve(sending, Arc::clone(&sending.answer));
            }
            Fate::Lost(error) => {
                note(self, &format!("lost before it arrived ({error:?})"));
                sending.answer.fill(Err(error));
            }
            _ => {
                note(self, "arrives");
                self.serve(sending, Arc::clone(&sending.answer));
            }
        }
    }

    /// Lets any instance of the product work on a request.
    fn serve(&mut self, sending: &Sending, answer: Arc<Slot<Answered>>) {
        let instance = instances::any(&mut self.world.state().random);
        self.instances.serve(&self.world, instance, sending, answer);
    }

    /// Lets an upstream act on a request, and looks at what came of it.
    fn perform(&mut self, sending: &Sending) -> Response<Bytes> {
        let clock = self.world.state().clock.clone();
        let answer = self
            .upstreams
            .perform(sending.to, &clock, sending.request.clone());
        self.observe(sending, &answer);
        answer
    }

    fn observe(&mut self, sending: &Sending, answer: &Response<Bytes>) {
        let path = sending.request.uri().path();
        match sending.to {
            Upstream::Database => {
                let body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
                self.world.state().history.learn(&body);
                let function = path.rsplit('/').next().unwrap_or_default();
                if !self.upstreams.database.leaves_books(function) {
                    self.see_books(&sending.from);
                }
            }
            Upstream::PayPal => {
                summary::learn_paypal(&mut self.world.state().history, path, answer);
                self.see_outsider(&sending.request, answer);
                if sending.request.method() == http::Method::POST {
                    self.see_ledger();
                }
            }
            Upstream::Redis => self.see_generations(&sending.request),
            Upstream::Product => {}
        }
    }

    /// Money that moves without a request id is moved by somebody else than the product.
    fn see_outsider(&mut self, request: &http::Request<Bytes>, answer: &Response<Bytes>) {
        let path = request.uri().path();
        let is_ours = request.headers().contains_key("paypal-request-id");
        if is_ours || !answer.status().is_success() {
            return;
        }
        let body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        let moved = if path.ends_with("/refund") {
            body["id"].as_str()
        } else if path.ends_with("/void") {
            path.rsplit('/').nth(1)
        } else {
            None
        };
        if let Some(id) = moved {
            self.world.state().checks.see_outsider(id);
        }
    }

    fn see_generations(&mut self, request: &http::Request<Bytes>) {
        let commands: Vec<Vec<String>> = serde_json::from_slice(request.body()).unwrap();
        let mut state = self.world.state();
        for command in commands.iter().filter(|command| command[0] == "SET") {
            if let Some(car) = command[1].strip_prefix("generation:days:") {
                let scope = Scope::Car(crate::fleet::id_of(car));
                state.checks.see_generation(scope);
            } else if command[1] == "generation:fleet" {
                state.checks.see_generation(Scope::Fleet);
            }
        }
    }
}

/// How an upstream refuses without having done anything.
fn refused(upstream: Upstream, refusal: Refusal) -> Response<Bytes> {
    let (status, body) = match (upstream, refusal) {
        (Upstream::Database, Refusal::Contended) => (500, database_error("40P01")),
        (Upstream::Database, Refusal::TooMany | Refusal::Broken) => {
            (504, database_error("PGRST003"))
        }
        (Upstream::Redis, Refusal::TooMany) => (
            429,
            json!({"error": "ERR max daily request limit exceeded"}),
        ),
        (_, Refusal::TooMany) => (429, paypal_error("RATE_LIMIT_REACHED")),
        (Upstream::PayPal, _) => (503, paypal_error("SERVICE_UNAVAILABLE")),
        _ => (500, json!({"error": "internal error"})),
    };
    json(status, body.to_string())
}

fn database_error(code: &str) -> Value {
    json!({"code": code, "message": "not now", "details": null, "hint": null})
}

fn paypal_error(name: &str) -> Value {
    json!({"name": name, "message": "not now", "debug_id": "0000000000000"})
}

/// The line that says how the product answered.
pub(crate) fn note_answer(world: &crate::world::World, by: &Origin, answer: &Response<Bytes>) {
    let mut state = world.state();
    let text = summary::answer(Upstream::Product, answer);
    state.note(&format!("{}: {text}", by.name));
    state.checks.answered(by, answer.status().as_u16());
}
