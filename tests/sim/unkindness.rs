//! The unkindness of PayPal in a seed: facts about it that stay, and behaviours that begin and end
//! while the run lasts. Many seeds have none or one.

use crate::{random::Random, world::World};
use exodrive_local::paypal::{
    Behaviour, Call, Operation, Outcome, PaymentStatus, Reports, Simulator, Unkindness,
};
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

/// The unkindness of a seed's PayPal.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unkind {
    /// They hold during the whole run.
    facts: Vec<Behaviour>,
    /// Each with the time of its beginning. They end when the faults stop.
    phases: Vec<(Duration, Behaviour)>,
}

const HOUR: u64 = 3600;

impl Unkind {
    /// `cron_minutes` is the usual time between two crons, on which the length of a run depends.
    pub(crate) fn choose(random: &mut Random, cron_minutes: u64) -> Self {
        let facts = random.weighted(&[(50, 0), (35, 1), (15, 2)]);
        let phases = random.weighted(&[(35, 0), (30, 1), (20, 2), (10, 3), (5, 5)]);
        let facts = (0..facts).flat_map(|_| fact(random)).collect();
        let mut phases: Vec<(Duration, Behaviour)> = (0..phases)
            .map(|_| {
                let start = random.below(60 * cron_minutes * 12);
                (Duration::from_secs(start), phase(random))
            })
            .collect();
        if random.chance(150) {
            let often = random.pick(&[300, 700]);
            phases.push((Duration::ZERO, absence(random).per_mille(often)));
        }
        Self { facts, phases }
    }

    /// Puts the facts into force, and starts a task that begins the phases.
    pub(crate) fn start(&self, world: &Arc<World>, simulator: &Simulator) {
        world.state().note(&format!("PayPal is {:?}", self.facts));
        self.keep_facts(simulator);
        for (start, behaviour) in self.phases.clone() {
            let (of_task, simulator) = (Arc::clone(world), simulator.clone());
            let work = async move {
                of_task.sleep(start).await;
                if !of_task.is_settling() {
                    of_task
                        .state()
                        .note(&format!("PayPal begins {behaviour:?}"));
                    simulator.set_behaviour(behaviour).unwrap();
                }
            };
            world.start("unkindness".to_owned(), None, Box::pin(work));
        }
    }

    /// Ends all behaviours except the facts.
    pub(crate) fn stop(&self, simulator: &Simulator) {
        simulator.reset_behaviour();
        self.keep_facts(simulator);
    }

    fn keep_facts(&self, simulator: &Simulator) {
        for behaviour in &self.facts {
            simulator.set_behaviour(behaviour.clone()).unwrap();
        }
    }
}

fn fact(random: &mut Random) -> Vec<Behaviour> {
    const WRITES: [Operation; 6] = [
        Operation::CreateOrder,
        Operation::AuthorizeOrder,
        Operation::Capture,
        Operation::Reauthorize,
        Operation::Void,
        Operation::Refund,
    ];
    let reauthorizations =
        |listed: bool, original: PaymentStatus, many: bool| Unkindness::Reauthorizations {
            listed,
            original,
            many,
        };
    let [listed, many, approved] = [500, 300, 300].map(|chance| random.chance(chance));
    let unkindness = match random.below(14) {
        10.. => {
            use PaymentStatus as S;
            let end = later(random, &[S::Completed, S::Failed, S::Failed, S::Cancelled]);
            let behaviour = Behaviour::new(end).only(Operation::Refund);
            return vec![behaviour.per_mille(random.pick(&[500, 1000]))];
        }
        0..=3 => Unkindness::ForgetsOrders {
            after: None,
            approved,
        },
        4 => Unkindness::ReplaysCreated {},
        5 => {
            // A read is always whole.
            let minimal = || Behaviour::new(Unkindness::Minimal {});
            return WRITES.map(|write| minimal().only(write)).into();
        }
        6 => reauthorizations(listed, PaymentStatus::Voided, many),
        _ => reauthorizations(listed, PaymentStatus::Created, many),
    };
    vec![Behaviour::new(unkindness)]
}

/// An outcome that PayPal decides later.
fn later(random: &mut Random, ends: &[PaymentStatus]) -> Unkindness {
    let hours = random.pick(&[1, 5, 30, 80, 240, 480]);
    let mut outcome = Outcome::pending(
        random.pick(&[
            "ECHECK",
            "PENDING_REVIEW",
            "RECEIVING_PREFERENCE_MANDATES_MANUAL_ACTION",
        ]),
        SignedDuration::from_hours(hours),
        random.pick(ends),
    );
    outcome.events = random.pick(&[Reports::Usual, Reports::Usual, Reports::Silent]);
    Unkindness::Outcome(outcome)
}

