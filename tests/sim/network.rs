//! The simulated network, which decides the fate of each request and carries it out.

use crate::{
    checks::Scope,
    faults::{Fate, Refusal},
    instances,
    mutations::Mutation,
    run::Run,
    slot::Slot,
    summary,
    upstreams::json,
    world::{Origin, PendingRequest, ResponseResult, Upstream},
};
use bytes::Bytes;
use exodrive::platform::TransportError;
use http::{Response, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;

impl Run<'_> {
    /// Decides the fate of a request in flight and carries it out.
    pub(crate) fn arrive(&mut self, number: u64) {
        let mut state = self.world.state();
        let Some(mut pending) = state.in_flight.remove(&number) else {
            return;
        };
        let fate = if pending.is_abandoned {
            Fate::ResponseLost
        } else {
            let moves_money = summary::moves_money(pending.to, pending.request.uri().path());
            self.faults.fate(pending.to, moves_money, &mut state.random)
        };
        let fate = match fate {
            // Actors run on no instance that could crash.
            Fate::Crash { is_done: true } if pending.from.instance.is_none() => Fate::ResponseLost,
            Fate::Crash { is_done: false } if pending.from.instance.is_none() => {
                Fate::Lost(TransportError::Unknown)
            }
            fate => fate,
        };
        let title = format!(
            "{} -> {}",
            pending.from.name,
            summary::request(pending.to, &pending.request)
        );
        if fate == Fate::Delayed {
            state.note(&format!("{title}: delayed"));
            pending.is_delayed = true;
            state.in_flight.insert(number, pending);
            return;
        }
        drop(state);
        self.carry_out(&pending, fate, &title);
    }

    fn carry_out(&mut self, pending: &PendingRequest, fate: Fate, title: &str) {
        let note = |run: &Self, text: &str| run.world.state().note(&format!("{title}: {text}"));
        if pending.to == Upstream::Product {
            return self.carry_out_at_product(pending, fate, title);
        }
        let late = if pending.is_abandoned { "late, " } else { "" };
        match fate {
            Fate::Delivered | Fate::Duplicated | Fate::Delayed => {
                let response = self.perform(pending, true);
                note(self, &summary::response(pending.to, &response));
                pending.response.fill(Ok(response));
            }
            Fate::Lost(error) => {
                note(self, &format!("lost before arrival ({error:?})"));
                pending.response.fill(Err(error));
            }
            Fate::ResponseLost => {
                let response = self.perform(pending, false);
                let response = summary::response(pending.to, &response);
                note(self, &format!("{late}lost after effect ({response})"));
                pending.response.fill(Err(TransportError::Unknown));
            }
            Fate::Refused(refusal) => {
                let response = refusal_response(pending.to, refusal);
                note(self, &format!("{} without effect", response.status()));
                pending.response.fill(Ok(response));
            }
            Fate::Failed => {
                let response = self.perform(pending, false);
                let response = summary::response(pending.to, &response);
                let failure = refusal_response(pending.to, Refusal::ServerError);
                note(
                    self,
                    &format!("{} after effect ({response})", failure.status()),
                );
                pending.response.fill(Ok(failure));
            }
            Fate::Garbled { is_done } => {
                self.garble(pending, is_done, title);
            }
            Fate::Crash { is_done } => {
                if is_done {
                    let response = self.perform(pending, false);
                    let response = summary::response(pending.to, &response);
                    note(self, &format!("crash after effect ({response})"));
                } else {
                    note(self, "crash before effect");
                }
                self.crash(pending.from.instance.unwrap());
            }
        }
    }

    fn garble(&mut self, pending: &PendingRequest, is_done: bool, title: &str) {
        let response = is_done.then(|| self.perform(pending, false));
        let text = match &response {
            Some(response) => {
                format!("after effect ({})", summary::response(pending.to, response))
            }
            None => "without effect".to_owned(),
        };
        let mut state = self.world.state();
        state.note(&format!("{title}: garbled {text}"));
        state.checks.mark_garbled(pending.from.number);
        // Either half of the response or a proxy's error page.
        let body = match response {
            Some(response) if state.random.chance(500) => {
                response.body().slice(..response.body().len() / 2)
            }
            _ => Bytes::from_static(b"<html><body>An error occurred.</body></html>"),
        };
        drop(state);
        pending.response.fill(Ok(json(200, body)));
    }

    fn carry_out_at_product(&mut self, pending: &PendingRequest, fate: Fate, title: &str) {
        let note = |run: &Self, text: &str| run.world.state().note(&format!("{title}: {text}"));
        match fate {
            Fate::ResponseLost => {
                note(self, "arrives, its response will be lost");
                self.serve(pending, Slot::new());
                pending.response.fill(Err(TransportError::Unknown));
            }
            Fate::Duplicated => {
                note(self, "arrives twice");
                self.serve(pending, Arc::clone(&pending.response));
                self.serve(pending, Arc::clone(&pending.response));
            }
            Fate::Lost(error) => {
                note(self, &format!("lost before arrival ({error:?})"));
                pending.response.fill(Err(error));
            }
            _ => {
                note(self, "arrives");
                self.serve(pending, Arc::clone(&pending.response));
            }
        }
    }

    /// Starts the product's work on a request, on a random instance.
    fn serve(&mut self, pending: &PendingRequest, slot: Arc<Slot<ResponseResult>>) {
        let instance = instances::pick(&mut self.world.state().random);
        self.instances.serve(&self.world, instance, pending, slot);
    }

    /// Carries out a request to an upstream and checks its effect.
    ///
    /// `is_known` says whether the sender gets the response.
    fn perform(&mut self, pending: &PendingRequest, is_known: bool) -> Response<Bytes> {
        let clock = self.world.state().clock.clone();
        let response = self
            .upstreams
            .perform(pending.to, &clock, pending.request.clone());
        self.observe(pending, &response, is_known);
        response
    }

    fn observe(&mut self, pending: &PendingRequest, response: &Response<Bytes>, is_known: bool) {
        let path = pending.request.uri().path();
        match pending.to {
            Upstream::Database => {
                let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
                self.world.state().history.name_ids(&body);
                let function = path.rsplit('/').next().unwrap_or_default();
                if !self.upstreams.database.never_changes_books(function) {
                    self.record_books(&pending.from, is_known);
                }
            }
            Upstream::PayPal => {
                summary::name_paypal_ids(&mut self.world.state().history, path, response);
                if pending.request.method() == http::Method::POST {
                    self.record_ledger();
                } else if self.upstreams.has(Mutation::AbsenceIsVoid) {
                    self.void_absent(&pending.from, path, response);
                }
            }
            Upstream::Redis if self.upstreams.has(Mutation::Invalidation) => {}
            Upstream::Redis => self.record_generations(&pending.request),
            Upstream::Product => {}
        }
    }

    /// See [`Mutation::AbsenceIsVoid`].
    fn void_absent(&mut self, origin: &Origin, path: &str, response: &Response<Bytes>) {
        const VOID: &str = "
            SELECT coalesce(min(public.record_observed_end(p.id, 'voided', $2::text::timestamptz)::text), '')
            FROM public.payments AS p WHERE p.order_id = $1 AND p.authorization_id IS NOT NULL";
        let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
        let is_missing = response.status() == StatusCode::NOT_FOUND && body["name"].is_string();
        let is_shown = response.status().is_success() && body["intent"].is_string();
        let authorizations = &body["purchase_units"][0]["payments"]["authorizations"];
        let Some(id) = path.strip_prefix("/v2/checkout/orders/") else {
            return;
        };
        if !(is_missing || (is_shown && !authorizations.is_array())) {
            return;
        }
        let now = self.world.now().to_string();
        self.upstreams.database.read(VOID, &[&id.to_owned(), &now]);
        self.record_books(origin, false);
    }

    fn record_generations(&mut self, request: &http::Request<Bytes>) {
        let commands: Vec<Vec<String>> = serde_json::from_slice(request.body()).unwrap();
        let mut state = self.world.state();
        for command in commands.iter().filter(|command| command[0] == "SET") {
            if let Some(car) = command[1].strip_prefix("generation:days:") {
                let scope = Scope::Car(crate::fleet::id_of(car));
                state.checks.record_generation(scope);
            } else if command[1] == "generation:fleet" {
                state.checks.record_generation(Scope::Fleet);
            }
        }
    }
}

fn refusal_response(upstream: Upstream, refusal: Refusal) -> Response<Bytes> {
    let (status, body) = match (upstream, refusal) {
        (Upstream::Database, Refusal::Deadlock) => (500, database_error("40P01")),
        (Upstream::Database, Refusal::RateLimited | Refusal::ServerError) => {
            (504, database_error("PGRST003"))
        }
        (Upstream::Redis, Refusal::RateLimited) => (
            429,
            json!({"error": "ERR max daily request limit exceeded"}),
        ),
        (_, Refusal::RateLimited) => (429, paypal_error("RATE_LIMIT_REACHED")),
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

/// Adds a response of the product to the history and checks it.
pub(crate) fn note_response(
    world: &crate::world::World,
    origin: &Origin,
    response: &Response<Bytes>,
) {
    let mut state = world.state();
    let text = summary::response(Upstream::Product, response);
    state.note(&format!("{}: {text}", origin.name));
    state
        .checks
        .check_response(origin, response.status().as_u16());
}
