//! A customer: looks, holds, orders, approves, authorizes; sometimes slowly, sometimes twice, sometimes not at all.

use super::{
    caller::{Caller, Question, Reply},
    plan::{Guess, Leaving, Plan},
    reader,
};
use crate::{checks::Told, world::World};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

/// A customer's way through the shop.
struct Customer {
    caller: Caller,
    plan: Plan,
    number: u64,
}

/// A booking as its customer knows it.
#[derive(Clone)]
struct Held {
    booking: String,
    token: Option<String>,
}

/// Lives a customer's life.
pub(crate) async fn live(world: Arc<World>, number: u64, plan: Plan) {
    let caller = Caller::new(&world, format!("192.0.2.{number}"));
    let customer = Arc::new(Customer {
        caller,
        plan,
        number,
    });
    customer.go().await;
}

impl Customer {
    /// `None` along the way: they gave up.
    async fn go(self: &Arc<Self>) -> Option<()> {
        let [before, ordering, approving, authorizing] = self.plan.pauses;
        self.caller.wait(before).await;
        if self.caller.world.is_calm() {
            return None;
        }
        let seen = self.look().await;
        let held = if self.plan.by_shop {
            None
        } else {
            Some(self.hold(seen.as_ref()).await?)
        };
        self.leaves(Leaving::AfterHolding)?;
        if let Some(held) = held.clone().filter(|_| self.plan.cancels_meanwhile) {
            self.cancel_in_another_tab(held);
        }

        self.caller.wait(ordering).await;
        let order = self.order(held.as_ref(), self.plan.script).await?;
        self.leaves(Leaving::AfterOrdering)?;

        self.caller.wait(approving).await;
        if !self.caller.approve(&order.text("approveUrl")).await {
            return None;
        }
        self.leaves(Leaving::AfterApproving)?;

        self.caller.wait(authorizing).await;
        let authorized = self.authorize(&order).await?;
        if authorized.code() == "payment_mismatch" {
            // They are told to make a new order, and this time their bank behaves.
            let order = self.order(held.as_ref(), "").await?;
            self.caller.approve(&order.text("approveUrl")).await;
            self.authorize(&order).await?;
        }
        let held = held.filter(|held| held.token.is_some())?;
        self.read(&held).await?;
        if let Some(pause) = self.plan.cancels_after {
            self.caller.wait(pause).await;
            self.cancel(&held).await?;
        }
        Some(())
    }

    /// Somebody who pays in one window and gives up in another.
    fn cancel_in_another_tab(self: &Arc<Self>, held: Held) {
        let customer = Arc::clone(self);
        let name = format!("customer-{} in another tab", self.number);
        let work = async move {
            let seconds = customer.caller.chance(120);
            customer.caller.wait(Duration::from_secs(seconds)).await;
            customer.cancel(&held).await;
        };
        self.caller.world.start(name, None, Box::pin(work));
    }

    fn leaves(&self, stage: Leaving) -> Option<()> {
        (self.plan.leaving > stage).then_some(())
    }

    /// The price they are shown, if they look and the days are free.
    async fn look(&self) -> Option<Value> {
        let reply = reader::read_days(
            &self.caller,
            self.plan.car,
            &self.plan.car_name(),
            (self.plan.start, self.plan.end),
        )
        .await?;
        let price = &reply.body["quote"]["finalPrice"];
        price.is_string().then(|| price.clone())
    }

    /// The rental that they want.
    fn wish(&self) -> Value {
        json!({
            "carId": self.plan.car_name(),
            "startDate": self.plan.start.to_string(),
            "endDate": self.plan.end.to_string(),
        })
    }

    async fn hold(&self, seen: Option<&Value>) -> Option<Held> {
        let mut wish = self.wish();
        wish["customer"] = json!({
            "fullName": format!("Customer {}", self.number),
            "email": format!("customer-{}@example.com", self.number),
        });
        match (self.plan.guess, seen) {
            (Guess::LessThanItCosts, _) => {
                wish["totalPrice"] = "1.00".into();
                let reply = self
                    .insist(Question::post("/api/bookings", wish.clone()))
                    .await?;
                if reply.is_ok() {
                    self.wrong(&format!("a booking was made for 1.00: {}", reply.body));
                }
                wish["totalPrice"] = Value::Null;
            }
            (Guess::WhatTheySaw, Some(price)) => wish["totalPrice"] = price.clone(),
            _ => {}
        }
        let key = format!("hold-of-customer-{}", self.number);
        let question = Question::post("/api/bookings", wish).header("idempotency-key", key);
        let reply = self.insist(question).await?;
        if !reply.is_ok() {
            return None;
        }
        let held = Held {
            booking: reply.text("bookingId"),
            token: Some(reply.text("bookingToken")),
        };
        let price = reply.body["price"]["finalPrice"].as_str().unwrap();
        self.told(Told::Held {
            booking: held.booking.parse().unwrap(),
            price: price.parse().unwrap(),
        });
        Some(held)
    }

    async fn order(&self, held: Option<&Held>, script: &str) -> Option<Reply> {
        let mut wish = self.wish();
        wish["bookingId"] = match held {
            Some(held) => held.booking.clone().into(),
            None => format!("shop-{}", self.number).into(),
        };
        if !script.is_empty() {
            wish["description"] = format!("A car. {script}").into();
        }
        let question = Question::post("/api/bookings/create-paypal-order", wish);
        let reply = self.insist(question).await?;
        reply.is_ok().then_some(reply)
    }

    async fn authorize(&self, order: &Reply) -> Option<Reply> {
        let body = json!({ "orderID": order.text("orderID") });
        let question = Question::post("/api/bookings/authorize-paypal-order", body);
        let reply = self.insist(question).await?;
        match (reply.status, reply.code()) {
            (200, _) => self.told(Told::Upcoming {
                booking: reply.text("bookingId").parse().unwrap(),
            }),
            (_, "order_not_found") => {
                self.wrong(&format!(
                    "{} was given and is not known",
                    order.text("orderID")
                ));
            }
            _ => {}
        }
        Some(reply)
    }

    async fn read(&self, held: &Held) -> Option<()> {
        let question = Question::get(format!("/api/bookings/{}", held.booking));
        let reply = self
            .caller
            .insist(&question.bearer(held.token.as_deref()?))
            .await?;
        if reply.status != 200 {
            self.wrong(&format!("their booking was answered with {}", reply.body));
        }
        Some(())
    }

    async fn cancel(&self, held: &Held) -> Option<()> {
        let path = format!("/api/bookings/{}/cancel", held.booking);
        let question = Question::post(path, json!({ "reason": "Other plans." }))
            .bearer(held.token.as_deref()?);
        let first = self.insist(question.clone()).await?;
        if !first.is_ok() {
            return None;
        }
        let refund = |reply: &Reply| {
            let told = &reply.body["refund"];
            (told["percent"].clone(), told["amount"].clone())
        };
        let (_, back) = refund(&first);
        self.told(Told::Cancelled {
            booking: held.booking.parse().unwrap(),
            back: back.as_str().unwrap().parse().unwrap(),
        });
        let again = self.insist(question).await?;
        if refund(&first) != refund(&again) {
            self.wrong(&format!(
                "a cancellation was answered {} and then {}",
                first.body, again.body
            ));
        }
        Some(())
    }

    async fn insist(&self, question: Question) -> Option<Reply> {
        self.caller.insist(&question).await
    }

    fn told(&self, told: Told) {
        self.caller.world.state().checks.told.push(told);
    }

    fn wrong(&self, what: &str) {
        let text = format!("customer-{}: {what}", self.number);
        self.caller.world.state().checks.violated(text);
    }
}