fn outcome(random: &mut Random) -> Behaviour {
    use PaymentStatus as S;
    match random.below(3) {
        0 => Behaviour::new(later(
            random,
            &[S::Created, S::Created, S::Denied, S::Voided],
        ))
        .only(Operation::AuthorizeOrder),
        1 => {
            let mut unkindness = later(
                random,
                &[S::Completed, S::Completed, S::Declined, S::Failed],
            );
            if let Unkindness::Outcome(outcome) = &mut unkindness {
                outcome.reopens = random.chance(500);
            }
            Behaviour::new(unkindness).only(Operation::Capture)
        }
        _ => {
            let mut unkindness = later(random, &[S::Completed, S::Failed, S::Cancelled]);
            if let Unkindness::Outcome(outcome) = &mut unkindness {
                outcome.unlisted = random.chance(400);
            }
            Behaviour::new(unkindness).only(Operation::Refund)
        }
    }
}

/// A refusal, an error or a page.
fn refusal(random: &mut Random) -> Unkindness {
    match random.below(9) {
        0 => Unkindness::Restricted {},
        1 => Unkindness::Revoked {},
        2 => Unkindness::WrongApp {},
        3 => Unkindness::refuse("PERMISSION_DENIED"),
        4 => Unkindness::refuse("PREVIOUS_REQUEST_IN_PROGRESS"),
        5 => Unkindness::error(409, random.chance(500)),
        6 => Unkindness::error(random.pick(&[400, 403, 404, 422, 500]), random.chance(300)),
        _ => Unkindness::Page {
            status: random.pick(&[200, 403, 502]),
            body: None,
            after_effect: random.chance(400),
        },
    }
}

/// A successful response that is not as usual.
fn changed(random: &mut Random) -> Unkindness {
    const MEMBERS: [&str; 9] = [
        "status",
        "amount",
        "custom_id",
        "expiration_time",
        "payments",
        "authorizations",
        "captures",
        "refunds",
        "purchase_units",
    ];
    let member = random.pick(&MEMBERS);
    match random.below(6) {
        0 | 1 => Unkindness::without(&[member]),
        2 => Unkindness::with(member, Value::Null),
        3 | 4 => Unkindness::with("status", json!("SOMETHING_NEW")),
        _ => Unkindness::Minimal {},
    }
}

/// Orders that show nothing, or not all, until the faults stop.
fn absence(random: &mut Random) -> Behaviour {
    let unkindness = match random.below(4) {
        0 => Unkindness::refuse("INVALID_RESOURCE_ID"),
        1 => Unkindness::without(&["purchase_units"]),
        2 => Unkindness::without(&["payments"]),
        _ => Unkindness::without(&["authorizations"]),
    };
    Behaviour::new(unkindness).only(Operation::ShowOrder)
}

fn phase(random: &mut Random) -> Behaviour {
    const CALLS: [Operation; 8] = [
        Operation::ShowOrder,
        Operation::AuthorizeOrder,
        Operation::ShowAuthorization,
        Operation::Capture,
        Operation::Void,
        Operation::Refund,
        Operation::ShowCapture,
        Operation::CreateOrder,
    ];
    let kind = random.below(100);
    let behaviour = match kind {
        0..=34 => outcome(random),
        35..=49 => {
            let issue = random.pick(&[
                "PAYER_CANNOT_PAY",
                "INSTRUMENT_DECLINED",
                "TRANSACTION_REFUSED",
            ]);
            let call = random.pick(&[
                Operation::Capture,
                Operation::Capture,
                Operation::AuthorizeOrder,
            ]);
            Behaviour::new(Unkindness::decline(issue)).only(call)
        }
        50..=69 => {
            let behaviour = Behaviour::new(refusal(random));
            if random.chance(500) {
                behaviour.only(Call::Api(random.pick(&CALLS)))
            } else {
                behaviour
            }
        }
        70..=79 => {
            let seconds = random.pick(&[None, Some(5), Some(600), Some(7200)]);
            Behaviour::new(Unkindness::RateLimit {
                retry_after_seconds: seconds,
                as_date: seconds.is_some() && random.chance(300),
            })
        }
        80..=85 => Behaviour::new(Unkindness::Stale {
            by: SignedDuration::from_secs(random.pick(&[20, 60, 110])),
        }),
        _ => {
            let behaviour = Behaviour::new(changed(random));
            if random.chance(400) {
                behaviour.only(Call::Api(random.pick(&CALLS)))
            } else {
                behaviour
            }
        }
    };
    let seconds = random.pick(&[600, 2 * HOUR, 26 * HOUR, 26 * HOUR, 6 * 24 * HOUR]);
    let chance = random.pick(&[1000, 1000, 500]);
    behaviour
        .per_mille(chance)
        .lasting(SignedDuration::from_secs(i64::try_from(seconds).unwrap()))
}
