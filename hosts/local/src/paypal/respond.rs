//! The response to an API request: behaviours, access, and the operation on the ledger.

use super::{
    behaviour::{Answer, Call, ErrorContext, Rules, Target, Unkind, Unkindness},
    errors::{Refusal, RefusalKind},
    ledger::Ledger,
    links::Links,
    operation::Operation,
    request::{ApiRequest, prefers_representation, read},
    response::ApiResponse,
    simulator::{Simulator, lock},
};
use http::request::Parts;
use jiff::{SignedDuration, Timestamp};

/// An API request before its body is read.
struct Incoming<'a> {
    operation: Operation,
    id: &'a str,
    head: &'a Parts,
    body: &'a [u8],
    now: Timestamp,
    links: Links<'a>,
}

impl Simulator {
    /// Returns the response and its `debug_id`.
    pub(super) fn respond(
        &self,
        operation: Operation,
        id: &str,
        head: &Parts,
        body: &[u8],
    ) -> (Answer, String) {
        let now = self.inner.clock.now();
        let access = lock(&self.inner.tokens).check(&head.headers, now);
        let mut ledger = lock(&self.inner.ledger);
        let mut rules = lock(&self.inner.rules);
        let debug_id = ledger.ids.next_debug_id();
        let order = ledger.order_of(operation, id).map(str::to_owned);
        let target = Target {
            call: Call::Api(operation),
            order: order.as_deref(),
            now,
        };
        let context = ErrorContext {
            call: target.call,
            debug_id: &debug_id,
            now,
        };
        let incoming = Incoming {
            operation,
            id,
            head,
            body,
            now,
            links: self.links(),
        };
        if operation.is_write() {
            self.inner.mark_changed();
        }
        let answer = match access {
            Some(Err(error)) => Answer::json(error.status, Some(error.body())),
            None => {
                let refusal = Refusal::without_details(RefusalKind::Unauthenticated);
                answer_refusal(&refusal, context)
            }
            Some(Ok(())) => rules
                .take(target, Unkindness::is_before_effect)
                .and_then(|unkindness| unkindness.replacement(context))
                .unwrap_or_else(|| incoming.carry_out(&mut ledger, &mut rules, target, context)),
        };
        (answer, debug_id)
    }

    /// The response of a behaviour to a request that is not about orders and payments.
    pub(super) fn refused(&self, call: Call, now: Timestamp) -> Option<Answer> {
        let target = Target {
            call,
            order: None,
            now,
        };
        let unkindness = lock(&self.inner.rules)
            .take(target, |it| it.is_before_effect() || it.is_after_effect())?;
        // An id is drawn only if it is shown, so that behaviours do not change the others.
        let debug_id = lock(&self.inner.ledger).ids.next_debug_id();
        unkindness.replacement(ErrorContext {
            call,
            debug_id: &debug_id,
            now,
        })
    }
}

impl Incoming<'_> {
    fn carry_out(
        &self,
        ledger: &mut Ledger,
        rules: &mut Rules,
        target: Target<'_>,
        context: ErrorContext<'_>,
    ) -> Answer {
        let unkind = rules.prepare(target);
        let age = rules
            .take(target, |it| matches!(it, Unkindness::Stale { .. }))
            .and_then(|unkindness| match unkindness {
                Unkindness::Stale { by } => Some(by),
                _ => None,
            });
        let result = match (age, target.order) {
            (Some(age), Some(order)) => {
                let time = self.now.checked_sub(age).unwrap_or(Timestamp::MIN);
                let mut past = ledger.family_as_of(order, time);
                self.perform(&mut past, time, &unkind)
            }
            _ => self.perform(ledger, self.now, &unkind),
        };
        let mut answer = match result {
            Ok(ApiResponse { status, body }) => Answer::json(status, body),
            Err(refusal) => answer_refusal(&refusal, context),
        };
        answer.behaviour = rules
            .settle(&unkind)
            .or(age.map(|_: SignedDuration| "stale"));
        if answer.status.is_success() {
            for unkindness in rules.take_all(target, Unkindness::is_change) {
                answer.apply(&unkindness, self.operation);
            }
        }
        rules
            .take(target, Unkindness::is_after_effect)
            .and_then(|unkindness| unkindness.replacement(context))
            .unwrap_or(answer)
    }

    fn perform(
        &self,
        ledger: &mut Ledger,
        now: Timestamp,
        unkind: &Unkind,
    ) -> Result<ApiResponse, Refusal> {
        let (body, request_id) = read(self.operation, self.head, self.body)?;
        let request = ApiRequest {
            request_id: request_id.as_deref(),
            prefers_representation: prefers_representation(&self.head.headers),
            body: &body,
            now,
            links: self.links,
            unkind: Some(unkind),
        };
        ledger.perform(self.operation, self.id, &request)
    }
}

fn answer_refusal(refusal: &Refusal, context: ErrorContext<'_>) -> Answer {
    let body = context
        .call
        .operation()
        .map(|operation| refusal.body(operation, context.debug_id));
    Answer::json(refusal.kind.status(), body)
}
